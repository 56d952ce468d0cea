"""Tests of the color normalization."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.images import read_image
from sklearn_melanoma.preprocessing import normalize_color

CASTS = [(1.0, 0.8, 0.6), (0.7, 0.9, 1.0), (1.0, 1.0, 0.5)]


def mean_of_order(image, norm):
    return (image.reshape(-1, 3).astype(float) ** norm).mean(axis=0) ** (1 / norm)


@pytest.fixture(scope="module")
def gray_world():
    """Return an image of many colors; its channels are permutations of the same levels."""
    random = np.random.default_rng(0)
    levels = random.integers(20, 200, 64 * 64)
    return np.stack([random.permutation(levels) for _ in range(3)], axis=1).reshape(64, 64, 3).astype(np.uint8)


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("norm", [1, 6, 1000, float("inf")])
def test_recovers_gray_world_from_colored_light(gray_world, cast, norm):
    lit = np.rint(gray_world * np.array(cast)).astype(np.uint8)
    brightness = np.prod(cast) ** (1 / 3)
    back = normalize_color(lit, norm=norm)
    np.testing.assert_allclose(back, gray_world * brightness, atol=2)


@pytest.mark.parametrize("norm", [1, 6])
def test_means_are_equal_and_product_is_kept(norm):
    for image in make_lesions(5, random_state=2).images:
        image = (image * 0.7).astype(np.uint8)  # nothing is clipped
        before = mean_of_order(read_image(image, max_side=128), norm)
        after = mean_of_order(read_image(normalize_color(image, norm=norm), max_side=128), norm)
        np.testing.assert_allclose(after, after.mean(), rtol=0.01)
        assert np.prod(after) == pytest.approx(np.prod(before), rel=0.03)


def test_neutral_light_is_unchanged(gray_world):
    assert normalize_color(gray_world, norm=1) is gray_world
    gray = np.tile(np.arange(96, dtype=np.uint8)[:, np.newaxis], (64, 1, 3)).reshape(64, 96, 3)
    assert normalize_color(np.repeat(gray[:, :, :1], 3, axis=2)).shape == (64, 96, 3)


def test_is_idempotent():
    for image in make_lesions(3, random_state=4).images:
        once = normalize_color((image * 0.7).astype(np.uint8))
        np.testing.assert_allclose(normalize_color(once).astype(int), once, atol=1)


def test_dark_corners_hardly_change_result():
    plain, with_corners = (
        make_lesions(4, hair=0, ruler=0, vignette=vignette, random_state=8).images for vignette in (0, 1)
    )
    for one, other in zip(plain, with_corners, strict=True):
        middle = np.s_[80:112, 110:146]
        difference = normalize_color(one)[middle].mean(axis=(0, 1)) - normalize_color(other)[middle].mean(axis=(0, 1))
        assert np.abs(difference).max() < 4


def test_result_does_not_depend_on_image_size():
    image = make_lesions(1, image_size=(576, 768), random_state=0).images[0]
    large, small = normalize_color(image), normalize_color(read_image(image, max_side=192))
    assert np.abs(read_image(large, max_side=192).astype(int) - small).mean() < 1


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (0, 100, 200), (90, 0, 0)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (40, 50)])
def test_keeps_images_without_light_estimate(color, shape):
    image = np.full((*shape, 3), color, dtype=np.uint8)
    assert normalize_color(image) is image


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))), st.floats(1, 1e9))
def test_keeps_shape_and_input(image, norm):
    before = image.copy()
    result = normalize_color(image, norm=norm)
    assert (result.shape, result.dtype) == (image.shape, np.uint8)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("norm", [0.5, -1, float("nan")])
def test_rejects_invalid_norm(norm):
    with pytest.raises(ValueError, match=f"norm must be 1 or more, got {norm}. Use 1 for gray world"):
        normalize_color(np.zeros((8, 8, 3), np.uint8), norm=norm)
