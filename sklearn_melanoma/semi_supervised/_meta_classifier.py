"""Base of the semi-supervised classifiers that fit copies of another classifier."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import Tags, check_consistent_length, column_or_1d, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, safe_indexing
from sklearn_melanoma._typing import Array
from sklearn_melanoma.metrics._positive import infer_pos_label
from sklearn_melanoma.model_selection._labels import take_labels
from sklearn_melanoma.semi_supervised import _many_classes, _two_classes
from sklearn_melanoma.semi_supervised._folds import deal_folds
from sklearn_melanoma.semi_supervised._input import check_weights, takes
from sklearn_melanoma.semi_supervised._labeled import check_samples
from sklearn_melanoma.semi_supervised._log_odds import LogOddsMixin
from sklearn_melanoma.semi_supervised._rows import check_rows

# The usual number of folds. With few labels, more folds make no measurable difference.
N_FOLDS = 5
# Trees can give a probability of 0. With this floor, log-odds stay within -7 and 7. It hardly changes the log-odds of a
# logistic regression.
FLOOR = 1e-3


class Samples(NamedTuple):
    """The checked input of `fit`.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
        All samples.
    labels : ndarray of shape (n_labeled,)
        Labels of the labeled samples.
    labeled, unlabeled : ndarray of int
        Positions of the labeled and of the unlabeled samples. Samples of weight 0 are in neither.
    weights : ndarray of shape (n_samples,)
        Weights of all samples.
    groups : ndarray of shape (n_samples,)
        Groups of all samples.
    """

    X: Any
    labels: NDArray[Any]
    labeled: NDArray[np.intp]
    unlabeled: NDArray[np.intp]
    weights: Array
    groups: NDArray[Any]


class SemiSupervisedMetaClassifier(
    CallbackSupportMixin, LogOddsMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Base of classifiers that fit copies of `estimator` to labeled and unlabeled samples.

    A subclass implements `_fit_samples`, which sets `estimator_` and `classes_`.
    """

    estimator: Any
    estimator_: Any
    classes_: NDArray[Any]
    pos_label_: Any
    offset_: float | Array = 0.0

    @one_task
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Fit the classifier to labeled and unlabeled samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Labeled and unlabeled samples, without NaN.
        y : array-like of shape (n_samples,)
            Labels of two classes or more, -1 for unlabeled samples. Among strings, use the integer -1 in an array of
            dtype object.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative. Samples of weight 0 are ignored.
        groups : array-like of shape (n_samples,), default=None
            The lesion or patient of each sample. A label is never checked by other labels of its group.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If `y` holds fewer than two classes and `estimator` needs them. If a missing label is the string "-1". If
            `estimator` does not accept `sample_weight`. If a parameter or the input is not as described.
        """
        self._validate_params()
        samples = self._check_input(X, y, sample_weight, groups)
        self._fit_samples(samples)
        self.pos_label_ = infer_pos_label(self.estimator_)
        self.transduction_ = self._decide(self._compute_scores(samples.X))
        self.transduction_[samples.labeled] = samples.labels
        return self

    def _fit_samples(self, samples: Samples) -> None:
        """Set `estimator_`, `classes_` and the attributes of the subclass."""
        raise NotImplementedError

    def _check_input(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None, groups: ArrayLike | None) -> Samples:
        if not takes(self.estimator, "sample_weight"):
            raise TypeError(
                f"estimator must accept sample_weight in fit, got {type(self.estimator).__name__}, which "
                "would treat pseudo-labels as labels. Choose another; a Pipeline accepts it by metadata routing."
            )
        rows, labels, has_label = check_samples(self, X, y)
        weights = check_weights(sample_weight, rows)
        groups = np.arange(len(rows)) if groups is None else column_or_1d(groups)
        check_consistent_length(rows, groups)
        labeled, unlabeled = (np.flatnonzero(part & (weights > 0)) for part in (has_label, ~has_label))
        own = take_labels(labels, labeled)
        if len(own):
            check_classification_targets(own)
        return Samples(_keep_names(X, rows), own, labeled, unlabeled, weights, groups)

    def _fit_labeled(self, samples: Samples, X: Any) -> Any:
        """Return a copy fitted to the labeled samples; without any, to all samples with the label -1."""
        positions, labels = samples.labeled, samples.labels
        if not len(positions):
            positions, labels = samples.unlabeled, np.full(len(samples.unlabeled), -1)
        few = len(np.unique(samples.labels)) < 2
        try:
            fitted = _fit_copy(self.estimator, X, positions, labels, samples.weights[positions])
        except ValueError as error:
            if few:
                raise _make_class_error(samples, f" {type(self.estimator).__name__}: {error}") from error
            raise
        if len(fitted.classes_) < 2:
            raise _make_class_error(samples)
        return fitted

    def _fit_pseudo_labeled(self, samples: Samples, X: Any, weights: Array, soft: Array, soft_weights: Array) -> Any:
        """Return a copy fitted to labels and pseudo-labels.

        Each unlabeled sample is used once per class. The probabilities at the scores `soft` divide its weight. Classes
        without a label get no pseudo-labels.
        """
        used, taught = soft_weights > 0, np.isin(self.classes_, samples.labels)
        soft_weights = soft_weights[used, np.newaxis] * self._methods.compute_probabilities(soft[used])[:, taught]
        return _fit_copy(
            self.estimator,
            X,
            np.concatenate([samples.labeled, np.tile(samples.unlabeled[used], taught.sum())]),
            np.concatenate([samples.labels, np.repeat(self.classes_[taught], used.sum())]),
            np.concatenate([weights, soft_weights.T.ravel()]),
        )

    def _cross_fit(self, samples: Samples, X: Any) -> Array:
        """Return the scores of each labeled sample by a copy that did not learn from its group.

        They are NaN if the other folds hold no label of the class, or only labels of this class.
        """
        numbers, groups = self._number_labels(samples), samples.groups[samples.labeled]
        probabilities = np.full((len(numbers), len(self.classes_)), np.nan)
        folds = deal_folds(numbers, groups, N_FOLDS)
        for fold in range(folds.max() + 1):
            train = folds != fold
            known = np.unique(numbers[train])
            test = (folds == fold) & np.isin(numbers, known)
            if len(known) > 1 and test.any():
                rows = samples.labeled[train]
                fitted = _fit_copy(self.estimator, X, rows, samples.labels[train], samples.weights[rows])
                probabilities[test] = self._predict_floored(fitted, safe_indexing(X, samples.labeled[test]))
        return self._methods.compute_scores(probabilities)

    @property
    def _methods(self) -> ModuleType:
        """Module of functions for the scores of two classes, or of more classes."""
        return _two_classes if len(self.classes_) == 2 else _many_classes

    def _number_labels(self, samples: Samples) -> NDArray[np.intp]:
        """Return the position of the class of each label."""
        return np.searchsorted(self.classes_, samples.labels)

    def _score(self, classifier: Any, X: Any) -> Array:
        """Return the scores of a copy, of shape (n_samples,) or (n_samples, n_classes)."""
        return self._methods.compute_scores(self._predict_floored(classifier, X))

    def _score_unlabeled(self, samples: Samples, classifier: Any, X: Any) -> Array:
        """Return the scores of unlabeled samples; there may be none."""
        if not len(samples.unlabeled):
            return self._methods.compute_scores(np.empty((0, len(self.classes_))))
        return self._score(classifier, safe_indexing(X, samples.unlabeled))

    def _predict_floored(self, classifier: Any, X: Any) -> Array:
        """Return probabilities, with `FLOOR` added so that their logarithms stay finite; 0 for unknown classes."""
        known = np.asarray(classifier.predict_proba(X), dtype=np.float64)
        probabilities = np.zeros((len(known), len(self.classes_)))
        probabilities[:, np.searchsorted(self.classes_, classifier.classes_)] = known
        return probabilities + FLOOR

    def _compute_scores(self, X: Any) -> Array:
        return self._score(self.estimator_, X) + self.offset_

    def decision_function(self, X: Any) -> Array:
        """Return the log-odds of ``classes_[1]``, or the scores of more than two classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Natural logarithm of the odds; for more than two classes, logarithms of the probabilities up to a number
            that is the same for all classes.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        return self._compute_scores(_keep_names(X, rows))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        own = get_tags(self.estimator).classifier_tags
        tags.classifier_tags.multi_class = own is None or own.multi_class
        return tags


def find_scored(scores: Array) -> NDArray[np.bool_]:
    """Return which samples have scores that are not NaN."""
    finite = np.isfinite(scores)
    return finite if finite.ndim == 1 else np.asarray(finite.all(axis=1))


def _keep_names(X: Any, rows: Array) -> Any:
    """Return the table if it has column names, since a classifier may need them; else its numbers."""
    return X if hasattr(X, "columns") else rows


def _fit_copy(estimator: Any, X: Any, positions: NDArray[np.intp], labels: NDArray[Any], weights: Array) -> Any:
    return clone(estimator).fit(safe_indexing(X, positions), labels, sample_weight=weights)


def _make_class_error(samples: Samples, cause: str = "") -> ValueError:
    found = np.unique(samples.labels).tolist()
    return ValueError(
        f"y must hold labels of two classes at least, got {len(found)} class(es): {found!r}. Label some of each, or "
        "pass an estimator that needs no labels, such as PriorLogisticRegression(prior, classes=(0, 1))."
        f"{cause}"
    )
