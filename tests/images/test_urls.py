"""Tests of reading images from URLs with fsspec."""

import io
import os
import re
import socket
import stat
import sys
import threading
import time
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from types import SimpleNamespace

import fsspec
import numpy as np
import pytest
from fsspec.implementations.cached import WholeFileCacheFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem
from joblib import parallel_config
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io import decoding, files, timeouts
from sklearn_melanoma._io.files import is_url, read_bytes
from sklearn_melanoma.images import ImageReader, read_image, read_mask
from sklearn_melanoma.pipeline import SkippedImagesWarning


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
        np.testing.assert_array_equal(features.transform(urls), local)


@pytest.mark.parametrize(
    ("url", "kind", "reason"),
    [
        ("memory://gone.png", FileNotFoundError, "could not open 'memory://gone.png'"),
        ("memory://empty.png", ValueError, "could not read 'memory://empty.png': the file is empty"),
        ("memory://text.png", ValueError, "could not read 'memory://text.png': its 5 bytes are not a JPEG"),
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


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="this system has no files without a size")
def test_reads_growing_files_up_to_limit(tmp_path, monkeypatch):
    assert read_bytes("/proc/self/maps", 10**8).count(b"\n") > 10
    with pytest.raises(OSError, match=r"could not open '/proc/self/maps': it has more than 500 bytes"):
        read_bytes("/proc/self/maps", 500)
    (tmp_path / "file").write_bytes(b"x" * 1000)
    size = os.stat(tmp_path / "file").st_size
    monkeypatch.setattr(files.os, "fstat", lambda number: SimpleNamespace(st_size=10, st_mode=stat.S_IFREG))
    assert read_bytes(tmp_path / "file", 1000) == b"x" * size
    with pytest.raises(OSError, match="it has more than 999 bytes"):
        read_bytes(tmp_path / "file", 999)


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
    assert second["area"].iloc[0] < first["area"].iloc[0]
    assert second.equals(features.set_params(memory=None).transform(["memory://one.png"]))


# Limits of protocols


CACHES = ("filecache", "simplecache", "blockcache", "cached")


class OwnCache(WholeFileCacheFileSystem):
    """Store of another package that keeps copies of files."""

    protocol = "owncache"


@pytest.fixture
def register():
    """Return a function that registers a store of fsspec for one test."""
    names = []

    def add(name, system):
        names.append(name)
        fsspec.register_implementation(name, system, clobber=True)

    yield add
    for name in names:
        sys.modules["fsspec.registry"]._registry.pop(name, None)


@pytest.mark.parametrize("protocol", [*CACHES, "owncache"])
@pytest.mark.parametrize("url", ["{}::memory://one.png", "{}://one.png", "zip://an image.png::{}::file://{archive}"])
def test_refuses_caching_protocols_before_anything_is_copied(memory, register, png, archive, tmp_path, protocol, url):
    register("owncache", OwnCache)
    memory.pipe("/one.png", png)
    url = url.format(protocol, archive=archive)
    reason = f"could not open {url!r}: the protocol {protocol!r} copies whole files to this disk"
    with pytest.raises(ValueError, match=rf"{re.escape(reason)}.* Leave out '{protocol}::', or copy the file to a"):
        read_image(url)
    features = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    with pytest.warns(SkippedImagesWarning):
        features.transform([url])


class Server:
    """Server on this machine that accepts connections, and sends one byte now and then or nothing."""

    def __init__(self, pause, greeting=b""):
        self._pause, self._greeting = pause, greeting
        self._closed = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with suppress(OSError):
            while not self._closed.is_set():
                connection = self._socket.accept()[0]
                self._threads.append(threading.Thread(target=self._answer, args=(connection,)))
                self._threads[-1].start()

    def _answer(self, connection):
        with connection, suppress(OSError):
            connection.sendall(self._greeting)
            while not self._closed.wait(self._pause or 0.05):
                if self._pause:
                    connection.sendall(b"2")

    def close(self):
        self._closed.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def serve(monkeypatch):
    """Return a function that starts a slow server, with a time limit of half a second."""
    monkeypatch.setattr(files, "MAX_SECONDS", 0.5)
    servers = []

    def start(*arguments):
        servers.append(Server(*arguments))
        return servers[-1].address

    yield start
    for server in servers:
        server.close()


class Sockets(AbstractFileSystem):
    """Store that reads from a socket until it is closed."""

    protocol = "sockets"
    cachable = False

    def _open(self, path, **options):
        host, port = path.split("/")[0].split(":")
        connection = socket.create_connection((host, int(port)))
        with connection:
            return connection.makefile("rb", buffering=0)


class ConnectsFirst(Sockets):
    """Store that reads when it is created, like stores of archives."""

    protocol = "first"

    def __init__(self, **options):
        super().__init__(**options)
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.makefile("rb").read(1000)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("pause", [None, 0.1], ids=["silent", "slow"])
@pytest.mark.parametrize(
    ("protocol", "greeting"),
    [
        ("ftp", b""),
        ("ftp", b"220 hello\r\n"),
        ("sockets", b""),
        ("first", b""),
        ("zip://one.png::first", b"PK"),
        ("http", HEAD + b"X-Long: "),
        ("http", HEAD + b"\r\n"),
    ],
)
def test_gives_up_slow_servers(register, serve, pause, protocol, greeting):
    if protocol == "http":
        pytest.importorskip(
            "fsspec.implementations.http", reason="fsspec needs aiohttp for http, and requests before 2023.3"
        )
    register("sockets", Sockets)
    register("first", ConnectsFirst)
    address = serve(pause, greeting)
    ConnectsFirst.port = int(address.split(":")[1])
    url = f"{protocol}://{address}/one.png"
    started = time.monotonic()
    reason = rf"could not open '{re.escape(url)}': it took more than 0\.5 seconds\. Copy the file to a disk first"
    with pytest.raises(TimeoutError, match=reason):
        read_bytes(url, 1000)
    with pytest.raises(OSError, match=rf"^X\[0\] \('.*'\): {reason}"):
        ImageReader().fit_transform([url])
    assert time.monotonic() - started < 20


class AnswerError(Exception):
    status, message = 404, "Not Found"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (None, "there is no such file"),
        (AnswerError(), "the server answered 404 Not Found"),
        (ConnectionError("Cannot connect to host example.org:80"), "Cannot connect to host example.org:80"),
    ],
)
def test_reason_of_missing_files(monkeypatch, cause, reason):
    def fail(url, limit, deadline):
        raise FileNotFoundError(url) from cause  # like fsspec

    monkeypatch.setattr("sklearn_melanoma._io.files._fetch_url", fail)
    url = "memory://gone.png"
    with pytest.raises(FileNotFoundError, match=rf"^could not open '{url}': {reason}$"):
        read_bytes(url, 1000)


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("announced", [True, False])
def test_reads_from_http_no_more_than_limit(png, status, announced):
    pytest.importorskip(
        "fsspec.implementations.http", reason="fsspec needs aiohttp for http, and requests before 2023.3"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = png if self.path == "/one.png" else bytes(5_000_000)
            self.send_response(status)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", "bytes 0-99/100")  # a wrong length
            if announced or self.path == "/one.png":
                self.send_header("Content-Length", len(content))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(content)

        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", 100)
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        try:
            assert read_bytes(f"{address}/one.png", 10**6) == png
            with pytest.raises(OSError, match="it has more than 1,000,000 bytes"):
                read_bytes(f"{address}/large.png", 10**6)
        finally:
            server.shutdown()
            thread.join()


def test_goes_on_after_slow_server(memory, serve, png):
    memory.pipe("/one.png", png)
    features = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    with pytest.warns(SkippedImagesWarning) as caught:
        rows = features.transform([f"ftp://{serve(0.1)}/one.png", "memory://one.png"])
    assert list(caught[0].message.skipped) == [0]
    assert rows["area"].isna().tolist() == [True, False]


def test_gives_up_endless_stream_that_stays_below_limit(register, monkeypatch):
    class Endless(AbstractFileSystem):
        protocol = "endless"
        stopped = threading.Event()

        def _open(self, path, **options):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self.stopped.set()

        def read(self, size):
            time.sleep(0.01)
            return b"x"

    register("endless", Endless)
    monkeypatch.setattr(files, "MAX_SECONDS", 0.3)
    with pytest.raises(TimeoutError, match=r"it took more than 0\.3 seconds"):
        read_bytes("endless://one.png", 10**9)
    assert Endless.stopped.wait(20)  # the thread in the background ends too
    monkeypatch.setattr(files, "call_with_timeout", lambda function, seconds: function())  # the thread is the first
    with pytest.raises(TimeoutError, match=r"it took more than 0\.3 seconds"):
        read_bytes("endless://one.png", 10**9)


def test_time_limit_of_store_itself(memory, monkeypatch):
    def fail(*arguments, **options):
        raise TimeoutError

    monkeypatch.setattr(MemoryFileSystem, "open", fail)
    with pytest.raises(TimeoutError, match=r"could not open 'memory://a': the server did not answer in time\. Copy"):
        read_bytes("memory://a", 10)


def test_thread_of_urls_is_kept_and_ends_with_its_caller(memory, png):
    memory.pipe("/one.png", png)
    threads = set()

    def read():
        before = set(threading.enumerate())
        for _ in range(3):
            read_image("memory://one.png")
            threads.update(set(threading.enumerate()) - before)

    caller = threading.Thread(target=read)
    caller.start()
    caller.join()
    (worker,) = threads
    worker.join(20)
    assert not worker.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_reads_urls_after_fork(memory, png):
    memory.pipe("/one.png", png)
    read_image("memory://one.png")
    child = os.fork()
    if not child:
        os._exit(0 if read_image("memory://one.png").ndim == 3 else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_interrupted_read_leaves_no_busy_thread(memory, png, monkeypatch):
    memory.pipe("/one.png", png)

    class Interrupted(SimpleQueue):
        def get(self, **options):
            raise KeyboardInterrupt

    release = threading.Event()
    with monkeypatch.context() as patch:
        read_image("memory://one.png")  # starts the thread
        patch.setattr(timeouts, "SimpleQueue", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            timeouts.call_with_timeout(lambda: release.wait(60), 60)
    assert read_image("memory://one.png").ndim == 3
    release.set()


def test_time_limit_is_a_minute():
    assert files.MAX_SECONDS == 60
