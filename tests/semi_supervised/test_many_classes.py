from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from sklearn_melanoma.semi_supervised import _many_classes, _two_classes


def make_pair(seed, n_samples=40):
    """Return the same scores of two classes as log-odds and as a matrix, numbers of classes, and weights."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.5, 0.7], n_samples) + 1e-3
    numbers = (random.random(n_samples) < probabilities[:, 1]).astype(int)
    numbers[:2] = 0, 1
    scores = [module.compute_scores(probabilities) for module in (_two_classes, _many_classes)]
    return *scores, numbers, random.random(n_samples) + 0.1


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_are_a_special_case(seed):
    pair, matrix, numbers, weights = make_pair(seed)
    two, many = _two_classes, _many_classes
    np.testing.assert_allclose(matrix[:, 1] - matrix[:, 0], pair)
    np.testing.assert_allclose(many.compute_probabilities(matrix), two.compute_probabilities(pair))
    np.testing.assert_allclose(many.score_labels(matrix, numbers), two.score_labels(pair, numbers))
    slope, intercept = two.calibrate_scores(pair, numbers, weights)
    slopes, intercepts = many.calibrate_scores(matrix, numbers, weights)
    assert slopes == pytest.approx(slope, rel=1e-3)
    np.testing.assert_allclose(intercepts, [-intercept / 2, intercept / 2], atol=1e-3)
    prevalence = two.estimate_prevalence(pair, weights, numbers, weights)
    fractions = many.estimate_prevalence(matrix, weights, numbers, weights)
    np.testing.assert_allclose(fractions, [1 - prevalence, prevalence], rtol=1e-6)
    for offset, offsets in (
        (two.find_offset(pair, weights, 0.1), many.find_offset(matrix, weights, np.array([0.9, 0.1]))),
        (two.compute_offset(numbers, weights, 0.1), many.compute_offset(numbers, weights, np.array([0.9, 0.1]))),
    ):
        assert offsets[1] - offsets[0] == pytest.approx(offset, rel=1e-6)
    votes = [np.array([scores, np.roll(scores, 1, axis=0)]) for scores in (pair, matrix)]
    np.testing.assert_array_equal(many.find_agreement(votes[1]), two.find_agreement(votes[0]))


def test_calibration_finds_slope_and_intercepts():
    random = np.random.default_rng(0)
    scores = random.normal(size=(20_000, 4))
    true = np.array([1.0, 0.0, -0.5, -0.5])
    probabilities = softmax(0.4 * scores + true, axis=1)
    numbers = (random.random((20_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    slope, intercept = _many_classes.calibrate_scores(scores, numbers, np.ones(20_000))
    assert slope == pytest.approx(0.4, rel=0.1)
    np.testing.assert_allclose(intercept, true, atol=0.05)
    slope, intercept = _many_classes.calibrate_scores(scores, numbers, np.full(20_000, 1e-9))  # the priors
    assert slope == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(intercept, 0, atol=1e-3)


def test_calibration_leaves_classes_without_a_label_alone():
    random = np.random.default_rng(0)
    scores, numbers, weights = random.normal(size=(30, 4)), np.arange(30) % 2 * 2, np.ones(30)
    slope, intercept = _many_classes.calibrate_scores(scores, numbers, weights)
    alone, both = _many_classes.calibrate_scores(scores[:, [0, 2]], numbers // 2, weights)
    assert slope == alone
    np.testing.assert_array_equal(intercept, [both[0], 0, both[1], 0])
    assert _many_classes.calibrate_scores(scores, np.zeros(30, dtype=int), weights)[0] == 1
    assert _many_classes.calibrate_scores(scores[:0], numbers[:0], weights[:0])[0] == 1


def test_prevalence_from_calibrated_scores():
    random, true = np.random.default_rng(0), np.array([0.7, 0.2, 0.05, 0.05])
    numbers = random.choice(4, 20_000, p=true)
    # Normal samples around the corners: their log-probabilities for classes of equal size, up to a constant.
    scores = 2.5**2 * np.eye(4)[numbers] + 2.5 * random.normal(size=(20_000, 4))
    labels, fractions = np.arange(4), np.array([0.1, 0.2, 0.3, 0.4])
    found = _many_classes.estimate_prevalence(scores + np.log(fractions), np.ones(20_000), labels, fractions)
    np.testing.assert_allclose(found, true, atol=0.01)
    found = _many_classes.estimate_prevalence(scores, np.ones(20_000), labels, 1e9 * fractions)
    np.testing.assert_allclose(found, fractions, atol=1e-3)


@given(st.integers(0, 1000), st.integers(3, 8))
def test_offset_makes_the_mean_probabilities_the_prevalence(seed, n_classes):
    random = np.random.default_rng(seed)
    scores, weights = random.normal(0, 5, (40, n_classes)), random.random(40) + 0.01
    prevalence = random.dirichlet(np.full(n_classes, 0.5)) + 1e-3
    prevalence /= prevalence.sum()
    offset = _many_classes.find_offset(scores, weights, prevalence)
    mean = np.average(softmax(scores + offset, axis=1), axis=0, weights=weights)
    np.testing.assert_allclose(mean, prevalence, atol=1e-8)
    assert offset.sum() == pytest.approx(0, abs=1e-6)


def test_offset_between_class_fractions():
    numbers, weights = np.array([0, 0, 1, 2]), np.array([1.0, 1, 1, 1])
    prevalence = np.array([0.2, 0.2, 0.3, 0.3])
    fractions = _many_classes.compute_fractions(numbers, weights, 4)
    np.testing.assert_allclose(fractions, [3 / 8, 3 / 16, 3 / 16, 1 / 4])
    offset = _many_classes.compute_offset(numbers, weights, prevalence)
    np.testing.assert_allclose(softmax(np.log(fractions) + offset), prevalence)
    np.testing.assert_allclose(_many_classes.compute_fractions(numbers[:0], weights[:0], 4), 0.25)


def test_quotas_give_each_class_the_same_weight():
    numbers, weights = np.repeat([0, 1, 2], [90, 8, 2]), np.tile([1.0, 3.0], 50)
    confident = 40.0 * np.eye(3)[numbers]
    divided = _many_classes.fill_quotas(confident, weights, np.bincount(numbers, weights) / weights.sum())
    np.testing.assert_allclose(np.bincount(numbers, divided), 1 / 3)
    np.testing.assert_allclose(divided[1::2], 3 * divided[::2])
    np.testing.assert_allclose(_many_classes.fill_quotas(np.zeros((4, 3)), np.ones(4), np.full(3, 1 / 3)), 0.25)


def test_log_odds_of_given_classes():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    scores = _many_classes.compute_scores(probabilities)
    np.testing.assert_allclose(scores.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(_many_classes.compute_probabilities(scores), probabilities)
    np.testing.assert_allclose(_many_classes.score_labels(scores, np.array([0, 1])), np.log([14 / 3, 2 / 9]))
    np.testing.assert_allclose(_many_classes.score_labels(np.zeros((2, 3)), np.array([0, 1])), 0, atol=1e-12)


def test_votes_agree_on_the_most_probable_class():
    votes = np.array([[[2.0, 1, 0], [0, 1, 2]], [[1, 0, 0], [0, 2, 1]]])
    assert _many_classes.find_agreement(votes).tolist() == [True, False]
