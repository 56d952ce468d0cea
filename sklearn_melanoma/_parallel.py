"""Parallel calls of a function with any backend of joblib; results come in order and a few at a time."""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Any, TypeVar

from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from sklearn_melanoma._validation.warn import warn_user

T = TypeVar("T")

# Number of calls per worker in one wave, for backends that can't return results one by one. At the end of a wave, the
# workers wait for the slowest one, on average for half a call in 32.
WAVE = 32

# Number of lost processes, without a result in between, that raises an error. Two independent losses may be so close
# that joblib drops the results between them.
_MAX_LOSSES = 3


def run_in_parallel(
    function: Callable[..., T],
    tasks: Iterable[Any],
    n_jobs: int | None,
    *,
    arguments: Callable[[Any], tuple[Any, ...]] = tuple,
) -> Iterator[T]:
    """Call a function for each task; tasks are taken as workers become free.

    If a worker process of joblib is killed, all pending tasks without a result are started again.

    Parameters
    ----------
    function : callable
        Function that can be pickled.
    tasks : iterable
        Small objects; each is kept until its result is taken.
    n_jobs : int, optional
        Number of workers, as in joblib.
    arguments : callable, default=tuple
        Function that makes the arguments of a call from a task. It is called when the task starts; the arguments are
        not kept.

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
        If processes are killed three times without a result in between.
    RuntimeError
        If the function raises an exception that can't be pickled, in another process. The message is the same.
    """
    tasks, n_losses = iter(tasks), 0
    while True:
        waiting: deque[Any] = deque()
        calls = (delayed(_call)(function, os.getpid(), *arguments(task)) for task in _record_tasks(tasks, waiting))
        try:
            for result in _run_calls(calls, n_jobs):
                waiting.popleft()
                n_losses = 0
                yield result
            return
        except BrokenProcessPool:
            n_losses += 1
            if n_losses == _MAX_LOSSES:
                raise
            warn_user(
                "A worker process was lost: killed, or out of memory. Its unfinished work is done again. "
                "If this happens often, use fewer processes."
            )
            tasks = chain(waiting, tasks)


def _call(function: Callable[..., T], caller: int, *arguments: Any) -> T:
    """Call a function, also in another process than the caller's."""
    try:
        return function(*arguments)
    except Exception as error:
        if os.getpid() == caller or _can_pickle(error):
            raise
        # joblib would report a lost process. Exceptions with a constructor of their own can't be created again.
        copy = RuntimeError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", ()):
            copy.add_note(note)
        raise copy from None


def _can_pickle(error: Exception) -> bool:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


def _record_tasks(tasks: Iterable[Any], waiting: deque[Any]) -> Iterator[Any]:
    """Yield tasks and append them to the tasks that wait for a result."""
    for task in tasks:
        waiting.append(task)
        yield task


def _run_calls(calls: Iterator[Any], n_jobs: int | None) -> Iterator[Any]:
    # One call at a time, because joblib would bundle more and more quick calls with all their arguments.
    try:
        run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    except ValueError:  # Ray, multiprocessing and, before joblib 1.4, Dask return all results at the end
        with Parallel(n_jobs=n_jobs, batch_size=1) as run:
            while wave := run(islice(calls, WAVE * effective_n_jobs(n_jobs))):
                yield from wave
    else:
        yield from run(calls)
