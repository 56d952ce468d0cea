"""Rows that come a few at a time, and are one table at the end without ever being there twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Stack:
    """Arrays, tables or lists, all of one kind, one after the other.

    Tables of numbers are written into one array: kept as they come, a hundred thousand rows would be thousands of
    tables, each with names and an index, and all of them would be copied once more at the end.

    Parameters
    ----------
    size : int
        Number of rows that are to come. Memory is taken as they do.
    """

    def __init__(self, size: int):
        self._size = size
        self._parts: list[Any] = []
        self._rows: NDArray[Any] | None = None
        self._n_rows = 0
        self._like: Any = None  # the first part

    def add(self, part: Any) -> None:
        """Put the next rows, or items, after the others."""
        numbers = _numbers(part)
        if numbers is not None and self._like is None:
            self._rows = np.empty((self._size, *numbers.shape[1:]), numbers.dtype)
            self._like = part
        if numbers is not None and self._rows is not None and self._fits(numbers, part):
            self._rows[self._n_rows : self._n_rows + len(numbers)] = numbers
            self._n_rows += len(numbers)
            return
        if self._rows is not None:
            self._parts.append(self._table())
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

    def _table(self) -> Any:
        assert self._rows is not None
        rows = self._rows[: self._n_rows]
        if isinstance(self._like, np.ndarray):
            return rows
        if hasattr(self._like, "iloc"):
            return type(self._like)(rows, columns=self._like.columns, copy=False)
        return type(self._like)(rows, schema=self._like.schema)

    def all(self) -> Any:
        """Return what was added, as one."""
        return stack_parts(self._parts) if self._rows is None else self._table()


def _numbers(part: Any) -> NDArray[Any] | None:
    """Return the numbers of a table whose columns have one type, if it can be made from them again."""
    if isinstance(part, np.ndarray):
        return None if part.dtype.hasobject else part
    kinds = set(getattr(part, "dtypes", ()))
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    if hasattr(part, "null_count"):  # of polars, whose missing numbers are not NaN
        is_plain = kind.is_float() and not any(part.null_count().row(0))
    else:
        is_plain = isinstance(kind, np.dtype) and kind.kind in "biuf"
    numbers: NDArray[Any] | None = part.to_numpy() if is_plain else None
    return numbers


def stack_parts(parts: Sequence[Any]) -> Any:
    """Return arrays, tables or lists, all of one kind, as one."""
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
