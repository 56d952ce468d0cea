"""The file that rows are kept in, by itself."""

import sqlite3
import time
from contextlib import closing
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_melanoma.pipeline._memory import store as row_store
from sklearn_melanoma.pipeline._memory.cache import RowCache
from sklearn_melanoma.pipeline._memory.keys import stamp_file
from sklearn_melanoma.pipeline._memory.store import Row, RowStore

FILE = "rows-1.sqlite"


def test_clearing_gives_the_space_back(tmp_path):
    with closing(RowStore(str(tmp_path))) as store:
        store.keep([(b"k", bytes([i]), Row(np.zeros(10_000), False)) for i in range(20)], work=b"w", done=[])
    size = (tmp_path / FILE).stat().st_size
    RowCache(tmp_path).clear()
    assert (tmp_path / FILE).stat().st_size < size / 20


def test_opening_waits_for_others_who_open_a_new_file_too(tmp_path, monkeypatch):
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
        assert store.claim(b"w", [b"k"], [b"a"])[1] == {b"a"}
    assert len(busy) == 2
    busy.clear()
    monkeypatch.setattr(row_store, "_PATIENCE", -1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        RowStore(str(tmp_path))


def test_of_rows_that_do_not_fit_on_the_disk_none_is_there(tmp_path, monkeypatch):
    class Small(sqlite3.Connection):
        def execute(self, sql, *args):
            if sql.startswith("BEGIN"):
                super().execute("PRAGMA max_page_count = 5")
            return super().execute(sql, *args)

    monkeypatch.setattr(row_store.sqlite3, "connect", partial(sqlite3.connect, factory=Small))
    with closing(RowStore(str(tmp_path / "rows"))) as store, pytest.raises(sqlite3.OperationalError, match="is full"):
        store.keep([(b"k", b"%d" % i, Row(np.arange(3000.0), False)) for i in range(50)], work=b"", done=[])
    with closing(RowStore(str(tmp_path / "rows"))) as store:
        assert store.find(b"k", [b"%d" % i for i in range(50)]) == {}


dtypes = st.sampled_from(["<f8", "<f4", "<i8", "|b1", "|u1"])


@given(
    rows=st.dictionaries(
        st.tuples(st.binary(min_size=1, max_size=2), st.binary(min_size=1, max_size=2)),
        st.tuples(dtypes, st.binary(max_size=80), st.booleans()),
        max_size=20,
    )
)
def test_what_is_kept_is_found(tmp_path_factory, rows):
    made = {
        key: Row(np.frombuffer(content[: len(content) // 8 * 8], np.dtype(dtype) if dtype != "|b1" else "|u1"), lost)
        for key, (dtype, content, lost) in rows.items()
    }
    with closing(RowStore(str(tmp_path_factory.mktemp("rows")))) as store:
        store.keep([(*key, row) for key, row in made.items()], work=b"", done=[])
        for kind in {kind for kind, _ in made} | {b"none"}:
            found = store.find(kind, {photo for _, photo in made})
            assert {(kind, photo) for photo in found} == {key for key in made if key[0] == kind}
            for photo, row in found.items():
                assert row.numbers.dtype == made[kind, photo].numbers.dtype
                assert row.numbers.tobytes() == made[kind, photo].numbers.tobytes()
                assert row.lost is made[kind, photo].lost


def test_more_photos_than_one_statement_takes(tmp_path):
    photos = [b"%d" % i for i in range(1234)]
    with closing(RowStore(str(tmp_path))) as store:
        store.keep([(b"k", photo, Row(np.array([float(photo)]), False)) for photo in photos], work=b"", done=[])
        found = store.find(b"k", photos)
        assert [found[photo].numbers[0] for photo in photos] == list(range(1234))
        stamp, paths = stamp_file(__file__), [f"{i}.jpg" for i in range(1234)]
        store.keep_files((path, stamp, path.encode()) for path in paths)
        assert store.find_files([*paths, "other.jpg"]) == {path: (stamp, path.encode()) for path in paths}
        assert store.claim(b"w", [b"new"], photos)[1] == set(photos)


@pytest.fixture
def two(tmp_path):
    with closing(RowStore(str(tmp_path))) as one, closing(RowStore(str(tmp_path))) as other:
        yield one, other


def test_claims(two):
    one, other = two
    row = Row(np.array([1.0]), False)
    assert one.claim(b"w", [b"k"], [b"a", b"b"]) == ({b"k": {}}, {b"a", b"b"})
    assert other.claim(b"w", [b"k"], [b"b", b"c"]) == ({b"k": {}}, {b"c"})
    assert other.claim(b"other work", [b"k"], [b"b"])[1] == {b"b"}
    one.keep([(b"k", b"a", row)], work=b"w", done=[b"a", b"b"])  # b came to nothing
    found, mine = other.claim(b"w", [b"k"], [b"a", b"b", b"c"])
    assert found[b"k"].keys() == {b"a"}
    assert mine == {b"b", b"c"}
    assert one.claim(b"w", [b"k", b"more"], [b"a"])[1] == {b"a"}  # one kind is there, the other not


def test_claims_are_given_back_in_the_end(tmp_path, two):
    with closing(RowStore(str(tmp_path))) as third:
        third.claim(b"w", [b"k"], [b"a"])
        assert two[0].claim(b"w", [b"k"], [b"a"])[1] == set()
    assert two[0].claim(b"w", [b"k"], [b"a"])[1] == {b"a"}


@pytest.mark.parametrize("shift", [11, -3600])
def test_claims_lapse_also_when_the_clock_is_set_back(two, monkeypatch, shift):
    one, other = two
    one.claim(b"w", [b"k"], [b"a"])
    now = time.time()
    monkeypatch.setattr(row_store.time, "time", lambda: now + shift)
    assert other.claim(b"w", [b"k"], [b"a"])[1] == {b"a"}


def test_claims_of_who_is_at_work_do_not_lapse(tmp_path, monkeypatch):
    monkeypatch.setattr(row_store, "LEASE", 0.5)
    with closing(RowStore(str(tmp_path))) as one, closing(RowStore(str(tmp_path))) as other:
        one.claim(b"w", [b"k"], [b"a"])
        for _ in range(8):
            time.sleep(0.15)
            assert other.claim(b"w", [b"k"], [b"a"])[1] == set()


def keep(store, names, size=1000):
    store.keep([(b"k", name, Row(np.zeros(size), False)) for name in names], work=b"", done=[])


def test_size_is_bounded(tmp_path, monkeypatch):
    clock = [1e9]
    monkeypatch.setattr(row_store.time, "time", lambda: clock[0])
    monkeypatch.setattr(row_store, "MAX_BYTES", 400_000)
    with closing(RowStore(str(tmp_path))) as store:
        for i in range(30):
            clock[0] += 1
            keep(store, [b"%d-%d" % (i, j) for j in range(10)])
            assert store._size() <= 400_000
        assert store.find(b"k", [b"29-9", b"0-0"]).keys() == {b"29-9"}
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 600_000


def test_rows_not_used_for_longest_go_first(tmp_path, monkeypatch):
    clock = [1e9]
    monkeypatch.setattr(row_store.time, "time", lambda: clock[0])
    with closing(RowStore(str(tmp_path))) as store:
        for name in (b"a", b"b", b"c", b"d"):
            keep(store, [name])
            clock[0] += 7200
        store.find(b"k", [b"a"])
        monkeypatch.setattr(row_store, "MAX_BYTES", store._size())
        clock[0] += 7200
        keep(store, [b"e", b"f"])
        assert b"b" not in (left := store.find(b"k", list(map(bytes, zip(b"abcdef")))))
        assert left.keys() >= {b"a", b"f"}


def test_rows_of_other_versions_go_first(tmp_path, monkeypatch):
    clock = [1e9]
    monkeypatch.setattr(row_store.time, "time", lambda: clock[0])
    with closing(RowStore(str(tmp_path), "new")) as new, closing(RowStore(str(tmp_path), "old")) as old:
        keep(new, [b"a", b"b"])
        clock[0] += 7200
        keep(old, [b"c"])
        monkeypatch.setattr(row_store, "MAX_BYTES", new._size())
        keep(new, [b"d"])
        assert new.find(b"k", [b"a", b"b", b"c", b"d"]).keys() == {b"a", b"b", b"d"}
