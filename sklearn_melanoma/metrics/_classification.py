"""How good a score is that tells two classes apart: one table, and where to cut it."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.utils import check_consistent_length, column_or_1d

if TYPE_CHECKING:
    import pandas as pd

_DRAWS = 1000  # of the bootstrap


class Threshold(NamedTuple):
    """Where a score is cut, and what that does.

    Parameters
    ----------
    threshold : float
        Lowest score that counts as positive.
    sensitivity : float
        Share of the positive samples at or above it.
    specificity : float
        Share of the negative ones below it.
    expected_sensitivity : float
        What to expect of other samples: less, since the threshold was put at one of these.
    """

    threshold: float
    sensitivity: float
    specificity: float
    expected_sensitivity: float


def threshold_at_sensitivity(y_true: ArrayLike, y_score: ArrayLike, *, sensitivity: float = 0.95) -> Threshold:
    r"""Find the highest threshold at which a score can be expected to find enough of other positive samples.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 for positive samples, 0 for others; -1, or a score of NaN, leaves a sample out.
    y_score : array-like of shape (n_samples,)
        Scores of samples that the model was not fitted on, such as those of
        :func:`~sklearn_melanoma.model_selection.out_of_fold_scores`; the higher, the more likely positive.
    sensitivity : float, default=0.95
        Share of the positive samples to come that are to be at or above the threshold, above 0 and up to 1.

    Returns
    -------
    Threshold
        `threshold`, `sensitivity`, `specificity` and `expected_sensitivity`. Where there are too few positive
        samples for the sensitivity asked for, the lowest of their scores.

    Raises
    ------
    ValueError
        If a class is missing, a label is none of 1, 0 and -1, or `sensitivity` is out of range.

    Notes
    -----
    If the threshold is the :math:`k`-th smallest of :math:`m` positive scores, a new one lies below it with
    probability :math:`k / (m + 1)` whatever the distribution of scores, so the sensitivity to expect is
    :math:`1 - k / (m + 1)`: below 0.95 even at the lowest of fewer than 19. The share of the samples at hand that lie
    above the threshold is higher, and cutting by that share falls short on others.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import threshold_at_sensitivity
    >>> found = threshold_at_sensitivity([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    >>> found.threshold, found.sensitivity, round(found.specificity, 2), found.expected_sensitivity
    (0.3, 1.0, 0.67, 0.75)
    """
    positive, scores, _ = _check(y_true, y_score)
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity must lie above 0 and be 1 at most, got {sensitivity!r}.")
    of_positive = np.sort(scores[positive])
    n_positive = len(of_positive)
    # Rounded, or a twentieth of 20 would be less than one.
    allowed = int(np.floor(round((1 - sensitivity) * (n_positive + 1), 9)))
    threshold = float(of_positive[max(allowed, 1) - 1])
    rank = int(np.searchsorted(of_positive, threshold)) + 1
    return Threshold(
        threshold,
        1 - (rank - 1) / n_positive,
        float((scores[~positive] < threshold).mean()),
        1 - rank / (n_positive + 1),
    )


def score_report(
    y_true: ArrayLike,
    y_probability: ArrayLike,
    *,
    threshold: float = 0.5,
    groups: ArrayLike | None = None,
    n_bins: int = 5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Return all that is to be said of predicted probabilities, with intervals, as one table.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 for positive samples, 0 for others; -1, or a probability of NaN, leaves a sample out.
    y_probability : array-like of shape (n_samples,)
        Probability of being positive, of samples that the model was not fitted on.
    threshold : float, default=0.5
        Lowest probability that counts as positive.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample. Samples of one say less than as many of several: intervals
        count groups. By default each sample is its own.
    n_bins : int, default=5
        Number of equal ranges of probability in which it is compared with what came true.
    confidence : float, default=0.95
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    DataFrame
        Rows ``ROC AUC``, ``balanced accuracy``, ``sensitivity``, ``specificity``, ``Brier score``,
        ``prevalence`` and one for each range of probability that holds samples, such as
        ``positive at 0.2 to 0.4``. Columns ``value``, ``low`` and ``high``, its interval; ``predicted``, the mean
        probability where it is a share to be compared with; and ``n``, the number of samples that it is of.

    Raises
    ------
    ValueError
        If a class is missing, a label is none of 1, 0 and -1, a probability is not in 0..1, or a parameter is out
        of range.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The ranges of probability as a curve.

    Notes
    -----
    Intervals of shares are Wilson's, with the number of groups in place of that of samples, so they have a width
    even where the share is 0 or 1. The others are percentiles of 1 000 draws of whole groups with replacement,
    within the groups that hold a positive sample and within the others. An area of 1 gets no width by that: label more.
    At a threshold that was found on the same scores sensitivity looks better than it is, and so does its interval;
    `expected_sensitivity` of :func:`threshold_at_sensitivity` does not.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import score_report
    >>> report = score_report([0, 0, 0, 1, 0, 1, 1, 1], [0.1, 0.1, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9], n_bins=2)
    >>> report[["value", "low", "high", "n"]].round(2)
                           value   low  high  n
    ROC AUC                 0.94  0.75  1.00  8
    balanced accuracy       0.75  0.50  1.00  8
    sensitivity             0.75  0.30  0.95  4
    specificity             0.75  0.30  0.95  4
    Brier score             0.12  0.03  0.22  8
    prevalence              0.50  0.22  0.78  8
    positive at 0 to 0.5    0.25  0.05  0.70  4
    positive at 0.5 to 1    0.75  0.30  0.95  4
    """
    import pandas as pd

    positive, probability, kept = _check(y_true, y_probability)
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError(
            f"y_probability must lie in 0..1, got {probability.min():g} to {probability.max():g}. "
            "Pass predict_proba(X)[:, 1]."
        )
    if n_bins < 1 or not 0 < confidence < 1:
        raise ValueError(f"n_bins must be at least 1 and confidence in 0..1, got {n_bins!r} and {confidence!r}.")
    groups = np.arange(np.size(y_true)) if groups is None else np.asarray(groups)
    check_consistent_length(y_true, groups)
    units = np.unique(groups[kept], return_inverse=True)[1]
    found = probability >= threshold

    def drawn(score: Callable[[Any, Any], float], values: NDArray[Any]) -> tuple[float, float, float]:
        return bootstrap_interval(score, positive, values, units, confidence=confidence)

    def share(of: NDArray[np.bool_], where: NDArray[np.bool_]) -> tuple[float, float, float]:
        return wilson_interval(float(of[where].mean()), len(np.unique(units[where])), confidence=confidence)

    everywhere = np.ones(len(positive), dtype=bool)
    rows = {
        "ROC AUC": (*drawn(roc_auc, probability), np.nan, len(positive)),
        "balanced accuracy": (*drawn(_balanced_accuracy, found), np.nan, len(positive)),
        "sensitivity": (*share(found, positive), np.nan, int(positive.sum())),
        "specificity": (*share(~found, ~positive), np.nan, int((~positive).sum())),
        "Brier score": (*drawn(_brier_score, probability), np.nan, len(positive)),
        "prevalence": (*share(positive, everywhere), float(probability.mean()), len(positive)),
    }
    place = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    for number in np.unique(place):
        where = place == number
        name = f"positive at {number / n_bins:.3g} to {(number + 1) / n_bins:.3g}"
        rows[name] = (*share(positive, where), float(probability[where].mean()), int(where.sum()))
    return pd.DataFrame(rows, index=["value", "low", "high", "predicted", "n"]).T.astype({"n": int})


def wilson_interval(share: float, n: int, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return a share and the bounds of Wilson's interval for it, of `n` independent samples."""
    z = ndtri((1 + confidence) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # The share is within, also where it is 0 or 1 and the last digit says otherwise.
    return share, max(min(middle - half, share), 0.0), min(max(middle + half, share), 1.0)


def bootstrap_interval(
    score: Callable[[Any, Any], float],
    positive: NDArray[np.bool_],
    values: NDArray[Any],
    units: NDArray[np.intp] | None = None,
    *,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """Return a score and its percentile interval, drawn with replacement so that no draw lacks a class.

    Parameters
    ----------
    score : callable
        Takes the true classes and the values.
    positive : ndarray of shape (n_samples,), dtype bool
        The true classes.
    values : ndarray of shape (n_samples,)
        What is scored.
    units : ndarray of shape (n_samples,), dtype int, optional
        Groups that are drawn as a whole, within those that hold a positive sample and within the others.
    confidence : float, default=0.95
        Confidence level.

    Returns
    -------
    tuple of float
        The score, and the lower and upper bound.
    """
    units = np.arange(len(positive)) if units is None else units
    order = np.argsort(units, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    holds = np.array([positive[rows].any() for rows in members])
    random = np.random.default_rng(0)
    drawn: list[float] = []
    while len(drawn) < _DRAWS:
        chosen = np.concatenate([random.choice(np.flatnonzero(kind), kind.sum()) for kind in (holds, ~holds)])
        rows = np.concatenate([members[unit] for unit in chosen])
        if 0 < np.count_nonzero(positive[rows]) < len(rows):
            drawn.append(score(positive[rows], values[rows]))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(score(positive, values)), float(low), float(high)


# A thousand times scikit-learn's checks of the input take twenty times as long as these sums.


def roc_auc(positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve, as Mann and Whitney's statistic."""
    n_positive = np.count_nonzero(positive)
    above = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * (len(scores) - n_positive)))


def _balanced_accuracy(positive: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    return float(found[positive].mean() + (~found[~positive]).mean()) / 2


def _brier_score(positive: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    return float(np.square(probability - positive).mean())


def _check(y_true: ArrayLike, y_score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.intp]]:
    """Return the classes and scores of the samples that have both, and their positions."""
    labels = column_or_1d(y_true)
    scores = np.asarray(column_or_1d(y_score), dtype=np.float64)
    check_consistent_length(labels, scores)
    if not np.isin(labels, (0, 1, -1)).all():
        raise ValueError(
            f"y_true must hold 1, 0 and -1, got {np.unique(labels).tolist()}. Pass y == 'melanoma' for strings."
        )
    kept = np.flatnonzero((labels != -1) & ~np.isnan(scores))
    positive = labels[kept] == 1
    if not 0 < positive.sum() < len(kept):
        raise ValueError(
            f"y_true must hold both classes, got {int(positive.sum())} positive samples of {len(kept)}. "
            "Label some of each."
        )
    return positive, scores[kept], kept
