"""Tests of the detection and removal of hair."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw
from scipy import ndimage as ndi

from sklearn_melanoma.datasets import load_ph2, make_lesions
from sklearn_melanoma.datasets._noise import honeycomb
from sklearn_melanoma.images import read_image
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.preprocessing import detect_hair, remove_hair

DARK, LIGHT = (40, 30, 25), (250, 246, 240)
BARE = {"hair": 0, "vignette": 0, "ruler": 0}


def lay_line(image, *, width, angle, color, center=(0.5, 0.5), length=0.7):
    """Draw a straight hair and return the image and its pixels; lengths are fractions of the longest side."""
    height, across = image.shape[:2]
    side, fine = max(image.shape), 4
    middle = np.array([center[1] * across, center[0] * height])
    half = length / 2 * side * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    canvas = Image.new("L", (across * fine, height * fine))
    ends = [tuple(point * fine) for point in (middle - half, middle + half)]
    ImageDraw.Draw(canvas).line(ends, fill=255, width=max(round(width * side * fine), 1))
    cover = np.asarray(canvas.reduce(fine), dtype=float)[:, :, np.newaxis] / 255
    return np.rint(image + cover * (np.array(color) - image)).astype(np.uint8), cover[:, :, 0] > 0.3


@pytest.mark.parametrize("color", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("angle", [0, 7, 30, 45, 100, 161])
@pytest.mark.parametrize("width", [0.004, 0.008, 0.012])
def test_finds_and_fills_synthetic_hair(make_image, width, angle, color):
    bare = make_image(288, 384, skin=(200, 160, 140))
    image, hair = lay_line(bare, width=width, angle=angle, color=color)
    found = detect_hair(image)
    assert found[hair].mean() > 0.97
    assert not (found & (ndi.distance_transform_edt(~hair) > 6)).any()
    assert found.sum() < 5 * hair.sum()
    filled = remove_hair(image)
    np.testing.assert_array_equal(filled[~found], image[~found])
    error = np.abs(filled.astype(int) - bare)[hair]
    assert np.abs(image.astype(int) - bare)[hair].mean() > 20
    assert error.mean() < 5  # the contrast is 60 to 120; at most angles, the error is below 2, the noise of the image


@pytest.mark.parametrize("size", [(72, 96), (96, 72), (150, 200), (384, 384), (576, 768), (1125, 1500)])
@pytest.mark.parametrize("color", [DARK, LIGHT], ids=["dark", "light"])
def test_finds_hair_at_any_image_size(make_image, size, color):
    bare = make_image(*size, skin=(200, 160, 140))
    image, hair = lay_line(bare, width=0.012, angle=25, color=color)
    assert detect_hair(image)[hair].mean() > 0.9
    assert np.abs(remove_hair(image).astype(int) - bare)[hair].mean() < 6


def test_same_result_at_384_and_3072_pixels():
    for angle, color in ((20, DARK), (75, LIGHT)):
        large, _ = lay_line(np.full((2304, 3072, 3), 160, np.uint8), width=0.008, angle=angle, color=color)
        small = read_image(large, max_side=384)
        found_small, found_large = detect_hair(small), detect_hair(large)
        shrunk = np.asarray(Image.fromarray(found_large).resize((384, 288), Image.Resampling.NEAREST))
        assert mask_jaccard(found_small, shrunk) > 0.9
        filled = read_image(remove_hair(large), max_side=384).astype(int)
        assert np.abs(filled - remove_hair(small)).mean() < 0.2


def test_removes_hair_from_synthetic_images():
    bare = make_lesions(16, random_state=11, **BARE)
    hairy = make_lesions(16, random_state=11, **BARE | {"hair": 1, "light_hair": 0.5})
    before, after = [], []
    for clean, image in zip(bare.images, hairy.images, strict=True):
        before.append(np.abs(image.astype(int) - clean).mean())
        after.append(np.abs(remove_hair(image).astype(int) - clean).mean())
    assert np.mean(after) < 0.3 * np.mean(before)
    assert np.less(after, before).all()


def test_finds_crossing_and_curved_hair():
    image = np.full((192, 256, 3), 170, np.uint8)
    y, x = np.mgrid[:192, :256]
    hair = np.abs(np.hypot(y - 96, x - 128) - 60) < 1.2
    hair |= np.abs(x - 128) < 1.2
    image[hair] = DARK
    assert detect_hair(image)[hair].mean() > 0.98
    assert np.abs(remove_hair(image).astype(int) - 170).max() <= 12


def test_finds_hair_up_to_frame():
    image, hair = lay_line(np.full((192, 256, 3), 170, np.uint8), width=0.01, angle=0, color=DARK, length=2)
    assert detect_hair(image)[hair].all()


# Structures that are not hair


def mesh(height=192, width=256, *, period=0.04, depth=15, seed=0):
    """Draw an elliptic lesion with a pigment network: holes in an uneven honeycomb."""
    side = max(height, width)
    y, x = (np.mgrid[:height, :width] + 0.5) / side
    net = np.clip(
        0.6 - honeycomb(np.random.default_rng(seed), (height, width), period * side / min(height, width)), 0, 1
    )
    inside = np.hypot((y - height / side / 2) / 0.25, (x - 0.5) / 0.33) < 1
    gray = 190 - inside * (50 + depth * net)
    return np.rint(gray[:, :, np.newaxis] * [1, 0.75, 0.6]).astype(np.uint8)


def globules(height=192, width=256):
    """Draw separate dots at random places."""
    random, side, centers = np.random.default_rng(0), max(height, width), []
    y, x = np.mgrid[:height, :width] / side
    gray = np.full((height, width), 180.0)
    for center in random.uniform((0.2, 0.25), (0.55, 0.75), (300, 2)):
        if all(np.hypot(*(center - other)) > 0.055 for other in centers):
            centers.append(center)
            gray[np.hypot(y - center[0], x - center[1]) < random.uniform(0.006, 0.016)] = 70
    return np.rint(gray[:, :, np.newaxis] * [1, 0.8, 0.7]).astype(np.uint8)


def border(height=192, width=256, *, radius=0.25):
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(y - height / 2, x - width / 2) < radius * width
    return np.where(inside[:, :, np.newaxis], (70, 40, 35), (220, 180, 160)).astype(np.uint8)


def edge(height=192, width=256):
    image = np.full((height, width, 3), 200, np.uint8)
    image[:, 100:] = 60
    image[150:] = 20
    return image


def stubble(height=192, width=256):
    image = np.full((height, width, 3), 200, np.uint8)
    for row in range(10, height - 10, 16):
        image[row : row + 2, 20:28] = 40
    return image


@pytest.mark.parametrize(
    "image",
    [mesh(), mesh(period=0.06, depth=20), border(), border(radius=0.1), edge(), stubble()],
    ids=["network", "coarse network", "border", "small border", "edges", "stubble"],
)
def test_structures_without_hair_are_unchanged(image):
    assert not detect_hair(image).any()
    assert remove_hair(image) is image


def test_few_globules_are_detected_as_hair():
    """Three globules in a row by chance, dark and sharp like hair, can be detected."""
    assert detect_hair(globules()).mean() < 0.01


def test_synthetic_images_without_hair_hardly_change():
    """The images have networks, globules and borders; some have furrows that are as long and straight as hair."""
    covered = [detect_hair(image).mean() for image in make_lesions(80, random_state=1, **BARE).images]
    assert np.count_nonzero(covered) <= 12
    assert np.mean(covered) < 0.002


def test_finds_hair_over_network():
    image, hair = lay_line(mesh(), width=0.01, angle=10, color=(10, 10, 10), length=0.9)
    found = detect_hair(image)
    assert found[hair].mean() > 0.8
    assert (found & (ndi.distance_transform_edt(~hair) > 6)).sum() < 0.01 * found.size


def test_ignores_short_and_faint_hair():
    skin = np.full((192, 256, 3), 200, np.uint8)
    image, _ = lay_line(skin, width=0.01, angle=30, color=DARK, length=0.2)
    assert detect_hair(image).any()
    assert detect_hair(image, min_length=0.15).any()
    assert not detect_hair(image, min_length=0.3).any()
    image, _ = lay_line(skin, width=0.015, angle=30, color=(185, 185, 185))
    assert detect_hair(image).any()
    assert detect_hair(image, min_contrast=0.03).any()
    assert not detect_hair(image, min_contrast=0.2).any()


def test_vessel_is_no_hair():
    """A vessel is dark only in green and blue."""
    image, line = lay_line(np.full((192, 256, 3), 200, np.uint8), width=0.01, angle=30, color=(200, 90, 100))
    assert line.any()
    assert remove_hair(image) is image


@pytest.mark.parametrize("level", [0, 1, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (96, 128)])
def test_constant_images_are_unchanged(level, shape):
    image = np.full((*shape, 3), level, np.uint8)
    assert remove_hair(image) is image
    assert detect_hair(image).shape == shape


# Any input


@settings(max_examples=80, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    st.floats(0.001, 1),
    st.floats(0.001, 1),
)
def test_keeps_shape_and_input(image, min_contrast, min_length):
    before = image.copy()
    hair = detect_hair(image, min_contrast=min_contrast, min_length=min_length)
    filled = remove_hair(image, min_contrast=min_contrast, min_length=min_length)
    assert (hair.shape, hair.dtype) == (image.shape[:2], bool)
    assert (filled.shape, filled.dtype) == (image.shape, np.uint8)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(filled[~hair], image[~hair])


def test_rotated_image_gives_rotated_hair():
    image, _ = lay_line(np.full((256, 256, 3), 180, np.uint8), width=0.01, angle=35, color=DARK)
    found = detect_hair(image)
    for turned, back in ((np.rot90(image), lambda a: np.rot90(a, -1)), (image[:, ::-1], lambda a: a[:, ::-1])):
        assert mask_jaccard(found, back(detect_hair(np.ascontiguousarray(turned)))) > 0.85


def test_accepts_other_image_types():
    gray = np.full((96, 128), 200, np.uint8)
    gray[50:52, 20:110] = 60
    expected = detect_hair(np.stack([gray] * 3, axis=2))
    assert expected.any()
    for image in (gray, gray / 255, gray.astype(np.uint16) * 257):
        np.testing.assert_array_equal(detect_hair(image), expected)
        assert remove_hair(image).shape == (96, 128, 3)


@pytest.mark.parametrize("function", [detect_hair, remove_hair])
@pytest.mark.parametrize("name", ["min_contrast", "min_length"])
@pytest.mark.parametrize("value", [0, -1, 1.5, float("nan")])
def test_rejects_invalid_parameters(function, name, value):
    with pytest.raises(ValueError, match=f"{name} must lie above 0 and not above 1, got {value}"):
        function(np.zeros((8, 8, 3), np.uint8), **{name: value})


@pytest.mark.parametrize("function", [detect_hair, remove_hair])
def test_rejects_invalid_image(function):
    with pytest.raises(ValueError, match=r"image must have shape \(height, width, 3\), got \(4, 4, 2\)"):
        function(np.zeros((4, 4, 2)))


@pytest.mark.real_data
def test_hair_of_real_images(real_data):
    """Three images have thick hair. The others have no hair, but a network, globules or a rough surface."""
    paths = {Path(path).stem: path for path in load_ph2(real_data("ph2")).images}
    covered = {name: detect_hair(read_image(path, max_side=384)).mean() for name, path in paths.items()}
    assert all(covered[name] > 0.08 for name in ("IMD101", "IMD375", "IMD305"))
    assert all(covered[name] < 0.01 for name in ("IMD044", "IMD182", "IMD147", "IMD149", "IMD169", "IMD399", "IMD138"))
