"""Segmenter that combines the masks of several segmenters."""

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

from sklearn_melanoma._base import N_JOBS, Composite
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

# The weight of a candidate in the vote grows by a factor of e if its predicted Jaccard index grows by 0.05. This is
# half the disagreement of two experts.
_SHARPNESS = 20.0

# Candidates of the vote threshold. The one with the best mean Jaccard index is chosen.
_VOTE_THRESHOLDS = np.linspace(0.2, 0.7, 11)

_FOLDS = 5


def default_segmenters() -> list[tuple[str, Segmenter]]:
    """Return the eight segmenters that a `SegmenterSelector` combines by default."""
    variants: dict[str, dict[str, Any]] = {
        "blue": {},
        "green": {"channel": "green"},
        "blue_red": {"channel": "blue/red"},
        "green_red": {"channel": "green/red"},
        "uneven": {"even_light": False},
        "plain": {"level": None, "margin": 0.005},
        "wide": {"level": 0.3},
        "tight": {"level": 0.65},
    }
    return [(name, WatershedSegmenter(**{"level": 0.45} | options)) for name, options in variants.items()]


class SegmenterSelector(Segmenter, Composite):
    """Combine the masks of several segmenters by a weighted vote, for each image.

    Each segmenter gives a candidate mask. Without masks to learn from, the weight of a candidate is its mean agreement
    with the others, because wrong candidates are usually wrong in different ways.

    If a few masks are given, a regressor (the ranker) learns to predict the Jaccard index of each
    candidate. It uses features that need no true mask (:func:`describe_candidates`): contrast and slope along the
    border, compactness, position, size and agreement. Candidates with a higher prediction get a larger weight. The
    threshold of the vote is chosen on the given masks, so it follows the annotators' style, tight or wide.

    Parameters
    ----------
    segmenters : list of (str, segmenter), optional
        Names and segmenters. Defaults to eight variants of :class:`WatershedSegmenter`. Four use different channels.
        The others have no correction of uneven light, no refinement of the border, a wider border, and a tighter
        border. Segmenters that learn are fitted to the same masks.
    ranker : regressor, optional
        Regressor that predicts the Jaccard index of a candidate from its features, if ``fit`` gets masks. Defaults to
        100 extremely randomized trees.
    n_best : int, optional
        Number of best candidates that vote; 1 chooses a single one. Defaults to all.
    vote_threshold : float, default=0.4
        Fraction of the vote above which a pixel belongs to the lesion, if ``fit`` gets too few
        masks to choose it. The default is below one half, because thresholds of gray levels give masks that are too
        small.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in
        the search around it. ``fit`` segments its candidates in parallel; ``transform`` and
        ``predict`` process images in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and of the default ranker. Pass an int for reproducible results.

    Attributes
    ----------
    segmenters_ : list of segmenter
        The fitted segmenters.
    ranker_ : regressor or None
        The fitted ranker; None if ``fit`` got fewer than five masks.
    vote_threshold_ : float
        Fraction of the vote above which a pixel belongs to the lesion.

    See Also
    --------
    WatershedSegmenter : One of the candidates, which is faster.
    describe_candidates : Features of the candidates.

    Notes
    -----
    The selector works without ``fit``, unless one of `segmenters` must be fitted. It needs at least five masks to learn
    the weights and the threshold. With fewer, it votes as without masks.

    A random forest that chooses among twelve borders gave a good border in 96.4 % of 802 lesions. The best single
    method gave one in 85.9 % [1]_.

    References
    ----------
    .. [1] N. K. Mishra, R. Kaur, R. Kasmi, J. R. Hagerty, R. LeAnder, R. J. Stanley, R. H. Moss, W. V. Stoecker,
           "Automatic lesion border selection in dermoscopy images using morphology and color features", Skin Res.
           Technol. 25, 544-552, 2019 (PMC7173402).

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import SegmenterSelector
    >>> lesions = make_lesions(8, image_size=(96, 128), random_state=0)
    >>> SegmenterSelector(random_state=0).score(lesions.images, lesions.masks) > 0.7
    True
    >>> selector = SegmenterSelector(random_state=0).fit(lesions.images, lesions.masks[:6] + [None] * 2)
    >>> selector.transform(lesions.images[6:7])[0].probability.shape
    (96, 128)
    """

    _parts = "segmenters"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "segmenters": [list, tuple, None],
        "ranker": [HasMethods(["fit", "predict"]), None],
        "n_best": [Interval(Integral, 1, None, closed="left"), None],
        "vote_threshold": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": N_JOBS,
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
        """Learn the weights of the candidates and the vote threshold from the images that have a mask.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions.
        y : sequence of masks, optional
            Arrays or paths, at the size of the images. None or NaN marks an image without a mask.

        Returns
        -------
        self
            The selector itself.

        Raises
        ------
        ValueError, TypeError, OSError
            If a parameter is wrong, an image or mask can't be read, or a mask has another size
            than its image. The message names it by position and path.
        """
        self._check_parameters()
        images = check_images(X)
        masks, positions = check_few_masks(y, len(images))
        self.ranker_, self.vote_threshold_ = None, self.vote_threshold
        ranked = len(positions) >= _FOLDS
        clones = [(name, clone(segmenter)) for name, segmenter in self._list_segmenters()]
        n_parts = sum(learns(segmenter) for _, segmenter in clones) + (len(clones) + _FOLDS + 2 if ranked else 0)
        with FitTask(self, images, y, n_parts) as task:
            if ranked:
                self._fit_to_masks(images, masks, positions, task)
            for name, segmenter in clones:
                with task.fitting(f"fit-{name}", segmenter):
                    segmenter.fit(images, y)
            self.segmenters_ = [segmenter for _, segmenter in clones]
        return self

    def _fit_to_masks(self, images: Sequence[Any], masks: Sequence[Any], positions: list[int], task: FitTask) -> None:
        task.begin_part("read")
        lesions, truths = [], []
        for position in positions:
            lesion, truth = read_pair(images[position], masks[position], position)
            lesions.append(_shrink_to_mask_side(lesion))
            truths.append(resize_mask(truth, lesions[-1].image.shape[:2]))
        rng = check_random_state(self.random_state)
        folds = list(KFold(_FOLDS, shuffle=True, random_state=rng).split(positions))
        candidates = self._cross_fit_candidates(images, masks, positions, lesions, folds, task)
        rows = [self._describe_masks(lesion, found) for lesion, found in zip(lesions, candidates, strict=True)]
        jaccard = [
            [mask_jaccard(truth, mask) for mask in found] for truth, found in zip(truths, candidates, strict=True)
        ]
        ranker = self.ranker
        if ranker is None:
            seed = int(rng.randint(np.iinfo(np.int32).max))
            ranker = ExtraTreesRegressor(100, min_samples_leaf=5, max_features=0.3, random_state=seed)
        agreed = np.empty((len(positions), len(_VOTE_THRESHOLDS)))
        for train, test in folds:
            task.begin_part("fold")
            fitted = _fit_ranker(ranker, rows, jaccard, train)
            for i in test:
                vote = _average_votes(candidates[i], self._weigh_votes(fitted.predict(rows[i])))
                agreed[i] = [
                    mask_jaccard(truths[i], cut_probability(vote, threshold)) for threshold in _VOTE_THRESHOLDS
                ]
        self.vote_threshold_ = float(_VOTE_THRESHOLDS[int(agreed.mean(axis=0).argmax())])
        task.begin_part("learn")
        self.ranker_ = _fit_ranker(ranker, rows, jaccard, range(len(positions)))
        task.end_part()

    def _segment_content(self, lesion: Lesion) -> Lesion:
        small = _shrink_to_mask_side(lesion)
        masks = [_predict_mask(segmenter, small) for segmenter in self._get_segmenters()]
        ranker = getattr(self, "ranker_", None)
        if ranker is None:
            agreements = agreement(masks)
            weights = self._keep_best((agreements.sum(axis=1) - 1) / max(len(masks) - 1, 1))
        else:
            weights = self._weigh_votes(ranker.predict(self._describe_masks(small, masks)))
        vote = resize_map(_average_votes(masks, weights), lesion.image.shape[:2])
        return lesion.with_mask(cut_probability(vote, getattr(self, "vote_threshold_", self.vote_threshold)), vote)

    def _weigh_votes(self, quality: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn predicted Jaccard indices into weights of the vote."""
        return self._keep_best(np.exp(_SHARPNESS * (quality - quality.max())))

    def _keep_best(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Keep the `n_best` largest weights, and scale them to a sum of 1."""
        kept = np.zeros_like(weights)
        best = np.argsort(-weights, kind="stable")[: self.n_best]
        kept[best] = weights[best]
        return kept / kept.sum() if kept.sum() > 0 else np.full_like(weights, 1 / len(weights))

    def _describe_masks(self, lesion: Lesion, masks: Sequence[Mask]) -> NDArray[np.float64]:
        """Return the input of the ranker: features, their differences from the median, and one column per candidate."""
        features = describe_candidates(lesion.image, masks)
        return np.hstack([features, features - np.median(features, axis=0), np.eye(len(masks))])

    def _cross_fit_candidates(
        self,
        images: Sequence[Any],
        masks: Sequence[Any],
        positions: list[int],
        lesions: Sequence[Lesion],
        folds: list[Any],
        task: FitTask,
    ) -> list[list[Mask]]:
        """Return the candidates of the images that have a mask, from segmenters fitted without that mask."""
        columns = []
        for name, segmenter in self._list_segmenters():
            task.begin_part(f"find-{name}")
            column: list[Any] = [None] * len(positions)
            if get_tags(segmenter).requires_fit:
                for _, test in folds:
                    left_out = {positions[i] for i in test}
                    others = [None if i in left_out else mask for i, mask in enumerate(masks)]
                    fitted = clone(segmenter).fit(images, others)
                    for i in test:
                        column[i] = _predict_mask(fitted, lesions[i])
            else:
                run = Parallel(n_jobs=self.n_jobs)
                column = run(delayed(_predict_mask)(segmenter, lesion) for lesion in lesions)
            columns.append(column)
        return [list(row) for row in zip(*columns, strict=True)]

    def _list_segmenters(self) -> list[tuple[str, Any]]:
        return default_segmenters() if self.segmenters is None else list(self.segmenters)

    def _get_segmenters(self) -> list[Any]:
        return (
            self.segmenters_
            if hasattr(self, "segmenters_")
            else [segmenter for _, segmenter in self._list_segmenters()]
        )

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
        return hasattr(self, "segmenters_") or not self._requires_fit()

    def _requires_fit(self) -> bool:
        return any(get_tags(segmenter).requires_fit for _, segmenter in self._list_segmenters())

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = self._requires_fit()
        return tags


def _shrink_to_mask_side(lesion: Lesion) -> Lesion:
    image = shrink_by_steps(lesion.image, MASK_SIDE)
    return lesion if image is lesion.image else Lesion(image, source=lesion.source, source_shape=lesion.source_shape)


def _predict_mask(segmenter: Any, lesion: Lesion) -> Mask:
    return segmenter.transform([lesion])[0].mask


def _fit_ranker(
    ranker: BaseEstimator, rows: list[NDArray[np.float64]], jaccard: list[list[float]], which: Iterable[int]
) -> BaseEstimator:
    """Fit a copy of the ranker to all candidates of some images."""
    which = list(which)
    return clone(ranker).fit(np.concatenate([rows[i] for i in which]), np.concatenate([jaccard[i] for i in which]))


def _average_votes(masks: Sequence[Mask], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the fraction of the vote for each pixel."""
    vote = np.tensordot(weights.astype(np.float32), np.array(masks, dtype=np.float32), axes=1)
    return np.minimum(vote, 1)
