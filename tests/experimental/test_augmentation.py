from dataclasses import replace

import numpy as np
import pytest

from sklearn_melanoma import Lesion
from sklearn_melanoma._geometry import frame_of
from sklearn_melanoma.experimental._augmentation import augment_lesion, change_light, redraw_border, rotate_lesion
from sklearn_melanoma.experimental._augmented_features import AugmentedFeatures
from sklearn_melanoma.features import ColorFeatures
from sklearn_melanoma.metrics import mask_jaccard


@pytest.fixture
def lesion(make_lesion):
    return make_lesion(120, 160, center=(0.05, -0.08), radii=(0.1, 0.2), mm_per_pixel=0.02, source="image.png")


def test_seed_determines_the_copy(lesion):
    first, again, other = (augment_lesion(lesion, np.random.RandomState(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert first.image.shape != other.image.shape or (first.image != other.image).any()


def test_scale_and_source_are_kept(lesion):
    shrunk = Lesion(lesion.image, lesion.mask, scale=2, mm_per_pixel=0.02, source="image.png")
    copy = augment_lesion(shrunk, np.random.RandomState(0))
    assert (copy.scale, copy.mm_per_pixel, copy.source) == (2, 0.02, "image.png")


def test_rotation_keeps_size_and_color(lesion):
    random = np.random.RandomState(0)
    copies = [rotate_lesion(lesion, random) for _ in range(20)]
    np.testing.assert_allclose([copy.area_px for copy in copies], lesion.area_px, rtol=0.01)
    for copy in copies:
        np.testing.assert_allclose(copy.image[copy.mask].mean(axis=0), lesion.image[lesion.mask].mean(axis=0), atol=2)
        assert not frame_of(copy.mask).any()
    assert len({copy.mask.shape for copy in copies}) > 10


def test_rotation_keeps_the_surroundings():
    rows, columns = np.mgrid[:200, :220]
    mask = np.hypot(rows - 100, columns - 120) < 12
    lesion = Lesion(np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8), mask)
    random = np.random.RandomState(0)
    for _ in range(10):
        copy = rotate_lesion(lesion, random)
        places = np.indices(copy.mask.shape).reshape(2, -1)
        plane = np.vstack([places, np.ones(places.shape[1])]).T
        values = copy.image[:, :, :2].reshape(-1, 2).astype(float)
        found = np.linalg.lstsq(plane, values, rcond=None)[0]
        np.testing.assert_allclose(plane @ found, values, atol=1.5)
        np.testing.assert_allclose(copy.image[copy.mask][:, :2].mean(axis=0), (100, 120), atol=1)


def test_half_of_the_copies_are_mirrored():
    mask = np.zeros((60, 60), dtype=bool)
    mask[20:40, 25:30] = mask[35:40, 30:35] = True  # the letter L; its foot is on one side of the stem
    lesion, random = Lesion(np.zeros((60, 60, 3), np.uint8), mask), np.random.RandomState(0)

    def handedness(mask):
        y, x = np.nonzero(mask)
        y, x = y - y.mean(), x - x.mean()
        angle = np.arctan2(2 * (x * y).mean(), (x * x).mean() - (y * y).mean()) / 2
        along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        return np.sign((along**3).mean()) * np.sign((across**3).mean())

    sides = [handedness(rotate_lesion(lesion, random).mask) for _ in range(60)]
    assert 15 < sides.count(1.0) < 45


def test_lesion_at_the_frame_is_rotated_by_quarter_turns(make_lesion):
    cut = make_lesion(60, 80, center=(0.3, 0), radii=(0.2, 0.2))
    assert cut.mask[-1].any()
    random = np.random.RandomState(0)
    for _ in range(8):
        copy = rotate_lesion(cut, random)
        assert copy.area_px == cut.area_px
        assert any(
            (rotated == cut.image[cut.box][:, ::step]).all()
            for step in (1, -1)
            for rotated in (np.rot90(copy.image[copy.box], turns) for turns in range(4))
            if rotated.shape == cut.image[cut.box].shape
        )


def test_light_changes_levels_monotonically(lesion):
    copy = change_light(lesion, np.random.RandomState(0))
    assert copy.mask is lesion.mask
    for channel in range(3):
        before, after = lesion.image[:, :, channel].ravel(), copy.image[:, :, channel].ravel()
        assert (before != after).mean() > 0.5
        assert (np.diff(after[np.argsort(before, kind="stable")].astype(int)) >= 0).all()


def test_borders_agree_like_two_experts(lesion):
    random = np.random.RandomState(0)
    copies = [redraw_border(lesion, random) for _ in range(60)]
    assert all(copy.image is lesion.image for copy in copies)
    assert 0.82 < np.mean([mask_jaccard(lesion.mask, copy.mask) for copy in copies]) < 0.9
    larger = np.mean([copy.area_px > lesion.area_px for copy in copies])
    assert 0.3 < larger < 0.7


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (1, 160), (120, 160), (2, 2)])
def test_tiny_and_full_masks_can_be_augmented(lesion, rows, columns):
    mask = np.zeros((120, 160), dtype=bool)
    for top in {0, (120 - rows) // 2}:
        mask[:] = False
        mask[top : top + rows, :columns] = True
        for shift in (0, 5):
            random = np.random.RandomState(0)
            moved = np.roll(mask, shift, axis=1)
            for _ in range(10):
                assert augment_lesion(Lesion(lesion.image, moved), random).area_px > 0


def test_features_of_augmented_lesions(lesion):
    other = replace(lesion, image=lesion.image[:, ::-1])
    empty = lesion.with_mask(np.zeros_like(lesion.mask))
    augment = AugmentedFeatures(ColorFeatures(["lightness_std"]), 3, seed=0)
    rows = augment.transform([lesion, other, empty])
    assert len(np.unique(rows[:2])) == 6
    assert np.isnan(rows[2]).all()
    np.testing.assert_array_equal(augment.transform([other, lesion])[1], rows[0])
    assert (AugmentedFeatures(ColorFeatures(["lightness_std"]), 3, seed=1).transform([lesion]) != rows[0]).all()


def test_missing_mask_raises(lesion):
    with pytest.raises(ValueError, match=r"X\[0\] \('image.png'\): ColorFeatures needs a mask"):
        AugmentedFeatures(ColorFeatures(), 2, seed=0).transform([lesion.with_mask(None)])
