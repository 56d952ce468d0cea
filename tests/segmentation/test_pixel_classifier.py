"""Tests of the pixel classifier."""

import pickle
from itertools import combinations

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage as ndi
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.segmentation import PixelClassifierSegmenter, SegmenterSelector, WatershedSegmenter
from sklearn_melanoma.segmentation._pixel_features import describe_pixels


@pytest.fixture(scope="module")
def data():
    return make_lesions(24, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    return PixelClassifierSegmenter(random_state=0).fit(data.images[:8], data.masks[:8])


def quick():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01))


def few_trees():
    return ExtraTreesClassifier(10, min_samples_leaf=5, max_features=0.1, random_state=0)


def areas(masks):
    return np.array([mask.sum() for mask in masks])


# Learning


def test_eight_masks_are_no_worse_than_unsupervised(data, fitted):
    rest = data.images[8:], data.masks[8:]
    assert fitted.score(*rest) > WatershedSegmenter().score(*rest) - 0.02


def test_eight_wide_masks_beat_unsupervised(data):
    wide = [ndi.binary_dilation(mask, iterations=5) for mask in data.masks]
    segmenter = PixelClassifierSegmenter(estimator=few_trees(), random_state=0).fit(data.images[:8], wide[:8])
    rest = data.images[8:], wide[8:]
    assert segmenter.score(*rest) > WatershedSegmenter().score(*rest) + 0.1


def test_learns_tight_and_wide_style(data):
    change = {
        "tight": lambda mask: ndi.binary_erosion(mask, iterations=3),
        "wide": lambda mask: ndi.binary_dilation(mask, iterations=3),
    }
    drawn = {style: [alter(mask) for mask in data.masks] for style, alter in change.items()}
    found = {
        style: PixelClassifierSegmenter(estimator=few_trees(), random_state=0)
        .fit(data.images[:8], masks[:8])
        .predict(data.images[8:])
        for style, masks in drawn.items()
    }
    assert (areas(found["tight"]) < areas(found["wide"])).mean() > 0.9
    for style, other in (("tight", "wide"), ("wide", "tight")):
        own = np.mean([mask_jaccard(a, b) for a, b in zip(drawn[style][8:], found[style], strict=True)])
        crossed = np.mean([mask_jaccard(a, b) for a, b in zip(drawn[style][8:], found[other], strict=True)])
        assert own > crossed + 0.1


def test_out_of_fold_jaccard_matches_unseen_images(data, fitted):
    assert fitted.out_of_fold_jaccard_ == pytest.approx(fitted.score(data.images[8:], data.masks[8:]), abs=0.1)


def test_base_weight_decreases_with_number_of_masks(data):
    images, masks = data.images[:6], data.masks[:6]
    weight = PixelClassifierSegmenter(estimator=quick(), random_state=0).fit(images, masks).base_weight_
    assert weight == pytest.approx(10 / 16)
    assert (
        PixelClassifierSegmenter(estimator=quick(), prior_masks=0, random_state=0).fit(images, masks).base_weight_ == 0
    )
    alone = PixelClassifierSegmenter(estimator=quick(), prior_masks=1e9, random_state=0).fit(images, masks)
    plain = WatershedSegmenter(margin=0)
    for found, guess in zip(alone.predict(data.images[8:]), plain.predict(data.images[8:]), strict=True):
        assert mask_jaccard(guess, found) > 0.9


def test_fits_single_mask(data):
    segmenter = PixelClassifierSegmenter(random_state=1).fit(data.images[:1], data.masks[:1])
    assert segmenter.threshold_ == 0.5
    assert np.isnan(segmenter.out_of_fold_jaccard_)
    assert segmenter.score(data.images[8:], data.masks[8:]) > 0.6


@pytest.mark.parametrize("style", ["all True", "all False"])
def test_fits_full_or_empty_mask_among_others(data, style):
    masks = [*data.masks[:3], np.full((96, 128), style == "all True")]
    segmenter = PixelClassifierSegmenter(estimator=quick(), random_state=0).fit(data.images[:4], masks)
    assert segmenter.predict(data.images[8:9])[0].any()


# Given and missing masks


def test_images_without_mask_are_not_read(data, fitted):
    missing = [None, np.nan, float("nan")]
    images = [*data.images[:4], *["gone.jpg"] * len(missing), *data.images[4:8]]
    masks = [*data.masks[:4], *missing, *data.masks[4:8]]
    other = PixelClassifierSegmenter(random_state=0).fit(images, masks)
    for a, b in zip(other.transform(data.images[8:12]), fitted.transform(data.images[8:12]), strict=True):
        np.testing.assert_array_equal(a.probability, b.probability)


