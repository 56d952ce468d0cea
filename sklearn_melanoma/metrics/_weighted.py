"""Scores by scikit-learn's scorers that count each group once."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma.metrics._intervals import weigh_samples


def find_weights(scorer: Any, groups: NDArray[np.intp] | None) -> NDArray[np.float64] | None:
    """Return weights of samples with which each group counts once: the weights of its samples have the sum 1.

    Parameters
    ----------
    scorer : callable
        Scorer from scikit-learn's :func:`~sklearn.metrics.check_scoring`.
    groups : ndarray of shape (n_samples,) or None
        Group of each sample to score.

    Returns
    -------
    ndarray of shape (n_samples,) or None
        None if all weights are 1.

    Raises
    ------
    ValueError
        If weights are needed and the scorer does not accept them.
    """
    if groups is None or not len(groups):
        return None
    weights = weigh_samples(groups)
    if (weights == 1).all():
        return None
    parameters = signature(getattr(scorer, "_score_func", scorer)).parameters
    if "sample_weight" not in parameters and all(each.kind != each.VAR_KEYWORD for each in parameters.values()):
        raise ValueError(
            f"scoring must accept sample_weight, so that each group counts once, got {scorer!r}. "
            "Use a metric with this parameter, or one sample of each group."
        )
    return weights
