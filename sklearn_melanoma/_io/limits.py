"""Limits on the memory and time that decoding an image takes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from PIL import ImageFile, TiffImagePlugin

from sklearn_melanoma._io.headers import measure_png

# Pillow warns above this limit, an image of 9 459 x 9 459 pixels.
MAX_PIXELS = 89_478_485

# The longest side of a JPEG. Pillow keeps a pointer for each row, 8 bytes per pixel if the image is one pixel wide.
MAX_SIDE = 65_535

# With interpreter and libraries, which take 180 to 220 MB, a process stays below 1 GB.
MAX_DECODING_BYTES = 770_000_000

# Each scan of a progressive JPEG visits all pixels again, even if it has few bytes, in about 1 ns per pixel.
MAX_SCANNED_PIXELS = 10 * MAX_PIXELS

# Pillow decodes run-length encoding in Python, in up to 1 µs per pixel.
MAX_RUN_LENGTH_PIXELS = 2_000_000

_WAY_OUT = ". If that is right, shrink it with a tool you trust first"


def check_cost(image: ImageFile.ImageFile, data: bytes, max_side: int | None = None) -> None:
    """Raise an error if decoding an image would take gigabytes of memory or minutes; even a small file can.

    Parameters
    ----------
    image : PIL.ImageFile.ImageFile
        Open image, whose pixels are not decoded yet.
    data : bytes
        Content of its file.
    max_side : int, optional
        Longest side to which it will be shrunk.

    Raises
    ------
    ValueError
        If the image exceeds a limit; the message names it.
    """
    width, height = image.size
    pixels = width * height
    check_size(width, height)
    if image.info.get("progressive"):
        n_scans = data.count(b"\xff\xda")
        if n_scans * pixels > MAX_SCANNED_PIXELS:
            raise ValueError(f"it has {n_scans:,} scans of {width} × {height} pixels. Save it again, not progressive")
    tile_width, tile_height = _get_tag(image, TiffImagePlugin.TILEWIDTH), _get_tag(image, TiffImagePlugin.TILELENGTH)
    if tile_width * tile_height > MAX_PIXELS:
        raise ValueError(f"it has tiles of {tile_width} × {tile_height} pixels, more than {MAX_PIXELS:,}")
    if image.tile and image.tile[0][0] == "bmp_rle":
        _check_run_length(width, height, len(data))
    # Pillow needs one or four bytes per pixel. The decoder of WebP keeps two more frames.
    stored = 12 if image.format == "WEBP" else 1 if image.mode in ("1", "L", "P") else 4
    decoding = _estimate_decoding(image, data)
    check_memory(image.size, len(data), decoding, stored, max_side, is_gray=image.mode == "L")


def check_size(width: int, height: int) -> None:
    """Raise an error if an image has too many pixels."""
    if width * height > MAX_PIXELS:
        raise ValueError(f"it declares {width} × {height} pixels, more than {MAX_PIXELS:,}{_WAY_OUT}")
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"it declares {width} × {height} pixels, more than {MAX_SIDE:,} on one side{_WAY_OUT}")


def check_memory(
    size: tuple[int, int], n_bytes: int, decoding: int, stored: int, max_side: int | None, *, is_gray: bool
) -> None:
    """Raise an error if an image takes too much memory.

    The content of the file is released when all pixels are decoded, before they are converted.

    Parameters
    ----------
    size : tuple of int
        Width and height.
    n_bytes : int
        Bytes of the file.
    decoding : int
        Bytes of the file, its copies and the buffers of the decoder.
    stored : int
        Bytes per pixel of the decoded image.
    max_side : int or None
        Longest side to which it will be shrunk.
    is_gray : bool
        Whether it has one channel and no palette.

    Raises
    ------
    ValueError
        If it takes more than `MAX_DECODING_BYTES`, by measurements with Pillow 13.
    """
    width, height = size
    pixels = width * height
    converting = 3 * pixels
    if max_side is not None and max_side < max(size):
        # Whole blocks are averaged first. Below half of the size, the copies for the next step are small.
        blocks = max(size) // max_side
        converting = (4 if is_gray else 12) * pixels // blocks**2
    needed = stored * pixels + max(decoding, converting)
    if needed > MAX_DECODING_BYTES:
        raise ValueError(
            f"decoding its {width} × {height} pixels from {n_bytes:,} bytes takes {needed:,} bytes of memory, more "
            f"than {MAX_DECODING_BYTES:,}{_WAY_OUT}"
        )


def _check_run_length(width: int, height: int, n_bytes: int) -> None:
    pixels = width * height
    if pixels > MAX_RUN_LENGTH_PIXELS:
        raise ValueError(
            f"it is a run-length encoded BMP of {width} × {height} pixels, more than {MAX_RUN_LENGTH_PIXELS:,}. "
            "Save it as PNG"
        )
    longest = 2 * pixels + 2 * height + 100_000  # two bytes for each run and each end of a row, and the header
    if n_bytes > longest:
        raise ValueError(
            f"it is a run-length encoded BMP of {width} × {height} pixels in {n_bytes:,} bytes, more than {longest:,}. "
            "Save it as PNG"
        )


def _estimate_decoding(image: Any, data: bytes) -> int:
    """Return the bytes of the file, its copies and the buffers of the decoder."""
    pixels = image.width * image.height
    if image.format == "WEBP":  # three copies, and an entry for each chunk and frame, even for tiny ones
        return 7 * len(data) + 4 * pixels
    if image.format == "PNG":
        return len(data) + measure_png(data).copied
    if image.format == "TIFF":
        return len(data) + _measure_strip(image)
    if image.info.get("progressive"):  # libjpeg keeps all coefficients in memory
        return len(data) + 2 * len(image.getbands()) * pixels
    return len(data)


def _measure_strip(image: Any) -> int:
    """Return the bytes of the largest strip or tile of a TIFF, which is decoded as a whole."""
    if image.tile and image.tile[0][0] == "raw":  # Pillow reads up to the start of the next one
        starts = sorted(tile[2] for tile in image.tile)
        return max((after - before for before, after in pairwise(starts)), default=0)
    bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, 8)
    n_bits = max(bits) * len(bits) if isinstance(bits, tuple) and bits else 8
    tile_width, tile_height = _get_tag(image, TiffImagePlugin.TILEWIDTH), _get_tag(image, TiffImagePlugin.TILELENGTH)
    n_rows = min(_get_tag(image, TiffImagePlugin.ROWSPERSTRIP) or image.height, image.height)
    largest = max(tile_width * tile_height, 0 if tile_width else image.width * n_rows)
    return largest * max(n_bits // 8, 4 if image.mode == "RGB" else 1)


def _get_tag(image: Any, tag: int) -> int:
    """Return an integer of a TIFF; 0 if it is missing or not an integer."""
    value = getattr(image, "tag_v2", {}).get(tag)
    return value if isinstance(value, int) else 0
