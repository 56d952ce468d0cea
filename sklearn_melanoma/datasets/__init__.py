"""Synthetic dermoscopic images, and loaders of public data sets, folders and other images.

The functions `load_*` and `make_lesions` return a :class:`~sklearn.utils.Bunch` with `images`, `masks`, `target`
(1 = melanoma, 0 = other, -1 = unlabeled), `diagnosis`, `groups`, `frame`, `split`, `label_mapping` and `DESCR`.
"""

from sklearn_melanoma.datasets._derm7pt import load_derm7pt
from sklearn_melanoma.datasets._diagnosis_labels import read_diagnoses
from sklearn_melanoma.datasets._dicom import load_dicom
from sklearn_melanoma.datasets._duplicates import find_duplicates
from sklearn_melanoma.datasets._fetchers import (
    fetch_ham10000,
    fetch_isic_2016,
    fetch_isic_2017,
    fetch_isic_2018,
    fetch_isic_2019,
    fetch_isic_2020,
)
from sklearn_melanoma.datasets._folder import load_folder
from sklearn_melanoma.datasets._ham10000 import load_ham10000
from sklearn_melanoma.datasets._images import load_images, match_table
from sklearn_melanoma.datasets._isic_2016 import load_isic_2016
from sklearn_melanoma.datasets._isic_2017 import load_isic_2017
from sklearn_melanoma.datasets._isic_2018 import load_isic_2018
from sklearn_melanoma.datasets._isic_2019 import load_isic_2019
from sklearn_melanoma.datasets._isic_2020 import load_isic_2020
from sklearn_melanoma.datasets._isic_archive import load_isic_archive
from sklearn_melanoma.datasets._pad_ufes_20 import load_pad_ufes_20
from sklearn_melanoma.datasets._ph2 import load_ph2
from sklearn_melanoma.datasets._sources import find_images, find_masks, name_masks
from sklearn_melanoma.datasets._synthetic import make_lesions

__all__ = [
    "fetch_ham10000",
    "fetch_isic_2016",
    "fetch_isic_2017",
    "fetch_isic_2018",
    "fetch_isic_2019",
    "fetch_isic_2020",
    "find_duplicates",
    "find_images",
    "find_masks",
    "load_derm7pt",
    "load_dicom",
    "load_folder",
    "load_ham10000",
    "load_images",
    "load_isic_2016",
    "load_isic_2017",
    "load_isic_2018",
    "load_isic_2019",
    "load_isic_2020",
    "load_isic_archive",
    "load_pad_ufes_20",
    "load_ph2",
    "make_lesions",
    "match_table",
    "name_masks",
    "read_diagnoses",
]
