import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.color import rgb2lab

from sklearn_melanoma.features import ColorFeatures, measure_color
from sklearn_melanoma.features._crop import find_ring
from sklearn_melanoma.preprocessing._cielab import rgb_to_lab

NAMES = ColorFeatures.FEATURES
CONTRASTS = NAMES[:4]
LAB, RGB = ("lightness", "a", "b"), ("red", "green", "blue")
COLORS = ("white", "red", "light_brown", "dark_brown", "blue_gray", "black")
SPREADS = [name for name in NAMES if name.endswith(("iqr", "entropy", "major", "minor", "core_to_rim", "spread"))] + [
    *(f"{name}_std" for name in (*LAB, "chroma", "saturation")),
    *(name for name in NAMES if "_std_zone_" in name),
]
# Features that are not relative to the skin.
INDEPENDENT = SPREADS
BROWN, BLUE, SKIN = (120, 70, 40), (80, 90, 140), (220, 180, 150)


def lab(color):
    return rgb2lab(np.array(color, dtype=np.uint8)[np.newaxis, np.newaxis])[0, 0]


def two_colors():
    """Draw a lesion of 20 × 40 pixels, brown on its left and blue on its right half, on skin."""
    image = np.full((60, 100, 3), SKIN, dtype=np.uint8)
    mask = np.zeros((60, 100), dtype=bool)
    mask[20:40, 30:70] = True
    image[20:40, 30:50], image[20:40, 50:70] = BROWN, BLUE
    return image, mask


def test_lab_equals_scikit_image():
    pixels = np.random.default_rng(0).integers(0, 256, (5000, 3), dtype=np.uint8)
    np.testing.assert_allclose(rgb_to_lab(pixels.T).T, rgb2lab(pixels), atol=0.06)
    grays = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(-1, 3)
    assert abs(rgb_to_lab(grays.T)[1:]).max() < 1e-3


def test_two_colors():
    found = measure_color(*two_colors())
    brown, blue, skin = lab(BROWN), lab(BLUE), lab(SKIN)
    mean = (brown + blue) / 2
    contrast = mean - skin
    assert [found[name] for name in CONTRASTS[:3]] == pytest.approx(contrast, abs=0.01)
    assert found["color_contrast"] == pytest.approx(np.linalg.norm(contrast), abs=0.01)
    half = abs(brown - blue) / 2
    assert [found[f"{name}_std"] for name in ("lightness", "a", "b")] == pytest.approx(half, abs=0.01)
    assert [found[f"{name}_iqr"] for name in ("lightness", "a", "b")] == pytest.approx(2 * half, abs=1 / 16)
    chromas = np.hypot(brown[1], brown[2]), np.hypot(blue[1], blue[2])
    assert found["chroma_std"] == pytest.approx(abs(chromas[0] - chromas[1]) / 2, abs=0.01)
    assert found["hue_spread"] == pytest.approx(1 - np.hypot(*mean[1:]) / np.mean(chromas), abs=0.001)
    assert found["color_entropy"] == pytest.approx(1)
    assert found["blue_gray_fraction"] == 0.5
    assert found["color_asymmetry_major"] == pytest.approx(0, abs=1e-4)
    assert found["color_asymmetry_minor"] == pytest.approx(np.linalg.norm(brown - blue), abs=0.01)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_uniform_gray(level):
    image = np.full((30, 30, 3), level, dtype=np.uint8)
    mask = np.zeros((30, 30), dtype=bool)
    mask[10:20, 10:20] = True
    found = measure_color(image, mask)
    assert [found[name] for name in (*CONTRASTS, *SPREADS)] == pytest.approx([0] * (len(SPREADS) + 4), abs=1e-3)
    assert [found[f"{name}_ratio"] for name in RGB] == [1 if level else 0] * 3
    assert [found[f"{name}_p{percentile}"] for name in LAB for percentile in (5, 95)] == pytest.approx(
        [0] * 6, abs=1 / 16
    )
    assert sum(found[f"{name}_fraction"] for name in COLORS) == found["n_colors"] == 1


def test_interquartile_range():
    image = np.zeros((4, 25, 3), dtype=np.uint8)
    mask = np.ones((4, 25), dtype=bool)
    image[:] = np.arange(100, dtype=np.uint8).reshape(4, 25, 1)
    lightness = rgb2lab(image)[..., 0]
    expected = np.subtract(*np.percentile(lightness, [75, 25], method="inverted_cdf"))
    assert measure_color(image, mask)["lightness_iqr"] == pytest.approx(expected, abs=1 / 16)


