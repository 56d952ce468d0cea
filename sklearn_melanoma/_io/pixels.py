"""From an open image to arrays, a band of rows at a time: whole copies of a large image would take gigabytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._validation import check_image, check_mask

Box = tuple[float, float, float, float]
Change = Callable[[Image.Image], NDArray[Any]]

BAND_PIXELS = 1 << 20

# For every EXIF orientation, the view in which an upright array has the pixels where the file has them.
_AS_STORED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright[:, ::-1].swapaxes(0, 1),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: upright[::-1].swapaxes(0, 1),
}
LYING = (5, 6, 7, 8)  # a quarter turn, so height and width change places
ORIENTATIONS = tuple(_AS_STORED)


def rgb_pixels(
    image: Image.Image, max_side: int | None = None, *, box: Box | None = None, orientation: int = 1
) -> NDArray[np.uint8]:
    """Return the pixels of an image as upright RGB bytes.

    Parameters
    ----------
    image : PIL.Image.Image
        In any mode; transparent pixels are laid over black.
    max_side : int, optional
        Longest side of the result. None leaves the size as it is.
    box : tuple of float, optional
        Where the image lies in the image: JPEG rounds sizes up when it decodes small.
    orientation : int, default=1
        As EXIF counts them.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The pixels.
    """
    if max_side is not None:
        image = _shrink(image, max_side, box)
    return _by_bands(image, _rgb, orientation=orientation)


def mask_pixels(image: Image.Image) -> NDArray[np.bool_]:
    """Return the pixels of a mask, as its file has them."""
    # Four bytes a level: only what is decided of them is kept.
    if image.mode == "F":
        return _by_bands(image, lambda band: check_mask(np.asarray(band)))
    if image.mode == "I":
        half = image.getextrema()[1] / 2  # type: ignore[operator]  # one channel, so two numbers
        return _by_bands(image, lambda band: np.asarray(band) > half)
    return check_mask(_by_bands(image, _levels))


def _shrink(image: Image.Image, max_side: int, box: Box | None) -> Image.Image:
    width, height = box[2:] if box else image.size
    factor = max_side / max(width, height)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    # Averaging whole blocks first is several times as fast, and the same where the factor is whole.
    blocks = max(int(max(width, height) / max_side), 1)
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        image = image.reduce(blocks)
    else:
        image = Image.fromarray(_by_bands(image, lambda band: _reduced(_rgb(band), blocks), blocks))
    return image.resize(size, Image.Resampling.BILINEAR, box=(0, 0, width / blocks, height / blocks))


def _by_bands(image: Image.Image, change: Change, step: int = 1, *, orientation: int = 1) -> NDArray[Any]:
    """Return what becomes of an image, of which every `step` rows make one; `orientation` as EXIF counts them."""
    width, height = image.size
    rows = max(BAND_PIXELS // (width * step), 1) * step
    if rows >= height and orientation == 1:
        return change(image)
    upright = stored = np.empty(0)
    for top in range(0, height, rows):
        band = change(image.crop((0, top, width, min(top + rows, height))))
        if top == 0:
            shape = (-(-height // step), *band.shape[1:])
            if orientation in LYING:
                shape = (shape[1], shape[0], *shape[2:])
            upright = np.empty(shape, band.dtype)
            stored = _AS_STORED[orientation](upright)
        stored[top // step : top // step + len(band)] = band
    return upright


def _reduced(pixels: NDArray[np.uint8], blocks: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(pixels).reduce(blocks))


def _rgb(band: Image.Image) -> NDArray[np.uint8]:
    if band.mode == "La":  # which Pillow turns into nothing else at once
        band = band.convert("LA")
    if band.mode in ("P", "PA", "LA", "RGBA") or ("transparency" in band.info and band.mode[0] not in "IF"):
        band = band.convert("RGBA").convert("RGBa")  # times alpha: over black
    elif band.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        band = band.convert("RGB")
    pixels = np.asarray(band)
    if band.mode == "I":  # how Pillow holds some 16-bit files
        pixels = np.clip(pixels, 0, 65535).astype(np.uint16)
    elif band.mode.startswith("I;16"):
        pixels = pixels.astype(np.uint16)
    elif band.mode == "RGBa":
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    return check_image(pixels)


def _levels(band: Image.Image) -> NDArray[Any]:
    # Conversion to 8 bits would clip whatever has more.
    return np.asarray(band if band.mode[0] in "IF" else band.convert("L"))
