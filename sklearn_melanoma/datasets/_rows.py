"""Images that the rows of one table name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sklearn.utils import Bunch

from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.datasets._catalog import DataSet
from sklearn_melanoma.datasets._columns import LabelColumns
from sklearn_melanoma.datasets._files import Files, count_left_out, describe_unlabeled, make_bunch
from sklearn_melanoma.datasets._groups import make_groups
from sklearn_melanoma.datasets._labels import Labels, decide_labels
from sklearn_melanoma.datasets._tables import Table, read_table


def read_rows(path: Path, dataset: DataSet, columns: Sequence[str], *, filled: Sequence[str] = ()) -> Table:
    """Read a table whose first of `columns` names the image of each row, and check the columns.

    The cells of that column must differ, and the cells of the columns `filled` must not be empty.
    """
    table = read_table(path)
    table.require_columns(columns, f"Use the metadata of {dataset.title}.")
    names = table.cells(columns[0])
    if not all(all(table.cells(name)) for name in (columns[0], *filled)) or len(set(names)) < len(names):
        with_others = f", with {' and '.join(f'a {name}' for name in filled)}" if filled else ""
        raise ValueError(
            f"{str(path)!r} must hold each {columns[0]} once{with_others}, got missing or repeated ones. "
            "Download the table anew."
        )
    return table


def load_rows(
    dataset: DataSet,
    table: Table,
    names: Sequence[str],
    files: Mapping[str, Files],
    labels: LabelColumns | None,
    *,
    patients: str | None = None,
    lesions: str | None = None,
    split: Sequence[str] | None = None,
    refuse: bool = True,
) -> Bunch:
    """Make the Bunch of the images in a table, in its order.

    Parameters
    ----------
    dataset : DataSet
        Description of the data set.
    table : Table
        The table.
    names : sequence of str
        Name of the image of each row.
    files : mapping
        Files of each image by its name.
    labels : LabelColumns or None
        Columns of diagnoses.
    patients, lesions : str, optional
        Columns with the ids of patients and lesions.
    split : sequence of str, optional
        Official split of each row.
    refuse : bool, default=True
        Whether a diagnosis that could mean melanoma or not is an error. If False, such images are unlabeled.

    Returns
    -------
    Bunch
        The data.

    Warns
    -----
    UserWarning
        If the columns label no image. Without columns there is no warning, since the user may only want attributes.
    """
    rows = [row for row, name in enumerate(names) if name in files]
    if not rows:
        raise ValueError(
            f"the images must be named as in {table.name}, such as {names[0]!r}, got "
            f"{[file.image.name for file in list(files.values())[:3]]}. Put table and images of the same set together."
        )
    found = (
        Labels([-1] * len(rows), ["unknown"] * len(rows), [None] * len(rows), {}, [])
        if labels is None
        else decide_labels(*labels, rows, rule=None, source=table.name, official=True, refuse=refuse)
    )

    def pick(column: str | None) -> list[str]:
        cells = table.cells(column) if column in table.columns else [""] * len(table)
        return [cells[row] for row in rows]

    if labels is not None and set(found.target) == {-1}:
        warn_user(describe_unlabeled(table.name, "Its diagnoses mean unknown, or leave open what they mean."))
    return make_bunch(
        dataset.description,
        files=[files[names[row]] for row in rows],
        target=found.target,
        diagnosis=found.diagnosis,
        groups=make_groups(pick(patients), pick(lesions), [names[row] for row in rows]),
        left_out=count_left_out(files, n_rows=len(table), n_used=len(rows)),
        label_mapping=found.mapping,
        values=found.values,
        frame=table.pick_rows(rows),
        split=None if split is None else [split[row] for row in rows],
    )
