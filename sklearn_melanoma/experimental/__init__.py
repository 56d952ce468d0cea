"""Experimental estimators without a measured gain on real images; they may change without deprecation."""

from sklearn_melanoma.experimental._augmented_classifier import AugmentedClassifier
from sklearn_melanoma.experimental._invariant_projection import InvariantProjection

__all__ = ["AugmentedClassifier", "InvariantProjection"]
