"""Loader of the images of the ISIC 2016 challenge."""

from __future__ import annotations

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import ISIC_2016, TEST, TRAINING
from sklearn_melanoma.datasets._challenges import KEY, Split, TablePlace, load_challenge
from sklearn_melanoma.datasets._files import resolve_folder
from sklearn_melanoma.datasets._tables import Table
from sklearn_melanoma.datasets._vocabulary import normalize

SPLITS = tuple(
    Split(
        split,
        tuple(f"ISBI2016_ISIC_Part{part}_{official}_Data" for part in (1, 3)),
        f"ISBI2016_ISIC_Part1_{official}_GroundTruth",
        TablePlace((f"ISBI2016_ISIC_Part3_{official}_GroundTruth.csv",), (KEY, "label"), header=False),
    )
    for official, split in (("Training", TRAINING), ("Test", TEST))
)
# One table has words, the other has numbers.
LABELS = {"malignant": "melanoma", "benign": "benign", "1": "melanoma", "0": "benign"}


def load_isic_2016(folder: PathLike | None = None) -> Bunch:
    """Load all splits of ISIC 2016 that a folder holds.

    The images of a split are in the folder ``ISBI2016_ISIC_Part1_<split>_Data``, where `<split>` is Training or Test.
    The folder of part 3, with the same images, can replace it. The masks in ``ISBI2016_ISIC_Part1_<split>_GroundTruth``
    and the table of diagnoses ``ISBI2016_ISIC_Part3_<split>_GroundTruth.csv`` are optional.

    Parameters
    ----------
    folder : path, optional
        Folder with these files. Defaults to ``isic2016`` in the folder that the environment variable
        ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_isic_2017`, where `split` is "training" or "test", and `diagnosis` is "melanoma",
        "benign" or "unknown". The tables call a melanoma malignant.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table can't be read, or neither `folder` nor the environment variable is given.

    Warns
    -----
    UserWarning
        As in :func:`load_isic_2017`.

    See Also
    --------
    fetch_isic_2016 : Download the data set.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2016
    >>> isic = load_isic_2016("data/isic2016")  # doctest: +SKIP
    >>> len(isic.images), int(isic.target.sum())  # doctest: +SKIP
    (1279, 248)
    """
    return load_challenge(
        resolve_folder(folder, ISIC_2016.folder),
        ISIC_2016,
        SPLITS,
        _read_labels,
        diagnoses=("melanoma", "benign"),
        ending="_Segmentation",
    )


def _read_labels(table: Table) -> list[str]:
    """Return the diagnosis of each row."""
    for name, label in zip(table.cells(KEY), table.cells("label"), strict=True):
        if normalize(label) not in LABELS:
            raise ValueError(
                f"{table.name} must label each image benign or malignant, or 0 or 1, got {label!r} for {name!r}. "
                "Download the table anew."
            )
    return [LABELS[normalize(label)] for label in table.cells("label")]
