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
_LINES = ("dark_lines", "bright_lines", "line_fraction")
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
# Room around the pixels for the widest smoothing.
_MARGIN = 2 * max(SCALES)
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
        self.frame = _Frame(*mask.shape)
        self.area = len(lightness)
        self._inside = self.frame.lay_out(mask)
        self.lightness = np.zeros(self._inside.shape, dtype=np.float32)
        self.lightness[self._inside] = lightness

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return that of a lesion."""
        crop = lesion.shared(Crop)
        return cls(crop.shape.mask, crop.lab[0])

    @cached_property
    def smoothed(self) -> list[NDArray[np.float32]]:
        """The lightness smoothed more and more, each time an average over pixels of the mask; 0 outside."""
        outside = (~self._inside).view(np.uint8)
        inside = self.frame.at(self._inside).astype(np.float32)
        levels = [self.lightness]
        for step in SCALES:
            # Of the weights, which add up to 256, a pixel of the mask has 36 itself: bytes hold those outside.
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
        """Root mean square of what each smoothing takes away."""
        bands = [finer - coarser for finer, coarser in pairwise(self.smoothed)]
        return [sqrt(float(np.vdot(band, band)) / self.area) for band in bands]

    @cached_property
    def gradient(self) -> list[float]:
        """Mean of the gradient's length and its coefficient of variation at each scale, in L* per pixel."""
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
        """Haralick's measures of pairs of levels, over four directions at each distance."""
        numbers = np.minimum(self.lightness * np.float32(_N_LEVELS / 100), _N_LEVELS - 1).astype(np.uint16)
        # Only differences of levels matter, so the lowest becomes 0. Outside the mask a level of its own, the last:
        # pairs that leave the mask are told apart by one count.
        known = numbers[self._inside]
        known -= known.min()
        size = int(known.max()) + 2
        numbers.fill(size - 1)
        numbers[self._inside] = known
        return [value for distance in DISTANCES for value in _haralick(self._count_pairs(numbers, size, distance))]

    def _count_pairs(self, numbers: NDArray[np.uint16], size: int, distance: int) -> NDArray[np.float64]:
        """Return the share of each pair of levels among pairs of pixels at a distance, in both orders."""
        diagonal = max(round(distance / sqrt(2)), 1)
        at = self.frame.at
        base = np.uint16(size)  # at most 33, so that sixteen bits hold a triple of levels
        table = np.zeros((size - 1, size - 1))
        for one, other in (((0, distance), (distance, 0)), ((diagonal, diagonal), (diagonal, -diagonal))):
            # Two pairs with the same first pixel are counted at once.
            triples = at(numbers) * base
            triples += at(numbers, *one)
            triples *= base
            triples += at(numbers, *other)
            counts = np.bincount(triples[at(self._inside)], minlength=size**3).reshape(size, size, size)
            for axis in (2, 1):
                found = counts.sum(axis=axis)[:-1, :-1]
                # Each direction counts the same, however many pairs there are.
                table += found / max(found.sum(), 1)
        table = table + table.T
        return table / max(table.sum(), 1e-12)

    @cached_property
    def patterns(self) -> list[float]:
        """Shares of the uniform local patterns with 0 to 8 brighter neighbors, and of all others."""
        at = self.frame.at
        center = at(self.lightness) + np.float32(_SEEN)
        bits = np.zeros(center.shape, dtype=np.uint8)
        for bit, (i, j) in enumerate(_AROUND):
            bits |= (at(self.lightness, i, j) > center).view(np.uint8) * np.uint8(1 << bit)
        counts = np.bincount(bits[self._inner], minlength=256)
        return list(np.bincount(_pattern_classes(), counts, minlength=10) / max(counts.sum(), 1))

    @cached_property
    def lines(self) -> list[float]:
        """Strength of dark and of bright lines, and share of the pixels on dark ones, at each scale."""
        found = []
        for whole, low, high in self.curvature.values():
            n_pixels = max(int(np.count_nonzero(whole)), 1)
            found += [self.frame.total(np.maximum(values, 0)) / n_pixels for values in (high, -low)]
            found.append(np.count_nonzero(high > SEEN_LINE) / n_pixels)
        return found

    @cached_property
    def curvature(self) -> dict[int, tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]]:
        """Second differences over each of `LINE_SCALES`: pixels, lower and higher eigenvalue.

        They tell how much darker a pixel is than both its sides, along the direction in which that is least, and
        across. Only for pixels whose eight neighbors at that distance are in the mask; 0 elsewhere.
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
    """Pixels in one row, with a margin of zeros on all sides: their neighbors at a distance are one slice of it.

    Slices of one row are several times as fast as slices of many.

    Parameters
    ----------
    height, width : int
        Size without the margin.
    """

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.row = width + _MARGIN  # to the right of a row is to the left of the next
        self.start = _MARGIN * (self.row + 1)
        self.stop = self.start + height * self.row

    def lay_out(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return pixels with their margin."""
        laid_out = np.zeros(self.stop + self.start, dtype=values.dtype)
        self.show(self.at(laid_out))[:] = values
        return laid_out

    def widen(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what `at` returned with the margin above and below."""
        return np.concatenate([np.zeros(self.start, values.dtype), values, np.zeros(self.start, values.dtype)])

    def show(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what `at` returned as rows and columns."""
        return values.reshape(self.height, self.row)[:, : self.width]

    def at(self, values: NDArray[Any], rows: int = 0, columns: int = 0, step: int = 1) -> NDArray[Any]:
        """Return the neighbor of each pixel so many steps downwards and to the right."""
        offset = step * (rows * self.row + columns)
        return values[self.start + offset : self.stop + offset]

    def total(self, values: NDArray[np.float32]) -> float:
        """Return the sum of what `at` returned: of each row first, which is more exact than all in one float32."""
        return float(values.reshape(self.height, self.row).sum(axis=1).sum(dtype=np.float64))

    def sum_around(self, values: NDArray[Any], step: int) -> NDArray[Any]:
        """Convolve with a B3 spline whose taps lie `step` pixels apart, times 256.

        The spline, [1, 4, 6, 4, 1], is what four sums of two neighbors make.
        """
        reach = 2 * step * (self.row + 1)
        sums = values[self.start - reach : self.stop + reach]
        for offset in (step * self.row, step):
            for _ in range(4):
                sums = sums[:-offset] + sums[offset:]
        return sums

    def surrounded(self, mask: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
        """Tell which pixels have all eight neighbors at a distance in a mask, and are in it themselves."""
        found = mask[self.start - step * (self.row + 1) : self.stop + step * (self.row + 1)]
        for offset in (step * self.row, step):
            found = found[: -2 * offset] & found[offset:-offset] & found[2 * offset :]
        return found


@cache
def _pattern_classes() -> NDArray[np.intp]:
    """Return the class of each pattern of eight bits: the number of ones if they are together, else 9."""
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1)
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    return np.where(changes <= 2, bits.sum(axis=1, dtype=np.intp), 9)


def _haralick(table: NDArray[np.float64]) -> tuple[float, float, float, float, float]:
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
