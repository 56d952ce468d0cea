"""From a path to an open image. Files come from anywhere: they are looked at first, and refused in one way."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import ExifTags, Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from sklearn_melanoma._containers import check_header
from sklearn_melanoma._pixels import ORIENTATIONS
from sklearn_melanoma._validation import source_name

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")

# Pillow's own limit, above which it warns: a photo of 9 459 x 9 459 pixels.
MAX_PIXELS = 89_478_485

# The longest that a JPEG can be. Pillow keeps a pointer for each row: of a photo one pixel wide, 8 bytes a pixel.
MAX_SIDE = 65_535

# Four bytes for each pixel that there may be: what no file needs but one with 16 bits a channel and half of them.
MAX_BYTES = 4 * MAX_PIXELS

# Every scan of a progressive JPEG goes over all pixels again, however few bytes it has, in about 1 ns a pixel.
MAX_SCANNED_PIXELS = 20 * MAX_PIXELS

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

PathLike = str | os.PathLike[str]


def open_image(path: PathLike) -> Image.Image:
    """Return the image of a file, its pixels not yet decoded.

    The file is read into memory and closed: one that is changed or cut meanwhile does no harm.

    Parameters
    ----------
    path : path
        Of a file in one of `FORMATS`.

    Returns
    -------
    PIL.Image.Image
        The open image.

    Raises
    ------
    ValueError
        If the file is none of these, is damaged or asks for too much.
    OSError
        If the file is not there or may not be opened.
    """
    data = _read(path)
    try:
        if not data:
            raise ValueError("the file is empty")
        check_header(data)
        image = Image.open(BytesIO(data), formats=FORMATS)
        _check_cost(image, data)
    except UnidentifiedImageError as error:
        what = f"its {len(data):,} bytes are no JPEG, PNG, BMP, TIFF or WebP image"
        raise ValueError(unreadable(path, what)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # the latter where it is an error
        raise ValueError(unreadable(path, f"it declares more than {MAX_PIXELS:,} pixels")) from error
    except DECODER_ERRORS as error:
        raise ValueError(unreadable(path, _reason(error))) from error
    return image


def load_image(image: Image.Image, source: object) -> None:
    """Decode the pixels, or say why that fails."""
    try:
        image.load()
    except DECODER_ERRORS as error:
        reason = "the file ends early" if "truncated" in str(error) else "its data are damaged"
        raise ValueError(unreadable(source, f"{reason} ({_reason(error)})")) from error


@contextmanager
def naming(source: object) -> Iterator[None]:
    """Make what decoders raise inside the block name the source."""
    try:
        yield
    except DECODER_ERRORS as error:
        raise ValueError(unreadable(source, _reason(error))) from error


def orientation_of(image: Image.Image) -> int:
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


def _read(path: PathLike) -> bytes:
    name = os.fsdecode(path)
    if not name:
        raise FileNotFoundError("could not open '': the path is empty.")
    try:
        # A pipe without a writer would keep an ordinary `open` waiting for ever.
        with open(path, "rb", opener=lambda file, flags: os.open(file, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(0, "it is a pipe or a device, not a file")
            if status.st_size > MAX_BYTES:
                raise OSError(0, f"it has {status.st_size:,} bytes, more than {MAX_BYTES:,}")
            return file.read()
    except OSError as error:
        raise type(error)(f"could not open {name!r}: {error.strerror}") from error
    except ValueError as error:  # a zero byte in the path, or characters that the system can't write
        raise ValueError(f"could not open {name!r}: {error}") from error


def _check_cost(image: ImageFile.ImageFile, data: bytes) -> None:
    """Refuse what would take gigabytes or minutes to decode, however small the file."""
    width, height = image.size
    pixels = width * height
    way_out = ". If that is right, shrink it with a tool of your trust first"
    if pixels > MAX_PIXELS:
        raise ValueError(f"it declares {width} × {height} pixels, more than {MAX_PIXELS:,}{way_out}")
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"it declares {width} × {height} pixels, more than {MAX_SIDE:,} on one side{way_out}")
    if image.info.get("progressive"):
        n_scans = data.count(b"\xff\xda")
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
