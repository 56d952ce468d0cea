"""What classifiers share, those around another classifier above all."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, safe_indexing
from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import find_labeled
from sklearn_melanoma.semi_supervised._binary import BinaryScoreMixin
from sklearn_melanoma.semi_supervised._folds import deal_folds

# As many as cross-validation usually has; the difference to more is below what few labels can tell.
N_FOLDS = 5
# What trees give no sample less of: log-odds then lie within 7 of 0, where those of logistic regression hardly change.
FLOOR = 1e-3


def as_named(X: Any, rows: Array) -> Any:
    """Return the table where it has names, which a classifier may know features by; its numbers where not."""
    return X if hasattr(X, "columns") else rows


def log_odds(classifier: Any, X: Any, floor: float = FLOOR) -> Array:
    """Return the log-odds of the second class, each probability raised by `floor`, so that 0 and 1 stay finite."""
    probability = np.asarray(classifier.predict_proba(X), dtype=np.float64) + floor
    return np.log(probability[:, 1] / probability[:, 0])


def check_weights(sample_weight: ArrayLike | None, rows: Array) -> Array:
    """Return the weights of the samples, 1 for each where there are none."""
    if sample_weight is None:
        return np.ones(len(rows))
    weights = column_or_1d(check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"))
    check_consistent_length(rows, weights)
    if weights.min() < 0 or not weights.any():
        raise ValueError(
            f"sample_weight must not be negative, nor zero for all, got {weights.min():g} to {weights.max():g}. "
            "Leave samples out that shall not count."
        )
    return weights


def takes(classifier: Any, name: str) -> bool:
    """Tell whether the `fit` of a classifier takes a parameter, by itself or by metadata routing."""
    if get_config()["enable_metadata_routing"] and get_routing_for_object(classifier).consumes("fit", [name]):
        return True
    return bool(has_fit_parameter(classifier, name))


class Samples(NamedTuple):
    """What `fit` was given, checked: a table, labels of the labeled rows, and where the other ones are."""

    X: Any
    labels: NDArray[Any]
    labeled: NDArray[np.intp]
    unlabeled: NDArray[np.intp]
    weights: Array
    groups: NDArray[Any]


class Wrapped(CallbackSupportMixin, BinaryScoreMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Base of a binary classifier that fits copies of `estimator`, whose `decision_function` are log-odds."""

    estimator: Any
    estimator_: Any
    classes_: NDArray[Any]
    offset_: float = 0.0

    def _check(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, groups: ArrayLike | None) -> Samples:
        if not takes(self.estimator, "sample_weight"):
            raise TypeError(
                f"estimator must take sample_weight in fit, got {type(self.estimator).__name__}, for which "
                "pseudo-labels would be labels. Choose another; a Pipeline takes it by metadata routing."
            )
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        weights = check_weights(sample_weight, rows)
        groups = np.arange(len(rows)) if groups is None else column_or_1d(groups)
        check_consistent_length(rows, groups)
        known = find_labeled(labels)
        labeled, unlabeled = (np.flatnonzero(part & (weights > 0)) for part in (known, ~known))
        own = np.array(labels[labeled].tolist()) if len(labeled) else labels[:0]  # of the labels' own dtype
        if len(own):
            check_classification_targets(own)
        found = np.unique(own)
        if len(found) > 2:
            raise ValueError(
                f"Only binary classification is supported. y must hold labels of 2 classes, got {len(found)}: "
                f"{found.tolist()!r}. Join classes."
            )
        return Samples(as_named(X, rows), own, labeled, unlabeled, weights, groups)

    def _fit_labels(self, samples: Samples, X: Any) -> Any:
        """Return a copy fitted to the labels alone; where there are none, to -1 for each sample."""
        positions, labels = samples.labeled, samples.labels
        if not len(positions):
            positions, labels = samples.unlabeled, np.full(len(samples.unlabeled), -1)
        few = len(np.unique(samples.labels)) < 2
        try:
            fitted = _fit(self.estimator, X, positions, labels, samples.weights[positions])
        except ValueError as error:
            if few:
                raise _one_class(samples, f" {type(self.estimator).__name__}: {error}") from error
            raise
        if len(fitted.classes_) != 2:
            raise _one_class(samples)
        return fitted

    def _fit_soft(self, samples: Samples, X: Any, weights: Array, soft: Array, soft_weights: Array) -> Any:
        """Return a copy fitted to weighted labels, and to every unlabeled sample as one of each class, by its odds."""
        used = samples.unlabeled[soft_weights > 0]
        soft, soft_weights = soft[soft_weights > 0], soft_weights[soft_weights > 0]
        return _fit(
            self.estimator,
            X,
            np.concatenate([samples.labeled, used, used]),
            np.concatenate([samples.labels, np.repeat(self.classes_, len(used))]),
            np.concatenate([weights, soft_weights * expit(-soft), soft_weights * expit(soft)]),
        )

    def _cross_fit(self, samples: Samples, X: Any) -> Array:
        """Return the log-odds of each label's sample by a copy that saw none of its group, NaN where none can be."""
        positive, groups = samples.labels == self.classes_[1], samples.groups[samples.labeled]
        scores = np.full(len(positive), np.nan)
        folds = deal_folds(positive, groups, N_FOLDS)
        for fold in range(folds.max() + 1):
            train, test = folds != fold, folds == fold
            if len(np.unique(positive[train])) == 2:
                rows = samples.labeled[train]
                fitted = _fit(self.estimator, X, rows, samples.labels[train], samples.weights[rows])
                scores[test] = log_odds(fitted, safe_indexing(X, samples.labeled[test]))
        return scores

    def _score_unlabeled(self, samples: Samples, classifier: Any, X: Any) -> Array:
        return log_odds(classifier, safe_indexing(X, samples.unlabeled)) if len(samples.unlabeled) else np.empty(0)

    def _finish(self, samples: Samples) -> Self:
        self.transduction_ = self._decide(self._scores(samples.X))
        self.transduction_[samples.labeled] = samples.labels
        return self

    def _scores(self, X: Any) -> Array:
        return log_odds(self.estimator_, X) + self.offset_

    def decision_function(self, X: Any) -> Array:
        """Return the log-odds of ``classes_[1]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the odds.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return self._scores(as_named(X, rows))


def _fit(estimator: Any, X: Any, positions: NDArray[np.intp], labels: NDArray[Any], weights: Array) -> Any:
    return clone(estimator).fit(safe_indexing(X, positions), labels, sample_weight=weights)


def _one_class(samples: Samples, cause: str = "") -> ValueError:
    found = np.unique(samples.labels).tolist()
    return ValueError(
        f"y must hold labels of both classes, got {len(found)} class(es): {found!r}. Label some of each, or pass an "
        f"estimator that knows the classes without, such as PriorLogisticRegression(prior, classes=(0, 1)).{cause}"
    )
