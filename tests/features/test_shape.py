from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import ConvexHull
from scipy.special import ellipe
from skimage import measure

from sklearn_melanoma.features import (
    MorphologyFeatures,
    asymmetry,
    box_counting_dimension,
    compactness,
    fractal_dimension,
    max_span,
    maximum_inscribed_circle,
    measure_shape,
    min_feret_diameter,
    minimum_enclosing_circle,
    perimeter,
    perimeter_ratio,
    zernike_magnitudes,
)
from sklearn_melanoma.features._hull import convex_hull, count_hull_pixels

NAMES = MorphologyFeatures.FEATURES
LENGTHS = {
    **dict.fromkeys(("area", "hull_area"), 2),
    **dict.fromkeys(("perimeter", "max_span", "min_feret_diameter", "mean_feret_diameter", "equivalent_diameter"), 1),
    **dict.fromkeys(("rectangle_length", "rectangle_width", "major_axis_length", "minor_axis_length"), 1),
    **dict.fromkeys(("mean_chord", "inscribed_radius", "mean_depth", "median_depth"), 1),
}
random_masks = (
    st.tuples(st.integers(1, 12), st.integers(1, 12))
    .flatmap(lambda shape: arrays(bool, shape, elements=st.booleans()))
    .filter(np.any)
)
laws = settings(max_examples=25, deadline=None)


def ellipse(radius, ratio=1.0, *, turn=0.0, shift=(0.0, 0.0)):
    y, x = np.mgrid[-radius - 2 : radius + 3, -radius - 2 : radius + 3] - np.reshape(shift, (2, 1, 1))
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    return u**2 + (v / ratio) ** 2 <= radius**2


