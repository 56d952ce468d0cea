"""Scores of more than two classes: centered log-probabilities. `_two_classes` has the same functions for two classes.

For two classes, both modules give the same results: the difference of the two columns is the log-odds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._two_classes import INTERCEPT_SPREAD, SLOPE_SPREAD


def compute_scores(probabilities: Array) -> Array:
    """Return the logarithms of the probabilities minus their mean over the classes.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Positive numbers.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Scores, whose sum is 0 for each sample.
    """
    logarithms = np.log(probabilities)
    return logarithms - logarithms.mean(axis=1, keepdims=True)


def compute_probabilities(scores: Array) -> Array:
    """Return the probability of each class.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Logarithms of probabilities, up to a number for each sample.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Probabilities.
    """
    return softmax(scores, axis=1)


def compute_fractions(numbers: NDArray[np.intp], weights: Array, n_classes: int) -> Array:
    """Return the fraction of each class among labels.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the class of each label.
    weights : ndarray of shape (n_samples,)
        Positive weights of the labels.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_classes,)
        Positive numbers whose sum is 1. Classes without a label get an average fraction.

    Examples
    --------
    >>> import numpy as np
    >>> compute_fractions(np.array([0, 0, 0, 1]), np.ones(4), 4)
    array([0.375, 0.125, 0.25 , 0.25 ])
    """
    counts = np.bincount(numbers, weights=weights, minlength=n_classes)
    fractions, labeled = np.full(n_classes, 1 / n_classes), counts > 0
    fractions[labeled] = counts[labeled] / counts.sum() * labeled.sum() / n_classes
    return fractions


def calibrate_scores(scores: Array, numbers: NDArray[np.intp], weights: Array) -> tuple[float, Array]:
    r"""Calibrate scores (Platt scaling with a prior, by one slope and an intercept for each class).

    The probabilities :math:`p_k \propto e^{a s_k + b_k}` are fitted to the labels. The priors of :math:`\log a` and of
    :math:`b_k - b_l` are normal, with means of 0 and standard deviations of 1 and 3.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores :math:`s_k`, of samples that the classifier did not learn from.
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the class of each sample.
    weights : ndarray of shape (n_samples,)
        Their weights.

    Returns
    -------
    slope : float
        :math:`a`, above 0.
    intercept : ndarray of shape (n_classes,)
        :math:`b_k`, with the sum 0, and 0 for classes without a label.

    Examples
    --------
    >>> import numpy as np
    >>> numbers = np.arange(90) % 3
    >>> timid = 0.1 * np.eye(3)[numbers]  # never wrong
    >>> calibrate_scores(timid, numbers, np.ones(90))[0] > 10
    True
    """
    present, own = np.unique(numbers, return_inverse=True)
    intercept = np.zeros(scores.shape[1])
    if len(present) < 2:
        return 1.0, intercept
    scores, targets = scores[:, present], np.eye(len(present))[own]

    def loss(guess: Array) -> tuple[float, Array]:
        slope = np.exp(guess[0])
        calibrated = slope * scores + guess[1:]
        error = weights[:, np.newaxis] * (softmax(calibrated, axis=1) - targets)
        value = weights @ (logsumexp(calibrated, axis=1) - (calibrated * targets).sum(axis=1))
        value += guess[0] ** 2 / 2 / SLOPE_SPREAD**2 + guess[1:] @ guess[1:] / INTERCEPT_SPREAD**2
        pull = error.sum(axis=0) + 2 * guess[1:] / INTERCEPT_SPREAD**2
        return value, np.append(slope * (error * scores).sum() + guess[0] / SLOPE_SPREAD**2, pull)

    bounds = [(-10, 10)] + [(None, None)] * len(present)
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x
    intercept[present] = found[1:]
    return float(np.exp(found[0])), intercept


def estimate_prevalence(scores: Array, weights: Array, numbers: NDArray[np.intp], label_weights: Array) -> Array:
    """Estimate the fraction of each class among unlabeled samples.

    Expectation maximization finds the fractions with the highest likelihood of the scores. The fractions among the
    labels act as a prior.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores, calibrated for the class fractions of the labels.
    weights : ndarray of shape (n_samples,)
        Weights of the samples.
    numbers : ndarray of shape (n_labels,), dtype int
        The position of the class of each label.
    label_weights : ndarray of shape (n_labels,)
        Positive weights of the labels. The fractions among the labels have the sum of these weights.

    Returns
    -------
    ndarray of shape (n_classes,)
        Positive numbers whose sum is 1.

    References
    ----------
    M. Saerens et al., Adjusting the outputs of a classifier to new a priori probabilities, Neural Computation 14,
    21-41, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> confident = 9.0 * np.eye(3)[np.repeat([0, 1, 2], [90, 8, 2])]
    >>> estimate_prevalence(confident, np.ones(100), np.arange(3), np.ones(3)).round(2)
    array([0.88, 0.09, 0.03])
    """
    prior_weight = label_weights.sum()
    fractions = compute_fractions(numbers, label_weights, scores.shape[1])
    evidence, total, prevalence = scores - np.log(fractions), weights.sum() + prior_weight, fractions
    for _ in range(100):
        expected = weights @ softmax(evidence + np.log(prevalence), axis=1)
        prevalence = np.clip((expected + prior_weight * fractions) / total, 0.5 / total, 1 - 0.5 / total)
        prevalence /= prevalence.sum()
    return prevalence


def find_offset(scores: Array, weights: Array, prevalence: Array) -> Array:
    """Return the numbers to add to scores so that the mean probabilities are the prevalence.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores.
    weights : ndarray of shape (n_samples,)
        Weights of the samples.
    prevalence : ndarray of shape (n_classes,)
        Positive numbers whose sum is 1.

    Returns
    -------
    ndarray of shape (n_classes,)
        The numbers, the same for all samples, with the sum 0.

    Examples
    --------
    >>> import numpy as np
    >>> find_offset(np.zeros((2, 3)), np.ones(2), np.array([0.8, 0.1, 0.1])).round(3)
    array([ 1.386, -0.693, -0.693])
    """
    weights = weights / weights.sum()

    # The gradient of this convex loss is the difference of mean probabilities and prevalence. It determines the numbers
    # up to their sum; the squared term keeps the sum at 0.
    def loss(offset: Array) -> tuple[float, Array]:
        moved = scores + offset
        value = weights @ logsumexp(moved, axis=1) - prevalence @ offset + offset.sum() ** 2 / 2
        return value, weights @ softmax(moved, axis=1) - prevalence + offset.sum()

    def curvature(offset: Array) -> Array:
        probabilities = softmax(scores + offset, axis=1)
        weighted = weights[:, np.newaxis] * probabilities
        return np.diag(weighted.sum(axis=0)) - weighted.T @ probabilities + 1.0

    start = np.log(prevalence) - np.log(prevalence).mean()
    found = minimize(loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-10})
    return np.asarray(found.x)


def compute_offset(numbers: NDArray[np.intp], weights: Array, prevalence: Array) -> Array:
    """Return the numbers to add to scores that hold for the class fractions of the labels.

    Parameters
    ----------
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the class of each label.
    weights : ndarray of shape (n_samples,)
        Positive weights of the labels.
    prevalence : ndarray of shape (n_classes,)
        The other fractions, positive numbers whose sum is 1.

    Returns
    -------
    ndarray of shape (n_classes,)
        Logarithms of the ratios of both fractions.
    """
    return np.log(prevalence) - np.log(compute_fractions(numbers, weights, len(prevalence)))


def fill_quotas(scores: Array, weights: Array, prevalence: Array) -> Array:
    """Divide a weight of 1 among samples, the same for each class.

    The probabilities are shifted to the prevalence. The part of each class is then divided among all samples, in
    proportion to their probabilities of the class.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores.
    weights : ndarray of shape (n_samples,)
        Positive weights; each part is divided in proportion to them.
    prevalence : ndarray of shape (n_classes,)
        Positive numbers whose sum is 1.

    Returns
    -------
    ndarray of shape (n_samples,)
        Positive numbers whose sum is 1.

    Examples
    --------
    >>> import numpy as np
    >>> confident = 30 * np.eye(3)[[0, 0, 1, 2]]
    >>> fill_quotas(confident, np.ones(4), np.array([0.5, 0.25, 0.25])).round(2)
    array([0.17, 0.17, 0.33, 0.33])
    """
    probabilities = softmax(scores + find_offset(scores, weights, prevalence), axis=1)
    return weights * (probabilities / (weights @ probabilities)).mean(axis=1)


def score_labels(scores: Array, numbers: NDArray[np.intp]) -> Array:
    """Return the log-odds of given classes against the mean of the others.

    A wrong label is equally likely to be of each other class. So equal scores give log-odds of 0.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores.
    numbers : ndarray of shape (n_samples,), dtype int
        The position of the given class of each sample.

    Returns
    -------
    ndarray of shape (n_samples,)
        Natural logarithm of the odds.
    """
    given = np.eye(scores.shape[1], dtype=bool)[numbers]
    return scores[given] - logsumexp(np.where(given, -np.inf, scores), axis=1) + np.log(scores.shape[1] - 1)


def find_agreement(votes: Array) -> NDArray[np.bool_]:
    """Return the samples for which all votes are for the same class.

    Parameters
    ----------
    votes : ndarray of shape (n_votes, n_samples, n_classes)
        Scores.

    Returns
    -------
    ndarray of shape (n_samples,), dtype bool
        True for these samples.
    """
    best = votes.argmax(axis=2)
    return np.asarray((best == best[0]).all(axis=0))
