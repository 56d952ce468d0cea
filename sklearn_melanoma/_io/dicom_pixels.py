"""Pixels of DICOM files: raw pixels, or the JPEG in the file."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sklearn_melanoma._io.dicom import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    PIXEL_DATA,
    SPACINGS,
    Header,
    find_scale,
    name_uid,
    read_header,
)
from sklearn_melanoma._io.dicom_frames import Form, declare_rgb, decode_runs, decode_with_plugin, join_fragments
from sklearn_melanoma._io.limits import check_memory, check_size

# The file stays in memory while its JPEG, a copy of a part of it, is decoded.
MAX_ENCAPSULATED_BYTES = 100_000_000

_NATIVE = (IMPLICIT, EXPLICIT, DEFLATED)
_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_RLE = "1.2.840.10008.1.2.5"

_COLORS = ("Red", "Green", "Blue")
_SAMPLES = {"MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1, "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3}
_COPIED = ("YBR_FULL_422", "PALETTE COLOR")
_CODEC_SAMPLES = {"YBR_ICT": 3, "YBR_RCT": 3}  # JPEG 2000 turns them to RGB

_KEYWORDS = (
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows"),
    *("Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "ICCProfile", *SPACINGS),
    *(f"{color}PaletteColorLookupTable{part}" for color in _COLORS for part in ("Descriptor", "Data")),
)


class Content(NamedTuple):
    """Image of a DICOM file, with its color profile and scale."""

    width: int
    height: int
    jpeg: bytes | None  # None if `image` holds the pixels
    image: Image.Image | None
    deep: bool  # whether the file has more bits per level than the image
    inverted: bool  # whether 0 means white
    profile: bytes | None  # color profile
    mm_per_pixel: float | None
    warning: str  # reason why the scale can't be used, or empty


def read_content(data: bytes, max_side: int | None = None) -> Content:
    """Read the image of a DICOM file; a JPEG is returned as it is.

    Parameters
    ----------
    data : bytes
        Content of the file.
    max_side : int, optional
        Longest side to which the image will be shrunk.

    Returns
    -------
    Content
        JPEG or image, scale and color profile.

    Raises
    ------
    ValueError
        If the file holds no image or several frames, is damaged, has pixels of another form or exceeds a limit.
    ImportError
        If pydicom is not installed.
    """
    header = read_header(data, _KEYWORDS)
    width, height = header.get_integer("Columns"), header.get_integer("Rows")
    _check_frame(header, width, height)
    mm_per_pixel, warning = find_scale(header)
    jpeg = image = None
    deep = False
    if header.syntax in _JPEG:
        jpeg = declare_rgb(join_fragments(header), header.get_text("PhotometricInterpretation"))
    else:
        form = _read_form(header, width, height)
        _check_cost(form, header, len(data), max_side)
        image, deep = _make_image(*_decode(header, form), header)
    inverted = header.get_text("PhotometricInterpretation") == "MONOCHROME1"
    profile = header.values.get("ICCProfile")
    return Content(width, height, jpeg, image, deep, inverted, profile, mm_per_pixel, warning)


def invert_gray(image: Image.Image) -> Image.Image:
    """Return a gray image of 8 or 16 bits with black and white swapped; any other image is returned unchanged."""
    if image.mode == "L":
        return ImageOps.invert(image)
    if image.mode == "I;16":
        return Image.fromarray(np.uint16(65_535) - np.asarray(image))
    return image


def _check_frame(header: Header, width: int, height: int) -> None:
    """Check that a file holds one image of a size that can be decoded."""
    if header.tag is None or not (width and height):
        raise ValueError(_explain_missing(header))
    n_frames = (header.get_decimals("NumberOfFrames") or [1])[0]
    if n_frames > 1:
        raise ValueError(
            f"it holds {n_frames:g} frames, and only files with one image are read. Save the frame that shows the "
            "lesion as a file of its own"
        )
    if header.tag != PIXEL_DATA:
        raise ValueError("its pixels are floats. Save them as 8 or 16 bits")
    check_size(width, height)
    if header.length is None and len(header.data) > MAX_ENCAPSULATED_BYTES:
        raise ValueError(
            f"it is a compressed DICOM file of {len(header.data):,} bytes, more than {MAX_ENCAPSULATED_BYTES:,}"
        )
    if (header.length is None) == (header.syntax in _NATIVE):
        stored = "not compressed" if header.length is not None else "compressed"
        raise ValueError(f"its pixels are {stored}, but its transfer syntax says otherwise")


def _explain_missing(header: Header) -> str:
    """Return why a file has no pixels."""
    uid = header.sop_class
    kind = name_uid(uid)
    if header.is_without_image:
        return f"it is a DICOM file without an image{'' if kind == uid else f' ({kind})'}"
    return "it has no pixels, or its header ends early"


def _read_form(header: Header, width: int, height: int) -> Form:
    interpretation = header.get_text("PhotometricInterpretation")
    n_samples = header.get_integer("SamplesPerPixel", 1)
    known = _SAMPLES | (_CODEC_SAMPLES if header.syntax not in (*_NATIVE, _RLE) else {})
    if interpretation not in known:
        given = repr(interpretation[:16]) if interpretation else "not declared"
        raise ValueError(f"its colors are {given}, which is not one of {', '.join(known)}")
    if n_samples != known[interpretation]:
        raise ValueError(f"it must have {known[interpretation]} samples per pixel in {interpretation}, got {n_samples}")
    allocated = header.get_integer("BitsAllocated")
    stored = header.get_integer("BitsStored", allocated)
    highest = header.get_integer("HighBit", stored - 1)
    if allocated not in (8, 16) or not 8 <= stored <= allocated or highest != stored - 1:
        raise ValueError(f"it must have 8 bits, or 8 to 16 of 16, got {stored} of {allocated} bits up to bit {highest}")
    if header.get_integer("PixelRepresentation"):
        raise ValueError("its levels are signed. Save them as 8 or 16 bits without a sign")
    in_planes = n_samples == 3 and header.get_integer("PlanarConfiguration") == 1
    return Form(width, height, n_samples, interpretation, allocated // 8, stored, in_planes)


def _check_cost(form: Form, header: Header, n_bytes: int, max_side: int | None) -> None:
    """Raise an error if an image takes too much memory; the file has `n_bytes`."""
    copied = form.n_bytes > 1 or form.in_planes or header.syntax not in _NATIVE or form.interpretation in _COPIED
    buffers = form.n_pixels * form.n_samples * (2 * form.n_bytes - 1) if copied else 0
    if header.syntax == DEFLATED:
        buffers += len(header.data)
    stored = 1 if form.n_samples == 1 else 4
    is_gray = form.interpretation.startswith("MONOCHROME")
    check_memory((form.width, form.height), n_bytes, n_bytes + buffers, stored, max_side, is_gray=is_gray)


def _decode(header: Header, form: Form) -> tuple[NDArray[Any], Form]:
    """Return the levels of all samples, of shape (height, width) or (height, width, 3), and their form."""
    if header.syntax in _NATIVE:
        return _view_pixels(header, form), form
    if header.syntax == _RLE:
        return decode_runs(join_fragments(header), form), form
    return decode_with_plugin(header, form)


def _view_pixels(header: Header, form: Form) -> NDArray[Any]:
    n_values = form.n_pixels * form.n_samples
    n_there = min(len(header.data) - header.start, header.length or 0)
    # Some writers declare half of the color values, and write all of them.
    halved = form.interpretation == "YBR_FULL_422" and n_there < n_values * form.n_bytes
    n_bytes = (n_values * 2 // 3 if halved else n_values) * form.n_bytes
    if n_there < n_bytes:
        raise ValueError(f"the file ends early ({n_there:,} of {n_bytes:,} bytes of pixels)")
    values = np.frombuffer(header.data, f"<u{form.n_bytes}", n_bytes // form.n_bytes, header.start)
    if halved:
        return _double_colors(values, form)
    if form.n_samples == 1:
        return values.reshape(form.height, form.width)
    if form.in_planes:
        return np.moveaxis(values.reshape(3, form.height, form.width), 0, 2)
    return values.reshape(form.height, form.width, 3)


def _double_colors(values: NDArray[Any], form: Form) -> NDArray[Any]:
    """Return one color per pixel from one per two pixels."""
    if form.width % 2:
        raise ValueError(f"its width must be even where two pixels share a color (YBR_FULL_422), got {form.width}")
    # Two pixels are stored as two levels of luminance, one of blue and one of red.
    pixels = values.reshape(-1, 4).take([0, 2, 3, 1, 2, 3], axis=1)
    return pixels.reshape(form.height, form.width, 3)


def _make_image(levels: NDArray[Any], form: Form, header: Header) -> tuple[Image.Image, bool]:
    """Return an image of the levels, and whether lower bits were cut off. Gray images keep 16 bits."""
    size = form.width, form.height
    if form.interpretation == "PALETTE COLOR":
        return _color_indices(levels, form, header)
    deep = levels.dtype.itemsize > 1 and form.bits > 8
    if deep and form.n_samples == 1 and form.bits == 16:
        return Image.frombuffer("I;16", size, np.ascontiguousarray(levels), "raw", "I;16", 0, 1), False
    if levels.dtype.itemsize > 1:
        upper = np.empty(levels.shape, np.uint8)
        # The cast drops bits above those of the value.
        levels = np.right_shift(levels, form.bits - 8, out=upper, casting="unsafe")
    mode = "L" if form.n_samples == 1 else "YCbCr" if form.interpretation.startswith("YBR_FULL") else "RGB"
    return Image.frombuffer(mode, size, np.ascontiguousarray(levels), "raw", mode, 0, 1), deep


def _color_indices(indices: NDArray[Any], form: Form, header: Header) -> tuple[Image.Image, bool]:
    table = np.stack([_read_palette(header, color, 256**form.n_bytes) for color in _COLORS], axis=1)
    if form.n_bytes > 1:
        return Image.fromarray(table[indices]), False
    image = Image.frombuffer("P", (form.width, form.height), np.ascontiguousarray(indices), "raw", "P", 0, 1)
    image.putpalette(table.tobytes())
    return image, False


def _read_palette(header: Header, color: str, n_indices: int) -> NDArray[np.uint8]:
    """Return the level of a color for each index."""
    descriptor = header.values.get(f"{color}PaletteColorLookupTableDescriptor") or b""
    data = header.values.get(f"{color}PaletteColorLookupTableData") or b""
    if len(descriptor) != 6:
        raise ValueError("its palette is missing or damaged")
    n_entries, first, bits = np.frombuffer(descriptor, "<u2").tolist()
    n_entries = n_entries or 65_536
    n_bytes = 2 if len(data) >= 2 * n_entries else 1
    if bits not in (8, 16) or len(data) < n_entries * n_bytes or bits // 8 > n_bytes:
        raise ValueError(f"its palette is damaged: {n_entries} entries of {bits} bits in {len(data):,} bytes")
    entries = np.frombuffer(data, f"<u{n_bytes}", n_entries) >> (bits - 8)
    return entries.astype(np.uint8)[np.clip(np.arange(n_indices) - first, 0, n_entries - 1)]
