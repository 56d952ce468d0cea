"""Several ways to do the same with many images, timed beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray


def time_methods(
    methods: Mapping[str, Callable[[Any], Any]],
    photos: Sequence[Any],
    *,
    rounds: int,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, NDArray[np.float64]]:
    """Return the milliseconds of each method on each image, the least of all rounds.

    The methods take turns, each with all images, as a loop over images would: right after another method, one finds the
    processor's caches full of what that one needed. Each round starts with another method.
    """
    names = list(methods)
    milliseconds = {name: np.full(len(photos), np.inf) for name in names}
    for name in names:
        methods[name](photos[0])  # loads what is imported late
    for number_of_round in range(rounds):
        shift = number_of_round % len(names)
        for name in names[shift:] + names[:shift]:
            for position, photo in enumerate(photos):
                start = perf_counter()
                methods[name](photo)
                milliseconds[name][position] = min(milliseconds[name][position], 1e3 * (perf_counter() - start))
            advance()
    return milliseconds
