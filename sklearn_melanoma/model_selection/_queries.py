"""Which samples to label next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length

# Distances of all pairs are held: of more samples than these, the surest are left out.
_MOST = 3000


def which_to_label(model: Any, X: Any, n: int, *, y: ArrayLike | None = None) -> NDArray[np.intp]:
    r"""Choose the samples whose label would help most: those that the model is unsure of, of all kinds.

    Each sample weighs as much as the model is unsure of it. Those are chosen, one after the other, to which
    the others are nearest. Uncertainty alone would ask about the same kind of lesion again and again, and
    differences alone about odd ones. Labels help more in rounds: label ten, fit again, ask again.

    Parameters
    ----------
    model : classifier or Pipeline
        Fitted, with `predict_proba`. Of a pipeline, samples are compared by what its last step sees.
    X : sequence of images, DataFrame or ndarray of shape (n_samples, ...)
        What the model takes. Its features should be on one scale.
    n : int
        Number of samples to choose.
    y : array-like of shape (n_samples,), optional
        Labels that are there, -1 where there is none: labeled samples are not chosen.

    Returns
    -------
    ndarray of shape (n,), dtype int
        Positions in `X`, the most helpful first: fewer are the first of these.

    Raises
    ------
    ValueError
        If there are fewer than `n` samples without a label.

    Notes
    -----
    With the samples sorted by the difference between the probabilities of their two likeliest classes, the
    :math:`r`-th of :math:`N`, from 0 on, weighs :math:`w_r = 1 - r / N`. Each choice lowers
    :math:`\sum_r w_r d_r` as far as one can, with :math:`d_r` the Euclidean distance to the nearest chosen sample: the
    first step of k-medoids, weighted. Of more than 3 000 samples without a label the least certain 3 000 count.

    References
    ----------
    L. Kaufman, P. J. Rousseeuw, Finding Groups in Data, Wiley, 1990, chapter 2.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn_melanoma.model_selection import hide_labels, which_to_label
    >>> from sklearn_melanoma.semi_supervised import PriorLogisticRegression
    >>> X, y = make_blobs(200, centers=[(-1, 0), (1, 0)], random_state=0)
    >>> few = hide_labels(y, 3, random_state=0)
    >>> model = PriorLogisticRegression().fit(X, few)
    >>> model.predict_proba(X[which_to_label(model, X, 4, y=few)])[:, 1].round(1)
    array([0.5, 0.8, 0.4, 0.3])
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
    likeliest = np.sort(model.predict_proba(X)[free], axis=1)
    least_sure = np.argsort(likeliest[:, -1] - likeliest[:, -2], kind="stable")
    free = free[least_sure[: max(_MOST, n)]]
    weights = 1 - np.arange(len(free)) / len(free)
    distances = euclidean_distances(rows[free])
    nearest = np.full(len(free), distances.max())
    chosen: list[int] = []
    for _ in range(n):
        gains = weights @ np.maximum(nearest[:, np.newaxis] - distances, 0)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        nearest = np.minimum(nearest, distances[chosen[-1]])
    return free[chosen]
