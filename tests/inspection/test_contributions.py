"""Tests that contributions add up to the decision function of linear models, and of parts of models."""

import sys

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.experimental import AugmentedClassifier
from sklearn_melanoma.features import FisherVectorEncoder, feature_directions
from sklearn_melanoma.inspection import ContributionDisplay
from sklearn_melanoma.inspection._contributions import (
    add_by_criterion,
    compute_contributions,
    find_criteria,
    rank_values,
)
from sklearn_melanoma.inspection._models import (
    compare_with_training,
    find_decision,
    find_parts,
    is_calibrated,
    split_model,
)
from sklearn_melanoma.semi_supervised import BalancedSelfTrainingClassifier, LabeledOnlyClassifier


@pytest.fixture(scope="module")
def rows():
    """Return a table of 60 rows of three classes; the first two classes are the binary problem."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 20)
    X = pd.DataFrame(rng.normal(size=(60, 4)) + y[:, np.newaxis], columns=["area", "solidity", "a_std", "hue"])
    return X, y


def explain(model, X, column):
    return compute_contributions(model, find_parts(model), X, np.full(len(X), column))


LINEAR = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "ridge": make_pipeline(StandardScaler(), RidgeClassifier()),
    "svc": LinearSVC(),
    "lda": LinearDiscriminantAnalysis(),
    "pca": make_pipeline(make_pipeline(StandardScaler(), PCA(2)), LogisticRegression()),
    "quadratic": make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), LogisticRegression()),
    "labeled": LabeledOnlyClassifier(LogisticRegression()),
    "self-training": SelfTrainingClassifier(LogisticRegression()),
    "search": GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
    "threshold": FixedThresholdClassifier(make_pipeline(StandardScaler(), LogisticRegression()), threshold=0.3),
    "tuned": TunedThresholdClassifierCV(LogisticRegression(), cv=2),
}


@pytest.mark.filterwarnings("ignore:y contains no unlabeled samples")
@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("column", [0, 1])
def test_contributions_add_up_to_the_decision_function(name, column, rows):
    X, y = rows[0][:40], rows[1][:40]
    model = LINEAR[name].fit(X, y)
    found = explain(model, X, column)
    expected = model.decision_function(X) * (1 if column else -1)
    np.testing.assert_allclose(found.of_features.sum(axis=1) + found.intercept, expected, atol=1e-10)
    np.testing.assert_allclose(found.decision, expected, atol=1e-10)
    assert len(found.names) == found.of_features.shape[1]


@pytest.mark.parametrize("name", ["logistic", "ridge", "svc", "lda", "labeled", "search"])
def test_contributions_to_one_of_three_classes(name, rows):
    X, y = rows
    model = LINEAR[name].fit(X, y)
    explained = np.asarray(model.predict(X))
    found = compute_contributions(model, find_parts(model), X, explained)
    expected = model.decision_function(X)[np.arange(60), explained]
    np.testing.assert_allclose(found.of_features.sum(axis=1) + found.intercept, expected, atol=1e-10)


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibrated_models_are_explained_before_the_calibration(ensemble, rows):
    X, y = rows[0][:40], rows[1][:40]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    model = CalibratedClassifierCV(pipeline, cv=3, ensemble=ensemble).fit(X, y)
    assert is_calibrated(model)
    found = explain(model, X, 1)
    inner = [each.estimator.decision_function(X) for each in model.calibrated_classifiers_]
    assert len(inner) == (3 if ensemble else 1)
    np.testing.assert_allclose(found.of_features.sum(axis=1) + found.intercept, np.mean(inner, axis=0), atol=1e-10)


@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5, random_state=0),
        SVC(kernel="rbf"),
        BaggingClassifier(LogisticRegression(), 3, random_state=0),
        BalancedSelfTrainingClassifier(LogisticRegression()),
        CalibratedClassifierCV(RandomForestClassifier(5, random_state=0), cv=2),
    ],
)
def test_other_models_have_no_contributions(classifier, rows):
    X, y = rows[0][:40], rows[1][:40]
    assert explain(classifier.fit(X, y), X, 1) is None


@pytest.mark.parametrize(
    "classifier",
    [
        SVC(kernel="linear"),  # the three rows of weights are for pairs of classes
        make_pipeline(StandardScaler(), SVC(kernel="linear")),
        CalibratedClassifierCV(SVC(kernel="linear"), cv=2),
    ],
)
def test_support_vector_machine_of_three_classes_has_no_contributions(classifier, rows):
    assert explain(classifier.fit(*rows), rows[0], 1) is None
    two = classifier.fit(rows[0][:40], rows[1][:40])
    assert explain(two, rows[0], 1).of_features.shape == (60, 4)


def test_contributions_are_zero_for_an_average_row(rows):
    X, y = rows[0][:40], rows[1][:40]
    found = explain(LINEAR["logistic"].fit(X, y), X.mean().to_frame().T, 1)
    np.testing.assert_allclose(found.of_features, 0, atol=1e-12)


def test_names_of_columns(rows):
    X, y = rows[0][:40], rows[1][:40]
    assert explain(LINEAR["logistic"].fit(X, y), X, 1).names == list(X.columns)
    assert explain(LINEAR["pca"].fit(X, y), X, 1).names == ["pca0", "pca1"]


# Criteria


def test_every_direction_has_its_criterion():
    directions = feature_directions()
    criteria = find_criteria(list(directions.index))
    assert [name if name != "other" else "" for name in criteria] == list(directions["criterion"])


def test_criteria_of_other_names():
    names = ["morphology__area", "max_span_mm", "hull_area_mm2", "own_3", "age", "sex_female", "site_back_left"]
    expected = ["size", "size", "size", "other", "age", "sex", "site_back"]
    assert find_criteria(names, ["age", "sex", "site", "site_back"]) == expected


def test_sums_by_criterion():
    names, sums = add_by_criterion(np.array([[1.0, 2, 4, 8], [0, 0, 1, 1]]), ["other", "size", "colors", "size"])
    assert names == ["size", "colors", "other"]
    assert sums.tolist() == [[10, 4, 1], [1, 1, 0]]


def test_percentiles_count_ties_half():
    ranks = rank_values(np.array([[1.0], [2], [2], [3], [np.nan]]))[:, 0]
    np.testing.assert_allclose(ranks, [12.5, 50, 50, 87.5, np.nan])


# Parts of models


def wrap(kind, lesions, model):
    X, y = lesions.images[:30], lesions.target[:30]
    if kind == "pipeline":
        return model
    if kind == "threshold":
        return FixedThresholdClassifier(FrozenEstimator(model), threshold=0.3)  # like a model from load_model
    if kind == "calibrated":
        return CalibratedClassifierCV(FrozenEstimator(model)).fit(X, y)
    if kind == "calibrated in folds":
        return CalibratedClassifierCV(make_melanoma_pipeline("survey", LogisticRegression()), cv=2).fit(X, y)
    if kind == "labeled only":
        return LabeledOnlyClassifier(make_melanoma_pipeline("survey", LogisticRegression())).fit(X, y)
    search = GridSearchCV(
        make_melanoma_pipeline("survey", LogisticRegression()), {"features__segment__margin": [0, 0.01]}, cv=2
    )
    return search.fit(X, y)


@pytest.mark.parametrize(
    "kind", ["pipeline", "threshold", "calibrated", "calibrated in folds", "labeled only", "search"]
)
def test_split_models_score_rows_as_the_whole_scores_images(kind, lesions, model):
    whole, images = wrap(kind, lesions, model), lesions.images[:8]
    parts = split_model(whole)
    table = parts.images.transform(images)
    np.testing.assert_allclose(parts.tabular.predict_proba(table), whole.predict_proba(images), atol=1e-12)
    np.testing.assert_array_equal(parts.tabular.predict(table), whole.predict(images))
    found = explain(parts.tabular, table, 1)
    np.testing.assert_allclose(found.of_features.sum(axis=1) + found.intercept, found.decision, atol=1e-10)
    if not is_calibrated(whole):
        np.testing.assert_allclose(found.decision, logit(whole.predict_proba(images)[:, 1]), atol=1e-9)


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_steps_without_effect_are_left_out(nothing, lesions):
    X, y = lesions.images[:30], lesions.target[:30]
    survey = make_melanoma_pipeline("survey", LogisticRegression())
    model = Pipeline([("nothing", nothing), *survey.steps[:-1], ("nothing more", nothing), survey.steps[-1]]).fit(X, y)
    parts = split_model(model)
    assert parts.images is model["features"]
    assert nothing not in parts.steps
    table = parts.images.transform(X[:8])
    np.testing.assert_allclose(parts.tabular.predict_proba(table), model.predict_proba(X[:8]), atol=1e-12)
    found = explain(parts.tabular, table, 1)
    np.testing.assert_allclose(found.decision, logit(model.predict_proba(X[:8])[:, 1]), atol=1e-9)


def test_splitting_leaves_the_model_as_it_is(lesions, model):
    whole = wrap("calibrated", lesions, model)
    before = whole.predict_proba(lesions.images[:2])
    split_model(whole)
    np.testing.assert_array_equal(whole.predict_proba(lesions.images[:2]), before)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda X, y: make_melanoma_pipeline(), NotFittedError, "not fitted yet"),
        (lambda X, y: LogisticRegression().fit([[0], [1]], [0, 1]), TypeError, "got LogisticRegression"),
        (lambda X, y: LogisticRegression, TypeError, "must be a fitted classifier"),
        (
            lambda X, y: make_melanoma_pipeline("survey", "passthrough").fit(X, y),
            TypeError,
            "must be a fitted classifier of images, got MelanomaPipeline",
        ),
        (lambda X, y: AugmentedClassifier(make_melanoma_pipeline()).fit(X, y), TypeError, "got AugmentedClassifier"),
    ],
)
def test_models_without_image_steps(make, error, message, lesions):
    with pytest.raises(error, match=message):
        split_model(make(lesions.images[:10], lesions.target[:10]))


def test_calibrated_copies_with_learned_image_steps(lesions):
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=300, random_state=0)
    pipeline = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features__measure=encoder)
    model = CalibratedClassifierCV(pipeline, cv=2).fit(lesions.images[:20], lesions.target[:20])
    with pytest.raises(ValueError, match=r"CalibratedClassifierCV\(FrozenEstimator\(model\)\)"):
        split_model(model)


def fit_words(**options):
    X, y = np.array([[0.0], [1], [2], [3]]), np.array(["melanoma", "melanoma", "nevus", "nevus"])
    return FixedThresholdClassifier(LogisticRegression(), **options).fit(X, y)


@pytest.mark.parametrize(
    ("options", "pos_label", "method", "threshold"),
    [
        ({"threshold": 0.3, "pos_label": "melanoma"}, None, "predict_proba", 0.3),
        ({"threshold": 0.3}, "nevus", "predict_proba", 0.3),
        ({"threshold": 0.3}, "melanoma", "predict_proba", 0.7),
        ({"pos_label": "melanoma"}, None, "predict_proba", 0.5),
        (
            {"threshold": 1.5, "pos_label": "melanoma", "response_method": "decision_function"},
            "nevus",
            "decision_function",
            -1.5,
        ),
    ],
)
def test_threshold_is_that_of_the_positive_class(options, pos_label, method, threshold):
    decision = find_decision(fit_words(**options), pos_label)
    assert (decision.method, decision.threshold) == (method, pytest.approx(threshold))
    assert decision.pos_label == (pos_label or options["pos_label"])


def test_positive_class_must_be_known():
    model = LogisticRegression().fit([[0], [1]], ["melanoma", "nevus"])
    with pytest.raises(ValueError, match="pos_label must say which"):
        find_decision(model)
    with pytest.raises(ValueError, match="pos_label must be one of"):
        find_decision(model, "naevus")


def test_label_of_a_threshold_must_be_a_class():
    frozen = FrozenEstimator(fit_words())
    with pytest.raises(ValueError, match=r"one of the labels \['melanoma', 'nevus'\] in classes_, got 'naevus'"):
        find_decision(FixedThresholdClassifier(frozen, threshold=0.3, pos_label="naevus"), "nevus")


def test_range_of_the_training_rows():
    X = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [5.0, 5, 5, 6]})
    scale = make_pipeline(QuantileTransformer(n_quantiles=4), StandardScaler())
    part = find_parts(make_pipeline(scale, LogisticRegression()).fit(X, [0, 0, 1, 1]))[0]
    beyond, percentiles = compare_with_training(part, pd.DataFrame({"a": [-1.0, 0, 1.5], "b": [5.0, 7, 5]}))
    assert beyond.tolist() == [0.5, 0.5, 0]
    assert percentiles[:, 0].tolist() == [0, 0, 50]
    assert percentiles[1, 1] == 100
    assert compare_with_training(find_parts(LINEAR["logistic"].fit(X, [0, 0, 1, 1]))[0], X) is None


# Display


def test_display_of_one_image(lesions, model, table):
    display = ContributionDisplay.from_estimator(model, lesions.images[3])
    assert display.decision == pytest.approx(model.decision_function(lesions.images[3:4])[0], abs=1e-10)
    assert display.contributions.sum() + display.intercept == pytest.approx(display.decision)
    sums = display.features.groupby("criterion")["contribution"].sum()
    pd.testing.assert_series_equal(display.contributions.sort_index(), sums.sort_index(), check_names=False)
    pd.testing.assert_series_equal(display.features["value"][table.columns], table.iloc[3], check_names=False)
    assert display.features["contribution"].abs().is_monotonic_decreasing
    assert display.features["percentile"].between(0, 100).all()
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == list(display.contributions.index)
    np.testing.assert_allclose([bar.get_width() for bar in display.ax_.patches], display.contributions)
    title = display.ax_.get_title(loc="left").splitlines()
    assert len(title) == 4
    for line, name in zip(title[1:], display.features.index, strict=False):
        assert line.startswith(name)
    assert "of class 1" in display.ax_.get_xlabel()


def test_display_explains_the_class_asked_for(lesions, model):
    other = ContributionDisplay.from_estimator(model, lesions.images[3], pos_label=0)
    assert other.decision == pytest.approx(-model.decision_function(lesions.images[3:4])[0])
    assert "class 0" in other.ax_.get_xlabel()


def test_display_of_one_of_three_classes(lesions):
    y = np.resize([0, 1, 2], 30)
    pipeline = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images[:30], y)
    display = ContributionDisplay.from_estimator(pipeline, lesions.images[0])
    scores = pipeline.decision_function(lesions.images[:1])[0]
    assert display.decision == pytest.approx(scores.max())
    assert display.class_name == f"class {scores.argmax()}"
    assert ContributionDisplay.from_estimator(pipeline, lesions.images[0], pos_label=2).decision == pytest.approx(
        scores[2]
    )


def test_display_without_known_percentiles(lesions):
    survey = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images[:30], lesions.target[:30])
    display = ContributionDisplay.from_estimator(survey, lesions.images[0])
    assert display.features["percentile"].isna().all()
    assert "training images" not in display.ax_.get_title(loc="left")


def test_display_of_other_models(lesions):
    forest = make_melanoma_pipeline("survey", RandomForestClassifier(5, random_state=0))
    forest.fit(lesions.images[:30], lesions.target[:30])
    with pytest.raises(TypeError, match=r"must be linear, .* got RandomForestClassifier"):
        ContributionDisplay.from_estimator(forest, lesions.images[0])
    forest.fit(
        lesions.images[:30], np.arange(30) % 3
    )  # no class is the positive one, and there is no decision function
    with pytest.raises(TypeError, match=r"must be linear, .* got RandomForestClassifier"):
        ContributionDisplay.from_estimator(forest, lesions.images[0])


@pytest.mark.parametrize(
    ("image", "message"),
    [("gone.jpg", "gone.jpg"), (np.full((60, 80, 3), 200, np.uint8), "image must show a lesion")],
)
def test_display_needs_a_lesion(image, message, model):
    with pytest.raises(ValueError, match=message):
        ContributionDisplay.from_estimator(model, image)


def test_display_takes_one_image(lesions, model):
    for images in (["gone.jpg"], tuple(lesions.images[:2]), pd.Series(["gone.jpg"])):
        message = rf"^image must be one image, not a list, got {type(images).__name__}\. Pass an element of it"
        with pytest.raises(TypeError, match=message):
            ContributionDisplay.from_estimator(model, images)
    table = pd.DataFrame({"image": lesions.images[:30], "age": np.arange(30.0)})
    of_tables = make_melanoma_pipeline("survey", LogisticRegression(), columns=["age"])
    of_tables.fit(table, lesions.target[:30])
    with pytest.raises(TypeError, match=r"^image must be a table with one row, got list\. Pass one row"):
        ContributionDisplay.from_estimator(of_tables, lesions.images[:1])
    with pytest.raises(ValueError, match=r"^image must be a table with one row, got 2"):
        ContributionDisplay.from_estimator(of_tables, table[:2])


def test_display_needs_matplotlib(lesions, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"sklearn-melanoma\[plot\]"):
        ContributionDisplay.from_estimator(model, lesions.images[0])
