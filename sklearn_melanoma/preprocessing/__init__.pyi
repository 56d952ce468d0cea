from ._color import normalize_color
from ._estimators import ColorNormalizer, HairRemover
from ._hair import detect_hair, remove_hair

__all__ = ["ColorNormalizer", "HairRemover", "detect_hair", "normalize_color", "remove_hair"]
