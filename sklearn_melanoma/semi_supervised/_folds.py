"""Folds that keep groups of labels together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def deal_folds(numbers: NDArray[np.intp], groups: NDArray[Any], n_folds: int) -> NDArray[np.intp]:
    """Distribute groups to folds, separately for each class.

    A group with samples of several classes counts as a group of the last of these classes.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the class of each sample.
    groups : ndarray of shape (n_samples,)
        The group of each sample.
    n_folds : int
        Number of folds; fewer if no two classes have as many groups.

    Returns
    -------
    ndarray of shape (n_samples,)
        Fold number of each sample, from 0.

    Examples
    --------
    >>> import numpy as np
    >>> deal_folds(np.array([1, 0, 1, 0, 0]), np.array([0, 1, 2, 3, 3]), 5)
    array([0, 0, 1, 1, 1])
    """
    _, member = np.unique(groups, return_inverse=True)
    last = np.zeros(member.max() + 1, dtype=np.intp)
    np.maximum.at(last, member, numbers)
    counts = np.bincount(last, minlength=2)
    n_folds = max(1, min(n_folds, np.sort(counts)[-2]))
    folds = np.empty(len(last), dtype=np.intp)
    for number, count in enumerate(counts):
        folds[last == number] = np.arange(count) % n_folds
    return folds[member]
