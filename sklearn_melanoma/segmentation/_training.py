"""Checks and readers of the images and masks that segmenters are fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._io.reading import as_lesion, read_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import check_mask, check_masks, element_errors, is_missing

#: Names of the images and the masks in errors.
NAMES = ("X", "y")


def check_few_masks(y: Any, n_images: int, *, names: tuple[str, str] = NAMES) -> tuple[Sequence[Any], list[int]]:
    """Return the masks as a sequence, and the positions of the images that have one.

    Parameters
    ----------
    y : sequence of masks or None
        Arrays or paths. None or NaN marks an image without a mask. None alone means no masks.
    n_images : int
        Number of images.
    names : tuple of (str, str), default=("X", "y")
        Names of the images and the masks in errors.

    Returns
    -------
    masks : sequence
        One entry for each image.
    positions : list of int
        Positions of the images that have a mask.

    Raises
    ------
    ValueError
        If there are more or fewer masks than images, or `y` holds diagnoses.
    """
    if y is None:
        return [None] * n_images, []
    masks = check_masks(y, name=names[1])
    if len(masks) != n_images:
        raise ValueError(
            f"{names[0]} and {names[1]} must have the same length, got {n_images} and {len(masks)}. "
            "Pass None for an image without a mask."
        )
    return masks, [position for position in range(n_images) if not is_missing(masks[position])]


def read_pair(
    image: Any, mask: Any, position: int, *, names: tuple[str, str] = NAMES
) -> tuple[Lesion, NDArray[np.bool_]]:
    """Read an image at the working size, and its mask at the image's original size.

    Parameters
    ----------
    image, mask : path or array
        Image and mask.
    position : int
        Their position, for errors.
    names : tuple of (str, str), default=("X", "y")
        Names of their sequences, for errors.

    Returns
    -------
    lesion : Lesion
        The image.
    mask : ndarray of shape (height, width), dtype bool
        The mask.

    Raises
    ------
    ValueError, TypeError, OSError
        If the image or the mask can't be read, or the mask has another size than the image. The
        message names it.
    """
    with element_errors(position, image, name=names[0]):
        lesion = as_lesion(image)
    with element_errors(position, mask, name=names[1]):
        return lesion, check_mask(read_mask(mask), shape=lesion.source_shape)
