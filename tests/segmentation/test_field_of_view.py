from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import ExtraTreesClassifier

from sklearn_melanoma.datasets import load_ham10000, load_ph2, make_lesions
from sklearn_melanoma.images import read_image, read_mask
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import PixelClassifierSegmenter, SegmenterSelector, WatershedSegmenter
from sklearn_melanoma.segmentation._field_of_view import find_content, find_surround

COLORS = {"white": 255, "light": 225, "gray": 128, "black": 0, "beige": (230, 200, 180), "blue": (30, 60, 160)}


def add_frame(image, color, *, top=0, bottom=0, left=0, right=0):
    height, width = image.shape[:2]
    framed = np.empty((height + top + bottom, width + left + right, *image.shape[2:]), image.dtype)
    framed[:] = color
    framed[top : top + height, left : left + width] = image
    return framed


def all_sides(width):
    return dict.fromkeys(("top", "bottom", "left", "right"), width)


FRAMES = {
    "3 px": all_sides(3),
    "wide": all_sides(30),
    "to a square": {"top": 16, "bottom": 16},
    "one side": {"right": 9},
}


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(6, image_size=(96, 128), hair=0, vignette=0, random_state=0)


def save_jpeg(image, quality):
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def add_noise(image):
    return np.clip(image + np.random.default_rng(0).normal(0, 2.5, image.shape), 0, 255).astype(np.uint8)


# Frames


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("color", COLORS)
def test_uniform_frame_changes_no_mask(lesions, color, frame):
    for image in lesions.images:
        (plain,) = WatershedSegmenter().predict([image])
        (found,) = WatershedSegmenter().predict([add_frame(image, COLORS[color], **FRAMES[frame])])
        assert mask_jaccard(add_frame(plain, False, **FRAMES[frame]), found) > 0.9


@pytest.mark.parametrize(
    ("change", "scale"),
    [
        (lambda image: save_jpeg(image, 60), 1),
        (add_noise, 1),
        (lambda image: np.asarray(Image.fromarray(image).resize((300, 240), Image.Resampling.BICUBIC)), 1.875),
        (lambda image: add_frame(add_frame(image, 0, **all_sides(4)), (10, 200, 90), **all_sides(5)), 1),
        (lambda image: add_frame(image, 90, left=12), 1),
    ],
    ids=["jpeg", "noise", "resized", "nested", "two colors"],
)
def test_frame_is_cut_off_whole(lesions, change, scale):
    for image in lesions.images[:3]:
        framed = change(add_frame(image, 255, **all_sides(16)))
        rows, columns = find_content(framed)
        assert 0 < rows.stop - rows.start <= 96 * scale
        assert 96 * scale - (rows.stop - rows.start) <= 12
        assert 128 * scale - (columns.stop - columns.start) <= 12


def test_content_of_frames_of_known_widths():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    assert find_content(image) == (slice(0, 60), slice(0, 80))
    framed = add_frame(image, 255, top=7, left=4)
    assert find_content(framed) == (
        slice(8, 67),
        slice(5, 84),
    )  # and the line at the edge, because resizing blurs it


@pytest.mark.parametrize("make", [WatershedSegmenter, SegmenterSelector])
def test_frame_around_lesion_at_any_size(lesions, make):
    image = np.repeat(np.repeat(lesions.images[0], 5, axis=0), 5, axis=1)
    framed = add_frame(image, 255, **all_sides(60))
    (plain,), (found,) = make().predict([image]), make().predict([framed])
    assert found.shape == framed.shape[:2]
    assert mask_jaccard(add_frame(plain, False, **all_sides(60)), found) > 0.9


def test_pixel_classifier_ignores_frames(lesions):
    trees = ExtraTreesClassifier(10, random_state=0)
    plain = PixelClassifierSegmenter(estimator=trees, random_state=0).fit(lesions.images, lesions.masks)
    framed = [add_frame(image, 255, **all_sides(20)) for image in lesions.images]
    masks = [add_frame(mask, False, **all_sides(20)) for mask in lesions.masks]
    fitted = PixelClassifierSegmenter(estimator=trees, random_state=0).fit(framed, masks)
    assert plain.score(framed, masks) == pytest.approx(plain.score(lesions.images, lesions.masks), abs=0.03)
    assert fitted.score(lesions.images, lesions.masks) > plain.score(lesions.images, lesions.masks) - 0.03
    probability = plain.transform(framed[:1])[0].probability
    assert probability[:20].max() == 0 < probability.max()