@pytest.mark.parametrize("mask_of", ["one pixel", "one row", "whole frame"])
def test_small_and_whole_masks(mask_of):
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    mask = np.zeros((20, 30), dtype=bool)
    mask[{"one pixel": (5, 5), "one row": (5, slice(None)), "whole frame": ...}[mask_of]] = True
    found = measure_color(image, mask)
    for name, value in found.items():
        assert np.isfinite(value) if mask_of != "whole frame" or name in INDEPENDENT else np.isnan(value), name
    if mask_of == "one pixel":
        assert [found[name] for name in SPREADS] == [0] * len(SPREADS)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 14), st.tuples(st.integers(0, 39), st.integers(0, 49)))
def test_pixels_outside_lesion_and_ring_have_no_influence(seed, radius, center):
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    y, x = np.mgrid[:40, :50] - np.reshape(center, (2, 1, 1))
    mask = np.hypot(y, x) <= radius
    far = ~mask & ~find_ring(mask, max(0.2 * np.sqrt(mask.sum()), 1))
    other = image.copy()
    other[far] = random.integers(0, 256, (far.sum(), 3))
    np.testing.assert_array_equal(list(measure_color(image, mask).values()), list(measure_color(other, mask).values()))

    inside = image.copy()
    inside[~mask] = 0
    found, without_skin = measure_color(image, mask), measure_color(inside, mask)
    assert all(found[name] == without_skin[name] for name in INDEPENDENT)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 3), st.booleans())
def test_invariance_to_quarter_turns_and_mirror(seed, turns, mirror):
    random = np.random.default_rng(seed)
    image, mask = random.integers(0, 256, (18, 22, 3), dtype=np.uint8), np.zeros((18, 22), dtype=bool)
    mask[5:12, 4:17] = random.random((7, 13)) < 0.7
    image_2, mask_2 = np.rot90(image, turns), np.rot90(mask, turns)
    if mirror:
        image_2, mask_2 = image_2[:, ::-1], mask_2[:, ::-1]
    before, after = measure_color(image, mask), measure_color(image_2, mask_2)
    assert list(after.values()) == pytest.approx(list(before.values()), rel=1e-6, abs=1e-6)


def on_skin(*colors):
    """Draw a lesion with stripes of the given colors on skin."""
    image = np.full((60, 100, 3), SKIN, dtype=np.uint8)
    mask = np.zeros((60, 100), dtype=bool)
    mask[20:40, 30:70] = True
    for columns, color in zip(np.array_split(np.arange(30, 70), len(colors)), colors, strict=True):
        image[20:40, columns] = color
    return image, mask


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((235, 200, 170), "white"),
        ((200, 90, 90), "red"),
        ((190, 130, 90), "light_brown"),
        ((110, 70, 40), "dark_brown"),
        ((80, 90, 110), "blue_gray"),
        ((40, 30, 28), "black"),
    ],
)
@pytest.mark.parametrize("light", [1.0, 0.6])
def test_dermoscopic_colors_in_different_light(color, name, light):
    image, mask = on_skin(color)
    found = measure_color(np.rint(image * light).astype(np.uint8), mask)
    assert {other: found[f"{other}_fraction"] for other in COLORS} == {other: float(other == name) for other in COLORS}


def test_fractions_and_number_of_colors():
    image, mask = on_skin((110, 70, 40), (110, 70, 40), (80, 90, 110), (190, 130, 90))
    found = measure_color(image, mask)
    fractions = {name: found[f"{name}_fraction"] for name in ("dark_brown", "blue_gray", "light_brown", "white")}
    assert fractions == {"dark_brown": 0.5, "blue_gray": 0.25, "light_brown": 0.25, "white": 0}
    assert found["n_colors"] == 3
    assert found["blue_white_veil_fraction"] == 0.25


def test_color_below_two_percent_does_not_count():
    image, mask = on_skin((110, 70, 40))
    image[20, 30:45] = (40, 30, 28)  # 15 of 800 pixels
    found = measure_color(image, mask)
    assert found["black_fraction"] == pytest.approx(0.01875)
    assert found["n_colors"] == 1


