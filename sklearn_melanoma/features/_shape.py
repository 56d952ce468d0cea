"""Shape of a lesion: every measure on the mask alone, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import pi, sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._geometry import bounding_box
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features import _hull
from sklearn_melanoma.features._border import DIRECTIONS, Border
from sklearn_melanoma.features._moments import Moments
from sklearn_melanoma.features._names import check_names, check_some_mask

SURVEY_FEATURES = ("area", "perimeter_ratio", "max_span")
SHAPE_FEATURES = (
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
)
SHAPE_SETS = {"survey": SURVEY_FEATURES}
# Powers of a length; all the others are pure numbers.
DIMENSIONS = {"area": 2, "perimeter": 1, "max_span": 1, "min_feret_diameter": 1, "equivalent_diameter": 1}


class Shape:
    """Measures of one mask, in pixels, each found when first asked for and then kept.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True. Cropped to the lesion, it costs least.
    """

    def __init__(self, mask: NDArray[np.bool_]):
        self.mask = mask

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return that of a lesion's mask, cropped."""
        assert lesion.mask is not None
        return cls(lesion.mask[lesion.box])

    @cached_property
    def _hull(self) -> _hull.Points:
        return _hull.convex_hull(self.mask)

    @cached_property
    def _border(self) -> Border:
        return Border(self.mask)

    @cached_property
    def _moments(self) -> Moments:
        return Moments(self.mask)

    @cached_property
    def circle(self) -> tuple[float, float, float]:
        """Row, column and radius of the circumscribed circle."""
        return _hull.enclosing_circle(self._hull)

    @cached_property
    def area(self) -> float:
        return float(np.count_nonzero(self.mask))

    @property
    def perimeter(self) -> float:
        return self._border.length

    @property
    def perimeter_ratio(self) -> float:
        return self.perimeter / (2 * pi * self.circle[2])

    @property
    def max_span(self) -> float:
        return _hull.max_feret_diameter(self._hull)

    @property
    def min_feret_diameter(self) -> float:
        return _hull.min_feret_diameter(self._hull)

    @property
    def equivalent_diameter(self) -> float:
        return sqrt(4 * self.area / pi)

    @property
    def compactness(self) -> float:
        return self.perimeter**2 / (4 * pi * self.area)

    @property
    def convexity(self) -> float:
        # Both lengths count the same lines, so what the lattice does to them cancels: a line crosses the hull twice.
        lines = ((np.ptp(self._hull @ (columns, -rows)) + 1, weight) for rows, columns, weight in DIRECTIONS)
        hull_perimeter = float(sum(2 * count * weight for count, weight in lines))
        return min(hull_perimeter / self.perimeter, 1.0)

    @property
    def solidity(self) -> float:
        return self.area / _hull.count_hull_pixels(self._hull)

    @property
    def extent(self) -> float:
        rows, columns = bounding_box(self.mask)
        return self.area / ((rows.stop - rows.start) * (columns.stop - columns.start))

    @property
    def eccentricity(self) -> float:
        return sqrt(max(1 - self.axis_ratio**2, 0))

    @property
    def axis_ratio(self) -> float:
        return self._moments.axis_ratio

    @property
    def radial_variance(self) -> float:
        return self._border.radial_variance(*self._moments.centroid)

    @property
    def fractal_dimension(self) -> float:
        return self._border.fractal_dimension()

    @property
    def asymmetry(self) -> tuple[float, float]:
        return self._moments.asymmetry

    def measure(self, name: str) -> float:
        """Return one of `SHAPE_FEATURES`."""
        if name.startswith("hu_"):
            return self._moments.hu[int(name[3:]) - 1]
        if name.startswith("asymmetry_"):
            return self.asymmetry[name == "asymmetry_minor"]
        return float(getattr(self, name))


def measure_shape(
    mask: ArrayLike, features: str | Sequence[str] = "all", *, pixel_width: float = 1.0
) -> dict[str, float]:
    """Measure the shape of a lesion.

    What is common to several measures is found once, so this is faster than to call
    the functions for single measures one after another.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.
    features : {"all", "survey"} or sequence of str, default="all"
        Names of the measures; :class:`~sklearn_melanoma.features.MorphologyFeatures`
        defines them.
    pixel_width : float, default=1.0
        Width of a pixel of the mask in the unit that lengths shall have.

    Returns
    -------
    dict
        The measures by name.

    Raises
    ------
    ValueError
        If the mask is empty or a name is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import measure_shape
    >>> bar = np.ones((2, 8), dtype=bool)
    >>> measure_shape(bar, ["area", "axis_ratio", "solidity"], pixel_width=0.5)
    {'area': 4.0, 'axis_ratio': 0.25, 'solidity': 1.0}
    """
    names = check_names(features, SHAPE_FEATURES, sets=SHAPE_SETS)
    array = check_some_mask(mask)
    shape = Shape(array[bounding_box(array)])
    return {name: shape.measure(name) * pixel_width ** DIMENSIONS.get(name, 0) for name in names}
