"""Length and roughness of the border of a mask, from counting where lines cross it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import atan, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._geometry import dilate, erode, sweep_offsets, to_bits

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
_ALONG_AXES = 0, 4
# Steps of the border's roughness, as fractions of the square root of the area.
COARSEST = 1 / 8
_SHARES = [COARSEST * 2 ** (-step / 2) for step in range(7)]


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

    def radial_moments(self, row: float, column: float) -> tuple[float, float]:
        """Return mean and variance of the distance from a point to the border."""
        found = [np.flatnonzero(crossing) for crossing in self.crossings]
        rows, columns, weights = np.repeat(np.transpose(DIRECTIONS), [len(each) for each in found], axis=1)
        y, x = np.divmod(np.concatenate(found), self.mask.shape[1] + 4)
        distance = np.hypot(y + (rows / 2 - 2 - row), x + (columns / 2 - 2 - column))
        weights /= weights.sum()
        mean = float(distance @ weights)
        return mean, float((distance - mean) ** 2 @ weights)

    def fourier(self, row: float, column: float, orders: Sequence[int]) -> list[float]:
        r"""Return the harmonics of the squared radius around a point, relative to that of order 0.

        The integral of :math:`e^{ik\theta}` over the mask, by Gauss's theorem the flux of
        :math:`e^{ik\theta} (x, y) / 2` through its border: lines along rows and columns, at
        distance 1, carry the two components of it in or out at each crossing.
        """
        turns, fluxes = [], []
        flat, width = _flat(self.mask, 2)
        for crossing, (rows, columns, _) in ((self.crossings[i], DIRECTIONS[i]) for i in _ALONG_AXES):
            found = np.flatnonzero(crossing)
            y, x = np.divmod(found, width)
            y, x = y + (rows / 2 - 2 - row), x + (columns / 2 - 2 - column)
            turns.append(x + 1j * y)
            fluxes.append(np.where(flat[found], 0.5, -0.5) * (rows * y + columns * x))
        turn, flux = np.concatenate(turns), np.concatenate(fluxes)
        turn /= np.where(turn == 0, 1, np.abs(turn))
        area = flux.sum()
        return [float(abs(flux @ turn**order) / area) for order in orders]

    @cached_property
    def _steps(self) -> list[int]:
        """Steps at which the roughness is measured, in pixels; at least two."""
        side = sqrt(np.count_nonzero(self.mask))
        steps = sorted({round(side * share) for share in _SHARES} - {0})
        return steps if len(steps) > 1 else [1, 2]

    @cached_property
    def _bits(self) -> tuple[int, int]:
        """Return the mask with a margin as wide as the longest step, and the width of its rows."""
        return to_bits(self.mask, self._steps[-1])

    def fractal_dimension(self) -> float:
        """Return the fractal dimension of the border, 1 for a smooth one, up to 2."""
        bits, width = self._bits
        swept = [
            sum(
                ((bits << step * offset) ^ bits).bit_count() * weight
                for offset, weight in _straight_and_diagonal(width)
            )
            for step in self._steps
        ]
        return _dimension(self._steps, swept)

    def box_counting_dimension(self) -> float:
        """Return the dimension of the border from counting boxes, 1 for a smooth one, up to 2."""
        some, width = self._bits
        every, side, mixed = some, 0, []
        for step in self._steps:
            offsets = [offset for axis in (1, width) for offset in sweep_offsets(axis, step - side, swept=side)]
            some, every, side = dilate(some, offsets), erode(every, offsets), step
            mixed.append(some.bit_count() - every.bit_count())
        return _dimension(self._steps, mixed)


def _dimension(steps: Sequence[int], areas: Sequence[float]) -> float:
    """Return the dimension of a border whose neighborhood of growing width has these areas."""
    x, y = np.log(steps), np.log(areas)
    x -= x.mean()
    return min(max(2 - float(x @ y / (x @ x)), 1.0), 2.0)


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