def test_relative_features_do_not_depend_on_the_light():
    image, mask = two_colors()
    names = [f"{channel}_ratio{suffix}" for channel in RGB for suffix in ("", "_std")]
    names += ["saturation_contrast", "saturation_std", *(f"{name}_fraction" for name in COLORS), "n_colors"]
    before, after = measure_color(image, mask, names), measure_color(image // 2, mask, names)
    assert list(after.values()) == pytest.approx(list(before.values()), abs=0.02)


def test_ratios_and_saturation():
    image, mask = on_skin(BROWN)
    found = measure_color(image, mask)
    assert [found[f"{name}_ratio"] for name in RGB] == pytest.approx(np.divide(BROWN, SKIN))
    assert found["saturation_contrast"] == pytest.approx((1 - 40 / 120) - (1 - 150 / 220), abs=1e-6)
    difference = lab(BROWN) - lab(SKIN)
    chroma = np.hypot(*lab(BROWN)[1:]) - np.hypot(*lab(SKIN)[1:])
    hue = np.sqrt(difference @ difference - difference[0] ** 2 - chroma**2)
    assert abs(found["hue_contrast"]) == pytest.approx(hue, abs=0.05)


def test_core_minus_rim():
    image, mask = on_skin(BROWN)
    image[25:35, 35:65] = BLUE  # 300 of 800 pixels
    found = measure_color(image, mask)
    depth = ndimage.distance_transform_edt(mask)[mask]
    inside = np.all(image[mask] == BLUE, axis=1)
    core = depth > np.median(depth)
    expected = (inside[core].mean() - inside[~core].mean()) * (lab(BLUE) - lab(BROWN))
    assert [found[f"{name}_core_to_rim"] for name in LAB] == pytest.approx(expected, rel=0.05)


def test_standard_deviation_by_zone():
    image, mask = on_skin(BROWN)
    image[:, 50] = BLUE  # a line through the border and the core
    found = measure_color(image, mask)
    depth = ndimage.distance_transform_edt(mask)[mask]
    blue = np.all(image[mask] == BLUE, axis=1)
    zones = np.searchsorted(np.quantile(depth, [0.25, 0.5, 0.75]), depth)
    fractions = np.array([blue[zones == zone].mean() for zone in range(4)])
    assert 0 < fractions.min() < fractions.max()
    expected = np.abs(lab(BLUE) - lab(BROWN))[:, np.newaxis] * np.sqrt(fractions * (1 - fractions))
    actual = [[found[f"{name}_std_zone_{zone}"] for zone in (1, 2, 3, 4)] for name in LAB]
    np.testing.assert_allclose(actual, expected, rtol=1e-2)


def test_tiny_lesion_has_one_zone():
    image, mask = on_skin(BROWN)
    mask[:] = False
    mask[30:32, 40:42] = True  # the same depth everywhere
    found = measure_color(image, mask)
    assert [found[f"b_std_zone_{zone}"] for zone in (1, 2, 3, 4)] == [0] * 4


def test_percentiles_are_relative_to_the_skin():
    image, mask = two_colors()
    found = measure_color(image, mask)
    low, high = sorted((lab(BROWN)[2] - lab(SKIN)[2], lab(BLUE)[2] - lab(SKIN)[2]))
    assert [found["b_p5"], found["b_p95"]] == pytest.approx([low, high], abs=0.1)
    assert [found[f"skin_{name}"] for name in LAB] == pytest.approx(lab(SKIN), abs=0.05)


def test_contrast_and_sharpness_of_the_border():
    image, mask = on_skin(BROWN)
    sharp = measure_color(image, mask)
    step = np.linalg.norm(lab(BROWN) - lab(SKIN))
    assert [sharp[f"border_{name}"] for name in ("contrast_mean", "sharpness_min")] == pytest.approx(
        [step] * 2, abs=0.1
    )
    assert sharp["border_contrast_std"] == pytest.approx(0, abs=1e-3)

    rim = mask.copy()
    rim[22:38, 32:68] = False
    image[rim] = np.add(BROWN, SKIN) // 2
    faded = measure_color(image, mask)
    assert faded["border_sharpness_mean"] < 0.7 * sharp["border_sharpness_mean"]
    assert faded["border_contrast_mean"] > faded["border_sharpness_mean"]


def test_large_images_are_shrunk_to_the_working_size():
    image, mask = two_colors()
    twice = measure_color(image.repeat(10, 0).repeat(10, 1), mask.repeat(10, 0).repeat(10, 1))
    once = measure_color(image.repeat(3, 0).repeat(3, 1), mask.repeat(3, 0).repeat(3, 1))
    names = [*CONTRASTS, "blue_gray_fraction", "lightness_std", "b_core_to_rim", "red_ratio"]
    assert [twice[name] for name in names] == pytest.approx([once[name] for name in names], rel=0.05, abs=0.5)


def draw_two_shades(angle, size):
    """Draw a rotated lesion that fades from brown to blue, with light stripes, at a given size."""
    y, x = (np.mgrid[:size, :size] - (size - 1) / 2) / size
    down, across = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
    radius = np.hypot(down / 0.25, across / 0.36)
    weight = np.clip(across / 0.72 + 0.5, 0, 1)[..., np.newaxis]
    color = (1 - weight) * BROWN + weight * BLUE + 20 * np.sin(30 * down)[..., np.newaxis]
    inside = np.clip((1 - radius) * 20, 0, 1)[..., np.newaxis]
    return np.rint((1 - inside) * SKIN + inside * color).astype(np.uint8), radius <= 1


@pytest.mark.parametrize(("angle", "size"), [(0.3, 200), (0.7, 200), (1.2, 200), (0, 100), (0, 384), (0, 768)])
def test_rotation_and_size_change_little(angle, size):
    before, after = measure_color(*draw_two_shades(0, 200)), measure_color(*draw_two_shades(angle, size))
    for name, value in before.items():
        # The sectors of the border do not rotate with the lesion.
        assert after[name] == pytest.approx(value, rel=0.01, abs=4 if name.startswith("border") else 1), name


def test_width_of_the_ring():
    mask = np.zeros((121, 121), dtype=bool)
    mask[60, 60] = True
    y, x = np.mgrid[-60:61, -60:61]
    distance = np.hypot(y, x)[find_ring(mask, 40)]
    assert distance.min() == 1
    assert 40 <= distance.max() <= 1.1 * 40
    assert np.count_nonzero(distance) == pytest.approx(np.pi * 40**2, rel=0.1)


@pytest.mark.parametrize("width", [1, 2.5, 6, 17.3])
def test_ring_is_dilation_by_a_square_and_a_diamond(width):
    mask = np.random.default_rng(int(width)).random((41, 57)) < 0.004
    mask[0, 0] = mask[20, 56] = True  # the frame cuts the ring
    square = round((np.sqrt(2) - 1) * width)
    near = ndimage.binary_dilation(mask, np.ones((2 * square + 1, 2 * square + 1)))
    distance = ndimage.distance_transform_cdt(~near, "taxicab")
    expected = (distance <= max(round(width) - square, 1)) & ~mask
    np.testing.assert_array_equal(find_ring(mask, width), expected)


def test_invalid_input_raises():
    image, mask = two_colors()
    with pytest.raises(ValueError, match="mask must have the shape of its image"):
        measure_color(image, mask[1:])
    with pytest.raises(ValueError, match="at least one True pixel"):
        measure_color(image, np.zeros_like(mask))
    with pytest.raises(ValueError, match="Known are lightness_contrast"):
        measure_color(image, mask, ["redness"])


@pytest.mark.parametrize("skin", [SKIN, (90, 60, 40), (130, 140, 170)])
def test_skin_ita_is_the_angle_of_the_skin_color(skin):
    image, mask = two_colors()
    image[~mask] = skin
    lightness, _, b = lab(skin)
    found = measure_color(image, mask, ["skin_ita", "skin_lightness", "skin_b"])
    expected = np.degrees(np.arctan((lightness - 50) / b)) + (180 if b < 0 else 0)
    assert found["skin_ita"] == pytest.approx(expected, abs=0.1)
    assert found["skin_ita"] == np.degrees(np.arctan2(found["skin_lightness"] - 50, found["skin_b"]))


def test_skin_ita_is_computed_only_by_name():
    image, mask = two_colors()
    assert "skin_ita" not in measure_color(image, mask)
    assert "skin_ita" not in ColorFeatures().get_feature_names_out()
    assert list(ColorFeatures(["skin_ita", "a_std"]).get_feature_names_out()) == ["skin_ita", "a_std"]
    assert np.isnan(measure_color(image, np.ones_like(mask), ["skin_ita"])["skin_ita"])
