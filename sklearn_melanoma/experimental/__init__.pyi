from ._augmented_classifier import AugmentedClassifier
from ._invariant_projection import InvariantProjection

__all__ = ["AugmentedClassifier", "InvariantProjection"]
