"""Self-training with calibrated, weighted pseudo-labels."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import Tags

from sklearn_melanoma._sklearn_compat import HasMethods, Interval
from sklearn_melanoma._typing import Array
from sklearn_melanoma.metrics._positive import get_pos_label
from sklearn_melanoma.semi_supervised._classes import read_prevalence
from sklearn_melanoma.semi_supervised._meta_classifier import Samples, SemiSupervisedMetaClassifier, find_scored
from sklearn_melanoma.semi_supervised._pseudo_labels import limit_weight, rescale_scores

# The rounds end when no probability of a pseudo-label changes by more than this.
TOLERANCE = 0.01


class BalancedSelfTrainingClassifier(SemiSupervisedMetaClassifier):
    r"""Self-training with calibrated probabilities as pseudo-labels.

    The classifier is fitted to the labels, then again to labels and pseudo-labels. A pseudo-label is a probability,
    calibrated on the labels. Pseudo-labels weigh little and are revised in every round. The method is made for few
    labels of a rare class: pseudo-labels give all classes the same weight, and the predicted probabilities are moved
    to the prevalence.

    Parameters
    ----------
    estimator : classifier
        A classifier with `predict_proba`, and with `sample_weight` in `fit`. Copies of it are fitted. If it needs no
        labels, as :class:`PriorLogisticRegression` with a prior and `classes`, this classifier needs none either.
    prevalence : float or mapping from label to float, default=None
        The fraction of one class among the unlabeled samples, between 0 and 1. A float stands for the positive class
        that `estimator` names, as :class:`PriorLogisticRegression` with `classes` does, else for the larger of two
        numeric labels. A mapping names the label, as in ``{"melanoma": 0.1}``; other string labels need it. More than
        two classes need a mapping that names each, with the sum 1. None estimates the prevalence roughly: pass it if it
        is known.
    pseudo_weight : float, default=10.0
        Upper bound of the weight of all pseudo-labels together, in labels. With 0, pseudo-labels are not used, and
        only the probabilities are moved to the prevalence.
    max_rounds : int, default=3
        Maximum number of rounds. The first round makes the pseudo-labels, the others revise them.

    Attributes
    ----------
    estimator_ : classifier
        The copy fitted last.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    pos_label_ : label or None
        The label of the positive class: what `estimator` says, as :class:`PriorLogisticRegression` with `classes` does,
        else 1 or True for the labels 0 and 1, or False and True, else None.
    transduction_ : ndarray of shape (n_samples,)
        A label for every sample seen in `fit`: the given one, or the predicted one.
    prevalence_ : float, ndarray of shape (n_classes,) or None
        The given or estimated fraction of ``classes_[1]``; for more than two classes, of each. None if it can't be
        estimated, because there are no unlabeled samples or no labels of two classes.
    slope_ : float
        Factor that calibrates the log-odds of the classifier fitted to the labels alone. Above 1, the classifier is
        not confident enough.
    pseudo_weight_ : float
        Weight of all pseudo-labels together, in labels.
    offset_ : float or ndarray of shape (n_classes,)
        Number added to the log-odds of `estimator_`, or numbers added to its log-probabilities of more than two
        classes.
    n_rounds_ : int
        Number of rounds; below `max_rounds` if the pseudo-labels hardly changed.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names that are strings.

    See Also
    --------
    CoTrainingClassifier : Co-training, which also handles wrong labels.
    sklearn.semi_supervised.SelfTrainingClassifier : Hard pseudo-labels that are never revised.

    Notes
    -----
    Pseudo-labels are the probabilities at the classifier's log-odds times the slope. The slope is found by
    cross-fitting the labels, in up to five folds that keep groups together. Every unlabeled sample is used as one
    sample of each class, weighted by their probabilities. At a slope of 1, a logistic regression already fits these
    pseudo-labels best, whatever their weight: nothing is gained or lost. An underconfident classifier teaches itself;
    an overconfident one is damped. Revised pseudo-labels change in order, not in confidence.

    All pseudo-labels together have the weight :math:`n m / (n + m)`, for labels of the weight :math:`n` and
    :math:`m` = `pseudo_weight`. This is less than the weight of the labels, and it matters less with more
    labels. Half of it goes to the quota of the second class: the samples with the highest scores, as many as the
    prevalence says. The other half goes to the rest. There are no pseudo-labels if a class has less than two labels,
    or labels in less than two groups.

    With more than two classes, the log-odds are log-probabilities, with one slope for all classes. Every unlabeled
    sample is used as one sample of each class that has a label. Each class has the same part of the weight. It is
    divided among the samples by their probabilities of the class, moved to the prevalence. There are no pseudo-labels
    if less than two classes have two labels in two groups.

    At the end the intercept is moved. With unlabeled samples, their mean probability becomes the prevalence. Without
    any, a given `prevalence` replaces the fraction among the labels. For two classes the ranking stays the same. With
    more, probabilities at the prevalence rank samples differently, and rare classes are seldom the most probable.

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

    def _fit_samples(self, samples: Samples) -> None:
        self.estimator_ = self._fit_labeled(samples, samples.X)
        self.classes_ = self.estimator_.classes_
        self.prevalence_, self.slope_, self.pseudo_weight_, self.n_rounds_ = self._read_prevalence(), 1.0, 0.0, 0
        if len(np.unique(samples.labels)) > 1 and len(samples.unlabeled) > 1:
            self._learn_from_unlabeled(samples)
        self.offset_ = self._compute_offset(samples)

    def _read_prevalence(self) -> float | Array | None:
        """Return the given fraction of the second of two classes, or of each class."""
        given, classes = self.prevalence, self.classes_.tolist()
        if len(classes) > 2:
            return read_prevalence(given, classes)
        if isinstance(given, Mapping):
            if len(given) == 1 and next(iter(given)) in classes and 0 < next(iter(given.values())) < 1:
                return float(given[classes[1]] if classes[1] in given else 1 - given[classes[0]])
        elif given is None:
            return None
        elif (positive := get_pos_label(self.estimator_)) is not None or isinstance(classes[1], int | float):
            return given if positive is None or positive == classes[1] else 1 - given
        raise ValueError(
            f"prevalence must name one of {classes!r} and its fraction, between 0 and 1, got {given!r}. "
            f"Write such as {{{classes[1]!r}: 0.1}}."
        )

    def _learn_from_unlabeled(self, samples: Samples) -> None:
        """Calibrate the classifier, estimate the prevalence, then fit to pseudo-labels in rounds."""
        methods, numbers, weights = self._methods, self._number_labels(samples), samples.weights[samples.labeled]
        pool_weights = samples.weights[samples.unlabeled]
        scores = self._score_unlabeled(samples, self.estimator_, samples.X)
        held_out = self._cross_fit(samples, samples.X)
        seen = find_scored(held_out)
        self.slope_, intercept = methods.calibrate_scores(held_out[seen], numbers[seen], weights[seen])
        if self.prevalence_ is None:
            calibrated = self.slope_ * scores + intercept
            self.prevalence_ = methods.estimate_prevalence(calibrated, pool_weights, numbers, weights)
        if not seen.any():
            return
        self.pseudo_weight_ = limit_weight(float(weights.sum()), self.pseudo_weight)
        target, last = self.slope_ * scores, np.full((len(scores), len(self.classes_)), np.nan)
        while self.n_rounds_ < self.max_rounds:
            soft = rescale_scores(scores, target)
            probabilities = methods.compute_probabilities(soft)
            if abs(probabilities - last).max() < TOLERANCE:
                break
            soft_weights = self.pseudo_weight_ * methods.fill_quotas(soft, pool_weights, self.prevalence_)
            self.estimator_ = self._fit_pseudo_labeled(samples, samples.X, weights, soft, soft_weights)
            scores, last = self._score_unlabeled(samples, self.estimator_, samples.X), probabilities
            self.n_rounds_ += 1

    def _compute_offset(self, samples: Samples) -> float | Array:
        """Return what to add to the scores, so that the mean probabilities are the prevalence."""
        if self.prevalence_ is None:
            return 0.0
        if len(samples.unlabeled):
            scores = self._score_unlabeled(samples, self.estimator_, samples.X)
            return self._methods.find_offset(scores, samples.weights[samples.unlabeled], self.prevalence_)
        weights = samples.weights[samples.labeled]
        return self._methods.compute_offset(self._number_labels(samples), weights, self.prevalence_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class &= not isinstance(self.prevalence, Real)
        return tags
