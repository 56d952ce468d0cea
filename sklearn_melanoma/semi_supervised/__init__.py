"""Classifiers of feature rows with few labels, in addition to those of scikit-learn."""

from sklearn_melanoma.semi_supervised._balanced_self_training import BalancedSelfTrainingClassifier
from sklearn_melanoma.semi_supervised._co_training import CoTrainingClassifier
from sklearn_melanoma.semi_supervised._labeled_only import LabeledOnlyClassifier
from sklearn_melanoma.semi_supervised._prior_logistic_regression import PriorLogisticRegression

__all__ = [
    "BalancedSelfTrainingClassifier",
    "CoTrainingClassifier",
    "LabeledOnlyClassifier",
    "PriorLogisticRegression",
]
