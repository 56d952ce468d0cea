from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_melanoma._validation.labels import find_labeled
from sklearn_melanoma.semi_supervised._folds import deal_folds


def test_find_labeled_takes_the_integer_only():
    assert find_labeled(np.array([-1, 0, 1])).tolist() == [False, True, True]
    assert find_labeled(np.array(["a", -1], dtype=object)).tolist() == [True, False]
    with pytest.raises(ValueError, match="a missing label must be the integer -1, got '-1'"):
        find_labeled(np.array(["a", "-1"]))


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(1, 8))
def test_folds_keep_groups_together_and_have_similar_sizes(seed, n_samples, n_groups):
    random = np.random.default_rng(seed)
    positive, groups = random.random(n_samples) < 0.4, random.integers(0, n_groups, n_samples)
    folds = deal_folds(positive.astype(int), groups, 3)
    kinds = {group: (positive[groups == group].any(), set(folds[groups == group])) for group in set(groups)}
    assert all(len(own) == 1 for _, own in kinds.values())
    for kind in (True, False):
        counts = np.bincount([fold for own, (fold,) in kinds.values() if own == kind], minlength=folds.max() + 1)
        assert counts.max() - counts.min() <= 1
        assert folds.max() == 0 or counts.min() > 0


def test_folds_of_many_classes_are_as_many_as_two_classes_have_groups():
    numbers = np.repeat([0, 1, 2, 3], [9, 4, 1, 2])
    folds = deal_folds(numbers, np.arange(16), 5)
    assert folds.max() == 3
    for number, sizes in enumerate([[3, 2, 2, 2], [1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]):
        assert np.bincount(folds[numbers == number], minlength=4).tolist() == sizes
    assert deal_folds(np.repeat([0, 1, 2], [9, 1, 1]), np.arange(11), 5).max() == 0
