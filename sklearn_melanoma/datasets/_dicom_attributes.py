"""Attributes of patient and image in DICOM files, without those that identify the patient."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from sklearn_melanoma._io.decoding import source_errors
from sklearn_melanoma._io.dicom import (
    MAX_HEADER_BYTES,
    SPACINGS,
    Header,
    find_scale,
    is_dicom,
    read_header,
    read_items,
)
from sklearn_melanoma._io.files import read_file
from sklearn_melanoma.datasets._vocabulary import is_unknown

#: Columns of the frame.
COLUMNS = ("age", "sex", "body_part", "laterality", "modality", "manufacturer", "model", "mm_per_pixel")

# Largest number of parts of a directory that are read. A directory of ten thousand images has some hundred thousand.
_MAX_DIRECTORY_READS = 5_000_000

_IDENTITY = ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID")
_DATES = ("AcquisitionDate", "ContentDate", "StudyDate")
_KEYWORDS = (
    *("Rows", "PatientAge", "PatientSex", "AnatomicRegionSequence", "BodyPartExamined", "ImageLaterality"),
    *("Laterality", "Modality", "Manufacturer", "ManufacturerModelName", *SPACINGS, *_DATES, *_IDENTITY),
)
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_SEXES = {"M": "male", "F": "female", "O": "other"}
_SIDES = {"R": "right", "L": "left", "B": "both", "U": "unpaired"}


class Attributes(NamedTuple):
    """Attributes of a DICOM file."""

    patient: tuple[str, ...] | None  # values that identify the patient, so they must not leave the loader
    row: tuple[object, ...]  # values of the columns of the frame; None if they are missing


_SUFFIXES = (".dcm", ".dicom")
NO_ATTRIBUTES = Attributes(None, (None,) * len(COLUMNS))


def is_dicom_path(path: Path) -> bool:
    """Return whether a file is a DICOM file by its suffix, even if it is damaged, or by its content."""
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with open(path, "rb") as file:
            return is_dicom(file.read(132))
    except OSError:
        return False


def read_attributes(path: Path) -> Attributes | None:
    """Read the attributes of a DICOM file; None if it holds no image.

    Parameters
    ----------
    path : Path
        DICOM file.

    Returns
    -------
    Attributes or None
        The attributes.

    Raises
    ------
    ValueError
        If the file can't be opened, it is not a DICOM file, or its header is damaged or exceeds a limit.
    """
    with source_errors(path):
        with open(path, "rb") as file:
            data = file.read(MAX_HEADER_BYTES)
        if not is_dicom(data):
            raise ValueError("it is not a DICOM file" if data else "the file is empty")
        header = read_header(data, _KEYWORDS)
        if header.tag is None or not header.get_integer("Rows"):
            if header.is_without_image:
                return None
            raise ValueError("it has no pixels, or its header ends early")
        regions = read_items(header, "AnatomicRegionSequence", ["CodeMeaning"])
    return Attributes(
        _find_patient(header),
        (
            _find_age(header),
            _SEXES.get(header.get_text("PatientSex").upper()),
            (regions[0][0] if regions else "") or header.get_text("BodyPartExamined") or None,
            _SIDES.get((header.get_text("ImageLaterality") or header.get_text("Laterality")).upper()),
            header.get_text("Modality") or None,
            header.get_text("Manufacturer") or None,
            header.get_text("ManufacturerModelName") or None,
            find_scale(header)[0],
        ),
    )


def read_directory(path: Path) -> list[Path]:
    """Return the files of the images that a DICOMDIR lists.

    Parameters
    ----------
    path : Path
        The DICOMDIR.

    Returns
    -------
    list of Path
        Paths in its folder. The files may be missing.

    Raises
    ------
    ValueError
        If it is not a DICOMDIR, is damaged, or names a file outside its folder.
    """
    data = read_file(path, MAX_HEADER_BYTES)
    with source_errors(path):
        if not is_dicom(data):
            raise ValueError("it is not a DICOM file. Pass a folder, or the file DICOMDIR in it")
        header = read_header(data, ["DirectoryRecordSequence"], max_reads=_MAX_DIRECTORY_READS)
        if "DirectoryRecordSequence" not in header.values:
            raise ValueError("it is not a DICOMDIR. Pass a folder, or the file DICOMDIR in it")
        records = read_items(
            header,
            "DirectoryRecordSequence",
            ["DirectoryRecordType", "ReferencedFileID"],
            max_reads=_MAX_DIRECTORY_READS,
        )
        names = [name for kind, name in records if kind == "IMAGE" and name]
        return sorted({_find_file(path.parent, name) for name in names}, key=lambda file: file.parts)


def _find_file(folder: Path, name: str) -> Path:
    """Return the path of a file whose folders a DICOMDIR separates by backslashes; other systems may use lower case."""
    parts = [part.strip() for part in name.split("\\")]
    if any(part in ("", ".", "..") or "/" in part or ":" in part or "\0" in part for part in parts):
        raise ValueError(f"it names the file {name!r}, which is not in its folder")
    path = folder.joinpath(*parts)
    lower = folder.joinpath(*(part.lower() for part in parts))
    return lower if lower.exists() and not path.exists() else path


def _find_patient(header: Header) -> tuple[str, ...] | None:
    """Return values that identify the patient: the id, else name and date of birth, else the study."""
    identity = [header.get_text(keyword) for keyword in _IDENTITY]
    number, name, born, study = ("" if is_unknown(text) else text for text in identity)
    if number:
        return ("id", number)
    if name:
        return ("name", name, born)
    return ("study", study) if study else None


def _find_age(header: Header) -> float | None:
    """Return the age in years at the time of the image."""
    given = re.fullmatch(r"(\d{1,3})([DWMY])", header.get_text("PatientAge").upper())
    if given:
        return round(int(given[1]) * _YEARS[given[2]], 2)
    born = _read_date(header.get_text("PatientBirthDate"))
    taken = next((date for keyword in _DATES if (date := _read_date(header.get_text(keyword)))), None)
    if born is None or taken is None or taken < born:
        return None
    return float(taken[0] - born[0] - (taken[1:] < born[1:]))


def _read_date(text: str) -> tuple[int, ...] | None:
    found = re.fullmatch(r"(\d{4})\.?(\d\d)\.?(\d\d)", text)
    return tuple(map(int, found.groups())) if found else None
