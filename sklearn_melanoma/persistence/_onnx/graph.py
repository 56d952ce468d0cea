"""ONNX graph under construction, in double precision."""

from __future__ import annotations

import warnings
from contextlib import suppress
from importlib import import_module
from textwrap import shorten
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags

from sklearn_melanoma._typing import Array

# Old enough for onnxruntime 1.16, and new enough for 64 bits in all operators used here.
OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8

# Largest difference between scikit-learn and a converted step, relative to the result or to 1, if this is larger.
TOLERANCE = 1e-6


def import_converter() -> Any:
    """Return the module `skl2onnx`, or raise an error that says how to install it."""
    try:
        return import_module("skl2onnx")
    except ImportError as error:
        raise ImportError(
            "Exporting models to ONNX needs skl2onnx. Install it with: pip install 'sklearn-melanoma[onnx]'"
        ) from error


class Graph:
    """Nodes and constants of an ONNX graph.

    Tensors are named by strings. They have one row for each sample, and hold floats of 64 bits unless stated otherwise.

    Parameters
    ----------
    prefix : str, default=""
        Beginning of the names of all tensors of this graph.
    """

    def __init__(self, prefix: str = ""):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.domains: dict[str, int] = dict(OPSETS)
        self.done: dict[tuple[Any, ...], Any] = {}  # tensors by operation and inputs, so that nothing is computed twice
        self._prefix = prefix
        self._onnx = import_module("onnx")

    def add(self, operation: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node with one output.

        Parameters
        ----------
        operation : str
            Operator of ONNX.
        *inputs : str or array-like
            Names of tensors, or constants: floats of 64 bits, integers, strings or bools.
        **attributes : object
            Attributes of the operator.

        Returns
        -------
        str
            Name of the output.
        """
        names = [value if isinstance(value, str) else self._add_constant(np.asarray(value)) for value in inputs]
        output = self._make_name()
        self.nodes.append(self._onnx.helper.make_node(operation, names, [output], **attributes))
        return output

    def add_estimator(self, estimator: Any, x: str, **options: Any) -> list[str]:
        """Add a fitted estimator by its registered converter.

        Parameters
        ----------
        estimator : estimator
            Any estimator that skl2onnx can convert.
        x : str
            Its input, a table.
        **options : object
            Options of the converter.

        Returns
        -------
        list of str
            The outputs: the transformed table, or labels, probabilities and additional outputs by the options.

        Raises
        ------
        ValueError
            If skl2onnx has no converter for it, or the converter computes something else.
        """
        key = (id(estimator), x, *options)
        if key not in self.done:
            table = self.cast(x, "FLOAT") if _rounds_table(estimator) else x
            self.done[key] = self._add_model(_convert_estimator(estimator, options), table)
        return list(self.done[key])

    def _add_model(self, model: Any, x: str) -> list[str]:
        """Add the nodes of a model with one input."""
        prefix = f"{self._make_name()}_"
        renamed = self._onnx.compose.add_prefix_graph(model.graph, prefix)
        self.nodes.append(self._onnx.helper.make_node("Identity", [x], [renamed.input[0].name]))
        self.nodes.extend(renamed.node)
        self.constants.extend(renamed.initializer)
        for opset in model.opset_import:
            self.domains.setdefault(opset.domain, opset.version)
        names = [output.name for output in renamed.output]
        position = _find_result(model)
        names[position] = self.cast(names[position])
        return names

    def cast(self, x: str, kind: str = "DOUBLE") -> str:
        """Convert numbers or bools to a type of ONNX, such as DOUBLE, FLOAT or INT64."""
        return self.add("Cast", x, to=getattr(self._onnx.TensorProto, kind))

    def _add_constant(self, value: Any) -> str:
        value = value.astype(np.int64) if value.dtype.kind == "i" else value  # 32 bits on some platforms
        name = self._make_name()
        self.constants.append(self._onnx.numpy_helper.from_array(value, name))
        return name

    def _make_name(self) -> str:
        return f"{self._prefix}t{len(self.nodes)}_{len(self.constants)}"


def _rounds_table(estimator: Any) -> bool:
    """Return whether an estimator of scikit-learn rounds the table to 32 bits before it compares it with thresholds."""
    return type(estimator).__module__.startswith(("sklearn.tree.", "sklearn.ensemble._forest", "sklearn.ensemble._gb"))


def _find_result(model: Any) -> int:
    """Return the position of the transformed table or the probabilities among the outputs of a model of skl2onnx."""
    return min(len(model.graph.output) - 1, 1)


def _convert_estimator(estimator: Any, options: dict[str, Any]) -> Any:
    """Return the model that skl2onnx makes, if it computes the same results as the estimator."""
    skl2onnx = import_converter()
    kind, types = type(estimator).__name__, skl2onnx.common.data_types
    input_type = types.FloatTensorType if _rounds_table(estimator) else types.DoubleTensorType
    if not _rounds_table(estimator) and not all(np.isfinite(tree.threshold).all() for tree in _list_trees(estimator)):
        # skl2onnx would search for such a threshold without end.
        raise ValueError(
            f"{kind} must hold trees that learned from tables without missing values to be exported to ONNX. Impute "
            "before it, or choose RandomForestClassifier."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # skl2onnx reads attributes that scikit-learn deprecates
            model = skl2onnx.to_onnx(
                estimator,
                initial_types=[("X", input_type([None, estimator.n_features_in_]))],
                options={id(estimator): {"zipmap": False, **options}} if is_classifier(estimator) else None,
                target_opset=OPSETS,
            )
        # Some converters declare 64 bits for a result of 32 bits.
        model.graph.output[_find_result(model)].ClearField("type")
        _set_missing_branches(model, estimator)
        difference = _measure_difference(estimator, model)
    except Exception as error:  # errors of many types, which are not documented
        reason = shorten(str(error.__cause__ or error), 200)
        raise ValueError(
            f"model must hold only steps that convert to ONNX, but skl2onnx can't convert {kind} ({reason}). "
            f"{_advise(estimator)}, or register a converter by skl2onnx.update_registered_converter."
        ) from error
    if not difference <= TOLERANCE:
        raise ValueError(
            f"model must hold only steps that convert to ONNX, but {kind} as converted by skl2onnx differs by "
            f"{difference:.1g} on random numbers. {_advise(estimator)}."
        )
    return model


def _advise(estimator: Any) -> str:
    """Return advice for an estimator that does not convert."""
    if is_classifier(estimator):
        return "Choose another classifier, such as RandomForestClassifier or LogisticRegression"
    return "Choose another step, or export the steps after it"


def _list_trees(estimator: Any) -> list[Any]:
    """Return the trees of a tree or an ensemble of trees."""
    members = estimator.estimators_ if hasattr(estimator, "estimators_") else [estimator]
    return [member.tree_ for member in members if hasattr(member, "tree_")]


def _set_missing_branches(model: Any, estimator: Any) -> None:
    """Set the branch of a tree for missing values, which skl2onnx leaves out."""
    goes_left, start = [tree.missing_go_to_left for tree in _list_trees(estimator)], 0
    name, make_attribute = "nodes_missing_value_tracks_true", import_module("onnx").helper.make_attribute
    nodes = [node for node in model.graph.node if goes_left and node.op_type.startswith("TreeEnsemble")]
    # Names are numbered in the order of the trees. A node holds all trees, or the next one.
    for node in sorted(nodes, key=lambda node: (len(node.name), node.name)):
        places = {each.name: list(each.ints) for each in node.attribute}
        numbers, kept = places["nodes_treeids"], [each for each in node.attribute if each.name != name]
        branches = [
            int(goes_left[(start + tree) % len(goes_left)][place])
            for tree, place in zip(numbers, places["nodes_nodeids"], strict=True)
        ]
        start += max(numbers) + 1
        del node.attribute[:]
        node.attribute.extend([*kept, make_attribute(name, branches)])


def _measure_difference(estimator: Any, model: Any) -> float:
    """Return the largest difference between an estimator and its converted model on random rows.

    The result is NaN if only one of them has a missing value.
    """
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(100, estimator.n_features_in_))
    expected = _compute_results(estimator, rows)
    if get_tags(estimator).input_tags.allow_nan:
        incomplete = np.where(generator.random(rows.shape) < 0.3, np.nan, rows)
        with suppress(ValueError):  # some accept them only if they learned from missing values
            expected = np.concatenate([expected, _compute_results(estimator, incomplete)])
            rows = np.concatenate([rows, incomplete])
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # show errors only, because skl2onnx leaves unused constants
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = session.run(None, {"X": rows.astype(np.float32) if _rounds_table(estimator) else rows})[_find_result(model)]
    differences = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    return float(np.max(differences, initial=0, where=~(np.isnan(found) & np.isnan(expected))))


def _compute_results(estimator: Any, rows: Array) -> Array:
    """Return the probabilities or the transformed table of an estimator."""
    names = getattr(estimator, "feature_names_in_", None)
    table = rows if names is None else import_module("pandas").DataFrame(rows, columns=names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # estimators inside may have been fitted without names
        return np.asarray(estimator.predict_proba(table) if is_classifier(estimator) else estimator.transform(table))
