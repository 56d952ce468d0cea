"""Logistic regression with a prior, for more than two classes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets._diagnoses import find_diagnosis
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.metrics._positive import get_pos_label
from sklearn_melanoma.semi_supervised import PriorLogisticRegression
from sklearn_melanoma.semi_supervised._logistic import fit_correction
from sklearn_melanoma.semi_supervised._softmax import fit_multinomial_correction

NAMES = ["a", "b", "c", "d"]
HAM10000 = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    truth = np.array([[2.0, 0, 0], [0, 1, 0], [0, 0, -1], [0, 0, 0]])
    y = (X @ truth + rng.gumbel(size=(200, 3))).argmax(axis=1)
    return pd.DataFrame(X, columns=NAMES), np.array(["mel", "nv", "bcc"])[y]


@pytest.fixture(scope="module")
def rows():
    """Return standardized features with all names, drawn at random."""
    names = feature_directions().index
    return pd.DataFrame(np.random.default_rng(0).normal(size=(50, len(names))), columns=names)


def test_no_prior_is_multinomial_ridge(data):
    X, y = data
    model = PriorLogisticRegression(alpha=0.5).fit(X, y)
    ridge = LogisticRegression(C=1 / (3 / 2 * 0.5 * 4), tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), ridge.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(model.coef_, ridge.coef_, atol=1e-5)
    assert model.classes_.tolist() == ["bcc", "mel", "nv"]
    assert (model.predict(X) == ridge.predict(X)).all()


@pytest.mark.parametrize("n_features", [3, 60])
def test_two_classes_are_the_binary_correction(n_features):
    rng = np.random.default_rng(0)
    X, scores, positive = rng.normal(size=(40, n_features)), rng.normal(size=(40, 2)), np.arange(40) % 3 == 0
    weights = rng.uniform(0.5, 2, 40)
    found = fit_multinomial_correction(X, scores, positive.astype(int), weights, 2.0)
    expected = fit_correction(X, scores[:, 1] - scores[:, 0], positive, weights, 2.0)
    np.testing.assert_allclose(found.shift[:, 1] - found.shift[:, 0], expected.shift, atol=1e-7)
    assert found.intercept[1] - found.intercept[0] == pytest.approx(expected.intercept, abs=1e-7)
    assert found.loss == pytest.approx(expected.loss, abs=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_penalty_is_that_of_a_class_against_the_mean_of_the_others(n_classes):
    """One label of each class moves the class, relative to the mean of the others, by the same step for any number."""
    rng = np.random.default_rng(0)
    penalty, labels = 1e6, np.arange(n_classes)
    X = rng.normal(size=(n_classes, 3))
    found = fit_multinomial_correction(X, np.zeros((n_classes, n_classes)), labels, np.ones(n_classes), penalty)
    shift = found.shift * n_classes / (n_classes - 1)
    # With so strong a penalty, the correction is one step along the gradient at equal probabilities.
    gradient = (X - X.mean(axis=0)).T
    np.testing.assert_allclose(shift, gradient / penalty, rtol=1e-4, atol=1e-12)


def test_gradient_is_zero_at_the_minimum():
    rng = np.random.default_rng(0)
    X, scores, labels = rng.normal(size=(30, 100)), rng.normal(size=(30, 5)), np.arange(30) % 5
    found = fit_multinomial_correction(X, scores, labels, np.ones(30), 3.0)
    errors = softmax(scores + X @ found.shift + found.intercept, axis=1) - np.eye(5)[labels]
    np.testing.assert_allclose(X.T @ errors + 5 / 4 * 3.0 * found.shift, 0, atol=1e-6)
    np.testing.assert_allclose(errors.sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose([found.shift.sum(axis=1).max(), found.intercept.sum()], 0, atol=1e-9)


def test_prior_alone_predicts_without_labels(data):
    X, _ = data
    prior = {"mel": {"a": 3}, "nv": {"b": 1, "c": -1}}
    model = PriorLogisticRegression(prior, classes=("mel", "nv", "bcc")).fit(X, [-1] * 200)
    expected = pd.DataFrame({"bcc": 0.0, "mel": X["a"], "nv": (X["b"] - X["c"]) / 2})
    np.testing.assert_allclose(model.predict_proba(X), softmax(expected.to_numpy(), axis=1))
    np.testing.assert_array_equal(model.coef_, model.prior_coef_)
    assert model.n_iter_ == 0


@pytest.mark.parametrize(
    "prior",
    [
        pd.DataFrame({"nv": [0, 1, -1, 0], "mel": [3, 0, 0, 0]}, index=NAMES),
        pl.DataFrame({"nv": [0, 1, -1, 0], "mel": [3, 0, 0, 0]}),  # in the order of the features
        np.array([[0, 0, 0, 0], [3, 0, 0, 0], [0, 1, -1, 0]]),  # in the order of the labels
        [{"mel": {"a": 3}, "nv": {"b": 1, "c": -1}}] * 2,
    ],
)
def test_priors_of_all_kinds(data, prior):
    X, y = data
    few = np.where(np.arange(200) < 20, y.astype(object), -1)
    expected = PriorLogisticRegression({"mel": {"a": 3}, "nv": {"b": 1, "c": -1}}).fit(X, few)
    np.testing.assert_allclose(PriorLogisticRegression(prior).fit(X, few).coef_, expected.coef_, atol=1e-12)


def test_fitted_model_as_prior(data):
    X, y = data
    source = LogisticRegression().fit(X, y)
    model = PriorLogisticRegression(source, prior_scale=None, classes=("nv", "mel", "bcc")).fit(X, [-1] * 200)
    np.testing.assert_allclose(model.coef_, source.coef_)


def test_weights_of_pairs_of_classes_are_no_prior(data):
    X, y = data
    with pytest.raises(ValueError, match="got SVC, whose weights are for pairs of classes"):
        PriorLogisticRegression(SVC(kernel="linear").fit(X, y), classes=("nv", "mel", "bcc")).fit(X, [-1] * 200)


def test_labels_pull_weights_away_from_the_prior(data):
    X, y = data
    prior = {"bcc": {"a": 1}, "mel": {"d": 1}, "nv": {"b": -1}}
    scores = [
        PriorLogisticRegression(prior, classes=("bcc", "mel", "nv"))
        .fit(X, np.where(np.arange(200) < n, y.astype(object), -1))
        .score(X, y)
        for n in (0, 60, 200)
    ]
    assert scores[0] < scores[1] < scores[2]


def test_class_without_labels_keeps_its_prior(data):
    X, y = data
    prior = {"bcc": {"c": -1}, "mel": {"a": 1}, "nv": {"b": 1}, "df": {"d": 1}}
    few = np.where(y == "nv", -1, y.astype(object))
    model = PriorLogisticRegression(prior, classes=("nv", "mel", "bcc", "df")).fit(X, few)
    prior_alone = clone(model).fit(X, [-1] * 200)
    unlabeled = [model.classes_.tolist().index(label) for label in ("df", "nv")]
    np.testing.assert_array_equal(model.coef_[unlabeled], prior_alone.coef_[unlabeled])
    np.testing.assert_array_equal(model.intercept_[unlabeled], 0)
    assert abs(model.coef_ - prior_alone.coef_).max() > 0.1
    # Labels of two classes contain no information about the odds of the others.
    labeled = [model.classes_.tolist().index(label) for label in ("bcc", "mel")]
    assert model.intercept_[labeled].sum() == pytest.approx(0, abs=1e-9)


def test_one_labeled_class_changes_nothing(data):
    X, y = data
    few = np.where(y == "mel", y.astype(object), -1)
    model = PriorLogisticRegression({"mel": {"a": 1}}, classes=("nv", "mel", "bcc"))
    with pytest.warns(UserWarning, match="labels of class 'mel' alone, which change nothing"):
        fitted = clone(model).fit(X, few)
    np.testing.assert_array_equal(fitted.coef_, model.fit(X, [-1] * 200).coef_)


def test_order_of_labels_and_classes_does_not_matter(data):
    X, y = data
    prior = {"mel": {"a": 1}, "bcc": {"b": 1}}
    model = PriorLogisticRegression(prior).fit(X, y)
    turned = PriorLogisticRegression(prior, classes=("nv", "bcc", "mel")).fit(X[::-1], y[::-1])
    np.testing.assert_allclose(model.predict_proba(X), turned.predict_proba(X), atol=1e-9)


def test_weights_count_samples(data):
    X, y = data
    weights = np.arange(200) % 3
    model = PriorLogisticRegression().fit(X, y, sample_weight=weights)
    repeated = np.repeat(np.arange(200), weights)
    expected = PriorLogisticRegression().fit(X.iloc[repeated], y[repeated])
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-7)


def test_prevalence_of_each_class(data):
    X, y = data
    fractions = {"mel": 0.1, "nv": 0.7, "bcc": 0.2}
    plain = PriorLogisticRegression().fit(X, y)
    model = PriorLogisticRegression(prevalence=fractions).fit(X, y)
    labeled = pd.Series(y).value_counts(normalize=True)
    for number, label in enumerate(model.classes_):
        moved = np.log(fractions[label]) - np.log(labeled[label])
        assert model.intercept_[number] - plain.intercept_[number] == pytest.approx(moved)
    unlabeled = PriorLogisticRegression({"mel": {"a": 1}}, classes=fractions, prevalence=fractions).fit(X, [-1] * 200)
    np.testing.assert_allclose(unlabeled.predict_proba(X.iloc[:1] * 0)[0], [0.2, 0.1, 0.7])


def test_prevalence_by_name_of_two_classes(data):
    X, y = data
    few = np.where(y == "bcc", -1, y.astype(object))
    expected = PriorLogisticRegression(classes=("nv", "mel"), prevalence=0.2).fit(X, few)
    for fractions in ({"mel": 0.2}, {"nv": 0.8}, {"nv": 0.8, "mel": 0.2}):
        model = PriorLogisticRegression(classes=("nv", "mel"), prevalence=fractions).fit(X, few)
        assert model.intercept_ == pytest.approx(expected.intercept_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": {"a": 1}}, "prior must have weights for each of the 3 classes, got one set of weights"),
        ({"prior": {"mel": {"a": 1}, "scc": {"a": 1}}}, r"prior must name classes among .*got \['scc'\]"),
        ({"prior": {"mel": {"a": 0}}}, "prior must have a number other than 0"),
        ({"prior": {"mel": {"e": 1}}}, "prior must name at least one of the columns of X"),
        ({"prior": np.ones((2, 4))}, r"prior must have a row for each of the 3 classes, got shape \(2, 4\)"),
        (
            {"prior": pd.DataFrame(np.eye(4)[:, :2], list("abcd"), ["mel", "mel"])},
            r"different columns, got \['mel'\] more",
        ),
        ({"prior": {"mel": pd.Series([1, 2], ["a", "a"])}}, r"prior must have different names, got \['a'\] more than"),
        ({"prior": {"mel": [1, 2]}}, "prior must have one number for each of the 4 features"),
        ({"prevalence": 0.2}, "prevalence must be a mapping from class to fraction for more than two classes"),
        ({"prevalence": {"mel": 0.2}}, "prevalence must name the fraction of each class"),
        ({"prevalence": {"mel": "0.2", "nv": 0.2, "bcc": 0.6}}, "prevalence must name the fraction of each class"),
        ({"prevalence": {"mel": 0.2, "nv": 0.2, "bcc": 0.2}}, "prevalence must have the sum 1, got 0.6"),
        ({"classes": ("nv", "mel")}, r"y must hold labels among classes=\['nv', 'mel'\]"),
    ],
)
def test_errors_name_the_rule(data, options, message):
    with pytest.raises(ValueError, match=message):
        PriorLogisticRegression(**options).fit(*data)


# The prior of the literature


def test_literature_knows_the_labels_of_ham10000(rows):
    y = np.array([*HAM10000, *[-1] * 43], dtype=object)
    model = PriorLogisticRegression("literature").fit(rows, y)
    assert model.classes_.tolist() == HAM10000
    assert model.pos_label_ == "mel"
    for label, weights in zip(HAM10000, model.prior_coef_, strict=True):
        expected = feature_directions(label)["weight"]
        np.testing.assert_allclose(weights, expected / expected.abs().sum())


def test_literature_needs_no_labels(rows):
    model = PriorLogisticRegression("literature", classes=HAM10000).fit(rows, [-1] * 50)
    assert set(model.predict(rows)) <= set(HAM10000)
    binary = PriorLogisticRegression("literature").fit(rows, [-1] * 50)
    expected = PriorLogisticRegression(feature_directions()["weight"], classes=(0, 1)).fit(rows, [-1] * 50)
    np.testing.assert_array_equal(binary.coef_, expected.coef_)
    assert (binary.classes_.tolist(), binary.pos_label_) == ([0, 1], 1)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("nevus", "melanoma"), None),
        (("benign", "superficial spreading melanoma"), None),
        (("a", "b"), {"a": "other", "b": "melanoma"}),
        ((7, 3), {7: "nevus", 3: "mel"}),
        ((1, 0), {np.int64(0): "melanoma", np.int64(1): "nevus"}),
        (("nevus", "melanoma"), {"melanoma": "melanoma", "nevus": "nevus"}),
        ((False, True), None),
    ],
)
def test_melanoma_is_the_positive_of_two_classes(rows, labels, classes):
    given = np.array([labels[i % 2] for i in range(50)], dtype=object)
    model = PriorLogisticRegression("literature", classes=classes).fit(rows, given)
    numbers = PriorLogisticRegression("literature").fit(rows, np.arange(50) % 2)
    column = model.classes_.tolist().index(labels[1])
    np.testing.assert_allclose(model.predict_proba(rows)[:, column], numbers.predict_proba(rows)[:, 1], atol=1e-12)
    assert model.pos_label_ == labels[1]
    assert not isinstance(model.pos_label_, np.generic)
    if classes is not None:
        assert get_pos_label(clone(model)) == labels[1]


@pytest.mark.parametrize("names", [("nevus", "nv"), ("melanoma", "melanoma in situ")])
def test_two_classes_of_one_diagnosis_raise(rows, names):
    with pytest.raises(ValueError, match=r"must distinguish the classes, got (nevus|melanoma) twice"):
        PriorLogisticRegression("literature", classes=names).fit(rows, [-1] * 50)


def test_weights_of_two_classes_are_one_set(data):
    X, y = data
    prior, two = {"mel": {"a": 1}, "nv": {"a": -1}}, y != "bcc"
    with pytest.raises(ValueError, match=r"prior must have one set of weights for the two classes \['nv', 'mel'\]"):
        PriorLogisticRegression(prior, classes=("nv", "mel")).fit(X[two], y[two])


def test_two_diagnoses_without_melanoma(rows):
    model = PriorLogisticRegression("literature", classes=("nv", "bcc")).fit(rows, [-1] * 50)
    difference = feature_directions("bcc")["weight"] - feature_directions("nevus")["weight"]
    assert (model.classes_.tolist(), model.pos_label_) == (["bcc", "nv"], "bcc")
    np.testing.assert_allclose(-model.prior_coef_[0], 2 * difference / difference.abs().sum())


def test_numbers_of_diagnoses_need_names(rows):
    y = np.arange(50) % 3
    with pytest.raises(
        ValueError, match=r"must know the diagnosis of each class, got \[0, 1, 2\]. Name them in classes"
    ):
        PriorLogisticRegression("literature").fit(rows, y)
    model = PriorLogisticRegression("literature", classes={0: "nevus", 1: "bcc", 2: "vasc"}).fit(rows, y)
    words = PriorLogisticRegression("literature").fit(rows, np.array(["bcc", "nevus", "vasc"])[[1, 0, 2]][y])
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    np.testing.assert_allclose(model.predict_proba(rows)[:, [1, 0, 2]], words.predict_proba(rows), atol=1e-9)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("malignant", "benign", "nv"), r"must know the diagnosis of each class, got \['malignant'\]"),
        (("red", "green"), r"must know the diagnosis of each class, got \['green', 'red'\]"),
        (("wart", "benign", "other"), "must know the diagnosis of at least one class"),
    ],
)
def test_labels_that_are_no_diagnoses(rows, labels, message):
    y = np.array([labels[i % len(labels)] for i in range(50)], dtype=object)
    with pytest.raises(ValueError, match=message):
        PriorLogisticRegression("literature").fit(rows, y)


@pytest.mark.parametrize(
    "labels", [HAM10000, ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"], ["nv", "mel", "wart"]]
)
def test_known_names_are_read_without_a_warning(rows, labels):
    model = PriorLogisticRegression("literature", classes=labels).fit(rows, [-1] * 50)
    assert model.diagnoses_[labels[1]] == find_diagnosis(labels[1])
    assert list(model.diagnoses_) == labels


def test_misspelled_diagnoses_are_named(rows):
    labels = ["nevus", "basal cel carcinoma", "melanoma"]
    with pytest.warns(UserWarning, match=r"reads 'basal cel carcinoma' as 'other', because not all words") as caught:
        model = PriorLogisticRegression("literature", classes=labels).fit(rows, [-1] * 50)
    assert [warning.filename for warning in caught] == [__file__]
    assert model.diagnoses_ == {"nevus": "nevus", "basal cel carcinoma": "other", "melanoma": "melanoma"}
    with pytest.warns(UserWarning, match=r"such as classes=\{'seborheic keratosis': 'other', …\}"):
        PriorLogisticRegression("literature", classes=["nv", "seborheic keratosis"]).fit(rows, [-1] * 50)
    named = dict(zip(labels, ["nevus", "other", "melanoma"], strict=True))
    again = PriorLogisticRegression("literature", classes=named).fit(rows, [-1] * 50)
    np.testing.assert_array_equal(again.coef_, model.coef_)
    beside = PriorLogisticRegression("literature", classes=labels[1:]).fit(rows, [-1] * 50)  # then all are "other"
    assert beside.diagnoses_ == {"basal cel carcinoma": "other", "melanoma": "melanoma"}
    by_name = PriorLogisticRegression({"melanoma": {"area": 1}}, classes=labels).fit(rows, [-1] * 50)
    assert by_name.diagnoses_ == {}


def test_pipeline_takes_seven_diagnoses(rows):
    rng = np.random.default_rng(0)
    y = np.array(HAM10000)[rng.integers(7, size=50)].astype(object)
    y[20:] = -1
    tail = make_melanoma_pipeline()[1:].fit(rows, y)
    assert tail.predict_proba(rows).shape == (50, 7)
    np.testing.assert_allclose(tail.predict_proba(rows).sum(axis=1), 1)
    assert tail.pos_label_ == "mel"
    assert 0 <= tail.score(rows, y) <= 1
