"""Calls of a function, run by whatever backend of joblib is chosen, in order and a few at a time."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Any, TypeVar

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

T = TypeVar("T")

# Calls for each worker that are waited for together where a backend can't give results one by one. At the end of a
# wave workers wait for the slowest: of 32 calls, half a call on average.
WAVE = 32

# How often processes may be lost with no result between. Two that die for reasons of their own may come so close that
# joblib drops what was ready between them.
_MAX_LOSSES = 3


def run_in_parallel(function: Callable[..., T], calls: Iterable[tuple[Any, ...]], n_jobs: int | None) -> Iterator[T]:
    """Call a function for each tuple of arguments, which are taken as workers become free.

    Where a process of joblib's own is killed, calls that were given out and have no result yet are made again.

    Parameters
    ----------
    function : callable
        Something that can be pickled.
    calls : iterable of tuple
        Arguments.
    n_jobs : int, optional
        As in joblib.

    Yields
    ------
    object
        The results, in the order of the calls.

    Warns
    -----
    UserWarning
        If a process was killed.

    Raises
    ------
    BrokenProcessPool
        If processes are killed three times with no result between.
    """
    calls, n_losses = iter(calls), 0
    while True:
        waiting: deque[tuple[Any, ...]] = deque()
        try:
            for result in _run(function, _noted(calls, waiting), n_jobs):
                waiting.popleft()
                n_losses = 0
                yield result
            return
        except BrokenProcessPool:
            n_losses += 1
            if n_losses == _MAX_LOSSES:
                raise
            warnings.warn(
                "A worker process was lost: killed, or out of memory. What it worked on is done again. "
                "If this happens often, use fewer processes.",
                stacklevel=2,
            )
            calls = chain(waiting, calls)


def _noted(calls: Iterable[tuple[Any, ...]], waiting: deque[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Give out calls, and note that they wait for a result."""
    for call in calls:
        waiting.append(call)
        yield call


def _run(function: Callable[..., T], calls: Iterator[tuple[Any, ...]], n_jobs: int | None) -> Iterator[T]:
    tasks = (delayed(function)(*call) for call in calls)
    # One call at a time: joblib would bundle quick ones, more and more of them, and all their arguments.
    try:
        run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    except ValueError:  # Ray, multiprocessing and, before joblib 1.4, Dask give all results at the end
        with Parallel(n_jobs=n_jobs, batch_size=1) as run:
            while wave := run(islice(tasks, WAVE * effective_n_jobs(n_jobs))):
                yield from wave
    else:
        yield from run(tasks)
