"""Pseudo-labels: their calibration, prevalence and weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit

from sklearn_melanoma._typing import Array

# Prior standard deviation of the logarithm of the slope: classifiers of few labels are too confident, or not confident
# enough, by a factor of e. Halving or doubling it changed AUCs by less than their error.
SLOPE_SPREAD = 1.0
# Prior standard deviation of the intercept: hardly informative.
INTERCEPT_SPREAD = 3.0


def limit_weight(labels: float, bound: float) -> float:
    r"""Return the weight of all pseudo-labels together.

    Half the harmonic mean, :math:`1 / (1 / n + 1 / m)`. It is less than the weight of the labels and less than `bound`,
    so that pseudo-labels hardly matter beside many labels.

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


def calibrate_scores(scores: Array, positive: NDArray[np.bool_], weights: Array) -> tuple[float, float]:
    r"""Calibrate scores (Platt scaling with a prior).

    Fits the logistic curve :math:`1 / (1 + e^{-(a s + b)})` to the labels. The priors of :math:`\log a` and :math:`b`
    are normal, with means of 0 and standard deviations of 1 and 3.

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
    >>> calibrate_scores(timid, positive, np.ones(100))[0] > 10
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


def estimate_prevalence(scores: Array, weights: Array, fraction: float, prior_weight: float) -> float:
    """Estimate the fraction of the second class among unlabeled samples.

    Expectation maximization finds the fraction with the highest likelihood of the scores. The fraction among the labels
    acts as a prior.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds, calibrated for the class fractions of the labels.
    weights : ndarray of shape (n_samples,)
        Weights of the samples.
    fraction : float
        Fraction of the second class among the labels, between 0 and 1.
    prior_weight : float
        Weight of this fraction, in samples.

    Returns
    -------
    float
        The prevalence, between 0 and 1.

    References
    ----------
    M. Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 14,
    21-41, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> confident = np.repeat([-9.0, 9.0], [90, 10])
    >>> round(estimate_prevalence(confident, np.ones(100), 0.5, 0), 2)
    0.1
    """
    evidence, total, prevalence = scores - logit(fraction), weights.sum() + prior_weight, fraction
    for _ in range(100):
        expected = weights @ expit(evidence + logit(prevalence))
        prevalence = float(np.clip((expected + prior_weight * fraction) / total, 0.5 / total, 1 - 0.5 / total))
    return prevalence


def rescale_scores(scores: Array, like: Array) -> Array:
    """Rescale scores to the mean and the standard deviation of others.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores, any number of them.
    like : ndarray of shape (n_samples,)
        Other scores of the same samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        The scores in their own order, as confident as the others.

    Examples
    --------
    >>> import numpy as np
    >>> rescale_scores(np.array([1.0, 3.0]), np.array([10.0, 0.0]))
    array([ 0., 10.])
    """
    if not len(scores):
        return scores
    return like.mean() + like.std() * (scores - scores.mean()) / (scores.std() or 1.0)


def find_offset(scores: Array, weights: Array, prevalence: float) -> float:
    """Return the number to add to log-odds so that the mean probability is the prevalence.

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
        The number, the same for all samples.

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
    """Divide a weight of 1 among samples, half of it for each class.

    The quota of the second class is the `prevalence`: this fraction of the samples, those with the highest scores, gets
    one half of the weight. The others get the other half.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Scores of two samples or more.
    weights : ndarray of shape (n_samples,)
        Positive weights; each half is divided in proportion to them.
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


def weigh_labels(scores: Array, positive: NDArray[np.bool_], label_noise: float, prior_weight: float) -> Array:
    r"""Return the probability that each label is right.

    Let views that never saw a label give it the probability :math:`q`, and let a fraction :math:`\epsilon` of the
    labels be wrong. The label is right with probability

    .. math:: r = \frac{(1 - \epsilon) q}{(1 - \epsilon) q + \epsilon (1 - q)}.

    Expectation maximization finds :math:`\epsilon`.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds that the views give to the second class.
    positive : ndarray of shape (n_samples,), dtype bool
        The labels.
    label_noise : float
        Expected fraction of wrong labels, from 0 (none is wrong, whatever the views say) to below 1.
    prior_weight : float
        Weight of this fraction, in labels.

    Returns
    -------
    ndarray of shape (n_samples,)
        :math:`r`, from 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> scores, positive = np.array([3.0, 3.0, -3.0]), np.array([True, True, True])
    >>> weigh_labels(scores, positive, 0.1, 10).round(2)
    array([0.99, 0.99, 0.24])
    """
    if label_noise == 0:
        return np.ones(len(scores))
    label_scores, fraction = np.where(positive, scores, -scores), label_noise
    for _ in range(100):
        right = expit(label_scores - logit(fraction))
        fraction = (np.sum(1 - right) + label_noise * prior_weight) / (len(right) + prior_weight)
    return right
