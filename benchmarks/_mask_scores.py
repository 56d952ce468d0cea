"""Score methods that find masks against the true ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.utils import Bunch

from benchmarks._methods import Segmenter
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.metrics import mask_jaccard, mean_interval

THRESHOLD = 0.65  # ISIC 2018: below, a mask would have to be drawn again
CHUNK = 32  # images between two steps of the progress bar


@dataclass(frozen=True)
class MaskedPhotos:
    """The images of a data set that have a true mask."""

    images: list[Any]
    masks: list[Any]
    groups: NDArray[Any]

    @classmethod
    def of(cls, photos: Bunch) -> MaskedPhotos:
        """Leave out the images without a true mask."""
        masks = photos.masks or []
        kept = [position for position, mask in enumerate(masks) if mask is not None]
        groups = np.asarray(photos.groups, dtype=object)
        return cls([photos.images[i] for i in kept], [masks[i] for i in kept], groups[kept])

    def __len__(self) -> int:
        return len(self.images)

    def sample(self, size: int) -> NDArray[np.intp]:
        """Return the positions of images drawn at random, the same in every call."""
        return np.sort(np.random.default_rng([0]).permutation(len(self))[:size])

    def draw_masks(self, count: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of images to learn from, drawn at random, and of those of all other lesions."""
        # A stream of its own: else the first draw would be of the very images in `sample`.
        learned = np.random.default_rng([1, seed]).permutation(len(self))[:count]
        return learned, np.flatnonzero(~np.isin(self.groups, self.groups[learned]))

    @cached_property
    def mask_counts(self) -> list[int]:
        """How many masks are learned from: few and many, never more than half."""
        return sorted({min(count, len(self) // 2) for count in (20, 100)} - {0})


@dataclass(frozen=True)
class Scores:
    """How well one method does on each image; NaN on the images that it was not asked for.

    Parameters
    ----------
    jaccard, seconds : ndarray of shape (n_photos,)
        Jaccard index with the true mask, and time from file to mask.
    empty : ndarray of shape (n_photos,), dtype bool
        Where nothing was found.
    """

    jaccard: NDArray[np.float64]
    seconds: NDArray[np.float64]
    empty: NDArray[np.bool_]

    def record(self, method: str, n_masks: int, reference: Scores | None) -> dict[str, Any]:
        """Return the row of a table; `reference` is what the method is compared to, on the same images."""
        values = self.jaccard[~np.isnan(self.jaccard)]
        return {
            "method": method,
            "n_masks": n_masks,
            "n_photos": len(values),
            "mean_jaccard": mean_interval(values),
            "mean_gain": None if reference is None else mean_interval(self.minus(reference)),
            "median_jaccard": float(np.median(values)),
            "threshold_jaccard": float(np.where(values >= THRESHOLD, values, 0).mean()),
            "share_under": float((values < THRESHOLD).mean()),
            "n_empty": int(self.empty.sum()),
            "milliseconds": float(np.nanmedian(self.seconds) * 1e3),
        }

    def minus(self, reference: Scores) -> NDArray[np.float64]:
        """Return the differences on the images that both were asked for."""
        difference = self.jaccard - reference.jaccard
        return difference[~np.isnan(difference)]


def score_methods(
    methods: Mapping[str, Segmenter],
    photos: MaskedPhotos,
    positions: Mapping[str, Iterable[int]],
    *,
    n_jobs: int = 1,
    progress: Progress,
    description: str,
) -> dict[str, Scores]:
    """Let methods segment images, taking turns on each; `positions` says which images each method is asked for."""
    scores = {
        name: Scores(np.full(len(photos), np.nan), np.full(len(photos), np.nan), np.zeros(len(photos), dtype=bool))
        for name in methods
    }
    asked = {name: set(map(int, positions[name])) for name in methods}
    wanted = sorted(set().union(*asked.values()))
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    jobs = (
        delayed(_score_chunk)(
            methods,
            [(i, photos.images[i], photos.masks[i], [name for name in methods if i in asked[name]]) for i in chunk],
        )
        for chunk in chunks
    )
    results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    for chunk in progress.track(results, total=len(chunks), description=description):
        for name, position, jaccard, seconds, empty in chunk:
            scores[name].jaccard[position] = jaccard
            scores[name].seconds[position] = seconds
            scores[name].empty[position] = empty
    return scores


def _score_chunk(
    methods: Mapping[str, Segmenter], photos: Sequence[tuple[int, Any, Any, list[str]]]
) -> list[tuple[str, int, float, float, bool]]:
    rows = []
    for position, image, mask, names in photos:
        truth = read_mask(mask)
        for name in names:
            start = perf_counter()
            found = methods[name].predict([image])[0]
            seconds = perf_counter() - start
            rows.append((name, position, mask_jaccard(truth, found), seconds, not found.any()))
    return rows
