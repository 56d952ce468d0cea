"""Transformer that computes the color features of lesions."""

from __future__ import annotations

from typing import ClassVar

from sklearn_melanoma.features._color import COLOR_FEATURES, EXTRA_COLOR_FEATURES, Colors
from sklearn_melanoma.features._handcrafted import HandcraftedFeatures


class ColorFeatures(HandcraftedFeatures):
    """Measure the colors of lesions, and their contrast to the skin around them.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the features, in the order of the columns. "all" leaves out `skin_ita`.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    FEATURES : tuple of str
        The names in "all"; an attribute of the class.
    EXTRA_FEATURES : tuple of str
        Names of the features that are only computed by name; an attribute of the class.

    See Also
    --------
    measure_color : The same for one image.
    MorphologyFeatures : Morphology features.

    Notes
    -----
    Colors are CIE L*a*b* for sRGB under daylight (D65): lightness L* from 0 to 100, a* from
    green to red, b* from blue to yellow. Skin is the part of a ring around the mask that is inside the frame. The ring
    is as wide as a fifth of the square root of the lesion's area. A hole in the mask belongs to the ring. If no skin is
    left, features relative to the skin are NaN. Pixels outside the mask and the ring have no influence. The working
    size of the reader is 384 pixels on the longest side. Larger images are shrunk to it. A lesion that was not found
    gives a row of NaN. The formulas are on the page :doc:`/mathematics_color_texture`. Celebi's rule for the blue-white
    veil is in [1]_, and the individual typology angle in [2]_. The unit "L* …" in the table is L*, a* or b*: that of
    the channel.

    ====================================  =====================================================  =======
    name                                  definition                                             unit
    ====================================  =====================================================  =======
    `lightness_contrast`                  mean L* of the lesion minus that of the skin           L*
    `a_contrast`, `b_contrast`            the same for a* and for b*                             a*, b*
    `color_contrast`                      distance of the two mean colors                        ΔE
    `lightness_std`, `a_std`, `b_std`     standard deviation in the lesion                       L* …
    `chroma_std`                          the same for the chroma √(a*² + b*²)                   ΔE
    `lightness_iqr`, `a_iqr`, `b_iqr`     interquartile range in the lesion                      L* …
    `hue_spread`                          1 − (chroma of the mean color) / (mean chroma):        1
                                          0 for one hue, 1 for hues that cancel
    `color_entropy`                       entropy of the color histogram, cells 10 wide          bits
    `fine_color_entropy`                  the same for cells 5 wide                              bits
    `color_asymmetry_major`               distance of the mean colors of the two halves on both  ΔE
                                          sides of the major axis
    `color_asymmetry_minor`               the same for the minor axis                            ΔE
    `lightness_p5` … `b_p95`              percentile (5, 25, 50, 75, 95) in the lesion minus     L* …
                                          the mean of the skin
    `lightness_core_to_rim` …             mean L*, a* or b* of the inner half of the area minus  L* …
                                          that of the outer half
    `lightness_std_zone_1` …              standard deviation in a quarter of the area by         L* …
                                          depth, from 1 along the border to 4 in the core
    `skin_lightness`, `skin_a`, `skin_b`  mean color of the skin                                 L* …
    `skin_ita`                            individual typology angle of the skin, the             °
                                          arctangent of (L* − 50) / b*; only by name
    `red_ratio`, `green_ratio`, …         mean of the channel over that of the skin              1
    `red_ratio_std` …                     its standard deviation over the mean of the skin       1
    `hue_contrast`                        CIE hue difference to the skin, positive if            ΔE
                                          yellower, negative if redder
    `saturation_contrast`                 mean saturation (HSV) minus that of the skin           1
    `saturation_std`                      standard deviation of the saturation                   1
    `white_fraction`                      fraction of the lesion that is white; this and the     1
                                          next five follow from the ratios of the channels to
                                          the skin
    `red_fraction`                        the same for red                                       1
    `light_brown_fraction`                the same for light brown                               1
    `dark_brown_fraction`                 the same for dark brown                                1
    `blue_gray_fraction`                  the same for blue-gray                                 1
    `black_fraction`                      the same for black                                     1
    `n_colors`                            number of these colors that cover at least 2 %         1
    `blue_white_veil_fraction`            fraction under a blue-white veil, by Celebi's rule     1
    `border_contrast_mean`                distance of the colors inside and outside of the       ΔE
                                          border, mean over eight sectors
    `border_contrast_std`, `…_min`        standard deviation and minimum over the sectors        ΔE
    `border_sharpness_mean` …             the same for a narrow band inside the border           ΔE
    ====================================  =====================================================  =======

    References
    ----------
    .. [1] M. E. Celebi et al., "Automatic detection of blue-white veil and related structures
           in dermoscopy images", Comput. Med. Imaging Graph. 32, 670-677, 2008.
    .. [2] A. Chardon, I. Cretois, C. Hourseau, "Skin colour typology and suntanning pathways", Int. J. Cosmet. Sci.
           13, 191-208, 1991. The angle is above 55° for very light and below -30° for dark skin, in calibrated light.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.features import ColorFeatures
    >>> image = np.full((60, 60, 3), 200, dtype=np.uint8)
    >>> mask = np.zeros((60, 60), dtype=bool)
    >>> mask[20:40, 20:40] = True
    >>> image[20:40, 20:30] = 100
    >>> colors = ColorFeatures(["lightness_contrast", "lightness_iqr", "color_entropy"])
    >>> colors.fit_transform([Lesion(image, mask)]).round(1)
    array([[-19.1,  38.2,   1. ]])
    """

    FEATURES: ClassVar[tuple[str, ...]] = COLOR_FEATURES
    EXTRA_FEATURES: ClassVar[tuple[str, ...]] = EXTRA_COLOR_FEATURES
    _lesion_features = Colors
