"""What lies between camera and lesion: how much each artifact costs, and how much of that its own step brings back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks._data import DRAWN, describe, load_sets
from benchmarks._options import DataOption, MaxPhotosOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import ColorFeatures
from sklearn_melanoma.images import ImageReader, read_mask
from sklearn_melanoma.metrics import mask_jaccard, mean_interval
from sklearn_melanoma.preprocessing import ColorNormalizer, HairRemover, detect_hair
from sklearn_melanoma.segmentation import WatershedSegmenter

# A mask that moves by more is another mask.
MOVED = 0.01

# Share of an image, filled in, below which it counts as all but hairless.
LITTLE_HAIR = 0.01

BARE = {"hair": 0.0, "vignette": 0.0, "ruler": 0.0}

# A tungsten lamp's light beside daylight, in sRGB's numbers: red whole, blue down to a half.
CAST = np.array([1.0, 0.8, 0.5])


SEGMENTERS = {
    "`leave_out_artifacts=False`": WatershedSegmenter(leave_out_artifacts=False),
    "default": WatershedSegmenter(),
}


@dataclass(frozen=True)
class Case:
    """An artifact, what it meets without and with the step that is to deal with it.

    Parameters
    ----------
    artifact : str
        What the table calls it.
    options : dict
        Arguments of `make_lesions` that draw it.
    step : str
        What the table calls the step.
    without, with_step : estimator
        Segmenters without and with the step.
    alter : callable
        What is done to the drawn images besides.
    """

    artifact: str
    options: dict[str, float]
    step: str
    without: Any
    with_step: Any
    alter: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = lambda image: image


def color_light(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image as it would be in the light of a tungsten lamp."""
    return np.rint(image * CAST).astype(np.uint8)


def cases() -> list[Case]:
    """Return the artifacts, each with the step against it."""
    plain, bare = WatershedSegmenter(), WatershedSegmenter(leave_out_artifacts=False)
    hair, light_hair = {"hair": 1, "light_hair": 0}, {"hair": 1, "light_hair": 1}
    remover, own = "`HairRemover()`", "`leave_out_artifacts=True`"
    auto = WatershedSegmenter(channel="auto")
    uneven = WatershedSegmenter(even_light=False)
    return [
        Case("dark hair", hair, remover, bare, make_pipeline(HairRemover(), bare)),
        Case("dark hair", hair, own, bare, plain),
        Case("dark hair", hair, f"{remover} before the default", plain, make_pipeline(HairRemover(), plain)),
        Case("light hair", light_hair, remover, bare, make_pipeline(HairRemover(), bare)),
        Case("light hair", light_hair, own, bare, plain),
        Case("light hair", light_hair, f"{remover} before the default", plain, make_pipeline(HairRemover(), plain)),
        Case("dark corners", {"vignette": 1}, own, bare, plain),
        Case("ruler", {"ruler": 1}, own, bare, plain),
        Case("sticker", {"sticker": 1}, own, bare, plain),
        Case("gel bubbles", {"bubbles": 1}, own, bare, plain),
        Case("uneven light", {"uneven_light": 1}, "`even_light=True`", uneven, plain),
        Case("color cast", {}, "`ColorNormalizer()`", auto, make_pipeline(ColorNormalizer(), auto), alter=color_light),
    ]


COLUMNS = {
    "artifact": text("artifact"),
    "step": text("step"),
    "without artifact": number("bare"),
    "with artifact": number("spoilt"),
    "with artifact and step": number("mended"),
    "cost of the artifact (95 %)": interval("cost", "+.3f"),
    "gain by the step (95 %)": interval("gain", "+.3f"),
    "step on images without artifact (95 %)": interval("harm", "+.4f"),
}

CAST_COLUMNS = {
    "step": text("step"),
    "color features": number("n_features", "d"),
    "moved by the cast, mean over features, in standard deviations (95 %)": interval("moved", ".2f"),
}

REAL_COLUMNS = {
    "segmenter": text("segmenter"),
    "images": text("images"),
    "number": number("n_photos", "d"),
    "mean Jaccard": number("mean_jaccard"),
    "with `HairRemover()`": number("mean_cleaned"),
    "difference (95 %)": interval("gain", "+.4f"),
    "moved by over 0.01": number("n_moved", "d"),
    "of these for the worse": number("n_worse", "d"),
    "ms per image": number("milliseconds", ".1f"),
}


