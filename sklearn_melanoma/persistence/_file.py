"""File format of saved models: information about the model, an archive of skops, and a digest."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from sklearn_melanoma._io.files import is_url, read_file
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.persistence._archive import MAX_FILE_BYTES, check_archive, parse_json

# The first entry of the archive. Its name is at the start and at the end of the file, so most damaged files still have
# one of them.
INFO = "sklearn_melanoma.json"
FORMAT = 1
_SEAL = b"sha256:"  # the archive's comment at the end of the file: this text, and the digest of all previous bytes
_DIGITS = 64


def write_model_file(path: PathLike, info: str, archive: bytes) -> None:
    """Write the file of a model. An existing file is replaced when the new one is complete.

    Parameters
    ----------
    path : path-like
        The file, or a link to it. The link stays.
    info : str
        Information about the model in JSON, with the `format`.
    archive : bytes
        Archive of skops with the model.

    Raises
    ------
    OSError
        If the file can't be written, or the path leads to something else than a regular file.
    """
    target, mode = find_target(path)
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as new, ZipFile(BytesIO(archive)) as source:
        new.comment = _SEAL + bytes(_DIGITS)
        new.writestr(INFO, info)
        for name in source.namelist():
            new.writestr(name, source.read(name))
    content = buffer.getvalue()[:-_DIGITS]
    # The partial file is in the same folder, because a move is atomic only within a disk. Its name is short and random.
    partial = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.partial")
    try:
        with open(partial, "xb") as file:
            if mode is not None:
                os.chmod(partial, mode)
            file.write(content + _compute_digest(content))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, target)
    except OSError as error:
        if error.filename is not None:  # the name of the partial file does not help the user
            raise type(error)(error.errno, error.strerror, os.fsdecode(path)) from error
        raise
    finally:
        with suppress(OSError):
            os.unlink(partial)


def find_target(path: PathLike) -> tuple[str, int | None]:
    """Return the path of the file that is written, with all links resolved, and the permissions of an existing file.

    Parameters
    ----------
    path : path-like
        A path.

    Returns
    -------
    target : str
        Absolute path without links.
    mode : int or None
        Permissions of the existing file; None for a new file.

    Raises
    ------
    OSError
        If the path leads to something else than a regular file, or links form a circle.
    ValueError
        If it is a URL.
    """
    name = os.fsdecode(path)
    if is_url(name):
        raise ValueError(f"could not write {name!r}: models are written to a disk. Pass a path, and copy the file.")
    if not name or name.endswith((os.sep, os.altsep or os.sep)):
        raise IsADirectoryError(f"could not write {name!r}: it is not the path of a file. Add the name of a file.")
    try:
        status = os.stat(name)
    except FileNotFoundError:
        return os.path.realpath(name), None
    if not stat.S_ISREG(status.st_mode):
        kind, what = (
            (IsADirectoryError, "a folder") if stat.S_ISDIR(status.st_mode) else (OSError, "a pipe or a device")
        )
        raise kind(f"could not write {name!r}: it is {what}, not a file. Pass the path of a file.")
    return os.path.realpath(name), stat.S_IMODE(status.st_mode)


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
        If the file is not a model of this package, is damaged, has a later format or exceeds a limit.
    OSError
        If the file can't be read, is not a regular file or is too large.
    """
    name = os.fsdecode(path)
    if is_url(name):
        raise ValueError(
            f"could not open {name!r}: models are read from a disk. Copy the file there, and pass its path."
        )
    content = read_file(path, MAX_FILE_BYTES)
    if INFO.encode() not in content:
        kind = "the file is empty" if not content else "save_model did not write it"
        raise ValueError(f"{name!r} is not a model of this package: {kind}. Pass a file that save_model wrote.")
    body, digest = content[:-_DIGITS], content[-_DIGITS:]
    if not body.endswith(_SEAL) or digest != _compute_digest(body):
        raise ValueError(
            f"{name!r} is damaged: its content ({len(content)} bytes) does not agree with its digest. "
            "Copy it again from its source."
        )
    try:
        check_archive(content)
    except BadZipFile:
        pass  # reported below
    except Exception as error:  # the digest agrees: another program wrote the file
        raise ValueError(f"{name!r} is not a model of this package: {error}.") from error
    try:
        with ZipFile(BytesIO(content)) as archive:
            info = parse_json(archive.read(INFO))
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
