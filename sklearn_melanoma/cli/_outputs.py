"""Files that the commands write."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

import typer

from sklearn_melanoma.cli._app import print_note

if TYPE_CHECKING:
    import pandas as pd

# Packages that pandas needs to write a table, and the extra that installs them.
_WRITERS = {".csv": None, ".parquet": ("pyarrow", "parquet"), ".xlsx": ("openpyxl", "excel")}


def prepare_output(path: Path, *, force: bool) -> None:
    """Create the folder of an output. An output that exists must be confirmed on a terminal, or needs --force."""
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder. Name a file in it.")
    if path.exists() and not force:
        confirm(f"{str(path)!r} exists.", "--force replaces it.", "Replace it?")
    make_folder(path.parent)


def make_folder(path: Path) -> None:
    """Create a folder unless it exists; raise an error if files can't be written to it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"{str(path)!r} must be a folder, but is or is in a file. Name another.") from None
    except PermissionError:
        raise PermissionError(f"{str(path)!r} can't be made without permission. Choose another output.") from None
    if not os.access(path, os.W_OK):
        raise PermissionError(f"{str(path)!r} can't be written to. Choose another output.")


def confirm(state: str, option: str, question: str) -> None:
    """Ask on a terminal whether to continue. Without a terminal, raise an error that names the option for it."""
    if sys.stdin is None or not sys.stdin.isatty():  # None: it is closed
        raise FileExistsError(f"{state} {option}")
    typer.confirm(f"{state} {question}", abort=True, err=True)


def check_figure_path(path: Path, option: str) -> None:
    """Raise an error if matplotlib can't write the format of a figure, before any work is done."""
    from matplotlib.backend_bases import FigureCanvasBase

    suffixes = [f".{name}" for name in sorted(FigureCanvasBase.get_supported_filetypes())]
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{option} must end in {', '.join(suffixes)}, got {str(path)!r}. Rename it.")


def check_table_path(path: Path) -> None:
    """Raise an error if a table can't be written, before any work is done."""
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise ValueError(f"The output must end in {', '.join(_WRITERS)}, got {str(path)!r}. Rename it.")
    needed = _WRITERS[suffix]
    if needed is not None and find_spec(needed[0]) is None:
        raise ImportError(
            f"{suffix} files need {needed[0]}. Install it with: pip install 'sklearn-melanoma[{needed[1]}]'"
        )


class TableWriter:
    """Writer of a table that comes in parts.

    CSV is written part by part, so that any number of rows fits into memory. Other formats are written at the end. Rows
    go into a file of another name, which replaces the output when it is complete. After an error or Ctrl-C, this file
    stays, with the complete rows.

    Parameters
    ----------
    path : Path
        The output, as checked by `check_table_path`.
    n_rows : int
        Number of rows of the whole table.
    """

    def __init__(self, path: Path, n_rows: int):
        self.path = path
        self._part = path.with_name(f"{path.stem}.part{path.suffix}")
        self._n_rows = n_rows
        self._n_written = 0
        self._size = 0  # size of the complete rows, in bytes
        self._frames: list[pd.DataFrame] = []
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self.path.suffix.lower() == ".csv":
            self._file = self._part.open("w", encoding="utf-8", newline="", errors="surrogateescape")
        return self

    def write(self, frame: pd.DataFrame) -> None:
        """Add rows, named by the path of their image."""
        frame = frame.rename_axis("path")
        if self._file is not None:
            frame.to_csv(self._file, header=self._n_written == 0, lineterminator="\n")
            self._size = self._file.tell()
        else:
            self._frames.append(frame)
        self._n_written += len(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError) if error is not None else nullcontext():  # a full disk must not hide the first error
            self._close_file(complete=error is None)
            self._write_frames()
            if error is None:
                os.replace(self._part, self.path)
        if error is not None and self._n_written:
            print_note("Kept", f"{self._n_written} of {self._n_rows} rows, in {str(self._part)!r}.")
        elif error is not None:
            self._part.unlink(missing_ok=True)

    def _close_file(self, *, complete: bool) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        finally:
            if not complete:
                os.truncate(self._part, self._size)  # remove rows that are not complete

    def _write_frames(self) -> None:
        import pandas as pd

        if not self._frames:
            return
        table = pd.concat(self._frames)
        try:
            table.to_parquet(self._part) if self.path.suffix.lower() == ".parquet" else table.to_excel(self._part)
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise
