"""Synthetic dermoscopic images, loaders of public data sets, and loaders of images in folders and other places.

The functions `load_*` and `make_lesions` return a :class:`~sklearn.utils.Bunch` with `images`, `masks`, `target`
(1 = melanoma, 0 = other, -1 = unlabeled), `diagnosis`, `groups`, `frame`, `split`, `label_mapping` and `DESCR`.
"""

from sklearn_melanoma.datasets._diagnosis_labels import read_diagnoses
from sklearn_melanoma.datasets._folder import load_folder
from sklearn_melanoma.datasets._ham10000 import load_ham10000
from sklearn_melanoma.datasets._images import load_images, match_table
from sklearn_melanoma.datasets._isic import load_isic_2017
from sklearn_melanoma.datasets._ph2 import load_ph2
from sklearn_melanoma.datasets._sources import find_images, find_masks, name_masks
from sklearn_melanoma.datasets._synthetic import make_lesions

__all__ = [
    "find_images",
    "find_masks",
    "load_folder",
    "load_ham10000",
    "load_images",
    "load_isic_2017",
    "load_ph2",
    "make_lesions",
    "match_table",
    "name_masks",
    "read_diagnoses",
]
