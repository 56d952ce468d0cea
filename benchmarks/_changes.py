"""Files changed at random, and what may become of them: an image or one error that names the file."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.images import read_image, read_mask
from tests._hostile import BROKEN, PNG_SIGNATURE, SOUND, bmp, chunk, png, saved

LARGEST_SEED = 100_000  # bytes; the others only take longer to change

#: Numbers that headers are told wrong with.
NUMBERS = (b"\0", b"\xff", b"\0\0", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0")

#: What happens to files, and how often. Those that leave the rest in its place get furthest into a decoder.
CHANGES = {
    "flip": 0.35,
    "number": 0.2,
    "noise": 0.15,
    "insert": 0.05,
    "drop": 0.05,
    "cut": 0.05,
    "repeat": 0.05,
    "splice": 0.1,
}

_survey = make_melanoma_pipeline("survey")["features"]
_all = make_melanoma_pipeline("all")["features"]

#: What a file is put through, by name.
ENTRIES: dict[str, Callable[[str], Any]] = {
    "image at 384": lambda path: read_image(path, max_side=384),
    "image as it is": read_image,
    "mask": read_mask,
    "survey": lambda path: _survey.transform([path]),
    "all features": lambda path: _all.transform([path]),
}


@cache
def seeds() -> dict[str, bytes]:
    """Return the files that are changed, by name: of those turned in all ways, one of each format."""
    makers = SOUND | BROKEN
    files = {name: makers[name]() for name in makers if name.startswith("turned 6") or not name.startswith("turned")}
    return {name: data for name, data in files.items() if len(data) <= LARGEST_SEED}


def large_files() -> dict[str, Callable[[], bytes]]:
    """Return makers of the costliest files that are read, and of some that are not, by name."""

    def plain(mode: str, width: int, height: int, kind: str, **options: Any) -> Callable[[], bytes]:
        color = {"F": 0.5, "I": 9999}.get(mode, "#a06030")
        return lambda: saved(Image.new(mode, (width, height), color), kind, **options)  # type: ignore[arg-type]

    def scans(n: int, width: int, height: int) -> bytes:
        data = saved(Image.new("L", (width, height), 100), "JPEG", progressive=True)
        more = n - data.count(b"\xff\xda")
        return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * more + data[-2:]

    colors, clear = chunk(b"PLTE", b"\1\2\3" * 256), chunk(b"tRNS", bytes(range(256)))
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    return {
        "9459 × 9459 PNG, RGB": lambda: png(9459, 9459, color=2),
        "9459 × 9459 PNG, RGBA": lambda: png(9459, 9459, color=6),
        "9459 × 9459 PNG, RGBA of 16 bits": lambda: png(9459, 9459, color=6, depth=16),
        "9459 × 9459 PNG, palette": lambda: png(9459, 9459, color=3, before=colors),
        "9459 × 9459 PNG, transparent palette": lambda: png(9459, 9459, color=3, before=colors + clear),
        "9459 × 9459 PNG, 1 bit": lambda: png(9459, 9459, depth=1),
        "9459 × 9459 TIFF, RGB": plain("RGB", 9459, 9459, "TIFF"),
        "9459 × 9459 TIFF, CMYK, LZW": plain("CMYK", 9459, 9459, "TIFF", compression="tiff_lzw"),
        "9459 × 9459 TIFF, float, LZW": plain("F", 9459, 9459, "TIFF", compression="tiff_lzw"),
        "9459 × 9459 TIFF, 32 bits, LZW": plain("I", 9459, 9459, "TIFF", compression="tiff_lzw"),
        "9459 × 9459 BMP, RGB": plain("RGB", 9459, 9459, "BMP"),
        "8600 × 8600 BMP, RGBA": plain("RGBA", 8600, 8600, "BMP"),
        "9459 × 9459 BMP, RGBA": plain("RGBA", 9459, 9459, "BMP"),
        "9459 × 9459 JPEG": plain("RGB", 9459, 9459, "JPEG"),
        "10000 × 7600 JPEG, progressive": plain("RGB", 10_000, 7600, "JPEG", progressive=True, subsampling=0),
        "10000 × 7600 JPEG, 11 scans": lambda: scans(11, 10_000, 7600),
        "2000 × 2000 JPEG, 220 scans": lambda: scans(220, 2000, 2000),
        "2000 × 2000 JPEG, 1000 scans": lambda: scans(1000, 2000, 2000),
        "8000 × 6000 WebP": plain("RGB", 8000, 6000, "WEBP", method=0),
        "8000 × 6000 WebP, RGBA": plain("RGBA", 8000, 6000, "WEBP", lossless=True, method=0),
        "9459 × 9459 WebP": plain("RGB", 9459, 9459, "WEBP", method=0),
        "1 × 65535 PNG": lambda: png(1, 65_535),
        "65535 × 1 PNG": lambda: png(65_535, 1),
        "1 × 89000000 PNG": lambda: png(1, 89_000_000),
        "2000 × 1000 BMP, run-length": lambda: bmp(
            2000, 1000, b"\1\5" * 2_000_000 + b"\0\1", bits=8, compression=1, palette=256
        ),
        "JPEG of noise": lambda: saved(Image.fromarray(noise), "JPEG", quality=95),
        "JPEG with 15 MB of EXIF": lambda: (
            b"\xff\xd8"
            + (b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)) * 240
            + saved(Image.new("L", (9, 9)), "JPEG")[2:]
        ),
        "JPEG with 10 MB of filling": lambda: (
            b"\xff\xd8" + b"\xff" * 10_000_000 + saved(Image.new("L", (9, 9)), "JPEG")[2:]
        ),
        "PNG with 99000 chunks": lambda: png(8, 8, before=chunk(b"abCd") * 99_000),
        "PNG with 67 MB of text": lambda: png(8, 8, before=chunk(b"tEXt", b"a\0" + b"x" * 67_000_000)),
        "PNG with 268 MB of chunks": lambda: png(8, 8, before=chunk(b"abCd", bytes(67_000_000)) * 4),
        "PNG with its pixels after 98000 empty chunks": lambda: (
            PNG_SIGNATURE
            + png(900, 900)[8:33]
            + chunk(b"IDAT") * 98_000
            + chunk(b"IDAT", zlib.compress(bytes(901 * 900)))
            + chunk(b"IEND")
        ),
    }


def change(data: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """Return a file with one random change; a third of them strike the first 100 bytes."""
    size = len(data)
    at = int(rng.integers(min(size, 100) if rng.random() < 1 / 3 else size)) if size else 0
    length = int(rng.geometric(0.1))
    match rng.choice(list(CHANGES), p=list(CHANGES.values())):
        case "flip":
            return data[:at] + bytes(byte ^ 1 << int(rng.integers(8)) for byte in data[at : at + 1]) + data[at + 1 :]
        case "number":
            number = NUMBERS[rng.integers(len(NUMBERS))]
            return data[:at] + number + data[at + len(number) :]
        case "noise":
            return data[:at] + rng.bytes(length) + data[at + length :]
        case "insert":
            return data[:at] + rng.bytes(length) + data[at:]
        case "drop":
            return data[:at] + data[at + length :]
        case "cut":
            return data[:at]
        case "repeat":
            return data[:at] + data[at : at + length] * int(rng.geometric(0.02)) + data[at:]
        case _:
            return data[:at] + others[rng.integers(len(others))][at:]


def put_right(data: bytes) -> bytes:
    """Return a PNG with the right checksums, so that what was changed is decoded; other files as they are."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    mended, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        mended.append(chunk(data[at + 4 : at + 8], data[at + 8 : end]))
        at = end + 4
    return b"".join(mended)


def outcome(entry: str, path: str, *, strict: bool = False) -> str:
    """Put a file through and return how it ended; what is no image and not one of the allowed errors begins with "!".

    Parameters
    ----------
    entry : str
        Name in `ENTRIES`.
    path : str
        The file.
    strict : bool, default=False
        Whether warnings are errors.

    Returns
    -------
    str
        "result", "ValueError" or "OSError", or "!" and the error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "ignore")
        warnings.filterwarnings("ignore", message="No lesion was found")
        try:
            ENTRIES[entry](path)
        except (ValueError, OSError) as error:
            kind = "ValueError" if isinstance(error, ValueError) else "OSError"
            return kind if repr(os.fsdecode(path)) in str(error) else f"!without its name: {error!r}"
        except Exception as error:
            return f"!{error!r}"
    return "result"
