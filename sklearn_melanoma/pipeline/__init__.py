"""Pipelines from images to a melanoma score."""

from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.pipeline._melanoma_pipeline import make_melanoma_pipeline
from sklearn_melanoma.pipeline._transfer import transfer_pipeline
from sklearn_melanoma.pipeline._warnings import SkippedImagesWarning

__all__ = ["ImagePipeline", "SkippedImagesWarning", "make_melanoma_pipeline", "transfer_pipeline"]
