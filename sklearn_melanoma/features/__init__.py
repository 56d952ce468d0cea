"""Stage 4: segmented lesion → one row of named numbers."""

from sklearn_melanoma.features._abcd_features import AbcdFeatures
from sklearn_melanoma.features._color import measure_color
from sklearn_melanoma.features._color_features import ColorFeatures
from sklearn_melanoma.features._directions import feature_directions
from sklearn_melanoma.features._measures import (
    asymmetry,
    box_counting_dimension,
    compactness,
    fractal_dimension,
    max_span,
    maximum_inscribed_circle,
    min_feret_diameter,
    minimum_enclosing_circle,
    perimeter,
    perimeter_ratio,
    zernike_magnitudes,
)
from sklearn_melanoma.features._morphology_features import MorphologyFeatures
from sklearn_melanoma.features._patch_encoder import PatchEncoder
from sklearn_melanoma.features._shape import measure_shape
from sklearn_melanoma.features._structures import measure_texture
from sklearn_melanoma.features._texture_features import TextureFeatures

__all__ = [
    "AbcdFeatures",
    "ColorFeatures",
    "MorphologyFeatures",
    "PatchEncoder",
    "TextureFeatures",
    "asymmetry",
    "box_counting_dimension",
    "compactness",
    "feature_directions",
    "fractal_dimension",
    "max_span",
    "maximum_inscribed_circle",
    "measure_color",
    "measure_shape",
    "measure_texture",
    "min_feret_diameter",
    "minimum_enclosing_circle",
    "perimeter",
    "perimeter_ratio",
    "zernike_magnitudes",
]
