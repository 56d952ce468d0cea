"""Masks and feature tables of images, computed once for each data set."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd
from rich.progress import Progress
from sklearn.pipeline import make_pipeline

from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, MorphologyFeatures, TextureFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.segmentation import WatershedSegmenter

CHUNK = 64  # images between two steps of the progress bar

# Families of features that do not learn from images.
FAMILIES = {
    "morphology": MorphologyFeatures(),
    "color": ColorFeatures(),
    "texture": TextureFeatures(),
    "ABCD": AbcdFeatures(),
}


def segment_images(images: Sequence[Any], *, progress: Progress, description: str) -> list[Lesion]:
    """Return the images at the reader's size with the masks of `WatershedSegmenter`."""
    step = make_pipeline(ImageReader(), WatershedSegmenter())
    return [step.transform([image])[0] for image in progress.track(images, description=description)]


def compute_table(
    images: Sequence[Any], features: str = "all", *, n_jobs: int = 1, progress: Progress, description: str
) -> pd.DataFrame:
    """Return the table of features that `make_melanoma_pipeline` computes; NaN if no lesion is found."""
    step = make_melanoma_pipeline(features, n_jobs=n_jobs)["features"]
    starts = range(0, len(images), CHUNK)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No lesion was found")  # the reports give the number of these images
        parts = [
            step.fit_transform(images[start : start + CHUNK])
            for start in progress.track(starts, description=description)
        ]
    return pd.concat(parts, ignore_index=True)
