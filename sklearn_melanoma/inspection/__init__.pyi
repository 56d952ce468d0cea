from ._borders import BorderDisplay
from ._contribution_display import ContributionDisplay
from ._importance import FeatureImportanceDisplay
from ._label_efficiency import LabelEfficiencyDisplay
from ._quality_flags import quality_flags
from ._report import Report, make_report

__all__ = [
    "BorderDisplay",
    "ContributionDisplay",
    "FeatureImportanceDisplay",
    "LabelEfficiencyDisplay",
    "Report",
    "make_report",
    "quality_flags",
]
