"""Tests of the filling of hidden pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_melanoma.preprocessing._filling import fill_hidden_pixels


@pytest.mark.parametrize("width", [1, 3, 8, 30])
def test_closes_gap_in_slope(width):
    slope = np.tile(np.linspace(60, 180, 120)[:, np.newaxis, np.newaxis], (1, 90, 3))
    image = np.rint(slope).astype(np.uint8)
    hidden = np.zeros((120, 90), dtype=bool)
    hidden[:, 40 : 40 + width] = True
    damaged = np.where(hidden[:, :, np.newaxis], 0, image)
    assert (
        np.abs(fill_hidden_pixels(damaged, hidden).astype(int) - image).max() <= 2 + width / 2
    )  # adjacent rows differ by one level


def test_nearer_side_has_more_weight():
    image = np.full((64, 64, 3), 200, dtype=np.uint8)
    image[:, 32:] = 100
    hidden = np.zeros((64, 64), dtype=bool)
    hidden[:, 29:35] = True
    row = fill_hidden_pixels(image, hidden)[20, 28:36, 0].astype(int)
    assert row[0] == 200
    assert row[-1] == 100
    assert (np.diff(row) <= 0).all()
    assert row[1] > 170
    assert row[-2] < 130


def test_hidden_pixels_have_no_influence():
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    hidden = random.random((37, 53)) < 0.4
    other = np.where(hidden[:, :, np.newaxis], 255 - image, image)
    np.testing.assert_array_equal(fill_hidden_pixels(image, hidden), fill_hidden_pixels(other, hidden))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(
        lambda shape: st.tuples(hnp.arrays(np.uint8, (*shape, 3)), hnp.arrays(bool, shape))
    )
)
def test_filled_levels_lie_between_visible_levels(case):
    image, hidden = case
    before = image.copy()
    filled = fill_hidden_pixels(image, hidden)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(filled[~hidden], image[~hidden])
    visible = image[~hidden] if not hidden.all() else np.zeros((1, 3), np.uint8)
    assert (filled >= visible.min(axis=0)).all()
    assert (filled <= visible.max(axis=0)).all()
