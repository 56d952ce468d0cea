"""Tests of the conditional random field and of its filter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage as ndi
from skimage.color import rgb2lab
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.segmentation import CRFRefiner, WatershedSegmenter, refine_probability
from sklearn_melanoma.segmentation._bilateral import BilateralFilter
from sklearn_melanoma.segmentation._crf import center_probability, choose_refined_region, soften_mask


def exact_kernel(colors, radius, color_radius):
    """Compute the normalized kernel between all pairs of pixels by its formula."""
    places = np.moveaxis(np.indices(colors.shape[:2]), 0, 2).reshape(-1, 2) / radius
    points = np.hstack([places, colors.reshape(len(places), -1) / color_radius])
    kernel = np.exp(-0.5 * np.sum((points[:, np.newaxis] - points) ** 2, axis=2))
    degree = kernel.sum(axis=1)
    return kernel / np.sqrt(degree[:, np.newaxis] * degree)


def exact_refinement(image, probability, appearance_weight=1, smoothness_weight=1):
    """Solve the field with exact kernels and the default radii, for images of at most 96 pixels."""
    side = max(image.shape)
    appearance = exact_kernel(rgb2lab(image), 0.1 * side, 5)
    smoothness = exact_kernel(np.zeros((*image.shape[:2], 1)), 0.02 * side, 1)
    own = log_odds(np.clip(probability, 0.001, 0.999)).ravel()
    x = own
    for _ in range(5):
        belief = np.tanh(x / 2)
        x = own + appearance_weight * appearance @ belief + smoothness_weight * smoothness @ belief
    return 1 / (1 + np.exp(-x.reshape(probability.shape)))


def log_odds(probability):
    return np.log(probability / (1 - probability))


@pytest.fixture(scope="module")
def small_image():
    return np.asarray(Image.fromarray(make_lesions(1, random_state=3).images[0]).reduce(5))


@pytest.fixture(scope="module")
def edge():
    """Return an image with a sharp edge at column 30, and blurred probabilities that are one half at column 26."""
    image = np.full((40, 60, 3), (224, 172, 150), dtype=np.uint8)
    image[:, 30:] = (120, 72, 60)
    off = 1 / (1 + np.exp(-(np.arange(60) + 0.5 - 26) / 5))
    return image, np.tile(off.astype(np.float32), (40, 1))


# The filter


@pytest.mark.parametrize("noise", [0, 3])
@pytest.mark.parametrize(("radius", "color_radius"), [(3, 5), (8, 5), (4, 15), (100, 10)])
def test_filter_approximates_exact_sum(small_image, radius, color_radius, noise):
    colors = rgb2lab(small_image).astype(np.float32)
    colors += np.random.default_rng(0).normal(0, noise, colors.shape).astype(np.float32)
    kernel = exact_kernel(colors, radius, color_radius)
    found = BilateralFilter(colors, radius=radius, color_radius=color_radius)
    signs = np.where(colors[:, :, 0] < np.median(colors[:, :, 0]), 1, -1).astype(np.float32)
    for values in (np.ones_like(signs), signs, np.random.default_rng(0).normal(size=signs.shape).astype(np.float32)):
        error = found(values) - (kernel @ values.ravel()).reshape(values.shape)
        assert np.sqrt(np.mean(error**2)) < 0.03
    # The identity is a worse approximation.
    assert np.sqrt(np.mean((signs - (kernel @ signs.ravel()).reshape(signs.shape)) ** 2)) > 0.1


def test_filter_is_symmetric_and_positive(small_image):
    found = BilateralFilter(rgb2lab(small_image).astype(np.float32), radius=5, color_radius=8)
    a, b = np.random.default_rng(1).normal(size=(2, *small_image.shape[:2])).astype(np.float32)
    assert np.sum(a * found(b)) == pytest.approx(np.sum(b * found(a)), rel=1e-3)
    assert np.sum(a * found(a)) > 0


def test_filter_separates_two_flat_colors():
    colors = np.zeros((9, 10, 3), dtype=np.float32)
    colors[:, 5:] = 100
    spread = BilateralFilter(colors, radius=1e6, color_radius=1)(np.eye(9, 10, dtype=np.float32))
    np.testing.assert_allclose(spread[:, :5], 5 / 45, atol=1e-3)
    np.testing.assert_allclose(spread[:, 5:], 4 / 45, atol=1e-3)


def test_filter_keeps_value_of_unique_color():
    colors = np.zeros((20, 20, 3), dtype=np.float32)
    colors[7, 8] = 50  # this pixel can't become a node
    values = np.full((20, 20), -1, dtype=np.float32)
    values[7, 8] = 1
    assert BilateralFilter(colors, radius=5, color_radius=5)(values)[7, 8] == pytest.approx(1, abs=1e-3)


# The field


def test_field_approximates_exact_field(small_image):
    rough = ndi.gaussian_filter((rgb2lab(small_image)[:, :, 0] < 60).astype(np.float32), 4).clip(0, 1)
    for weights in ((1, 1), (3, 1), (0, 2), (2, 0)):
        found = refine_probability(
            small_image, rough, appearance_weight=weights[0], smoothness_weight=weights[1], color_radius=5
        )
        exact = exact_refinement(small_image, rough, *weights)
        assert np.abs(found - exact).mean() < 0.002
        assert np.abs(rough - exact).mean() > 0.03


def test_blurred_border_moves_to_edge(edge):
    image, off = edge
    refined = refine_probability(image, off, appearance_weight=3)
    np.testing.assert_array_equal(refined > 0.5, np.arange(60) >= np.full((40, 1), 30))
    assert refined[20, 29] < 0.2
    assert refined[20, 30] > 0.8
    # The smoothness kernel does not depend on colors.
    alone = refine_probability(image, off, appearance_weight=0, smoothness_weight=3)
    np.testing.assert_array_equal(alone > 0.5, off > 0.5)


def test_smoothness_removes_speckles():
    probability = np.full((60, 80), 0.1, dtype=np.float32)
    probability[:, 40:] = 0.9
    speckled = probability.copy()
    speckled[::7, ::9] = 1 - speckled[::7, ::9]
    flat = np.full((60, 80, 3), 180, dtype=np.uint8)
    refined = refine_probability(flat, speckled, appearance_weight=0, smoothness_weight=4)
    np.testing.assert_array_equal(refined > 0.5, probability > 0.5)


def test_zero_weights_change_nothing(edge):
    image, off = edge
    off = np.where(off < 0.3, np.float32(0), off)
    np.testing.assert_array_equal(refine_probability(image, off, appearance_weight=0, smoothness_weight=0), off)


def test_labels_are_symmetric(small_image):
    probability = np.random.default_rng(0).uniform(0, 1, small_image.shape[:2]).astype(np.float32)
    refined = refine_probability(small_image, probability)
    assert np.abs(refined - probability).max() > 0.2
    np.testing.assert_allclose(refine_probability(small_image, 1 - probability), 1 - refined, atol=1e-4)


def test_one_half_stays_one_half(small_image):
    half = np.full(small_image.shape[:2], 0.5)
    np.testing.assert_allclose(refine_probability(small_image, half, appearance_weight=9), 0.5, atol=1e-6)


def test_weights_bound_change_of_log_odds(edge):
    image, _ = edge
    confident = np.full(image.shape[:2], 0.97)
    moved = log_odds(refine_probability(image, confident, appearance_weight=0.5, smoothness_weight=0.25)) - log_odds(
        confident
    )
    # The kernel is cut off next to an edge, so its normalized sum is slightly above one.
    assert moved.mean() == pytest.approx(0.75 * np.tanh((log_odds(0.97) + 0.75) / 2), abs=0.02)
    assert (moved < 0.95).all()


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.rot90])
def test_mirrored_and_rotated_images(turn):
    data = make_lesions(1, random_state=5)
    rough = ndi.gaussian_filter(data.masks[0].astype(np.float32), 8)
    refined = refine_probability(data.images[0], rough)
    turned = refine_probability(turn(data.images[0]), np.ascontiguousarray(turn(rough)))
    assert np.abs(turned - turn(refined)).mean() < 0.005  # other pixels are nodes


def test_result_does_not_depend_on_image_size():
    data = make_lesions(1, image_size=(288, 384), random_state=2)
    image, rough = data.images[0], ndi.gaussian_filter(data.masks[0].astype(np.float32), 9)
    half = np.asarray(Image.fromarray(image).reduce(2)), rough.reshape(144, 2, 192, 2).mean(axis=(1, 3))
    large, small = refine_probability(image, rough), refine_probability(*half)
    assert (large.shape, small.shape) == ((288, 384), (144, 192))
    assert np.abs(large.reshape(144, 2, 192, 2).mean(axis=(1, 3)) - small).mean() < 0.003
    assert np.abs(large - rough).mean() > 0.015


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 99),
    flat=st.booleans(),
    weights=st.tuples(st.floats(0, 50), st.floats(0, 50)),
    radii=st.tuples(st.floats(1e-3, 100), st.floats(0.01, 1e3), st.floats(1e-3, 100)),
)
def test_any_image_gives_probabilities(height, width, seed, flat, weights, radii):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if flat:
        image[:] = image[0, 0]
    probability = rng.integers(0, 3, (height, width)) / 2
    refined = refine_probability(
        image,
        probability,
        appearance_weight=weights[0],
        smoothness_weight=weights[1],
        appearance_radius=radii[0],
        color_radius=radii[1],
        smoothness_radius=radii[2],
    )
    assert (refined.shape, refined.dtype) == ((height, width), np.float32)
    assert ((refined >= 0) & (refined <= 1)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 1)])
def test_images_of_one_row_or_column(shape):
    image, mask = np.full((*shape, 3), 90, dtype=np.uint8), np.zeros(shape, dtype=bool)
    mask[: shape[0] // 2 + 1, : shape[1] // 2 + 1] = True
    lesion = CRFRefiner().transform([Lesion(image, mask)])[0]
    assert mask_jaccard(lesion.mask, mask) > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"appearance_weight": -1}, "appearance_weight must be 0 or more, got -1"),
        ({"smoothness_weight": np.nan}, "smoothness_weight must be 0 or more, got nan"),
        ({"appearance_radius": 0}, "appearance_radius must be above 0, got 0"),
        ({"color_radius": np.inf}, "color_radius must be above 0, got inf"),
        ({"color_radius": 0.0}, r"color_radius must be above 0, got 0\.0"),
        ({"smoothness_radius": -0.1}, r"smoothness_radius must be above 0, got -0\.1"),
    ],
)
def test_refine_probability_rejects_invalid_options(edge, options, message):
    with pytest.raises(ValueError, match=message):
        refine_probability(*edge, **options)


def test_refine_probability_rejects_invalid_probability(edge):
    image, off = edge
    with pytest.raises(ValueError, match=r"must have the shape of its image, \(40, 60\), got \(60, 40\)"):
        refine_probability(image, off.T)
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        refine_probability(image, off * 255)


# Conversions of masks and probabilities


@pytest.mark.parametrize("side", [48, 192, 480])
def test_soften_mask_is_uncertain_near_border(side):
    y, x = np.indices((side, side)) - side / 2 + 0.5
    radius = side / 4
    distance = np.hypot(y, x)
    soft = soften_mask(distance < radius)
    assert soft.dtype == np.float32
    expected = 1 / (1 + np.exp((distance - radius) / (0.055 * radius)))
    assert np.abs(soft - expected).max() < 0.5 / (0.055 * min(radius, 48)) / 4 * 2  # half a pixel of the smaller size
    assert mask_jaccard(soft > 0.5, distance < radius) > 0.97


def test_soften_mask_is_confident_without_border():
    half = np.zeros((60, 80), dtype=bool)
    half[:, :40] = True
    soft = soften_mask(half)
    np.testing.assert_allclose(soft[0], soft[30], atol=1e-6)  # the frame is not a border
    assert soft[30, 0] > 0.999
    assert soft[30, -1] < 0.001
    assert (soften_mask(np.ones((60, 80))) > 0.999).all()


def test_center_probability_is_one_half_on_border():
    ramp = np.tile(np.linspace(0.02, 0.98, 49, dtype=np.float32), (9, 1))
    for first in (13, 24, 37):  # column of the mask's first pixel
        centered = center_probability(ramp, np.arange(49) >= np.full((9, 1), first))
        np.testing.assert_array_equal(centered > 0.5, np.arange(49) >= np.full((9, 1), first))
        shift = log_odds(centered) - log_odds(ramp)
        np.testing.assert_allclose(shift, shift[0, 0], atol=1e-3)
        columns = center_probability(np.ascontiguousarray(ramp.T), np.arange(49)[:, np.newaxis] >= np.full(9, first))
        np.testing.assert_array_equal(columns, centered.T)


def test_center_probability_limits_shift():
    mask = np.zeros((9, 9), dtype=bool)
    mask[3:6, 3:6] = True
    assert center_probability(np.full((9, 9), 0.01, dtype=np.float32), mask).max() == pytest.approx(0.0833, abs=1e-3)
    whole = np.full((9, 9), 0.7, dtype=np.float32)
    np.testing.assert_array_equal(center_probability(whole, np.ones((9, 9), dtype=bool)), whole)


def test_choose_refined_region_keeps_largest_overlapping():
    mask = np.zeros((20, 40), dtype=bool)
    mask[5:15, 5:15] = True
    likely = np.zeros_like(mask)
    likely[6:14, 6:12] = True
    likely[9, 8] = False  # a hole
    likely[2:4, 2:12] = True  # beside it
    likely[10, 13:15] = True  # on it, but smaller
    likely[:, 20:] = True  # larger, at another place
    expected = np.zeros_like(mask)
    expected[6:14, 6:12] = True
    np.testing.assert_array_equal(choose_refined_region(likely, mask), expected)
    assert choose_refined_region(likely & ~expected & (np.arange(40) > 16), mask) is None
    assert choose_refined_region(np.zeros_like(mask), mask) is None


# The refiner


@pytest.fixture(scope="module")
def data():
    return make_lesions(6, image_size=(96, 128), random_state=0)


def test_refiner_equals_functions(data):
    options = {"appearance_weight": 2.0, "smoothness_weight": 0.5, "color_radius": 8.0, "smoothness_radius": 0.03}
    for lesion in WatershedSegmenter().transform(data.images):
        found = CRFRefiner(**options, threshold=0.5).transform([lesion])[0]
        expected = refine_probability(lesion.image, soften_mask(lesion.mask), **options)
        np.testing.assert_array_equal(found.probability, expected)
        np.testing.assert_array_equal(found.mask, choose_refined_region(expected > 0.5, lesion.mask))
        assert found.image is lesion.image


def test_uses_probability_of_segmenter(make_lesion):
    lesion = make_lesion(spot=(140, 100, 90))
    wrong = np.roll(lesion.mask, 4, axis=1)
    confident = Lesion(
        lesion.image, wrong, probability=ndi.gaussian_filter(lesion.mask.astype(np.float32), 3).clip(0, 1)
    )
    assert mask_jaccard(CRFRefiner().transform([confident])[0].mask, lesion.mask) > 0.97
    refined = CRFRefiner(appearance_weight=3).transform([Lesion(lesion.image, wrong)])[0]
    assert mask_jaccard(refined.mask, lesion.mask) > mask_jaccard(wrong, lesion.mask) + 0.05


def test_probability_is_centered_on_mask(make_lesion):
    lesion = make_lesion()
    likely = ndi.gaussian_filter(lesion.mask.astype(np.float32), 3).clip(0.01, 0.99)
    unlikely = 1 / (1 + np.exp(2 - log_odds(likely)))  # one half becomes 0.12
    found = [CRFRefiner().transform([Lesion(lesion.image, likely > 0.5, probability=p)])[0] for p in (likely, unlikely)]
    np.testing.assert_array_equal(found[0].mask, found[1].mask)
    assert mask_jaccard(unlikely > 0.4, likely > 0.5) < 0.8


def test_lower_threshold_gives_larger_masks(data):
    lesions = WatershedSegmenter().transform(data.images)
    areas = [sum(x.area_px for x in CRFRefiner(threshold=t).transform(lesions)) for t in (0.7, 0.5, 0.4, 0.2)]
    assert areas == sorted(set(areas))


def test_keeps_lesion_without_refined_region(make_lesion):
    empty = make_lesion().with_mask(np.zeros((96, 128), dtype=bool))
    unlikely = make_lesion()
    unlikely = unlikely.with_mask(unlikely.mask, probability=np.zeros((96, 128)))
    for lesion in (empty, unlikely):
        assert CRFRefiner().transform([lesion])[0] is lesion


def test_pipeline_after_segmenter(data):
    pipeline = Pipeline([("segment", WatershedSegmenter()), ("refine", CRFRefiner())]).fit(data.images)
    large = np.kron(data.images[0], np.ones((8, 8, 1), dtype=np.uint8))
    masks = pipeline.predict([data.images[1], large])
    assert [mask.shape for mask in masks] == [(96, 128), (768, 1024)]
    each = [mask_jaccard(a, b) for a, b in zip(data.masks, pipeline.predict(data.images), strict=True)]
    assert pipeline.score(data.images, data.masks) == pytest.approx(np.mean(each))
    assert min(each) > 0.5
    with pytest.raises(
        ValueError, match=r"X\[0\]: CRFRefiner needs a mask, got an image without one\. Put a segmenter"
    ):
        CRFRefiner().predict(data.images)


def test_grid_search_with_few_masks(data):
    pipeline = Pipeline([("segment", WatershedSegmenter()), ("refine", CRFRefiner())])
    grid = {"refine__threshold": [0.4, 0.999], "refine__appearance_weight": [0.5, 1.0]}
    masks = [*data.masks[:4], None, None]
    search = GridSearchCV(pipeline, grid, cv=SemiSupervisedSplit(2), error_score="raise").fit(data.images, masks)
    assert search.best_params_["refine__threshold"] == 0.4
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.predict(data.images[:2]).shape == (2,)


# Regression tests on real images


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step"),
    [(load_ph2, "ph2", 2), (load_isic_2017, "isic2017", 12), (load_ham10000, "ham10000", 60)],
    ids=["ph2", "isic2017", "ham10000"],
)
def test_improves_masks_of_real_images(real_data, load, name, step):
    data = load(real_data(name))
    images, masks = ImageReader().transform(data.images[1::step]), data.masks[1::step]
    lesions = WatershedSegmenter().transform(images)
    assert len(images) >= 50
    assert CRFRefiner().score(lesions, masks) > WatershedSegmenter().score(images, masks)
