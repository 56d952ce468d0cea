import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.metrics import make_mask_scorer, mask_dice, mask_jaccard
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.segmentation import WatershedSegmenter, segment_watershed


@pytest.fixture(scope="module")
def photos():
    return make_lesions(9, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def paths(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    for i, mask in enumerate(photos.masks):
        Image.fromarray(mask).save(folder / f"{i}.png")
    return [str(folder / f"{i}.png") for i in range(len(photos.masks))]


def test_it_does_what_the_function_does(photos):
    for options in ({}, {"channel": "auto"}, {"even_light": False}, {"margin": 0.05}):
        lesions = WatershedSegmenter(**options).fit_transform(photos.images)
        for lesion, image in zip(lesions, photos.images, strict=True):
            np.testing.assert_array_equal(lesion.mask, segment_watershed(image, **options))
            assert lesion.image is image


def test_predictions_are_of_the_size_of_the_photo(make_lesion):
    large, small = make_lesion(600, 800), make_lesion(48, 64)
    shrunk = Lesion(large.image[::8, ::8], source_shape=(600, 800))
    masks = WatershedSegmenter(margin=0).predict([large.image, small.image, shrunk])
    assert masks.shape == (3,)
    assert masks.dtype == object
    for mask, truth in zip(masks, (large.mask, small.mask, large.mask), strict=True):
        assert (mask.shape, mask.dtype) == (truth.shape, bool)
        assert mask_jaccard(truth, mask) > 0.9
    assert WatershedSegmenter().transform([large.image])[0].mask.shape == (288, 384)


def test_predictions_stay_one_dimensional_whatever_the_sizes(photos):
    masks = WatershedSegmenter().predict(photos.images)  # all of one shape
    assert masks.shape == (9,)
    assert WatershedSegmenter().predict([]).shape == (0,)


def test_a_mask_that_was_there_is_replaced(make_lesion):
    lesion = make_lesion()
    wrong = lesion.with_mask(~lesion.mask)
    found = WatershedSegmenter(margin=0).transform([wrong])[0]
    assert mask_jaccard(lesion.mask, found.mask) > 0.9
    np.testing.assert_array_equal(wrong.mask, ~lesion.mask)


def test_no_lesion_is_an_empty_mask(make_image):
    skin = make_image(radii=(1e-9, 1e-9))
    assert not WatershedSegmenter().predict([skin])[0].any()
    assert WatershedSegmenter().score([skin], [np.zeros((96, 128), bool)]) == 1
    assert WatershedSegmenter().score([skin], [np.ones((96, 128), bool)]) == 0


# Score


def test_score_is_the_mean_jaccard_index(photos, paths):
    segmenter = WatershedSegmenter()
    each = [mask_jaccard(a, b) for a, b in zip(photos.masks, segmenter.predict(photos.images), strict=True)]
    assert len(set(each)) > 5
    assert segmenter.score(photos.images, photos.masks) == pytest.approx(np.mean(each))
    assert segmenter.score(photos.images, paths) == pytest.approx(np.mean(each))
    assert segmenter.score(photos.images, np.stack(photos.masks)) == pytest.approx(np.mean(each))
    assert segmenter.score(photos.images, np.stack(photos.masks) * np.uint8(255)) == pytest.approx(np.mean(each))


@pytest.mark.parametrize("missing", [None, np.nan, float("nan")])
def test_photos_without_a_mask_are_neither_scored_nor_read(photos, missing):
    some = [photos.masks[0], missing, photos.masks[2]]
    expected = WatershedSegmenter().score([photos.images[0], photos.images[2]], [photos.masks[0], photos.masks[2]])
    assert WatershedSegmenter().score([photos.images[0], "gone.jpg", photos.images[2]], some) == expected


def test_score_is_at_the_size_of_the_photo(make_lesion):
    lesion = make_lesion(600, 800)
    assert WatershedSegmenter(margin=0).score([lesion.image], [lesion.mask]) > 0.95
    with pytest.raises(ValueError, match=r"y\[0\]: .*\(600, 800\).*\(288, 384\)|y\[0\]: .*\(288, 384\).*\(600, 800\)"):
        WatershedSegmenter().score([lesion.image], [np.zeros((288, 384), bool)])


def test_what_cannot_be_scored(photos, paths):
    segmenter = WatershedSegmenter()
    with pytest.raises(ValueError, match="y must hold at least one mask, got none in 2 images"):
        segmenter.score(photos.images[:2], [None, np.nan])
    with pytest.raises(ValueError, match="X and y must have the same length, got 2 and 3"):
        segmenter.score(photos.images[:2], photos.masks[:3])
    with pytest.raises(ValueError, match=r"y\[1\]: .*\(96, 128\).*\(9, 9\)|y\[1\]: .*\(9, 9\).*\(96, 128\)"):
        segmenter.score(photos.images[:2], [photos.masks[0], np.zeros((9, 9), bool)])
    with pytest.raises(FileNotFoundError, match=r"y\[1\] \('gone\.png'\): could not open"):
        segmenter.score(photos.images[:2], [paths[0], "gone.png"])
    with pytest.raises(TypeError, match="got NoneType"):
        segmenter.score(photos.images[:2], None)


# Searches


@pytest.mark.parametrize("kind", ["arrays", "paths"])
def test_grid_search_over_channel_and_margin(photos, paths, kind):
    masks = {"arrays": photos.masks, "paths": paths}[kind]
    grid = {"channel": ["blue", "red"], "margin": [0, 0.01, 0.1]}
    search = GridSearchCV(WatershedSegmenter(), grid, cv=3, error_score="raise").fit(photos.images, masks)
    assert search.best_params_["margin"] < 0.1
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 6
    best = WatershedSegmenter(**search.best_params_)
    folds = [best.score(photos.images[i : i + 3], photos.masks[i : i + 3]) for i in (0, 3, 6)]
    assert search.best_score_ == scores.max() == pytest.approx(np.mean(folds))
    assert search.predict(photos.images[:2]).shape == (2,)


def test_grid_search_with_few_masks(photos):
    masks = [mask if i % 2 else None for i, mask in enumerate(photos.masks)]
    search = GridSearchCV(
        WatershedSegmenter(), {"margin": [0.01, 0.1]}, cv=SemiSupervisedSplit(2), error_score="raise", n_jobs=2
    )
    search.fit(photos.images, masks)
    assert search.best_params_ == {"margin": 0.01}


def test_cross_val_score(photos):
    scores = cross_val_score(WatershedSegmenter(), photos.images, photos.masks, cv=3, error_score="raise")
    assert scores.shape == (3,)
    assert ((scores > 0.2) & (scores <= 1)).all()
    dice = cross_val_score(
        WatershedSegmenter(),
        photos.images,
        photos.masks,
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
def test_wrong_arguments(photos, arguments):
    for call in (WatershedSegmenter(**arguments).fit, WatershedSegmenter(**arguments).predict):
        with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter of WatershedSegmenter must be"):
            call(photos.images)


# Real images: a change that makes masks worse fails


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step", "floor"),
    [(load_ph2, "ph2", 1, 0.84), (load_isic_2017, "isic2017", 6, 0.765), (load_ham10000, "ham10000", 30, 0.785)],
    ids=["ph2", "isic2017", "ham10000"],
)
def test_masks_of_real_photos(real_data, load, name, step, floor):
    photos = load(real_data(name))
    images, masks = photos.images[::step], photos.masks[::step]
    assert len(images) >= 100
    assert WatershedSegmenter().score(images, masks) >= floor
