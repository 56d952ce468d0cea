"""Results for more than two classes, with confidence intervals."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_melanoma._validation.labels import find_labeled, list_labels
from sklearn_melanoma.metrics._intervals import N_DRAWS, draw_units, roc_auc, weigh_samples, wilson_interval

if TYPE_CHECKING:
    import pandas as pd


def read_columns(y_true: ArrayLike, y_probability: Any, pos_label: Any) -> tuple[list[Any] | None, Any]:
    """Return the names of the classes and their probabilities, or None and the probability of one class.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels, -1 for unlabeled samples.
    y_probability : array-like or DataFrame
        One number for each sample, or a column for each class.
    pos_label : label or None
        The class whose column is returned.

    Returns
    -------
    names : list of labels or None
        None if there is one number for each sample.
    probability : array-like
        The numbers.

    Raises
    ------
    ValueError
        If the columns are not the classes.
    """
    if np.ndim(y_probability) != 2 or np.shape(y_probability)[1] < 3:
        return None, y_probability
    labeled, values = find_labeled(y_true, name="y_true"), list(list_labels(y_true))
    found = np.unique([values[position] for position in np.flatnonzero(labeled)]).tolist()
    names = list(y_probability.columns) if hasattr(y_probability, "columns") else found
    table = np.asarray(y_probability, dtype=np.float64)
    if len(set(names)) < len(names):
        raise ValueError(
            f"y_probability must have one column for each class, got the columns {names}. Rename or drop those that "
            "occur more than once."
        )
    if table.shape[1] != len(names) or not set(found) <= set(names):
        raise ValueError(
            f"y_probability must have a column for each of the classes {found!r}, got "
            f"{names if hasattr(y_probability, 'columns') else table.shape[1]}. Pass a DataFrame with the columns "
            "classes_."
        )
    if pos_label is None:
        return names, table
    if pos_label not in names:
        raise ValueError(
            f"pos_label must be one of the classes {names!r}, got {pos_label!r}. Use the same labels in both."
        )
    return None, table[:, names.index(pos_label)]


def select_labeled_rows(
    y_true: ArrayLike, table: Any, names: list[Any]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Return the classes as numbers and the probabilities of labeled samples without NaN, and their positions."""
    labeled, values = find_labeled(y_true, name="y_true"), list(list_labels(y_true))
    check_consistent_length(values, table)
    kept = np.flatnonzero(labeled & ~np.isnan(table).any(axis=1))
    numbers = np.array([names.index(values[position]) for position in kept], dtype=np.intp)
    if len(np.unique(numbers)) < 2:
        raise ValueError(
            f"y_true must hold two classes at least, got {len(np.unique(numbers))} in {len(kept)} scored samples. "
            "Label some of each."
        )
    return numbers, table[kept], kept


def tabulate_classes(
    truth: NDArray[np.intp],
    probability: NDArray[np.float64],
    units: NDArray[np.intp],
    *,
    names: list[Any],
    confidence: float,
) -> pd.DataFrame:
    """Return the rows of `score_report` for more than two classes."""
    import pandas as pd

    predicted, present = probability.argmax(axis=1), np.unique(truth)
    weights, of_class = weigh_samples(units), weigh_samples(units, truth)
    score = partial(_score_classes, present=present)
    values = score(truth, predicted, probability, weights, of_class)
    drawn = []
    for rows in draw_units(units, truth):
        if len(np.unique(truth[rows])) == len(present):
            drawn.append(score(truth[rows], predicted[rows], probability[rows], weights[rows], of_class[rows]))
        if len(drawn) == N_DRAWS:
            break
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    titles = ["macro ROC AUC", "balanced accuracy", "accuracy", "log loss"]
    titles += [f"ROC AUC of {names[number]}" for number in present]
    n_groups, sizes = len(np.unique(units)), [len(np.unique(units[truth == number])) for number in present]
    counts = [n_groups] * 4 + sizes
    table = pd.DataFrame({"value": values, "low": low, "high": high, "predicted": np.nan, "n": counts}, index=titles)
    for number, size in zip(present, sizes, strict=True):
        rows = truth == number
        fraction = float(np.average(predicted[rows] == number, weights=of_class[rows]))
        bounds = wilson_interval(fraction, size, confidence=confidence)
        table.loc[f"sensitivity of {names[number]}"] = (*bounds, np.nan, size)
    for number in present:
        fraction = float(np.average(truth == number, weights=weights))
        bounds = wilson_interval(fraction, n_groups, confidence=confidence)
        expected = np.average(probability[:, number], weights=weights)
        table.loc[f"prevalence of {names[number]}"] = (*bounds, expected, n_groups)
    return table.astype({"n": int})


def _score_classes(
    truth: NDArray[np.intp],
    predicted: NDArray[np.intp],
    probability: NDArray[np.float64],
    weights: NDArray[np.float64],
    of_class: NDArray[np.float64],
    *,
    present: NDArray[np.intp],
) -> list[float]:
    """Return macro AUC, balanced accuracy, accuracy, log loss and the AUC of each class."""
    areas = [roc_auc(truth == number, probability[:, number], of_class) for number in present]
    right = predicted == truth
    chosen = np.clip(probability[np.arange(len(truth)), truth], 1e-15, None)
    recalls = np.bincount(truth, of_class * right)[present] / np.bincount(truth, of_class)[present]
    accuracy, loss = np.average(np.stack([right, -np.log(chosen)]), axis=1, weights=weights)
    return [float(np.mean(areas)), float(np.mean(recalls)), float(accuracy), float(loss), *areas]
