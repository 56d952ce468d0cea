"""SQLite store of cached rows."""

import sqlite3
import time
from contextlib import closing
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_melanoma.pipeline._memory import store as row_store
from sklearn_melanoma.pipeline._memory.cache import RowCache
from sklearn_melanoma.pipeline._memory.keys import stamp_file
from sklearn_melanoma.pipeline._memory.store import CachedRow, RowStore

FILE = "rows-3.sqlite"


def test_clear_shrinks_the_file(tmp_path):
    with closing(RowStore(str(tmp_path))) as store:
        store.add_rows(
            [(b"k", bytes([i]), CachedRow(np.zeros(10_000), False)) for i in range(20)], prefix_key=b"w", release=[]
        )
    size = (tmp_path / FILE).stat().st_size
    RowCache(tmp_path).clear()
    assert (tmp_path / FILE).stat().st_size < size / 20


def test_open_waits_for_other_processes_that_open_a_new_file(tmp_path, monkeypatch):
    busy = []

    class Busy(sqlite3.Connection):
        def execute(self, sql, *args):
            if "WAL" in sql and len(busy) < 2:
                busy.append(sqlite3.OperationalError("database is locked"))
                busy[-1].sqlite_errorcode = sqlite3.SQLITE_BUSY
                raise busy[-1]
            return super().execute(sql, *args)

    monkeypatch.setattr(row_store.sqlite3, "connect", partial(sqlite3.connect, factory=Busy))
    with closing(RowStore(str(tmp_path))) as store:
        assert store.claim_images(b"w", [b"k"], [b"a"])[1] == {b"a"}
    assert len(busy) == 2
    busy.clear()
    monkeypatch.setattr(row_store, "_TIMEOUT", -1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        RowStore(str(tmp_path))


def test_full_disk_stores_no_row(tmp_path, monkeypatch):
    class Small(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql.startswith("BEGIN"):
                super().execute("PRAGMA max_page_count = 5")
            return super().execute(sql, *args)

    monkeypatch.setattr(row_store.sqlite3, "connect", partial(sqlite3.connect, factory=Small))
    with closing(RowStore(str(tmp_path / "rows"))) as store, pytest.raises(sqlite3.OperationalError, match="is full"):
        store.add_rows(
            [(b"k", b"%d" % i, CachedRow(np.arange(3000.0), False)) for i in range(50)], prefix_key=b"", release=[]
        )
    with closing(RowStore(str(tmp_path / "rows"))) as store:
        assert store.find_rows(b"k", [b"%d" % i for i in range(50)]) == {}


dtypes = st.sampled_from(["<f8", "<f4", "<i8", "|b1", "|u1"])


@settings(deadline=None)
@given(
    rows=st.dictionaries(
        st.tuples(st.binary(min_size=1, max_size=2), st.binary(min_size=1, max_size=2)),
        st.tuples(dtypes, st.binary(max_size=80), st.booleans()),
        max_size=20,
    )
)
def test_added_rows_are_found(tmp_path_factory, rows):
    rows_by_key = {
        key: CachedRow(
            np.frombuffer(content[: len(content) // 8 * 8], np.dtype(dtype) if dtype != "|b1" else "|u1"),
            without_lesion,
        )
        for key, (dtype, content, without_lesion) in rows.items()
    }
    with closing(RowStore(str(tmp_path_factory.mktemp("rows")))) as store:
        store.add_rows([(*key, row) for key, row in rows_by_key.items()], prefix_key=b"", release=[])
        for steps_key in {steps_key for steps_key, _ in rows_by_key} | {b"none"}:
            found = store.find_rows(steps_key, {image_key for _, image_key in rows_by_key})
            assert {(steps_key, image_key) for image_key in found} == {
                key for key in rows_by_key if key[0] == steps_key
            }
            for image_key, row in found.items():
                assert row.numbers.dtype == rows_by_key[steps_key, image_key].numbers.dtype
                assert row.numbers.tobytes() == rows_by_key[steps_key, image_key].numbers.tobytes()
                assert row.without_lesion is rows_by_key[steps_key, image_key].without_lesion


def test_more_images_than_one_statement_accepts(tmp_path):
    image_keys = [b"%d" % i for i in range(1234)]
    with closing(RowStore(str(tmp_path))) as store:
        store.add_rows(
            [(b"k", image_key, CachedRow(np.array([float(image_key)]), False)) for image_key in image_keys],
            prefix_key=b"",
            release=[],
        )
        found = store.find_rows(b"k", image_keys)
        assert [found[image_key].numbers[0] for image_key in image_keys] == list(range(1234))
        stamp, paths = stamp_file(__file__), [f"{i}.jpg" for i in range(1234)]
        store.add_files((path, stamp, path.encode()) for path in paths)
        assert store.find_files([*paths, "other.jpg"]) == {path: (stamp, path.encode()) for path in paths}
        assert store.claim_images(b"w", [b"new"], image_keys)[1] == set(image_keys)


@pytest.fixture
def two(tmp_path):
    with closing(RowStore(str(tmp_path))) as one, closing(RowStore(str(tmp_path))) as other:
        yield one, other


def test_claims(two):
    one, other = two
    row = CachedRow(np.array([1.0]), False)
    assert one.claim_images(b"w", [b"k"], [b"a", b"b"]) == ({b"k": {}}, {b"a", b"b"})
    assert other.claim_images(b"w", [b"k"], [b"b", b"c"]) == ({b"k": {}}, {b"c"})
    assert other.claim_images(b"other", [b"k"], [b"b"])[1] == {b"b"}
    one.add_rows([(b"k", b"a", row)], prefix_key=b"w", release=[b"a", b"b"])  # b was skipped
    found, claimed = other.claim_images(b"w", [b"k"], [b"a", b"b", b"c"])
    assert found[b"k"].keys() == {b"a"}
    assert claimed == {b"b", b"c"}
    assert one.claim_images(b"w", [b"k", b"more"], [b"a"])[1] == {b"a"}  # only one of the rows is stored


def test_close_releases_claims(tmp_path, two):
    with closing(RowStore(str(tmp_path))) as third:
        third.claim_images(b"w", [b"k"], [b"a"])
        assert two[0].claim_images(b"w", [b"k"], [b"a"])[1] == set()
    assert two[0].claim_images(b"w", [b"k"], [b"a"])[1] == {b"a"}


@pytest.mark.parametrize("shift", [11, -3600])
def test_claims_expire_also_if_the_clock_is_set_back(two, monkeypatch, shift):
    one, other = two
    one.claim_images(b"w", [b"k"], [b"a"])
    now = time.time()
    monkeypatch.setattr(row_store.time, "time", lambda: now + shift)
    assert other.claim_images(b"w", [b"k"], [b"a"])[1] == {b"a"}


def test_claims_of_a_working_process_do_not_expire(tmp_path, monkeypatch):
    monkeypatch.setattr(row_store, "LEASE", 0.5)
    with closing(RowStore(str(tmp_path))) as one, closing(RowStore(str(tmp_path))) as other:
        one.claim_images(b"w", [b"k"], [b"a"])
        for _ in range(8):
            time.sleep(0.15)
            assert other.claim_images(b"w", [b"k"], [b"a"])[1] == set()


def add_rows(store, names, size=1000):
    store.add_rows([(b"k", name, CachedRow(np.zeros(size), False)) for name in names], prefix_key=b"", release=[])


def test_size_is_bounded(tmp_path, monkeypatch):
    clock = [1e9]
    monkeypatch.setattr(row_store.time, "time", lambda: clock[0])
    monkeypatch.setattr(row_store, "MAX_BYTES", 400_000)
    with closing(RowStore(str(tmp_path))) as store:
        for i in range(30):
            clock[0] += 1
            add_rows(store, [b"%d-%d" % (i, j) for j in range(10)])
            assert store._count_used_bytes() <= 400_000
        assert store.find_rows(b"k", [b"29-9", b"0-0"]).keys() == {b"29-9"}
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 600_000


def test_least_recently_used_rows_are_evicted_first(tmp_path, monkeypatch):
    clock = [1e9]
    monkeypatch.setattr(row_store.time, "time", lambda: clock[0])
    with closing(RowStore(str(tmp_path))) as store:
        for name in (b"a", b"b", b"c", b"d"):
            add_rows(store, [name])
            clock[0] += 7200
        store.find_rows(b"k", [b"a"])
        monkeypatch.setattr(row_store, "MAX_BYTES", store._count_used_bytes())
        clock[0] += 7200
        add_rows(store, [b"e", b"f"])
        assert b"b" not in (left := store.find_rows(b"k", list(map(bytes, zip(b"abcdef")))))
        assert left.keys() >= {b"a", b"f"}


def test_rows_of_other_versions_are_evicted_first(tmp_path, monkeypatch):
    clock = [1e9]
    monkeypatch.setattr(row_store.time, "time", lambda: clock[0])
    with closing(RowStore(str(tmp_path), "new")) as new, closing(RowStore(str(tmp_path), "old")) as old:
        add_rows(new, [b"a", b"b"])
        clock[0] += 7200
        add_rows(old, [b"c"])
        monkeypatch.setattr(row_store, "MAX_BYTES", new._count_used_bytes())
        add_rows(new, [b"d"])
        assert new.find_rows(b"k", [b"a", b"b", b"c", b"d"]).keys() == {b"a", b"b", b"d"}
