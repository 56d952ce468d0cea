"""Texture features of a lesion: details at several scales, local patterns, pairs of levels and lines."""

from __future__ import annotations

from functools import cache, cached_property
from itertools import pairwise
from math import sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._crop import Crop
from sklearn_melanoma.features._names import LesionFeatures, map_sources

#: Spacing of the taps of each smoothing, in pixels at the working size. It removes details of about this width.
SCALES = (1, 2, 4, 8)
#: Distances of the pairs of pixels.
DISTANCES = (1, 3, 9)
#: Scales at which lines are detected.
LINE_SCALES = (2, 4)

_PAIRS = ("contrast", "homogeneity", "energy", "correlation", "entropy")
_LINES = ("dark_lines", "bright_lines", "line_fraction")
_SOURCES = map_sources(
    {
        "detail": [f"detail_{scale}" for scale in SCALES],
        "gradient": [f"gradient_{statistic}_{scale}" for scale in SCALES for statistic in ("mean", "cv")],
        "pairs": [f"glcm_{name}_{distance}" for distance in DISTANCES for name in _PAIRS],
        "patterns": [f"lbp_{name}" for name in (*range(9), "other")],
        "lines": [f"{name}_{scale}" for scale in LINE_SCALES for name in _LINES],
    }
)
TEXTURE_FEATURES = tuple(_SOURCES)

# Number of levels of lightness for pairs of pixels; each spans 100/32 = 3 units of L*.
_N_LEVELS = 32
# A smaller difference in L* does not count, so that patterns do not follow noise and rounding.
_MIN_DIFFERENCE = 0.5
#: Minimum strength of a line or a spot, in L*: the smallest difference that is easy to see.
SEEN_LINE = 2.0
# Margin around the pixels for the widest smoothing.
_MARGIN = 2 * max(SCALES)
# The eight neighbors, in order around the pixel.
_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


class Texture(LesionFeatures):
    """Texture features of one lesion and their intermediate results, each computed at its first use.

    Pixels outside the mask have no influence.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True.
    lightness : ndarray of shape (n_pixels,), dtype float32
        L* of the pixels of the mask.
    """

    sources = _SOURCES

    def __init__(self, mask: NDArray[np.bool_], lightness: NDArray[np.float32]):
        self.frame = _Frame(*mask.shape)
        self.area = len(lightness)
        self._inside = self.frame.lay_out(mask)
        self.lightness = np.zeros(self._inside.shape, dtype=np.float32)
        self.lightness[self._inside] = lightness

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return the texture features of a lesion."""
        crop = lesion.shared(Crop)
        return cls(crop.morphology.mask, crop.lab[0])

    @cached_property
    def smoothed(self) -> list[NDArray[np.float32]]:
        """Lightness before and after each smoothing, which averages over pixels of the mask; 0 outside."""
        outside = (~self._inside).view(np.uint8)
        inside = self.frame.at(self._inside).astype(np.float32)
        levels = [self.lightness]
        for step in SCALES:
            # All weights add up to 256, and a pixel of the mask itself has 36. So a byte holds the sum over pixels
            # outside.
            weight = np.subtract(256, self.frame.sum_around(outside, step), dtype=np.float32)
            level = self.frame.sum_around(levels[-1], step)
            level /= weight
            level *= inside
            levels.append(self.frame.widen(level))
        return levels

    @cached_property
    def _inner(self) -> NDArray[np.bool_]:
        return self.frame.surrounded(self._inside, 1)

    @cached_property
    def detail(self) -> list[float]:
        """Root mean square of the detail that each smoothing removes."""
        bands = [finer - coarser for finer, coarser in pairwise(self.smoothed)]
        return [sqrt(float(np.vdot(band, band)) / self.area) for band in bands]

    @cached_property
    def gradient(self) -> list[float]:
        """Mean length of the gradient, in L* per pixel, and its coefficient of variation, at each scale."""
        found = []
        inner = self._inner.astype(np.float32)
        n_pixels = max(int(np.count_nonzero(self._inner)), 1)
        at = self.frame.at
        for level in self.smoothed[1:]:
            down, across = at(level, 1, 0) - at(level, -1, 0), at(level, 0, 1) - at(level, 0, -1)
            down *= down
            across *= across
            down += across
            down *= inner
            square = self.frame.total(down) / 4 / n_pixels
            mean = self.frame.total(np.sqrt(down, out=down)) / 2 / n_pixels
            found += [mean, sqrt(max(square - mean**2, 0)) / max(mean, 1e-3)]
        return found

    @cached_property
    def pairs(self) -> list[float]:
        """Haralick's features of pairs of levels, over four directions at each distance."""
        numbers = np.minimum(self.lightness * np.float32(_N_LEVELS / 100), _N_LEVELS - 1).astype(np.uint16)
        # Only differences of levels matter, so the lowest level becomes 0. Pixels outside the mask have the last level,
        # so that one histogram separates the pairs that leave the mask.
        known = numbers[self._inside]
        known -= known.min()
        size = int(known.max()) + 2
        numbers.fill(size - 1)
        numbers[self._inside] = known
        return [
            value for distance in DISTANCES for value in _compute_haralick(self._count_pairs(numbers, size, distance))
        ]

    def _count_pairs(self, numbers: NDArray[np.uint16], size: int, distance: int) -> NDArray[np.float64]:
        """Return the fraction of each pair of levels among pairs of pixels at a distance, in both orders."""
        diagonal = max(round(distance / sqrt(2)), 1)
        at = self.frame.at
        base = np.uint16(size)  # at most 33, so that sixteen bits hold a triple of levels
        table = np.zeros((size - 1, size - 1))
        for one, other in (((0, distance), (distance, 0)), ((diagonal, diagonal), (diagonal, -diagonal))):
            # One histogram of triples counts two pairs with the same first pixel.
            triples = at(numbers) * base
            triples += at(numbers, *one)
            triples *= base
            triples += at(numbers, *other)
            counts = np.bincount(triples[at(self._inside)], minlength=size**3).reshape(size, size, size)
            for axis in (2, 1):
                found = counts.sum(axis=axis)[:-1, :-1]
                # Each direction has the same weight, regardless of the number of pairs.
                table += found / max(found.sum(), 1)
        table = table + table.T
        return table / max(table.sum(), 1e-12)

    @cached_property
    def patterns(self) -> list[float]:
        """Fractions of the uniform local patterns with 0 to 8 brighter neighbors, and of all other patterns."""
        at = self.frame.at
        center = at(self.lightness) + np.float32(_MIN_DIFFERENCE)
        bits = np.zeros(center.shape, dtype=np.uint8)
        for bit, (i, j) in enumerate(_AROUND):
            bits |= (at(self.lightness, i, j) > center).view(np.uint8) * np.uint8(1 << bit)
        counts = np.bincount(bits[self._inner], minlength=256)
        return list(np.bincount(_classify_patterns(), counts, minlength=10) / max(counts.sum(), 1))

    @cached_property
    def lines(self) -> list[float]:
        """Strength of dark lines and of bright lines, and fraction of the pixels on dark lines, at each scale."""
        found = []
        for whole, low, high in self.curvature.values():
            n_pixels = max(int(np.count_nonzero(whole)), 1)
            found += [self.frame.total(np.maximum(values, 0)) / n_pixels for values in (high, -low)]
            found.append(np.count_nonzero(high > SEEN_LINE) / n_pixels)
        return found

    @cached_property
    def curvature(self) -> dict[int, tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]]:
        """Second differences over each of `LINE_SCALES`: pixels, lower and higher eigenvalue.

        An eigenvalue is the difference in lightness between both sides of a pixel and the pixel itself: along the
        direction with the smallest difference, and across it. The eigenvalues are 0 if not all eight neighbors at that
        distance are in the mask.
        """
        found = {}
        at = self.frame.at
        for scale in LINE_SCALES:
            level = self.smoothed[SCALES.index(scale)]
            whole = self.frame.surrounded(self._inside, scale)
            up, down = at(level, -1, 0, scale), at(level, 1, 0, scale)
            left, right = at(level, 0, -1, scale), at(level, 0, 1, scale)
            falling = at(level, 1, 1, scale) + at(level, -1, -1, scale)
            rising = at(level, 1, -1, scale) + at(level, -1, 1, scale)
            upright, lying, mixed = down + up, right + left, (falling - rising) / 2
            mean = (upright + lying) / 4 - at(level)
            upright -= lying
            half = np.sqrt(upright * upright + mixed * mixed) / 4
            inner = whole.astype(np.float32)
            found[scale] = whole, (mean - half) * inner, (mean + half) * inner
        return found


