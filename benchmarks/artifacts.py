"""Artifacts (hair, dark corners, rulers, bubbles, light, frames): loss of accuracy, and gain by the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks._data import describe_sets, load_sets
from benchmarks._frames import FRAME_COLUMNS, FRAME_NOTE, RIM_COLUMNS, RIM_NOTE, run_frames, run_rim
from benchmarks._options import DataOption, MaxImagesOption, ResultsOption
from benchmarks._report import (
    RESULTS,
    SYNTHETIC,
    Section,
    interval,
    number,
    progress_bar,
    text,
    write_report,
)
from benchmarks._timing import time_call
from sklearn_melanoma import Lesion
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import ColorFeatures
from sklearn_melanoma.images import ImageReader, read_mask
from sklearn_melanoma.metrics import mask_jaccard, mean_interval
from sklearn_melanoma.preprocessing import ColorNormalizer, HairRemover, detect_hair
from sklearn_melanoma.segmentation import WatershedSegmenter

# Smallest change of the Jaccard index for which a mask counts as changed.
CHANGED = 0.01

# There is little hair below this fraction of an image.
LITTLE_HAIR = 0.01

WITHOUT_ARTIFACTS = {"hair": 0.0, "vignette": 0.0, "ruler": 0.0}

# Light of a tungsten lamp relative to daylight, as factors of red, green and blue in sRGB.
CAST = np.array([1.0, 0.8, 0.5])

SEGMENTERS = {
    "`leave_out_artifacts=False`": WatershedSegmenter(leave_out_artifacts=False),
    "default": WatershedSegmenter(),
}

INTRO = (
    "Mean Jaccard index of `WatershedSegmenter` with the true mask. The synthetic images of `make_lesions` have 384 "
    "pixels and a known mask. The same lesions are segmented without the artifact, with it, and with it and the step "
    "against it. The step comes before the segmenter or is one of its options. Without the step, that option is off. "
    "The segmenter has `leave_out_artifacts=False` beside the hair remover, unless the table says otherwise; all other "
    "options are the defaults. The color cast multiplies red, green and blue by "
    f"{', '.join(map(str, CAST))} and is segmented with `channel='auto'`. Brackets: Student's 95 % interval over "
    "images of the paired differences.",
    "Real images are read at 384 pixels and grouped by the fraction of the image that is detected as hair. Time: "
    "median of the hair remover alone, one thread.",
)

COLUMNS = {
    "artifact": text("artifact"),
    "step": text("step"),
    "without artifact": number("bare"),
    "with artifact": number("spoilt"),
    "with artifact and step": number("mended"),
    "loss by the artifact (95 %)": interval("cost", "+.3f"),
    "gain by the step (95 %)": interval("gain", "+.3f"),
    "step on images without artifact (95 %)": interval("harm", "+.4f"),
}

CAST_COLUMNS = {
    "step": text("step"),
    "color features": number("n_features", "d"),
    "change by the cast, mean over features, in standard deviations (95 %)": interval("moved", ".2f"),
}

REAL_COLUMNS = {
    "segmenter": text("segmenter"),
    "images": text("images"),
    "number": number("n_images", "d"),
    "mean Jaccard": number("mean_jaccard"),
    "with `HairRemover()`": number("mean_cleaned"),
    "difference (95 %)": interval("gain", "+.4f"),
    f"changed by over {CHANGED:g}": number("n_moved", "d"),
    "of these worse": number("n_worse", "d"),
    "ms per image": number("milliseconds", ".1f"),
}


@dataclass(frozen=True)
class Case:
    """An artifact and the step against it.

    Parameters
    ----------
    artifact : str
        Name of the artifact in the table.
    options : dict
        Arguments of `make_lesions` that draw the artifact.
    step : str
        Name of the step in the table.
    without, with_step : estimator
        Segmenters without and with the step.
    alter : callable
        Further change of the synthetic images.
    """

    artifact: str
    options: dict[str, float]
    step: str
    without: Any
    with_step: Any
    alter: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = lambda image: image


def color_light(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image under the light of a tungsten lamp."""
    return np.rint(image * CAST).astype(np.uint8)


def list_cases() -> list[Case]:
    """Return the artifacts with the steps against them."""
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


