"""Where is the lesion: Jaccard index and time of the watershed segmenter beside plain thresholds."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Protocol

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress
from scipy import ndimage as ndi
from skimage.filters import gaussian, threshold_otsu
from sklearn.utils import Bunch

from benchmarks._data import DataOption, MaxPhotosOption, ResultsOption, describe, load_sets
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from sklearn_melanoma.images import ImageReader, read_mask
from sklearn_melanoma.metrics import mask_jaccard, mean_interval
from sklearn_melanoma.segmentation import WatershedSegmenter

THRESHOLD = 0.65  # ISIC 2018: below, a mask would have to be drawn again


class Segmenter(Protocol):
    """What the benchmark asks of a method."""

    def predict(self, X: Any) -> Any:
        """Return a mask at the size of its photo for every photo."""


class OtsuSegmenter:
    """What one writes first: smooth, Otsu's threshold, the largest component, its holes filled.

    Parameters
    ----------
    channel : {"grey", "blue"}
        Grey levels to look at; grey is Pillow's luma.
    """

    def __init__(self, channel: str):
        self.channel = channel

    def predict(self, X: Any) -> list[NDArray[np.bool_]]:
        """Return a mask at the size of its photo for every photo."""
        return [self._find_mask(image) for image in X]

    def _find_mask(self, image: Any) -> NDArray[np.bool_]:
        lesion = ImageReader().transform([image])[0]
        pixels = lesion.image
        grey = pixels[:, :, 2] if self.channel == "blue" else np.asarray(Image.fromarray(pixels).convert("L"))
        smooth = gaussian(grey, sigma=2, preserve_range=True)
        labels, count = ndi.label(smooth < threshold_otsu(smooth))
        if count == 0:
            return np.zeros(lesion.source_shape, dtype=bool)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        mask = ndi.binary_fill_holes(labels == sizes.argmax())
        height, width = lesion.source_shape
        grown = Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        return np.asarray(grown) > 127


METHODS: dict[str, Segmenter] = {
    "`WatershedSegmenter()`": WatershedSegmenter(),
    "`WatershedSegmenter(even_light=False)`, the survey's": WatershedSegmenter(even_light=False),
    "Otsu on blue": OtsuSegmenter("blue"),
    "Otsu on grey": OtsuSegmenter("grey"),
}
REFERENCE = "Otsu on blue"

COLUMNS = {
    "method": text("method"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "minus Otsu on blue (95 %)": interval("mean_gain", "+.3f"),
    "median": number("median_jaccard"),
    "threshold Jaccard": number("threshold_jaccard"),
    "under 0.65": number("share_under", ".0%"),
    "none found": number("n_empty", "d"),
    "ms per photo": number("milliseconds", ".1f"),
}


def run(photos: Bunch, progress: Progress, description: str) -> tuple[list[dict[str, Any]], int]:
    """Segment every photo that has a true mask by every method.

    Returns
    -------
    records : list of dict
        One for each method.
    n_photos : int
        Number of photos that have a true mask.
    """
    masks = photos.masks or []
    pairs = [(image, mask) for image, mask in zip(photos.images, masks, strict=bool(masks)) if mask is not None]
    jaccard = {method: np.zeros(len(pairs)) for method in METHODS}
    seconds = {method: np.zeros(len(pairs)) for method in METHODS}
    empty = dict.fromkeys(METHODS, 0)
    for segmenter in METHODS.values():
        segmenter.predict([image for image, _ in pairs[:1]])  # the first call loads what is imported late
    for i, (image, mask) in enumerate(progress.track(pairs, description=description)):
        truth = read_mask(mask)
        for method, segmenter in METHODS.items():
            start = perf_counter()
            found = segmenter.predict([image])[0]
            seconds[method][i] = perf_counter() - start
            jaccard[method][i] = mask_jaccard(truth, found)
            empty[method] += not found.any()
    records = [
        {
            "method": method,
            "mean_jaccard": mean_interval(values),
            "mean_gain": None if method == REFERENCE else mean_interval(values - jaccard[REFERENCE]),
            "median_jaccard": float(np.median(values)),
            "threshold_jaccard": float(np.where(values >= THRESHOLD, values, 0).mean()),
            "share_under": float((values < THRESHOLD).mean()),
            "n_empty": empty[method],
            "milliseconds": float(np.median(seconds[method]) * 1e3),
        }
        for method, values in jaccard.items()
        if pairs
    ]
    return records, len(pairs)


def main(data: DataOption = None, max_photos: MaxPhotosOption = None, results: ResultsOption = RESULTS) -> None:
    """Compare found masks with those that experts drew."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    sections = []
    with progress_bar() as progress:
        for name, photos in sets.items():
            records, n_photos = run(photos, progress, name)
            sections.append(Section(f"{name}: {n_photos} photos with a true mask", COLUMNS, records))
    intro = [
        "Jaccard index of the mask at the photo's own size with the true one. Brackets: Student's 95 % interval over "
        "photos; the differences are paired. Threshold Jaccard: the mean with every photo below 0.65 counted as 0. "
        "Time: median from file to mask, one thread, the methods in turn on each photo. Otsu: the photo at 384 pixels, "
        "Gaussian of 2 pixels, Otsu's threshold, largest component, holes filled.",
        *describe(sets),
    ]
    write_report("segmentation", title="Segmentation", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
