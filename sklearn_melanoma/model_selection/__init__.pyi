from ._efficiency import label_efficiency, summarize_efficiency
from ._labels import hide_labels
from ._out_of_fold import out_of_fold_scores
from ._queries import which_to_label
from ._split import SemiSupervisedSplit
from ._suspects import find_suspect_masks

__all__ = [
    "SemiSupervisedSplit",
    "find_suspect_masks",
    "hide_labels",
    "label_efficiency",
    "out_of_fold_scores",
    "summarize_efficiency",
    "which_to_label",
]
