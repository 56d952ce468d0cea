"""Where is the lesion: Jaccard index and time of the segmenters beside what scikit-image and OpenCV offer."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks._data import describe, load_sets
from benchmarks._mask_learning import Learned, learned_record, score_learners
from benchmarks._mask_scores import MaskedPhotos, Scores, score_methods
from benchmarks._methods import LEARNED_VARIANTS, LEARNERS, METHODS, OURS, REFERENCE, SLOW, VARIANTS
from benchmarks._options import DataOption, MaxPhotosOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report

METHOD_COLUMNS = {
    "method": text("method"),
    "masks": number("n_masks", "d"),
    "images": number("n_photos", "d"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "minus Otsu on blue (95 %)": interval("mean_gain", "+.3f"),
    "median": number("median_jaccard"),
    "threshold Jaccard": number("threshold_jaccard"),
    "under 0.65": number("share_under", ".0%"),
    "none found": number("n_empty", "d"),
    "ms per image": number("milliseconds", ".1f"),
}
LEARNED_COLUMNS = {
    "method": text("method"),
    "masks": number("n_masks", "d"),
    "images": number("n_photos", "d"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    f"minus {OURS} (95 %)": interval("gain_ours", "+.3f"),
    "minus Otsu on blue (95 %)": interval("gain_reference", "+.3f"),
    "under 0.65": number("share_under", ".0%"),
    "s to fit": number("fit_seconds", ".1f"),
}
VARIANT_COLUMNS = {
    "variant": text("method"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "minus the default (95 %)": interval("mean_gain", "+.3f"),
    "under 0.65": number("share_under", ".0%"),
}


def run_set(
    name: str, photos: MaskedPhotos, *, sample_size: int, repeats: int, n_jobs: int, progress: Progress
) -> list[Section]:
    """Return the tables of one data set."""
    sample = dict.fromkeys(SLOW, photos.sample(sample_size))
    learned = _learn(name, photos, sample, repeats=repeats, n_jobs=n_jobs, progress=progress)
    methods = {**METHODS, **VARIANTS}
    positions = {method: sample.get(method, np.arange(len(photos))) for method in methods}
    for segmenter in methods.values():
        segmenter.predict(photos.images[:1])  # the first call loads what is imported late
    scores = score_methods(methods, photos, positions, progress=progress, description=name)
    compared = [
        scores[method].record(method, 0, None if method == REFERENCE else scores[REFERENCE]) for method in METHODS
    ]
    compared += [
        learned[method, n_masks][0].scores.record(method, n_masks, scores[REFERENCE])
        for method in LEARNERS
        for n_masks in photos.mask_counts
        if repeats
    ]
    varied = [
        scores[method].record(method, 0, None if method == OURS else scores[OURS]) for method in (OURS, *VARIANTS)
    ]
    return [
        Section(f"{name}: {len(photos)} images with a true mask", METHOD_COLUMNS, compared),
        *([_learned_section(name, learned, photos.mask_counts, scores)] if repeats else []),
        Section(f"{name}: {OURS}, one part off at a time", VARIANT_COLUMNS, varied),
        *(_learned_variants(name, learned, photos.mask_counts[-1]) if repeats else []),
    ]


def _learn(
    name: str,
    photos: MaskedPhotos,
    sample: dict[str, NDArray[np.intp]],
    *,
    repeats: int,
    n_jobs: int,
    progress: Progress,
) -> dict[tuple[str, int], list[Learned]]:
    """Return the fitted methods' scores by method and number of masks, one for each draw; variants at most masks."""
    runs = defaultdict(list)
    for n_masks in photos.mask_counts:
        learners = dict(LEARNERS)
        if n_masks == photos.mask_counts[-1]:
            for variants in LEARNED_VARIANTS.values():
                learners.update(variants)
        for run in score_learners(
            learners,
            photos,
            n_masks,
            repeats=repeats,
            sample=sample,
            n_jobs=n_jobs,
            progress=progress,
            description=name,
        ):
            runs[run.method, n_masks].append(run)
    return runs


def _learned_section(
    name: str, learned: dict[tuple[str, int], list[Learned]], mask_counts: list[int], scores: dict[str, Scores]
) -> Section:
    references = {"gain_ours": scores[OURS], "gain_reference": scores[REFERENCE]}
    records = [learned_record(learned[method, n_masks], references) for method in LEARNERS for n_masks in mask_counts]
    return Section(f"{name}: methods that learn from masks", LEARNED_COLUMNS, records)


def _learned_variants(name: str, learned: dict[tuple[str, int], list[Learned]], n_masks: int) -> list[Section]:
    sections = []
    for default, variants in LEARNED_VARIANTS.items():
        reference = [run.scores for run in learned[default, n_masks]]
        records = [learned_record(learned[default, n_masks], {}) | {"mean_gain": None}]
        records += [learned_record(learned[variant, n_masks], {"mean_gain": reference}) for variant in variants]
        title = f"{name}: {default} from {n_masks} masks, one part off at a time"
        sections.append(Section(title, VARIANT_COLUMNS, records))
    return sections


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = None,
    sample: Annotated[int, typer.Option(min=2, help="Number of images of each set that slow methods run on.")] = 150,
    repeats: Annotated[
        int, typer.Option(min=0, help="Number of draws of masks; 0 leaves out what learns from them.")
    ] = 5,
    n_jobs: Annotated[int, typer.Option(help="Number of processes that score the methods that learn.")] = 1,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare found masks with those that experts drew."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    sections = []
    with progress_bar() as progress:
        for name, photos in sets.items():
            masked = MaskedPhotos.of(photos)
            sections += run_set(name, masked, sample_size=sample, repeats=repeats, n_jobs=n_jobs, progress=progress)
    intro = [
        "Jaccard index of the mask at the image's own size with the true one. *First table of each set*: brackets are "
        "Student's 95 % interval over images; the differences are paired, on the images of the row. Threshold Jaccard: "
        "the mean with every image below 0.65 counted as 0. Time: median from file to mask, one thread, the methods "
        "that need no masks in turn on each image. Masks: how many the method learned from; those that learn are "
        "scored on images of other lesions, and stand here with the first draw of masks.",
        f"*Second table*: the same methods over {repeats} draws of masks, scored on the images of all other lesions; "
        "brackets are Student's 95 % interval over the draws."
        if repeats
        else "Methods that learn from masks were left out.",
        "*Last table*: paired differences to the default, over images.",
        f"Slow methods run on {sample} images of each set, drawn at random (column images). What is not ours is "
        "in `_segmenters.py`: the image at 384 pixels (the forest: 192), one region kept by place and size, "
        "holes filled, the same for all.",
        *describe(sets),
    ]
    write_report(
        "segmentation",
        title="Segmentation",
        intro=intro,
        sections=sections,
        folder=results,
        packages=("opencv-python-headless",),
    )


if __name__ == "__main__":
    typer.run(main)
