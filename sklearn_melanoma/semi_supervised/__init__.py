"""Stage 5: rows of which few are labelled → classifier; what scikit-learn lacks of it."""

from sklearn_melanoma.semi_supervised._augmented import AugmentedClassifier
from sklearn_melanoma.semi_supervised._balanced_self_training import BalancedSelfTrainingClassifier
from sklearn_melanoma.semi_supervised._co_training import CoTrainingClassifier
from sklearn_melanoma.semi_supervised._graph_smoothed import GraphSmoothedClassifier
from sklearn_melanoma.semi_supervised._prior_logistic_regression import PriorLogisticRegression
from sklearn_melanoma.semi_supervised._transfer import transfer

__all__ = [
    "AugmentedClassifier",
    "BalancedSelfTrainingClassifier",
    "CoTrainingClassifier",
    "GraphSmoothedClassifier",
    "PriorLogisticRegression",
    "transfer",
]
