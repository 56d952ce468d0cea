"""Multinomial logistic regression around given scores."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, null_space
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import logsumexp, softmax

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._logistic import MAX_STEPS, TOLERANCE, reduce_columns

# Relative residual of each linear system. The steps equal those of Newton's method in all relevant digits.
_RESIDUAL: dict[str, Any] = {"rtol" if "rtol" in signature(cg).parameters else "tol": 1e-8}  # renamed in SciPy 1.12


class MultinomialCorrection(NamedTuple):
    """The correction ``X @ shift + intercept`` of scores, one column per class.

    Parameters
    ----------
    shift : ndarray of shape (n_features, n_classes)
        Correction of the weights. Each row has the sum 0.
    intercept : ndarray of shape (n_classes,)
        Intercepts, whose sum is 0.
    n_iter : int
        Number of Newton steps.
    loss : float
        Log-loss of the result, without the penalty.
    evidence : float
        Logarithm of the marginal likelihood of the labels, up to a number that is the same for all scores and
        penalties. It is Laplace's approximation; each sample has its mean curvature in all contrasts of the classes.
        NaN if it was not requested.
    """

    shift: Array
    intercept: Array
    n_iter: int
    loss: float
    evidence: float


def fit_multinomial_correction(
    X: Array, scores: Array, labels: NDArray[np.intp], weights: Array, penalty: float
) -> MultinomialCorrection:
    r"""Find the linear correction of the scores of classes that fits labels best, with a penalty on its length.

    The correction minimizes, over :math:`\Delta` and :math:`b`,

    .. math:: \sum_i s_i \left(\log \sum_k e^{f_{ik} + x_i^T \delta_k + b_k} - f_{iy_i} - x_i^T \delta_{y_i}
              - b_{y_i}\right) + \frac{K}{2 (K - 1)} \lambda \sum_k |\delta_k|^2

    by Newton's method, for :math:`K` classes. The correction of a class minus the mean correction of the others then
    has the same penalty for any number of classes: without labels, its components have the variance :math:`1/\lambda`.
    For two classes, the difference :math:`\delta_1 - \delta_0` and its loss are those of :func:`fit_correction` with
    the same :math:`\lambda`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The labeled samples :math:`x_i`. Without columns, only the intercepts are found.
    scores : ndarray of shape (n_samples, n_classes)
        The given scores :math:`f_{ik}`, up to a constant log-probabilities.
    labels : ndarray of shape (n_samples,), dtype int
        The position of the class of each sample. Each class must have a sample.
    weights : ndarray of shape (n_samples,)
        Positive weights :math:`s_i`.
    penalty : float
        :math:`\lambda`, above 0.

    Returns
    -------
    MultinomialCorrection
        `n_iter` is `MAX_STEPS` if the minimum was not reached.

    Examples
    --------
    >>> import numpy as np
    >>> x, scores = np.array([[-1.0], [0.0], [1.0]]), np.zeros((3, 3))
    >>> found = fit_multinomial_correction(x, scores, np.array([0, 1, 2]), np.ones(3), 0.1)
    >>> found.shift.round(2) + 0.0
    array([[-1.86,  0.  ,  1.86]])
    """
    return prepare_multinomial_correction(X, labels, weights, scores.shape[1])(scores, penalty)


def prepare_multinomial_correction(
    X: Array, labels: NDArray[np.intp], weights: Array, n_classes: int, *, with_evidence: bool = False
) -> Callable[[Array, float], MultinomialCorrection]:
    """Return `fit_multinomial_correction` as a function of scores and penalty, for several fits to the same labels.

    Everything that depends on the samples only is computed once. The evidence needs another factorization, so it is
    optional.
    """
    middle = np.average(X, axis=0, weights=weights)
    coordinates, basis = X - middle, None
    if X.shape[1] > len(X):
        coordinates, basis = reduce_columns(coordinates)
    columns = np.column_stack([coordinates, np.ones(len(X))])
    # The corrections of all classes have the sum 0. These are orthonormal coordinates of such corrections.
    contrasts = null_space(np.ones((1, n_classes)))
    targets = np.eye(n_classes)[labels]

    def fit(scores: Array, penalty: float) -> MultinomialCorrection:
        penalties = np.append(np.full(coordinates.shape[1], penalty * n_classes / (n_classes - 1)), 0.0)
        problem = _Problem(columns, contrasts, scores, targets, weights, penalties[:, np.newaxis])
        solution, n_iter = _minimize(problem)
        correction = solution @ contrasts.T
        shift = correction[:-1] if basis is None else basis @ correction[:-1]
        loss, value = problem.compute_losses(solution)
        evidence = problem.compute_volume(solution) - value if with_evidence else np.nan
        return MultinomialCorrection(shift, correction[-1] - middle @ shift, n_iter, loss, evidence)

    return fit


class _Problem(NamedTuple):
    """The loss as a function of a solution of shape (n_columns, n_classes - 1), in contrasts of the classes."""

    columns: Array
    contrasts: Array
    scores: Array
    targets: Array
    weights: Array
    penalties: Array

    def predict(self, solution: Array) -> Array:
        return self.scores + self.columns @ (solution @ self.contrasts.T)

    def compute_losses(self, solution: Array) -> tuple[float, float]:
        """Return the log-loss without and with the penalty."""
        predicted = self.predict(solution)
        loss = float(self.weights @ (logsumexp(predicted, axis=1) - (predicted * self.targets).sum(axis=1)))
        return loss, loss + float((self.penalties * solution**2).sum()) / 2

    def compute_volume(self, solution: Array) -> float:
        """Return the logarithm of the ratio of the volumes of posterior and prior, up to a number."""
        probabilities = softmax(self.predict(solution), axis=1)
        n_contrasts = self.contrasts.shape[1]
        curvature = self.weights * (probabilities * (1 - probabilities)).sum(axis=1) / n_contrasts
        hessian = (self.columns.T * curvature) @ self.columns + np.diag(self.penalties[:, 0])
        penalties = self.penalties[:-1, 0]
        return n_contrasts * float(np.log(penalties).sum() / 2 - np.log(np.diag(cho_factor(hessian)[0])).sum())

    def find_step(self, solution: Array) -> tuple[Array, float]:
        """Return the Newton step, and the expected decrease of the loss."""
        probabilities = softmax(self.predict(solution), axis=1)
        errors = self.weights[:, np.newaxis] * (probabilities - self.targets)
        gradient = self.columns.T @ (errors @ self.contrasts) + self.penalties * solution

        def multiply(flat: Array) -> Array:
            direction = flat.reshape(solution.shape)
            change = probabilities * (self.columns @ (direction @ self.contrasts.T))
            change -= probabilities * change.sum(axis=1, keepdims=True)
            change *= self.weights[:, np.newaxis]
            product = self.columns.T @ (change @ self.contrasts) + self.penalties * direction
            return np.asarray(product).ravel()

        curvature = self.weights @ (probabilities * (1 - probabilities)).mean(axis=1)
        scale = (self.columns**2).mean(axis=0)[:, np.newaxis] * curvature + self.penalties
        size = (solution.size, solution.size)
        step, _ = cg(
            LinearOperator(size, multiply),
            gradient.ravel(),
            atol=0.0,
            **_RESIDUAL,
            M=LinearOperator(size, lambda flat: (flat.reshape(solution.shape) / scale).ravel()),
        )
        step = step.reshape(solution.shape)
        return step, float((gradient * step).sum()) / 2


def _minimize(problem: _Problem) -> tuple[Array, int]:
    """Return the solution, and the number of steps."""
    solution = np.zeros((problem.columns.shape[1], problem.contrasts.shape[1]))
    solution[-1] = problem.contrasts.T @ np.log(problem.weights @ problem.targets)
    _, value = problem.compute_losses(solution)
    n_iter = 0
    while n_iter < MAX_STEPS:
        n_iter += 1
        step, gain = problem.find_step(solution)
        if gain <= TOLERANCE * (1 + value):
            return solution - step, n_iter
        length = 1.0
        while (candidate := problem.compute_losses(solution - length * step)[1]) > value - length * gain / 10:
            length /= 2
        solution, value = solution - length * step, candidate
    return solution, n_iter
