"""Converters of this package's estimators, registered with skl2onnx.

With them, skl2onnx can convert estimators of scikit-learn that hold such an estimator, for example stacked classifiers.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier

from sklearn_melanoma.persistence._onnx.classifiers import PROBABILITY, add_labels, add_scores, encode_labels
from sklearn_melanoma.persistence._onnx.graph import Graph, import_converter
from sklearn_melanoma.persistence._onnx.transformers import add_transformer
from sklearn_melanoma.pipeline import BlockScaler
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)

_ESTIMATORS = (
    BalancedSelfTrainingClassifier,
    BlockScaler,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)


def register_converters() -> None:
    """Register the converters; a second call has no effect."""
    skl2onnx = import_converter()
    for kind in _ESTIMATORS:
        options = {"zipmap": [True, False]} if hasattr(kind, "predict") else None
        skl2onnx.update_registered_converter(kind, f"Melanoma{kind.__name__}", _set_types, _convert, options=options)


def _set_types(operator: Any) -> None:
    """Set types and shapes of the outputs of an operator of skl2onnx."""
    types = import_converter().common.data_types
    model, n_samples = operator.raw_operator, operator.inputs[0].get_first_dimension()
    n_columns = model.n_features_in_
    if is_classifier(model):
        n_columns, labels = len(model.classes_), encode_labels(model.classes_)
        kind = types.StringTensorType if labels.dtype.hasobject else types.Int64TensorType
        operator.outputs[0].type = kind([n_samples])
    operator.outputs[-1].type = types.guess_tensor_type(operator.inputs[0].type)
    operator.outputs[-1].type.shape = [n_samples, n_columns]


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an operator of skl2onnx."""
    types, model = import_converter().common.data_types, operator.raw_operator
    graph = Graph(f"{scope.get_unique_operator_name('melanoma')}_")
    x = graph.cast(operator.inputs[0].full_name)
    if is_classifier(model):
        results = [add_labels(graph, model, x), add_scores(graph, model, x, PROBABILITY)]
    else:
        results = [add_transformer(graph, model, x)]
    results[-1] = graph.add("Cast", results[-1], to=types.guess_proto_type(operator.outputs[-1].type))
    container.initializers.extend(graph.constants)
    container.nodes.extend(graph.nodes)
    container.node_domain_version_pair_sets.update(graph.domains.items())
    for result, output in zip(results, operator.outputs, strict=True):
        container.add_node("Identity", result, output.full_name)
