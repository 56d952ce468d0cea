"""Texture matrices of the gray levels in a mask, as PyRadiomics counts them in two dimensions."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from sklearn_melanoma._typing import Array, Mask

#: Rows and columns from a pixel to its neighbor in the four directions.
DIRECTIONS = ((0, 1), (1, -1), (1, 0), (1, 1))


def number_levels(values: Array, *, bin_width: float, n_bins: int | None) -> NDArray[np.intp]:
    """Return the gray level of each pixel, from 1.

    Parameters
    ----------
    values : ndarray of shape (n_pixels,), dtype float64
        At least one value.
    bin_width : float
        Width of a level. A level starts at each multiple of it. Ignored if `n_bins` is given.
    n_bins : int, optional
        Number of levels of equal width from the smallest to the largest value.

    Returns
    -------
    ndarray of shape (n_pixels,), dtype intp
        With `bin_width`, the smallest value has level 1.
    """
    if n_bins is None:
        levels = np.floor(values / bin_width)
        return (levels - levels.min()).astype(np.intp) + 1
    edges = np.histogram_bin_edges(values, n_bins)
    return np.searchsorted(edges[1:-1], values, side="right") + 1


class LevelMatrices:
    """Texture matrices of one mask, each computed at its first use. They hold only gray levels that occur.

    Parameters
    ----------
    levels : ndarray of shape (n_pixels,), dtype intp
        Gray levels of the pixels of the mask, from 1, row by row.
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True.
    """

    def __init__(self, levels: NDArray[np.intp], mask: Mask):
        self.mask = mask
        counts = np.bincount(levels)
        present = np.flatnonzero(counts)
        #: Gray levels that occur, in ascending order, of shape (n_levels,).
        self.levels = present.astype(np.float64)
        #: Number of pixels of each, of shape (n_levels,).
        self.counts = counts[present].astype(np.float64)
        numbers = np.zeros(len(counts), dtype=np.uint16)  # small numbers keep the image in the processor's cache
        numbers[present] = np.arange(1, len(present) + 1)
        # The image has an empty column on the right and an empty row below. So in the flattened image, all neighbors in
        # one direction are one slice, and a step over the border of the image ends at an empty pixel.
        height, width = mask.shape
        self._image = np.zeros((height + 1, width + 1), dtype=np.uint16)
        self._image[:-1, :-1][mask] = numbers[levels]
        self._flat = self._image.ravel()
        self._offsets = [row * (width + 1) + column for row, column in DIRECTIONS]

    @cached_property
    def pairs(self) -> Array:
        """Fraction of each pair of levels of adjacent pixels, of shape (n_directions, n_levels, n_levels).

        The tables are symmetric. Directions without any pair are left out.
        """
        base = len(self.levels) + 1
        tables = []
        scaled = self._flat.astype(np.intp) * base
        for offset in self._offsets:
            codes = scaled[:-offset] + self._flat[offset:]
            table = np.bincount(codes, minlength=base**2).reshape(base, base)[1:, 1:].astype(np.float64)
            tables.append(table + table.T)
        counts = np.array(tables)
        totals = counts.sum(axis=(1, 2), keepdims=True)
        known = totals.ravel() > 0
        return counts[known] / totals[known]

    @cached_property
    def runs(self) -> Array:
        """Number of runs of each level and length, of shape (n_directions, n_levels, n_lengths), lengths from 1.

        A run is a maximal row of pixels of the same level. Directions are left out if each line along them has at most
        one pixel of the mask.
        """
        n_lengths = max(self.mask.shape)
        tables = []
        for offset, direction in zip(self._offsets, DIRECTIONS, strict=True):
            numbers, lengths = _find_runs(self._line_up(offset))
            if lengths.max() > 1 or self._share_a_line(*direction):
                tables.append(_count(numbers, lengths - 1, (len(self.levels), n_lengths)))
        return np.array(tables).reshape(-1, len(self.levels), n_lengths)

    def _line_up(self, offset: int) -> NDArray[np.uint16]:
        """Return the flattened image, reordered so that pixels with the distance `offset` are adjacent."""
        padded = np.concatenate([self._flat, np.zeros(-len(self._flat) % offset, dtype=np.uint16)])
        return padded.reshape(-1, offset).T.ravel()

    def _share_a_line(self, down: int, right: int) -> bool:
        """Return whether two pixels of the mask lie on one line along a direction."""
        rows, columns = np.nonzero(self.mask)
        lines = down * columns - right * rows
        return len(np.unique(lines)) < len(lines)

    @cached_property
    def zones(self) -> tuple[Array, Array]:
        """Number of zones of each level and size, of shape (n_levels, n_sizes), and the sizes.

        A zone is a connected part of pixels of the same level. Pixels that touch at a corner are connected.
        """
        parts = label(self._image, background=0, connectivity=2).ravel()
        areas = np.bincount(parts)[1:]
        numbers = np.zeros(len(areas) + 1, dtype=np.uint16)
        numbers[parts] = self._flat
        sizes, which = np.unique(areas, return_inverse=True)
        return _count(numbers[1:], which, (len(self.levels), len(sizes))), sizes.astype(np.float64)

    @cached_property
    def dependences(self) -> Array:
        """Number of pixels of each level, by the number of pixels of that level around them, of shape (n_levels, 9).

        The number includes the pixel itself, so it is from 1 to 9.
        """
        equal = np.zeros(len(self._flat), dtype=np.uint8)
        for offset in self._offsets:
            same = self._flat[:-offset] == self._flat[offset:]
            equal[:-offset] += same
            equal[offset:] += same
        inside = self._flat > 0
        return _count(self._flat[inside], equal[inside], (len(self.levels), 9))

    @cached_property
    def differences(self) -> Array:
        """For each level, sum of the differences of its pixels from the mean level of their neighbors; (n_levels,).

        The difference of a pixel without neighbors is 0.
        """
        values = np.concatenate([[0], self.levels]).astype(np.uint16)[self._flat]
        inside = self._flat > 0
        sums, neighbors = self._add_neighbors(values), self._add_neighbors(inside.view(np.uint8))
        inside &= neighbors > 0
        distances = np.abs(values[inside] - sums[inside] / neighbors[inside])
        sums_by_number = np.bincount(self._flat[inside], distances, minlength=len(self.levels) + 1)
        return sums_by_number[1:].astype(np.float64)

    def _add_neighbors(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sum of the eight neighbors of each pixel of the flattened image."""
        sums = np.zeros_like(values)
        for offset in self._offsets:
            sums[:-offset] += values[offset:]
            sums[offset:] += values[:-offset]
        return sums


def _find_runs(numbers: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.intp]]:
    """Return the number and the length of each run of equal numbers other than 0."""
    starts = np.concatenate([[0], np.flatnonzero(numbers[1:] != numbers[:-1]) + 1])
    lengths = np.diff(starts, append=len(numbers))
    found = numbers[starts]
    return found[found > 0], lengths[found > 0]


def _count(numbers: NDArray[np.uint16], columns: NDArray[Any], shape: tuple[int, int]) -> Array:
    """Return how often each pair of a level (a number from 1) and a column occurs."""
    counts = np.bincount((numbers.astype(np.intp) - 1) * shape[1] + columns, minlength=shape[0] * shape[1])
    return counts.reshape(shape).astype(np.float64)
