"""Displays of borders, feature importances, contributions and label efficiency, and a report of images."""

from sklearn_melanoma.inspection._borders import BorderDisplay
from sklearn_melanoma.inspection._contribution_display import ContributionDisplay
from sklearn_melanoma.inspection._importance import FeatureImportanceDisplay
from sklearn_melanoma.inspection._label_efficiency import LabelEfficiencyDisplay
from sklearn_melanoma.inspection._quality_flags import quality_flags
from sklearn_melanoma.inspection._report import Report, make_report

__all__ = [
    "BorderDisplay",
    "ContributionDisplay",
    "FeatureImportanceDisplay",
    "LabelEfficiencyDisplay",
    "Report",
    "make_report",
    "quality_flags",
]
