from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier

from sklearn_melanoma.datasets import load_ph2
from sklearn_melanoma.features import ColorFeatures, MorphologyFeatures, TextureFeatures, feature_directions
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import CoTrainingClassifier, PriorLogisticRegression
from sklearn_melanoma.semi_supervised._folds import deal_folds
from sklearn_melanoma.semi_supervised._pseudo_labels import limit_weight, weigh_labels

VIEWS = {"morphology": [0, 1], "color": [2, 3], "texture": [4, 5]}


def few_labels(n_per_class=10, seed=0, distance=1.5):
    random = np.random.default_rng(seed)
    y = np.arange(400) % 2
    X = distance * y[:, np.newaxis] + random.normal(size=(400, 6))
    return X, y, hide_labels(y, n_per_class, random_state=seed)


def make_wrong_labels(few, n_per_class, seed=0):
    """Return labels, `n_per_class` of each class replaced by the other class, and a mask of the wrong ones."""
    random, wrong = np.random.default_rng(seed), np.zeros(len(few), dtype=bool)
    for label in (0, 1):
        wrong[random.choice(np.flatnonzero(few == label), n_per_class, replace=False)] = True
    return np.where(wrong, 1 - few, few), wrong


def compute_log_odds(classifier, X):
    probability = classifier.predict_proba(X) + 1e-3
    return np.log(probability[:, 1] / probability[:, 0])


# Labels and pseudo-labels


def test_finds_wrong_labels_and_gains():
    found, gains = [], []
    for seed in range(10):
        X, y, few = few_labels(seed=seed)
        given, wrong = make_wrong_labels(few, 4, seed)
        model = CoTrainingClassifier(LogisticRegression(), VIEWS).fit(X, given)
        labeled = few != -1
        assert np.isnan(model.label_trust_[~labeled]).all()
        assert ((model.label_trust_[labeled] >= 0) & (model.label_trust_[labeled] <= 1)).all()
        found.append(roc_auc_score(~wrong[labeled], model.label_trust_[labeled]))
        alone = LogisticRegression().fit(X[labeled], given[labeled])
        gains.append(model.score(X, y) - alone.score(X, y))
    assert np.mean(found) > 0.85
    assert np.mean(gains) > 0.02


def test_clean_labels_lose_no_weight():
    changes, kept = [], []
    for seed in range(10):
        X, y, few = few_labels(seed=seed)
        labeled = few != -1
        model = CoTrainingClassifier(LogisticRegression(), VIEWS).fit(X, few)
        alone = LogisticRegression().fit(X[labeled], few[labeled])
        changes.append(roc_auc_score(y, model.decision_function(X)) - roc_auc_score(y, alone.decision_function(X)))
        kept.append(model.label_trust_[labeled].mean())
    assert np.mean(changes) > -0.001
    assert np.mean(kept) > 0.9


def test_matches_the_formula():
    X, y, few = few_labels(5, distance=1)
    kept = np.flatnonzero(few != -1)
    pool = np.flatnonzero(few == -1)
    positive = y[kept] == 1
    inner = PriorLogisticRegression()
    model = CoTrainingClassifier(inner, VIEWS, label_noise=0.2, pseudo_weight=7).fit(X, few)

    held_out = {view: np.empty(10) for view in VIEWS}
    alone = {view: clone(inner).fit(X[np.ix_(kept, columns)], y[kept]) for view, columns in VIEWS.items()}
    for view, columns in VIEWS.items():
        folds = deal_folds(y[kept], kept, 5)
        for fold in range(5):
            train, test = folds != fold, folds == fold
            copy = clone(inner).fit(X[np.ix_(kept[train], columns)], y[kept[train]])
            held_out[view][test] = compute_log_odds(copy, X[np.ix_(kept[test], columns)])

    def learn(columns, voters, models, own):
        label_scores = np.where(positive, 1, -1) * np.mean([held_out[view] for view in voters], axis=0)
        trust = weigh_labels(label_scores, 0.2, 10)
        votes = np.array([compute_log_odds(models[view], X[np.ix_(pool, VIEWS[view])]) for view in voters])
        agreed = abs(np.sign(votes).sum(axis=0)) == len(voters)
        mean = votes.mean(axis=0)
        soft = own.mean() + own.std() * (mean - mean.mean()) / mean.std()
        weight = agreed * limit_weight(trust.sum(), 7) / agreed.sum()
        rows = np.concatenate([kept, pool, pool])
        labels = np.concatenate([y[kept], np.zeros(len(pool)), np.ones(len(pool))])
        weights = np.concatenate([trust, weight * expit(-soft), weight * expit(soft)])
        return clone(inner).fit(X[np.ix_(rows, columns)], labels, sample_weight=weights), trust

    views = {
        view: learn(
            VIEWS[view],
            [peer for peer in VIEWS if peer != view],
            alone,
            compute_log_odds(alone[view], X[np.ix_(pool, VIEWS[view])]),
        )[0]
        for view in VIEWS
    }
    whole = clone(inner).fit(X[kept], y[kept])
    last, trust = learn(range(6), list(VIEWS), views, compute_log_odds(whole, X[pool]))
    for view in VIEWS:
        np.testing.assert_allclose(model.views_[view].coef_, views[view].coef_, rtol=1e-6)
    np.testing.assert_allclose(model.estimator_.coef_, last.coef_, rtol=1e-6)
    np.testing.assert_allclose(model.label_trust_[kept], trust)
    np.testing.assert_allclose(model.decision_function(X), compute_log_odds(last, X))


