"""Splitting, tuning and labeling of data with few labels or masks."""

from sklearn_melanoma.model_selection._efficiency import label_efficiency, summarize_efficiency
from sklearn_melanoma.model_selection._labels import hide_labels
from sklearn_melanoma.model_selection._out_of_fold import out_of_fold_scores
from sklearn_melanoma.model_selection._queries import which_to_label
from sklearn_melanoma.model_selection._split import SemiSupervisedSplit
from sklearn_melanoma.model_selection._suspects import find_suspect_masks

__all__ = [
    "SemiSupervisedSplit",
    "find_suspect_masks",
    "hide_labels",
    "label_efficiency",
    "out_of_fold_scores",
    "summarize_efficiency",
    "which_to_label",
]
