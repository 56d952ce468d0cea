"""Loss of accuracy by uniform frames around real images, and by black lesions at the rim of a field of view."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.utils import Bunch

from benchmarks._report import interval, number, text
from benchmarks._segmenters import ThresholdSegmenter
from sklearn_melanoma.images import read_image, read_mask
from sklearn_melanoma.metrics import mask_jaccard, mean_interval
from sklearn_melanoma.segmentation import WatershedSegmenter

COLORS = {"white": 255, "light gray": 225, "gray": 128, "black": 0, "beige": (230, 200, 180), "blue": (30, 60, 160)}
WIDTHS = ("3 pixels", "5 % of the longest side", "to a square")

# The square images of ISIC 2017 get bands of this fraction of the side above and below.
BAND = 1 / 6

FRAME_COLUMNS = {
    "color": text("color"),
    "width": text("width"),
    "mean Jaccard without frame": number("bare"),
    "with frame": number("framed"),
    "difference (95 %)": interval("cost", "+.3f"),
    "Otsu's threshold on blue, with frame": number("threshold"),
}

RIM_COLUMNS = {
    "pixels past the rim": number("past", "d"),
    "radius 20": number("20", ".2f"),
    "radius 30": number("30", ".2f"),
    "radius 60": number("60", ".2f"),
}

FRAME_NOTE = (
    "A frame of one color is added around each image as it was published. The other columns are of the same images "
    "in the same run. The Jaccard index counts the frame as background."
)
RIM_NOTE = (
    "Jaccard index of one black disk that reaches past the rim of a round field of view, by its radius in pixels; "
    "synthetic image of 384 pixels with a field of view of radius 150."
)


def add_frame(image: NDArray[Any], color: Any, width: str) -> NDArray[Any]:
    """Return an image or mask with a frame of one color."""
    height, length = image.shape[:2]
    side = max(height, length)
    if width == "to a square":
        rows, columns = (side - height, side - length) if height != length else (round(2 * BAND * side), 0)
        margins = (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)
    else:
        margin = 3 if width == "3 pixels" else round(0.05 * side)
        margins = (margin, margin), (margin, margin)
    (top, bottom), (left, right) = margins
    framed = np.empty((height + top + bottom, length + left + right, *image.shape[2:]), image.dtype)
    framed[:] = color
    framed[top : top + height, left : left + length] = image
    return framed


def run_frames(lesions: Bunch, n_images: int, progress: Progress, description: str) -> list[dict[str, Any]]:
    """Measure the loss by each frame on the same real images."""
    found = [i for i, mask in enumerate(lesions.masks) if mask is not None]
    chosen = np.random.default_rng(0).permutation(found)[:n_images]
    images = [read_image(lesions.images[i]) for i in chosen]
    masks = [read_mask(lesions.masks[i]) for i in chosen]
    ours, threshold = WatershedSegmenter(n_jobs=2), ThresholdSegmenter("blue")

    def score(segmenter: Any, images: list[Any], masks: list[Any]) -> NDArray[np.float64]:
        return np.array([mask_jaccard(*pair) for pair in zip(masks, segmenter.predict(images), strict=True)])

    bare = score(ours, images, masks)
    records = []
    for color, width in progress.track([(c, w) for c in COLORS for w in WIDTHS], description=description):
        framed = [add_frame(image, COLORS[color], width) for image in images]
        framed_masks = [add_frame(mask, False, width) for mask in masks]
        scores = score(ours, framed, framed_masks)
        records.append(
            {
                "color": color,
                "width": width,
                "bare": float(bare.mean()),
                "framed": float(scores.mean()),
                "cost": mean_interval(scores - bare),
                "threshold": float(score(threshold, framed, framed_masks).mean()),
            }
        )
    return records


def run_rim() -> list[dict[str, Any]]:
    """Segment black disks that reach past the rim of a round field of view."""
    segmenter = WatershedSegmenter()
    records = []
    for past in (-10, -5, 0, 5, 10, 20):
        record: dict[str, Any] = {"past": past}
        for radius in (20, 30, 60):
            image, truth = draw_disk_at_rim(past, radius)
            record[str(radius)] = mask_jaccard(truth, segmenter.predict([image])[0])
        records.append(record)
    return records


def draw_disk_at_rim(past: int, radius: int, field: int = 150) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Draw a black disk that reaches past the rim of a round field of view; return the image and its visible part."""
    y, x = np.mgrid[:288, :384]
    noise = np.random.default_rng(0).normal(0, 3, (288, 384, 3))
    image = np.clip(np.full((288, 384, 3), (224, 172, 150)) + noise, 0, 255).astype(np.uint8)
    disk = np.hypot(y - 144, x - (192 + field - radius + past)) < radius
    seen = np.hypot(y - 144, x - 192) <= field
    image[disk] = (25, 20, 18)
    image[~seen] = 2
    return image, disk & seen
