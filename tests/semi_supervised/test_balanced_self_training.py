from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit, logit
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_melanoma.datasets import load_ph2
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import BalancedSelfTrainingClassifier, PriorLogisticRegression, _two_classes
from sklearn_melanoma.semi_supervised._folds import deal_folds
from sklearn_melanoma.semi_supervised._pseudo_labels import limit_weight
from sklearn_melanoma.semi_supervised._two_classes import calibrate_scores, fill_quotas

PREVALENCE = 0.1


def few_labels(n_per_class=5, n_features=2, seed=0):
    X, y = make_blobs(
        [900, 100], centers=[np.zeros(n_features), np.full(n_features, 2 / n_features**0.5)], random_state=seed
    )
    return X, y, hide_labels(y, n_per_class, random_state=seed)


def compute_log_odds(classifier, X):
    probability = classifier.predict_proba(X) + 1e-3
    return np.log(probability[:, 1] / probability[:, 0])


# Learning


def test_one_round_matches_the_formula():
    X, y, few = few_labels()
    kept = few != -1
    model = BalancedSelfTrainingClassifier(LogisticRegression(), prevalence=PREVALENCE, max_rounds=1).fit(X, few)

    teacher = LogisticRegression().fit(X[kept], y[kept])
    held_out = np.empty(kept.sum())
    folds = deal_folds(y[kept], np.arange(10), 5)
    for fold in range(5):
        train, test = folds != fold, folds == fold
        copy = LogisticRegression().fit(X[kept][train], y[kept][train])
        held_out[test] = compute_log_odds(copy, X[kept][test])
    slope, _ = calibrate_scores(held_out, y[kept], np.ones(10))
    soft = slope * compute_log_odds(teacher, X[~kept])
    weights = limit_weight(10, 10) * fill_quotas(soft, np.ones(len(soft)), PREVALENCE)
    student = LogisticRegression().fit(
        np.vstack([X[kept], X[~kept], X[~kept]]),
        np.concatenate([y[kept], np.zeros(len(soft)), np.ones(len(soft))]),
        sample_weight=np.concatenate([np.ones(10), weights * expit(-soft), weights * expit(soft)]),
    )
    assert model.slope_ == pytest.approx(slope)
    assert model.pseudo_weight_ == 5
    assert model.n_rounds_ == 1
    np.testing.assert_allclose(model.estimator_.coef_, student.coef_, rtol=1e-4)
    np.testing.assert_allclose(model.decision_function(X), compute_log_odds(student, X) + model.offset_, rtol=1e-3)


def test_pseudo_labels_keep_a_calibrated_classifier(monkeypatch):
    X, _, few = few_labels()
    monkeypatch.setattr(_two_classes, "calibrate_scores", lambda *_: (1.0, 0.0))
    teacher = PriorLogisticRegression().fit(X, few)
    model = BalancedSelfTrainingClassifier(PriorLogisticRegression(), pseudo_weight=1e6, max_rounds=10).fit(X, few)
    np.testing.assert_allclose(model.estimator_.coef_, teacher.coef_, rtol=0.01)
    assert model.n_rounds_ == 1
    monkeypatch.setattr(_two_classes, "calibrate_scores", lambda *_: (3.0, 0.0))
    confident = BalancedSelfTrainingClassifier(PriorLogisticRegression()).fit(X, few)
    assert (confident.estimator_.coef_ > 1.1 * teacher.coef_).all()


def test_unlabeled_samples_help_an_underconfident_classifier():
    gains = []
    for seed in range(10):
        y = (np.arange(500) % 5 == 0).astype(int)
        X = np.random.default_rng(seed).normal(size=(500, 50))
        X[:, :12] += 1.2 * y[:, np.newaxis]
        few = hide_labels(y, 3, random_state=seed)
        cautious = PriorLogisticRegression(alpha=0.3)
        model = BalancedSelfTrainingClassifier(cautious, prevalence=0.2, pseudo_weight=30.0).fit(X, few)
        before = roc_auc_score(y, cautious.fit(X, few).decision_function(X))
        gains.append(roc_auc_score(y, model.decision_function(X)) - before)
    assert np.mean(gains) > 0.01


