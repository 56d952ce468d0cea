"""Transformers of tables as nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

from sklearn_melanoma._typing import Array
from sklearn_melanoma.persistence._onnx.graph import Graph
from sklearn_melanoma.pipeline import BlockScaler


def add_transformer(graph: Graph, step: Any, x: str) -> str:
    """Add a fitted transformer.

    Parameters
    ----------
    graph : Graph
        Graph that is extended.
    step : transformer, "passthrough" or None
        The transformer.
    x : str
        Input table.

    Returns
    -------
    str
        Output table.

    Raises
    ------
    ValueError
        If the transformer, or a parameter of it, can't be converted.
    """
    if step is None or step == "passthrough":
        return x
    if isinstance(step, Pipeline):
        for _, each in step.steps:
            x = add_transformer(graph, each, x)
        return x
    if type(step) is FunctionTransformer and step.func is None:  # "passthrough" after the fit
        return x
    if isinstance(step, FrozenEstimator):
        return add_transformer(graph, step.estimator, x)
    add = _CONVERTERS.get(type(step))
    if add is None:
        return graph.add_estimator(step, x)[0]
    key = (id(step), x)
    if key not in graph.done:
        graph.done[key] = add(graph, step, x)
    return str(graph.done[key])


def interpolate(graph: Graph, x: str, knots: Array, values: Array) -> str:
    """Add a piecewise linear function of each column, constant beyond its knots, as `numpy.interp` computes it.

    Parameters
    ----------
    graph : Graph
        Graph that is extended.
    x : str
        Table with `n_columns` columns.
    knots : ndarray of shape (n_columns, n_knots)
        Ascending positions. If some coincide, the function has the value of the last one.
    values : ndarray of shape (n_knots,)
        Values at the knots.

    Returns
    -------
    str
        Table of the same shape.
    """
    n_columns, n_knots = knots.shape
    widths, slopes = np.diff(knots, axis=1), np.zeros(knots.shape)
    np.divide(np.diff(values), widths, out=slopes[:, :-1], where=widths > 0)
    is_reached = graph.add("GreaterOrEqual", graph.add("Unsqueeze", x, np.array([2])), knots)
    n_reached = graph.add("ReduceSum", graph.cast(is_reached, "INT64"), np.array([2]), keepdims=0)
    last = graph.add("Add", graph.add("Max", n_reached, np.array(1)), np.arange(n_columns) * n_knots - 1)
    # Below the first knot, the rise from it is 0.
    inside = graph.add("Max", graph.add("Min", x, knots[:, -1]), knots[:, 0])
    distance = graph.add("Sub", inside, graph.add("Gather", knots.ravel(), last))
    rise = graph.add("Mul", graph.add("Gather", slopes.ravel(), last), distance)
    return graph.add("Add", rise, graph.add("Gather", np.tile(values, n_columns), last))


def _add_imputer(graph: Graph, step: SimpleImputer, x: str) -> str:
    # The operator of ONNX for imputing has constants of 32 bits.
    if step.add_indicator or not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise ValueError(
            "SimpleImputer must have missing_values=np.nan and add_indicator=False to be exported to ONNX, got "
            f"{step!r}. Impute in Python, and export the steps after it."
        )
    values = np.asarray(step.statistics_, dtype=np.float64)
    kept = np.flatnonzero(~np.isnan(values))
    if len(kept) < len(values):
        x = graph.add("Gather", x, kept, axis=1)
    return graph.add("Where", graph.add("IsNaN", x), values[kept], x)


def _add_quantile_transformer(graph: Graph, step: QuantileTransformer, x: str) -> str:
    # skl2onnx maps constant columns otherwise.
    if step.output_distribution != "uniform":
        raise ValueError(
            "QuantileTransformer must have output_distribution='uniform' to be exported to ONNX, got "
            f"{step.output_distribution!r}. ONNX has no inverse of the normal distribution."
        )
    quantiles, references = step.quantiles_, step.references_
    # At repeated quantiles, the rank is the mean of the first and the last rank.
    last = interpolate(graph, x, quantiles.T, references)
    first = interpolate(graph, graph.add("Neg", x), -quantiles[::-1].T, -references[::-1])
    ranks = graph.add("Mul", graph.add("Sub", last, first), 0.5)
    for bound, value in ((quantiles[-1], 1.0), (quantiles[0], 0.0)):
        ranks = graph.add("Where", graph.add("Equal", x, bound), value, ranks)
    return graph.add("Where", graph.add("IsNaN", x), x, ranks)


def _add_block_scaler(graph: Graph, step: BlockScaler, x: str) -> str:
    block, others = np.flatnonzero(step.is_block_), np.flatnonzero(~step.is_block_)
    scaled = graph.add(
        "Mul", graph.add("Sub", graph.add("Gather", x, block, axis=1), step.center_[block]), step.factor_[block]
    )
    others_scaled = add_transformer(graph, step.scaler_, graph.add("Gather", x, others, axis=1))
    both = graph.add("Concat", scaled, others_scaled, axis=1)
    return graph.add("Gather", both, np.argsort(np.concatenate([block, others])), axis=1)


def _add_column_transformer(graph: Graph, step: ColumnTransformer, x: str) -> str:
    # skl2onnx looks for columns by name, and the table has one name.
    parts = []
    for name, transformer, _ in step.transformers_:
        columns = np.asarray(step._transformer_to_input_indices[name], dtype=np.int64)
        if len(columns) and transformer != "drop":
            parts.append(add_transformer(graph, transformer, graph.add("Gather", x, columns, axis=1)))
    return graph.add("Concat", *parts, axis=1)


def _add_union(graph: Graph, step: FeatureUnion, x: str) -> str:
    weights = step.transformer_weights or {}
    parts = []
    for name, transformer in step.transformer_list:
        if transformer != "drop":
            part = add_transformer(graph, transformer, x)
            parts.append(graph.add("Mul", part, float(weights[name])) if name in weights else part)
    return graph.add("Concat", *parts, axis=1)


_CONVERTERS: dict[type, Callable[..., str]] = {
    BlockScaler: _add_block_scaler,
    ColumnTransformer: _add_column_transformer,
    FeatureUnion: _add_union,
    QuantileTransformer: _add_quantile_transformer,
    SimpleImputer: _add_imputer,
}
