"""Preprocessing: removal of hair and normalization of colors."""

from sklearn_melanoma.preprocessing._color import normalize_color
from sklearn_melanoma.preprocessing._estimators import ColorNormalizer, HairRemover
from sklearn_melanoma.preprocessing._hair import detect_hair, remove_hair

__all__ = ["ColorNormalizer", "HairRemover", "detect_hair", "normalize_color", "remove_hair"]
