"""Loader of derm7pt, images with the seven-point checklist."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._catalog import DERM7PT, TEST, TRAINING, VALIDATION
from sklearn_melanoma.datasets._columns import LabelColumns
from sklearn_melanoma.datasets._files import Files, Layout, find_dataset, list_images
from sklearn_melanoma.datasets._rows import load_rows, read_rows
from sklearn_melanoma.datasets._tables import read_table

TABLE = "meta/meta.csv"
IMAGES = "images"
COLUMNS = ("derm", "diagnosis", "case_num")
INDEXES = {"train_indexes.csv": TRAINING, "valid_indexes.csv": VALIDATION, "test_indexes.csv": TEST}
LAYOUT = Layout(DERM7PT, ((TABLE,), (f"{IMAGES}/",)), f"the table {TABLE!r} and the folder {IMAGES!r}")


def load_derm7pt(folder: PathLike | None = None) -> Bunch:
    """Load the dermoscopic images of derm7pt from its official layout.

    Parameters
    ----------
    folder : path, optional
        Folder ``release_v0`` with the images in ``images`` and the table ``meta/meta.csv``. The official splits in
        ``meta/train_indexes.csv``, ``meta/valid_indexes.csv`` and ``meta/test_indexes.csv`` are optional. Defaults to
        ``derm7pt`` in the folder that the environment variable ``SKLEARN_MELANOMA_DATA`` names.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_ham10000`, with these differences:

        - `masks` is None.
        - `diagnosis` is the diagnosis of the table, such as "melanoma (in situ)" or "clark nevus".
        - `groups` are the cases. Each has one dermoscopic image.
        - `frame` has the seven-point checklist, and the path of the clinical image of the case in ``images``.
        - `split` is "training", "validation" or "test", or None if not all images are in a split.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist or is a file.
    ValueError
        If the layout differs, a table lacks a column or a diagnosis is not understood. If neither `folder` nor the
        environment variable is given.

    Notes
    -----
    The owners give the data set to registered users at https://derm.cs.sfu.ca.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_derm7pt
    >>> derm7pt = load_derm7pt("data/derm7pt")  # doctest: +SKIP
    >>> len(derm7pt.images), int(derm7pt.target.sum())  # doctest: +SKIP
    (1011, 252)
    """
    root, ((path,), (image_folder,)) = find_dataset(folder, LAYOUT)
    table = read_rows(path, DERM7PT, COLUMNS, filled=COLUMNS[1:])
    paths = list_images(image_folder)
    files = {_make_key(image.relative_to(image_folder).parts): Files(image, None) for image in paths}
    names = [_make_key(PurePosixPath(cell.replace("\\", "/")).parts) for cell in table.cells("derm")]
    if "clinic" in table.columns:  # files without a row are clinical images
        for cell in table.cells("clinic"):
            files.pop(_make_key(PurePosixPath(cell.replace("\\", "/")).parts), None)
    labels = LabelColumns({"diagnosis": table.cells("diagnosis")}, {"diagnosis": None})
    return load_rows(
        DERM7PT, table, names, files, labels, lesions="case_num", split=_read_splits(root / "meta", len(table))
    )


def _make_key(parts: Iterable[str]) -> str:
    """Return the key of the path of an image, in the table and on disk: its case may differ."""
    return "/".join(parts).casefold()


def _read_splits(folder: Path, n_rows: int) -> list[str] | None:
    """Return the split of each row, or None if a row has none."""
    splits: dict[int, str] = {}
    for name, split in INDEXES.items():
        path = folder / name
        if not path.is_file():
            continue
        table = read_table(path)
        cells = table.cells("indexes") if "indexes" in table.columns else []
        if not cells or not all(cell.isdecimal() and int(cell) < n_rows for cell in cells):
            raise ValueError(
                f"{str(path)!r} must hold positions of rows of {TABLE!r}, from 0 to {n_rows - 1}, in a column "
                f"'indexes', got the columns {table.columns} with {cells[:3]}. Unpack the table anew."
            )
        splits |= dict.fromkeys(map(int, cells), split)
    return [splits[row] for row in range(n_rows)] if len(splits) == n_rows else None
