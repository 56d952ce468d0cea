"""The colors of lesions as a transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._color import COLOR_FEATURES, Colors
from sklearn_melanoma.features._names import check_names


class ColorFeatures(FeatureTransformer):
    """Measure the colors of lesions, and their contrast to the skin around them.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the measures, in the order of the columns.

    Attributes
    ----------
    FEATURES : tuple of str
        All names; an attribute of the class.

    See Also
    --------
    measure_color : The same for one image.
    MorphologyFeatures : Shape instead of colors.

    Notes
    -----
    Colors are CIE L*a*b* for sRGB under daylight (D65): lightness L* from 0 to 100, a* from
    green to red, b* from blue to yellow. Skin is the ring around the mask, a fifth of
    the square root of the lesion's area wide, as far as it lies in the frame; a hole in
    the mask is part of it. Where no skin is left the four contrasts are NaN. Pixels outside
    the mask and the ring have no influence. A lesion that was not found gives a row of NaN.

    =======================  ====================================================  ======
    name                     measure                                               unit
    =======================  ====================================================  ======
    `lightness_contrast`     mean L* of the lesion minus that of the ring          L*
    `a_contrast`             the same of a*                                        a*
    `b_contrast`             the same of b*                                        b*
    `color_contrast`         distance of the two mean colors                       ΔE
    `lightness_std`          standard deviation of L* in the lesion                L*
    `a_std`                  the same of a*                                        a*
    `b_std`                  the same of b*                                        b*
    `chroma_std`             the same of the chroma √(a*² + b*²)                   ΔE
    `lightness_iqr`          distance of the quartiles of L* in the lesion         L*
    `a_iqr`                  the same of a*                                        a*
    `b_iqr`                  the same of b*                                        b*
    `hue_spread`             1 minus the chroma of the mean color over the mean    1
                             chroma: 0 for one hue, 1 for hues that cancel
    `color_entropy`          entropy of the colors, in cells 10 wide               bits
    `blue_grey_share`        share of the pixels with b* of 0 or less: blue, grey  1
    `color_asymmetry_major`  distance of the mean colors of the two halves on      ΔE
                             both sides of the major axis
    `color_asymmetry_minor`  the same of the minor axis                            ΔE
    =======================  ====================================================  ======

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.features import ColorFeatures
    >>> image = np.full((60, 60, 3), 200, dtype=np.uint8)
    >>> mask = np.zeros((60, 60), dtype=bool)
    >>> mask[20:40, 20:40] = True
    >>> image[20:40, 20:30] = 100
    >>> measure = ColorFeatures(["lightness_contrast", "lightness_iqr", "color_entropy"])
    >>> measure.fit_transform([Lesion(image, mask)]).round(1)
    array([[-19.1,  38.2,   1. ]])
    """

    FEATURES: ClassVar[tuple[str, ...]] = COLOR_FEATURES
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"features": [str, list, tuple]}

    def __init__(self, features: str | Sequence[str] = "all"):
        self.features = features

    def _feature_names(self) -> tuple[str, ...]:
        return check_names(self.features, COLOR_FEATURES)

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> list[float]:
        colors = lesion.shared(Colors)
        return [float(getattr(colors, name)) for name in names]
