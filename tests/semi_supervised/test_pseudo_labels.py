from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from sklearn_melanoma.semi_supervised._pseudo_labels import (
    calibrate_scores,
    estimate_prevalence,
    fill_quotas,
    find_offset,
    limit_weight,
    rescale_scores,
    weigh_labels,
)

positive_numbers = st.floats(0.01, 1e4)


@given(positive_numbers, positive_numbers)
def test_weight_is_below_the_labels_and_the_bound(labels, bound):
    weight = limit_weight(labels, bound)
    assert 0 < weight < min(labels, bound)
    assert limit_weight(2 * labels, bound) / (2 * labels) < weight / labels
    assert limit_weight(labels, 0) == limit_weight(0, bound) == limit_weight(0, 0) == 0


@pytest.mark.parametrize("slope", [0.3, 1, 4])
def test_calibration_finds_the_slope(slope):
    random = np.random.default_rng(0)
    scores = random.normal(0, 1, 20_000)
    positive = random.random(20_000) < expit(slope * scores - 0.5)
    found, intercept = calibrate_scores(scores, positive, np.ones(20_000))
    assert found == pytest.approx(slope, rel=0.1)
    assert intercept == pytest.approx(-0.5, abs=0.1)
    assert calibrate_scores(scores, positive, np.full(20_000, 1e-9))[0] == pytest.approx(1, abs=1e-3)  # the prior


def test_calibration_minimizes_its_loss():
    random = np.random.default_rng(1)
    scores, positive, weights = random.normal(size=12), np.arange(12) % 2 == 1, random.random(12)

    def loss(guess):
        margin = np.where(positive, 1, -1) * (np.exp(guess[0]) * scores + guess[1])
        return weights @ np.log1p(np.exp(-margin)) + guess[0] ** 2 / 2 + guess[1] ** 2 / 18

    best = minimize(loss, [0, 0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    np.testing.assert_allclose(
        calibrate_scores(scores, positive, weights), [np.exp(best[0]), best[1]], rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.9])
def test_prevalence_from_calibrated_scores(prevalence):
    random = np.random.default_rng(0)
    second = random.random(20_000) < prevalence
    scores = 2 * random.normal(np.where(second, 1, -1))  # log-odds for classes of equal size
    found = estimate_prevalence(scores + logit(0.4), np.ones(20_000), 0.4, 0)
    assert found == pytest.approx(prevalence, abs=0.02)
    trusted = estimate_prevalence(scores + logit(0.4), np.ones(20_000), 0.4, 1e9)
    assert trusted == pytest.approx(0.4, abs=1e-3)


@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_offset_makes_the_mean_probability_the_prevalence(prevalence, seed):
    random = np.random.default_rng(seed)
    scores, weights = random.normal(0, 10, 30), random.random(30)
    offset = find_offset(scores, weights, prevalence)
    assert np.average(expit(scores + offset), weights=weights) == pytest.approx(prevalence, abs=1e-6)


def test_rescaled_scores_keep_their_order():
    random = np.random.default_rng(0)
    scores, like = random.normal(3, 5, 50), random.normal(-1, 2, 50)
    rescaled = rescale_scores(scores, like)
    assert (rescaled.mean(), rescaled.std()) == (pytest.approx(like.mean()), pytest.approx(like.std()))
    np.testing.assert_array_equal(rescaled.argsort(), scores.argsort())
    np.testing.assert_allclose(rescale_scores(np.ones(50), like), like.mean())
    assert len(rescale_scores(np.empty(0), np.empty(0))) == 0


def test_quotas():
    scores, weights = np.array([5.0, 1, 2, 3, 4]), np.array([1.0, 1, 2, 1, 3])
    divided = fill_quotas(scores, weights, 0.4)
    np.testing.assert_allclose(divided, [0.5 / 4, 0.5 / 4, 1 / 4, 0.5 / 4, 1.5 / 4])
    for prevalence in (0.001, 0.999):  # at least one sample per class
        np.testing.assert_allclose(np.sort(fill_quotas(np.arange(3.0), np.ones(3), prevalence)), [0.25, 0.25, 0.5])
    np.testing.assert_allclose(fill_quotas(np.zeros(4), np.ones(4), 0.5), 0.25)


def test_label_weights_follow_bayes_rule():
    scores = np.array([2.0, -3.0, 1.0, 4.0, -1.0])
    positive = np.array([True, False, False, True, False])
    right = weigh_labels(scores, positive, 0.1, 10)
    fraction = ((1 - right).sum() + 1) / 15
    given = expit(np.where(positive, scores, -scores))
    np.testing.assert_allclose(
        right, (1 - fraction) * given / ((1 - fraction) * given + fraction * (1 - given)), rtol=1e-6
    )


def test_outvoted_labels_lose_more_weight_if_many_are_outvoted():
    scores = np.array([3.0] * 10 + [-3.0] * 10)
    clean = scores > 0
    clean[0] = False
    many = clean.copy()
    many[:4] = False
    assert weigh_labels(scores, clean, 0.1, 10)[0] > weigh_labels(scores, many, 0.1, 10)[0]
    np.testing.assert_array_equal(weigh_labels(scores, many, 0, 10), np.ones(20))
