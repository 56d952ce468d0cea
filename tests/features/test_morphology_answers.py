"""Known values of the morphology features, on shifted and rotated outlines and on unusual masks."""

from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cdist
from scipy.special import ellipe, eval_jacobi
from skimage import measure

from sklearn_melanoma import Lesion
from sklearn_melanoma._geometry import dilate, erode, to_bits
from sklearn_melanoma.features import MorphologyFeatures, measure_morphology
from sklearn_melanoma.features._hull import convex_hull, smallest_rectangle
from sklearn_melanoma.features._morphology import DIMENSIONS, Morphology

NAMES = MorphologyFeatures.FEATURES
laws = settings(max_examples=25, deadline=None)
random_masks = (
    st.tuples(st.integers(1, 12), st.integers(1, 12))
    .flatmap(lambda shape: arrays(bool, shape, elements=st.booleans()))
    .filter(np.any)
)
places = st.tuples(st.floats(0, pi), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))


def coordinates(reach, place=(0.0, 0.0, 0.0)):
    """Return two coordinates of the pixels of a square array, rotated and shifted."""
    turn, down, right = place
    size = int(reach) + 3
    y, x = np.mgrid[-size : size + 1, -size : size + 1]
    y, x = y - down, x - right
    return np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x


def draw_ellipse(major, minor, place=(0.0, 0.0, 0.0)):
    u, v = coordinates(major, place)
    return (u / major) ** 2 + (v / minor) ** 2 <= 1


def draw_bar(length, width, place=(0.0, 0.0, 0.0)):
    u, v = coordinates(length, place)
    return (abs(u) <= length / 2) & (abs(v) <= width / 2)


def draw_triangle(radius, place=(0.0, 0.0, 0.0)):
    """Draw an equilateral triangle of this circumscribed radius."""
    u, v = coordinates(radius, place)
    return (v >= -radius / 2) & (v <= radius - sqrt(3) * abs(u))


def blob(size, u, v):
    """Return the pixels inside an irregular outline, which is the same at any size."""
    angle = np.arctan2(v, u)
    wave = 0.06 * np.cos(2 * angle) + 0.04 * np.sin(3 * angle) + 0.02 * np.cos(7 * angle)
    return np.hypot(u, v) <= size * (0.4 + wave)


def draw_blob(size, place=(0.0, 0.0, 0.0)):
    return blob(size, *coordinates(0.6 * size, place))


@laws
@given(places, st.sampled_from([5, 20, 60]))
def test_disk(place, radius):
    found = measure_morphology(draw_ellipse(radius, radius, place))
    pixel = 1 / radius
    for name in ("mean_feret_diameter", "rectangle_length", "rectangle_width"):
        assert found[name] == pytest.approx(2 * radius, abs=1.6), name
    assert found["hull_area"] == found["area"]
    assert found["rectangularity"] == pytest.approx(pi / 4, abs=0.9 * pixel)
    assert found["major_axis_length"] == pytest.approx(2 * radius, abs=0.7)
    assert found["minor_axis_length"] == pytest.approx(2 * radius, abs=0.7)
    assert found["mean_chord"] == pytest.approx(pi * radius / 2, abs=0.7)
    assert found["inscribed_radius"] == pytest.approx(radius, abs=0.75)
    assert found["inscribed_ratio"] == pytest.approx(1, abs=pixel)
    assert found["mean_depth"] == pytest.approx(radius / 3, abs=0.2)
    assert found["median_depth"] == pytest.approx(radius * (1 - sqrt(0.5)), abs=0.3)
    assert found["radial_mean"] == pytest.approx(1, abs=0.005)
    for order in range(2, 7):
        assert found[f"fourier_{order}"] < 0.5 * pixel, order
    assert found["box_counting_dimension"] == pytest.approx(1, abs=0.4 * pixel)
    assert found["protrusion_fraction"] < (0.06 if radius < 20 else 0.0065)
    assert found["indentation_fraction"] == 0
    assert found["largest_irregularity"] <= found["protrusion_fraction"]
    assert found["indentation_depth"] < pixel
    assert (found["n_parts"], found["n_holes"]) == (1, 0)
    assert found["zernike_0_0"] == pytest.approx(1, abs=0.8 * pixel)
    assert found["zernike_4_4"] < 2 * pixel


