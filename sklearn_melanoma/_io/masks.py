"""Masks from decoded images: gray levels, colors, palettes and transparency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._io.pixels import BAND_PIXELS, convert_bands, prepare_mode, turn_upright
from sklearn_melanoma._io.tiff import is_inverted
from sklearn_melanoma._validation.mask_levels import cut_levels, find_cut, select_labels

# Largest difference that JPEG makes between the channels of gray pixels, and between pixels of one color.
COLOR_NOISE = 48

# Largest fraction of the lesion's pixels with another color. Borders of small masks in JPEGs have such pixels.
MIXED = 0.1

_ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def extract_mask(image: Image.Image, *, orientation: int = 1, lesion_label: Any = None) -> NDArray[np.bool_]:
    """Return the pixels of a mask, upright.

    Parameters
    ----------
    image : PIL.Image.Image
        Mask in any mode.
    orientation : int, default=1
        EXIF orientation, 1 to 8.
    lesion_label : int or collection of int, optional
        Labels of the lesion, which are levels, or indices of a palette.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion.

    Raises
    ------
    ValueError
        If the pixels are not those of a mask.
    """
    if lesion_label is not None:
        mask = select_labels(_extract_labels(image), lesion_label)
    elif image.mode in ("I", "F"):  # with four bytes per pixel; of each band, only the bool result is kept
        mask = _cut_bands(image)
    elif image.mode.startswith("I;16"):
        levels = convert_bands(image, np.asarray).astype(np.uint16, copy=False)
        mask = cut_levels(np.uint16(65_535) - levels if is_inverted(image) else levels)
    elif has_alpha(image):
        mask = _cut_with_alpha(image)
    elif image.mode in ("1", "L"):
        mask = cut_levels(convert_bands(image, np.asarray).astype(np.uint8, copy=False))
    else:
        mask = _cut_colors(image)
        if image.mode == "P":
            _check_palette(image, mask)
    return turn_upright(mask, orientation)


def has_alpha(image: Image.Image) -> bool:
    """Return whether pixels of an image may be transparent."""
    return image.mode in _ALPHA_MODES or "transparency" in image.info


def _check_palette(image: Image.Image, mask: NDArray[np.bool_]) -> None:
    """Raise an error if the indices of a palette differ, but not their colors."""
    low, high = image.getextrema()
    if low != high and (mask.all() or not mask.any()):
        raise ValueError(
            f"mask must have the lesion in another color, got indices {low} to {high} of a palette with the same "
            f"color. Name the index of the lesion, as in read_mask(source, lesion_label={high})."
        )


def _iterate_bands(image: Image.Image) -> Iterator[Image.Image]:
    width, height = image.size
    rows = max(BAND_PIXELS // width, 1)
    for top in range(0, height, rows):
        yield image.crop((0, top, width, min(top + rows, height)))


def _cut_bands(image: Image.Image) -> NDArray[np.bool_]:
    cut = find_cut(lambda: (np.asarray(band) for band in _iterate_bands(image)), (image.height, image.width))
    return convert_bands(image, lambda band: np.asarray(band) > cut)


def _extract_labels(image: Image.Image) -> NDArray[Any]:
    """Return the levels of a label image: gray levels, or indices of a palette."""
    if image.mode == "P":
        return convert_bands(image, np.asarray)
    if image.mode in ("RGB", "RGBX"):
        pixels = convert_bands(image.convert("RGB"), np.asarray)
        if (pixels == pixels[:, :, :1]).all():
            return pixels[:, :, 0]
        raise ValueError(
            "lesion_label needs one channel or a palette, got colors. "
            "Compare the color yourself, as in (pixels == color).all(axis=2)."
        )
    if image.mode not in ("1", "L", "I", "F") and not image.mode.startswith("I;16"):
        raise ValueError(
            f"lesion_label needs one channel or a palette, got a file of mode {image.mode}. Save one channel of it."
        )
    return convert_bands(image, np.asarray)


def _read_colors(image: Image.Image) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield red, green and blue of bands of rows; transparency is left out."""
    for band in _iterate_bands(image):
        band = prepare_mode(band)
        if band.mode != "RGB":
            band = (band.convert("RGBA") if band.mode in ("P", "PA", "RGBa") else band).convert("RGB")
        yield [np.asarray(channel) for channel in band.split()]


