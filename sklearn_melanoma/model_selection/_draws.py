"""Random draws of what is held out and of the few labels that are shown."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._validation import find_labeled

# Draws of what is held out that are tried until all classes are on both sides.
_TRIES = 100


class LabelDraw(NamedTuple):
    """One draw: what is learned from, what is scored, and in which order labels of the former are shown.

    Parameters
    ----------
    rest : ndarray of shape (n_rest,)
        Positions of the samples to learn from.
    held_out : ndarray of shape (n_held_out,)
        Those of the labeled samples to score on.
    shown : list of ndarray
        For each class, positions of its labels in `rest`, the first ones to be shown first.
    """

    rest: NDArray[np.intp]
    held_out: NDArray[np.intp]
    shown: list[NDArray[np.intp]]

    def labels(self, y: NDArray[Any], n_per_class: int) -> NDArray[Any]:
        """Return the labels of `rest`, all but a few of each class replaced by -1."""
        stay = np.concatenate([positions[:n_per_class] for positions in self.shown])
        few = np.full(len(self.rest), -1, dtype=object if y.dtype.kind in "OUS" else np.result_type(y.dtype, np.int8))
        few[stay] = y[self.rest[stay]]
        return few


def draw_few_labels(
    y: NDArray[Any], groups: NDArray[Any], n_per_class: int, *, test_size: float, random_state: int
) -> LabelDraw:
    """Hold out a share of the groups, and put the labels of each class in the others in a random order.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels, -1 where there is none.
    groups : ndarray of shape (n_samples,)
        What is held out as a whole, such as the lesion.
    n_per_class : int
        Labels of each class that there must be at least.
    test_size : float
        Share of the groups to hold out, between 0 and 1.
    random_state : int
        What is drawn from.

    Returns
    -------
    LabelDraw
        With a label of each class to score on and `n_per_class` to learn from.

    Raises
    ------
    ValueError
        If a hundred draws have no such split.
    """
    random = np.random.RandomState(random_state)
    labeled = find_labeled(y)
    classes = np.unique(y[labeled].tolist())
    units, unit_of = np.unique(groups, return_inverse=True)
    for _ in range(_TRIES):
        out = np.isin(unit_of, random.permutation(len(units))[: round(test_size * len(units))])
        rest, held_out = np.flatnonzero(~out), np.flatnonzero(out & labeled)
        shown = [random.permutation(np.flatnonzero(y[rest] == value)) for value in classes]
        if min(map(len, shown)) >= max(n_per_class, 1) and len(np.unique(y[held_out].tolist())) == len(classes):
            return LabelDraw(rest, held_out, shown)
    raise ValueError(
        f"y must hold more than {n_per_class} labels of each class, some of them in groups to hold out, got "
        f"{ {value.item(): int(np.count_nonzero(y == value)) for value in classes} }. "
        "Lower labels_per_class or test_size."
    )
