"""Logistic regression around a given score, and likelihood weights of scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh
from scipy.special import expit

# Largest number of steps. Newton's method doubles the number of correct digits in each step, so about ten steps are
# enough. A hundred steps mean that numbers overflow.
MAX_STEPS = 100
# Newton's method stops at this expected decrease of the loss, relative to the loss. It still takes the last step, which
# squares the error.
TOLERANCE = 1e-10
# Smallest curvature. Steps are divided by the curvature, which is almost 0 for confident predictions. A step that is
# too long because of this limit is halved.
LEAST_CURVATURE = 1e-12
# Up to this number of columns, a Newton step takes milliseconds, also if there are fewer samples than columns. With
# more columns, steps in the products of samples need fewer operations, for up to twice as many samples as columns.
_MOST_DIRECT = 500


class Correction(NamedTuple):
    """The correction ``X @ shift + intercept`` of a score.

    Parameters
    ----------
    shift : ndarray of shape (n_features,)
        Correction of the weights.
    intercept : float
        The intercept.
    n_iter : int
        Number of Newton steps, `MAX_STEPS` if the minimum was not reached.
    loss : float
        Log-loss of the result, without the penalty.
    evidence : float
        Logarithm of the marginal likelihood of the labels, up to a number that is the same for all scores and
        penalties. It is Laplace's approximation, with the prior variance 1/penalty of each weight and a flat prior of
        the intercept.
    """

    shift: NDArray[np.float64]
    intercept: float
    n_iter: int
    loss: float
    evidence: float


def fit_correction(
    X: NDArray[np.float64],
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    penalty: float,
) -> Correction:
    r"""Find the linear correction of a score that fits labels best, with a penalty on its length.

    The correction minimizes, over :math:`\delta` and :math:`b`,

    .. math:: \sum_i s_i \log\left(1 + e^{-t_i (f_i + x_i^T \delta + b)}\right) + \frac{\lambda}{2} |\delta|^2

    with :math:`t_i = \pm 1`, by Newton's method. The function is convex and has one minimum if each class has a
    sample.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The labeled samples :math:`x_i`. Without columns, only the intercept is found.
    score : ndarray of shape (n_samples,)
        The given score :math:`f_i`, in log-odds.
    positive : ndarray of shape (n_samples,), dtype bool
        True where :math:`t_i = 1`. Both classes must have samples.
    weights : ndarray of shape (n_samples,)
        Positive weights :math:`s_i`.
    penalty : float
        :math:`\lambda`, above 0.

    Returns
    -------
    Correction
        The minimum.

    Examples
    --------
    >>> import numpy as np
    >>> x, score = np.array([[-1.0], [1.0]]), np.zeros(2)
    >>> found = fit_correction(x, score, np.array([False, True]), np.ones(2), 0.5)
    >>> found.shift.round(2), round(found.intercept, 6)
    (array([1.04]), 0.0)
    """
    return prepare_correction(X, positive, weights)(score, penalty)


def prepare_correction(
    X: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> Callable[[NDArray[np.float64], float], Correction]:
    """Return `fit_correction` as a function of score and penalty, for several fits to the same labels.

    Everything that depends on the samples only is computed once.
    """
    if X.shape[1] <= max(len(X) / 2, _MOST_DIRECT):
        return partial(_fit_narrow, X, positive, weights)
    middle = np.average(X, axis=0, weights=weights)
    centered = X - middle
    return partial(_fit_wide, middle, centered, centered @ centered.T, positive, weights)


def _fit_narrow(
    X: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    score: NDArray[np.float64],
    penalty: float,
) -> Correction:
    # With centered columns, intercept and weights hardly depend on each other.
    middle = np.average(np.column_stack([X, score]), axis=0, weights=weights)
    columns = np.column_stack([X - middle[:-1], np.ones(len(X))])
    given = score - middle[-1]
    sign = np.where(positive, 1.0, -1.0)
    penalties = np.full(columns.shape[1], float(penalty))
    penalties[-1] = 0.0

    def losses(solution: NDArray[np.float64]) -> tuple[float, float]:
        loss = float(weights @ np.logaddexp(0.0, -sign * (given + columns @ solution)))
        return loss, loss + float(penalties @ solution**2) / 2

    solution = np.zeros(columns.shape[1])
    solution[-1] = np.log(weights[positive].sum() / weights[~positive].sum())
    _, value = losses(solution)
    n_iter = 0
    while n_iter < MAX_STEPS:
        n_iter += 1
        probability = expit(given + columns @ solution)
        gradient = columns.T @ (weights * (probability - positive)) + penalties * solution
        curvature = weights * np.maximum(probability * (1 - probability), LEAST_CURVATURE)
        hessian = (columns.T * curvature) @ columns + np.diag(penalties)
        factor = cho_factor(hessian)
        step = cho_solve(factor, gradient)
        gain = float(gradient @ step) / 2
        if gain <= TOLERANCE * (1 + value):
            solution = solution - step
            break
        length = 1.0
        while (candidate := losses(solution - length * step)[1]) > value - length * gain / 10:
            length /= 2
        solution, value = solution - length * step, candidate
    shift = solution[:-1]
    intercept = float(solution[-1] - middle[:-1] @ shift - middle[-1])
    loss, value = losses(solution)
    volume = len(shift) * np.log(penalty) / 2 - np.log(np.diag(factor[0])).sum()
    return Correction(shift, intercept, n_iter, loss, float(volume - value))


def _fit_wide(
    middle: NDArray[np.float64],
    centered: NDArray[np.float64],
    products: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    score: NDArray[np.float64],
    penalty: float,
) -> Correction:
    r"""Do the same for many columns, from the products :math:`K` of all pairs of centered samples.

    The minimum is at :math:`\delta = X^T a` with :math:`\sum_i a_i = 0`. Each step solves
    :math:`(K + \lambda C^{-1}) a = z - b`, with the curvatures :math:`C` of the samples, and the corrections :math:`z`
    that would fit them best if the loss were a parabola.
    """

    def losses(dual: NDArray[np.float64], intercept: float) -> tuple[float, float]:
        fitted = products @ dual
        loss = float(weights @ np.logaddexp(0.0, -np.where(positive, 1.0, -1.0) * (score + fitted + intercept)))
        return loss, loss + penalty * float(dual @ fitted) / 2

    dual, intercept = np.zeros(len(products)), float(np.log(weights[positive].sum() / weights[~positive].sum()))
    intercept -= float(np.average(score, weights=weights))
    value = losses(dual, intercept)[1]
    n_iter = 0
    while n_iter < MAX_STEPS:
        n_iter += 1
        fitted = products @ dual + intercept
        probability = expit(score + fitted)
        errors = weights * (positive - probability)
        root = np.sqrt(weights * np.maximum(probability * (1 - probability), LEAST_CURVATURE))
        factor = cho_factor(root[:, np.newaxis] * products * root + penalty * np.eye(len(root)), overwrite_a=True)
        by_target, by_intercept = cho_solve(factor, np.column_stack([root * fitted + errors / root, root])).T
        change = float(root @ by_target / (root @ by_intercept)) - intercept
        step = root * (by_target - (intercept + change) * by_intercept) - dual
        gain = float((errors - penalty * dual) @ (products @ step) + errors.sum() * change) / 2
        if gain <= TOLERANCE * (1 + value):
            dual, intercept = dual + step, intercept + change
            break
        length = 1.0
        while (candidate := losses(dual + length * step, intercept + length * change)[1]) > value - length * gain / 10:
            length /= 2
        dual, intercept, value = dual + length * step, intercept + length * change, candidate
    shift = centered.T @ dual
    loss, value = losses(dual, intercept)
    volume = (
        len(root) * np.log(penalty) / 2 - np.log(np.diag(factor[0])).sum() - np.log(penalty * root @ by_intercept) / 2
    )
    return Correction(shift, intercept - float(middle @ shift), n_iter, loss, float(volume - value))


def reduce_columns(X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return samples in coordinates of the space that they span, from the products of all pairs of samples.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples, fewer than columns.

    Returns
    -------
    coordinates : ndarray of shape (n_samples, n_dimensions)
        ``coordinates @ basis.T`` is `X`.
    basis : ndarray of shape (n_features, n_dimensions)
        Orthonormal columns.

    Examples
    --------
    >>> import numpy as np
    >>> coordinates, basis = reduce_columns(np.array([[3.0, 4.0, 0.0], [6.0, 8.0, 0.0]]))
    >>> abs(coordinates.round(6)), abs(basis.round(6))
    (array([[ 5.],
           [10.]]), array([[0.6],
           [0.8],
           [0. ]]))
    """
    squares, axes = eigh(X @ X.T)
    is_spanned = squares > squares[-1] * len(X) * np.finfo(np.float64).eps
    lengths, axes = np.sqrt(squares[is_spanned]), axes[:, is_spanned]
    return axes * lengths, X.T @ (axes / lengths)


