"""The shape of lesions as a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import StrOptions
from sklearn_melanoma.features._names import check_names
from sklearn_melanoma.features._shape import DIMENSIONS, SHAPE_FEATURES, SHAPE_SETS, Shape


class MorphologyFeatures(FeatureTransformer):
    """Measure the shape of lesions.

    Lengths are in pixels of the image that was read, whatever the working size.

    Parameters
    ----------
    features : {"all", "survey"} or list of str, default="all"
        Names of the measures, in the order of the columns. ``"survey"`` stands for
        `area`, `perimeter_ratio` and `max_span`.
    unit : {"px", "mm"}, default="px"
        Unit of lengths and areas. For ``"mm"`` the lesions must know `mm_per_pixel`, and
        the names of the columns carry the unit: `area_mm2`, `max_span_mm`.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    FEATURES : tuple of str
        All names; an attribute of the class.

    See Also
    --------
    measure_shape : The same for one mask.
    ColorFeatures : Colors instead of shape.

    Notes
    -----
    The mask is taken as it is: holes and separate parts count. A lesion that was not found
    gives a row of NaN; every other mask gives finite numbers. The formulas, where they come
    from and how exact they are is on the page *The mathematics of the shape features*.

    ===========================  ========================================================  ==========
    name                         measure                                                   unit
    ===========================  ========================================================  ==========
    `area`                       pixels of the mask                                        px² or mm²
    `perimeter_ratio`            perimeter over that of the circumscribed circle           1
    `max_span`                   largest distance of two points (maximum Feret diameter)   px or mm
    `perimeter`                  length of the border                                      px or mm
    `min_feret_diameter`         least width between two parallel lines                    px or mm
    `equivalent_diameter`        diameter of the disk with the same area                   px or mm
    `compactness`                perimeter² / (4π area), 1 for a disk                      1
    `convexity`                  perimeter of the convex hull over the perimeter           1
    `solidity`                   area over that of the convex hull                         1
    `extent`                     area over that of the upright bounding box                1
    `eccentricity`               of the ellipse with the same second moments               1
    `axis_ratio`                 minor over major axis of that ellipse                     1
    `radial_variance`            variance of the distance from the centroid to the         1
                                 border, over the square of its mean
    `fractal_dimension`          of the border, 1 for a smooth one                         1
    `asymmetry_major`            share of the area without a counterpart in the mirror     1
                                 image about the major axis
    `asymmetry_minor`            the same about the minor axis                             1
    `hu_1` … `hu_7`              Hu's invariants of degree n, their n-th roots, the sign   1
                                 kept, that of the seventh dropped
    `mean_feret_diameter`        mean width over all directions: perimeter of the convex   px or mm
                                 hull over π
    `rectangle_length`           of the smallest rectangle around the lesion, turned as    px or mm
                                 fits best
    `rectangle_width`            the shorter side of it                                    px or mm
    `rectangularity`             area over that of this rectangle                          1
    `hull_area`                  pixels of the convex hull                                 px² or mm²
    `major_axis_length`          of the ellipse with the same second moments               px or mm
    `minor_axis_length`          of that ellipse                                           px or mm
    `mean_chord`                 mean length in the lesion of a straight line through it,  px or mm
                                 π area / perimeter
    `inscribed_radius`           of the largest circle in the lesion                       px or mm
    `inscribed_ratio`            inscribed over circumscribed radius, 1 for a disk         1
    `mean_depth`                 mean distance of the pixels to the border                 px or mm
    `median_depth`               median of it                                              px or mm
    `radial_mean`                mean distance from the centroid to the border, over the   1
                                 radius of the disk with the same area
    `fourier_2` … `fourier_6`    harmonic of order k of the squared radius around the      1
                                 centroid, over its mean
    `box_counting_dimension`     of the border, from boxes at all places of the grid       1
    `protrusion_fraction`           share of the area that opening with a disk of radius      1
                                 √area / 8 removes
    `indentation_fraction`          what closing with it adds, over the area                  1
    `largest_irregularity`       the largest protrusion or indentation among these, over   1
                                 the area
    `indentation_depth`          how deep the outer border lies below the convex hull, at  1
                                 most, over the radius of the disk with the same area
    `n_parts`                    separate parts; pixels that touch at a corner are one     1
    `n_holes`                    holes                                                     1
    `zernike_n_m`                magnitude of the Zernike moment of order n, 0 to 4        1
                                 without 1, and repetition m, n − m even, in the
                                 smallest circle around the centroid
    ===========================  ========================================================  ==========

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.features import MorphologyFeatures
    >>> mask = np.zeros((60, 80), dtype=bool)
    >>> mask[10:14, 20:25] = True
    >>> lesion = Lesion(np.zeros((60, 80, 3), dtype=np.uint8), mask, source_shape=(120, 160), mm_per_pixel=0.1)
    >>> MorphologyFeatures(["area", "max_span"]).fit_transform([lesion])  # the photo was halved
    array([[80., 11.]])
    >>> measure = MorphologyFeatures(["area", "max_span"], unit="mm").set_output(transform="pandas")
    >>> measure.fit_transform([lesion])
       area_mm2  max_span_mm
    0       0.8          1.1
    """

    FEATURES: ClassVar[tuple[str, ...]] = SHAPE_FEATURES
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, list, tuple],
        "unit": [StrOptions({"px", "mm"})],
        "n_jobs": [Integral, None],
    }

    def __init__(self, features: str | Sequence[str] = "all", *, unit: str = "px", n_jobs: int | None = None):
        self.features = features
        self.unit = unit
        self.n_jobs = n_jobs

    def _chosen(self) -> tuple[str, ...]:
        return check_names(self.features, SHAPE_FEATURES, sets=SHAPE_SETS)

    def _feature_names(self) -> list[str]:
        suffixes = {0: "", 1: "_mm", 2: "_mm2"} if self.unit == "mm" else {0: "", 1: "", 2: ""}
        return [name + suffixes[DIMENSIONS.get(name, 0)] for name in self._chosen()]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> list[float]:
        chosen = self._chosen()
        width = lesion.scale
        if self.unit == "mm" and any(name in DIMENSIONS for name in chosen):
            if lesion.mm_per_pixel is None:
                raise ValueError(
                    "MorphologyFeatures(unit='mm') needs to know mm_per_pixel, got a lesion without. "
                    "Read the images with ImageReader(mm_per_pixel=...), or use unit='px'."
                )
            width *= lesion.mm_per_pixel
        shape = lesion.shared(Shape.of)
        return [shape.measure(name) * width ** DIMENSIONS.get(name, 0) for name in chosen]
