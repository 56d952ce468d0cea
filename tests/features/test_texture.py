import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops

from sklearn_melanoma.features import TextureFeatures, measure_texture
from sklearn_melanoma.features._texture import DISTANCES, SCALES, Texture

NAMES = TextureFeatures.FEATURES
LIGHTNESS = 50.0


def texture_of(lightness, mask=None):
    mask = np.ones(lightness.shape, dtype=bool) if mask is None else mask
    return Texture(mask, lightness[mask].astype(np.float32))


def smoothed(lightness, mask=None):
    texture = texture_of(lightness, mask)
    return [texture.frame.show(texture.frame.at(level)) for level in texture.smoothed]


def stripes(period, width=2, shape=(60, 80)):
    """Draw vertical dark stripes on a brown ground."""
    image = np.full((*shape, 3), (180, 130, 100), dtype=np.uint8)
    for start in range(0, shape[1], period):
        image[:, start : start + width] = (110, 70, 50)
    return image


def disks(radius, period=16, shape=(96, 96)):
    """Draw dark disks on a lattice inside the margin; return the image and the number of disks."""
    y, x = np.mgrid[: shape[0], : shape[1]] % period - period // 2
    image = np.full((*shape, 3), (180, 130, 100), dtype=np.uint8)
    image[np.hypot(y, x) <= radius] = (90, 60, 40)
    return image, (shape[0] // period) * (shape[1] // period)


def test_uniform_image_has_no_texture():
    found = measure_texture(np.full((40, 50, 3), 120, dtype=np.uint8), np.ones((40, 50), dtype=bool))
    expected = dict.fromkeys(NAMES, 0.0)
    ones = ["lbp_0", "structureless_fraction", "network_regularity"]
    ones += [f"glcm_{name}_{distance}" for name in ("homogeneity", "energy", "correlation") for distance in DISTANCES]
    expected.update(dict.fromkeys(ones, 1.0))
    assert found == pytest.approx(expected, abs=1e-3)


def test_smoothing_averages_over_the_mask():
    random = np.random.default_rng(0)
    mask = random.random((30, 40)) < 0.7
    levels = smoothed(np.full(mask.shape, LIGHTNESS), mask)
    assert len(levels) == len(SCALES) + 1
    for level in levels:
        np.testing.assert_allclose(level[mask], LIGHTNESS, rtol=1e-6)
        assert not level[~mask].any()


def test_first_smoothing_is_a_b3_spline():
    random = np.random.default_rng(0)
    lightness = random.normal(LIGHTNESS, 5, (41, 41)).astype(np.float32)
    spline = np.array([1, 4, 6, 4, 1]) / 16
    inner = np.lib.stride_tricks.sliding_window_view(lightness, (5, 5))
    np.testing.assert_allclose(
        smoothed(lightness)[1][2:-2, 2:-2], np.einsum("ijkl,k,l->ij", inner, spline, spline), rtol=1e-5
    )


def test_detail_by_scale():
    random = np.random.default_rng(0)
    noise = measure_texture(random.integers(100, 140, (90, 90, 3), dtype=np.uint8), np.ones((90, 90), dtype=bool))
    details = [noise[f"detail_{scale}"] for scale in SCALES]
    assert details == sorted(details, reverse=True)
    coarse = measure_texture(stripes(24, 12), np.ones((60, 80), dtype=bool))
    assert max(SCALES, key=lambda scale: coarse[f"detail_{scale}"]) == 8


def test_gradient_of_a_ramp():
    ramp = np.broadcast_to(np.arange(80) / 2, (60, 80))
    gradient = texture_of(ramp).gradient
    assert gradient[0] == pytest.approx(0.5, rel=0.02)
    assert gradient[1] < 0.1


@pytest.mark.parametrize("distance", DISTANCES)
def test_pairs_equal_scikit_image(distance):
    lightness = np.random.default_rng(0).uniform(20, 80, (40, 50)).astype(np.float32)
    levels = (lightness * (32 / 100)).astype(np.uint8)
    diagonal = max(round(distance / 2**0.5), 1)
    tables = [
        graycomatrix(levels, [length], [angle], 32, symmetric=True, normed=True)
        for length, angle in ((distance, 0), (distance, np.pi / 2), (diagonal * 2**0.5, np.pi / 4))
    ]
    tables.append(graycomatrix(levels, [diagonal * 2**0.5], [3 * np.pi / 4], 32, symmetric=True, normed=True))
    mean = np.mean(tables, axis=0)
    texture = texture_of(lightness)
    for name in ("contrast", "homogeneity", "energy", "correlation"):
        assert texture.measure(f"glcm_{name}_{distance}") == pytest.approx(graycoprops(mean, name)[0, 0], rel=1e-5), (
            name
        )


def test_local_patterns():
    lightness = np.full((5, 5), LIGHTNESS)
    lightness[2, 2] = 40
    # Nine pixels have all neighbors. Eight of them have no brighter neighbor, and the center has eight.
    assert texture_of(lightness).patterns == pytest.approx([8 / 9, *[0] * 7, 1 / 9, 0])
    lightness[2, 2] = 60
    assert texture_of(lightness).patterns == pytest.approx([1 / 9, 8 / 9, *[0] * 8])
    opposite = np.full((3, 3), LIGHTNESS)
    opposite[1, [0, 2]] = 60
    assert texture_of(opposite).patterns == pytest.approx([*[0] * 9, 1])


def test_lines_and_spots_are_distinguished():
    lines = measure_texture(stripes(12, 4), np.ones((60, 80), dtype=bool))
    spots = measure_texture(disks(3)[0], np.ones((96, 96), dtype=bool))
    assert lines["n_dots"] == lines["n_globules"] == 0
    assert spots["n_globules"] > 0
    assert lines["dark_lines_4"] > spots["dark_lines_4"] > 2
    assert lines["line_fraction_4"] > spots["line_fraction_4"] > 0.2


@pytest.mark.parametrize(("radius", "name"), [(2, "n_dots"), (4, "n_globules")])
def test_number_of_spots(radius, name):
    image, number = disks(radius)
    assert measure_texture(image, np.ones(image.shape[:2], dtype=bool))[name] == number


def test_network_regularity():
    random = np.random.default_rng(0)
    bright = (200, 150, 120)
    lattice, scattered = (np.full((120, 120, 3), (120, 80, 60), dtype=np.uint8) for _ in range(2))
    corners = [(row, column) for row in range(6, 114, 8) for column in range(6, 114, 8)]
    for row, column in corners:
        lattice[row : row + 3, column : column + 3] = bright
    for row, column in random.integers(4, 113, (60, 2)):
        scattered[row : row + 3, column : column + 3] = bright
    mask = np.ones((120, 120), dtype=bool)
    regular, irregular = (measure_texture(image, mask)["network_regularity"] for image in (lattice, scattered))
    assert regular == pytest.approx(2 * 8 * np.sqrt(len(corners) / mask.size), rel=0.01)  # about 2 on a square lattice
    assert irregular < 1.4 < regular


def test_streaks_on_the_rim():
    y, x = np.mgrid[:120, :120] - 59.5
    mask = np.hypot(y, x) <= 50
    image = np.full((120, 120, 3), (180, 130, 100), dtype=np.uint8)
    plain = measure_texture(image, mask)["rim_line_fraction"]
    rays = (np.hypot(y, x) > 40) & (np.abs(np.sin(10 * np.arctan2(y, x))) < 0.4)
    image[rays] = (90, 60, 40)
    assert plain == 0
    assert measure_texture(image, mask)["rim_line_fraction"] > 0.2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 3), st.booleans(), st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_invariance_to_translation_quarter_turns_and_mirror(seed, turns, mirror, corner):
    random = np.random.default_rng(seed)
    image = np.zeros((50, 60, 3), dtype=np.uint8)
    mask = np.zeros((50, 60), dtype=bool)
    image[10:40, 10:50] = random.integers(0, 256, (30, 40, 3))
    mask[10:40, 10:50] = np.hypot(*((np.mgrid[:30, :40].T - (15, 20)) / (14, 19)).T) + 0.2 * random.random((30, 40)) < 1
    shifted = (np.roll(array, (corner[0] - 10, corner[1] - 10), (0, 1)) for array in (image, mask))
    image_2, mask_2 = (np.rot90(array, turns) for array in shifted)
    if mirror:
        image_2, mask_2 = image_2[:, ::-1], mask_2[:, ::-1]
    before, after = measure_texture(image, mask), measure_texture(image_2, mask_2)
    assert list(after.values()) == pytest.approx(list(before.values()), rel=1e-5, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 14))
