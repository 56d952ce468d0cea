"""Tests of the watershed segmentation on images with known masks."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from sklearn_melanoma import Lesion
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import WatershedSegmenter, segment_watershed
from sklearn_melanoma.segmentation._regions import CHANNELS, RATIOS, SMOOTHING, smooth_levels
from sklearn_melanoma.segmentation._watershed import _measure_distance

ALL_CHANNELS = [*CHANNELS, *RATIOS, "auto"]


@pytest.mark.parametrize("channel", ALL_CHANNELS)
@pytest.mark.parametrize("even_light", [True, False])
@pytest.mark.parametrize("radius", [0.08, 0.15, 0.3])
def test_segments_disk_on_skin(make_lesion, channel, even_light, radius):
    lesion = make_lesion(288, 384, radii=(radius, radius))
    mask = segment_watershed(lesion.image, channel=channel, even_light=even_light, margin=0)
    assert mask_jaccard(lesion.mask, mask) > 0.95


def test_margin_moves_border_outwards(make_lesion):
    image = make_lesion(288, 384, radii=(0.15, 0.15)).image
    radii = [np.sqrt(segment_watershed(image, margin=margin).sum() / np.pi) for margin in (0, 0.005, 0.01, 0.05)]
    np.testing.assert_allclose(np.diff(radii), [0.005 * 384, 0.005 * 384, 0.04 * 384], atol=0.3)
    inner, outer = (segment_watershed(image, margin=margin) for margin in (0, 0.05))
    assert not (inner & ~outer).any()


@pytest.mark.parametrize(
    "image",
    [
        np.full((60, 80, 3), 128, np.uint8),
        np.full((60, 80, 3), (224, 172, 150), np.uint8),
        np.zeros((60, 80, 3), np.uint8),
        np.full((60, 80, 3), 255, np.uint8),
        np.full((8, 8, 3), 200, np.uint8),
        np.full((1, 80, 3), 200, np.uint8),
        np.full((80, 1, 3), 200, np.uint8),
        np.full((1, 1, 3), 200, np.uint8),
        np.full((2, 3, 3), 200, np.uint8),
    ],
    ids=["gray", "skin", "black", "white", "8x8", "row", "column", "pixel", "2x3"],
)
@pytest.mark.parametrize("channel", ALL_CHANNELS)
@pytest.mark.parametrize("even_light", [True, False])
def test_uniform_images_have_no_lesion(image, channel, even_light):
    mask = segment_watershed(image, channel=channel, even_light=even_light)
    assert (mask.shape, mask.dtype) == (image.shape[:2], bool)
    assert not mask.any()


@pytest.mark.parametrize("seed", range(5))
def test_faint_noise_is_no_lesion(make_image, seed):
    assert not segment_watershed(make_image(192, 256, radii=(1e-9, 1e-9), noise=8, seed=seed)).any()


@pytest.mark.parametrize("shape", [(8, 8), (1, 300), (300, 1), (2, 2), (3, 400), (400, 5), (1, 1)])
@pytest.mark.parametrize("channel", ALL_CHANNELS)
def test_odd_shapes_of_noise(shape, channel):
    for seed in range(5):
        image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        mask = segment_watershed(image, channel=channel)
        assert (mask.shape, mask.dtype) == (shape, bool)


@pytest.mark.parametrize("shape", [(40, 200), (200, 40)])
def test_band_across_narrow_image(shape):
    image = np.full((*shape, 3), 200, np.uint8)
    middle = tuple(slice(n * 2 // 5, n * 3 // 5) for n in shape)
    image[middle] = 80
    truth = np.zeros(shape, bool)
    truth[middle] = True
    assert mask_jaccard(truth, segment_watershed(image, margin=0)) > 0.8


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))),
    st.sampled_from(ALL_CHANNELS),
    st.booleans(),
    st.sampled_from([0, 0.01, 0.1]),
)
@settings(max_examples=50, deadline=None)
def test_mask_has_shape_of_image(image, channel, even_light, margin):
    before = image.copy()
    mask = segment_watershed(image, channel=channel, even_light=even_light, margin=margin)
    assert (mask.shape, mask.dtype) == (image.shape[:2], bool)
    np.testing.assert_array_equal(image, before)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_flat_images_with_boxes(data):
    """Images of screens and cards have large areas of one color; random arrays don't."""
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    image = np.full((*shape, 3), data.draw(st.integers(0, 255)), np.uint8)
    for _ in range(data.draw(st.integers(0, 4))):
        top, left = (data.draw(st.integers(0, n - 1)) for n in shape)
        bottom, right = data.draw(st.integers(top, shape[0])), data.draw(st.integers(left, shape[1]))
        image[top:bottom, left:right] = data.draw(st.tuples(*[st.integers(0, 255)] * 3))
    mask = segment_watershed(image, channel=data.draw(st.sampled_from(ALL_CHANNELS)))
    assert (mask.shape, mask.dtype) == (shape, bool)