def test_view_learns_from_the_others():
    for seed in range(5):
        random, y = np.random.default_rng(seed), np.arange(400) % 2
        X = 2 * y[:, np.newaxis] + random.normal(size=(400, 4))
        vague = 0.5 * y[:, np.newaxis] + random.normal(size=(400, 10))
        few = hide_labels(y, 3, random_state=seed)
        kept = few != -1
        views = {"morphology": [0, 1], "color": [2, 3], "texture": range(4, 14)}
        alone = LogisticRegression().fit(vague[kept], y[kept])
        model = CoTrainingClassifier(LogisticRegression(), views, pseudo_weight=100)
        taught = model.fit(np.hstack([X, vague]), few).views_["texture"]
        before, after = (roc_auc_score(y, each.decision_function(vague)) for each in (alone, taught))
        assert after > before + 0.03


def test_without_noise_and_pseudo_labels_it_is_the_classifier_alone():
    X, y, few = few_labels()
    kept = few != -1
    model = CoTrainingClassifier(LogisticRegression(), VIEWS, label_noise=0, pseudo_weight=0).fit(X, few)
    np.testing.assert_allclose(model.estimator_.coef_, LogisticRegression().fit(X[kept], y[kept]).coef_, rtol=1e-6)
    np.testing.assert_array_equal(model.label_trust_[kept], 1)


def test_images_of_one_lesion_do_not_confirm_each_other():
    X, _, few = few_labels(9, distance=0.5)
    given, wrong = make_wrong_labels(few, 3)
    labeled = np.flatnonzero(few != -1)
    twice = np.concatenate([np.arange(400), labeled, labeled])
    model = CoTrainingClassifier(LogisticRegression(C=100.0), VIEWS)
    separate = model.fit(X[twice], given[twice]).label_trust_[wrong[twice]].mean()
    together = model.fit(X[twice], given[twice], groups=twice).label_trust_[wrong[twice]].mean()
    assert together < separate


@pytest.mark.filterwarnings("ignore:y holds labels of class . alone")
@pytest.mark.parametrize("labels", ["none", "one class", "one of a class"])
def test_too_few_labels_for_votes(labels):
    X, y, _ = few_labels()
    few = np.full(400, -1)
    few[:2] = {"none": -1, "one class": 1, "one of a class": y[:2]}[labels]
    with pytest.raises(ValueError, match="prior must have one number for each of the 2 features"):
        CoTrainingClassifier(PriorLogisticRegression(np.ones(6), classes=(0, 1)), VIEWS).fit(X, few)
    named = pd.DataFrame(X, columns=list("abcdef"))
    inner = PriorLogisticRegression(dict.fromkeys("abcdef", 1), classes=(0, 1))
    model = CoTrainingClassifier(inner, VIEWS).fit(named, few)
    np.testing.assert_allclose(model.decision_function(named), compute_log_odds(clone(inner).fit(named, few), named))
    assert roc_auc_score(y, model.decision_function(named)) > 0.95
    np.testing.assert_array_equal(np.isnan(model.label_trust_), few == -1)


def test_no_unlabeled_samples():
    X, y, _ = few_labels()
    given, wrong = make_wrong_labels(y, 40)
    model = CoTrainingClassifier(LogisticRegression(), VIEWS).fit(X, given)
    np.testing.assert_array_equal(model.transduction_, given)
    assert roc_auc_score(~wrong, model.label_trust_) > 0.9
    assert model.label_trust_[~wrong].mean() > 0.98


# Input


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_views_by_name(kind):
    X, _, few = few_labels()
    table = kind(dict(zip(["area_mm2", "depth", "c", "d", "e", "f"], X.T, strict=True)))
    by_name = {"morphology": ("area", "depth", "no such"), "color": ["c", "d"], "texture": ["e", "f"]}
    inner = PriorLogisticRegression({"area": 1, "c": 1, "f": 1}, classes=(0, 1))
    model = CoTrainingClassifier(inner, by_name).fit(table, few)
    assert list(model.views_["morphology"].feature_names_in_) == ["area_mm2", "depth"]
    expected = CoTrainingClassifier(inner, VIEWS).fit(table, few)
    np.testing.assert_array_equal(model.decision_function(table), expected.decision_function(table))


