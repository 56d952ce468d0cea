"""A segmenter that chooses among the masks of others, image by image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils.parallel import Parallel, delayed

from sklearn_melanoma._base import Composite
from sklearn_melanoma._callbacks import FitTask, learns
from sklearn_melanoma._io.reading import resize_map, resize_mask, shrink_by_steps
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, with_callbacks
from sklearn_melanoma._typing import Mask
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation._candidates import agreement, describe_candidates
from sklearn_melanoma.segmentation._estimators import Segmenter, WatershedSegmenter
from sklearn_melanoma.segmentation._regions import cut_probability
from sklearn_melanoma.segmentation._training import check_few_masks, read_pair
from sklearn_melanoma.segmentation._watershed import MASK_SIDE

# How much a candidate's vote grows with its expected Jaccard index: e-fold for 0.05, half an
# expert's disagreement with another.
_SHARPNESS = 20.0

# Shares of the vote among which the one is taken that agrees best with the given masks.
_VOTE_THRESHOLDS = np.linspace(0.2, 0.7, 11)

_FOLDS = 5


def default_segmenters() -> list[tuple[str, Segmenter]]:
    """Return the eight ways of drawing a border that a `SegmenterSelector` chooses among unless it is told others."""
    ways: dict[str, dict[str, Any]] = {
        "blue": {},
        "green": {"channel": "green"},
        "blue_red": {"channel": "blue/red"},
        "green_red": {"channel": "green/red"},
        "uneven": {"even_light": False},
        "plain": {"level": None, "margin": 0.005},
        "wide": {"level": 0.3},
        "tight": {"level": 0.65},
    }
    return [(name, WatershedSegmenter(**{"level": 0.45} | options)) for name, options in ways.items()]


class SegmenterSelector(Segmenter, Composite):
    """Weigh the masks of several segmenters, image by image, and return their consensus.

    Without any mask to learn from, every candidate votes with the weight of its agreement with
    the others: of several ways of looking at an image, those that go wrong go wrong in
    different ways. Fitted with a few masks, a regressor learns to expect each candidate's
    Jaccard index from what can be seen without the truth (:func:`describe_candidates`: contrast and slope
    along the border, compactness, place, size, agreement), the better ones get more of the
    vote, and the share of the vote that makes a pixel lesion follows the annotators' style,
    tight or wide.

    Parameters
    ----------
    segmenters : list of (str, segmenter), optional
        Names and segmenters. By default eight variants of :class:`WatershedSegmenter`: four
        channels, without even light, without refinement, a wide and a tight one. Those
        that learn are fitted on the same masks.
    ranker : regressor, optional
        Expects a Jaccard index from the measures of a candidate, for ``fit`` with masks. By
        default 100 extremely randomized trees.
    n_best : int, optional
        Number of candidates that vote, the best first; 1 chooses a single one. By default all.
    vote_threshold : float, default=0.4
        Share of the vote from which a pixel belongs to the lesion, as long as no masks teach
        another. Below one half, since thresholds err on the small side.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of the default ranker.

    Attributes
    ----------
    segmenters_ : list of segmenter
        The candidates, fitted; once ``fit`` was called.
    ranker_ : regressor or None
        The fitted ranker; None if there was no mask.
    vote_threshold_ : float
        Share of the vote from which a pixel belongs to the lesion.

    See Also
    --------
    WatershedSegmenter : One of the candidates; faster.
    describe_candidates : What the ranker sees.

    Notes
    -----
    It works without ``fit``, unless one of `segmenters` learns. With fewer than five masks
    there is nothing to learn a ranking from, and it votes as without.

    Choosing among twelve borders by a random forest was shown in [1]_.

    References
    ----------
    .. [1] PMC7173402: a random forest choosing among 12 borders gave a good one in 96.4 % of 802
       lesions, the best single method in 85.9 %.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import SegmenterSelector
    >>> photos = make_lesions(8, image_size=(96, 128), random_state=0)
    >>> SegmenterSelector().score(photos.images, photos.masks) > 0.7
    True
    >>> selector = SegmenterSelector().fit(photos.images, photos.masks[:6] + [None] * 2)
    >>> selector.transform(photos.images[6:7])[0].probability.shape
    (96, 128)
    """

    _parts = "segmenters"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "segmenters": [list, tuple, None],
        "ranker": [HasMethods(["fit", "predict"]), None],
        "n_best": [Interval(Integral, 1, None, closed="left"), None],
        "vote_threshold": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        segmenters: list[tuple[str, Any]] | None = None,
        *,
        ranker: BaseEstimator | None = None,
        n_best: int | None = None,
        vote_threshold: float = 0.4,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.segmenters = segmenters
        self.ranker = ranker
        self.n_best = n_best
        self.vote_threshold = vote_threshold
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the images that have a mask which candidates to trust, and how wide to draw.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions.
        y : sequence of masks, optional
            Arrays or paths, at the size of the images; None or NaN where there is none.

        Returns
        -------
        self
            The selector itself.

        Raises
        ------
        ValueError, TypeError, OSError
            If a parameter is wrong, or an image or mask can't be read or has another size; the
            message names it by position and path.
        """
        self._check_parameters()
        images = check_images(X)
        masks, positions = check_few_masks(y, len(images))
        self.ranker_, self.vote_threshold_ = None, self.vote_threshold
        ranked = len(positions) >= _FOLDS
        fresh = [(name, clone(segmenter)) for name, segmenter in self._named()]
        n_parts = sum(learns(segmenter) for _, segmenter in fresh) + (len(fresh) + _FOLDS + 2 if ranked else 0)
        with FitTask(self, images, y, n_parts) as task:
            if ranked:
                self._learn(images, masks, positions, task)
            for name, segmenter in fresh:
                with task.fitting(f"fit-{name}", segmenter):
                    segmenter.fit(images, y)
            self.segmenters_ = [segmenter for _, segmenter in fresh]
        return self

    def _learn(self, images: Sequence[Any], masks: Sequence[Any], positions: list[int], task: FitTask) -> None:
        task.begin_part("read")
        lesions, truths = [], []
        for position in positions:
            lesion, truth = read_pair(images, masks, position)
            lesions.append(_shrink_to_mask_side(lesion))
            truths.append(resize_mask(truth, lesions[-1].image.shape[:2]))
        random = check_random_state(self.random_state)
        folds = list(KFold(_FOLDS, shuffle=True, random_state=random).split(positions))
        candidates = self._cross_fitted_candidates(images, masks, positions, lesions, folds, task)
        rows = [self._rows(lesion, found) for lesion, found in zip(lesions, candidates, strict=True)]
        jaccard = [
            [mask_jaccard(truth, mask) for mask in found] for truth, found in zip(truths, candidates, strict=True)
        ]
        ranker = self.ranker
        if ranker is None:
            seed = int(random.randint(np.iinfo(np.int32).max))
            ranker = ExtraTreesRegressor(100, min_samples_leaf=5, max_features=0.3, random_state=seed)
        agreed = np.empty((len(positions), len(_VOTE_THRESHOLDS)))
        for train, test in folds:
            task.begin_part("fold")
            fitted = _fit_ranker(ranker, rows, jaccard, train)
            for i in test:
                vote = _consensus(candidates[i], self._weights(fitted.predict(rows[i])))
                agreed[i] = [
                    mask_jaccard(truths[i], cut_probability(vote, threshold)) for threshold in _VOTE_THRESHOLDS
                ]
        self.vote_threshold_ = float(_VOTE_THRESHOLDS[int(agreed.mean(axis=0).argmax())])
        task.begin_part("learn")
        self.ranker_ = _fit_ranker(ranker, rows, jaccard, range(len(positions)))
        task.end_part()

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        small = _shrink_to_mask_side(lesion)
        masks = [_mask_of(segmenter, small) for segmenter in self._active()]
        ranker = getattr(self, "ranker_", None)
        if ranker is None:
            agreements = agreement(masks)
            weights = self._kept((agreements.sum(axis=1) - 1) / max(len(masks) - 1, 1))
        else:
            weights = self._weights(ranker.predict(self._rows(small, masks)))
        vote = resize_map(_consensus(masks, weights), lesion.image.shape[:2])
        return lesion.with_mask(cut_probability(vote, getattr(self, "vote_threshold_", self.vote_threshold)), vote)

    def _weights(self, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn expected Jaccard indices into weights of the vote."""
        return self._kept(np.exp(_SHARPNESS * (quality - quality.max())))

    def _kept(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Leave the `n_best` largest weights, and make their sum 1."""
        kept = np.zeros_like(weights)
        best = np.argsort(-weights, kind="stable")[: self.n_best]
        kept[best] = weights[best]
        return kept / kept.sum() if kept.sum() > 0 else np.full_like(weights, 1 / len(weights))

    def _rows(self, lesion: Lesion, masks: Sequence[Mask]) -> NDArray[np.float64]:
        """Return what the ranker sees: measures, the same against the image's median, and which candidate it is."""
        measures = describe_candidates(lesion.image, masks)
        return np.hstack([measures, measures - np.median(measures, axis=0), np.eye(len(masks))])

    def _cross_fitted_candidates(
        self,
        images: Sequence[Any],
        masks: Sequence[Any],
        positions: list[int],
        lesions: Sequence[Lesion],
        folds: list[Any],
        task: FitTask,
    ) -> list[list[Mask]]:
        """Return the candidates of the images that have a mask, from segmenters that have not seen that mask."""
        columns = []
        for name, segmenter in self._named():
            task.begin_part(f"find-{name}")
            column: list[Any] = [None] * len(positions)
            if get_tags(segmenter).requires_fit:
                for _, test in folds:
                    hidden = {positions[i] for i in test}
                    seen = [None if i in hidden else mask for i, mask in enumerate(masks)]
                    fitted = clone(segmenter).fit(images, seen)
                    for i in test:
                        column[i] = _mask_of(fitted, lesions[i])
            else:
                run = Parallel(n_jobs=self.n_jobs)
                column = run(delayed(_mask_of)(segmenter, lesion) for lesion in lesions)
            columns.append(column)
        return [list(row) for row in zip(*columns, strict=True)]

    def _named(self) -> list[tuple[str, Any]]:
        return default_segmenters() if self.segmenters is None else list(self.segmenters)

    def _active(self) -> list[Any]:
        return self.segmenters_ if hasattr(self, "segmenters_") else [segmenter for _, segmenter in self._named()]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.segmenters is None:
            return
        if not self.segmenters:
            raise ValueError("segmenters must hold at least one (name, segmenter), got none.")
        self._validate_names([name for name, _ in self.segmenters])
        for _, segmenter in self.segmenters:
            if isinstance(segmenter, type) or not (hasattr(segmenter, "fit") and hasattr(segmenter, "transform")):
                raise TypeError(f"every segmenter must have fit and transform, got {segmenter!r}.")

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "segmenters_") or not self._learns()

    def _learns(self) -> bool:
        return any(get_tags(segmenter).requires_fit for _, segmenter in self._named())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._learns()
        return tags


def _shrink_to_mask_side(lesion: Lesion) -> Lesion:
    image = shrink_by_steps(lesion.image, MASK_SIDE)
    return lesion if image is lesion.image else Lesion(image, source=lesion.source, source_shape=lesion.source_shape)


def _mask_of(segmenter: Any, lesion: Lesion) -> Mask:
    return segmenter.transform([lesion])[0].mask


def _fit_ranker(
    ranker: BaseEstimator, rows: list[NDArray[np.float64]], jaccard: list[list[float]], which: Iterable[int]
) -> BaseEstimator:
    """Fit a copy of the ranker to all candidates of some images."""
    which = list(which)
    return clone(ranker).fit(np.concatenate([rows[i] for i in which]), np.concatenate([jaccard[i] for i in which]))


def _consensus(masks: Sequence[Mask], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the share of the vote that each pixel gets."""
    vote = np.tensordot(weights.astype(np.float32), np.array(masks, dtype=np.float32), axes=1)
    return np.minimum(vote, 1)
