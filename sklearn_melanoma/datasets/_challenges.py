"""Images, masks and tables of the ISIC challenges, in official splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sklearn.utils import Bunch

from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.datasets._catalog import DataSet
from sklearn_melanoma.datasets._columns import read_one_hot
from sklearn_melanoma.datasets._files import (
    Files,
    Layout,
    describe_unlabeled,
    find_parts,
    list_images,
    make_bunch,
    make_layout_error,
    pair_masks,
)
from sklearn_melanoma.datasets._groups import LESION_COLUMNS, PATIENT_COLUMNS, make_groups
from sklearn_melanoma.datasets._labels import OFFICIAL_ADVICE, format_cell
from sklearn_melanoma.datasets._tables import Table, column_key, read_table
from sklearn_melanoma.datasets._vocabulary import TARGETS, is_unknown, normalize, read_diagnosis

if TYPE_CHECKING:
    import pandas as pd

_AGES = ("age_approximate", "age_approx")
#: Columns of diagnoses.
CODES = ("MEL", "NV", "BCC", "AK", "AKIEC", "BKL", "DF", "VASC", "SCC", "UNK")
KEY = "image_id"  # column of the names of images in the frame


class TablePlace(NamedTuple):
    """Place of a table of a split."""

    paths: tuple[str, ...]  # the first existing one counts; {folder} is the folder of images
    columns: tuple[str, ...]  # required columns; the first one names the images
    header: bool = True  # a table without a header has exactly these columns
    has_lesions: bool = False  # whether it says which images show the same lesion


class Split(NamedTuple):
    """Places of an official split, relative to the folder of the data set."""

    name: str
    images: tuple[str, ...]  # folders; the first existing one counts
    masks: str = ""
    truth: TablePlace | None = None
    metadata: tuple[TablePlace, ...] = ()


def make_layout(dataset: DataSet, splits: Sequence[Split]) -> Layout:
    """Return the layout of a challenge: a folder of images of at least one split."""
    folders = tuple(f"{name}/" for split in splits for name in split.images)
    contents = "images in at least one of " + ", ".join(repr(split.images[0]) for split in splits)
    return Layout(dataset, (folders,), contents)


def load_challenge(
    root: Path,
    dataset: DataSet,
    splits: Sequence[Split],
    read_labels: Callable[[Table], Sequence[str]],
    *,
    diagnoses: Sequence[str] = (),
    ending: str = "_segmentation",
) -> Bunch:
    """Load all splits of a challenge that a folder holds.

    Parameters
    ----------
    root : Path
        Folder of the data set, which exists.
    dataset : DataSet
        Its description.
    splits : sequence of Split
        The splits, in the order of the images.
    read_labels : callable
        Function that returns the diagnosis of each row of a table of diagnoses.
    diagnoses : sequence of str, default=()
        Diagnoses that `label_mapping` has even if no image has them.
    ending : str, default="_segmentation"
        Ending of the names of masks.

    Returns
    -------
    Bunch
        The data, by split and name.
    """
    layout = make_layout(dataset, splits)
    find_parts(root, layout)
    parts = [part for split in splits if (part := _load_split(root, split, read_labels, ending)) is not None]
    if not any(part.files for part in parts):
        raise make_layout_error(root, layout)
    names = [name for part in parts for name in part.files]
    diagnosis = [name for part in parts for name in part.diagnosis]
    mapping = {name: TARGETS[read_diagnosis(name)] for name in dict.fromkeys((*diagnoses, *diagnosis))}
    frame = _stack_frames([part.frame for part in parts])
    data = make_bunch(
        dataset.description,
        files=[each for part in parts for each in part.files.values()],
        target=[mapping[name] for name in diagnosis],
        diagnosis=diagnosis,
        groups=make_groups(_pick_ids(frame, PATIENT_COLUMNS), _pick_ids(frame, LESION_COLUMNS), names),
        left_out={"diagnoses whose images are missing": sum(part.n_without_image for part in parts)},
        label_mapping=mapping,
        frame=frame,
        split=[part.split for part in parts for _ in part.files],
    )
    if advice := _advise_labels(data, dataset, [part.truth for part in parts if part.files]):
        warn_user(describe_unlabeled(repr(str(root)), advice))
    elif missing := [name for part in parts if part.files for name in part.missing]:
        warn_user(
            f"{str(root)!r} lacks the table {missing[0]!r} with the lesions of the images, so each image is a group of "
            f"its own. Images of one lesion can be divided by a split. Put the table there, or download it by "
            f"{dataset.fetch_call}."
        )
    return data


def _advise_labels(data: Bunch, dataset: DataSet, tables: Sequence[str | Table | None]) -> str:
    """Return advice if no image is labeled and labels may be wanted; missing tables are given by their names."""
    if (data.target >= 0).any():
        return ""
    if found := [table.name for table in tables if isinstance(table, Table)]:
        return f"All values of {' and '.join(found)} mean unknown."
    if data.masks is not None or not (missing := [table for table in tables if isinstance(table, str)]):
        return ""
    return f"Put the table {missing[0]!r} there, or download it by {dataset.fetch_call}."


def read_codes(table: Table) -> list[str]:
    """Return the column that marks each row, for a table with one column of 0 and 1 per diagnosis."""
    codes = read_one_hot(table, without=(KEY,), advice=OFFICIAL_ADVICE)
    marks = {normalize(cell) for name in table.columns if name in CODES for cell in table.cells(name)}
    if codes is None or not marks <= {"", "0", "1"}:
        raise ValueError(
            f"{table.name} must have one column of 0 and 1 for each diagnosis, got {table.columns} with other values. "
            "Download the table anew."
        )
    return [code or "unknown" for code in codes]


class _Part(NamedTuple):
    """Data of a split."""

    split: str
    files: dict[str, Files]  # by the name of the image
    diagnosis: list[str]
    frame: pd.DataFrame
    truth: Table | str | None  # table of diagnoses; its name if it is missing; None if the split has none
    n_without_image: int
    missing: list[str]  # tables of lesions that do not exist


def _load_split(root: Path, split: Split, read_labels: Callable[[Table], Sequence[str]], ending: str) -> _Part | None:
    """Load the images of a split with their masks and rows, or return None without a folder of images."""
    folder = next((root / name for name in split.images if (root / name).is_dir()), None)
    if folder is None:
        return None
    masks = root / split.masks
    files = pair_masks(
        (path for path in list_images(folder) if not path.stem.endswith("_superpixels")),
        list_images(masks) if split.masks and masks.is_dir() else [],
        ending=ending,
    )
    truth = _read_table(root, folder, split.truth) if split.truth else None
    others = [_read_table(root, folder, place) for place in split.metadata]
    tables = [truth, *others]
    for table in filter(None, tables):
        if files and files.keys().isdisjoint(table.cells(KEY)):
            raise ValueError(
                f"{table.name} must name the images in {str(folder)!r}, such as {next(iter(files))!r}, got "
                f"{table.cells(KEY)[0]!r}. Put table and images of the same set together."
            )
    labels: dict[str, str] = {}
    if truth is not None:
        labels = dict(zip(truth.cells(KEY), read_labels(truth), strict=True))
    return _Part(
        split.name,
        files,
        [labels.get(name, "unknown") for name in files],
        _join_tables(list(files), [table for table in tables if table is not None]),
        truth or (split.truth and split.truth.paths[0]),
        len(labels.keys() - files.keys()),
        [
            place.paths[0]
            for place, table in zip(split.metadata, others, strict=True)
            if place.has_lesions and not table
        ],
    )


def _read_table(root: Path, folder: Path, place: TablePlace) -> Table | None:
    """Read a table that names each image once, or return None if there is none."""
    paths = [root / path.format(folder=folder.name) for path in place.paths]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return None
    table = read_table(path, names=None if place.header else place.columns)
    table.require_columns(place.columns, "Use the tables of the challenge.")
    names = table.cells(place.columns[0])
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{str(path)!r} must hold each image once, got {repeated!r} twice. Download the table anew.")
    others = {name: cells for name, cells in table.text.items() if name != place.columns[0]}
    return Table({KEY: names, **others}, table.name)


def _join_tables(names: list[str], tables: list[Table]) -> pd.DataFrame:
    """Return the columns of all tables, one row per image."""
    import pandas as pd

    columns: dict[str, object] = {KEY: names}
    for table in tables:
        rows = {name: row for row, name in enumerate(table.cells(KEY))}
        frame = table.pick_rows([rows.get(name) for name in names])
        columns |= {name: frame[name] for name in frame.columns if name not in columns}
    joined = pd.DataFrame(columns)
    for age in joined.columns.intersection(list(_AGES)):
        known = [None if is_unknown(format_cell(cell)) else cell for cell in joined[age]]
        joined[age] = pd.to_numeric(pd.Series(known, dtype=object))
    return joined


def _stack_frames(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all splits; a column that a split lacks is missing there."""
    import pandas as pd

    names = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    whole = [frame.reindex(columns=names) for frame in frames if len(frame)]
    return pd.concat([frame.astype(object) for frame in whole], ignore_index=True).infer_objects()


def _pick_ids(frame: pd.DataFrame, usual: Sequence[str]) -> list[str]:
    """Return the ids of patients or lesions; the column may have another name in each split."""
    columns = [frame[name] for name in frame.columns if column_key(name) in usual]
    if not columns:
        return [""] * len(frame)
    return [next(filter(None, map(format_cell, row)), "") for row in zip(*columns, strict=True)]