def test_accepts_paths_and_arrays_of_masks(data, tmp_path):
    for i, mask in enumerate(data.masks[:2]):
        Image.fromarray(mask).save(tmp_path / f"{i}.png")
    stack = np.stack(data.masks[:2])
    segmenter = PixelClassifierSegmenter(estimator=quick(), random_state=0)
    expected = clone(segmenter).fit(data.images[:2], data.masks[:2]).transform(data.images[8:9])[0]
    for masks in ([str(tmp_path / f"{i}.png") for i in range(2)], stack, stack * np.uint8(255)):
        other = segmenter.fit(data.images[:2], masks)
        np.testing.assert_array_equal(other.transform(data.images[8:9])[0].probability, expected.probability)


def test_masks_have_source_size(make_lesion):
    lesions = [make_lesion(600, 800, center=(0.02 * i, 0), seed=i) for i in range(3)]
    images = [lesion.image for lesion in lesions]
    segmenter = PixelClassifierSegmenter(estimator=few_trees(), random_state=0)
    segmenter.fit(images, [lesion.mask for lesion in lesions])
    found = segmenter.transform(images)[0]
    assert found.mask.shape == found.probability.shape == found.image.shape[:2] == (288, 384)
    assert segmenter.predict(images)[0].shape == (600, 800)
    assert segmenter.score(images, [lesion.mask for lesion in lesions]) > 0.95
    with pytest.raises(ValueError, match=r"^y\[1\]: mask must have the shape of its image, \(600, 800\), got \(9, 9\)"):
        segmenter.fit(images, [lesions[0].mask, np.ones((9, 9), bool), None])


@pytest.mark.parametrize(
    ("masks", "kind", "message"),
    [
        (lambda masks: None, ValueError, r"at least one mask, got none in 3 images\. .* FrozenEstimator\(segmenter\)"),
        (lambda masks: [None, np.nan, None], ValueError, "y must hold at least one mask, got none in 3 images"),
        (lambda masks: masks[:2], ValueError, "X and y must have the same length, got 3 and 2"),
        (lambda masks: [np.zeros_like(mask) for mask in masks], ValueError, "got all empty ones"),
        (lambda masks: [np.ones_like(mask) for mask in masks], ValueError, "got all full ones"),
        (lambda masks: [masks[0], "gone.png", None], FileNotFoundError, r"^y\[1\] \('gone\.png'\): could not open"),
        (lambda masks: [masks[0], 5, None], ValueError, r"^y\[1\]: a mask must be an array or a path .*got 5"),
        (lambda masks: [masks[0], np.zeros(5), None], ValueError, r"^y\[1\]: mask must have shape"),
        (lambda masks: [masks[0], masks[1] + 1, None], ValueError, r"^y\[1\]: .*lesion_label="),
        (lambda masks: 7, TypeError, "y must be a sequence"),
    ],
)
def test_fit_rejects_invalid_masks(data, masks, kind, message):
    with pytest.raises(kind, match=message):
        PixelClassifierSegmenter(random_state=0).fit(data.images[:3], masks(data.masks[:3]))


# Output


def test_mask_covers_probable_region(data, fitted):
    for lesion in fitted.transform(data.images[8:]):
        assert (lesion.probability.dtype, lesion.mask.dtype) == (np.float32, bool)
        inside = lesion.probability[lesion.mask]
        assert np.median(inside) > fitted.threshold_ > lesion.probability[~lesion.mask].mean()
        assert ndi.label(lesion.mask)[1] == 1
        assert ndi.label(np.pad(~lesion.mask, 1, constant_values=True))[1] == 1


@pytest.mark.parametrize(
    "image",
    [
        np.full((96, 128, 3), (224, 172, 150), np.uint8),
        np.zeros((96, 128, 3), np.uint8),
        np.full((8, 8, 3), 200, np.uint8),
        np.full((1, 80, 3), 200, np.uint8),
        np.full((80, 1, 3), 200, np.uint8),
        np.full((1, 1, 3), 200, np.uint8),
        np.full((2, 3, 3), 200, np.uint8),
    ],
    ids=["skin", "black", "8x8", "row", "column", "pixel", "2x3"],
)
def test_uniform_images_have_no_lesion(fitted, image):
    lesion = fitted.transform([image])[0]
    assert lesion.mask.shape == image.shape[:2]
    assert not lesion.mask.any()
    assert not lesion.probability.any()


@pytest.mark.parametrize("seed", range(3))
def test_faint_noise_is_no_lesion(fitted, make_image, seed):
    skin = make_image(192, 256, radii=(1e-9, 1e-9), noise=8, seed=seed)
    assert not fitted.predict([skin])[0].any()