@pytest.mark.parametrize("radius", [500, 1000])
def test_large_disk(radius):
    found = measure_morphology(draw_ellipse(radius, radius, (0.3, 0.2, 0.4)))
    for name in ("mean_feret_diameter", "rectangle_length", "rectangle_width", "major_axis_length"):
        assert found[name] == pytest.approx(2 * radius, abs=0.7), name
    assert found["inscribed_radius"] == pytest.approx(radius, abs=0.7)
    assert found["mean_depth"] == pytest.approx(radius / 3, abs=0.2)
    assert found["mean_chord"] == pytest.approx(pi * radius / 2, rel=1e-3)
    assert found["radial_mean"] == pytest.approx(1, abs=1e-4)
    assert found["box_counting_dimension"] == pytest.approx(1, abs=1e-3)
    assert found["zernike_2_0"] == pytest.approx(0, abs=0.005)


@laws
@given(places, st.sampled_from([20, 60]))
def test_ellipse(place, radius):
    ratio = 0.6
    found = measure_morphology(draw_ellipse(radius, ratio * radius, place))
    length = 4 * radius * ellipe(1 - ratio**2)
    assert found["mean_feret_diameter"] == pytest.approx(length / pi, abs=0.5)
    assert found["rectangle_length"] == pytest.approx(2 * radius, rel=0.04, abs=3.5)
    assert found["rectangle_width"] == pytest.approx(2 * ratio * radius, rel=0.04, abs=3)
    assert found["major_axis_length"] == pytest.approx(2 * radius, abs=0.6)
    assert found["minor_axis_length"] == pytest.approx(2 * ratio * radius, abs=0.4)
    assert found["mean_chord"] == pytest.approx(pi**2 * radius**2 * ratio / length, rel=0.02)
    assert found["inscribed_radius"] == pytest.approx(ratio * radius, abs=0.5)
    assert found["inscribed_ratio"] == pytest.approx(ratio, abs=0.02)
    # The squared radius is 1 / (c² + s²/q²). Each of its harmonics is the previous one times (1 - q) / (1 + q).
    for order, expected in zip(range(2, 7), (0.25, 0, 0.25**2, 0, 0.25**3), strict=True):
        assert found[f"fourier_{order}"] == pytest.approx(expected, abs=0.015), order
    assert found["zernike_0_0"] == pytest.approx(ratio, abs=0.03)
    assert found["zernike_2_0"] == pytest.approx(3 * ratio * (1 - (1 + ratio**2) / 2), abs=0.04)
    assert found["zernike_2_2"] == pytest.approx(3 / 4 * ratio * (1 - ratio**2), abs=0.04)
    assert found["protrusion_fraction"] < 0.02
    assert found["indentation_fraction"] == 0


@laws
@given(places, st.sampled_from([(40, 40), (120, 120), (120, 30)]))
def test_bar(place, size):
    length, width = size
    found = measure_morphology(draw_bar(length, width, place))
    assert found["rectangle_length"] == pytest.approx(length, abs=1)
    assert found["rectangle_width"] == pytest.approx(width, abs=1)
    assert 1 - 2.2 / width <= found["rectangularity"] <= 1
    assert found["mean_feret_diameter"] == pytest.approx(2 * (length + width) / pi, abs=1.8)
    assert found["major_axis_length"] == pytest.approx(4 * length / sqrt(12), rel=0.03)
    assert found["minor_axis_length"] == pytest.approx(4 * width / sqrt(12), rel=0.04)
    assert found["inscribed_radius"] == pytest.approx(width / 2, abs=1.1)
    assert found["inscribed_ratio"] == pytest.approx(width / np.hypot(length, width), abs=0.06)
    assert found["indentation_fraction"] == 0


def test_opening_removes_corners():
    found = measure_morphology(np.ones((320, 320), dtype=bool))
    assert found["protrusion_fraction"] == pytest.approx((4 - pi) / 64, abs=0.003)  # for a disk of radius 40
    assert found["largest_irregularity"] == pytest.approx(found["protrusion_fraction"] / 4)


@pytest.mark.parametrize("place", [(0.0, 0.0, 0.0), (0.4, 0.3, 0.1), (1.0, -0.2, 0.4)])
def test_triangle(place):
    found = measure_morphology(draw_triangle(100, place))
    assert found["rectangularity"] == pytest.approx(0.5, abs=0.01)
    assert found["rectangle_length"] == pytest.approx(100 * sqrt(3), abs=2)
    assert found["rectangle_width"] == pytest.approx(150, abs=2)
    assert found["inscribed_radius"] == pytest.approx(50, abs=0.5)
    assert found["inscribed_ratio"] == pytest.approx(0.5, abs=0.01)
    assert found["mean_depth"] == pytest.approx(50 / 3, abs=0.2)
    assert found["fourier_3"] == pytest.approx(0.281, abs=0.003)
    assert max(found[f"fourier_{order}"] for order in (2, 4, 5)) < 0.005
    assert found["zernike_3_3"] == pytest.approx(0.167, abs=0.01)


