"""Strength of a prior, chosen by the labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._logistic import Correction, fit_correction

# Probability that a prior is wrong for the images at hand.
_MISTAKE = 0.05
# Standard deviation of the logarithm of the right strength around that of 1.
_SPREAD = 0.5
# The strengths to choose from, relative to `alpha` 1.
_STRENGTHS = 2.0 ** -np.arange(6)


class Choice(NamedTuple):
    """Result of `choose_strength`.

    Parameters
    ----------
    correction : Correction
        That with the chosen strength, of the score or of zero.
    uses_prior : bool
        Whether the score is corrected, rather than zero.
    strength : float
        The chosen strength, relative to `alpha` 1.
    """

    correction: Correction
    uses_prior: bool
    strength: float


def choose_strength(
    X: Array, score: Array | None, positive: NDArray[np.bool_], weights: Array, penalty: float
) -> Choice:
    r"""Choose by the labels how much a prior counts, and whether it is used at all.

    Each candidate, the prior or none, each with a strength :math:`s`, has the posterior probability

    .. math:: p(\text{labels} \mid \text{candidate}) \; p(\text{prior or none}) \; e^{-\log^2 s / 2 \sigma^2}

    up to a factor, with the marginal likelihood of the labels, a probability of 0.05 that the prior is wrong, and
    :math:`\sigma = 0.5`. The most probable one is taken. So few labels leave a prior as it is, and many labels that it
    does not explain drop it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The labeled samples.
    score : ndarray of shape (n_samples,) or None
        Score of the prior, in log-odds; None without a prior.
    positive : ndarray of shape (n_samples,), dtype bool
        The labels, of both classes.
    weights : ndarray of shape (n_samples,)
        Positive weights of the samples.
    penalty : float
        Penalty of the strength 1.

    Returns
    -------
    Choice
        The most probable candidate. Strengths are tried from 1 downwards, until one is less probable than the last.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.repeat([[-1.0], [1.0]], 40, axis=0)
    >>> labels = np.arange(80) >= 40
    >>> choose_strength(x, 2 * x[:, 0], labels, np.ones(80), 1.0).uses_prior
    True
    >>> choose_strength(x, -2 * x[:, 0], labels, np.ones(80), 1.0).uses_prior
    False
    """
    candidates = [(np.zeros(len(X)), False, np.log(_MISTAKE))]
    if score is not None:
        candidates.insert(0, (score, True, np.log(1 - _MISTAKE)))
    best: tuple[float, Choice] | None = None
    for given, uses_prior, log_probability in candidates:
        last = -np.inf
        for strength in _STRENGTHS:
            found = fit_correction(X, given, positive, weights, penalty * strength)
            value = found.evidence + log_probability - (np.log(strength) / _SPREAD) ** 2 / 2
            if value <= last:
                break
            last = value
            if best is None or value > best[0]:
                best = value, Choice(found, uses_prior, float(strength))
    assert best is not None
    return best[1]
