"""Errors of masks: the loss of Jaccard index by kind of error, by position and by cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._mask_scores import THRESHOLD
from sklearn_melanoma.metrics import mask_jaccard, mean_interval

KINDS = ("none found", "wrong place", "too small", "too large")
BANDS = (0.0, 0.5, THRESHOLD, 0.8, 1.0)
WRONG_PLACE = 0.2  # the position is wrong below this fraction of the smaller mask that is in the other mask

NOT_INSPECTED = "not inspected"


@dataclass(frozen=True)
class MaskError:
    """Difference between the found and the true mask of one image.

    Parameters
    ----------
    position : int
        Position of the image in the data set.
    image : str
        Name of the image.
    jaccard : float
        Jaccard index.
    kind : str
        One of `KINDS`.
    on_frame : bool
        Whether the true lesion touches the frame of the image.
    melanoma : bool
        Whether the lesion is known to be a melanoma.
    """

    position: int
    image: str
    jaccard: float
    kind: str
    on_frame: bool
    melanoma: bool

    @property
    def loss(self) -> float:
        """Difference between 1 and the Jaccard index."""
        return 1 - self.jaccard


def compare_masks(
    position: int, image: str, truth: NDArray[np.bool_], found: NDArray[np.bool_], *, melanoma: bool
) -> MaskError:
    """Compare the predicted mask of an image with the true one."""
    frame = (truth[0], truth[-1], truth[:, 0], truth[:, -1])
    kind = classify_error(truth, found)
    return MaskError(position, image, mask_jaccard(truth, found), kind, any(map(np.any, frame)), melanoma)


def classify_error(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> str:
    """Return the kind of the largest part of the error, one of `KINDS`."""
    n_true, n_found, n_both = (int(np.count_nonzero(mask)) for mask in (truth, found, truth & found))
    if n_found == 0:
        return "none found"
    # The fraction refers to the smaller mask: a core inside a large lesion is at the right position, but too small.
    if n_both < WRONG_PLACE * min(n_true, n_found):
        return "wrong place"
    return "too small" if n_true > n_found else "too large"


def sum_by_band(errors: Sequence[MaskError]) -> list[dict[str, Any]]:
    """Return the fractions of images and of the loss in each band of the Jaccard index, by kind of error."""
    total = _sum_losses(errors)
    bands = {
        f"{low:g} to {high:g}": [
            error for error in errors if low <= error.jaccard and (error.jaccard < high or high == 1)
        ]
        for low, high in pairwise(BANDS)
    }
    return [
        {
            "band": band,
            "n_images": len(members),
            "fraction_of_images": len(members) / len(errors),
            "fraction_of_loss": compute_loss_fraction(members, errors),
            **{kind: _sum_losses([error for error in members if error.kind == kind]) / total for kind in KINDS},
        }
        for band, members in {**bands, "all": list(errors)}.items()
    ]


def sum_by_frame(errors: Sequence[MaskError]) -> list[dict[str, Any]]:
    """Return the accuracy on lesions that touch the frame, and on the others."""
    return _sum_in_two(errors, [error.on_frame for error in errors], ("touches the frame", "lies inside"))


def sum_by_diagnosis(errors: Sequence[MaskError]) -> list[dict[str, Any]]:
    """Return the accuracy on melanomas, and on the others."""
    return _sum_in_two(errors, [error.melanoma for error in errors], ("melanoma", "other or unknown"))


def sum_by_cause(worst: Sequence[MaskError], find_cause: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return the number of the worst images with each cause, and the fraction of their loss."""
    causes: dict[str, list[MaskError]] = {}
    for error in worst:
        causes.setdefault(find_cause(error.image), []).append(error)
    records = [
        {"cause": cause, "n_images": len(members), "fraction_of_loss": compute_loss_fraction(members, worst)}
        for cause, members in causes.items()
    ]
    return sorted(records, key=lambda record: (record["cause"] == NOT_INSPECTED, -record["fraction_of_loss"]))


def compute_loss_fraction(part: Sequence[MaskError], errors: Sequence[MaskError]) -> float:
    """Return the fraction of the loss for a part of the images."""
    return _sum_losses(part) / _sum_losses(errors)


def _sum_in_two(errors: Sequence[MaskError], first: Sequence[bool], names: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the accuracy on the images of the first part, and on the others."""
    parts = [[error for error, one in zip(errors, first, strict=True) if one == wanted] for wanted in (True, False)]
    return [
        {
            "truth": name,
            "n_images": len(members),
            "fraction_of_images": len(members) / len(errors),
            "mean_jaccard": mean_interval([error.jaccard for error in members]) if members else None,
            "fraction_under": np.mean([error.jaccard < THRESHOLD for error in members]) if members else None,
            "fraction_of_loss": compute_loss_fraction(members, errors),
        }
        for name, members in zip(names, parts, strict=True)
    ]


def _sum_losses(errors: Sequence[MaskError]) -> float:
    return sum(error.loss for error in errors)
