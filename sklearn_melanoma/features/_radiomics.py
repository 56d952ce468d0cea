"""Features of PyRadiomics in two dimensions, under its names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import hypot, nan, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Array, Mask
from sklearn_melanoma.features._hull import REACH, convex_hull, max_feret_diameter
from sklearn_melanoma.features._moments import Moments
from sklearn_melanoma.features._radiomics_matrices import LevelMatrices, number_levels
from sklearn_melanoma.features._radiomics_texture import (
    TEXTURE_NAMES,
    measure_dependences,
    measure_differences,
    measure_pairs,
    measure_runs,
    measure_zones,
)
from sklearn_melanoma.preprocessing._cielab import rgb_to_lab

SHAPE, _FIRST_ORDER = "shape2D", "firstorder"
_RGB, _LAB = ("red", "green", "blue"), ("lightness", "a", "b")
#: Names of the channels.
CHANNELS = ("gray", *_RGB, *_LAB)
_NAMES = {
    SHAPE: (
        *("Elongation", "MajorAxisLength", "MaximumDiameter", "MeshSurface", "MinorAxisLength", "Perimeter"),
        *("PerimeterSurfaceRatio", "PixelSurface", "Sphericity"),
    ),
    _FIRST_ORDER: (
        *("10Percentile", "90Percentile", "Energy", "Entropy", "InterquartileRange", "Kurtosis", "Maximum"),
        *("MeanAbsoluteDeviation", "Mean", "Median", "Minimum", "Range", "RobustMeanAbsoluteDeviation"),
        *("RootMeanSquared", "Skewness", "TotalEnergy", "Uniformity", "Variance"),
    ),
    **TEXTURE_NAMES,
}
#: Names of the features of each class, with the class, in the order of PyRadiomics.
CLASS_FEATURES = {kind: tuple(f"{kind}_{name}" for name in names) for kind, names in _NAMES.items()}
RADIOMICS_FEATURES = tuple(chain.from_iterable(CLASS_FEATURES.values()))

_MEASURE_TEXTURE: dict[str, Callable[[LevelMatrices], dict[str, float]]] = {
    "glcm": measure_pairs,
    "glrlm": measure_runs,
    "glszm": measure_zones,
    "gldm": measure_dependences,
    "ngtdm": measure_differences,
}
# Length of the outline, and area inside it, in a square of four pixel centers. The outline connects the points halfway
# between pixels of the mask and their neighbors outside. The first five values are for 0 to 4 pixels of the mask. The
# last is for two pixels that touch at a corner; the outline separates them.
_OPPOSITE = 5
_LENGTHS = np.array([0, sqrt(0.5), 1, sqrt(0.5), 0, sqrt(2)])
_AREAS = np.array([0, 1 / 8, 1 / 2, 7 / 8, 1, 1 / 4])


def expand_classes(features: Iterable[str]) -> list[str]:
    """Replace each name of a class by the names of its features."""
    return [
        name for each in features for name in (CLASS_FEATURES.get(each, (each,)) if isinstance(each, str) else (each,))
    ]


def measure_radiomics(
    lesion: Lesion, classes: Iterable[str], channels: Sequence[str], *, bin_width: float, n_bins: int | None
) -> dict[str, float]:
    """Return all features of some classes in some channels by the names of their columns.

    Parameters
    ----------
    lesion : Lesion
        With a mask of at least one pixel.
    classes : iterable of str
        Keys of `CLASS_FEATURES`.
    channels : sequence of str
        Names in `CHANNELS`.
    bin_width : float
        Width of a gray level.
    n_bins : int, optional
        Number of gray levels. If given, `bin_width` is ignored.

    Returns
    -------
    dict of str to float
        Features of the shape as ``shape2D_Elongation``, others as ``gray_glcm_Contrast``.
    """
    assert lesion.mask is not None
    mask = lesion.mask[lesion.box]
    chosen = set(classes)
    found = _add_prefix(measure_shape(mask, lesion.scale), SHAPE) if SHAPE in chosen else {}
    if chosen == {SHAPE}:
        return found
    for channel, values in _take_channels(lesion.image[lesion.box][mask].T, channels).items():
        matrices = LevelMatrices(number_levels(values, bin_width=bin_width, n_bins=n_bins), mask)
        if _FIRST_ORDER in chosen:
            found |= _add_prefix(measure_values(values, matrices.counts, lesion.scale), f"{channel}_{_FIRST_ORDER}")
        for name in chosen & set(_MEASURE_TEXTURE):
            found |= _add_prefix(_MEASURE_TEXTURE[name](matrices), f"{channel}_{name}")
    return found


def _add_prefix(features: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in features.items()}


def _take_channels(rgb: NDArray[np.uint8], names: Sequence[str]) -> dict[str, Array]:
    """Return the values of each channel from red, green and blue of shape (3, n_pixels)."""
    red, green, blue = rgb.astype(np.int64)
    # ITU-R BT.601 with the rounding of Pillow's `convert("L")`.
    gray = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16
    values: dict[str, NDArray[Any]] = {"gray": gray, **dict(zip(_RGB, rgb, strict=True))}
    if not values.keys() >= set(names):
        values |= zip(_LAB, rgb_to_lab(rgb), strict=True)
    return {name: values[name].astype(np.float64) for name in names}


def measure_values(values: Array, counts: Array, spacing: float) -> dict[str, float]:
    """Return the first-order features.

    Parameters
    ----------
    values : ndarray of shape (n_pixels,), dtype float64
        At least one value.
    counts : ndarray of shape (n_levels,), dtype float64
        Number of pixels of each gray level that occurs.
    spacing : float
        Width of a pixel.

    Returns
    -------
    dict of str to float
        Features by name. Skewness and kurtosis of equal values are 0. The robust mean absolute deviation of two
        different values is NaN, because neither lies between the percentiles.
    """
    low, quarter, median, three_quarters, high = np.percentile(values, (10, 25, 50, 75, 90))
    mean = values.mean()
    deviations = values - mean
    squares = deviations**2
    variance = squares.mean()
    energy = float(values @ values)
    inner = values[(values >= low) & (values <= high)]
    fractions = counts / counts.sum()
    least, greatest = values.min(), values.max()
    scale = variance if least < greatest else 1.0
    found = {
        "10Percentile": low,
        "90Percentile": high,
        "Energy": energy,
        "Entropy": fractions @ np.log2(1 / fractions),
        "InterquartileRange": three_quarters - quarter,
        "Kurtosis": (squares**2).mean() / scale**2,
        "Maximum": greatest,
        "MeanAbsoluteDeviation": np.abs(deviations).mean(),
        "Mean": mean,
        "Median": median,
        "Minimum": least,
        "Range": greatest - least,
        "RobustMeanAbsoluteDeviation": np.abs(inner - inner.mean()).mean() if len(inner) else nan,
        "RootMeanSquared": sqrt(energy / len(values)),
        "Skewness": (squares @ deviations) / len(values) / scale**1.5,
        "TotalEnergy": energy * spacing**2,
        "Uniformity": fractions @ fractions,
        "Variance": variance,
    }
    return {name: float(value) for name, value in found.items()}


def measure_shape(mask: Mask, spacing: float) -> dict[str, float]:
    """Return the features of the shape.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True.
    spacing : float
        Width of a pixel.

    Returns
    -------
    dict of str to float
        Features by name. The elongation of one pixel is NaN.
    """
    squares = _count_squares(mask)
    perimeter, surface = float(squares @ _LENGTHS), float(squares @ _AREAS)
    moments = Moments(mask)
    mean, half_difference = (moments.yy + moments.xx) / 2, hypot((moments.yy - moments.xx) / 2, moments.yx)
    major, minor = 4 * sqrt(mean + half_difference), 4 * sqrt(max(mean - half_difference, 0))
    return {
        "Elongation": minor / major if major else nan,
        "MajorAxisLength": major * spacing,
        "MaximumDiameter": _find_diameter(mask) * spacing,
        "MeshSurface": surface * spacing**2,
        "MinorAxisLength": minor * spacing,
        "Perimeter": perimeter * spacing,
        "PerimeterSurfaceRatio": perimeter / (surface * spacing),
        "PixelSurface": moments.area * spacing**2,
        "Sphericity": 2 * sqrt(pi * surface) / perimeter,
    }


def _count_squares(mask: Mask) -> Array:
    """Return the number of squares of four pixel centers of each kind, in the order of `_LENGTHS`."""
    padded = np.pad(mask, 1).view(np.uint8)
    one, two, three, four = padded[:-1, :-1], padded[:-1, 1:], padded[1:, 1:], padded[1:, :-1]
    kinds = one + two + three + four
    kinds[(kinds == 2) & (one == three)] = _OPPOSITE
    return np.bincount(kinds.ravel(), minlength=len(_LENGTHS)).astype(np.float64)


def _find_diameter(mask: Mask) -> float:
    """Return the largest distance between two points of the outline."""
    height, width = mask.shape
    middles = np.zeros((2 * height + 1, 2 * width + 1), dtype=bool)
    for rows, columns in ((slice(0, -1, 2), slice(1, None, 2)), (slice(2, None, 2), slice(1, None, 2))):
        middles[rows, columns] |= mask
        middles[columns, rows] |= mask
    # Points halfway between two pixels of the mask are never vertices of the hull.
    return (max_feret_diameter(convex_hull(middles)) - 2 * REACH) / 2
