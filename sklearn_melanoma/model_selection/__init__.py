"""Splitting and tuning where most labels, or masks, are missing; what labels are worth."""

from sklearn_melanoma.model_selection._efficiency import label_efficiency, summarize_efficiency
from sklearn_melanoma.model_selection._labels import hide_labels
from sklearn_melanoma.model_selection._split import SemiSupervisedSplit

__all__ = ["SemiSupervisedSplit", "hide_labels", "label_efficiency", "summarize_efficiency"]
