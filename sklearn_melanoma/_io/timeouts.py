"""Calls with a time limit."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_local = threading.local()


def call_with_timeout(function: Callable[[], T], seconds: float) -> T:
    """Call a function in another thread, and stop waiting for it after some time.

    Python can't end a thread. A function that takes too long continues in the background until it returns, and its
    result is dropped. Its thread does not keep the process alive.

    Parameters
    ----------
    function : callable
        Function without arguments.
    seconds : float
        Longest time to wait.

    Returns
    -------
    object
        Result of the function.

    Raises
    ------
    TimeoutError
        If the function takes longer. Exceptions of the function are raised unchanged.
    """
    worker = getattr(_local, "worker", None)
    if worker is None or worker.process != os.getpid():  # a forked process has a copy of the object, but no thread
        worker = _local.worker = _Worker()
    results = worker.start(function)
    try:
        returned, value = results.get(timeout=seconds)
    except BaseException as error:  # too late, or interrupted by the user
        _local.worker = None  # the thread may be busy forever
        if isinstance(error, Empty):
            raise TimeoutError(f"it took more than {seconds:g} seconds") from None
        raise
    if not returned:
        raise value
    return value


class _Worker:
    """Thread that calls functions for one other thread.

    It is kept between calls because fsspec keeps connections and directories of archives by thread.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self._calls: SimpleQueue[Any] = SimpleQueue()
        threading.Thread(target=_run_calls, args=(self._calls,), daemon=True).start()

    def start(self, function: Callable[[], Any]) -> SimpleQueue[Any]:
        """Start a call. Return a queue that receives whether the function returned, and its result or exception."""
        results: SimpleQueue[Any] = SimpleQueue()
        self._calls.put((function, results))
        return results

    def __del__(self) -> None:
        self._calls.put(None)


def _run_calls(calls: SimpleQueue[Any]) -> None:
    while (call := calls.get()) is not None:
        function, results = call
        try:
            outcome = True, function()
        except BaseException as error:
            outcome = False, error
        results.put(outcome)
        del call, function, results, outcome  # the result may be large, and the next call may come late
