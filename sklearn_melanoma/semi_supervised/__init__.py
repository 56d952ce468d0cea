"""Stage 5: rows of which few are labelled → classifier; what scikit-learn lacks of it."""

from sklearn_melanoma.semi_supervised._augmented import AugmentedClassifier
from sklearn_melanoma.semi_supervised._graph_smoothed import GraphSmoothedClassifier
from sklearn_melanoma.semi_supervised._prior_logistic_regression import PriorLogisticRegression

__all__ = ["AugmentedClassifier", "GraphSmoothedClassifier", "PriorLogisticRegression"]
