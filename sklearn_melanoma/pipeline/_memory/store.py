"""Store of feature rows in one SQLite file for several processes."""

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

from sklearn_melanoma.pipeline._memory.keys import FileStamp

#: Maximum size of the stored rows in bytes: half a million images with all features.
MAX_BYTES = 2**30

#: Seconds after which a claim expires. The owner renews its claims while it works.
LEASE = 10.0

_FILE = "rows-3.sqlite"  # increase this number when the tables below change
_TIMEOUT = 20.0  # seconds to wait for another process that writes
_USED_INTERVAL = 3600  # seconds between two updates of the time of last use
_CHUNK = 500  # old versions of SQLite accept at most 999 values in one statement
_TABLES = (
    """CREATE TABLE IF NOT EXISTS rows (steps_key BLOB, image_key BLOB, dtype TEXT, numbers BLOB,
    without_lesion INTEGER, checksum INTEGER, version INTEGER, last_used INTEGER, PRIMARY KEY (steps_key, image_key))
    WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER,
    digest BLOB, checksum INTEGER) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS claims (prefix_key BLOB, image_key BLOB, owner BLOB, expires REAL,
    PRIMARY KEY (prefix_key, image_key)) WITHOUT ROWID""",
)


class CachedRow(NamedTuple):
    """Feature row of an image, and whether no lesion was found in it."""

    numbers: NDArray[Any]
    without_lesion: bool


