"""Confidence intervals of fractions and of scores, by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

N_DRAWS = 1000  # of the bootstrap


def wilson_interval(fraction: float, n: int, *, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return a fraction of `n` independent samples and the bounds of its Wilson interval."""
    z = ndtri((1 + confidence) / 2)
    middle = (fraction + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At 0 or 1, rounding errors could put the fraction outside.
    return fraction, max(min(middle - half, fraction), 0.0), min(max(middle + half, fraction), 1.0)


def weigh_samples(units: NDArray[np.intp], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return weights with which each group counts once, whatever its number of samples.

    A group with samples of several classes counts once in each.

    Parameters
    ----------
    units : ndarray of shape (n_samples,), dtype int
        Group of each sample.
    classes : ndarray of shape (n_samples,)
        Class of each sample.

    Returns
    -------
    ndarray of shape (n_samples,)
        One over the number of samples of the same group and class.

    Examples
    --------
    >>> weigh_samples(np.array([0, 0, 1, 1, 1]), np.array([1, 1, 0, 0, 1])).tolist()
    [0.5, 0.5, 0.5, 0.5, 1.0]
    """
    numbers = np.unique(classes, return_inverse=True)[1]
    _, members, counts = np.unique(np.stack([units, numbers]), axis=1, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[members.ravel()])


def bootstrap_interval(
    score: Callable[[Any, Any, Any], float],
    positive: NDArray[np.bool_],
    values: NDArray[Any],
    units: NDArray[np.intp] | None = None,
    *,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """Return a score and its bootstrap percentile interval; every draw holds both classes.

    Parameters
    ----------
    score : callable
        Takes the true classes, the values and the weights of samples.
    positive : ndarray of shape (n_samples,), dtype bool
        The true classes.
    values : ndarray of shape (n_samples,)
        Predictions to score.
    units : ndarray of shape (n_samples,), dtype int, optional
        Groups, each of which counts once. They are drawn as a whole, separately for groups with and without a positive
        sample.
    confidence : float, default=0.95
        Confidence level.

    Returns
    -------
    tuple of float
        The score, and the lower and upper bound.
    """
    units = np.arange(len(positive)) if units is None else units
    weights = weigh_samples(units, positive)
    drawn: list[float] = []
    for rows in draw_units(units, positive.astype(int)):
        if 0 < np.count_nonzero(positive[rows]) < len(rows):
            drawn.append(score(positive[rows], values[rows], weights[rows]))
        if len(drawn) == N_DRAWS:
            break
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(score(positive, values, weights)), float(low), float(high)


def draw_units(units: NDArray[np.intp], classes: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield bootstrap draws: the rows of whole groups, as many groups as there are of each class.

    The class of a group is the highest of its samples. The draws never end.
    """
    order = np.argsort(units, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(units[order])) + 1)
    class_of = np.array([classes[rows].max() for rows in members])
    kinds = [np.flatnonzero(class_of == value) for value in np.unique(class_of)[::-1]]
    random = np.random.default_rng(0)
    while True:
        chosen = np.concatenate([random.choice(kind, len(kind)) for kind in kinds])
        yield np.concatenate([members[unit] for unit in chosen])


# scikit-learn's metric checks its input. In a thousand draws, the checks take twenty times as long as this sum.


def roc_auc(positive: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the AUC of the ROC curve: how often a positive sample scores above a negative one, ties counting half."""
    places = np.unique(scores, return_inverse=True)[1]
    of_positive = np.bincount(places, weights * positive)
    of_negative = np.bincount(places, weights * ~positive)
    below = np.cumsum(of_negative) - of_negative / 2
    return float(of_positive @ below / (of_positive.sum() * of_negative.sum()))
