"""Classifiers of tables as nodes of an ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC, NuSVC

from sklearn_melanoma.inspection._models import OwnThreshold, find_inner, get_own_threshold
from sklearn_melanoma.persistence._onnx.graph import Graph
from sklearn_melanoma.persistence._onnx.transformers import add_transformer, interpolate
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    PriorLogisticRegression,
)
from sklearn_melanoma.semi_supervised._meta_classifier import FLOOR

PROBABILITY, DECISION = "predict_proba", "decision_function"

_FORESTS = (ExtraTreesClassifier, RandomForestClassifier)
_META = (BalancedSelfTrainingClassifier, CoTrainingClassifier)
_LINEAR = (
    LinearDiscriminantAnalysis,
    LinearSVC,
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    PriorLogisticRegression,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
# Their probabilities follow from the decision function; for two classes, by the logistic curve.
_LOGISTIC = (LinearDiscriminantAnalysis, PriorLogisticRegression, *_META)


def add_scores(graph: Graph, model: Any, x: str, method: str) -> str:
    """Add the scores of a fitted classifier.

    Parameters
    ----------
    graph : Graph
        Graph that is extended.
    model : classifier
        The classifier, or a pipeline, threshold, calibration or search around it.
    x : str
        Its input, a table.
    method : {"predict_proba", "decision_function"}
        Kind of the scores.

    Returns
    -------
    str
        Probabilities of shape (n_samples, n_classes), or values of the decision function of shape (n_samples, 1) for
        two classes and (n_samples, n_classes) for more.

    Raises
    ------
    ValueError
        If the classifier or a step can't be converted.
    """
    key = (id(model), x, method)
    if key not in graph.done:
        graph.done[key] = _add_scores(graph, model, x, method)
    return str(graph.done[key])


def add_labels(graph: Graph, model: Any, x: str) -> str:
    """Add the predicted labels of a fitted classifier.

    Parameters
    ----------
    graph : Graph
        Graph that is extended.
    model : classifier
        The classifier, or a pipeline, threshold, calibration or search around it.
    x : str
        Its input, a table.

    Returns
    -------
    str
        Integers or strings, of shape (n_samples,).

    Raises
    ------
    ValueError
        If the classifier or a step can't be converted, or its labels are neither integers, bools nor strings.
    """
    if isinstance(model, Pipeline):
        return add_labels(graph, model.steps[-1][1], add_transformer(graph, model[:-1], x))
    if (own := get_own_threshold(model)) is not None:
        number = _add_threshold(graph, model, own, x)
    elif attribute := find_inner(model):
        return add_labels(graph, getattr(model, attribute), x)
    elif isinstance(model, SVC | NuSVC) and len(model.classes_) > 2 and hasattr(model, PROBABILITY):
        # Its labels do not follow from its probabilities.
        return graph.add_estimator(model, x)[0]
    else:
        by_decision = type(model) in (*_LINEAR, SVC, NuSVC) or not hasattr(model, PROBABILITY)
        scores = add_scores(graph, model, x, DECISION if by_decision else PROBABILITY)
        scores = _add_both(graph, scores, model.classes_) if by_decision else scores
        number = graph.add("ArgMax", scores, axis=1, keepdims=0)
    return graph.add("Gather", encode_labels(model.classes_), number)


def encode_labels(classes: Any) -> Any:
    """Return labels in a type of ONNX: integers, also for bools, or strings."""
    labels = np.asarray(classes).tolist()
    if all(isinstance(label, str) for label in labels):
        return np.array(labels, dtype=object)
    if all(isinstance(label, int | float) and int(label) == label for label in labels):
        return np.array(labels, dtype=np.int64)
    raise ValueError(f"model must have integers or strings as classes to be exported to ONNX, got {labels!r}.")


def _add_scores(graph: Graph, model: Any, x: str, method: str) -> str:
    if isinstance(model, Pipeline):
        return add_scores(graph, model.steps[-1][1], add_transformer(graph, model[:-1], x), method)
    if attribute := find_inner(model):
        return add_scores(graph, getattr(model, attribute), x, method)
    if type(model) is CalibratedClassifierCV and method == PROBABILITY:
        return _add_calibrated(graph, model, x)
    if type(model) in (*_LINEAR, *_META) and (method == DECISION or type(model) in _LOGISTIC):
        decision = _add_log_odds(graph, model, x) if type(model) in _META else _add_linear(graph, model, x)
        if method == DECISION:
            return decision
        return graph.add(
            "Sigmoid" if len(model.classes_) == 2 else "Softmax", _add_both(graph, decision, model.classes_)
        )
    if type(model) is VotingClassifier and method == PROBABILITY:
        return _add_votes(graph, model, x)
    if type(model) in (SVC, NuSVC) and method == DECISION:
        return _add_kernel(graph, model, x)
    if method == PROBABILITY:
        return _add_forest(graph, model, x) if type(model) in _FORESTS else graph.add_estimator(model, x)[1]
    raise ValueError(
        f"model must have probabilities, or a decision function that converts to ONNX, got {type(model).__name__}. "
        "Choose a linear classifier, an SVC, or one with probabilities, such as RandomForestClassifier or a "
        "VotingClassifier with voting='soft'."
    )


def _add_linear(graph: Graph, model: Any, x: str) -> str:
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))  # RidgeClassifier has a vector for two classes
    return graph.add("Add", graph.add("MatMul", x, weights.T), np.asarray(model.intercept_, dtype=np.float64))


def _add_kernel(graph: Graph, model: SVC | NuSVC, x: str) -> str:
    """Add the decision function of a support vector machine for two classes."""
    if len(model.classes_) > 2 or model.kernel not in ("linear", "poly", "rbf", "sigmoid"):
        raise ValueError(
            f"{type(model).__name__} must have two classes and the kernel 'linear', 'poly', 'rbf' or 'sigmoid' to be "
            f"exported to ONNX without probabilities, got {len(model.classes_)} classes and {model.kernel!r}. Choose "
            "LinearSVC or another classifier."
        )
    vectors = np.asarray(model.support_vectors_, dtype=np.float64)
    similarities = graph.add("MatMul", x, vectors.T)
    if model.kernel == "rbf":
        norms = graph.add("ReduceSum", graph.add("Mul", x, x), np.array([1]), keepdims=1)
        distances = graph.add(
            "Sub", graph.add("Add", norms, (vectors**2).sum(axis=1)), graph.add("Add", similarities, similarities)
        )
        similarities = graph.add("Exp", graph.add("Mul", distances, -float(model._gamma)))
    elif model.kernel != "linear":
        similarities = graph.add("Add", graph.add("Mul", similarities, float(model._gamma)), float(model.coef0))
        similarities = (
            graph.add("Pow", similarities, float(model.degree))
            if model.kernel == "poly"
            else graph.add("Tanh", similarities)
        )
    weights = np.asarray(model.dual_coef_, dtype=np.float64).T
    return graph.add("Add", graph.add("MatMul", similarities, weights), np.asarray(model.intercept_, dtype=np.float64))


def _add_votes(graph: Graph, model: VotingClassifier, x: str) -> str:
    """Add the mean of the probabilities of several classifiers."""
    weights = np.ones(len(model.estimators_)) if model._weights_not_none is None else np.array(model._weights_not_none)
    members = [
        graph.add("Mul", add_scores(graph, member, x, PROBABILITY), float(weight))
        for member, weight in zip(model.estimators_, weights / weights.sum(), strict=True)
    ]
    return graph.add("Sum", *members)


def _add_log_odds(graph: Graph, model: Any, x: str) -> str:
    """Add the decision function of a semi-supervised meta-classifier."""
    classes, known = model.classes_, model.estimator_.classes_
    probabilities = add_scores(graph, model.estimator_, x, PROBABILITY)
    if len(known) < len(classes):
        probabilities = graph.add("MatMul", probabilities, np.eye(len(classes))[np.searchsorted(classes, known)])
    logarithms = graph.add("Log", graph.add("Add", probabilities, FLOOR))
    if len(classes) == 2:
        scores = graph.add("MatMul", logarithms, np.array([[-1.0], [1.0]]))
    else:
        scores = graph.add("Sub", logarithms, graph.add("ReduceMean", logarithms, axes=[1], keepdims=1))
    return graph.add("Add", scores, np.asarray(model.offset_, dtype=np.float64))


def _add_forest(graph: Graph, model: Any, x: str) -> str:
    """Add the mean probabilities of trees; the operator of ONNX adds numbers of 32 bits."""
    trees = [member.tree_ for member in model.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
    leaves = graph.add("Add", graph.add_estimator(model, x, decision_leaf=True)[2], starts)
    probabilities = np.concatenate([tree.value[:, 0] for tree in trees])
    return graph.add("ReduceMean", graph.add("Gather", probabilities, leaves), axes=[1], keepdims=0)


def _add_both(graph: Graph, decision: str, classes: Any) -> str:
    """Add the scores of all classes; the first of two classes has the negative score."""
    return decision if len(classes) > 2 else graph.add("MatMul", decision, np.array([[-1.0, 1.0]]))


def _add_calibrated(graph: Graph, model: CalibratedClassifierCV, x: str) -> str:
    """Add the mean of the calibrated probabilities of the classifiers inside."""
    members = [_add_member(graph, member, x) for member in model.calibrated_classifiers_]
    return graph.add("Div", graph.add("Sum", *members), float(len(members)))


def _add_member(graph: Graph, member: Any, x: str) -> str:
    """Add the calibrated probabilities of one classifier."""
    n_classes = len(member.classes)
    method = DECISION if hasattr(member.estimator, DECISION) else PROBABILITY
    scores = add_scores(graph, member.estimator, x, method)
    if member.method == "temperature":
        if method == PROBABILITY:
            raise ValueError(
                "CalibratedClassifierCV with method='temperature' must hold a classifier with a decision function to "
                f"convert to ONNX, got {type(member.estimator).__name__}. Calibrate by method='sigmoid'."
            )
        scores = graph.add("Mul", _add_both(graph, scores, member.classes), float(member.calibrators[0].beta_))
        return graph.add("Softmax", scores)
    columns = [1 if method == PROBABILITY else 0] if n_classes == 2 else range(len(member.estimator.classes_))
    calibrated = [
        _add_calibrator(graph, calibrator, graph.add("Gather", scores, np.array([column]), axis=1))
        for column, calibrator in zip(columns, member.calibrators, strict=True)
    ]
    if n_classes == 2:
        return graph.add("Concat", graph.add("Sub", 1.0, calibrated[0]), calibrated[0], axis=1)
    positions = np.searchsorted(member.classes, member.estimator.classes_)
    found = graph.add("MatMul", graph.add("Concat", *calibrated, axis=1), np.eye(n_classes)[positions])
    total = graph.add("ReduceSum", found, np.array([1]), keepdims=1)
    return graph.add("Where", graph.add("Equal", total, 0.0), 1 / n_classes, graph.add("Div", found, total))


def _add_calibrator(graph: Graph, calibrator: Any, scores: str) -> str:
    """Add a calibration curve: an isotonic one, or a sigmoid."""
    if hasattr(calibrator, "X_thresholds_"):
        knots = np.asarray(calibrator.X_thresholds_, dtype=np.float64)
        return interpolate(graph, scores, knots[np.newaxis], np.asarray(calibrator.y_thresholds_, dtype=np.float64))
    return graph.add("Sigmoid", graph.add("Sub", graph.add("Mul", scores, -calibrator.a_), calibrator.b_))


def _add_threshold(graph: Graph, model: Any, own: OwnThreshold, x: str) -> str:
    """Add the number of the class that a threshold predicts."""
    estimator = getattr(model, find_inner(model) or "estimator_")
    position, threshold, method = own
    scores = add_scores(graph, estimator, x, method)
    if method == PROBABILITY:
        score = graph.add("Gather", scores, np.array(position), axis=1)
    else:
        score = graph.add("Mul", graph.add("Reshape", scores, np.array([-1])), 1.0 if position else -1.0)
    is_positive = graph.add("GreaterOrEqual", score, threshold)
    return graph.add("Where", is_positive, np.array(position), np.array(1 - position))
