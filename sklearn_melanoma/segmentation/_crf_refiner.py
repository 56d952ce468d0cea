"""Segmenter step that moves borders to where the colors change."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma._validation import require_mask
from sklearn_melanoma.segmentation._crf import (
    center_probability,
    choose_refined_region,
    refine_probability,
    soften_mask,
)
from sklearn_melanoma.segmentation._estimators import Segmenter


class CRFRefiner(Segmenter):
    """Move the borders that a segmenter found to where the colors change.

    The refiner is a fully connected conditional random field, solved by mean-field iterations.
    It sharpens the blurred borders of a pixel classifier. It can follow any segmenter, and takes lesions that have a
    mask. If the lesion has probabilities, they are shifted so that they are one half on the border of the mask.
    Otherwise, probabilities are made from the mask: certain far from its border, and uncertain within about a tenth of
    the lesion's radius. Then the probabilities are refined. See :func:`refine_probability` for the formula.

    Parameters
    ----------
    appearance_weight : float, default=1.0
        Weight of the neighbors of the same color. If all of them agree, they change the log-odds of a pixel by this
        weight. With the default 1, they multiply or divide the odds of a pixel by 2.7 at most. This changes uncertain
        pixels and keeps certain ones. Use 2 or 3 for rough probabilities. With 0, these neighbors have no influence.
    smoothness_weight : float, default=1.0
        Weight of the neighbors of any color. It removes frayed borders and speckles. The default equals the weight of
        the neighbors of the same color.
    appearance_radius : float, default=0.1
        Standard deviation of the distance between neighbors of the same color, as a fraction of
        the image's longest side. The default is a few times the width of an uncertain border. Within this distance,
        uneven light hardly changes the colors.
    color_radius : float, default=5.0
        Standard deviation of colors that count as the same, in units of CIELAB. The default is twice the just
        noticeable difference, and a fifth of the difference between lesion and skin.
    smoothness_radius : float, default=0.02
        Standard deviation of the distance between neighbors of any color, as a fraction of the
        longest side. The default is wider than a hair and narrower than a notch of the border.
    threshold : float, default=0.4
        Probability above which pixels belong to the lesion. The default is below one half: the
        field puts the border on the steepest change of color or inside it, while experts draw
        it outside. Tune it to the annotators' style with a few masks.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    refine_probability : Refine the probabilities of one image.

    Notes
    -----
    The new mask is the largest connected region above the threshold that overlaps the old mask. Its holes are filled.
    If there is none, or the old mask is all False, the lesion stays unchanged. All lengths are fractions of the longest
    side, so images of any size give nearly the same mask. Probabilities can differ by 1e-7 between a worker process and
    the main process, because linear algebra uses another number of threads there.

    Examples
    --------
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import CRFRefiner, WatershedSegmenter
    >>> lesions = make_lesions(5, random_state=0)
    >>> pipeline = Pipeline([("segment", WatershedSegmenter()), ("refine", CRFRefiner())])
    >>> lesion = pipeline.fit_transform(lesions.images)[0]
    >>> lesion.mask.shape, lesion.probability.shape
    ((192, 256), (192, 256))
    >>> pipeline.score(lesions.images, lesions.masks) > 0.7
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "appearance_weight": [Interval(Real, 0, None, closed="left")],
        "smoothness_weight": [Interval(Real, 0, None, closed="left")],
        "appearance_radius": [Interval(Real, 0, None, closed="neither")],
        "color_radius": [Interval(Real, 0, None, closed="neither")],
        "smoothness_radius": [Interval(Real, 0, None, closed="neither")],
        "threshold": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        *,
        appearance_weight: float = 1.0,
        smoothness_weight: float = 1.0,
        appearance_radius: float = 0.1,
        color_radius: float = 5.0,
        smoothness_radius: float = 0.02,
        threshold: float = 0.4,
        n_jobs: int | None = None,
    ):
        self.appearance_weight = appearance_weight
        self.smoothness_weight = smoothness_weight
        self.appearance_radius = appearance_radius
        self.color_radius = color_radius
        self.smoothness_radius = smoothness_radius
        self.threshold = threshold
        self.n_jobs = n_jobs

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        mask = require_mask(lesion.mask, self)
        if not lesion.area_px:
            return lesion
        given = lesion.probability
        probability = soften_mask(mask) if given is None else center_probability(given, mask)
        probability = refine_probability(
            lesion.image,
            probability,
            appearance_weight=self.appearance_weight,
            smoothness_weight=self.smoothness_weight,
            appearance_radius=self.appearance_radius,
            color_radius=self.color_radius,
            smoothness_radius=self.smoothness_radius,
        )
        refined = choose_refined_region(probability > self.threshold, mask)
        return lesion if refined is None else lesion.with_mask(refined, probability)
