"""Weights and scores of pseudo-labels and labels, for any number of classes."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from sklearn_melanoma._typing import Array


def limit_weight(labels: float, bound: float) -> float:
    r"""Return the total weight of all pseudo-labels.

    It is half the harmonic mean, :math:`1 / (1 / n + 1 / m)`. It is less than the weight of the labels and less than
    `bound`. So pseudo-labels have little influence if there are many labels.

    Parameters
    ----------
    labels : float
        Weight of all labels, :math:`n`.
    bound : float
        Upper bound of the result, :math:`m`, never reached.

    Returns
    -------
    float
        The weight; 0 without labels.

    Examples
    --------
    >>> [round(limit_weight(labels, 10), 1) for labels in (0, 6, 20, 1000)]
    [0.0, 3.8, 6.7, 9.9]
    """
    return labels * bound / (labels + bound) if labels and bound else 0.0


def rescale_scores(scores: Array, like: Array) -> Array:
    """Rescale scores to the mean and the standard deviation of other scores.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Scores, any number of them.
    like : ndarray of the same shape
        Other scores of the same samples.

    Returns
    -------
    ndarray of the same shape
        The scores in their own order, with the confidence of the others. Each class is rescaled separately.

    Examples
    --------
    >>> import numpy as np
    >>> rescale_scores(np.array([1.0, 3.0]), np.array([10.0, 0.0]))
    array([ 0., 10.])
    """
    if not len(scores):
        return scores
    spread = scores.std(axis=0)
    return like.mean(axis=0) + like.std(axis=0) * (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def weigh_labels(scores: Array, label_noise: float, prior_weight: float) -> Array:
    r"""Return the probability that each label is right.

    Let views that did not learn from a label give it the odds :math:`o`, and let a fraction :math:`\epsilon` of the
    labels be wrong. The label is right with the probability

    .. math:: r = \frac{(1 - \epsilon) o}{(1 - \epsilon) o + \epsilon}.

    Expectation maximization finds :math:`\epsilon`.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds that the views give to each label, against the mean of the other classes.
    label_noise : float
        Expected fraction of wrong labels, from 0 (no label is wrong, for any scores) to below 1.
    prior_weight : float
        Weight of this fraction, as a number of labels.

    Returns
    -------
    ndarray of shape (n_samples,)
        :math:`r`, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> weigh_labels(np.array([3.0, 3.0, -3.0]), 0.1, 10).round(2)
    array([0.99, 0.99, 0.24])
    """
    if label_noise == 0:
        return np.ones(len(scores))
    fraction = label_noise
    for _ in range(100):
        right = expit(scores - logit(fraction))
        fraction = (np.sum(1 - right) + label_noise * prior_weight) / (len(right) + prior_weight)
    return right
