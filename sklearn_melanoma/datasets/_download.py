"""Downloads that continue after an interruption, and unpacking of archives, completely or not at all."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any
from urllib.parse import urlsplit

from sklearn_melanoma.datasets._catalog import RemoteFile

#: Function of the name of a file, the number of its bytes so far, and the number of all its bytes (None if unknown).
Progress = Callable[[str, int, int | None], None]

_CHUNK = 1 << 18  # bytes; an interruption loses fewer
_TIMEOUT = 60  # seconds without a byte
_ATTEMPTS = 5  # attempts without a new byte
_RETRIED = (408, 429)  # codes of a server that mean another attempt, like all codes from 500 on
_MAX_NAME = 255  # bytes of a name in most file systems
_FULL = (errno.ENOSPC, errno.EDQUOT)
# Folders and files that systems put into archives.
_JUNK = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


def check_pooch() -> None:
    """Raise an error if pooch is not installed, before work is done."""
    if find_spec("pooch") is None:
        raise ImportError("downloads need pooch. Install it with: pip install 'sklearn-melanoma[fetch]'")


def fetch_file(remote: RemoteFile, folder: Path, progress: Progress | None = None) -> None:
    """Download a file to a folder, and unpack it if it is an archive.

    The progress is reported before the server is asked. The file, or the folder that an archive becomes, exists only
    when it is complete. An interrupted download continues in the next call, from the file with the suffix ``.part``.

    Raises
    ------
    ConnectionError
        If the server refuses the file, or several attempts bring no new bytes.
    OSError
        If the disk is full; then no part of the file remains. If a file of an archive can't be written.
    ValueError
        If the file is not the expected one, or the archive is damaged or holds paths outside its folder. The file is
        deleted.
    """
    with _clean_up_full_disk(folder, remote.name):
        _download(remote, folder, progress)
        if remote.is_archive:
            _unpack(folder / remote.name, folder / remote.target)


def _download(remote: RemoteFile, folder: Path, progress: Progress | None) -> None:
    """Download a file, unless it is there with the right checksum."""
    import pooch

    part = folder / f"{remote.name}.part"

    def download(url: str, output_file: str, _: Any) -> None:
        _receive(url, part, lambda n, total: progress(remote.name, n, total) if progress else None)
        size = part.stat().st_size
        if remote.size is not None and size != remote.size:
            part.unlink()
            raise ValueError(
                f"{remote.name!r} from {url} must have {remote.size} bytes, got {size}. It was deleted. Download it "
                "again; if that does not help, the file has changed there."
            )
        os.replace(part, output_file)

    with _silence(pooch.get_logger()):
        pooch.retrieve(
            remote.url,
            known_hash=remote.md5 and f"md5:{remote.md5}",
            fname=remote.name,
            path=folder,
            downloader=download,
        )


@contextmanager
def _silence(logger: logging.Logger) -> Iterator[None]:
    """Leave out the log messages of pooch; their advice is for users of pooch."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _receive(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    """Download the missing end of a file. Attempts that bring new bytes do not count."""
    import requests

    by_hand = f"save the file by hand as {str(part).removesuffix('.part')!r}"
    most = _get_size(part)
    progress(most, None)
    n_failed = 0
    while n_failed < _ATTEMPTS:
        try:
            if _receive_rest(url, part, progress):
                return
            reason = f"{urlsplit(url).hostname} ended the connection early"
        except requests.RequestException as error:
            code = 500 if error.response is None else error.response.status_code
            reason = _explain(error, url)
            if code < 500 and code not in _RETRIED:
                raise ConnectionError(
                    f"could not download {url}: {reason}. Check whether the address is still the one on the page of "
                    f"the data set, and {by_hand}. Then run this again."
                ) from error
        n_failed = 0 if _get_size(part) > most else n_failed + 1
        most = max(most, _get_size(part))
        if n_failed < _ATTEMPTS:
            time.sleep(2 ** max(n_failed - 1, 0))
    kept = f"; the download continues after the first {most:,} bytes" if most else ""
    raise ConnectionError(
        f"could not download {url} in {_ATTEMPTS} attempts: {reason}. Check the connection, and the proxy if there is "
        f"one (environment variable HTTPS_PROXY). Then run this again{kept}. Or {by_hand}, and run this again."
    )


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _explain(error: Exception, url: str) -> str:
    """Return why a download failed. Messages of requests about connections are not readable."""
    import requests

    host = urlsplit(url).hostname
    if isinstance(error, requests.Timeout):
        return f"{host} did not answer within {_TIMEOUT} seconds"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy gives no connection to {host}"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {host} is not valid"
    if isinstance(error, requests.ConnectionError):
        return f"there is no connection to {host}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{host} ended the connection early"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{host} answered {error.response.status_code} {error.response.reason}"
    return str(error)


def _receive_rest(url: str, part: Path, progress: Callable[[int, int | None], None]) -> bool:
    """Add the missing bytes to a file, and return whether it is complete."""
    import requests

    n_bytes = _get_size(part)
    headers = {"Accept-Encoding": "identity"}  # so that lengths are those of the file
    headers |= {"Range": f"bytes={n_bytes}-"} if n_bytes else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            if response.headers.get("Content-Range") == f"bytes */{n_bytes}":
                return True
            part.unlink()  # the rest is of another file
            return False
        response.raise_for_status()
        if "html" in response.headers.get("Content-Type", ""):  # such as the login of a hotel
            raise requests.RequestException("the server sent a web page instead of the file")
        if response.status_code != requests.codes.partial_content:
            n_bytes = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else n_bytes + int(length)
        check_space(part.parent, 0 if length is None else int(length))
        with open(part, "ab" if n_bytes else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                n_bytes += len(chunk)
                progress(n_bytes, total)
    return total is None or n_bytes == total


def _unpack(archive: Path, target: Path) -> None:
    """Unpack an archive to a folder that exists only when it is complete, and delete the archive."""
    unfinished = target.with_name(f".{target.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            members = _list_members(file, target.name)
            check_space(target.parent, sum(member.file_size for member in members))
            unfinished.mkdir()
            for member, place in members.items():
                with _name_member(archive, place), file.open(member) as source:
                    _write_member(source, unfinished / place)
        if target.is_dir():  # an empty one
            target.rmdir()
        os.replace(unfinished, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        archive.unlink()
        raise ValueError(
            f"{archive.name!r} could not be unpacked: {error}. It was deleted. Download it again; if that does not "
            "help, do not trust its source."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    archive.unlink()


def _write_member(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as output:
        shutil.copyfileobj(source, output, _CHUNK)


@contextmanager
def _name_member(archive: Path, place: PurePosixPath) -> Iterator[None]:
    """Name the file of an archive in an error of writing it, for example because its path is too long."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise
        raise OSError(
            f"{archive.name!r} could not be unpacked: {str(place)!r} can't be written to {str(archive.parent)!r} "
            f"({error.strerror}). The archive is kept. Pass a folder with a shorter path, or on another disk."
        ) from error


