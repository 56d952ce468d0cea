from ._block_scaler import BlockScaler
from ._image_pipeline import ImagePipeline
from ._mask_files import write_masks
from ._melanoma_pipeline import make_melanoma_pipeline
from ._predictions import get_image_pipeline, predict_images
from ._transfer import transfer_pipeline
from ._warnings import NoLesionWarning, SkippedImagesWarning

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
