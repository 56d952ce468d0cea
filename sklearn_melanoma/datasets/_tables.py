"""Tables of labels: files in the usual encodings and formats, DataFrames and Series."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._labels import format_cell
from sklearn_melanoma.datasets._vocabulary import normalize

if TYPE_CHECKING:
    import pandas as pd

#: Names of files, in lower case, that are tables of labels.
TABLE_NAMES = ("labels.csv", "labels.tsv", "labels.tab", "labels.txt", "labels.xlsx")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FORMATS = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip file",
}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_SEPARATORS = ",;\t|"


class Table:
    """Table as text, with its original.

    Parameters
    ----------
    text : dict
        Cells of each column as stripped strings, empty where a value is missing.
    name : str
        Name of the table in errors.
    original : DataFrame, optional
        The same rows and columns as the user gave them.
    """

    def __init__(self, text: dict[str, list[str]], name: str, original: pd.DataFrame | None = None):
        self.text = text
        self.name = name
        self.original = original

    def __len__(self) -> int:
        return len(next(iter(self.text.values())))

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.text)

    def cells(self, column: str) -> list[str]:
        """Return the cells of a column."""
        return self.text[column]

    def require_columns(self, columns: Sequence[str], hint: str) -> None:
        """Raise an error that ends in a hint if a column is missing."""
        if any(name not in self.columns for name in columns):
            raise ValueError(f"{self.name} must have the columns {', '.join(columns)}, got {self.columns}. {hint}")

    def pick_rows(self, rows: Sequence[int | None]) -> pd.DataFrame:
        """Return all columns of rows at positions; None gives a row of missing values."""
        import pandas as pd

        if self.original is not None:
            positions = [-1 if row is None else row for row in rows]
            return self.original.reset_index(drop=True).reindex(positions).reset_index(drop=True)
        columns = {
            name: _restore_numbers([None if row is None else cells[row] or None for row in rows])
            for name, cells in self.text.items()
        }
        return pd.DataFrame(columns, index=range(len(rows)))


def read_table(path: PathLike, *, names: Sequence[str] | None = None) -> Table:
    """Read a table from a file; `names` are the names of the columns if the table has no header.

    Text may be UTF-8, UTF-16 or cp1252 and separated by commas, semicolons, tabs or bars. All cells keep their text:
    ``NA`` is not a missing value. An Excel file must hold one sheet with cells.
    """
    file = Path(path)
    content = file.read_bytes()
    columns = _read_excel(file, content) if content.startswith(b"PK\x03\x04") else _read_text(file, content)
    if names is not None:
        if columns and len(columns) != len(names):
            raise ValueError(
                f"{str(file)!r} must have the columns {', '.join(names)}, got {len(columns)} columns. "
                "Download the table anew."
            )
        columns = [[name, *column] for name, column in zip(names, columns, strict=False)]
    n_rows = max((len(column) for column in columns), default=0)
    if n_rows < 2:
        held = "only a header" if n_rows else "nothing"
        raise ValueError(
            f"{str(file)!r} must hold a header and at least one row, got {held}. Fill it, or leave it out."
        )
    header = [
        column[0] or (f"column {number}" if any(column) else "") for number, column in enumerate(columns, start=1)
    ]
    _check_names([name for name in header if name], str(file))
    return Table({name: column[1:] for name, column in zip(header, columns, strict=True) if name}, repr(str(file)))


def convert_table(labels: Any, name: str) -> Table:
    """Convert a DataFrame or a Series with a name. Its index becomes a column, unless it only counts the rows."""
    import pandas as pd

    frame = labels.to_frame("label" if labels.name is None else labels.name) if labels.ndim == 1 else labels
    counted = isinstance(frame.index, pd.RangeIndex) or (
        pd.api.types.is_integer_dtype(frame.index.dtype) and frame.index.nlevels == 1 and frame.index.name is None
    )
    if labels.ndim == 1 or not counted:
        names = ["index" if name is None else str(name) for name in frame.index.names]
        taken = {str(column) for column in frame.columns}
        frame = frame.reset_index(names=[f"{name} (index)" if name in taken else name for name in names])
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    _check_names(list(frame.columns), name)
    if frame.empty:
        raise ValueError(f"{name} must have at least one row and one column, got an empty table. Fill it.")
    return Table({column: [format_cell(cell) for cell in frame[column]] for column in frame.columns}, name, frame)


def column_key(column: str) -> str:
    """Return the name of a column for look-ups: ``Patient ID`` and ``patient-id`` become ``patient_id``."""
    return normalize(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)).replace(" ", "_")


def is_table_path(labels: object) -> bool:
    """Return whether labels are a path."""
    return isinstance(labels, str | os.PathLike)


def _read_text(file: Path, content: bytes) -> list[list[str]]:
    """Return the columns of a text table; the first cell of each is its name."""
    import pandas as pd

    for magic, kind in _OTHER_FORMATS.items():
        if content.startswith(magic):
            raise ValueError(
                f"{str(file)!r} must be a text table or an Excel file (.xlsx), got {kind}. Save it as CSV, or read it "
                "with pandas and pass the DataFrame."
            )
    text = decode_table(file, content)
    separator = None
    if hint := re.match(r"sep=(.)\r?\n", text):  # line with the separator, as Excel writes it
        separator, text = hint[1], text[hint.end() :]
    separator = separator or _find_separator(file, text)
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=separator, header=None, dtype=str, na_filter=False, skipinitialspace=True
        )
    except pd.errors.EmptyDataError:
        return []
    except pd.errors.ParserError:  # rows of different lengths or a broken quote
        return _read_uneven_text(file, text, separator)
    columns = [list(map(format_cell, frame[name].tolist())) for name in frame.columns]
    return _drop_blank_rows(columns)


def _read_uneven_text(file: Path, text: str, separator: str) -> list[list[str]]:
    """Return the columns of a table; its rows may be longer than the header if these cells are empty."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f"{str(file)!r} could not be read as a table: {error}. Check its quotes.") from error
    width = len(next((row for row in rows if any(row)), []))
    for number, row in enumerate(rows, start=1):
        if any(map(str.strip, row[width:])):
            raise ValueError(
                f"{str(file)!r} must have as many cells in a row as in the header, {width}, got {len(row)} in row "
                f"{number}. Put cells that hold the separator in quotes."
            )
    columns = zip_longest(*(row[:width] for row in rows), fillvalue="")
    return _drop_blank_rows([list(map(str.strip, column)) for column in columns])


