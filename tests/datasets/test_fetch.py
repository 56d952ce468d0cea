"""Downloads from a server in this process, with small archives in the official layouts."""

import errno
import hashlib
import io
import os
import re
import shutil
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from sklearn_melanoma.datasets import (
    _catalog,
    _download,
    fetch_ham10000,
    fetch_isic_2016,
    fetch_isic_2017,
    fetch_isic_2018,
    fetch_isic_2019,
    fetch_isic_2020,
)
from sklearn_melanoma.datasets._fetch import LOADERS, fetch_dataset

pytest.importorskip("pooch")


def make_zip(*names, link=None, content=b"image"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, content)
        if link:
            member = zipfile.ZipInfo(link)
            member.external_attr = 0o120777 << 16
            archive.writestr(member, "/etc/passwd")
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Serve `files` with ranges; cut the first `cuts[name]` answers in the middle."""

    def do_GET(self):
        name = self.path.rpartition("/")[2].partition("?")[0]
        self.server.requests.append((name, self.headers.get("Range")))
        content = self.server.files.get(name)
        if content is None:
            self.send_error(404)
            return
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(found[1]) if found and self.server.ranges else 0
        if found and self.server.ranges and start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        rest = content[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("Content-Type", self.server.kind)
        self.end_headers()
        if self.server.cuts.get(name, 0):
            self.server.cuts[name] -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def running_server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


FILES_2017 = {
    f"ISIC-2017_{split}_{part}": content
    for split, name in (("Training", "ISIC_1"), ("Validation", "ISIC_2"), ("Test_v2", "ISIC_3"))
    for part, content in (
        (
            "Data.zip",
            make_zip(
                f"ISIC-2017_{split}_Data/{name}.jpg",
                f"ISIC-2017_{split}_Data/{name}_superpixels.png",
                f"__MACOSX/ISIC-2017_{split}_Data/._{name}.jpg",
            ),
        ),
        ("Part1_GroundTruth.zip", make_zip(f"ISIC-2017_{split}_Part1_GroundTruth/{name}_segmentation.png")),
        ("Part3_GroundTruth.csv", f"image_id,melanoma,seborrheic_keratosis\n{name},1.0,0.0\n".encode()),
    )
}
FIRST = "ISIC-2017_Training_Data.zip"


@pytest.fixture
def server(running_server, monkeypatch):
    """Return the server with the files of ISIC 2017, and all addresses pointing to it."""
    running_server.files = dict(FILES_2017)
    running_server.requests, running_server.cuts, running_server.ranges = [], {}, True
    running_server.kind = "application/octet-stream"
    monkeypatch.setattr(_download.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(_download, "_CHUNK", 16)
    redirect(running_server, monkeypatch, "ISIC_2017")
    return running_server


def redirect(server, monkeypatch, *constants):
    """Point the addresses of data sets to the server, and expect the checksums of its files."""
    for constant in constants:
        dataset = getattr(_catalog, constant)
        files = tuple(
            file._replace(
                url=f"http://127.0.0.1:{server.server_port}/{file.name}",
                saved_as=file.name,
                md5=file.md5 and hashlib.md5(server.files.get(file.name, b"")).hexdigest(),
                size=file.size and len(server.files.get(file.name, b"")),
            )
            for file in dataset.files
        )
        monkeypatch.setattr(_catalog, constant, dataset._replace(files=files))


def list_files(folder):
    return sorted(
        os.path.relpath(os.path.join(top, name), folder) for top, _, names in os.walk(folder) for name in names
    )


def test_fetches_all_and_loads(server, tmp_path):
    reports = []
    data = fetch_isic_2017(tmp_path / "new" / "isic", progress=lambda *report: reports.append(report))
    assert [os.path.basename(path) for path in data.images] == ["ISIC_1.jpg", "ISIC_2.jpg", "ISIC_3.jpg"]
    assert [os.path.basename(path) for path in data.masks] == [f"ISIC_{i}_segmentation.png" for i in (1, 2, 3)]
    assert list(data.split) == ["training", "validation", "test"]
    np.testing.assert_array_equal(data.target, [1, 1, 1])
    assert list_files(tmp_path / "new" / "isic") == sorted(
        f"ISIC-2017_{split}_{path}"
        for split, name in (("Training", "ISIC_1"), ("Validation", "ISIC_2"), ("Test_v2", "ISIC_3"))
        for path in (
            f"Data/{name}.jpg",
            f"Data/{name}_superpixels.png",
            f"Part1_GroundTruth/{name}_segmentation.png",
            "Part3_GroundTruth.csv",
        )
    )
    size = len(server.files[FIRST])
    assert [report for report in reports if report[0] == FIRST][-1] == (FIRST, size, size)
    assert reports[:2] == [(FIRST, 0, None), (FIRST, 16, size)]  # before the server answers, and after the first bytes


def test_second_run_downloads_nothing(server, tmp_path):
    first = fetch_isic_2017(tmp_path)
    server.requests.clear()
    second = fetch_isic_2017(tmp_path)
    assert server.requests == []
    assert second.images == first.images


def test_deleted_folder_is_downloaded_anew(server, tmp_path):
    fetch_isic_2017(tmp_path)
    server.requests.clear()
    shutil.rmtree(tmp_path / "ISIC-2017_Training_Data")
    assert len(fetch_isic_2017(tmp_path).images) == 3
    assert server.requests == [(FIRST, None)]


def test_parts_and_splits(server, tmp_path):
    assert fetch_isic_2017(tmp_path, parts=["tables"], splits=["training"]) is None
    assert list_files(tmp_path) == ["ISIC-2017_Training_Part3_GroundTruth.csv"]
    data = fetch_isic_2017(tmp_path, parts=("images",), splits=("training",))
    assert (len(data.images), data.masks, data.target.tolist()) == (1, None, [1])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"parts": ["pictures"]}, ValueError, "parts must be one of 'images', 'masks', 'tables' .*, got 'pictures'"),
        ({"parts": []}, ValueError, "parts must be one of .*, got none"),
        ({"parts": "images"}, TypeError, "parts must be a collection of str, got 'images'"),
        ({"splits": ["train"]}, ValueError, "splits must be one of 'training', 'validation', 'test' .*, got 'train'"),
    ],
)
def test_invalid_options(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        fetch_isic_2017(tmp_path, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ranges", [True, False])
def test_continues_after_cuts(server, tmp_path, ranges):
    server.cuts[FIRST] = 3 if ranges else 1
    server.ranges = ranges
    assert len(fetch_isic_2017(tmp_path, splits=["training"]).images) == 1
    asked = [range_ for name, range_ in server.requests if name == FIRST]
    half = len(server.files[FIRST]) // 2
    assert asked[:2] == [None, f"bytes={half - half % 16}-"]
    assert len(asked) == (4 if ranges else 2)
    assert (tmp_path / "ISIC-2017_Training_Data" / "ISIC_1.jpg").read_bytes() == b"image"


def test_continues_in_the_next_call(server, tmp_path):
    server.cuts[FIRST] = 10**6
    with pytest.raises(
        ConnectionError,
        match=r"could not download http://.*Data.zip in 5 attempts: .* Check the connection, and the proxy .*"
        rf"the download continues after the first \d+ bytes\. Or save .* '{re.escape(str(tmp_path / FIRST))}', and run",
    ):
        fetch_isic_2017(tmp_path)
    assert len(server.requests) > 8  # attempts that brought new bytes do not count
    (part,) = list_files(tmp_path)
    assert part == f"{FIRST}.part"
    n_bytes = (tmp_path / part).stat().st_size
    assert 0 < n_bytes < len(server.files[FIRST])
    server.cuts.clear()
    server.requests.clear()
    assert len(fetch_isic_2017(tmp_path).images) == 3
    assert server.requests[0] == (FIRST, f"bytes={n_bytes}-")


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_complete_or_too_long_part(server, tmp_path, extra):
    (tmp_path / f"{FIRST}.part").write_bytes(server.files[FIRST] + extra)
    assert len(fetch_isic_2017(tmp_path, splits=["training"]).images) == 1
    assert len([name for name, _ in server.requests if name == FIRST]) == (2 if extra else 1)


def test_without_a_connection(server, tmp_path, monkeypatch):
    (first, *_) = _catalog.ISIC_2017.files
    dataset = _catalog.ISIC_2017._replace(files=(first._replace(url="http://127.0.0.1:1/a.zip"),))
    reports = []
    with pytest.raises(ConnectionError) as raised:
        fetch_dataset(dataset, tmp_path, progress=lambda *report: reports.append(report))
    assert reports == [(first.name, 0, None)]
    assert str(raised.value) == (
        "could not download http://127.0.0.1:1/a.zip in 5 attempts: there is no connection to 127.0.0.1. Check the "
        "connection, and the proxy if there is one (environment variable HTTPS_PROXY). Then run this again. Or save "
        f"the file by hand as {str(tmp_path / first.name)!r}, and run this again."
    )


def test_file_that_was_saved_by_hand(server, tmp_path):
    (tmp_path / FIRST).write_bytes(server.files[FIRST])
    assert len(fetch_isic_2017(tmp_path, splits=["training"]).images) == 1
    assert FIRST not in [name for name, _ in server.requests]


def test_web_page_instead_of_a_table_is_not_kept(server, tmp_path):
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(ConnectionError, match="in 5 attempts: the server sent a web page instead of the file"):
        fetch_isic_2017(tmp_path, parts=["tables"])
    assert list_files(tmp_path) == []


def test_missing_file_is_not_tried_again(server, tmp_path):
    del server.files[FIRST]
    with pytest.raises(
        ConnectionError,
        match=r"could not download http.*404.* Check whether the address .*save the file by hand as .*Data\.zip'",
    ):
        fetch_isic_2017(tmp_path)
    assert len(server.requests) == 1


def test_wrong_checksum(server, tmp_path):
    server.files[FIRST] = make_zip("ISIC-2017_Training_Data/ISIC_1.jpg", content=b"other")
    with pytest.raises(ValueError, match=rf"MD5 hash of downloaded file \({FIRST}\) does not match"):
        fetch_isic_2017(tmp_path)
    assert list_files(tmp_path) == []


def test_wrong_size(server, tmp_path, monkeypatch):
    name = "ISIC2018_Task1-2_Training_Input.zip"
    server.files[name] = make_zip("ISIC2018_Task1-2_Training_Input/ISIC_1.jpg")
    redirect(server, monkeypatch, "ISIC_2018_TASK_1")
    server.files[name] += b"x"
    with pytest.raises(ValueError, match=rf"{name}' from .* must have \d+ bytes, got \d+"):
        fetch_isic_2018(tmp_path, task=1, accept_license=True)
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("fails", ["download", "unpack"])
def test_full_disk_leaves_no_half_files(server, tmp_path, monkeypatch, fails):
    def open_on_full_disk(path, mode):
        if (fails == "download") == path.name.endswith("zip.part"):
            path.touch()
            return FullFile()
        return open(path, mode)

    class FullFile(io.BytesIO):
        def write(self, content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_download, "open", open_on_full_disk, raising=False)
    with pytest.raises(OSError, match=rf"the disk of .* is full: \d+ MB are free, too few for '{FIRST}'") as raised:
        fetch_isic_2017(tmp_path)
    assert raised.value.errno == errno.ENOSPC
    # An archive that is complete needs no second download.
    assert list_files(tmp_path) == ([] if fails == "download" else [FIRST])
    monkeypatch.undo()
    redirect(server, monkeypatch, "ISIC_2017")
    server.requests.clear()
    assert len(fetch_isic_2017(tmp_path, splits=["training"]).images) == 1
    assert ((FIRST, None) in server.requests) == (fails == "download")


def test_too_little_space_is_seen_before_the_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 100))
    with pytest.raises(OSError, match="is full: 0 MB are free"):
        fetch_isic_2017(tmp_path, parts=["images"])
    assert list_files(tmp_path) == []


@pytest.mark.parametrize(
    "archive",
    [
        make_zip("ISIC-2017_Training_Data/a.jpg", "../evil.jpg"),
        make_zip("ISIC-2017_Training_Data/../../evil.jpg"),
        make_zip("/evil.jpg"),
        make_zip("C:/evil.jpg"),
        make_zip("..\\evil.jpg"),
        make_zip("ISIC-2017_Training_Data/a.jpg", link="ISIC-2017_Training_Data/b.jpg"),
        make_zip(f"ISIC-2017_Training_Data/{'a' * 300}.jpg"),
        make_zip("ISIC-2017_Training_Data/a", "ISIC-2017_Training_Data/a/b.jpg"),
    ],
    # Without different names, the archives would have the same content. The content holds the time.
    ids=["parent", "inner-parent", "root", "drive", "backslash", "link", "long", "file-and-folder"],
)
def test_archive_out_of_its_folder(server, tmp_path, monkeypatch, archive):
    server.files[FIRST] = archive
    redirect(server, monkeypatch, "ISIC_2017")
    folder = tmp_path / "isic"
    rule = "it must hold files in its folder only|its names must have at most 255 bytes|it holds .* as a file and"
    with pytest.raises(
        ValueError, match=rf"^'{FIRST}' could not be unpacked: ({rule}).*\. It was deleted\. Download it"
    ):
        fetch_isic_2017(folder)
    assert list_files(tmp_path) == []


def test_path_that_is_too_long_for_the_disk(server, tmp_path, monkeypatch):
    parts = "/".join(["a" * 200] * 25)
    server.files[FIRST] = make_zip(f"ISIC-2017_Training_Data/{parts}/b.jpg")
    redirect(server, monkeypatch, "ISIC_2017")
    with pytest.raises(
        OSError, match=rf"^'{FIRST}' could not be unpacked: '.*b\.jpg' can't be written .* shorter path"
    ):
        fetch_isic_2017(tmp_path)
    assert list_files(tmp_path) == [FIRST]


@pytest.mark.parametrize("damage", [lambda content: b"no archive", lambda content: content.replace(b"image", b"imagf")])
def test_damaged_archive(server, tmp_path, monkeypatch, damage):
    server.files[FIRST] = damage(server.files[FIRST])
    redirect(server, monkeypatch, "ISIC_2017")
    with pytest.raises(ValueError, match=rf"'{FIRST}' could not be unpacked: .*Download it again"):
        fetch_isic_2017(tmp_path)
    assert list_files(tmp_path) == []


OTHERS = {
    "ISIC_2016": (
        fetch_isic_2016,
        {
            "ISBI2016_ISIC_Part1_Training_Data.zip": make_zip("ISBI2016_ISIC_Part1_Training_Data/ISIC_1.jpg"),
            "ISBI2016_ISIC_Part3_Training_GroundTruth.csv": b"ISIC_1,malignant\n",
        },
        {"splits": ["training"], "parts": ["images", "tables"]},
    ),
    "ISIC_2018_TASK_3": (
        fetch_isic_2018,
        {
            "ISIC2018_Task3_Validation_Input.zip": make_zip(
                "ISIC2018_Task3_Validation_Input/ISIC_1.jpg", "ISIC2018_Task3_Validation_Input/LICENSE.txt"
            ),
            "ISIC2018_Task3_Validation_GroundTruth.zip": make_zip(
                "ISIC2018_Task3_Validation_GroundTruth/ISIC2018_Task3_Validation_GroundTruth.csv",
                content="image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_1,1,0,0,0,0,0,0\n",
            ),
        },
        {"splits": ["validation"]},
    ),
    "ISIC_2019": (
        fetch_isic_2019,
        {
            "ISIC_2019_Training_Input.zip": make_zip("ISIC_2019_Training_Input/ISIC_1.jpg"),
            "ISIC_2019_Training_GroundTruth.csv": b"image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n"
            b"ISIC_1,1,0,0,0,0,0,0,0,0\n",
            "ISIC_2019_Training_Metadata.csv": b"image,lesion_id\nISIC_1,L_1\n",
        },
        {"splits": ["training"]},
    ),
    "ISIC_2020": (
        fetch_isic_2020,
        {
            "ISIC_2020_Training_JPEG.zip": make_zip("train/ISIC_1.jpg"),
            "ISIC_2020_Training_GroundTruth_v2.csv": b"image_name,patient_id,diagnosis,benign_malignant,target\n"
            b"ISIC_1,IP_1,melanoma,malignant,1\n",
            "ISIC_2020_Training_Duplicates.csv": b"image_name_1,image_name_2\nISIC_1,ISIC_2\n",
        },
        {"splits": ["training"]},
    ),
    "HAM10000": (
        fetch_ham10000,
        {
            "HAM10000_images_part_1.zip": make_zip("ISIC_1.jpg"),
            "HAM10000_images_part_2.zip": make_zip("ISIC_2.jpg"),
            "HAM10000_segmentations_lesion_tschandl.zip": make_zip(
                "HAM10000_segmentations_lesion_tschandl/ISIC_1_segmentation.png", "__MACOSX/._a"
            ),
            "HAM10000_metadata.csv": b"lesion_id,image_id,dx\nL,ISIC_1,mel\n",
        },
        {},
    ),
}


@pytest.mark.parametrize("constant", OTHERS)
def test_other_sets(server, tmp_path, monkeypatch, constant):
    fetch, server.files, options = OTHERS[constant]
    redirect(server, monkeypatch, constant)
    if constant != "ISIC_2016":
        with pytest.raises(ValueError, match=r"accept_license must be True .*CC BY-NC 4\.0.* https://"):
            fetch(tmp_path, **options)
        assert server.requests == []
        fetch(tmp_path, **options, accept_license=True)
    data = fetch(tmp_path, **options)  # nothing is missing, so no consent is needed
    assert [os.path.basename(path) for path in data.images] == ["ISIC_1.jpg"]
    assert data.target.tolist() == [1]
    assert ("LICENSE.txt: image" in data.DESCR) == (constant == "ISIC_2018_TASK_3")
    assert not [name for name in list_files(tmp_path) if name.endswith(("zip", "part"))]


def test_images_without_the_table_that_the_loader_needs(server, tmp_path, monkeypatch):
    _, server.files, _ = OTHERS["HAM10000"]
    redirect(server, monkeypatch, "HAM10000")
    assert fetch_ham10000(tmp_path, parts=["images"], accept_license=True) is None
    assert len(fetch_ham10000(tmp_path, parts=["tables"], accept_license=True).images) == 1


@pytest.mark.parametrize("name", ["ph2", "derm7pt", "pad_ufes_20", "isic_archive"])
def test_sets_that_are_downloaded_by_hand(tmp_path, name):
    dataset = _catalog.DATASETS[name]
    with pytest.raises(
        ValueError, match=rf"{dataset.title} must be downloaded by hand, from {re.escape(dataset.source)}"
    ):
        fetch_dataset(dataset, tmp_path)


def test_catalog_is_complete():
    assert LOADERS.keys() == _catalog.DATASETS.keys()
    for dataset in _catalog.DATASETS.values():
        names = [file.target for file in dataset.files]
        assert len(set(names)) == len(names)
        assert bool(dataset.files) != bool(dataset.by_hand)
        for file in dataset.files:
            assert file.url.startswith("https://")
            assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)


def test_without_pooch(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_download, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn-melanoma\[fetch\]'"):
        fetch_isic_2017(tmp_path)


def test_an_empty_folder_is_filled(server, tmp_path):
    (tmp_path / "ISIC-2017_Training_Data").mkdir()
    assert len(fetch_isic_2017(tmp_path, splits=["training"]).images) == 1


def test_an_archive_without_files_is_damaged(server, monkeypatch, tmp_path):
    server.files[FIRST] = make_zip(".")
    redirect(server, monkeypatch, "ISIC_2017")
    with pytest.raises(ValueError, match=r"could not be unpacked: it holds no files\. It was deleted"):
        fetch_isic_2017(tmp_path, parts=["images"], splits=["training"])
