"""The colors of lesions as a transformer."""

from __future__ import annotations

from typing import ClassVar

from sklearn_melanoma.features._color import COLOR_FEATURES, Colors
from sklearn_melanoma.features._named import NamedFeatures


class ColorFeatures(NamedFeatures):
    """Measure the colors of lesions, and their contrast to the skin around them.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the measures, in the order of the columns.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

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
    the mask is part of it. Where no skin is left, whatever compares with it is NaN. Pixels outside
    the mask and the ring have no influence. Images larger than the reader makes them, 384 pixels on
    the longest side, are shrunk to that. A lesion that was not found gives a row of NaN. The
    formulas are on the page *The mathematics of the color and texture features*; Celebi's rule
    for the veil is in [1]_.

    ==============================  ==================================================  =======
    name                            measure                                             unit
    ==============================  ==================================================  =======
    `lightness_contrast`            mean L* of the lesion minus that of the skin        L*
    `a_contrast`, `b_contrast`      the same of a* and of b*                            a*, b*
    `color_contrast`                distance of the two mean colors                     ΔE
    `lightness_std`, `a_std`,       standard deviation in the lesion                    L* …
    `b_std`
    `chroma_std`                    the same of the chroma √(a*² + b*²)                 ΔE
    `lightness_iqr`, `a_iqr`,       distance of the quartiles in the lesion             L* …
    `b_iqr`
    `hue_spread`                    1 minus the chroma of the mean color over the mean  1
                                    chroma: 0 for one hue, 1 for hues that cancel
    `color_entropy`                 entropy of the colors, in cells 10 wide             bits
    `fine_color_entropy`            the same in cells 5 wide                            bits
    `color_asymmetry_major`, `…`    distance of the mean colors of the two halves on    ΔE
    `color_asymmetry_minor`         both sides of the major, or minor, axis
    `lightness_p5` … `b_p95`        percentile (5, 25, 50, 75, 95) in the lesion minus  L* …
                                    the mean of the skin
    `lightness_core_to_rim`, …      mean of the half of the area that lies deepest      L* …
                                    minus that of the other half
    `lightness_std_zone_1`, …       standard deviation in a quarter of the area, from   L* …
    `b_std_zone_4`                  1 along the border to 4 in the core, by depth
    `skin_lightness`, `skin_a`,     mean color of the skin                              L* …
    `skin_b`
    `red_ratio`, `green_ratio`,     mean of the channel over that of the skin           1
    `blue_ratio`
    `red_ratio_std`, …              its standard deviation over the mean of the skin    1
    `hue_contrast`                  CIE's difference of hue to the skin, above 0 for    ΔE
                                    yellower, below for redder
    `saturation_contrast`           mean saturation (HSV) minus that of the skin        1
    `saturation_std`                standard deviation of the saturation                1
    `white_fraction`, `red_fraction`,     share of the lesion with each of the six            1
    `light_brown_fraction`,            dermoscopic colors, told by the channels' ratios
    `dark_brown_fraction`,             to the skin
    `blue_gray_fraction`,
    `black_fraction`
    `n_colors`                      how many of them cover 2 % or more                  1
    `blue_white_veil_fraction`         share under a blue-white veil, by Celebi's rule     1
    `border_contrast_mean`, …       distance of the colors inside and outside of the    ΔE
    `_std`, `_min`                  border in eight sectors: mean, standard deviation,
                                    least
    `border_sharpness_mean`, …      the same for a narrow band inside                   ΔE
    `_std`, `_min`
    ==============================  ==================================================  =======

    References
    ----------
    .. [1] M. E. Celebi et al., "Automatic detection of blue-white veil and related structures
           in dermoscopy images", Comput. Med. Imaging Graph. 32, 670-677, 2008.

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
    _measures = Colors
