"""Saving and loading of fitted models, export to ONNX, and model cards."""

from sklearn_melanoma.persistence._model_card import format_model_card
from sklearn_melanoma.persistence._models import ModelInfo, load_model, read_model_info, save_model
from sklearn_melanoma.persistence._to_onnx import to_onnx

__all__ = ["ModelInfo", "format_model_card", "load_model", "read_model_info", "save_model", "to_onnx"]