def test_pixels_outside_have_no_influence(seed, radius):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    y, x = np.mgrid[:40, :50]
    mask = np.hypot(y - 15, x - 20) <= radius
    other = image.copy()
    other[~mask] = random.integers(0, 256, (np.count_nonzero(~mask), 3))
    assert measure_texture(image, mask) == measure_texture(other, mask)


def test_rotation_changes_little():
    random = np.random.default_rng(0)
    y, x = np.mgrid[:200, :200] - 99.5
    phases, waves = random.uniform(0, 6, 12), random.normal(0, 0.25, (12, 2))

    def draw(angle):
        down, across = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
        levels = sum(
            np.sin(wave[0] * down + wave[1] * across + phase) for wave, phase in zip(waves, phases, strict=True)
        )
        image = np.clip(120 + 12 * levels, 0, 255).astype(np.uint8)[:, :, np.newaxis].repeat(3, 2)
        return measure_texture(image, np.hypot(down / 60, across / 80) <= 1)

    before = draw(0)
    for angle in (0.3, 0.7, 1.2):
        after = draw(angle)
        for name in NAMES:
            if not name.startswith(("lbp", "n_", "network")):
                assert after[name] == pytest.approx(before[name], rel=0.15, abs=0.02), name


MASKS = {
    "one pixel": np.s_[5:6, 5:6],
    "two pixels": np.s_[5:6, 5:7],
    "one row": np.s_[5:6, :],
    "two columns": np.s_[:, 5:7],
    "whole frame": np.s_[:, :],
    "corner": np.s_[:6, :7],
}


@pytest.mark.parametrize("part", MASKS.values(), ids=MASKS)
def test_small_and_whole_masks_have_finite_features(part):
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    mask = np.zeros((20, 30), dtype=bool)
    mask[part] = True
    assert np.isfinite(list(measure_texture(image, mask).values())).all()


def test_parts_and_holes_have_finite_features():
    image = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    mask = np.zeros((40, 60), dtype=bool)
    mask[5:20, 5:20] = mask[22:38, 30:55] = True
    mask[10:14, 10:14] = False
    assert np.isfinite(list(measure_texture(image, mask).values())).all()
