"""Concatenation of rows that arrive in batches, without a second copy in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Stack:
    """Concatenation of arrays, tables or lists of one kind.

    Tables of numbers are written into one array. A list of tables would keep names and an index for each batch, which
    are thousands for a hundred thousand rows. And `concat` would copy all rows once more.

    Parameters
    ----------
    size : int
        Expected number of rows.
    """

    def __init__(self, size: int):
        self._size = size
        self._parts: list[Any] = []
        self._rows: NDArray[Any] | None = None
        self._n_rows = 0
        self._like: Any = None  # the first part

    def add(self, part: Any) -> None:
        """Append rows, or items."""
        numbers = _get_numbers(part)
        if numbers is not None and self._like is None:
            self._rows = np.empty((self._size, *numbers.shape[1:]), numbers.dtype)
            self._like = part
        if numbers is not None and self._rows is not None and self._fits(numbers, part):
            self._rows[self._n_rows : self._n_rows + len(numbers)] = numbers
            self._n_rows += len(numbers)
            return
        if self._rows is not None:
            self._parts.append(self._make_table())
            self._rows = None
        self._like = part
        self._parts.append(part)

    def _fits(self, numbers: NDArray[Any], part: Any) -> bool:
        assert self._rows is not None
        return (
            type(part) is type(self._like)
            and list(getattr(part, "columns", ())) == list(getattr(self._like, "columns", ()))
            and numbers.dtype == self._rows.dtype
            and numbers.shape[1:] == self._rows.shape[1:]
            and self._n_rows + len(numbers) <= self._size
        )

    def _make_table(self) -> Any:
        assert self._rows is not None
        rows = self._rows[: self._n_rows]
        if isinstance(self._like, np.ndarray):
            return rows
        if hasattr(self._like, "iloc"):
            return type(self._like)(rows, columns=self._like.columns, copy=False)
        return type(self._like)(rows, schema=self._like.schema)

    def concatenate(self) -> Any:
        """Return all parts as one array, table or list."""
        return stack_parts(self._parts) if self._rows is None else self._make_table()


def _get_numbers(part: Any) -> NDArray[Any] | None:
    """Return a table as an array, or None if the array can't be converted back to the same table."""
    if isinstance(part, np.ndarray):
        return None if part.dtype.hasobject else part
    dtypes = set(getattr(part, "dtypes", ()))
    if len(dtypes) != 1:
        return None
    dtype = dtypes.pop()
    if hasattr(part, "null_count"):  # polars: null is not NaN
        is_plain = dtype.is_float() and not any(part.null_count().row(0))
    else:
        is_plain = isinstance(dtype, np.dtype) and dtype.kind in "biuf"
    numbers: NDArray[Any] | None = part.to_numpy() if is_plain else None
    return numbers


def stack_parts(parts: Sequence[Any]) -> Any:
    """Concatenate arrays, tables or lists of one kind."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(parts, ignore_index=True)
    if hasattr(first, "columns"):
        import polars as pl

        return pl.concat(parts)
    return [item for part in parts for item in part]
