"""Protrusions and indentations of a mask at one scale, and its parts and holes."""

from __future__ import annotations

from functools import cached_property
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import dilate, erode, sweep_offsets, to_bits, to_mask
from sklearn_melanoma.features._border import COARSEST, DIRECTIONS


class Irregularity:
    """Protrusions and indentations of a mask: the parts that opening removes and closing adds.

    The structuring element is a polygon with sixteen sides instead of a disk. The mask is swept along each of the eight
    `DIRECTIONS` by the length of a side. This takes a few operations on whole arrays; a disk would take three distance
    maps.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True. Pixels outside the array count as background.
    """

    def __init__(self, mask: NDArray[np.bool_]):
        self._box = mask.shape
        radius = COARSEST * sqrt(np.count_nonzero(mask))
        # A side spans the angle of its direction, and the weight of the direction contains half of this angle.
        sides = [(rows, columns, round(2 * radius * weight)) for rows, columns, weight in DIRECTIONS]
        # Sweeping extends the mask downwards and to both sides.
        below = sum(rows * count for rows, _, count in sides)
        right = sum(max(columns, 0) * count for _, columns, count in sides)
        self._left = sum(max(-columns, 0) * count for _, columns, count in sides)
        self._bits, self._width = to_bits(mask, ((0, below), (self._left, right)))
        steps = [sweep_offsets(rows * self._width + columns, count) for rows, columns, count in sides]
        self._offsets = [offset for each in steps for offset in each]

    @cached_property
    def protrusions(self) -> list[int]:
        """Areas of the parts that opening removes; a single 0 if there are none."""
        return self._areas(self._bits & ~dilate(erode(self._bits, self._offsets), self._offsets))

    @cached_property
    def indentations(self) -> list[int]:
        """Areas of the parts that closing adds; a single 0 if there are none."""
        return self._areas(erode(dilate(self._bits, self._offsets), self._offsets) & ~self._bits)

    def _areas(self, bits: int) -> list[int]:
        """Return the areas of the connected parts in the box of the mask.

        The closing has no pixels outside this box, except artifacts from the ends of rows.
        """
        height, width = self._box
        region = to_mask(bits, (height, self._width))[:, self._left : self._left + width]
        labels, count = ndi.label(region, np.ones((3, 3), dtype=bool))
        return np.bincount(labels[region])[1:].tolist() if count else [0]


class Parts:
    """Parts and holes of a mask, and its border to the outside.

    Pixels of a part may touch at corners; pixels of a hole must touch at edges.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        Pixels outside the array count as background.
    """

    def __init__(self, mask: NDArray[np.bool_]):
        self._mask = mask
        self._flat = np.pad(mask, 1).ravel()
        self._width = mask.shape[1] + 2
        labels, count = ndi.label(~self._flat.reshape(-1, self._width))
        self.n_holes = int(count) - 1
        self._outside = (labels == 1).ravel() if self.n_holes else ~self._flat  # the corner has label 1

    @property
    def n_parts(self) -> int:
        """Number of parts: Euler number (pixels minus edges plus corners) plus number of holes."""
        pixels, width = to_bits(self._mask, 1)
        upright, lying, corners = (dilate(pixels, offsets).bit_count() for offsets in ([1], [width], [1, width]))
        return corners - upright - lying + pixels.bit_count() + self.n_holes

    @property
    def outer_border(self) -> NDArray[np.intp]:
        """Row and column of the pixels with at least one of four neighbors outside. Holes do not count as outside."""
        near = np.zeros_like(self._outside)
        for offset in (1, self._width):
            near[offset:] |= self._outside[:-offset]
            near[:-offset] |= self._outside[offset:]
        rows, columns = np.divmod(np.flatnonzero(near & self._flat), self._width)
        return np.column_stack([rows - 1, columns - 1])