def blob(size, *, phase=0.0):
    """Draw an irregular outline of the same shape at any size."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    angle = np.arctan2(y, x) + phase
    outline = 0.3 + 0.06 * np.cos(2 * angle) + 0.04 * np.sin(3 * angle) + 0.02 * np.cos(7 * angle)
    return np.hypot(y, x) <= outline


@pytest.mark.parametrize("radius", [20, 50, 100, 200, 400])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, 0.1)])
def test_disk(radius, shift):
    disk = ellipse(radius, shift=shift)
    found = measure_shape(disk)
    assert found["perimeter"] == pytest.approx(2 * pi * radius, rel=0.007 if radius < 50 else 0.005)
    assert found["perimeter_ratio"] == pytest.approx(1, abs=0.015 if radius < 50 else 0.007)
    assert found["max_span"] == pytest.approx(2 * radius, abs=0.6)
    assert found["min_feret_diameter"] == pytest.approx(2 * radius, abs=1.6)
    assert found["equivalent_diameter"] == pytest.approx(2 * radius, rel=0.005)
    assert found["compactness"] == pytest.approx(1, abs=0.015)
    assert found["convexity"] == found["solidity"] == 1
    assert found["extent"] == pytest.approx(pi / 4, rel=0.05)
    assert found["axis_ratio"] == pytest.approx(1, abs=0.005)
    assert found["radial_variance"] == pytest.approx(0, abs=5e-4)
    assert found["fractal_dimension"] == pytest.approx(1, abs=0.015)
    assert found["asymmetry_major"] < 0.02
    assert found["asymmetry_minor"] < 0.02
    assert found["hu_1"] == pytest.approx(1 / (2 * pi), rel=0.002)


@pytest.mark.parametrize("turn", [0.0, 0.4, 1.0])
def test_ellipse(turn):
    ratio = 0.6
    found = measure_shape(ellipse(100, ratio, turn=turn))
    assert found["perimeter"] == pytest.approx(400 * ellipe(1 - ratio**2), rel=0.005)
    assert found["max_span"] == pytest.approx(200, abs=1)
    assert found["min_feret_diameter"] == pytest.approx(120, abs=1)
    assert found["axis_ratio"] == pytest.approx(ratio, abs=0.002)
    assert found["eccentricity"] == pytest.approx(sqrt(1 - ratio**2), abs=0.002)
    assert found["radial_variance"] == pytest.approx(0.0311, abs=5e-4)
    assert found["asymmetry_major"] < 0.01
    assert found["asymmetry_minor"] < 0.01


def test_square():
    found = measure_shape(np.ones((100, 100), dtype=bool))
    assert found["area"] == 10_000
    assert found["perimeter"] == pytest.approx(400, rel=0.02)
    assert found["max_span"] == pytest.approx(99 * sqrt(2) + 0.5)
    assert found["min_feret_diameter"] == pytest.approx(99.5)
    assert found["convexity"] == pytest.approx(1)
    assert found["solidity"] == found["extent"] == 1
    assert found["axis_ratio"] == pytest.approx(1)
    assert found["radial_variance"] == pytest.approx(0.01207, abs=5e-4)
    assert found["asymmetry_major"] == found["asymmetry_minor"] == 0
    assert found["fractal_dimension"] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("length", [2, 3, 17])
@pytest.mark.parametrize("turned", [False, True])
def test_bar_of_one_row(length, turned):
    bar = np.ones((1, length), dtype=bool)
    found = measure_shape(bar.T if turned else bar)
    assert found["area"] == length
    assert found["max_span"] == length - 0.5
    assert found["min_feret_diameter"] == 0.5
    assert found["axis_ratio"] == pytest.approx(1 / length)
    assert found["solidity"] == found["extent"] == 1
    assert found["asymmetry_major"] == pytest.approx(0, abs=1e-12)
    assert np.isfinite(list(found.values())).all()


def test_one_pixel():
    found = measure_shape(np.ones((1, 1), dtype=bool))
    assert found["area"] == 1
    assert found["max_span"] == found["min_feret_diameter"] == 0.5
    assert found["axis_ratio"] == found["solidity"] == found["extent"] == 1
    assert found["eccentricity"] == 0
    assert found["perimeter"] > 2
    assert [found[f"hu_{number}"] for number in range(1, 8)] == [0] * 7
    assert np.isfinite(list(found.values())).all()


def test_a_hole_and_a_second_part_have_a_border():
    disk = ellipse(60)
    holed = disk.copy()
    holed[52:73, 52:73] = False
    assert perimeter(holed) == pytest.approx(perimeter(disk) + 4 * 21, rel=0.01)
    two = np.zeros((200, 300), dtype=bool)
    two[10:135, 10:135] = two[10:135, 170:295] = disk
    assert perimeter(two) == pytest.approx(2 * perimeter(disk))


def test_perimeter_beats_four_directions_on_straight_edges():
    errors = []
    for turn in np.linspace(0, pi / 4, 9):
        y, x = np.mgrid[-80:81, -80:81]
        u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
        square = np.maximum(abs(u), abs(v)) <= 50
        errors.append((perimeter(square) / 400 - 1, measure.perimeter_crofton(square, 4) / 400 - 1))
    ours, theirs = np.sqrt(np.mean(np.square(errors), axis=0))
    assert ours < 0.012
    assert ours < 0.6 * theirs


def test_perimeter_of_disks_at_random_places():
    random = np.random.default_rng(0)
    for radius, rms in ((20, 0.004), (50, 0.0015)):
        errors = [
            perimeter(ellipse(radius, shift=random.uniform(-0.5, 0.5, 2))) / (2 * pi * radius) - 1 for _ in range(20)
        ]
        assert np.sqrt(np.mean(np.square(errors))) < rms


def test_spans_are_less_biased_than_those_of_centers_and_corners():
    random = np.random.default_rng(0)
    errors = []
    for _ in range(20):
        mask = ellipse(50, 0.6, turn=random.uniform(0, pi), shift=random.uniform(-0.5, 0.5, 2))
        found = measure_shape(mask, ["max_span", "min_feret_diameter"])
        errors.append((found["max_span"] - 100, found["min_feret_diameter"] - 60, measure_circle(mask) - 100))
    ours = np.sqrt(np.mean(np.square(errors), axis=0))
    centers = np.sqrt(np.mean(np.square(np.subtract(errors, 0.5)), axis=0))
    corners = np.sqrt(np.mean(np.square(np.add(errors, 0.5)), axis=0))  # at least: 1 to 1.41 pixels over centers
    assert (ours < 0.35).all()
    assert (ours < np.minimum(centers, corners)).all()


def measure_circle(mask):
    return 2 * minimum_enclosing_circle(mask)[2]


def test_asymmetry_names_the_axis_it_mirrors_about():
    bar = np.ones((40, 120), dtype=bool)
    bar[:20, 100:] = False  # one corner off: no half matches
    wedge = np.tri(60, 240, 180, dtype=bool)[::-1]
    wedge = np.vstack([wedge[::-1], wedge])  # the same above and below, another right than left
    major, minor = asymmetry(wedge)
    assert major == pytest.approx(0, abs=1e-9)
    assert minor > 0.05
    assert min(asymmetry(bar)) > 0.02


@pytest.mark.parametrize("width", [100, 200])
def test_fractal_dimension_of_the_snowflake(width):
    points = np.exp(1j * (pi / 2 - 2 * pi / 3 * np.arange(3))) * width / 2 + (1 + 1j) * width * 0.55
    for _ in range(5):
        third = (np.roll(points, -1) - points) / 3
        tip = points + third + third * np.exp(1j * pi / 3)
        points = np.stack([points, points + third, tip, points + 2 * third], axis=1).ravel()
    outline = np.column_stack([points.real, points.imag])
    snowflake = measure.grid_points_in_poly((int(width * 1.2), int(width * 1.2)), outline)
    assert fractal_dimension(snowflake) == pytest.approx(np.log(4) / np.log(3), abs=0.02)
    assert box_counting_dimension(snowflake) == pytest.approx(np.log(4) / np.log(3), abs=0.07)


@pytest.mark.parametrize("phase", [0.0, 0.7])
def test_scikit_image_agrees_where_the_definitions_do(phase):
    mask = blob(150, phase=phase)
    theirs = measure.regionprops(mask.astype(np.uint8))[0]
    found = measure_shape(mask)
    assert found["area"] == theirs.area
    assert found["extent"] == pytest.approx(theirs.extent)
    assert found["equivalent_diameter"] == pytest.approx(theirs.equivalent_diameter_area)
    assert found["eccentricity"] == pytest.approx(theirs.eccentricity, abs=1e-3)
    assert found["perimeter"] == pytest.approx(measure.perimeter_crofton(mask, 4), rel=0.01)
    assert found["solidity"] == pytest.approx(theirs.solidity, abs=0.02)
    assert found["major_axis_length"] == pytest.approx(theirs.axis_major_length, rel=1e-3)
    assert found["minor_axis_length"] == pytest.approx(theirs.axis_minor_length, rel=1e-3)
    assert found["n_parts"] - found["n_holes"] == theirs.euler_number
    degrees = np.array([1, 2, 2, 2, 4, 3, 4])
    hu = np.array([found[f"hu_{number}"] for number in range(1, 8)])
    expected = np.array(theirs.moments_hu)
    expected[6] = abs(expected[6])
    np.testing.assert_allclose(np.sign(hu) * abs(hu) ** degrees, expected, rtol=1e-6, atol=1e-15)


@laws
@given(random_masks)
def test_hull_is_that_of_qhull(mask):
    points = np.argwhere(mask)
    if np.linalg.matrix_rank(points - points[0]) < 2:
        assert len(convex_hull(mask)) <= 2
        return
    qhull = ConvexHull(points)
    assert set(map(tuple, convex_hull(mask))) == set(map(tuple, points[qhull.vertices]))
    grid = np.argwhere(np.ones_like(mask))
    inside = (grid @ qhull.equations[:, :2].T + qhull.equations[:, 2] <= 1e-9).all(axis=1)
    assert count_hull_pixels(convex_hull(mask)) == inside.sum()


@laws
@given(random_masks)
def test_circle_and_diameters_are_the_exact_ones(mask):
    points = np.argwhere(mask).astype(float)
    row, column, radius = minimum_enclosing_circle(mask)
    distances = np.hypot(points[:, 0] - row, points[:, 1] - column)
    assert distances.max() == pytest.approx(radius - 0.25, abs=1e-8)
    # The center is as close to the points that touch the circle as can be: it lies between them.
    touching = points[distances > radius - 0.25 - 1e-7] - (row, column)
    angles = np.sort(np.arctan2(*touching.T))
    gaps = np.diff(np.append(angles, angles[0] + 2 * pi))
    assert radius == 0.25 or gaps.max() <= pi + 1e-6

    pairs = np.hypot(*(points[:, np.newaxis] - points).T)
    assert max_span(mask) == pytest.approx(pairs.max() + 0.5)
    turns = np.linspace(0, pi, 2000)
    widths = np.ptp(points @ [np.cos(turns), np.sin(turns)], axis=0)
    least = measure_shape(mask, ["min_feret_diameter"])["min_feret_diameter"] - 0.5
    assert least <= widths.min() + 1e-9
    assert least >= widths.min() - 0.05


@laws
@given(random_masks, st.integers(0, 3), st.booleans(), st.tuples(*[st.integers(0, 3)] * 4))
def test_shape_does_not_depend_on_place_turn_or_mirror(mask, turns, mirror, margin):
    moved = np.rot90(mask, turns)
    moved = np.pad(moved[:, ::-1] if mirror else moved, (margin[:2], margin[2:]))
    before, after = measure_shape(mask), measure_shape(moved)
    assert all(np.isfinite(list(before.values())))
    for name in NAMES:
        # Products of moments that cancel leave rounding, and the roots of Hu's invariants enlarge it.
        assert after[name] == pytest.approx(before[name], rel=1e-6, abs=1e-4 if name.startswith("hu_") else 1e-8), name


# The same examples each time: depths pile up at whole numbers, and a pixel can move their median by half of one, which
# at phase 0.617 and size 212 is 1.52 % of it.
@settings(laws, derandomize=True)
@given(st.floats(0, pi), st.integers(150, 300))
def test_shape_hardly_depends_on_scale(phase, size):
    small, large = measure_shape(blob(size, phase=phase)), measure_shape(blob(2 * size, phase=phase))
    for name in NAMES:
        if name.startswith("rectangle_"):  # another rectangle may fit best, where two fit equally well
            continue
        expected = small[name] * 2 ** LENGTHS.get(name, 0)
        assert large[name] == pytest.approx(expected, rel=0.015, abs=0.012), name


@laws
@given(random_masks)
def test_ratios_stay_in_their_ranges(mask):
    found = measure_shape(mask)
    for name in ("solidity", "extent", "axis_ratio", "convexity", "rectangularity", "inscribed_ratio"):
        assert 0 < found[name] <= 1, name
    for name in ("eccentricity", "asymmetry_major", "asymmetry_minor"):
        assert 0 <= found[name] <= 1, name
    for name in ("fractal_dimension", "box_counting_dimension"):
        assert 1 <= found[name] <= 2, name
    assert found["min_feret_diameter"] <= found["mean_feret_diameter"] + 1e-9
    assert found["mean_feret_diameter"] <= found["max_span"] + 1e-9
    assert found["min_feret_diameter"] - 1e-9 <= found["rectangle_width"] <= found["rectangle_length"]
    assert found["rectangle_length"] <= found["max_span"] + 1e-9
    assert found["minor_axis_length"] <= found["major_axis_length"]
    assert 0 <= found["median_depth"] <= found["inscribed_radius"]
    assert found["area"] <= found["hull_area"]
    # A part is a protrusion, or not removed at all; what closing adds lies in the bounding box.
    assert found["protrusion_fraction"] <= 1
    assert found["indentation_fraction"] <= 1 / found["extent"] - 1 + 1e-9
    assert found["largest_irregularity"] <= max(found["protrusion_fraction"], found["indentation_fraction"])


def test_functions_are_the_measures():
    mask = blob(80)
    found = measure_shape(mask)
    assert list(found) == list(NAMES)
    assert perimeter(mask) == found["perimeter"]
    assert perimeter_ratio(mask) == found["perimeter_ratio"]
    assert compactness(mask) == found["compactness"]
    assert max_span(mask) == found["max_span"]
    assert fractal_dimension(mask) == found["fractal_dimension"]
    assert asymmetry(mask) == (found["asymmetry_major"], found["asymmetry_minor"])
    assert min_feret_diameter(mask) == found["min_feret_diameter"]
    assert box_counting_dimension(mask) == found["box_counting_dimension"]
    assert maximum_inscribed_circle(mask)[2] == found["inscribed_radius"]
    for (n, m), value in zernike_magnitudes(mask, 4).items():
        assert value == pytest.approx(found.get(f"zernike_{n}_{m}", 0), abs=1e-12)
    radius = minimum_enclosing_circle(mask)[2]
    assert found["perimeter_ratio"] == pytest.approx(found["perimeter"] / (2 * pi * radius))


def test_circles_lie_where_the_mask_does():
    mask = np.zeros((50, 70), dtype=bool)
    mask[10:17, 40:49] = True
    assert minimum_enclosing_circle(mask) == (13, 44, 5.25)
    assert maximum_inscribed_circle(mask) == (13, 43, 4)


@pytest.mark.parametrize("function", [perimeter, maximum_inscribed_circle, minimum_enclosing_circle, measure_shape])
def test_an_empty_mask_is_refused(function):
    with pytest.raises(ValueError, match="mask must have at least one True pixel"):
        function(np.zeros((5, 5), dtype=bool))
    with pytest.raises(ValueError, match="mask must have shape"):
        function(np.zeros((5, 5, 3), dtype=bool))


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (["area", "roundness"], ValueError, r"got \['roundness'\]. Known are area, perimeter_ratio"),
        ("area", ValueError, r"For one measure, pass \['area'\]"),
        ([], ValueError, "at least one name"),
        (["area", "area"], ValueError, "each of them once"),
        (3, TypeError, "or a list of names, got 3"),
    ],
)
def test_unknown_names_are_refused(features, error, message):
    with pytest.raises(error, match=message):
        measure_shape(np.ones((3, 3), dtype=bool), features)
