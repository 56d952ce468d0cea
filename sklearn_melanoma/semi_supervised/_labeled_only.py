"""Classifier that learns from the labeled samples only, and a rule for which classifiers need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, HasMethods, with_callbacks
from sklearn_melanoma.metrics._positive import infer_pos_label
from sklearn_melanoma.model_selection._split import check_search_split, is_search
from sklearn_melanoma.semi_supervised._labeled import LabeledPart, check_classes, check_scored, select_labeled
from sklearn_melanoma.semi_supervised._rows import named_columns

# Modules whose classifiers treat -1 as "unlabeled".
SEMI_SUPERVISED_MODULES = ("sklearn.semi_supervised", "sslearn.wrapper")


def _has(method: str) -> Callable[[Any], bool]:
    return lambda self: hasattr(getattr(self, "estimator_", self.estimator), method)


class LabeledOnlyClassifier(CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Fit a classifier to the labeled samples only.

    Most classifiers treat -1, the missing label, as a class. For example, a random forest that is fitted to melanomas,
    others and unlabeled images predicts three classes. This wrapper leaves out the unlabeled samples, in `fit` and in
    `score`. It is also the baseline of semi-supervised learning.

    :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline` puts it around every classifier that needs it.

    Parameters
    ----------
    estimator : classifier
        Any classifier of two or more classes, or a search or pipeline that ends in one. A copy of it is fitted.

    Attributes
    ----------
    estimator_ : classifier
        The fitted copy. Its fitted attributes, such as `coef_` or `feature_importances_`, are attributes of this
        classifier as well.
    classes_ : ndarray of shape (n_classes,)
        The classes, without -1.
    pos_label_ : label or None
        The label of the positive class of `estimator`, if it defines one. Else 1 or True for the labels 0 and 1, or
        False and True. Else None.
    n_features_in_ : int
        Number of features, if `estimator` counts them.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names that are strings.

    See Also
    --------
    PriorLogisticRegression : Logistic regression that knows -1 itself, and works with few or no labels.
    sklearn.semi_supervised.SelfTrainingClassifier : Self-training, which also learns from unlabeled samples.

    Notes
    -----
    `X` is any sequence of samples: a DataFrame of pandas or polars, an array, a sparse matrix, or images if `estimator`
    accepts them. Column names are kept. `estimator` checks `X`.

    These classifiers know -1 as a missing label and need no wrapper:

    - classifiers of this package, and all classifiers with an attribute ``accepts_unlabeled = True``,
    - classifiers of :mod:`sklearn.semi_supervised` and of ``sslearn.wrapper``,
    - :class:`~sklearn.frozen.FrozenEstimator`, which is not fitted,
    - a :class:`~sklearn.pipeline.Pipeline` that ends in one of them, and a search, such as
      :class:`~sklearn.model_selection.GridSearchCV`, over one of them with
      ``cv=SemiSupervisedSplit(…)``.

    All others, such as calibrated, stacked and one-versus-rest classifiers, treat -1 as a class, even if the classifier
    inside them does not.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier
    >>> X, y = [[0], [1], [2], [3], [4], [5]], [0, 0, -1, -1, 1, 1]
    >>> forest = RandomForestClassifier(random_state=0)
    >>> forest.fit(X, y).classes_
    array([-1,  0,  1])
    >>> model = LabeledOnlyClassifier(forest).fit(X, y)
    >>> model.classes_
    array([0, 1])
    >>> model.score(X, y)
    1.0
    """

    accepts_unlabeled: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"estimator": [HasMethods(["fit"])]}

    # Metadata is only passed on. So `estimator` is the only one that requests it.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"sample_weight": UNUSED, "groups": UNUSED}
    __metadata_request__score: ClassVar[dict[str, str]] = {"sample_weight": UNUSED}

    def __init__(self, estimator: Any):
        self.estimator = estimator

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Fit a copy of the classifier to the labeled samples.

        Parameters
        ----------
        X : sequence of samples
            Labeled and unlabeled samples.
        y : array-like of shape (n_samples,)
            Labels of two classes or more, -1 for unlabeled samples. Among strings, -1 is the integer.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of all samples. The weights of labeled samples are passed to `estimator`.
        groups : array-like of shape (n_samples,), default=None
            The lesion or patient of each sample. The groups of labeled samples are passed to `estimator`, for a search.
        **params : dict
            Other metadata for `estimator`. Metadata with one value for each sample is reduced to the labeled samples.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If fewer than two classes are labeled, or a missing label is not -1. If `estimator` is not a classifier or
            does not accept the metadata. If the input is not as described.
        """
        self._validate_params()
        if is_regressor(self.estimator):
            raise TypeError(f"estimator must be a classifier, got the regressor {self.estimator!r}. Pass a classifier.")
        part = select_labeled(X, y, sample_weight=sample_weight, groups=groups, **params)
        check_classes(part.y, part.n_samples, self.estimator)
        self._check_positions(part)
        arguments = process_routing(self, "fit", **part.params).estimator.fit if _routing() else part.params
        fitted = clone(self.estimator)
        with FitTask(self, X, y, 1) as task, task.fitting("fit-labeled", fitted), named_columns(part.X, "labeled row"):
            fitted.fit(part.X, part.y, **arguments)
        self.estimator_ = fitted
        return self

    def _check_positions(self, part: LabeledPart) -> None:
        """Raise an error if a cross-validation inside uses positions of samples, which are no longer valid."""
        cv = getattr(self.estimator, "cv", None)
        if len(part.y) < part.n_samples and isinstance(cv, list | tuple | PredefinedSplit):
            raise ValueError(
                f"cv of {type(self.estimator).__name__} must not be positions among all {part.n_samples} samples, "
                f"because it gets the {len(part.y)} labeled ones. Pass a number of folds or a splitter."
            )

    @available_if(_has("predict"))
    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of each sample.

        Parameters
        ----------
        X : sequence of samples
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Elements of `classes_`.
        """
        return self._call("predict", X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class.

        Parameters
        ----------
        X : sequence of samples
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        return self._call("predict_proba", X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> NDArray[Any]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : sequence of samples
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Natural logarithms in the order of `classes_`.
        """
        return self._call("predict_log_proba", X)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the decision function of the classifier.

        Parameters
        ----------
        X : sequence of samples
            Any samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Scores, in the shape that `estimator` returns.
        """
        return self._call("decision_function", X)

    def _call(self, method: str, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        with named_columns(X):
            return getattr(self.estimator_, method)(X)

    @available_if(_has("score"))
    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any) -> float:
        """Return the score of the classifier on the labeled samples: the accuracy, or the score of a search.

        Parameters
        ----------
        X : sequence of samples
            Any samples.
        y : array-like of shape (n_samples,)
            True labels, -1 for unlabeled samples, which are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of all samples.
        **params : dict
            Other metadata for the score of `estimator`.

        Returns
        -------
        float
            The score.

        Raises
        ------
        ValueError
            If nothing is labeled, or a missing label is not -1.
        """
        check_is_fitted(self)
        part = select_labeled(X, y, sample_weight=sample_weight, **params)
        check_scored(part)
        arguments = process_routing(self, "score", **part.params).estimator.score if _routing() else part.params
        return float(self.estimator_.score(part.X, part.y, **arguments))

    @property
    def pos_label_(self) -> Any:
        """The label of the positive class; None if it can't be determined."""
        check_is_fitted(self)
        return infer_pos_label(self.estimator_)

    def __getattr__(self, name: str) -> Any:
        """Return a fitted attribute of the copy, such as `classes_`."""
        fitted = self.__dict__.get("estimator_")
        if fitted is None or name.startswith("_") or not name.endswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(fitted, name)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of metadata from `fit` and `score` to the classifier.

        Returns
        -------
        MetadataRouter
            Routing of the metadata.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit").add(caller="score", callee="score")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        own = get_tags(self.estimator)
        tags.input_tags, tags.non_deterministic = own.input_tags, own.non_deterministic
        if own.classifier_tags is not None:
            tags.classifier_tags = replace(own.classifier_tags, multi_label=False)
        return tags


def _routing() -> bool:
    """Return whether scikit-learn's metadata routing is on."""
    return bool(get_config()["enable_metadata_routing"])


def accepts_unlabeled(estimator: Any) -> bool:
    """Return whether a classifier treats -1 as a missing label, by the rule in `LabeledOnlyClassifier`."""
    if isinstance(estimator, Pipeline):
        return accepts_unlabeled(estimator.steps[-1][1])
    if isinstance(estimator, FrozenEstimator) or getattr(estimator, "accepts_unlabeled", False) is True:
        return True
    if is_search(estimator):
        if not accepts_unlabeled(estimator.estimator):
            return False
        check_search_split(estimator)
        return True
    modules = (base.__module__ for base in type(estimator).__mro__)
    return _is_semi_supervised(modules)


def learns_from_labels_alone(estimator: Any) -> bool:
    """Return whether an estimator is a classifier that would treat -1 as a class."""
    kind = get_tags(estimator).estimator_type if hasattr(estimator, "__sklearn_tags__") else "classifier"
    # Outlier detectors and clusterers ignore labels.
    is_one = kind == "classifier" or (kind is None and hasattr(estimator, "predict"))
    return is_one and not accepts_unlabeled(estimator)


def needs_labels(estimator: Any) -> bool:
    """Return whether a classifier needs labels of at least two classes, and can't check them itself."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    if is_search(estimator):
        return needs_labels(estimator.estimator)
    modules = (base.__module__ for base in type(estimator).__mro__)
    return isinstance(estimator, LabeledOnlyClassifier) or _is_semi_supervised(modules)


def _is_semi_supervised(modules: Iterable[str]) -> bool:
    return any(f"{module}.".startswith(f"{known}.") for module in modules for known in SEMI_SUPERVISED_MODULES)


def wrap_classifier(classifier: Any) -> Any:
    """Return a classifier that knows -1 as a missing label: itself, or a `LabeledOnlyClassifier` around it."""
    if classifier is None or classifier == "passthrough":
        return classifier
    if isinstance(classifier, type) or not hasattr(classifier, "fit"):
        raise TypeError(f"classifier must be an instance of a classifier, got {classifier!r}. Write it with ().")
    if is_regressor(classifier):
        raise TypeError(f"classifier must be a classifier, got the regressor {classifier!r}. Pass a classifier.")
    return LabeledOnlyClassifier(classifier) if learns_from_labels_alone(classifier) else classifier
