"""Parallel calls with a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from joblib import Parallel, delayed
from rich.progress import Progress


def call_in_parallel(
    function: Callable[..., Any],
    arguments: Sequence[tuple[Any, ...]],
    *,
    n_jobs: int,
    progress: Progress,
    description: str,
) -> Iterable[Any]:
    """Call a function with each tuple of arguments and yield the results in order."""
    results = Parallel(n_jobs, return_as="generator")(delayed(function)(*each) for each in arguments)
    return progress.track(results, total=len(arguments), description=description)
