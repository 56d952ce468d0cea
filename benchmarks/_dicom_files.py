"""DICOM files of several transfer syntaxes, some with wrong declarations, and random changes to declarations."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from PIL import Image

from benchmarks._file_formats import build_profile, draw_spot, encode, encode_spot

SHORT = "1.2.840.10008.1.2"
PLAIN, DEFLATED, RLE = f"{SHORT}.1", f"{SHORT}.1.99", f"{SHORT}.5"
JPEG, JPEG_LOSSLESS, JPEG_LS, JPEG_2000 = (f"{SHORT}.4.{number}" for number in (50, 70, 80, 90))
SYNTAXES = (SHORT, PLAIN, DEFLATED, f"{SHORT}.2", RLE, JPEG, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, f"{SHORT}.4.100")

_LARGE_SIDE = 9459  # side of the largest square that is read

#: Bytes of the files before their pixels, without a palette or a color profile.
N_HEADER = 500

#: Tags of the numbers that declare the form of the pixels, from the samples per pixel to the representation.
NUMBER_TAGS = tuple(
    struct.pack("<HH", 0x0028, element) for element in (0x2, 0x6, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103)
)
NUMBERS = (0, 1, 2, 3, 4, 7, 8, 9, 11, 12, 15, 16, 17, 32, 47, 48, 49, 63, 64, 65, 255, 256, 9459, 32_768, 65_535)

#: Texts that replace the text of a tag: the number of frames, the colors, the spacing and the transfer syntax.
TEXTS = {
    (0x0028, 0x0008): ("1", "2", "0", "-1", "1e9", "x", ""),
    (0x0028, 0x0004): (
        *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
        *("CMYK", "HSV", ""),
    ),
    (0x0028, 0x0030): ("0.01\\0.01", "0.01\\0.02", "0\\0", "-1\\1", "nan\\inf", "0.01", "\\", "1e400\\1e400"),
    (0x0002, 0x0010): SYNTAXES,
}


def has_pydicom() -> bool:
    """Return whether pydicom, which reads and builds DICOM files, is installed."""
    return find_spec("pydicom") is not None


def build_dicom(pixels: Any, colors: str = "RGB", *, syntax: str = PLAIN, **attributes: Any) -> bytes:
    """Return a DICOM file.

    Parameters
    ----------
    pixels : ndarray or bytes
        Levels in the order of the file, or a compressed frame of bytes.
    colors : str, default="RGB"
        Photometric interpretation.
    syntax : str
        UID of the transfer syntax.
    **attributes
        Other attributes, by keyword. They replace attributes that follow from the pixels.

    Returns
    -------
    bytes
        The file.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import dcmwrite

    content, file = Dataset(), DicomBytesIO()
    content.file_meta = FileMetaDataset()
    content.file_meta.TransferSyntaxUID = syntax
    content.file_meta.MediaStorageSOPClassUID = content.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.7"  # dermoscopic
    content.file_meta.MediaStorageSOPInstanceUID = content.SOPInstanceUID = "1.2.3.4"
    bits = 8 if isinstance(pixels, bytes) else 8 * pixels.itemsize
    form = {
        "Rows": 48,
        "Columns": 64,
        "SamplesPerPixel": 1 if colors.startswith(("MONO", "PALETTE")) else 3,
        "PhotometricInterpretation": colors,
        "PlanarConfiguration": 0,
        "NumberOfFrames": 1,
        "PixelSpacing": [0.01, 0.01],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some attributes are wrong on purpose
        for keyword, value in (form | attributes).items():
            setattr(content, keyword, value)
        content.PixelData = encapsulate([pixels]) if isinstance(pixels, bytes) else pixels.tobytes()
        content["PixelData"].VR = "OB" if bits == 8 else "OW"
        dcmwrite(file, content, enforce_file_format=True)
    return bytes(file.getvalue())


@cache
def build_dicom_corpus() -> dict[str, bytes]:
    """Return small DICOM files by name, valid ones first; empty without pydicom."""
    if not has_pydicom():
        return {}
    return dict([*_build_uncompressed(), *_build_compressed(), *_build_invalid()])


def list_large_dicom() -> dict[str, Callable[[], bytes]]:
    """Return makers of the costliest DICOM files, by name; empty without pydicom."""
    if not has_pydicom():
        return {}
    side = _LARGE_SIDE
    sides = {"Rows": side, "Columns": side}
    run = struct.pack("<4I", 3, *(64 + number * 2 * -(-(side**2) // 128) for number in range(3))).ljust(64, b"\0")
    return {
        f"{side} × {side} DICOM, RGB": lambda: build_dicom(np.zeros((side, side, 3), np.uint8), **sides),
        f"{side} × {side} DICOM, planes": lambda: build_dicom(
            np.zeros((3, side, side), np.uint8), PlanarConfiguration=1, **sides
        ),
        f"{side} × {side} DICOM, deflated": lambda: build_dicom(
            np.zeros((side, side), np.uint8), "MONOCHROME2", syntax=DEFLATED, **sides
        ),
        f"{side} × {side} DICOM, 16 bits": lambda: build_dicom(
            np.full((side, side), 9999, np.uint16), "MONOCHROME2", **sides
        ),
        f"{side} × {side} DICOM, RLE": lambda: build_dicom(
            run + b"\x81\7" * (3 * -(-(side**2) // 128)), syntax=RLE, **sides
        ),
        f"{side} × {side} DICOM, JPEG": lambda: build_dicom(_encode_plain("JPEG"), syntax=JPEG, **sides),
        "5000 × 5000 DICOM, JPEG 2000 of 24 MB": lambda: _encode_noise(4),
        "5000 × 5000 DICOM, JPEG 2000 of 27 MB": lambda: _encode_noise(5),
        f"{side} × {side} DICOM, JPEG 2000": lambda: build_dicom(
            _encode_plain("JPEG2000", no_jp2=True), "YBR_RCT", syntax=JPEG_2000, **sides
        ),
    }


def change_declaration(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a DICOM file with another value of a random attribute that declares the form of the pixels."""
    position = int(rng.integers(len(NUMBER_TAGS) + len(TEXTS)))
    if position < len(NUMBER_TAGS):
        at = data.find(NUMBER_TAGS[position]) + 8  # in both encodings of the length
        return data if at < 8 else data[:at] + struct.pack("<H", rng.choice(NUMBERS)) + data[at + 2 :]
    tag, texts = list(TEXTS.items())[position - len(NUMBER_TAGS)]
    at = data.find(struct.pack("<HH", *tag))
    if at < 0 or not data[at + 4 : at + 6].isalpha():  # implicit: the length has four bytes
        return data
    text = texts[rng.integers(len(texts))].encode()
    text += b" " * (len(text) % 2)
    end = at + 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    return data[: at + 6] + struct.pack("<H", len(text)) + text + data[end:]


def encode_runs(levels: np.ndarray) -> bytes:
    """Return levels of shape (height, width) or (height, width, n_samples) as run-length encoding."""
    samples = levels.reshape(*levels.shape[:2], -1)
    planes = samples.transpose(2, 0, 1).astype(samples.dtype.newbyteorder(">"))  # upper bytes first
    parts = np.moveaxis(planes[..., np.newaxis].view(np.uint8), -1, 1).reshape(-1, levels.shape[1])
    rows = parts.reshape(samples.shape[2] * levels.itemsize, levels.shape[0], levels.shape[1])
    segments = [b"".join(_encode_row(row.tobytes()) for row in part) for part in rows]
    segments = [segment + bytes(len(segment) % 2) for segment in segments]
    starts = 64 + np.cumsum([0, *map(len, segments)])[:-1]
    return struct.pack("<16I", len(segments), *starts, *[0] * (15 - len(segments))) + b"".join(segments)


def _encode_row(row: bytes) -> bytes:
    """Return a row in runs of up to 128 bytes that are all different or all equal."""
    if len(set(row)) == 1:
        return b"".join(bytes([257 - min(128, len(row) - at), row[0]]) for at in range(0, len(row), 128))
    return b"".join(bytes([len(row[at : at + 128]) - 1]) + row[at : at + 128] for at in range(0, len(row), 128))


def _encode_plain(kind: str, **options: Any) -> bytes:
    """Return a large image of one color as a file of Pillow."""
    return encode(Image.new("RGB", (_LARGE_SIDE, _LARGE_SIDE), "tan"), kind, **options)


def _encode_noise(n_levels: int) -> bytes:
    """Return a large file of JPEG 2000 with random levels."""
    noise = np.random.default_rng(0).integers(0, n_levels, (5000, 5000, 3), dtype=np.uint8)
    frame = encode(Image.fromarray(noise), "JPEG2000", no_jp2=True)
    return build_dicom(frame, "YBR_RCT", syntax=JPEG_2000, Rows=5000, Columns=5000)


def _get_levels(mode: str = "RGB") -> np.ndarray:
    return np.asarray(draw_spot().convert(mode))


def _build_palette() -> dict[str, Any]:
    """Return the attributes of a palette of 256 gray levels."""
    entries = np.arange(256, dtype="<u2") * 257
    return {
        f"{color}PaletteColorLookupTable{part}": value
        for color in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [256, 0, 16]), ("Data", entries.tobytes()))
    }


def _build_uncompressed() -> Iterator[tuple[str, bytes]]:
    """Yield valid files of uncompressed or deflated pixels."""
    rgb, gray, ybr = _get_levels(), _get_levels("L"), _get_levels("YCbCr")
    planes = rgb.transpose(2, 0, 1).copy()
    pairs = ybr.reshape(48, 32, 2, 3)
    yield "plain.dcm", build_dicom(rgb)
    yield "implicit.dcm", build_dicom(rgb, syntax=SHORT)
    yield "deflated.dcm", build_dicom(rgb, syntax=DEFLATED)
    yield "planes.dcm", build_dicom(planes, PlanarConfiguration=1)
    yield "YBR.dcm", build_dicom(ybr, "YBR_FULL")
    yield "half of the colors.dcm", build_dicom(np.concatenate([pairs[..., 0], pairs[:, :, 0, 1:]], 2), "YBR_FULL_422")
    yield "16-bit color.dcm", build_dicom(rgb.astype("<u2") * 257)
    yield "gray.dcm", build_dicom(gray, "MONOCHROME2")
    yield "white is zero.dcm", build_dicom(255 - gray, "MONOCHROME1")
    yield "16-bit.dcm", build_dicom(gray.astype("<u2") * 257, "MONOCHROME2")
    yield "12 bits in 16.dcm", build_dicom(gray.astype("<u2") << 4, "MONOCHROME2", BitsStored=12, HighBit=11)
    yield "palette.dcm", build_dicom(gray, "PALETTE COLOR", **_build_palette())
    yield "mask.dcm", build_dicom((gray < 150).astype(np.uint8) * np.uint8(255), "MONOCHROME2")
    yield "wide profile.dcm", build_dicom(rgb, ICCProfile=build_profile())


def _build_compressed() -> Iterator[tuple[str, bytes]]:
    """Yield valid files of compressed pixels."""
    rgb, gray = _get_levels(), _get_levels("L")
    code_stream = encode_spot("JPEG2000", no_jp2=True)
    yield "RLE.dcm", build_dicom(encode_runs(rgb), syntax=RLE)
    yield "RLE, gray.dcm", build_dicom(encode_runs(gray), "MONOCHROME2", syntax=RLE)
    deep = {"BitsAllocated": 16, "BitsStored": 16, "HighBit": 15}
    yield "RLE, 16-bit.dcm", build_dicom(encode_runs(gray.astype("<u2") * 257), "MONOCHROME2", syntax=RLE, **deep)
    yield "RLE, palette.dcm", build_dicom(encode_runs(gray), "PALETTE COLOR", syntax=RLE, **_build_palette())
    yield "JPEG.dcm", build_dicom(encode_spot("JPEG"), "YBR_FULL_422", syntax=JPEG)
    yield "JPEG of RGB.dcm", build_dicom(encode_spot("JPEG", keep_rgb=True), syntax=JPEG)
    yield "JPEG, gray.dcm", build_dicom(encode(draw_spot().convert("L"), "JPEG"), "MONOCHROME2", syntax=JPEG)
    yield "JPEG, progressive.dcm", build_dicom(encode_spot("JPEG", progressive=True), "YBR_FULL_422", syntax=JPEG)
    yield "JPEG 2000.dcm", build_dicom(code_stream, "YBR_RCT", syntax=JPEG_2000)


def _build_invalid() -> Iterator[tuple[str, bytes]]:
    """Yield files that end early, or whose declarations are wrong or not supported."""
    rgb, gray = _get_levels(), _get_levels("L")
    plain, runs, jpeg = build_dicom(rgb), encode_runs(rgb), encode_spot("JPEG")
    code_stream = encode_spot("JPEG2000", no_jp2=True)
    for percent in (2, 10, 50, 90):
        yield f"cut at {percent} %.dcm", plain[: len(plain) * percent // 100]
    yield "cut RLE.dcm", build_dicom(runs[:3000], syntax=RLE)
    yield "cut JPEG.dcm", build_dicom(jpeg[: len(jpeg) // 2], syntax=JPEG)
    yield "cut JPEG 2000.dcm", build_dicom(code_stream[: len(code_stream) // 2], syntax=JPEG_2000)
    yield "head only.dcm", plain[:132]
    for name, size in {"other size": (63, 65), "bomb": (30_000, 30_000), "no size": (0, 0)}.items():
        sides = dict(zip(("Rows", "Columns"), size, strict=True))
        yield f"{name}.dcm", build_dicom(rgb, **sides)
        yield f"{name}, RLE.dcm", build_dicom(runs, syntax=RLE, **sides)
        yield f"{name}, JPEG.dcm", build_dicom(jpeg, syntax=JPEG, **sides)
        yield f"{name}, JPEG 2000.dcm", build_dicom(code_stream, syntax=JPEG_2000, **sides)
    yield "three frames.dcm", build_dicom(rgb, NumberOfFrames=3)
    yield "colors as gray.dcm", build_dicom(rgb, SamplesPerPixel=1)
    yield "gray as colors.dcm", build_dicom(gray)
    yield "no palette.dcm", build_dicom(gray, "PALETTE COLOR")
    yield "CMYK.dcm", build_dicom(rgb, "CMYK", SamplesPerPixel=4)
    yield "12 bits in 8.dcm", build_dicom(gray, "MONOCHROME2", BitsStored=12, HighBit=11)
    yield "8 bits as 16.dcm", build_dicom(gray, "MONOCHROME2", BitsAllocated=16)
    yield "signed.dcm", build_dicom(gray, "MONOCHROME2", PixelRepresentation=1)
    yield "no JPEG.dcm", build_dicom(runs, syntax=JPEG)
    yield "lossless JPEG.dcm", build_dicom(jpeg, syntax=JPEG_LOSSLESS)
    yield "JPEG-LS.dcm", build_dicom(b"\xff\xd8\xff\xf7", syntax=JPEG_LS)
    yield "no runs.dcm", build_dicom(jpeg, syntax=RLE)
