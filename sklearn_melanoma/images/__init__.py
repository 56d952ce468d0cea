"""Reading of images and masks, small, upright and in RGB."""

from sklearn_melanoma._io.reading import read_image, read_mask
from sklearn_melanoma.images._estimators import ImageReader

__all__ = ["ImageReader", "read_image", "read_mask"]
