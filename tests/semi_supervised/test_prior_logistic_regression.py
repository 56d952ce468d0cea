from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import logit
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import MorphologyFeatures, feature_directions
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.semi_supervised import PriorLogisticRegression
from sklearn_melanoma.semi_supervised._logistic import fit_correction, weigh_scores

NAMES = ["a", "b", "c", "d"]
TRUE = np.array([2.0, -1.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    return pd.DataFrame(X, columns=NAMES), (X @ TRUE + 0.3 + rng.logistic(size=300) > 0).astype(int)


def ridge(X, y, *, alpha=1.0, **options):
    return LogisticRegression(C=1 / (alpha * X.shape[1]), tol=1e-10, max_iter=1000).fit(X, y, **options)


# The minimum


@pytest.mark.parametrize("alpha", [1e-3, 1, 100])
@pytest.mark.parametrize("unit", [1, 30])
def test_without_prior_it_is_logistic_regression(data, alpha, unit):
    X, y = data[0].to_numpy() * unit, data[1]
    weights = np.linspace(0.1, 3, len(X))
    mine = PriorLogisticRegression(alpha=alpha).fit(X, y, sample_weight=weights)
    theirs = ridge(X, y, alpha=alpha, sample_weight=weights)
    np.testing.assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(mine.coef_ * unit, theirs.coef_ * unit, atol=2e-5)
    np.testing.assert_array_equal(mine.prior_coef_, np.zeros((1, 4)))
    assert mine.prior_weights_.shape == (0,)


def test_minimizes_the_documented_loss(data):
    X, y = data[0].to_numpy()[:30], data[1][:30]
    weights = np.linspace(0.5, 2, 30)
    prior = np.array([3.0, 1.0, 0.0, -2.0])
    model = PriorLogisticRegression(prior, prior_scale=None, alpha=2).fit(X, y, sample_weight=weights)

    def objective(solution):
        margin = np.where(y == 1, 1, -1) * (X @ solution[:4] + solution[4])
        return weights @ np.logaddexp(0, -margin) + 2 * 4 / 2 * np.sum((solution[:4] - prior) ** 2)

    expected = minimize(objective, np.zeros(5), tol=1e-12).x
    np.testing.assert_allclose(np.append(model.coef_, model.intercept_), expected, atol=1e-4)


def test_prior_matters_less_with_more_labels(data):
    X, y = data
    wrong = {"a": -1}
    distances = []
    for n_labels in (10, 40, 300):
        few = np.where(np.arange(300) < n_labels, y, -1)
        distances.append(np.abs(PriorLogisticRegression(wrong).fit(X, few).coef_[0] - TRUE).max())
    assert distances[0] > distances[1] > distances[2]
    many = np.tile(X, (100, 1)), np.tile(y, 100)
    np.testing.assert_allclose(PriorLogisticRegression([-1, 0, 0, 0]).fit(*many).coef_, ridge(*many).coef_, atol=0.005)


def test_right_prior_helps(data):
    X, y = data
    few = hide_labels(y, 3, random_state=0)
    unlabeled = few == -1

    def auc(prior):
        return roc_auc_score(y[unlabeled], PriorLogisticRegression(prior).fit(X, few).decision_function(X[unlabeled]))

    assert auc({"a": 1, "b": -1}) > auc(None) + 0.03


@pytest.mark.filterwarnings("ignore:X must hold standardized columns")
def test_separable_data_and_large_numbers():
    X = np.array([[-1e6, 0.0], [-1.1e6, 1.0], [1e6, 0.0], [1.2e6, 1.0]])
    model = PriorLogisticRegression([1, 0], alpha=1e-6).fit(X, [0, 0, 1, 1])
    assert np.isfinite(model.coef_).all()
    np.testing.assert_array_equal(model.predict(X), [0, 0, 1, 1])
    against = PriorLogisticRegression([-1, 0]).fit(X, [0, 0, 1, 1])  # starts with confident errors
    np.testing.assert_array_equal(against.predict(X), [0, 0, 1, 1])


def test_warns_of_columns_that_are_not_standardized(data):
    X, y = data
    with (
        pytest.warns(ConvergenceWarning, match=r"not reached in 100 steps\. Standardize the columns"),
        pytest.warns(UserWarning, match=r"got a standard deviation of 9.78e\+11 in column 'a'\. Put a StandardScaler"),
    ):
        PriorLogisticRegression([-1, 0, 0, 0]).fit(X * 1e12, y)
    prior = np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
    with pytest.warns(UserWarning, match="standard deviation of 97.8 in column 0"):
        PriorLogisticRegression(prior, classes=(0, 1, 2)).fit(X.to_numpy() * [100, 1, 1, 1], np.where(y == 1, 2, 0))
    PriorLogisticRegression({"a": 1}).fit(X * [1, 100, 100, 100], y)  # columns without a prior weight
    PriorLogisticRegression({"a": 1}, prior_scale=None).fit(X * 100, y)  # coefficients of a model of such columns
    one_far = np.vstack([X, [1e6, 0, 0, 0]])
    PriorLogisticRegression([1, 0, 0, 0]).fit(one_far, [*y, 0], sample_weight=[1] * len(y) + [0])


def test_warns_of_misspelled_names(data):
    X, y = data
    X = X.set_axis(["asymmetry_major", "n_colors", "own_depth", "solidity"], axis=1)
    right = PriorLogisticRegression({"n_colors": 1}).fit(X, y)
    with pytest.warns(UserWarning, match="prior names 'n_colours'.* no effect. Did you mean 'n_colors'") as caught:
        model = PriorLogisticRegression({"n_colours": 1, "n_colors": 1}).fit(X, y)
    assert len(caught) == 1
    np.testing.assert_array_equal(model.coef_, right.coef_)
    with pytest.warns(UserWarning, match="Did you mean 'own_depth'"):
        PriorLogisticRegression({"own_dpeth": 1, "n_colors": 1}).fit(X, y)
    with pytest.warns(UserWarning, match="Did you mean 'own_depth'"):
        PriorLogisticRegression({"OWN_depth": pd.NA, "n_colors": 1}).fit(X, y)
    # Other columns are not misspelled.
    PriorLogisticRegression({"area": 1, "elsewhere": 1, "own_depths": 1, "own_depth": 1}).fit(X, y)


def test_ignores_unlabeled_rows(data):
    X, y = data
    few = np.where(np.arange(300) < 50, y, -1)
    expected = PriorLogisticRegression({"a": 1}).fit(X[:50], y[:50])
    np.testing.assert_allclose(PriorLogisticRegression({"a": 1}).fit(X, few).coef_, expected.coef_, rtol=1e-9)
    weights = np.where(np.arange(300) < 50, 1.0, 0.0)
    weighted = PriorLogisticRegression({"a": 1}).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(weighted.coef_, expected.coef_, rtol=1e-9)


# Labels of one class or none


def test_prior_predicts_without_labels(data):
    X, _ = data
    model = PriorLogisticRegression({"a": 3, "b": -1, "x": 5}, prior_scale=2, classes=(0, 1)).fit(X, np.full(300, -1))
    np.testing.assert_allclose(model.coef_, [[1.5, -0.5, 0, 0]])
    np.testing.assert_array_equal(model.coef_, model.prior_coef_)
    assert (model.intercept_[0], model.n_iter_) == (0, 0)
    np.testing.assert_array_equal(model.classes_, [0, 1])


def test_prior_predicts_with_one_class(data):
    X, y = data
    for labels, weights in ((np.zeros(300), None), (y.astype(float), 1.0 - y)):  # the other class has no weight
        model = PriorLogisticRegression({"a": 1}, classes=(0, 1), prevalence=0.1)
        with pytest.warns(UserWarning, match=r"labels of class 0\.0 alone, which change nothing: the prior") as caught:
            model.fit(X, labels, sample_weight=weights)
        assert caught[0].filename == __file__
        np.testing.assert_array_equal(model.coef_, [[2, 0, 0, 0]])
        assert model.intercept_[0] == pytest.approx(logit(0.1))


def test_classes_must_be_known(data):
    X, y = data
    with pytest.raises(ValueError, match=r"got 0 class\(es\): \[\]\. Name all of them in `classes`"):
        PriorLogisticRegression({"a": 1}).fit(X, np.full(300, -1))
    with pytest.raises(ValueError, match="if there is no prior, got 0 of at most one class"):
        PriorLogisticRegression(classes=(0, 1)).fit(X, np.full(300, -1))
    with pytest.raises(ValueError, match="if there is no prior, got 300 of at most one class"):
        PriorLogisticRegression(classes=(0, 1)).fit(X, np.zeros(300))
    for classes in ((0, 0), (0, -1), (0,), ((0, 1), (1, 2))):
        with pytest.raises(ValueError, match="classes must be at least two different labels, none of them -1"):
            PriorLogisticRegression(classes=classes).fit(X, y)
    with pytest.raises(ValueError, match=r"y must hold labels among classes=\[1, 2\], or -1, got \[0, 1\]"):
        PriorLogisticRegression(classes=(1, 2)).fit(X, y)


# Names of classes


def test_strings_need_classes(data):
    X, y = data
    names = np.array(["nevus", "melanoma"], dtype=object)[y]
    names[100:] = -1
    with pytest.raises(ValueError, match=r"which of \['melanoma', 'nevus'\] high scores of the prior suggest"):
        PriorLogisticRegression({"a": 1}).fit(X, names)
    model = PriorLogisticRegression({"a": 1}, classes=("nevus", "melanoma"), prevalence=0.2).fit(X, names)
    numbers = np.where(np.arange(300) < 100, y, -1)
    expected = PriorLogisticRegression({"a": 1}, prevalence=0.2).fit(X, numbers)
    assert list(model.classes_) == ["melanoma", "nevus"]  # sorted, as scikit-learn's scorers expect
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X)[:, ::-1])
    np.testing.assert_allclose(model.prior_coef_, -expected.prior_coef_)
    np.testing.assert_array_equal(model.predict(X) == "melanoma", expected.predict(X) == 1)


