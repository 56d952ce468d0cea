"""Scores of groups of images, such as all images of a lesion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length

from sklearn_melanoma._validation.groups import encode_groups, list_groups
from sklearn_melanoma._validation.labels import find_labeled, list_labels

if TYPE_CHECKING:
    import pandas as pd


def average_by_group(scores: Any, groups: ArrayLike, y_true: ArrayLike | None = None) -> Any:
    """Average the scores of all images of a lesion or patient.

    Several images of a lesion contain more information than one image. The mean of their scores has a higher AUC than
    the scores of single images, and each lesion counts once.

    Parameters
    ----------
    scores : array-like of shape (n_samples,) or (n_samples, n_columns)
        Numbers, such as probabilities from `predict_proba`. NaN and masked numbers are left out. Columns of a DataFrame
        keep their names.
    groups : array-like of shape (n_samples,)
        Lesion or patient of each sample.
    y_true : array-like of shape (n_samples,), default=None
        Labels, -1 for unlabeled samples. All labeled samples of a group must have one label.

    Returns
    -------
    averages : Series or DataFrame of n_groups rows
        Mean scores. The index has the groups in the order of their first sample.
    labels : Series of length n_groups
        Label of each group, -1 if none of its samples is labeled. Only with `y_true`.

    Raises
    ------
    ValueError
        If the arguments have different lengths, a group is missing, or a group has several labels.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import average_by_group
    >>> scores, labels = average_by_group([0.25, 0.75, 0.1], ["lesion 7", "lesion 7", "lesion 2"], [1, 1, 0])
    >>> scores
    lesion 7    0.5
    lesion 2    0.1
    dtype: float64
    >>> labels.to_dict()
    {'lesion 7': 1, 'lesion 2': 0}
    """
    import pandas as pd

    table, names = _read_scores(scores), list_groups(groups)
    check_consistent_length(table, names)
    numbers = encode_groups(groups)
    firsts = np.sort(np.unique(numbers, return_index=True)[1])
    index = pd.Index([names[first] for first in firsts])
    averages = table.groupby(numbers).mean().reindex(numbers[firsts]).set_axis(index)
    if y_true is None:
        return averages
    labels = _find_labels(y_true, numbers, names)
    return averages, pd.Series([labels.get(numbers[first], -1) for first in firsts], index)


def _read_scores(scores: Any) -> pd.DataFrame | pd.Series[float]:
    """Return the scores as a Series or a DataFrame of floats, with rows numbered from 0."""
    import pandas as pd

    values = np.ma.filled(np.ma.asarray(scores, dtype=np.float64), np.nan)
    if values.ndim == 1:
        return pd.Series(values)
    if values.ndim == 2:
        return pd.DataFrame(values, columns=getattr(scores, "columns", None))
    raise ValueError(f"scores must have one or two dimensions, got shape {values.shape}. Pass a column for each class.")


def _find_labels(y_true: ArrayLike, numbers: NDArray[np.intp], names: list[Any]) -> dict[int, Any]:
    """Return the label of each group that has one, by its number."""
    labels, labeled = list(list_labels(y_true)), find_labeled(y_true, name="y_true")
    check_consistent_length(labels, names)
    found: dict[int, Any] = {}
    for position in np.flatnonzero(labeled):
        label, known = labels[position], found.setdefault(int(numbers[position]), labels[position])
        if known != label:
            raise ValueError(
                f"y_true must have one label for each group, got {known!r} and {label!r} in group {names[position]!r}. "
                "Correct the labels, or group by lesion rather than by patient."
            )
    return found
