"""Co-training: classifiers of groups of features that find wrong labels and exchange pseudo-labels."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np

from sklearn_melanoma._sklearn_compat import HasMethods, Interval, safe_indexing
from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._meta_classifier import Samples, SemiSupervisedMetaClassifier, find_scored
from sklearn_melanoma.semi_supervised._pseudo_labels import limit_weight, rescale_scores, weigh_labels
from sklearn_melanoma.semi_supervised._views import read_views

# Weight of the expected fraction of wrong labels, as a number of labels.
NOISE_WEIGHT = 10.0


class CoTrainingClassifier(SemiSupervisedMetaClassifier):
    r"""Co-training of groups of features, such as morphology, color and texture, which also finds wrong labels.

    Each view, a group of columns, has its own classifier, which also learns from the other views. A label loses weight
    if the other views, which have not learned from this label, find it improbable. An unlabeled sample gets a
    pseudo-label, a probability, if the other views agree on its class. A last classifier learns from all columns, with
    the labels and pseudo-labels of all views. It makes the predictions.

    Parameters
    ----------
    estimator : classifier
        A classifier with `predict_proba`, and with `sample_weight` in `fit`. Copies of it are fitted, one for each view
        and one for all columns.
    views : mapping from str to sequence of str or of int
        At least two views by name, each with the names or positions of its columns, such as
        ``{"morphology": MorphologyFeatures.FEATURES, "color": ColorFeatures.FEATURES}``. Names that match no column are
        ignored, but each view needs at least one column. `area` and `max_span` also match the columns `area_mm2` and
        `max_span_mm`.
    label_noise : float, default=0.1
        Expected fraction of wrong labels, from 0 to below 1. It counts as much as ten labels, and the labels correct
        it. With 0, no label loses weight.
    pseudo_weight : float, default=10.0
        Upper bound of the total weight of all pseudo-labels, as a number of labels.

    Attributes
    ----------
    estimator_ : classifier
        The copy fitted to all columns.
    views_ : dict from str to classifier
        The copy fitted to the columns of each view, with pseudo-labels from the other views.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    pos_label_ : label or None
        The label of the positive class of `estimator`, if it defines one, like :class:`PriorLogisticRegression` with
        `classes`. Else 1 or True for the labels 0 and 1, or False and True. Else None.
    label_trust_ : ndarray of shape (n_samples,)
        Probability that each given label is right, by all views; NaN for unlabeled samples.
    transduction_ : ndarray of shape (n_samples,)
        A label for every sample in `fit`: the given label, or the predicted one.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names that are strings.

    See Also
    --------
    BalancedSelfTrainingClassifier : Self-training with one classifier.

    Notes
    -----
    A view scores a labeled sample by the log-odds of a copy that learned neither from the sample nor from its group
    (cross-fitting in up to five folds). Let :math:`q` be the probability of the given label at the mean log-odds of the
    other views. The label gets the weight :math:`(1 - \epsilon) q / ((1 - \epsilon) q + \epsilon (1 - q))`. The
    fraction of wrong labels :math:`\epsilon` is estimated, too. It is small if the views contradict few labels; then a
    contradicted label loses less weight. So correct labels lose almost no weight.

    A sample gets a pseudo-label if the log-odds of all other views have the same sign. The log-odds of the other views
    are averaged. The averages are rescaled to the mean and the spread of the log-odds of the classifier that learns the
    pseudo-labels. The pseudo-label is the probability at the rescaled average. So pseudo-labels change the order of the
    samples, but not the confidence. Their total weight is :math:`n m / (n + m)`, where :math:`n` is the weight of the
    labels and :math:`m` is `pseudo_weight`. If a class has fewer than two labels, or labels in fewer than two groups,
    there are no pseudo-labels, and no label loses weight.

    With more than two classes, log-probabilities replace log-odds. A wrong label is equally likely to be of each of the
    :math:`K - 1` other classes, so :math:`\epsilon / (K - 1)` replaces :math:`\epsilon` in the denominator. Views agree
    if they have the same most probable class. If a class has labels in one group only, its labels are not checked.
    Classes without a label get no pseudo-labels. There are no pseudo-labels at all if fewer than two classes have two
    labels in two groups.

    The classifier of all columns predicts, because the mean of the views' log-odds had a lower AUC with a prior. If
    many labels are wrong, the views have learned from wrong labels, too. Then use the order of `label_trust_`, not its
    values.

    References
    ----------
    A. Blum, T. Mitchell, Combining labeled and unlabeled data with co-training, COLT, 92-100, 1998. S. Wang, C. Li, R.
    Wang et al., Annotation-efficient deep learning for automatic medical image segmentation, Nat. Commun. 12, 5915,
    2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_melanoma.semi_supervised import CoTrainingClassifier
    >>> y = np.arange(40) % 2
    >>> X = y[:, np.newaxis] + np.random.default_rng(0).normal(0, 0.3, (40, 4))
    >>> given = np.where(np.arange(40) < 20, y, -1)
    >>> given[0] = 1  # wrong
    >>> model = CoTrainingClassifier(LogisticRegression(), {"morphology": [0, 1], "color": [2, 3]}).fit(X, given)
    >>> int(np.nanargmin(model.label_trust_))
    0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "views": [dict, HasMethods(["items"])],
        "label_noise": [Interval(Real, 0, 1, closed="left")],
        "pseudo_weight": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, estimator: Any, views: Any, *, label_noise: float = 0.1, pseudo_weight: float = 10.0):
        self.estimator = estimator
        self.views = views
        self.label_noise = label_noise
        self.pseudo_weight = pseudo_weight

    def _fit_samples(self, samples: Samples) -> None:
        names = getattr(self, "feature_names_in_", None)
        columns = read_views(self.views, names, self.n_features_in_)
        self.estimator_ = self._fit_labeled(samples, samples.X)
        self.classes_ = self.estimator_.classes_
        self.label_trust_ = np.full(len(samples.weights), np.nan)
        self.label_trust_[samples.labeled] = 1.0
        tables = {view: safe_indexing(samples.X, positions, axis=1) for view, positions in columns.items()}
        self.views_ = {}
        for view, table in tables.items():
            try:
                self.views_[view] = self._fit_labeled(samples, table)
            except (ValueError, TypeError) as error:
                error.add_note(f"In the view {view!r}.")
                raise
        if len(np.unique(samples.labels)) > 1:
            self._exchange_labels(samples, tables)

    def _exchange_labels(self, samples: Samples, tables: dict[str, Any]) -> None:
        """Fit each view to the votes of the other views, then `estimator_` to the votes of all views."""
        held_out = np.array([self._cross_fit(samples, table) for table in tables.values()])
        if np.isnan(held_out).all():
            return
        own = self._score_unlabeled(samples, self.estimator_, samples.X)
        votes = self._collect_votes(samples, tables)
        for number, (view, table) in enumerate(tables.items()):
            peers = np.arange(len(tables)) != number
            self.views_[view] = self._fit_to_votes(samples, table, votes[number], held_out[peers], votes[peers])
        self.estimator_ = self._fit_to_votes(samples, samples.X, own, held_out, self._collect_votes(samples, tables))
        self.label_trust_[samples.labeled] = self._estimate_trust(samples, held_out)

    def _collect_votes(self, samples: Samples, tables: dict[str, Any]) -> Array:
        """Return the scores that each view gives to each unlabeled sample."""
        return np.array([self._score_unlabeled(samples, self.views_[view], table) for view, table in tables.items()])

    def _estimate_trust(self, samples: Samples, held_out: Array) -> Array:
        """Return the probability that each label is right, by the views that vote; 1 if they can't."""
        votes = held_out.mean(axis=0)
        voted = find_scored(votes)
        trust = np.ones(len(votes))
        label_scores = self._methods.score_labels(votes[voted], self._number_labels(samples)[voted])
        trust[voted] = weigh_labels(label_scores, self.label_noise, NOISE_WEIGHT)
        return trust

    def _fit_to_votes(self, samples: Samples, X: Any, own: Array, held_out: Array, votes: Array) -> Any:
        """Return a copy fitted to the labels, weighted by their trust, and to the samples on which all votes agree."""
        weights = samples.weights[samples.labeled] * self._estimate_trust(samples, held_out)
        agreed = self._methods.find_agreement(votes)
        soft_weights = agreed * samples.weights[samples.unlabeled]
        if agreed.any():
            soft_weights *= limit_weight(float(weights.sum()), self.pseudo_weight) / soft_weights.sum()
        soft = rescale_scores(votes.mean(axis=0), own)
        return self._fit_pseudo_labeled(samples, X, weights, soft, soft_weights)
