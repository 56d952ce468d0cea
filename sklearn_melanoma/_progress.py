"""Bars for work outside of `fit`."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import Progress


def progress_bar(*, transient: bool = False) -> Progress:
    """Return a bar on standard error, which shows nothing where that is no terminal; a transient one goes when done."""
    silent = not sys.stderr.isatty()
    # Before version 15, a bar that is not shown still ends its line.
    return Progress(console=Console(stderr=True, quiet=silent), transient=transient, disable=silent)