def score_each(segmenter: Any, images: Sequence[Any], masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Return the Jaccard index of every image."""
    return np.array(
        [mask_jaccard(mask, segmenter.predict([image])[0]) for image, mask in zip(images, masks, strict=True)]
    )


def run_drawn(n_photos: int, image_size: tuple[int, int], progress: Progress) -> list[dict[str, Any]]:
    """Measure every artifact on the same drawn lesions."""
    common = {"image_size": image_size, "random_state": 1, **BARE}
    bare = make_lesions(n_photos, **common)
    records = []
    for case in progress.track(cases(), description="drawn"):
        spoilt = [case.alter(image) for image in make_lesions(n_photos, **common | case.options).images]
        clean, dirty, mended, idle = (
            score_each(segmenter, images, bare.masks)
            for segmenter, images in (
                (case.without, bare.images),
                (case.without, spoilt),
                (case.with_step, spoilt),
                (case.with_step, bare.images),
            )
        )
        records.append(
            {
                "artifact": case.artifact,
                "step": case.step,
                "n_photos": n_photos,
                "bare": float(clean.mean()),
                "spoilt": float(dirty.mean()),
                "mended": float(mended.mean()),
                "cost": mean_interval(dirty - clean),
                "gain": mean_interval(mended - dirty),
                "harm": mean_interval(idle - clean),
            }
        )
    return records


def run_cast(n_photos: int, progress: Progress) -> list[dict[str, Any]]:
    """Measure how far colored light moves the color features, in standard deviations over the images."""
    photos = make_lesions(n_photos, random_state=1, **BARE)
    records = []
    for step in progress.track(("none", "`ColorNormalizer()`"), description="cast"):
        rows = []
        for images in (photos.images, [color_light(image) for image in photos.images]):
            lesions = [Lesion(image, mask) for image, mask in zip(images, photos.masks, strict=True)]
            rows.append(ColorFeatures().transform(lesions if step == "none" else ColorNormalizer().transform(lesions)))
        moved = np.abs(rows[1] - rows[0]) / rows[0].std(axis=0)
        records.append({"step": step, "n_features": moved.shape[1], "moved": mean_interval(moved.mean(axis=1))})
    return records


def run_real(photos: Bunch, progress: Progress, description: str) -> list[dict[str, Any]]:
    """Compare the masks of real images with and without hair, as far as the detector tells them apart."""
    reader, remover = ImageReader(), HairRemover()
    pairs = [(image, mask) for image, mask in zip(photos.images, photos.masks, strict=True) if mask is not None]
    rows, pairs_of_scores = [], []
    for image, mask in progress.track(pairs, description=description):
        truth, lesion = read_mask(mask), reader.transform([image])[0]
        start = perf_counter()
        cleaned = remover.transform([lesion])[0]
        rows.append((perf_counter() - start, _hair_fraction(lesion, cleaned)))
        pairs_of_scores.append(
            [
                [mask_jaccard(truth, found) for found in segmenter.predict([lesion, cleaned])]
                for segmenter in SEGMENTERS.values()
            ]
        )
    seconds, share = np.array(rows).T
    scores = np.array(pairs_of_scores)
    groups = {
        "all": share >= 0,
        "no hair found": share == 0,
        "under 1 % hair": (share > 0) & (share < LITTLE_HAIR),
        "1 % hair or more": share >= LITTLE_HAIR,
    }
    return [
        {
            "segmenter": segmenter,
            "images": name,
            "n_photos": int(np.count_nonzero(group)),
            "mean_jaccard": float(before[group].mean()),
            "mean_cleaned": float(after[group].mean()),
            "gain": mean_interval((after - before)[group]),
            "n_moved": int(np.count_nonzero(np.abs(after - before)[group] > MOVED)),
            "n_worse": int(np.count_nonzero((after - before)[group] < -MOVED)),
            "milliseconds": float(np.median(seconds[group]) * 1e3),
        }
        for segmenter, (before, after) in zip(SEGMENTERS, scores.transpose(1, 2, 0), strict=True)
        for name, group in groups.items()
        if group.any()
    ]


def _hair_fraction(lesion: Lesion, cleaned: Lesion) -> float:
    return 0.0 if cleaned is lesion else float(detect_hair(lesion.image).mean())


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = None,
    drawn: Annotated[int, typer.Option(min=2, help="Number of drawn lesions.")] = 300,
    results: ResultsOption = RESULTS,
) -> None:
    """Measure what hair, corners, rulers, stickers, bubbles and light cost, and what the steps against them gain."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    sets.pop(DRAWN, None)  # drawn images have a table of their own
    with progress_bar() as progress:
        records = run_drawn(drawn, (288, 384), progress)
        sections = [Section(f"Drawn: {drawn} lesions, each without and with every artifact", COLUMNS, records)]
        sections += [
            Section("Drawn: color features under the cast, true masks", CAST_COLUMNS, run_cast(drawn, progress))
        ]
        sections += [Section(name, REAL_COLUMNS, run_real(photos, progress, name)) for name, photos in sets.items()]
    intro = [
        "Mean Jaccard index of `WatershedSegmenter` with the true mask. Drawn by `make_lesions` at 384 pixels with "
        "known truth: the same lesions without the artifact, with it, and with it where the step against it comes "
        "before or is switched on. The segmenter is the default but for the step, which is off, and for "
        "`leave_out_artifacts=False` with the hair remover unless it says otherwise. The color cast, red, green and "
        f"blue times {', '.join(map(str, CAST))}, is measured with `channel='auto'`. Brackets: Student's 95 % interval "
        "over images of the paired differences.",
        "Real images are read at 384 pixels and told apart by the share of the image that is found to be hair. Time: "
        "median of the hair remover alone, one thread.",
        *(describe(sets) if sets else []),
    ]
    write_report("artifacts", title="Artifacts", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
