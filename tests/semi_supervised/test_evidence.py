import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logsumexp
from sklearn.metrics import roc_auc_score

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression
from sklearn_melanoma.semi_supervised import _logistic as logistic
from sklearn_melanoma.semi_supervised._evidence import choose_strength
from sklearn_melanoma.semi_supervised._logistic import fit_correction, prepare_correction
from sklearn_melanoma.semi_supervised._softmax import prepare_multinomial_correction

N_FEATURES = 30
PRIOR = np.linspace(0.2, 1, N_FEATURES)


def draw(n_samples, truth, seed=0):
    """Draw standardized features with a common cause, like features of lesions, and labels by true weights."""
    random = np.random.default_rng(seed)
    X = 0.6 * random.normal(size=(n_samples, 1)) + 0.8 * random.normal(size=(n_samples, N_FEATURES))
    return X, (random.uniform(size=n_samples) < expit(X @ truth)).astype(int)


def fit(X, y, alpha="evidence", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PriorLogisticRegression(PRIOR, alpha=alpha, **options).fit(X, y)


def compute_likelihood(X, score, positive, penalty):
    """Integrate the likelihood over one weight and the intercept."""
    shift = intercept = np.linspace(-9, 9, 301)
    sign, step = np.where(positive, 1, -1), shift[1] - shift[0]
    scores = score + shift[:, np.newaxis, np.newaxis] * X[:, 0] + intercept[:, np.newaxis]
    logs = -np.logaddexp(0, -sign * scores).sum(axis=2)
    logs += (np.log(penalty) - penalty * shift**2 - np.log(2 * np.pi))[:, np.newaxis] / 2
    return logsumexp(logs) + 2 * np.log(step)


def test_evidence_is_the_marginal_likelihood():
    random = np.random.default_rng(0)
    X = random.normal(size=(40, 1))
    positive, score = X[:, 0] + random.normal(size=40) > 0, 0.3 * X[:, 0]
    penalties = [0.5, 1, 5, 20]
    found = [fit_correction(X, score, positive, np.ones(40), penalty).evidence for penalty in penalties]
    expected = [compute_likelihood(X, score, positive, penalty) for penalty in penalties]
    np.testing.assert_allclose(np.diff(found), np.diff(expected), atol=0.02)


@pytest.mark.parametrize("penalty", [20.0, 600.0])
def test_evidence_of_more_columns_than_samples(monkeypatch, penalty):
    random = np.random.default_rng(0)
    X, score = random.normal(size=(30, 600)), random.normal(size=30)
    positive, weights = np.arange(30) % 3 == 0, random.uniform(0.5, 2, 30)
    found = fit_correction(X, score, positive, weights, penalty)
    monkeypatch.setattr(logistic, "_MOST_DIRECT", 1000)
    expected = fit_correction(X, score, positive, weights, penalty)
    assert found.evidence == pytest.approx(expected.evidence, abs=1e-6)


@pytest.mark.parametrize("n_samples", [4, 10, 20])
def test_few_labels_leave_the_prior_as_it_is(n_samples):
    X, y = draw(n_samples, 0.1 * PRIOR)
    y[:2] = 0, 1
    model, expected = fit(X, y), fit(X, y, 1.0)
    assert model.alpha_ == 1
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    np.testing.assert_array_equal(model.prior_coef_, expected.prior_coef_)


def test_many_labels_lower_the_strength():
    truth = np.random.default_rng(1).normal(size=N_FEATURES)
    X, y = draw(1000, 0.1 * PRIOR + truth)
    model = fit(X, y)
    assert model.alpha_ < 0.2
    rows, labels = draw(2000, 0.1 * PRIOR + truth, seed=2)
    better, worse = (roc_auc_score(labels, each.decision_function(rows)) for each in (model, fit(X, y, 1.0)))
    assert better > worse


def test_prior_that_is_right_is_kept():
    X, y = draw(1000, 0.1 * PRIOR)
    model = fit(X, y)
    assert model.prior_coef_.any()
    assert model.alpha_ >= 0.5


def test_labels_that_contradict_the_prior_drop_it():
    X, y = draw(60, -0.2 * PRIOR)
    with pytest.warns(UserWarning, match="y contradicts the prior, which is therefore left out"):
        model = PriorLogisticRegression(PRIOR, alpha="evidence").fit(X, y)
    assert not model.prior_coef_.any()
    rows, labels = draw(2000, -0.2 * PRIOR, seed=2)
    assert roc_auc_score(labels, model.decision_function(rows)) > 0.8
    none = PriorLogisticRegression(alpha=model.alpha_).fit(X, y)
    np.testing.assert_allclose(model.coef_, none.coef_)


def test_strength_is_chosen_without_a_prior():
    truth = np.random.default_rng(1).normal(size=N_FEATURES)
    X, y = draw(1000, truth)
    assert PriorLogisticRegression(alpha="evidence").fit(X, y).alpha_ < 0.2


def test_most_probable_candidate_is_chosen():
    X, y = draw(200, np.random.default_rng(1).normal(size=N_FEATURES))
    score = X @ PRIOR / 15
    choice = choose_strength(prepare_correction(X, y == 1, np.ones(200)), score, 30.0, has_prior=True)
    values = {}
    for uses_prior in (True, False):
        for strength in 0.5 ** np.arange(6):
            given = score if uses_prior else np.zeros(200)
            value = fit_correction(X, given, y == 1, np.ones(200), 30.0 * strength).evidence
            values[uses_prior, strength] = value + np.log([0.05, 0.95][uses_prior]) - 2 * np.log(strength) ** 2
    assert (choice.uses_prior, choice.strength) == max(values, key=values.get)


def test_no_warning_where_labels_drop_nothing():
    X, _ = draw(60, PRIOR)
    both = [PRIOR, -PRIOR]  # their mean is zero
    model = PriorLogisticRegression(both, classes=(0, 1), alpha="evidence").fit(
        X, np.full(60, -1)
    )  # warnings are errors
    assert not model.prior_coef_.any()


def test_order_of_the_classes_changes_nothing():
    X, y = draw(300, 0.2 * PRIOR)
    words = np.array(["zz melanoma", "nevus"])[1 - y]
    model = fit(X, words, classes=("nevus", "zz melanoma"))
    np.testing.assert_allclose(model.decision_function(X), fit(X, y).decision_function(X))


def test_several_classes_have_the_strength_one():
    X, y = draw(100, 0.2 * PRIOR)
    y = np.where(np.arange(100) % 3 == 0, 2, y)
    prior = {1: PRIOR}
    model, expected = (PriorLogisticRegression(prior, alpha=alpha).fit(X, y) for alpha in ("evidence", 1.0))
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    assert model.alpha_ == 1


def test_default_pipeline_lets_the_prior_fade():
    assert make_melanoma_pipeline()[-1].get_params()["alpha"] == "evidence"


@pytest.mark.parametrize("alpha", [0, -1, "much", None])
def test_wrong_alpha(alpha):
    X, y = draw(20, PRIOR)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        PriorLogisticRegression(alpha=alpha).fit(pd.DataFrame(X), y)


@pytest.mark.parametrize("n_features", [4, 50])
def test_evidence_of_the_multinomial_is_that_of_two_classes(n_features):
    random = np.random.default_rng(0)
    X, weights = random.normal(size=(40, n_features)), random.uniform(0.5, 2, 40)
    positive, score = X[:, 0] + random.normal(size=40) > 0, 0.3 * X[:, 0]
    fit, expected = prepare_correction(X, positive, weights), []
    fit_both = prepare_multinomial_correction(X, positive.astype(int), weights, 2, with_evidence=True)
    for penalty in (0.5, 1, 5, 20):
        multinomial = fit_both(np.column_stack([-score / 2, score / 2]), penalty)
        expected.append(multinomial.evidence - fit(score, penalty).evidence)
    np.testing.assert_allclose(np.diff(expected), 0, atol=1e-4)


def draw_diagnoses(n_samples, truth, seed=0):
    random = np.random.default_rng(seed)
    X = 0.6 * random.normal(size=(n_samples, 1)) + 0.8 * random.normal(size=(n_samples, N_FEATURES))
    scores = X @ truth.T + random.gumbel(size=(n_samples, len(truth)))
    return X, np.array(["a", "b", "c"])[scores.argmax(axis=1)]


@pytest.fixture
def class_priors():
    return np.stack([PRIOR, np.zeros(N_FEATURES), -PRIOR[::-1]])


def test_few_labels_of_three_classes_leave_the_prior_as_it_is(class_priors):
    X, y = draw_diagnoses(12, 0.1 * class_priors)
    model = PriorLogisticRegression(class_priors, alpha="evidence").fit(X, y)
    expected = PriorLogisticRegression(class_priors).fit(X, y)
    assert model.alpha_ == 1
    np.testing.assert_array_equal(model.coef_, expected.coef_)


def test_many_labels_of_three_classes_lower_the_strength(class_priors):
    truth = 0.1 * class_priors + np.random.default_rng(1).normal(size=class_priors.shape)
    X, y = draw_diagnoses(1000, truth)
    rows, labels = draw_diagnoses(2000, truth, seed=2)
    model, fixed = (PriorLogisticRegression(class_priors, alpha=alpha).fit(X, y) for alpha in ("evidence", 1.0))
    assert model.alpha_ < 0.2
    assert model.score(rows, labels) > fixed.score(rows, labels)


def test_labels_of_three_classes_that_contradict_the_prior_drop_it(class_priors):
    X, y = draw_diagnoses(90, -0.2 * class_priors)
    with pytest.warns(UserWarning, match="y contradicts the prior, which is therefore left out"):
        model = PriorLogisticRegression(class_priors, alpha="evidence").fit(X, y)
    none = PriorLogisticRegression(alpha=model.alpha_).fit(X, y)
    np.testing.assert_allclose(model.coef_, none.coef_, atol=1e-8)


def test_dropped_prior_of_some_classes_is_reported(class_priors):
    X, y = draw_diagnoses(90, -0.2 * class_priors)
    seen = np.where(y == "b", -1, y.astype(object))
    with pytest.warns(UserWarning, match="y contradicts the prior, which is therefore left out"):
        model = PriorLogisticRegression(class_priors, classes=("a", "b", "c"), alpha="evidence").fit(X, seen)
    assert not model.prior_coef_[[0, 2]].any()