@pytest.mark.parametrize("turned", [False, True])
def test_bay_and_spur(turned):
    mask = np.zeros((100, 150), dtype=bool)
    mask[:, 10:110] = True
    mask[30:34, 110:140] = True  # narrower than 2 · 100 / 8
    mask[60:66, 70:110] = False
    found = measure_morphology(mask.T if turned else mask)
    area = np.count_nonzero(mask)
    corner = (1 - pi / 4) / 64  # the disk leaves this at six convex corners and at two corners below the spur
    assert found["protrusion_fraction"] == pytest.approx(4 * 30 / area + 6 * corner, abs=0.003)
    assert found["indentation_fraction"] == pytest.approx(6 * 40 / area + 2 * corner, abs=0.003)
    assert found["largest_irregularity"] == pytest.approx(6 * 40 / area, rel=0.15)
    # The deepest pixel is next to the end of the bay, in row 59. The nearest edge of the hull is row 99.
    assert found["indentation_depth"] == pytest.approx(40 / sqrt(area / pi))


def test_hole_is_an_indentation_without_depth():
    mask = draw_ellipse(60, 60)
    holed = mask.copy()
    holed[60:66, 60:66] = False
    before, after = measure_morphology(mask), measure_morphology(holed)
    assert after["n_holes"] == 1
    assert after["indentation_fraction"] == pytest.approx(36 / np.count_nonzero(holed))
    assert after["indentation_depth"] == pytest.approx(before["indentation_depth"], rel=0.01)
    assert after["inscribed_radius"] < 0.55 * before["inscribed_radius"]


def test_mean_chord_of_random_lines():
    random = np.random.default_rng(0)
    angle, offset = random.uniform(0, pi, (1500, 1)), random.uniform(-80, 80, (1500, 1))
    along = np.arange(-80, 80, 0.1)
    y, x = offset * np.cos(angle) + along * np.sin(angle), along * np.cos(angle) - offset * np.sin(angle)
    inside = blob(120, x, y) & ~(np.hypot(x - 8, y) <= 15)
    u, v = coordinates(72)
    mask = blob(120, u, v) & ~(np.hypot(u - 8, v) <= 15)
    pieces = np.count_nonzero(inside[:, 1:] > inside[:, :-1])
    expected = 0.1 * np.count_nonzero(inside) / pieces
    assert measure_morphology(mask, ["mean_chord"])["mean_chord"] == pytest.approx(expected, rel=0.04)


@laws
@given(random_masks)
def test_depth_is_the_distance_to_the_background(mask):
    morphology = Morphology(mask)
    padded = np.pad(mask, 1)
    outside, inside = np.argwhere(~padded), np.argwhere(padded)
    expected = cdist(inside, outside).min(axis=1)
    assert morphology.depth.dtype == np.float32
    assert morphology.depth.shape == mask.shape
    assert not morphology.depth[~mask].any()
    np.testing.assert_allclose(morphology.depth[mask], expected, rtol=1e-6)
    radius = morphology.inscribed_radius
    assert radius == pytest.approx(expected.max())
    assert morphology.depth.max() == radius
    found = measure_morphology(mask, ["mean_depth", "median_depth"])
    assert found["mean_depth"] == pytest.approx(expected.mean() - 0.25)
    assert found["median_depth"] == pytest.approx(np.median(expected) - 0.25)


@laws
@given(random_masks)
def test_rectangle_is_the_smallest(mask):
    points = np.argwhere(mask).astype(float)
    turns = np.linspace(0, pi / 2, 2000)
    spans = [
        np.ptp(points @ axes, axis=0) for axes in ((np.cos(turns), np.sin(turns)), (-np.sin(turns), np.cos(turns)))
    ]
    length, width = smallest_rectangle(convex_hull(mask))
    least = np.prod(np.add(spans, 1), axis=0).min()
    assert (length + 1) * (width + 1) <= least + 1e-9
    assert (length + 1) * (width + 1) >= 0.99 * least


