"""Length and roughness of the border of a mask."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import atan, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._geometry import dilate, erode, sweep_offsets, to_bits

# Each direction has a step (rows, columns) from a pixel to the next one on a line, and a weight. In Crofton's formula,
# one crossing adds the weight to the length: half the angle between the neighboring directions times the distance of
# the parallel lines.
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
# Steps at which the roughness is measured, as fractions of the square root of the area.
COARSEST = 1 / 8
_FRACTIONS = [COARSEST * 2 ** (-step / 2) for step in range(7)]


class Border:
    """Border of a mask: the points where lines in eight directions cross it.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        Pixels outside the array count as background.
    """

    def __init__(self, mask: NDArray[np.bool_]):
        self.mask = mask

    @cached_property
    def crossings(self) -> list[NDArray[np.bool_]]:
        """For each direction, True if a pixel and the next one differ; flattened, with a margin of two pixels."""
        flat, width = _flatten_mask(self.mask, 2)
        return [_find_changes(flat, rows * width + columns) for rows, columns, _ in DIRECTIONS]

    @cached_property
    def length(self) -> float:
        r"""Length of the border, in pixels.

        Crofton's formula over eight directions: lines through the pixel centers along :math:`(0, 1), (1, 2), (1, 1),
        \dots` cross the border :math:`n_k` times, and :math:`P = \frac12 \sum_k \Delta\theta_k\, n_k / |v_k|` for
        steps :math:`v_k` that stand for the angles :math:`\Delta\theta_k`.
        """
        pairs = zip(self.crossings, DIRECTIONS, strict=True)
        return float(sum(weight * np.count_nonzero(crossing) for crossing, (_, _, weight) in pairs))

    def radial_moments(self, row: float, column: float) -> tuple[float, float]:
        """Return the mean and the variance of the distance from a point to the border."""
        found = [np.flatnonzero(crossing) for crossing in self.crossings]
        rows, columns, weights = np.repeat(np.transpose(DIRECTIONS), [len(each) for each in found], axis=1)
        y, x = np.divmod(np.concatenate(found), self.mask.shape[1] + 4)
        distance = np.hypot(y + (rows / 2 - 2 - row), x + (columns / 2 - 2 - column))
        weights /= weights.sum()
        mean = float(distance @ weights)
        return mean, float((distance - mean) ** 2 @ weights)

    def fourier(self, row: float, column: float, orders: Sequence[int]) -> list[float]:
        r"""Return the harmonics of the squared radius around a point, relative to that of order 0.

        A harmonic is the integral of :math:`e^{ik\theta}` over the mask. By Gauss's theorem it equals the flux of
        :math:`e^{ik\theta} (x, y) / 2` through the border. The lines are rows and columns, at distance 1. At each
        crossing, they carry the two components of the flux in or out.
        """
        turns, fluxes = [], []
        flat, width = _flatten_mask(self.mask, 2)
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
        steps = sorted({round(side * fraction) for fraction in _FRACTIONS} - {0})
        return steps if len(steps) > 1 else [1, 2]

    @cached_property
    def _bits(self) -> tuple[int, int]:
        """Mask with a margin as wide as the longest step, and the width of its rows."""
        return to_bits(self.mask, self._steps[-1])

    def fractal_dimension(self) -> float:
        r"""Return the fractal dimension of the border, from 1 (smooth) to 2.

        A mask moved by a step :math:`s` differs from itself over an area that grows as :math:`s^{2 - D}` for a border
        of dimension :math:`D`. A straight line through the logarithms of seven steps gives :math:`D`; each step is
        taken along rows, columns and both diagonals.
        """
        bits, width = self._bits
        swept = [
            sum(((bits << step * offset) ^ bits).bit_count() * weight for offset, weight in _list_offsets(width))
            for step in self._steps
        ]
        return _fit_dimension(self._steps, swept)

    def box_counting_dimension(self) -> float:
        r"""Return the box-counting dimension of the border, from 1 (smooth) to 2.

        On a grid of width :math:`s`, a border of dimension :math:`D` passes through :math:`n(s) \propto s^{-D}` boxes.
        The count is the mean over all :math:`s^2` positions of the grid, for the steps of `fractal_dimension`. It
        depends more on the directions of the border than `fractal_dimension`.
        """
        some, width = self._bits
        every, side, mixed = some, 0, []
        for step in self._steps:
            offsets = [offset for axis in (1, width) for offset in sweep_offsets(axis, step - side, swept=side)]
            some, every, side = dilate(some, offsets), erode(every, offsets), step
            mixed.append(some.bit_count() - every.bit_count())
        return _fit_dimension(self._steps, mixed)


def _fit_dimension(steps: Sequence[int], areas: Sequence[float]) -> float:
    """Return the dimension of a border from the areas of its neighborhoods of increasing width."""
    x, y = np.log(steps), np.log(areas)
    x -= x.mean()
    return min(max(2 - float(x @ y / (x @ x)), 1.0), 2.0)


def _list_offsets(width: int) -> tuple[tuple[int, float], ...]:
    return (1, 1.0), (width, 1.0), (width + 1, sqrt(0.5)), (width - 1, sqrt(0.5))


def _flatten_mask(mask: NDArray[np.bool_], margin: int) -> tuple[NDArray[np.bool_], int]:
    """Return the flattened mask with a margin of background, and the width of its rows.

    A step that is not longer than the margin never goes from the lesion around the end of a row back to the lesion.
    """
    height, width = mask.shape
    padded = np.zeros((height + 2 * margin, width + 2 * margin), dtype=bool)
    padded[margin : margin + height, margin : margin + width] = mask
    return padded.ravel(), width + 2 * margin


def _find_changes(flat: NDArray[np.bool_], offset: int) -> NDArray[np.bool_]:
    return flat[offset:] != flat[:-offset]
