"""Decision thresholds."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import NamedTuple

import numpy as np


class Threshold(NamedTuple):
    """Decision threshold and its results.

    Parameters
    ----------
    threshold : float
        Lowest score that counts as positive.
    sensitivity : float
        Fraction of the positive samples at or above the threshold.
    specificity : float
        Fraction of the negative samples below the threshold.
    expected_sensitivity : float
        Expected sensitivity on unseen samples. It is lower than `sensitivity`, because the threshold is the score of
        one of the given samples.

    Examples
    --------
    >>> from sklearn_melanoma.metrics import Threshold
    >>> Threshold(0.3, sensitivity=0.95, specificity=0.6, expected_sensitivity=0.9).threshold
    0.3
    """

    threshold: float
    sensitivity: float
    specificity: float
    expected_sensitivity: float


def read_threshold(threshold: Threshold | float) -> float:
    """Return a decision threshold as a number.

    Parameters
    ----------
    threshold : Threshold or float
        The parameter of a function.

    Returns
    -------
    float
        Lowest score that counts as positive.

    Raises
    ------
    ValueError
        If it is not a finite number.

    Examples
    --------
    >>> read_threshold(Threshold(0.3, sensitivity=0.95, specificity=0.6, expected_sensitivity=0.9))
    0.3
    """
    cut = threshold.threshold if isinstance(threshold, Threshold) else threshold
    cut = cut.item() if isinstance(cut, np.ndarray) and cut.ndim == 0 else cut
    if isinstance(cut, bool) or not isinstance(cut, Real) or not isfinite(cut):
        raise ValueError(
            f"threshold must be a finite number, got {cut!r}. Pass one, or the output of threshold_at_sensitivity."
        )
    return float(cut)