def test_pseudo_labels_matter_less_with_more_labels():
    X, y, _ = few_labels()
    changes, weights = [], []
    for n_per_class in (3, 50):
        few = hide_labels(y, n_per_class, random_state=0)
        model = BalancedSelfTrainingClassifier(LogisticRegression()).fit(X, few)
        alone = LogisticRegression().fit(X[few != -1], few[few != -1])
        changes.append(np.linalg.norm(model.estimator_.coef_ - alone.coef_) / np.linalg.norm(alone.coef_))
        weights.append(model.pseudo_weight_ / (2 * n_per_class))
    assert changes[1] < changes[0] / 3
    assert weights == pytest.approx([10 / 16, 10 / 110])
    none = BalancedSelfTrainingClassifier(LogisticRegression(), pseudo_weight=0).fit(X, few)
    np.testing.assert_allclose(none.estimator_.coef_, alone.coef_, rtol=1e-6)


def test_pseudo_labels_are_revised():
    X, _, few = few_labels(3, n_features=30)
    once, often = (
        BalancedSelfTrainingClassifier(LogisticRegression(), pseudo_weight=100, max_rounds=rounds).fit(X, few)
        for rounds in (1, 20)
    )
    assert 1 < often.n_rounds_ < 20
    assert abs(often.estimator_.coef_ - once.estimator_.coef_).max() > 0.01


def test_calibration_keeps_groups_together():
    X, _, few = few_labels(9, n_features=20)
    labeled = np.flatnonzero(few != -1)
    twice = np.concatenate([np.arange(len(X)), labeled, labeled])
    model = BalancedSelfTrainingClassifier(LogisticRegression(C=100.0))
    separate = model.fit(X[twice], few[twice]).slope_
    together = model.fit(X[twice], few[twice], groups=twice).slope_
    assert together < separate / 1.5  # without groups, copies calibrate each other
    one_lesion = np.where(few == 1, 0, np.arange(len(X)) + 1)
    assert model.fit(X, few, groups=one_lesion).pseudo_weight_ == 0  # no group of positives is left for calibration


# Probabilities


@pytest.mark.parametrize("n_per_class", [0, 5])
def test_probabilities_are_moved_to_the_prevalence(n_per_class):
    X, y, few = few_labels()
    few = few if n_per_class else np.full(1000, -1)
    alone = PriorLogisticRegression([1.0, 1.0], classes=(0, 1)).fit(X, few)
    model = BalancedSelfTrainingClassifier(alone, prevalence=PREVALENCE).fit(X, few)
    before, after = (classifier.predict_proba(X)[:, 1] for classifier in (alone, model))
    assert after[few == -1].mean() == pytest.approx(PREVALENCE, abs=1e-6)
    assert before.mean() > 2 * PREVALENCE
    assert brier_score_loss(y, after) < brier_score_loss(y, before) - 0.02
    assert model.prevalence_ == PREVALENCE


def test_estimates_the_prevalence():
    X, _, few = few_labels(20)
    model = BalancedSelfTrainingClassifier(LogisticRegression()).fit(X, few)
    assert model.prevalence_ == pytest.approx(PREVALENCE, abs=0.05)
    assert model.predict_proba(X[few == -1])[:, 1].mean() == pytest.approx(model.prevalence_)


@pytest.mark.parametrize("prevalence", [None, 0.2])
def test_no_unlabeled_samples(prevalence):
    X, y, _ = few_labels()
    alone = LogisticRegression().fit(X, y)
    model = BalancedSelfTrainingClassifier(LogisticRegression(), prevalence=prevalence).fit(X, y)
    np.testing.assert_array_equal(model.estimator_.coef_, alone.coef_)
    np.testing.assert_array_equal(model.transduction_, y)
    assert (model.pseudo_weight_, model.n_rounds_, model.prevalence_) == (0, 0, prevalence)
    assert model.offset_ == pytest.approx(0 if prevalence is None else logit(prevalence) - logit(0.1))


def test_one_unlabeled_sample():
    X, y, _ = few_labels()
    y[0] = -1
    assert BalancedSelfTrainingClassifier(LogisticRegression()).fit(X, y).transduction_[0] in (0, 1)


