"""A step behind any segmenter that moves the border to where the colors change."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma._validation import require_mask
from sklearn_melanoma.segmentation._crf import center_probability, choose_refined, refine_probability, soften_mask
from sklearn_melanoma.segmentation._estimators import Segmenter


class CRFRefiner(Segmenter):
    """Move the borders that a segmenter found to where the colors change.

    A fully connected conditional random field, solved by mean-field iterations: the step that
    sharpens the borders of a classifier of pixels, whose probabilities are blurred. It stands
    behind any segmenter and takes lesions that have a mask. Where the segmenter filled in
    probabilities they are refined, moved so that they are one half where it drew the border;
    otherwise those made of the mask: sure far from its border, unsure within about a tenth of the
    lesion's radius. See :func:`refine_probability` for the formula.

    Parameters
    ----------
    appearance_weight : float, default=1.0
        What neighbors of the same color who agree add to the log-odds of a pixel. By default
        they count as much as odds of e, 2.7 to 1: they settle what is unsure and leave what is
        sure. 2 or 3 suit probabilities that are rough, 0 leaves the kernel out.
    smoothness_weight : float, default=1.0
        What neighbors of any color who agree add, against frayed borders and speckles. By
        default as much as those of the same color.
    appearance_radius : float, default=0.1
        Standard deviation in place up to which pixels of one color are neighbors, as a share
        of the image's longest side. By default a few times as wide as a border is unsure, and
        narrow enough that uneven light hardly changes the colors.
    color_radius : float, default=5.0
        Standard deviation of colors that count as the same, in units of CIELAB. By default
        twice the just noticeable difference, a fifth of what lesion and skin differ by.
    smoothness_radius : float, default=0.02
        Standard deviation of the neighborhood for the smoothness, as a share of the longest
        side. By default wider than a hair, narrower than a notch of the border.
    threshold : float, default=0.4
        Probability above which pixels belong to the lesion. By default below one half, since
        the field draws the border on the steepest change of color or inside of it, and experts
        outside of it. Tune it to the annotators' style with a few masks.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    refine_probability : The same for one array.

    Notes
    -----
    The new mask is the largest connected region above the threshold that overlaps the old
    one, its holes filled. If there is none, or the old mask is all False, the lesion stays as
    it was. All lengths are shares of the longest side: images of any size give nearly the same.
    Where linear algebra runs in more threads than in a worker process, probabilities differ by 1e-7.

    Examples
    --------
    >>> from sklearn.pipeline import Pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import CRFRefiner, WatershedSegmenter
    >>> photos = make_lesions(5, random_state=0)
    >>> pipeline = Pipeline([("segment", WatershedSegmenter()), ("refine", CRFRefiner())])
    >>> lesion = pipeline.fit_transform(photos.images)[0]
    >>> lesion.mask.shape, lesion.probability.shape
    ((192, 256), (192, 256))
    >>> pipeline.score(photos.images, photos.masks) > 0.7
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "appearance_weight": [Interval(Real, 0, None, closed="left")],
        "smoothness_weight": [Interval(Real, 0, None, closed="left")],
        "appearance_radius": [Interval(Real, 0, None, closed="neither")],
        "color_radius": [Interval(Real, 0, None, closed="neither")],
        "smoothness_radius": [Interval(Real, 0, None, closed="neither")],
        "threshold": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
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
        refined = choose_refined(probability > self.threshold, mask)
        return lesion if refined is None else lesion.with_mask(refined, probability)
