"""The ABCD rule as a transformer."""

from __future__ import annotations

from typing import ClassVar

from sklearn_melanoma.features._abcd import ABCD_FEATURES, Abcd
from sklearn_melanoma.features._named import NamedFeatures


class AbcdFeatures(NamedFeatures):
    r"""Score lesions by the ABCD rule of dermoscopy.

    Parameters
    ----------
    features : "all" or list of str, default="all"
        Names of the scores, in the order of the columns.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    FEATURES : tuple of str
        All names; an attribute of the class.

    See Also
    --------
    feature_directions : For every feature, whether more of it is worse.

    Notes
    -----
    The rule [1]_ asks a dermatologist four questions; here measures answer them.

    ========================  =======================================================  ========
    name                      score                                                    range
    ========================  =======================================================  ========
    `abcd_asymmetry`          principal axes about which more than a tenth of the      0 to 2
                              area has no counterpart, or whose halves differ in
                              color by more than ΔE 8
    `abcd_border`             sectors of eight in which two thirds of the contrast     0 to 8
                              are reached right inside the border, if it is ΔE 10
    `abcd_colors`             of white, red, light and dark brown, blue-gray, black,   1 to 6
                              those that cover 2 % of the lesion
    `abcd_structures`         of network, structureless areas, dots, globules,         0 to 5
                              streaks, those that are there
    `total_dermoscopy_score`  1.3 asymmetry + 0.1 border + 0.5 colors + 0.5            0.5 to
                              structures                                               8.9
    ========================  =======================================================  ========

    A dermatologist reads a total up to 4.75 as benign and above 5.45 as a melanoma. These scores are
    made by other eyes: compare them among each other, not with these limits. They
    are not NaN for any lesion that was found; where the frame leaves no skin around it, border is 0 and
    colors 1. A lesion that was not found gives a row of NaN.

    References
    ----------
    .. [1] F. Nachbar et al., "The ABCD rule of dermatoscopy", J. Am. Acad. Dermatol. 30,
           551-559, 1994.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import AbcdFeatures
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> photos = make_lesions(4, random_state=0)
    >>> scores = AbcdFeatures().fit_transform(WatershedSegmenter().fit_transform(photos.images))
    >>> scores.shape
    (4, 5)
    """

    FEATURES: ClassVar[tuple[str, ...]] = ABCD_FEATURES
    _measures = Abcd