@pytest.mark.filterwarnings("ignore:y holds labels of class . alone")
@pytest.mark.parametrize("label", [-1, 0, 1])
def test_prior_alone_predicts_without_both_classes(label):
    X, _, few = few_labels()
    few = np.where(few == label, few, -1)
    prior = PriorLogisticRegression([1.0, 1.0], classes=(0, 1))
    model = BalancedSelfTrainingClassifier(prior).fit(X, few)
    np.testing.assert_allclose(model.decision_function(X), compute_log_odds(prior.fit(X, few), X))
    assert model.prevalence_ is None
    assert set(model.transduction_) == {0, 1}
    assert (model.transduction_[few != -1] == label).all()


def test_one_label_per_class():
    X, _, few = few_labels(1)
    model = BalancedSelfTrainingClassifier(LogisticRegression()).fit(X, few)
    assert model.pseudo_weight_ == 0
    assert model.slope_ == 1
    assert 0 < model.prevalence_ < 1


# Input


def test_weights():
    X, _, few = few_labels()
    random = np.random.default_rng(0)
    counts = random.integers(1, 4, len(X))
    model = BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence=PREVALENCE)
    weighted = model.fit(X, few, sample_weight=counts)
    assert weighted.pseudo_weight_ == pytest.approx(limit_weight(counts[few != -1].sum(), 10))
    scores = weighted.decision_function(X)
    assert np.average(expit(scores)[few == -1], weights=counts[few == -1]) == pytest.approx(PREVALENCE, abs=1e-6)
    nothing = np.where(np.arange(len(X)) < 500, 0, 1)
    left_out = clone(model).fit(X[500:], few[500:]).estimator_.coef_
    np.testing.assert_allclose(clone(model).fit(X, few, sample_weight=nothing).estimator_.coef_, left_out, rtol=1e-2)


def test_weights_reach_a_pipeline_by_routing():
    X, _, few = few_labels()
    with config_context(enable_metadata_routing=True):
        inner = make_pipeline(StandardScaler(), PriorLogisticRegression().set_fit_request(sample_weight=True))
        inner[0].set_fit_request(sample_weight=False)
        model = BalancedSelfTrainingClassifier(inner).fit(X, few)
    assert model.predict_proba(X).shape == (1000, 2)
    with pytest.raises(TypeError, match="estimator must accept sample_weight in fit, got Pipeline"):
        BalancedSelfTrainingClassifier(inner).fit(X, few)


def test_strings():
    X, y, few = few_labels()
    names = np.array(["nevus", "melanoma"], dtype=object)
    words = np.where(few == -1, -1, names[few])
    prior = PriorLogisticRegression([1.0, 1.0], classes=("nevus", "melanoma"))
    model = BalancedSelfTrainingClassifier(prior, prevalence={"melanoma": PREVALENCE}).fit(X, words)
    numbers = BalancedSelfTrainingClassifier(
        PriorLogisticRegression([1.0, 1.0], classes=(0, 1)), prevalence=PREVALENCE
    ).fit(X, few)
    assert list(model.classes_) == ["melanoma", "nevus"]
    np.testing.assert_allclose(model.predict_proba(X)[:, 0], numbers.predict_proba(X)[:, 1], atol=1e-3)
    assert (model.predict(X) == names[numbers.predict(X)]).mean() > 0.99
    assert (model.transduction_[few != -1] == names[y[few != -1]]).all()
    assert set(model.fit(X, np.full(1000, -1)).transduction_) == {"melanoma", "nevus"}


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_column_names_reach_the_classifier(kind):
    X, _, few = few_labels()
    table = kind({"a": X[:, 0], "b": X[:, 1]})
    model = BalancedSelfTrainingClassifier(PriorLogisticRegression({"a": 1}, classes=(0, 1))).fit(table, few)
    assert list(model.estimator_.feature_names_in_) == list(model.feature_names_in_) == ["a", "b"]
    assert model.n_rounds_ > 0
    assert model.predict_proba(table).shape == (1000, 2)


