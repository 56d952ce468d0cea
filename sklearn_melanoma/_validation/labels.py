"""Checks of labels; only -1 means "unlabeled"."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._validation.checks import is_missing

# Texts that missing values become in an array of strings, and words for missing values; in lower case.
_MISSING_TEXTS = {"", "-1", "-1.0", "nan", "none", "<na>", "nat", "na", "n/a", "#n/a", "null", "?", "-", "missing"}
_MISSING_TEXTS |= {"unknown", "unlabeled", "unlabelled"}


def find_labeled(y: ArrayLike, *, name: str = "y") -> NDArray[np.bool_]:
    """Return which samples are labeled; the integer -1 marks a missing label.

    This is the rule of the whole package: only -1 means "unlabeled". Other marks of missing values raise an error.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
        Numbers or strings; -1 for a missing label, also among strings.
    name : str, default="y"
        Name of `y` in errors.

    Returns
    -------
    ndarray of shape (n_samples,), dtype bool
        True for labeled samples.

    Raises
    ------
    ValueError
        If `y` is None or has several columns. If a value is None, NaN, pandas' NA or masked. If it is a text for a
        missing value, such as "nan", "None", "-1", an empty string, "unknown" or "?". If it is a negative integer other
        than -1. If a value is neither a number nor a string, or strings and numbers are mixed. If unsigned integers
        hold their largest number, because -1 becomes it. The message gives the position.

    Examples
    --------
    >>> find_labeled([0, -1, 1])
    array([ True, False,  True])
    """
    if y is None:
        raise ValueError(
            f"This method requires {name} to be passed, but the target {name} is None. "
            "Pass one label for each sample, -1 for unlabeled ones."
        )
    values = list_labels(y, name=name)
    _check_unsigned(y, name)
    if isinstance(values, np.ndarray):
        if (values == np.rint(values)).all():  # otherwise the classifier raises an error
            for position in np.flatnonzero(values < -1)[:1]:
                _is_label(int(position), values[position].item(), name)
        return np.asarray(values != -1)
    labeled = np.array([_is_label(position, value, name) for position, value in enumerate(values)], dtype=bool)
    kinds = [isinstance(values[position], str) for position in np.flatnonzero(labeled)]
    if any(kinds) and not all(kinds):
        texts, numbers = (
            [values[i] for i, kind in zip(np.flatnonzero(labeled), kinds, strict=True) if kind is wanted]
            for wanted in (True, False)
        )
        raise ValueError(
            f"{name} must hold labels of one type, got strings such as {texts[0]!r} and numbers such as "
            f"{numbers[0]!r}. Use one type; only the label of an unlabeled sample is the integer -1 in both cases."
        )
    return labeled


def list_labels(y: Any, *, name: str = "y") -> list[Any] | NDArray[Any]:
    """Return labels as a list, or as a 1-D array if they are plain numbers; one column counts as 1-D."""
    if hasattr(y, "columns"):
        if len(y.columns) != 1:
            raise ValueError(
                f"{name} must be one column of labels, got a table with columns {list(y.columns)!r}. "
                "Pass one of them, such as table['target']."
            )
        y = y[y.columns[0]]
    if isinstance(y, str | bytes | dict | set):
        raise ValueError(f"{name} must be a sequence of labels, got {y!r}. Pass one label for each sample.")
    if hasattr(y, "__array__") and not hasattr(y, "__iter__"):
        y = np.asarray(y)
    if isinstance(y, np.ndarray):
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1:
            raise ValueError(
                f"{name} should be a 1d array of labels, got an array of shape {y.shape}. Pass one label per sample."
            )
        if y.dtype.kind in "biuf" and not np.ma.isMaskedArray(y) and not np.isnan(y).any():
            return y
        return list(y.tolist())
    return list(y)


def _check_unsigned(y: Any, name: str) -> None:
    """Raise an error if -1 was converted to a type without negative numbers."""
    dtype = getattr(y, "dtype", None)
    if getattr(dtype, "kind", "") != "u":
        return
    largest = np.iinfo(f"u{dtype.itemsize}").max  # type: ignore[union-attr]
    if len(y) and np.asarray(y == largest).any():
        raise ValueError(
            f"{name} must have a type that holds -1, got {dtype}, where -1 becomes {largest}. Use np.int8, and "
            "mark missing labels with -1 again."
        )


def _is_label(position: int, value: Any, name: str) -> bool:
    missing = is_missing(value) or type(value).__name__ in ("NaTType", "MaskedConstant")
    missing = missing or (isinstance(value, str) and value.strip().casefold() in _MISSING_TEXTS)
    if missing or (isinstance(value, Real) and value < -1 and float(value).is_integer()):
        raise ValueError(
            f"{name}[{position}]: a missing label must be the integer -1, got {value!r}. "
            "Replace it; among strings, this needs an array of dtype object."
        )
    if not np.isscalar(value) or isinstance(value, bytes):
        raise ValueError(f"{name}[{position}]: a label must be a number or a string, got {type(value).__name__}.")
    return bool(value != -1)
