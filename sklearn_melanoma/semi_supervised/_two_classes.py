"""Scores of two classes: the log-odds of the second. `_many_classes` has the same functions for more classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit

from sklearn_melanoma._typing import Array

# Prior standard deviation of the logarithm of the slope. The log-odds of classifiers with few labels are too large or
# too small by a factor of e. Halving or doubling the deviation changed AUCs by less than their error.
SLOPE_SPREAD = 1.0
# Prior standard deviation of the intercept; this prior has little influence.
INTERCEPT_SPREAD = 3.0


def compute_scores(probabilities: Array) -> Array:
    """Return the log-odds of the second class.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, 2)
        Positive numbers.

    Returns
    -------
    ndarray of shape (n_samples,)
        Natural logarithm of the odds.
    """
    return np.log(probabilities[:, 1] / probabilities[:, 0])


def compute_probabilities(scores: Array) -> Array:
    """Return the probabilities of both classes.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        Probabilities.
    """
    return np.column_stack([expit(-scores), expit(scores)])


def calibrate_scores(scores: Array, numbers: NDArray[np.intp], weights: Array) -> tuple[float, float]:
    r"""Calibrate scores (Platt scaling with a prior).

    The logistic curve :math:`1 / (1 + e^{-(a s + b)})` is fitted to the labels. The priors of :math:`\log a` and
    :math:`b` are normal, with means of 0 and standard deviations of 1 and 3.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds :math:`s`, of samples that the classifier did not learn from.
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the class of each sample, 0 or 1.
    weights : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    tuple of two floats
        Slope :math:`a`, above 0, and intercept :math:`b`.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = np.arange(100) % 2
    >>> timid = np.where(numbers == 1, 0.1, -0.1)  # never wrong
    >>> calibrate_scores(timid, numbers, np.ones(100))[0] > 10
    True
    """
    sign = np.where(numbers == 1, 1.0, -1.0)

    def loss(guess: Array) -> tuple[float, Array]:
        slope = np.exp(guess[0])
        margin = sign * (slope * scores + guess[1])
        pull = -weights * sign * expit(-margin)
        value = weights @ np.logaddexp(0.0, -margin) + guess[0] ** 2 / 2 / SLOPE_SPREAD**2
        gradient = [slope * (pull @ scores) + guess[0] / SLOPE_SPREAD**2, pull.sum() + guess[1] / INTERCEPT_SPREAD**2]
        return value + guess[1] ** 2 / 2 / INTERCEPT_SPREAD**2, np.array(gradient)

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-10, 10), (None, None)]).x
    return float(np.exp(found[0])), float(found[1])


def estimate_prevalence(scores: Array, weights: Array, numbers: NDArray[np.intp], label_weights: Array) -> float:
    """Estimate the fraction of the second class among unlabeled samples.

    Expectation maximization finds the fraction with the highest likelihood of the scores. The fraction among the labels
    acts as a prior.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds, calibrated for the class fractions of the labels.
    weights : ndarray of shape (n_samples,)
        Weights of the samples.
    numbers : ndarray of shape (n_labels,), dtype int
        The position of the class of each label, 0 or 1. Both must occur.
    label_weights : ndarray of shape (n_labels,)
        Positive weights of the labels. The fraction among the labels has the sum of these weights.

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
    >>> round(estimate_prevalence(confident, np.ones(100), np.array([0, 1]), np.ones(2)), 2)
    0.11
    """
    prior_weight = label_weights.sum()
    fraction = label_weights[numbers == 1].sum() / prior_weight
    evidence, total, prevalence = scores - logit(fraction), weights.sum() + prior_weight, fraction
    for _ in range(100):
        expected = weights @ expit(evidence + logit(prevalence))
        prevalence = float(np.clip((expected + prior_weight * fraction) / total, 0.5 / total, 1 - 0.5 / total))
    return prevalence


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


def compute_offset(numbers: NDArray[np.intp], weights: Array, prevalence: float) -> float:
    """Return the number to add to log-odds that hold for the class fractions of the labels.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the class of each label, 0 or 1.
    weights : ndarray of shape (n_samples,)
        Positive weights of the labels.
    prevalence : float
        The other fraction of the second class, between 0 and 1.

    Returns
    -------
    float
        Difference of two log-odds; 0 if there are labels of one class only.

    Examples
    --------
    >>> import numpy as np
    >>> round(compute_offset(np.array([0, 1]), np.ones(2), 0.1), 3)  # odds of 1 to 9 instead of 1 to 1
    -2.197
    """
    fraction = weights[numbers == 1].sum() / weights.sum()
    return float(logit(prevalence) - logit(fraction)) if 0 < fraction < 1 else 0.0


def fill_quotas(scores: Array, weights: Array, prevalence: float) -> Array:
    """Divide a weight of 1 among samples, half of it for each class.

    The quota of the second class is the `prevalence`. The samples with the highest scores, up to this fraction, get one
    half of the weight. The others get the other half.

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


def score_labels(scores: Array, numbers: NDArray[np.intp]) -> Array:
    """Return the log-odds of given classes.

    Parameters
    ----------
    scores : ndarray of shape (n_samples,)
        Log-odds of the second class.
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the given class of each sample, 0 or 1.

    Returns
    -------
    ndarray of shape (n_samples,)
        Log-odds of the given class.
    """
    return np.where(numbers == 1, scores, -scores)


def find_agreement(votes: Array) -> NDArray[np.bool_]:
    """Return the samples for which all votes are for the same class.

    Parameters
    ----------
    votes : ndarray of shape (n_votes, n_samples)
        Log-odds.

    Returns
    -------
    ndarray of shape (n_samples,), dtype bool
        True for these samples. Log-odds of 0 are a vote for no class.
    """
    return np.asarray((votes > 0).all(axis=0) | (votes < 0).all(axis=0))
