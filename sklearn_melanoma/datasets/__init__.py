"""Synthetic dermoscopic images, loaders of public data sets, and a loader of image folders.

Each function returns a :class:`~sklearn.utils.Bunch` with `images`, `masks`, `target` (1 = melanoma,
0 = other, -1 = unlabeled), `diagnosis`, `groups`, `frame`, `split`, `label_mapping` and `DESCR`.
"""

from sklearn_melanoma.datasets._folder import load_folder
from sklearn_melanoma.datasets._ham10000 import load_ham10000
from sklearn_melanoma.datasets._isic import load_isic_2017
from sklearn_melanoma.datasets._ph2 import load_ph2
from sklearn_melanoma.datasets._synthetic import make_lesions

__all__ = ["load_folder", "load_ham10000", "load_isic_2017", "load_ph2", "make_lesions"]
