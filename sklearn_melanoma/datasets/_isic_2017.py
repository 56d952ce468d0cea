"""Loader of the images of the ISIC 2017 challenge."""

from __future__ import annotations

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import ISIC_2017
from sklearn_melanoma.datasets._challenges import KEY, Split, TablePlace, load_challenge
from sklearn_melanoma.datasets._files import resolve_folder
from sklearn_melanoma.datasets._tables import Table
from sklearn_melanoma.datasets._vocabulary import normalize

LABELS = ("melanoma", "seborrheic_keratosis")
SPLITS = tuple(
    Split(
        split,
        (f"ISIC-2017_{official}_Data",),
        f"ISIC-2017_{official}_Part1_GroundTruth",
        TablePlace((f"ISIC-2017_{official}_Part3_GroundTruth.csv",), ("image_id", *LABELS)),
        (TablePlace(("{folder}/{folder}_metadata.csv",), ("image_id",)),),
    )
    for official, split in (("Training", "training"), ("Validation", "validation"), ("Test_v2", "test"))
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
            1 for melanoma, 0 for another diagnosis, -1 without a row in a table of diagnoses.
        diagnosis : list of str
            "melanoma", "seborrheic keratosis", "nevus" or "unknown".
        groups : ndarray of shape (n_images,), dtype object
            Ids of the images. The data set has no ids of lesions or patients.
        frame : :class:`~pandas.DataFrame`
            All columns of the tables of diagnoses and of metadata (age, sex), with missing values
            for images that a table does not list. An age of "unknown" is a missing value.
        split : ndarray of shape (n_images,), dtype object
            "training", "validation" or "test".
        label_mapping : dict
            The diagnoses and the 1, 0 or -1 they became.
        DESCR : str
            Source, citation, terms, counts and the meaning of the diagnoses.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table can't be read, or neither `folder` nor the environment
        variable is given.

    Warns
    -----
    UserWarning
        If no image is labeled, because there are neither tables of diagnoses nor masks.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2017
    >>> isic = load_isic_2017("data/isic2017")  # doctest: +SKIP
    >>> len(isic.images), int(isic.target.sum())  # doctest: +SKIP
    (2750, 521)
    """
    diagnoses = ("melanoma", "seborrheic keratosis", "nevus")
    return load_challenge(
        resolve_folder(folder, ISIC_2017.folder), ISIC_2017, SPLITS, _read_labels, diagnoses=diagnoses
    )


def _read_labels(table: Table) -> list[str]:
    """Return the diagnosis of each row."""
    labels = []
    for name, *cells in zip(*(table.cells(column) for column in (KEY, *LABELS)), strict=True):
        flags = [normalize(cell) for cell in cells]
        if flags not in (["0", "0"], ["0", "1"], ["1", "0"]):
            raise ValueError(
                f"{table.name} must mark at most one diagnosis of an image by 1, and others by 0, got {cells} for "
                f"{name!r}. Download the table anew."
            )
        labels.append("melanoma" if flags[0] == "1" else "seborrheic keratosis" if flags[1] == "1" else "nevus")
    return labels
