"""Transformer that computes the morphology features of lesions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import StrOptions
from sklearn_melanoma.features._handcrafted import HandcraftedFeatures
from sklearn_melanoma.features._morphology import DIMENSIONS, MORPHOLOGY_FEATURES, MORPHOLOGY_SETS, Morphology


class MorphologyFeatures(HandcraftedFeatures):
    """Measure the morphology of lesions.

    Lengths are in pixels of the source image, at any working size.

    Parameters
    ----------
    features : {"all", "survey"} or list of str, default="all"
        Names of the features, in the order of the columns. ``"survey"`` stands for
        `area`, `perimeter_ratio` and `max_span`.
    unit : {"px", "mm"}, default="px"
        Unit of lengths and areas. ``"mm"`` needs lesions with `mm_per_pixel`; without it, `transform` raises a
        ValueError. The names of the columns then have the unit: `area_mm2`, `max_span_mm`.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    FEATURES : tuple of str
        All names; an attribute of the class.

    See Also
    --------
    measure_morphology : The same for one mask.
    ColorFeatures : Color features.

    Notes
    -----
    A hole is not part of the lesion, but its border counts in the perimeter. Separate parts of the mask count as one
    lesion. A lesion that was not found gives a row of NaN; every other mask gives finite numbers. The formulas, their
    references and their accuracy are on the page :doc:`/mathematics`.

    ===========================  ========================================================  ==========
    name                         definition                                                unit
    ===========================  ========================================================  ==========
    `area`                       pixels of the mask                                        px² or mm²
    `perimeter_ratio`            perimeter over that of the circumscribed circle           1
    `max_span`                   largest distance of two points (maximum Feret diameter)   px or mm
    `perimeter`                  length of the border                                      px or mm
    `min_feret_diameter`         least distance of two parallel lines around the lesion    px or mm
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
    `asymmetry_major`            fraction of the area without a counterpart in the         1
                                 mirror image about the major axis
    `asymmetry_minor`            the same about the minor axis                             1
    `hu_1` … `hu_7`              Hu's invariants; an invariant of degree n in the moments  1
                                 is replaced by its n-th root with the same sign; the
                                 seventh is taken without its sign
    `mean_feret_diameter`        mean width over all directions: perimeter of the convex   px or mm
                                 hull over π
    `rectangle_length`           longer side of the smallest rectangle around the lesion,  px or mm
                                 at any rotation
    `rectangle_width`            shorter side of this rectangle                            px or mm
    `rectangularity`             area over that of this rectangle                          1
    `hull_area`                  pixels of the convex hull                                 px² or mm²
    `major_axis_length`          of the ellipse with the same second moments               px or mm
    `minor_axis_length`          of that ellipse                                           px or mm
    `mean_chord`                 mean length of the chords of the lesion,                  px or mm
                                 π area / perimeter
    `inscribed_radius`           radius of the largest circle in the lesion                px or mm
    `inscribed_ratio`            inscribed over circumscribed radius, 1 for a disk         1
    `mean_depth`                 mean distance of the pixels to the border                 px or mm
    `median_depth`               median distance of the pixels to the border               px or mm
    `radial_mean`                mean distance from the centroid to the border, over the   1
                                 radius of the disk with the same area
    `fourier_2` … `fourier_6`    harmonic of order k of the squared radius around the      1
                                 centroid, over its mean
    `box_counting_dimension`     of the border, from boxes at all positions of the grid    1
    `protrusion_fraction`        fraction of the area that a morphological opening by a    1
                                 disk of radius √area / 8 removes: parts narrower than
                                 this disk
    `indentation_fraction`       area that a morphological closing by this disk adds,      1
                                 over the area
    `largest_irregularity`       area of the largest of these protrusions and              1
                                 indentations, over the area
    `indentation_depth`          largest distance of the outer border to the convex hull,  1
                                 over the radius of the disk with the same area
    `n_parts`                    number of parts; pixels that touch at a corner are one    1
                                 part
    `n_holes`                    number of holes                                           1
    `zernike_n_m`                magnitude of the Zernike moment of order n (0, 2, 3, 4)   1
                                 and repetition m (n − m even), in the smallest circle
                                 around the centroid
    ===========================  ========================================================  ==========

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.features import MorphologyFeatures
    >>> mask = np.zeros((60, 80), dtype=bool)
    >>> mask[10:14, 20:25] = True
    >>> lesion = Lesion(np.zeros((60, 80, 3), dtype=np.uint8), mask, source_shape=(120, 160), mm_per_pixel=0.1)
    >>> MorphologyFeatures(["area", "max_span"]).fit_transform([lesion])  # half the source size
    array([[80., 11.]])
    >>> morphology = MorphologyFeatures(["area", "max_span"], unit="mm").set_output(transform="pandas")
    >>> morphology.fit_transform([lesion])
       area_mm2  max_span_mm
    0       0.8          1.1
    """

    FEATURES: ClassVar[tuple[str, ...]] = MORPHOLOGY_FEATURES
    _sets = MORPHOLOGY_SETS
    _lesion_features = Morphology
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **HandcraftedFeatures._parameter_constraints,
        "unit": [StrOptions({"px", "mm"})],
    }

    def __init__(self, features: str | Sequence[str] = "all", *, unit: str = "px", n_jobs: int | None = None):
        super().__init__(features, n_jobs=n_jobs)
        self.unit = unit

    def _feature_names(self) -> list[str]:
        suffixes = {0: "", 1: "_mm", 2: "_mm2"} if self.unit == "mm" else {0: "", 1: "", 2: ""}
        return [name + suffixes[DIMENSIONS.get(name, 0)] for name in self._chosen_features()]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> list[float]:
        chosen = self._chosen_features()
        width = lesion.scale
        if self.unit == "mm" and any(name in DIMENSIONS for name in chosen):
            if lesion.mm_per_pixel is None:
                raise ValueError(
                    "MorphologyFeatures(unit='mm') needs to know mm_per_pixel, got a lesion without. "
                    "Read the images with ImageReader(mm_per_pixel=...), or use unit='px'."
                )
            width *= lesion.mm_per_pixel
        values = super()._measure(lesion, chosen)
        return [value * width ** DIMENSIONS.get(name, 0) for name, value in zip(chosen, values, strict=True)]
