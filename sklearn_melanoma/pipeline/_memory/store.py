"""Rows of numbers in one SQLite file, which any number of processes share."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma.pipeline._memory.keys import Stamp

#: Size that the rows may come to, in bytes: half a million images with all features.
MAX_BYTES = 2**30

#: Seconds after which a claim lapses unless its owner, still at work, renews it.
LEASE = 10.0

_FILE = "rows-1.sqlite"  # another number where the tables below change
_PATIENCE = 20.0  # seconds to wait for another process that writes
_COARSE = 3600  # seconds: when a row was last used is noted no more often than that
_MANY = 500  # SQLite takes 999 values in one statement, in old versions
_TABLES = (
    """CREATE TABLE IF NOT EXISTS rows (kind BLOB, image BLOB, dtype TEXT, numbers BLOB, lost INTEGER, checksum INTEGER,
    version INTEGER, used INTEGER, PRIMARY KEY (kind, image)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER,
    digest BLOB) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS claims (work BLOB, image BLOB, owner BLOB, until REAL, PRIMARY KEY (work, image))
    WITHOUT ROWID""",
)


class Row(NamedTuple):
    """What is kept of an image: numbers, and whether no lesion was found in it."""

    numbers: NDArray[Any]
    lost: bool


class RowStore:
    """An open file of rows. Every method may raise `sqlite3.Error` or `OSError`.

    Parameters
    ----------
    folder : str
        Folder of the file; made where there is none.
    version : str
        What made the rows that are added: those of other versions are the first to go.
    """

    def __init__(self, folder: str, version: str = ""):
        os.makedirs(folder, exist_ok=True)
        self._version = zlib.crc32(version.encode())
        self._owner = os.urandom(8)
        self._lock = threading.RLock()
        self._done = threading.Event()
        self._renewal: threading.Thread | None = None
        self._db = sqlite3.connect(
            Path(folder, _FILE), timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            self._write_ahead()
            self._db.execute("PRAGMA synchronous = NORMAL")
            for table in _TABLES:
                self._db.execute(table)
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Give back what is claimed and close the file."""
        self._done.set()
        if self._renewal is not None:
            self._renewal.join()
            with suppress(sqlite3.Error), self._transaction():
                self._db.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))
        with self._lock:
            self._db.close()

    def find(self, kind: bytes, photos: Iterable[bytes]) -> dict[bytes, Row]:
        """Return the rows of one kind that are there, by image."""
        now = int(time.time())
        found, stale = {}, []
        for chunk, marks in _chunks(photos):
            sql = f"SELECT image, dtype, numbers, lost, checksum, used FROM rows WHERE kind = ? AND image IN ({marks})"
            with self._lock:
                rows = self._db.execute(sql, (kind, *chunk)).fetchall()
            for photo, dtype, numbers, lost, checksum, used in rows:
                if checksum == _checksum(dtype, numbers):
                    found[photo] = Row(np.frombuffer(numbers, dtype), bool(lost))
                if used < now - _COARSE:
                    stale.append((now, kind, photo))
        if stale:
            with self._transaction():
                self._db.executemany("UPDATE rows SET used = ? WHERE kind = ? AND image = ?", stale)
        return found

    def find_files(self, paths: Iterable[str]) -> dict[str, tuple[Stamp, bytes]]:
        """Return stamp and digest of the files that are known, by path."""
        found = {}
        for chunk, marks in _chunks(map(os.fsencode, paths)):
            sql = f"SELECT path, size, modified, changed, digest FROM files WHERE path IN ({marks})"
            with self._lock:
                rows = self._db.execute(sql, chunk).fetchall()
            found.update({os.fsdecode(path): (Stamp(*stamp), digest) for path, *stamp, digest in rows})
        return found

    def keep_files(self, files: Iterable[tuple[str, Stamp, bytes]]) -> None:
        """Note path, stamp and digest of files."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                [(os.fsencode(path), *stamp, digest) for path, stamp, digest in files],
            )

    def claim(
        self, work: bytes, kinds: Sequence[bytes], photos: Sequence[bytes]
    ) -> tuple[dict[bytes, dict[bytes, Row]], set[bytes]]:
        """Take on images that nobody is at work on.

        Parameters
        ----------
        work : bytes
            What is to be done with them.
        kinds : sequence of bytes
            The kinds of rows that are wanted.
        images : sequence of bytes
            Images of which some of the rows were missing.

        Returns
        -------
        found : dict of dict of Row
            What others have added, by kind and image.
        mine : set of bytes
            Images of which rows are still missing, and that this store has claimed.
        """
        with self._transaction():
            found = {kind: self.find(kind, photos) for kind in kinds}
            missing = [photo for photo in photos if any(photo not in found[kind] for kind in kinds)]
            now = time.time()
            # A claim from the future was made before the clock was set back.
            self._db.execute("DELETE FROM claims WHERE until NOT BETWEEN ? AND ?", (now, now + 2 * LEASE))
            self._db.executemany(
                "INSERT OR IGNORE INTO claims VALUES (?, ?, ?, ?)",
                [(work, photo, self._owner, now + LEASE) for photo in missing],
            )
            mine: set[bytes] = set()
            for chunk, marks in _chunks(missing):
                sql = f"SELECT image FROM claims WHERE work = ? AND owner = ? AND image IN ({marks})"
                mine.update(photo for (photo,) in self._db.execute(sql, (work, self._owner, *chunk)))
        if mine and self._renewal is None:
            self._renewal = threading.Thread(target=self._renew, daemon=True)
            self._renewal.start()
        return found, mine

    def keep(self, rows: Iterable[tuple[bytes, bytes, Row]], *, work: bytes, done: Iterable[bytes]) -> None:
        """Add rows as (kind, image, row), and give back the images that are done with."""
        now = int(time.time())
        values = []
        for kind, photo, row in rows:
            dtype, numbers = row.numbers.dtype.str, row.numbers.tobytes()
            checksum = _checksum(dtype, numbers)
            values.append((kind, photo, dtype, numbers, row.lost, checksum, self._version, now))
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            self._db.executemany(
                "DELETE FROM claims WHERE work = ? AND image = ? AND owner = ?",
                [(work, photo, self._owner) for photo in done],
            )
        while self._size() > MAX_BYTES and self._evict():
            pass

    def clear(self) -> None:
        """Forget everything, and give the disk its space back; what others are at work on is not disturbed."""
        with self._transaction():
            self._db.execute("DELETE FROM rows")
            self._db.execute("DELETE FROM files")
        self._db.execute("VACUUM")

    def _write_ahead(self) -> None:
        """Let no reader wait for a writer, and nobody see what a killed process has not committed."""
        # Where several open a new file at once, SQLite itself does not wait.
        last = time.monotonic() + _PATIENCE
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                    raise
            time.sleep(0.01)

    def _evict(self) -> bool:
        """Drop a fifth of the rows, those of other versions first, then those not used for longest."""
        with self._transaction():
            self._db.execute("DELETE FROM files")  # found again by reading the images once
            dropped = self._db.execute(
                """DELETE FROM rows WHERE (kind, image) IN (SELECT kind, image FROM rows ORDER BY version = ?, used
                LIMIT (SELECT count(*) / 5 + 1 FROM rows))""",
                (self._version,),
            )
        return dropped.rowcount > 0

    def _size(self) -> int:
        names = ("page_count", "freelist_count", "page_size")
        with self._lock:
            pages, free, page_size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return (pages - free) * page_size

    def _renew(self) -> None:
        while not self._done.wait(LEASE / 5):
            with suppress(sqlite3.Error), self._transaction():  # if it fails, others do the work again
                until = time.time() + LEASE
                self._db.execute("UPDATE claims SET until = ? WHERE owner = ?", (until, self._owner))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            if self._db.in_transaction:  # part of a larger one
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise


def _chunks(values: Iterable[bytes]) -> Iterator[tuple[list[bytes], str]]:
    """Give out values a few at a time, with a question mark for each."""
    values = list(values)
    for start in range(0, len(values), _MANY):
        chunk = values[start : start + _MANY]
        yield chunk, ", ".join("?" * len(chunk))


def _checksum(dtype: str, numbers: bytes) -> int:
    return zlib.crc32(numbers, zlib.crc32(dtype.encode()))