def test_refuses_the_string_of_a_missing_label(data):
    words = ["nevus", "melanoma", -1] * 100
    with pytest.raises(ValueError, match="must be the integer -1, got '-1'"):
        PriorLogisticRegression().fit(data[0], np.array(words))
    assert PriorLogisticRegression().fit(data[0], words).classes_.tolist() == ["melanoma", "nevus"]


# Prevalence


def test_prevalence_moves_the_intercept_only(data):
    X, y = data
    weights = np.linspace(0.1, 3, 300)
    plain = PriorLogisticRegression().fit(X, y, sample_weight=weights)
    rare = PriorLogisticRegression(prevalence=0.1).fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(rare.coef_, plain.coef_)
    fraction = np.average(y, weights=weights)
    assert rare.intercept_[0] - plain.intercept_[0] == pytest.approx(logit(0.1) - logit(fraction))


# Priors


def test_every_kind_of_prior_gives_the_same(data):
    X, y = data
    series = pd.Series({"d": 0.5, "a": -1.0, "elsewhere": 7.0})
    array = np.array([-1.0, 0, 0, 0.5])
    fitted = LogisticRegression().fit(X, y)
    fitted.coef_ = array[np.newaxis]
    pipeline = Pipeline([("scale", StandardScaler().fit(X)), ("classify", fitted)])
    other_order = clone(fitted).fit(X[NAMES[::-1]], y)
    other_order.coef_ = array[np.newaxis, ::-1]
    backwards = clone(fitted).fit(X, np.where(y == 1, "0", "1"))
    backwards.coef_, backwards.classes_ = -array[np.newaxis], np.array([1, 0])
    kinds = [dict(series), series, array, array.tolist(), (-1, 0, 0, 0.5), fitted, pipeline, FrozenEstimator(pipeline)]
    kinds += [other_order, backwards, [series], [array, array * 3], (fitted, dict(series))]
    expected = PriorLogisticRegression(array).fit(X, y).coef_
    for prior in kinds:
        np.testing.assert_allclose(PriorLogisticRegression(prior).fit(X, y).coef_, expected, err_msg=repr(prior))


