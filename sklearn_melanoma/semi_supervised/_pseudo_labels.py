"""What a classifier says of samples without a label, made into labels that weigh what they deserve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit

from sklearn_melanoma._typing import Array

# Standard deviation of the logarithm of the slope before any label: classifiers of few labels are less sure than they
# may be by a factor of e, or surer. Half or twice as much changed areas under the curve by less than their error.
SLOPE_SPREAD = 1.0
# The same of the intercept: about none.
INTERCEPT_SPREAD = 3.0


def fade(labels: float, most: float) -> float:
    r"""Return what all pseudo-labels together weigh beside labels.

    Half the harmonic mean, :math:`1 / (1 / n + 1 / m)`: less than the labels and less than `most`, so that one
    of many labels hardly notices them.

    Parameters
    ----------
    labels : float
        Weight of all labels, :math:`n`.
    most : float
        What is never reached, :math:`m`.

    Returns
    -------
    float
        0 where there are no labels.

    Examples
    --------
    >>> [round(fade(labels, 10), 1) for labels in (0, 6, 20, 1000)]
    [0.0, 3.8, 6.7, 9.9]
    """
    return labels * most / (labels + most) if labels and most else 0.0


def calibrate(scores: Array, positive: NDArray[np.bool_], weights: Array) -> tuple[float, float]:
    r"""Find how sure scores should be.

    The logistic curve :math:`1 / (1 + e^{-(a s + b)})` that fits the labels, :math:`\log a` being 0 and :math:`b` being
    0 before any label, with standard deviations of 1 and 3.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds :math:`s`, of samples that the classifier did not learn from.
    positive : ndarray of shape (n_samples,), dtype bool
        Their labels.
    weights : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    tuple of two floats
        Slope :math:`a`, above 0, and intercept :math:`b`.

    Examples
    --------
    >>> import numpy as np
    >>> positive = np.arange(100) % 2 == 1
    >>> timid = np.where(positive, 0.1, -0.1)  # never wrong
    >>> calibrate(timid, positive, np.ones(100))[0] > 10
    True
    """
    sign = np.where(positive, 1.0, -1.0)

    def loss(guess: Array) -> tuple[float, Array]:
        slope = np.exp(guess[0])
        margin = sign * (slope * scores + guess[1])
        pull = -weights * sign * expit(-margin)
        value = weights @ np.logaddexp(0.0, -margin) + guess[0] ** 2 / 2 / SLOPE_SPREAD**2
        gradient = [slope * (pull @ scores) + guess[0] / SLOPE_SPREAD**2, pull.sum() + guess[1] / INTERCEPT_SPREAD**2]
        return value + guess[1] ** 2 / 2 / INTERCEPT_SPREAD**2, np.array(gradient)

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-10, 10), (None, None)]).x
    return float(np.exp(found[0])), float(found[1])


def estimate_prevalence(scores: Array, weights: Array, share: float, trust: float) -> float:
    """Estimate the share of the second class among samples without a label.

    The share under which the scores are likeliest, by expectation and maximization, the share among the labels
    counting as so many samples more.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Calibrated log-odds, as they are where the classes have the share that they have among the labels.
    weights : ndarray of shape (n_samples,)
        Weights of the samples.
    share : float
        Share of the second class among the labels, between 0 and 1.
    trust : float
        How many samples that share counts for.

    Returns
    -------
    float
        Between 0 and 1.

    References
    ----------
    M. Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 14,
    21-41, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> sure = np.repeat([-9.0, 9.0], [90, 10])
    >>> round(estimate_prevalence(sure, np.ones(100), 0.5, 0), 2)
    0.1
    """
    evidence, total, prevalence = scores - logit(share), weights.sum() + trust, share
    for _ in range(100):
        expected = weights @ expit(evidence + logit(prevalence))
        prevalence = float(np.clip((expected + trust * share) / total, 0.5 / total, 1 - 0.5 / total))
    return prevalence


def rescale(scores: Array, like: Array) -> Array:
    """Bring scores to the mean and the standard deviation of others.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores, any number of them.
    like : ndarray of shape (n_samples,)
        Other scores of the same samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        The scores in their own order, as sure as the others.

    Examples
    --------
    >>> import numpy as np
    >>> rescale(np.array([1.0, 3.0]), np.array([10.0, 0.0]))
    array([ 0., 10.])
    """
    if not len(scores):
        return scores
    return like.mean() + like.std() * (scores - scores.mean()) / (scores.std() or 1.0)


def find_offset(scores: Array, weights: Array, prevalence: float) -> float:
    """Return what to add to log-odds for the mean of the probabilities to be the prevalence.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds.
    weights : ndarray of shape (n_samples,)
        Weights of the samples.
    prevalence : float
        Between 0 and 1.

    Returns
    -------
    float
        The same for all samples.

    Examples
    --------
    >>> import numpy as np
    >>> round(find_offset(np.zeros(3), np.ones(3), 0.1), 3)  # odds of 1 to 9
    -2.197
    """
    target, total = logit(prevalence), weights.sum()
    low, high = target - scores.max() - 1, target - scores.min() + 1
    return float(brentq(lambda offset: weights @ expit(scores + offset) / total - prevalence, low, high))


def fill_quotas(scores: Array, weights: Array, prevalence: float) -> Array:
    """Share a weight of 1 among samples, half of it for each class.

    The quota of the second class is the `prevalence`: so many of the samples, those of the highest scores, share one
    half; the others share the other half.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores of two samples or more.
    weights : ndarray of shape (n_samples,)
        Positive weights, by which each half is shared.
    prevalence : float
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (n_samples,)
        Positive numbers whose sum is 1.

    Examples
    --------
    >>> import numpy as np
    >>> fill_quotas(np.array([3.0, 1.0, 2.0, 0.0]), np.ones(4), 0.25).round(2)
    array([0.5 , 0.17, 0.17, 0.17])
    """
    quota = int(np.clip(round(prevalence * len(scores)), 1, len(scores) - 1))
    second = np.zeros(len(scores), dtype=bool)
    second[np.argsort(scores, kind="stable")[-quota:]] = True
    return weights * np.where(second, 0.5 / weights[second].sum(), 0.5 / weights[~second].sum())


def weigh_labels(scores: Array, positive: NDArray[np.bool_], label_noise: float, trust: float) -> Array:
    r"""Return how probable it is that each label is right.

    Where views that never saw a label give it the probability :math:`q`, and a share :math:`\epsilon` of the labels is
    wrong, it is right with probability

    .. math:: r = \frac{(1 - \epsilon) q}{(1 - \epsilon) q + \epsilon (1 - q)},

    with :math:`\epsilon` from expectation and maximization.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds that the views give to the second class.
    positive : ndarray of shape (n_samples,), dtype bool
        The labels.
    label_noise : float
        The share of wrong labels before seeing any, from 0 (none is, whatever the views say) to below 1.
    trust : float
        How many labels that share counts for.

    Returns
    -------
    ndarray of shape (n_samples,)
        :math:`r`, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> said, given = np.array([3.0, 3.0, -3.0]), np.array([True, True, True])
    >>> weigh_labels(said, given, 0.1, 10).round(2)
    array([0.99, 0.99, 0.24])
    """
    if label_noise == 0:
        return np.ones(len(scores))
    said, share = np.where(positive, scores, -scores), label_noise
    for _ in range(100):
        right = expit(said - logit(share))
        share = (np.sum(1 - right) + label_noise * trust) / (len(right) + trust)
    return right
