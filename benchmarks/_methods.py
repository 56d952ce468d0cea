"""Segmentation methods of the benchmarks; each line is a row in their tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from skimage.filters import threshold_li
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from benchmarks._segmenters import (
    ChanVeseSegmenter,
    ForestSegmenter,
    GrabCutSegmenter,
    RandomWalkerSegmenter,
    ThresholdSegmenter,
    WatershedScript,
)
from sklearn_melanoma.preprocessing import HairRemover
from sklearn_melanoma.segmentation import (
    CRFRefiner,
    PixelClassifierSegmenter,
    SegmenterSelector,
    WatershedSegmenter,
)


class Segmenter(Protocol):
    """Interface of a method. A method that learns also has `fit`."""

    def predict(self, X: Any) -> Any:
        """Return a mask at the size of its image for every image."""


# Function that makes an unfitted method that learns from masks. Its argument holds the methods above it in the table,
# fitted to the same masks, so that it can use them: `lambda fitted: make_pipeline(FrozenEstimator(fitted["..."]),
# ...)`.
MakeLearner = Callable[[Mapping[str, Any]], Any]


def switch_off(segmenter: type[Any], values: Mapping[str, Any]) -> dict[str, Segmenter]:
    """Return a segmenter for each parameter, with only this parameter switched off."""
    return {f"`{name}={value!r}`": segmenter(**{name: value}) for name, value in values.items()}


OURS = "`WatershedSegmenter()`"
REFERENCE = "Otsu on blue"

METHODS: dict[str, Segmenter] = {
    OURS: WatershedSegmenter(),
    "the survey's: `even_light=False, leave_out_artifacts=False, level=None`": WatershedSegmenter(
        even_light=False, leave_out_artifacts=False, level=None, margin=0.005
    ),
    "`WatershedSegmenter()`, `CRFRefiner()`": make_pipeline(WatershedSegmenter(), CRFRefiner()),
    "`SegmenterSelector()`, the vote": SegmenterSelector(random_state=0),
    "`HairRemover()`, `WatershedSegmenter()`": make_pipeline(HairRemover(), WatershedSegmenter()),
    REFERENCE: ThresholdSegmenter("blue"),
    "Otsu on gray": ThresholdSegmenter("gray"),
    "Li on blue": ThresholdSegmenter("blue", threshold_li),
    "watershed of scikit-image's gallery": WatershedScript(),
    "random walker": RandomWalkerSegmenter(),
    "morphological Chan-Vese": ChanVeseSegmenter(),
    "GrabCut (OpenCV)": GrabCutSegmenter(),
}

PIXELS = "`PixelClassifierSegmenter(base_segmenter=SegmenterSelector(), prior_masks=20)`"

LEARNERS: dict[str, MakeLearner] = {
    "`WatershedSegmenter(level=…)`, searched": lambda fitted: GridSearchCV(
        WatershedSegmenter(), {"level": [0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65]}, cv=5, error_score="raise"
    ),
    "`SegmenterSelector()`": lambda fitted: SegmenterSelector(random_state=0),
    "`PixelClassifierSegmenter()`": lambda fitted: PixelClassifierSegmenter(random_state=0),
    PIXELS: lambda fitted: PixelClassifierSegmenter(
        base_segmenter=SegmenterSelector(random_state=0), prior_masks=20, random_state=0
    ),
    "the last, `CRFRefiner()`": lambda fitted: make_pipeline(FrozenEstimator(fitted[PIXELS]), CRFRefiner()),
    "random forest on pixels (scikit-image)": lambda fitted: ForestSegmenter(),
}

# Methods that take over 100 ms per image; they are scored on a sample of the images.
SLOW = {
    "`SegmenterSelector()`, the vote",
    "`SegmenterSelector()`",
    PIXELS,
    "the last, `CRFRefiner()`",
    "random walker",
    "morphological Chan-Vese",
    "GrabCut (OpenCV)",
    "random forest on pixels (scikit-image)",
}

# `OURS` with one part switched off at a time.
VARIANTS: dict[str, Segmenter] = switch_off(
    WatershedSegmenter,
    {"channel": "gray", "even_light": False, "leave_out_artifacts": False, "level": None, "margin": 0.005},
)

# The same for methods that learn: variants of each method.
LEARNED_VARIANTS: dict[str, dict[str, MakeLearner]] = {}