def test_prior_without_scaling(data):
    X, y = data
    model = PriorLogisticRegression({"a": 4, "b": -3}, prior_scale=None).fit(X, y)
    np.testing.assert_array_equal(model.prior_coef_, [[4, -3, 0, 0]])


def test_columns_in_any_order(data):
    X, y = data
    one = PriorLogisticRegression({"a": 2, "c": 1}).fit(X, y)
    reordered = PriorLogisticRegression({"c": 1, "a": 2}).fit(X[["d", "c", "b", "a"]], y)
    np.testing.assert_allclose(one.coef_, reordered.coef_[:, ::-1])


@pytest.mark.filterwarnings("ignore:X must hold standardized columns")
def test_names_with_units():
    lesions = WatershedSegmenter().transform(make_lesions(4, random_state=0).images)
    table = MorphologyFeatures(["area", "max_span", "eccentricity"]).set_output(transform="pandas").transform(lesions)
    table.columns = ["area_mm2", "max_span_mm", "eccentricity"]
    directions = feature_directions()["weight"]
    model = PriorLogisticRegression(directions, classes=(0, 1)).fit(table, [-1] * 4)
    np.testing.assert_array_equal(model.coef_, [[1, 1, 0]])
    own = PriorLogisticRegression({"area": 1, "area_mm2": -1}, classes=(0, 1)).fit(table, [-1] * 4)
    np.testing.assert_array_equal(own.coef_, [[-2, 0, 0]])


