"""Tests of the pretrained segmenter in the package."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_melanoma.datasets import load_ham10000, load_ph2, make_lesions
from sklearn_melanoma.segmentation import (
    PixelClassifierSegmenter,
    PixelPerceptron,
    WatershedSegmenter,
    load_pretrained_segmenter,
)
from sklearn_melanoma.segmentation._pixel_features import describe_pixels
from sklearn_melanoma.segmentation._pretrained import read_weights, write_weights


@pytest.fixture(scope="module")
def data():
    return make_lesions(24, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def segmenter():
    return load_pretrained_segmenter()


def test_features_are_those_that_it_learned_from(data, segmenter):
    """Another number or order of the features would need other weights."""
    assert segmenter.estimator_.n_features_in_ == len(describe_pixels(data.images[0]).names) == 79


def test_segments_without_a_fit(data, segmenter):
    assert segmenter.score(data.images, data.masks) > 0.8
    (empty,) = segmenter.predict([np.full((60, 80, 3), 170, dtype=np.uint8)])
    assert not empty.any()


def test_few_masks_change_the_threshold_alone(data, segmenter):
    fitted = clone(segmenter).fit(data.images[:8], data.masks[:8])
    assert fitted.estimator_.estimator is segmenter.estimator_.estimator
    assert fitted.base_weight_ == pytest.approx(20 / 28)
    rest = data.images[8:], data.masks[8:]
    assert fitted.score(*rest) > segmenter.score(*rest) - 0.01


def test_copy_is_not_fitted(data, segmenter):
    with pytest.raises(NotFittedError):
        clone(segmenter).predict(data.images[:1])


def test_weights_from_a_file(data, tmp_path):
    trained = PixelClassifierSegmenter(
        estimator=PixelPerceptron((6, 4), min_steps=30, random_state=0), prior_masks=8, random_state=0
    ).fit(data.images[:8], data.masks[:8])
    write_weights(trained, tmp_path / "weights.npz")
    read = read_weights(tmp_path / "weights.npz")
    assert read.threshold_ == trained.threshold_
    assert read.out_of_fold_jaccard_ == trained.out_of_fold_jaccard_
    for found, expected in zip(read.predict(data.images[8:12]), trained.predict(data.images[8:12]), strict=True):
        np.testing.assert_array_equal(found, expected)
    perceptron = read.estimator_.estimator
    assert perceptron.layer_sizes == (6, 4)
    rows = np.random.default_rng(0).normal(size=(40, perceptron.n_features_in_))
    assert perceptron.partial_fit(rows, rows[:, 0] > 0).n_iter_ == 1  # it can continue to learn


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("load", "name", "step", "floor"),
    [(load_ph2, "ph2", 1, 0.85), (load_ham10000, "ham10000", 30, 0.82)],
    ids=["ph2", "ham10000"],
)
def test_twenty_masks_of_real_images(segmenter, real_data, load, name, step, floor):
    data = load(real_data(name))
    images, masks = data.images[::step], data.masks[::step]
    fitted = clone(segmenter).fit(images[:20], masks[:20])
    score = fitted.score(images[20::2], masks[20::2])
    assert score >= floor
    if name == "ham10000":  # drawn wider than the masks of the watershed
        assert score > WatershedSegmenter().score(images[20::2], masks[20::2]) + 0.01
