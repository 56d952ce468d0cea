"""Augmentation of lesions by rotation, reflection, light and border."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, cos, pi, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import frame_of, padded_box
from sklearn_melanoma._lesion import Lesion

# Width of the skin that is kept around the lesion, as a fraction of the square root of its area. Contrast features need
# this skin.
_AROUND = 0.5
# Standard deviations of the light, on a logarithmic scale: gamma, gain of all channels, gain of each channel. Images
# for a diagnosis differ by about this much; cameras and lamps in general differ more.
_GAMMA, _GAIN, _TINT = 0.1, 0.1, 0.05
# Standard deviations of the shift of the whole border and of its bends, as fractions of the square root of the area.
# The Jaccard index with the original mask is then about 0.85, like that of two experts.
_SHIFT, _BEND = 0.03, 0.03
# Length of the bends, as a fraction of the square root of the area.
_BEND_LENGTH = 0.15


def augment_lesion(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return an augmented lesion: randomly rotated and mirrored, in another light, with a slightly different border.

    Parameters
    ----------
    lesion : Lesion
        With a mask of at least one pixel.
    random : RandomState
        Source of randomness.

    Returns
    -------
    Lesion
        Augmented lesion with some skin around it, at the same scale.

    Notes
    -----
    A lesion that touches the frame is rotated by quarter turns only, because the image does not show its outer part.
    """
    return redraw_border(change_light(rotate_lesion(lesion, random), random), random)


def rotate_lesion(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return the lesion with skin around it, rotated by a random angle and mirrored with a probability of one half."""
    assert lesion.mask is not None
    image, mask = lesion.image, lesion.mask
    if random.randint(2):
        image, mask = image[:, ::-1], mask[:, ::-1]
    turns, angle = random.randint(4), random.uniform(-pi / 4, pi / 4)
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    box = padded_box(mask, ceil(_AROUND * sqrt(lesion.area_px)))
    if not frame_of(mask).any():
        return _replace_pixels(lesion, *_rotate_box(image, mask, box, angle))
    return _replace_pixels(lesion, image[box], mask[box])


def _rotate_box(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], box: tuple[slice, slice], angle: float
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Rotate a box about its center. The result contains the whole mask; skin outside the image is reflected."""
    matrix = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    sides = np.array(mask[box].shape)
    shape = tuple(ceil(side) for side in abs(matrix) @ sides)
    center = np.array([part.start for part in box]) + (sides - 1) / 2
    offset = center - matrix @ ((np.array(shape) - 1) / 2)
    options: dict[str, Any] = {"offset": offset, "output_shape": shape, "order": 1}
    inside = ndi.affine_transform(mask.astype(np.float32), matrix, mode="constant", **options) > 0.5
    if not inside.any():  # a mask of one or two pixels may vanish
        return image[box], mask[box]
    rotated = [ndi.affine_transform(image[:, :, channel], matrix, mode="reflect", **options) for channel in range(3)]
    return np.stack(rotated, axis=2), inside


def change_light(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return the lesion in another light, with a random gain for each channel and a random gamma."""
    gains = np.exp(random.normal(0, _GAIN) + random.normal(0, _TINT, 3))
    gamma = np.exp(random.normal(0, _GAMMA))
    levels = np.clip(gains * (np.arange(256)[:, np.newaxis] / 255) ** gamma, 0, 1)
    table = np.rint(255 * levels).astype(np.uint8)
    return replace(lesion, image=np.stack([table[lesion.image[:, :, i], i] for i in range(3)], axis=2))


def redraw_border(lesion: Lesion, random: np.random.RandomState) -> Lesion:
    """Return the lesion with a randomly shifted and bent border; the original border if no pixel would be left."""
    assert lesion.mask is not None
    mask, length = lesion.mask, sqrt(lesion.area_px)
    shift = random.normal(0, _SHIFT)
    # Random values on a coarse grid, smoothed over two of its steps.
    step = max(_BEND_LENGTH * length / 2, 1)
    coarse = ndi.gaussian_filter(random.normal(size=[ceil(side / step) + 1 for side in mask.shape]), 2, mode="wrap")
    bends = ndi.affine_transform(coarse, np.eye(2) / step, output_shape=mask.shape, order=1)
    bends *= _BEND / max(coarse.std(), 1e-12)
    # The border is between the pixels, so it is half a pixel from the pixels on both sides.
    signed = np.where(mask, ndi.distance_transform_edt(mask) - 0.5, 0.5 - ndi.distance_transform_edt(~mask))
    redrawn = signed + length * (shift + bends) > 0
    return lesion.with_mask(redrawn if redrawn.any() else mask)


def _replace_pixels(lesion: Lesion, image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Lesion:
    """Return a lesion with another image and mask at the same scale."""
    return Lesion(
        np.ascontiguousarray(image), np.ascontiguousarray(mask), lesion.scale, lesion.mm_per_pixel, lesion.source
    )
