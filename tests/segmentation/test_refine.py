"""Tests of the refinement of borders by color."""

import numpy as np
import pytest
from scipy import ndimage as ndi
from skimage.color import rgb2lab

from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.preprocessing._cielab import levels_to_lab
from sklearn_melanoma.segmentation._refine import fill_bays, refine_by_color


def disk(radius, shape=(160, 200), center=(80, 100)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.hypot(y - center[0], x - center[1]) <= radius


def two_colors(mask, *, blur=0.0, lesion=(150, 105, 85), skin=(210, 170, 145)):
    image = np.stack([np.where(mask, *levels) for levels in zip(lesion, skin, strict=True)]).astype(np.float32)
    return ndi.gaussian_filter(image, (0, blur, blur)) if blur else image


@pytest.mark.parametrize("first", [30, 36, 40, 44, 46])
def test_finds_edge_from_any_first_border(first):
    truth = disk(40)
    assert mask_jaccard(truth, refine_by_color(two_colors(truth), disk(first))) > 0.95


def test_level_moves_border_of_soft_edge():
    image = two_colors(disk(40), blur=6)
    radii = [np.sqrt(refine_by_color(image, disk(40), level=level).sum() / np.pi) for level in (0.3, 0.5, 0.7)]
    assert radii[0] - 2 > radii[1] > radii[2] + 2
    assert radii[1] == pytest.approx(40, abs=1)


def test_finds_pale_lesion_around_dark_core():
    whole, core = disk(40), disk(26)
    image = two_colors(whole)
    image[:, core] = np.reshape([90, 60, 50], (3, 1))
    assert mask_jaccard(whole, refine_by_color(image, disk(34), level=0.3)) > 0.9


def test_growth_is_limited():
    truth = disk(70)
    core = disk(30)
    refined = refine_by_color(two_colors(truth), core)
    assert np.sqrt(refined.sum() / np.pi) < 30 + 0.36 * np.sqrt(core.sum()) + 1


def test_excludes_artifacts():
    truth = disk(40)
    image = two_colors(truth)
    sticker = np.zeros(truth.shape, bool)
    sticker[:, 135:] = True
    image[:, sticker] = np.reshape([40, 40, 200], (3, 1))
    refined = refine_by_color(image, disk(36), sticker)
    assert not (refined & sticker).any()
    assert mask_jaccard(truth & ~sticker, refined) > 0.9


@pytest.mark.parametrize(
    ("image", "region"),
    [
        (two_colors(disk(40)), disk(2)),
        (two_colors(disk(40)), np.ones((160, 200), bool)),
        (np.full((3, 160, 200), 128, np.float32), disk(40)),
        (np.zeros((3, 160, 200), np.float32), disk(40)),
    ],
    ids=["few pixels", "no skin", "one color", "black"],
)
def test_keeps_region_without_color_contrast(image, region):
    np.testing.assert_array_equal(refine_by_color(image, region), region)


def test_fill_bays_fills_bays_and_holes():
    mask = disk(40)
    mask[70:90, 100:] = False  # a bay as wide as half the radius
    mask[60:63, 80:83] = False
    filled = fill_bays(mask)
    assert filled[mask].all()
    assert filled[61, 81]
    assert filled[80, 125]
    np.testing.assert_array_equal(fill_bays(disk(40)), disk(40))
    cut = disk(60, center=(80, 10))
    assert mask_jaccard(cut, fill_bays(cut)) > 0.99


def test_levels_to_lab_equals_scikit_image():
    levels = np.array([0, 1, 5, 10, 10.5, 11, 40, 128, 254.5, 255], dtype=np.float32)
    rgb = np.stack(np.meshgrid(levels, levels, levels)).reshape(3, -1)
    before = rgb.copy()
    lab = levels_to_lab(rgb)
    np.testing.assert_array_equal(rgb, before)
    np.testing.assert_allclose(lab.T, rgb2lab(rgb.T / np.float32(255)), atol=2e-3)
