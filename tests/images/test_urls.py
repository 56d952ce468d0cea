"""Tests of reading images from URLs with fsspec."""

import io
import os
import re
import sys
import zipfile

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from joblib import parallel_config
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io import decoding, files
from sklearn_melanoma._io.files import is_url, read_bytes
from sklearn_melanoma.images import ImageReader, read_image, read_mask


@pytest.fixture
def png(make_image):
    file = io.BytesIO()
    Image.fromarray(make_image()).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def memory():
    """Return an empty store, and empty it after the test."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def archive(png, tmp_path):
    """Return the path of an archive with one image and one empty file."""
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("an image.png", png)
        file.writestr("empty.png", b"")
    return path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/image.jpg", True),
        ("HTTPS://host/image.jpg", True),
        ("zip://image.jpg::s3://bucket/images.zip", True),
        ("simplecache::s3://bucket/image.jpg", True),
        (np.str_("file:///images/image.jpg"), True),
        ("images/image.jpg", False),
        ("/images/a::b.jpg", False),
        ("./odd://image.jpg", False),
        ("C://images/image.jpg", False),
        (b"s3://bucket/image.jpg", False),
        ("", False),
        (None, False),
    ],
)
def test_recognizes_urls(path, expected):
    assert is_url(path) is expected


def test_reads_from_store(memory, png, make_image):
    memory.pipe("/images/one.png", png)
    np.testing.assert_array_equal(read_image("memory://images/one.png"), make_image())
    lesion = ImageReader().fit_transform(["memory://images/one.png"])[0]
    assert lesion.source == "memory://images/one.png"


def test_reads_mask_from_store(memory):
    file = io.BytesIO()
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(file, "PNG")
    memory.pipe("/mask.png", file.getvalue())
    np.testing.assert_array_equal(read_mask("memory://mask.png"), [[False, True]])


def test_reads_local_files_and_archives(archive, png, make_image, tmp_path):
    (tmp_path / "one.png").write_bytes(png)
    for url in (
        f"file://{tmp_path}/one.png",
        f"zip://an image.png::file://{archive}",
        f"zip://an image.png::{archive}",
    ):
        np.testing.assert_array_equal(read_image(url), make_image())


def test_reads_archive_in_store(memory, archive, make_image):
    memory.pipe("/images.zip", archive.read_bytes())
    np.testing.assert_array_equal(read_image("zip://an image.png::memory://images.zip"), make_image())


def test_workers_read_urls(archive, tmp_path, png):
    (tmp_path / "one.png").write_bytes(png)
    features = make_melanoma_pipeline("survey")["features"].set_params(batch_size=1)
    local = features.transform([str(tmp_path / "one.png")] * 3)
    urls = [f"file://{tmp_path}/one.png", f"zip://an image.png::{archive}", f"zip://an image.png::file://{archive}"]
    with parallel_config("loky", n_jobs=2):
        assert features.transform(urls).equals(local)


@pytest.mark.parametrize(
    ("url", "kind", "reason"),
    [
        ("memory://gone.png", FileNotFoundError, "could not open 'memory://gone.png'"),
        ("memory://empty.png", ValueError, "could not read 'memory://empty.png': the file is empty"),
        ("memory://text.png", ValueError, "could not read 'memory://text.png': its 5 bytes are no JPEG"),
        ("memory://cut.png", ValueError, "could not read 'memory://cut.png': "),
        ("unheard-of://image.png", ValueError, "could not open 'unheard-of://image.png': Protocol not known"),
        ("zip://a.png::memory://text.png", OSError, "could not open 'zip://a.png::memory://text.png': BadZipFile"),
        ("file://{folder}", IsADirectoryError, "could not open 'file://{folder}': "),
        ("file://{folder}/gone.png", FileNotFoundError, "could not open 'file://{folder}/gone.png': No such file"),
        ("zip://gone.png::{folder}/images.zip", OSError, "could not open 'zip://gone.png::"),
        ("zip://empty.png::{folder}/images.zip", ValueError, "could not read 'zip://empty.png::"),
    ],
)
def test_errors_name_url(memory, archive, png, tmp_path, url, kind, reason):
    memory.pipe({"/empty.png": b"", "/text.png": b"hello", "/cut.png": png[:-200]})
    url, reason = url.format(folder=tmp_path), reason.format(folder=tmp_path)
    with pytest.raises(kind, match=rf"^X\[0\] \('{re.escape(url)}'\): {re.escape(reason)}"):
        ImageReader().fit_transform([url])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_does_not_wait_for_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe or a device"):
        read_image(f"file://{tmp_path}/pipe")


def test_reads_no_more_than_limit(memory, archive, monkeypatch):
    memory.pipe("/large", b"x" * 1001)
    assert len(read_bytes("memory://large", 1001)) == 1001
    with pytest.raises(OSError, match=r"could not open 'memory://large': it has more than 1,000 bytes"):
        read_bytes("memory://large", 1000)
    monkeypatch.setattr(decoding, "MAX_BYTES", 100)
    with pytest.raises(OSError, match="it has more than 100 bytes"):
        read_image(f"zip://an image.png::{archive}")


def test_streams_with_short_reads():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7))

    assert files._read_stream(Slow(b"x" * 100), 100) == b"x" * 100
    with pytest.raises(OSError, match="more than 99 bytes"):
        files._read_stream(Slow(b"x" * 100), 99)


def test_store_errors_are_os_errors_of_image(memory, monkeypatch):
    class NoCredentialsError(Exception):
        pass

    def refuse(*args, **options):
        raise NoCredentialsError("unable to locate credentials")

    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    with pytest.raises(OSError, match="could not open 'memory://a': NoCredentialsError: unable to locate credentials"):
        read_image("memory://a")


def test_skips_missing_url(memory, png):
    memory.pipe("/one.png", png)
    features = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    with pytest.warns(UserWarning, match=r"Skipped 1 of 2 images: X\[1\] \('memory://gone.png'\)"):
        rows = features.transform(["memory://one.png", "memory://gone.png"])
    assert rows["area"].isna().tolist() == [False, True]


def test_error_without_fsspec_names_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    features = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    for read in (read_image, lambda url: features.transform([url])):
        with pytest.raises(ImportError, match=r"could not open 's3://b/p.jpg': .* 'sklearn-melanoma\[remote\]'"):
            read("s3://b/p.jpg")


def test_error_without_protocol_package_names_it(monkeypatch):
    def refuse(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(ImportError, match=r"could not open 's3://b/p.jpg': Install s3fs to access S3"):
        read_image("s3://b/p.jpg")


def test_does_not_cache_rows_of_urls(memory, png, make_image, tmp_path):
    features = make_melanoma_pipeline("survey", memory=tmp_path)["features"]
    memory.pipe("/one.png", png)
    first = features.transform(["memory://one.png"])
    file = io.BytesIO()
    Image.fromarray(make_image(radii=(0.1, 0.1))).save(file, "PNG")
    memory.pipe("/one.png", file.getvalue())
    second = features.transform(["memory://one.png"])
    assert second["area"][0] < first["area"][0]
    assert second.equals(features.set_params(memory=None).transform(["memory://one.png"]))