@pytest.mark.parametrize("shape", [(8, 8), (1, 300), (300, 1), (2, 2), (3, 400), (400, 5), (1, 1), (30, 30)])
def test_odd_shapes_of_noise(fitted, shape):
    for seed in range(5):
        image = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
        pixels = describe_pixels(image)
        assert np.isfinite(pixels.features).all()
        assert pixels.features.shape == (*pixels.base_probability.shape, len(pixels.names))
        assert fitted.predict([image])[0].shape == shape


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (8, 8)])
def test_fits_tiny_images(shape):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for _ in range(4)]
    masks = [np.full(shape, i % 2 == 0) for i in range(4)]
    segmenter = PixelClassifierSegmenter(estimator=few_trees(), random_state=0).fit(images, masks)
    assert segmenter.predict(images)[0].shape == shape


@pytest.mark.parametrize("size", [(192, 256), (768, 1024)])
def test_result_does_not_depend_on_resolution(data, fitted, make_lesion, size):
    small, other = (
        fitted.predict([make_lesion(*shape, center=(0.05, -0.1), noise=0).image])[0] for shape in ((384, 512), size)
    )
    other = np.asarray(Image.fromarray(other).resize((512, 384), Image.Resampling.NEAREST))
    assert mask_jaccard(small, other) > 0.97


def test_ignores_existing_mask(data, fitted):
    lesion = Lesion(data.images[8], ~data.masks[8])
    np.testing.assert_array_equal(fitted.predict([lesion])[0], fitted.predict([data.images[8]])[0])


# Estimator interface


@pytest.mark.parametrize(
    "classifier",
    [quick(), few_trees(), KNeighborsClassifier(15)],
    ids=["logistic", "trees", "neighbors"],
)
def test_accepts_any_classifier(data, classifier):
    segmenter = PixelClassifierSegmenter(estimator=classifier, n_pixels=100, random_state=0)
    segmenter.fit(data.images[:4], data.masks[:4])
    assert segmenter.score(data.images[8:16], data.masks[8:16]) > 0.75
    assert type(segmenter.estimator_) is type(classifier)
    assert segmenter.estimator_ is not classifier


class Backwards(ClassifierMixin, BaseEstimator):
    """Classifier with reversed columns."""

    def fit(self, X, y):
        self.inner_ = quick().fit(X, ~y)
        self.classes_ = np.array([True, False])
        return self

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


class Recording(ClassifierMixin, BaseEstimator):
    """Classifier that keeps what it learns from."""

    def fit(self, X, y, sample_weight=None, images=None):
        self.inner_ = quick().fit(X, y)
        self.classes_, self.rows_, self.weights_, self.images_ = self.inner_.classes_, X, sample_weight, images
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None, images=None):
        return self.fit(X, y, sample_weight, images)

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


def fit_recording(data, estimator):
    return PixelClassifierSegmenter(estimator=estimator, n_pixels=50, random_state=0).fit(
        data.images[:3], data.masks[:3]
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda classifier: make_pipeline(StandardScaler(), classifier),
        lambda classifier: make_pipeline("passthrough", make_pipeline(None, classifier)),
    ],
)
def test_images_and_weights_reach_the_end_of_a_pipeline(data, wrap):
    expected = fit_recording(data, Recording()).estimator_
    np.testing.assert_array_equal(expected.images_, np.repeat(np.arange(3), 50))
    assert expected.weights_.shape == (150,)
    last = fit_recording(data, wrap(Recording())).estimator_[-1]
    last = getattr(last, "steps", [(None, last)])[-1][1]
    np.testing.assert_array_equal(last.images_, expected.images_)
    np.testing.assert_array_equal(last.weights_, expected.weights_)


