"""Methods that learn from masks, fitted to random masks and scored on the images of all other lesions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks._mask_scores import THRESHOLD, MaskedImages, Scores, score_methods, summarize_melanomas
from benchmarks._methods import MakeLearner
from benchmarks._timing import time_call
from sklearn_melanoma.metrics import mean_interval


@dataclass(frozen=True)
class Learned:
    """Scores of one method, fitted on one draw of masks."""

    method: str
    n_masks: int
    fit_seconds: float
    scores: Scores


def score_learners(
    learners: Mapping[str, MakeLearner],
    images: MaskedImages,
    n_masks: int,
    *,
    repeats: int,
    sample: Mapping[str, NDArray[np.intp]],
    n_jobs: int,
    progress: Progress,
    description: str,
) -> Iterator[Learned]:
    """Fit methods on draws of masks and score them on the images of all other lesions.

    A method in `sample` is scored only on its images there.
    """
    for repeat in range(repeats):
        learned, others = images.draw_masks(n_masks, repeat)
        fitted, seconds = fit_learners(learners, images, learned)
        positions = {name: np.intersect1d(others, sample[name]) if name in sample else others for name in learners}
        label = f"{description}, {n_masks} masks, {repeat + 1} of {repeats}"
        scores = score_methods(fitted, images, positions, n_jobs=n_jobs, progress=progress, description=label)
        for name in learners:
            yield Learned(name, n_masks, seconds[name], scores[name])


def fit_learners(
    learners: Mapping[str, MakeLearner], images: MaskedImages, learned: NDArray[np.intp]
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the methods fitted to the images at some positions, and the seconds for each."""
    sources, masks = [images.images[i] for i in learned], [images.masks[i] for i in learned]
    fitted: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name, make in learners.items():
        fitted[name], seconds[name], _ = time_call(lambda make=make: make(fitted).fit(sources, masks))
    return fitted, seconds


def summarize_learned(runs: Sequence[Learned], references: Mapping[str, Scores | Sequence[Scores]]) -> dict[str, Any]:
    """Return the record of one method and one number of masks.

    Parameters
    ----------
    runs : sequence of Learned
        One for each draw of masks.
    references : dict
        Scores to compare with, by the key of the record: scores of all images, or of each draw.

    Returns
    -------
    dict
        Means over the draws with intervals, and gains over the references.
    """
    means = [float(np.nanmean(run.scores.jaccard)) for run in runs]
    gains = {}
    for key, reference in references.items():
        each = [reference] * len(runs) if isinstance(reference, Scores) else reference
        gains[key] = mean_interval([run.scores.minus(other).mean() for run, other in zip(runs, each, strict=True)])
    under = [np.count_nonzero(run.scores.jaccard < THRESHOLD) / run.scores.n_images for run in runs]
    return {
        "method": runs[0].method,
        "n_masks": runs[0].n_masks,
        "n_images": round(float(np.mean([run.scores.n_images for run in runs]))),
        "mean_jaccard": mean_interval(means),
        **gains,
        "fraction_under": float(np.mean(under)),
        **_average_melanomas(runs),
        "fit_seconds": float(np.median([run.fit_seconds for run in runs])),
    }


def _average_melanomas(runs: Sequence[Learned]) -> dict[str, Any]:
    """Return the entries of a record on melanomas: means over the draws of masks, None if a draw has none to score."""
    draws = [summarize_melanomas(run.scores.jaccard, run.scores.melanomas) for run in runs]
    if any(draw["melanoma_jaccard"] is None for draw in draws):
        return dict.fromkeys(draws[0])
    return {
        "melanoma_jaccard": mean_interval([draw["melanoma_jaccard"].mean for draw in draws]),
        "melanoma_fraction_under": float(np.mean([draw["melanoma_fraction_under"] for draw in draws])),
    }
