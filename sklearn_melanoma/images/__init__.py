"""Reading of images (small, upright, in RGB) and masks, and writing of masks."""

from sklearn_melanoma._io.reading import read_image, read_mask, write_mask
from sklearn_melanoma.images._estimators import ImageReader

__all__ = ["ImageReader", "read_image", "read_mask", "write_mask"]
