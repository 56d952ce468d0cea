"""Random draws of test groups and of a few labels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._validation.labels import find_labeled

# Maximum number of draws of the test groups, until all classes are on both sides.
_MAX_DRAWS = 100


class LabelDraw(NamedTuple):
    """One draw of training and test samples, and a random order of the training labels.

    Parameters
    ----------
    train : ndarray of shape (n_train,)
        Positions of the training samples.
    test : ndarray of shape (n_test,)
        Positions of the test samples, all of them labeled.
    label_order : list of ndarray
        For each class, the positions of its labels in `train`, in random order. The first label of each group comes
        before the second label of any group.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    label_order: list[NDArray[np.intp]]

    def select_labels(self, y: NDArray[Any], n_per_class: int) -> NDArray[Any]:
        """Return the labels of `train`; all but the first `n_per_class` of each class are replaced by -1."""
        kept = np.concatenate([positions[:n_per_class] for positions in self.label_order])
        few = np.full(len(self.train), -1, dtype=object if y.dtype.kind in "OUS" else np.result_type(y.dtype, np.int8))
        few[kept] = y[self.train[kept]]
        return few


def draw_few_labels(
    y: NDArray[Any], groups: NDArray[Any], n_per_class: int, *, test_size: float, random_state: int
) -> LabelDraw:
    """Draw test groups, and a random order of the labels of the other groups.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels, -1 for unlabeled samples.
    groups : ndarray of shape (n_samples,)
        Group of each sample, such as its lesion. Groups are never split.
    n_per_class : int
        Minimum number of training labels per class.
    test_size : float
        Fraction of the groups to hold out, between 0 and 1.
    random_state : int
        Seed of the draw.

    Returns
    -------
    LabelDraw
        A draw with at least one test label and `n_per_class` training labels per class.

    Raises
    ------
    ValueError
        If none of a hundred draws gives such a split.
    """
    random = np.random.RandomState(random_state)
    labeled = find_labeled(y)
    classes = np.unique(y[labeled].tolist())
    units, unit_of = np.unique(groups, return_inverse=True)
    for _ in range(_MAX_DRAWS):
        held_out = np.isin(unit_of, random.permutation(len(units))[: round(test_size * len(units))])
        train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out & labeled)
        label_order = [random.permutation(np.flatnonzero(y[train] == value)) for value in classes]
        label_order = [order[sort_by_repeats(unit_of[train[order]])] for order in label_order]
        if min(map(len, label_order)) >= max(n_per_class, 1) and len(np.unique(y[test].tolist())) == len(classes):
            return LabelDraw(train, test, label_order)
    raise ValueError(
        f"y must hold more than {n_per_class} labels per class, some of them in groups to hold out, got "
        f"{ {value.item(): int(np.count_nonzero(y == value)) for value in classes} }. "
        "Lower labels_per_class or test_size."
    )


def sort_by_repeats(units: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the order in which the first of each group come first, then the second of each, and so on.

    Parameters
    ----------
    units : ndarray of shape (n_samples,), dtype int
        Group of each sample.

    Returns
    -------
    ndarray of shape (n_samples,), dtype int
        Positions of the samples.

    Examples
    --------
    >>> sort_by_repeats(np.array([7, 7, 2, 7, 2]))
    array([0, 2, 1, 4, 3])
    """
    by_unit = np.argsort(units, kind="stable")
    starts = np.searchsorted(units[by_unit], units[by_unit])
    repeats = np.empty(len(units), dtype=np.intp)
    repeats[by_unit] = np.arange(len(units)) - starts
    return np.argsort(repeats, kind="stable")
