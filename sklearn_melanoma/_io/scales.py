"""Scales that image files give."""

from __future__ import annotations

from sklearn_melanoma._io.decoding import source_errors
from sklearn_melanoma._io.dicom import MAX_HEADER_BYTES, SPACINGS, find_scale, is_dicom, read_header
from sklearn_melanoma._io.files import is_url
from sklearn_melanoma._typing import PathLike


def read_scale(path: PathLike) -> float | None:
    """Return the width of a pixel in millimeters that a file gives, without reading its pixels.

    Parameters
    ----------
    path : path
        Path or URL of an image. URLs are not opened.

    Returns
    -------
    float or None
        The width; None for URLs, for other files than DICOM files, and for those without a scale of use.

    Raises
    ------
    ValueError
        If the file can't be opened, is empty or has a damaged header.
    ImportError
        If it is a DICOM file and pydicom is not installed.
    """
    if is_url(path):
        return None
    with source_errors(path), open(path, "rb") as file:
        data = file.read(132)
        if not data:
            raise ValueError("the file is empty")
        if not is_dicom(data):
            return None
        return find_scale(read_header(data + file.read(MAX_HEADER_BYTES - len(data)), SPACINGS))[0]