def _list_members(file: zipfile.ZipFile, folder: str) -> dict[zipfile.ZipInfo, PurePosixPath]:
    """Return the files in an archive and their places in a folder; the name of the folder itself is left out.

    Links, paths outside the folder and names that no disk accepts raise an error.
    """
    members = {}
    for member in file.infolist():
        path = PurePosixPath(member.filename)
        outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(member.filename).anchor
        if outside or "\\" in member.filename or stat.S_ISLNK(member.external_attr >> 16):
            raise zipfile.BadZipFile(f"it must hold files in its folder only, got {member.filename[:80]!r}")
        if any(len(part.encode()) > _MAX_NAME for part in path.parts):
            raise zipfile.BadZipFile(
                f"its names must have at most {_MAX_NAME} bytes, got {member.filename[:80] + '…'!r}"
            )
        if path.parts and not member.is_dir() and not set(_JUNK) & set(path.parts):
            members[member] = path
    if not members:
        raise zipfile.BadZipFile("it holds no files")
    places = set(members.values())
    if both := next((top for path in places for top in path.parents if top in places), None):
        raise zipfile.BadZipFile(f"it holds {str(both)!r} as a file and as a folder")
    if {path.parts[0] for path in members.values()} == {folder}:
        members = {member: path.relative_to(folder) for member, path in members.items()}
    return members


def check_space(folder: Path, n_bytes: int) -> None:
    """Raise an error if the disk of a folder has less free space than that."""
    if shutil.disk_usage(folder).free < n_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _clean_up_full_disk(folder: Path, name: str) -> Iterator[None]:
    """If the disk is full, delete the unfinished download and raise an error that says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        (folder / f"{name}.part").unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"the disk of {str(folder)!r} is full: {shutil.disk_usage(folder).free / 1e6:.0f} MB are free, too few for "
            f"{name!r}. Free space, or pass a folder on another disk",
        ) from error
