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
    calibrated on the labels. Pseudo-labels have little weight and are revised in every round. The method is made for
    few labels of a rare class: all classes have the same weight among pseudo-labels, and the predicted probabilities
    are shifted to the prevalence.

    Parameters
    ----------
    estimator : classifier
        A classifier with `predict_proba`, and with `sample_weight` in `fit`. Copies of it are fitted. If it needs no
        labels, like :class:`PriorLogisticRegression` with a prior and `classes`, this classifier needs none either.
    prevalence : float or mapping from label to float, default=None
        The fraction of a class among the unlabeled samples, between 0 and 1. Pass it if you know it.

        - None: the prevalence is estimated, but only roughly.
        - A float, for two classes: the fraction of the positive class of `estimator`, if it defines one, like
          :class:`PriorLogisticRegression` with `classes`. Otherwise, the fraction of the larger of two numeric labels.
        - A mapping, for two classes: one class and its fraction, as in ``{"melanoma": 0.1}``. Labels that are not
          numbers need it if `estimator` defines no positive class.
        - A mapping, for more than two classes: the fraction of each class; the sum is 1.
    pseudo_weight : float, default=10.0
        Upper bound of the total weight of all pseudo-labels, as a number of labels. With 0, pseudo-labels are not used.
        Only the probabilities are then shifted to the prevalence.
    max_rounds : int, default=3
        Maximum number of rounds. The first round makes the pseudo-labels, the others revise them.

    Attributes
    ----------
    estimator_ : classifier
        The last fitted copy.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    pos_label_ : label or None
        The label of the positive class of `estimator`, if it defines one, like :class:`PriorLogisticRegression` with
        `classes`. Else 1 or True for the labels 0 and 1, or False and True. Else None.
    transduction_ : ndarray of shape (n_samples,)
        A label for every sample in `fit`: the given label, or the predicted one.
    prevalence_ : float, ndarray of shape (n_classes,) or None
        The given or estimated fraction of ``classes_[1]``, or of each of more than two classes. None if it can't be
        estimated, because there are no unlabeled samples or no labels of two classes.
    slope_ : float
        Factor that calibrates the log-odds of the classifier that is fitted to the labels only. If it is above 1, this
        classifier is not confident enough.
    pseudo_weight_ : float
        Total weight of all pseudo-labels, as a number of labels.
    offset_ : float or ndarray of shape (n_classes,)
        Number added to the log-odds of `estimator_`. For more than two classes, numbers added to its log-probabilities.
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
    The log-odds of the classifier are multiplied by the slope. The probabilities at the resulting log-odds are the
    pseudo-labels. The slope is found by cross-fitting the labels, in up to five folds that keep groups together. Every
    unlabeled sample is used as one sample of each class, weighted by their probabilities. At a slope of 1, a logistic
    regression is already the best fit to these pseudo-labels, so they have no effect for any weight. They make an
    underconfident classifier more confident, and an overconfident one less confident. Later rounds change the order of
    pseudo-labels, but not their confidence.

    The total weight of all pseudo-labels is :math:`n m / (n + m)`, where :math:`n` is the weight of the labels and
    :math:`m` is `pseudo_weight`. It is always less than the weight of the labels; with many labels, it hardly matters.
    The samples with the highest scores count as the second class; their fraction is the prevalence. These samples get
    one half of the weight, and the other samples get the other half. There are no pseudo-labels if a class has fewer
    than two labels, or labels in fewer than two groups.

    With more than two classes, the log-odds are log-probabilities, with one slope for all classes. Every unlabeled
    sample is used as one sample of each class that has a label. Each class has the same part of the weight. It is
    divided among the samples by their probabilities of the class, shifted to the prevalence. There are no pseudo-labels
    if fewer than two classes have two labels in two groups.

    At the end, the intercept is shifted. If there are unlabeled samples, their mean probability becomes the prevalence.
    Otherwise, a given `prevalence` replaces the fraction among the labels. With two classes, the ranking does not
    change. With more classes, it can change, and rare classes are seldom the most probable.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> from sklearn_melanoma.semi_supervised import BalancedSelfTrainingClassifier
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
            f"Pass for example {{{classes[1]!r}: 0.1}}."
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
        """Return the number to add to the scores, so that the mean probabilities are the prevalence."""
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