def _drop_blank_rows(columns: list[list[str]]) -> list[list[str]]:
    """Return columns without the rows whose cells are all empty."""
    if not columns:
        return []
    blank = {row for row, cell in enumerate(columns[0]) if not cell and not any(column[row] for column in columns)}
    if not blank:
        return columns
    return [[cell for row, cell in enumerate(column) if row not in blank] for column in columns]


def decode_table(file: Path, content: bytes | None = None) -> str:
    """Return the text of a file in UTF-8, UTF-16 or cp1252."""
    content = file.read_bytes() if content is None else content
    encodings = [encoding for mark, encoding in _MARKS if content.startswith(mark)][:1]
    if not encodings:
        odd, even = content[1:200:2].count(0), content[:200:2].count(0)
        zeros = max(odd, even) > len(content[:200]) / 5
        encodings = [("utf-16-le" if odd > even else "utf-16-be")] if zeros else ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ValueError(
        f"{str(file)!r} must be a text table in UTF-8, UTF-16 or cp1252, or an Excel file (.xlsx), got other bytes. "
        "Save it as CSV in UTF-8."
    )


def _find_separator(file: Path, text: str) -> str:
    """Return the separator with the most columns, among those that split most of the first rows like the header."""
    if file.suffix.lower() in (".tab", ".tsv"):
        return "\t"
    lines = text.splitlines()[:50]

    def rate(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        width = widths[0] if widths else 1
        return (sum(each == width for each in widths) / len(widths) if width > 1 else 0.0), width

    return max(_SEPARATORS, key=rate)


def _read_excel(file: Path, content: bytes) -> list[list[str]]:
    """Return the columns of the sheet with cells; the first cell of each is its name."""
    if find_spec("openpyxl") is None:
        raise ImportError(
            f"could not read {str(file)!r}: Excel files need openpyxl. pip install 'sklearn-melanoma[excel]'"
        )
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of openpyxl about drop-down lists and styles
            books = [load_workbook(io.BytesIO(content), data_only=data_only) for data_only in (True, False)]
            columns = [_list_columns(sheet) for sheet in books[0].worksheets]
            formulas = [_count_formulas(*sheets) for sheets in zip(*(book.worksheets for book in books), strict=True)]
    except Exception as error:  # openpyxl and zipfile raise many kinds for broken files
        raise ValueError(f"{str(file)!r} could not be read as an Excel file: {error}. Save it as CSV.") from error
    filled = [number for number, sheet in enumerate(columns) if any(map(any, sheet))]
    if len(filled) > 1:
        names = [books[0].worksheets[number].title for number in filled]
        raise ValueError(
            f"{str(file)!r} must have one sheet with cells, got {names}. Read the right one with pandas.read_excel and "
            "pass the DataFrame."
        )
    if not filled:
        return []
    n_formulas, n_values = formulas[filled[0]]
    if n_formulas and not n_values:
        raise ValueError(
            f"{str(file)!r} must hold values, got {n_formulas} formulas that were never computed. Open it in Excel or "
            "LibreOffice and save it."
        )
    return _drop_blank_rows(columns[filled[0]])


def _list_columns(sheet: Any) -> list[list[str]]:
    """Return the columns of a sheet of openpyxl. A merged cell fills its rows in its first column."""
    columns = [list(cells) for cells in sheet.iter_cols(values_only=True)]
    for merged in sheet.merged_cells.ranges:
        cells, top = columns[merged.min_col - 1], merged.min_row - 1
        cells[top : merged.max_row] = [cells[top]] * (merged.max_row - top)
    return [list(map(format_cell, cells)) for cells in columns]


def _count_formulas(values: Any, formulas: Any) -> tuple[int, int]:
    """Return the number of formulas in a sheet, and how many of them have a value."""
    cells = [cell for row in formulas.iter_rows() for cell in row if cell.data_type == "f"]
    return len(cells), sum(values[cell.coordinate].value is not None for cell in cells)


def _check_names(names: list[str], table: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"{table!r} must have different names of columns, got {repeated} twice. Rename one of each.")


def _restore_numbers(cells: list[str | None]) -> pd.Series:
    """Return a column as numbers if all its cells are numbers without leading zeros."""
    import pandas as pd

    filled = {cell for cell in cells if cell is not None}
    column = pd.Series(cells, dtype=object)
    return pd.to_numeric(column) if filled and all(_NUMBER.fullmatch(cell) for cell in filled) else column
