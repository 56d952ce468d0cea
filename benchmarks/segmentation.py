"""Segmentation: Jaccard index and time of our segmenters and of methods of scikit-image and OpenCV."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks._data import describe_sets, load_sets
from benchmarks._mask_learning import Learned, score_learners, summarize_learned
from benchmarks._mask_scores import MELANOMA_COLUMNS, MaskedImages, Scores, score_methods
from benchmarks._methods import LEARNED_VARIANTS, LEARNERS, METHODS, OURS, REFERENCE, SLOW, VARIANTS
from benchmarks._options import DataOption, JobsOption, MaxImagesOption, ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, interval, number, progress_bar, text, write_report

INTRO = (
    "Jaccard index of the mask with the true one, at the image's own size. *First table of each data set*: brackets "
    "are Student's 95 % interval over images. Differences are paired, on the images of the row. Threshold Jaccard: the "
    "mean with every image below 0.65 counted as 0. Time: median from file to mask, one thread; the methods that need "
    "no masks take turns on each image. Masks: number of masks to learn from. Methods that learn are scored on images "
    "of other lesions; this table has their first draw of masks.",
    "*Last table*: paired differences from the default, over images.",
    "Slow methods run on {sample} random images of each data set (column images). The methods of others are in "
    "`_segmenters.py`. They all read the image at 384 pixels (the forest: 192), keep one region by place and size, and "
    "fill its holes.",
)
LEARNED_INTRO = (
    "*Second table*: the methods that learn over {repeats} draws of masks, scored on the images of all other lesions. "
    "Brackets: Student's 95 % interval over the draws."
)
NO_LEARNING = "Methods that learn from masks were left out."

METHOD_COLUMNS = {
    "method": text("method"),
    "masks": number("n_masks", "d"),
    "images": number("n_images", "d"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "minus Otsu on blue (95 %)": interval("mean_gain", "+.3f"),
    "median": number("median_jaccard"),
    "threshold Jaccard": number("threshold_jaccard"),
    "under 0.65": number("fraction_under", ".0%"),
    **MELANOMA_COLUMNS,
    "none found": number("n_empty", "d"),
    "ms per image": number("milliseconds", ".1f"),
}
LEARNED_COLUMNS = {
    "method": text("method"),
    "masks": number("n_masks", "d"),
    "images": number("n_images", "d"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    f"minus {OURS} (95 %)": interval("gain_ours", "+.3f"),
    "minus Otsu on blue (95 %)": interval("gain_reference", "+.3f"),
    "under 0.65": number("fraction_under", ".0%"),
    **MELANOMA_COLUMNS,
    "s to fit": number("fit_seconds", ".1f"),
}
VARIANT_COLUMNS = {
    "variant": text("method"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "minus the default (95 %)": interval("mean_gain", "+.3f"),
    "under 0.65": number("fraction_under", ".0%"),
    **MELANOMA_COLUMNS,
}


def run_set(
    name: str, images: MaskedImages, *, sample_size: int, repeats: int, n_jobs: int, progress: Progress
) -> list[Section]:
    """Return the tables of one data set."""
    sample = dict.fromkeys(SLOW, images.draw_sample(sample_size))
    learned = _score_learners(name, images, sample, repeats=repeats, n_jobs=n_jobs, progress=progress)
    methods = {**METHODS, **VARIANTS}
    positions = {method: sample.get(method, np.arange(len(images))) for method in methods}
    for segmenter in methods.values():
        segmenter.predict(images.images[:1])  # the first call loads modules that are imported late
    scores = score_methods(methods, images, positions, progress=progress, description=name)
    compared = [
        scores[method].summarize(method, 0, None if method == REFERENCE else scores[REFERENCE]) for method in METHODS
    ]
    compared += [
        learned[method, n_masks][0].scores.summarize(method, n_masks, scores[REFERENCE])
        for method in LEARNERS
        for n_masks in images.mask_counts
        if repeats
    ]
    varied = [
        scores[method].summarize(method, 0, None if method == OURS else scores[OURS]) for method in (OURS, *VARIANTS)
    ]
    return [
        Section(f"{name}: {len(images)} images with a true mask", METHOD_COLUMNS, compared),
        *([_make_learned_section(name, learned, images.mask_counts, scores)] if repeats else []),
        Section(f"{name}: {OURS}, one part off at a time", VARIANT_COLUMNS, varied),
        *(_make_variant_sections(name, learned, images.mask_counts[-1]) if repeats else []),
    ]


def _score_learners(
    name: str,
    images: MaskedImages,
    sample: dict[str, NDArray[np.intp]],
    *,
    repeats: int,
    n_jobs: int,
    progress: Progress,
) -> dict[tuple[str, int], list[Learned]]:
    """Return the scores of the fitted methods by method and number of masks, one for each draw.

    Variants are fitted on the largest number of masks only.
    """
    runs = defaultdict(list)
    for n_masks in images.mask_counts:
        learners = dict(LEARNERS)
        if n_masks == images.mask_counts[-1]:
            for variants in LEARNED_VARIANTS.values():
                learners.update(variants)
        for run in score_learners(
            learners,
            images,
            n_masks,
            repeats=repeats,
            sample=sample,
            n_jobs=n_jobs,
            progress=progress,
            description=name,
        ):
            runs[run.method, n_masks].append(run)
    return runs


def _make_learned_section(
    name: str, learned: dict[tuple[str, int], list[Learned]], mask_counts: list[int], scores: dict[str, Scores]
) -> Section:
    references = {"gain_ours": scores[OURS], "gain_reference": scores[REFERENCE]}
    records = [
        summarize_learned(learned[method, n_masks], references) for method in LEARNERS for n_masks in mask_counts
    ]
    return Section(f"{name}: methods that learn from masks", LEARNED_COLUMNS, records)


def _make_variant_sections(name: str, learned: dict[tuple[str, int], list[Learned]], n_masks: int) -> list[Section]:
    sections = []
    for default, variants in LEARNED_VARIANTS.items():
        reference = [run.scores for run in learned[default, n_masks]]
        records = [summarize_learned(learned[default, n_masks], {}) | {"mean_gain": None}]
        records += [summarize_learned(learned[variant, n_masks], {"mean_gain": reference}) for variant in variants]
        title = f"{name}: {default} from {n_masks} masks, one part off at a time"
        sections.append(Section(title, VARIANT_COLUMNS, records))
    return sections


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    sample: Annotated[int, typer.Option(min=2, help="Number of images of each data set for slow methods.")] = 150,
    repeats: Annotated[int, typer.Option(min=0, help="Number of draws of masks; 0 skips the methods that learn.")] = 5,
    n_jobs: JobsOption = 1,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare predicted masks with masks of experts."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    sections = []
    with progress_bar() as progress:
        for name, lesions in sets.items():
            masked = MaskedImages.from_lesions(lesions)
            sections += run_set(name, masked, sample_size=sample, repeats=repeats, n_jobs=n_jobs, progress=progress)
    first, *others = fill_in(INTRO, sample=sample)
    learning = LEARNED_INTRO.format(repeats=repeats) if repeats else NO_LEARNING
    write_report(
        "segmentation",
        title="Segmentation",
        intro=[first, learning, *others, *describe_sets(sets)],
        sections=sections,
        folder=results,
        packages=("opencv-python-headless",),
    )


if __name__ == "__main__":
    typer.run(main)
