"""Self-training that a calibrated classifier is not changed by."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, safe_indexing
from sklearn_melanoma.semi_supervised._pseudo_labels import (
    calibrate,
    estimate_prevalence,
    fade,
    fill_quotas,
    find_offset,
    rescale,
)
from sklearn_melanoma.semi_supervised._wrapped import Samples, Wrapped, log_odds

# What no probability of a pseudo-label moves by any more, for the rounds to end early.
TOLERANCE = 0.01


class BalancedSelfTrainingClassifier(Wrapped):
    r"""Teach a classifier by its own calibrated predictions on samples without a label.

    The classifier is fitted to the labels, then again to labels and pseudo-labels. These are probabilities, as
    sure as the labels say that it may be, weigh little, and are revised in every round. It is made for few labels of a
    rare class: both classes have the same say, and probabilities are moved to the prevalence.

    Parameters
    ----------
    estimator : classifier
        Binary, with `predict_proba`, its `fit` taking `sample_weight`. Copies of it are fitted. One that needs no
        labels, as :class:`PriorLogisticRegression` with a prior and `classes`, makes this one need none.
    prevalence : float or mapping from one label to float, default=None
        The share of the larger of two numbers, or of the label named, as in ``{"melanoma": 0.1}``, among the samples
        without a label, between 0 and 1. Strings need the mapping. None estimates it, roughly: pass it
        where it is known.
    pseudo_weight : float, default=10.0
        What the pseudo-labels of all samples never weigh together, in labels. 0 is the classifier without
        pseudo-labels, its probabilities moved to the prevalence.
    max_rounds : int, default=3
        How often pseudo-labels are made, at most: after the first time they are revised.

    Attributes
    ----------
    estimator_ : classifier
        The copy fitted last.
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    transduction_ : ndarray of shape (n_samples,)
        A label for every sample seen in `fit`: the given one, or the predicted one.
    prevalence_ : float or None
        The given or estimated share of ``classes_[1]``. None where there is nothing to estimate it from: samples
        without a label, and labels of both classes.
    slope_ : float
        How much surer the classifier should be than it is on the labels alone, as a factor of its log-odds.
    pseudo_weight_ : float
        What all pseudo-labels together weighed, in labels.
    offset_ : float
        What is added to the log-odds of `estimator_`.
    n_rounds_ : int
        How often pseudo-labels were made; fewer times than asked for where they hardly changed.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `X` has names that are strings.

    See Also
    --------
    CoTrainingClassifier : Where labels may be wrong.
    sklearn.semi_supervised.SelfTrainingClassifier : Hard pseudo-labels that are never revised.

    Notes
    -----
    Pseudo-labels are the probabilities at the classifier's log-odds times the slope, which is
    found by cross-fitting the labels (in up to five folds that keep groups together). Every sample without a label is
    learned from as one of each class, weighted by their probabilities. At a slope of 1 a logistic regression already is
    what fits these best, whatever they weigh: nothing is gained or lost. One that could be surer teaches itself; one
    that is too sure is toned down. Revised pseudo-labels change in order, not in how sure they are.

    All pseudo-labels together weigh :math:`n m / (n + m)`, for labels of the weight :math:`n` and :math:`m`
    = `pseudo_weight`: less than the labels, and less and less beside them. Half of this is for
    the quota of the second class, as many samples of the highest scores as the prevalence says, half for the rest.
    With less than two labels, or two groups of labels, of a class, there are none.

    At the end the intercept is moved for the mean probability to be the prevalence, among the samples without a label,
    or, where there are none, from the share among the labels to a `prevalence` that is given.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> X, y = make_blobs([900, 100], centers=[[0, 0], [2, 2]], random_state=0)
    >>> few = hide_labels(y, 5, random_state=0)
    >>> alone = LogisticRegression().fit(X[few != -1], few[few != -1])
    >>> model = BalancedSelfTrainingClassifier(LogisticRegression(), prevalence=0.1).fit(X, few)
    >>> [round(classifier.predict_proba(X)[:, 1].mean().item(), 2) for classifier in (alone, model)]
    [0.2, 0.1]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "prevalence": [None, Interval(Real, 0, 1, closed="neither"), dict],
        "pseudo_weight": [Interval(Real, 0, None, closed="left")],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        prevalence: float | Mapping[Any, float] | None = None,
        pseudo_weight: float = 10.0,
        max_rounds: int = 3,
    ):
        self.estimator = estimator
        self.prevalence = prevalence
        self.pseudo_weight = pseudo_weight
        self.max_rounds = max_rounds

    @one_task
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Fit the classifier to the labels, then to its pseudo-labels too.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Labeled and unlabeled samples, without NaN.
        y : array-like of shape (n_samples,)
            Labels of two classes, with the integer -1 for a missing one; among strings, that takes an
            array of dtype object.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative. A sample of weight 0 is none.
        groups : array-like of shape (n_samples,), default=None
            The lesion or patient of each sample. Labels of one group are not calibrated by each other.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If labels are not of two classes and `estimator` does not know them without; a missing label is the string
            "-1"; `estimator` does not take `sample_weight`; `prevalence` does not say which string it is of; or a
            parameter or the input is not as described.
        """
        self._validate_params()
        samples = self._check(X, y, sample_weight, groups)
        self.estimator_ = self._fit_labels(samples, samples.X)
        self.classes_ = self.estimator_.classes_
        self.prevalence_, self.slope_, self.pseudo_weight_, self.n_rounds_ = self._read_prevalence(), 1.0, 0.0, 0
        if len(np.unique(samples.labels)) == 2 and len(samples.unlabeled) > 1:
            self._learn_from_unlabeled(samples)
        self.offset_ = self._find_offset(samples)
        return self._finish(samples)

    def _read_prevalence(self) -> float | None:
        """Return the given share of the second class."""
        given, classes = self.prevalence, self.classes_.tolist()
        if isinstance(given, Mapping):
            if len(given) == 1 and next(iter(given)) in classes and 0 < next(iter(given.values())) < 1:
                return float(given[classes[1]] if classes[1] in given else 1 - given[classes[0]])
        elif given is None or isinstance(classes[1], int | float):
            return given
        raise ValueError(
            f"prevalence must name one of {classes!r} and its share, between 0 and 1, got {given!r}. "
            f"Write such as {{{classes[1]!r}: 0.1}}."
        )

    def _learn_from_unlabeled(self, samples: Samples) -> None:
        positive, weights = samples.labels == self.classes_[1], samples.weights[samples.labeled]
        X, pool_weights = safe_indexing(samples.X, samples.unlabeled), samples.weights[samples.unlabeled]
        scores = log_odds(self.estimator_, X)
        held_out = self._cross_fit(samples, samples.X)
        seen = np.isfinite(held_out)
        self.slope_, intercept = calibrate(held_out[seen], positive[seen], weights[seen])
        if self.prevalence_ is None:
            share = weights[positive].sum() / weights.sum()
            self.prevalence_ = estimate_prevalence(self.slope_ * scores + intercept, pool_weights, share, weights.sum())
        if not seen.any():
            return
        self.pseudo_weight_ = fade(float(weights.sum()), self.pseudo_weight)
        calibrated, last = self.slope_ * scores, np.full(len(scores), np.nan)
        while self.n_rounds_ < self.max_rounds:
            soft = rescale(scores, calibrated)
            if abs(expit(soft) - expit(last)).max() < TOLERANCE:
                break
            soft_weights = self.pseudo_weight_ * fill_quotas(soft, pool_weights, self.prevalence_)
            self.estimator_ = self._fit_soft(samples, samples.X, weights, soft, soft_weights)
            scores, last = log_odds(self.estimator_, X), soft
            self.n_rounds_ += 1

    def _find_offset(self, samples: Samples) -> float:
        if self.prevalence_ is None:
            return 0.0
        if len(samples.unlabeled):
            scores = log_odds(self.estimator_, safe_indexing(samples.X, samples.unlabeled))
            return find_offset(scores, samples.weights[samples.unlabeled], self.prevalence_)
        weights, positive = samples.weights[samples.labeled], samples.labels == self.classes_[1]
        share = weights[positive].sum() / weights.sum()
        return float(logit(self.prevalence_) - logit(share)) if 0 < share < 1 else 0.0
