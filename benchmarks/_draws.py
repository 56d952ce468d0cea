"""Random draws of held-out lesions and of a few labels to learn from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_melanoma.metrics._intervals import weigh_samples
from sklearn_melanoma.model_selection import hide_labels

HELD_OUT = 1 / 3
MIN_HELD_OUT_MELANOMAS = 3

Labels = NDArray[Any]
Positions = NDArray[np.intp]


class Draw(NamedTuple):
    """One draw of held-out lesions and of labels.

    Parameters
    ----------
    rest : ndarray of shape (n_rest,)
        Positions of the images to learn from.
    held_out : ndarray of shape (n_held_out,)
        Positions of the images to score; all of them have a label.
    labels : ndarray of shape (n_rest,)
        Labels of `rest`, -1 = unlabeled.
    weights : ndarray of shape (n_held_out,)
        Weights of `held_out` with which each lesion counts once.
    """

    rest: Positions
    held_out: Positions
    labels: Labels
    weights: NDArray[np.float64]


def draw_few_labels(lesions: Bunch, n_per_class: int, seed: int) -> Draw | None:
    """Hold out a third of the lesions with all their images, and keep a few labels per class of the other lesions.

    `sklearn_melanoma.model_selection` repeats a draw until it has enough labels. Here, draws without enough labels are
    left out, and the report gives their number.

    Returns
    -------
    Draw or None
        None if a class has fewer than `n_per_class` labels, or if fewer than three melanomas are held out.
    """
    groups = np.unique(lesions.groups)
    out = np.random.RandomState(seed).permutation(groups)[: round(HELD_OUT * len(groups))]
    is_out = np.isin(lesions.groups, out)
    rest, held_out = np.flatnonzero(~is_out), np.flatnonzero(is_out & (lesions.target != -1))
    labels = draw_labels(lesions.target[rest], n_per_class, seed)
    if labels is None or np.count_nonzero(lesions.target[held_out] == 1) < MIN_HELD_OUT_MELANOMAS:
        return None
    return Draw(rest, held_out, labels, weigh_lesions(lesions.groups[held_out], lesions.target[held_out]))


def draw_few_diagnoses(diagnoses: NDArray[Any], groups: NDArray[Any], n_per_class: int, seed: int) -> Draw | None:
    """Hold out a third of the lesions, and keep a few labels per diagnosis of the others, or all if there are fewer.

    Returns
    -------
    Draw or None
        Labels in an array of dtype object. None if fewer than three images of a diagnosis are held out.
    """
    random = np.random.RandomState(seed)
    units = np.unique(groups)
    is_out = np.isin(groups, random.permutation(units)[: round(HELD_OUT * len(units))])
    rest, held_out = np.flatnonzero(~is_out), np.flatnonzero(is_out)
    names, counts = np.unique(diagnoses[held_out], return_counts=True)
    if len(names) < len(np.unique(diagnoses)) or counts.min() < MIN_HELD_OUT_MELANOMAS:
        return None
    labels = np.full(len(rest), -1, dtype=object)
    for name in names:
        kept = random.permutation(np.flatnonzero(diagnoses[rest] == name))[:n_per_class]
        labels[kept] = name
    return Draw(rest, held_out, labels, weigh_lesions(groups[held_out], diagnoses[held_out]))


def weigh_lesions(groups: NDArray[Any], target: Labels) -> NDArray[np.float64]:
    """Return weights of images with which each lesion counts once."""
    return weigh_samples(np.unique(groups, return_inverse=True)[1], target)


def draw_labels(target: Labels, n_per_class: int, seed: int) -> Labels | None:
    """Hide all but some labels per class; None if a class has fewer."""
    if min(np.count_nonzero(target == label) for label in (0, 1)) < n_per_class:
        return None
    return hide_labels(target, n_per_class, random_state=seed) if n_per_class else np.full(len(target), -1)


def describe_missing_draws(n_per_class: int, n_found: int, repeats: int) -> list[str]:
    """Return a note if some draws have too few labels per class or too few held-out melanomas."""
    if n_found < 2:
        return [f"{n_per_class} labels per class: left out, because the data set has too few labels or melanomas."]
    if n_found < repeats:
        return [f"{n_per_class} labels per class: {n_found} draws. The other draws have too few labels or melanomas."]
    return []
