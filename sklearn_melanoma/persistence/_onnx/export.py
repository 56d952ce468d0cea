"""Export of the table side of a fitted model to ONNX."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from sklearn_melanoma._base import list_steps
from sklearn_melanoma.inspection._models import find_inner, find_method, split_model
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.metrics._threshold import read_threshold
from sklearn_melanoma.persistence._checks import check_model, set_threshold
from sklearn_melanoma.persistence._onnx.classifiers import DECISION, PROBABILITY, add_labels, add_scores, encode_labels
from sklearn_melanoma.persistence._onnx.graph import IR_VERSION, Graph
from sklearn_melanoma.persistence._onnx.registration import register_converters
from sklearn_melanoma.persistence._portable import get_versions

INPUT, LABEL = "features", "label"
SCORES = {PROBABILITY: "probabilities", DECISION: "scores"}


def build_model(model: Any, *, threshold: Threshold | float | None, pos_label: Any) -> Any:
    """Return the model of `to_onnx`, which describes the parameters.

    Parameters
    ----------
    model : classifier
        A fitted classifier of images or rows.
    threshold : Threshold, float or None
        Decision threshold.
    pos_label : label or None
        Label of the positive class.

    Returns
    -------
    onnx.ModelProto
        The table side.
    """
    register_converters()
    check_model(model)
    if not is_classifier(model):
        raise TypeError(f"model must be a classifier, got {type(model).__name__}. Pass the whole fitted pipeline.")
    model, threshold, positive = set_threshold(model, threshold, pos_label)
    model, names, n_features = _take_table_side(model)
    graph, classes = Graph(), encode_labels(model.classes_)
    method = find_method(model)
    outputs = {LABEL: add_labels(graph, model, INPUT), SCORES[method]: add_scores(graph, model, INPUT, method)}
    n_scores = 1 if method == DECISION and len(classes) == 2 else len(classes)
    exported = _make_model(graph, outputs, n_features, n_scores, has_strings=classes.dtype.hasobject)
    information = {
        "classes": np.asarray(model.classes_).tolist(),
        "feature_names": names,
        "pos_label": positive,
        "threshold": None if threshold is None else read_threshold(threshold),
        "versions": get_versions(),
    }
    import_module("onnx.helper").set_model_props(exported, {key: json.dumps(information[key]) for key in information})
    return exported


def _take_table_side(model: Any) -> tuple[Any, list[str] | None, int]:
    """Return the classifier of rows, and the names and the number of the columns."""
    try:
        images, table_side = split_model(model)
    except TypeError:  # the model has no image steps
        first = _find_first(model)
        if not hasattr(first, "n_features_in_"):
            raise ValueError(
                f"model must start from a table of features or an ImagePipeline, got {type(first).__name__} first. "
                "Export the part after its image steps, such as model[n:]."
            ) from None
        names = list(map(str, first.feature_names_in_)) if hasattr(first, "feature_names_in_") else None
        return model, names, first.n_features_in_
    names = list(map(str, images.get_feature_names_out()))
    return table_side, names, len(names)


def _find_first(model: Any) -> Any:
    """Return the first estimator inside a model that gets the table; None for a pipeline without steps."""
    if isinstance(model, Pipeline):
        found = (_find_first(step) for _, step in list_steps(model))
        return next((first for first in found if first is not None), None)
    if attribute := find_inner(model):
        return _find_first(getattr(model, attribute))
    if calibrated := getattr(model, "calibrated_classifiers_", None):
        return _find_first(calibrated[0].estimator)
    return model


def _make_model(graph: Graph, outputs: dict[str, str], n_features: int, n_scores: int, *, has_strings: bool) -> Any:
    """Return the model of a graph with the outputs by name, labels first."""
    onnx = import_module("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    label, scores = outputs
    nodes = [helper.make_node("Identity", [tensor], [name]) for name, tensor in outputs.items()]
    made = helper.make_graph(
        [*graph.nodes, *nodes],
        "table",
        [helper.make_tensor_value_info(INPUT, kinds.DOUBLE, ["n_samples", n_features])],
        [
            helper.make_tensor_value_info(label, kinds.STRING if has_strings else kinds.INT64, ["n_samples"]),
            helper.make_tensor_value_info(scores, kinds.DOUBLE, ["n_samples", n_scores]),
        ],
        graph.constants,
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in graph.domains.items()]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR_VERSION, producer_name="sklearn-melanoma")
    model.producer_version = get_versions()["sklearn-melanoma"]
    onnx.checker.check_model(model)
    return model