def test_prevalence_by_class_name():
    X, _, few = few_labels()
    model = BalancedSelfTrainingClassifier(PriorLogisticRegression())
    assert clone(model).set_params(prevalence={0: 0.8}).fit(X, few).prevalence_ == pytest.approx(0.2)
    assert clone(model).set_params(prevalence={1: 0.2}).fit(X, few).prevalence_ == 0.2
    words = np.where(few == -1, -1, np.array(["nevus", "melanoma"], dtype=object)[few])
    for wrong in (0.1, {}, {"naevus": 0.1}, {"nevus": 90}, {"nevus": 0.9, "melanoma": 0.1}):
        with pytest.raises(
            ValueError, match=r"prevalence must name one of \['melanoma', 'nevus'\] and its fraction, .* got"
        ):
            clone(model).set_params(prevalence=wrong).fit(X, words)


def test_trees():
    X, y, few = few_labels()
    model = BalancedSelfTrainingClassifier(ExtraTreesClassifier(20, random_state=0), prevalence=PREVALENCE).fit(X, few)
    probability = model.predict_proba(X)[:, 1]
    assert ((probability > 0) & (probability < 1)).all()
    assert roc_auc_score(y, probability) > 0.85


def test_invalid_input():
    X, _, few = few_labels()
    model = BalancedSelfTrainingClassifier(LogisticRegression())
    refused = [
        (
            X,
            np.full(1000, -1),
            r"y must hold labels of two classes at least, got 0 class\(es\): \[\]\. Label some of each, or pass",
        ),
        (X, np.where(few == 0, 0, -1), r"labels of two classes at least, got 1 class\(es\): \[0\]"),
        (X, np.where(few == -1, "-1", "nevus"), "a missing label must be the integer -1, got '-1'. Replace it"),
        (np.where(X > 2.5, np.nan, X), few, "contains NaN"),
        (X, few[:-1], "inconsistent numbers of samples"),
    ]
    for table, labels, message in refused:
        with pytest.raises(ValueError, match=message):
            model.fit(table, labels)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, few, groups=[1, 2])
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        model.fit(X, few, sample_weight=-np.ones(1000))
    with pytest.raises(TypeError, match="estimator must accept sample_weight in fit, got KNeighborsClassifier"):
        BalancedSelfTrainingClassifier(KNeighborsClassifier()).fit(X, few)
    with pytest.raises(
        ValueError, match="y must hold labels of two classes at least, got 0"
    ):  # trees treat -1 as a class
        BalancedSelfTrainingClassifier(ExtraTreesClassifier(2)).fit(X, np.full(1000, -1))
    for name, value in [("prevalence", 1.0), ("pseudo_weight", -1), ("max_rounds", 0)]:
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            clone(model).set_params(**{name: value}).fit(X, few)


def test_clone_and_pickle_predict_the_same():
    X, _, few = few_labels()
    X.flags.writeable = few.flags.writeable = False
    inner = LogisticRegression()
    model = BalancedSelfTrainingClassifier(inner).fit(X, few)
    assert not hasattr(inner, "coef_")
    expected = model.decision_function(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).decision_function(X), expected)
    np.testing.assert_array_equal(clone(model).fit(X, few).decision_function(X), expected)


def test_grid_search():
    X, _, few = few_labels(10)
    search = GridSearchCV(
        BalancedSelfTrainingClassifier(LogisticRegression()),
        {"pseudo_weight": [0, 10], "estimator__C": [0.01, 1]},
        cv=SemiSupervisedSplit(3),
        scoring="roc_auc",
        error_score="raise",
    ).fit(X, few)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.real_data
def test_real_images_gain(real_data):
    lesions = load_ph2(real_data("ph2"))
    pipeline = make_melanoma_pipeline(n_jobs=2)
    table = pipeline[:-1].fit_transform(lesions.images)
    prevalence, changes = lesions.target.mean(), []
    for seed in range(10):
        few = hide_labels(lesions.target, 3, random_state=seed)
        unlabeled = few == -1
        alone = PriorLogisticRegression().fit(table, few)
        model = BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence=prevalence).fit(table, few)
        changes.append(
            roc_auc_score(lesions.target[unlabeled], model.decision_function(table)[unlabeled])
            - roc_auc_score(lesions.target[unlabeled], alone.decision_function(table)[unlabeled])
        )
    assert np.mean(changes) > 0
