"""Progress bars, which are silent without a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from sklearn_melanoma.cli._app import print_note

_CHUNK = 128  # number of images per process between two writes of an output


class Tracked(Sequence[Any]):
    """Sequence that advances a progress bar when its elements are read.

    Parameters
    ----------
    items : sequence
        The elements.
    progress : Progress
        The bar.
    task : int
        Task of the bar.
    start : int, default=0
        Number of elements of the task before these.
    """

    def __init__(self, items: Sequence[Any], progress: Progress, task: TaskID, start: int = 0):
        self.items = items
        self._progress = progress
        self._task = task
        self._start = start
        self._n_read = 0

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and index >= self._n_read:  # elements may be read again
            self._n_read = index + 1
            self._progress.update(self._task, completed=self._start + self._n_read)
        return self.items[index]


def make_progress_bar(*, transient: bool = False, in_bytes: bool = False) -> Progress:
    """Return a progress bar on standard error, which is silent without a terminal; it counts images, or bytes."""
    silent = sys.stderr is None or not sys.stderr.isatty()  # None: it is closed
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        DownloadColumn() if in_bytes else MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # Before rich 15, a disabled bar still writes a line break, so its console is quiet too.
    return Progress(*columns, console=Console(stderr=True, quiet=silent), transient=transient, disable=silent)


@contextmanager
def show_spinner(description: str) -> Iterator[None]:
    """Show a progress bar without an end."""
    with make_progress_bar(transient=True) as progress:
        progress.add_task(description, total=None)
        yield


@contextmanager
def note_memory(memory: Path | None) -> Iterator[None]:
    """After an error or Ctrl-C, print where the features of the images so far are."""
    try:
        yield
    except BaseException:
        if memory is not None:
            print_note(
                "Kept", f"the features of the images so far, in {str(memory)!r}. The same command continues there."
            )
        raise


def iterate_chunks(items: Sequence[Any], description: str, n_jobs: int) -> Iterator[Tracked]:
    """Yield parts of a sequence, and show how many of its elements were read."""
    size = _CHUNK * effective_n_jobs(n_jobs)
    with make_progress_bar() as progress:
        task = progress.add_task(description, total=len(items))
        for start in range(0, len(items), size):
            chunk = Tracked(items[start : start + size], progress, task, start)
            yield chunk
            progress.update(task, completed=start + len(chunk))
