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
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.segmentation import CRFRefiner, WatershedSegmenter, refine_probability
from sklearn_melanoma.segmentation._bilateral import BilateralFilter
from sklearn_melanoma.segmentation._crf import center_probability, choose_refined, soften_mask


def exact_kernel(colors, radius, color_radius):
    """Return the normalized kernel between all pairs of pixels, as the formula says."""
    places = np.moveaxis(np.indices(colors.shape[:2]), 0, 2).reshape(-1, 2) / radius
    points = np.hstack([places, colors.reshape(len(places), -1) / color_radius])
    kernel = np.exp(-0.5 * np.sum((points[:, np.newaxis] - points) ** 2, axis=2))
    degree = kernel.sum(axis=1)
    return kernel / np.sqrt(degree[:, np.newaxis] * degree)


def exact_refinement(photo, probability, appearance_weight=1, smoothness_weight=1):
    """Solve the field with exact kernels and the default radii, for images of 96 pixels or fewer."""
    side = max(photo.shape)
    appearance = exact_kernel(rgb2lab(photo), 0.1 * side, 5)
    smoothness = exact_kernel(np.zeros((*photo.shape[:2], 1)), 0.02 * side, 1)
    own = log_odds(np.clip(probability, 0.001, 0.999)).ravel()
    x = own
    for _ in range(5):
        belief = np.tanh(x / 2)
        x = own + appearance_weight * appearance @ belief + smoothness_weight * smoothness @ belief
    return 1 / (1 + np.exp(-x.reshape(probability.shape)))


def log_odds(probability):
    return np.log(probability / (1 - probability))


@pytest.fixture(scope="module")
def small_photo():
    return np.asarray(Image.fromarray(make_lesions(1, random_state=3).images[0]).reduce(5))


@pytest.fixture(scope="module")
def edge():
    """Return an image with one sharp edge at column 30, and probabilities that are half at column 26, blurred."""
    photo = np.full((40, 60, 3), (224, 172, 150), dtype=np.uint8)
    photo[:, 30:] = (120, 72, 60)
    off = 1 / (1 + np.exp(-(np.arange(60) + 0.5 - 26) / 5))
    return photo, np.tile(off.astype(np.float32), (40, 1))


# The filter


@pytest.mark.parametrize("noise", [0, 3])
@pytest.mark.parametrize(("radius", "color_radius"), [(3, 5), (8, 5), (4, 15), (100, 10)])
def test_the_filter_is_close_to_the_exact_sum(small_photo, radius, color_radius, noise):
    colors = rgb2lab(small_photo).astype(np.float32)
    colors += np.random.default_rng(0).normal(0, noise, colors.shape).astype(np.float32)
    kernel = exact_kernel(colors, radius, color_radius)
    found = BilateralFilter(colors, radius=radius, color_radius=color_radius)
    signs = np.where(colors[:, :, 0] < np.median(colors[:, :, 0]), 1, -1).astype(np.float32)
    for values in (np.ones_like(signs), signs, np.random.default_rng(0).normal(size=signs.shape).astype(np.float32)):
        error = found(values) - (kernel @ values.ravel()).reshape(values.shape)
        assert np.sqrt(np.mean(error**2)) < 0.03
    # No trivial filter comes as near.
    assert np.sqrt(np.mean((signs - (kernel @ signs.ravel()).reshape(signs.shape)) ** 2)) > 0.1


def test_the_filter_is_symmetric_and_never_negative(small_photo):
    found = BilateralFilter(rgb2lab(small_photo).astype(np.float32), radius=5, color_radius=8)
    a, b = np.random.default_rng(1).normal(size=(2, *small_photo.shape[:2])).astype(np.float32)
    assert np.sum(a * found(b)) == pytest.approx(np.sum(b * found(a)), rel=1e-3)
    assert np.sum(a * found(a)) > 0


def test_filter_of_two_flat_colors_keeps_them_apart():
    colors = np.zeros((9, 10, 3), dtype=np.float32)
    colors[:, 5:] = 100
    spread = BilateralFilter(colors, radius=1e6, color_radius=1)(np.eye(9, 10, dtype=np.float32))
    np.testing.assert_allclose(spread[:, :5], 5 / 45, atol=1e-3)
    np.testing.assert_allclose(spread[:, 5:], 4 / 45, atol=1e-3)


