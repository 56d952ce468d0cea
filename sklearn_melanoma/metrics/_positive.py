"""The positive class: its label, and the scores of a classifier for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if

# Attributes with the classifier inside a meta-estimator, fitted or not.
_INNER = ("best_estimator_", "estimator_", "estimator")


def get_pos_label(estimator: Any) -> Any:
    """Return the label of the positive class according to a classifier; None if the classifier does not define it.

    A classifier defines it by its attribute `pos_label_`, by its parameter `pos_label`, or by the second element of its
    parameter `classes`. In a pipeline, the last step counts. In a search, a calibrated classifier or another
    meta-estimator, the classifier inside counts.

    Parameters
    ----------
    estimator : estimator
        A classifier, fitted or not.

    Returns
    -------
    label or None
        The label of the positive class.

    Examples
    --------
    >>> from sklearn.model_selection import FixedThresholdClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> get_pos_label(FixedThresholdClassifier(LogisticRegression(), pos_label="melanoma"))
    'melanoma'
    """
    while estimator is not None and not isinstance(estimator, str):
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
            continue
        for attribute in ("pos_label_", "pos_label"):
            label = getattr(estimator, attribute, None)
            if label is not None:
                return _as_python(label)
        order = getattr(estimator, "_order_classes", None)  # the order of a mapping has no meaning
        if len(classes := _list_labels(order() if order else getattr(estimator, "classes", None))) == 2:
            return classes[1]
        calibrated = getattr(estimator, "calibrated_classifiers_", None)
        if calibrated:
            estimator = calibrated[0].estimator
        else:
            inner = (getattr(estimator, name, None) for name in _INNER)
            estimator = next((found for found in inner if found is not None), None)
    return None


def infer_pos_label(model: Any) -> Any:
    """Return the label of the positive class of a fitted classifier; None if it can't be determined.

    Parameters
    ----------
    model : classifier
        Fitted.

    Returns
    -------
    label or None
        The positive class of the classifier. If it defines none, 1 or True for the classes 0 and 1, or False and True.
    """
    said = get_pos_label(model)
    return 1 if said is None and _list_labels(getattr(model, "classes_", None)) == [0, 1] else said


def find_pos_label(classes: Any, pos_label: Any = None, *, estimator: Any = None, name: str = "y") -> Any:
    """Return the label of the positive class.

    Parameters
    ----------
    classes : sequence of labels
        The classes. If there are more than two, one is positive and the rest are negative.
    pos_label : label, optional
        The label that the caller gave.
    estimator : estimator, optional
        A classifier that may define it.
    name : str, default="y"
        Name of the argument that holds the labels, for errors.

    Returns
    -------
    label
        `pos_label` if it is given, else the positive class of the classifier. Without both, 1 or True for the labels 0
        and 1, or False and True.

    Raises
    ------
    ValueError
        If the label is not among two or more classes, or it can't be determined.

    Examples
    --------
    >>> find_pos_label([0, 1])
    1
    >>> find_pos_label(["melanoma", "nevus"], "melanoma")
    'melanoma'
    """
    found = _list_labels(classes)
    said = _as_python(pos_label) if pos_label is not None else get_pos_label(estimator)
    if said is not None:
        if len(found) > 1 and said not in found:
            source = "pos_label" if pos_label is not None else f"the positive class of {type(estimator).__name__}"
            raise ValueError(
                f"{source} must be one of the labels {found!r} in {name}, got {said!r}. Use the same labels in both, "
                "or pass pos_label."
            )
        return said
    if all(label in (0, 1) for label in found):
        return 1
    raise ValueError(
        f"pos_label must say which of the labels {found!r} in {name} is the positive class, got None. "
        "Pass the label that means melanoma, such as pos_label='melanoma'."
    )


def get_positive_scores(model: Any, X: Any, pos_label: Any) -> NDArray[np.float64]:
    """Return the scores of a fitted classifier for its positive class.

    Parameters
    ----------
    model : classifier
        Fitted, with `predict_proba` or `decision_function`.
    X : sequence of samples
        Input of the classifier.
    pos_label : label
        One of its classes.

    Returns
    -------
    ndarray of shape (n_samples,)
        Probabilities of the positive class, or values of the decision function that are higher for it.
    """
    column = _list_labels(model.classes_).index(pos_label)
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=np.float64)[:, column]
    scores = np.asarray(model.decision_function(X), dtype=np.float64)
    if scores.ndim == 2:
        return scores[:, column]
    return scores if column == 1 else -scores


def choose_auc(scoring: Any, classes: Sequence[Any], pos_label: Any) -> Any:
    """Return the scoring: for "roc_auc" and more than two classes, the mean AUC of each against the rest."""
    if not isinstance(scoring, str) and not callable(scoring):
        raise TypeError(f"scoring must be the name of a scorer or a function, got {scoring!r}. Pass one scorer.")
    is_auc = isinstance(scoring, str) and scoring == "roc_auc"
    return "roc_auc_ovr" if is_auc and len(classes) > 2 and pos_label is None else scoring


def name_score(scoring: Any) -> str:
    """Return the name of a score for figures, from the scoring of `choose_auc`; "score" for a callable."""
    names = {"roc_auc": "ROC AUC", "roc_auc_ovr": "macro ROC AUC"}  # as in score_report
    return names.get(scoring, scoring) if isinstance(scoring, str) else "score"


class _RecodedClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose positive class is 1 and whose rest is 0, for scorers that expect these labels."""

    def __init__(self, classifier: Any, pos_label: Any):
        self.classifier = classifier
        self.pos_label = pos_label
        self.classes_ = np.array([0, 1])

    def fit(self, X: Any, y: Any = None) -> Self:  # scorers require it; the classifier is fitted
        return self

    def predict(self, X: Any) -> NDArray[np.intp]:
        return np.array([label == self.pos_label for label in self.classifier.predict(X)], dtype=int)

    @available_if(lambda self: hasattr(self.classifier, "predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        column = _list_labels(self.classifier.classes_).index(self.pos_label)
        probability = np.asarray(self.classifier.predict_proba(X))
        return np.column_stack([np.delete(probability, column, axis=1).sum(axis=1), probability[:, column]])

    # With more than two classes, the probability of a class and its score give different ranks.
    @available_if(
        lambda self: (
            hasattr(self.classifier, "decision_function")
            and not (hasattr(self.classifier, "predict_proba") and len(self.classifier.classes_) > 2)
        )
    )
    def decision_function(self, X: Any) -> NDArray[np.float64]:
        scores = np.asarray(self.classifier.decision_function(X), dtype=np.float64)
        column = _list_labels(self.classifier.classes_).index(self.pos_label)
        if scores.ndim == 2:
            return scores[:, column]
        return scores if column == 1 else -scores


def recode_positive(model: Any, y: NDArray[Any], pos_label: Any) -> tuple[Any, NDArray[Any]]:
    """Return a binary classifier and true labels with 1 for the positive class and 0 for the rest.

    scikit-learn's scorers by name, such as "average_precision", expect these.

    Parameters
    ----------
    model : classifier
        Fitted.
    y : ndarray of shape (n_samples,)
        True labels.
    pos_label : label or None
        Label of the positive class.

    Returns
    -------
    model, y
        The model and the labels. Both are unchanged if `pos_label` is None or not a class of the model, or if the
        classes are already 0 and 1.
    """
    classes = _list_labels(getattr(model, "classes_", None))
    if pos_label not in classes or (classes == [0, 1] and pos_label == 1):
        return model, y
    return _RecodedClassifier(model, pos_label), np.array([label == pos_label for label in y], dtype=int)


def _as_python(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _list_labels(classes: Any) -> list[Any]:
    if classes is None or isinstance(classes, str) or not isinstance(classes, Sequence | Mapping | np.ndarray):
        return []
    return [_as_python(label) for label in classes]
