"""The positive class, by parameter, by classifier or by the labels."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import get_scorer, roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC

from sklearn_melanoma.metrics._positive import (
    find_pos_label,
    get_pos_label,
    get_positive_scores,
    recode_positive,
)
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier, PriorLogisticRegression

WORDS = ("nevus", "melanoma")
PRIOR = PriorLogisticRegression(classes=WORDS)


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(120, n_features=4, random_state=0)
    return X, y, np.array(WORDS, dtype=object)[y]


@pytest.mark.parametrize(
    "estimator",
    [
        PRIOR,
        make_pipeline(StandardScaler(), PRIOR),
        FrozenEstimator(PRIOR),
        SelfTrainingClassifier(PRIOR),
        LabeledOnlyClassifier(PRIOR),
        GridSearchCV(make_pipeline(StandardScaler(), PRIOR), {}, cv=SemiSupervisedSplit(2)),
        CalibratedClassifierCV(PRIOR, cv=2),
        FixedThresholdClassifier(PRIOR),
        FixedThresholdClassifier(LogisticRegression(), pos_label="melanoma"),
        FixedThresholdClassifier(make_pipeline(PRIOR), pos_label=np.str_("melanoma")),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.filterwarnings("ignore:y contains no unlabeled samples")
def test_classifiers_say_their_positive_class(data, estimator):
    assert get_pos_label(estimator) == "melanoma"
    if not isinstance(estimator, FrozenEstimator):
        assert get_pos_label(estimator.fit(data[0], data[2])) == "melanoma"
    assert find_pos_label(["melanoma", "nevus"], estimator=estimator) == "melanoma"
    assert find_pos_label(["melanoma", "nevus"], "nevus", estimator=estimator) == "nevus"


@pytest.mark.parametrize("estimator", [LogisticRegression(), PriorLogisticRegression(), None, "passthrough"], ids=str)
def test_classifiers_that_do_not_say(estimator):
    assert get_pos_label(estimator) is None
    with pytest.raises(ValueError, match=r"pos_label must say which of the labels \['melanoma', 'nevus'\] in y is"):
        find_pos_label(["melanoma", "nevus"], estimator=estimator)


@pytest.mark.parametrize("classes", [[0, 1], [False, True], [0.0, 1.0], np.array([0, 1]), [1], [0], []])
def test_one_is_positive_among_zero_and_one(classes):
    assert find_pos_label(classes) == 1


@pytest.mark.parametrize("classes", [[1, 2], [0, 2], [-2, 1], ["0", "1"], ["False", "True"], ["a", 1]])
def test_other_labels_need_the_positive_class(classes):
    with pytest.raises(ValueError, match="pos_label must say which of the labels"):
        find_pos_label(classes)


@pytest.mark.parametrize(("classes", "wrong"), [([0, 1], "1"), ([0, 1], 2), (["a", "b"], "A"), (["0", "1"], 1)])
def test_positive_class_is_one_of_the_labels(classes, wrong):
    with pytest.raises(
        ValueError, match=r"^pos_label must be one of the labels .*, got .*\. Use the same labels in both"
    ):
        find_pos_label(classes, wrong)


def test_classifier_for_other_labels():
    with pytest.raises(ValueError, match=r"the positive class of PriorLogisticRegression must be one of the labels"):
        find_pos_label([0, 1], estimator=PRIOR)


def test_one_of_more_than_two_classes():
    assert find_pos_label(["a", "b", "c"], "b") == "b"
    with pytest.raises(ValueError, match=r"pos_label must say which of the labels \['a', 'b', 'c'\] in y is"):
        find_pos_label(["a", "b", "c"])
    with pytest.raises(ValueError, match=r"pos_label must be one of the labels \['a', 'b', 'c'\] in y, got 'd'"):
        find_pos_label(["a", "b", "c"], "d")


@pytest.mark.parametrize("classifier", [LogisticRegression(), LinearDiscriminantAnalysis(), LinearSVC()], ids=str)
def test_one_class_against_the_rest(classifier):
    X, y = make_blobs(90, centers=3, cluster_std=3, random_state=0)
    names = np.array(["bcc", "mel", "nv"])[y]
    model = classifier.fit(X, names)
    scores = get_positive_scores(model, X, "mel")
    binary, recoded = recode_positive(model, names, "mel")
    np.testing.assert_array_equal(recoded, names == "mel")
    assert get_scorer("roc_auc")(binary, X, recoded) == pytest.approx(roc_auc_score(recoded, scores))
    assert get_scorer("recall")(binary, X, recoded) == pytest.approx((model.predict(X) == "mel")[recoded == 1].mean())
    if hasattr(model, "predict_proba"):
        np.testing.assert_allclose(binary.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("estimator", [LogisticRegression(), RidgeClassifier()], ids=str)
def test_scores_of_the_positive_class(data, estimator):
    X, y, words = data
    numbers = get_positive_scores(estimator.fit(X, y), X, 1)
    np.testing.assert_allclose(get_positive_scores(estimator.fit(X, words), X, "melanoma"), numbers, atol=1e-6)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "f1", "precision", "recall", "neg_brier_score"])
def test_recoded_labels_score_like_numbers(data, name):
    X, y, words = data
    X, y, words = X[:, :1], y, words  # not too well separated
    expected = get_scorer(name)(LogisticRegression().fit(X, y), X, y)
    model, recoded = recode_positive(LogisticRegression().fit(X, words), words, "melanoma")
    np.testing.assert_array_equal(recoded, y)
    assert get_scorer(name)(model, X, recoded) == pytest.approx(expected, abs=1e-6)
    ridge, recoded = recode_positive(RidgeClassifier().fit(X, words), words, "melanoma")
    if name not in ("neg_brier_score",):
        assert get_scorer(name)(ridge, X, recoded) == pytest.approx(
            get_scorer(name)(RidgeClassifier().fit(X, y), X, y), abs=1e-6
        )


def test_labels_of_one_and_zero_are_not_recoded(data):
    X, y, words = data
    model = LogisticRegression().fit(X, y)
    assert recode_positive(model, y, 1) == (model, y)
    assert recode_positive(model, y, None) == (model, y)
    three = LogisticRegression().fit(X, np.arange(120) % 3)
    assert recode_positive(three, words, "melanoma") == (three, words)
    flipped, recoded = recode_positive(model, y, 0)
    np.testing.assert_array_equal(recoded, 1 - y)
    np.testing.assert_array_equal(flipped.predict_proba(X), model.predict_proba(X)[:, ::-1])
