"""Segmenter that classifies pixels, trained on a few masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.utils import Tags, check_random_state
from sklearn.utils.metaestimators import available_if

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._io.reading import resize_map
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, with_callbacks
from sklearn_melanoma._typing import Mask
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.segmentation._estimators import Segmenter
from sklearn_melanoma.segmentation._pixel_features import PixelDescription, describe_pixels
from sklearn_melanoma.segmentation._pixel_samples import (
    THRESHOLDS,
    Sample,
    check_samples,
    crop_pair,
    find_best_threshold,
    learn_pixels,
    make_trees,
    predict_lesion,
    sample_pixels,
    score_thresholds,
    shrink_for_scores,
)
from sklearn_melanoma.segmentation._regions import cut_probability
from sklearn_melanoma.segmentation._training import check_few_masks, read_pair

# Largest number of images on which the threshold is chosen. More images need more memory and don't change it.
_MAX_TUNED = 100
_FOLDS = 5


class PixelClassifierSegmenter(Segmenter):
    """Segment each image by a pixel classifier, trained on a few masks.

    The features of a pixel are its color relative to the skin, its position, and masks found without labels. Any
    classifier of scikit-learn is trained on a few hundred pixels of each image that has a mask. Its probability is
    averaged with the mask of an unsupervised segmenter. The weight of this segmenter decreases with the number of
    masks. The threshold maximizes the mean Jaccard index of up to 100 of the given masks, each predicted by a
    classifier that was trained without it. So the annotators' style, tight or wide, is learned, too.

    Parameters
    ----------
    estimator : classifier, optional
        Any classifier with ``predict_proba``, or a pipeline that ends in one. By default 50
        extremely randomized trees. :class:`PixelPerceptron` is better with hundreds of masks. If the `fit` of the
        classifier has a parameter `images`, it gets the image of each pixel as `images`, and the weight of each pixel
        as `sample_weight`.
    n_pixels : int, default=300
        Number of pixels sampled from each image that has a mask, more of them near the border.
        Each image has the same weight.
    base_segmenter : segmenter, optional
        Unsupervised segmenter. Its probability, or its mask if it has none, is averaged with that of the classifier.
        Defaults to :class:`WatershedSegmenter`. :class:`SegmenterSelector` is more accurate and slower.
    prior_masks : float, default=10
        Weight of the base segmenter, as a number of masks. With :math:`n` masks, its weight in the probability is
        ``prior_masks / (prior_masks + n)``.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed of the sampled pixels, of the folds and of the default classifier. Pass an int for
        reproducible results. A given `estimator` uses its own seed. Each `partial_fit` samples other
        pixels.

    Attributes
    ----------
    estimator_ : classifier
        The classifier, fitted on all sampled pixels.
    threshold_ : float
        Probability above which a pixel belongs to the lesion.
    base_segmenter_ : segmenter or None
        The base segmenter, fitted without masks. None if `base_segmenter` is None; the watershed, which is used then,
        is not a separate object.
    base_weight_ : float
        Weight of the base segmenter in the probability, 0 to 1.
    out_of_fold_jaccard_ : float
        Mean Jaccard index at `threshold_` over the given masks, or over 100 random ones if there are more. Each mask is
        predicted by a classifier that was trained without it. The mean is slightly too high, because it chooses the
        threshold. NaN if there is a single mask. After `partial_fit`, the mean over the last 100 masks, each predicted
        before it was learned.
    n_masks_ : int
        Number of masks in `fit`, and in `partial_fit` since then.

    See Also
    --------
    WatershedSegmenter : Segmenter that needs no mask.
    PixelPerceptron : Classifier of pixels for many masks.

    Notes
    -----
    Pixels are classified at a longest side of 96 pixels, and the probability is interpolated. The lesion is the
    connected region above the threshold with the largest sum of probabilities. Its holes are filled. All lengths are
    fractions of the image's longest side or of the lesion's own size. If nothing is darker than the skin, the mask is
    all False and the probability is 0.

    With 20 masks, the mean Jaccard index is 0.870 on PH², 0.805 on ISIC 2017 and 0.840 on
    HAM10000. :class:`WatershedSegmenter` has 0.864, 0.815 and 0.813 without masks.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import PixelClassifierSegmenter
    >>> lesions = make_lesions(10, random_state=0)
    >>> masks = lesions.masks[:5] + [None] * 5
    >>> segmenter = PixelClassifierSegmenter(random_state=0).fit(lesions.images, masks)
    >>> segmenter.score(lesions.images[5:], lesions.masks[5:]) > 0.8
    True
    >>> segmenter.transform(lesions.images[5:6])[0].probability.shape
    (192, 256)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "n_pixels": [Interval(Integral, 2, None, closed="left")],
        "base_segmenter": [HasMethods(["fit", "transform"]), None],
        "prior_masks": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        *,
        estimator: BaseEstimator | None = None,
        n_pixels: int = 300,
        base_segmenter: Any = None,
        prior_masks: float = 10,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.estimator = estimator
        self.n_pixels = n_pixels
        self.base_segmenter = base_segmenter
        self.prior_masks = prior_masks
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from the images that have a mask.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions. Images without a mask are not read.
        y : sequence of masks
            Arrays or paths, at the size of the images. None or NaN marks an image without a mask.

        Returns
        -------
        self
            The fitted segmenter.

        Raises
        ------
        ValueError, TypeError, OSError
            If there is no mask, or a mask has another size than its image. If all masks are empty or all are full. If a
            parameter is out of its range.
        """
        self._check_parameters()
        images, masks, labeled = self._check_masks(X, y)
        with FitTask(self, images, y, len(labeled) + min(_FOLDS, len(labeled)) + 1) as task:
            self._fit_to_masks(images, masks, labeled, task)
        return self

    def _check_masks(self, X: Any, y: Any) -> tuple[Sequence[Any], Sequence[Any], list[int]]:
        """Return images and masks, and the positions of those with a mask."""
        images = check_images(X)
        masks, labeled = check_few_masks(y, len(images))
        if not labeled:
            raise ValueError(
                f"y must hold at least one mask, got none in {len(images)} images. "
                "Draw some, or use WatershedSegmenter, which needs none. A pipeline of images has no masks; put a "
                "fitted segmenter into it as FrozenEstimator(segmenter)."
            )
        return images, masks, labeled

    @available_if(lambda self: _learns_in_parts(self.estimator))
    @with_callbacks
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Continue to learn from more images that have a mask.

        This method exists only if `estimator` has `partial_fit`, like :class:`PixelPerceptron`. The default trees do
        not. Use it if the memory is too small for all masks. Pass some hundred masks at a time. If there are fewer than
        some thousand, pass all of them several times. The threshold is found from the last 100 masks, each predicted
        before it was learned.

        Parameters
        ----------
        X : sequence of images
            As in `fit`.
        y : sequence of masks
            As in `fit`.

        Returns
        -------
        self
            The fitted segmenter.

        Raises
        ------
        ValueError, TypeError, OSError
            As in `fit`, but all masks of a part may be empty, or all full. After an error, nothing is learned.
        AttributeError
            If `estimator` has no `partial_fit`, or is a :class:`~sklearn.frozen.FrozenEstimator`.
        """
        self._check_parameters()
        images, masks, labeled = self._check_masks(X, y)
        with FitTask(self, images, y, len(labeled) + 1) as task:
            if not hasattr(self, "estimator_"):
                self.base_segmenter_ = None if self.base_segmenter is None else clone(self.base_segmenter).fit(images)
            classifier = getattr(self, "estimator_", None) or clone(self.estimator)
            rng = check_random_state(getattr(self, "_next_seed", self.random_state))
            samples, scores = [], []
            for pixels, mask, sample in self._read_pixels(images, masks, labeled, rng, task):
                samples.append(sample)
                if hasattr(self, "estimator_"):
                    scores.append(score_thresholds(self._predict_probability(pixels, classifier), mask))
            task.begin_part("learn")
            self.estimator_ = learn_pixels(classifier, samples, "partial_fit", classes=[False, True])
            self._next_seed = int(rng.randint(2**31 - 1))
        self._set_weight(getattr(self, "n_masks_", 0) + len(labeled))
        self._set_threshold([*getattr(self, "_recent_scores", []), *scores])
        return self

    def _set_weight(self, n_masks: int) -> None:
        self.n_masks_ = n_masks
        self.base_weight_ = self.prior_masks / (self.prior_masks + n_masks)

    def _set_threshold(self, scores: list[list[float]]) -> None:
        """Find the threshold from the scores of the last images, and keep them for `partial_fit`."""
        self._recent_scores = scores[-_MAX_TUNED:]
        self.threshold_, self.out_of_fold_jaccard_ = _find_best(self._recent_scores)

    def _fit_to_masks(self, images: Sequence[Any], masks: Sequence[Any], labeled: list[int], task: FitTask) -> None:
        # No masks are passed, so that the threshold is chosen on masks that the base segmenter did not learn from.
        self.base_segmenter_ = None if self.base_segmenter is None else clone(self.base_segmenter).fit(images)
        rng = check_random_state(self.random_state)
        tuning_orders = set(rng.permutation(len(labeled))[:_MAX_TUNED].tolist())
        samples, tuning = [], []
        for order, (pixels, mask, sample) in enumerate(self._read_pixels(images, masks, labeled, rng, task)):
            samples.append(sample)
            if order in tuning_orders:
                tuning.append((order, pixels, mask))
        check_samples(samples)
        self._set_weight(len(labeled))
        seed = int(rng.randint(2**31 - 1))
        self._set_threshold(self._score_left_out(samples, tuning, seed, task))
        task.begin_part("learn")
        self.estimator_ = self._fit_classifier(samples, seed)
        self._next_seed = int(rng.randint(2**31 - 1))

    def _read_pixels(
        self,
        images: Sequence[Any],
        masks: Sequence[Any],
        positions: Sequence[int],
        rng: np.random.RandomState,
        task: FitTask,
    ) -> Iterator[tuple[PixelDescription, Mask, Sample]]:
        """Yield the described pixels of images, their masks, shrunk, and a sample of the pixels."""
        for position in positions:
            task.begin_part("image")
            lesion, mask, _ = crop_pair(*read_pair(images[position], masks[position], position))
            pixels = self._describe_pixels(lesion)
            yield pixels, shrink_for_scores(mask), sample_pixels(pixels, mask, self.n_pixels, rng)

    def _fit_classifier(self, samples: Sequence[Sample], seed: int) -> BaseEstimator:
        classifier = make_trees(seed) if self.estimator is None else clone(self.estimator)
        return learn_pixels(classifier, samples)

    def _score_left_out(
        self,
        samples: list[Sample],
        tuning: list[tuple[int, PixelDescription, Mask]],
        seed: int,
        task: FitTask,
    ) -> list[list[float]]:
        """Return the Jaccard index of left-out images at each threshold."""
        scores: list[list[float]] = []
        if len(samples) < 2:
            return scores
        for train, test in KFold(min(_FOLDS, len(samples)), shuffle=True, random_state=seed).split(samples):
            task.begin_part("fold")
            part = [samples[order] for order in train]
            if len(np.unique(np.concatenate([sample.labels for sample in part]))) < 2:
                continue
            classifier = self._fit_classifier(part, seed)
            scores += [
                score_thresholds(self._predict_probability(pixels, classifier), mask)
                for order, pixels, mask in tuning
                if order in test
            ]
        return scores

    def _describe_pixels(self, lesion: Lesion) -> PixelDescription:
        """Describe the pixels of an image, with the probability of the base segmenter."""
        pixels = describe_pixels(lesion.image)
        if self.base_segmenter_ is None:
            return pixels
        (found,) = self.base_segmenter_.transform([Lesion(lesion.image)])
        probability = found.mask.astype(np.float32) if found.probability is None else found.probability
        return replace(pixels, base_probability=np.clip(resize_map(probability, pixels.base_probability.shape), 0, 1))

    def _predict_probability(self, pixels: PixelDescription, classifier: BaseEstimator) -> NDArray[np.float32]:
        """Return the probability of the lesion at each described pixel."""
        if not pixels.found:
            return np.zeros(pixels.base_probability.shape, dtype=np.float32)
        learned = predict_lesion(classifier, pixels).astype(np.float32)
        return (1 - self.base_weight_) * learned + self.base_weight_ * pixels.base_probability

    def _segment_content(self, lesion: Lesion) -> Lesion:
        pixels = self._describe_pixels(lesion)
        probability = resize_map(self._predict_probability(pixels, self.estimator_), lesion.image.shape[:2])
        probability = np.clip(probability, 0, 1)
        return lesion.with_mask(cut_probability(probability, self.threshold_), probability)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        tags.target_tags.required = True
        return tags


def _learns_in_parts(estimator: Any) -> bool:
    return hasattr(estimator, "partial_fit") and not isinstance(estimator, FrozenEstimator)


def _find_best(scores: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the threshold with the best mean score over some images, and that score."""
    if not len(scores):
        return 0.5, np.nan
    means = np.mean(scores, axis=0)
    best = find_best_threshold(means)
    return float(THRESHOLDS[best]), float(means[best])
