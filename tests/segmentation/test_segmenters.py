"""Tests of the segmenters' interface and of the watershed segmenter."""

from copy import deepcopy

import numpy as np
import pytest
from joblib import parallel_config
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.metrics import make_mask_scorer, mask_dice, mask_jaccard
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.segmentation import (
    CRFRefiner,
    PixelClassifierSegmenter,
    SegmenterSelector,
    WatershedSegmenter,
    segment_watershed,
)


@pytest.fixture(scope="module")
def data():
    return make_lesions(9, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def paths(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    for i, mask in enumerate(data.masks):
        Image.fromarray(mask).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(len(data.masks))]


def test_segmenter_equals_function(data):
    for options in ({}, {"channel": "auto"}, {"even_light": False}, {"margin": 0.05}):
        lesions = WatershedSegmenter(**options).fit_transform(data.images)
        for lesion, image in zip(lesions, data.images, strict=True):
            np.testing.assert_array_equal(lesion.mask, segment_watershed(image, **options))
            assert lesion.image is image


def test_predict_returns_source_size(make_lesion):
    large, small = make_lesion(600, 800), make_lesion(48, 64)
    shrunk = Lesion(large.image[::8, ::8], source_shape=(600, 800))
    masks = WatershedSegmenter(margin=0).predict([large.image, small.image, shrunk])
    assert masks.shape == (3,)
    assert masks.dtype == object
    for mask, truth in zip(masks, (large.mask, small.mask, large.mask), strict=True):
        assert (mask.shape, mask.dtype) == (truth.shape, bool)
        assert mask_jaccard(truth, mask) > 0.9
    assert WatershedSegmenter().transform([large.image])[0].mask.shape == (288, 384)


def test_predict_returns_1d_object_array(data):
    masks = WatershedSegmenter().predict(data.images)  # all have the same shape
    assert masks.shape == (9,)
    assert WatershedSegmenter().predict([]).shape == (0,)


def test_replaces_existing_mask(make_lesion):
    lesion = make_lesion()
    wrong = lesion.with_mask(~lesion.mask)
    found = WatershedSegmenter(margin=0).transform([wrong])[0]
    assert mask_jaccard(lesion.mask, found.mask) > 0.9
    np.testing.assert_array_equal(wrong.mask, ~lesion.mask)


def test_no_lesion_gives_empty_mask(make_image):
    skin = make_image(radii=(1e-9, 1e-9))
    assert not WatershedSegmenter().predict([skin])[0].any()
    assert WatershedSegmenter().score([skin], [np.zeros((96, 128), bool)]) == 1
    assert WatershedSegmenter().score([skin], [np.ones((96, 128), bool)]) == 0


# Score


def test_score_is_mean_jaccard(data, paths):
    segmenter = WatershedSegmenter()
    each = [mask_jaccard(a, b) for a, b in zip(data.masks, segmenter.predict(data.images), strict=True)]
    assert len(set(each)) > 5
    assert segmenter.score(data.images, data.masks) == pytest.approx(np.mean(each))
    assert segmenter.score(data.images, paths) == pytest.approx(np.mean(each))
    assert segmenter.score(data.images, np.stack(data.masks)) == pytest.approx(np.mean(each))
    assert segmenter.score(data.images, np.stack(data.masks) * np.uint8(255)) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("missing", [None, np.nan, float("nan")])
def test_score_ignores_images_without_mask(data, missing):
    some = [data.masks[0], missing, data.masks[2]]
    expected = WatershedSegmenter().score([data.images[0], data.images[2]], [data.masks[0], data.masks[2]])
    assert WatershedSegmenter().score([data.images[0], "gone.jpg", data.images[2]], some) == expected


def test_score_uses_source_size(make_lesion):
    lesion = make_lesion(600, 800)
    assert WatershedSegmenter(margin=0).score([lesion.image], [lesion.mask]) > 0.95
    with pytest.raises(ValueError, match=r"y\[0\]: .*\(600, 800\).*\(288, 384\)|y\[0\]: .*\(288, 384\).*\(600, 800\)"):
        WatershedSegmenter().score([lesion.image], [np.zeros((288, 384), bool)])


def test_score_rejects_invalid_masks(data, paths):
    segmenter = WatershedSegmenter()
    with pytest.raises(ValueError, match="y must hold at least one mask, got none in 2 images"):
        segmenter.score(data.images[:2], [None, np.nan])
    with pytest.raises(ValueError, match="X and y must have the same length, got 2 and 3"):
        segmenter.score(data.images[:2], data.masks[:3])
    with pytest.raises(ValueError, match=r"y\[1\]: .*\(96, 128\).*\(9, 9\)|y\[1\]: .*\(9, 9\).*\(96, 128\)"):
        segmenter.score(data.images[:2], [data.masks[0], np.zeros((9, 9), bool)])
    with pytest.raises(FileNotFoundError, match=r"y\[1\] \('gone\.png'\): could not open"):
        segmenter.score(data.images[:2], [paths[0], "gone.png"])
    with pytest.raises(TypeError, match="got NoneType"):
        segmenter.score(data.images[:2], None)


# Searches


@pytest.mark.parametrize("kind", ["arrays", "paths"])
def test_grid_search_over_channel_and_margin(data, paths, kind):
    masks = {"arrays": data.masks, "paths": paths}[kind]
    grid = {"channel": ["blue", "red"], "margin": [0, 0.01, 0.1]}
    search = GridSearchCV(WatershedSegmenter(), grid, cv=3, error_score="raise").fit(data.images, masks)
    assert search.best_params_["margin"] < 0.1
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 6
    best = WatershedSegmenter(**search.best_params_)
    folds = [best.score(data.images[i : i + 3], data.masks[i : i + 3]) for i in (0, 3, 6)]
    assert search.best_score_ == scores.max() == pytest.approx(np.mean(folds))
    assert search.predict(data.images[:2]).shape == (2,)


def test_grid_search_with_few_masks(data):
    masks = [mask if i % 2 else None for i, mask in enumerate(data.masks)]
    search = GridSearchCV(
        WatershedSegmenter(), {"margin": [0.01, 0.1]}, cv=SemiSupervisedSplit(2), error_score="raise", n_jobs=2
    )
    search.fit(data.images, masks)
    assert search.best_params_ == {"margin": 0.01}


def test_cross_val_score(data):
    scores = cross_val_score(WatershedSegmenter(), data.images, data.masks, cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert ((scores > 0.2) & (scores <= 1)).all()
    dice = cross_val_score(
        WatershedSegmenter(),
        data.images,
        data.masks,
        cv=3,
        scoring=make_mask_scorer(mask_dice),
        error_score="raise",
    )
    assert (dice > scores).all()


@pytest.mark.parametrize(
    "arguments",
    [
        {"channel": "yellow"},
        {"channel": 2},
        {"even_light": "yes"},
        {"margin": -0.01},
        {"margin": 0.3},
        {"margin": None},
    ],
)
def test_rejects_invalid_parameters(data, arguments):
    for call in (WatershedSegmenter(**arguments).fit, WatershedSegmenter(**arguments).predict):
        with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter of WatershedSegmenter must be"):
            call(data.images)


# Parallel processing


@pytest.fixture(scope="module")
def many():
    """Return lesions with masks, more than are sent to a process at once."""
    return WatershedSegmenter().transform(make_lesions(21, image_size=(48, 64), random_state=0).images)


parallel_segmenters = pytest.mark.parametrize(
    "segmenter",
    [
        WatershedSegmenter(),
        CRFRefiner(),
        SegmenterSelector(random_state=0),
        PixelClassifierSegmenter(n_pixels=50, random_state=0),
    ],
    ids=lambda segmenter: type(segmenter).__name__,
)


@parallel_segmenters
def test_parallel_equals_serial(many, segmenter):
    alone = clone(segmenter).set_params(n_jobs=None).fit(many[:6], [lesion.mask for lesion in many[:6]])
    parallel = deepcopy(alone).set_params(n_jobs=2)
    with parallel_config("loky", inner_max_num_threads=1):  # the same number of threads of BLAS as in the tests
        lesions, masks = parallel.transform(many), parallel.predict(many)
    assert len(lesions) == len(masks) == len(many)
    for lesion, mask, expected in zip(lesions, masks, alone.transform(many), strict=True):
        np.testing.assert_array_equal(lesion.image, expected.image)
        np.testing.assert_array_equal(lesion.mask, expected.mask)
        np.testing.assert_array_equal(mask, expected.mask)
        assert (lesion.probability is None) == (expected.probability is None)
        if expected.probability is not None:
            np.testing.assert_array_equal(lesion.probability, expected.probability)
    assert len({lesion.area_px for lesion in lesions}) > 10


@parallel_segmenters
def test_parallel_error_names_position(many, segmenter):
    fitted = clone(segmenter).fit(many[:6], [lesion.mask for lesion in many[:6]]).set_params(n_jobs=2)
    images = [*many[:20], "gone.jpg", *many[20:]]
    with (
        parallel_config("threading"),  # after an error, processes would start anew
        pytest.raises(FileNotFoundError, match=r"^X\[20\] \('gone\.jpg'\): could not open"),
    ):
        fitted.predict(images)


# Regression tests on real images


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step", "floor"),
    [(load_ph2, "ph2", 1, 0.84), (load_isic_2017, "isic2017", 6, 0.765), (load_ham10000, "ham10000", 30, 0.785)],
    ids=["ph2", "isic2017", "ham10000"],
)
def test_jaccard_on_real_images(real_data, load, name, step, floor):
    data = load(real_data(name))
    images, masks = data.images[::step], data.masks[::step]
    assert len(images) >= 100
    assert WatershedSegmenter().score(images, masks) >= floor
