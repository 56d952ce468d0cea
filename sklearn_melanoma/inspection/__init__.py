"""Pictures of what other stages computed."""

from sklearn_melanoma.inspection._borders import BorderDisplay

__all__ = ["BorderDisplay"]
