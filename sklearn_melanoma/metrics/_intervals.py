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


def weigh_samples(units: NDArray[np.intp], classes: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Return weights with which each group counts once, for any number of samples.

    Parameters
    ----------
    units : ndarray of shape (n_samples,), dtype int
        Group of each sample.
    classes : ndarray of shape (n_samples,), optional
        Class of each sample. A group then counts once in each of its classes. Use it only for scores that treat each
        class separately, because it changes the fractions of the classes.

    Returns
    -------
    ndarray of shape (n_samples,)
        One over the number of samples of the same group, and class.

    Examples
    --------
    >>> weigh_samples(np.array([0, 0, 1, 1, 1, 1])).tolist()
    [0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    >>> weigh_samples(np.array([0, 0, 1, 1, 1, 1]), np.array([1, 1, 0, 0, 0, 1])).round(2).tolist()
    [0.5, 0.5, 0.33, 0.33, 0.33, 1.0]
    """
    if classes is None:
        return np.asarray(1 / np.bincount(units)[units])
    numbers = np.unique(classes, return_inverse=True)[1]
    _, members, counts = np.unique(np.stack([units, numbers]), axis=1, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[members.ravel()])


def bootstrap_interval(
    score: Callable[[Any, Any, Any], float],
    positive: NDArray[np.bool_],
    values: NDArray[Any],
    units: NDArray[np.intp] | None = None,
    *,
    by_class: bool = True,
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
        Group of each sample. Each group counts once. Whole groups are drawn, separately for groups with and without a
        positive sample.
    by_class : bool, default=True
        Whether the score treats each class separately, so that a group with both classes counts once in each.
    confidence : float, default=0.95
        Confidence level.

    Returns
    -------
    tuple of float
        The score, and the lower and upper bound; NaN for a single group.
    """
    units = np.arange(len(positive)) if units is None else units
    weights = weigh_samples(units, positive if by_class else None)
    if len(np.unique(units)) < 2:
        return float(score(positive, values, weights)), np.nan, np.nan
    drawn: list[float] = []
    for rows in draw_units(units, positive.astype(int)):
        if 0 < np.count_nonzero(positive[rows]) < len(rows):
            drawn.append(score(positive[rows], values[rows], weights[rows]))
        if len(drawn) == N_DRAWS:
            break
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(score(positive, values, weights)), float(low), float(high)


def draw_units(units: NDArray[np.intp], classes: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield bootstrap draws: the rows of whole groups, with the same number of groups of each class.

    The class of a group is the highest of its samples. The draws never end.
    """
    order = np.argsort(units, kind="stable")
    firsts = np.flatnonzero(np.diff(units[order], prepend=-1))
    sizes = np.diff(firsts, append=len(units))
    class_of = np.maximum.reduceat(classes[order], firsts)
    kinds = [np.flatnonzero(class_of == value) for value in np.unique(class_of)[::-1]]
    random = np.random.default_rng(0)
    while True:
        chosen = np.concatenate([kind[random.integers(len(kind), size=len(kind))] for kind in kinds])
        n_rows = sizes[chosen]
        ends = np.cumsum(n_rows)
        yield order[np.arange(ends[-1]) + np.repeat(firsts[chosen] - ends + n_rows, n_rows)]


# scikit-learn's metric checks its input. In a thousand draws, the checks take twenty times as long as this sum.


def roc_auc(positive: NDArray[np.bool_], scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return how often a positive sample scores above a negative one (ties count half); NaN without both classes."""
    if positive.all() or not positive.any():
        return np.nan
    places = np.unique(scores, return_inverse=True)[1]
    of_positive = np.bincount(places, weights * positive)
    of_negative = np.bincount(places, weights * ~positive)
    below = np.cumsum(of_negative) - of_negative / 2
    return float(of_positive @ below / (of_positive.sum() * of_negative.sum()))