@laws
@given(random_masks)
def test_parts_and_holes(mask):
    found = measure_morphology(mask, ["n_parts", "n_holes"])
    assert found["n_parts"] == measure.label(mask, connectivity=2).max()
    assert found["n_parts"] - found["n_holes"] == measure.euler_number(mask, connectivity=2)


@laws
@given(random_masks, st.integers(1, 3))
def test_boxes_at_every_position_of_the_grid(mask, step):
    bits, width = to_bits(mask, step)
    offsets = [offset for _ in range(step) for offset in (1, width)]
    counted = dilate(bits, offsets).bit_count() - erode(bits, offsets).bit_count()
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mask, step), (step + 1, step + 1))
    assert counted == np.count_nonzero(windows.any(axis=(2, 3)) & ~windows.all(axis=(2, 3)))


def test_box_counting_dimension_of_line_and_noise():
    square = np.ones((200, 200), dtype=bool)
    assert Morphology(square).box_counting_dimension == pytest.approx(1, abs=0.001)
    random = np.random.default_rng(0)
    noise = random.random((200, 200)) < 0.5
    assert Morphology(noise).box_counting_dimension == pytest.approx(2, abs=0.15)


@laws
@given(random_masks, st.integers(0, 9))
def test_zernike_moments_match_their_definition(mask, order):
    rows, columns = np.nonzero(mask)
    place = (columns - columns.mean()) + 1j * (rows - rows.mean())
    radius = abs(place).max() + 0.25
    place /= radius
    found = Morphology(mask).zernike_magnitudes(order)
    assert len(found) == (order // 2 + 1) * ((order + 1) // 2 + 1)
    # The radial polynomials are orthogonal with the weight ρ, so Jacobi polynomials give them too.
    for (n, m), value in found.items():
        radial = abs(place) ** m * eval_jacobi((n - m) // 2, 0, m, 2 * abs(place) ** 2 - 1)
        moment = (n + 1) / (pi * radius**2) * (radial * np.exp(1j * m * np.angle(place))).sum()
        assert value == pytest.approx(abs(moment), rel=1e-6, abs=1e-8), (n, m)


@pytest.mark.parametrize("order", [-1, 21, 2.5, "4"])
def test_order_out_of_range_raises(order):
    with pytest.raises(ValueError, match="order must be a whole number from 0 to 20, got"):
        Morphology(np.ones((3, 3), dtype=bool)).zernike_magnitudes(order)


CORNERS = np.zeros((40, 60), dtype=bool)
CORNERS[::39, ::59] = True
UNUSUAL_MASKS = {
    "one pixel": np.ones((1, 1), dtype=bool),
    "two pixels": np.ones((1, 2), dtype=bool),
    "two pixels at a corner": np.eye(2, dtype=bool),
    "two pixels apart": CORNERS[:1],
    "a row": np.ones((1, 50), dtype=bool),
    "a diagonal": np.eye(50, dtype=bool),
    "four corners": CORNERS,
    "a frame": np.pad(np.zeros((40, 60), dtype=bool), 1, constant_values=True),
    "a chessboard": np.indices((20, 31)).sum(axis=0) % 2 == 0,
    "three disks": np.hstack([draw_ellipse(20, 20)] * 3),
}


@pytest.mark.parametrize("name", UNUSUAL_MASKS)
def test_unusual_masks_have_finite_features(name):
    mask = UNUSUAL_MASKS[name]
    found = measure_morphology(mask)
    assert np.isfinite(list(found.values())).all(), found
    # A lesion that fills its image has the same features in the middle of a larger image.
    height, width = mask.shape
    image = np.zeros((height + 30, width + 20, 3), dtype=np.uint8)
    lesion = Lesion(image, np.pad(mask, ((10, 20), (5, 15))))
    np.testing.assert_allclose(MorphologyFeatures().fit_transform([lesion])[0], list(found.values()), rtol=1e-9)


@laws
@given(places, st.sampled_from([60, 150]))
def test_rotation_changes_little(place, size):
    straight, turned = measure_morphology(draw_blob(size)), measure_morphology(draw_blob(size, place))
    # The bounding box depends on the rotation by definition. The smallest rectangle depends on it if two rectangles fit
    # nearly as well. Hu's mixed invariants depend on single pixels near 0.
    left_out = {"extent", "rectangle_length", "rectangle_width", "hu_5", "hu_6"}
    for name in NAMES:
        if name not in left_out:
            abs_ = {0: 4 / size, 1: 1.5, 2: 0}[DIMENSIONS.get(name, 0)]
            assert turned[name] == pytest.approx(straight[name], rel=0.03, abs=abs_), name
