import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from sklearn_melanoma.model_selection import hide_labels


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.integers(2, 20), min_size=1, max_size=4),
    n_missing=st.integers(0, 10),
    n_per_class=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_keeps_n_labels_per_class_unchanged(counts, n_missing, n_per_class, seed):
    y = np.concatenate([np.repeat(np.arange(len(counts)), counts), np.full(n_missing, -1)])
    np.random.default_rng(seed).shuffle(y)
    before = y.copy()
    few = hide_labels(y, n_per_class, random_state=seed)
    np.testing.assert_array_equal(y, before)
    kept = few != -1
    np.testing.assert_array_equal(few[kept], y[kept])
    np.testing.assert_array_equal(np.bincount(few[kept], minlength=len(counts)), n_per_class)


def test_draw_depends_on_random_state():
    y = np.repeat([0, 1], 50)
    np.testing.assert_array_equal(hide_labels(y, 5, 1), hide_labels(y, 5, 1))
    assert (hide_labels(y, 5, 1) != hide_labels(y, 5, 2)).any()
    drawn = np.zeros(100)
    for seed in range(60):
        drawn += hide_labels(y, 5, seed) != -1
    assert drawn.all(), "every sample is drawn at some seed"


def test_labels_of_different_groups_are_kept():
    y, groups = np.repeat([0, 1], 50), np.repeat(np.arange(20), 5)
    few = hide_labels(y, 10, 0, groups=groups)
    assert len(set(groups[few != -1])) == 20
    more = hide_labels(y, 23, 0, groups=groups)
    assert np.bincount(groups[more != -1]).tolist() != [5] * 20
    assert set(np.bincount(groups[more != -1])) == {2, 3}


def test_groups_must_fit_the_labels():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        hide_labels([0, 1, 1], 1, groups=["a", "b"])


def test_strings_become_objects_for_self_training():
    y = np.repeat(["melanoma", "nevus"], 10)
    few = hide_labels(y, 2, 0)
    assert few.dtype == object
    assert {type(value) for value in few} == {str, int}
    assert (few == -1).sum() == 16
    model = SelfTrainingClassifier(DecisionTreeClassifier(max_depth=1)).fit(np.arange(20.0)[:, None], few)
    assert list(model.classes_) == ["melanoma", "nevus"]
    again = hide_labels(few, 1, 0)
    assert [sum(again == name) for name in ("melanoma", "nevus", -1)] == [1, 1, 18]


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        (np.array([0, 1, 1], dtype=np.uint8), np.int16),
        (np.array([0, 1, 1], dtype=np.int64), np.int64),
        (np.array([False, True, True]), np.int8),
        (np.array([0.0, 1.0, 1.0]), np.float64),
        (pd.Series([0, 1, 1], index=[7, 8, 9]), np.int64),
        (pd.Series(["a", "b", "b"], dtype="category"), object),
    ],
)
def test_dtype_holds_minus_one(y, dtype):
    few = hide_labels(y, 1, 0)
    assert few.dtype == dtype
    assert few[0] == np.asarray(y)[0]
    assert sorted(few[1:] == -1) == [False, True]


@pytest.mark.parametrize(
    ("y", "n_per_class", "message"),
    [
        ([0, 0, 0, 1, 1, -1], 3, r"n_per_class=3 labels per class, got 2 of class 1\. Lower"),
        (["nevus", "nevus", "melanoma"], 2, "got 1 of class 'melanoma'"),
        ([-1, -1], 1, "at least one label or mask, got none in 2 samples"),
        ([0.0, 1.0, np.nan], 1, r"y\[2\]: a missing label must be the integer -1, got nan"),
        (["nevus", None], 1, r"y\[1\]: a missing label must be the integer -1, got None"),
        (pd.Series([1, None], dtype="Int64"), 1, r"y\[1\]: a missing label must be the integer -1, got <NA>"),
        (np.array(["nevus", -1]), 1, r"y\[1\]: .* got .*'-1'.* dtype object"),
        ([[0, 1], [1, 0]], 1, r"y\[0\]: a label must be a number or a string, got list"),
        ([np.ones((2, 2)), None], 1, "y must hold labels, got masks"),
        (None, 1, "got None itself"),
        ([0, 1], 0, "n_per_class must be an int of at least 1, got 0"),
        ([0, 1], 1.0, r"n_per_class must be an int of at least 1, got 1\.0"),
    ],
)
def test_invalid_input(y, n_per_class, message):
    with pytest.raises(ValueError, match=message):
        hide_labels(y, n_per_class)