@pytest.mark.parametrize(
    ("prior", "kind", "message"),
    [
        (
            {"x": 1},
            ValueError,
            r"prior must name at least one of the columns of X, got 'x', but they are 'a', 'b', 'c', …",
        ),
        ({}, ValueError, "prior must name at least one of the columns"),
        ({"a": 0}, ValueError, "prior must have a number other than 0"),
        ({"a": np.nan}, ValueError, "prior must hold finite numbers, got NaN"),
        ({"a": "more"}, TypeError, "prior must be a mapping from names to numbers, an array"),
        ("a", ValueError, "The 'prior' parameter of PriorLogisticRegression must be"),
        ([1, 2, 3], ValueError, r"one number for each of the 4 features, got shape \(3,\)\. Pass a mapping"),
        (np.ones((2, 4)), ValueError, r"one number for each of the 4 features, got shape \(2, 4\)"),
        ([{"a": 1}, {"x": 1}], ValueError, "prior must name at least one of the columns"),
        (pd.DataFrame({"direction": [1]}, index=["a"]), TypeError, r"table with columns \['direction'\]"),
        (LogisticRegression(), ValueError, "must be a fitted linear model, got LogisticRegression .*FrozenEstimator"),
        (make_pipeline(LogisticRegression()), ValueError, "must be a fitted linear model"),
        (1, ValueError, "The 'prior' parameter of PriorLogisticRegression must be"),
    ],
)
def test_refuses_unsuitable_priors(data, prior, kind, message):
    with pytest.raises(kind, match=message):
        PriorLogisticRegression(prior).fit(*data)


def test_prior_by_name_needs_column_names(data):
    X, y = data
    with pytest.raises(ValueError, match=r"needs named columns \('a', 'b'\).*set_output\(transform=\"pandas\"\)"):
        PriorLogisticRegression({"a": 1, "b": 1}).fit(X.to_numpy(), y)


def test_refuses_a_model_of_other_classes(data):
    X, y = data
    three = LogisticRegression().fit(X, np.arange(300) % 3)
    with pytest.raises(ValueError, match=r"prior must distinguish the classes \[0, 1\], got"):
        PriorLogisticRegression(three).fit(X, y)
    named = RidgeClassifier().fit(X, np.where(y == 1, "melanoma", "nevus"))
    with pytest.raises(ValueError, match=r"RidgeClassifier for \['melanoma', 'nevus'\]\. Pass its coefficients"):
        PriorLogisticRegression(named).fit(X, y)
    model = PriorLogisticRegression(named, classes=("nevus", "melanoma"))
    model.fit(X, np.full(300, -1, dtype=object))
    assert roc_auc_score(y, model.predict_proba(X)[:, 0]) > 0.7


# Mixtures


def test_worse_prior_has_less_weight(data):
    X, y = data
    few = np.where(np.arange(300) < 30, y, -1)
    right, wrong, none = {"a": 1, "b": -1}, {"a": -1, "b": 1}, {"c": 1}
    model = PriorLogisticRegression([wrong, right, none]).fit(X, few)
    first, second, third = model.prior_weights_
    assert second > third > first > 0
    assert model.prior_weights_.sum() == pytest.approx(1)
    priors = np.array([[-1, 1, 0, 0], [1, -1, 0, 0], [0, 0, 2, 0]])
    np.testing.assert_allclose(model.prior_coef_[0], model.prior_weights_ @ priors)
    for labels in (np.full(300, -1), np.where(few == 0, 0, -1)):
        equal = PriorLogisticRegression([wrong, right, none], classes=(0, 1))
        with nullcontext() if labels.max() < 0 else pytest.warns(UserWarning, match="labels of class 0 alone"):
            equal.fit(X, labels)
        np.testing.assert_allclose(equal.prior_weights_, 1 / 3)


