from ._derm7pt import load_derm7pt
from ._diagnosis_labels import read_diagnoses
from ._dicom import load_dicom
from ._duplicates import find_duplicates
from ._fetchers import (
    fetch_ham10000,
    fetch_isic_2016,
    fetch_isic_2017,
    fetch_isic_2018,
    fetch_isic_2019,
    fetch_isic_2020,
)
from ._folder import load_folder
from ._ham10000 import load_ham10000
from ._images import load_images, match_table
from ._isic_2016 import load_isic_2016
from ._isic_2017 import load_isic_2017
from ._isic_2018 import load_isic_2018
from ._isic_2019 import load_isic_2019
from ._isic_2020 import load_isic_2020
from ._isic_archive import load_isic_archive
from ._pad_ufes_20 import load_pad_ufes_20
from ._ph2 import load_ph2
from ._sources import find_images, find_masks, name_masks
from ._synthetic import make_lesions

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
