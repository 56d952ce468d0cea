"""Damage of masks, as by volunteers, programs and mixed-up files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from benchmarks._data import resize_mask

Mask = NDArray[np.bool_]

KINDS = ("border", "ellipse", "shift", "other lesion")


def damage_masks(masks: Sequence[Mask], fraction: float, seed: int) -> tuple[list[Mask], NDArray[np.object_]]:
    """Damage a fraction of masks, with each kind in turn.

    Parameters
    ----------
    masks : sequence of ndarray of shape (height, width), dtype bool
        True masks.
    fraction : float
        Fraction of masks to damage.
    seed : int
        Seed of the choice of masks and of the amount of damage.

    Returns
    -------
    masks : list of ndarray
        The masks, some damaged.
    kinds : ndarray of shape (n_masks,), dtype object
        One of `KINDS`, or "" for unchanged masks.
    """
    rng = np.random.default_rng(seed)
    damaged, kinds = list(masks), np.full(len(masks), "", dtype=object)
    for order, position in enumerate(rng.permutation(len(masks))[: round(fraction * len(masks))]):
        mask, kind = masks[position], KINDS[order % len(KINDS)]
        if kind == "border":
            changed = _move_border(mask, rng)
        elif kind == "ellipse":
            changed = _draw_ellipse(mask, rng)
        elif kind == "shift":
            changed = _shift(mask, rng)
        else:
            other = masks[(position + 1 + rng.integers(len(masks) - 1)) % len(masks)]
            changed = resize_mask(other, mask.shape)
        damaged[position], kinds[position] = changed, kind
    return damaged, kinds


def _move_border(mask: Mask, rng: np.random.Generator) -> Mask:
    """Move the border outwards or inwards by 10 to 20 % of the root of the area."""
    distance = ndi.distance_transform_edt(mask) - ndi.distance_transform_edt(~mask)
    step = rng.uniform(0.1, 0.2) * np.sqrt(mask.sum())
    tight = distance > step
    return tight if rng.random() < 0.5 and tight.any() else distance > -step


def _draw_ellipse(mask: Mask, rng: np.random.Generator) -> Mask:
    """Draw a rough ellipse: the ellipse of the mask's moments, with wrong axes, center and direction."""
    points = np.argwhere(mask)
    center = points.mean(axis=0) + rng.normal(0, 0.08 * np.sqrt(len(points)), 2)
    variances, directions = np.linalg.eigh(np.cov(points.T) + np.eye(2))
    axes = 2 * np.sqrt(variances) * rng.uniform(0.75, 1.25, 2)
    turn = rng.normal(0, 0.3)
    directions = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ directions
    offsets = np.moveaxis(np.indices(mask.shape), 0, -1) - center
    return (((offsets @ directions) / axes) ** 2).sum(axis=-1) <= 1


def _shift(mask: Mask, rng: np.random.Generator) -> Mask:
    """Shift the mask by 20 to 40 % of the root of its area."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.4) * np.sqrt(mask.sum())
    shifted = ndi.shift(mask.astype(np.uint8), (length * np.sin(angle), length * np.cos(angle)), order=0)
    return shifted.astype(bool)
