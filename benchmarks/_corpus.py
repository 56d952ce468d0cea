"""Valid and invalid image files that the fuzz benchmarks change or read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from benchmarks._dicom_files import list_large_dicom
from benchmarks._file_formats import (
    PNG_SIGNATURE,
    build_bmp,
    build_chunk,
    build_color_tiff,
    build_exif,
    build_gray_tiff,
    build_jpeg,
    build_png,
    build_profile,
    build_progressive_jpeg,
    build_tiff,
    draw_spot,
    encode,
    encode_spot,
)

SUFFIXES = {"BMP": "bmp", "JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp"}

NamedFiles = Iterator[tuple[str, bytes]]
Makers = dict[str, Callable[[], bytes]]


@cache
def build_corpus() -> dict[str, bytes]:
    """Return small files by name: first files with an image, then files without one."""
    parts = (
        *(_encode_plain(kind) for kind in SUFFIXES),
        _encode_modes(),
        _encode_depths(),
        _encode_masks(),
        _encode_profiles(),
        _encode_variants(),
        _list_other_content(),
        *(_cut(kind) for kind in SUFFIXES),
        _build_bombs(),
        _build_invalid(),
    )
    return {name: data for part in parts for name, data in part}


def list_large_files() -> Makers:
    """Return makers of the costliest readable files, and of some rejected files, by name."""
    return _list_large_uncompressed() | _list_large_compressed() | _list_extreme() | _list_padded() | list_large_dicom()


def _encode_plain(kind: str) -> NamedFiles:
    """Yield valid files of one format."""
    suffix, longest = SUFFIXES[kind], 16_383 if kind == "WEBP" else 20_000
    yield f"plain.{suffix}", encode_spot(kind)
    yield f"one pixel.{suffix}", encode(draw_spot(1, 1), kind)
    yield f"one row.{suffix}", encode(Image.new("RGB", (longest, 1), "tan"), kind)
    yield f"one column.{suffix}", encode(Image.new("RGB", (1, longest), "tan"), kind)
    yield f"constant.{suffix}", encode(Image.new("RGB", (64, 48), "tan"), kind)
    yield f"black.{suffix}", encode(Image.new("RGB", (64, 48)), kind)
    yield f"mislabeled.{'png' if kind == 'JPEG' else 'jpg'}", encode_spot(kind)
    if kind != "WEBP":
        yield f"gray.{suffix}", encode(draw_spot().convert("L"), kind)
    if kind != "BMP":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        yield f"profile.{suffix}", encode_spot(kind, icc_profile=profile)
        yield f"long exif.{suffix}", encode_spot(kind, exif=build_exif(6, padding=60_000))
        for orientation in (6, 65_535):
            yield f"turned {orientation}.{suffix}", encode_spot(kind, exif=build_exif(orientation))


def _encode_modes() -> NamedFiles:
    """Yield valid files of other color modes than RGB."""
    for mode, kinds in {
        "1": ("BMP", "PNG", "TIFF"),
        "P": ("BMP", "PNG", "TIFF"),
        "LA": ("PNG", "TIFF"),
        "RGBA": ("BMP", "PNG", "TIFF", "WEBP"),
        "CMYK": ("JPEG", "TIFF"),  # JPEG stores it inverted, as Adobe does
        "YCbCr": ("JPEG",),
        "LAB": ("TIFF",),
    }.items():
        image = Image.new("LAB", (64, 48)) if mode == "LAB" else draw_spot().convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.linear_gradient("L").resize(image.size))
        for kind in kinds:
            yield f"{mode}.{SUFFIXES[kind]}", encode(image, kind)


def _encode_depths() -> NamedFiles:
    """Yield valid files of other depths than 8 bits, and with transparency."""
    for kind in ("PNG", "TIFF"):
        yield f"16-bit.{SUFFIXES[kind]}", encode(_scale_levels("u2", 0, 65_535), kind)
    yield "signed.tif", encode(_scale_levels("i2", -30_000, 30_000).convert("I"), "TIFF")
    yield "32-bit.tif", encode(_scale_levels("i4", 0, 65_535), "TIFF")
    yield "bytes in 32 bits.tif", encode(_scale_levels("i4", 0, 255), "TIFF")
    yield "signed 32-bit.tif", encode(_scale_levels("i4", -(2**31), 2**31 - 1), "TIFF")
    yield "12 bits in 16.png", encode(_scale_levels("u2", 0, 4095), "PNG")
    yield "12-bit.tif", build_gray_tiff((258, 3, 1, 12))
    yield "white is zero.tif", build_gray_tiff((258, 3, 1, 16), (262, 3, 1, 0))
    yield "signed bytes.tif", build_gray_tiff((339, 3, 1, 2))
    yield "inverted floats.tif", build_gray_tiff((258, 3, 1, 32), (262, 3, 1, 0), (339, 3, 1, 3))
    yield "planes.tif", build_color_tiff(16, planes=True)
    yield "interleaved.tif", build_color_tiff(16)
    yield "float.tif", encode(_scale_levels("f4", 0, 1), "TIFF")
    for color, transparent in ((0, b"\0\7"), (2, b"\0\7" * 3)):
        yield f"transparent {color}.png", build_png(9, 7, color=color, before=build_chunk(b"tRNS", transparent))
    yield "transparent 16-bit.png", build_png(9, 7, depth=16, before=build_chunk(b"tRNS", b"\0\0"))
    yield "16-bit color.png", build_png(9, 7, depth=16, color=6)


def _encode_masks() -> NamedFiles:
    """Yield masks and label images."""
    gray = np.asarray(draw_spot().convert("L"))
    mask = Image.fromarray((gray < 150).astype(np.uint8) * np.uint8(255))
    labels = Image.fromarray((gray < 150).astype(np.uint8) + np.uint8(1))
    white = Image.new("L", mask.size, 255)
    yield "mask.png", encode(mask, "PNG")
    yield "mask.jpg", encode(mask, "JPEG")
    yield "mask of 16 bits.tif", encode(Image.fromarray(np.asarray(mask).astype(np.uint16) * np.uint16(257)), "TIFF")
    yield "turned mask.png", encode(mask, "PNG", exif=build_exif(6))
    yield "mask in alpha.png", encode(Image.merge("LA", [white, mask]), "PNG")
    yield "mask in alpha of colors.png", encode(Image.merge("RGBA", [white, white, white, mask]), "PNG")
    yield "doubtful alpha.png", encode(Image.merge("LA", [mask, Image.eval(mask, lambda level: 255 - level)]), "PNG")
    yield "labels.png", encode(labels, "PNG")
    labels.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    yield "labels with palette.png", encode(labels, "PNG")


def _encode_profiles() -> NamedFiles:
    """Yield images with color profiles, and with damaged ones."""
    profile = build_profile()
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        yield f"wide profile.{SUFFIXES[kind]}", encode_spot(kind, icc_profile=profile)
    for name, data in {
        "cut": profile[:300],
        "text": b"no profile",
        "gray": profile.replace(b"RGB ", b"GRAY", 1),
        "CMYK": profile.replace(b"RGB ", b"CMYK", 1),
    }.items():
        yield f"{name} profile.jpg", encode_spot("JPEG", icc_profile=data)


def _encode_variants() -> NamedFiles:
    """Yield valid files with several images, and with other compressions."""
    frames = [Image.new("RGB", (64, 48), "red"), Image.new("RGB", (64, 48), "blue")]
    for kind in ("PNG", "TIFF", "WEBP"):
        yield f"animated.{SUFFIXES[kind]}", encode_spot(kind, save_all=True, append_images=frames)
    yield "several.jpg", encode_spot("MPO", save_all=True, append_images=[draw_spot()])
    yield "progressive.jpg", encode_spot("JPEG", progressive=True)
    yield "restarts.jpg", encode_spot("JPEG", restart_marker_rows=1)
    yield "arithmetic.jpg", build_jpeg(b"\xff\xc9")  # libjpeg-turbo decodes it to arbitrary pixels
    yield "thin.jpg", encode(Image.new("CMYK", (4000, 3)), "JPEG")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "tiff_lzma"):
        yield f"{compression}.tif", encode_spot("TIFF", compression=compression)
    yield "fax.tif", encode(draw_spot().convert("1"), "TIFF", compression="group4")
    yield "big.tif", encode_spot("TIFF", big_tiff=True)
    yield "endless.tif", build_gray_tiff(following=8)  # the next page is the first page
    yield "run-length.bmp", build_bmp(8, 2, b"\x08\x05\0\0\x04\x07\x04\x09\0\1", bits=8, compression=1, palette=16)
    yield "upside down.bmp", build_bmp(8, -4, bytes(8 * 3 * 4))


def _list_other_content() -> NamedFiles:
    """Yield files without an image of a supported format."""
    yield "empty.jpg", b""
    yield "text.jpg", b"no image\n" * 200
    yield "svg.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    yield "pdf.jpg", b"%PDF-1.7\n%%EOF"
    yield "html.png", b"<!doctype html><title>404</title>"
    yield "pointer.tif", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    yield "gif.jpg", encode_spot("GIF")
    yield "zeros.jpg", bytes(5000)


def _cut(kind: str) -> NamedFiles:
    """Yield files of one format that end early."""
    data, suffix = encode_spot(kind), SUFFIXES[kind]
    for percent in (2, 10, 50, 90):
        yield f"cut at {percent} %.{suffix}", data[: len(data) * percent // 100]
    yield f"head only.{suffix}", data[:12]


def _build_bombs() -> NamedFiles:
    """Yield small files whose headers announce huge images."""
    yield "bomb.png", build_png(30_000, 30_000, rows=b"")
    yield "bomb.bmp", build_bmp(30_000, 30_000)
    yield "bomb.tif", build_gray_tiff(side=30_000)
    yield "bomb.jpg", build_jpeg(b"\xff\xc0", size=(30_000, 30_000))
    size = (29_999).to_bytes(3, "little") * 2
    yield "bomb.webp", b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + size + b"VP8L\0\0\0\0"


def _build_invalid() -> NamedFiles:
    """Yield files whose content is invalid, unsupported or excessive."""
    yield "long side.png", build_png(1, 70_000)
    yield "no pixels.png", build_png(0, 8)
    yield "negative.bmp", build_bmp(-8, 8, bytes(192))
    for marker, name in ((b"\xff\xc3", "lossless"), (b"\xff\xc5", "differential"), (b"\xff\xcb", "both")):
        yield f"{name}.jpg", build_jpeg(marker)
    yield "12-bit.jpg", build_jpeg(b"\xff\xc0", precision=12)
    for name, value in {"NaN": np.nan, "infinite": -np.inf, "above one": 2.0}.items():
        levels = np.array(_scale_levels("f4", 0, 1))
        levels[0, 0] = value
        yield f"{name}.tif", encode(Image.fromarray(levels), "TIFF")
    for name, kind in (("text", b"zTXt"), ("profile", b"iCCP")):
        inflating = build_chunk(kind, b"a\0\0" + zlib.compress(bytes(20_000_000)))
        yield f"{name} bomb.png", build_png(8, 8, before=inflating)
    yield "long chunk.png", PNG_SIGNATURE + struct.pack(">I", 2**31 - 1) + b"tEXt"
    yield "filled up.jpg", b"\xff\xd8" + b"\xff" * 10_000 + encode_spot("JPEG")[2:]
    yield "many segments.jpg", b"\xff\xd8" + b"\xff\xe5\0\2" * 10_000 + encode_spot("JPEG")[2:]
    yield "many tags.tif", build_tiff([(n, 3, 1, 1) for n in range(5000)])
    yield "many strips.tif", build_gray_tiff((273, 4, 2**28, 8))
    yield "large tiles.tif", build_gray_tiff((322, 4, 1, 40_000), (323, 4, 1, 40_000), (324, 4, 1, 8), (325, 4, 1, 9))
    yield "filled scan.jpg", encode_spot("JPEG")[:-2] + b"\xff" * 1_100_000 + b"\xff\xd9"
    yield "long run-length.bmp", build_bmp(8, 2, b"\0\0" * 75_512, bits=8, compression=1, palette=16)
    yield "large run-length.bmp", build_bmp(9000, 9000, b"\0\0" * 9000, bits=8, compression=1, palette=256)


def _scale_levels(dtype: str, low: float, high: float) -> Image.Image:
    """Return the gray spot with its levels between two numbers."""
    gray = np.asarray(draw_spot().convert("L"), float) / 255
    return Image.fromarray((low + gray * (high - low)).astype(dtype))


def _make_plain(mode: str, width: int, height: int, kind: str, **options: Any) -> Callable[[], bytes]:
    """Return a maker of an image of one color."""
    color: Any = {"F": 0.5, "I": 9999}.get(mode, "#a06030")
    return lambda: encode(Image.new(mode, (width, height), color), kind, **options)


def _make_mask(mode: str) -> Callable[[], bytes]:
    """Return a maker of a large mask, a square with a gray border."""

    def make() -> bytes:
        mask = Image.new("L", (9459, 9459))
        mask.paste(128, (2000, 3000, 7000, 7001))
        mask.paste(255, (2001, 3001, 6999, 7000))
        if mode == "RGBA":
            white = Image.new("L", mask.size, 255)
            return encode(Image.merge("RGBA", [white, white, white, mask]), "PNG", compress_level=1)
        return encode(mask.convert(mode), "PNG", compress_level=1)

    return make


def _list_large_uncompressed() -> Makers:
    """Return makers of large PNG, TIFF and BMP files."""
    colors, clear = build_chunk(b"PLTE", b"\1\2\3" * 256), build_chunk(b"tRNS", bytes(range(256)))
    return {
        "9459 × 9459 PNG, RGB": lambda: build_png(9459, 9459, color=2),
        "9459 × 9459 PNG, RGBA": lambda: build_png(9459, 9459, color=6),
        "9459 × 9459 PNG, RGBA of 16 bits": lambda: build_png(9459, 9459, color=6, depth=16),
        "9459 × 9459 PNG, palette": lambda: build_png(9459, 9459, color=3, before=colors),
        "9459 × 9459 PNG, transparent palette": lambda: build_png(9459, 9459, color=3, before=colors + clear),
        "9459 × 9459 PNG, 1 bit": lambda: build_png(9459, 9459, depth=1),
        "9459 × 9459 TIFF, RGB": _make_plain("RGB", 9459, 9459, "TIFF"),
        "9459 × 9459 TIFF, CMYK, LZW": _make_plain("CMYK", 9459, 9459, "TIFF", compression="tiff_lzw"),
        "9459 × 9459 TIFF, float, LZW": _make_plain("F", 9459, 9459, "TIFF", compression="tiff_lzw"),
        "9459 × 9459 TIFF, 32 bits, LZW": _make_plain("I", 9459, 9459, "TIFF", compression="tiff_lzw"),
        "9459 × 9459 PNG, mask": _make_mask("L"),
        "9459 × 9459 PNG, mask in colors": _make_mask("RGB"),
        "9459 × 9459 PNG, mask in alpha": _make_mask("RGBA"),
        "9459 × 9459 PNG, RGB with a color profile": _make_plain(
            "RGB", 9459, 9459, "PNG", icc_profile=build_profile(), compress_level=1
        ),
        "9459 × 9459 BMP, RGB": _make_plain("RGB", 9459, 9459, "BMP"),
        "8600 × 8600 BMP, RGBA": _make_plain("RGBA", 8600, 8600, "BMP"),
        "9459 × 9459 BMP, RGBA": _make_plain("RGBA", 9459, 9459, "BMP"),
    }


def _list_large_compressed() -> Makers:
    """Return makers of large JPEG and WebP files."""
    return {
        "9459 × 9459 JPEG": _make_plain("RGB", 9459, 9459, "JPEG"),
        "10000 × 7600 JPEG, progressive": _make_plain("RGB", 10_000, 7600, "JPEG", progressive=True, subsampling=0),
        "10000 × 7600 JPEG, 11 scans": lambda: build_progressive_jpeg(10_000, 7600, 11),
        "2000 × 2000 JPEG, 220 scans": lambda: build_progressive_jpeg(2000, 2000, 220),
        "2000 × 2000 JPEG, 1000 scans": lambda: build_progressive_jpeg(2000, 2000, 1000),
        "8000 × 6000 WebP": _make_plain("RGB", 8000, 6000, "WEBP", method=0),
        "8000 × 6000 WebP, RGBA": _make_plain("RGBA", 8000, 6000, "WEBP", lossless=True, method=0),
        "9459 × 9459 WebP": _make_plain("RGB", 9459, 9459, "WEBP", method=0),
    }


def _list_extreme() -> Makers:
    """Return makers of files with extreme sides, or with much data besides the pixels."""
    run_length = b"\1\5" * 2_000_000 + b"\0\1"
    exif_segment = b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)
    return {
        "1 × 65535 PNG": lambda: build_png(1, 65_535),
        "65535 × 1 PNG": lambda: build_png(65_535, 1),
        "1 × 89000000 PNG": lambda: build_png(1, 89_000_000),
        "2000 × 1000 BMP, run-length": lambda: build_bmp(2000, 1000, run_length, bits=8, compression=1, palette=256),
        "JPEG of noise": _encode_noise,
        "JPEG with 15 MB of EXIF": lambda: b"\xff\xd8" + exif_segment * 240 + _encode_tiny_jpeg()[2:],
        "JPEG with 10 MB of filling": lambda: b"\xff\xd8" + b"\xff" * 10_000_000 + _encode_tiny_jpeg()[2:],
        "PNG with 99000 chunks": lambda: build_png(8, 8, before=build_chunk(b"abCd") * 99_000),
        "PNG with 67 MB of text": lambda: build_png(8, 8, before=build_chunk(b"tEXt", b"a\0" + b"x" * 67_000_000)),
        "PNG with 268 MB of chunks": lambda: build_png(8, 8, before=build_chunk(b"abCd", bytes(67_000_000)) * 4),
        "PNG with its pixels after 98000 empty chunks": lambda: (
            PNG_SIGNATURE
            + build_png(900, 900)[8:33]
            + build_chunk(b"IDAT") * 98_000
            + build_chunk(b"IDAT", zlib.compress(bytes(901 * 900)))
            + build_chunk(b"IEND")
        ),
    }


def _list_padded() -> Makers:
    """Return makers of large images that are padded with other data."""
    progressive = _make_plain("RGB", 10_000, 7600, "JPEG", progressive=True, subsampling=0)
    return {
        "8 × 8 WebP with 99 MB of EXIF": lambda: _pad_webp(8, 99_000_000),
        "5600 × 5600 WebP with 30 MB of EXIF": lambda: _pad_webp(5600, 30_000_000),
        "9459 × 9459 PNG with 67 MB of private chunks": lambda: (
            (data := build_png(9459, 9459, color=2))[:-12] + build_chunk(b"abCd", bytes(67_000_000)) + data[-12:]
        ),
        "9459 × 9459 PNG with 298 MB after its pixels": lambda: (
            (data := build_png(9459, 9459, color=2))[:-12] + build_chunk(b"IDAT", bytes(298_000_000)) + data[-12:]
        ),
        "10000 × 7600 JPEG, progressive, with 298 MB after its end": lambda: progressive() + bytes(298_000_000),
        "10000 × 7600 JPEG, progressive, with 298 MB of filling": lambda: (
            (data := progressive())[:-2] + b"\xff" * 298_000_000 + data[-2:]
        ),
        "2000 × 1000 BMP, run-length, with 280 MB of empty rows": lambda: build_bmp(
            2000, 1000, b"\0\0" * 140_000_000, bits=8, compression=1, palette=256
        ),
    }


def _pad_webp(side: int, n_bytes: int) -> bytes:
    """Return a WebP image with EXIF data of zeros."""
    pixels = encode(Image.new("RGB", (side, side), "tan"), "WEBP", method=0)[12:]
    size = (side - 1).to_bytes(3, "little")
    exif = b"EXIF" + struct.pack("<I", n_bytes) + bytes(n_bytes)
    content = b"VP8X" + struct.pack("<IB3x", 10, 8) + size + size + pixels + exif
    return b"RIFF" + struct.pack("<I", 4 + len(content)) + b"WEBP" + content


def _encode_noise() -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise), "JPEG", quality=95)


def _encode_tiny_jpeg() -> bytes:
    return encode(Image.new("L", (9, 9)), "JPEG")
