"""Tests of the perceptron of pixels: its loss, its steps, and the classifier."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage as ndi
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.segmentation import (
    PixelClassifierSegmenter,
    PixelPerceptron,
    WatershedSegmenter,
    _pixel_perceptron,
)
from sklearn_melanoma.segmentation._perceptron import (
    Batch,
    compute_loss,
    predict_log_odds,
    start_moments,
    start_network,
    take_step,
)

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "the batches are random",
}
QUICK = {"max_iter": 5, "min_steps": 60, "layer_sizes": (16, 8), "random_state": 0}


@parametrize_with_checks([PixelPerceptron(**QUICK)], expected_failed_checks=lambda _: EXPECTED)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def pixels():
    """Return pixels of 30 images; the second class lies above a threshold at the mean of its own image."""
    random = np.random.default_rng(0)
    images = np.repeat(np.arange(30), 40)
    X = random.normal(size=(1200, 6)).astype(np.float32)
    return X, X[:, 0] + X[:, 1] > 0.8, images


@pytest.fixture
def batch(pixels):
    X, y, images = pixels
    random = np.random.default_rng(1)
    weights = random.uniform(0.2, 2, len(y))
    fractions = weights / np.bincount(images, weights)[images]
    return Batch(X, y, fractions, images)


# The loss


def test_gradient_is_that_of_the_loss(batch):
    log_odds = np.random.default_rng(2).normal(size=len(batch.rows))
    _, gradient = compute_loss(log_odds, batch)
    for place in range(0, 1200, 97):
        step = 1e-5 * (np.arange(1200) == place)
        change = compute_loss(log_odds + step, batch)[0] - compute_loss(log_odds - step, batch)[0]
        assert gradient[place] == pytest.approx(change / 2e-5, rel=1e-3, abs=1e-8)


def test_loss_is_log_loss_and_soft_jaccard(batch):
    probability = np.random.default_rng(2).uniform(0.05, 0.95, 1200)
    loss, _ = compute_loss(np.log(probability / (1 - probability)), batch)
    parts = []
    for image in range(30):
        rows = batch.images == image
        p, y, q = probability[rows], batch.is_lesion[rows], batch.fractions[rows]
        log_loss = -(q * np.where(y, np.log(p), np.log(1 - p))).sum()
        parts.append(log_loss + 1 - (q * p * y).sum() / (q * (p + y - p * y)).sum())
    assert loss == pytest.approx(np.mean(parts), abs=1e-3)


def test_step_follows_the_gradient_of_the_weights(batch):
    """The first step of Adam has the same length for all weights, and the sign of the gradient."""
    random = np.random.RandomState(0)
    network = start_network(batch.rows, (4,), random)
    batch = batch._replace(rows=network.scale(batch.rows))
    before = [weights.astype(np.float64) for weights in network.weights]

    def compute(weights):
        (first, second), (low, high) = weights, network.biases
        hidden = batch.rows @ first + low
        return compute_loss((np.where(hidden > 0, hidden, 0.1 * hidden) @ second + high)[:, 0], batch)[0]

    slopes = []
    for place in ((0, 1, 2), (1, 3, 0)):
        layer, row, column = place
        values = []
        for sign in (1, -1):
            changed = [weights.copy() for weights in before]
            changed[layer][row, column] += sign * 1e-4
            values.append(compute(changed))
        slopes.append((values[0] - values[1]) / 2e-4)
    take_step(network, start_moments(network), batch, 0.01, dropout=0, random=random)
    for (layer, row, column), slope in zip(((0, 1, 2), (1, 3, 0)), slopes, strict=True):
        change = network.weights[layer][row, column] - before[layer][row, column]
        assert change == pytest.approx(-0.01 * np.sign(slope), rel=1e-3)


def test_scaling_clips_and_standardizes(pixels):
    rows = pixels[0].copy()
    rows[:, 1] = rows[:, 1] * 1000 + 5
    rows[:, 2] = 7
    rows[0, 1] = 1e9
    network = start_network(rows, (3,), np.random.RandomState(0))
    scaled = network.scale(rows)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 0, 1, 1, 1], atol=1e-4)
    assert np.isfinite(predict_log_odds(network, rows)).all()


# The classifier


def test_learns_what_a_linear_model_does_not():
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (3000, 2)).astype(np.float32)
    y = X[:, 0] * X[:, 1] > 0
    images = np.repeat(np.arange(30), 100)
    model = PixelPerceptron((16, 8), max_iter=40, dropout=0, random_state=0).fit(X, y, images=images)
    assert model.score(X, y) > 0.95
    assert model.loss_curve_[-1] < model.loss_curve_[0] / 3


def test_labels_of_any_kind(pixels):
    X, y, images = pixels
    numbers = PixelPerceptron(**QUICK).fit(X, y, images=images)
    words = PixelPerceptron(**QUICK).fit(X, np.where(y, "lesion", "background"), images=images)
    assert words.classes_.tolist() == ["background", "lesion"]
    np.testing.assert_array_equal(words.predict_proba(X), numbers.predict_proba(X))
    np.testing.assert_array_equal(words.predict(X) == "lesion", numbers.predict(X))


def test_order_of_the_pixels_of_an_image_changes_nothing(pixels):
    X, y, images = pixels
    order = np.argsort(np.random.default_rng(3).permutation(1200) % 7 + 100 * (images % 2), kind="stable")
    options = QUICK | {"dropout": 0}
    first = PixelPerceptron(**options).fit(X, y, images=images)
    other = PixelPerceptron(**options).fit(X[order], y[order], images=images[order])
    np.testing.assert_allclose(other.predict_proba(X), first.predict_proba(X), atol=1e-3)


def test_pixels_of_weight_zero_do_not_count(pixels):
    X, y, images = pixels
    weights = np.where(np.arange(1200) % 4 == 0, 0.0, 3.0)
    wrong = np.where(weights == 0, ~y, y)
    options = QUICK | {"dropout": 0}
    found = PixelPerceptron(**options).fit(X, wrong, sample_weight=weights, images=images)
    expected = PixelPerceptron(**options).fit(X, y, sample_weight=weights, images=images)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-5)


def test_same_seed_gives_the_same_model(pixels):
    X, y, images = pixels
    models = [clone(PixelPerceptron(**QUICK)).fit(X, y, images=images) for _ in range(2)]
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))
    other = PixelPerceptron(**QUICK | {"random_state": 1}).fit(X, y, images=images)
    assert np.abs(other.predict_proba(X) - models[0].predict_proba(X)).max() > 1e-3


def test_warm_start_goes_on(pixels):
    X, y, images = pixels
    cold = PixelPerceptron(**QUICK).fit(X, y, images=images)
    warm = PixelPerceptron(**QUICK, warm_start=True)
    first = warm.fit(X, y, images=images).loss_curve_[0]
    assert cold.fit(X, y, images=images).loss_curve_[0] == first
    assert warm.fit(X, y, images=images).loss_curve_[0] < 0.8 * first


def test_early_stopping_keeps_the_best_pass(pixels):
    """Labels that can't be predicted: memorizing them increases the loss of the other images."""
    X, _, images = pixels
    y = np.random.default_rng(4).uniform(size=1200) < 0.4
    options = {"layer_sizes": (32,), "dropout": 0, "learning_rate": 0.02, "max_iter": 40, "min_steps": 1}
    model = PixelPerceptron(
        **options, early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, random_state=0
    ).fit(X, y, images=images)
    best = int(np.argmax(model.validation_scores_))
    assert model.n_iter_ == len(model.validation_scores_) == best + 4 < 40

    # The loss of the kept weights shows which images were left out.
    random = np.random.RandomState(0)
    start_network(X, (32,), random)
    rows = np.isin(images, random.permutation(30)[:6])
    fractions, numbers = np.full(240, 1 / 40, dtype=np.float32), np.repeat(np.arange(6), 40)
    left_out = Batch(X[rows], y[rows], fractions, numbers)
    loss, _ = compute_loss(model.decision_function(left_out.rows), left_out)
    assert -loss == pytest.approx(model.validation_scores_[best], abs=1e-6)


