"""From a path to an open image. Files come from anywhere: they are looked at first, and refused in one way."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from sklearn_melanoma._io.files import read_bytes
from sklearn_melanoma._io.headers import check_header
from sklearn_melanoma._io.pixels import ORIENTATIONS, Box
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import source_name

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")

# Pillow's own limit, above which it warns: an image of 9 459 x 9 459 pixels.
MAX_PIXELS = 89_478_485

# The longest that a JPEG can be. Pillow keeps a pointer for each row: of an image one pixel wide, 8 bytes a pixel.
MAX_SIDE = 65_535

# Enough for MAX_PIXELS of three bytes; the file is in memory beside what is decoded.
MAX_BYTES = 300_000_000

# What decoding may take, measured for each pixel: libwebp holds two frames beside Pillow's two, libjpeg all
# coefficients of a progressive JPEG. With interpreter and libraries a process stays below 1 GB.
MAX_DECODING_BYTES = 770_000_000
BYTES_PER_PIXEL = {"WEBP": 16, "progressive": 10}

# Every scan of a progressive JPEG goes over all pixels again, however few bytes it has, in about 1 ns a pixel.
MAX_SCANNED_PIXELS = 10 * MAX_PIXELS

# Pillow decodes these in Python, in up to 1 µs a pixel.
MAX_RUN_LENGTH_PIXELS = 2_000_000

TILE_SIDES = (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH)

#: What Pillow's readers raise on damaged files. They are Python and C that take a file at its word, so which it is
#: depends on what strikes them first. Warnings are among it where a filter makes them errors.
DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
)


class Loaded(NamedTuple):
    """An image whose pixels are decoded, as its file has them."""

    image: Image.Image
    width: int  # of the image, from which the image may have been decoded small
    height: int
    box: Box | None  # where the image lies in the image
    orientation: int  # as EXIF counts them


def load_file(path: PathLike, max_side: int | None = None) -> Loaded:
    """Read an image file and decode its pixels, a JPEG no larger than needed.

    Parameters
    ----------
    path : path
        Of a file in one of `FORMATS`, or a URL of one.
    max_side : int, optional
        A JPEG is decoded at the smallest of its built-in sizes that is not below.

    Returns
    -------
    Loaded
        The image, with what was known of it before.

    Raises
    ------
    ValueError
        If the file is none of these, is damaged or asks for too much.
    OSError
        If the file is not there or may not be opened.
    """
    with BytesIO(read_bytes(path, MAX_BYTES)) as file:
        image = _open(file, path)
        width, height = image.size
        drafted = None
        if max_side is not None and max(width, height) > max_side:
            longest = max(width, height)
            with naming(path):
                drafted = image.draft(None, (max(width * max_side // longest, 1), max(height * max_side // longest, 1)))
        loaded = load_image(image, path)
    return loaded._replace(width=width, height=height, box=drafted[1] if drafted else None)


def load_image(image: Image.Image, source: object) -> Loaded:
    """Decode the pixels of an open image, or say why that fails."""
    try:
        image.load()
    except DECODER_ERRORS as error:
        reason = "the file ends early" if "truncated" in str(error) else "its data are damaged"
        raise ValueError(unreadable(source, f"{reason} ({_reason(error)})")) from error
    return Loaded(image, image.width, image.height, None, _orientation(image))


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Make what decoders raise inside the block name the source."""
    try:
        yield
    except DECODER_ERRORS as error:
        raise ValueError(unreadable(source, _reason(error))) from error


def _orientation(image: Image.Image) -> int:
    """Return the orientation that EXIF tells, 1 to 8; 1 where it tells nothing, or nonsense, as viewers do."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except DECODER_ERRORS:
        return 1
    return orientation if isinstance(orientation, int) and orientation in ORIENTATIONS else 1


def unreadable(source: object, reason: str) -> str:
    """Return the message of all errors about what a file holds."""
    name = source_name(source)
    return f"could not read {'the image' if name is None else repr(name)}: {reason.rstrip('.')}."


def _open(file: BytesIO, path: PathLike) -> Image.Image:
    try:
        check_header(file.getvalue())
        image = Image.open(file, formats=FORMATS)
        _check_cost(image, file)
    except UnidentifiedImageError as error:
        size = len(file.getvalue())
        what = f"its {size:,} bytes are no JPEG, PNG, BMP, TIFF or WebP image" if size else "the file is empty"
        raise ValueError(unreadable(path, what)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # the latter where it is an error
        raise ValueError(unreadable(path, f"it declares more than {MAX_PIXELS:,} pixels")) from error
    except DECODER_ERRORS as error:
        raise ValueError(unreadable(path, _reason(error))) from error
    return image


def _check_cost(image: ImageFile.ImageFile, file: BytesIO) -> None:
    """Refuse what would take gigabytes or minutes to decode, however small the file."""
    width, height = image.size
    pixels = width * height
    way_out = ". If that is right, shrink it with a tool of your trust first"
    if pixels > MAX_PIXELS:
        raise ValueError(f"it declares {width} × {height} pixels, more than {MAX_PIXELS:,}{way_out}")
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"it declares {width} × {height} pixels, more than {MAX_SIDE:,} on one side{way_out}")
    progressive = image.info.get("progressive")
    needed = pixels * BYTES_PER_PIXEL.get("progressive" if progressive else image.format or "", 4)
    if needed > MAX_DECODING_BYTES:
        raise ValueError(
            f"decoding its {width} × {height} pixels takes {needed:,} bytes, more than {MAX_DECODING_BYTES:,}{way_out}"
        )
    if progressive:
        n_scans = file.getvalue().count(b"\xff\xda")
        if n_scans * pixels > MAX_SCANNED_PIXELS:
            raise ValueError(f"it has {n_scans:,} scans of {width} × {height} pixels. Save it again, not progressive")
    tile_width, tile_height = (getattr(image, "tag_v2", {}).get(tag) for tag in TILE_SIDES)
    if isinstance(tile_width, int) and isinstance(tile_height, int) and tile_width * tile_height > MAX_PIXELS:
        raise ValueError(f"it has tiles of {tile_width} × {tile_height} pixels, more than {MAX_PIXELS:,}")
    if image.tile and image.tile[0][0] == "bmp_rle" and pixels > MAX_RUN_LENGTH_PIXELS:
        raise ValueError(
            f"it is a run-length encoded BMP of {width} × {height} pixels, more than {MAX_RUN_LENGTH_PIXELS:,}. "
            "Save it as PNG"
        )


def _reason(error: Exception) -> str:
    """Return the message of an error, with its name where the message alone says little."""
    said = str(error).rstrip(".")
    if isinstance(error, OSError | ValueError | SyntaxError | Warning) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
