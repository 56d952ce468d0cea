"""Augmentation of lesions: rotation, reflection, light and border."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, cos, pi, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import frame_of, padded_box
from sklearn_melanoma._lesion import Lesion

# Skin that is kept around the lesion, in shares of the square root of its area: what measures of contrast look at.
_AROUND = 0.5
# Standard deviations of the light: of the exponent of all channels, of the logarithm of the gain common to them, and
# of that of each. Cameras and lamps differ by more; images that were made for a diagnosis, by about this.
_GAMMA, _GAIN, _TINT = 0.1, 0.1, 0.05
# Standard deviations of how far the border moves as a whole and how far its bends do, in shares of the square root of
# the area: the Jaccard index with the old mask is then 0.85 or so, as that of two experts.
_MOVED, _BENT = 0.03, 0.03
# Length of the bends, in the same shares.
_BEND = 0.15


def augment_lesion(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return an augmented lesion: randomly rotated and mirrored, in another light, with a slightly different border.

    Parameters
    ----------
    lesion : Lesion
        With a mask of at least one pixel.
    random : RandomState
        What is drawn from.

    Returns
    -------
    Lesion
        The lesion with some skin around it, at the same scale.

    Notes
    -----
    A lesion that touches the frame is turned by quarters only: nobody knows what lies beyond.
    """
    return redraw_border(change_light(turn(lesion, random), random), random)


def turn(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return the lesion turned by any angle, mirrored every second time, with the skin around it."""
    assert lesion.mask is not None
    image, mask = lesion.image, lesion.mask
    if random.randint(2):
        image, mask = image[:, ::-1], mask[:, ::-1]
    turns, angle = random.randint(4), random.uniform(-pi / 4, pi / 4)
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    box = padded_box(mask, ceil(_AROUND * sqrt(lesion.area_px)))
    if not frame_of(mask).any():
        return _like(lesion, *_rotate(image, mask, box, angle))
    return _like(lesion, image[box], mask[box])


def _rotate(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], box: tuple[slice, slice], angle: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Rotate a box about its middle; a wider one keeps all of the mask, and beyond the image its skin is mirrored."""
    matrix = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    sides = np.array(mask[box].shape)
    shape = tuple(ceil(side) for side in abs(matrix) @ sides)
    middle = np.array([part.start for part in box]) + (sides - 1) / 2
    offset = middle - matrix @ ((np.array(shape) - 1) / 2)
    options: dict[str, Any] = {"offset": offset, "output_shape": shape, "order": 1}
    inside = ndi.affine_transform(mask.astype(np.float32), matrix, mode="constant", **options) > 0.5
    if not inside.any():  # of a pixel or two
        return image[box], mask[box]
    rotated = [ndi.affine_transform(image[:, :, channel], matrix, mode="reflect", **options) for channel in range(3)]
    return np.stack(rotated, axis=2), inside


def change_light(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return the lesion under another light: a gain for each channel, and a gamma."""
    gains = np.exp(random.normal(0, _GAIN) + random.normal(0, _TINT, 3))
    gamma = np.exp(random.normal(0, _GAMMA))
    levels = np.clip(gains * (np.arange(256)[:, np.newaxis] / 255) ** gamma, 0, 1)
    table = np.rint(255 * levels).astype(np.uint8)
    return replace(lesion, image=np.stack([table[lesion.image[:, :, i], i] for i in range(3)], axis=2))


def redraw_border(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return the lesion with its border moved in or out, more here than there; the old one where nothing is left."""
    assert lesion.mask is not None
    mask, length = lesion.mask, sqrt(lesion.area_px)
    moved = random.normal(0, _MOVED)
    # Drawn coarsely, and smoothed over two of the coarse steps.
    step = max(_BEND * length / 2, 1)
    coarse = ndi.gaussian_filter(random.normal(size=[ceil(side / step) + 1 for side in mask.shape]), 2, mode="wrap")
    bends = ndi.affine_transform(coarse, np.eye(2) / step, output_shape=mask.shape, order=1)
    bends *= _BENT / max(coarse.std(), 1e-12)
    # Half a pixel to each side of the border, as if it ran between the pixels.
    signed = np.where(mask, ndi.distance_transform_edt(mask) - 0.5, 0.5 - ndi.distance_transform_edt(~mask))
    redrawn = signed + length * (moved + bends) > 0
    return lesion.with_mask(redrawn if redrawn.any() else mask)


def _like(lesion: Lesion, image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Lesion:
    """Return another image of the same scale."""
    return Lesion(
        np.ascontiguousarray(image), np.ascontiguousarray(mask), lesion.scale, lesion.mm_per_pixel, lesion.source
    )
