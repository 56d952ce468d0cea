"""Decoding of image files, with limits on its cost.

Files may be damaged or malicious. Their headers are checked first, and all rejections have one form of message.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

from PIL import ExifTags, Image, UnidentifiedImageError

from sklearn_melanoma._io.dicom import is_dicom
from sklearn_melanoma._io.dicom_pixels import invert_gray, read_content
from sklearn_melanoma._io.files import read_bytes
from sklearn_melanoma._io.headers import check_header
from sklearn_melanoma._io.limits import MAX_PIXELS, check_cost
from sklearn_melanoma._io.pages import count_pages
from sklearn_melanoma._io.pixels import ORIENTATIONS, Box
from sklearn_melanoma._io.tiff import prepare_tiff
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import source_name
from sklearn_melanoma._validation.warn import warn_user

FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")

# Enough for MAX_PIXELS of three bytes. The file stays in memory while it is decoded.
MAX_BYTES = 300_000_000

#: Exceptions that Pillow's readers raise for damaged files. These readers, in Python and C, check little. The kind of
#: exception depends on the first operation that fails. Warnings belong here because a filter can turn them into errors.
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
    """A decoded image, with its pixels as stored in the file."""

    image: Image.Image
    width: int  # as stored in the file; `image` may have been decoded at a smaller size
    height: int
    box: Box | None  # part of `image` that shows the whole picture; None for all of it
    orientation: int  # 1 to 8, as in EXIF
    deep: bool = False  # whether the file has 16 bits per level; Pillow keeps the upper 8 of colors
    mm_per_pixel: float | None = None  # of the file; None if it is unknown


def load_file(path: PathLike, max_side: int | None = None) -> Loaded:
    """Read an image file and decode its pixels, a JPEG at no larger size than needed.

    Parameters
    ----------
    path : path
        Path or URL of a file in one of `FORMATS`, or of a DICOM file.
    max_side : int, optional
        Longest side that is needed. A JPEG is decoded at the smallest of its built-in sizes that is not below it.

    Returns
    -------
    Loaded
        The decoded image, with its original size, box and orientation.

    Raises
    ------
    ValueError
        If the file has another format, is damaged or exceeds a limit.
    OSError
        If the file does not exist or can't be opened.
    ImportError
        If it is a DICOM file and pydicom is not installed.

    Warns
    -----
    UserWarning
        If it has several pages of different images, or several frames. If the scale of a DICOM file can't be used.
    """
    data = read_bytes(path, MAX_BYTES)
    return _load_dicom(data, path, max_side) if is_dicom(data) else _load_encoded(data, path, max_side)


def _load_encoded(data: bytes, path: PathLike, max_side: int | None) -> Loaded:
    with BytesIO(data) as file:
        image = _open_image(file, path, max_side)
        n_pages = count_pages(image, file.getvalue())
        width, height = image.size
        drafted = None
        if max_side is not None and max(width, height) > max_side:
            longest = max(width, height)
            with source_errors(path):
                drafted = image.draft(None, (max(width * max_side // longest, 1), max(height * max_side // longest, 1)))
        loaded = load_image(image, path)
    if n_pages > 1:
        warn_user(
            f"{source_name(path)!r} has {n_pages} pages or frames with different images, and only the first is read. "
            "If another one shows the lesion, save it as a file of its own."
        )
    return loaded._replace(width=width, height=height, box=drafted[1] if drafted else None)


def _load_dicom(data: bytes, path: PathLike, max_side: int | None) -> Loaded:
    try:
        with source_errors(path):
            content = read_content(data, max_side)
    except ImportError as error:
        raise ImportError(_describe_unreadable(path, str(error))) from error
    if content.image is None:
        loaded = _load_encoded(content.jpeg or b"", path, max_side)
    else:
        loaded = load_image(content.image, path)._replace(deep=content.deep)
    if (loaded.width, loaded.height) != (content.width, content.height):
        reason = (
            f"its JPEG has {loaded.width} × {loaded.height} pixels, but it declares {content.width} × {content.height}"
        )
        raise ValueError(_describe_unreadable(path, reason))
    image = invert_gray(loaded.image) if content.inverted else loaded.image
    if content.profile:
        image.info["icc_profile"] = content.profile
    if content.warning:
        warn_user(f"The scale of {source_name(path)!r} is ignored: {content.warning}.")
    # Viewers of DICOM ignore EXIF data in it.
    return loaded._replace(image=image, orientation=1, mm_per_pixel=content.mm_per_pixel)


def load_image(image: Image.Image, source: object) -> Loaded:
    """Decode the pixels of an open image; the error names its source."""
    with source_errors(source):
        if 0 in image.size:
            raise ValueError("it has no pixels")
        prepare_tiff(image)
    deep = any(";16" in str(tile) for tile in getattr(image, "tile", ()))
    try:
        image.load()
    except DECODER_ERRORS as error:
        reason = "the file ends early" if "truncated" in str(error) else "its data are damaged"
        raise ValueError(_describe_unreadable(source, f"{reason} ({_get_reason(error)})")) from error
    return Loaded(image, image.width, image.height, None, _read_orientation(image), deep)


@contextmanager
def source_errors(source: object) -> Iterator[None]:
    """Turn errors of decoders inside the block into a ValueError that names the source."""
    try:
        yield
    except DECODER_ERRORS as error:
        raise ValueError(_describe_unreadable(source, _get_reason(error))) from error


def _read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8. A missing or invalid one is 1, as in image viewers."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except DECODER_ERRORS:
        return 1
    return orientation if isinstance(orientation, int) and orientation in ORIENTATIONS else 1


def _describe_unreadable(source: object, reason: str) -> str:
    """Return the message of an error about the content of a file."""
    name = source_name(source)
    return f"could not read {'the image' if name is None else repr(name)}: {reason.rstrip('.')}."


def _open_image(file: BytesIO, path: PathLike, max_side: int | None) -> Image.Image:
    try:
        check_header(file.getvalue())
        image = Image.open(file, formats=FORMATS)
        check_cost(image, file.getvalue(), max_side)
    except UnidentifiedImageError as error:
        size = len(file.getvalue())
        what = (
            f"its {size:,} bytes are not a JPEG, PNG, BMP, TIFF, WebP or DICOM image" if size else "the file is empty"
        )
        raise ValueError(_describe_unreadable(path, what)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # a filter may raise the warning
        raise ValueError(_describe_unreadable(path, f"it declares more than {MAX_PIXELS:,} pixels")) from error
    except DECODER_ERRORS as error:
        raise ValueError(_describe_unreadable(path, _get_reason(error))) from error
    return image


def _get_reason(error: Exception) -> str:
    """Return the message of an error, with the name of its class if the message alone is unclear."""
    said = str(error).rstrip(".")
    if isinstance(error, OSError | ValueError | SyntaxError | Warning) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
