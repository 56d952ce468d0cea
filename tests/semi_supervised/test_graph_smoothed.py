from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.semi_supervised import GraphSmoothedClassifier, PriorLogisticRegression


@pytest.fixture
def blobs():
    """Two kinds far apart in `kind`, of which `clue` says little; half of them for testing."""
    random = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = pd.DataFrame({"clue": y - 0.5 + random.normal(0, 1, 400), "kind": 6 * y + random.normal(0, 1, 400)})
    return X[:200], y[:200], X[200:], y[200:]


def few_labels(n_per_class=5):
    X, y = make_moons(300, noise=0.15, random_state=0)
    return X, y, hide_labels(y, n_per_class, random_state=0)


def test_neighbors_straighten_a_prior(blobs):
    X, y, new, truth = blobs
    prior = PriorLogisticRegression({"clue": 1}, classes=(0, 1))
    nothing = np.full(200, -1)
    alone = prior.fit(X, nothing)
    smoothed = GraphSmoothedClassifier(prior).fit(X, nothing)
    before, after = (roc_auc_score(truth, model.decision_function(new)) for model in (alone, smoothed))
    assert before < 0.8
    assert after > before + 0.03
    assert set(smoothed.transduction_) == {0, 1}
    assert (smoothed.transduction_ == y).mean() > (alone.predict(X) == y).mean() + 0.03


