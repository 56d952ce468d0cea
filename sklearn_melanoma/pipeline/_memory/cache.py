"""Rows that were measured before: a map in this process over the file that all share. It fails only into slowness."""

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
from sklearn_melanoma.pipeline._memory.keys import ImageName, Stamp, digest_file, name_image, stamp_file, versions
from sklearn_melanoma.pipeline._memory.store import Row, RowStore

T = TypeVar("T")

#: Bytes of rows that a process holds: 25 000 images with all features. Beyond that, the file is asked.
MAX_HELD = 64 * 2**20

_OVERHEAD = 300  # bytes that a row takes beside its numbers, and a file beside its path
_RETRY = 60.0  # seconds that a file which failed is left alone
_JUST_WRITTEN = 2 * 10**9  # ns: a file system's clock may not tell two writes apart that are closer; FAT counts in 2 s


class _Held:
    """What this process knows of one folder. Without locks: each operation on a dict is whole."""

    def __init__(self) -> None:
        self.rows: dict[bytes, dict[bytes, Row]] = {}
        self.files: dict[str, tuple[Stamp, bytes]] = {}
        self.size = 0
        self.off_until = 0.0  # of time.monotonic

    def add(self, kind: bytes, rows: dict[bytes, Row]) -> None:
        self._grow(sum(row.numbers.nbytes + _OVERHEAD for row in rows.values()))
        self.rows.setdefault(kind, {}).update(rows)

    def add_files(self, files: dict[str, tuple[Stamp, bytes]]) -> None:
        self._grow(sum(len(path) + _OVERHEAD for path in files))
        self.files.update(files)

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size > MAX_HELD:
            self.rows, self.files, self.size = {}, {}, size


_HELD: dict[str, _Held] = {}


class RowCache:
    """The rows of one folder, for the time of one call.

    Parameters
    ----------
    folder : str or PathLike
        Folder of the file.

    Attributes
    ----------
    problem : str or None
        Why the file could not be used.
    """

    def __init__(self, folder: PathLike):
        self.folder = os.path.abspath(folder)
        self.problem: str | None = None
        self._held = _HELD.setdefault(self.folder, _Held())
        self._store: RowStore | None = None
        self._closed = False
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give back what was claimed; a thread of joblib that still asks for images after an error is told nothing."""
        with self._lock:
            self._closed = True
            if self._store is not None:
                with suppress(sqlite3.Error):
                    self._store.close()

    def clear(self) -> None:
        """Forget all rows.

        Raises
        ------
        OSError
            If the file can't be written to.
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

    def name_images(self, images: Sequence[Any]) -> tuple[list[bytes | None], list[tuple[str, Stamp] | None]]:
        """Return what each image shows, as a digest, and path and stamp where it is a file; None where there is none.

        A file is read only where its size or one of its times is not the one it had when it was read last.
        """
        names = [name_image(images[position]) for position in range(len(images))]
        stamps = {path: stamp_file(path) for path in {name.path for name in names if name.path is not None}}
        digests = self._digest_files({path: stamp for path, stamp in stamps.items() if stamp is not None})
        return [name.key(digests) for name in names], [_file(name, stamps) for name in names]

    def find(self, kinds: Sequence[bytes], photos: Iterable[bytes | None]) -> dict[bytes, dict[bytes, Row]]:
        """Return the rows that are there, by kind and image."""
        wanted = {photo for photo in photos if photo is not None}
        found = {}
        for kind in kinds:
            held = self._held.rows.get(kind, {})
            missing = {photo for photo in wanted if photo not in held}
            found[kind] = {photo: held[photo] for photo in wanted - missing}
            if missing:
                stored = self._try(partial(RowStore.find, kind=kind, photos=missing)) or {}
                self._held.add(kind, stored)
                found[kind] |= stored
        return found

    def claim(
        self, work: bytes, kinds: Sequence[bytes], photos: Collection[bytes]
    ) -> tuple[dict[bytes, dict[bytes, Row]], set[bytes]]:
        """Return rows that others have added by now, and the images that this call is to work on."""
        claimed = self._try(lambda store: store.claim(work, kinds, list(photos)))
        if claimed is None:
            return {}, set(photos)
        found, mine = claimed
        for kind, rows in found.items():
            self._held.add(kind, rows)
        return found, mine

    def keep(self, rows: dict[bytes, dict[bytes, Row]], *, work: bytes, done: Iterable[bytes]) -> None:
        """Add rows by kind and image, and give back the images that are done with."""
        for kind, of_photos in rows.items():
            self._held.add(kind, of_photos)
        flat = [(kind, photo, row) for kind, of_photos in rows.items() for photo, row in of_photos.items()]
        self._try(lambda store: store.keep(flat, work=work, done=done))

    def _digest_files(self, stamps: dict[str, Stamp]) -> dict[str, bytes]:
        held = self._held.files
        known = {path: held[path] for path, stamp in stamps.items() if path in held and held[path][0] == stamp}
        missing = stamps.keys() - known.keys()
        if missing:
            stored = self._try(lambda store: store.find_files(missing)) or {}
            known |= {path: file for path, file in stored.items() if file[0] == stamps[path]}
            read = {}
            for path in missing - known.keys():
                try:
                    read[path] = stamps[path], digest_file(path)
                except OSError:  # its reader says why
                    continue
            now = time.time_ns()
            settled = {path: file for path, file in read.items() if not _just_written(file[0], now)}
            self._held.add_files({path: file for path, file in known.items() if path in missing} | settled)
            known |= read
            if settled:
                self._try(lambda store: store.keep_files((path, *file) for path, file in settled.items()))
        return {path: digest for path, (_, digest) in known.items()}

    def _try(self, use: Callable[[RowStore], T]) -> T | None:
        """Use the file; if that fails, note why, leave it alone for a while and return None."""
        if time.monotonic() < self._held.off_until:
            return None
        try:
            with self._lock:
                if self._closed:
                    return None
                if self._store is None:
                    self._store = RowStore(self.folder, versions())
            return use(self._store)
        except (sqlite3.Error, OSError) as error:
            if not self._closed:
                self.problem = str(error)
                self._held.off_until = time.monotonic() + _RETRY
            return None


def is_unchanged(file: tuple[str, Stamp]) -> bool:
    """Tell whether a file is still the one that was named: it may be written to while it is measured."""
    path, stamp = file
    return stamp_file(path) == stamp


def _file(name: ImageName, stamps: dict[str, Stamp | None]) -> tuple[str, Stamp] | None:
    stamp = None if name.path is None else stamps[name.path]
    return None if name.path is None or stamp is None else (name.path, stamp)


def _just_written(stamp: Stamp, now: int) -> bool:
    return any(abs(now - when) < _JUST_WRITTEN for when in (stamp.modified, stamp.changed))
