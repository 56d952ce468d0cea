from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from sklearn_melanoma.semi_supervised._pseudo_labels import (
    calibrate,
    estimate_prevalence,
    fade,
    fill_quotas,
    find_offset,
    rescale,
    weigh_labels,
)

positive_numbers = st.floats(0.01, 1e4)


@given(positive_numbers, positive_numbers)
def test_pseudo_labels_weigh_less_than_the_labels_and_than_the_most(labels, most):
    weight = fade(labels, most)
    assert 0 < weight < min(labels, most)
    assert fade(2 * labels, most) / (2 * labels) < weight / labels  # beside each label ever less
    assert fade(labels, 0) == fade(0, most) == fade(0, 0) == 0


@pytest.mark.parametrize("slope", [0.3, 1, 4])
def test_calibration_finds_how_sure_scores_should_be(slope):
    random = np.random.default_rng(0)
    scores = random.normal(0, 1, 20_000)
    positive = random.random(20_000) < expit(slope * scores - 0.5)
    found, intercept = calibrate(scores, positive, np.ones(20_000))
    assert found == pytest.approx(slope, rel=0.1)
    assert intercept == pytest.approx(-0.5, abs=0.1)
    assert calibrate(scores, positive, np.full(20_000, 1e-9))[0] == pytest.approx(1, abs=1e-3)  # as before any label


def test_calibration_minimizes_what_it_says():
    random = np.random.default_rng(1)
    scores, positive, weights = random.normal(size=12), np.arange(12) % 2 == 1, random.random(12)

    def loss(guess):
        margin = np.where(positive, 1, -1) * (np.exp(guess[0]) * scores + guess[1])
        return weights @ np.log1p(np.exp(-margin)) + guess[0] ** 2 / 2 + guess[1] ** 2 / 18

    best = minimize(loss, [0, 0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    np.testing.assert_allclose(calibrate(scores, positive, weights), [np.exp(best[0]), best[1]], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.9])
def test_the_prevalence_is_found_from_calibrated_scores(prevalence):
    random = np.random.default_rng(0)
    second = random.random(20_000) < prevalence
    scores = 2 * random.normal(np.where(second, 1, -1))  # log-odds of the two where they are as many
    found = estimate_prevalence(scores + logit(0.4), np.ones(20_000), 0.4, 0)
    assert found == pytest.approx(prevalence, abs=0.02)
    trusted = estimate_prevalence(scores + logit(0.4), np.ones(20_000), 0.4, 1e9)
    assert trusted == pytest.approx(0.4, abs=1e-3)


@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_the_mean_probability_becomes_the_prevalence(prevalence, seed):
    random = np.random.default_rng(seed)
    scores, weights = random.normal(0, 10, 30), random.random(30)
    offset = find_offset(scores, weights, prevalence)
    assert np.average(expit(scores + offset), weights=weights) == pytest.approx(prevalence, abs=1e-6)


def test_rescaled_scores_keep_their_order_and_are_as_sure_as_the_others():
    random = np.random.default_rng(0)
    scores, like = random.normal(3, 5, 50), random.normal(-1, 2, 50)
    rescaled = rescale(scores, like)
    assert (rescaled.mean(), rescaled.std()) == (pytest.approx(like.mean()), pytest.approx(like.std()))
    np.testing.assert_array_equal(rescaled.argsort(), scores.argsort())
    np.testing.assert_allclose(rescale(np.ones(50), like), like.mean())
    assert len(rescale(np.empty(0), np.empty(0))) == 0


def test_quotas():
    scores, weights = np.array([5.0, 1, 2, 3, 4]), np.array([1.0, 1, 2, 1, 3])
    shared = fill_quotas(scores, weights, 0.4)
    np.testing.assert_allclose(shared, [0.5 / 4, 0.5 / 4, 1 / 4, 0.5 / 4, 1.5 / 4])
    for prevalence in (0.001, 0.999):  # each class has one at least
        np.testing.assert_allclose(np.sort(fill_quotas(np.arange(3.0), np.ones(3), prevalence)), [0.25, 0.25, 0.5])
    np.testing.assert_allclose(fill_quotas(np.zeros(4), np.ones(4), 0.5), 0.25)


def test_labels_weigh_by_bayes_rule_with_the_fraction_of_wrong_ones_that_it_implies():
    scores = np.array([2.0, -3.0, 1.0, 4.0, -1.0])
    positive = np.array([True, False, False, True, False])
    right = weigh_labels(scores, positive, 0.1, 10)
    share = ((1 - right).sum() + 1) / 15
    given = expit(np.where(positive, scores, -scores))
    np.testing.assert_allclose(right, (1 - share) * given / ((1 - share) * given + share * (1 - given)), rtol=1e-6)


def test_being_outvoted_says_more_where_many_are():
    scores = np.array([3.0] * 10 + [-3.0] * 10)
    clean = scores > 0
    clean[0] = False
    many = clean.copy()
    many[:4] = False
    assert weigh_labels(scores, clean, 0.1, 10)[0] > weigh_labels(scores, many, 0.1, 10)[0]
    np.testing.assert_array_equal(weigh_labels(scores, many, 0, 10), np.ones(20))
