"""Fit methods on draws of masks, and score them on the images of all other lesions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from benchmarks._mask_scores import THRESHOLD, MaskedPhotos, Scores, score_methods
from benchmarks._methods import MakeLearner
from sklearn_melanoma.metrics import mean_interval


@dataclass(frozen=True)
class Learned:
    """One method, fitted on one draw of masks."""

    method: str
    n_masks: int
    fit_seconds: float
    scores: Scores


def score_learners(
    learners: Mapping[str, MakeLearner],
    photos: MaskedPhotos,
    n_masks: int,
    *,
    repeats: int,
    sample: Mapping[str, NDArray[np.intp]],
    n_jobs: int,
    progress: Progress,
    description: str,
) -> Iterator[Learned]:
    """Fit methods on draws of masks and score them on the images of all other lesions.

    A method in `sample` is scored on those of its images alone.
    """
    for repeat in range(repeats):
        learned, others = photos.draw_masks(n_masks, repeat)
        fitted, seconds = fit_learners(learners, photos, learned)
        positions = {name: np.intersect1d(others, sample[name]) if name in sample else others for name in learners}
        label = f"{description}, {n_masks} masks, {repeat + 1} of {repeats}"
        scores = score_methods(fitted, photos, positions, n_jobs=n_jobs, progress=progress, description=label)
        for name in learners:
            yield Learned(name, n_masks, seconds[name], scores[name])


def fit_learners(
    learners: Mapping[str, MakeLearner], photos: MaskedPhotos, learned: NDArray[np.intp]
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the methods fitted on some images, each once, and the seconds that each took."""
    images, masks = [photos.images[i] for i in learned], [photos.masks[i] for i in learned]
    fitted: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name, make in learners.items():
        start = perf_counter()
        fitted[name] = make(fitted).fit(images, masks)
        seconds[name] = perf_counter() - start
    return fitted, seconds


def learned_record(runs: Sequence[Learned], references: Mapping[str, Scores | Sequence[Scores]]) -> dict[str, Any]:
    """Return the row of one method and one number of masks.

    Parameters
    ----------
    runs : sequence of Learned
        One for each draw of masks.
    references : dict
        What it is compared to, by the key of the record: scores of all images, or of each draw.
    """
    means = [float(np.nanmean(run.scores.jaccard)) for run in runs]
    gains = {}
    for key, reference in references.items():
        each = [reference] * len(runs) if isinstance(reference, Scores) else reference
        gains[key] = mean_interval([run.scores.minus(other).mean() for run, other in zip(runs, each, strict=True)])
    under = [np.count_nonzero(run.scores.jaccard < THRESHOLD) / _count(run.scores) for run in runs]
    return {
        "method": runs[0].method,
        "n_masks": runs[0].n_masks,
        "n_photos": round(float(np.mean([_count(run.scores) for run in runs]))),
        "mean_jaccard": mean_interval(means),
        **gains,
        "share_under": float(np.mean(under)),
        "fit_seconds": float(np.median([run.fit_seconds for run in runs])),
    }


def _count(scores: Scores) -> int:
    return int(np.count_nonzero(~np.isnan(scores.jaccard)))
