"""Damaged masks: detection, and learning from all masks, without suspect masks, or from corrected masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks._cached_segmenter import CachedSegmenter
from benchmarks._damage import KINDS, damage_masks
from benchmarks._data import describe_sets, load_sets
from benchmarks._mask_scores import MaskedImages, score_positions
from benchmarks._options import DataOption, MaxImagesOption, RepeatsOption, ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, interval, number, progress_bar, text, write_report
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.metrics import mask_jaccard, mask_scores, mean_interval
from sklearn_melanoma.model_selection import find_suspect_masks

FRACTIONS = (0.0, 0.25, 0.5)
N_MASKS, N_SCORED = 100, 100
AS_GIVEN, WITHOUT, CORRECTED, TRUE = "as given", "without suspect ones", "corrected", "true masks"

INTRO = (
    "Some of {n_masks} random masks (PH²: two thirds of its images) are damaged: the border is moved by 10 to 20 % of "
    "the root of the area, the mask is a rough ellipse, it is shifted by 20 to 40 %, or it is that of another lesion. "
    "Each kind is a quarter. *Suspect masks*: `find_suspect_masks(images, masks, groups=lesions)`. Precision: fraction "
    "of the suspect masks that are damaged. Recall: fraction of the damaged masks that are suspect.",
    "*Learning*: `PixelClassifierSegmenter()` learns from the masks as given; from those that are not suspect; from "
    "masks of which the suspect ones are replaced by the proposed ones, as `MaskCorrectingSegmenter` does; and from "
    "true masks. Mean Jaccard index on at most {n_scored} images of other lesions.",
    "Brackets: Student's 95 % interval over {repeats} draws of masks and damage. Differences are paired.",
)
SUSPECT_COLUMNS = {
    "damaged": number("fraction", ".0%"),
    "suspect": number("suspect", ".0%"),
    "precision (95 %)": interval("precision", ".2f"),
    "recall (95 %)": interval("recall", ".2f"),
    **{f"recall: {kind}": number(kind, ".2f") for kind in KINDS},
    "Jaccard of the masks": number("before"),
    "after correction": number("after"),
}
LEARNED_COLUMNS = {
    "damaged": number("fraction", ".0%"),
    "learned from": text("masks"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    f"minus {AS_GIVEN} (95 %)": interval("gain", "+.3f"),
}


def run_set(name: str, images: MaskedImages, *, repeats: int, progress: Progress) -> list[Section]:
    """Return the tables of one data set."""
    n_masks = min(N_MASKS, 2 * len(images) // 3)
    found, learned = [], []
    for fraction in FRACTIONS:
        description = f"{name}, {fraction:.0%} damaged"
        draws = [
            run_draw(images, n_masks, fraction, seed)
            for seed in progress.track(range(repeats), description=description)
        ]
        found.append({"fraction": fraction} | summarize_suspects([suspects for suspects, _ in draws]))
        given = np.array([scores[AS_GIVEN] for _, scores in draws])
        for method in draws[0][1]:
            values = np.array([scores[method] for _, scores in draws])
            gain = None if method == AS_GIVEN else mean_interval(values - given)
            learned.append({"fraction": fraction, "masks": method, "mean_jaccard": mean_interval(values), "gain": gain})
    return [
        Section(f"{name}: suspect masks among {n_masks}", SUSPECT_COLUMNS, found),
        Section(f"{name}: learning from {n_masks} masks", LEARNED_COLUMNS, learned),
    ]


def run_draw(images: MaskedImages, n_masks: int, fraction: float, seed: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the suspects among one draw of damaged masks, and the scores of segmenters that learn from the masks."""
    learned, others = images.draw_masks(n_masks, seed)
    scored = np.random.default_rng(seed).permutation(others)[:N_SCORED]
    sources, groups = [images.images[i] for i in learned], images.groups[learned]
    true = [read_mask(images.masks[i]) for i in learned]
    given, kinds = damage_masks(true, fraction, seed)
    table = find_suspect_masks(sources, given, groups=groups, random_state=seed)
    suspect = table["suspect"].to_numpy()
    corrected = [mask if one is None else one for mask, one in zip(given, table["proposed"], strict=True)]
    without = [None if bad else mask for mask, bad in zip(given, suspect, strict=True)]
    sets_of_masks = {AS_GIVEN: given, WITHOUT: without, CORRECTED: corrected} | ({TRUE: true} if fraction else {})
    scores = {
        name: float(score_positions(CachedSegmenter(random_state=seed).fit(sources, masks), images, scored).mean())
        for name, masks in sets_of_masks.items()
    }
    return describe_suspects(suspect, kinds, true, given, corrected), scores


def describe_suspects(
    suspect: NDArray[np.bool_], kinds: NDArray[np.object_], true: list[Any], given: list[Any], corrected: list[Any]
) -> dict[str, Any]:
    """Return the number of damaged masks that are suspect, and the quality of the masks before and after correction."""
    damaged = kinds != ""
    return {
        "suspect": suspect.mean(),
        "precision": damaged[suspect].mean() if suspect.any() else np.nan,
        "recall": suspect[damaged].mean() if damaged.any() else np.nan,
        **{kind: suspect[kinds == kind].mean() if damaged.any() else np.nan for kind in KINDS},
        "before": np.mean(mask_scores(true, given, mask_jaccard)),
        "after": np.mean(mask_scores(true, corrected, mask_jaccard)),
    }


def summarize_suspects(draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Return means over the draws, with intervals of precision and recall; None without damage."""
    values = {key: np.array([draw[key] for draw in draws]) for key in draws[0]}
    means = {key: None if np.isnan(each).any() else float(each.mean()) for key, each in values.items()}
    intervals = {
        key: None if means[key] is None else mean_interval(values[key].tolist()) for key in ("precision", "recall")
    }
    return means | intervals


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    repeats: RepeatsOption = 5,
    results: ResultsOption = RESULTS,
) -> None:
    """Find damaged masks, and learn from them."""
    loaded = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    sections = []
    with progress_bar() as progress:
        for name, lesions in loaded.items():
            sections += run_set(name, MaskedImages.from_lesions(lesions), repeats=repeats, progress=progress)
    intro = [*fill_in(INTRO, n_masks=N_MASKS, n_scored=N_SCORED, repeats=repeats), *describe_sets(loaded)]
    write_report("damaged_masks", title="Damaged masks", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
