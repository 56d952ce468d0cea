"""Permutation importances of features and of sets of features."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from sklearn_melanoma._io.tables import find_image_columns
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.inspection._families import check_names


def split_at_table(estimator: Any, X: Any, rows: NDArray[np.intp]) -> tuple[Any, list[str], Any]:
    """Return the feature table of some samples, its column names, and the part of `estimator` that takes the table."""
    if _is_table(X):
        X = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    else:
        images = check_images(X)
        X = [images[i] for i in rows]
    n_steps = 0
    while not _is_table(X) or (hasattr(X, "columns") and find_image_columns(X)):
        if not isinstance(estimator, Pipeline) or n_steps >= len(estimator) - 1:
            raise TypeError(
                "X must be a table, or the input of a fitted Pipeline that makes one, got neither for "
                f"{type(estimator).__name__}. Pass a DataFrame; of a search, pass its best_estimator_."
            )
        X = estimator[n_steps : n_steps + 1].transform(X)
        n_steps += 1
    if hasattr(X, "columns"):
        names = list(X.columns)
    elif n_steps:
        names = list(estimator[:n_steps].get_feature_names_out())
    else:
        raise ValueError("X must have names of columns, got an array. Pass a DataFrame, and fit with one.")
    return X, check_names(names), estimator[n_steps:] if n_steps else estimator


def _is_table(X: Any) -> bool:
    return hasattr(X, "columns") or getattr(X, "ndim", None) == 2


def compute_losses(
    estimator: Any, table: Any, y: NDArray[Any], *, sets: list[list[int]], scorer: Any, **options: Any
) -> NDArray[np.float64]:
    """Return the loss of score when the columns of each set are permuted together.

    scikit-learn permutes single columns. Therefore it gets one column for each set instead of the table. This column
    holds the number of the row from which the values of the set are taken.
    """
    row_numbers = np.tile(np.arange(len(y))[:, np.newaxis], len(sets))
    set_of = np.empty(sum(map(len, sets)), dtype=int)
    for number, columns in enumerate(sets):
        set_of[columns] = number
    scoring = partial(_score_rows, scorer, table, set_of)
    return permutation_importance(estimator, row_numbers, y, scoring=scoring, **options).importances


def _score_rows(
    scorer: Any,
    table: Any,
    set_of: NDArray[np.intp],
    estimator: Any,
    row_numbers: NDArray[np.intp],
    y: NDArray[Any],
    **weights: Any,
) -> float:
    if not hasattr(table, "columns"):
        return scorer(estimator, np.take_along_axis(table, row_numbers[:, set_of], axis=0), y, **weights)
    is_permuted = (row_numbers != np.arange(len(row_numbers))[:, np.newaxis]).any(axis=0)
    permuted = {}
    for position in np.flatnonzero(is_permuted[set_of]):
        name, rows = table.columns[position], row_numbers[:, set_of[position]]
        # The columns are set one by one, to keep their types. Arrays have no index, so pandas does not align them.
        permuted[name] = table[name].array.take(rows) if hasattr(table, "iloc") else table[name].gather(rows)
    table = table.assign(**permuted) if hasattr(table, "iloc") else table.with_columns(**permuted)
    return scorer(estimator, table, y, **weights)
