"""Tests of `Lesion`."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_melanoma import Lesion

IMAGE = np.zeros((6, 8, 3), np.uint8)


def make_mask(*boxes, shape=(6, 8)):
    mask = np.zeros(shape, bool)
    for rows, columns in boxes:
        mask[rows, columns] = True
    return mask


def test_default_values():
    lesion = Lesion(IMAGE)
    assert lesion.image is IMAGE
    assert lesion.mask is None
    assert lesion.source_shape == (6, 8)
    assert lesion.scale == 1
    assert lesion.mm_per_pixel is None
    assert lesion.source is None
    assert lesion.area_px == 0
    assert lesion.box == (slice(0, 0), slice(0, 0))


def test_area_and_box():
    lesion = Lesion(IMAGE, make_mask((slice(1, 3), slice(2, 7)), (4, 5)))
    assert lesion.area_px == 11
    assert lesion.box == (slice(1, 5), slice(2, 7))
    empty = lesion.with_mask(make_mask())
    assert empty.area_px == 0
    assert empty.box == (slice(0, 0), slice(0, 0))
    assert empty.mask[empty.box].size == 0


@given(st.integers(0, 5), st.integers(0, 7), st.integers(0, 5), st.integers(0, 7))
@settings(max_examples=25, deadline=None)
def test_box_is_smallest(top, left, bottom, right):
    lesion = Lesion(IMAGE, make_mask((top, left), (bottom, right)))
    rows, columns = lesion.box
    assert (rows.start, rows.stop) == (min(top, bottom), max(top, bottom) + 1)
    assert (columns.start, columns.stop) == (min(left, right), max(left, right) + 1)


def test_converts_image_and_mask():
    lesion = Lesion(np.full((6, 8), 0.5), np.eye(6, 8, dtype=np.uint8) * 255)
    assert (lesion.image.shape, lesion.image.dtype) == ((6, 8, 3), np.uint8)
    assert lesion.mask.dtype == bool
    assert lesion.area_px == 6


def test_scale_refers_to_longest_side():
    assert Lesion(IMAGE, source_shape=(61, 80)).scale == 10
    assert Lesion(np.zeros((8, 6, 3), np.uint8), source_shape=(80, 61)).scale == 10


def test_scale_and_source_shape_imply_each_other():
    assert (Lesion(IMAGE).scale, Lesion(IMAGE).source_shape) == (1, (6, 8))
    assert Lesion(IMAGE, scale=2.5).source_shape == (15, 20)
    both = Lesion(IMAGE, scale=2.5, source_shape=(15, 20))
    assert (both.scale, both.source_shape) == (2.5, (15, 20))


def test_is_frozen_and_compared_by_identity():
    lesion = Lesion(IMAGE)
    with pytest.raises(FrozenInstanceError):
        lesion.mask = make_mask()
    assert lesion == lesion
    assert lesion != Lesion(IMAGE)
    assert len({lesion, Lesion(IMAGE)}) == 2


def test_with_mask_returns_new_lesion():
    lesion = Lesion(IMAGE, make_mask((2, 2)), 10, 0.02, "a.png")
    assert lesion.area_px == 1  # now cached
    other = lesion.with_mask(make_mask((2, slice(None))))
    assert (other.area_px, lesion.area_px) == (8, 1)
    assert other.image is lesion.image
    assert (other.source_shape, other.mm_per_pixel, other.source) == ((60, 80), 0.02, "a.png")
    assert other.with_mask(None).mask is None
    assert replace(lesion, source="b.png").source == "b.png"


def test_with_mask_drops_old_probability():
    mask = make_mask((2, 2))
    lesion = Lesion(IMAGE).with_mask(mask, np.where(mask, 0.75, 0.25))
    assert lesion.probability.dtype == np.float32
    np.testing.assert_array_equal(lesion.probability > 0.5, mask)
    assert lesion.with_mask(mask).probability is None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lesion)).probability, lesion.probability)


def test_repr():
    assert repr(Lesion(IMAGE)) == "Lesion(8×6, no mask, scale 1)"
    lesion = Lesion(IMAGE, make_mask((2, 2)), 100, source="a.png")
    assert repr(lesion) == "Lesion(8×6, mask of 1 px, scale 100, 'a.png')"


def test_shared_keeps_results_of_last_64_lesions():
    calls = []
    lesions = [Lesion(IMAGE) for _ in range(65)]
    for lesion in lesions[:64] * 2:
        lesion.shared(calls.append)
    assert calls == lesions[:64]
    for lesion in (lesions[64], lesions[1], lesions[0]):  # the last lesion replaces the first
        lesion.shared(calls.append)
    assert calls == [*lesions, lesions[0]]


@pytest.mark.parametrize("copy_lesion", [copy.copy, copy.deepcopy, lambda lesion: pickle.loads(pickle.dumps(lesion))])
def test_copies_drop_cache(copy_lesion):
    lesion = Lesion(IMAGE, make_mask((2, slice(1, 4))), 10, 0.02, "a.png")
    assert (lesion.area_px, lesion.box) == (3, (slice(2, 3), slice(1, 4)))
    assert {"area_px", "box"} <= vars(lesion).keys()
    again = copy_lesion(lesion)
    assert vars(again).keys() == vars(Lesion(IMAGE)).keys()
    np.testing.assert_array_equal(again.image, lesion.image)
    np.testing.assert_array_equal(again.mask, lesion.mask)
    assert (again.source_shape, again.mm_per_pixel, again.source) == ((60, 80), 0.02, "a.png")
    assert (again.area_px, again.box) == (lesion.area_px, lesion.box)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"image": np.zeros((6, 8, 2))}, ValueError, r"image must have shape .*got \(6, 8, 2\)"),
        ({"image": np.zeros((6, 8), complex)}, TypeError, "image must be of dtype"),
        ({"mask": np.zeros((8, 6))}, ValueError, r"mask must have the shape of its image, \(6, 8\), got \(8, 6\)"),
        ({"mask": np.zeros((6, 8, 3))}, ValueError, r"mask must have shape \(height, width\)"),
        ({"probability": np.zeros((8, 6))}, ValueError, r"probability must have the shape of its image, \(6, 8\)"),
        ({"probability": np.full((6, 8), np.nan)}, ValueError, r"probability must lie in 0\.\.1, got nan"),
        ({"probability": np.full((6, 8), 1.5)}, ValueError, r"got 1\.5\.\.1\.5"),
        ({"scale": 0}, ValueError, r"scale must be above 0, got 0\. Use 1"),
        ({"scale": 3, "source_shape": (60, 80)}, ValueError, r"must agree, got 3 and \(60, 80\) for an image of shape"),
        ({"mm_per_pixel": 0}, ValueError, r"mm_per_pixel must be above 0, got 0\. Use None"),
        ({"mm_per_pixel": -1.5}, ValueError, r"got -1\.5"),
        ({"mm_per_pixel": float("nan")}, ValueError, "got nan"),
    ],
)
def test_wrong_arguments_raise(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Lesion(**{"image": IMAGE} | arguments)
    if "mask" in arguments:
        with pytest.raises(kind, match=message):
            Lesion(IMAGE).with_mask(arguments["mask"])
