"""Stage 5: rows of which few are labeled → classifier; what scikit-learn lacks of it."""

from sklearn_melanoma.semi_supervised._balanced_self_training import BalancedSelfTrainingClassifier
from sklearn_melanoma.semi_supervised._co_training import CoTrainingClassifier
from sklearn_melanoma.semi_supervised._prior_logistic_regression import PriorLogisticRegression

__all__ = [
    "BalancedSelfTrainingClassifier",
    "CoTrainingClassifier",
    "PriorLogisticRegression",
]