def test_early_stopping_needs_two_images(pixels):
    X, y, _ = pixels
    model = PixelPerceptron(**QUICK, early_stopping=True)
    with pytest.raises(ValueError, match=r"leaves out 1 image\(s\) and needs others .* got pixels of 1"):
        model.fit(X, y, images=np.zeros(1200))


def test_batches_of_images_in_turn(pixels):
    X, y, images = pixels
    model = PixelPerceptron(**QUICK | {"learning_rate": 0.01})
    for _ in range(25):
        for part in range(3):
            rows = images % 3 == part
            model.partial_fit(X[rows], y[rows], classes=[False, True], images=images[rows])
    assert len(model.loss_curve_) == 75
    assert model.score(X, y) > 0.9


def test_each_part_has_an_order_of_its_own(pixels, monkeypatch):
    X, y, images = pixels
    first_rows = []

    def record(network, moments, batch, *arguments, **options):
        first_rows.append(batch.rows[0, 0])
        return take_step(network, moments, batch, *arguments, **options)

    monkeypatch.setattr(_pixel_perceptron, "take_step", record)
    model = PixelPerceptron(**QUICK | {"batch_size": 1})
    for _ in range(2):
        model.partial_fit(X, y, images=images)
    assert sorted(first_rows[:30]) == sorted(first_rows[30:])
    assert first_rows[:30] != first_rows[30:]


