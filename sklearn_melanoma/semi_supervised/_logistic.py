"""Logistic regression around a score that is given, and how well such scores fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

# Newton's steps double the number of right digits: about ten are enough, and a hundred mean that numbers overflow.
MAX_STEPS = 100
# What is left to gain at the end, relative to the loss; the step that is still taken then squares the error.
TOLERANCE = 1e-10
# Sure predictions have no curvature left to divide by; a step that is too long for it is halved.
LEAST_CURVATURE = 1e-12


class Correction(NamedTuple):
    """What was added to the given score: ``X @ shift + intercept``, after so many steps."""

    shift: NDArray[np.float64]
    intercept: float
    n_iter: int
    loss: float


def fit_correction(
    X: NDArray[np.float64],
    score: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weights: NDArray[np.float64],
    penalty: float,
) -> Correction:
    r"""Find the linear correction of a score that fits labels best and is short.

    The minimum over :math:`\delta` and :math:`b` of

    .. math:: \sum_i s_i \log\left(1 + e^{-t_i (f_i + x_i^T \delta + b)}\right) + \frac{\lambda}{2} |\delta|^2

    with :math:`t_i = \pm 1`, by Newton's method. It is convex, and each class having a sample, the
    minimum is there and is one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The labeled samples :math:`x_i`. Without columns only the intercept is found.
    score : ndarray of shape (n_samples,)
        The given score :math:`f_i`, in log-odds.
    positive : ndarray of shape (n_samples,), dtype bool
        Where :math:`t_i = 1`. There must be samples of both kinds.
    weights : ndarray of shape (n_samples,)
        Positive weights :math:`s_i`.
    penalty : float
        :math:`\lambda`, above 0.

    Returns
    -------
    Correction
        `shift`, `intercept`, the number of steps `n_iter` (`MAX_STEPS` if it did not converge), and the `loss` at the
        minimum, without the penalty.

    Examples
    --------
    >>> import numpy as np
    >>> x, score = np.array([[-1.0], [1.0]]), np.zeros(2)
    >>> found = fit_correction(x, score, np.array([False, True]), np.ones(2), 0.5)
    >>> found.shift.round(2), round(found.intercept, 6)
    (array([1.04]), 0.0)
    """
    # Around their means, intercept and weights hardly depend on each other.
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
        step = cho_solve(cho_factor(hessian), gradient)
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
    return Correction(shift, intercept, n_iter, losses(solution)[0])


def weigh_scores(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Weigh scores by the likelihood that each gives to labels.

    :math:`e^{-L_k} / \sum_j e^{-L_j}`, with :math:`L_k` the summed log-loss of score :math:`k`, with the intercept that
    suits it: the posterior probability that it is the right one, where all were as likely before.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_scores)
        Scores of the labeled samples, in log-odds.
    positive : ndarray of shape (n_samples,), dtype bool
        The labels, of both kinds.
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
    likelihoods = np.exp(losses.min() - losses)
    return likelihoods / likelihoods.sum()
