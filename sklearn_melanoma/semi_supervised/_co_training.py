"""Views of a table that find wrong labels and label for each other."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, safe_indexing
from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._pseudo_labels import fade, rescale, weigh_labels
from sklearn_melanoma.semi_supervised._views import read_views
from sklearn_melanoma.semi_supervised._wrapped import Samples, Wrapped

# How many labels the share of wrong ones counts for that is expected before any.
TRUST = 10.0


class CoTrainingClassifier(Wrapped):
    r"""Let groups of features, such as shape, color and texture, find wrong labels and label for each other.

    Each view, a group of columns, has a classifier of its own. A label that the others, which never saw it, find
    improbable loses weight; a sample without a label on whose class they agree becomes a soft pseudo-label. A last
    classifier learns from all columns what all views say, and predicts.

    Parameters
    ----------
    estimator : classifier
        Binary, with `predict_proba`, its `fit` taking `sample_weight`. Copies of it are fitted, one for each view and
        one for all columns.
    views : mapping from str to sequence of str or of int
        At least two names, each with its columns: names, of which those that are no column's are left out, or
        positions, such as ``{"shape": MorphologyFeatures.FEATURES, "color": ColorFeatures.FEATURES}``. The columns
        `area_mm2` and `max_span_mm` are found under `area` and `max_span` as well.
    label_noise : float, default=0.1
        The share of labels expected to be wrong, from 0 to below 1; counts for as much as ten labels, which correct
        it. At 0 no label loses weight.
    pseudo_weight : float, default=10.0
        What the pseudo-labels of all samples never weigh together, in labels.

    Attributes
    ----------
    estimator_ : classifier
        The copy that was fitted to all columns.
    views_ : dict from str to classifier
        The copy of each view, which learned from the others.
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    label_trust_ : ndarray of shape (n_samples,)
        How probable it is, by all views, that each given label is right; NaN where none is given.
    transduction_ : ndarray of shape (n_samples,)
        A label for every sample seen in `fit`: the given one, or the predicted one.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `X` has names that are strings.

    See Also
    --------
    BalancedSelfTrainingClassifier : One classifier that teaches itself.

    Notes
    -----
    The log-odds that a view gives to a labeled sample are those of a copy that saw neither it nor its group
    (cross-fitting in up to five folds). With :math:`q` the probability of the given label at the mean log-odds of the
    other views, the label weighs :math:`(1 - \epsilon) q / ((1 - \epsilon) q + \epsilon (1 - q))`, where the
    share of wrong labels :math:`\epsilon` is estimated too: where few are outvoted, being outvoted says less. Clean
    labels so lose next to nothing.

    Pseudo-labels are the probabilities at the other views' mean log-odds, where all have the same sign, brought to the
    mean and the spread of the log-odds of the one that learns them: they change its order, not how sure it is.
    Together they weigh :math:`n m / (n + m)`, for labels of the weight :math:`n` and :math:`m` = `pseudo_weight`.
    With less than two labels, or two groups of labels, of a class, there are none, and no label loses weight.

    The classifier of all columns predicts, because with a prior the mean of the views' log-odds read less. Where many
    labels are wrong the views learned from them too: go by the order of `label_trust_`, not by its values.

    References
    ----------
    A. Blum, T. Mitchell, Combining labeled and unlabeled data with co-training, COLT, 92-100, 1998. S. Wang
    et al., Annotation-efficient deep learning for automatic medical image segmentation, Nat. Commun. 12, 5915, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> y = np.arange(40) % 2
    >>> X = y[:, np.newaxis] + np.random.default_rng(0).normal(0, 0.3, (40, 4))
    >>> given = np.where(np.arange(40) < 20, y, -1)
    >>> given[0] = 1  # wrong
    >>> model = CoTrainingClassifier(LogisticRegression(), {"shape": [0, 1], "color": [2, 3]}).fit(X, given)
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

    @one_task
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Fit the views, let them correct each other, and fit the classifier of all columns to what they say.

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
            The lesion or patient of each sample. Labels of one group do not vote on each other.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If a view has no column; labels are not of two classes and `estimator` does not know them without; a missing
            label is the string "-1"; `estimator` does not take `sample_weight`; or a parameter or the input is not as
            described.
        """
        self._validate_params()
        samples = self._check(X, y, sample_weight, groups)
        names = getattr(self, "feature_names_in_", None)
        columns = read_views(self.views, names, self.n_features_in_)
        self.estimator_ = self._fit_labels(samples, samples.X)
        self.classes_ = self.estimator_.classes_
        self.label_trust_ = np.full(len(samples.weights), np.nan)
        self.label_trust_[samples.labeled] = 1.0
        tables = {view: safe_indexing(samples.X, positions, axis=1) for view, positions in columns.items()}
        self.views_ = {}
        for view, table in tables.items():
            try:
                self.views_[view] = self._fit_labels(samples, table)
            except (ValueError, TypeError) as error:
                error.add_note(f"In the view {view!r}.")
                raise
        if len(np.unique(samples.labels)) == 2:
            self._exchange(samples, tables)
        return self._finish(samples)

    def _exchange(self, samples: Samples, tables: dict[str, Any]) -> None:
        held_out = np.array([self._cross_fit(samples, table) for table in tables.values()])
        if np.isnan(held_out).all():
            return
        own = self._score_unlabeled(samples, self.estimator_, samples.X)
        said = self._say(samples, tables)
        for number, (view, table) in enumerate(tables.items()):
            peers = np.arange(len(tables)) != number
            self.views_[view] = self._learn(samples, table, said[number], held_out[peers], said[peers])
        self.estimator_ = self._learn(samples, samples.X, own, held_out, self._say(samples, tables))
        self.label_trust_[samples.labeled] = self._trust(samples, held_out)

    def _say(self, samples: Samples, tables: dict[str, Any]) -> Array:
        """Return what each view says of each sample without a label."""
        return np.array([self._score_unlabeled(samples, self.views_[view], table) for view, table in tables.items()])

    def _trust(self, samples: Samples, held_out: Array) -> Array:
        """Return how probable it is that each label is right, by the views that vote, 1 where they can't."""
        votes = held_out.mean(axis=0)
        heard = np.isfinite(votes)
        trust = np.ones(len(votes))
        trust[heard] = weigh_labels(votes[heard], (samples.labels == self.classes_[1])[heard], self.label_noise, TRUST)
        return trust

    def _learn(self, samples: Samples, X: Any, own: Array, held_out: Array, said: Array) -> Any:
        """Return a copy that learned labels as far as the voters trust them, and the samples on which they agree."""
        weights = samples.weights[samples.labeled] * self._trust(samples, held_out)
        agreed = (said > 0).all(axis=0) | (said < 0).all(axis=0)
        soft_weights = agreed * samples.weights[samples.unlabeled]
        if agreed.any():
            soft_weights *= fade(float(weights.sum()), self.pseudo_weight) / soft_weights.sum()
        return self._fit_soft(samples, X, weights, rescale(said.mean(axis=0), own), soft_weights)
