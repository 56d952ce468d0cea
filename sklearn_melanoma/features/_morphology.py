"""Morphology of a lesion: features of its mask."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import pi, sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import bounding_box
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features import _hull
from sklearn_melanoma.features._border import DIRECTIONS, Border
from sklearn_melanoma.features._irregularity import Irregularity, Parts
from sklearn_melanoma.features._moments import Moments
from sklearn_melanoma.features._names import LesionFeatures, check_names, check_nonempty_mask, map_sources
from sklearn_melanoma.features._zernike import zernike_magnitudes

FOURIER_ORDERS = range(2, 7)
ZERNIKE_ORDER = 4
# Order 1 is left out, because it is 0 around the centroid.
_ZERNIKE = [f"zernike_{n}_{m}" for n in range(ZERNIKE_ORDER + 1) for m in range(n % 2, n + 1, 2) if n != 1]
SURVEY_FEATURES = ("area", "perimeter_ratio", "max_span")
MORPHOLOGY_FEATURES = (
    *SURVEY_FEATURES,
    "perimeter",
    "min_feret_diameter",
    "equivalent_diameter",
    "compactness",
    "convexity",
    "solidity",
    "extent",
    "eccentricity",
    "axis_ratio",
    "radial_variance",
    "fractal_dimension",
    "asymmetry_major",
    "asymmetry_minor",
    *(f"hu_{number}" for number in range(1, 8)),
    "mean_feret_diameter",
    "rectangle_length",
    "rectangle_width",
    "rectangularity",
    "hull_area",
    "major_axis_length",
    "minor_axis_length",
    "mean_chord",
    "inscribed_radius",
    "inscribed_ratio",
    "mean_depth",
    "median_depth",
    "radial_mean",
    *(f"fourier_{order}" for order in FOURIER_ORDERS),
    "box_counting_dimension",
    "protrusion_fraction",
    "indentation_fraction",
    "largest_irregularity",
    "indentation_depth",
    "n_parts",
    "n_holes",
    *_ZERNIKE,
)
MORPHOLOGY_SETS = {"survey": SURVEY_FEATURES}
_SOURCES = map_sources(
    {
        "hu": [f"hu_{number}" for number in range(1, 8)],
        "asymmetry": ["asymmetry_major", "asymmetry_minor"],
        "fourier": [f"fourier_{order}" for order in FOURIER_ORDERS],
        "zernike": _ZERNIKE,
    }
)
# Exponents of the unit of length. The other features are dimensionless.
DIMENSIONS = {
    **dict.fromkeys(("area", "hull_area"), 2),
    **dict.fromkeys(("perimeter", "max_span", "min_feret_diameter", "mean_feret_diameter", "equivalent_diameter"), 1),
    **dict.fromkeys(("rectangle_length", "rectangle_width", "major_axis_length", "minor_axis_length"), 1),
    **dict.fromkeys(("mean_chord", "inscribed_radius", "mean_depth", "median_depth"), 1),
}


class Morphology(LesionFeatures):
    """Features of one mask, in pixels, each computed at its first use.

    docs/mathematics.md has the formulas, their references and the accuracy of each feature.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True. A mask cropped to the lesion takes the least time.
    """

    sources = _SOURCES

    def __init__(self, mask: NDArray[np.bool_]):
        self.mask = mask

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return the features of the cropped mask of a lesion."""
        assert lesion.mask is not None
        return cls(lesion.mask[lesion.box])

    @cached_property
    def _hull(self) -> _hull.Points:
        return _hull.convex_hull(self.mask)

    @cached_property
    def _border(self) -> Border:
        return Border(self.mask)

    @cached_property
    def moments(self) -> Moments:
        return Moments(self.mask)

    @cached_property
    def _irregularity(self) -> Irregularity:
        return Irregularity(self.mask)

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self.mask)

    @cached_property
    def _squared_depth(self) -> NDArray[np.int32]:
        """Square of `depth`, which is an integer."""
        # The distances are computed from the nearest background pixels; scipy's own distances take a third longer.
        nearest = ndi.distance_transform_edt(np.pad(self.mask, 1), return_distances=False, return_indices=True)
        rows, columns = nearest
        rows -= np.arange(len(rows), dtype=rows.dtype)[:, np.newaxis]
        columns -= np.arange(columns.shape[1], dtype=columns.dtype)
        nearest *= nearest
        return (rows + columns)[1:-1, 1:-1]

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        """Distance of each pixel to the nearest background pixel, 0 in the background; outside the frame is background.

        The largest depth is the radius of the inscribed circle, and its pixel is the center.
        """
        return np.sqrt(self._squared_depth.astype(np.float32))

    @cached_property
    def squared_depths(self) -> NDArray[np.int32]:
        """Square of the depth of each pixel of the mask."""
        return self._squared_depth[self.mask]

    @cached_property
    def pixels_by_depth(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Depths that are possible on the grid, and the number of pixels with at most each depth."""
        counts = np.bincount(self.squared_depths)
        return np.sqrt(np.arange(len(counts))), np.cumsum(counts)

    @cached_property
    def circle(self) -> tuple[float, float, float]:
        """Row, column and radius of the circumscribed circle."""
        return _hull.enclosing_circle(self._hull)

    @cached_property
    def area(self) -> float:
        """Number of pixels, in px²."""
        return float(np.count_nonzero(self.mask))

    @property
    def perimeter(self) -> float:
        """Length of the border by Crofton's formula, in px; borders of holes, of parts and at the frame count."""
        return self._border.length

    @property
    def perimeter_ratio(self) -> float:
        """Perimeter over the perimeter of the circumscribed circle: 1 for a disk, less for any other convex outline."""
        return self.perimeter / (2 * pi * self.circle[2])

    @property
    def max_span(self) -> float:
        """Maximum Feret diameter, in px: largest distance of two pixel centers plus ½; exact."""
        return _hull.max_feret_diameter(self._hull)

    @property
    def min_feret_diameter(self) -> float:
        """Minimum Feret diameter, in px: smallest distance of two parallel lines around all centers, plus ½; exact."""
        return _hull.min_feret_diameter(self._hull)

    @property
    def equivalent_diameter(self) -> float:
        """Diameter of the disk with the same area, in px."""
        return sqrt(4 * self.area / pi)

    @property
    def compactness(self) -> float:
        """Inverse isoperimetric quotient P² / (4πA): about 1 for a disk, more for other outlines.

        It is below 1 only for very few pixels.
        """
        return self.perimeter**2 / (4 * pi * self.area)

    @property
    def convexity(self) -> float:
        # A line crosses the hull twice. Both lengths count the same lines, so the errors of the lattice cancel.
        lines = ((np.ptp(self._hull @ (columns, -rows)) + 1, weight) for rows, columns, weight in DIRECTIONS)
        hull_perimeter = float(sum(2 * count * weight for count, weight in lines))
        return min(hull_perimeter / self.perimeter, 1.0)

    @property
    def solidity(self) -> float:
        return self.area / self.hull_area

    @property
    def extent(self) -> float:
        rows, columns = bounding_box(self.mask)
        return self.area / ((rows.stop - rows.start) * (columns.stop - columns.start))

    @property
    def eccentricity(self) -> float:
        return sqrt(max(1 - self.axis_ratio**2, 0))

    @property
    def axis_ratio(self) -> float:
        return self.moments.axis_ratio

    @cached_property
    def _radial_moments(self) -> tuple[float, float]:
        return self._border.radial_moments(*self.moments.centroid)

    @property
    def radial_variance(self) -> float:
        mean, variance = self._radial_moments
        return variance / mean**2

    @property
    def fractal_dimension(self) -> float:
        return self._border.fractal_dimension()

    @property
    def asymmetry(self) -> tuple[float, float]:
        """Fraction of the area without a counterpart in the mirror image, about the major and about the minor axis."""
        return self.moments.asymmetry

    @property
    def hu(self) -> tuple[float, ...]:
        """Hu's seven invariants."""
        return self.moments.hu

    @property
    def mean_feret_diameter(self) -> float:
        return _hull.mean_feret_diameter(self._hull)

    @cached_property
    def _rectangle(self) -> tuple[float, float]:
        return _hull.smallest_rectangle(self._hull)

    @property
    def rectangle_length(self) -> float:
        return self._rectangle[0] + 2 * _hull.REACH

    @property
    def rectangle_width(self) -> float:
        return self._rectangle[1] + 2 * _hull.REACH

    @property
    def rectangularity(self) -> float:
        # Area around whole pixels, not around their centers. By Pick's theorem, no mask has more pixels than this area.
        length, width = self._rectangle
        return min(self.area / ((length + 1) * (width + 1)), 1.0)

    @cached_property
    def hull_area(self) -> float:
        return float(_hull.count_hull_pixels(self._hull))

    @property
    def major_axis_length(self) -> float:
        return self.moments.axes[0]

    @property
    def minor_axis_length(self) -> float:
        return self.moments.axes[1]

    @property
    def mean_chord(self) -> float:
        return pi * self.area / self.perimeter

    @property
    def inscribed_radius(self) -> float:
        """Radius of the largest circle in the lesion around a pixel center, in px; exact. Holes are background."""
        return float(np.float32(self.pixels_by_depth[0][-1]))

    @property
    def inscribed_ratio(self) -> float:
        return min(self.inscribed_radius / self.circle[2], 1.0)

    @property
    def mean_depth(self) -> float:
        depths, below = self.pixels_by_depth
        return float(depths @ np.diff(below, prepend=0)) / self.area - _hull.REACH

    @property
    def median_depth(self) -> float:
        depths, below = self.pixels_by_depth
        middle = np.searchsorted(below, [(below[-1] - 1) // 2, below[-1] // 2], side="right")
        return float(depths[middle].mean()) - _hull.REACH

    @property
    def radial_mean(self) -> float:
        return 2 * self._radial_moments[0] / self.equivalent_diameter

    @cached_property
    def fourier(self) -> list[float]:
        """Harmonics of the squared radius around the centroid, of `FOURIER_ORDERS`."""
        return self._border.fourier(*self.moments.centroid, FOURIER_ORDERS)

    @property
    def box_counting_dimension(self) -> float:
        return self._border.box_counting_dimension()

    @property
    def protrusion_fraction(self) -> float:
        return sum(self._irregularity.protrusions) / self.area

    @property
    def indentation_fraction(self) -> float:
        return sum(self._irregularity.indentations) / self.area

    @property
    def largest_irregularity(self) -> float:
        return max(*self._irregularity.protrusions, *self._irregularity.indentations) / self.area

    @property
    def indentation_depth(self) -> float:
        deepest = float(_hull.depth_below(self._hull, self._parts.outer_border).max())
        return 2 * deepest / self.equivalent_diameter

    @property
    def n_parts(self) -> int:
        return self._parts.n_parts

    @property
    def n_holes(self) -> int:
        return self._parts.n_holes

    @cached_property
    def zernike(self) -> list[float]:
        """Magnitudes of the Zernike moments up to `ZERNIKE_ORDER`, without order 1."""
        return [value for (n, _), value in self.zernike_magnitudes(ZERNIKE_ORDER).items() if n != 1]

    def zernike_magnitudes(self, order: int) -> dict[tuple[int, int], float]:
        """Return the magnitudes of the Zernike moments up to an order, in the smallest circle around the centroid."""
        row, column = self.moments.centroid
        radius = float(np.hypot(*(self._hull - (row, column)).T).max()) + _hull.REACH
        return zernike_magnitudes(self.mask, row, column, radius, order)


def measure_morphology(
    mask: ArrayLike, features: str | Sequence[str] = "all", *, pixel_width: float = 1.0
) -> dict[str, float]:
    """Measure the morphology of a lesion.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.
    features : {"all", "survey"}, or list or tuple of str, default="all"
        Names of the features; :class:`~sklearn_melanoma.features.MorphologyFeatures`
        defines them. Features with common intermediate results take less time in one call.
    pixel_width : float, default=1.0
        Width of a pixel of the mask, in the unit of the lengths that are returned.

    Returns
    -------
    dict
        The features by name.

    Raises
    ------
    ValueError
        If the mask is empty or not 2-D. If a name is unknown or occurs twice.
    TypeError
        If `features` is neither a str nor a list or tuple of str, or the mask holds neither bools nor numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import measure_morphology
    >>> bar = np.ones((2, 8), dtype=bool)
    >>> measure_morphology(bar, ["area", "axis_ratio", "solidity"], pixel_width=0.5)
    {'area': 4.0, 'axis_ratio': 0.25, 'solidity': 1.0}
    """
    names = check_names(features, MORPHOLOGY_FEATURES, sets=MORPHOLOGY_SETS)
    array = check_nonempty_mask(mask)
    morphology = Morphology(array[bounding_box(array)])
    return {name: morphology.measure(name) * pixel_width ** DIMENSIONS.get(name, 0) for name in names}
