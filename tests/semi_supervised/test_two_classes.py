from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from sklearn_melanoma.semi_supervised._two_classes import (
    calibrate_scores,
    compute_offset,
    estimate_prevalence,
    fill_quotas,
    find_agreement,
    find_offset,
)


@pytest.mark.parametrize("slope", [0.3, 1, 4])
def test_calibration_finds_the_slope(slope):
    random = np.random.default_rng(0)
    scores = random.normal(0, 1, 20_000)
    numbers = (random.random(20_000) < expit(slope * scores - 0.5)).astype(int)
    found, intercept = calibrate_scores(scores, numbers, np.ones(20_000))
    assert found == pytest.approx(slope, rel=0.1)
    assert intercept == pytest.approx(-0.5, abs=0.1)
    assert calibrate_scores(scores, numbers, np.full(20_000, 1e-9))[0] == pytest.approx(1, abs=1e-3)  # the prior


def test_calibration_minimizes_its_loss():
    random = np.random.default_rng(1)
    scores, numbers, weights = random.normal(size=12), np.arange(12) % 2, random.random(12)

    def loss(guess):
        margin = np.where(numbers, 1, -1) * (np.exp(guess[0]) * scores + guess[1])
        return weights @ np.log1p(np.exp(-margin)) + guess[0] ** 2 / 2 + guess[1] ** 2 / 18

    best = minimize(loss, [0, 0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    np.testing.assert_allclose(
        calibrate_scores(scores, numbers, weights), [np.exp(best[0]), best[1]], rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.9])
def test_prevalence_from_calibrated_scores(prevalence):
    random = np.random.default_rng(0)
    second = random.random(20_000) < prevalence
    scores = 2 * random.normal(np.where(second, 1, -1))  # log-odds for classes of equal size
    labels, weights = np.array([0, 1]), np.array([0.6, 0.4])
    found = estimate_prevalence(scores + logit(0.4), np.ones(20_000), labels, weights)
    assert found == pytest.approx(prevalence, abs=0.02)
    trusted = estimate_prevalence(scores + logit(0.4), np.ones(20_000), labels, 1e9 * weights)
    assert trusted == pytest.approx(0.4, abs=1e-3)


@given(st.floats(0.01, 0.99), st.integers(0, 1000))
def test_offset_makes_the_mean_probability_the_prevalence(prevalence, seed):
    random = np.random.default_rng(seed)
    scores, weights = random.normal(0, 10, 30), random.random(30)
    offset = find_offset(scores, weights, prevalence)
    assert np.average(expit(scores + offset), weights=weights) == pytest.approx(prevalence, abs=1e-6)


def test_quotas():
    scores, weights = np.array([5.0, 1, 2, 3, 4]), np.array([1.0, 1, 2, 1, 3])
    divided = fill_quotas(scores, weights, 0.4)
    np.testing.assert_allclose(divided, [0.5 / 4, 0.5 / 4, 1 / 4, 0.5 / 4, 1.5 / 4])
    for prevalence in (0.001, 0.999):  # at least one sample per class
        np.testing.assert_allclose(np.sort(fill_quotas(np.arange(3.0), np.ones(3), prevalence)), [0.25, 0.25, 0.5])
    np.testing.assert_allclose(fill_quotas(np.zeros(4), np.ones(4), 0.5), 0.25)


def test_offset_between_class_fractions():
    numbers, weights = np.array([0, 0, 1]), np.array([2.0, 1, 1])
    assert expit(logit(0.25) + compute_offset(numbers, weights, 0.1)) == pytest.approx(0.1)
    assert compute_offset(np.zeros(3, dtype=int), weights, 0.1) == 0


def test_votes_of_zero_agree_with_none():
    votes = np.array([[1.0, -1, 1, 0, 0], [2, -2, -2, 0, 1]])
    assert find_agreement(votes).tolist() == [True, True, False, False, False]
