"""Columns of the patient as numbers; categories become 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation import is_missing
from sklearn_melanoma._validation.warn import warn_user

# Texts for a missing value, in lower case.
_UNKNOWN = {"", "unknown", "na", "n/a", "nan", "<na>", "none", "null"}


def find_categories(column: Any, name: str) -> list[str] | None:
    """Return the categories of a column in alphabetical order, or None for a column of numbers.

    Texts that are numbers count as numbers, except in a column of the dtype "category".

    Parameters
    ----------
    column : Series
        The column.
    name : str
        Its name in errors.

    Returns
    -------
    list of str or None
        Empty if all values are missing.

    Raises
    ------
    TypeError
        If a value is neither a number nor a text.
    ValueError
        If there are numbers and other texts.

    Warns
    -----
    UserWarning
        If all values are missing.
    """
    values = [value for value in column if not _is_unknown(value)]
    if not values:
        warn_user(f"The column {name!r} of X is ignored: all of its {len(column)} values are missing.")
    if str(column.dtype).lower().startswith(("categor", "enum")):  # names of the dtype in pandas and in polars
        return sorted({_name_category(value) for value in values})
    texts = [value for value in values if _read_number(value) is None]
    if wrong := [value for value in texts if not isinstance(value, str)]:
        raise TypeError(
            f"columns must hold numbers or texts, got {wrong[0]!r} in {name!r}. Make a number or text of it."
        )
    if 0 < len(texts) < len(values):
        number = next(value for value in values if _read_number(value) is not None)
        raise ValueError(
            f"columns must hold numbers or texts, got both in {name!r}, {number!r} and {texts[0]!r}. Correct it, or "
            f"make categories of it: X[{name!r}].astype('category')."
        )
    return sorted(set(texts)) if texts or not values else None


def encode_column(column: Any, categories: list[str] | None, name: str) -> Array:
    """Return a column as numbers.

    Parameters
    ----------
    column : Series
        The column.
    categories : list of str or None
        Its categories, from `find_categories`.
    name : str
        Its name in errors.

    Returns
    -------
    ndarray of shape (n_rows, n_categories) or (n_rows, 1)
        1 if the row has the category, else 0. For numbers, the numbers; NaN if missing.

    Raises
    ------
    ValueError
        If a value must be a number, but is a text or infinite.
    """
    if categories is not None:
        texts = np.array(["" if _is_unknown(value) else _name_category(value) for value in column], dtype=object)
        return np.equal(texts[:, np.newaxis], np.array(categories, dtype=object)).astype(np.float64)
    numbers = np.empty((len(column), 1))
    for row, value in enumerate(column):
        number = np.nan if _is_unknown(value) else _read_number(value)
        if number is None or np.isinf(number):
            raise ValueError(
                f"columns of numbers must hold finite numbers, got {value!r} in row {row} of {name!r}. Correct it, or "
                "leave it empty."
            )
        numbers[row] = number
    return numbers


def _name_category(value: Any) -> str:
    # A missing value turns integers into floats.
    is_whole = isinstance(value, float | np.floating) and value.is_integer()
    return str(int(value)) if is_whole else str(value)


def _is_unknown(value: object) -> bool:
    return is_missing(value) or type(value).__name__ == "NaTType" or str(value).strip().lower() in _UNKNOWN


def _read_number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
