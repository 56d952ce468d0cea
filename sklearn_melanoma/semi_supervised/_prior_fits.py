"""Correction of prior weights by labels, for two and for more classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._evidence import Choice, choose_strength
from sklearn_melanoma.semi_supervised._logistic import prepare_correction, weigh_losses, weigh_scores
from sklearn_melanoma.semi_supervised._many_classes import compute_fractions
from sklearn_melanoma.semi_supervised._softmax import fit_multinomial_correction, prepare_multinomial_correction


class PriorFit(NamedTuple):
    """Corrected prior weights.

    Parameters
    ----------
    coefficients, prior : ndarray of shape (n_features,) or (n_features, n_classes)
        The weights, and the combined weights of all priors.
    intercept : float or ndarray of shape (n_classes,)
        The intercept. For two classes, the intercept of the log-odds of the second class.
    prior_weights : ndarray of shape (n_priors,)
        Weight of each prior.
    n_iter : int
        Number of Newton steps; 0 if only the prior predicts.
    fractions : ndarray of shape (n_classes,)
        Class fractions for which the intercept holds.
    strength : float
        Factor of the penalty, chosen by the labels; 1 if the penalty was given.
    uses_prior : bool
        False if the labels dropped a prior.
    """

    coefficients: Array
    prior: Array
    intercept: float | Array
    prior_weights: Array
    n_iter: int
    fractions: Array
    strength: float = 1.0
    uses_prior: bool = True


def fit_two_classes(
    rows: Array,
    positive: NDArray[np.bool_],
    weights: Array,
    priors: Array,
    penalty: float,
    *,
    by_evidence: bool = False,
) -> PriorFit:
    """Correct priors of two classes; without labels of both, the prior predicts.

    Parameters
    ----------
    rows : ndarray of shape (n_labeled, n_features)
        The labeled samples.
    positive : ndarray of shape (n_labeled,), dtype bool
        True for samples of the second class.
    weights : ndarray of shape (n_labeled,)
        Positive weights of the samples.
    priors : ndarray of shape (n_priors, n_features)
        The priors; without any, zeros are corrected.
    penalty : float
        Strength of the priors.
    by_evidence : bool, default=False
        Whether the labels lower the penalty, and drop the priors if they contradict them.

    Returns
    -------
    PriorFit
        The corrected weights.
    """
    prior_weights = np.full(len(priors), 1 / max(len(priors), 1))
    if not 0 < positive.sum() < len(positive):
        prior = prior_weights @ priors
        return PriorFit(prior, prior, 0.0, prior_weights, 0, np.array([0.5, 0.5]))
    if len(priors) > 1:
        prior_weights = weigh_scores(rows @ priors.T, positive, weights)
    prior = prior_weights @ priors
    fit = prepare_correction(rows, positive, weights)
    choice = _correct(fit, rows @ prior, penalty, by_evidence=by_evidence, has_prior=bool(len(priors)))
    found, prior = choice.correction, prior if choice.uses_prior else np.zeros_like(prior)
    fraction = weights[positive].sum() / weights.sum()
    fractions = np.array([1 - fraction, fraction])
    coefficients, intercept = prior + found.shift, found.intercept
    return PriorFit(
        coefficients, prior, intercept, prior_weights, found.n_iter, fractions, choice.strength, choice.uses_prior
    )


def fit_many_classes(
    rows: Array,
    numbers: NDArray[np.intp],
    weights: Array,
    priors: Array,
    penalty: float,
    *,
    by_evidence: bool = False,
) -> PriorFit:
    """Correct priors of more than two classes; priors of classes without labels do not change.

    Labels contain no information about the odds between classes with and without labels. So the intercepts of the
    classes with labels have the sum 0, and the other intercepts are 0.

    Parameters
    ----------
    rows : ndarray of shape (n_labeled, n_features)
        The labeled samples.
    numbers : ndarray of shape (n_labeled,), dtype int
        The position of the class of each sample.
    weights : ndarray of shape (n_labeled,)
        Positive weights of the samples.
    priors : ndarray of shape (n_priors, n_features, n_classes)
        The priors.
    penalty : float
        Strength of the priors.
    by_evidence : bool, default=False
        Whether the labels lower the penalty, and drop the priors if they contradict them.

    Returns
    -------
    PriorFit
        The corrected weights.
    """
    n_classes = priors.shape[2]
    present = np.unique(numbers)
    own = np.searchsorted(present, numbers)
    prior_weights = np.full(len(priors), 1 / max(len(priors), 1))
    if len(priors) > 1 and len(present) > 1:
        nothing = np.empty((len(rows), 0))
        fits = [fit_multinomial_correction(nothing, rows @ prior[:, present], own, weights, 1.0) for prior in priors]
        prior_weights = weigh_losses(np.array([fit.loss for fit in fits]))
    prior = np.tensordot(prior_weights, priors, axes=1)
    fractions = compute_fractions(numbers, weights, n_classes)
    intercept = np.zeros(n_classes)
    if len(present) < 2:
        return PriorFit(prior, prior, intercept, prior_weights, 0, fractions)
    fit = prepare_multinomial_correction(rows, own, weights, len(present), with_evidence=by_evidence)
    choice = _correct(fit, rows @ prior[:, present], penalty, by_evidence=by_evidence, has_prior=bool(len(priors)))
    if not choice.uses_prior:
        prior[:, present] = 0
    coefficients, found = prior.copy(), choice.correction
    coefficients[:, present] += found.shift
    intercept[present] = found.intercept
    return PriorFit(
        coefficients, prior, intercept, prior_weights, found.n_iter, fractions, choice.strength, choice.uses_prior
    )


def _correct(
    fit: Callable[[Array, float], Any], score: Array, penalty: float, *, by_evidence: bool, has_prior: bool
) -> Choice:
    """Return the correction of the prior's score, with the given penalty or a penalty that the labels choose."""
    if by_evidence:
        return choose_strength(fit, score, penalty, has_prior=has_prior)
    return Choice(fit(score, penalty), uses_prior=True, strength=1.0)


def move_intercept(fit: PriorFit, prevalence: Array) -> float | Array:
    """Return the intercept, shifted to other class fractions."""
    if np.ndim(fit.intercept):
        return fit.intercept + np.log(prevalence) - np.log(fit.fractions)
    return fit.intercept + float(logit(prevalence[1]) - logit(fit.fractions[1]))
