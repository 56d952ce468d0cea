"""Concatenation of arrays, tables and lists."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_melanoma.pipeline._stack import Stack


def stack(parts, size=None):
    whole = Stack(sum(map(len, parts)) if size is None else size)
    for part in parts:
        whole.add(part)
    return whole.concatenate()


def make_rows(n_rows, start=0, dtype=np.float64):
    return np.arange(start, start + 3 * n_rows).reshape(n_rows, 3).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_arrays(dtype):
    parts = [make_rows(2, 0, dtype), make_rows(3, 6, dtype), make_rows(0, 0, dtype)]
    rows = stack(parts)
    assert rows.dtype == dtype
    np.testing.assert_array_equal(rows, np.concatenate(parts))


@pytest.mark.parametrize("dtypes", [{}, {"b": "int64"}, {"b": "Float64"}, {"b": "category"}], ids=str)
def test_pandas_tables(dtypes):
    parts = [
        pd.DataFrame(make_rows(n, n), columns=["a", "b", "c"], index=range(5, 5 + n)).astype(dtypes) for n in (2, 3)
    ]
    pd.testing.assert_frame_equal(stack(parts), pd.concat(parts, ignore_index=True))


@pytest.mark.parametrize("number", [0.5, 1, None, "one"])
def test_polars_tables(number):
    parts = [pl.DataFrame({"a": [1.5, number], "b": [number, float("nan")]}, strict=False), pl.DataFrame({"a": [2.5]})]
    parts[1] = parts[1].with_columns(pl.lit(None, parts[0].schema["b"]).alias("b")).cast(parts[0].schema)
    assert stack(parts).equals(pl.concat(parts))
    assert stack(parts).schema == parts[0].schema


def test_parts_that_differ_from_the_first():
    tables = [pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"a": [3], "b": [4]}), pd.DataFrame({"b": [5.0]})]
    parts = [tables[0], tables[0], *tables[1:], tables[0]]
    pd.testing.assert_frame_equal(stack(parts), pd.concat(parts, ignore_index=True))
    parts = [make_rows(2), make_rows(2, dtype=np.float32), make_rows(1)]
    np.testing.assert_array_equal(stack(parts), np.concatenate(parts))


def test_more_or_fewer_rows_than_expected():
    parts = [make_rows(2), make_rows(2, 6)]
    for size in (0, 3, 10):
        np.testing.assert_array_equal(stack(parts, size), np.concatenate(parts))


def test_lists():
    items = [object() for _ in range(3)]
    assert stack([items[:2], items[2:], []]) == items


def test_object_arrays():
    parts = [np.array([["a", None]], dtype=object)] * 2
    assert stack(parts).tolist() == [["a", None]] * 2


@pytest.mark.parametrize("wrap", [np.asarray, pd.DataFrame])
def test_rows_are_in_memory_once(wrap):
    n_parts, n_rows = 200, 500
    tracemalloc.start()
    try:
        whole = Stack(n_parts * n_rows)
        for _ in range(n_parts):
            whole.add(wrap(np.zeros((n_rows, 10))))
        rows = whole.concatenate()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows.shape == (n_parts * n_rows, 10)
    assert peak < 1.1 * rows.size * 8
