"""File format of saved models: information about the model, an archive of skops, and a digest."""

from __future__ import annotations

import hashlib
import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sklearn_melanoma._typing import PathLike

# The first entry of the archive. Its name is at the start and at the end of the file, so most damaged files have one.
INFO = "sklearn_melanoma.json"
FORMAT = 1
_SEAL = b"sha256:"  # the file ends with the archive's comment: this text, and the digest of all previous bytes
_DIGITS = 64


def write_model_file(path: PathLike, info: str, archive: bytes) -> None:
    """Write the file of a model. An existing file is replaced when the new one is complete.

    Parameters
    ----------
    path : path-like
        The file.
    info : str
        Information about the model in JSON, with the `format`.
    archive : bytes
        Archive of skops with the model.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as target, ZipFile(BytesIO(archive)) as source:
        target.comment = _SEAL + bytes(_DIGITS)
        target.writestr(INFO, info)
        for name in source.namelist():
            target.writestr(name, source.read(name))
    content = buffer.getvalue()[:-_DIGITS]
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")  # in the same folder: a move is atomic only within a disk
    try:
        with partial.open("wb") as file:
            file.write(content + _compute_digest(content))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_model_file(path: PathLike) -> tuple[dict[str, Any], str, bytes]:
    """Read the file of a model and check its digest, without running code from it.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    info : dict
        Information about the model.
    digest : str
        Digest of the file.
    archive : bytes
        Content of the file. skops reads its own entries from it.

    Raises
    ------
    ValueError
        If the file is not a model of this package, is damaged, or has a later format.
    OSError
        If the file can't be read.
    """
    content = Path(path).read_bytes()
    name = os.fspath(path)
    if INFO.encode() not in content:
        kind = "the file is empty" if not content else "save_model did not write it"
        raise ValueError(f"{name!r} is not a model of this package: {kind}. Pass a file that save_model wrote.")
    body, digest = content[:-_DIGITS], content[-_DIGITS:]
    if not body.endswith(_SEAL) or digest != _compute_digest(body):
        raise ValueError(
            f"{name!r} is damaged: its content ({len(content)} bytes) does not agree with its digest. "
            "Copy it again from where it came from."
        )
    try:
        with ZipFile(BytesIO(content)) as archive:
            info = json.loads(archive.read(INFO))
        later = info["format"] > FORMAT
    except Exception as error:  # the digest agrees: another program wrote the file
        raise ValueError(f"{name!r} is not a model of this package: its first entry can't be read.") from error
    if later:
        raise ValueError(
            f"{name!r} has format {info['format']}, and this version of the package knows formats up to {FORMAT}. "
            "Install a later version of sklearn-melanoma."
        )
    return info, digest.decode(), content


def _compute_digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
