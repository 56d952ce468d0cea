"""Arrays from decoded images, one band of rows at a time.

Copies of a whole large image would take gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._io.profiles import apply_transform, find_transform
from sklearn_melanoma._io.tiff import find_bits, is_inverted, is_signed
from sklearn_melanoma._validation import check_image
from sklearn_melanoma._validation.byte_levels import convert_to_bytes, hint_dark

Box = tuple[float, float, float, float]
Convert = Callable[[Image.Image], NDArray[Any]]

BAND_PIXELS = 1 << 20

# For each EXIF orientation, a function that returns a view of an upright array in the order of the file.
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


class Levels(NamedTuple):
    """Meaning of the levels of an image."""

    shift: int = 0  # bits to drop from integers of more than 8 bits
    inverted: bool = False  # whether 0 means white
    transform: Any = None  # from the colors of a profile to sRGB


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
        Part of `image` that shows the whole picture: (0, 0, width, height). JPEG rounds sizes up when it decodes an
        image at a smaller size.
    orientation : int, default=1
        EXIF orientation, 1 to 8.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        Upright pixels.
    """
    levels = _find_levels(image)
    convert = partial(_convert_to_rgb, levels=levels)
    if max_side is not None:
        image = _shrink(image, max_side, box, convert)
    if levels.transform is None or levels.transform.input_mode == "CMYK":
        return convert_bands(image, convert, orientation=orientation)
    return convert_bands(image, lambda band: apply_transform(convert(band), levels.transform), orientation=orientation)


def turn_upright(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return an array in the order of its file, turned upright from an EXIF orientation."""
    if orientation == 1:
        return stored
    height, width = stored.shape[:2]
    upright = np.empty((width, height) if orientation in LYING else (height, width), stored.dtype)
    _AS_STORED[orientation](upright)[...] = stored
    return upright


def _find_levels(image: Image.Image) -> Levels:
    """Return the meaning of the levels of an image; warn if a 16-bit image seems to have another scale."""
    transform = find_transform(image)
    if image.mode.startswith("I;16"):
        bits, inverted = find_bits(image), is_inverted(image)
        if bits == 16 and not inverted:
            hint_dark(_find_largest(image), 65_535, "the image")
        return Levels(bits - 8, inverted, transform)
    if image.mode == "I":  # 32 bits, and Pillow's mode for some 16-bit files
        low, high = image.getextrema()
        most = 255 if is_signed(image) else 65_535
        if low < 0 or high > most or high == 1:  # type: ignore[operator]  # one channel, so two numbers
            kinds = "signed levels in 0..255" if most == 255 else "levels in 0..255 or 0..65535"
            raise ValueError(f"image must hold {kinds}, got {low}..{high}. Convert it to 8 bits.")
        if high > 255:  # type: ignore[operator]
            hint_dark(float(high), 65_535, "the image")  # type: ignore[arg-type]
            return Levels(8, transform=transform)
    if image.mode == "F":
        hint_dark(_find_largest(image), 1, "the image")
    return Levels(transform=transform)


def _find_largest(image: Image.Image) -> float:
    """Return the largest level of an image of one channel, in any mode."""
    width, height = image.size
    rows = max(BAND_PIXELS // width, 1)
    bands = (image.crop((0, top, width, min(top + rows, height))) for top in range(0, height, rows))
    return max(float(np.asarray(band).max()) for band in bands)


def _shrink(image: Image.Image, max_side: int, box: Box | None, convert: Convert) -> Image.Image:
    width, height = box[2:] if box else image.size
    factor = max_side / max(width, height)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    # Averaging whole blocks first is several times as fast, and gives the same result if the factor is an integer.
    blocks = max(int(max(width, height) / max_side), 1)
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        image = image.reduce(blocks) if blocks > 1 else image
    else:
        image = Image.fromarray(convert_bands(image, lambda band: _reduce(convert(band), blocks), blocks))
    return image.resize(size, Image.Resampling.BILINEAR, box=(0, 0, width / blocks, height / blocks))


def convert_bands(image: Image.Image, convert: Convert, step: int = 1, *, orientation: int = 1) -> NDArray[Any]:
    """Apply `convert` to bands of rows. Return the result, turned upright from an EXIF orientation.

    `convert` turns `step` rows into one row.
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


def _convert_to_rgb(band: Image.Image, levels: Levels) -> NDArray[np.uint8]:
    band = prepare_mode(band)
    if band.mode in ("P", "PA", "LA", "RGBA") or ("transparency" in band.info and band.mode[0] not in "IF"):
        band = band.convert("RGBA").convert("RGBa")  # levels multiplied by alpha, as over black
    elif band.mode == "CMYK" and levels.transform is not None:
        band = levels.transform.apply(band)
    elif band.mode in ("CMYK", "RGBX", "YCbCr", "LAB", "HSV"):
        band = band.convert("RGB")
    pixels = np.asarray(band)
    if band.mode[0] == "I":
        pixels = pixels.astype(np.int32) >> levels.shift
        pixels = (255 - pixels if levels.inverted else pixels).astype(np.uint8)
    elif band.mode == "F":
        pixels = convert_to_bytes(pixels, hint=False)
    elif band.mode == "RGBa":
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    return check_image(pixels)


def prepare_mode(image: Image.Image) -> Image.Image:
    """Return an image in a mode that Pillow can convert. It converts La (gray times alpha, and alpha) only to LA."""
    return image.convert("LA") if image.mode == "La" else image
