"""Splitting and tuning where most labels, or masks, are missing."""

from sklearn_melanoma.model_selection._labels import hide_labels
from sklearn_melanoma.model_selection._split import SemiSupervisedSplit

__all__ = ["SemiSupervisedSplit", "hide_labels"]