def read_alpha(image: Image.Image) -> NDArray[np.uint8]:
    """Return the opacity of each pixel, from 0 to 255."""
    return convert_bands(image, lambda band: np.asarray(prepare_mode(band).convert("RGBA").getchannel("A")))


def _cut_colors(image: Image.Image) -> NDArray[np.bool_]:
    """Return the lesion of a mask in colors: gray, or one color on black."""
    levels = np.empty((image.height, image.width), np.uint8)
    top = n_colored = 0
    for red, green, blue in _read_colors(image):
        part = levels[top : top + len(red)]
        top += len(red)
        part[...] = np.maximum(np.maximum(red, green), blue)
        n_colored += int(np.count_nonzero(part - np.minimum(np.minimum(red, green), blue) > COLOR_NOISE))
    lesion = cut_levels(levels)
    n_lesion = int(np.count_nonzero(lesion))
    if n_colored <= 0.02 * n_lesion:
        return lesion
    hue = _find_hue(image, lesion)
    top = n_other = 0
    for channels in _read_colors(image):
        rows = slice(top, top + len(channels[0]))
        top += len(channels[0])
        other = np.zeros(levels[rows].shape, bool)
        for channel, fraction in zip(channels, hue, strict=True):
            other |= np.abs(channel - levels[rows] * fraction) > COLOR_NOISE
        n_other += int(np.count_nonzero(other & lesion[rows]))
    if n_other > MIXED * n_lesion:
        raise ValueError(
            "mask must be gray, or have one color on black, got several colors as in an image. Pass the mask of the "
            "lesion; from several colors, pick one, as in (pixels == color).all(axis=2)."
        )
    return lesion


def _find_hue(image: Image.Image, lesion: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the median color of the lesion, relative to its largest channel."""
    counts = np.zeros((3, 256), np.int64)
    top = 0
    for channels in _read_colors(image):
        inside = lesion[top : top + len(channels[0])]
        top += len(inside)
        for count, channel in zip(counts, channels, strict=True):
            count += np.bincount(channel[inside], minlength=256)
    medians = [np.searchsorted(np.cumsum(count), count.sum() / 2) for count in counts]
    return np.array(medians, np.float32) / np.float32(max(*medians, 1))


def _cut_with_alpha(image: Image.Image) -> NDArray[np.bool_]:
    """Return the lesion of a mask with an alpha channel, which may hold the mask itself."""
    alpha = read_alpha(image)
    low, high = int(alpha.min()), int(alpha.max())
    way_out = "Save the mask without transparency, as white on black."
    if high == 0:
        raise ValueError(f"mask must have visible pixels, but all are transparent. {way_out}")
    if low == high:
        return _cut_colors(image)
    if _is_constant(image, alpha, 0):
        return cut_levels(alpha)
    try:
        by_color = _cut_colors(image)
    except ValueError:
        if not _is_constant(image, alpha, high // 2 + 1):
            raise
        return cut_levels(alpha)
    if 2 * low >= high or not by_color[2 * alpha.astype(np.uint16) < high].any():
        return by_color
    raise ValueError(f"mask must be the same by its colors and by its transparency, but they differ. {way_out}")


def _is_constant(image: Image.Image, alpha: NDArray[np.uint8], visible: int) -> bool:
    """Return whether all pixels with an alpha of at least `visible` have the same color."""
    top, low, high = 0, [255] * 3, [0] * 3
    for channels in _read_colors(image):
        seen = alpha[top : top + len(channels[0])] >= visible
        top += len(seen)
        if seen.any():
            low = [min(least, int(channel[seen].min())) for least, channel in zip(low, channels, strict=True)]
            high = [max(most, int(channel[seen].max())) for most, channel in zip(high, channels, strict=True)]
    return all(most - least <= 1 for least, most in zip(low, high, strict=True))