def test_weights_of_priors_are_likelihoods():
    positive = np.array([False, True, True])
    score = np.array([-1.0, 0.5, 2.0])
    likelihoods = weigh_scores(np.column_stack([score, score + 5, 0 * score]), positive, np.ones(3))
    constant = -np.log(1 / 3) - 2 * np.log(2 / 3)  # loss of an intercept alone
    best = minimize(lambda b: np.logaddexp(0, -np.where(positive, 1, -1) * (score + b)).sum(), 0.0).fun
    assert likelihoods[0] == pytest.approx(likelihoods[1])  # a constant offset has no effect
    assert likelihoods[2] / likelihoods[0] == pytest.approx(np.exp(best - constant), rel=1e-5)


def test_few_steps_reach_the_minimum():
    rng = np.random.default_rng(0)
    X, positive = rng.normal(size=(40, 100)), rng.random(40) > 0.5
    score, weights = 5 * rng.normal(size=40), rng.random(40) + 0.1
    found = fit_correction(X, score, positive, weights, 0.3)
    assert found.n_iter < 20
    residual = 1 / (1 + np.exp(-score - X @ found.shift - found.intercept)) - positive
    np.testing.assert_allclose(X.T @ (weights * residual) + 0.3 * found.shift, 0, atol=1e-8)
    assert weights @ residual == pytest.approx(0, abs=1e-8)


# In pipelines and searches


def test_pipeline_from_images():
    lesions = make_lesions(30, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)
    classifier = PriorLogisticRegression(feature_directions()["weight"], classes=(0, 1))
    model = make_melanoma_pipeline(classifier=classifier).fit(lesions.images, np.full(30, -1))
    score = model.decision_function(lesions.images)
    assert roc_auc_score(lesions.target, score) > 0.8
    weights = pd.Series(model[-1].coef_[0], model[-1].feature_names_in_)
    assert weights["solidity"] < 0 < weights["asymmetry_major"]
    assert weights.abs().sum() == pytest.approx(2)


def test_grid_search(data):
    X, y = data
    few = hide_labels(y, 30, random_state=0)
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    prior = [pd.Series({"a": 1}), frozen]
    search = GridSearchCV(
        PriorLogisticRegression(prior),
        {"alpha": [0.1, 10], "prior": [None, {"a": 1}, prior]},
        scoring="roc_auc",
        cv=SemiSupervisedSplit(3),
        error_score="raise",
    )
    assert search.fit(X, few).best_score_ > 0.7


def test_clone_keeps_priors(data):
    X, y = data
    for prior in (pd.Series({"a": 1}), {"a": 1}, np.ones(4), [1, 1, 1, 1], [{"a": 1}, np.ones(4)]):
        model = PriorLogisticRegression(prior)
        np.testing.assert_array_equal(clone(model).fit(X, y).coef_, model.fit(X, y).coef_)


def test_sample_weights_are_routed(data):
    X, y = data
    weights = np.where(np.arange(300) < 50, 1.0, 0.0)
    with config_context(enable_metadata_routing=True):
        classifier = PriorLogisticRegression().set_fit_request(sample_weight=True)
        weighted = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), classifier)
        weighted.fit(X, y, sample_weight=weights)
    plain = make_pipeline(StandardScaler(), PriorLogisticRegression()).fit(X, np.where(weights > 0, y, -1))
    np.testing.assert_allclose(weighted[-1].coef_, plain[-1].coef_)


def test_refuses_negative_weights(data):
    X, y = data
    with pytest.raises(ValueError, match="sample_weight must not be negative, nor zero for all, got -1 to 2"):
        PriorLogisticRegression().fit(X, y, sample_weight=np.linspace(-1, 2, 300))


@pytest.mark.parametrize("routing", [False, True])
def test_groups_are_ignored(data, routing):
    X, y = data
    groups = np.arange(300) // 2
    expected = PriorLogisticRegression().fit(X, y)
    with config_context(enable_metadata_routing=routing):
        given = PriorLogisticRegression().fit(X, y, groups=groups)
        search = GridSearchCV(PriorLogisticRegression(), {"alpha": [1]}, cv=SemiSupervisedSplit(3))
        search.fit(X, y, groups=groups)  # for the splitter alone
    for model in (given, search.best_estimator_):
        np.testing.assert_array_equal(model.coef_, expected.coef_)
