"""Tests of the choice of the lesion's region."""

import numpy as np
import pytest
from scipy import ndimage as ndi

from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import _regions, segment_watershed
from sklearn_melanoma.segmentation._regions import binarize, choose_region, find_core, join_parts

SHAPE = (144, 192)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def disk(radius, y=72, x=96):
    return np.hypot(Y - y, X - x) <= radius


def levels(region, rest=0.9, core=None, dark=0.4):
    gray = np.where(region, rest, 1.0).astype(np.float32)
    if core is not None:
        gray[core] = dark
    return gray


RAGGED = (Y < 20) | ((X > 40) & (X < 140) & (Y < 100)) | ((X > 60) & (X < 70))


def test_finds_core_in_uneven_skin():
    core = disk(14, 60, 90)
    np.testing.assert_array_equal(find_core(levels(RAGGED, core=core), RAGGED), core)


@pytest.mark.parametrize(
    ("region", "core", "dark"),
    [
        (disk(50), disk(14), 0.4),
        (RAGGED, disk(14, 60, 90), 0.85),
        (RAGGED, (X > 42) & (X < 138) & (Y > 2) & (Y < 98), 0.4),
        (RAGGED, (Y > 60) & (Y < 64) & (X > 45) & (X < 135), 0.4),
        (RAGGED, disk(2, 60, 90), 0.4),
        (RAGGED, None, 0.4),
        (np.ones(SHAPE, bool), disk(14), 0.4),
    ],
    ids=["compact whole", "faint core", "large core", "line", "speck", "no core", "no skin"],
)
def test_keeps_region_without_core(region, core, dark):
    np.testing.assert_array_equal(find_core(levels(region, core=core, dark=dark), region), region)


PART = disk(20, x=65)


def test_joins_parts_around_center():
    other = disk(12, x=110)
    joined = join_parts(PART | other, PART)
    assert (joined >= PART | other).all()
    assert joined[72, 65:110].all()
    assert joined.sum() < 1.5 * (PART | other).sum()


@pytest.mark.parametrize(
    "other",
    [disk(12, x=20), disk(12, x=150), disk(5, x=100), np.zeros(SHAPE, bool)],
    ids=["far from center", "far from region", "small", "none"],
)
def test_keeps_region_without_parts(other):
    assert join_parts(PART | other, PART) is PART


def test_finds_lesion_of_two_dark_parts(make_lesion):
    lesion = make_lesion(288, 384, radii=(0.2, 0.25), noise=1.0)
    x = np.arange(384)
    skin = np.median(lesion.image[~lesion.mask], axis=0)
    image = lesion.image.copy()
    image[:, (x > 180) & (x < 215)] = skin
    assert mask_jaccard(lesion.mask, segment_watershed(image)) > 0.8
    assert mask_jaccard(lesion.mask, segment_watershed(image, level=None)) < 0.65


def test_finds_lesion_in_shadow(make_lesion):
    lesion = make_lesion(288, 384, center=(-0.03, 0.02), radii=(0.05, 0.06), noise=1.0)
    y, x = np.mgrid[:288, :384]
    shadow = (x > 120) & (x < 270) & (y < 200) | (y < 30 + x / 20) | (np.abs(x - 150) < 12)
    image = (lesion.image * np.where(shadow, 0.75, 1.0)[:, :, np.newaxis]).astype(np.uint8)
    assert mask_jaccard(lesion.mask, segment_watershed(image, even_light=False)) > 0.8
    assert mask_jaccard(lesion.mask, segment_watershed(image, even_light=False, level=None)) < 0.3


def test_choose_region_by_place_and_frame():
    small, large, on_frame = disk(15), disk(17, 30, 170), (X < 12)
    np.testing.assert_array_equal(choose_region(small | large), small)
    np.testing.assert_array_equal(choose_region(small | on_frame), small)
    np.testing.assert_array_equal(choose_region(disk(20) & ~disk(5) | disk(4, 20, 20)), disk(20))


def test_full_region_without_background():
    assert choose_region(np.ones((20, 30), bool)).all()
    one_level_apart = np.full((192, 1, 3), (210, 180, 140), np.uint8)
    one_level_apart[70, 0, 2] = 141
    assert not segment_watershed(one_level_apart).any()
    assert not segment_watershed(one_level_apart, even_light=False, leave_out_artifacts=False, level=None).any()


def test_binarize_clips_bright_levels():
    gray = np.array([[1, 3, 11]], dtype=np.float32)  # 1 is the skin's level; levels from 2 on are clipped
    assert not binarize(gray, np.array([[True, False, False]])).any()


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.fliplr])
def test_choice_of_turned_and_mirrored_regions(turn):
    noise = ndi.gaussian_filter(np.random.default_rng(2).normal(size=(60, 36, 50)), (0, 2, 2))
    for levels in noise:
        dark = levels > 0.1
        region = choose_region(dark)
        np.testing.assert_array_equal(choose_region(turn(dark)), turn(region))
        np.testing.assert_array_equal(join_parts(turn(dark), turn(region)), turn(join_parts(dark, region)))


def test_black_skin_has_no_contrast():
    core = np.zeros((4, 6), dtype=bool)
    core[:, 2:4] = True
    assert _regions._measure_contrast(np.where(core, 5, 0).astype(np.float32), core, None) == 0
