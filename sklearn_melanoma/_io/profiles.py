"""Conversion of colors to sRGB by the color profile of an image."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._validation.warn import warn_user

BLOCK_PIXELS = 1 << 20

# Largest profile that is used. Profiles of cameras and monitors take some KB, profiles of presses 0.5 to 3 MB.
MAX_PROFILE_BYTES = 4_000_000

# Profiles that change colors by at most this many levels are treated as sRGB.
SAME_LEVELS = 2

_GRAY_MODES = ("1", "L", "LA", "La", "I", "F")


def find_transform(image: Image.Image) -> Any:
    """Return the transform from the colors of an image to sRGB; None if they are sRGB.

    Parameters
    ----------
    image : PIL.Image.Image
        Image in any mode, perhaps with a profile.

    Returns
    -------
    PIL.ImageCms.ImageCmsTransform or None
        Transform for pixels in CMYK, if the image has this mode, else for gray or RGB bytes.

    Warns
    -----
    UserWarning
        If the profile is damaged or is for another kind of image. It is ignored.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "LAB":  # Pillow converts it by itself
        return None
    try:
        transform = _build_transform(bytes(profile), "CMYK" if image.mode == "CMYK" else "RGB")
        if transform is not None and transform.input_mode == "L" and not image.mode.startswith(_GRAY_MODES):
            raise ValueError("it is for gray images")
    except (OSError, TypeError, ValueError, ImportError) as error:
        warn_user(f"The color profile of the image is ignored: {error}. Colors are treated as sRGB.")
        return None
    return transform


def apply_transform(pixels: NDArray[np.uint8], transform: Any) -> NDArray[np.uint8]:
    """Return RGB pixels after a transform of gray or RGB bytes, a few rows at a time.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), dtype uint8
        Pixels; changed in place if they are writeable.
    transform : PIL.ImageCms.ImageCmsTransform
        Transform by `find_transform`.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        Pixels in sRGB.
    """
    converted = pixels if pixels.flags.writeable else np.empty_like(pixels)
    rows = max(BLOCK_PIXELS // pixels.shape[1], 1)
    for top in range(0, len(pixels), rows):
        block = pixels[top : top + rows]
        image = Image.fromarray(np.ascontiguousarray(block[:, :, 0] if transform.input_mode == "L" else block))
        converted[top : top + rows] = np.asarray(transform.apply(image))
    return converted


@lru_cache(maxsize=16)
def _build_transform(profile: bytes, mode: str) -> Any:
    """Return the transform of a profile, None for sRGB; raise an error if the profile can't be used."""
    from PIL import ImageCms

    if len(profile) > MAX_PROFILE_BYTES:
        raise ValueError(f"it has {len(profile):,} bytes, more than {MAX_PROFILE_BYTES:,}")
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if {"RGB": "RGB", "GRAY": "RGB", "CMYK": "CMYK"}.get(space) != mode:
            raise ValueError(f"it is for {space or 'unknown'} colors")
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            "L" if space == "GRAY" else mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (OSError, ImageCms.PyCMSError) as error:
        raise ValueError(f"it is damaged ({error})") from error
    if transform.input_mode == "CMYK":
        return transform
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, len(steps), 3)
    if transform.input_mode == "L":
        grid = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    difference = apply_transform(grid.copy(), transform).astype(int) - grid
    return None if np.abs(difference).max() <= SAME_LEVELS else transform
