"""Is it the same mask: one image at several sizes."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from benchmarks._data import describe, load_sets
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report
from sklearn_melanoma import Lesion
from sklearn_melanoma.images import read_image
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation import WatershedSegmenter

SIDES = (384, 768, 3072)

COLUMNS = {
    "images given as": text("given_as"),
    "images": number("n_photos", "d"),
    "mean Jaccard": number("mean"),
    "least Jaccard": number("least"),
    "images under 0.95": number("n_under", "d"),
}


def resize(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return an image at another longest side."""
    height, width = image.shape[:2]
    factor = side / max(height, width)
    size = round(width * factor), round(height * factor)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def agreement(masks: list[NDArray[np.bool_]]) -> float:
    """Return the least Jaccard index of any two masks of one image, compared at the size of the largest."""
    height, width = masks[-1].shape
    alike = [np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)) for mask in masks]
    return min(mask_jaccard(first, second) for first, second in combinations(alike, 2))


def main(data: DataOption = None, results: ResultsOption = RESULTS) -> None:
    """Compare the masks of one image at 384, 768 and 3072 pixels."""
    sets = load_sets(data, ("isic2017_large", "ph2"))
    segmenter = WatershedSegmenter()
    sections = []
    with progress_bar() as progress:
        for name, photos in sets.items():
            least: dict[str, list[float]] = {"arrays, read at 384 pixels": [], "lesions, as they are": []}
            for source in progress.track(photos.images, description=name):
                images = [resize(read_image(source), side) for side in SIDES]
                least["arrays, read at 384 pixels"].append(agreement(list(segmenter.predict(images))))
                lesions = [Lesion(image) for image in images]
                least["lesions, as they are"].append(agreement(list(segmenter.predict(lesions))))
            records: list[dict[str, Any]] = [
                {
                    "given_as": way,
                    "n_photos": len(values),
                    "mean": float(np.mean(values)),
                    "least": min(values),
                    "n_under": int(np.count_nonzero(np.array(values) < 0.95)),
                }
                for way, values in least.items()
            ]
            sections.append(Section(name, COLUMNS, records))
    intro = [
        f"Each image is brought to {', '.join(map(str, SIDES))} pixels and segmented by `WatershedSegmenter()` at "
        "each; an image counts with the least Jaccard index of any two of its masks. Mean and least are over images.",
        *describe(sets),
    ]
    write_report("resolution", title="Resolution", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
