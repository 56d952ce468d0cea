"""Transformer that scores lesions by the ABCD rule of dermoscopy."""

from __future__ import annotations

from typing import ClassVar

from sklearn_melanoma.features._abcd import ABCD_FEATURES, Abcd
from sklearn_melanoma.features._handcrafted import HandcraftedFeatures


class AbcdFeatures(HandcraftedFeatures):
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
    feature_directions : Expected direction of every feature.

    Notes
    -----
    In the rule [1]_, a dermatologist assesses four criteria. Here, image features assess them.

    ========================  =======================================================  ========
    name                      score                                                    range
    ========================  =======================================================  ========
    `abcd_asymmetry`          number of the two principal axes that divide the lesion  0 to 2
                              into unlike halves: more than a tenth of the area has
                              no counterpart in the mirror image, or the mean colors
                              differ by more than ΔE 8
    `abcd_border`             number of the eight sectors with an abrupt border: the   0 to 8
                              contrast to the skin is at least ΔE 10, and a narrow
                              band inside the border has at least two thirds of this
                              contrast
    `abcd_colors`             number of colors that cover at least 2 % of the lesion:  1 to 6
                              white, red, light and dark brown, blue-gray, black
    `abcd_structures`         number of structures: network, structureless areas,      0 to 5
                              dots, globules, streaks
    `total_dermoscopy_score`  1.3 asymmetry + 0.1 border + 0.5 colors + 0.5            0.5 to
                              structures                                               8.9
    ========================  =======================================================  ========

    For dermatologists, a total of up to 4.75 means benign, and a total above 5.45 means melanoma. Do not apply these
    limits to the scores here, which are computed in another way. Only compare these scores with each other. A lesion
    that was found never has NaN. If the frame leaves no skin around it, its border score is 0 and its color score is 1.
    A lesion that was not found gives a row of NaN.

    References
    ----------
    .. [1] F. Nachbar et al., "The ABCD rule of dermatoscopy", J. Am. Acad. Dermatol. 30,
           551-559, 1994.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import AbcdFeatures
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = make_lesions(4, random_state=0)
    >>> scores = AbcdFeatures().fit_transform(WatershedSegmenter().fit_transform(lesions.images))
    >>> scores.shape
    (4, 5)
    """

    FEATURES: ClassVar[tuple[str, ...]] = ABCD_FEATURES
    _lesion_features = Abcd
