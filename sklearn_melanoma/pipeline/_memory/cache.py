"""Cache of feature rows: rows held in this process, backed by the store in a folder.

If the cache fails, rows are recomputed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any, TypeVar

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.pipeline._memory.keys import (
    FileStamp,
    ImageIdentity,
    digest_file,
    identify_image,
    stamp_file,
    versions,
)
from sklearn_melanoma.pipeline._memory.store import CachedRow, RowStore

T = TypeVar("T")

#: Maximum size of the rows held in this process, in bytes: 25 000 images with all features. Other rows are read from
#: the store.
MAX_HELD = 64 * 2**20

_OVERHEAD = 300  # bytes of a row without its numbers, and of a file without its path
_RETRY = 60.0  # seconds until a failed store is used again
_JUST_WRITTEN = 2 * 10**9  # ns: two writes within this time may have equal time stamps; FAT counts in 2 s


class _ProcessCache:
    """Rows and file digests of one folder, held in this process.

    It needs no locks: each operation on a dict is atomic.
    """

    def __init__(self) -> None:
        self.rows: dict[bytes, dict[bytes, CachedRow]] = {}  # rows by steps key and image key
        self.files: dict[str, tuple[FileStamp, bytes]] = {}  # stamp and digest by path
        self.size = 0
        self.off_until = 0.0  # time.monotonic from which a failed store is used again

    def add_rows(self, steps_key: bytes, rows: dict[bytes, CachedRow]) -> None:
        if self._make_room(sum(row.numbers.nbytes + _OVERHEAD for row in rows.values())):
            self.rows.setdefault(steps_key, {}).update(rows)

    def add_files(self, files: dict[str, tuple[FileStamp, bytes]]) -> None:
        if self._make_room(sum(len(path) + _OVERHEAD for path in files)):
            self.files.update(files)

    def _make_room(self, size: int) -> bool:
        """Return whether a number of bytes fits, and count them; drop everything if it fits only then."""
        if size > MAX_HELD:
            return False
        self.size += size
        if self.size > MAX_HELD:
            self.rows, self.files, self.size = {}, {}, size
        return True


_HELD: dict[str, _ProcessCache] = {}  # by folder


class RowCache:
    """Cache of feature rows of one folder, for one call.

    Parameters
    ----------
    folder : str or PathLike
        Folder of the store.

    Attributes
    ----------
    problem : str or None
        Reason why the store could not be used.
    """

    def __init__(self, folder: PathLike):
        self.folder = os.path.abspath(folder)
        self.problem: str | None = None
        self._held = _HELD.setdefault(self.folder, _ProcessCache())
        self._store: RowStore | None = None
        self._closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Release all claims. Threads of joblib may still request images after an error; they then get no rows."""
        with self._lock:
            self._closed = True
            if self._store is not None:
                with suppress(Exception):  # error of a damaged file
                    self._store.close()

    def clear(self) -> None:
        """Delete all rows.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        _HELD.pop(self.folder, None)
        if not os.path.isdir(self.folder):
            return
        try:
            with closing(RowStore(self.folder)) as store:
                store.clear()
        except (sqlite3.Error, OSError) as error:
            raise OSError(
                f"memory {self.folder!r} could not be cleared: {error}. Delete the folder while no process uses it."
            ) from error

    def get_image_keys(self, images: Sequence[Any]) -> tuple[list[bytes | None], list[tuple[str, FileStamp] | None]]:
        """Return the key of each image, and its path and stamp if it is a file.

        The key is None if the image can't be cached. A file is read only if its size or one of its times has changed
        since the last time.
        """
        identities = [identify_image(images[position]) for position in range(len(images))]
        stamps = {path: stamp_file(path) for path in {image.path for image in identities if image.path is not None}}
        digests = self._digest_files({path: stamp for path, stamp in stamps.items() if stamp is not None})
        return [image.get_key(digests) for image in identities], [_get_file(image, stamps) for image in identities]

    def find_rows(
        self, steps_keys: Sequence[bytes], image_keys: Iterable[bytes | None]
    ) -> dict[bytes, dict[bytes, CachedRow]]:
        """Return the cached rows, by steps key and image key."""
        requested = {image_key for image_key in image_keys if image_key is not None}
        found = {}
        for steps_key in steps_keys:
            held = self._held.rows.get(steps_key, {})
            missing = {image_key for image_key in requested if image_key not in held}
            found[steps_key] = {image_key: held[image_key] for image_key in requested - missing}
            if missing:
                stored = self._use_store(partial(RowStore.find_rows, steps_key=steps_key, image_keys=missing)) or {}
                self._held.add_rows(steps_key, stored)
                found[steps_key] |= stored
        return found

    def claim_images(
        self, prefix_key: bytes, steps_keys: Sequence[bytes], image_keys: Collection[bytes]
    ) -> tuple[dict[bytes, dict[bytes, CachedRow]], set[bytes]]:
        """Return rows that other processes have added in the meantime, and the images that this call has claimed."""
        result = self._use_store(lambda store: store.claim_images(prefix_key, steps_keys, list(image_keys)))
        if result is None:
            return {}, set(image_keys)
        found, claimed = result
        for steps_key, rows in found.items():
            self._held.add_rows(steps_key, rows)
        return found, claimed

    def add_rows(
        self, rows: dict[bytes, dict[bytes, CachedRow]], *, prefix_key: bytes, release: Iterable[bytes]
    ) -> None:
        """Add rows by steps key and image key, and release the claims on the images `release`."""
        for steps_key, by_image in rows.items():
            self._held.add_rows(steps_key, by_image)
        flat = [
            (steps_key, image_key, row) for steps_key, by_image in rows.items() for image_key, row in by_image.items()
        ]
        self._use_store(lambda store: store.add_rows(flat, prefix_key=prefix_key, release=release))

    def _digest_files(self, stamps: dict[str, FileStamp]) -> dict[str, bytes]:
        held = self._held.files
        known = {path: held[path] for path, stamp in stamps.items() if path in held and held[path][0] == stamp}
        missing = stamps.keys() - known.keys()
        if missing:
            stored = self._use_store(lambda store: store.find_files(missing)) or {}
            known |= {path: file for path, file in stored.items() if file[0] == stamps[path]}
            read = {}
            for path in missing - known.keys():
                try:
                    read[path] = stamps[path], digest_file(path)
                except OSError:  # the reader of the image raises the error
                    continue
            now = time.time_ns()
            settled = {path: file for path, file in read.items() if not _was_just_written(file[0], now)}
            self._held.add_files({path: file for path, file in known.items() if path in missing} | settled)
            known |= read
            if settled:
                self._use_store(lambda store: store.add_files((path, *file) for path, file in settled.items()))
        return {path: digest for path, (_, digest) in known.items()}

    def _use_store(self, use: Callable[[RowStore], T]) -> T | None:
        """Call a function with the store. If it fails, record why, disable the store for a while, return None."""
        if time.monotonic() < self._held.off_until:
            return None
        try:
            with self._lock:
                if self._closed:
                    return None
                if self._store is None:
                    self._store = RowStore(self.folder, versions())
            return use(self._store)
        except Exception as error:  # a damaged file can raise any exception
            if not self._closed:
                self.problem = _describe_problem(error)
                self._held.off_until = time.monotonic() + _RETRY
            return None


def is_unchanged(file: tuple[str, FileStamp]) -> bool:
    """Return whether a file still has its stamp; another process may write to it while it is measured."""
    path, stamp = file
    return stamp_file(path) == stamp


def _describe_problem(error: Exception) -> str:
    """Return a description of the error of the store, with advice if its file is damaged."""
    if isinstance(error, OSError | sqlite3.OperationalError):  # the disk is full, another process writes, ...
        return str(error)
    reason = str(error) if isinstance(error, sqlite3.Error) else f"{type(error).__name__}: {error}"
    return f"its file is damaged ({reason}). Delete the folder while no process uses it."


def _get_file(image: ImageIdentity, stamps: dict[str, FileStamp | None]) -> tuple[str, FileStamp] | None:
    stamp = None if image.path is None else stamps[image.path]
    return None if image.path is None or stamp is None else (image.path, stamp)


def _was_just_written(stamp: FileStamp, now: int) -> bool:
    return any(abs(now - when) < _JUST_WRITTEN for when in (stamp.modified, stamp.changed))
