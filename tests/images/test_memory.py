"""Peak memory of reading large and padded files, each in its own process.

The files are padded with zeros, which take no space on most disks.
"""

import struct
import zlib
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pydicom.uid import RLELossless

from sklearn_melanoma._io.decoding import MAX_BYTES
from tests._dicom import dicom, palette
from tests._forks import fork_processes
from tests._hostile import bmp, chunk, png, profile, saved, tiff

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the peak memory in /proc"),
]

MAX_PEAK = 10**9
PADDING = 299_000_000
SIDE = 9459  # the largest square

READ = """
import warnings
from sklearn_melanoma.images import read_image
warnings.simplefilter("ignore")

def run(path, max_side):
    try:
        result = str(read_image(path, max_side=max_side or None).shape)
    except (ValueError, OSError) as error:
        result = f"{type(error).__name__} {error}"
    (peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return result, int(peak) * 1024
"""


@pytest.fixture(scope="module")
def read_in_process():
    """Return a function that returns the shape of the image or the error, and the peak memory of the process."""
    with fork_processes(READ) as run:
        yield lambda path, max_side=0: run(str(path), max_side)


def write_file(path, *parts):
    """Write bytes, and zeros for a number."""
    with open(path, "wb") as file:
        for part in parts:
            if isinstance(part, int):
                file.seek(part, 1)
            else:
                file.write(part)
        file.truncate(file.tell())


def zeros_chunk(kind, size):
    """Return the parts of a PNG's chunk of zeros."""
    crc = zlib.crc32(kind)
    for start in range(0, size, 1 << 20):
        crc = zlib.crc32(bytes(min(1 << 20, size - start)), crc)
    return struct.pack(">I", size) + kind, size, struct.pack(">I", crc)


@cache
def rgb_png(side):
    return png(side, side, color=2)


def pad_png(side, kind, size, *, n=1, after=True):
    data = rgb_png(side)
    place = len(data) - 12 if after else 33
    return data[:place], *zeros_chunk(kind, size) * n, data[place:]


def tail_png(side):
    """Return a PNG whose only chunk of pixels continues after the pixels."""
    data = rgb_png(side)
    start = data.index(b"IDAT")
    pixels = data[start + 4 : -16]
    size = struct.pack(">I", PADDING - 10**6)
    return data[: start - 4] + size + b"IDAT" + pixels, PADDING - 10**6 - len(pixels), bytes(4) + data[-12:]


def pad_webp(side, kind, flag=0):
    body = saved(Image.new("RGB", (side, side), "tan"), "WEBP", method=0)[12:]
    size = (side - 1).to_bytes(3, "little")
    header = b"VP8X" + struct.pack("<IB3x", 10, flag) + size + size
    total = 4 + len(header) + len(body) + 8 + PADDING
    start = b"RIFF" + struct.pack("<I", total) + b"WEBP" + header
    padding = kind + struct.pack("<I", PADDING)
    return (start + padding, PADDING, body) if kind == b"ICCP" else (start + body + padding, PADDING)


def webp_entries(entry, size):
    """Return a WebP image of one pixel that consists of tiny entries."""
    pixel = saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    flag = 0
    if entry == b"ANMF":
        frame = bytes(6 + 6) + (10).to_bytes(3, "little") + b"\0" + pixel
        entry += struct.pack("<I", len(frame)) + frame + bytes(len(frame) % 2)
        flag, pixel = 2, b""
    content = b"VP8X" + struct.pack("<IB9x", 10, flag) + (b"ANIM\6\0\0\0" + bytes(6) if flag else b"")
    content += entry * (size // len(entry)) + pixel
    return (b"RIFF" + struct.pack("<I", len(content) + 4) + b"WEBP" + content,)


def pad_jpeg(mode, place, *, fill=None, **options):
    data = saved(Image.new(mode, (10_000, 7600), "tan" if mode == "RGB" else 0), "JPEG", **options)
    at = {"end": len(data), "scan": data.rindex(b"\xff\xda")}[place]
    if fill == b"\xff":
        return data[:at], fill * PADDING, data[at:]
    if place == "end":
        return data, PADDING
    return data[:at], *(b"\xff\xfe\xff\xff", 65_533) * (PADDING // 65_537 - 30), data[at:]


def cut_scans(n_scans, mode):
    data = saved(Image.new(mode, (10_000, 7600)), "JPEG", progressive=True)
    place = -1
    for _ in range(n_scans + 1):
        place = data.index(b"\xff\xda", place + 1)
    return (data[:place] + b"\xff\xd9",)


def one_strip(n_channels, bits):
    """Return a compressed TIFF whose pixels are one strip."""
    compressor, size = zlib.compressobj(1), SIDE * SIDE * n_channels * bits // 8
    parts = [compressor.compress(bytes(min(1 << 20, size - start))) for start in range(0, size, 1 << 20)]
    data = b"".join([*parts, compressor.flush()])
    start = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, 1, SIDE), (257, 4, 1, SIDE), (258, 3, n_channels, start), (259, 3, 1, 8), (262, 3, 1, 2)]
    tags += [(273, 4, 1, start + 2 * n_channels), (277, 3, 1, n_channels), (278, 4, 1, SIDE), (279, 4, 1, len(data))]
    return (tiff(tags, struct.pack(f"<{n_channels}H", *[bits] * n_channels) + data),)


