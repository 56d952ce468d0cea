from ._classification import score_report, threshold_at_sensitivity
from ._groups import average_by_group
from ._masks import (
    mask_agreement,
    mask_dice,
    mask_jaccard,
    mask_sensitivity,
    mask_specificity,
    threshold_jaccard,
)
from ._scoring import (
    MeanInterval,
    make_mask_scorer,
    mask_scores,
    mean_interval,
    mean_mask_score,
)
from ._threshold import Threshold

__all__ = [
    "MeanInterval",
    "Threshold",
    "average_by_group",
    "make_mask_scorer",
    "mask_agreement",
    "mask_dice",
    "mask_jaccard",
    "mask_scores",
    "mask_sensitivity",
    "mask_specificity",
    "mean_interval",
    "mean_mask_score",
    "score_report",
    "threshold_at_sensitivity",
    "threshold_jaccard",
]