def test_images_are_routed(data):
    with config_context(enable_metadata_routing=True):
        recording = Recording().set_fit_request(images=True, sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = fit_recording(data, make_pipeline(scaler, recording))
        assert len(model.estimator_[-1].images_) == len(model.estimator_[-1].weights_) == 150


def test_each_part_is_sampled_anew(data):
    def list_rows(segmenter):
        parts = []
        for _ in range(3):
            segmenter.partial_fit(data.images[:2], data.masks[:2])
            parts.append(segmenter.estimator_.rows_)
        return parts

    segmenter = PixelClassifierSegmenter(estimator=Recording(), n_pixels=50, random_state=0)
    parts = list_rows(clone(segmenter))
    assert not any(np.array_equal(*pair) for pair in combinations(parts, 2))
    np.testing.assert_array_equal(list_rows(clone(segmenter)), parts)
    fitted = clone(segmenter).fit(data.images[:2], data.masks[:2])
    assert not np.array_equal(fitted.estimator_.rows_, list_rows(fitted)[0])


def test_probability_column_is_chosen_by_class(data):
    pair = [
        PixelClassifierSegmenter(estimator=classifier, prior_masks=0, random_state=0).fit(
            data.images[:4], data.masks[:4]
        )
        for classifier in (quick(), Backwards())
    ]
    for a, b in zip(*(segmenter.predict(data.images[8:12]) for segmenter in pair), strict=True):
        assert mask_jaccard(a, b) > 0.99


@pytest.mark.parametrize(
    "arguments",
    [
        {"estimator": LinearSVC()},
        {"estimator": make_pipeline(StandardScaler(), LinearSVC())},
        {"estimator": "trees"},
        {"n_pixels": 1},
        {"n_pixels": 10.5},
        {"prior_masks": -1},
        {"random_state": "now"},
    ],
)
def test_rejects_invalid_parameters(data, arguments):
    with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter of PixelClassifierSegmenter must be"):
        PixelClassifierSegmenter(**arguments).fit(data.images[:2], data.masks[:2])


def test_random_state_determines_result(data):
    def probability(seed):
        segmenter = PixelClassifierSegmenter(n_pixels=50, random_state=seed).fit(data.images[:1], data.masks[:1])
        return segmenter.transform(data.images[8:9])[0].probability

    np.testing.assert_array_equal(probability(3), probability(3))
    assert not np.array_equal(probability(3), probability(4))


def test_clone_and_pickle(data, fitted):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(data.images[8:9])[0], fitted.predict(data.images[8:9])[0])
    assert len(pickle.dumps(fitted)) < 10e6
    assert not hasattr(clone(fitted), "estimator_")


def test_grid_search_with_few_masks(data):
    masks = [mask if i % 2 else None for i, mask in enumerate(data.masks[:12])]
    too_wide = WatershedSegmenter(margin=0.1)
    search = GridSearchCV(
        PixelClassifierSegmenter(estimator=quick(), n_pixels=100, base_segmenter=too_wide, random_state=0),
        {"prior_masks": [0, 1e9], "estimator__logisticregression__C": [1e-9, 0.01]},
        cv=SemiSupervisedSplit(2),
        error_score="raise",
    ).fit(data.images[:12], masks)
    assert len(set(search.cv_results_["mean_test_score"])) > 2
    assert search.best_params_["prior_masks"] == 0
    assert search.best_params_["estimator__logisticregression__C"] == 0.01
    assert search.score(data.images[16:], data.masks[16:]) > 0.75


def test_cross_val_score(data):
    masks = [mask if i % 2 else None for i, mask in enumerate(data.masks[:12])]
    scores = cross_val_score(
        PixelClassifierSegmenter(estimator=quick(), random_state=0),
        data.images[:12],
        masks,
        cv=SemiSupervisedSplit(3),
        error_score="raise",
    )
    assert scores.shape == (3,)
    assert (scores > 0.5).all()


# Regression tests on real images


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step", "floor"),
    [(load_ph2, "ph2", 1, 0.85), (load_isic_2017, "isic2017", 6, 0.765), (load_ham10000, "ham10000", 30, 0.84)],
    ids=["ph2", "isic2017", "ham10000"],
)
def test_twenty_masks_of_real_images(real_data, load, name, step, floor):
    data = load(real_data(name))
    images, masks = data.images[::step], data.masks[::step]
    segmenter = PixelClassifierSegmenter(random_state=0).fit(images[:20], masks[:20])
    assert segmenter.score(images[20::2], masks[20::2]) >= floor


def test_base_segmenter_is_blended_in(data):
    masks = data.masks[:4]
    plain, voted = (
        PixelClassifierSegmenter(n_pixels=50, base_segmenter=base, prior_masks=1e9, random_state=0).fit(
            data.images[:4], masks
        )
        for base in (None, SegmenterSelector(random_state=0))
    )
    for segmenter, base in ((plain, WatershedSegmenter()), (voted, SegmenterSelector(random_state=0))):
        found = segmenter.transform(data.images[4:6])
        for lesion, guess in zip(found, base.transform(data.images[4:6]), strict=True):
            expected = guess.mask if guess.probability is None else guess.probability
            assert np.abs(lesion.probability - expected).mean() < 0.02
    one, other = (segmenter.transform(data.images[4:5])[0].probability for segmenter in (plain, voted))
    assert not np.array_equal(one, other)
    with pytest.raises(ValueError, match="at least one mask"):
        PixelClassifierSegmenter(base_segmenter=PixelClassifierSegmenter(), random_state=0).fit(data.images[:4], masks)
