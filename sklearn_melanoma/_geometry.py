"""Geometry of masks that several stages share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of the smallest upright rectangle that holds a mask; empty slices where it is empty."""
    bounds = []
    for axis in (1, 0):
        hit = np.flatnonzero(mask.any(axis=axis))
        bounds.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
    return bounds[0], bounds[1]
