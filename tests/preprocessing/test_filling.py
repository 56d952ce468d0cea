import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_melanoma.preprocessing._filling import fill_in


@pytest.mark.parametrize("width", [1, 3, 8, 30])
def test_a_gap_in_a_slope_is_closed(width):
    slope = np.tile(np.linspace(60, 180, 120)[:, np.newaxis, np.newaxis], (1, 90, 3))
    photo = np.rint(slope).astype(np.uint8)
    hidden = np.zeros((120, 90), dtype=bool)
    hidden[:, 40 : 40 + width] = True
    damaged = np.where(hidden[:, :, np.newaxis], 0, photo)
    assert (
        np.abs(fill_in(damaged, hidden).astype(int) - photo).max() <= 2 + width / 2
    )  # the step from row to row is one level


def test_both_sides_count_by_their_nearness():
    photo = np.full((64, 64, 3), 200, dtype=np.uint8)
    photo[:, 32:] = 100
    hidden = np.zeros((64, 64), dtype=bool)
    hidden[:, 29:35] = True
    row = fill_in(photo, hidden)[20, 28:36, 0].astype(int)
    assert row[0] == 200
    assert row[-1] == 100
    assert (np.diff(row) <= 0).all()
    assert row[1] > 170
    assert row[-2] < 130


def test_what_is_hidden_has_no_influence():
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    hidden = random.random((37, 53)) < 0.4
    other = np.where(hidden[:, :, np.newaxis], 255 - photo, photo)
    np.testing.assert_array_equal(fill_in(photo, hidden), fill_in(other, hidden))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
        lambda shape: st.tuples(hnp.arrays(np.uint8, (*shape, 3)), hnp.arrays(bool, shape))
    )
)
def test_filled_levels_lie_between_those_that_are_seen(case):
    photo, hidden = case
    before = photo.copy()
    filled = fill_in(photo, hidden)
    np.testing.assert_array_equal(photo, before)
    np.testing.assert_array_equal(filled[~hidden], photo[~hidden])
    seen = photo[~hidden] if not hidden.all() else np.zeros((1, 3), np.uint8)
    assert (filled >= seen.min(axis=0)).all()
    assert (filled <= seen.max(axis=0)).all()
