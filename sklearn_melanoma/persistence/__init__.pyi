from ._model_card import format_model_card
from ._models import ModelInfo, load_model, read_model_info, save_model
from ._to_onnx import to_onnx

__all__ = ["ModelInfo", "format_model_card", "load_model", "read_model_info", "save_model", "to_onnx"]
