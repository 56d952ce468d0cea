"""Saving fitted models to files and loading them."""

from sklearn_melanoma.persistence._models import ModelInfo, load_model, read_model_info, save_model

__all__ = ["ModelInfo", "load_model", "read_model_info", "save_model"]
