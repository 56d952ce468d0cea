"""Bytes of files and URLs, up to a limit."""

from __future__ import annotations

import os
import re
import stat
from typing import IO

from sklearn_melanoma._typing import PathLike

#: Suffixes of image files, in lower case.
IMAGE_SUFFIXES = (".bmp", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

# Examples: s3://bucket/image.jpg and zip://image.jpg::s3://bucket/images.zip. One letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z\d+.-]+(::.+)?://")


def is_url(path: object) -> bool:
    """Return whether a path is a URL, which fsspec reads."""
    return isinstance(path, str) and _URL.match(path) is not None


def read_bytes(path: PathLike, limit: int) -> bytes:
    """Read all bytes of a file at once.

    Later changes to the file cannot harm the decoders, which work on these bytes.

    Parameters
    ----------
    path : path
        Path of a regular file, or a URL that fsspec knows.
    limit : int
        Largest number of bytes to read.

    Returns
    -------
    bytes
        Content of the file.

    Raises
    ------
    OSError
        If the file does not exist, must not be opened, is not a regular file or is larger than the limit.
    ValueError
        If the path is invalid, or its protocol is unknown.
    ImportError
        If a package that reading the URL needs is not installed.
    """
    name = os.fsdecode(path)
    if not name:
        raise FileNotFoundError("could not open '': the path is empty.")
    try:
        return _read_url(name, limit) if is_url(path) else _read_file(path, limit)
    except OSError as error:
        kind = type(error) if type(error).__module__ == "builtins" else OSError
        raise kind(f"could not open {name!r}: {error.strerror or error}") from error
    except ValueError as error:  # a zero byte in the path, or characters that the system can't encode
        raise ValueError(f"could not open {name!r}: {error}") from error


def _read_file(path: PathLike, limit: int) -> bytes:
    # An ordinary `open` would wait forever for a pipe without a writer.
    with open(path, "rb", opener=lambda file, flags: os.open(file, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is a pipe or a device, not a file")
        if status.st_size > limit:
            raise OSError(0, f"it has {status.st_size:,} bytes, more than {limit:,}")
        return file.read()


def _read_url(url: str, limit: int) -> bytes:
    try:
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem
    except ImportError as error:
        message = f"could not open {url!r}: reading URLs needs fsspec. pip install 'sklearn-melanoma[remote]'"
        raise ImportError(message) from error
    try:
        system, path = url_to_fs(url)
        if isinstance(system, LocalFileSystem):
            return _read_file(path, limit)
        with system.open(path, "rb") as file:
            return _read_stream(file, limit)
    except (OSError, ValueError):
        raise
    except ImportError as error:
        raise ImportError(f"could not open {url!r}: {error}") from error
    except Exception as error:  # each store raises its own errors and those of its network library
        raise OSError(0, f"{type(error).__name__}: {error}") from error


def _read_stream(file: IO[bytes], limit: int) -> bytes:
    blocks, size = [], 0
    while block := file.read(limit + 1 - size):  # a network may return fewer bytes than requested
        blocks.append(block)
        size += len(block)
        if size > limit:
            raise OSError(0, f"it has more than {limit:,} bytes")
    return b"".join(blocks)
