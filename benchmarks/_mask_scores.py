"""Scores of segmenters: Jaccard index with the true masks, and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.utils import Bunch

from benchmarks._methods import Segmenter
from benchmarks._parallel import call_in_parallel
from benchmarks._report import interval, number
from benchmarks._timing import time_call
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.metrics import mask_jaccard, mask_scores, mean_interval

THRESHOLD = 0.65  # limit of ISIC 2018, below which a mask would have to be drawn again
CHUNK = 32  # images between two steps of the progress bar

# Most images show nevi, so melanomas have their own columns.
MELANOMA_COLUMNS = {
    "melanomas: mean Jaccard (95 %)": interval("melanoma_jaccard"),
    "melanomas: under 0.65": number("melanoma_fraction_under", ".0%"),
}


@dataclass(frozen=True)
class MaskedImages:
    """The images of a data set that have a true mask, and whether they are known to show a melanoma."""

    images: list[Any]
    masks: list[Any]
    groups: NDArray[Any]
    melanomas: NDArray[np.bool_]

    @classmethod
    def from_lesions(cls, lesions: Bunch) -> MaskedImages:
        """Leave out the images without a true mask."""
        masks = lesions.masks or []
        kept = [position for position, mask in enumerate(masks) if mask is not None]
        groups = np.asarray(lesions.groups, dtype=object)
        melanomas = np.asarray(lesions.target) == 1
        return cls([lesions.images[i] for i in kept], [masks[i] for i in kept], groups[kept], melanomas[kept])

    def __len__(self) -> int:
        return len(self.images)

    def draw_sample(self, size: int) -> NDArray[np.intp]:
        """Return the positions of some random images, the same in every call."""
        return np.sort(np.random.default_rng([0]).permutation(len(self))[:size])

    def draw_masks(self, count: int, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of some random images to learn from, and of the images of all other lesions."""
        # With the seed of `draw_sample`, the first draw would be the same images.
        learned = np.random.default_rng([1, seed]).permutation(len(self))[:count]
        return learned, np.flatnonzero(~np.isin(self.groups, self.groups[learned]))

    @cached_property
    def mask_counts(self) -> list[int]:
        """Numbers of masks to learn from: few and many, at most half of the images."""
        return sorted({min(count, len(self) // 2) for count in (20, 100)} - {0})


@dataclass(frozen=True)
class Scores:
    """Scores of one method on each image; NaN for images that it did not segment.

    Parameters
    ----------
    jaccard, seconds : ndarray of shape (n_images,)
        Jaccard index with the true mask, and time from file to mask.
    empty : ndarray of shape (n_images,), dtype bool
        True where no lesion was found.
    melanomas : ndarray of shape (n_images,), dtype bool
        True on melanomas.
    """

    jaccard: NDArray[np.float64]
    seconds: NDArray[np.float64]
    empty: NDArray[np.bool_]
    melanomas: NDArray[np.bool_]

    @property
    def n_images(self) -> int:
        """Number of images that the method segmented."""
        return int(np.count_nonzero(~np.isnan(self.jaccard)))

    def summarize(self, method: str, n_masks: int, reference: Scores | None) -> dict[str, Any]:
        """Return the record of a method, with its gain over a reference on the same images."""
        values = self.jaccard[~np.isnan(self.jaccard)]
        return {
            "method": method,
            "n_masks": n_masks,
            "n_images": len(values),
            "mean_jaccard": mean_interval(values),
            "mean_gain": None if reference is None else mean_interval(self.minus(reference)),
            "median_jaccard": float(np.median(values)),
            "threshold_jaccard": float(np.where(values >= THRESHOLD, values, 0).mean()),
            "fraction_under": float((values < THRESHOLD).mean()),
            **summarize_melanomas(self.jaccard, self.melanomas),
            "n_empty": int(self.empty.sum()),
            "milliseconds": float(np.nanmedian(self.seconds) * 1e3),
        }

    def minus(self, reference: Scores) -> NDArray[np.float64]:
        """Return the differences on the images that both methods segmented."""
        difference = self.jaccard - reference.jaccard
        return difference[~np.isnan(difference)]


def summarize_melanomas(jaccard: NDArray[np.float64], melanomas: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the entries of a record on the scored melanomas only; None if there are none."""
    values = jaccard[melanomas & ~np.isnan(jaccard)]
    if not len(values):
        return {"melanoma_jaccard": None, "melanoma_fraction_under": None}
    return {
        "melanoma_jaccard": mean_interval(values),
        "melanoma_fraction_under": float((values < THRESHOLD).mean()),
    }


def score_positions(segmenter: Segmenter, images: MaskedImages, positions: Iterable[int]) -> NDArray[np.float64]:
    """Return the Jaccard index of the images at some positions."""
    chosen = list(positions)
    found = segmenter.predict([images.images[i] for i in chosen])
    return np.asarray(mask_scores([images.masks[i] for i in chosen], found, mask_jaccard))


def score_methods(
    methods: Mapping[str, Segmenter],
    images: MaskedImages,
    positions: Mapping[str, Iterable[int]],
    *,
    n_jobs: int = 1,
    progress: Progress,
    description: str,
) -> dict[str, Scores]:
    """Score methods on the images at the positions given for each. They take turns on each image."""
    n_images = len(images)
    scores = {
        name: Scores(
            np.full(n_images, np.nan), np.full(n_images, np.nan), np.zeros(n_images, dtype=bool), images.melanomas
        )
        for name in methods
    }
    asked = {name: set(map(int, positions[name])) for name in methods}
    wanted = sorted(set().union(*asked.values()))
    tasks = [(i, images.images[i], images.masks[i], [name for name in methods if i in asked[name]]) for i in wanted]
    chunks = [(methods, tasks[start : start + CHUNK]) for start in range(0, len(tasks), CHUNK)]
    for rows in call_in_parallel(_score_chunk, chunks, n_jobs=n_jobs, progress=progress, description=description):
        for name, position, jaccard, seconds, empty in rows:
            scores[name].jaccard[position] = jaccard
            scores[name].seconds[position] = seconds
            scores[name].empty[position] = empty
    return scores


def _score_chunk(
    methods: Mapping[str, Segmenter], tasks: Sequence[tuple[int, Any, Any, list[str]]]
) -> list[tuple[str, int, float, float, bool]]:
    rows = []
    for position, image, mask, names in tasks:
        truth = read_mask(mask)
        for name in names:
            (found,), seconds, _ = time_call(methods[name].predict, [image])
            rows.append((name, position, mask_jaccard(truth, found), seconds, not found.any()))
    return rows
