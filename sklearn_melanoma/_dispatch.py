"""Calls of a function, run by whatever backend of joblib is chosen, in order and a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

T = TypeVar("T")

# Calls for each worker that are waited for together where a backend can't give results one by one. At the end of a
# wave workers wait for the slowest: of 32 calls, half a call on average.
WAVE = 32


def run_in_parallel(function: Callable[..., T], calls: Iterable[tuple[Any, ...]], n_jobs: int | None) -> Iterator[T]:
    """Call a function for each tuple of arguments, which are taken as workers become free.

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
    """
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
