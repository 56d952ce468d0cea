"""Limits on the headers of image files.

Pillow parses headers in Python, which takes some microseconds per entry.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

# Each limit is many times what cameras and editors write, and is parsed in under a second. Without the limits, a file
# of ten megabytes that holds only header entries takes longer than ten seconds.
MAX_SEGMENTS = 256  # in a JPEG before its pixels: 16 MB of metadata
MAX_CHUNKS = 100_000  # in a PNG: 800 MB, as libpng writes 8 192 bytes per chunk
MAX_CHUNK_BYTES = 1 << 26  # in all chunks of a PNG but those of pixels; Pillow copies them up to three times
MAX_WEBP_BYTES = (
    100_000_000  # Pillow copies the file before it can be checked; entries of tiny chunks take even more memory
)
MAX_FILL_BYTES = 1 << 20  # in a row, in a JPEG; Pillow passes them to libjpeg again and again
MAX_TAGS = 4096  # in a TIFF page
MAX_TAG_VALUES = 300_000  # numbers in one tag: offsets of 65 535 strips in four planes

_TIFF_ORDERS = {b"II": "<", b"MM": ">"}
# Pillow accepts the mark in any byte order, and reads the file as BigTIFF if the plus sign comes first.
_TIFF_MARKS = (b"*\0", b"\0*", b"+\0", b"\0+")
_TIFF_NUMBERS = (3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17, 18)  # types that Pillow unpacks value by value, unlike bytes


def check_header(data: bytes) -> None:
    """Check that the header of a file has no more entries than an image needs.

    It does not check whether the file is valid.

    Parameters
    ----------
    data : bytes
        Content of the file.

    Raises
    ------
    ValueError
        If the header exceeds a limit; the message names the limit.
    """
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith(b"\x89PNG\r\n\x1a\n"):
        _check_png(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        if len(data) > MAX_WEBP_BYTES:
            raise ValueError(f"it is a WebP image of {len(data):,} bytes, more than {MAX_WEBP_BYTES:,}")
    elif data[:2] in _TIFF_ORDERS and data[2:4] in _TIFF_MARKS:
        _check_tiff(data, _TIFF_ORDERS[data[:2]], big=data[2:3] == b"+")


class ChunkSizes(NamedTuple):
    """Sizes of the chunks of a PNG, in bytes."""

    other: int  # in all chunks but those with pixels
    copied: int  # that Pillow copies in addition to the content of the file


def measure_png(data: bytes) -> ChunkSizes:
    """Return the sizes of the chunks of a PNG.

    Parameters
    ----------
    data : bytes
        Content of the file.

    Returns
    -------
    ChunkSizes
        Their sizes.

    Raises
    ------
    ValueError
        If it has more than `MAX_CHUNKS` chunks.
    """
    position, other, first, later = 8, 0, 0, 0
    for _ in range(MAX_CHUNKS):
        if position >= len(data):
            break
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if kind not in (b"IDAT", b"fdAT"):
            other += length
        elif first:
            later = max(later, length)
        else:
            first = length
        if kind == b"IEND":  # Pillow ignores what follows
            break
        position += 12 + length
    else:
        raise ValueError(f"it has more than {MAX_CHUNKS:,} chunks")
    # Pixels may be complete before the end of these chunks. Pillow then reads the rest of a chunk, and copies it once
    # more.
    return ChunkSizes(other, 2 * other + max(first, 2 * later))


def _check_jpeg(data: bytes) -> None:
    _check_fill(data)
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker = data[position + 1 : position + 2]
        if data[position : position + 1] != b"\xff" or marker in (b"", b"\xda"):  # damaged, or start of the pixels
            return
        if marker == b"\xff":  # a fill byte
            position += 1
        elif marker in (b"\0", b"\x01") or b"\xd0" <= marker <= b"\xd9":  # markers without a length
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    raise ValueError(f"more than {MAX_SEGMENTS:,} segments come before its pixels")


def _check_fill(data: bytes) -> None:
    """Check that no long row of fill bytes, 0xff, comes before the end of the image."""
    step = MAX_FILL_BYTES // 2  # a longer row covers one of these blocks
    for start in range(0, data.rfind(b"\xff\xd9"), step):
        if data[start] == 0xFF and data.count(b"\xff", start, start + step) == step:
            raise ValueError(f"it has more than {step:,} fill bytes in a row")


def _check_png(data: bytes) -> None:
    other = measure_png(data).other
    if other > MAX_CHUNK_BYTES:
        raise ValueError(f"it has {other:,} bytes besides its pixels, more than {MAX_CHUNK_BYTES:,}")


def _check_tiff(data: bytes, order: str, *, big: bool) -> None:
    count_form, entry_form = order + ("Q" if big else "H"), order + ("HHQQ" if big else "HHII")
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (n_tags,) = struct.unpack_from(count_form, data, start)
        if n_tags > MAX_TAGS:
            raise ValueError(f"it has {n_tags:,} tags, more than {MAX_TAGS:,}")
        first = start + struct.calcsize(count_form)
        for position in range(n_tags):
            entry = first + position * struct.calcsize(entry_form)
            tag, kind, n_values, _ = struct.unpack_from(entry_form, data, entry)
            if kind in _TIFF_NUMBERS and n_values > MAX_TAG_VALUES:
                raise ValueError(f"its tag {tag} has {n_values:,} values, more than {MAX_TAG_VALUES:,}")
    except (struct.error, OverflowError):  # the file ends early, which Pillow reports
        return
