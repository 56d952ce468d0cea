"""Folds that keep groups of labels together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def deal_folds(positive: NDArray[np.bool_], groups: NDArray[Any], n_folds: int) -> NDArray[np.intp]:
    """Deal groups into folds, those with and those without a positive sample separately.

    Parameters
    ----------
    positive : ndarray of shape (n_samples,), dtype bool
        The labels.
    groups : ndarray of shape (n_samples,)
        The group of each sample.
    n_folds : int
        Number of folds; fewer if there are fewer groups with, or without, a positive sample.

    Returns
    -------
    ndarray of shape (n_samples,)
        Fold number of each sample, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> deal_folds(np.array([True, False, True, False, False]), np.array([0, 1, 2, 3, 3]), 5)
    array([0, 0, 1, 1, 1])
    """
    _, member = np.unique(groups, return_inverse=True)
    kinds = np.bincount(member, weights=positive) > 0
    n_folds = max(1, min(n_folds, kinds.sum(), (~kinds).sum()))
    folds = np.empty(len(kinds), dtype=np.intp)
    for part in (kinds, ~kinds):
        folds[part] = np.arange(part.sum()) % n_folds
    return folds[member]
