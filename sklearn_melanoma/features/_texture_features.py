"""Transformer that computes the texture features of lesions."""

from __future__ import annotations

from typing import ClassVar

from sklearn_melanoma.features._handcrafted import HandcraftedFeatures
from sklearn_melanoma.features._structures import STRUCTURE_FEATURES, Structures
from sklearn_melanoma.features._texture import TEXTURE_FEATURES


class TextureFeatures(HandcraftedFeatures):
    r"""Measure the texture inside lesions.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the features, in the order of the columns.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    FEATURES : tuple of str
        All names; an attribute of the class.

    See Also
    --------
    measure_texture : The same for one image.
    ColorFeatures : Color features.

    Notes
    -----
    All features use the lightness L*, from 0 to 100, of the pixels of the mask; pixels outside have no
    influence. Lengths are in pixels at the working size of the reader, 384 on the longest side. Larger images are
    shrunk to it. Features are averages over directions. They do not change when the lesion is rotated by a quarter turn
    or mirrored, and change little at other rotations. The formulas are on the page :doc:`/mathematics_color_texture`. A
    lesion that was not found gives a row of NaN. If a lesion is too small for a feature, its value is 0, or 1 for
    `glcm_correlation`, `network_regularity` and `structureless_fraction`.

    ===============================  ===============================================  =====
    name                             definition                                       unit
    ===============================  ===============================================  =====
    `detail_1` … `detail_8`          root mean square of the details 1, 2, 4 or 8     L*
                                     pixels wide (à trous wavelets)
    `gradient_mean_1` …              mean length of the gradient after smoothing      L*/px
                                     over 1, 2, 4 or 8 pixels
    `gradient_cv_1` …                its coefficient of variation                     1
    `glcm_contrast_1` …              Haralick's contrast of pairs of pixels at a      1
                                     distance of 1, 3 or 9, in levels of 3.1 L*
    `glcm_homogeneity_1` …           inverse difference moment of these pairs         1
    `glcm_energy_1` …                root of their angular second moment              1
    `glcm_correlation_1` …           their correlation                                1
    `glcm_entropy_1` …               their entropy                                    bits
    `lbp_0` … `lbp_8`                fraction of pixels with exactly 0 to 8 brighter  1
                                     ones among the eight neighbors, all in one run
                                     around the pixel
    `lbp_other`                      fraction of pixels whose brighter neighbors      1
                                     form more than one run
    `dark_lines_2`, `dark_lines_4`   mean strength of dark lines: how much darker     L*
                                     pixels are than both sides, 2 or 4 pixels away
    `bright_lines_2`, …              mean strength of bright lines                    L*
    `line_fraction_2`, …             fraction of the pixels on dark lines             1
    `n_dots`, `n_globules`           number of dark spots about 4, or 8, pixels wide  1
    `structureless_fraction`         fraction of the pixels on no line and no spot    1
    `network_regularity`             Clark–Evans index of the holes between dark      1
                                     lines: 1 if random, more if regular
    `rim_line_fraction`              fraction of the outer rim on dark lines          1
    ===============================  ===============================================  =====

    References
    ----------
    .. [1] R. M. Haralick, K. Shanmugam, I. Dinstein, "Textural features for image
           classification", IEEE Trans. SMC 3, 610-621, 1973.
    .. [2] T. Ojala, M. Pietikäinen, T. Mäenpää, "Multiresolution gray-scale and rotation
           invariant texture classification with local binary patterns", IEEE Trans. PAMI 24,
           971-987, 2002.
    .. [3] J.-L. Starck, F. Murtagh, *Astronomical Image and Data Analysis*, Springer, 2006.
    .. [4] P. J. Clark, F. C. Evans, "Distance to nearest neighbor as a measure of spatial
           relationships in populations", Ecology 35, 445-453, 1954.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.features import TextureFeatures
    >>> image = np.full((60, 60, 3), 120, dtype=np.uint8)
    >>> image[::4] = 80  # dark lines four pixels apart
    >>> mask = np.zeros((60, 60), dtype=bool)
    >>> mask[10:50, 10:50] = True
    >>> texture = TextureFeatures(["detail_8", "line_fraction_2", "n_dots"])
    >>> texture.fit_transform([Lesion(image, mask)]).round(1)
    array([[0.1, 0.2, 0. ]])
    """

    FEATURES: ClassVar[tuple[str, ...]] = TEXTURE_FEATURES + STRUCTURE_FEATURES
    _lesion_features = Structures
