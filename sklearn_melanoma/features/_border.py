"""Length and roughness of the border of a mask, from counting where lines cross it."""

from __future__ import annotations

from functools import cached_property
from math import atan, pi, sqrt

import numpy as np
from numpy.typing import NDArray

# Steps (rows, columns) from a pixel to the next one on a line, and half the angle that the direction stands for times
# the distance of its parallel lines: what one crossing adds to the length in Crofton's formula.
_AXIS, _KNIGHT, _DIAGONAL = atan(1 / 2) / 2, pi / 16 / sqrt(5), atan(1 / 3) / 2 / sqrt(2)
DIRECTIONS = (
    (0, 1, _AXIS),
    (1, 2, _KNIGHT),
    (1, 1, _DIAGONAL),
    (2, 1, _KNIGHT),
    (1, 0, _AXIS),
    (2, -1, _KNIGHT),
    (1, -1, _DIAGONAL),
    (1, -2, _KNIGHT),
)
# Steps of the border's roughness, as fractions of the square root of the area.
_FINEST, _COARSEST, _N_STEPS = 1 / 64, 1 / 8, 7


class Border:
    """Border of a mask as the points where the lines of a fixed set of directions cross it.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        Pixels outside the array count as background.
    """

    def __init__(self, mask: NDArray[np.bool_]):
        self.mask = mask

    @cached_property
    def crossings(self) -> list[NDArray[np.bool_]]:
        """For each direction, where a pixel and the next one on its line differ; flat, with a margin of two pixels."""
        flat, width = _flat(self.mask, 2)
        return [_differs(flat, rows * width + columns) for rows, columns, _ in DIRECTIONS]

    @cached_property
    def length(self) -> float:
        """Length of the border, in pixels."""
        pairs = zip(self.crossings, DIRECTIONS, strict=True)
        return float(sum(weight * np.count_nonzero(crossing) for crossing, (_, _, weight) in pairs))

    def radial_variance(self, row: float, column: float) -> float:
        """Return the variance of the distance from a point to the border, over the square of its mean."""
        width = self.mask.shape[1] + 4
        distances, shares = [], []
        for crossing, (rows, columns, weight) in zip(self.crossings, DIRECTIONS, strict=True):
            y, x = np.divmod(np.flatnonzero(crossing), width)
            distances.append(np.hypot(y + (rows / 2 - 2 - row), x + (columns / 2 - 2 - column)))
            shares.append(np.full(len(y), weight))
        distance, share = np.concatenate(distances), np.concatenate(shares)
        mean = np.average(distance, weights=share)
        return float(np.average((distance - mean) ** 2, weights=share) / mean**2)

    def fractal_dimension(self) -> float:
        """Return the fractal dimension of the border, 1 for a smooth one, up to 2."""
        side = sqrt(np.count_nonzero(self.mask))
        steps = np.unique(np.rint(side * np.geomspace(_FINEST, _COARSEST, _N_STEPS)).astype(int))
        steps = steps[steps > 0]
        if len(steps) < 2:
            steps = np.array([1, 2])
        margin = int(steps[-1])
        flat, width = _flat(self.mask, margin)
        swept = [
            sum(_count(flat, step * offset) * weight for offset, weight in _straight_and_diagonal(width))
            for step in steps
        ]
        slope = np.polyfit(np.log(steps), np.log(swept), 1)[0]
        return float(np.clip(2 - slope, 1, 2))


def _straight_and_diagonal(width: int) -> tuple[tuple[int, float], ...]:
    return (1, 1.0), (width, 1.0), (width + 1, sqrt(0.5)), (width - 1, sqrt(0.5))


def _flat(mask: NDArray[np.bool_], margin: int) -> tuple[NDArray[np.bool_], int]:
    """Return the mask with a margin of background, as one row, and the width of its rows.

    Steps no longer than the margin never lead from lesion to lesion around its end.
    """
    height, width = mask.shape
    padded = np.zeros((height + 2 * margin, width + 2 * margin), dtype=bool)
    padded[margin : margin + height, margin : margin + width] = mask
    return padded.ravel(), width + 2 * margin


def _differs(flat: NDArray[np.bool_], offset: int) -> NDArray[np.bool_]:
    return flat[offset:] != flat[:-offset]


def _count(flat: NDArray[np.bool_], offset: int) -> int:
    return int(np.count_nonzero(_differs(flat, offset)))
