"""Segmentation by neural networks from ONNX files and by segmenters without a network, from 20 to 600 masks."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from benchmarks._data import describe_sets, load_sets
from benchmarks._mask_learning import fit_learners
from benchmarks._mask_scores import MELANOMA_COLUMNS, MaskedImages, score_methods
from benchmarks._methods import MakeLearner
from benchmarks._options import DataOption, MaxImagesOption, ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, interval, number, progress_bar, text, write_report
from benchmarks._torch_segmenters import SIDE, AtrousNet, TorchSegmenter, UNet
from sklearn_melanoma.segmentation import (
    CRFRefiner,
    PixelClassifierSegmenter,
    PixelPerceptron,
    SegmenterSelector,
    WatershedSegmenter,
)

N_MASKS = (20, 100, 600)
WATERSHED, ATROUS = "`WatershedSegmenter()`", "atrous net"
UNTRAINED = {WATERSHED: WatershedSegmenter(), "`SegmenterSelector()`, the vote": SegmenterSelector()}

INTRO = (
    "Jaccard index of the mask with the true one, at the image's own size. All methods are scored on the same images: "
    "{scored} random ones of each data set, at most half of it. They learn from the masks of other lesions of the same "
    "data set, one draw of each number. Fewer masks are a part of more. Brackets: Student's 95 % interval over images. "
    "Differences are paired.",
    "*U-Net* and *atrous net* (`_torch_segmenters.py`) are trained with PyTorch at {side} pixels, on mirrored, turned, "
    "scaled and shifted images in changed light, with log-loss and soft Jaccard loss. They are exported and read by "
    "`NetworkSegmenter`. The atrous net followed by `CRFRefiner()` is the recipe of DeepLab v1. No network was "
    "pretrained.",
    "Time: median from file to mask, one thread. Size: the ONNX file, or the pickled segmenter. Seconds to train: one "
    "thread, with reading the images and the export. The refiner trains nothing.",
)
COLUMNS = {
    "method": text("method"),
    "masks": number("n_masks", "d"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    f"minus {WATERSHED} (95 %)": interval("mean_gain", "+.3f"),
    "under 0.65": number("fraction_under", ".0%"),
    **MELANOMA_COLUMNS,
    "ms per image": number("milliseconds", ".0f"),
    "kB": number("kilobytes", ",.0f"),
    "s to train": number("fit_seconds", ",.0f"),
}


def make_learners(folder: Path) -> dict[str, MakeLearner]:
    """Return the methods that learn from masks; networks are exported to a folder."""
    return {
        "`PixelClassifierSegmenter()`": lambda fitted: PixelClassifierSegmenter(random_state=0),
        "`PixelClassifierSegmenter(PixelPerceptron())`": lambda fitted: PixelClassifierSegmenter(
            estimator=PixelPerceptron(random_state=0), random_state=0
        ),
        "U-Net": lambda fitted: TorchSegmenter(UNet, folder / "u-net.onnx"),
        ATROUS: lambda fitted: TorchSegmenter(AtrousNet, folder / "atrous.onnx"),
        f"{ATROUS}, `CRFRefiner()`": lambda fitted: make_pipeline(
            FrozenEstimator(fitted[ATROUS].segmenter_), CRFRefiner()
        ),
    }


def split_images(images: MaskedImages, n_scored: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions of random images to score, and of images of other lesions in random order."""
    order = np.random.default_rng([2]).permutation(len(images))
    scored = order[: min(n_scored, len(images) // 2)]
    return scored, order[~np.isin(images.groups[order], images.groups[scored])]


def measure_size(segmenter: Any) -> float:
    """Return the size of a fitted segmenter in kB: of its ONNX file if it has one, else pickled."""
    path = getattr(segmenter, "path", None)
    return (len(pickle.dumps(segmenter)) if path is None else path.stat().st_size) / 1e3


def run_set(name: str, images: MaskedImages, *, n_scored: int, progress: Progress) -> Section:
    """Return the table of one data set."""
    scored, others = split_images(images, n_scored)

    def score(methods: Mapping[str, Any], description: str) -> dict[str, Any]:
        positions = dict.fromkeys(methods, scored.tolist())
        return score_methods(methods, images, positions, progress=progress, description=f"{name}, {description}")

    without = score(UNTRAINED, "without masks")
    reference, missing = without[WATERSHED], {"fit_seconds": float("nan"), "kilobytes": float("nan")}
    records = [
        found.summarize(method, 0, None if method == WATERSHED else reference) | missing
        for method, found in without.items()
    ]
    for n_masks in sorted({min(count, len(others)) for count in N_MASKS}):
        with TemporaryDirectory() as folder:
            fitted, seconds = fit_learners(make_learners(Path(folder)), images, others[:n_masks])
            seconds[f"{ATROUS}, `CRFRefiner()`"] = seconds[ATROUS]
            for method, found in score(fitted, f"{n_masks} masks").items():
                learned = fitted[ATROUS] if method.startswith(ATROUS) else fitted[method]
                costs = {"fit_seconds": seconds[method], "kilobytes": measure_size(learned)}
                records.append(found.summarize(method, n_masks, reference) | costs)
    return Section(f"{name} ({len(scored)} images scored)", COLUMNS, records)


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    scored: Annotated[int, typer.Option(min=2, help="Number of images of each data set that are scored.")] = 200,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare neural networks with segmenters without a network, by the number of masks."""
    loaded = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    with progress_bar() as progress:
        sections = [
            run_set(name, MaskedImages.from_lesions(lesions), n_scored=scored, progress=progress)
            for name, lesions in loaded.items()
        ]
    intro = [*fill_in(INTRO, scored=scored, side=SIDE), *describe_sets(loaded)]
    packages = ("torch", "onnxruntime", "onnx")
    write_report("networks", title="Neural networks", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
