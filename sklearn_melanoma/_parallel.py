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


def run_in_parallel(
    function: Callable[..., T],
    tasks: Iterable[Any],
    n_jobs: int | None,
    *,
    arguments: Callable[[Any], tuple[Any, ...]] = tuple,
) -> Iterator[T]:
    """Call a function for each of some tasks, which are taken as workers become free.

    Where a process of joblib's own is killed, tasks that were given out and have no result yet are given out again.

    Parameters
    ----------
    function : callable
        Something that can be pickled.
    tasks : iterable
        Small things: each is kept until its result is asked for.
    n_jobs : int, optional
        As in joblib.
    arguments : callable, default=tuple
        Makes the arguments of a call from a task when it is given out. They are not kept.

    Yields
    ------
    object
        The results, in the order of the tasks.

    Warns
    -----
    UserWarning
        If a process was killed.

    Raises
    ------
    BrokenProcessPool
        If processes are killed three times with no result between.
    """
    tasks, n_losses = iter(tasks), 0
    while True:
        waiting: deque[Any] = deque()
        calls = (delayed(function)(*arguments(task)) for task in _noted(tasks, waiting))
        try:
            for result in _run(calls, n_jobs):
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
            tasks = chain(waiting, tasks)


def _noted(tasks: Iterable[Any], waiting: deque[Any]) -> Iterator[Any]:
    """Give out tasks, and note that they wait for a result."""
    for task in tasks:
        waiting.append(task)
        yield task


def _run(calls: Iterator[Any], n_jobs: int | None) -> Iterator[Any]:
    # One call at a time: joblib would bundle quick ones, more and more of them, and all their arguments.
    try:
        run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    except ValueError:  # Ray, multiprocessing and, before joblib 1.4, Dask give all results at the end
        with Parallel(n_jobs=n_jobs, batch_size=1) as run:
            while wave := run(islice(calls, WAVE * effective_n_jobs(n_jobs))):
                yield from wave
    else:
        yield from run(calls)