@pytest.mark.parametrize("radii", [(0.1, 0.1), (0.3, 0.3), (0.2, 0.45), (0.3, 0.7)])
@pytest.mark.parametrize("noise", [0, 2])
def test_lesion_on_even_skin_is_no_frame(make_image, radii, noise):
    image = make_image(96, 128, radii=radii, noise=noise)
    assert find_content(image) == (slice(0, 96), slice(0, 128))


def test_drawing_of_a_box_is_no_frame():
    image = np.full((96, 128, 3), 200, np.uint8)
    image[20:70, 20:100] = 90
    assert find_content(image) == (slice(0, 96), slice(0, 128))
    truth = (image == 90).all(axis=2)
    assert mask_jaccard(truth, WatershedSegmenter().predict([image])[0]) > 0.9


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (7, 7), (16, 300)])
def test_tiny_and_flat_images_have_no_frame(shape):
    image = np.full((*shape, 3), 77, np.uint8)
    assert find_content(image) == (slice(0, shape[0]), slice(0, shape[1]))


@pytest.mark.real_data
@pytest.mark.parametrize("load", [load_ph2, load_ham10000])
def test_frames_around_real_images_cost_little(real_data, load):
    data = load(real_data(load.__name__.removeprefix("load_")))
    pairs = [(image, mask) for image, mask in zip(data.images, data.masks, strict=True) if mask][:40:2]
    images, masks = [read_image(image) for image, _ in pairs], [read_mask(mask) for _, mask in pairs]
    plain = WatershedSegmenter(n_jobs=2).score(images, masks)
    for color, width in ((255, 3), (225, 40), (128, 20), (0, 3)):
        framed = [add_frame(image, color, **all_sides(width)) for image in images]
        framed_masks = [add_frame(mask, False, **all_sides(width)) for mask in masks]
        assert WatershedSegmenter(n_jobs=2).score(framed, framed_masks) > plain - 0.01, (color, width)


# Surround of a round field of view


def draw_disk_at_rim(past, radius=30, height=288, width=384, field=150, seed=0):
    """Draw a black lesion that reaches past the rim of a round field of view; return the image and its visible part."""
    y, x = np.mgrid[:height, :width]
    image = np.full((height, width, 3), (224, 172, 150)) + np.random.default_rng(seed).normal(0, 3, (height, width, 3))
    image = np.clip(image, 0, 255).astype(np.uint8)
    lesion = np.hypot(y - height / 2, x - (width / 2 + field - radius + past)) < radius
    seen = np.hypot(y - height / 2, x - width / 2) <= field
    image[lesion] = (25, 20, 18)
    image[~seen] = 2
    return image, lesion & seen


@pytest.mark.parametrize("radius", [20, 30, 60])
@pytest.mark.parametrize("past", [-10, -5, -2, 0, 2, 5, 10])
def test_black_lesion_at_the_rim_is_found(past, radius):
    image, truth = draw_disk_at_rim(past, radius)
    assert mask_jaccard(truth, WatershedSegmenter().predict([image])[0]) > 0.85


def test_surround_is_what_lies_outside_the_circle():
    image, lesion = draw_disk_at_rim(5)
    surround = find_surround(image)
    assert surround[[0, 0, -1, -1], [0, -1, 0, -1]].all()
    assert (surround & lesion).sum() < 0.3 * lesion.sum()
    y, x = np.mgrid[:288, :384]
    distance = np.hypot(y - 144, x - 192)
    assert surround[distance > 152].all()
    assert not surround[distance < 130].any()


def test_dark_background_that_is_not_round_is_left_out(make_image):
    image = make_image(96, 128)
    image[:, 100:] = 4
    image[60:, 90:] = 4
    surround = find_surround(image)
    assert surround[:, 104:].all()
    assert not surround[:50, :90].any()


def test_dark_lesion_in_one_corner_is_no_surround(make_image):
    image = make_image(96, 128, center=(-0.3, -0.4), spot=(20, 12, 10), noise=0)
    assert find_surround(image) is None