def weigh_scores(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Weigh scores by the likelihood that each gives to labels.

    The weight of score :math:`k` is :math:`e^{-L_k} / \sum_j e^{-L_j}`, where :math:`L_k` is the sum of the log-losses
    at the best intercept. This is the posterior probability of the score under a uniform prior.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_scores)
        Scores of the labeled samples, in log-odds.
    positive : ndarray of shape (n_samples,), dtype bool
        The labels, of both classes.
    weights : ndarray of shape (n_samples,)
        Positive weights of the samples.

    Returns
    -------
    ndarray of shape (n_scores,)
        Positive numbers whose sum is 1.

    Examples
    --------
    >>> import numpy as np
    >>> labels = np.array([False, False, True, True])
    >>> right = np.array([-2.0, -1.0, 1.0, 2.0])
    >>> weigh_scores(np.column_stack([right, -right]), labels, np.ones(4)).round(3)
    array([0.998, 0.002])
    """
    nothing = np.empty((len(scores), 0))
    losses = np.array([fit_correction(nothing, score, positive, weights, 1.0).loss for score in scores.T])
    return weigh_losses(losses)


def weigh_losses(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights with the sum 1, proportional to the likelihood of each log-loss."""
    likelihoods = np.exp(losses.min() - losses)
    return likelihoods / likelihoods.sum()
