"""Texture inside a lesion: details at several scales, local patterns, pairs of levels, lines."""

from __future__ import annotations

from functools import cache, cached_property
from itertools import pairwise
from math import sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._crop import Crop
from sklearn_melanoma.features._names import NamedMeasures, name_sources

#: Spacing of the taps of each smoothing, in pixels at the reader's size: what it takes away is about as wide.
SCALES = (1, 2, 4, 8)
#: Distances of the pairs of pixels.
DISTANCES = (1, 3, 9)
#: Scales at which lines are looked for.
LINE_SCALES = (2, 4)

_PAIRS = ("contrast", "homogeneity", "energy", "correlation", "entropy")
_LINES = ("dark_lines", "bright_lines", "line_share")
_SOURCES = name_sources(
    {
        "detail": [f"detail_{scale}" for scale in SCALES],
        "gradient": [f"gradient_{statistic}_{scale}" for scale in SCALES for statistic in ("mean", "cv")],
        "pairs": [f"glcm_{name}_{distance}" for distance in DISTANCES for name in _PAIRS],
        "patterns": [f"lbp_{name}" for name in (*range(9), "other")],
        "lines": [f"{name}_{scale}" for scale in LINE_SCALES for name in _LINES],
    }
)
TEXTURE_FEATURES = tuple(_SOURCES)

# Levels of lightness that are counted for pairs: each 100/32 = 3 units of L*.
_N_LEVELS = 32
# Less than this, in L*, is no difference: it keeps patterns from following the noise and the rounding.
_SEEN = 0.5
#: Levels from which a line or a spot counts as one: the least difference in L* that is plain to see.
SEEN_LINE = 2.0
# The eight neighbors, in order around.
_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


class Texture(NamedMeasures):
    """What the texture measures share, each found when first asked for.

    Only pixels of the mask are looked at: what lies outside has no influence.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True.
    lightness : ndarray of shape (n_pixels,), dtype float32
        L* of the pixels of the mask.
    """

    sources = _SOURCES

    def __init__(self, mask: NDArray[np.bool_], lightness: NDArray[np.float32]):
        self.mask = mask
        self.lightness = np.zeros(mask.shape, dtype=np.float32)
        self.lightness[mask] = lightness

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return that of a lesion."""
        crop = lesion.shared(Crop)
        return cls(crop.shape.mask, crop.lab[0])

    @cached_property
    def smoothed(self) -> list[NDArray[np.float32]]:
        """The lightness smoothed more and more, each time an average over pixels of the mask; 0 outside."""
        inside = self.mask.astype(np.uint16)
        levels = [self.lightness]
        for step in SCALES:
            weight = np.where(self.mask, _sum_around(inside, step), np.float32(np.inf))
            levels.append(np.divide(_sum_around(levels[-1], step), weight, dtype=np.float32))
        return levels

    def _whole(self, step: int) -> NDArray[np.intp]:
        """Return where in the flat mask the pixels are that have all eight neighbors at a distance in the mask."""
        whole = np.zeros_like(self.mask)
        if min(whole.shape) > 2 * step:
            high = self.mask[: -2 * step] & self.mask[step:-step] & self.mask[2 * step :]
            whole[step:-step, step:-step] = high[:, : -2 * step] & high[:, step:-step] & high[:, 2 * step :]
        return np.flatnonzero(whole)

    @cached_property
    def _inner(self) -> NDArray[np.intp]:
        return self._whole(1)

    @cached_property
    def detail(self) -> list[float]:
        """Root mean square of what each smoothing takes away."""
        bands = [finer - coarser for finer, coarser in pairwise(self.smoothed)]
        return [sqrt(float(np.vdot(band, band)) / np.count_nonzero(self.mask)) for band in bands]

    @cached_property
    def gradient(self) -> list[float]:
        """Mean of the gradient's length and its coefficient of variation at each scale, in L* per pixel."""
        found = []
        n_pixels = max(len(self._inner), 1)
        for level in self.smoothed[1:]:
            at = _Neighbors(level, 1)
            down, across = at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)
            slope = np.sqrt(at.pick(down * down + across * across, self._inner)) / 2
            mean = float(slope.sum(dtype=np.float64)) / n_pixels
            variance = float(np.vdot(slope, slope)) / n_pixels - mean**2
            found += [mean, sqrt(max(variance, 0)) / max(mean, 1e-3)]
        return found

    @cached_property
    def pairs(self) -> list[float]:
        """Haralick's measures of pairs of levels, over four directions at each distance."""
        numbers = np.minimum(self.lightness * np.float32(_N_LEVELS / 100), _N_LEVELS - 1).astype(np.int16)
        # Outside the mask a level of its own, so that pairs that leave the mask are told apart by one count.
        numbers[~self.mask] = _N_LEVELS
        return [value for distance in DISTANCES for value in _haralick(_count_pairs(numbers, distance))]

    @cached_property
    def patterns(self) -> list[float]:
        """Shares of the uniform local patterns with 0 to 8 brighter neighbors, and of all others."""
        at = _Neighbors(self.lightness, 1)
        centre = at(0, 0) + np.float32(_SEEN)
        bits = np.zeros(centre.shape, dtype=np.uint8)
        for bit, (i, j) in enumerate(_AROUND):
            bits |= (at(i, j) > centre).view(np.uint8) << np.uint8(bit)
        counts = np.bincount(at.pick(bits, self._inner), minlength=256)
        return list(np.bincount(_pattern_classes(), counts, minlength=10) / max(len(self._inner), 1))

    @cached_property
    def lines(self) -> list[float]:
        """Strength of dark and of bright lines, and share of the pixels on dark ones, at each scale."""
        found = []
        for _, low, high in self.curvature.values():
            n_pixels = max(high.size, 1)
            found += [float(np.maximum(values, 0).sum(dtype=np.float64)) / n_pixels for values in (high, -low)]
            found.append(np.count_nonzero(high > SEEN_LINE) / n_pixels)
        return found

    @cached_property
    def curvature(self) -> dict[int, tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]]:
        """Second differences over each of `LINE_SCALES`: positions in the flat mask, lower and higher eigenvalue.

        They tell how much darker a pixel is than both its sides, along the direction in which that is least, and
        across. Only for pixels whose eight neighbors at that distance are in the mask.
        """
        found = {}
        for scale in LINE_SCALES:
            at = _Neighbors(self.smoothed[SCALES.index(scale)], scale)
            down, across = at(1, 0) + at(-1, 0), at(0, 1) + at(0, -1)
            mixed = ((at(1, 1) + at(-1, -1)) - (at(1, -1) + at(-1, 1))) / 2
            places = self._whole(scale)
            mean = at.pick((down + across) / 4 - at(0, 0), places)
            down -= across
            half = np.sqrt(at.pick(down * down + mixed * mixed, places)) / 4
            found[scale] = places, mean - half, mean + half
        return found