def test_a_color_found_nowhere_else_keeps_its_value():
    colors = np.zeros((20, 20, 3), dtype=np.float32)
    colors[7, 8] = 50  # not among the pixels that may become a node
    values = np.full((20, 20), -1, dtype=np.float32)
    values[7, 8] = 1
    assert BilateralFilter(colors, radius=5, color_radius=5)(values)[7, 8] == pytest.approx(1, abs=1e-3)


# The field


def test_the_field_is_close_to_the_exact_one(small_photo):
    rough = ndi.gaussian_filter((rgb2lab(small_photo)[:, :, 0] < 60).astype(np.float32), 4).clip(0, 1)
    for weights in ((1, 1), (3, 1), (0, 2), (2, 0)):
        found = refine_probability(
            small_photo, rough, appearance_weight=weights[0], smoothness_weight=weights[1], color_radius=5
        )
        exact = exact_refinement(small_photo, rough, *weights)
        assert np.abs(found - exact).mean() < 0.002
        assert np.abs(rough - exact).mean() > 0.03


def test_a_blurred_border_snaps_to_the_edge(edge):
    photo, off = edge
    refined = refine_probability(photo, off, appearance_weight=3)
    np.testing.assert_array_equal(refined > 0.5, np.arange(60) >= np.full((40, 1), 30))
    assert refined[20, 29] < 0.2
    assert refined[20, 30] > 0.8
    # Smoothness alone knows nothing of colors.
    alone = refine_probability(photo, off, appearance_weight=0, smoothness_weight=3)
    np.testing.assert_array_equal(alone > 0.5, off > 0.5)


def test_smoothness_removes_speckles():
    probability = np.full((60, 80), 0.1, dtype=np.float32)
    probability[:, 40:] = 0.9
    speckled = probability.copy()
    speckled[::7, ::9] = 1 - speckled[::7, ::9]
    flat = np.full((60, 80, 3), 180, dtype=np.uint8)
    refined = refine_probability(flat, speckled, appearance_weight=0, smoothness_weight=4)
    np.testing.assert_array_equal(refined > 0.5, probability > 0.5)


def test_without_weights_nothing_changes(edge):
    photo, off = edge
    off = np.where(off < 0.3, np.float32(0), off)
    np.testing.assert_array_equal(refine_probability(photo, off, appearance_weight=0, smoothness_weight=0), off)


def test_both_labels_are_treated_alike(small_photo):
    probability = np.random.default_rng(0).uniform(0, 1, small_photo.shape[:2]).astype(np.float32)
    refined = refine_probability(small_photo, probability)
    assert np.abs(refined - probability).max() > 0.2
    np.testing.assert_allclose(refine_probability(small_photo, 1 - probability), 1 - refined, atol=1e-4)


def test_undecided_stays_undecided(small_photo):
    half = np.full(small_photo.shape[:2], 0.5)
    np.testing.assert_allclose(refine_probability(small_photo, half, appearance_weight=9), 0.5, atol=1e-6)


def test_neighbors_move_the_log_odds_by_the_weights_at_most(edge):
    photo, _ = edge
    sure = np.full(photo.shape[:2], 0.97)
    moved = log_odds(refine_probability(photo, sure, appearance_weight=0.5, smoothness_weight=0.25)) - log_odds(sure)
    # Next to an edge the kernel is cut off, and its normalized sum is a little more than one.
    assert moved.mean() == pytest.approx(0.75 * np.tanh((log_odds(0.97) + 0.75) / 2), abs=0.02)
    assert (moved < 0.95).all()


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.rot90])
def test_mirrored_and_turned_photos_give_the_same(turn):
    photos = make_lesions(1, random_state=5)
    rough = ndi.gaussian_filter(photos.masks[0].astype(np.float32), 8)
    refined = refine_probability(photos.images[0], rough)
    turned = refine_probability(turn(photos.images[0]), np.ascontiguousarray(turn(rough)))
    assert np.abs(turned - turn(refined)).mean() < 0.005  # other pixels become nodes