def test_strings():
    X, _, few = few_labels()
    names = np.array(["nevus", "melanoma"], dtype=object)
    words = np.where(few == -1, -1, names[few])
    inner = PriorLogisticRegression()
    model = CoTrainingClassifier(inner, VIEWS).fit(X, words)
    numbers = CoTrainingClassifier(inner, VIEWS).fit(X, few)
    np.testing.assert_allclose(model.label_trust_, numbers.label_trust_, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(X), names[numbers.predict(X)])
    np.testing.assert_array_equal(model.transduction_, names[numbers.transduction_])


def test_weights():
    X, _, few = few_labels()
    weights = np.where(np.arange(400) < 200, 0, 2)
    model = CoTrainingClassifier(PriorLogisticRegression(), VIEWS)
    weighted = model.fit(X, few, sample_weight=weights).estimator_.coef_
    assert np.isnan(model.label_trust_[:200]).all()
    left_out = clone(model).fit(X[200:], few[200:], sample_weight=weights[200:]).estimator_.coef_
    np.testing.assert_allclose(weighted, left_out, rtol=0.01)
    assert abs(weighted - clone(model).fit(X[200:], few[200:]).estimator_.coef_).max() > 0.01


def test_invalid_input():
    X, _, few = few_labels()
    model = CoTrainingClassifier(LogisticRegression(), VIEWS)
    refused = [
        (
            X,
            np.full(400, -1),
            r"y must hold labels of two classes at least, got 0 class\(es\): \[\]\. Label some of each, or pass",
        ),
        (X, np.where(few == 0, 0, -1), r"labels of two classes at least, got 1 class\(es\): \[0\]"),
        (X, np.where(few == -1, "-1", "nevus"), "a missing label must be the integer -1, got '-1'. Replace it"),
        (np.where(X > 3, np.nan, X), few, "contains NaN"),
        (X, few[:-1], "inconsistent numbers of samples"),
        (X[:, :5], few, r"views\['texture'\] must be positions .* n_features=5"),
    ]
    for table, labels, message in refused:
        with pytest.raises(ValueError, match=message):
            model.fit(table, labels)
    with pytest.raises(TypeError, match="estimator must accept sample_weight in fit, got KNeighborsClassifier"):
        CoTrainingClassifier(KNeighborsClassifier(), VIEWS).fit(X, few)
    for name, value in [("label_noise", 1), ("pseudo_weight", -1), ("views", 3)]:
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            clone(model).set_params(**{name: value}).fit(X, few)


def test_errors_name_the_view():
    X, _, few = few_labels()
    table = pd.DataFrame(X, columns=list("abcdef"))
    prior = PriorLogisticRegression({"a": 1, "c": 1}, classes=(0, 1))
    with pytest.raises(ValueError, match="prior must name at least one of the columns") as caught:
        CoTrainingClassifier(prior, VIEWS).fit(table, few)
    assert caught.value.__notes__ == ["In the view 'texture'."]


def test_clone_and_pickle_predict_the_same():
    X, _, few = few_labels()
    X.flags.writeable = few.flags.writeable = False
    inner = LogisticRegression()
    model = CoTrainingClassifier(inner, VIEWS).fit(X, few)
    assert not hasattr(inner, "coef_")
    expected = model.decision_function(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).decision_function(X), expected)
    np.testing.assert_array_equal(clone(model).fit(X, few).decision_function(X), expected)


def test_grid_search():
    X, _, few = few_labels(10)
    search = GridSearchCV(
        CoTrainingClassifier(LogisticRegression(), VIEWS),
        {"label_noise": [0, 0.1], "estimator__C": [0.01, 1]},
        cv=SemiSupervisedSplit(3),
        scoring="roc_auc",
        error_score="raise",
    ).fit(X, few)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.real_data
def test_real_images_gain_with_wrong_labels(real_data):
    lesions = load_ph2(real_data("ph2"))
    table = make_melanoma_pipeline(n_jobs=2)[:-1].fit_transform(lesions.images)
    prior = PriorLogisticRegression(feature_directions()["weight"], classes=(0, 1))
    views = {
        "morphology": MorphologyFeatures.FEATURES,
        "color": ColorFeatures.FEATURES,
        "texture": TextureFeatures.FEATURES,
    }
    gains = []
    for seed in range(10):
        few = hide_labels(lesions.target, 5, random_state=seed)
        given, _ = make_wrong_labels(few, 2, seed)
        unlabeled = few == -1
        scores = [
            model.fit(table, given).decision_function(table)[unlabeled]
            for model in (CoTrainingClassifier(prior, views), prior)
        ]
        gains.append(np.subtract(*[roc_auc_score(lesions.target[unlabeled], score) for score in scores]))
    assert np.mean(gains) > 0
