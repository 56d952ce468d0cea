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
    most = [0] * len(classes)  # labels of each class to train with, in the best draw with all classes in test
    for _ in range(_MAX_DRAWS):
        held_out = np.isin(unit_of, random.permutation(len(units))[: round(test_size * len(units))])
        train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out & labeled)
        label_order = [random.permutation(np.flatnonzero(y[train] == value)) for value in classes]
        label_order = [order[sort_by_repeats(unit_of[train[order]])] for order in label_order]
        if len(np.unique(y[test].tolist())) == len(classes):
            most = max(most, list(map(len, label_order)), key=min)
            if min(most) >= max(n_per_class, 1):
                return LabelDraw(train, test, label_order)
    raise _make_draw_error(dict(zip(classes.tolist(), most, strict=True)), max(n_per_class, 1), test_size)


def _make_draw_error(most: dict[Any, int], n_per_class: int, test_size: float) -> ValueError:
    """Return the error if no draw is good; `most` are the training labels of each class in the best one."""
    if not any(most.values()):
        return ValueError(
            f"y must hold labels of each class in several groups, got none of {_MAX_DRAWS} draws that holds out "
            f"{test_size:.2g} of the groups with each class on both sides. Label more groups, or change test_size."
        )
    return ValueError(
        f"y must leave {n_per_class} labels of each class after holding out {test_size:.2g} of the groups, got {most} "
        f"in the best of {_MAX_DRAWS} draws. Lower labels_per_class or test_size, or label more groups."
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