class _Neighbors:
    """The neighbors of pixels at a distance: slices of the flat array, which are several times as fast as of rows.

    Where a row ends they are wrong: `pick` only what has its neighbors in the array.

    Parameters
    ----------
    values : ndarray of shape (height, width)
        One number for each pixel.
    step : int
        Distance of the neighbors.
    """

    def __init__(self, values: NDArray[Any], step: int):
        self.flat, self.row, self.step = values.ravel(), values.shape[1], step
        self.first = step * (self.row + 1)

    def __call__(self, rows: int, columns: int) -> NDArray[Any]:
        """Return the neighbors so many steps away of all pixels that have them."""
        start = self.first + self.step * (rows * self.row + columns)
        return self.flat[start : start + max(self.flat.size - 2 * self.first, 0)]

    def pick(self, values: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
        """Return what was worked out for pixels, for those at some places of the flat array only."""
        return values.take(places - self.first) if len(places) else values[:0]


def _sum_around(values: NDArray[Any], step: int) -> NDArray[Any]:
    """Convolve with a B3 spline whose taps lie `step` pixels apart, times 256; beyond the array is zero.

    The spline, [1, 4, 6, 4, 1], is what four sums of two neighbors make.
    """
    height, width = values.shape
    row = width + 4 * step
    sums = np.pad(values, ((2 * step, 2 * step + 1), (2 * step, 2 * step))).ravel()
    for offset in (step * row, step):
        for _ in range(4):
            sums = sums[:-offset] + sums[offset:]
    # What was summed around the end of a row lies in the margin.
    return sums[: height * row].reshape(height, row)[:, :width]


@cache
def _pattern_classes() -> NDArray[np.intp]:
    """Return the class of each pattern of eight bits: the number of ones if they are together, else 9."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1, dtype=np.intp), 9)


def _count_pairs(numbers: NDArray[np.int16], distance: int) -> NDArray[np.float64]:
    """Return the share of each pair of levels among pairs of pixels at a distance, in both orders, shape (32, 32)."""
    size = _N_LEVELS + 1
    diagonal = max(round(distance / sqrt(2)), 1)
    counts = np.zeros(size * size)
    weighted = numbers * np.int16(size)
    for rows, columns in ((0, distance), (distance, 0), (diagonal, diagonal), (diagonal, -diagonal)):
        height, width = numbers.shape[0] - rows, numbers.shape[1] - abs(columns)
        if height > 0 and width > 0:
            first = weighted[:height, max(-columns, 0) : max(-columns, 0) + width]
            second = numbers[rows:, max(columns, 0) : max(columns, 0) + width]
            found = np.bincount((first + second).ravel(), minlength=size * size)
            # Each direction counts the same, however many pairs there are.
            inside = found.reshape(size, size)[:-1, :-1].sum()
            counts += found / max(inside, 1)
    table = counts.reshape(size, size)[:-1, :-1]
    table = table + table.T
    return table / max(table.sum(), 1e-12)


def _haralick(table: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
    levels = np.arange(_N_LEVELS)
    squares = (levels[:, np.newaxis] - levels) ** 2
    margin = table.sum(axis=1)
    mean = float(margin @ levels)
    deviations = levels - mean
    variance = float(margin @ deviations**2)
    covariance = float(deviations @ table @ deviations)
    known = table[table > 0]
    return (
        float((table * squares).sum()),
        float((table / (1 + squares)).sum()),
        sqrt(float((table**2).sum())),
        covariance / variance if variance > 1e-9 else 1.0,
        float(known @ np.log2(1 / known)),
    )
