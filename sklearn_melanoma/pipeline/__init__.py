"""Pipelines from images to a melanoma score."""

from sklearn_melanoma.pipeline._block_scaler import BlockScaler
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.pipeline._mask_files import write_masks
from sklearn_melanoma.pipeline._melanoma_pipeline import make_melanoma_pipeline
from sklearn_melanoma.pipeline._predictions import get_image_pipeline, predict_images
from sklearn_melanoma.pipeline._transfer import transfer_pipeline
from sklearn_melanoma.pipeline._warnings import NoLesionWarning, SkippedImagesWarning

__all__ = [
    "BlockScaler",
    "ImagePipeline",
    "NoLesionWarning",
    "SkippedImagesWarning",
    "get_image_pipeline",
    "make_melanoma_pipeline",
    "predict_images",
    "transfer_pipeline",
    "write_masks",
]