class _Frame:
    """Layout of the pixels in one row with a margin of zeros; all neighbors in one direction are one slice.

    Slices of one row are several times as fast as slices of many rows.

    Parameters
    ----------
    height, width : int
        Size without the margin.
    """

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.row = width + _MARGIN  # the right margin of a row is the left margin of the next
        self.start = _MARGIN * (self.row + 1)
        self.stop = self.start + height * self.row

    def lay_out(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an image in this layout, with its margin."""
        laid_out = np.zeros(self.stop + self.start, dtype=values.dtype)
        self.show(self.at(laid_out))[:] = values
        return laid_out

    def widen(self, values: NDArray[Any]) -> NDArray[Any]:
        """Add the margin above and below to the result of `at`."""
        return np.concatenate([np.zeros(self.start, values.dtype), values, np.zeros(self.start, values.dtype)])

    def show(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the result of `at` as rows and columns."""
        return values.reshape(self.height, self.row)[:, : self.width]

    def at(self, values: NDArray[Any], rows: int = 0, columns: int = 0, step: int = 1) -> NDArray[Any]:
        """Return the neighbor of each pixel, `rows` steps downwards and `columns` steps to the right."""
        offset = step * (rows * self.row + columns)
        return values[self.start + offset : self.stop + offset]

    def total(self, values: NDArray[np.float32]) -> float:
        """Return the sum of the result of `at`, first by row: this is more accurate than one sum in float32."""
        return float(values.reshape(self.height, self.row).sum(axis=1).sum(dtype=np.float64))

    def sum_around(self, values: NDArray[Any], step: int) -> NDArray[Any]:
        """Convolve with a B3 spline whose taps are `step` pixels apart, times 256.

        Four sums of two neighbors give the spline [1, 4, 6, 4, 1].
        """
        reach = 2 * step * (self.row + 1)
        sums = values[self.start - reach : self.stop + reach]
        for offset in (step * self.row, step):
            for _ in range(4):
                sums = sums[:-offset] + sums[offset:]
        return sums

    def surrounded(self, mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
        """Return the pixels of a mask whose eight neighbors at a distance are all in the mask."""
        found = mask[self.start - step * (self.row + 1) : self.stop + step * (self.row + 1)]
        for offset in (step * self.row, step):
            found = found[: -2 * offset] & found[offset:-offset] & found[2 * offset :]
        return found


@cache
def _classify_patterns() -> NDArray[np.intp]:
    """Return the class of each pattern of eight bits: the number of ones if they are adjacent, else 9."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1, dtype=np.intp), 9)


def _compute_haralick(table: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
    levels = np.arange(len(table))
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
