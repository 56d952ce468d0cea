from . import (
    datasets,
    experimental,
    features,
    images,
    inspection,
    metrics,
    model_selection,
    persistence,
    pipeline,
    preprocessing,
    segmentation,
    semi_supervised,
)
from ._lesion import Lesion
from .pipeline import make_melanoma_pipeline

__all__ = [
    "Lesion",
    "datasets",
    "experimental",
    "features",
    "images",
    "inspection",
    "make_melanoma_pipeline",
    "metrics",
    "model_selection",
    "persistence",
    "pipeline",
    "preprocessing",
    "segmentation",
    "semi_supervised",
]

__version__: str
