"""Scores of the masks of many images, a scorer for searches, and intervals of means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from sklearn_melanoma._io.reading import read_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import check_images, check_masks, element_errors, is_missing

MaskMetric = Callable[[NDArray[np.bool_], NDArray[np.bool_]], float]


def mask_scores(y_true: Any, y_pred: Any, metric: MaskMetric) -> NDArray[np.float64]:
    """Score the mask of every image.

    Parameters
    ----------
    y_true : sequence of masks
        Arrays or paths; None or NaN for images without a true mask.
    y_pred : sequence of masks
        Arrays, paths or lesions, in the same order. Arrays and files must have the same sizes. The mask of a lesion is
        resized to its source.
    metric : callable
        Function of the true and the predicted mask that returns a number, such as
        :func:`~sklearn_melanoma.metrics.mask_jaccard`.

    Returns
    -------
    ndarray of shape (n_images,), dtype float64
        One score for each image, NaN for images without a true mask.

    Raises
    ------
    ValueError, TypeError, OSError
        If no image has a true mask, the lengths differ, or a mask can't be read or has
        another shape; the message names it by position and path.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.metrics import mask_jaccard, mask_scores
    >>> whole, half = np.ones((2, 2), dtype=bool), np.array([[True, True], [False, False]])
    >>> mask_scores([whole, None, half], [half, half, half], mask_jaccard)
    array([0.5, nan, 1. ])
    """
    _check_metric(metric)
    y_true, y_pred = check_masks(y_true, name="y"), check_masks(y_pred, name="y_pred")
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"y and y_pred must have the same length, got {len(y_true)} and {len(y_pred)}. Predict every image once."
        )
    scores = np.full(len(y_true), np.nan)
    for position in _find_masked(y_true):
        with element_errors(position, y_true[position], name="y"):
            truth = read_mask(y_true[position])
        with element_errors(position, y_pred[position], name="y_pred"):
            prediction = read_mask(y_pred[position])
        with element_errors(position, y_true[position], name="y"):
            scores[position] = metric(truth, prediction)
    return scores


def mean_mask_score(y_true: Any, y_pred: Any, metric: MaskMetric) -> float:
    """Compute the mean score over the images with a true mask.

    Parameters
    ----------
    y_true : sequence of masks
        Arrays or paths; None or NaN for images without a true mask.
    y_pred : sequence of masks
        Arrays, paths or lesions, as in :func:`mask_scores`.
    metric : callable
        Takes the true and the predicted mask and returns a number, such as
        :func:`~sklearn_melanoma.metrics.mask_jaccard`.

    Returns
    -------
    float
        Mean over the images with a true mask. Images of all sizes have the same weight.

    Raises
    ------
    ValueError, TypeError, OSError
        As :func:`mask_scores`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.metrics import mask_jaccard, mean_mask_score
    >>> whole, half = np.ones((2, 2), dtype=bool), np.array([[True, True], [False, False]])
    >>> mean_mask_score([whole, None, half], [half, half, half], mask_jaccard)
    0.75
    """
    return float(np.nanmean(mask_scores(y_true, y_pred, metric)))


@dataclass(frozen=True, repr=False)
class MaskScorer:
    """Scorer of segmenters, made by `make_mask_scorer`."""

    metric: MaskMetric

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        images, masks = check_images(X), check_masks(y, name="y")
        if len(images) != len(masks):
            raise ValueError(f"X and y must have the same length, got {len(images)} and {len(masks)}.")
        positions = _find_masked(masks)
        # Only images with a true mask are segmented. With few masks this is much faster.
        chosen = [images[position] for position in positions]
        # A segmenter of the user may have no `predict`. Its lesions hold the masks.
        has_masks = hasattr(estimator, "predict")
        predicted = estimator.predict(chosen) if has_masks else estimator.transform(chosen)
        if not has_masks and not all(isinstance(lesion, Lesion) for lesion in predicted):
            raise TypeError(
                f"estimator must have predict, or transform that returns lesions, got {estimator!r}. "
                "Score the steps up to the segmenter."
            )
        predictions = np.full(len(masks), None, dtype=object)
        for position, mask in zip(positions, predicted, strict=True):
            predictions[position] = mask
        return mean_mask_score(masks, predictions, self.metric)

    def __repr__(self) -> str:
        return f"make_mask_scorer({getattr(self.metric, '__name__', self.metric)})"


def make_mask_scorer(metric: MaskMetric) -> Callable[[Any, Any, Any], float]:
    """Make a scorer of segmenters from a metric of masks.

    Use it as `scoring` of :class:`~sklearn.model_selection.GridSearchCV` and of
    :func:`~sklearn.model_selection.cross_validate`, for another metric than the mean Jaccard index, which is the score
    of the segmenters.

    Parameters
    ----------
    metric : callable
        Function of the true and the predicted mask that returns a number, larger for better masks. A search in several
        processes needs a metric that can be pickled: ``functools.partial(threshold_jaccard, threshold=0.8)``, not a
        lambda.

    Returns
    -------
    callable
        ``scorer(estimator, X, y)``, the mean of `metric` over the images in `X` with a mask in `y` (arrays or paths;
        None or NaN for missing masks). Images without a mask are not segmented. An estimator without `predict` must
        have `transform`, which returns lesions.

    See Also
    --------
    sklearn_melanoma.model_selection.SemiSupervisedSplit : Splitter that puts a mask into every test fold.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.metrics import make_mask_scorer, threshold_jaccard
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = make_lesions(4, random_state=0)
    >>> scorer = make_mask_scorer(threshold_jaccard)
    >>> search = GridSearchCV(WatershedSegmenter(), {"level": [0.3, 0.5]}, scoring=scorer, cv=2)
    >>> search.fit(lesions.images, lesions.masks).best_params_
    {'level': 0.5}
    """
    _check_metric(metric)
    return MaskScorer(metric)


def _check_metric(metric: Any) -> None:
    if not callable(metric):
        raise TypeError(f"metric must be callable, got {metric!r}. Pass a function such as mask_jaccard.")


class MeanInterval(NamedTuple):
    """A mean and the bounds of its confidence interval.

    Parameters
    ----------
    mean : float
        Mean of the values.
    low : float
        Lower bound, NaN for a single value.
    high : float
        Upper bound, NaN for a single value.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import MeanInterval
    >>> interval = MeanInterval(0.84, low=0.74, high=0.94)
    >>> interval.high
    0.94
    """

    mean: float
    low: float
    high: float


def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> MeanInterval:
    r"""Return the mean of repeated scores and its confidence interval.

    It is Student's interval, :math:`\bar{x} \pm t_{n-1} \, s / \sqrt{n}`, with the standard deviation :math:`s` of the
    :math:`n` values.

    Parameters
    ----------
    values : array-like of shape (n_repeats,)
        One score for each repeat; or, to compare two methods, the difference of their scores in each repeat.
    confidence : float, default=0.95
        Confidence level, between 0 and 1.

    Returns
    -------
    MeanInterval
        Named tuple of `mean`, `low` and `high`. The bounds of a single value are NaN.

    Raises
    ------
    ValueError
        If `values` is empty, not 1-D or holds NaN, or `confidence` is not between 0 and 1.

    Notes
    -----
    All repeats on one data set use the same images. The interval therefore covers the random choice of labels and
    splits, but not the score on another data set. To compare two methods, pass the differences over the same repeats.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import mean_interval
    >>> mean, low, high = mean_interval([0.80, 0.84, 0.88])
    >>> print(f"{mean:.2f} ({low:.2f} to {high:.2f})")
    0.84 (0.74 to 0.94)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"values must have shape (n_repeats,) with at least one value, got shape {array.shape}.")
    if np.isnan(array).any():
        position = int(np.flatnonzero(np.isnan(array))[0])
        raise ValueError(f"values[{position}] is NaN. Find out why that repeat has no score, or leave it out.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}. Pass 0.95 for 95 %.")
    mean = float(array.mean())
    if array.size == 1:
        return MeanInterval(mean, np.nan, np.nan)
    half = float(stdtrit(array.size - 1, (1 + confidence) / 2) * array.std(ddof=1) / np.sqrt(array.size))
    return MeanInterval(mean, mean - half, mean + half)


def _find_masked(y: Sequence[Any]) -> list[int]:
    positions = [position for position in range(len(y)) if not is_missing(y[position])]
    if not positions:
        raise ValueError(
            f"y must hold at least one mask, got none in {len(y)} images. In a search, "
            "cv=SemiSupervisedSplit(...) puts masks into every test fold."
        )
    return positions
