"""Segmentation learned from the masks of several data sets, on their other lesions and on another data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from benchmarks._cached_segmenter import CachedSegmenter
from benchmarks._data import describe_sets, load_sets
from benchmarks._mask_scores import (
    MELANOMA_COLUMNS,
    THRESHOLD,
    MaskedImages,
    score_positions,
    summarize_melanomas,
)
from benchmarks._options import DataOption, MaxImagesOption, RepeatsOption, ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, interval, number, progress_bar, text, write_report
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.segmentation import (
    CRFRefiner,
    PixelPerceptron,
    WatershedSegmenter,
    load_pretrained_segmenter,
)
from sklearn_melanoma.segmentation._pixel_samples import make_trees

FOLDS = 3
N_OWN = 20  # masks for the threshold, of the new set or of held-out lesions
WATERSHED_WEIGHT = 0.3  # in the average of pooled masks
WATERSHED, TREES, PERCEPTRON = "`WatershedSegmenter()`", "extremely randomized trees", "perceptron"
STYLE = f"perceptron, threshold of {N_OWN} masks of the set"
PRETRAINED = "`load_pretrained_segmenter()`"
PRETRAINED_ON = "isic2017"
REFINED = "the last, `CRFRefiner()`"
METHODS = (WATERSHED, TREES, PERCEPTRON, STYLE, REFINED)

ESTIMATORS = {
    # The default, in two threads.
    TREES: make_trees(0).set_params(n_jobs=2),
    PERCEPTRON: PixelPerceptron(random_state=0),
}

INTRO = (
    "Mean Jaccard index with the true mask, at the image's own size. Brackets: Student's 95 % interval over images. "
    "Differences are paired. *Pooled*: {folds} folds of lesions of all data sets together; each image is segmented by "
    "a model that learned from the other two folds. *Left out*: the model "
    "learned from the other data sets. *A → B*: the model learned from A. *Pretrained*: the model that comes with the "
    "package. It learned from ISIC 2017.",
    "*Trees*, *perceptron*: `PixelClassifierSegmenter(estimator=…)` with its default and with `PixelPerceptron()`, "
    f"blended with `WatershedSegmenter()`, which has a weight of {WATERSHED_WEIGHT}, and with one threshold for all "
    "sets. *Threshold of {n_own} masks*: the perceptron stays as it is, and the threshold is found from {n_own} masks "
    "of the set, whose lesions are then not scored; mean of {repeats} draws of the masks. Here the watershed has a "
    "weight of 1/2.",
)
COLUMNS = {
    "method": text("method"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    f"minus {WATERSHED} (95 %)": interval("gain", "+.3f"),
    "under 0.65": number("fraction_under", ".0%"),
    **MELANOMA_COLUMNS,
}


def fit_segmenter(estimator: BaseEstimator, images: MaskedImages, positions: NDArray[np.intp]) -> Any:
    """Fit a classifier of pixels to some images."""
    prior_masks = WATERSHED_WEIGHT / (1 - WATERSHED_WEIGHT) * len(positions)
    segmenter = CachedSegmenter(estimator=estimator, prior_masks=prior_masks, random_state=0)
    return segmenter.fit([images.images[i] for i in positions], [images.masks[i] for i in positions])


def score(segmenter: Any, images: MaskedImages, positions: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the Jaccard index of some images, NaN for all others."""
    scores = np.full(len(images), np.nan)
    scores[positions] = score_positions(segmenter, images, positions)
    return scores