def test_the_size_of_the_photo_does_not_matter():
    photos = make_lesions(1, image_size=(288, 384), random_state=2)
    photo, rough = photos.images[0], ndi.gaussian_filter(photos.masks[0].astype(np.float32), 9)
    half = np.asarray(Image.fromarray(photo).reduce(2)), rough.reshape(144, 2, 192, 2).mean(axis=(1, 3))
    large, small = refine_probability(photo, rough), refine_probability(*half)
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
def test_any_photo_gives_probabilities(height, width, seed, flat, weights, radii):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if flat:
        photo[:] = photo[0, 0]
    probability = rng.integers(0, 3, (height, width)) / 2
    refined = refine_probability(
        photo,
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
def test_photos_of_one_row_or_column(shape):
    photo, mask = np.full((*shape, 3), 90, dtype=np.uint8), np.zeros(shape, dtype=bool)
    mask[: shape[0] // 2 + 1, : shape[1] // 2 + 1] = True
    lesion = CRFRefiner().transform([Lesion(photo, mask)])[0]
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
def test_wrong_options_of_the_function(edge, options, message):
    with pytest.raises(ValueError, match=message):
        refine_probability(*edge, **options)


def test_wrong_probabilities(edge):
    photo, off = edge
    with pytest.raises(ValueError, match=r"must have the shape of its image, \(40, 60\), got \(60, 40\)"):
        refine_probability(photo, off.T)
    with pytest.raises(ValueError, match=r"must lie in 0\.\.1"):
        refine_probability(photo, off * 255)


# From a mask to probabilities and back


@pytest.mark.parametrize("side", [48, 192, 480])
def test_softened_masks_are_unsure_near_the_border(side):
    y, x = np.indices((side, side)) - side / 2 + 0.5
    radius = side / 4
    distance = np.hypot(y, x)
    soft = soften_mask(distance < radius)
    assert soft.dtype == np.float32
    expected = 1 / (1 + np.exp((distance - radius) / (0.055 * radius)))
    assert np.abs(soft - expected).max() < 0.5 / (0.055 * min(radius, 48)) / 4 * 2  # half a pixel of the smaller size
    assert mask_jaccard(soft > 0.5, distance < radius) > 0.97


def test_softened_masks_are_sure_where_there_is_no_border():
    half = np.zeros((60, 80), dtype=bool)
    half[:, :40] = True
    soft = soften_mask(half)
    np.testing.assert_allclose(soft[0], soft[30], atol=1e-6)  # the frame is no border
    assert soft[30, 0] > 0.999
    assert soft[30, -1] < 0.001
    assert (soften_mask(np.ones((60, 80))) > 0.999).all()


def test_probabilities_are_one_half_on_the_border_of_the_mask():
    ramp = np.tile(np.linspace(0.02, 0.98, 49, dtype=np.float32), (9, 1))
    for first in (13, 24, 37):  # column of the mask's first pixel
        centered = center_probability(ramp, np.arange(49) >= np.full((9, 1), first))
        np.testing.assert_array_equal(centered > 0.5, np.arange(49) >= np.full((9, 1), first))
        shift = log_odds(centered) - log_odds(ramp)
        np.testing.assert_allclose(shift, shift[0, 0], atol=1e-3)
        columns = center_probability(np.ascontiguousarray(ramp.T), np.arange(49)[:, np.newaxis] >= np.full(9, first))
        np.testing.assert_array_equal(columns, centered.T)


def test_probabilities_that_are_not_of_the_mask_are_moved_little():
    mask = np.zeros((9, 9), dtype=bool)
    mask[3:6, 3:6] = True
    assert center_probability(np.full((9, 9), 0.01, dtype=np.float32), mask).max() == pytest.approx(0.0833, abs=1e-3)
    whole = np.full((9, 9), 0.7, dtype=np.float32)
    np.testing.assert_array_equal(center_probability(whole, np.ones((9, 9), dtype=bool)), whole)


def test_the_largest_region_on_the_old_one_is_kept():
    mask = np.zeros((20, 40), dtype=bool)
    mask[5:15, 5:15] = True
    likely = np.zeros_like(mask)
    likely[6:14, 6:12] = True
    likely[9, 8] = False  # a hole
    likely[2:4, 2:12] = True  # beside it
    likely[10, 13:15] = True  # on it, but smaller
    likely[:, 20:] = True  # larger, elsewhere
    expected = np.zeros_like(mask)
    expected[6:14, 6:12] = True
    np.testing.assert_array_equal(choose_refined(likely, mask), expected)
    assert choose_refined(likely & ~expected & (np.arange(40) > 16), mask) is None
    assert choose_refined(np.zeros_like(mask), mask) is None


# The step


@pytest.fixture(scope="module")
def photos():
    return make_lesions(6, image_size=(96, 128), random_state=0)


def test_it_does_what_the_functions_do(photos):
    options = {"appearance_weight": 2.0, "smoothness_weight": 0.5, "color_radius": 8.0, "smoothness_radius": 0.03}
    for lesion in WatershedSegmenter().transform(photos.images):
        found = CRFRefiner(**options, threshold=0.5).transform([lesion])[0]
        expected = refine_probability(lesion.image, soften_mask(lesion.mask), **options)
        np.testing.assert_array_equal(found.probability, expected)
        np.testing.assert_array_equal(found.mask, choose_refined(expected > 0.5, lesion.mask))
        assert found.image is lesion.image


def test_probabilities_of_the_segmenter_are_used(make_lesion):
    lesion = make_lesion(spot=(140, 100, 90))
    wrong = np.roll(lesion.mask, 4, axis=1)
    sure = Lesion(lesion.image, wrong, probability=ndi.gaussian_filter(lesion.mask.astype(np.float32), 3).clip(0, 1))
    assert mask_jaccard(CRFRefiner().transform([sure])[0].mask, lesion.mask) > 0.97
    refined = CRFRefiner(appearance_weight=3).transform([Lesion(lesion.image, wrong)])[0]
    assert mask_jaccard(refined.mask, lesion.mask) > mask_jaccard(wrong, lesion.mask) + 0.05


def test_a_segmenter_may_have_a_threshold_of_its_own(make_lesion):
    lesion = make_lesion()
    likely = ndi.gaussian_filter(lesion.mask.astype(np.float32), 3).clip(0.01, 0.99)
    unlikely = 1 / (1 + np.exp(2 - log_odds(likely)))  # one half has become 0.12
    found = [CRFRefiner().transform([Lesion(lesion.image, likely > 0.5, probability=p)])[0] for p in (likely, unlikely)]
    np.testing.assert_array_equal(found[0].mask, found[1].mask)
    assert mask_jaccard(unlikely > 0.4, likely > 0.5) < 0.8


def test_a_lower_threshold_draws_wider(photos):
    lesions = WatershedSegmenter().transform(photos.images)
    areas = [sum(x.area_px for x in CRFRefiner(threshold=t).transform(lesions)) for t in (0.7, 0.5, 0.4, 0.2)]
    assert areas == sorted(set(areas))


def test_what_cannot_be_refined_stays(make_lesion):
    empty = make_lesion().with_mask(np.zeros((96, 128), dtype=bool))
    unlikely = make_lesion()
    unlikely = unlikely.with_mask(unlikely.mask, probability=np.zeros((96, 128)))
    for lesion in (empty, unlikely):
        assert CRFRefiner().transform([lesion])[0] is lesion


def test_behind_a_segmenter(photos):
    pipeline = Pipeline([("segment", WatershedSegmenter()), ("refine", CRFRefiner())]).fit(photos.images)
    large = np.kron(photos.images[0], np.ones((8, 8, 1), dtype=np.uint8))
    masks = pipeline.predict([photos.images[1], large])
    assert [mask.shape for mask in masks] == [(96, 128), (768, 1024)]
    each = [mask_jaccard(a, b) for a, b in zip(photos.masks, pipeline.predict(photos.images), strict=True)]
    assert pipeline.score(photos.images, photos.masks) == pytest.approx(np.mean(each))
    assert min(each) > 0.5
    with pytest.raises(
        ValueError, match=r"X\[0\]: CRFRefiner needs a mask, got an image without one\. Put a segmenter"
    ):
        CRFRefiner().predict(photos.images)


def test_grid_search_with_few_masks(photos):
    pipeline = Pipeline([("segment", WatershedSegmenter()), ("refine", CRFRefiner())])
    grid = {"refine__threshold": [0.4, 0.999], "refine__appearance_weight": [0.5, 1.0]}
    masks = [*photos.masks[:4], None, None]
    search = GridSearchCV(pipeline, grid, cv=SemiSupervisedSplit(2), error_score="raise").fit(photos.images, masks)
    assert search.best_params_["refine__threshold"] == 0.4
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.predict(photos.images[:2]).shape == (2,)


# Real images: a change that makes masks worse fails


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step"),
    [(load_ph2, "ph2", 2), (load_isic_2017, "isic2017", 12), (load_ham10000, "ham10000", 60)],
    ids=["ph2", "isic2017", "ham10000"],
)
def test_borders_of_real_photos_get_no_worse(real_data, load, name, step):
    photos = load(real_data(name))
    images, masks = photos.images[1::step], photos.masks[1::step]
    lesions = WatershedSegmenter().transform(images)
    assert len(images) >= 50
    assert CRFRefiner().score(lesions, masks) > WatershedSegmenter().score(images, masks)
