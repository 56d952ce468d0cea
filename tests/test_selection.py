"""Names flow through scikit-learn's selectors, and a selection survives few labels."""

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
    # scikit-learn's words on a column that is the same in all labeled rows; it is chosen last
    pytest.mark.filterwarnings("ignore:Features .* are constant"),
    pytest.mark.filterwarnings("ignore:invalid value encountered in divide"),
]


def labeled_f(X, y):
    """Return the scores of the labeled rows, as the guide does."""
    labeled = y != -1
    return f_classif(X[labeled], y[labeled])


def with_selector(pipeline, selector, container="pandas"):
    steps = [*pipeline.steps[:-1], ("select", selector), pipeline.steps[-1]]
    return Pipeline(steps).set_output(transform=container)


def self_training_pipeline():
    """Return all features with a classifier that takes any of them and labels of any kind."""
    return make_melanoma_pipeline(classifier=SelfTrainingClassifier(LogisticRegression(max_iter=1000)))


# Names


@pytest.fixture(scope="module")
def photos():
    return make_lesions(40, image_size=(96, 128), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(photos):
    return hide_labels(photos.target, 8, random_state=0)


@pytest.fixture(scope="module")
def measured(photos):
    return make_melanoma_pipeline()["features"].fit_transform(photos.images)


@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_names_reach_the_classifier_behind_a_selector(photos, few, container, frame):
    model = with_selector(make_melanoma_pipeline("survey"), SelectKBest(labeled_f, k=2), container)
    model.fit(photos.images, few)
    names = ["area", "perimeter_ratio", "max_span"]
    chosen = [name for name, kept in zip(names, model["select"].get_support(), strict=True) if kept]
    assert len(chosen) == 2
    assert list(model["select"].feature_names_in_) == names
    assert list(model["classify"].feature_names_in_) == chosen
    assert list(model[:-1].get_feature_names_out()) == chosen
    table = model[:-1].transform(photos.images[:3])
    assert type(table) is frame
    assert list(table.columns) == chosen
    assert model.predict_proba(photos.images[:3]).shape == (3, 2)


def test_a_selector_takes_the_place_of_a_step(photos, few):
    model = make_melanoma_pipeline("survey").set_params(scale=SelectKBest(labeled_f, k=1))
    model.set_output(transform="pandas").fit(photos.images, few)
    assert model[:-1].get_feature_names_out().shape == (1,)
    assert list(model["classify"].feature_names_in_) == list(model[:-1].get_feature_names_out())


def test_a_search_over_k_and_the_importance_of_what_it_chose(measured, photos, few):
    learner = with_selector(self_training_pipeline()[1:], SelectKBest(labeled_f))
    search = GridSearchCV(
        learner, {"select__k": [2, 6]}, scoring="roc_auc", cv=SemiSupervisedSplit(2), error_score="raise"
    )
    search.fit(measured, few)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    chosen = list(best[:-1].get_feature_names_out())
    assert len(chosen) == search.best_params_["select__k"]
    lost = permutation_importance(best, measured, photos.target, scoring="roc_auc", n_repeats=2, random_state=0)
    unused = [i for i, name in enumerate(measured.columns) if name not in chosen]
    assert not lost.importances[unused].any()
    assert lost.importances.any()


def test_diagnoses_as_strings(measured, photos, few):
    words = np.where(few == -1, -1, np.where(few == 1, "melanoma", "nevus").astype(object))
    by_word, by_number = (
        with_selector(self_training_pipeline()[1:], SelectKBest(labeled_f, k=5)).fit(measured, y) for y in (words, few)
    )
    assert list(by_word[:-1].get_feature_names_out()) == list(by_number[:-1].get_feature_names_out())
    assert by_word.classes_.tolist() == ["melanoma", "nevus"]


# Few labels


DECIDING = [f"deciding_{i}" for i in range(4)]
CLINIC = [f"clinic_{i}" for i in range(6)]
NAMES = [*DECIDING, *CLINIC, *(f"noise_{i}" for i in range(30))]


def labeled_in_one_clinic(seed):
    """Return a table of two clinics and ten labels of each class, all of them from the first clinic."""
    rng = np.random.default_rng(seed)
    y, clinic = rng.integers(0, 2, (2, 600))
    X = rng.normal(size=(600, len(NAMES)))
    X[:, :4] += 1.5 * y[:, np.newaxis]
    X[:, 4:10] += 2 * clinic[:, np.newaxis]
    few = np.full(600, -1)
    first = np.flatnonzero(clinic == 0)
    few[first] = hide_labels(y[first], 10, random_state=seed)
    return pd.DataFrame(X, columns=NAMES), few


def mean_chosen(make_model, chosen_of):
    """Return how many of the deciding features are among the four that are chosen, on average over 20 tables."""
    counts = []
    for seed in range(20):
        X, few = labeled_in_one_clinic(seed)
        counts.append(len(set(chosen_of(make_model().fit(X, few))) & set(DECIDING)))
    return np.mean(counts)


def before(score):
    """Return a self-training classifier with a selector before it."""
    classifier = SelfTrainingClassifier(LogisticRegression())
    return make_pipeline(SelectKBest(score, k=4), classifier).set_output(transform="pandas")


def names_before(model):
    return model[:-1].get_feature_names_out()


def test_a_plain_selector_takes_the_missing_label_for_a_class():
    """The reason for what the guide says; where this fails, scikit-learn has learned what -1 means."""
    assert mean_chosen(lambda: before(f_classif), names_before) < 2


def test_a_score_of_the_labeled_rows_finds_what_decides():
    assert mean_chosen(lambda: before(labeled_f), names_before) > 3


def test_a_selector_within_the_self_training_finds_what_decides():
    def within():
        return SelfTrainingClassifier(make_pipeline(SelectKBest(f_classif, k=4), LogisticRegression()))

    assert mean_chosen(within, lambda model: model.feature_names_in_[model.estimator_[0].get_support()]) > 3.5


def test_labels_alone_decide_what_is_chosen():
    X, few = labeled_in_one_clinic(0)
    model = before(labeled_f)
    everything = clone(model)[0].fit(X, few)
    alone = SelectKBest(f_classif, k=4).fit(X[few != -1], few[few != -1])
    assert list(everything.get_feature_names_out()) == list(alone.get_feature_names_out())
