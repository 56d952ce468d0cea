from ._abcd_features import AbcdFeatures
from ._color import measure_color
from ._color_features import ColorFeatures
from ._directions import feature_directions
from ._fisher_vector_encoder import FisherVectorEncoder
from ._hull import minimum_enclosing_circle
from ._morphology import measure_morphology
from ._morphology_features import MorphologyFeatures
from ._network_encoder import NetworkEncoder
from ._patient_relative import PatientRelative
from ._radiomics_features import RadiomicsFeatures
from ._structures import measure_texture
from ._texture_features import TextureFeatures

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
