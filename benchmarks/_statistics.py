"""Summaries of scores: intervals and quartiles for the reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sklearn_melanoma.metrics import mean_interval

N_DRAWS = 1000  # of the bootstrap

Values = NDArray[Any]


def find_quartiles(values: Any) -> tuple[float, float, float]:
    """Return the median, the lower and the upper quartile."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return middle, low, high


def gain_interval(values: Any, reference: Any) -> tuple[float, float, float] | None:
    """Return the mean paired difference from a reference with Student's 95 % interval; None without a reference."""
    return None if reference is None else mean_interval(np.asarray(values) - np.asarray(reference))


def bootstrap_interval(
    score: Callable[[Values, Values], float], truth: Values, values: Values, *, strata: Values, groups: Values
) -> list[float]:
    """Return a score and its 95 % percentile interval over draws of whole groups of images, within strata.

    The intervals of `sklearn_melanoma.metrics` are for two classes only. This one is also for counts.
    """
    random = np.random.default_rng(0)
    units = [_split_by_group(np.flatnonzero(strata == stratum), groups) for stratum in np.unique(strata)]
    scores = []
    for _ in range(N_DRAWS):
        drawn = np.concatenate(
            [members[i] for members in units for i in random.integers(len(members), size=len(members))]
        )
        scores.append(score(truth[drawn], values[drawn]))
    low, high = np.percentile(scores, [2.5, 97.5])
    return [float(score(truth, values)), float(low), float(high)]


def auc_interval(truth: Values, values: Values, groups: Values | None = None) -> list[float] | None:
    """Return the ROC AUC and its bootstrap interval within the classes; None if one class is missing."""
    if len(np.unique(truth)) < 2:
        return None
    groups = np.arange(len(truth)) if groups is None else groups
    return bootstrap_interval(roc_auc_score, truth, values, strata=truth, groups=groups)


def _split_by_group(positions: Values, groups: Values) -> list[Values]:
    """Return the positions of each group."""
    numbers = np.unique(groups[positions], return_inverse=True)[1]
    return np.split(positions[np.argsort(numbers, kind="stable")], np.cumsum(np.bincount(numbers))[:-1])
