"""Pixel classifier that describes each image once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_melanoma import Lesion
from sklearn_melanoma.segmentation import PixelClassifierSegmenter
from sklearn_melanoma.segmentation._pixel_features import PixelDescription


class CachedSegmenter(PixelClassifierSegmenter):
    """Pixel classifier that describes each image once, because all models of a benchmark have the same features."""

    known: dict[Any, PixelDescription] = {}  # noqa: RUF012 (shared on purpose)

    def _describe_pixels(self, lesion: Lesion) -> PixelDescription:
        pixels = self.known.get(lesion.source)
        if pixels is None:
            pixels = super()._describe_pixels(lesion)
            if lesion.source is not None:
                self.known[lesion.source] = replace(pixels, features=pixels.features.astype(np.float16))
        return replace(pixels, features=pixels.features.astype(np.float32))
