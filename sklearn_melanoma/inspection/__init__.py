"""Pictures of what other stages computed."""

from sklearn_melanoma.inspection._borders import BorderDisplay
from sklearn_melanoma.inspection._importance import FeatureImportanceDisplay

__all__ = ["BorderDisplay", "FeatureImportanceDisplay"]
