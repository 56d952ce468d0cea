"""make_melanoma_pipeline with any classifier and with few labels: -1 is never a class."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.experimental import AugmentedClassifier
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.inspection import FeatureImportanceDisplay
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels, out_of_fold_scores
from sklearn_melanoma.persistence import load_model, save_model
from sklearn_melanoma.pipeline import transfer_pipeline
from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier, PriorLogisticRegression

WORDS = np.array(["nevus", "melanoma", -1], dtype=object)
FOREST = RandomForestClassifier(20, random_state=0)


class Unread:
    """An image that must not be read."""

    def __getattr__(self, name):
        raise AssertionError(name)


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(40, image_size=(72, 96), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(lesions):
    return hide_labels(lesions.target, 8, random_state=0)


@pytest.fixture(scope="module")
def table(lesions):
    return make_melanoma_pipeline()["features"].fit_transform(lesions.images)


# Classifiers that treat -1 as a class


@pytest.mark.parametrize(
    "classifier",
    [
        FOREST,
        LogisticRegression(max_iter=1000),
        CalibratedClassifierCV(LogisticRegression(max_iter=1000), cv=2),
        StackingClassifier([("a", LogisticRegression(max_iter=1000)), ("b", FOREST)], cv=2),
        OneVsRestClassifier(LogisticRegression(max_iter=1000)),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
def test_learns_two_classes_from_few_labels(lesions, few, table, classifier):
    model = make_melanoma_pipeline(classifier=classifier)[1:].fit(table, few)
    assert model.classes_.tolist() == [0, 1]
    assert isinstance(model["classify"], LabeledOnlyClassifier)
    hidden = few == -1
    assert roc_auc_score(lesions.target[hidden], model.predict_proba(table)[hidden, 1]) > 0.6  # below 0.5 for class 0
    assert set(model.predict(table)) == {0, 1}


def test_forest_on_images(lesions, few, tmp_path):
    model = make_melanoma_pipeline("survey", FOREST).fit(lesions.images, few)
    assert model.predict_proba(lesions.images).shape == (40, 2)
    assert model["classify"].feature_importances_.shape == (3,)
    save_model(model, tmp_path / "model.skops", threshold=0.3)
    again = load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))
    display = FeatureImportanceDisplay.from_estimator(model, lesions.images, few, random_state=0, n_repeats=2)
    assert len(display.feature_names) == 3


def test_parameters_of_a_wrapped_classifier(table, few):
    model = make_melanoma_pipeline(classifier=LogisticRegression())
    search = GridSearchCV(
        model[1:],
        {"classify__estimator__C": [0.01, 1], "impute__strategy": ["mean"]},
        cv=SemiSupervisedSplit(2),
        scoring="roc_auc",
        error_score="raise",
    ).fit(table, few)
    assert search.best_params_["classify__estimator__C"] in (0.01, 1)
    assert search.classes_.tolist() == [0, 1]


def test_a_search_as_classifier(lesions, few, table):
    grid = {"C": [0.01, 1]}
    search = GridSearchCV(LogisticRegression(max_iter=1000), grid, cv=3, scoring="roc_auc", error_score="raise")
    model = make_melanoma_pipeline(classifier=search)[1:].fit(table, few)
    assert model.classes_.tolist() == [0, 1]
    labeled = few != -1
    rows = model[:-1].transform(table)
    assert model["classify"].best_score_ == search.fit(rows[labeled], few[labeled]).best_score_
    grid = {"prevalence": [None, 0.2]}
    with pytest.raises(ValueError, match=r"treats -1 as a class and scores it\. Pass cv=SemiSupervisedSplit\(4\)"):
        make_melanoma_pipeline(classifier=GridSearchCV(PriorLogisticRegression(), grid, cv=4))
    right = GridSearchCV(PriorLogisticRegression(), grid, cv=SemiSupervisedSplit(2), scoring="roc_auc")
    model = make_melanoma_pipeline(classifier=right)[1:].fit(table, few)
    assert isinstance(model["classify"], GridSearchCV)


def test_classifiers_that_know_missing_labels_are_not_wrapped():
    assert type(make_melanoma_pipeline()["classify"]) is PriorLogisticRegression
    assert type(make_melanoma_pipeline("survey")["classify"]) is SelfTrainingClassifier
    assert type(make_melanoma_pipeline(classifier=LabelSpreading())["classify"]) is LabelSpreading
    assert "classify__threshold" in make_melanoma_pipeline("survey").get_params()


def test_regressors_and_classes_are_refused():
    with pytest.raises(TypeError, match="classifier must be a classifier, got the regressor Ridge"):
        make_melanoma_pipeline(classifier=Ridge())
    with pytest.raises(TypeError, match="classifier must be an instance of a classifier"):
        make_melanoma_pipeline(classifier=LogisticRegression)


def test_replaced_classifier_is_checked_before_images_are_read(few):
    model = make_melanoma_pipeline().set_params(classify=LogisticRegression())
    with pytest.raises(
        ValueError, match=r"^classify must know -1 .*, got LogisticRegression, .* LabeledOnlyClassifier\(Logistic"
    ):
        model.fit([Unread()] * 40, few)


def test_replaced_classifier_with_all_labels(lesions, table):
    model = make_melanoma_pipeline().set_params(classify=FOREST)[1:].fit(table, lesions.target)
    assert model.classes_.tolist() == [0, 1]


# Labels


@pytest.mark.parametrize("features", ["all", "survey"])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, "-1", "nan", ""], ids=repr)
def test_other_marks_of_missing_labels_are_refused_before_images_are_read(features, missing):
    y = [1, 0, 1, missing] if not isinstance(missing, str) else ["a", "b", "a", missing]
    with pytest.raises(ValueError, match=r"y\[3\]: a missing label must be the integer -1"):
        make_melanoma_pipeline(features).fit([Unread()] * 4, y)


@pytest.mark.parametrize("classifier", [None, LabelSpreading(), LogisticRegression(), FOREST], ids=str)
def test_no_labels(classifier):
    with pytest.raises(ValueError, match=r"y must hold labels for .*, got none in 4 samples\. Label some .*'all'"):
        make_melanoma_pipeline("survey", classifier).fit([Unread()] * 4, [-1] * 4)
    with pytest.raises(ValueError, match=r"got 1 class\(es\): \[1\]"):
        make_melanoma_pipeline("survey", classifier).fit([Unread()] * 4, [-1, 1, 1, -1])
    with pytest.raises(ValueError, match="the target y is None"):
        make_melanoma_pipeline("survey", classifier).fit([Unread()] * 4)


def test_all_works_without_labels(lesions, few, table):
    model = make_melanoma_pipeline()[1:].fit(table, np.full(40, -1))
    assert model.predict_proba(table).shape == (40, 2)


@pytest.mark.parametrize("features", ["all", "survey"])
@pytest.mark.parametrize("kind", ["list", "array", "Series", "column"])
def test_words_with_missing_labels(table, few, features, kind):
    words = WORDS[few]
    y = {"list": words.tolist(), "array": words, "Series": pd.Series(words), "column": pd.DataFrame({"y": words})}[kind]
    model = make_melanoma_pipeline(features)[1:]
    if features == "all":
        model.set_params(classify__classes=("nevus", "melanoma"))
    numbers = make_melanoma_pipeline(features)[1:].fit(table, few).predict_proba(table)[:, 1]
    model.fit(table, y)
    assert model.classes_.tolist() == ["melanoma", "nevus"]
    np.testing.assert_allclose(model.predict_proba(table)[:, 0], numbers, atol=1e-6)
    assert model.score(table, y) == model.score(table, words)


@pytest.mark.parametrize("classifier", [None, FOREST, SelfTrainingClassifier(LogisticRegression())], ids=str)
def test_positive_class(table, few, classifier):
    model = make_melanoma_pipeline(classifier=classifier)[1:]
    assert not hasattr(model, "pos_label_")
    assert model.fit(table, few).pos_label_ == 1
    if classifier is None:
        model.set_params(classify__classes=("nevus", "melanoma"))
    assert model.fit(table, WORDS[few]).pos_label_ == ("melanoma" if classifier is None else None)


# Scores


class CountingImages(list):
    read = 0

    def __getitem__(self, index):
        self.read += 1
        return super().__getitem__(index)


@pytest.mark.parametrize(
    "make",
    [
        make_melanoma_pipeline,
        lambda: make_melanoma_pipeline("survey"),
        lambda: make_melanoma_pipeline("survey", LabelSpreading()),
        lambda: make_melanoma_pipeline("survey", FOREST),
        lambda: AugmentedClassifier(make_melanoma_pipeline("survey"), n_augmentations=1, random_state=0),
    ],
    ids=["all", "survey", "LabelSpreading", "forest", "augmented"],
)
def test_score_leaves_out_unlabeled_images(lesions, few, make):
    model = make().fit(lesions.images, few)
    labeled = few != -1
    predicted = model.predict(lesions.images)
    expected = (predicted[labeled] == few[labeled]).mean()
    assert model.score(lesions.images, few) == expected
    assert model.score(lesions.images, lesions.target) == (predicted == lesions.target).mean()
    counting = CountingImages(lesions.images)
    assert model.score(counting, few) == expected
    assert counting.read <= 3 * labeled.sum()
    with pytest.raises(ValueError, match="y must hold at least one label to score, got none in 40 samples"):
        model.score(lesions.images, np.full(40, -1))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(lesions.images, few[:-1])


def test_score_in_plain_cross_validation_leaves_out_unlabeled_rows(table, few):
    model = make_melanoma_pipeline()[1:]
    scores = cross_val_score(model, table, few, cv=2)
    assert scores.min() > 0.5  # -1 is never predicted; if it were, at most 0.4 could be right


def test_weights_of_scores(table, few):
    weights = np.random.default_rng(0).random(40)
    model = make_melanoma_pipeline()[1:].fit(table, few)
    right = model.predict(table) == few
    assert model.score(table, few, sample_weight=weights) == pytest.approx(
        np.average(right[few != -1], weights=weights[few != -1])
    )


# It is scikit-learn's pipeline


def test_is_a_pipeline_in_all_else(table, few):
    model = make_melanoma_pipeline()
    assert isinstance(model, Pipeline)
    assert type(model[1:]) is type(clone(model)) is type(model)
    fitted = model[1:].fit(table, few)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))
    scaled = fitted[:-1].fit_transform(table)
    assert list(scaled.columns) == list(table.columns)
    assert not hasattr(fitted[:-1], "score")
    plain = Pipeline(model[1:].steps).fit(table, few)
    np.testing.assert_array_equal(plain.predict_proba(table), fitted.predict_proba(table))


def test_out_of_fold_scores_of_a_forest(lesions, few, table):
    scores = out_of_fold_scores(make_melanoma_pipeline(classifier=FOREST)[1:], table, few, cv=4)
    labeled = few != -1
    assert roc_auc_score(few[labeled], scores[labeled]) > 0.7


# Transfer


def test_transfer_keeps_the_positive_class(lesions, few):
    words = WORDS[few]
    prior = PriorLogisticRegression(classes=("nevus", "melanoma"))
    plain = LogisticRegression(max_iter=1000)
    for classifier, options in ((prior, {}), (plain, {"pos_label": "melanoma"}), (prior, {"pos_label": "melanoma"})):
        old = make_melanoma_pipeline("survey", classifier).fit(lesions.images, words)
        new = transfer_pipeline(old, lesions.images, words, **options)
        assert new["classify"].pos_label_ == "melanoma"
        hidden = few == -1
        column = new.classes_.tolist().index("melanoma")
        assert roc_auc_score(lesions.target[hidden], new.predict_proba(lesions.images)[hidden, column]) > 0.6
    with pytest.raises(ValueError, match=r"pos_label must say which of the labels \['melanoma', 'nevus'\]"):
        transfer_pipeline(make_melanoma_pipeline("survey", plain).fit(lesions.images, words), lesions.images)


# Samples of the wrong kind


@pytest.mark.parametrize("method", ["fit", "predict", "predict_proba", "decision_function"])
def test_images_are_no_table(method):
    lesions = make_lesions(12, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)
    model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    arguments = (lesions.target,) if method == "fit" else ()
    for images in (lesions.images, ["1.jpg", "2.jpg"], np.array(["1.jpg"]), [lesions.masks[0]]):
        with pytest.raises(TypeError, match="X must be a table of features for the steps impute, scale, classify, got"):
            getattr(model[1:], method)(images, *arguments)
    with pytest.raises(ValueError, match="X must hold at least one sample, got none"):
        getattr(model, method)([], *arguments)


def test_a_step_of_your_own_may_take_images():
    lesions = make_lesions(12, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)
    step = FunctionTransformer(lambda images: np.array([image.mean(axis=(0, 1)) for image in images]))
    few = hide_labels(lesions.target, 4, random_state=0)
    model = make_melanoma_pipeline("survey").set_params(features=step).set_output(transform="default")
    assert model.fit(lesions.images, few).predict(lesions.images).shape == (12,)


class MeanRed(TransformerMixin, BaseEstimator):
    """A feature of one's own, whose fit sets no attribute."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[lesion.image[lesion.mask, 0].mean()] for lesion in X])

    def get_feature_names_out(self, input_features=None):
        return np.array(["mean_red"], dtype=object)


def test_a_feature_of_your_own_may_have_nothing_to_learn(lesions):
    model = make_melanoma_pipeline("survey", LogisticRegression())
    measure = FeatureUnion([("standard", MorphologyFeatures()), ("own", MeanRed())], verbose_feature_names_out=False)
    model.set_params(features__measure=measure).set_output(transform="pandas").fit(lesions.images, lesions.target)
    table = model[:1].transform(lesions.images[:3])
    assert table.columns[-1] == "mean_red"
    display = FeatureImportanceDisplay.from_estimator(model, lesions.images, lesions.target, n_repeats=2)
    assert "mean_red" in list(display.feature_names)
    unfitted = clone(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(unfitted["features"])


def test_number_of_labels_is_that_of_the_images():
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[3, 2\]"):
        make_melanoma_pipeline(classifier=LogisticRegression()).fit(["1.jpg", "2.jpg", "3.jpg"], [0, 1])


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_numbers_out_of_range_are_refused_in_predictions(method):
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 3 - 1
    tail = make_melanoma_pipeline("survey")[1:].set_output(transform="default").fit(X, y)
    X[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"X must hold numbers within ±1e\+100, got 1e\+300 in column 1, row 3"):
        getattr(tail, method)(X)
