"""The classes of a classifier, from its parameter `classes` and the labels."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets

from sklearn_melanoma._validation.labels import find_labeled


def find_classes(labels: NDArray[Any], classes: Any) -> list[Any]:
    """Return the classes in their order: with two classes, a high score of the prior suggests the second.

    Parameters
    ----------
    labels : ndarray of shape (n_labeled,)
        Given labels, without -1.
    classes : sequence of labels, mapping whose keys are labels, or None
        The parameter of the classifier.

    Returns
    -------
    list of labels
        The given classes; without them, the sorted classes of the labels.

    Raises
    ------
    ValueError
        If `classes` are not at least two different labels, or do not include all labels.
    """
    if len(labels):
        check_classification_targets(labels)
    found = np.unique(labels).tolist()
    if classes is None:
        return found
    given = _list_keys(classes) if isinstance(classes, Mapping) else np.asarray(classes).tolist()
    is_list = isinstance(given, list) and all(np.ndim(label) == 0 for label in given)
    if not is_list or not 2 <= len(given) == len(set(given)) or not find_labeled(given, name="classes").all():
        raise ValueError(f"classes must be at least two different labels, none of them -1, got {classes!r}.")
    if any(label not in given for label in found):  # numpy's isin treats "1" as 1
        raise ValueError(
            f"y must hold labels among classes={given!r}, or -1, got {found!r}. "
            "Use the same labels in both, or name the labels of y in classes."
        )
    return given


def _list_keys(classes: Mapping[Any, Any]) -> list[Any]:
    """Return the keys as objects of Python, as ndarray.tolist does."""
    return [label.item() if isinstance(label, np.generic) else label for label in classes]


def read_prevalence(prevalence: Any, classes: list[Any]) -> NDArray[np.float64] | None:
    """Return the fraction of each class among unseen samples; None if it is not given.

    Parameters
    ----------
    prevalence : float, mapping from label to float, or None
        The fraction of the second of two classes, or of each class.
    classes : list of labels
        The classes in their order.

    Returns
    -------
    ndarray of shape (n_classes,), or None
        Positive numbers whose sum is 1.

    Raises
    ------
    ValueError
        If it is a number for more than two classes, does not name the classes, or the sum of the fractions is not 1.
    """
    if prevalence is None:
        return None
    if not isinstance(prevalence, Mapping):
        if len(classes) == 2:
            return np.array([1 - prevalence, prevalence])
        raise ValueError(
            f"prevalence must be a mapping from class to fraction for more than two classes, got {prevalence!r}. "
            "Only binary classification is supported with a number. "
            f"Pass for example {{{classes[0]!r}: 0.7, …}}, for all of {classes!r}."
        )
    given = dict(prevalence)
    if len(classes) == 2 and len(given) == 1 and set(given) <= set(classes):
        ((label, fraction),) = given.items()
        given[classes[1 - classes.index(label)]] = 1 - fraction if isinstance(fraction, Real) else fraction
    is_number = all(isinstance(value, Real) for value in given.values())
    if set(given) != set(classes) or not is_number or not all(0 < value < 1 for value in given.values()):
        raise ValueError(
            f"prevalence must name the fraction of each class, between 0 and 1, got {prevalence!r} for the classes "
            f"{classes!r}. Name them all."
        )
    fractions = np.array([given[label] for label in classes], dtype=np.float64)
    if abs(fractions.sum() - 1) > 1e-6:
        raise ValueError(f"prevalence must have the sum 1, got {fractions.sum():g} in {prevalence!r}. Correct it.")
    return fractions / fractions.sum()