def dark_corners(image, radius=0.58):
    """Darken the corners outside a round field of view."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    image = image.copy()
    image[np.hypot(y - height / 2, x - width / 2) > radius * max(height, width)] = (12, 10, 10)
    return image


@pytest.mark.parametrize("even_light", [True, False])
def test_dark_corners_are_left_out(make_lesion, even_light):
    lesion = make_lesion(288, 384, center=(0.04, -0.05))
    image = dark_corners(lesion.image)
    assert (image != lesion.image).any()
    mask = segment_watershed(image, even_light=even_light, margin=0)
    assert mask_jaccard(lesion.mask, mask) > 0.9


def test_lesion_in_one_corner_is_found(make_lesion):
    lesion = make_lesion(288, 384, center=(-0.3, -0.42), radii=(0.22, 0.22), spot=(20, 12, 10))
    assert lesion.mask[0, 0]
    assert mask_jaccard(lesion.mask, segment_watershed(lesion.image, margin=0)) > 0.9


def test_dark_corners_without_lesion(make_image):
    skin = make_image(288, 384, radii=(1e-9, 1e-9))
    assert not segment_watershed(dark_corners(skin)).any()


def test_transparent_corners_are_left_out(make_lesion):
    lesion = make_lesion(288, 384)
    covered = (dark_corners(lesion.image) == (12, 10, 10)).all(axis=2)
    alpha = np.where(covered, 0, 255).astype(np.uint8)
    mask = WatershedSegmenter(margin=0).predict([np.dstack([lesion.image, alpha])])[0]
    assert mask_jaccard(lesion.mask, mask) > 0.9


@pytest.mark.parametrize("direction", [(0, 1), (1, 0), (-0.7, 0.7)])
def test_even_light_corrects_uneven_light(make_lesion, direction):
    lesion = make_lesion(288, 384, radii=(0.1, 0.12), spot=(170, 130, 110))
    y, x = np.mgrid[-0.375:0.375:288j, -0.5:0.5:384j]
    light = np.exp(1.1 * (direction[0] * y + direction[1] * x))[:, :, np.newaxis]
    image = np.clip(lesion.image * 0.6 * light, 0, 255).astype(np.uint8)
    even, uneven = (
        mask_jaccard(lesion.mask, segment_watershed(image, even_light=choice, margin=0)) for choice in (True, False)
    )
    assert even > 0.9
    assert uneven < 0.5


def test_holes_are_filled(make_lesion, make_image):
    lesion = make_lesion(288, 384, radii=(0.2, 0.2))
    pale = make_lesion(288, 384, radii=(0.08, 0.08)).mask
    image = np.where(pale[:, :, np.newaxis], make_image(288, 384, radii=(1e-9, 1e-9)), lesion.image)
    mask = segment_watershed(image, margin=0)
    assert mask[144, 192]
    assert mask_jaccard(lesion.mask, mask) > 0.95


@pytest.mark.parametrize("place", [(0.2, 0.33), (-0.2, 0.33), (-0.2, -0.33)])
def test_chooses_central_of_two_lesions(make_lesion, place):
    central, larger = (make_lesion(288, 384, center=c, radii=(r, r)) for c, r in (((0, -0.02), 0.1), (place, 0.12)))
    image = np.where(larger.mask[:, :, np.newaxis], larger.image, central.image)
    assert mask_jaccard(central.mask, segment_watershed(image, margin=0)) > 0.95


@pytest.mark.parametrize("even_light", [True, False])
def test_region_along_frame_is_no_lesion(make_lesion, even_light):
    lesion = make_lesion(288, 384, radii=(0.1, 0.1))
    image = lesion.image.copy()
    image[:, :80] = (60, 90, 60)  # a sticker, five times as large as the lesion
    assert mask_jaccard(lesion.mask, segment_watershed(image, even_light=even_light, margin=0)) > 0.85


def test_channels_differ(make_lesion):
    blue, red = (make_lesion(288, 384, skin=(200, 150, 120), spot=c) for c in ((200, 150, 60), (100, 150, 120)))
    for lesion, channel, blind in ((blue, "blue", "red"), (red, "red", "blue")):
        assert not segment_watershed(lesion.image, channel=blind).any()
        for seeing in (channel, "auto"):
            assert mask_jaccard(lesion.mask, segment_watershed(lesion.image, channel=seeing, margin=0)) > 0.95


# Fast implementations


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (3, 5), (50, 60)])
@pytest.mark.parametrize("reach", [2, 2.96, 21.2])
def test_distance_equals_distance_transform_within_reach(shape, reach):
    for seed in range(5):
        region = np.random.default_rng(seed).random(shape) > 0.99
        region[shape[0] // 2, seed % shape[1]] = True
        truth = np.where(region, -0.5, ndi.distance_transform_edt(~region) - 0.5)
        found = _measure_distance(region, reach=reach)
        near = truth <= reach
        np.testing.assert_allclose(found[near], truth[near], rtol=1e-6)
        assert (found[~near] > reach).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 192), (192, 3), (90, 120), (192, 144)])
def test_smoothing_is_gaussian(shape):
    levels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    truth = ndi.gaussian_filter(levels.astype(np.float64), SMOOTHING * max(shape), truncate=3)
    np.testing.assert_allclose(smooth_levels(levels), truth, atol=1e-3)


# Invariance


@pytest.fixture(scope="module")
def irregular(make_image):
    """Return a function that draws one image at any width: asymmetric lesion, uneven light, freckles."""

    @cache
    def draw(width):
        height = width * 3 // 4
        y, x = (np.mgrid[:height, :width] + 0.5) / width
        angle = np.arctan2(y - 0.36, x - 0.55)
        distance = np.hypot(y - 0.36, (x - 0.55) * 0.8) - 0.15 * (
            1 + 0.2 * np.cos(3 * angle) + 0.08 * np.sin(7 * angle)
        )
        depth = 1 / (1 + np.exp(distance / 0.008)) + 0.4 / (1 + np.exp((np.hypot(y - 0.1, x - 0.1) - 0.02) / 0.004))
        color = np.array([224, 172, 150]) * (1 - depth[:, :, np.newaxis] * np.array([0.4, 0.55, 0.6]))
        return np.clip(np.rint(color * (1 + 0.2 * (x - y))[:, :, np.newaxis]), 0, 255).astype(np.uint8)

    return draw


@pytest.mark.parametrize("form", [lambda image: image, Lesion], ids=["array", "lesion"])
def test_result_does_not_depend_on_resolution(irregular, form):
    """Arrays are read at the working size; lesions are segmented at their own size."""
    widths = (384, 768, 3072)
    masks = WatershedSegmenter().predict([form(irregular(width)) for width in widths])
    assert [mask.shape for mask in masks] == [(width * 3 // 4, width) for width in widths]
    small, middle, large = masks
    assert 0.03 < small.mean() < 0.3
    assert mask_jaccard(np.kron(small, np.ones((2, 2), bool)), middle) >= 0.95
    assert mask_jaccard(np.kron(small, np.ones((8, 8), bool)), large) >= 0.95
    assert mask_jaccard(np.kron(middle, np.ones((4, 4), bool)), large) >= 0.95


def test_images_below_working_size(irregular):
    small, large = (segment_watershed(irregular(width)) for width in (96, 384))
    assert mask_jaccard(np.kron(small, np.ones((4, 4), bool)), large) > 0.9


TURNS = {
    "mirrored": lambda array: array[:, ::-1],
    "upside down": lambda array: array[::-1],
    "quarter turn": lambda array: np.rot90(array),
    "half turn": lambda array: array[::-1, ::-1],
    "transposed": lambda array: array.swapaxes(0, 1),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("width", [256, 500])
def test_rotated_image_gives_rotated_mask(irregular, turn, width):
    image = irregular(width)
    mask = segment_watershed(image)
    turned = segment_watershed(np.ascontiguousarray(turn(image)))
    assert mask.any()
    assert mask_jaccard(np.ascontiguousarray(turn(mask)), turned) > 0.97


def test_accepts_non_contiguous_arrays(irregular):
    image = irregular(300)[::-1, ::2]
    np.testing.assert_array_equal(segment_watershed(image), segment_watershed(np.ascontiguousarray(image)))


@pytest.mark.parametrize("factor", [0.6, 0.8])
def test_result_hardly_depends_on_brightness(irregular, factor):
    image = irregular(384)
    darker = np.rint(image * factor).astype(np.uint8)
    assert mask_jaccard(segment_watershed(image), segment_watershed(darker)) > 0.97


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"channel": "violet"},
            "channel must be one of red, green, blue, gray, blue/red, green/red or auto, got 'violet'",
        ),
        ({"margin": 0.2}, r"margin must lie in 0\.\.0\.1, got 0\.2"),
        ({"margin": -0.01}, r"got -0\.01"),
        ({"image": np.zeros((4, 4, 2))}, r"image must have shape \(height, width, 3\), got \(4, 4, 2\)"),
    ],
)
def test_function_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        segment_watershed(**{"image": np.zeros((40, 60, 3), np.uint8)} | arguments)