def test_model_is_small(pixels):
    X, y, images = pixels
    wide = np.tile(X, (1, 13))
    model = PixelPerceptron(random_state=0, max_iter=1, min_steps=1).fit(wide, y, images=images)
    size = len(pickle.dumps(model.network_))
    assert size < 40_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(1200)}, r"y must hold two classes, got 1 class\(es\): \[0.0\]"),
        ({"y": np.arange(1200) % 3}, r"y must hold two classes, got 3 class\(es\): \[0, 1, 2\]"),
        ({"images": np.arange(7)}, "inconsistent numbers of samples"),
        ({"images": np.r_[np.nan, np.zeros(1199)]}, r"images\[0\] is missing"),
        ({"sample_weight": np.r_[np.zeros(40), np.ones(1160)]}, "above 0 for a pixel of each image, got zeros only"),
        ({"sample_weight": -np.ones(1200)}, "Negative values"),
        ({"X": np.full((1200, 6), np.nan)}, "NaN"),
    ],
)
def test_invalid_pixels(pixels, change, message):
    arguments = dict(zip(("X", "y", "images"), pixels, strict=True)) | change
    with pytest.raises(ValueError, match=message):
        PixelPerceptron(**QUICK).fit(**arguments)


def test_other_class_in_a_later_batch(pixels):
    X, y, images = pixels
    model = PixelPerceptron(**QUICK).partial_fit(X, y, images=images)
    with pytest.raises(ValueError, match="y must hold two classes"):
        model.partial_fit(X, np.where(y, 2, 0), images=images)
    with pytest.raises(ValueError, match="y must hold two classes"):
        model.partial_fit(X, y, classes=["lesion", "skin"])


@pytest.mark.parametrize("layer_sizes", [(0,), (-3,), (3.5,), ("a",), (True,)])
def test_invalid_layer_sizes(pixels, layer_sizes):
    with pytest.raises(ValueError, match="layer_sizes must hold the number of units"):
        PixelPerceptron(layer_sizes).fit(*pixels[:2])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_must_stay_to_go_on(pixels, method):
    X, y, _ = pixels
    model = PixelPerceptron(**QUICK, warm_start=True).partial_fit(X, y)
    learn = getattr(model, method)
    with pytest.raises(ValueError, match="X has 4 features, but PixelPerceptron is expecting 6"):
        learn(X[:, :4], y)
    with pytest.raises(ValueError, match="y must hold two classes, got 4"):
        learn(X, np.where(y, "lesion", "skin"))
    with pytest.raises(ValueError, match=r"layer_sizes must stay \(16, 8\) while .* got \(4,\)"):
        getattr(model.set_params(layer_sizes=(4,)), method)(X, y)


def test_names_of_columns(pixels):
    X, y, images = pixels
    table = pd.DataFrame(X, columns=list("abcdef"))
    model = PixelPerceptron(**QUICK).fit(table, y, images=images)
    assert model.feature_names_in_.tolist() == list("abcdef")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[list("fedcba")])


# In the segmenter


