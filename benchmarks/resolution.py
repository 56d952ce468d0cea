"""Segmentation of one image at several sizes: agreement of the masks."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from benchmarks._data import describe_sets, load_sets
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report
from sklearn_melanoma import Lesion
from sklearn_melanoma.images import read_image
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import WatershedSegmenter

SIDES = (384, 768, 3072)
READ, UNCHANGED = "arrays, read at 384 pixels", "lesions, at their size"

INTRO = (
    f"Each image is resized to {', '.join(map(str, SIDES))} pixels and segmented by `WatershedSegmenter()` at each "
    "size. The score of an image is the lowest Jaccard index of any two of its masks. Mean and lowest are over images.",
)

COLUMNS = {
    "images given as": text("given_as"),
    "images": number("n_images", "d"),
    "mean Jaccard": number("mean"),
    "lowest Jaccard": number("least"),
    "images under 0.95": number("n_under", "d"),
}


def resize_image(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize an image to another longest side."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    size = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def compare_masks(masks: list[NDArray[np.bool_]]) -> float:
    """Return the lowest Jaccard index of any two masks of one image, at the size of the largest mask."""
    height, width = masks[-1].shape
    resized = [np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)) for mask in masks]
    return min(mask_jaccard(first, second) for first, second in combinations(resized, 2))


def summarize(scores: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Return one record for each way to pass the images."""
    return [
        {
            "given_as": way,
            "n_images": len(values),
            "mean": float(np.mean(values)),
            "least": min(values),
            "n_under": int(np.count_nonzero(np.array(values) < 0.95)),
        }
        for way, values in scores.items()
    ]


def main(data: DataOption = None, results: ResultsOption = RESULTS) -> None:
    """Compare the masks of one image at 384, 768 and 3072 pixels."""
    sets = load_sets(data, ("isic2017_large", "ph2"))
    segmenter = WatershedSegmenter()
    sections = []
    with progress_bar() as progress:
        for name, lesions in sets.items():
            scores: dict[str, list[float]] = {READ: [], UNCHANGED: []}
            for source in progress.track(lesions.images, description=name):
                images = [resize_image(read_image(source), side) for side in SIDES]
                scores[READ].append(compare_masks(list(segmenter.predict(images))))
                unchanged = [Lesion(image) for image in images]
                scores[UNCHANGED].append(compare_masks(list(segmenter.predict(unchanged))))
            sections.append(Section(name, COLUMNS, summarize(scores)))
    intro = [*INTRO, *describe_sets(sets)]
    write_report("resolution", title="Resolution", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
