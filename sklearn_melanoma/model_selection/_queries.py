"""Active learning: choosing the samples to label next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length

from sklearn_melanoma._base import list_steps
from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma._validation.labels import find_labeled

# Largest number of samples, because the distances of all pairs are in memory. If there are more, the most confident are
# left out.
_MAX_SAMPLES = 3000


def which_to_label(
    model: Any, X: Any, n: int, *, y: ArrayLike | None = None, groups: ArrayLike | None = None
) -> NDArray[np.intp]:
    r"""Choose the samples whose labels would help most: uncertain and diverse ones.

    Each sample is weighted by the uncertainty of the model. The samples are chosen one after the other, so that the
    weighted distance of all samples to the nearest chosen one becomes small. Uncertainty alone would choose the same
    kind of lesion repeatedly, and diversity alone would choose outliers. Labels help more in rounds: label ten samples,
    fit again, choose again.

    Parameters
    ----------
    model : classifier or Pipeline
        Fitted model with `predict_proba`. For a pipeline, samples are compared by the input of its last step. A
        :class:`~sklearn.model_selection.FixedThresholdClassifier` around the model does not change the choice.
    X : sequence of images, DataFrame or ndarray of shape (n_samples, ...)
        Input of the model. Its features should be on one scale.
    n : int
        Number of samples to choose.
    y : array-like of shape (n_samples,), optional
        Labels, -1 for unlabeled samples. Labeled samples are not chosen. By default, all samples count as unlabeled,
        also those that the model was fitted to. Images without a lesion, and skipped images, are not chosen either: all
        their features are missing.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample. At most one sample of each group is chosen, and none of a group that has a
        label. By default, each sample is a group.

    Returns
    -------
    ndarray of shape (n,), dtype int
        Positions in `X`, the most helpful first. A smaller `n` gives the first of these.

    Raises
    ------
    ValueError
        If there are fewer than `n` unlabeled samples, or groups without a label. If `n` is not an int of at least 1, a
        missing label is not -1, or a group is missing.
    TypeError
        If `model`, or the last step of a pipeline, has no `predict_proba`.

    Notes
    -----
    The samples are sorted by the difference between the probabilities of their two most probable classes. Sample
    :math:`r` of :math:`N`, counted from 0, has the weight :math:`w_r = 1 - r / N`. Each choice lowers
    :math:`\sum_r w_r d_r` as far as possible, with :math:`d_r` the Euclidean distance to the nearest chosen sample.
    This is the first step of k-medoids, weighted.

    At most the 3 000 most uncertain unlabeled samples are compared. Others are added only if these belong to fewer than
    `n` groups. With `groups`, :math:`N` counts only the samples of groups without a label.

    References
    ----------
    L. Kaufman, P. J. Rousseeuw, Finding Groups in Data, Wiley, 1990, chapter 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn_melanoma.model_selection import hide_labels, which_to_label
    >>> from sklearn_melanoma.semi_supervised import PriorLogisticRegression
    >>> X, y = make_blobs(200, centers=[(-1, 0), (1, 0)], random_state=0)
    >>> few = hide_labels(y, 3, random_state=0)
    >>> model = PriorLogisticRegression().fit(X, few)
    >>> model.predict_proba(X[which_to_label(model, X, 4, y=few)])[:, 1].round(1)
    array([0.5, 0.8, 0.4, 0.3])

    Two images of each patient:

    >>> patients = np.arange(200) // 2
    >>> chosen = which_to_label(model, X, 90, y=few, groups=patients)
    >>> len(set(patients[chosen])), set(patients[chosen]) & set(patients[few >= 0])
    (90, set())
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n must be an int of at least 1, got {n!r}.")
    while isinstance(model, FixedThresholdClassifier | FrozenEstimator):
        model = model.estimator_ if "estimator_" in vars(model) else model.estimator
    measured: NDArray[np.bool_] | bool = True
    if isinstance(model, Pipeline):
        X, measured, model = *_transform_samples(Pipeline(list_steps(model)), X), model[-1]
    if not hasattr(model, "predict_proba"):
        raise TypeError(
            f"model must end in a classifier with predict_proba, got {model!r}. Calibrate another one, as in "
            "CalibratedClassifierCV(classifier)."
        )
    rows = check_array(X)
    codes = np.arange(len(rows)) if groups is None else encode_groups(groups)
    check_consistent_length(rows, y, codes)
    labeled = np.zeros(len(rows), bool) if y is None else find_labeled(y)
    free = np.flatnonzero(measured & ~np.isin(codes, codes[labeled]))
    if (n_free := len(np.unique(codes[free]))) < n:
        counted, advice = "unlabeled samples with features", "or add unlabeled samples"
        if groups is not None:
            counted, advice = "groups with features and without a label", "or pass smaller groups, such as lesions"
        raise ValueError(f"n must be at most the number of {counted}, {n_free}, got {n}. Ask for fewer, {advice}.")
    ascending = np.sort(model.predict_proba(X)[free], axis=1)
    free = free[np.argsort(ascending[:, -1] - ascending[:, -2], kind="stable")]
    pool = np.arange(min(_MAX_SAMPLES, len(free)))
    if len(np.unique(codes[free[pool]])) < n:
        firsts = np.sort(np.unique(codes[free], return_index=True)[1])  # the most uncertain sample of each group
        pool = np.union1d(firsts[:n], pool)
    free = free[pool]
    return free[_choose_medoids(rows[free], codes[free], n)]


def _choose_medoids(rows: NDArray[Any], codes: NDArray[np.intp], n: int) -> list[int]:
    """Return the positions of `n` rows of different groups, chosen one by one; earlier rows weigh more."""
    weights = 1 - np.arange(len(rows)) / len(rows)
    distances = euclidean_distances(rows)
    nearest = np.full(len(rows), distances.max())
    chosen: list[int] = []
    for _ in range(n):
        gains = weights @ np.maximum(nearest[:, np.newaxis] - distances, 0)
        gains[np.isin(codes, codes[chosen])] = -1
        chosen.append(int(gains.argmax()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    return chosen


def _transform_samples(model: Pipeline, X: Any) -> tuple[Any, NDArray[np.bool_] | bool]:
    """Return the input of the last step of a pipeline, and which samples have at least one feature after the first."""
    if len(model) == 1:
        return X, True
    X = model[:1].transform(X)
    table = np.asarray(X) if len(getattr(X, "shape", ())) == 2 else np.empty(0)
    is_rows = table.ndim == 2 and table.dtype.kind == "f"
    n_features = table.shape[-1] - _count_patient_columns(model[0])
    measured = np.array(~np.isnan(table[:, :n_features]).all(axis=1), dtype=bool) if is_rows else True
    return (model[1:-1].transform(X) if len(model) > 2 else X), measured


def _count_patient_columns(step: Any) -> int:
    """Return the number of the last columns of a table that describe the patient; they are known without a lesion."""
    categories = getattr(step, "categories_", None)
    values = categories.values() if isinstance(categories, dict) else ()
    return sum(1 if found is None else len(found) for found in values)
