"""Compressed pixels of DICOM files: fragments, run-length encoding, JPEG and other codecs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._io.dicom import CountingReader, Header, name_uid, silence_pydicom
from sklearn_melanoma._io.headers import MAX_SEGMENTS

# Limits for decoders of pydicom, which keep several copies. The one for JPEG 2000 takes about 1 s for this number of
# pixels, and 3 s more for this number of bytes.
MAX_PLUGIN_PIXELS = 25_000_000
MAX_PLUGIN_BYTES = 25_000_000


class Form(NamedTuple):
    """Form of the pixels, as the header declares it."""

    width: int
    height: int
    n_samples: int
    interpretation: str
    n_bytes: int  # bytes per sample
    bits: int  # bits per sample that hold its value
    in_planes: bool

    @property
    def n_pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height


def join_fragments(header: Header) -> bytes:
    """Return the compressed frame, whose first fragment is a table of offsets."""
    from pydicom.encaps import generate_fragments

    reader = CountingReader(header.data)
    reader.seek(header.start)
    fragments = generate_fragments(reader)
    next(fragments, b"")
    frame = b"".join(fragments)
    if not frame:
        raise ValueError("it has no pixels")
    return frame


def declare_rgb(jpeg: bytes, interpretation: str) -> bytes:
    """Return a JPEG that says that it holds RGB, if the DICOM file does and nothing in the JPEG says otherwise.

    Without a marker, decoders treat three channels as YCbCr. The declaration of the file is often wrong. The markers of
    JFIF and Adobe, and channels of different resolution, are stronger evidence.
    """
    if not jpeg.startswith(b"\xff\xd8"):
        raise ValueError("its pixels are not a JPEG, although its transfer syntax says so")
    if interpretation != "RGB":
        return jpeg
    for marker, segment in _iterate_segments(jpeg):
        if (marker == 0xE0 and segment.startswith(b"JFIF")) or (marker == 0xEE and segment.startswith(b"Adobe")):
            return jpeg
        if marker in (0xC0, 0xC1, 0xC2):
            if len(segment) != 15 or segment[7::3] != segment[7:8] * 3:
                return jpeg
            return jpeg[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0" + jpeg[2:]
    return jpeg


def decode_runs(frame: bytes, form: Form) -> NDArray[Any]:
    """Decode run-length encoding: one segment for each byte of each sample, the upper byte first."""
    n_segments = form.n_samples * form.n_bytes
    starts = np.frombuffer(frame[:64].ljust(64, b"\0"), "<u4").tolist()
    ends = [*starts[2 : n_segments + 1], len(frame)]
    starts = starts[: n_segments + 1]
    if starts[0] != n_segments:
        raise ValueError(f"its run-length encoding must have {n_segments} segments, got {starts[0]}")
    if not all(64 <= start <= end for start, end in zip(starts[1:], ends, strict=True)):
        raise ValueError("its run-length encoding is damaged or ends early")
    levels = np.zeros((form.height, form.width, form.n_samples), f"<u{form.n_bytes}")
    parts = levels.view(np.uint8).reshape(form.height, form.width, form.n_samples, form.n_bytes)[:, :, :, ::-1]
    for number, (start, end) in enumerate(zip(starts[1:], ends, strict=True)):
        try:  # the encoding of TIFF
            plane = Image.frombytes("L", (form.n_pixels, 1), memoryview(frame)[start:end], "packbits", "L")
        except ValueError as error:
            raise ValueError("its run-length encoding is damaged or ends early") from error
        sample, byte = divmod(number, form.n_bytes)
        parts[:, :, sample, byte] = np.asarray(plane).reshape(form.height, form.width)
    return levels[:, :, 0] if form.n_samples == 1 else levels


def decode_with_plugin(header: Header, form: Form) -> tuple[NDArray[Any], Form]:
    """Decode any other compression with the decoders that pydicom finds, which may change the colors."""
    from pydicom.pixels import get_decoder

    name = name_uid(header.syntax)[:64]
    try:
        with silence_pydicom():
            decoder = get_decoder(header.syntax)
    except NotImplementedError:
        raise ValueError(f"its compression ({name}) is not supported") from None
    if not decoder.is_available:
        raise ValueError(
            f"its compression ({name}) needs a decoder of pydicom that is not installed. Install pyjpegls for "
            "JPEG-LS, or pylibjpeg-libjpeg or pylibjpeg-openjpeg with pylibjpeg for JPEG and JPEG 2000"
        )
    frame = join_fragments(header)
    if form.n_pixels > MAX_PLUGIN_PIXELS or len(frame) > MAX_PLUGIN_BYTES:
        raise ValueError(
            f"it has {form.width} × {form.height} pixels in {len(frame):,} bytes of {name}, more than "
            f"{MAX_PLUGIN_PIXELS:,} pixels or {MAX_PLUGIN_BYTES:,} bytes. Shrink it with a tool you trust first"
        )
    size = _find_size(frame)
    if size != (form.width, form.height, form.n_samples):
        raise ValueError(f"its compressed pixels are damaged, or of another size than {form.width} × {form.height}")
    options: dict[str, Any] = {
        "rows": form.height,
        "columns": form.width,
        "number_of_frames": 1,
        "samples_per_pixel": form.n_samples,
        "photometric_interpretation": form.interpretation,
        "planar_configuration": 0,
        "bits_allocated": 8 * form.n_bytes,
        "bits_stored": form.bits,
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
    }
    with silence_pydicom():
        try:
            levels, properties = decoder.as_array(header.data[header.start :], index=0, raw=True, **options)
        except RuntimeError as error:  # it has a line for each decoder
            raise ValueError(f"its pixels could not be decoded: {' '.join(str(error).split())}") from error
    return levels, form._replace(interpretation=str(properties["photometric_interpretation"]))


def _iterate_segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of the segments of a JPEG or JPEG-LS before its pixels."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        if jpeg[position : position + 1] != b"\xff" or len(jpeg) < position + 4 or jpeg[position + 1] == 0xDA:
            return
        length = int.from_bytes(jpeg[position + 2 : position + 4], "big")
        yield jpeg[position + 1], jpeg[position + 4 : position + 2 + length]
        position += 2 + length


def _find_size(frame: bytes) -> tuple[int, int, int] | None:
    """Return width, height and number of channels that JPEG 2000, JPEG-LS or another JPEG declares."""
    if frame.startswith(b"\xff\x4f\xff\x51"):
        right, bottom, left, top = np.frombuffer(frame[8:24].ljust(16, b"\0"), ">u4").tolist()
        return right - left, bottom - top, int.from_bytes(frame[40:42], "big")
    for marker, segment in _iterate_segments(frame):
        if (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)) or marker == 0xF7:
            height, width = np.frombuffer(segment[1:5].ljust(4, b"\0"), ">u2").tolist()
            return width, height, segment[5] if len(segment) > 5 else 0
    return None
