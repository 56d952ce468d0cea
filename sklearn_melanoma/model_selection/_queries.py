"""Which samples to label next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length


def which_to_label(
    model: Any, X: Any, n: int, *, y: ArrayLike | None = None, random_state: int = 0
) -> NDArray[np.intp]:
    r"""Choose the samples whose label would help most: those that the model is unsure of, of all kinds.

    K-means finds `n` groups that look alike, each sample weighing as much as the model is unsure
    of it; the sample nearest to the middle of each is chosen. Uncertainty alone would ask about the same kind
    of lesion again and again, and differences alone about odd ones.

    Parameters
    ----------
    model : classifier or Pipeline
        Fitted, with `predict_proba`. Of a pipeline, samples are compared by what its last step sees.
    X : sequence of images, DataFrame or ndarray of shape (n_samples, ...)
        What the model takes. Its features should be on one scale.
    n : int
        Number of samples to choose.
    y : array-like of shape (n_samples,), optional
        Labels that are there, -1 where there is none: labelled samples are not chosen.
    random_state : int, default=0
        Where k-means starts.

    Returns
    -------
    ndarray of shape (n,), dtype int
        Positions in `X`, the least certain first.

    Raises
    ------
    ValueError
        If there are fewer than `n` samples without a label.

    References
    ----------
    F. Zhdanov, Diverse mini-batch active learning, arXiv:1901.05954, 2019. The weights are Gini's impurity,
    :math:`1 - \sum p^2` over the classes.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn_melanoma.model_selection import hide_labels, which_to_label
    >>> from sklearn_melanoma.semi_supervised import PriorLogisticRegression
    >>> X, y = make_blobs(200, centers=[(-1, 0), (1, 0)], random_state=0)
    >>> few = hide_labels(y, 3, random_state=0)
    >>> model = PriorLogisticRegression().fit(X, few)
    >>> chosen = which_to_label(model, X, 4, y=few)
    >>> unsure = 1 - abs(2 * model.predict_proba(X)[:, 1] - 1)
    >>> bool(unsure[chosen].mean() > unsure.mean())
    True
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n must be an int of at least 1, got {n!r}.")
    if isinstance(model, Pipeline):
        X, model = model[:-1].transform(X), model[-1]
    rows = check_array(X)
    labels = np.full(len(rows), -1) if y is None else np.asarray(y)
    check_consistent_length(rows, labels)
    free = np.flatnonzero(labels == -1)
    if len(free) < n:
        raise ValueError(f"n must be at most the number of samples without a label, {len(free)}, got {n}.")
    unsure = 1 - np.square(model.predict_proba(X)).sum(axis=1)
    # The least weight keeps samples that the model is sure of from being none at all.
    weights = np.maximum(unsure[free], np.finfo(float).eps)
    means = KMeans(n, n_init=1, random_state=random_state).fit(rows[free], sample_weight=weights)
    chosen: list[int] = []
    for distances in means.transform(rows[free]).T:
        order = free[np.argsort(distances, kind="stable")]
        chosen.append(next(position for position in order if position not in chosen))
    return np.array(sorted(chosen, key=lambda position: -unsure[position]), dtype=np.intp)
