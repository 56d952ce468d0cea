"""The rule for labels: only -1 means "unlabeled", and other missing values raise an error."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_melanoma._validation import labels
from sklearn_melanoma._validation.labels import find_labeled

LABELED = [True, False, True]


@pytest.mark.parametrize(
    "y",
    [
        [1, -1, 0],
        (1, -1, 0),
        [1.0, -1.0, 0.0],
        [True, -1, False],
        ["a", -1, "b"],
        ["a", np.int8(-1), "b"],
        np.array([1, -1, 0], dtype=np.int8),
        np.array([1.0, -1.0, 0.0]),
        np.array(["a", -1, "b"], dtype=object),
        np.array([[1], [-1], [0]]),
        np.ma.masked_array([1, -1, 0], mask=False),
        pd.Series([1, -1, 0], index=[5, 5, 6]),
        pd.Series([1, -1, 0], dtype="Int64"),
        pd.Series(["a", -1, "b"]).astype("category"),
        pd.DataFrame({"target": [1, -1, 0]}),
        pl.Series([1, -1, 0]),
        pl.DataFrame({"target": [1, -1, 0]}),
    ],
    ids=lambda y: type(y).__name__,
)
def test_finds_labeled_samples(y):
    found = find_labeled(y)
    assert found.dtype == bool
    assert found.tolist() == LABELED


def test_no_samples():
    assert find_labeled([]).shape == (0,)
    assert find_labeled(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("missing", [None, np.nan, np.float32("nan"), pd.NA, pd.NaT, np.ma.masked, "-1", "-1.0", "nan"])
@pytest.mark.parametrize("make", [list, lambda y: pd.Series(y, dtype=object), lambda y: np.array(y, dtype=object)])
def test_other_marks_of_missing_labels_are_refused(make, missing):
    label = "a" if isinstance(missing, str) else 1
    with pytest.raises(ValueError, match=r"^y\[1\]: a missing label must be the integer -1, got "):
        find_labeled(make([label, missing, label]))


@pytest.mark.parametrize("text", [*"?-", "", " ", "NaN", "None", "<NA>", "NaT", " -1 ", "N/A", "null", "Unknown"])
def test_texts_of_missing_values_are_refused(text):
    with pytest.raises(ValueError, match=r"^y\[1\]: a missing label must be the integer -1, got "):
        find_labeled(["a", text])
    with pytest.raises(ValueError, match=r"^y\[1\]: a missing label"):
        find_labeled(np.array(["a", text]))


@pytest.mark.parametrize("code", [-2, -9.0, np.int8(-99)])
@pytest.mark.parametrize("make", [list, np.array, pd.Series])
def test_other_negative_numbers_are_refused(make, code):
    with pytest.raises(ValueError, match=r"^y\[1\]: a missing label must be the integer -1, got .*-\d"):
        find_labeled(make([0, code, 1, -1]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64])
@pytest.mark.parametrize("make", [np.array, pd.Series])
def test_unsigned_numbers_that_were_negative_are_refused(make, dtype):
    with pytest.raises(ValueError, match=rf"got uint\d+, where -1 becomes {np.iinfo(dtype).max}. Use np.int8"):
        find_labeled(make(np.array([0, -1, 1]).astype(dtype)))
    assert find_labeled(make(np.array([0, 1], dtype))).all()


@pytest.mark.parametrize("text", ["none of these", "nano", "1", "no"])
def test_other_texts_are_labels(text):
    assert find_labeled(["a", text]).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ("melanoma", "y must be a sequence of labels, got 'melanoma'"),
        ({"a": 1}, "y must be a sequence of labels, got {'a': 1}"),
        (np.zeros((3, 2)), r"should be a 1d array of labels, got an array of shape \(3, 2\)"),
        (np.zeros((3, 2, 2)), r"got an array of shape \(3, 2, 2\)"),
        (np.zeros(()), r"got an array of shape \(\)"),
        (pd.DataFrame({"a": [1], "b": [1]}), r"got a table with columns \['a', 'b'\]"),
        ([[1], [2]], r"y\[0\]: a label must be a number or a string, got list"),
        ([b"a", b"b"], r"y\[0\]: a label must be a number or a string, got bytes"),
        ([1, {}], r"y\[1\]: a label must be a number or a string, got dict"),
        (["a", 1, -1], "labels of one type, got strings such as 'a' and numbers such as 1"),
        ([0, "melanoma"], "labels of one type, got strings such as 'melanoma' and numbers such as 0"),
    ],
    ids=str,
)
def test_what_is_no_label_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        find_labeled(y)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match=r"^y_true\[0\]: a missing label"):
        find_labeled([None], name="y_true")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.array([-1, 0, 1], np.int8), [False, True, True]),
        (np.array([0, 1, 254], np.uint8), [True, True, True]),
        (np.array([-1.0, 0.0, 0.5]), [False, True, True]),
        (np.array([-1, np.inf], np.float32), [False, True]),
        (np.array([True, False]), [True, True]),
        (np.array(["melanoma", -1, "nevus"], dtype=object), [True, False, True]),
        (np.array(["a", -1.0, np.int64(-1), "b"], dtype=object), [True, False, False, True]),
        (np.array(["melanoma", "nevus"]), [True, True]),
        (["melanoma", -1], [True, False]),
        ([1, -1, 0], [True, False, True]),
        (pd.Series([-1, 1], index=[7, 3]), [False, True]),
        (pd.Series(["nevus", -1], index=[7, 3]), [True, False]),
        (np.empty(0), []),
        ([], []),
    ],
)
def test_finds_labeled_values(y, expected):
    labeled = find_labeled(y)
    assert labeled.dtype == bool
    assert labeled.tolist() == expected


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            np.array(["a", "-1"]),
            r"^y\[1\]: a missing label must be the integer -1, got '-1'\. Replace it; among strings",
        ),
        (np.array(["a", "-1"], dtype=object), r"^y\[1\]: a missing label must be the integer -1, got '-1'\."),
        (["a", "b", "-1"], r"^y\[2\]: a missing label must be the integer -1, got '-1'\."),
        ([0, 1, None], r"^y\[2\]: a missing label must be the integer -1, got None\."),
        (np.array([None, "a"], dtype=object), r"^y\[0\]: a missing label must be the integer -1, got None\."),
        (np.array([0, 1, np.nan]), r"^y\[2\]: a missing label must be the integer -1, got nan\."),
        ([0, np.nan, 1], r"^y\[1\]: a missing label must be the integer -1, got nan\."),
        (["a", pd.NA], r"^y\[1\]: a missing label must be the integer -1, got <NA>\."),
        (["a", ["b"]], r"^y\[1\]: a label must be a number or a string, got list\.$"),
        (np.array([0, (1, 2)], dtype=object), r"^y\[1\]: a label must be a number or a string, got tuple\.$"),
        (
            np.array([[0, 1], [1, 0]], dtype=object),
            r"^y should be a 1d array of labels, got an array of shape \(2, 2\)",
        ),
    ],
)
def test_refuses_wrong_label(y, message):
    with pytest.raises(ValueError, match=message):
        find_labeled(y)


def test_numeric_labels_are_not_checked_one_by_one(monkeypatch):
    def refuse(position, value, name):
        raise AssertionError(f"checked y[{position}]")

    monkeypatch.setattr(labels, "_is_label", refuse)
    y = np.tile([-1, 0, 1, -1], 250_000)
    for kind in (np.int64, np.int8, np.float64):
        labeled = find_labeled(y.astype(kind))
        assert labeled.shape == (1_000_000,)
        assert labeled.sum() == 500_000
        np.testing.assert_array_equal(np.flatnonzero(labeled)[:4], [1, 2, 5, 6])
