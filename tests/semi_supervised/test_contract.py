"""The full test suite of scikit-learn on every classifier of feature rows."""

import inspect

import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

import sklearn_melanoma.semi_supervised
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)

CLASSIFIERS = [
    PriorLogisticRegression(),
    PriorLogisticRegression(alpha=0.01, prevalence=0.4),
    BalancedSelfTrainingClassifier(PriorLogisticRegression(), prevalence=0.3),
    BalancedSelfTrainingClassifier(DecisionTreeClassifier(random_state=0)),
    CoTrainingClassifier(PriorLogisticRegression(), {"first": [0], "second": [1]}),
    CoTrainingClassifier(LogisticRegression(), {"first": [0], "second": [1]}, label_noise=0),
    LabeledOnlyClassifier(LogisticRegression()),
    LabeledOnlyClassifier(DecisionTreeClassifier(random_state=0)),
]
EXPECTED = {"check_classifiers_classes": "-1 means unlabeled, and the check treats it as a class"}
WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
FOLDS = {WEIGHTS: "a sample of weight 2 is in one fold, two samples are in two"}
SHUFFLED = {
    WEIGHTS: "scikit-learn 1.6 makes two classes of three by the first label, before and after it shuffles them"
}


def expected(estimator):
    folds = FOLDS if getattr(estimator, "label_noise", 0) else {}
    if parse_version(sklearn.__version__) < parse_version("1.7"):
        return EXPECTED | folds | ({} if get_tags(estimator).classifier_tags.multi_class else SHUFFLED)
    return EXPECTED | folds


@parametrize_with_checks(CLASSIFIERS, expected_failed_checks=expected)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_every_classifier_is_checked():
    public = {getattr(sklearn_melanoma.semi_supervised, name) for name in sklearn_melanoma.semi_supervised.__all__}
    assert {cls for cls in public if issubclass(cls, BaseEstimator)} == {type(each) for each in CLASSIFIERS}
    assert all(isinstance(each, ClassifierMixin) for each in CLASSIFIERS)


def test_every_fit_has_the_same_signature():
    signatures = {str(inspect.signature(type(each).fit)) for each in CLASSIFIERS}
    passes_on = {str(inspect.signature(LabeledOnlyClassifier.fit))}  # with **params for the classifier inside
    assert len(signatures - passes_on) == 1
    for estimator in CLASSIFIERS:
        parameters = list(inspect.signature(type(estimator).fit).parameters)
        assert parameters[:5] == ["self", "X", "y", "sample_weight", "groups"]