def distant_strips(gap):
    """Return a TIFF of two strips, far from each other."""
    strip = 2000 * 1000
    start = 8 + 2 + 12 * 9 + 4
    starts = struct.pack("<IIII", start + 16, start + 16 + strip + gap, strip, strip)
    tags = [(256, 4, 1, 2000), (257, 4, 1, 2000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 2, start)]
    tags += [(277, 3, 1, 1), (278, 4, 1, 1000), (279, 4, 2, start + 8)]
    return tiff(tags, starts), strip + gap, bytes(strip)


def pad_end(kind, side, **options):
    data = saved(Image.new("RGB", (side, side), "tan"), kind, **options)
    return data, PADDING - len(data)


def large_dicom(side, n_samples, **options):
    """Return a DICOM file of zeros; `options` may declare other forms of pixels."""
    data = dicom(b"\0\0", shape=(side, side), **options)
    size = side * side * n_samples
    return data[:-6] + struct.pack("<I", size), size


def run_length_dicom(side):
    runs = b"\x81\0" * -(-side * side // 128)
    starts = [64 + position * len(runs) for position in range(3)]
    frame = struct.pack("<16I", 3, *starts, *[0] * 12) + 3 * runs
    return (dicom([frame], shape=(side, side), syntax=RLELossless),)


# Without the limits, these small images take more than 1 GB, or minutes.
SMALL = {
    "metadata.webp": lambda: pad_webp(8, b"EXIF", 8),
    "profile.webp": lambda: pad_webp(8, b"ICCP", 32),
    "pixels after pixels.png": lambda: pad_png(8, b"IDAT", PADDING),
    "run-length.bmp": lambda: (
        bmp(2000, 1000, b"\0\0" * 140_000_000, bits=8, compression=1, palette=256)[:1078],
        PADDING,
    ),
}
LARGE = {
    "unknown chunk.webp": lambda: pad_webp(6900, b"abcd"),
    "tiny chunks.webp": lambda: webp_entries(b"abcd\0\0\0\0", 99_000_000),
    "tiny frames.webp": lambda: webp_entries(b"ANMF", 99_000_000),
    "private chunks.png": lambda: pad_png(SIDE, b"abCd", 67_000_000, n=4, after=False),
    "private chunks at the end.png": lambda: pad_png(SIDE, b"abCd", 67_000_000, n=4),
    "one private chunk.png": lambda: pad_png(SIDE, b"abCd", 67_000_000),
    "critical chunk.png": lambda: pad_png(SIDE, b"ABCD", PADDING - 10**6),
    "frame data.png": lambda: pad_png(SIDE, b"fdAT", PADDING - 10**6),
    "pixels after pixels.png": lambda: pad_png(SIDE, b"IDAT", PADDING - 10**6),
    "long pixels.png": lambda: tail_png(SIDE),
    "text.png": lambda: pad_png(SIDE, b"tEXt", 60_000_000),
    "progressive, end.jpg": lambda: pad_jpeg("RGB", "end", progressive=True, subsampling=0),
    "progressive, comments.jpg": lambda: pad_jpeg("RGB", "scan", progressive=True, subsampling=0),
    "progressive, filled.jpg": lambda: pad_jpeg("RGB", "scan", fill=b"\xff", progressive=True, subsampling=0),
    "progressive, four channels.jpg": lambda: cut_scans(8, "CMYK"),
    "one strip of 16 bits.tif": lambda: one_strip(3, 16),
    "one strip of 8 bits.tif": lambda: one_strip(3, 8),
    "distant strips.tif": lambda: distant_strips(290_000_000),
    "end, LZW.tif": lambda: pad_end("TIFF", 9000, compression="tiff_lzw"),
    "end, JPEG.tif": lambda: pad_end("TIFF", 9000, compression="jpeg"),
    "end.bmp": lambda: pad_end("BMP", 9000),
    "end.jpg": lambda: pad_end("JPEG", SIDE),
    "profile.png": lambda: (
        saved(Image.new("RGB", (SIDE, SIDE), "tan"), "PNG", compress_level=1, icc_profile=profile("Display P3")),
    ),
    "planes.dcm": lambda: large_dicom(8700, 3, PlanarConfiguration=1),
    "palette of 16 bits.dcm": lambda: large_dicom(
        SIDE, 2, interpretation="PALETTE COLOR", BitsAllocated=16, BitsStored=16, **palette(65_536)
    ),
    "run-length.dcm": lambda: run_length_dicom(SIDE),
    "16 bits.png": lambda: (png(SIDE, SIDE, color=6, depth=16, rows=(b"\0" + b"\x80\7" * 4 * SIDE) * SIDE),),
}


@pytest.mark.parametrize("name", SMALL)
def test_padded_small_image_takes_less_than_1_gb(read_in_process, tmp_path, name):
    write_file(tmp_path / name, *SMALL[name]())
    assert (tmp_path / name).stat().st_size < MAX_BYTES + 200
    result, peak = read_in_process(tmp_path / name)
    assert "Error could not " in result
    assert peak < MAX_PEAK, result


@pytest.mark.parametrize("name", LARGE)
def test_padded_large_image_takes_less_than_1_gb(read_in_process, tmp_path, name):
    write_file(tmp_path / name, *LARGE[name]())
    for max_side in (0, 384, SIDE // 2 + 1):  # whole, small, more than half
        result, peak = read_in_process(tmp_path / name, max_side)
        assert result.endswith((", 3)", ".")), (max_side, result)
        assert peak < MAX_PEAK, (max_side, result)


def test_largest_images_are_read_small(read_in_process, tmp_path):
    for kind in ("PNG", "TIFF", "BMP", "JPEG"):
        saved_file = BytesIO()
        Image.new("RGB", (SIDE, SIDE), "tan").save(saved_file, kind)
        (tmp_path / "image").write_bytes(saved_file.getvalue())
        result, peak = read_in_process(tmp_path / "image", 384)
        assert result == "(384, 384, 3)"
        assert peak < MAX_PEAK


def test_shrinking_by_less_than_half_counts_its_copies(read_in_process, tmp_path):
    side = 7000
    (tmp_path / "image.png").write_bytes(png(side, side))  # gray takes less
    assert read_in_process(tmp_path / "image.png", side - 1)[0] == f"({side - 1}, {side - 1}, 3)"
    (tmp_path / "image.png").write_bytes(rgb_png(side))
    result, peak = read_in_process(tmp_path / "image.png", side - 1)
    assert "decoding its 7000 × 7000 pixels from" in result
    assert "takes 784,000,000 bytes of memory, more than 770,000,000. If that is right, shrink it" in result
    assert peak < MAX_PEAK / 2


def test_bytes_after_the_image_are_ignored(read_in_process, tmp_path):
    for name, data in {
        "image.png": png(8, 8) + bytes(2_000_000),
        "image.jpg": saved(Image.new("RGB", (8, 8)), "JPEG") + b"\xff" * 2_000_000,
        "chunks.png": png(8, 8) + chunk(b"abCd") * 100_000,
    }.items():
        (tmp_path / name).write_bytes(data)
        assert read_in_process(tmp_path / name)[0] == "(8, 8, 3)"
