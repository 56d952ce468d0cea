"""Damaged files of the row cache: rows are recomputed, with at most one warning."""

import os
import sqlite3
import threading
import time
import warnings
from contextlib import closing

import numpy as np
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma.features import ColorFeatures, MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._memory import cache as row_cache
from sklearn_melanoma.pipeline._memory import store as row_store
from sklearn_melanoma.pipeline._memory.keys import FileStamp
from sklearn_melanoma.pipeline._memory.store import CachedRow, RowStore
from sklearn_melanoma.segmentation import WatershedSegmenter

FILE = "rows-3.sqlite"


@pytest.fixture(scope="module")
def images(tmp_path_factory, make_image):
    """Return paths of images, one of them without a lesion."""
    folder = tmp_path_factory.mktemp("images")
    paths = [str(folder / f"{number}.png") for number in range(5)]
    for number, path in enumerate(paths):
        radii = (0.15, 0.15 + 0.01 * number) if number else (1e-9, 1e-9)
        Image.fromarray(make_image(48, 64, radii=radii, seed=number)).save(path)
    return paths


def make_pipeline(memory, **options):
    features = FeatureUnion([("morphology", MorphologyFeatures("survey")), ("color", ColorFeatures())])
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", features)]
    return ImagePipeline(steps, memory=memory, batch_size=2, **options)


def transform(memory, images):
    """Return the rows, and the warnings except the one about the image without a lesion."""
    row_cache._HELD.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = make_pipeline(memory).transform(images)
    messages = [str(warning.message) for warning in caught]
    assert len([message for message in messages if message.startswith("No lesion was found in 1 of 5 images")]) == 1
    return rows, [message for message in messages if not message.startswith("No lesion")]


@pytest.fixture(scope="module")
def stored(tmp_path_factory, images):
    """Return the content of a file with the rows of all images, and the rows."""
    folder = tmp_path_factory.mktemp("rows")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_cache, "_JUST_WRITTEN", 0)  # files have digests in the table of files
        rows, messages = transform(folder, images)
    assert messages == []
    return (folder / FILE).read_bytes(), rows


def flip_bits(content, draws, n_bits, places):
    for place in draws.choice(places, n_bits):
        content[place] ^= 1 << int(draws.integers(8))


