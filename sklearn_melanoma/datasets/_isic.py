"""Loader of the images of the ISIC 2017 challenge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import (
    Files,
    Layout,
    find_dataset,
    list_images,
    make_bunch,
    make_layout_error,
    pair_masks,
)

DESCRIPTION = """
ISIC 2017: dermoscopic images of the ISIC challenge at ISBI 2017, with borders and the diagnoses melanoma, seborrheic
keratosis and nevus. In full 2 000 images for training, 150 for validation, 600 for test.

Source: https://challenge.isic-archive.com/data/#2017
Citation: N. C. F. Codella et al.: Skin lesion analysis toward melanoma detection: a challenge at the 2017 International
Symposium on Biomedical Imaging (ISBI). ISBI 2018. https://doi.org/10.1109/ISBI.2018.8363547
Terms: CC0.
"""

SPLITS = {"Training": "training", "Validation": "validation", "Test_v2": "test"}
LABELS = ("melanoma", "seborrheic_keratosis")
IMAGE_FOLDERS = {f"ISIC-2017_{official}_Data": split for official, split in SPLITS.items()}
LAYOUT = Layout(
    "ISIC 2017",
    "isic2017",
    (tuple(f"{name}/" for name in IMAGE_FOLDERS),),
    "images in at least one of " + ", ".join(repr(name) for name in IMAGE_FOLDERS),
)


def load_isic_2017(folder: PathLike | None = None) -> Bunch:
    """Load all splits of ISIC 2017 that a folder holds.

    The images of a split are in the folder ``ISIC-2017_<split>_Data``, where `<split>` is
    Training, Validation or Test_v2. The masks in ``ISIC-2017_<split>_Part1_GroundTruth`` and the
    table of diagnoses ``ISIC-2017_<split>_Part3_GroundTruth.csv`` are optional. The superpixels
    beside the images are ignored.

    Parameters
    ----------
    folder : path, optional
        Folder with these files. Defaults to ``isic2017`` in the folder that the environment
        variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, sorted by split and name:

        images : list of str
            Paths of the images.
        masks : list of str or None, or None
            Paths of the masks. An image without a mask has None. The whole field is None if no
            image has a mask.
        target : ndarray of shape (n_images,), dtype int
            1 for melanoma, 0 for another diagnosis, -1 without a diagnosis.
        diagnosis : list of str
            "melanoma", "seborrheic keratosis", "nevus" or "unknown".
        groups : ndarray of shape (n_images,), dtype object
            Ids of the images. The data set has no ids of lesions or patients.
        split : ndarray of shape (n_images,), dtype object
            "training", "validation" or "test".
        DESCR : str
            Source, citation, terms and counts.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table can't be read, or neither `folder` nor the environment
        variable is given.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2017
    >>> isic = load_isic_2017("data/isic2017")  # doctest: +SKIP
    >>> len(isic.images), int(isic.target.sum())  # doctest: +SKIP
    (2750, 521)
    """
    root, (image_folders,) = find_dataset(folder, LAYOUT)
    files: list[Files] = []
    diagnosis: list[str] = []
    splits: list[str] = []
    n_without_image = 0
    for image_folder in image_folders:
        prefix = image_folder.name.removesuffix("Data")
        files_by_id = pair_masks(
            (path for path in list_images(image_folder) if not path.stem.endswith("_superpixels")),
            list_images(root / f"{prefix}Part1_GroundTruth"),
        )
        labels = _read_labels(root / f"{prefix}Part3_GroundTruth.csv")
        n_without_image += len(labels.keys() - files_by_id.keys())
        files += files_by_id.values()
        diagnosis += [labels.get(image_id, "unknown") for image_id in files_by_id]
        splits += [IMAGE_FOLDERS[image_folder.name]] * len(files_by_id)
    if not files:
        raise make_layout_error(root, LAYOUT.title, LAYOUT.contents)
    return make_bunch(
        DESCRIPTION,
        files=files,
        target=[-1 if name == "unknown" else int(name == "melanoma") for name in diagnosis],
        diagnosis=diagnosis,
        groups=[image.stem for image, _ in files],
        left_out={"diagnoses whose images are missing": n_without_image},
        split=np.asarray(splits, dtype=object),
    )


def _read_labels(path: Path) -> dict[str, str]:
    """Return the diagnoses by image id, or an empty dict if there is no table."""
    import pandas as pd

    if not path.is_file():
        return {}
    table = pd.read_csv(path, dtype={"image_id": str})
    missing = [name for name in ("image_id", *LABELS) if name not in table.columns]
    if missing:
        raise ValueError(
            f"{str(path)!r} must have the columns image_id, {', '.join(LABELS)}, got {list(table.columns)}. "
            "Use the table of Part 3 of the challenge."
        )
    labels = {}
    for image_id, *flags in table[["image_id", *LABELS]].itertuples(index=False):
        if flags not in ([0, 0], [0, 1], [1, 0]) or image_id in labels:
            raise ValueError(
                f"{str(path)!r} must hold each image once, with at most one diagnosis marked 1 and 0 else, "
                f"got {flags} for {image_id!r}. Download the table anew."
            )
        labels[image_id] = "melanoma" if flags[0] else "seborrheic keratosis" if flags[1] else "nevus"
    return labels
