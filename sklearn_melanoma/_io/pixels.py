"""Arrays from decoded images, one band of rows at a time.

Copies of a whole large image would take gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._validation import check_image, check_mask

Box = tuple[float, float, float, float]
Convert = Callable[[Image.Image], NDArray[Any]]

BAND_PIXELS = 1 << 20

# Functions from an upright array to an array of the same memory in the order of the file, per EXIF orientation.
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
LYING = (5, 6, 7, 8)  # orientations with a quarter turn, which swaps height and width
ORIENTATIONS = tuple(_AS_STORED)


def extract_rgb(
    image: Image.Image, max_side: int | None = None, *, box: Box | None = None, orientation: int = 1
) -> NDArray[np.uint8]:
    """Return the pixels of an image as upright RGB bytes.

    Parameters
    ----------
    image : PIL.Image.Image
        Image in any mode. Transparent pixels are laid over black.
    max_side : int, optional
        Longest side of the result, in pixels. None keeps the size.
    box : tuple of float, optional
        Part of `image` that shows the whole picture: (0, 0, width, height). JPEG rounds sizes up when it decodes small.
    orientation : int, default=1
        EXIF orientation, 1 to 8.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        Upright pixels.
    """
    if max_side is not None:
        image = _shrink(image, max_side, box)
    return _convert_bands(image, _convert_to_rgb, orientation=orientation)


def extract_mask(image: Image.Image) -> NDArray[np.bool_]:
    """Return the pixels of a mask, in the orientation of its file."""
    # These modes take four bytes per pixel, so that only the bool result of each band is kept.
    if image.mode == "F":
        return _convert_bands(image, lambda band: check_mask(np.asarray(band)))
    if image.mode == "I":
        half = image.getextrema()[1] / 2  # type: ignore[operator]  # one channel, so two numbers
        return _convert_bands(image, lambda band: np.asarray(band) > half)
    return check_mask(_convert_bands(image, _read_levels))


def _shrink(image: Image.Image, max_side: int, box: Box | None) -> Image.Image:
    width, height = box[2:] if box else image.size
    factor = max_side / max(width, height)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    # Averaging whole blocks first is several times as fast, and gives the same result if the factor is an integer.
    blocks = max(int(max(width, height) / max_side), 1)
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        image = image.reduce(blocks)
    else:
        image = Image.fromarray(_convert_bands(image, lambda band: _reduce(_convert_to_rgb(band), blocks), blocks))
    return image.resize(size, Image.Resampling.BILINEAR, box=(0, 0, width / blocks, height / blocks))


def _convert_bands(image: Image.Image, convert: Convert, step: int = 1, *, orientation: int = 1) -> NDArray[Any]:
    """Apply `convert` to bands of rows and return the result, turned upright from an EXIF orientation.

    `convert` makes one row of `step` rows.
    """
    width, height = image.size
    rows = max(BAND_PIXELS // (width * step), 1) * step
    if rows >= height and orientation == 1:
        return convert(image)
    upright = stored = np.empty(0)
    for top in range(0, height, rows):
        band = convert(image.crop((0, top, width, min(top + rows, height))))
        if top == 0:
            shape = (-(-height // step), *band.shape[1:])
            if orientation in LYING:
                shape = (shape[1], shape[0], *shape[2:])
            upright = np.empty(shape, band.dtype)
            stored = _AS_STORED[orientation](upright)
        stored[top // step : top // step + len(band)] = band
    return upright


def _reduce(pixels: NDArray[np.uint8], blocks: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(pixels).reduce(blocks))


def _convert_to_rgb(band: Image.Image) -> NDArray[np.uint8]:
    if band.mode == "La":  # Pillow converts La to LA only
        band = band.convert("LA")
    if band.mode in ("P", "PA", "LA", "RGBA") or ("transparency" in band.info and band.mode[0] not in "IF"):
        band = band.convert("RGBA").convert("RGBa")  # multiplied by alpha, which means over black
    elif band.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        band = band.convert("RGB")
    pixels = np.asarray(band)
    if band.mode == "I":  # Pillow's mode for some 16-bit files
        pixels = np.clip(pixels, 0, 65535).astype(np.uint16)
    elif band.mode.startswith("I;16"):
        pixels = pixels.astype(np.uint16)
    elif band.mode == "RGBa":
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    return check_image(pixels)


def _read_levels(band: Image.Image) -> NDArray[Any]:
    # Conversion to 8 bits would clip images of more bits.
    return np.asarray(band if band.mode[0] in "IF" else band.convert("L"))
