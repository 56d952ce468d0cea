"""LabeledOnlyClassifier: samples left out, arguments passed on, and classifiers that need it."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import IsolationForest, RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    PredefinedSplit,
    RandomizedSearchCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.svm import LinearSVC

from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.persistence import load_model, save_model
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)
from sklearn_melanoma.semi_supervised._input import takes
from sklearn_melanoma.semi_supervised._labeled_only import accepts_unlabeled, wrap_classifier

FOREST = RandomForestClassifier(20, random_state=0)


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(150, n_features=5, random_state=0)
    return X, y, hide_labels(y, 15, random_state=0)


@pytest.mark.filterwarnings("ignore:divide by zero encountered in log")
@pytest.mark.parametrize(
    "estimator",
    [
        FOREST,
        LogisticRegression(),
        LinearSVC(),
        KNeighborsClassifier(),
        CalibratedClassifierCV(LinearSVC(), cv=3),
        StackingClassifier([("a", LogisticRegression()), ("b", FOREST)], cv=3),
        VotingClassifier([("a", LogisticRegression()), ("b", FOREST)], voting="soft"),
        OneVsRestClassifier(LogisticRegression()),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=3, scoring="roc_auc"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_equals_the_classifier_on_the_labeled_part(data, estimator):
    X, y, few = data
    labeled = few != -1
    alone = clone(estimator).fit(X[labeled], few[labeled])
    model = LabeledOnlyClassifier(estimator).fit(X, few)
    assert model.classes_.tolist() == [0, 1]
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    for method in ("predict_proba", "predict_log_proba", "decision_function"):
        assert hasattr(model, method) == hasattr(alone, method)
        if hasattr(model, method):
            np.testing.assert_array_equal(getattr(model, method)(X), getattr(alone, method)(X))
    assert model.score(X, few) == alone.score(X[labeled], few[labeled])
    assert model.score(X, y) == alone.score(X, y)


@pytest.mark.parametrize("kind", ["list", "object array", "Series", "categories", "polars"])
def test_three_diagnoses_as_words(data, kind):
    X, _, _ = data
    words = [("nevus", "melanoma", "keratosis", -1)[i % 4] for i in range(len(X))]
    y = {
        "list": words,
        "object array": np.array(words, dtype=object),
        "Series": pd.Series(words, index=range(5, 5 + len(X))),
        "categories": pd.Series(words).astype("category"),
        "polars": pl.Series(words, dtype=pl.Object),
    }[kind]
    model = LabeledOnlyClassifier(FOREST).fit(X, y)
    assert model.classes_.tolist() == ["keratosis", "melanoma", "nevus"]
    assert model.predict_proba(X).shape == (150, 3)
    assert model.score(X, y) > 0.9
    assert model.pos_label_ is None


@pytest.mark.parametrize(
    "missing", [None, np.nan, float("nan"), pd.NA, pd.NaT, np.ma.masked, "-1", "nan", "None", " ", "<NA>"]
)
@pytest.mark.parametrize(
    "estimator",
    [
        LabeledOnlyClassifier(FOREST),
        PriorLogisticRegression(classes=("nevus", "melanoma")),
        BalancedSelfTrainingClassifier(PriorLogisticRegression()),
        CoTrainingClassifier(PriorLogisticRegression(), {"first": [0, 1], "second": [2, 3]}),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_other_marks_of_missing_labels_are_refused(data, estimator, missing):
    X = data[0]
    words = [("nevus", "melanoma")[i % 2] for i in range(149)] + [missing]
    fitted = clone(estimator).fit(X, [*words[:-1], -1])
    for y in (words, pd.Series(words, dtype=object)):
        for method in (clone(estimator).fit, fitted.score):
            with pytest.raises(ValueError, match=r"y\[149\]: a missing label must be the integer -1, got"):
                method(X, y)


@pytest.mark.parametrize(
    "y",
    [
        np.where(np.arange(150) % 3 == 0, np.nan, np.arange(150) % 2),
        pd.Series([0, 1, None] * 50),
        pd.Series([0, 1, pd.NA] * 50, dtype="Int64"),
        pd.Series([False, True, pd.NA] * 50, dtype="boolean"),
        pd.Series(["a", "b", None] * 50, dtype="string"),
        pd.Series(["a", "b", None] * 50).astype("category"),
        pl.Series([0, 1, None] * 50),
        np.ma.masked_array([0, 1, 1] * 50, mask=[0, 0, 1] * 50),
        np.array(["a", "b", np.nan] * 50),
    ],
    ids=lambda y: f"{type(y).__module__}-{getattr(y, 'dtype', '')}",
)
def test_missing_values_of_all_containers_are_refused(data, y):
    for estimator in (LabeledOnlyClassifier(FOREST), PriorLogisticRegression()):
        with pytest.raises(ValueError, match=r"y\[\d\]: a missing label must be the integer -1, got"):
            estimator.fit(data[0], y)


def test_mixed_labels_are_refused(data):
    words = ["nevus", "melanoma", 1] * 50
    for estimator in (LabeledOnlyClassifier(FOREST), PriorLogisticRegression()):
        with pytest.raises(ValueError, match="labels of one type, got strings such as 'nevus' and numbers such as 1"):
            estimator.fit(data[0], words)


def test_weights_groups_and_metadata_of_labeled_samples(data):
    X, _, few = data
    labeled = few != -1
    numbers = np.arange(len(X))

    class Watching(LogisticRegression):
        def fit(self, X, y, sample_weight=None, groups=None, ages=None, name=None, nothing=None):
            self.seen_ = sample_weight, groups, ages, name, nothing
            return super().fit(X, y, sample_weight)

    model = LabeledOnlyClassifier(Watching())
    model.fit(X, few, numbers + 1.0, groups=list(numbers), ages=pd.Series(numbers), name="a" * len(X), nothing=None)
    weights, groups, ages, name, nothing = model.estimator_.seen_
    np.testing.assert_array_equal(weights, numbers[labeled] + 1)
    np.testing.assert_array_equal(groups, numbers[labeled])
    np.testing.assert_array_equal(ages, numbers[labeled])
    assert (name, nothing) == ("a" * len(X), None)
    expected = LogisticRegression().fit(X[labeled], few[labeled], numbers[labeled] + 1.0)
    np.testing.assert_allclose(model.coef_, expected.coef_)
    weighted = model.score(X, few, sample_weight=numbers)
    assert weighted == LogisticRegression.score(expected, X[labeled], few[labeled], numbers[labeled])
    for options in ({"sample_weight": np.ones(labeled.sum())}, {"groups": np.ones(labeled.sum())}):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            model.fit(X, few, **options)
    with pytest.raises(TypeError, match="sample_weight"):
        LabeledOnlyClassifier(KNeighborsClassifier()).fit(X, few, sample_weight=numbers)


def test_groups_reach_a_search(data):
    X, _, few = data
    groups = np.arange(len(X)) // 2
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=GroupKFold(3))
    model = LabeledOnlyClassifier(search).fit(X, few, groups=groups)
    labeled = few != -1
    assert model.best_score_ == search.fit(X[labeled], few[labeled], groups=groups[labeled]).best_score_


def test_metadata_routing(data):
    X, _, few = data
    weights, labeled = np.random.default_rng(0).random(len(X)), few != -1
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), LabeledOnlyClassifier(inner))
        model.fit(X, few, sample_weight=weights)
        rows = model[0].transform(X)
        expected = clone(inner).fit(rows[labeled], few[labeled], weights[labeled])
        np.testing.assert_allclose(model[-1].coef_, expected.coef_)
        assert takes(LabeledOnlyClassifier(inner), "sample_weight")
        with pytest.raises(TypeError, match="got unexpected argument"):
            LabeledOnlyClassifier(inner).fit(X, few, ages=weights)
    assert takes(LabeledOnlyClassifier(inner), "sample_weight")
    assert not takes(LabeledOnlyClassifier(KNeighborsClassifier()), "sample_weight")
    assert not takes(LabeledOnlyClassifier(inner), "groups")


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_tables_keep_their_names(data, kind):
    X, _, few = data
    table = kind({name: X[:, i] for i, name in enumerate("abcde")})
    model = LabeledOnlyClassifier(LogisticRegression()).fit(table, few)
    assert list(model.feature_names_in_) == list(model.estimator_.feature_names_in_) == list("abcde")
    assert model.n_features_in_ == 5
    model.predict(table)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[["b", "a", "c", "d", "e"]])


@pytest.mark.parametrize("make", [sp.csr_array, sp.coo_array, sp.csc_matrix], ids=lambda make: make.__name__)
def test_sparse_matrices(data, make):
    X, _, few = data
    expected = LabeledOnlyClassifier(LogisticRegression()).fit(X, few).predict_proba(X)
    model = LabeledOnlyClassifier(LogisticRegression()).fit(make(X), few)
    np.testing.assert_allclose(model.predict_proba(make(X).tocsr()), expected, atol=1e-3)


def test_samples_that_are_no_table():
    class Lengths(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.seen_, self.classes_ = list(X), np.unique(y)
            return self

        def predict(self, X):
            return np.array([self.classes_[len(text) % 2] for text in X])

    paths = ["a.png", "bb.png", "ccc.png", "dddd.png"]
    for X in (paths, tuple(paths), np.array(paths, dtype=object), pd.Series(paths, index=[3, 4, 5, 6])):
        model = LabeledOnlyClassifier(Lengths()).fit(X, [1, -1, -1, 0])
        assert model.seen_ == ["a.png", "dddd.png"]
        assert model.score(X, [1, 0, 1, -1]) == 1


def test_rejects_too_few_classes(data):
    X = data[0]
    model = LabeledOnlyClassifier(FOREST)
    with pytest.raises(
        ValueError, match=r"y must hold labels for RandomForest.*, got none in 150 samples\. Label some"
    ):
        model.fit(X, np.full(150, -1))
    with pytest.raises(ValueError, match=r"got 1 class\(es\): \[1\].*-1 means unlabeled; a class needs another label"):
        model.fit(X, np.where(np.arange(150) % 2, 1, -1))
    with pytest.raises(ValueError, match="y must hold at least one label to score, got none in 150 samples"):
        model.fit(X, np.arange(150) % 2).score(X, np.full(150, -1))
    with pytest.raises(ValueError, match=r"the target y is None\. Pass one label for each sample, -1 for unlabeled"):
        model.fit(X, None)
    with pytest.raises(ValueError, match=r"should be a 1d array of labels, got an array of shape \(150, 2\)"):
        model.fit(X, np.zeros((150, 2)))
    with pytest.raises(ValueError, match=r"one column of labels, got a table with columns \['a', 'b'\]"):
        model.fit(X, pd.DataFrame({"a": [0] * 150, "b": [1] * 150}))
    with pytest.raises(ValueError, match="y must hold labels, got masks"):
        model.fit(X, np.zeros((150, 4, 4), dtype=bool))
    with pytest.raises(TypeError, match="must be a classifier, got the regressor Ridge"):
        LabeledOnlyClassifier(Ridge()).fit(X, np.arange(150) % 2)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, [0, 1])


def test_positions_of_all_samples_are_refused_inside(data):
    X, y, few = data
    for cv in ([(np.arange(70), np.arange(70, 150))], PredefinedSplit(np.arange(150) % 2)):
        search = GridSearchCV(LogisticRegression(), {"C": [1]}, cv=cv)
        with pytest.raises(ValueError, match=r"must not be positions among all 150 samples, .* the 30 labeled ones"):
            LabeledOnlyClassifier(search).fit(X, few)
        LabeledOnlyClassifier(search).fit(X, y)


def test_clone_pickle_and_file(data, tmp_path):
    X, _, few = data
    model = LabeledOnlyClassifier(LogisticRegression()).fit(X, few)
    save_model(model, tmp_path / "model.skops")
    for again in (pickle.loads(pickle.dumps(model)), load_model(tmp_path / "model.skops")):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
        np.testing.assert_array_equal(again.coef_, model.coef_)
    assert clone(model).get_params()["estimator__C"] == 1
    assert not hasattr(clone(model), "classes_")
    assert not hasattr(model, "feature_importances_")
    assert not hasattr(model, "feature_names_in_")


# Which classifiers need it


class Knows(LogisticRegression):
    accepts_unlabeled = True


KNOW = [
    PriorLogisticRegression(),
    BalancedSelfTrainingClassifier(LogisticRegression()),
    CoTrainingClassifier(LogisticRegression(), {}),
    LabeledOnlyClassifier(LogisticRegression()),
    SelfTrainingClassifier(LogisticRegression()),
    LabelPropagation(),
    LabelSpreading(),
    type("Own", (SelfTrainingClassifier,), {})(LogisticRegression()),
    Knows(),
    FrozenEstimator(LogisticRegression()),
    make_pipeline(StandardScaler(), LabelSpreading()),
    GridSearchCV(LabelSpreading(), {}, cv=SemiSupervisedSplit(3)),
    RandomizedSearchCV(make_pipeline(StandardScaler(), PriorLogisticRegression()), {}, cv=SemiSupervisedSplit(3)),
]
NEED = [
    FOREST,
    make_pipeline(StandardScaler(), LogisticRegression()),
    GridSearchCV(LogisticRegression(), {"C": [1]}, cv=3),
    GridSearchCV(LogisticRegression(), {"C": [1]}, cv=SemiSupervisedSplit(3)),
    CalibratedClassifierCV(PriorLogisticRegression()),
    StackingClassifier([("a", PriorLogisticRegression())]),
    VotingClassifier([("a", SelfTrainingClassifier(LogisticRegression()))]),
    OneVsRestClassifier(PriorLogisticRegression()),
    FixedThresholdClassifier(SelfTrainingClassifier(LogisticRegression())),
]


def name_type(estimator):
    return type(estimator).__name__


@pytest.mark.parametrize("estimator", KNOW, ids=name_type)
def test_leaves_classifiers_that_know_missing_labels(estimator):
    assert accepts_unlabeled(estimator)
    assert wrap_classifier(estimator) is estimator


@pytest.mark.filterwarnings("ignore:y contains no unlabeled samples")  # self-training inside gets none
@pytest.mark.parametrize("estimator", NEED, ids=name_type)
def test_wraps_classifiers_that_take_missing_labels_for_a_class(data, estimator):
    X, y, few = data
    assert not accepts_unlabeled(estimator)
    wrapped = wrap_classifier(estimator)
    assert isinstance(wrapped, LabeledOnlyClassifier)
    assert wrapped.estimator is estimator
    fitted = clone(wrapped).fit(X, few)
    assert fitted.classes_.tolist() == [0, 1]
    scores = fitted.predict_proba(X)[:, 1] if hasattr(fitted, "predict_proba") else fitted.predict(X)
    assert roc_auc_score(y, scores) > 0.8


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
@pytest.mark.parametrize("cv", [None, 3, GroupKFold(4)], ids=str)
def test_plain_folds_of_a_search_are_refused(search, cv):
    with pytest.raises(ValueError, match=r"must be a SemiSupervisedSplit if labels are missing, got .*Split\(\d\)"):
        wrap_classifier(search(SelfTrainingClassifier(LogisticRegression()), {}, cv=cv))


def test_what_is_no_classifier():
    for estimator in (IsolationForest(), KMeans(), None, "passthrough"):
        assert wrap_classifier(estimator) is estimator
    with pytest.raises(TypeError, match="classifier must be a classifier, got the regressor Ridge"):
        wrap_classifier(Ridge())
    for wrong in (LogisticRegression, 5, "forest"):
        with pytest.raises(TypeError, match="classifier must be an instance of a classifier, got"):
            wrap_classifier(wrong)


# Scores of the other classifiers


@pytest.mark.parametrize("estimator", KNOW[:3], ids=name_type)
def test_scores_leave_out_unlabeled_samples(data, estimator):
    X, y, few = data
    if isinstance(estimator, CoTrainingClassifier):
        estimator = clone(estimator).set_params(views={"first": [0, 1], "second": [2, 3]})
    model = clone(estimator).fit(X, few)
    labeled, weights = few != -1, np.random.default_rng(0).random(len(X))
    expected = np.average(model.predict(X)[labeled] == y[labeled], weights=weights[labeled])
    assert model.score(X, few, sample_weight=weights) == pytest.approx(expected)
    assert model.score(X, few) == (model.predict(X)[labeled] == y[labeled]).mean()
    assert model.score(X, y) == (model.predict(X) == y).mean()
    with pytest.raises(ValueError, match="y must hold at least one label to score"):
        model.score(X, np.full(len(X), -1))


# The positive class


@pytest.mark.parametrize("pair", [("nevus", "melanoma"), ("a", "b"), (1, 0), (2, 1), (False, True)])
def test_classes_say_the_positive_class(data, pair):
    X, y, few = data
    labels = [-1 if label == -1 else pair[label] for label in few.tolist()]
    prior = PriorLogisticRegression(classes=pair)
    views = {"first": [0, 1, 2], "second": [3, 4]}
    for model in (prior, BalancedSelfTrainingClassifier(prior), CoTrainingClassifier(prior, views)):
        for wrapped in (clone(model), LabeledOnlyClassifier(model)):
            fitted = wrapped.fit(X, labels)
            assert fitted.pos_label_ == pair[1]
            column = fitted.classes_.tolist().index(fitted.pos_label_)
            assert roc_auc_score(y, fitted.predict_proba(X)[:, column]) > 0.8


@pytest.mark.parametrize(
    ("pair", "positive"), [((0, 1), 1), ((False, True), 1), ((0.0, 1.0), 1), ((1, 2), None), (("a", "b"), None)]
)
def test_positive_class_without_classes(data, pair, positive):
    X, _, few = data
    labels = [-1 if label == -1 else pair[label] for label in few.tolist()]
    for model in (PriorLogisticRegression(), BalancedSelfTrainingClassifier(LogisticRegression())):
        assert model.fit(X, labels).pos_label_ == positive


def test_number_as_prevalence_is_that_of_the_positive_class(data):
    X, _, few = data
    words = [-1 if label == -1 else ("nevus", "melanoma")[label] for label in few.tolist()]
    prior = PriorLogisticRegression(classes=("nevus", "melanoma"))
    model = BalancedSelfTrainingClassifier(prior, prevalence=0.1).fit(X, words)
    named = BalancedSelfTrainingClassifier(prior, prevalence={"melanoma": 0.1}).fit(X, words)
    assert model.prevalence_ == named.prevalence_ == pytest.approx(0.9)  # probability of classes_[1], the nevus
    np.testing.assert_array_equal(model.predict_proba(X), named.predict_proba(X))


def test_digits_as_text_are_not_numbers(data):
    X, _, few = data
    text = [-1 if label == -1 else str(label) for label in few.tolist()]
    with pytest.raises(
        ValueError, match=r"among classes=\[0, 1\], or -1, got \['0', '1'\]\. Use the same labels in both"
    ):
        PriorLogisticRegression(np.ones(5), classes=(0, 1)).fit(X, text)
    model = PriorLogisticRegression(np.ones(5), classes=("0", "1")).fit(X, text)
    assert model.classes_.tolist() == ["0", "1"]
