"""Headers of DICOM files: where the pixels are, and attributes of image and patient.

Only the attributes that a caller names are decoded. Names and dates of patients are left out unless they are asked for.
"""

from __future__ import annotations

import re
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from math import isfinite
from typing import Any, NamedTuple

# Headers take some KB, and up to some MB with a color profile or a palette of 16 bits.
MAX_HEADER_BYTES = 1 << 24

# Largest number of reads. pydicom reads an element in one to three calls of some microseconds each. Headers have some
# hundred elements.
MAX_READS = 100_000

# Inflating keeps two copies for a moment. Compressed bytes may inflate to a thousand times as many.
MAX_INFLATED_BYTES = 150_000_000

SPACINGS = (
    *("PixelSpacing", "PixelSpacingCalibrationType", "ImagerPixelSpacing", "NominalScannedPixelSpacing"),
    "PixelAspectRatio",
)

# Pixels count as square if their sides differ by at most this fraction, since files hold rounded numbers.
_ASPECT = 0.01

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
# First element of a file without the preamble of 132 bytes, as old archives write it. No other format starts like this.
_BARE_START = re.compile(rb"\x02\0[\0-\x10]\0[A-Z]{2}|\x08\0[\0-\x18]\0(?:[A-Z]{2}|..\0\0)", re.DOTALL)
_FIRST_PIXELS, PIXEL_DATA = 0x7FE0_0008, 0x7FE0_0010  # pixels as floats have a smaller tag
_UNDEFINED = 0xFFFF_FFFF

_lock = threading.Lock()


class Header(NamedTuple):
    """Attributes of a DICOM file, and the place of its pixels."""

    syntax: str  # UID of the transfer syntax
    sop_class: str  # UID of the kind of object; empty if it is missing
    values: dict[str, Any]  # bytes, or a sequence as pydicom reads it, by the keyword of the attribute
    data: bytes  # content of the file, inflated
    tag: int | None  # tag of the pixels; None without pixels
    start: int  # position of the pixels in the data
    length: int | None  # number of bytes of the pixels; None if they are encapsulated

    @property
    def is_without_image(self) -> bool:
        """Whether the file is of a kind without pixels, such as a report. Any other file without pixels is damaged."""
        return self.tag is None and bool(self.sop_class) and not name_uid(self.sop_class).endswith("Image Storage")

    def get_text(self, keyword: str) -> str:
        """Return the text of an attribute without padding; empty if it is missing."""
        return _decode_text(self.values.get(keyword))

    def get_integer(self, keyword: str, default: int = 0) -> int:
        """Return the first of the binary numbers of an attribute."""
        value = self.values.get(keyword) or b""
        return int.from_bytes(value[:2], "little") if len(value) >= 2 else default

    def get_decimals(self, keyword: str) -> list[float] | None:
        """Return the decimal numbers of an attribute; None without it, or if they are not numbers."""
        try:
            numbers = [float(part) for part in self.get_text(keyword).split("\\")]
        except ValueError:
            return None
        return numbers if all(map(isfinite, numbers)) else None


def is_dicom(data: bytes) -> bool:
    """Return whether the first bytes of a file are those of a DICOM file, with its preamble or without."""
    return _has_preamble(data) or _BARE_START.match(data) is not None


def _has_preamble(data: bytes) -> bool:
    return data[128:132] == b"DICM"


def read_header(data: bytes, keywords: Iterable[str], *, max_reads: int = MAX_READS) -> Header:
    """Read attributes of a DICOM file up to its pixels.

    Parameters
    ----------
    data : bytes
        Content of the file; its header is enough.
    keywords : iterable of str
        Keywords of the attributes, as in the dictionary of DICOM. Those that the file lacks are left out.
    max_reads : int
        Largest number of calls that read a part of the header.

    Returns
    -------
    Header
        The attributes as bytes.

    Raises
    ------
    ValueError
        If the header is damaged or exceeds a limit, or the transfer syntax is big-endian. If the file has neither a
        preamble nor a SOP Class UID, since it may not be a DICOM file.
    ImportError
        If pydicom is not installed.
    """
    import_pydicom()
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_dataset

    with silence_pydicom():
        syntax, sop_class, start = _read_meta(data)
        is_bare = start == 0
        if syntax == _BIG_ENDIAN:
            raise ValueError("it is a DICOM file in big-endian order, which is retired. Save it in little-endian order")
        if syntax == DEFLATED:
            data, start = _inflate(data, start), 0
        reader = CountingReader(data, max_reads, MAX_HEADER_BYTES)
        reader.seek(start)
        place: list[tuple[int, int, int]] = []

        def find_pixels(tag: int, _: str | None, length: int) -> bool:
            if tag >= _FIRST_PIXELS:
                place[:] = [(int(tag), reader.tell(), length)]
            return tag >= _FIRST_PIXELS

        tags = {keyword: tag_for_keyword(keyword) for keyword in (*keywords, "SOPClassUID")}
        try:
            found = read_dataset(
                reader,
                syntax == IMPLICIT,
                is_little_endian=True,
                stop_when=find_pixels,
                specific_tags=list(tags.values()),  # type: ignore[arg-type]
            )
        except Exception as error:
            # pydicom raises an OSError for any error during the reading of an item.
            if isinstance(error, RecursionError) or isinstance(error.__context__, RecursionError):
                raise ValueError("its header has too many nested sequences") from error
            raise
        values = {keyword: found.get_item(tag).value for keyword, tag in tags.items() if tag in found}  # type: ignore
    sop_class = _decode_text(values.get("SOPClassUID")) or sop_class
    if is_bare and not sop_class:
        raise ValueError("it has neither the preamble of a DICOM file nor a SOP Class UID. Export it anew")
    tag, start, length = place[0] if place and place[0][0] <= PIXEL_DATA else (None, 0, 0)
    return Header(syntax, sop_class, values, data, tag, start, None if length == _UNDEFINED else length)