def test_the_decision_is_the_formula():
    X, y, few = few_labels()
    n_neighbors, alpha, new = 4, 0.6, X[:20] + 0.01
    model = GraphSmoothedClassifier(LogisticRegression(), n_neighbors=n_neighbors, alpha=alpha).fit(X, few)
    kept = few != -1
    alone = LogisticRegression().fit(X[kept], y[kept])

    def score(rows):
        p = alone.predict_proba(rows)
        return np.log((p[:, 1] + 0.5 / len(X)) / (p[:, 0] + 0.5 / len(X)))

    own = score(X)
    z = (own - own.mean()) / own.std()
    target = np.where(kept, np.where(y == 1, 2.0, -2.0), z)
    distances = np.linalg.norm(X[:, np.newaxis] - X, axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(axis=1)[:, :n_neighbors]
    squares = np.take_along_axis(distances, nearest, axis=1) ** 2
    weights = np.zeros_like(distances)
    np.put_along_axis(weights, nearest, np.exp(-squares / squares.mean()), axis=1)
    weights = np.maximum(weights, weights.T)
    links = weights / np.sqrt(np.outer(weights.sum(axis=0), weights.sum(axis=0)))
    smoothed = np.linalg.solve(np.eye(len(X)) - alpha * links, (1 - alpha) * target)
    sums = z + smoothed[nearest].mean(axis=1)
    around = np.linalg.norm(new[:, np.newaxis] - X, axis=2).argsort(axis=1)[:, :n_neighbors]
    raw = (score(new) - own.mean()) / own.std() + smoothed[around].mean(axis=1)
    expected = own.mean() + own.std() * (raw - sums.mean()) / sums.std()

    np.testing.assert_allclose(model.smoothed_scores_, smoothed, atol=1e-4)
    np.testing.assert_allclose(model.decision_function(new), expected, atol=1e-4)
    np.testing.assert_allclose(model.predict_proba(new)[:, 1], 1 / (1 + np.exp(-expected)), atol=1e-4)
    np.testing.assert_array_equal(model.predict(new), (expected > 0).astype(int))


def test_probabilities_are_as_sure_as_the_classifier_alone():
    X, _, few = few_labels(20)
    new, _ = make_moons(500, noise=0.15, random_state=1)
    model = GraphSmoothedClassifier(LogisticRegression()).fit(X, few)
    alone = model.estimator_.predict_proba(new)[:, 1]
    smoothed = model.predict_proba(new)[:, 1]
    assert abs(smoothed - alone).max() > 0.05  # they do differ
    assert smoothed.mean() == pytest.approx(alone.mean(), abs=0.02)
    assert smoothed.std() == pytest.approx(alone.std(), rel=0.1)


def test_a_label_moves_its_neighborhood():
    X, _, few = few_labels()
    unlabelled = int(np.flatnonzero(few == -1)[0])
    near = np.linalg.norm(X - X[unlabelled], axis=1).argsort()[1:6]
    smoothed = {}
    for label in (0, 1):
        y_one = few.copy()
        y_one[unlabelled] = label
        frozen = PriorLogisticRegression([1.0, 0.0], strength=1e9)  # which no label moves
        smoothed[label] = GraphSmoothedClassifier(frozen).fit(X, y_one).smoothed_scores_
    assert (smoothed[1][near] > smoothed[0][near] + 0.02).all()


def test_the_order_of_the_samples_does_not_matter():
    X, _, few = few_labels()
    order = np.random.default_rng(0).permutation(len(X))
    one = GraphSmoothedClassifier(LogisticRegression()).fit(X, few)
    other = GraphSmoothedClassifier(LogisticRegression()).fit(X[order], few[order])
    np.testing.assert_allclose(one.decision_function(X), other.decision_function(X), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(one.transduction_[order], other.transduction_)


def test_given_labels_stay():
    X, y, few = few_labels()
    wrong = np.where(few == -1, -1, 1 - y)
    model = GraphSmoothedClassifier(LogisticRegression()).fit(X, wrong)
    np.testing.assert_array_equal(model.transduction_[wrong != -1], wrong[wrong != -1])
    assert -1 not in model.transduction_


def test_all_labelled_is_fine():
    X, y, _ = few_labels()
    model = GraphSmoothedClassifier(LogisticRegression()).fit(X, y)
    np.testing.assert_array_equal(model.transduction_, y)
    assert model.score(X, y) > LogisticRegression().fit(X, y).score(X, y)


def test_strings():
    X, y, few = few_labels()
    names = np.array(["melanoma", "nevus"])
    words = np.array([-1 if label == -1 else names[label] for label in few], dtype=object)
    model = GraphSmoothedClassifier(LogisticRegression()).fit(X, words)
    numbers = GraphSmoothedClassifier(LogisticRegression()).fit(X, few)
    np.testing.assert_array_equal(model.predict(X), names[numbers.predict(X)])
    np.testing.assert_array_equal(model.transduction_, names[numbers.transduction_])
    assert list(model.classes_) == ["melanoma", "nevus"]
    assert GraphSmoothedClassifier(LogisticRegression()).fit(X, names[y]).predict(X).dtype.kind == "U"
    prior = PriorLogisticRegression([1.0, 0.0], classes=("nevus", "melanoma"))
    assert set(GraphSmoothedClassifier(prior).fit(X, np.full(300, -1)).transduction_) == {"melanoma", "nevus"}
    with pytest.raises(ValueError, match="a missing label must be the integer -1, got '-1'"):
        GraphSmoothedClassifier(LogisticRegression()).fit(X, words.astype(str))


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_names_reach_the_classifier(kind, blobs):
    X, y, new, _ = blobs
    X, new = kind(X.to_dict("list")), kind(new.to_dict("list"))
    few = hide_labels(y, 5, random_state=0)
    model = GraphSmoothedClassifier(PriorLogisticRegression({"clue": 1})).fit(X, few)
    assert list(model.estimator_.feature_names_in_) == list(model.feature_names_in_) == ["clue", "kind"]
    assert model.predict_proba(new).shape == (200, 2)


def test_a_classifier_from_elsewhere():
    X, y, few = few_labels()
    elsewhere = LogisticRegression().fit(X + 0.2, y)
    model = GraphSmoothedClassifier(FrozenEstimator(elsewhere)).fit(X, np.full(300, -1))
    assert model.score(X, y) > elsewhere.score(X, y)
    with pytest.raises(ValueError, match=r"labels that the classifier knows, \[0, 1\], got \['nevus'\]\. Write both"):
        model.fit(X, np.where(few == 1, "nevus", np.array(-1, dtype=object)))


def test_weights_are_routed():
    X, y, few = few_labels()
    kept = few != -1
    weights = np.random.default_rng(0).random(len(X))
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        model = GraphSmoothedClassifier(inner).fit(X, few, sample_weight=weights)
    expected = LogisticRegression().fit(X[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(model.estimator_.coef_, expected.coef_)
    with pytest.raises(ValueError, match="fit takes sample_weight by metadata routing only, which is off"):
        GraphSmoothedClassifier(LogisticRegression()).fit(X, few, sample_weight=weights)


def test_what_is_refused():
    X, y, few = few_labels()
    model = GraphSmoothedClassifier(LogisticRegression())
    with pytest.raises(ValueError, match="n_neighbors must be less than the number of samples, got 15 for 15"):
        model.fit(X[:15], y[:15])
    model.fit(X[:16], y[:16])
    three = few.copy()
    three[0] = 2
    with pytest.raises(ValueError, match=r"Only binary classification is supported.*got 3 class\(es\): \[0, 1, 2\]"):
        model.fit(X, three)
    with pytest.raises(ValueError, match=r"Only binary classification.*got 1 class\(es\): \[-1\]"):
        GraphSmoothedClassifier(DummyClassifier()).fit(X, np.full(300, -1))
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(np.where(X > 1.5, np.nan, X), few)
    for alpha in (-0.1, 1.0):
        with pytest.raises(ValueError, match="'alpha' parameter"):
            clone(model).set_params(alpha=alpha).fit(X, few)


def test_a_classifier_without_probabilities():
    X, y, few = few_labels()
    model = GraphSmoothedClassifier(LinearSVC(random_state=0)).fit(X, few)
    assert not hasattr(model, "predict_proba")
    assert model.score(X, y) > 0.8
    assert hasattr(GraphSmoothedClassifier(LogisticRegression()), "predict_proba")


def test_probabilities_of_0_and_1_stay_finite():
    X, y, few = few_labels()
    model = GraphSmoothedClassifier(DecisionTreeClassifier(random_state=0)).fit(X, few)
    probability = model.predict_proba(X)
    assert ((probability > 0) & (probability < 1)).all()
    assert len(np.unique(probability)) > 100  # where the tree has 2 values
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize("n_melanomas", [5, 2])
def test_a_score_that_says_nothing_stays(n_melanomas):
    X, _, few = few_labels()
    few[np.flatnonzero(few == 1)[n_melanomas:]] = -1
    kept = few != -1
    share = n_melanomas / (n_melanomas + 5)
    constant = DummyClassifier(strategy="prior").fit(X[kept], few[kept])
    for labels in (few, np.full(300, -1)):
        model = GraphSmoothedClassifier(FrozenEstimator(constant)).fit(X, labels)
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], share, atol=1 / 300)


def test_a_copy_and_a_pickle_say_the_same():
    X, _, few = few_labels()
    X.flags.writeable = few.flags.writeable = False
    inner = LogisticRegression()
    model = GraphSmoothedClassifier(inner, n_neighbors=7, alpha=0.5).fit(X, few)
    assert not hasattr(inner, "coef_")
    expected = model.decision_function(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).decision_function(X), expected)
    np.testing.assert_array_equal(clone(model).fit(X, few).decision_function(X), expected)


def test_in_a_search():
    X, _, few = few_labels(10)
    search = GridSearchCV(
        GraphSmoothedClassifier(LogisticRegression()),
        {"alpha": [0.3, 0.7], "estimator__C": [0.01, 1]},
        cv=SemiSupervisedSplit(3),
        scoring="roc_auc",
        error_score="raise",
    ).fit(X, few)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_tags_say_binary():
    tags = get_tags(GraphSmoothedClassifier(LogisticRegression()))
    assert not tags.classifier_tags.multi_class
    assert not tags.input_tags.sparse
