"""Choice of the strength of a prior by the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._logistic import Correction
from sklearn_melanoma.semi_supervised._softmax import MultinomialCorrection

# Probability that a prior is wrong for the given images.
_MISTAKE = 0.05
# Standard deviation of the logarithm of the right strength; its mean is 0, the strength 1.
_SPREAD = 0.5
# The strengths to choose from, relative to `alpha` 1.
_STRENGTHS = 2.0 ** -np.arange(6)


class Choice(NamedTuple):
    """Result of `choose_strength`.

    Parameters
    ----------
    correction : Correction or MultinomialCorrection
        Correction with the chosen strength, of the score or of zero.
    uses_prior : bool
        False if the labels dropped a prior; then zero is corrected instead of the score.
    strength : float
        The chosen strength, relative to `alpha` 1.
    """

    correction: Any
    uses_prior: bool
    strength: float


def choose_strength(
    fit: Callable[[Array, float], Correction | MultinomialCorrection], score: Array, penalty: float, *, has_prior: bool
) -> Choice:
    r"""Choose the strength of a prior, and whether it is used at all, by the labels.

    A candidate is the prior, or no prior, with a strength :math:`s`. Its posterior probability is

    .. math:: p(\text{labels} \mid \text{candidate}) \; p(\text{prior or none}) \; e^{-\log^2 s / 2 \sigma^2}

    up to a factor, with the marginal likelihood of the labels, a probability of 0.05 that the prior is wrong, and
    :math:`\sigma = 0.5`. The most probable candidate is used. So few labels do not change a prior, and many labels that
    it does not explain drop it.

    Parameters
    ----------
    fit : callable
        Function of a score and a penalty that returns the correction of the score by labels, with its evidence.
    score : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Score of the prior for the labeled samples; zeros without a prior.
    penalty : float
        Penalty of the strength 1.
    has_prior : bool
        Whether there is a prior.

    Returns
    -------
    Choice
        The most probable candidate. Strengths are tried from 1 downwards, until one is less probable than the last.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.semi_supervised._logistic import prepare_correction
    >>> x = np.repeat([[-1.0], [1.0]], 40, axis=0)
    >>> fit = prepare_correction(x, np.arange(80) >= 40, np.ones(80))
    >>> choose_strength(fit, 2 * x[:, 0], 1.0, has_prior=True).uses_prior
    True
    >>> choose_strength(fit, -2 * x[:, 0], 1.0, has_prior=True).uses_prior
    False
    """
    candidates = [(np.zeros_like(score), not has_prior, np.log(_MISTAKE))]
    if has_prior:
        candidates.insert(0, (score, True, np.log(1 - _MISTAKE)))
    best: tuple[float, Choice] | None = None
    for given, uses_prior, log_probability in candidates:
        last = -np.inf
        for strength in _STRENGTHS:
            found = fit(given, penalty * strength)
            value = found.evidence + log_probability - (np.log(strength) / _SPREAD) ** 2 / 2
            if value <= last:
                break
            last = value
            if best is None or value > best[0]:
                best = value, Choice(found, uses_prior, float(strength))
    assert best is not None
    return best[1]
