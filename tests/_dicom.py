"""DICOM files as devices and archives write them, and broken ones."""

import warnings

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import dcmwrite
from pydicom.pixels import get_encoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests._hostile import saved, spot

DERMOSCOPIC = "1.2.840.10008.5.1.4.1.1.77.1.7"
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"

#: Attributes that identify a patient. A loader must not return any of them.
IDENTITY = {
    "PatientName": "Zwiebelmann^Kunigunde",
    "PatientID": "PID-4711-SECRET",
    "PatientBirthDate": "19510203",
    "PatientAddress": "Geheimgasse 7",
    "OtherPatientNames": "Zwiebelfrau",
    "AccessionNumber": "ACC0815",
    "StudyDate": "20260811",
    "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.777",
    "ReferringPhysicianName": "Quacksalber^Fridolin",
    "InstitutionName": "Klinik am Hinterhof",
    "DeviceSerialNumber": "SN-998877",
}
SECRETS = [part for value in IDENTITY.values() for part in value.split("^")]


def dicom(
    pixels: np.ndarray | bytes | list[bytes] | None,
    interpretation: str = "RGB",
    *,
    syntax: UID = ExplicitVRLittleEndian,
    shape: tuple[int, int] = (48, 64),
    **attributes: object,
) -> bytes:
    """Return a DICOM file of pixels as an array in the order of the file, or as bytes; a list holds compressed frames.

    Attributes of None are left out.
    """
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = attributes.pop("SOPClassUID", DERMOSCOPIC)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    data.Modality = "DMS"
    if pixels is not None:
        bits = 8 * pixels.itemsize if isinstance(pixels, np.ndarray) else 8
        form = {
            "Rows": shape[0],
            "Columns": shape[1],
            "SamplesPerPixel": 1 if interpretation.startswith(("MONO", "PALETTE")) else 3,
            "PhotometricInterpretation": interpretation,
            "BitsAllocated": bits,
            "BitsStored": bits,
            "HighBit": None,
            "PixelRepresentation": 0,
        }
        if form["SamplesPerPixel"] == 3:
            form["PlanarConfiguration"] = 0
        form |= attributes
        if form["HighBit"] is None:
            form["HighBit"] = form["BitsStored"] - 1
        attributes = form
        if isinstance(pixels, list):
            data.PixelData = encapsulate(pixels)
        else:
            value = pixels if isinstance(pixels, bytes) else pixels.tobytes()
            data.PixelData = value + bytes(len(value) % 2)
        data["PixelData"].VR = "OB" if bits == 8 else "OW"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some values are wrong on purpose
        for name, value in attributes.items():
            if value is not None:
                setattr(data, name, value)
        file = DicomBytesIO()
        dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


def bare(*arguments: object, SOPClassUID: str | None = DERMOSCOPIC, **attributes: object) -> bytes:
    """Return a DICOM file without preamble and meta information, as old archives write it."""
    data = dicom(*arguments, **attributes)
    length = int.from_bytes(data[140:144], "little")  # length of the meta information after this number
    data = data[144 + length :]
    return data if SOPClassUID else data[data.index(b"\x08\0\x18\0") :]


def rgb() -> np.ndarray:
    """Return the pixels of a dark spot on skin."""
    return np.asarray(spot())


def gray() -> np.ndarray:
    """Return the spot in gray."""
    return np.asarray(spot().convert("L"))


def ybr() -> np.ndarray:
    """Return the spot in YCbCr."""
    return np.asarray(spot().convert("YCbCr"))


def halved() -> bytes:
    """Return the spot in YCbCr with one color per two pixels."""
    pairs = ybr().reshape(48, 32, 2, 3)
    return np.concatenate([pairs[..., 0], pairs[:, :, 0, 1:]], axis=2).tobytes()


def jpeg(**options: object) -> bytes:
    """Return the spot as a JPEG."""
    return saved(spot(), "JPEG", **{"quality": 95, "subsampling": 0, **options})


def plain_jpeg(image: Image.Image) -> bytes:
    """Return a JPEG of unchanged levels, without a marker of its colors."""
    data = saved(Image.merge("YCbCr", image.split()), "JPEG", quality=95, subsampling=0)
    return data[:2] + data[20:]  # without the segment of JFIF


def runs(pixels: np.ndarray, interpretation: str = "RGB") -> bytes:
    """Return pixels as run-length encoding."""
    samples = 1 if pixels.ndim == 2 else 3
    return get_encoder(RLELossless).encode(
        pixels,
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=samples,
        photometric_interpretation=interpretation,
        bits_allocated=8 * pixels.itemsize,
        bits_stored=8 * pixels.itemsize,
        pixel_representation=0,
        number_of_frames=1,
        planar_configuration=0,
    )


