"""Time and memory of calls. This module imports nothing large."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGE_BLOCK = 31 * 2**20  # bytes; glibc adapts to freed blocks of up to 32 MB


class Timed(NamedTuple):
    """Result of a call with its wall time and the processor time of this process, both in seconds."""

    result: Any
    seconds: float
    processor: float


def time_call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Timed:
    """Call a function and return its result and times."""
    processor, start = process_time(), perf_counter()
    result = function(*arguments, **options)
    return Timed(result, perf_counter() - start, process_time() - processor)


def find_least_time(
    function: Callable[[], Any], *, rounds: int = 1, budget: float = 0.0, clock: Callable[[], float] = perf_counter
) -> float:
    """Return the shortest time of several calls.

    Parameters
    ----------
    function : callable
        Called without arguments.
    rounds : int, default=1
        Smallest number of calls.
    budget : float, default=0
        Seconds; calls are repeated until they are used up.
    clock : callable, default=perf_counter
        `perf_counter` for wall time, `process_time` for processor time.

    Returns
    -------
    float
        Seconds.
    """
    times: list[float] = []
    begin = perf_counter()
    while len(times) < rounds or perf_counter() - begin < budget:
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


def time_methods(
    methods: Mapping[str, Callable[[Any], Any]],
    images: Sequence[Any],
    *,
    rounds: int,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, NDArray[np.float64]]:
    """Return the milliseconds of each method on each image, the shortest time of all rounds.

    The methods take turns, and each processes all images in its turn. If two methods followed each other on the same
    image, the second would find the data of the first in the processor's caches. Each round starts with another method.
    """
    import numpy as np

    names = list(methods)
    milliseconds = {name: np.full(len(images), np.inf) for name in names}
    for name in names:
        methods[name](images[0])  # the first call loads modules that are imported late
    for number_of_round in range(rounds):
        shift = number_of_round % len(names)
        for name in names[shift:] + names[:shift]:
            for position, image in enumerate(images):
                start = perf_counter()
                methods[name](image)
                milliseconds[name][position] = min(milliseconds[name][position], 1e3 * (perf_counter() - start))
            advance()
    return milliseconds


def keep_freed_memory() -> None:
    """Make glibc keep freed memory from now on, by freeing one large block.

    By default, glibc returns freed memory to the system. Then the OpenCV script takes 6 or 10 ms at 768 pixels,
    depending on what ran before.
    """
    import numpy as np

    np.ones(LARGE_BLOCK, dtype=np.uint8)


def measure_peak_memory() -> float:
    """Return the peak memory of this process so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
