"""Synthetic dermoscopic images, and loaders of public data sets, folders and other images.

The functions `load_*` and `make_lesions` return a :class:`~sklearn.utils.Bunch` with `images`, `masks`, `target`
(1 = melanoma, 0 = other, -1 = unlabeled), `diagnosis`, `groups`, `frame`, `split`, `label_mapping` and `DESCR`.
"""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