def palette(n_entries: int, bits: int = 16, **attributes: object) -> dict[str, object]:
    """Return the attributes of a palette from black to blue-green, red in reverse."""
    levels = np.linspace(0, 2**bits - 1, n_entries).astype(f"<u{bits // 8}")
    found = {}
    for color, entries in {"Red": levels[::-1], "Green": levels, "Blue": levels}.items():
        found[f"{color}PaletteColorLookupTableDescriptor"] = [n_entries % 65_536, 0, bits]
        found[f"{color}PaletteColorLookupTableData"] = entries.tobytes()
    return found | attributes


def cut(data: bytes, fraction: float) -> bytes:
    """Return the first bytes of a file."""
    return data[: int(len(data) * fraction)]


#: Valid files that show the spot.
COLOR = {
    "plain": lambda: dicom(rgb()),
    "implicit": lambda: dicom(rgb(), syntax=ImplicitVRLittleEndian),
    "deflated": lambda: dicom(rgb(), syntax=DeflatedExplicitVRLittleEndian),
    "planes": lambda: dicom(rgb().transpose(2, 0, 1).copy(), PlanarConfiguration=1),
    "YBR_FULL": lambda: dicom(ybr(), "YBR_FULL"),
    "YBR_FULL in planes": lambda: dicom(ybr().transpose(2, 0, 1).copy(), "YBR_FULL", PlanarConfiguration=1),
    "YBR_FULL_422": lambda: dicom(halved(), "YBR_FULL_422"),
    "YBR_FULL_422 with all colors": lambda: dicom(ybr(), "YBR_FULL_422"),
    "16 bits": lambda: dicom(rgb().astype("<u2") * 257),
    "12 of 16 bits": lambda: dicom(rgb().astype("<u2") << 4 | 0xF000, BitsStored=12),
    "8 of 16 bits": lambda: dicom(rgb().astype("<u2"), BitsStored=8),
    "JPEG": lambda: dicom([jpeg()], "YBR_FULL_422", syntax=JPEGBaseline8Bit),
    "JPEG declared RGB": lambda: dicom([jpeg()], "RGB", syntax=JPEGBaseline8Bit),
    "JPEG with half of the colors declared RGB": lambda: dicom([jpeg(subsampling=2)], "RGB", syntax=JPEGBaseline8Bit),
    "JPEG of RGB": lambda: dicom([plain_jpeg(spot())], "RGB", syntax=JPEGBaseline8Bit),
    "JPEG of YBR without a marker": lambda: dicom(
        [plain_jpeg(spot().convert("YCbCr"))], "YBR_FULL", syntax=JPEGBaseline8Bit
    ),
    "JPEG declared gray": lambda: dicom([jpeg()], "MONOCHROME2", syntax=JPEGBaseline8Bit),
    "JPEG that says it is turned": lambda: dicom([jpeg(exif=_turned())], syntax=JPEGBaseline8Bit),
    "RLE": lambda: dicom([runs(rgb())], syntax=RLELossless),
    "RLE of YBR": lambda: dicom([runs(ybr(), "YBR_FULL")], "YBR_FULL", syntax=RLELossless),
    "RLE of 16 bits": lambda: dicom(
        [runs(rgb().astype("<u2") * 257)], BitsAllocated=16, BitsStored=16, syntax=RLELossless
    ),
    "JPEG 2000": lambda: dicom([saved(spot(), "JPEG2000", no_jp2=True)], "YBR_RCT", syntax=JPEG2000Lossless),
    "JPEG 2000 of YBR": lambda: dicom(
        [saved(Image.fromarray(ybr()), "JPEG2000", no_jp2=True, mct=0)], "YBR_FULL", syntax=JPEG2000Lossless
    ),
    "fragments": lambda: _fragmented(),
    "no preamble": lambda: dicom(rgb())[132:],
    "no meta information": lambda: bare(rgb()),
    "no meta information, implicit": lambda: bare(rgb(), syntax=ImplicitVRLittleEndian),
    "one frame": lambda: dicom(rgb(), NumberOfFrames=1),
    "bytes after the pixels": lambda: dicom(rgb()) + bytes(1000),
    "empty attributes": lambda: dicom(rgb(), PixelSpacing="", PatientAge="", NumberOfFrames=""),
    "unknown characters": lambda: dicom(rgb(), SpecificCharacterSet="NOT A SET"),
}
GRAY = {
    "MONOCHROME2": lambda: dicom(gray(), "MONOCHROME2"),
    "MONOCHROME1": lambda: dicom(255 - gray(), "MONOCHROME1"),
    "16 bits": lambda: dicom(gray().astype("<u2") * 257, "MONOCHROME2"),
    "16 bits inverted": lambda: dicom(65_535 - gray().astype("<u2") * 257, "MONOCHROME1"),
    "12 of 16 bits": lambda: dicom(gray().astype("<u2") << 4, "MONOCHROME2", BitsStored=12),
    "JPEG": lambda: dicom([saved(spot().convert("L"), "JPEG", quality=95)], "MONOCHROME2", syntax=JPEGBaseline8Bit),
    "JPEG inverted": lambda: dicom(
        [saved(Image.fromarray(255 - gray()), "JPEG", quality=95)], "MONOCHROME1", syntax=JPEGBaseline8Bit
    ),
    "RLE of 16 bits": lambda: dicom(
        [runs(gray().astype("<u2") * 257, "MONOCHROME2")],
        "MONOCHROME2",
        BitsAllocated=16,
        BitsStored=16,
        syntax=RLELossless,
    ),
}
PALETTE = {
    "8 bits": lambda: dicom(gray(), "PALETTE COLOR", **palette(256)),
    "entries of 8 bits": lambda: dicom(gray(), "PALETTE COLOR", **palette(256, 8)),
    "indices of 16 bits": lambda: dicom(gray().astype("<u2") * 257, "PALETTE COLOR", **palette(65_536)),
    "RLE": lambda: dicom([runs(gray(), "PALETTE COLOR")], "PALETTE COLOR", syntax=RLELossless, **palette(256)),
}


