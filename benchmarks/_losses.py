"""What is lost where: the Jaccard index that masks miss, by kind of error, and the worst images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma.metrics import mask_jaccard, mean_interval

KINDS = ("none found", "wrong place", "too small", "too large")
BANDS = (0.0, 0.5, 0.65, 0.8, 1.0)
WRONG_PLACE = 0.2  # share of the smaller mask that lies in the other

NOT_LOOKED_AT = "not looked at"


@dataclass(frozen=True)
class Judged:
    """How the mask of one image misses the true one.

    Parameters
    ----------
    position : int
        Which image.
    image : str
        Its name.
    jaccard : float
        Jaccard index.
    kind : str
        One of `KINDS`.
    on_frame : bool
        Whether the true lesion touches the frame of the image.
    """

    position: int
    photo: str
    jaccard: float
    kind: str
    on_frame: bool

    @property
    def loss(self) -> float:
        """What is missing from a perfect mask."""
        return 1 - self.jaccard


def judge(position: int, photo: str, truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> Judged:
    """Compare the found mask of an image with the true one."""
    frame = (truth[0], truth[-1], truth[:, 0], truth[:, -1])
    return Judged(position, photo, mask_jaccard(truth, found), kind_of_error(truth, found), any(map(np.any, frame)))


def kind_of_error(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> str:
    """Return which of `KINDS` most of the error is."""
    n_true, n_found, n_both = (int(np.count_nonzero(mask)) for mask in (truth, found, truth & found))
    if n_found == 0:
        return "none found"
    # Of the smaller of the two: a core found well inside a large lesion is in the right place, but too small.
    if n_both < WRONG_PLACE * min(n_true, n_found):
        return "wrong place"
    return "too small" if n_true > n_found else "too large"


def by_band(photos: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return how many images lie in each band of the Jaccard index, and what share of the loss is theirs, by kind."""
    total = _loss(photos)
    bands = {
        f"{low:g} to {high:g}": [
            photo for photo in photos if low <= photo.jaccard and (photo.jaccard < high or high == 1)
        ]
        for low, high in pairwise(BANDS)
    }
    return [
        {
            "band": band,
            "n_photos": len(members),
            "share_of_photos": len(members) / len(photos),
            "share_of_loss": _loss(members) / total,
            **{kind: _loss([photo for photo in members if photo.kind == kind]) / total for kind in KINDS},
        }
        for band, members in {**bands, "all": list(photos)}.items()
    ]


def by_frame(photos: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return how images fare whose lesion touches the frame, and the others."""
    sides = {
        "touches the frame": [photo for photo in photos if photo.on_frame],
        "lies inside": [photo for photo in photos if not photo.on_frame],
    }
    return [
        {
            "truth": side,
            "n_photos": len(members),
            "share_of_photos": len(members) / len(photos),
            "mean_jaccard": mean_interval([photo.jaccard for photo in members]) if members else None,
            "share_of_loss": _loss(members) / _loss(photos),
        }
        for side, members in sides.items()
    ]


def by_cause(worst: Sequence[Judged], cause_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return how many of the worst images have each cause, and what share of their loss is theirs."""
    causes: dict[str, list[Judged]] = {}
    for photo in worst:
        causes.setdefault(cause_of(photo.photo), []).append(photo)
    records = [
        {"cause": cause, "n_photos": len(members), "share_of_loss": _loss(members) / _loss(worst)}
        for cause, members in causes.items()
    ]
    return sorted(records, key=lambda record: (record["cause"] == NOT_LOOKED_AT, -record["share_of_loss"]))


def worst_fraction(worst: Sequence[Judged], photos: Sequence[Judged]) -> float:
    """Return the share of the whole loss that the worst images have."""
    return _loss(worst) / _loss(photos)


def _loss(photos: Sequence[Judged]) -> float:
    return sum(photo.loss for photo in photos)
