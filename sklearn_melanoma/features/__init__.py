"""Features of segmented lesions: one row of named numbers per lesion."""

from sklearn_melanoma.features._abcd_features import AbcdFeatures
from sklearn_melanoma.features._color import measure_color
from sklearn_melanoma.features._color_features import ColorFeatures
from sklearn_melanoma.features._directions import feature_directions
from sklearn_melanoma.features._fisher_vector_encoder import FisherVectorEncoder
from sklearn_melanoma.features._hull import minimum_enclosing_circle
from sklearn_melanoma.features._morphology import measure_morphology
from sklearn_melanoma.features._morphology_features import MorphologyFeatures
from sklearn_melanoma.features._network_encoder import NetworkEncoder
from sklearn_melanoma.features._patient_relative import PatientRelative
from sklearn_melanoma.features._radiomics_features import RadiomicsFeatures
from sklearn_melanoma.features._structures import measure_texture
from sklearn_melanoma.features._texture_features import TextureFeatures

__all__ = [
    "AbcdFeatures",
    "ColorFeatures",
    "FisherVectorEncoder",
    "MorphologyFeatures",
    "NetworkEncoder",
    "PatientRelative",
    "RadiomicsFeatures",
    "TextureFeatures",
    "feature_directions",
    "measure_color",
    "measure_morphology",
    "measure_texture",
    "minimum_enclosing_circle",
]
