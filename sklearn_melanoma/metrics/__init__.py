"""How good a mask is, for one photo and for many."""

from sklearn_melanoma.metrics._masks import (
    mask_dice,
    mask_jaccard,
    mask_sensitivity,
    mask_specificity,
    threshold_jaccard,
)
from sklearn_melanoma.metrics._scoring import (
    MeanInterval,
    make_mask_scorer,
    mask_scores,
    mean_interval,
    mean_mask_score,
)

__all__ = [
    "MeanInterval",
    "make_mask_scorer",
    "mask_dice",
    "mask_jaccard",
    "mask_scores",
    "mask_sensitivity",
    "mask_specificity",
    "mean_interval",
    "mean_mask_score",
    "threshold_jaccard",
]
