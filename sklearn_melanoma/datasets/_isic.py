"""The images of the ISIC 2017 challenge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import by_stem, data_folder, layout_error, list_photos, photo_bunch

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


def load_isic_2017(folder: PathLike | None = None) -> Bunch:
    """Load whichever splits of ISIC 2017 a folder holds.

    For each split the folder ``ISIC-2017_<split>_Data`` is read, with the folder
    ``ISIC-2017_<split>_Part1_GroundTruth`` (masks) and the table
    ``ISIC-2017_<split>_Part3_GroundTruth.csv`` (diagnoses) where they are there; `<split>` is
    Training, Validation or Test_v2. The superpixels beside the images are passed over.

    Parameters
    ----------
    folder : path, optional
        The folder that holds those. By default, ``isic2017`` in the folder that the environment
        variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, sorted by split and name:

        images : list of str
            Paths of the images.
        masks : list of str or None, or None
            Paths of the masks; None where an image has none, and for all if none has.
        target : ndarray of shape (n_photos,), dtype int
            1 for melanoma, 0 for another diagnosis, -1 where there is none.
        diagnosis : list of str
            "melanoma", "seborrheic keratosis", "nevus" or "unknown".
        groups : ndarray of shape (n_photos,), dtype object
            Ids of the images: the set does not tell which show the same lesion.
        split : ndarray of shape (n_photos,), dtype object
            "training", "validation" or "test".
        DESCR : str
            Source, citation, terms and counts.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` is not there or no folder.
    ValueError
        If the layout is another one, a table can't be read, or no `folder` is known.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2017
    >>> isic = load_isic_2017("data/isic2017")  # doctest: +SKIP
    >>> len(isic.images), int(isic.target.sum())  # doctest: +SKIP
    (2750, 521)
    """
    root = data_folder(folder, "isic2017")
    images: list[Path] = []
    masks: list[Path | None] = []
    diagnosis: list[str] = []
    splits: list[str] = []
    n_without_photo = 0
    for official, name in SPLITS.items():
        stem = f"ISIC-2017_{official}"
        if not (root / f"{stem}_Data").is_dir():
            continue
        files = (path for path in list_photos(root / f"{stem}_Data") if not path.stem.endswith("_superpixels"))
        photos = by_stem(files, what="images")
        borders = by_stem(list_photos(root / f"{stem}_Part1_GroundTruth"), ending="_segmentation", what="masks")
        labels = _read_labels(root / f"{stem}_Part3_GroundTruth.csv")
        n_without_photo += len(labels.keys() - photos.keys())
        images += photos.values()
        masks += [borders.get(image_id) for image_id in photos]
        diagnosis += [labels.get(image_id, "unknown") for image_id in photos]
        splits += [name] * len(photos)
    if not images:
        looked_for = "images in at least one of " + ", ".join(f"'ISIC-2017_{split}_Data'" for split in SPLITS)
        raise layout_error(root, "ISIC 2017", looked_for)
    return photo_bunch(
        DESCRIPTION,
        images=images,
        masks=masks,
        target=[-1 if name == "unknown" else int(name == "melanoma") for name in diagnosis],
        diagnosis=diagnosis,
        groups=[path.stem for path in images],
        left_out={"diagnoses, whose images are not there": n_without_photo},
        split=np.asarray(splits, dtype=object),
    )


def _read_labels(path: Path) -> dict[str, str]:
    """Return the diagnoses by image id; none if the table is not there."""
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
