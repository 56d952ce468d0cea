from ._balanced_self_training import BalancedSelfTrainingClassifier
from ._co_training import CoTrainingClassifier
from ._labeled_only import LabeledOnlyClassifier
from ._prior_logistic_regression import PriorLogisticRegression

__all__ = [
    "BalancedSelfTrainingClassifier",
    "CoTrainingClassifier",
    "LabeledOnlyClassifier",
    "PriorLogisticRegression",
]
