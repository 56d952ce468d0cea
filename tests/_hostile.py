"""Valid files, broken files and paths without a file, for tests of readers."""

import os
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = {"BMP": "bmp", "JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp"}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
NAMES = ("ü é", "родинка", "痣の写真", "شامة", "שומה", "तिल", "😀", "e\u0301", "-rf", "new\nline", "50%s {0}", "'\"")


def spot(height: int = 48, width: int = 64) -> Image.Image:
    """Return an image of a dark spot on skin."""
    y, x = np.mgrid[-1 : 1 : complex(height), -1 : 1 : complex(width)]
    inside = (np.hypot(y, x) < 0.5)[:, :, np.newaxis]
    noise = np.random.default_rng(0).integers(-3, 4, (height, width, 3))
    return Image.fromarray((np.where(inside, (120, 72, 60), (224, 172, 150)) + noise).astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the bytes of an image file in a format of Pillow."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, *, depth: int = 8, color: int = 0, before: bytes = b"", rows: bytes | None = None
) -> bytes:
    """Return a PNG; its pixels are zero unless rows are given."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    rows = bytes((width * channels * depth + 7) // 8 + 1) * height if rows is None else rows
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    return PNG_SIGNATURE + header + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def bmp(width: int, height: int, body: bytes = b"", *, bits: int = 24, compression: int = 0, palette: int = 0) -> bytes:
    """Return a BMP with any header."""
    start = 54 + 4 * palette
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(body), 0, 0, palette, 0)
    gray = b"".join(bytes((level, level, level, 0)) for level in range(palette))
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + info + gray + body


def tiff(tags: list[tuple[int, int, int, int]], data: bytes = b"", *, following: int = 0) -> bytes:
    """Return a TIFF with one page, from tags (tag, type, number of values, value or offset) and data after the tags."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", following) + data