def score_fitted(
    fitted: Mapping[str, Any], images: MaskedImages, positions: NDArray[np.intp], repeats: int
) -> dict[str, NDArray[np.float64]]:
    """Return the scores on some images of one data set, for fitted segmenters and for the last one's classifier."""
    methods = {WATERSHED: WatershedSegmenter(), **fitted}
    scores = {name: score(segmenter, images, positions) for name, segmenter in methods.items()}
    classifier = FrozenEstimator(list(fitted.values())[-1].estimator_)
    drawn: dict[str, list[NDArray[np.float64]]] = {STYLE: [], REFINED: []}
    for seed in range(repeats):
        own = np.random.default_rng(seed).permutation(positions)[: min(N_OWN, len(positions) // 2)]
        rest = positions[~np.isin(images.groups[positions], images.groups[own])]
        styled = CachedSegmenter(estimator=classifier, prior_masks=N_OWN, random_state=0)
        styled.fit([images.images[i] for i in own], [images.masks[i] for i in own])
        drawn[STYLE].append(score(styled, images, rest))
        drawn[REFINED].append(score(make_pipeline(FrozenEstimator(styled), CRFRefiner()), images, rest))
    for name, parts in drawn.items():
        scores[name] = np.full(len(images), np.nan)
        scores[name][positions] = np.nanmean([part[positions] for part in parts], axis=0)
    return scores


def run_pooled(sets: Mapping[str, MaskedImages], *, repeats: int, progress: Progress) -> list[Section]:
    """Return the tables of models that learn from other lesions of all data sets."""
    pooled = join(list(sets.values()))
    names = np.repeat(list(sets), [len(images) for images in sets.values()])
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0).split(names, groups=pooled.groups)
    scores = {name: {method: np.full(len(pooled), np.nan) for method in METHODS} for name in sets}
    for learned, held_out in progress.track(list(folds), description="pooled"):
        fitted = {name: fit_segmenter(each, pooled, learned) for name, each in ESTIMATORS.items()}
        for name in sets:
            positions = held_out[names[held_out] == name]
            for method, values in score_fitted(fitted, pooled, positions, repeats).items():
                scores[name][method][positions] = values[positions]
    return [make_section(f"{name}: pooled", found, pooled.melanomas) for name, found in scores.items()]


def run_left_out(sets: Mapping[str, MaskedImages], *, repeats: int, progress: Progress) -> list[Section]:
    """Return the tables of models that learn from all other data sets."""
    sections = []
    for name, images in progress.track(list(sets.items()), description="left out"):
        others = join([sets[other] for other in sets if other != name])
        fitted = {PERCEPTRON: fit_segmenter(ESTIMATORS[PERCEPTRON], others, np.arange(len(others)))}
        found = score_fitted(fitted, images, np.arange(len(images)), repeats)
        sections.append(make_section(f"{name}: left out", found, images.melanomas))
    return sections


def run_pairs(sets: Mapping[str, MaskedImages], *, repeats: int, progress: Progress) -> list[Section]:
    """Return the tables of models that learn from one data set, on each other one."""
    sections = []
    for source, learned in progress.track(list(sets.items()), description="from one set to another"):
        fitted = {PERCEPTRON: fit_segmenter(ESTIMATORS[PERCEPTRON], learned, np.arange(len(learned)))}
        for target, images in sets.items():
            if target != source:
                found = score_fitted(fitted, images, np.arange(len(images)), repeats)
                sections.append(make_section(f"{source} → {target}", found, images.melanomas))
    return sections


def run_pretrained(sets: Mapping[str, MaskedImages], *, repeats: int, progress: Progress) -> list[Section]:
    """Return the tables of the pretrained segmenter on the data sets that it did not learn from."""
    sections, segmenter = [], load_pretrained_segmenter()
    unseen = {name: images for name, images in sets.items() if name != PRETRAINED_ON}
    for name, images in progress.track(list(unseen.items()), description="pretrained"):
        found = score_fitted({PRETRAINED: segmenter}, images, np.arange(len(images)), repeats)
        sections.append(make_section(f"{name}: pretrained", found, images.melanomas))
    return sections


def join(sets: Sequence[MaskedImages]) -> MaskedImages:
    """Return the images of several data sets."""
    groups = [[f"{number} {group}" for group in images.groups] for number, images in enumerate(sets)]
    return MaskedImages(
        [image for images in sets for image in images.images],
        [mask for images in sets for mask in images.masks],
        np.concatenate([np.array(each, dtype=object) for each in groups]),
        np.concatenate([images.melanomas for images in sets]),
    )


def make_section(title: str, scores: Mapping[str, NDArray[np.float64]], melanomas: NDArray[np.bool_]) -> Section:
    """Return the table of one data set."""
    records = []
    for method, values in scores.items():
        known = ~np.isnan(values)
        gain = None if method == WATERSHED else mean_interval((values - scores[WATERSHED])[known])
        mean, under = mean_interval(values[known]), float((values[known] < THRESHOLD).mean())
        record = {"method": method, "mean_jaccard": mean, "gain": gain, "fraction_under": under}
        records.append(record | summarize_melanomas(values, melanomas))
    n_images = np.count_nonzero(~np.isnan(scores[WATERSHED]))
    return Section(f"{title} ({n_images} images)", COLUMNS, records)


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    repeats: RepeatsOption = 5,
    results: ResultsOption = RESULTS,
) -> None:
    """Learn from the masks of several data sets."""
    loaded = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    sets = {name: MaskedImages.from_lesions(lesions) for name, lesions in loaded.items()}
    with progress_bar() as progress:
        sections = run_pooled(sets, repeats=repeats, progress=progress)
        if len(sets) > 1:
            sections += run_left_out(sets, repeats=repeats, progress=progress)
            sections += run_pairs(sets, repeats=repeats, progress=progress)
        sections += run_pretrained(sets, repeats=repeats, progress=progress)
    intro = [*fill_in(INTRO, folds=FOLDS, n_own=N_OWN, repeats=repeats), *describe_sets(loaded)]
    write_report("pooled_masks", title="Masks of several data sets", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
