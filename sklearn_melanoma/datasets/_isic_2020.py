"""Loader of the images of the ISIC 2020 challenge."""

from __future__ import annotations

from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import ISIC_2020, TEST, TRAINING
from sklearn_melanoma.datasets._challenges import KEY, Split, TablePlace, load_challenge
from sklearn_melanoma.datasets._files import resolve_folder
from sklearn_melanoma.datasets._groups import join_groups
from sklearn_melanoma.datasets._tables import Table, read_table
from sklearn_melanoma.datasets._vocabulary import TARGETS, is_unknown, normalize, read_diagnosis

COLUMNS = ("image_name", "patient_id", "diagnosis", "benign_malignant", "target")
SPLITS = (
    Split(
        TRAINING,
        ("ISIC_2020_Training_JPEG", "ISIC_2020_Training_Input", "train"),
        truth=TablePlace(("ISIC_2020_Training_GroundTruth_v2.csv", "ISIC_2020_Training_GroundTruth.csv"), COLUMNS),
    ),
    Split(
        TEST,
        ("ISIC_2020_Test_JPEG", "ISIC_2020_Test_Input", "test"),
        metadata=(TablePlace(("ISIC_2020_Test_Metadata.csv",), ("image",)),),
    ),
)
DUPLICATES = "ISIC_2020_Training_Duplicates.csv"
DUPLICATE_COLUMNS = ("image_name_1", "image_name_2")


def load_isic_2020(folder: PathLike | None = None) -> Bunch:
    """Load all splits of ISIC 2020 that a folder holds.

    The images are in the folder ``ISIC_2020_<split>_JPEG`` or ``ISIC_2020_<split>_Input``, where `<split>` is Training
    or Test. They may also be in ``train`` and ``test``, the folders in the archives. These tables are optional:
    ``ISIC_2020_Training_GroundTruth_v2.csv`` or its first version without ``_v2``, ``ISIC_2020_Test_Metadata.csv``, and
    ``ISIC_2020_Training_Duplicates.csv``.

    Parameters
    ----------
    folder : path, optional
        Folder with these files. Defaults to ``isic2020`` in the folder that the environment variable
        ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_isic_2017`, without masks and with these differences:

        - `split` is "training" or "test". Test images have no diagnosis.
        - `diagnosis` is the diagnosis of the table, such as "melanoma" or "nevus". Most benign lesions have only
          "benign".
        - `groups` are the patients. Duplicates in the list are in one group, even if their patients differ.

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
    fetch_isic_2020 : Download the data set.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_isic_2020
    >>> isic = load_isic_2020("data/isic2020")  # doctest: +SKIP
    >>> len(isic.images), int((isic.target == 1).sum())  # doctest: +SKIP
    (44108, 584)
    """
    root = resolve_folder(folder, ISIC_2020.folder)
    data = load_challenge(root, ISIC_2020, SPLITS, _read_labels)
    if (root / DUPLICATES).is_file():
        positions = {name: position for position, name in enumerate(data.frame[KEY])}
        pairs = [
            (positions[first], positions[second])
            for first, second in _read_duplicates(root / DUPLICATES)
            if first in positions and second in positions
        ]
        data.groups = join_groups(data.groups, pairs)
    return data


def _read_labels(table: Table) -> list[str]:
    """Return the diagnosis of each row, or benign or malignant if it is unknown."""
    labels = []
    for name, *cells in zip(*(table.cells(column) for column in (KEY, *COLUMNS[2:])), strict=True):
        diagnosis, kind, target = cells
        label = kind if is_unknown(diagnosis) else diagnosis
        if str(TARGETS.get(read_diagnosis(label))) != normalize(target):
            raise ValueError(
                f"{table.name} must give each image one diagnosis, got {', '.join(map(repr, cells))} for {name!r}. "
                "Download the table anew."
            )
        labels.append(label)
    return labels


def _read_duplicates(path: Path) -> list[tuple[str, str]]:
    table = read_table(path)
    table.require_columns(DUPLICATE_COLUMNS, "Use the tables of the challenge.")
    first, second = (table.cells(name) for name in DUPLICATE_COLUMNS)
    return list(zip(first, second, strict=True))
