"""Checks of tables of features, with errors that name the column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

# Beyond 1e150, sums of squares over samples are infinite in 64 bits. All features are far below this limit.
LARGEST = 1e100


def check_rows(estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool = True) -> Any:
    """Return a table of features as an array of floats, and its labels if there are some.

    Parameters
    ----------
    estimator : estimator
        Estimator that gets the table. The names and the number of columns are stored in it.
    X : array-like of shape (n_samples, n_features)
        The table.
    y : array-like of shape (n_samples,), optional
        Labels.
    reset : bool, default=True
        Whether to set the names of the columns, or to compare them with those of `fit`.

    Returns
    -------
    ndarray of shape (n_samples, n_features), or (ndarray, ndarray)
        The table, and the labels if they are given.

    Raises
    ------
    ValueError
        If `X` is not a table, has other columns than in `fit`, or holds NaN, infinity or a number beyond 1e100.
    """
    with named_columns(X):
        checked = validate_data(estimator, X, y, dtype=np.float64, reset=reset)
    _check_range(checked[0] if isinstance(checked, tuple) else checked, X)
    return checked


@contextmanager
def named_columns(X: Any, rows: str = "row") -> Iterator[None]:
    """Add the name of the column to scikit-learn's errors about NaN and infinity inside the block.

    Parameters
    ----------
    X : sequence of samples
        The table. Other samples, such as images, are not checked.
    rows : str, default="row"
        Word for a row of the table, if the table has no index.

    Yields
    ------
    None

    Raises
    ------
    ValueError
        If the block raises such an error, or the table holds a number beyond 1e100.
    """
    if getattr(X, "ndim", len(getattr(X, "shape", ()))) == 2 and not issparse(X):
        _check_range(np.asarray(X), X, rows)
    try:
        yield
    except ValueError as error:
        if str(error).startswith("Input X contains "):
            raise ValueError(_add_place(str(error), X, rows)) from error
        raise


def _check_range(numbers: NDArray[Any], X: Any, rows: str = "row") -> None:
    if numbers.dtype.kind != "f" or not numbers.size:
        return
    wrong = np.isfinite(numbers) & (np.abs(numbers) > LARGEST)
    if wrong.any():
        raise ValueError(
            f"X must hold numbers within ±{LARGEST:g}, got {numbers.T[wrong.T][0]:g} in {_find_place(X, wrong, rows)}. "
            "Correct the number, or replace it by NaN and impute it."
        )


def _add_place(message: str, X: Any, rows: str) -> str:
    """Return scikit-learn's message about NaN or infinity, with the column in its first line."""
    try:
        numbers = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):  # columns of pandas' own dtypes, or images
        return message
    finite = np.isfinite(numbers)
    wrong = np.abs(numbers) > np.finfo(np.float32).max if finite.all() else ~finite
    if numbers.ndim != 2 or not wrong.any():
        return message
    first, line_end, others = message.partition("\n")
    hint = " Numbers beyond 1e150 become NaN in a StandardScaler." if np.isnan(numbers).any() else ""
    return f"{first.rstrip('.')} in {_find_place(X, wrong, rows)}.{hint}{line_end}{others}"


def _find_place(X: Any, wrong: NDArray[np.bool_], rows: str) -> str:
    """Return the name of the first column with a wrong number, and the first row by its index, else its position."""
    column = int(np.flatnonzero(wrong.any(axis=0))[0])
    row = int(np.flatnonzero(wrong[:, column])[0])
    names = np.asarray(getattr(X, "columns", range(wrong.shape[1])), dtype=object).tolist()
    more = int(np.count_nonzero(wrong.any(axis=0))) - 1
    others = f" and in {more} other column{'s' * (more > 1)}" if more else ""
    name = f"row {X.index[row : row + 1].tolist()[0]!r}" if hasattr(X, "iloc") else f"{rows} {row}"
    return f"column {names[column]!r}, {name}{others}"