def read_items(header: Header, keyword: str, keywords: Iterable[str], *, max_reads: int = MAX_READS) -> list[list[str]]:
    """Return texts of the items of a sequence.

    Parameters
    ----------
    header : Header
        Header that was read with the keyword of the sequence.
    keyword : str
        Keyword of the sequence.
    keywords : iterable of str
        Keywords of the texts in each item.
    max_reads : int
        Largest number of calls that read a part of the sequence.

    Returns
    -------
    list of list of str
        The texts of each item, empty where they are missing.
    """
    from pydicom.datadict import tag_for_keyword
    from pydicom.filereader import read_sequence

    tags = [tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None]
    items = header.values.get(keyword) or []
    with silence_pydicom():
        if isinstance(items, bytes):
            reader = CountingReader(items, max_reads)
            items = read_sequence(reader, header.syntax == IMPLICIT, True, len(items), "iso8859")
        return [[_decode_text(item.get_item(tag).value) if tag in item else "" for tag in tags] for item in items]


def find_scale(header: Header) -> tuple[float | None, str]:
    """Return the width of a pixel in millimeters, or None and the reason why it can't be used.

    Pixel Spacing is the distance on the patient (DICOM PS3.3, 10.7.1.1). If it equals the spacing on the detector or on
    a scanned print, it was not corrected for the magnification, unless a type of calibration is given.
    """
    aspect = header.get_decimals("PixelAspectRatio")
    if aspect is not None and len(aspect) == 2 and not _are_equal(*aspect):
        return None, "its pixels are not square"
    if not header.get_text("PixelSpacing"):
        return None, ""
    spacing = header.get_decimals("PixelSpacing")
    if spacing is None or len(spacing) != 2 or min(spacing) <= 0:
        return None, "its pixel spacing is not two numbers above 0"
    if not _are_equal(*spacing):
        return None, f"its pixels are not square, but {spacing[1]:g} × {spacing[0]:g} mm"
    others = (header.get_decimals(keyword) for keyword in ("ImagerPixelSpacing", "NominalScannedPixelSpacing"))
    if spacing in others and not header.get_text("PixelSpacingCalibrationType"):
        return None, ""
    return sum(spacing) / 2, ""


def name_uid(uid: str) -> str:
    """Return the name of a class or a transfer syntax; an unknown one is returned unchanged."""
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    return UID(uid, validation_mode=IGNORE).name


def import_pydicom() -> None:
    """Import pydicom, or raise an error that names the extra."""
    try:
        import pydicom  # noqa: F401
    except ImportError as error:
        raise ImportError("DICOM files need pydicom. pip install 'sklearn-melanoma[dicom]'") from error


@contextmanager
def silence_pydicom() -> Iterator[None]:
    """Ignore warnings in the block. pydicom warns about many deviations from the standard that do not matter here.

    The filter of warnings belongs to the process, so only one thread at a time changes it.
    """
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class CountingReader(BytesIO):
    """File of bytes that raises an error after more reads than a valid file needs."""

    def __init__(self, data: bytes, max_reads: int = MAX_READS, max_bytes: int | None = None):
        super().__init__(data)
        self._left, self._max_reads, self._max_bytes = max_reads, max_reads, max_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Read the next bytes."""
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"its header has too many entries, more than {self._max_reads:,} parts")
        if self._max_bytes is not None and self.tell() + (size or 0) > self._max_bytes:
            raise ValueError(f"its header has more than {self._max_bytes:,} bytes")
        return super().read(size)


def _read_meta(data: bytes) -> tuple[str, str, int]:
    """Return the transfer syntax, the kind of object, and where the data set starts after the meta information."""
    from pydicom.filereader import read_dataset

    reader = CountingReader(data, MAX_READS, MAX_HEADER_BYTES)
    reader.seek(132 if _has_preamble(data) else 0)
    meta = read_dataset(
        reader,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, vr, length: tag >> 16 != 2,
        specific_tags=[0x0002_0002, 0x0002_0010],
    )
    sop_class, syntax = (
        _decode_text(meta.get_item(tag).value) if tag in meta else "" for tag in (0x0002_0002, 0x0002_0010)
    )
    start = reader.tell()
    guessed = EXPLICIT if re.match(rb"[A-Z]{2}", data[start + 4 : start + 6]) else IMPLICIT
    return syntax or guessed, sop_class, start


def _inflate(data: bytes, start: int) -> bytes:
    inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(memoryview(data)[start:], MAX_INFLATED_BYTES + 1)
    if len(inflated) > MAX_INFLATED_BYTES:
        raise ValueError(f"it is a deflated DICOM file of more than {MAX_INFLATED_BYTES:,} bytes")
    return inflated


def _decode_text(value: Any) -> str:
    """Return a text without padding. Attributes in other encodings than these two are not needed."""
    if not isinstance(value, bytes):
        return ""
    try:
        return value.decode().strip(" \0")
    except UnicodeDecodeError:
        return value.decode("latin-1").strip(" \0")


def _are_equal(first: float, second: float) -> bool:
    return abs(first - second) <= _ASPECT * max(first, second)
