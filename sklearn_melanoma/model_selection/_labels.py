"""Labeled samples, and hiding labels for experiments."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from sklearn.utils import check_consistent_length, check_random_state

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma._validation import is_missing
from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma._validation.labels import find_labeled, list_labels
from sklearn_melanoma.model_selection._draws import sort_by_repeats


def hide_labels(
    y: ArrayLike,
    n_per_class: int,
    random_state: int | np.random.RandomState | None = None,
    *,
    groups: ArrayLike | None = None,
) -> NDArray[Any]:
    """Hide all but a few labels of each class.

    Use it for experiments on fully labeled data, to find out how good a classifier is with only `n_per_class` labels
    per class.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels, numbers or strings; -1 for unlabeled samples, which stay unlabeled.
    n_per_class : int
        Number of labels to keep per class, at least 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. Pass an int to keep the same labels each time.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample. The kept labels are of different groups if there are enough groups.

    Returns
    -------
    ndarray of shape (n_samples,)
        A copy with -1 for the hidden labels. With string labels, its dtype is object and -1 is the integer, as
        :class:`~sklearn.semi_supervised.SelfTrainingClassifier` expects.

    Raises
    ------
    ValueError
        If a class has fewer than `n_per_class` labels, there are no labels, or a missing label is not -1.

    See Also
    --------
    SemiSupervisedSplit : Cross-validation that keeps unlabeled samples out of the test folds.

    Examples
    --------
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> hide_labels([0, 0, 1, 1, 1], 1, random_state=0)
    array([-1,  0, -1, -1,  1])
    >>> hide_labels(["nevus", "nevus", "melanoma"], 1, random_state=0)
    array([-1, 'nevus', 'melanoma'], dtype=object)
    """
    if isinstance(n_per_class, bool) or not isinstance(n_per_class, int | np.integer) or n_per_class < 1:
        raise ValueError(f"n_per_class must be an int of at least 1, got {n_per_class!r}.")
    labeled, labels = find_labeled_or_masked(y)
    if labels is None:
        raise ValueError("y must hold labels, got masks. Replace those to be hidden by None.")
    units = None if groups is None else encode_groups(groups)
    check_consistent_length(labeled, units)
    rng = check_random_state(random_state)
    positions = np.flatnonzero(labeled)
    kept = []
    for value in np.unique(labels):
        of_class = positions[labels == value]
        if len(of_class) < n_per_class:
            raise ValueError(
                f"y must hold at least n_per_class={n_per_class} labels per class, "
                f"got {len(of_class)} of class {value.item()!r}. Lower n_per_class."
            )
        if units is None:
            kept.append(rng.choice(of_class, n_per_class, replace=False))
        else:
            order = rng.permutation(of_class)
            kept.append(order[sort_by_repeats(units[order])][:n_per_class])
    if labels.dtype.kind in "biu":  # bool and unsigned types can't hold -1
        dtype: type = np.result_type(labels.dtype, np.int8).type
    else:
        dtype = labels.dtype.type if labels.dtype.kind == "f" else object
    hidden: NDArray[Any] = np.full(len(labeled), -1, dtype=dtype)
    places = np.concatenate(kept)
    hidden[places] = labels[np.searchsorted(positions, places)]
    return hidden


def find_labeled_or_masked(y: Any) -> tuple[NDArray[np.bool_], NDArray[Any] | None]:
    """Return which samples have a label or a mask, and their labels; None instead of labels if `y` holds masks."""
    if y is None:
        raise ValueError("y must hold labels, with -1 for a missing one, or masks, with None; got None itself.")
    values = list(y) if getattr(y, "ndim", 1) > 2 else list(list_labels(y))
    if any(_is_mask(value) for value in values):
        return _find_masked(values), None
    none_given = all(is_missing(value) for value in values)
    labeled = np.zeros(len(values), dtype=bool) if none_given else find_labeled(values)
    if not labeled.any():
        raise ValueError(
            f"y must hold at least one label or mask, got none in {len(values)} samples. Label some of each class."
        )
    return labeled, np.array([values[position] for position in np.flatnonzero(labeled)])


def read_labels(y: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels as an array that keeps -1 a number, and which samples are labeled.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
        Labels, -1 for unlabeled samples.

    Returns
    -------
    labels : ndarray
        `y` itself if it is an array; with strings and -1, an array of dtype object.
    labeled : ndarray of shape (n_samples,), dtype bool
        True for labeled samples.

    Raises
    ------
    ValueError
        If `y` holds masks or anything that is not a label.

    Examples
    --------
    >>> read_labels(["nevus", -1])
    (array(['nevus', -1], dtype=object), array([ True, False]))
    """
    if getattr(y, "ndim", 1) > 2 or (isinstance(y, list | tuple) and any(map(_is_mask, y))):
        raise ValueError("y must hold labels, got masks. Pass the diagnoses; masks are scored by make_mask_scorer.")
    labeled = find_labeled(y)
    if isinstance(y, np.ndarray):
        return y, labeled
    values = list(list_labels(y))
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object), labeled
    return np.array(values), labeled


def take_labels(labels: NDArray[Any], positions: NDArray[np.intp]) -> NDArray[Any]:
    """Return some labels, none of them -1, in an array of their own type instead of dtype object."""
    chosen = labels[positions]
    return np.array(chosen.tolist()) if chosen.dtype.kind == "O" and len(chosen) else chosen


def check_classes_without_unlabeled(model: Any, name: str | None = None) -> None:
    """Raise an error if a fitted classifier treated -1 as a class."""
    if -1 in np.asarray(getattr(model, "classes_", [])).tolist():
        raise ValueError(
            f"estimators must know -1 as a missing label, but {name or type(model).__name__!r} treated it as a class. "
            "To learn from the labeled samples only, pass LabeledOnlyClassifier(…)."
        )


def _is_mask(value: Any) -> bool:
    if isinstance(value, str):
        # A diagnosis is a string too, but it has no image suffix.
        return value.lower().endswith(IMAGE_SUFFIXES)
    return isinstance(value, os.PathLike | Image.Image) or getattr(value, "ndim", 0) >= 2


def _find_masked(values: list[Any]) -> NDArray[np.bool_]:
    for position, value in enumerate(values):
        if not (is_missing(value) or _is_mask(value)):
            raise ValueError(
                f"y[{position}]: a mask must be an array or the path of an image, got {value!r}. "
                "Use None for a missing mask."
            )
    return np.array([not is_missing(value) for value in values])