def gray_tiff(*more: tuple[int, int, int, int], side: int = 8, **options: int) -> bytes:
    """Return a gray TIFF of 8 x 8 pixels with additional or replaced tags."""
    given = {tag[0] for tag in more}
    basic = [(256, 3, 1, side), (257, 3, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    tags = sorted([tag for tag in basic if tag[0] not in given] + list(more))
    return tiff(tags, bytes(256), **options)


def color_tiff(
    *more: tuple[int, int, int, int], bits: int = 8, n_channels: int = 3, side: int = 8, n_planes: int = 0
) -> bytes:
    """Return an RGB TIFF of `side` x `side` pixels of the bytes 7, 128; with planes, one per channel."""
    data = b"\7\x80" * (side * side * n_channels)
    tags = {256: (3, 1, side), 257: (3, 1, side), 259: (3, 1, 1), 262: (3, 1, 2), 277: (3, 1, n_channels)}
    tags |= {tag: (kind, count, value) for tag, kind, count, value in more}
    end = 8 + 2 + 12 * (len(tags) + 2) + 4
    extra = struct.pack(f"<{n_channels}H", *[bits] * n_channels)
    start = end + len(extra) + 4 * n_planes
    tags[258] = (3, n_channels, end)
    plane = len(data) // n_channels
    starts = [start + plane * position for position in range(n_planes)]
    tags[273] = (4, n_planes, end + len(extra)) if n_planes else (4, 1, start)
    extra += struct.pack(f"<{n_planes}I", *starts)
    return tiff([(tag, *tags[tag]) for tag in sorted(tags)], extra + data)


def srgb_curve(levels: np.ndarray) -> np.ndarray:
    """Return linear light from levels of sRGB in 0..1."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


# Red, green and blue in XYZ, adapted to D50, and the curve from levels to light.
COLOR_SPACES = {
    "sRGB": (
        ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
        srgb_curve,
    ),
    "Display P3": (
        ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
        srgb_curve,
    ),
    "Adobe RGB": (
        ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
        lambda levels: levels ** (563 / 256),
    ),
}


def profile(name: str, *, space: bytes = b"RGB ", kind: bytes = b"mntr") -> bytes:
    """Return a color profile (ICC, version 2) of a color space with three primaries, or of gray with its curve."""

    def xyz(values: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65_536) for value in values))

    primaries, curve = COLOR_SPACES[name]
    light = np.rint(curve(np.linspace(0, 1, 1024)) * 65_535).astype(">u2").tobytes()
    table = b"curv\0\0\0\0" + struct.pack(">I", 1024) + light
    text = name.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": xyz((0.9642, 1, 0.8249)),
    }
    if space == b"GRAY":
        tags[b"kTRC"] = table
    else:
        tags |= {bytes([letter]) + b"XYZ": xyz(color) for letter, color in zip(b"rgb", primaries, strict=True)}
        tags |= {bytes([letter]) + b"TRC": table for letter in b"rgb"}
    start, entries, body = 132 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        entries += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x0240_0000, kind, space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + xyz((0.9642, 1, 0.8249))[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + body


def exif(orientation: object = 6, *, padding: int = 0) -> bytes:
    """Return EXIF data with an orientation and an optional long comment."""
    data = Image.Exif()
    data[0x0112] = orientation
    if padding:
        data[0x9286] = b"x" * padding
    return data.tobytes()


def _levels(dtype: str, low: float, high: float) -> Image.Image:
    gray = np.asarray(spot().convert("L"), float) / 255
    return Image.fromarray((low + gray * (high - low)).astype(dtype))


def _floats(*strange: float) -> Image.Image:
    gray = np.array(_levels("f4", 0, 1))
    gray.ravel()[: len(strange)] = strange
    return Image.fromarray(gray)


def _icc() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _with(mode: str, **info: object) -> Image.Image:
    image = spot().convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.info.update(info)
    return image


def _sound() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield names and makers of files that can be read."""

    def plain(image: Callable[[], Image.Image], kind: str, **options: object) -> Callable[[], bytes]:
        return lambda: saved(image(), kind, **options)

    for kind, suffix in SUFFIXES.items():
        longest = 16_383 if kind == "WEBP" else 20_000
        yield f"plain.{suffix}", plain(spot, kind)
        yield f"one pixel.{suffix}", plain(lambda: spot(1, 1), kind)
        yield f"one row.{suffix}", plain(lambda n=longest: Image.new("RGB", (n, 1), "tan"), kind)
        yield f"one column.{suffix}", plain(lambda n=longest: Image.new("RGB", (1, n), "tan"), kind)
        yield f"constant.{suffix}", plain(lambda: Image.new("RGB", (64, 48), "tan"), kind)
        yield f"black.{suffix}", plain(lambda: Image.new("RGB", (64, 48)), kind)
        yield f"mislabeled.{'png' if kind == 'JPEG' else 'jpg'}", plain(spot, kind)
        if kind != "WEBP":
            yield f"gray.{suffix}", plain(lambda: spot().convert("L"), kind)
        if kind != "BMP":
            yield f"profile.{suffix}", lambda kind=kind: saved(spot(), kind, icc_profile=_icc())
            yield f"long exif.{suffix}", lambda kind=kind: saved(spot(), kind, exif=exif(padding=60_000))
            for orientation in (*range(10), 65_535):
                yield f"turned {orientation}.{suffix}", lambda k=kind, n=orientation: saved(spot(), k, exif=exif(n))
    for mode, kinds in {
        "1": ("BMP", "PNG", "TIFF"),
        "P": ("BMP", "PNG", "TIFF"),
        "LA": ("PNG", "TIFF"),
        "RGBA": ("BMP", "PNG", "TIFF", "WEBP"),
        "CMYK": ("JPEG", "TIFF"),  # inverted in a JPEG, as Adobe does
        "YCbCr": ("JPEG",),
        "LAB": ("TIFF",),
    }.items():
        for kind in kinds:
            make = (lambda: Image.new("LAB", (64, 48))) if mode == "LAB" else (lambda mode=mode: _with(mode))
            yield f"{mode}.{SUFFIXES[kind]}", plain(make, kind)
    for kind in ("PNG", "TIFF"):
        yield f"16-bit.{SUFFIXES[kind]}", plain(lambda: _levels("u2", 0, 65_535), kind)
    yield "32-bit.tif", plain(lambda: _levels("i4", 0, 65_535), "TIFF")
    yield "bytes in 32 bits.tif", plain(lambda: _levels("i4", 0, 255), "TIFF")
    yield "white is zero.tif", lambda: gray_tiff((258, 3, 1, 16), (262, 3, 1, 0))
    yield "12-bit.tif", lambda: gray_tiff((258, 3, 1, 12))
    yield "planes.tif", lambda: color_tiff((284, 3, 1, 2), bits=16, n_planes=3)
    yield "fourth channel.tif", lambda: color_tiff((338, 3, 1, 0), bits=8, n_channels=4)
    for name in COLOR_SPACES:
        yield f"{name}.jpg", lambda name=name: saved(spot(), "JPEG", icc_profile=profile(name))
    yield "gray profile.png", lambda: saved(spot().convert("L"), "PNG", icc_profile=profile("sRGB", space=b"GRAY"))
    yield "float.tif", plain(_floats, "TIFF")
    for color, transparent in ((0, b"\0\7"), (2, b"\0\7" * 3)):
        yield f"transparent {color}.png", lambda c=color, t=transparent: png(9, 7, color=c, before=chunk(b"tRNS", t))
    rows = (b"\0" + b"\0\0" * 8 + b"\xff\xff") * 7
    yield "transparent 16-bit.png", lambda: png(9, 7, depth=16, before=chunk(b"tRNS", b"\0\0"), rows=rows)
    yield "16-bit color.png", lambda: png(9, 7, depth=16, color=6, rows=(b"\0" + b"\x80\7" * 36) * 7)
    for kind in ("PNG", "TIFF", "WEBP"):
        frames = [Image.new("RGB", (64, 48), "red"), Image.new("RGB", (64, 48), "blue")]
        yield f"animated.{SUFFIXES[kind]}", lambda k=kind, f=frames: saved(spot(), k, save_all=True, append_images=f)
    yield "several.jpg", lambda: saved(spot(), "MPO", save_all=True, append_images=[spot()])
    yield "progressive.jpg", plain(spot, "JPEG", progressive=True)
    yield "restarts.jpg", plain(spot, "JPEG", restart_marker_rows=1)
    yield "arithmetic.jpg", lambda: _frame(b"\xff\xc9")  # libjpeg-turbo decodes it to arbitrary pixels
    yield "thin.jpg", plain(lambda: Image.new("CMYK", (4000, 3)), "JPEG")
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "tiff_lzma"):
        yield f"{compression}.tif", plain(spot, "TIFF", compression=compression)
    yield "fax.tif", plain(lambda: spot().convert("1"), "TIFF", compression="group4")
    yield "big.tif", plain(spot, "TIFF", big_tiff=True)
    yield "endless.tif", lambda: gray_tiff(following=8)  # the next page is this page again
    yield "bytes after the end.png", lambda: saved(spot(), "PNG") + bytes(1_500_000)
    yield "bytes after the end.jpg", lambda: saved(spot(), "JPEG") + b"\xff" * 1_500_000
    yield "run-length.bmp", lambda: bmp(8, 2, b"\x08\x05\0\0\x04\x07\x04\x09\0\1", bits=8, compression=1, palette=16)
    yield "upside down.bmp", lambda: bmp(8, -4, bytes(8 * 3 * 4))


def _broken() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield names and makers of files that must raise an error."""
    yield "empty.jpg", bytes
    for name, text in {
        "text.jpg": "no image\n" * 200,
        "svg.jpg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "pdf.jpg": "%PDF-1.7\n%%EOF",
        "html.png": "<!doctype html><title>404</title>",
        "pointer.tif": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }.items():
        yield name, lambda text=text: text.encode()
    yield "gif.jpg", lambda: saved(spot(), "GIF")
    yield "zeros.jpg", lambda: bytes(5000)
    for kind, suffix in SUFFIXES.items():
        for percent in (2, 10, 50, 90):
            yield f"cut at {percent} %.{suffix}", lambda k=kind, p=percent: (d := saved(spot(), k))[: len(d) * p // 100]
        yield f"head only.{suffix}", lambda k=kind: saved(spot(), k)[:12]
    yield "bomb.png", lambda: png(30_000, 30_000, rows=b"")
    yield "bomb.bmp", lambda: bmp(30_000, 30_000)
    yield "bomb.tif", lambda: gray_tiff(side=30_000)
    yield "bomb.jpg", lambda: _frame(b"\xff\xc0", size=(30_000, 30_000))
    yield (
        "bomb.webp",
        lambda: b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + (29_999).to_bytes(3, "little") * 2 + b"VP8L\0\0\0\0",
    )
    yield "long side.png", lambda: png(1, 70_000)
    yield "no pixels.png", lambda: png(0, 8)
    yield "negative.bmp", lambda: bmp(-8, 8, bytes(192))
    for marker, name in ((b"\xff\xc3", "lossless"), (b"\xff\xc5", "differential"), (b"\xff\xcb", "both")):
        yield f"{name}.jpg", lambda marker=marker: _frame(marker)
    yield "signed.tif", lambda: saved(_levels("i2", -30_000, 30_000).convert("I"), "TIFF")
    yield "signed 32-bit.tif", lambda: saved(_levels("i4", -(2**31), 2**31 - 1), "TIFF")
    yield "signed bytes.tif", lambda: gray_tiff((339, 3, 1, 2))
    yield "inverted floats.tif", lambda: gray_tiff((258, 3, 1, 32), (262, 3, 1, 0), (339, 3, 1, 3))
    yield "12-bit.jpg", lambda: _frame(b"\xff\xc0", precision=12)
    for name, value in {"NaN": np.nan, "infinite": -np.inf, "above one": 2.0}.items():  # the last two are valid masks
        yield f"{name}.tif", lambda value=value: saved(_floats(value), "TIFF")
    yield "text bomb.png", lambda: png(8, 8, before=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000))))
    yield "profile bomb.png", lambda: png(8, 8, before=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(20_000_000))))
    yield "many chunks.png", lambda: png(8, 8, before=chunk(b"abCd") * 200_000)
    yield "long chunk.png", lambda: PNG_SIGNATURE + struct.pack(">I", 2**31 - 1) + b"tEXt"
    yield "filled up.jpg", lambda: b"\xff\xd8" + b"\xff" * 10_000 + saved(spot(), "JPEG")[2:]
    yield "many segments.jpg", lambda: b"\xff\xd8" + b"\xff\xe5\0\2" * 10_000 + saved(spot(), "JPEG")[2:]
    yield "many scans.jpg", lambda: _scans(10_000)
    yield "many tags.tif", lambda: tiff([(n, 3, 1, 1) for n in range(5000)])
    yield "many strips.tif", lambda: gray_tiff((273, 4, 2**28, 8))
    yield "large tiles.tif", lambda: gray_tiff((322, 4, 1, 40_000), (323, 4, 1, 40_000), (324, 4, 1, 8), (325, 4, 1, 9))
    yield "filled scan.jpg", lambda: (data := saved(spot(), "JPEG"))[:-2] + b"\xff" * 2_000_000 + data[-2:]
    yield "long run-length.bmp", lambda: bmp(8, 2, b"\0\0" * 75_512, bits=8, compression=1, palette=16)
    yield "large run-length.bmp", lambda: bmp(9000, 9000, b"\0\0" * 9000, bits=8, compression=1, palette=256)


def _frame(marker: bytes, *, precision: int = 8, size: tuple[int, int] | None = None) -> bytes:
    """Return a JPEG whose frame header does not match its pixels."""
    data = saved(spot(), "JPEG")
    start = data.index(b"\xff\xc0")
    sides = data[start + 5 : start + 9] if size is None else struct.pack(">HH", *size)
    return data[:start] + marker + data[start + 2 : start + 4] + bytes([precision]) + sides + data[start + 9 :]


def _scans(n: int) -> bytes:
    """Return a progressive JPEG with `n` copies of its last scan."""
    data = saved(spot(600, 800).convert("L"), "JPEG", progressive=True)
    return data[:-2] + data[data.rindex(b"\xff\xda") : -2] * n + data[-2:]


SOUND = dict(_sound())
BROKEN = dict(_broken())


def hostile_paths(folder: Path) -> dict[str, str | Path]:
    """Create paths without a readable file in a folder, and return them by their defect."""
    (folder / "folder.jpg").mkdir()
    (folder / "dangling.jpg").symlink_to(folder / "gone.jpg")
    (folder / "loop.jpg").symlink_to(folder / "pool.jpg")
    (folder / "pool.jpg").symlink_to(folder / "loop.jpg")
    (folder / "file").write_bytes(b"")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.jpg"))  # a socket's path has at most 107 bytes
    return {
        "gone": str(folder / "gone.jpg"),
        "folder": str(folder / "folder.jpg"),
        "dangling link": folder / "dangling.jpg",
        "loop of links": folder / "loop.jpg",
        "below a file": folder / "file" / "image.jpg",
        "pipe": folder / "pipe.jpg",
        "socket": folder / "socket.jpg",
        "device": os.devnull,
        "endless device": "/dev/zero",
        "long name": str(folder / ("a" * 300 + ".jpg")),
        "zero byte": str(folder / "a\0.jpg"),
        "undecodable": str(folder / os.fsdecode(b"\xff\xfe.jpg")),
        "unencodable": str(folder / "\ud800.jpg"),
        "empty": "",
    }