def score_images(segmenter: Any, images: Sequence[Any], masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Return the Jaccard index of every image."""
    return np.array(
        [mask_jaccard(mask, segmenter.predict([image])[0]) for image, mask in zip(images, masks, strict=True)]
    )


def run_synthetic(n_images: int, image_size: tuple[int, int], progress: Progress) -> list[dict[str, Any]]:
    """Measure the loss by every artifact and the gain by every step on the same synthetic lesions."""
    common = {"image_size": image_size, "random_state": 1, **WITHOUT_ARTIFACTS}
    bare = make_lesions(n_images, **common)
    records = []
    for case in progress.track(list_cases(), description="synthetic"):
        spoilt = [case.alter(image) for image in make_lesions(n_images, **common | case.options).images]
        clean, dirty, mended, idle = (
            score_images(segmenter, images, bare.masks)
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
                "n_images": n_images,
                "bare": float(clean.mean()),
                "spoilt": float(dirty.mean()),
                "mended": float(mended.mean()),
                "cost": mean_interval(dirty - clean),
                "gain": mean_interval(mended - dirty),
                "harm": mean_interval(idle - clean),
            }
        )
    return records


def run_cast(n_images: int, progress: Progress) -> list[dict[str, Any]]:
    """Measure the change of the color features under colored light, in standard deviations over the images."""
    lesions = make_lesions(n_images, random_state=1, **WITHOUT_ARTIFACTS)
    records = []
    for step in progress.track(("none", "`ColorNormalizer()`"), description="cast"):
        rows = []
        for images in (lesions.images, [color_light(image) for image in lesions.images]):
            masked = [Lesion(image, mask) for image, mask in zip(images, lesions.masks, strict=True)]
            rows.append(ColorFeatures().transform(masked if step == "none" else ColorNormalizer().transform(masked)))
        moved = np.abs(rows[1] - rows[0]) / rows[0].std(axis=0)
        records.append({"step": step, "n_features": moved.shape[1], "moved": mean_interval(moved.mean(axis=1))})
    return records


def run_real(lesions: Bunch, progress: Progress, description: str) -> list[dict[str, Any]]:
    """Compare the masks of real images before and after hair removal, by the fraction of hair."""
    reader, remover = ImageReader(), HairRemover()
    pairs = [(image, mask) for image, mask in zip(lesions.images, lesions.masks, strict=True) if mask is not None]
    rows, scores = [], []
    for image, mask in progress.track(pairs, description=description):
        truth, lesion = read_mask(mask), reader.transform([image])[0]
        (cleaned,), seconds, _ = time_call(remover.transform, [lesion])
        rows.append((seconds, _measure_hair(lesion, cleaned)))
        scores.append(
            [
                [mask_jaccard(truth, found) for found in segmenter.predict([lesion, cleaned])]
                for segmenter in SEGMENTERS.values()
            ]
        )
    seconds, hair = np.array(rows).T
    groups = {
        "all": hair >= 0,
        "no hair found": hair == 0,
        "under 1 % hair": (hair > 0) & (hair < LITTLE_HAIR),
        "1 % hair or more": hair >= LITTLE_HAIR,
    }
    return [
        {
            "segmenter": segmenter,
            "images": name,
            "n_images": int(np.count_nonzero(group)),
            "mean_jaccard": float(before[group].mean()),
            "mean_cleaned": float(after[group].mean()),
            "gain": mean_interval((after - before)[group]),
            "n_moved": int(np.count_nonzero(np.abs(after - before)[group] > CHANGED)),
            "n_worse": int(np.count_nonzero((after - before)[group] < -CHANGED)),
            "milliseconds": float(np.median(seconds[group]) * 1e3),
        }
        for segmenter, (before, after) in zip(SEGMENTERS, np.array(scores).transpose(1, 2, 0), strict=True)
        for name, group in groups.items()
        if group.any()
    ]


def _measure_hair(lesion: Lesion, cleaned: Lesion) -> float:
    """Return the fraction of an image that is detected as hair."""
    return 0.0 if cleaned is lesion else float(detect_hair(lesion.image).mean())


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    synthetic: Annotated[int, typer.Option(min=2, help="Number of synthetic lesions.")] = 300,
    frames: Annotated[int, typer.Option(min=2, help="Number of images of each set that get frames.")] = 100,
    results: ResultsOption = RESULTS,
) -> None:
    """Measure the loss of accuracy by each artifact, and the gain by the step against it."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    sets.pop(SYNTHETIC, None)  # synthetic images have their own table
    with progress_bar() as progress:
        records, cast = run_synthetic(synthetic, (288, 384), progress), run_cast(synthetic, progress)
        sections = [
            Section(f"Synthetic: {synthetic} lesions, each without and with every artifact", COLUMNS, records),
            Section("Synthetic: color features under the cast, true masks", CAST_COLUMNS, cast),
        ]
        sections += [Section(name, REAL_COLUMNS, run_real(lesions, progress, name)) for name, lesions in sets.items()]
        sections += [
            Section(
                f"{name}: uniform frames around {min(frames, sum(mask is not None for mask in lesions.masks))} images",
                FRAME_COLUMNS,
                run_frames(lesions, frames, progress, f"{name}: frames"),
                [FRAME_NOTE],
            )
            for name, lesions in sets.items()
        ]
        sections.append(Section("Black lesion at the rim of a round field of view", RIM_COLUMNS, run_rim(), [RIM_NOTE]))
    intro = [*INTRO, *(describe_sets(sets) if sets else [])]
    write_report("artifacts", title="Artifacts", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
