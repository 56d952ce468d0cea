"""Meta-classifiers of more than two classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels, which_to_label
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
    _many_classes,
)
from sklearn_melanoma.semi_supervised._folds import deal_folds
from sklearn_melanoma.semi_supervised._meta_classifier import SemiSupervisedMetaClassifier
from sklearn_melanoma.semi_supervised._pseudo_labels import limit_weight

HAM10000 = np.array(["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"])
COUNTS = np.array([40, 60, 90, 20, 90, 270, 30])
PREVALENCE = dict(zip(HAM10000.tolist(), (COUNTS / COUNTS.sum()).tolist(), strict=True))
VIEWS = {"morphology": range(4), "color": range(4, 8), "texture": range(8, 12)}


def make_diagnoses(n_per_class=5, seed=0, distance=2.0):
    """Return a table, strings of seven classes, and the same with -1 for most."""
    y = HAM10000[np.repeat(np.arange(7), COUNTS)]
    centers = np.random.default_rng(1).normal(size=(7, 12))
    centers *= distance / np.linalg.norm(centers, axis=1, keepdims=True)
    X = centers[np.repeat(np.arange(7), COUNTS)] + np.random.default_rng(seed).normal(size=(600, 12))
    return X, y, hide_labels(y, n_per_class, random_state=seed)


def keep_labels(few, **counts):
    """Return labels, with the given numbers of labels for some classes."""
    kept = few.copy()
    for label, count in counts.items():
        kept[np.flatnonzero(few == label)[count:]] = -1
    return kept


def macro_auc(model, X, y):
    return roc_auc_score(y, model.predict_proba(X), multi_class="ovr")


def make_models(estimator):
    return [
        BalancedSelfTrainingClassifier(estimator),
        CoTrainingClassifier(estimator, VIEWS),
        LabeledOnlyClassifier(estimator),
    ]


# Seven diagnoses as strings


@pytest.mark.parametrize(
    "estimator", [PriorLogisticRegression(), LogisticRegression(), ExtraTreesClassifier(20, random_state=0)]
)
@pytest.mark.parametrize("number", range(3))
def test_seven_diagnoses(estimator, number):
    X, y, few = make_diagnoses()
    model = make_models(estimator)[number].fit(X, few)
    probabilities = model.predict_proba(X)
    assert model.classes_.tolist() == HAM10000.tolist()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X), HAM10000[probabilities.argmax(axis=1)])
    assert macro_auc(model, X, y) > 0.8
    assert model.pos_label_ is None
    if number < 2:
        assert model.decision_function(X).shape == (600, 7)
        np.testing.assert_array_equal(model.transduction_[few != -1], y[few != -1])
        assert set(model.transduction_) <= set(HAM10000)
    which = which_to_label(model, X, 5, y=few)
    assert (few[which] == -1).all()


def test_many_classes_are_those_of_two(monkeypatch):
    X, y, few = make_diagnoses(8)
    kept = np.isin(y, ["mel", "nv"])
    models = [
        BalancedSelfTrainingClassifier(PriorLogisticRegression(), pseudo_weight=0),
        BalancedSelfTrainingClassifier(PriorLogisticRegression(), pseudo_weight=0, prevalence={"mel": 0.2}),
        CoTrainingClassifier(PriorLogisticRegression(), VIEWS),
    ]
    pairs = [model.fit(X[kept], few[kept]).decision_function(X) for model in models]
    trust = models[2].label_trust_
    monkeypatch.setattr(SemiSupervisedMetaClassifier, "_methods", _many_classes)
    monkeypatch.setattr(BalancedSelfTrainingClassifier, "_read_prevalence", lambda self: self.prevalence and [0.2, 0.8])
    for model, pair in zip(models, pairs, strict=True):
        matrix = model.fit(X[kept], few[kept]).decision_function(X)
        np.testing.assert_allclose(matrix[:, 1] - matrix[:, 0], pair, atol=0.001)
    np.testing.assert_allclose(models[2].label_trust_, trust, atol=1e-4)


# Self-training


def test_one_round_matches_the_formula():
    X, y, few = make_diagnoses()
    kept, pool = np.flatnonzero(few != -1), np.flatnonzero(few == -1)
    numbers = np.searchsorted(HAM10000, y[kept])
    inner = PriorLogisticRegression()
    model = BalancedSelfTrainingClassifier(inner, prevalence=PREVALENCE, max_rounds=1).fit(X, few)

    def score(classifier, rows):
        logarithms = np.log(classifier.predict_proba(rows) + 1e-3)
        return logarithms - logarithms.mean(axis=1, keepdims=True)

    held_out = np.empty((35, 7))
    folds = deal_folds(numbers, kept, 5)
    for fold in range(5):
        train, test = folds != fold, folds == fold
        held_out[test] = score(clone(inner).fit(X[kept[train]], y[kept[train]]), X[kept[test]])
    slope, _ = _many_classes.calibrate_scores(held_out, numbers, np.ones(35))
    soft = slope * score(clone(inner).fit(X[kept], y[kept]), X[pool])
    prevalence = np.array(list(PREVALENCE.values()))
    weights = limit_weight(35, 10) * _many_classes.fill_quotas(soft, np.ones(len(pool)), prevalence)
    student = clone(inner).fit(
        np.vstack([X[kept], np.tile(X[pool], (7, 1))]),
        np.concatenate([y[kept], np.repeat(HAM10000, len(pool))]),
        sample_weight=np.concatenate([np.ones(35), (weights * _many_classes.compute_probabilities(soft).T).ravel()]),
    )
    assert model.slope_ == pytest.approx(slope)
    np.testing.assert_allclose(model.prevalence_, prevalence)
    np.testing.assert_allclose(model.estimator_.coef_, student.coef_, atol=1e-6)
    np.testing.assert_allclose(model.decision_function(X), score(student, X) + model.offset_, atol=1e-6)


@pytest.mark.parametrize("estimator", [PriorLogisticRegression(), ExtraTreesClassifier(20, random_state=0)])
def test_probabilities_are_moved_to_the_prevalence(estimator):
    X, _, few = make_diagnoses()
    model = BalancedSelfTrainingClassifier(estimator, prevalence=PREVALENCE).fit(X, few)
    np.testing.assert_allclose(model.predict_proba(X[few == -1]).mean(axis=0), list(PREVALENCE.values()), atol=1e-6)
    estimated = BalancedSelfTrainingClassifier(estimator).fit(X, few)
    np.testing.assert_allclose(estimated.predict_proba(X[few == -1]).mean(axis=0), estimated.prevalence_, atol=1e-6)


def test_estimates_the_prevalence():
    X, _, few = make_diagnoses(15, distance=4.0)
    model = BalancedSelfTrainingClassifier(PriorLogisticRegression(alpha=0.1)).fit(X, few)
    np.testing.assert_allclose(model.prevalence_, list(PREVALENCE.values()), atol=0.05)


def test_prevalence_without_unlabeled_samples():
    X, y, _ = make_diagnoses()
    equal = dict.fromkeys(HAM10000.tolist(), 1 / 7)
    alone = PriorLogisticRegression(prevalence=equal).fit(X, y)
    model = BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence=equal).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X), atol=0.05)


def test_prevalence_must_name_every_class():
    X, _, few = make_diagnoses()
    message = "prevalence must be a mapping from class to fraction for more than two classes, got 0.1"
    with pytest.raises(ValueError, match=message):
        BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence=0.1).fit(X, few)
    with pytest.raises(ValueError, match=r"prevalence must name the fraction of each class, .* got \{'mel': 0.1\}"):
        BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence={"mel": 0.1}).fit(X, few)


# Co-training


def test_finds_wrong_labels():
    X, _, few = make_diagnoses(12, distance=4.0)
    labeled = np.flatnonzero(few != -1)
    wrong = np.zeros(600, dtype=bool)
    wrong[labeled[::10]] = True
    given = np.where(
        wrong, np.roll(HAM10000, 3)[np.searchsorted(HAM10000, np.where(wrong, few, "mel").astype(str))], few
    )
    model = CoTrainingClassifier(LogisticRegression(), VIEWS).fit(X, given)
    assert np.isnan(model.label_trust_[few == -1]).all()
    assert roc_auc_score(~wrong[labeled], model.label_trust_[labeled]) > 0.85
    clean = CoTrainingClassifier(LogisticRegression(), VIEWS).fit(X, few).label_trust_[labeled]
    assert clean.mean() > model.label_trust_[labeled].mean()


def test_view_learns_from_the_others():
    gains = []
    for seed in range(3):
        X, y, few = make_diagnoses(3, seed, distance=5.0)
        vague = X.copy()
        vague[:, 8:] = X[:, 8:] + np.random.default_rng(seed).normal(size=(600, 4))
        alone = LogisticRegression().fit(vague[few != -1, 8:], y[few != -1])
        model = CoTrainingClassifier(LogisticRegression(), VIEWS, pseudo_weight=100).fit(vague, few)
        aucs = [macro_auc(each, vague[:, 8:], y) for each in (model.views_["texture"], alone)]
        gains.append(aucs[0] - aucs[1])
    assert np.mean(gains) > 0.02


# Few labels of a class, or none


@pytest.mark.parametrize("estimator", [PriorLogisticRegression(), LogisticRegression(), ExtraTreesClassifier(5)])
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("counts", [{"df": 1}, {"df": 1, "vasc": 0}, dict.fromkeys(HAM10000, 1), {"nv": 1, "bkl": 2}])
def test_few_labels_of_a_class(estimator, number, counts):
    X, _, few = make_diagnoses()
    few = keep_labels(few, **counts)
    model = make_models(estimator)[number].fit(X, few)
    assert model.classes_.tolist() == [name for name in HAM10000 if counts.get(name, 5)]
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.fixture(scope="module")
def table():
    names = feature_directions().index[:60]
    return pd.DataFrame(np.random.default_rng(0).normal(size=(300, 60)), columns=names)


@pytest.mark.parametrize("number", range(2))
def test_class_without_a_label_gets_no_pseudo_labels(number, table):
    prior = PriorLogisticRegression("literature", classes=tuple(HAM10000))
    labels = np.full(300, -1, dtype=object)
    labels[:30] = np.tile(HAM10000[[0, 1, 2, 4, 5]], 6)
    views = {"first": range(30), "second": range(30, 60)}
    model = [BalancedSelfTrainingClassifier(prior), CoTrainingClassifier(prior, views)][number].fit(table, labels)
    without, own = np.array([3, 6]), model.estimator_
    np.testing.assert_allclose(own.coef_[without], own.prior_coef_[without])
    assert abs(own.coef_ - clone(prior).fit(table, labels).coef_).max() > 1e-3  # pseudo-labels of the other classes
    assert model.predict_proba(table).shape == (300, 7)


@pytest.mark.filterwarnings("ignore:y holds labels of class 'mel' alone")
@pytest.mark.parametrize("n_labels", [0, 1, 4])
@pytest.mark.parametrize("number", range(2))
def test_no_labels_or_one_class(n_labels, number, table):
    prior = PriorLogisticRegression("literature", classes=tuple(HAM10000))
    labels = np.full(300, -1, dtype=object)
    labels[:n_labels] = "mel"
    views = {"first": range(30), "second": range(30, 60)}
    model = [BalancedSelfTrainingClassifier(prior), CoTrainingClassifier(prior, views)][number].fit(table, labels)
    alone = prior.fit(table, labels)
    np.testing.assert_allclose(model.predict_proba(table), alone.predict_proba(table), atol=0.01)
    assert model.pos_label_ == "mel"
    if number == 0:
        moved = model.set_params(prevalence=PREVALENCE).fit(table, labels).predict_proba(table[n_labels:])
        np.testing.assert_allclose(moved.mean(axis=0), list(PREVALENCE.values()), atol=1e-6)


@pytest.mark.parametrize("number", range(2))
def test_needs_labels_of_two_classes(number):
    X, _, few = make_diagnoses()
    for labels, found in ((np.full(600, -1), "0 class"), (np.where(few == "mel", few, -1), "1 class")):
        with pytest.raises(ValueError, match=rf"y must hold labels of two classes at least, got {found}\(es\)"):
            make_models(LogisticRegression())[number].fit(X, labels)


# Together with scikit-learn


def test_tags():
    for model in make_models(PriorLogisticRegression()):
        assert get_tags(model).classifier_tags.multi_class
    for model in make_models(PriorLogisticRegression(prevalence=0.2)):
        assert not get_tags(model).classifier_tags.multi_class
    assert not get_tags(
        BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence=0.1)
    ).classifier_tags.multi_class


@pytest.mark.parametrize("number", range(3))
def test_grid_search(number):
    X, y, few = make_diagnoses(6)
    model = make_models(LogisticRegression())[number]
    search = GridSearchCV(model, {"estimator__C": [0.01, 1]}, cv=SemiSupervisedSplit(3), scoring="roc_auc_ovr")
    search.set_params(error_score="raise").fit(X, few)
    assert (search.cv_results_["mean_test_score"] > 0.6).all()
    assert search.score(X[few != -1], y[few != -1]) > 0.8


def test_split_and_hidden_labels():
    _, y, few = make_diagnoses(6)
    assert few.dtype == object
    for name in HAM10000:
        assert (few == name).sum() == 6
        assert (y[few == name] == name).all()
    for train, test in SemiSupervisedSplit(3).split(few, few, groups=np.arange(600)):
        names, counts = np.unique(few[test].astype(str), return_counts=True)
        assert names.tolist() == HAM10000.tolist()
        assert counts.tolist() == [2] * 7
        assert np.count_nonzero(few[train] == -1) == 600 - 42
    with pytest.raises(ValueError, match="7 folds need at least 7 samples of class 'akiec', got 6"):
        SemiSupervisedSplit(7).split(few, few)
    with pytest.raises(ValueError, match="n_per_class=21 labels per class, got 20 of class 'df'"):
        hide_labels(y, 21)


def test_uncertain_samples_of_seven_classes_are_chosen():
    X, _, few = make_diagnoses(10)
    model = PriorLogisticRegression().fit(X, few)
    ascending = np.sort(model.predict_proba(X), axis=1)
    margins = ascending[:, -1] - ascending[:, -2]
    chosen = which_to_label(model, X, 20, y=few)
    assert len(set(chosen)) == 20
    assert margins[chosen].mean() < margins[few == -1].mean() / 2
