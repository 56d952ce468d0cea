"""Bytes from the levels of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._validation.warn import warn_user

# Floats may lie outside 0..1 by less than this. They are rounded to 0 or 255, like 0 and 1 themselves.
TOLERANCE = 0.5 / 255


def convert_to_bytes(levels: NDArray[Any], *, name: str = "image", hint: bool = True) -> NDArray[np.uint8]:
    """Return the levels of an image as bytes.

    Parameters
    ----------
    levels : ndarray of shape (height, width) or (height, width, n_channels)
        Levels, as described in :func:`~sklearn_melanoma.images.read_image`.
    name : str, default="image"
        Name of the image in errors.
    hint : bool, default=True
        Whether to warn about an image that is almost black.

    Returns
    -------
    ndarray, dtype uint8
        Levels from 0 to 255, in the same shape. The array itself if it holds bytes.

    Raises
    ------
    TypeError
        If the levels are not numbers.
    ValueError
        If the levels are out of their range.
    """
    kind, size = levels.dtype.kind, levels.dtype.itemsize
    if kind == "u" and size == 1:
        return levels
    if kind == "b":
        return levels.astype(np.uint8) * np.uint8(255)
    colors = levels[:, :, :3] if levels.ndim == 3 and levels.shape[2] == 4 else levels
    if kind == "u" and size == 2:
        if hint:
            hint_dark(float(colors.max()), 65_535, name)
        return (levels >> 8).astype(np.uint8)
    if kind == "f":
        pixels = _convert_floats(levels, name)
        if hint:
            hint_dark(float(colors.max()), 1, name)
        return pixels
    if kind not in "iu" or size == 1:
        raise TypeError(
            f"{name} must be of dtype uint8, uint16, float or bool, got {levels.dtype}. Convert it to uint8 first."
        )
    low, high = int(levels.min()), int(levels.max())
    if low < 0 or high > 255 or high == 1:
        raise ValueError(
            f"{name} of dtype {levels.dtype} must hold levels in 0..255, got {low}..{high}. Convert it: to uint16 if "
            "it has 16 bits, to bool if 1 means white, else to uint8 after dividing it by its full scale."
        )
    return levels.astype(np.uint8)


def hint_dark(largest: float, full: int, name: str) -> None:
    """Warn if the largest level is far below the full scale, so that the levels probably have another scale.

    Parameters
    ----------
    largest : float
        Largest level of the image.
    full : int
        Level of white, 65 535 or 1.
    name : str
        Name of the image in the warning.
    """
    if not 0 < largest <= full / 16:
        return
    if full == 1:
        if largest <= 1 / 255:
            warn_user(
                f"{name} is almost black: its largest level is {largest:g}, and 1 is white. "
                "It may have been divided by 255 twice."
            )
        return
    scale = next(scale for scale in (255, 1023, 4095) if largest <= scale)
    warn_user(
        f"{name} is almost black: its largest level is {largest:g}, and 65535 is white. If it holds "
        f"{scale.bit_length()}-bit levels, divide it by {scale} and pass floats, or convert it to uint8."
    )


def _convert_floats(levels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    low, high = float(levels.min()), float(levels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} must hold finite numbers, got NaN or infinity. Fill the missing pixels first.")
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(
            f"{name} of dtype {levels.dtype} must lie in 0..1, got {low:g}..{high:g}. "
            "Divide it by its full scale, or convert it to uint8."
        )
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)