class RowStore:
    """Open SQLite file of cached rows.

    Every method may raise `sqlite3.Error` or `OSError`, and any other exception if the file is damaged. Each record has
    a checksum; a damaged record counts as missing.

    A row has two keys. The steps key is the digest of the steps that compute it, and the image key is the digest of its
    image. A claim reserves an image for one store while its rows are computed.

    Parameters
    ----------
    folder : str
        Folder of the file. It is created if it does not exist.
    version : str
        Versions of the packages that compute the added rows. Rows of other versions are evicted first.
    """

    def __init__(self, folder: str, version: str = ""):
        os.makedirs(folder, exist_ok=True)
        self._version = zlib.crc32(version.encode())
        self._owner = os.urandom(8)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._renewal: threading.Thread | None = None
        self._db = sqlite3.connect(Path(folder, _FILE), timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            self._enable_wal()
            self._db.execute("PRAGMA synchronous = NORMAL")
            for table in _TABLES:
                self._db.execute(table)
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Release all claims of this store and close the file."""
        self._closing.set()
        if self._renewal is not None:
            self._renewal.join()
            with suppress(sqlite3.Error), self._transaction():
                self._db.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))
        with self._lock:
            self._db.close()

    def find_rows(self, steps_key: bytes, image_keys: Iterable[bytes]) -> dict[bytes, CachedRow]:
        """Return the stored rows of some steps, by image key."""
        now = int(time.time())
        found, outdated = {}, []
        for chunk, marks in _split_chunks(image_keys):
            sql = f"""SELECT image_key, dtype, numbers, without_lesion, checksum, last_used FROM rows
            WHERE steps_key = ? AND image_key IN ({marks})"""
            with self._lock:
                records = self._db.execute(sql, (steps_key, *chunk)).fetchall()
            for image_key, dtype, numbers, without_lesion, checksum, last_used in records:
                if checksum != _compute_checksum(steps_key, image_key, dtype, numbers, without_lesion):
                    continue
                found[image_key] = CachedRow(np.frombuffer(numbers, dtype), bool(without_lesion))
                if not isinstance(last_used, int) or last_used < now - _USED_INTERVAL:
                    outdated.append((now, steps_key, image_key))
        if outdated:
            with self._transaction():
                self._db.executemany("UPDATE rows SET last_used = ? WHERE steps_key = ? AND image_key = ?", outdated)
        return found

    def find_files(self, paths: Iterable[str]) -> dict[str, tuple[FileStamp, bytes]]:
        """Return the stored stamps and digests of files, by path."""
        found = {}
        for chunk, marks in _split_chunks(map(os.fsencode, paths)):
            sql = f"SELECT path, size, modified, changed, digest, checksum FROM files WHERE path IN ({marks})"
            with self._lock:
                records = self._db.execute(sql, chunk).fetchall()
            for path, *stamp, digest, checksum in records:
                if checksum == _compute_checksum(path, *stamp, digest):
                    found[os.fsdecode(path)] = FileStamp(*stamp), digest
        return found

    def add_files(self, files: Iterable[tuple[str, FileStamp, bytes]]) -> None:
        """Store path, stamp and digest of files."""
        records = [(os.fsencode(path), *stamp, digest) for path, stamp, digest in files]
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)",
                [(*record, _compute_checksum(*record)) for record in records],
            )

    def claim_images(
        self, prefix_key: bytes, steps_keys: Sequence[bytes], image_keys: Sequence[bytes]
    ) -> tuple[dict[bytes, dict[bytes, CachedRow]], set[bytes]]:
        """Claim images with missing rows, if no other store has claimed them.

        Parameters
        ----------
        prefix_key : bytes
            Key of all steps but the last. Claims of different prefixes are independent.
        steps_keys : sequence of bytes
            Steps keys of the requested rows.
        image_keys : sequence of bytes
            Images with missing rows.

        Returns
        -------
        found : dict of dict of CachedRow
            Rows that were added in the meantime, by steps key and image key.
        claimed : set of bytes
            Image keys with missing rows that this store has claimed.
        """
        with self._transaction():
            found = {steps_key: self.find_rows(steps_key, image_keys) for steps_key in steps_keys}
            missing = [key for key in image_keys if any(key not in found[steps_key] for steps_key in steps_keys)]
            now = time.time()
            # A claim that expires too late was made before the clock was set back.
            self._db.execute("DELETE FROM claims WHERE expires NOT BETWEEN ? AND ?", (now, now + 2 * LEASE))
            self._db.executemany(
                "INSERT OR IGNORE INTO claims VALUES (?, ?, ?, ?)",
                [(prefix_key, image_key, self._owner, now + LEASE) for image_key in missing],
            )
            # An image is left to another store only if that store has a valid claim. Otherwise, this store would wait
            # forever for a claim that was lost by damage.
            claimed = set(missing)
            for chunk, marks in _split_chunks(missing):
                sql = f"""SELECT image_key FROM claims WHERE prefix_key = ? AND owner != ?
                AND expires BETWEEN ? AND ? AND image_key IN ({marks})"""
                others = self._db.execute(sql, (prefix_key, self._owner, now, now + 2 * LEASE, *chunk))
                claimed.difference_update(key for (key,) in others)
        if claimed and self._renewal is None:
            self._renewal = threading.Thread(target=self._renew_claims, daemon=True)
            self._renewal.start()
        return found, claimed

    def add_rows(
        self, rows: Iterable[tuple[bytes, bytes, CachedRow]], *, prefix_key: bytes, release: Iterable[bytes]
    ) -> None:
        """Store rows as (steps key, image key, row), and release the claims on the images `release`."""
        now = int(time.time())
        records = []
        for steps_key, image_key, row in rows:
            record = (steps_key, image_key, row.numbers.dtype.str, row.numbers.tobytes(), int(row.without_lesion))
            records.append((*record, _compute_checksum(*record), self._version, now))
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", records)
            self._db.executemany(
                "DELETE FROM claims WHERE prefix_key = ? AND image_key = ? AND owner = ?",
                [(prefix_key, image_key, self._owner) for image_key in release],
            )
        while self._count_used_bytes() > MAX_BYTES and self._evict_rows():
            pass

    def clear(self) -> None:
        """Delete all rows and shrink the file. Claims of other processes stay."""
        with self._transaction():
            self._db.execute("DELETE FROM rows")
            self._db.execute("DELETE FROM files")
        self._db.execute("VACUUM")

    def _enable_wal(self) -> None:
        """Enable the write-ahead log: readers don't wait for writers, and never see uncommitted rows."""
        # SQLite's own timeout does not apply when several processes open a new file at once.
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _evict_rows(self) -> bool:
        """Delete a fifth of the rows: rows of other versions first, then the least recently used."""
        with self._transaction():
            self._db.execute("DELETE FROM files")  # reading the images once restores these rows
            deleted = self._db.execute(
                """DELETE FROM rows WHERE (steps_key, image_key) IN (
                SELECT steps_key, image_key FROM rows ORDER BY version = ?, last_used
                LIMIT (SELECT count(*) / 5 + 1 FROM rows))""",
                (self._version,),
            )
        return deleted.rowcount > 0

    def _count_used_bytes(self) -> int:
        names = ("page_count", "freelist_count", "page_size")
        with self._lock:
            pages, free, page_size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return (pages - free) * page_size

    def _renew_claims(self) -> None:
        while not self._closing.wait(LEASE / 5):
            with suppress(sqlite3.Error), self._transaction():  # if this fails, other processes compute the rows again
                expires = time.time() + LEASE
                self._db.execute("UPDATE claims SET expires = ? WHERE owner = ?", (expires, self._owner))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            if self._db.in_transaction:  # nested
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


def _split_chunks(values: Iterable[bytes]) -> Iterator[tuple[list[bytes], str]]:
    """Yield chunks of values, with one question mark per value for the SQL statement."""
    values = list(values)
    for start in range(0, len(values), _CHUNK):
        chunk = values[start : start + _CHUNK]
        yield chunk, ", ".join("?" * len(chunk))


def _compute_checksum(*values: Any) -> int:
    """Return a checksum of the types and values of a record."""
    checksum = 0
    for value in values:
        content = value if isinstance(value, bytes) else repr(value).encode("utf-8", "surrogatepass")
        checksum = zlib.crc32(b"%s %d:" % (type(value).__name__.encode(), len(content)), checksum)
        checksum = zlib.crc32(content, checksum)
    return checksum
