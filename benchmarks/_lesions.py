"""What the benchmarks of features measure, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.progress import Progress
from sklearn.pipeline import make_pipeline

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, MorphologyFeatures, TextureFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.segmentation import WatershedSegmenter

# The features that need no images to learn from.
FAMILIES = {
    "shape": MorphologyFeatures(),
    "color": ColorFeatures(),
    "texture": TextureFeatures(),
    "ABCD": AbcdFeatures(),
}


def segment(images: Sequence[Any], *, progress: Progress, description: str) -> list[Lesion]:
    """Return the images at the reader's size with the watershed's masks."""
    step = make_pipeline(ImageReader(), WatershedSegmenter())
    return [step.transform([image])[0] for image in progress.track(images, description=description)]
