"""Tests of the detection of artifacts."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import segment_watershed
from sklearn_melanoma.segmentation._artifacts import erase_dark_lines, find_artifacts, lies_along_frame

SKIN = (212, 168, 140)
STICKERS = {
    "blue": (40, 90, 200),
    "turquoise": (80, 175, 175),
    "green": (30, 140, 70),
    "violet ink": (90, 60, 160),
    "red": (225, 45, 35),
    "orange": (235, 130, 25),
    "yellow": (235, 205, 20),
}


def with_sticker(image, color, *, center=(0.5, 1.0), radius=0.15):
    """Draw a disk over an image; by default its center is on the right edge."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    covered = np.hypot(y - center[0] * height, x - center[1] * width) < radius * max(height, width)
    image = image.copy()
    image[covered] = color
    return image, covered


@pytest.mark.parametrize("color", STICKERS.values(), ids=STICKERS)
def test_finds_whole_stickers_on_frame(make_lesion, color):
    lesion = make_lesion(144, 192, spot=(110, 75, 60))
    image, covered = with_sticker(lesion.image, color)
    found = find_artifacts(image)
    assert found[covered].mean() > 0.95
    assert not (found & lesion.mask).any()
    assert find_artifacts(lesion.image) is None


@pytest.mark.parametrize("color", STICKERS.values(), ids=STICKERS)
def test_mask_excludes_sticker(make_lesion, color):
    lesion = make_lesion(288, 384, spot=(150, 105, 85), radii=(0.1, 0.1))
    image, _ = with_sticker(lesion.image, color)
    assert mask_jaccard(lesion.mask, segment_watershed(image)) > 0.9


def test_sticker_spoils_mask_if_artifacts_are_kept(make_lesion):
    lesion = make_lesion(288, 384, spot=(195, 140, 118), radii=(0.1, 0.1))
    image, _ = with_sticker(lesion.image, STICKERS["red"], radius=0.25)
    assert mask_jaccard(lesion.mask, segment_watershed(image)) > 0.9
    assert mask_jaccard(lesion.mask, segment_watershed(image, leave_out_artifacts=False)) < 0.3


@pytest.mark.parametrize("color", STICKERS.values(), ids=STICKERS)
def test_ignores_colors_away_from_frame(make_image, color):
    image, _ = with_sticker(make_image(144, 192, radii=(1e-9, 1e-9)), color, center=(0.5, 0.5))
    assert find_artifacts(image) is None


@pytest.mark.parametrize(
    "spot",
    [(90, 55, 40), (60, 40, 35), (150, 90, 60), (170, 60, 60), (105, 100, 110), (20, 15, 15), (200, 120, 60)],
    ids=["dark brown", "black brown", "light brown", "red", "blue-white veil", "black", "orange"],
)
def test_lesion_cut_by_frame_is_no_artifact(make_lesion, spot):
    lesion = make_lesion(144, 192, center=(0.0, -0.4), radii=(0.25, 0.25), spot=spot)
    assert lesion.mask[:, 0].any()
    assert find_artifacts(lesion.image) is None


def test_skin_around_large_lesion_is_no_artifact(make_lesion):
    lesion = make_lesion(144, 192, radii=(0.36, 0.47), spot=(120, 60, 50))
    assert lesion.mask.mean() > 0.5
    assert find_artifacts(lesion.image) is None


def test_color_cast_is_no_artifact(make_image):
    skin = make_image(144, 192, radii=(1e-9, 1e-9))
    blue_light = (skin * np.array([0.6, 0.8, 1.0])).astype(np.uint8)
    assert find_artifacts(blue_light) is None


@pytest.mark.parametrize("size", [96, 192, 384])
def test_erases_only_thin_dark_lines(make_lesion, size):
    image = make_lesion(size * 3 // 4, size, noise=0).image
    clean = image.copy()
    image = image.copy()
    image[:, size // 3 : size // 3 + max(size // 96, 1)] = 20
    erased = erase_dark_lines(image).astype(int)
    assert np.abs(erased - clean).mean() < 2
    assert np.abs(image.astype(int) - clean).mean() > 1
    width = size // 8
    image[:, :width] = 20
    assert (erase_dark_lines(image)[:, : width - 2] == 20).all()


def test_mask_ignores_hairs(make_lesion):
    lesion = make_lesion(288, 384, radii=(0.15, 0.15), spot=(195, 140, 118))
    image = lesion.image.copy()
    for row in range(20, 280, 16):
        image[row : row + 3] = 30
    with_step, without = (
        mask_jaccard(lesion.mask, segment_watershed(image, leave_out_artifacts=x)) for x in (True, False)
    )
    assert with_step > 0.9
    assert without < 0.8


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 3), (8, 8)])
def test_tiny_images(shape):
    for seed in range(5):
        image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        found = find_artifacts(image)
        assert found is None or found.shape == shape
        assert erase_dark_lines(image).shape == image.shape


@pytest.mark.parametrize("shape", [(3, 2), (30, 40), (60, 96), (90, 130), (192, 144), (180, 240)])
def test_erase_dark_lines_equals_gray_closing(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    size = max(round(max(shape) / 40), 1)
    np.testing.assert_array_equal(erase_dark_lines(image), ndi.grey_closing(image, size=(size, size, 1)))


def test_dark_card_on_frame_is_no_lesion(make_lesion):
    lesion = make_lesion(288, 384, spot=(195, 140, 118), radii=(0.1, 0.1))
    image = lesion.image.copy()
    image[:60, 290:] = (25, 25, 28)
    assert mask_jaccard(lesion.mask, segment_watershed(image)) > 0.9
    assert mask_jaccard(lesion.mask, segment_watershed(image, leave_out_artifacts=False)) < 0.1


def test_lies_along_frame_depends_on_shape_and_place():
    region = np.zeros((144, 192), bool)
    assert not lies_along_frame(region)
    y, x = np.mgrid[:144, :192]
    assert not lies_along_frame(np.hypot(y - 72, x - 96) < 40)
    assert not lies_along_frame(np.hypot(y - 72, x) < 60)  # cut by the frame, but it reaches the center
    assert lies_along_frame(np.hypot(y, x) < 40)
    assert not lies_along_frame(np.hypot(y - 25, x - 25) < 26)  # in a corner, but not cut
    assert lies_along_frame(y < 15)
    assert not lies_along_frame(y < 100)
