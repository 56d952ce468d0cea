"""Tests of scikit-learn's feature selection with our pipelines: names of features, few labels."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels

pytestmark = [
    pytest.mark.filterwarnings("ignore:No lesion was found"),
    # scikit-learn warns about a column that is constant in all labeled rows; it is selected last
    pytest.mark.filterwarnings("ignore:Features .* are constant"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in divide"),
]


def score_labeled(X, y):
    """Return the F scores of the labeled rows, as in the guide."""
    labeled = y != -1
    return f_classif(X[labeled], y[labeled])


def add_selector(pipeline, selector, container="pandas"):
    steps = [*pipeline.steps[:-1], ("select", selector), pipeline.steps[-1]]
    return Pipeline(steps).set_output(transform=container)


def make_self_training_pipeline():
    """Return a pipeline of all features and a classifier for any features and labels."""
    return make_melanoma_pipeline(classifier=SelfTrainingClassifier(LogisticRegression(max_iter=1000)))


# Names


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(40, image_size=(96, 128), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(lesions):
    return hide_labels(lesions.target, 8, random_state=0)


@pytest.fixture(scope="module")
def features(lesions):
    return make_melanoma_pipeline()["features"].fit_transform(lesions.images)


@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_names_reach_classifier_after_selector(lesions, few, container, frame):
    model = add_selector(make_melanoma_pipeline("survey"), SelectKBest(score_labeled, k=2), container)
    model.fit(lesions.images, few)
    names = ["area", "perimeter_ratio", "max_span"]
    selected = [name for name, kept in zip(names, model["select"].get_support(), strict=True) if kept]
    assert len(selected) == 2
    assert list(model["select"].feature_names_in_) == names
    assert list(model["classify"].feature_names_in_) == selected
    assert list(model[:-1].get_feature_names_out()) == selected
    table = model[:-1].transform(lesions.images[:3])
    assert type(table) is frame
    assert list(table.columns) == selected
    assert model.predict_proba(lesions.images[:3]).shape == (3, 2)


def test_selector_replaces_step(lesions, few):
    model = make_melanoma_pipeline("survey").set_params(scale=SelectKBest(score_labeled, k=1))
    model.set_output(transform="pandas").fit(lesions.images, few)
    assert model[:-1].get_feature_names_out().shape == (1,)
    assert list(model["classify"].feature_names_in_) == list(model[:-1].get_feature_names_out())


def test_search_over_k_and_permutation_importance(features, lesions, few):
    learner = add_selector(make_self_training_pipeline()[1:], SelectKBest(score_labeled))
    search = GridSearchCV(
        learner, {"select__k": [2, 6]}, scoring="roc_auc", cv=SemiSupervisedSplit(2), error_score="raise"
    )
    features = features.iloc[:, ::6]
    search.fit(features, few)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    selected = list(best[:-1].get_feature_names_out())
    assert len(selected) == search.best_params_["select__k"]
    lost = permutation_importance(best, features, lesions.target, scoring="roc_auc", n_repeats=2, random_state=0)
    unused = [i for i, name in enumerate(features.columns) if name not in selected]
    assert not lost.importances[unused].any()
    assert lost.importances.any()


def test_string_labels_select_same_features(features, lesions, few):
    words = np.where(few == -1, -1, np.where(few == 1, "melanoma", "nevus").astype(object))
    by_word, by_number = (
        add_selector(make_self_training_pipeline()[1:], SelectKBest(score_labeled, k=5)).fit(features, y)
        for y in (words, few)
    )
    assert list(by_word[:-1].get_feature_names_out()) == list(by_number[:-1].get_feature_names_out())
    assert by_word.classes_.tolist() == ["melanoma", "nevus"]


# Few labels


INFORMATIVE = [f"informative_{i}" for i in range(4)]
CLINIC = [f"clinic_{i}" for i in range(6)]
NAMES = [*INFORMATIVE, *CLINIC, *(f"noise_{i}" for i in range(30))]


def make_two_clinics(seed):
    """Return features from two clinics and ten labels per class, all from the first clinic."""
    rng = np.random.default_rng(seed)
    y, clinic = rng.integers(0, 2, (2, 600))
    X = rng.normal(size=(600, len(NAMES)))
    X[:, :4] += 1.5 * y[:, np.newaxis]
    X[:, 4:10] += 2 * clinic[:, np.newaxis]
    few = np.full(600, -1)
    first = np.flatnonzero(clinic == 0)
    few[first] = hide_labels(y[first], 10, random_state=seed)
    return pd.DataFrame(X, columns=NAMES), few


def count_informative(make_model, get_names):
    """Return the mean number of informative features among the four selected ones, over 20 tables."""
    counts = []
    for seed in range(20):
        X, few = make_two_clinics(seed)
        counts.append(len(set(get_names(make_model().fit(X, few))) & set(INFORMATIVE)))
    return np.mean(counts)


def make_selecting_pipeline(score):
    """Return a pipeline of a selector and a self-training classifier."""
    classifier = SelfTrainingClassifier(LogisticRegression())
    return make_pipeline(SelectKBest(score, k=4), classifier).set_output(transform="pandas")


def get_selected(model):
    return model[:-1].get_feature_names_out()


def test_plain_selector_uses_missing_label_as_class():
    """The guide's advice depends on it; a failure means that scikit-learn now supports -1 here."""
    assert count_informative(lambda: make_selecting_pipeline(f_classif), get_selected) < 2


def test_score_of_labeled_rows_selects_informative_features():
    assert count_informative(lambda: make_selecting_pipeline(score_labeled), get_selected) > 3


def test_selector_in_self_training_selects_informative_features():
    def make_inner_selection():
        return SelfTrainingClassifier(make_pipeline(SelectKBest(f_classif, k=4), LogisticRegression()))

    assert (
        count_informative(
            make_inner_selection, lambda model: model.feature_names_in_[model.estimator_[0].get_support()]
        )
        > 3.5
    )


def test_unlabeled_rows_do_not_change_selection():
    X, few = make_two_clinics(0)
    model = make_selecting_pipeline(score_labeled)
    everything = clone(model)[0].fit(X, few)
    alone = SelectKBest(f_classif, k=4).fit(X[few != -1], few[few != -1])
    assert list(everything.get_feature_names_out()) == list(alone.get_feature_names_out())
