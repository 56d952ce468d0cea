"""Image files written by hand: PNG, BMP, TIFF and JPEG with any header."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw_spot(height: int = 48, width: int = 64) -> Image.Image:
    """Draw a dark spot on skin."""
    y, x = np.mgrid[-1 : 1 : complex(height), -1 : 1 : complex(width)]
    inside = (np.hypot(y, x) < 0.5)[:, :, np.newaxis]
    noise = np.random.default_rng(0).integers(-3, 4, (height, width, 3))
    return Image.fromarray((np.where(inside, (120, 72, 60), (224, 172, 150)) + noise).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as a file of one format of Pillow."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def encode_spot(kind: str, **options: Any) -> bytes:
    """Return the spot as a file of one format of Pillow."""
    return encode(draw_spot(), kind, **options)


def build_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Return a chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def build_png(
    width: int, height: int, *, depth: int = 8, color: int = 0, before: bytes = b"", rows: bytes | None = None
) -> bytes:
    """Return a PNG. `before` holds chunks before the pixels; the pixels are 0 unless `rows` are given."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    rows = bytes((width * channels * depth + 7) // 8 + 1) * height if rows is None else rows
    header = build_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return PNG_SIGNATURE + header + before + build_chunk(b"IDAT", zlib.compress(rows)) + build_chunk(b"IEND")


def build_bmp(
    width: int, height: int, body: bytes = b"", *, bits: int = 24, compression: int = 0, palette: int = 0
) -> bytes:
    """Return a BMP with a gray palette of some length and the given bytes of pixels."""
    start = 54 + 4 * palette
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, palette, 0)
    gray = b"".join(bytes((level, level, level, 0)) for level in range(palette))
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + gray + body


def build_tiff(tags: list[tuple[int, int, int, int]], data: bytes = b"", *, following: int = 0) -> bytes:
    """Return a TIFF of one page.

    Parameters
    ----------
    tags : list of tuple
        Tag, type, number of values, and value or offset.
    data : bytes
        Bytes after the tags.
    following : int, default=0
        Offset of the next page, 0 = none.

    Returns
    -------
    bytes
        The file.
    """
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following) + data


def build_gray_tiff(*more: tuple[int, int, int, int], side: int = 8, **options: int) -> bytes:
    """Return a gray TIFF of 8 × 8 pixels with more tags, which replace the usual ones."""
    given = {tag[0] for tag in more}
    basic = [(256, 3, 1, side), (257, 3, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    tags = sorted([tag for tag in basic if tag[0] not in given] + list(more))
    return build_tiff(tags, bytes(256), **options)


def build_color_tiff(bits: int, *, planes: bool = False) -> bytes:
    """Return an RGB TIFF of 8 × 8 pixels, interleaved or in planes."""
    data = b"\7\x80" * (3 * 64 * bits // 16)
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 3), (284, 3, 1, 1 + planes)]
    end = 8 + 2 + 12 * (len(tags) + 2) + 4
    start = end + 6 + 12 * planes
    offsets = [start + len(data) // 3 * plane for plane in range(3)] if planes else []
    tags += [(258, 3, 3, end), (273, 4, 3, end + 6) if planes else (273, 4, 1, start)]
    return build_tiff(sorted(tags), struct.pack(f"<3H{len(offsets)}I", *[bits] * 3, *offsets) + data)


def build_profile() -> bytes:
    """Return the color profile of Adobe RGB: three primaries and a gamma of 2.2."""
    colors = {
        b"wtpt": (0.9642, 1, 0.8249),
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(78), b"cprt": b"text\0\0\0\0none\0"}
    for tag, values in colors.items():
        tags[tag] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65_536) for value in values))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">IH", 1, 563))
    start, entries, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        entries += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x0240_0000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + tags[b"wtpt"][8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def build_jpeg(marker: bytes, *, precision: int = 8, size: tuple[int, int] | None = None) -> bytes:
    """Return a JPEG whose frame header contradicts its pixels."""
    data = encode_spot("JPEG")
    start = data.index(b"\xff\xc0")
    sides = data[start + 5 : start + 9] if size is None else struct.pack(">HH", *size)
    return data[:start] + marker + data[start + 2 : start + 4] + bytes([precision]) + sides + data[start + 9 :]


def build_progressive_jpeg(width: int, height: int, n_scans: int) -> bytes:
    """Return a progressive JPEG that repeats its last scan until it has `n_scans`."""
    data = encode(Image.new("L", (width, height), 100), "JPEG", progressive=True)
    n_more = n_scans - data.count(b"\xff\xda")
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * n_more + data[-2:]


def build_exif(orientation: int, *, padding: int = 0) -> bytes:
    """Return EXIF data with an orientation and a comment of some length."""
    data = Image.Exif()
    data[0x0112] = orientation
    if padding:
        data[0x9286] = b"x" * padding
    return data.tobytes()
