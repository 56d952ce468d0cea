"""Stage 3: from a photo to the pixels of its lesion."""

from sklearn_melanoma.segmentation._estimators import WatershedSegmenter
from sklearn_melanoma.segmentation._watershed import segment_watershed

__all__ = ["WatershedSegmenter", "segment_watershed"]
