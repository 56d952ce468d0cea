"""The file of a saved model: the archive of skops, what is known about the model in front, a digest at the end."""

from __future__ import annotations

import hashlib
import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from sklearn_melanoma._typing import PathLike

# The first entry. Its name is in the file twice, at the start and at the end: one is left of most damaged files.
INFO = "sklearn_melanoma.json"
FORMAT = 1
_SEAL = b"sha256:"  # the archive's comment, which ends the file: this, and the digest of all before the digest
_DIGITS = 64


def write_model_file(path: PathLike, info: str, archive: bytes) -> None:
    """Write a model's file; another one of that name stays as it is until the new one is complete.

    Parameters
    ----------
    path : path-like
        Where to.
    info : str
        What is known about the model, in JSON, with the `format`.
    archive : bytes
        What skops makes of the model.

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
    partial = path.with_name(f".{path.name}.{os.getpid()}")  # beside it: only within a disk is a file moved in one go
    try:
        with partial.open("wb") as file:
            file.write(content + _digest(content))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_model_file(path: PathLike) -> tuple[dict[str, Any], str, bytes]:
    """Read a model's file and check its digest; nothing in it is run.

    Parameters
    ----------
    path : path-like
        Where from.

    Returns
    -------
    info : dict
        What is known about the model.
    digest : str
        Of the file.
    archive : bytes
        The file as it is, in which skops finds what it needs.

    Raises
    ------
    ValueError
        If it is no model's file, is damaged, or comes from a later version.
    OSError
        If it can't be read.
    """
    content = Path(path).read_bytes()
    name = os.fspath(path)
    if INFO.encode() not in content:
        kind = "the file is empty" if not content else "save_model did not write it"
        raise ValueError(f"{name!r} is not a model of this package: {kind}. Pass a file that save_model wrote.")
    body, digest = content[:-_DIGITS], content[-_DIGITS:]
    if not body.endswith(_SEAL) or digest != _digest(body):
        raise ValueError(
            f"{name!r} is damaged: its content ({len(content)} bytes) does not agree with its digest. "
            "Copy it again from where it came from."
        )
    try:
        with ZipFile(BytesIO(content)) as archive:
            info = json.loads(archive.read(INFO))
        later = info["format"] > FORMAT
    except Exception as error:  # the digest agrees: made by somebody else
        raise ValueError(f"{name!r} is not a model of this package: its first entry can't be read.") from error
    if later:
        raise ValueError(
            f"{name!r} has format {info['format']}, and this version of the package knows formats up to {FORMAT}. "
            "Install a later version of sklearn-melanoma."
        )
    return info, digest.decode(), content


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