def _turned() -> bytes:
    data = Image.Exif()
    data[0x0112] = 6
    return data.tobytes()


def _fragmented() -> bytes:
    data = dicom([b"@" * 100], syntax=JPEGBaseline8Bit)
    whole = jpeg()
    whole += bytes(len(whole) % 2)
    half = len(whole) // 4 * 2
    item = b"\xfe\xff\x00\xe0"
    start = data.index(item + (100).to_bytes(4, "little"))
    parts = b"".join(item + len(part).to_bytes(4, "little") + part for part in (whole[:half], whole[half:]))
    return data[:start] + parts + data[start + 108 :]


def _replace(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


#: Broken files and files without one image, with a part of the reason.
BROKEN = {
    "no pixels": (lambda: dicom(None, Rows=48, Columns=64), "it has no pixels"),
    "PDF": (
        lambda: dicom(None, SOPClassUID=ENCAPSULATED_PDF, EncapsulatedDocument=b"%PDF"),
        r"without an image \(Encapsulated PDF Storage\)",
    ),
    "unknown kind": (
        lambda: dicom(None, SOPClassUID=ENCAPSULATED_PDF, EncapsulatedDocument=b"%PDF").replace(
            ENCAPSULATED_PDF.encode(), b"x" * len(ENCAPSULATED_PDF)
        ),
        r"without an image\.$",
    ),
    "unknown compression": (
        lambda: dicom([b"abcd"], syntax=JPEGBaseline8Bit).replace(JPEGBaseline8Bit.encode(), b"?.2.840.10008.1.2.4.50"),
        r"compression \(\?\.2\.840.*\) is not supported",
    ),
    "header only": (lambda: dicom(rgb())[:132], "no pixels, or its header ends early"),
    "no preamble and no class": (lambda: bare(rgb(), SOPClassUID=None), "neither the preamble .* nor a SOP Class UID"),
    "no preamble, compressed": (lambda: bare([jpeg()], syntax=JPEGBaseline8Bit), "pixels are compressed, but"),
    "several frames": (lambda: dicom(np.stack([rgb()] * 3), NumberOfFrames=3), "it holds 3 frames"),
    "several JPEGs": (
        lambda: dicom([jpeg(), jpeg()], NumberOfFrames=2, syntax=JPEGBaseline8Bit),
        "it holds 2 frames",
    ),
    "cut pixels": (lambda: cut(dicom(rgb()), 0.5), r"ends early \(4,\d{3} of 9,216 bytes of pixels\)"),
    "cut header": (lambda: dicom(rgb())[:-9300], "no pixels, or its header ends early"),
    "cut JPEG": (lambda: cut(dicom([jpeg()], syntax=JPEGBaseline8Bit), 0.7), "ends early"),
    "cut runs": (
        lambda: cut(dicom([runs(rgb())], syntax=RLELossless), 0.5),
        "run-length encoding is damaged or ends early",
    ),
    "cut deflated": (lambda: cut(dicom(rgb(), syntax=DeflatedExplicitVRLittleEndian), 0.6), "ends early|no pixels"),
    "short pixels": (lambda: dicom(rgb()[:20]), r"ends early \(3,840 of 9,216"),
    "huge": (lambda: dicom(rgb(), Rows=65_535, Columns=65_535), "declares 65535 × 65535 pixels, more than"),
    "huge JPEG": (lambda: dicom([jpeg()], Rows=65_535, Columns=65_535, syntax=JPEGBaseline8Bit), "65535 × 65535"),
    "huge runs": (
        lambda: dicom([runs(rgb())], Rows=9000, Columns=9000, syntax=RLELossless),
        "run-length encoding is damaged or ends early",
    ),
    "other size": (lambda: dicom([jpeg()], Rows=24, syntax=JPEGBaseline8Bit), "JPEG has 64 × 48 pixels, but"),
    "zero rows": (lambda: dicom(rgb(), Rows=0), "it has no pixels"),
    "12 bits in 8": (lambda: dicom(rgb(), BitsStored=12), "got 12 of 8 bits"),
    "1 bit": (lambda: dicom(gray(), "MONOCHROME2", BitsAllocated=1, BitsStored=1), "got 1 of 1 bits"),
    "32 bits": (lambda: dicom(gray().astype("<u4"), "MONOCHROME2"), "got 32 of 32 bits"),
    "other high bit": (lambda: dicom(gray(), "MONOCHROME2", HighBit=3), "up to bit 3"),
    "signed": (lambda: dicom(gray(), "MONOCHROME2", PixelRepresentation=1), "levels are signed"),
    "two samples": (lambda: dicom(rgb(), SamplesPerPixel=2), "must have 3 samples per pixel in RGB, got 2"),
    "unknown colors": (lambda: dicom(rgb(), "CIELAB"), "its colors are 'CIELAB', which"),
    "no colors": (lambda: dicom(rgb(), PhotometricInterpretation=None), "its colors are not declared"),
    "odd width": (lambda: dicom(bytes(2 * 48 * 63), "YBR_FULL_422", Columns=63), "width must be even"),
    "no palette": (lambda: dicom(gray(), "PALETTE COLOR"), "palette is missing"),
    "short palette": (
        lambda: dicom(gray(), "PALETTE COLOR", **palette(256, RedPaletteColorLookupTableData=b"ab")),
        "palette is damaged",
    ),
    "no JPEG": (lambda: dicom([b"nothing "], syntax=JPEGBaseline8Bit), "are not a JPEG"),
    "other runs": (lambda: dicom([runs(gray(), "MONOCHROME2")], syntax=RLELossless), "must have 3 segments, got 1"),
    "other JPEG 2000": (
        lambda: dicom([saved(spot(), "JPEG2000", no_jp2=True)], Rows=24, syntax=JPEG2000Lossless),
        "damaged, or of another size",
    ),
    "damaged JPEG 2000": (
        lambda: dicom([saved(spot(), "JPEG2000", no_jp2=True)[:50]], syntax=JPEG2000Lossless),
        r"pixels could not be decoded: .* pillow: [^\n]*$",
    ),
    "JPEG-LS": (lambda: dicom([b"\xff\xd8\xff\xf7"], syntax=JPEGLSLossless), "JPEG-LS .* pyjpegls"),
    "video": (lambda: dicom([b"abcd"], syntax=UID("1.2.840.10008.1.2.4.100")), "compression .*is not supported"),
    "not compressed": (
        lambda: _replace(dicom(rgb()), b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0"),
        "not compressed, but",
    ),
    "big-endian": (
        lambda: _replace(dicom(rgb()), b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.2\0"),
        "big-endian",
    ),
    "floats": (
        lambda: _replace(dicom(gray(), "MONOCHROME2"), b"\xe0\x7f\x10\0OB", b"\xe0\x7f\x08\0OF"),
        "pixels are floats",
    ),
    "many elements": (lambda: _many(b"\x09\0\x10\0LO\0\0" * 100_001), "too many entries"),
    "many items": (
        lambda: _many(b"\x40\0\x55\x05SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\0\0\0\0" * 100_001),
        "too many entries",
    ),
    "nested": (
        lambda: _many((b"\x40\0\x55\x05SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff") * 3000),
        "too many nested sequences",
    ),
    "long header": (lambda: _many(b"\x09\0\x10\0OB\0\0" + (2**25).to_bytes(4, "little") + bytes(2**25)), "header has"),
    "many fragments": (
        lambda: (
            dicom([b"ab"], syntax=JPEGBaseline8Bit).partition(b"\xfe\xff\xdd\xe0")[0]
            + b"\xfe\xff\0\xe0\0\0\0\0" * 100_001
        ),
        "too many entries",
    ),
}


def _many(elements: bytes) -> bytes:
    data = dicom(None, Rows=48, Columns=64)
    return data + elements
