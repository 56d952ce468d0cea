"""Bytes of files and URLs, up to a limit."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import IO, Any

from sklearn_melanoma._io.timeouts import call_with_timeout
from sklearn_melanoma._typing import PathLike

#: Suffixes of image files, in lower case.
IMAGE_SUFFIXES = (".bmp", ".dcm", ".dicom", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

# Examples: s3://bucket/image.jpg and zip://image.jpg::s3://bucket/images.zip. One letter is a drive of Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z\d+.-]+(::.+)?://")

#: Longest time for reading a URL, in seconds: enough for a dermoscopic image of 10 MB at 2 Mbit/s.
MAX_SECONDS = 60.0

_BLOCK = 1 << 20  # largest number of bytes per read; a larger block would be in memory several times


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
        If the file does not exist, can't be opened, is not a regular file or is larger than the limit. If reading a URL
        takes longer than `MAX_SECONDS`, it is a TimeoutError.
    ValueError
        If the path is invalid, or its protocol is unknown or caches files.
    ImportError
        If a package that reading the URL needs is not installed.
    """
    with _named_errors(path):
        return _read_url(os.fsdecode(path), limit) if is_url(path) else _read_file(path, limit)


def read_file(path: PathLike, limit: int) -> bytes:
    """Read all bytes of a regular file on this machine, as `read_bytes` does.

    Parameters
    ----------
    path : path
        Path of a regular file.
    limit : int
        Largest number of bytes to read.

    Returns
    -------
    bytes
        Content of the file.

    Raises
    ------
    OSError, ValueError
        As `read_bytes`.
    """
    with _named_errors(path):
        return _read_file(path, limit)


@contextmanager
def _named_errors(path: PathLike) -> Iterator[None]:
    name = str(os.fsdecode(path))  # a plain str, also for numpy's strings
    if not name:
        raise FileNotFoundError("could not open '': the path is empty.")
    try:
        yield
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
        content = file.read(status.st_size + 1)
        if len(content) <= status.st_size:
            return content
        # The file grows, or is a file of the system without a size.
        return content + _read_stream(file, limit, n_read=len(content))


def _read_url(url: str, limit: int) -> bytes:
    try:
        import fsspec.core  # noqa: F401
    except ImportError as error:
        message = f"could not open {url!r}: reading URLs needs fsspec. pip install 'sklearn-melanoma[remote]'"
        raise ImportError(message) from error
    try:
        _check_protocols(url, limit)
        deadline = time.monotonic() + MAX_SECONDS
        return call_with_timeout(partial(_fetch_url, url, limit, deadline), MAX_SECONDS)
    except TimeoutError as error:
        reason = error.strerror or str(error) or "the server did not answer in time"
        raise TimeoutError(0, f"{reason}. Copy the file to a disk first") from error
    except FileNotFoundError as error:
        if error.strerror is None and url.endswith(str(error)):
            raise FileNotFoundError(0, _explain_missing(error, url)) from error
        raise
    except (OSError, ValueError):
        raise
    except ImportError as error:
        raise ImportError(f"could not open {url!r}: {error}") from error
    except Exception as error:  # each store raises its own errors and those of its network library
        raise OSError(0, f"{type(error).__name__}: {error}") from error


def _explain_missing(error: FileNotFoundError, url: str) -> str:
    """Return why a file is missing. fsspec's error holds only the URL; the cause of the error holds the reason."""
    cause: Any = error.__cause__
    if hasattr(cause, "status"):
        return f"the server answered {cause.status} {getattr(cause, 'message', '')}".rstrip()
    reason = "" if cause is None else str(cause)
    return reason if reason not in ("", url) else "there is no such file"


def _check_protocols(url: str, limit: int) -> None:
    """Raise an error for protocols that copy whole files of any size to this disk when they are opened."""
    from fsspec.implementations.cached import CachingFileSystem
    from fsspec.registry import get_filesystem_class, known_implementations, registry

    for part in url.split("::"):
        protocol = part.partition("://")[0]
        known = protocol in known_implementations or protocol in registry
        if known and issubclass(get_filesystem_class(protocol), CachingFileSystem):
            raise ValueError(
                f"the protocol {protocol!r} copies whole files to this disk, also files of more than {limit:,} bytes. "
                f"Leave out '{protocol}::', or copy the file to a disk first"
            )


def _fetch_url(url: str, limit: int, deadline: float) -> bytes:
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    system, path = url_to_fs(url)
    if isinstance(system, LocalFileSystem):
        return _read_file(path, limit)
    # By default, fsspec asks HTTP servers for ranges of bytes, and accepts answers of any length. Zero means a stream.
    streams = "http" in ([system.protocol] if isinstance(system.protocol, str) else system.protocol)
    options: dict[str, Any] = {"block_size": 0} if streams else {}
    with system.open(path, "rb", **options) as file:
        return _read_stream(file, limit, deadline)


def _read_stream(file: IO[bytes], limit: int, deadline: float = float("inf"), *, n_read: int = 0) -> bytes:
    """Read up to a limit; the limit includes the bytes that were read before."""
    content = BytesIO()
    while block := file.read(min(limit + 1 - n_read, _BLOCK)):  # a network may return fewer bytes
        content.write(block)
        n_read += len(block)
        if n_read > limit:
            raise OSError(0, f"it has more than {limit:,} bytes")
        if time.monotonic() > deadline:  # the caller stops waiting too, perhaps a moment later
            raise TimeoutError(f"it took more than {MAX_SECONDS:g} seconds")
    return content.getvalue()
