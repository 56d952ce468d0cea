"""Stage 4: segmented lesion → one row of named numbers."""

from sklearn_melanoma.features._color import measure_color
from sklearn_melanoma.features._color_features import ColorFeatures
from sklearn_melanoma.features._measures import (
    asymmetry,
    compactness,
    fractal_dimension,
    max_span,
    minimum_enclosing_circle,
    perimeter,
    perimeter_ratio,
)
from sklearn_melanoma.features._morphology_features import MorphologyFeatures
from sklearn_melanoma.features._shape import measure_shape

__all__ = [
    "ColorFeatures",
    "MorphologyFeatures",
    "asymmetry",
    "compactness",
    "fractal_dimension",
    "max_span",
    "measure_color",
    "measure_shape",
    "minimum_enclosing_circle",
    "perimeter",
    "perimeter_ratio",
]
