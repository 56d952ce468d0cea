"""Tests of the preprocessing transformers."""

from dataclasses import fields

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.preprocessing import ColorNormalizer, HairRemover, normalize_color, remove_hair
from sklearn_melanoma.segmentation import WatershedSegmenter


@pytest.fixture(scope="module")
def data():
    return make_lesions(12, hair=1, image_size=(144, 192), random_state=0)


@pytest.mark.parametrize(
    ("estimator", "function"),
    [
        (HairRemover(), remove_hair),
        (HairRemover(min_contrast=0.2, min_length=0.3), lambda x: remove_hair(x, min_contrast=0.2, min_length=0.3)),
        (ColorNormalizer(), normalize_color),
        (ColorNormalizer(norm=1), lambda x: normalize_color(x, norm=1)),
    ],
    ids=["hair", "clear hair", "color", "gray world"],
)
def test_transformers_equal_functions(data, estimator, function):
    lesions = estimator.fit_transform(data.images)
    changed = 0
    for lesion, image in zip(lesions, data.images, strict=True):
        np.testing.assert_array_equal(lesion.image, function(image))
        changed += not np.array_equal(lesion.image, image)
    assert changed > 6


@pytest.mark.parametrize("estimator", [HairRemover(), ColorNormalizer()], ids=["hair", "color"])
def test_only_image_changes(data, estimator):
    probability = np.full((144, 192), 0.25, np.float32)
    lesion = Lesion(data.images[0], data.masks[0], None, 0.02, "a.png", (1440, 1920), probability)
    result = estimator.transform([lesion])[0]
    assert not np.array_equal(result.image, lesion.image)
    for field in fields(Lesion):
        if field.name != "image":
            assert getattr(result, field.name) is getattr(lesion, field.name) or getattr(result, field.name) == getattr(
                lesion, field.name
            )


def test_images_without_hair_are_returned_unchanged(make_lesion):
    lesion = make_lesion()
    assert HairRemover().transform([lesion])[0] is lesion
    assert HairRemover().transform([lesion.image])[0].image is lesion.image


def test_grid_search_before_segmenter(data):
    pipeline = Pipeline([("hair", HairRemover()), ("segment", WatershedSegmenter())])
    search = GridSearchCV(
        pipeline,
        {"hair": [HairRemover(), "passthrough"], "segment__margin": [0.005, 0.1]},
        cv=3,
        error_score="raise",
    )
    search.fit(data.images, data.masks)
    assert search.best_params_["segment__margin"] == 0.005
    assert isinstance(search.best_params_["hair"], HairRemover)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.predict(data.images[:2]).shape == (2,)


def test_image_pipeline(data):
    steps = [("clean", HairRemover()), ("color", ColorNormalizer()), ("segment", WatershedSegmenter())]
    lesions = ImagePipeline(steps, batch_size=5).fit(data.images).transform(data.images)
    expected = make_pipeline(*(step for _, step in steps)).transform(data.images)
    for lesion, other in zip(lesions, expected, strict=True):
        np.testing.assert_array_equal(lesion.mask, other.mask)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "load", "step"), [("ph2", load_ph2, 3), ("isic2017", load_isic_2017, 9), ("ham10000", load_ham10000, 31)]
)
def test_hair_removal_keeps_masks_of_real_images(real_data, name, load, step):
    data = load(real_data(name))
    images, masks = ImageReader().transform(data.images[::step]), data.masks[::step]
    with_hair = WatershedSegmenter().score(images, masks)
    assert make_pipeline(HairRemover(), WatershedSegmenter()).score(images, masks) > with_hair - 0.002
