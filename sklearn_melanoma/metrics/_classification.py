"""Metrics of classifiers: a report with intervals, and the decision threshold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma._validation.labels import find_labeled, list_labels
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.metrics._intervals import bootstrap_interval, roc_auc, weigh_samples, wilson_interval
from sklearn_melanoma.metrics._multiclass import read_columns, select_labeled_rows, tabulate_classes
from sklearn_melanoma.metrics._positive import find_pos_label
from sklearn_melanoma.metrics._threshold import Threshold, read_threshold

if TYPE_CHECKING:
    import pandas as pd


def threshold_at_sensitivity(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sensitivity: float = 0.95,
    pos_label: Any = None,
    groups: ArrayLike | None = None,
) -> Threshold:
    r"""Find the highest threshold whose expected sensitivity on unseen samples is high enough.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels, -1 for unlabeled samples. Samples with -1 or a score of NaN are ignored. All labels but `pos_label` are
        negative, also with more than two classes.
    y_score : array-like of shape (n_samples,)
        Scores of samples that the model was not fitted on, for example from
        :func:`~sklearn_melanoma.model_selection.out_of_fold_scores`. Higher scores mean positive.
    sensitivity : float, default=0.95
        Fraction of the unseen positive samples that should be at or above the threshold, above 0 and up to 1.
    pos_label : label, optional
        Label of the positive class, such as ``"melanoma"``. Defaults to 1 or True for the labels 0 and 1, or False and
        True; it must be given for other labels.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample. Each group counts once, for any number of samples. A group with both classes
        counts once in each class. By default, each sample is a group.

    Returns
    -------
    Threshold
        Named tuple of `threshold`, `sensitivity`, `specificity` and `expected_sensitivity`. With too few positive
        samples for the requested sensitivity, the threshold is the lowest of their scores.

    Raises
    ------
    ValueError
        If a class is missing, a missing label is not -1, or the positive class can't be determined. If a group is
        missing, or `sensitivity` is out of range.

    Warns
    -----
    UserWarning
        If there are too few positive samples, or groups of them, for the requested sensitivity: fewer than
        :math:`s / (1 - s)`.

    Notes
    -----
    Let the threshold be the :math:`k`-th smallest of :math:`m` positive scores. A new positive score is below it with
    probability :math:`k / (m + 1)`, for any distribution of scores, so the expected sensitivity is
    :math:`1 - k / (m + 1)`. Even at the lowest score, it is at most :math:`m / (m + 1)`: below 0.95 with fewer than 19
    positive samples, and below 1 with any number. The sensitivity on the given samples is higher. A threshold chosen by
    that sensitivity misses more unseen samples than intended.

    With groups, :math:`m` is the number of groups with a positive sample, and :math:`k - 1` is the total weight of the
    positive scores below the threshold. The weights of the positive samples of a group have the sum 1. The expected
    sensitivity, on a random sample of an unseen group, is then at least :math:`1 - k / (m + 1)`.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import threshold_at_sensitivity
    >>> found = threshold_at_sensitivity([0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], sensitivity=0.75)
    >>> found.threshold, found.sensitivity, round(found.specificity, 2), found.expected_sensitivity
    (0.3, 1.0, 0.67, 0.75)
    """
    positive, scores, kept = _select_scored(y_true, y_score, pos_label, "y_score")
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity must lie above 0 and be 1 at most, got {sensitivity!r}.")
    units = _number_groups(y_true, groups, kept)
    weights = weigh_samples(units, positive)
    n_positive = len(np.unique(units[positive]))
    _warn_of_few_positives(n_positive, sensitivity, "samples" if groups is None else "groups of samples")
    order = np.argsort(scores[positive], kind="stable")
    of_positive, shares = scores[positive][order], weights[positive][order]
    below = (np.cumsum(shares) - shares)[np.searchsorted(of_positive, of_positive)]
    # The number is rounded, because a twentieth of 20 would be less than one in floating point.
    allowed = np.round(below + 1, 9) <= round((1 - sensitivity) * (n_positive + 1), 9)
    chosen = max(int(np.count_nonzero(allowed)) - 1, 0)
    threshold = float(of_positive[chosen])
    return Threshold(
        threshold,
        1 - float(below[chosen]) / n_positive,
        float(np.average(scores[~positive] < threshold, weights=weights[~positive])),
        1 - float(below[chosen] + 1) / (n_positive + 1),
    )


def _warn_of_few_positives(n_positive: int, sensitivity: float, counted: str) -> None:
    """Warn if no threshold has the expected sensitivity."""
    best = n_positive / (n_positive + 1)
    if best >= sensitivity - 1e-9:
        return
    advice = "No number of samples is enough for 1:"
    if sensitivity < 1:
        advice = f"Label at least {ceil(round(sensitivity / (1 - sensitivity), 6))} {counted}, or"
    warn_user(
        f"{n_positive} labeled positive {counted} are too few for a sensitivity of {sensitivity:g}: even with the "
        f"lowest of their scores as threshold, {best:.3f} is expected on unseen samples. {advice} ask for less."
    )


def score_report(
    y_true: ArrayLike,
    y_probability: ArrayLike,
    *,
    pos_label: Any = None,
    threshold: Threshold | float = 0.5,
    groups: ArrayLike | None = None,
    by: ArrayLike | None = None,
    n_bins: int = 5,
    confidence: float = 0.95,
) -> pd.DataFrame:
    r"""Report the quality of predicted probabilities as one table, with intervals.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels, -1 for unlabeled samples. Samples with -1 or a probability of NaN are ignored.
    y_probability : array-like of shape (n_samples,) or (n_samples, n_classes)
        Predicted probability of the positive class, for samples that the model was not fitted on; or the probabilities
        of more than two classes, in the order of the sorted labels. The columns of a DataFrame name the classes.
    pos_label : label, optional
        Label of the positive class, such as ``"melanoma"``. Defaults to 1 or True for the labels 0 and 1, or False and
        True; it must be given for other labels. With more than two classes, all others are negative.
    threshold : Threshold or float, default=0.5
        Lowest probability that counts as positive, such as the output of :func:`threshold_at_sensitivity`. It is not
        used if `y_probability` has more than two columns and `pos_label` is None.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample. Each group counts once: the weights of its samples have the sum 1. In the AUC,
        balanced accuracy, sensitivity and specificity, a group with several classes counts once in each. Intervals
        count groups too, because samples of one group carry less information than samples of several groups. By
        default, each sample is a group.
    by : array-like of shape (n_samples,), optional
        A property of each sample, such as the patient's sex or the camera. Each of its values gets its own report. For
        numbers, pass ranges, as :func:`pandas.cut` makes them.
    n_bins : int, default=5
        Number of equal ranges of probability in which predictions are compared with labels.
    confidence : float, default=0.95
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    DataFrame
        The columns are:

        - ``value``: the result.
        - ``low``, ``high``: the limits of its interval.
        - ``predicted``: the mean probability, for rows whose value is the fraction of positive samples.
        - ``n``: the number of groups that the row counts. For the sensitivity, these are the groups with a positive
          sample.

        The rows for a positive class are ``ROC AUC``, ``balanced accuracy``, ``sensitivity``, ``specificity``,
        ``Brier score``, ``prevalence``, and one for each range of probability that holds samples, such as
        ``positive at 0.2 to 0.4``. The samples of a group may be in several ranges.

        The rows for all classes (more than two columns, no `pos_label`) are:

        - ``macro ROC AUC``: the mean AUC of each class against the rest.
        - ``balanced accuracy``: the mean sensitivity.
        - ``accuracy`` and ``log loss``.
        - ``ROC AUC of``, ``sensitivity of`` and ``prevalence of`` each class.

        With `by`, the index has two levels: the value of `by` ("missing" if there is none) and the row. If all samples
        with one value of `by` have the same label, the AUCs of this value are NaN. With two classes, its balanced
        accuracy and its Brier score are then NaN, too.

    Raises
    ------
    ValueError
        If a class is missing, a missing label is not -1, or the positive class can't be determined. If the columns are
        not the classes, a probability is not in 0..1, or a parameter is out of range.

    See Also
    --------
    sklearn.calibration.CalibrationDisplay : The ranges of probability as a curve.
    average_by_group : One score for all images of a lesion, usually better than the score of one image.

    Notes
    -----
    Fractions have Wilson's interval, with the number of groups instead of the number of samples. It has a width even if
    the fraction is 0 or 1. The other intervals are bootstrap intervals: percentiles of the score over 1 000 draws with
    replacement. Whole groups are drawn, separately from the groups with and without a positive sample. The interval of
    an AUC of 1 has no width; more labels are then needed. If the threshold was found on the same scores, the
    sensitivity and its interval are too high. Use `expected_sensitivity` of :func:`threshold_at_sensitivity` instead.

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

    The sensitivity for two cameras:

    >>> camera = ["a", "b", "a", "b", "a", "b", "a", "b"]
    >>> report = score_report([0, 0, 0, 1, 0, 1, 1, 1], [0.1, 0.1, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9], by=camera)
    >>> report.xs("sensitivity", level=1)[["value", "low", "high", "n"]].round(2)
       value   low  high  n
    a   1.00  0.21  1.00  1
    b   0.67  0.21  0.94  3
    """
    import pandas as pd

    if n_bins < 1 or not 0 < confidence < 1:
        raise ValueError(f"n_bins must be at least 1 and confidence in 0..1, got {n_bins!r} and {confidence!r}.")
    cut = read_threshold(threshold)
    if not 0 <= cut <= 1:
        raise ValueError(f"threshold must be a probability, in 0..1, got {cut:g}. Divide percents by 100.")
    names, y_probability = read_columns(y_true, y_probability, pos_label)
    truth: NDArray[Any]
    tabulate: Callable[..., pd.DataFrame]
    if names is None:
        truth, probability, kept = _select_scored(y_true, y_probability, pos_label, "y_probability")
        tabulate = partial(_tabulate_scores, threshold=cut, n_bins=n_bins, confidence=confidence)
    else:
        truth, probability, kept = select_labeled_rows(y_true, y_probability, names)
        tabulate = partial(tabulate_classes, names=names, confidence=confidence)
    if probability.min() < 0 or probability.max() > 1:
        raise ValueError(
            f"y_probability must lie in 0..1, got {probability.min():g} to {probability.max():g}. "
            "Pass the output of predict_proba(X): the column of the positive class, or all columns."
        )
    units = _number_groups(y_true, groups, kept)
    if by is None:
        return tabulate(truth, probability, units)
    check_consistent_length(y_true, by)
    values = pd.Series(_take_column(by)).iloc[kept].reset_index(drop=True)
    tables = {}
    for value, members in values.groupby(values, observed=True, dropna=False):
        rows = members.index.to_numpy()
        tables["missing" if pd.isna(value) else value] = tabulate(truth[rows], probability[rows], units[rows])
    return pd.concat(tables, names=[values.name, None])


def _take_column(by: Any) -> Any:
    """Return the property of each sample; one column of a table counts as 1-D."""
    if np.ndim(by) < 2 and not hasattr(by, "columns"):
        return by
    if np.shape(by)[1:] != (1,):
        got = f"a table with columns {list(by.columns)!r}" if hasattr(by, "columns") else f"shape {np.shape(by)}"
        raise ValueError(f"by must hold one value for each sample, got {got}. Pass one column, whose name occurs once.")
    return by[by.columns[0]] if hasattr(by, "columns") else np.asarray(by)[:, 0]


def _tabulate_scores(
    positive: NDArray[np.bool_],
    probability: NDArray[np.float64],
    units: NDArray[np.intp],
    *,
    threshold: float,
    n_bins: int,
    confidence: float,
) -> pd.DataFrame:
    """Return the rows of `score_report` for some samples."""
    import pandas as pd

    found, of_class, weights = probability >= threshold, weigh_samples(units, positive), weigh_samples(units)
    has_both = 0 < np.count_nonzero(positive) < len(positive)

    def bootstrap(
        score: Callable[[Any, Any, Any], float], values: NDArray[Any], *, by_class: bool = True
    ) -> tuple[float, float, float]:
        if not has_both:
            return np.nan, np.nan, np.nan
        return bootstrap_interval(score, positive, values, units, by_class=by_class, confidence=confidence)

    def count(where: NDArray[np.bool_]) -> int:
        return len(np.unique(units[where]))

    def wilson(of: Any, where: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[float, float, float]:
        if not where.any():
            return np.nan, np.nan, np.nan
        fraction = float(np.average(of[where], weights=weights[where]))
        return wilson_interval(fraction, count(where), confidence=confidence)

    def describe_range(where: NDArray[np.bool_]) -> tuple[float, float, float, float, int]:
        predicted = float(np.average(probability[where], weights=weights[where]))
        return *wilson(positive, where, weights), predicted, count(where)

    everywhere = np.ones(len(positive), dtype=bool)
    n_groups = count(everywhere)
    rows = {
        "ROC AUC": (*bootstrap(roc_auc, probability), np.nan, n_groups),
        "balanced accuracy": (*bootstrap(_balanced_accuracy, found), np.nan, n_groups),
        "sensitivity": (*wilson(found, positive, of_class), np.nan, count(positive)),
        "specificity": (*wilson(~found, ~positive, of_class), np.nan, count(~positive)),
        "Brier score": (*bootstrap(_brier_score, probability, by_class=False), np.nan, n_groups),
        "prevalence": describe_range(everywhere),
    }
    place = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    for number in np.unique(place):
        where = place == number
        name = f"positive at {number / n_bins:.3g} to {(number + 1) / n_bins:.3g}"
        rows[name] = describe_range(where)
    return pd.DataFrame(rows, index=["value", "low", "high", "predicted", "n"]).T.astype({"n": int})


# scikit-learn's metrics check their input. In a thousand draws, the checks take twenty times as long as these sums.


def _balanced_accuracy(positive: NDArray[np.bool_], found: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    of_positive, of_negative = weights * positive, weights * ~positive
    return float(of_positive @ found / of_positive.sum() + of_negative @ ~found / of_negative.sum()) / 2


def _brier_score(positive: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(weights @ np.square(probability - positive) / weights.sum())


def _number_groups(y_true: ArrayLike, groups: ArrayLike | None, kept: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of the group of each kept sample; by default, each sample is a group."""
    if groups is None:
        return np.arange(len(kept))
    units = encode_groups(groups)
    check_consistent_length(y_true, units)
    return units[kept]


def _select_scored(
    y_true: ArrayLike, y_score: ArrayLike, pos_label: Any, score_name: str
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.intp]]:
    """Return the classes and scores of the samples with a label and a score, and their positions."""
    labeled = find_labeled(y_true, name="y_true")
    values = list(list_labels(y_true))
    scores = np.ma.filled(np.ma.asarray(y_score, dtype=np.float64), np.nan)
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = scores[:, 0]
    if scores.ndim != 1:
        raise ValueError(
            f"{score_name} must hold one number for each sample, got shape {scores.shape}. "
            "Pass the column of predict_proba(X) for the positive class: that of pos_label in classes_."
        )
    check_consistent_length(values, scores)
    classes = np.unique([values[position] for position in np.flatnonzero(labeled)])
    pos_label = find_pos_label(classes, pos_label, name="y_true")
    kept = np.flatnonzero(labeled & ~np.isnan(scores))
    positive = np.array([values[position] == pos_label for position in kept], dtype=bool)
    if not 0 < positive.sum() < len(kept):
        raise ValueError(
            f"y_true must hold both classes, got {int(positive.sum())} positive samples of {len(kept)}. "
            "Label some of each."
        )
    return positive, scores[kept], kept