def damage(content, draws):
    """Return a damaged copy of the content of a file."""
    content = bytearray(content)
    used = np.flatnonzero(np.frombuffer(bytes(content), np.uint8))
    kind = draws.integers(9)
    place = int(draws.choice(used))
    page = 4096 * int(draws.integers(len(content) // 4096))
    if kind < 3:
        flip_bits(content, draws, 1, used)
    elif kind == 3:
        flip_bits(content, draws, 1, len(content))
    elif kind == 4:
        flip_bits(content, draws, 20, used)
    elif kind == 5:
        content[place : place + 16] = draws.bytes(len(content[place : place + 16]))
    elif kind == 6:
        content[page : page + 4096] = bytes(4096)
    elif kind == 7:
        other = 4096 * int(draws.integers(len(content) // 4096))
        content[page : page + 4096] = content[other : other + 4096]
    else:
        del content[place:]
    return bytes(content)


def check_damaged_files(folder, images, stored, seeds, monkeypatch):
    monkeypatch.setattr(row_cache, "_JUST_WRITTEN", 0)
    monkeypatch.setattr(row_store, "LEASE", 1.0)
    monkeypatch.setattr(row_store, "_TIMEOUT", 1.0)
    content, expected = stored
    n_warned = 0
    for seed in seeds:
        for file in folder.iterdir():
            file.unlink()
        (folder / FILE).write_bytes(damage(content, np.random.default_rng(seed)))
        for _ in range(2):  # the second time, with the file that the first call left
            rows, messages = transform(folder, images)
            np.testing.assert_array_equal(rows, expected, err_msg=f"seed {seed}")
            assert len(messages) <= 1, seed
            assert all("could not be used, rows are computed without it: " in message for message in messages), seed
            n_warned += len(messages)
    return n_warned


def test_damaged_files_cost_only_time(tmp_path, images, stored, monkeypatch):
    assert check_damaged_files(tmp_path, images, stored, range(30), monkeypatch) > 0


@pytest.mark.slow
@pytest.mark.parametrize("start", [1000, 2000, 3000, 4000])
def test_many_damaged_files_cost_only_time(tmp_path, images, stored, monkeypatch, start):
    check_damaged_files(tmp_path, images, stored, range(start, start + 75), monkeypatch)


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_damaged_log_costs_only_time(tmp_path, images, stored, ending):
    for content in (b"", b"x", os.urandom(40_000), bytes(40_000)):
        (tmp_path / FILE).write_bytes(stored[0])
        (tmp_path / (FILE + ending)).write_bytes(content)
        rows, messages = transform(tmp_path, images)
        np.testing.assert_array_equal(rows, stored[1])
        assert len(messages) <= 1


# Damage to each value of a record, which leaves a valid file

COLUMNS = {
    "rows": ["steps_key", "image_key", "dtype", "numbers", "without_lesion", "checksum", "version", "last_used"],
    "files": ["path", "size", "modified", "changed", "digest", "checksum"],
    "claims": ["prefix_key", "image_key", "owner", "expires"],
}
VALUES = [None, 0, 1, -1, 2**62, 1.5, float("inf"), "", "<f4", "é", b"", b"\xff" * 16, b"\0" * 4000]


@pytest.mark.parametrize(("table", "column"), [(table, name) for table, names in COLUMNS.items() for name in names])
def test_damaged_values_cost_only_time(tmp_path, images, stored, monkeypatch, table, column):
    monkeypatch.setattr(row_cache, "_JUST_WRITTEN", 0)
    monkeypatch.setattr(row_store, "LEASE", 0.3)
    content, expected = stored
    for value in VALUES:
        (tmp_path / FILE).write_bytes(content)
        with closing(sqlite3.connect(tmp_path / FILE)) as db, db:
            if table == "claims":
                db.execute("DELETE FROM rows")
                keys = [key for (key,) in db.execute("SELECT digest FROM files")]
                claims = [(b"prefix", key, b"owner", time.time() + 0.3) for key in keys]
                db.executemany("INSERT INTO claims VALUES (?, ?, ?, ?)", claims)
            db.execute(f"UPDATE OR IGNORE {table} SET {column} = ?", (value,))
        rows, messages = transform(tmp_path, images)
        np.testing.assert_array_equal(rows, expected, err_msg=repr(value))
        assert messages == []


def test_row_under_another_key_is_not_used(tmp_path):
    with closing(RowStore(str(tmp_path))) as store:
        rows = [(b"k", name, CachedRow(np.arange(size) * 1.0, False)) for name, size in [(b"a", 3), (b"b", 4)]]
        store.add_rows(rows, prefix_key=b"", release=[])
        store._db.execute("DELETE FROM rows WHERE image_key = ?", (b"a",))
        store._db.execute("UPDATE rows SET image_key = ?", (b"a",))
        assert store.find_rows(b"k", [b"a", b"b"]) == {}
        store.add_rows(rows, prefix_key=b"", release=[])
        store._db.execute("UPDATE rows SET without_lesion = 1")
        assert store.find_rows(b"k", [b"a", b"b"]) == {}
        stamp = FileStamp(1, 2, 3)
        store.add_files([("a", stamp, b"1"), ("b", stamp, b"2")])
        store._db.execute("DELETE FROM files WHERE path = ?", (b"a",))
        store._db.execute("UPDATE files SET path = ?", (b"a",))
        assert store.find_files(["a", "b"]) == {}


@pytest.mark.parametrize("column", ["owner", "expires"])
def test_damaged_claim_is_not_waited_for(tmp_path, column):
    with closing(RowStore(str(tmp_path))) as one, closing(RowStore(str(tmp_path))) as other:
        one.claim_images(b"w", [b"k"], [b"a"])
        one._db.execute(f"UPDATE claims SET {column} = NULL")
        assert other.claim_images(b"w", [b"k"], [b"a"])[1] == {b"a"}


def test_warning_says_what_to_do(tmp_path, images, stored):
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    _, (message,) = transform(tmp_path, images)
    assert "its file is damaged (file is not a database). Delete the folder while no process uses it." in message


def test_file_that_is_too_large_is_not_digested(tmp_path, images):
    with open(tmp_path / "large.png", "wb") as file:
        file.truncate(2**43)  # a sparse file, which takes no space; its digest would take hours
    with pytest.raises(OSError, match="has 8,796,093,022,208 bytes, more than 300,000,000"):
        make_pipeline(tmp_path / "rows").transform([images[0], str(tmp_path / "large.png")])


# Exceptions of the user


class OwnError(Exception):
    """Exception with more than a message."""

    def __init__(self, code, text):
        super().__init__(f"{text} ({code})")


class Raising(TransformerMixin, BaseEstimator):
    """Step that raises an exception for the image number `at`."""

    def __init__(self, at, error):
        self.at = at
        self.error = error

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        for lesion in X:
            if lesion.source and lesion.source.endswith(f"{self.at}.png"):
                raise self.error
        return X


ERRORS = [OwnError(7, "mine"), KeyError("mine"), ZeroDivisionError("mine"), ValueError("mine"), sqlite3.Error("mine")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("at", [0, 3])
@pytest.mark.parametrize("warm", [False, True])
def test_exception_of_a_step_comes_through(tmp_path, images, error, at, warm):
    pipeline = make_pipeline(tmp_path)
    pipeline.steps.insert(1, ("own", Raising("none", error)))
    if warm:
        with pytest.warns(UserWarning, match="No lesion"):
            pipeline.transform(images)
        pipeline.set_params(own__at=at).steps[1][1].at = at
    pipeline.steps[1][1].at = at
    with pytest.raises(type(error), match="mine"):
        pipeline.transform(images)


class Lazy:
    """Sequence that computes an image when it is accessed."""

    def __init__(self, images, error):
        self.images = images
        self.error = error

    def __len__(self):
        return len(self.images)

    def __getitem__(self, position):
        if position == 3:
            raise self.error
        return self.images[position]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_exception_of_a_sequence_comes_through(tmp_path, images, error):
    threads = threading.active_count()
    for memory in (tmp_path, None):
        with pytest.raises(type(error), match="mine"):
            make_pipeline(memory).transform(Lazy(images, error))
    assert threading.active_count() == threads


class Mixed(Raising):
    """Step whose rows have another dtype than the other features."""

    def transform(self, X):
        super().transform(X)
        return np.ones((len(X), 1), dtype=np.int64)

    def get_feature_names_out(self, input_features=None):
        return np.array(["one"], dtype=object)


def test_exception_comes_through_where_earlier_rows_can_not_be_joined(tmp_path, images):
    pipeline = make_pipeline(tmp_path)
    pipeline.steps[2][1].transformer_list.append(("mixed", Mixed(3, OwnError(7, "mine"))))
    with pytest.raises(OwnError, match="mine"):
        pipeline.transform(images)
