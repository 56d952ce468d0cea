"""Displays of results: borders, feature importances and label efficiency."""

from sklearn_melanoma.inspection._borders import BorderDisplay
from sklearn_melanoma.inspection._importance import FeatureImportanceDisplay
from sklearn_melanoma.inspection._label_efficiency import LabelEfficiencyDisplay

__all__ = ["BorderDisplay", "FeatureImportanceDisplay", "LabelEfficiencyDisplay"]