@pytest.fixture(scope="module")
def data():
    return make_lesions(24, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def fitted(data):
    segmenter = PixelClassifierSegmenter(estimator=PixelPerceptron(min_steps=100, random_state=0), random_state=0)
    return segmenter.fit(data.images[:12], data.masks[:12])


def test_segments(data, fitted):
    rest = data.images[12:], data.masks[12:]
    assert fitted.score(*rest) > WatershedSegmenter().score(*rest) - 0.02


def test_frozen_classifier_learns_the_style_of_a_few_masks(data, fitted):
    """The classifier does not change; the threshold is fitted to the new masks."""
    wide = [ndi.binary_dilation(mask, iterations=3) for mask in data.masks]
    other = PixelClassifierSegmenter(estimator=FrozenEstimator(fitted.estimator_), prior_masks=0, random_state=0)
    other.fit(data.images[12:18], wide[12:18])
    assert other.estimator_.estimator is fitted.estimator_
    assert other.threshold_ < fitted.threshold_
    rest = data.images[18:], wide[18:]
    assert other.score(*rest) > fitted.score(*rest)


def test_segmenter_learns_in_parts(data, fitted):
    perceptron = PixelPerceptron(batch_size=1, min_steps=100, random_state=0)
    segmenter = PixelClassifierSegmenter(estimator=perceptron, prior_masks=0, random_state=0)
    for _ in range(3):
        for start in (0, 6):
            segmenter.partial_fit(data.images[start : start + 6], data.masks[start : start + 6])
    assert segmenter.n_masks_ == 36
    assert len(segmenter._recent_scores) == 30
    assert segmenter.score(data.images[12:], data.masks[12:]) > 0.8
    segmenter.set_params(estimator__batch_size=8, prior_masks=10).fit(data.images[:12], data.masks[:12])
    assert segmenter.score(data.images[12:], data.masks[12:]) == fitted.score(data.images[12:], data.masks[12:])
    assert segmenter.n_masks_ == 12


def test_parts_count_beside_the_masks_of_fit(data, fitted):
    segmenter = copy.deepcopy(fitted).partial_fit(data.images[12:14], data.masks[12:14])
    assert segmenter.n_masks_ == 14
    assert segmenter.base_weight_ == pytest.approx(10 / 24)
    assert len(segmenter._recent_scores) == 14


def test_threshold_of_parts_is_found_on_masks_before_they_are_learned(data):
    segmenter = PixelClassifierSegmenter(estimator=PixelPerceptron(**QUICK), random_state=0)
    segmenter.partial_fit(data.images[:6], data.masks[:6])
    assert segmenter.threshold_ == 0.5
    assert np.isnan(segmenter.out_of_fold_jaccard_)
    before = clone(segmenter).partial_fit(data.images[:6], data.masks[:6])
    expected = [before.score(data.images[i : i + 1], data.masks[i : i + 1]) for i in range(6, 12)]
    segmenter.partial_fit(data.images[6:12], data.masks[6:12])
    assert segmenter.out_of_fold_jaccard_ >= np.mean(expected) - 0.01


def test_faulty_part_changes_nothing(data):
    segmenter = PixelClassifierSegmenter(estimator=PixelPerceptron(**QUICK), random_state=0)
    segmenter.partial_fit(data.images[:6], data.masks[:6])
    expected = segmenter.predict(data.images[12:14])
    with pytest.raises(ValueError, match=r"y\[1\]"):
        segmenter.partial_fit(data.images[6:8], [data.masks[6], np.zeros((3, 3), dtype=bool)])
    assert segmenter.n_masks_ == 6
    for found, mask in zip(segmenter.predict(data.images[12:14]), expected, strict=True):
        np.testing.assert_array_equal(found, mask)


def test_parts_of_images_without_a_lesion(data):
    segmenter = PixelClassifierSegmenter(estimator=PixelPerceptron(**QUICK), prior_masks=0, random_state=0)
    segmenter.partial_fit(data.images[:6], data.masks[:6])
    before = segmenter.transform(data.images[6:7])[0].probability
    for _ in range(5):
        segmenter.partial_fit(data.images[6:8], [np.zeros_like(mask) for mask in data.masks[6:8]])
    assert segmenter.n_masks_ == 16
    assert segmenter.transform(data.images[6:7])[0].probability.mean() < before.mean()


@pytest.mark.parametrize("estimator", [None, FrozenEstimator(PixelPerceptron())])
def test_only_some_classifiers_learn_in_parts(estimator):
    assert not hasattr(PixelClassifierSegmenter(estimator=estimator), "partial_fit")
