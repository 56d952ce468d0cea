"""Tests with broken and malicious files.

Each file is read as an image, or raises a ValueError or OSError that names it. Batches can skip it.
"""

import os
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageFile

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io import headers
from sklearn_melanoma._io.decoding import DECODER_ERRORS, MAX_BYTES
from sklearn_melanoma._io.limits import MAX_SIDE
from sklearn_melanoma.datasets import load_folder
from sklearn_melanoma.images import read_image, read_mask
from sklearn_melanoma.pipeline import SkippedImagesWarning
from tests._hostile import BROKEN, NAMES, SOUND, chunk, exif, gray_tiff, hostile_paths, png, saved, spot

every_valid = pytest.mark.parametrize("name", SOUND)
every_broken = pytest.mark.parametrize("name", BROKEN)


@pytest.fixture(scope="module")
def files():
    return {name: make() for name, make in (SOUND | BROKEN).items()}


def read_or_refuse(read, path):
    """Return an image, or the message of the ValueError or OSError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about damaged headers
        try:
            return read(path)
        except (ValueError, OSError) as error:
            message = str(error)
    assert message.startswith("could not ")
    assert repr(str(path)) in message
    return message


# Reading


@every_valid
@pytest.mark.filterwarnings("ignore:.* has 3 pages or frames")
def test_reads_valid_files(files, tmp_path, name):
    (tmp_path / name).write_bytes(files[name])
    image = read_image(tmp_path / name, max_side=384)
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert max(image.shape) <= 384
    whole = read_image(tmp_path / name)
    mask = read_or_refuse(read_mask, tmp_path / name)  # most are images, which are not masks
    assert isinstance(mask, str) or mask.size * 3 == whole.size


@every_broken
def test_refuses_broken_files(files, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(files[name])
    for side in (384, None):
        with pytest.raises(ValueError, match=r"^could not read '.*': .*\w.*\.$") as caught:
            read_image(path, max_side=side)
        assert repr(str(path)) in str(caught.value)
    read_or_refuse(read_mask, path)


@every_broken
def test_refuses_broken_files_with_warnings_ignored(files, tmp_path, name):
    (tmp_path / name).write_bytes(files[name])
    assert isinstance(read_or_refuse(read_image, tmp_path / name), str)


def test_messages_give_reason(files, tmp_path):
    for name, reason in {
        "empty.jpg": "the file is empty.",
        "gif.jpg": "bytes are not a JPEG, PNG, BMP, TIFF, WebP or DICOM image.",
        "cut at 90 %.png": "the file ends early",
        "lossless.jpg": "its data are damaged",
        "bomb.jpg": "declares more than 89,478,485 pixels.",
        "long side.png": "declares 1 × 70000 pixels, more than 65,535 on one side. If that is right, shrink it",
        "many chunks.png": "more than 100,000 chunks.",
        "many segments.jpg": "more than 256 segments come before its pixels.",
        "many scans.jpg": "scans of 800 × 600 pixels. Save it again, not progressive.",
        "many tags.tif": "it has 5,000 tags, more than 4,096.",
        "many strips.tif": "its tag 273 has 268,435,456 values, more than 300,000.",
        "large tiles.tif": "it has tiles of 40000 × 40000 pixels",
        "large run-length.bmp": "run-length encoded BMP of 9000 × 9000 pixels",
        "long run-length.bmp": "run-length encoded BMP of 8 × 2 pixels in 151,142 bytes, more than 100,036",
        "filled scan.jpg": "more than 524,288 fill bytes in a row.",
        "NaN.tif": "must hold finite numbers",
        "above one.tif": "must lie in 0..1",
    }.items():
        (tmp_path / name).write_bytes(files[name])
        assert reason in read_or_refuse(read_image, tmp_path / name)


def test_refuses_paths_without_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for what, path in hostile_paths(tmp_path).items():
        for read in (read_image, read_mask):
            with pytest.raises(ValueError if what in ("zero byte", "unencodable") else OSError) as caught:
                read(path)
            assert str(caught.value).startswith(f"could not open {os.fsdecode(path)!r}: "), what


@pytest.mark.parametrize("name", NAMES)
def test_file_names_in_any_script(files, tmp_path, name):
    path = tmp_path / f"{name}.png"
    path.write_bytes(files["plain.png"])
    assert read_image(path).shape == (48, 64, 3)
    path.write_bytes(files["cut at 50 %.png"])
    assert "ends early" in read_or_refuse(read_image, path)


def test_file_name_that_is_not_text(files, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png")
    try:
        Path(path).write_bytes(files["plain.png"])
    except OSError as error:  # some file systems accept text only
        pytest.skip(f"needs a file system that accepts any bytes: {error}")
    assert read_image(path).shape == (48, 64, 3)
    Path(path).write_bytes(b"")
    assert "the file is empty" in read_or_refuse(read_image, path)


def test_follows_link(files, tmp_path):
    (tmp_path / "image.png").write_bytes(files["plain.png"])
    (tmp_path / "link.jpg").symlink_to("image.png")
    assert read_image(tmp_path / "link.jpg").shape == (48, 64, 3)


def test_does_not_read_too_large_file(tmp_path):
    with open(tmp_path / "large.jpg", "wb") as file:
        file.truncate(MAX_BYTES + 1)  # a sparse file, which takes no space
    with pytest.raises(OSError, match=r"could not open '.*large\.jpg': it has 300,000,001 bytes, more than"):
        read_image(tmp_path / "large.jpg")


# Errors of decoders


@pytest.mark.parametrize("kind", DECODER_ERRORS)
@pytest.mark.parametrize("method", ["load", "_open"])
def test_decoder_errors_name_file(files, tmp_path, monkeypatch, kind, method):
    def fail(self):
        raise kind("of a kind")

    (tmp_path / "image.png").write_bytes(files["plain.png"])
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile." + method, fail, raising=False)
    message = read_or_refuse(read_image, tmp_path / "image.png")
    # When Pillow opens a file, it treats some of these errors as a sign of another format.
    assert "of a kind" in message or method == "_open"


def test_bugs_are_not_caught(files, tmp_path, monkeypatch):
    class BugError(Exception):
        pass

    def fail(self):
        raise BugError

    (tmp_path / "image.png").write_bytes(files["plain.png"])
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(BugError):
        read_image(tmp_path / "image.png")


@pytest.mark.parametrize(
    "data", [b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", exif(6)[:20]]
)
def test_ignores_broken_exif(tmp_path, data):
    (tmp_path / "image.webp").write_bytes(saved(spot(), "WEBP", exif=data))
    image = read_or_refuse(read_image, tmp_path / "image.webp")
    assert image.shape == (48, 64, 3)


# Limits of headers


def test_header_limits(tmp_path, monkeypatch):
    jpeg, webp = saved(spot(), "JPEG"), saved(spot(1, 1), "WEBP", lossless=True)
    limits = {
        "MAX_SEGMENTS": lambda n: b"\xff\xd8" + b"\xff\xe5\0\2" * (n - jpeg.count(b"\xff\xc4") - 4) + jpeg[2:],
        "MAX_CHUNKS": lambda n: png(8, 8, before=chunk(b"abCd") * (n - 4)),
        "MAX_TAGS": lambda n: gray_tiff(*((1000 + i, 3, 1, 1) for i in range(n - 6))),
        "MAX_TAG_VALUES": lambda n: gray_tiff((65_000, 3, n, 8)),
        "MAX_CHUNK_BYTES": lambda n: png(8, 8, before=chunk(b"tEXt", b"a\0" + b"x" * (n - 13 - 2))),  # with the header
        "MAX_WEBP_BYTES": lambda n: webp + bytes(n - len(webp)),
    }
    path = tmp_path / "image"
    for name, make in limits.items():
        monkeypatch.setattr(headers, name, 40)
        path.write_bytes(make(39))
        assert read_image(path).ndim == 3, name
        path.write_bytes(make(42))
        assert isinstance(read_or_refuse(read_image, path), str), name
        monkeypatch.undo()


@pytest.mark.parametrize("mark", [b"II*\0", b"II\0*", b"MM\0*", b"MM*\0", b"MM\0+", b"II+\0"])
def test_checks_every_tiff_layout(tmp_path, mark):
    order, big = "<" if mark.startswith(b"II") else ">", mark == b"II+\0"
    start = struct.pack(order + ("HHQQ" if big else "IH"), *((8, 0, 16, 1) if big else (8, 1)))
    entry = struct.pack(order + ("HHQQ" if big else "HHII"), 273, 4, 2**24, 8)
    (tmp_path / "image.tif").write_bytes(mark + start + entry + bytes(2**20))
    assert "its tag 273 has 16,777,216 values" in read_or_refuse(read_image, tmp_path / "image.tif")


def test_limit_of_longest_side(tmp_path):
    for shape in ((1, MAX_SIDE), (MAX_SIDE, 1)):
        (tmp_path / "long.png").write_bytes(png(*shape))
        assert max(read_image(tmp_path / "long.png", max_side=384).shape) == 384
        (tmp_path / "long.png").write_bytes(png(*(side + (side > 1) for side in shape)))
        assert "on one side" in read_or_refuse(read_image, tmp_path / "long.png")


# Batches


@pytest.fixture(scope="module")
def batch(files, tmp_path_factory):
    """Return paths of valid and broken files, and the positions of the broken ones."""
    folder = tmp_path_factory.mktemp("batch")
    turned = [name for name in SOUND if name.startswith("turned") and "turned 6" not in name]
    names = [name for name in files if name not in turned]
    for name in names:
        (folder / name).write_bytes(files[name])
    cwd = os.getcwd()
    os.chdir(folder)
    try:
        hostile = list(hostile_paths(folder).values())
    finally:
        os.chdir(cwd)
    paths = [*hostile[:5], *(str(folder / name) for name in names), *hostile[5:], np.zeros((4, 4, 7)), None]
    valid = {str(folder / name) for name in SOUND}
    return paths, [i for i, path in enumerate(paths) if not (isinstance(path, str) and path in valid)]


@pytest.mark.parametrize("kind", ["survey", "all"])
def test_batch_skips_and_lists_broken_images(batch, kind):
    paths, bad = batch
    features = make_melanoma_pipeline(kind)["features"].set_params(on_error="skip")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.filterwarnings("always", "Skipped|No lesion|.*pages or frames")
        rows = features.fit_transform(paths)
    (skipped,) = (w.message.skipped for w in caught if w.category is SkippedImagesWarning)
    assert list(skipped) == bad
    for position, reason in skipped.items():
        name = paths[position] if isinstance(paths[position], str | Path) else None
        assert reason.startswith(f"X[{position}]" + (f" ({os.fsdecode(name)!r}): " if name else ""))
        assert len(reason) > 30
    assert len(rows) == len(paths)
    assert rows.iloc[bad].isna().all(axis=None)
    plain = [i for i, path in enumerate(paths) if Path(str(path)).stem == "plain"]
    assert len(plain) == 5
    assert (rows.iloc[plain]["area"] > 0).all()


@pytest.mark.parametrize("kind", ["survey", "all"])
def test_batch_stops_at_broken_image(batch, kind):
    paths, bad = batch
    features = make_melanoma_pipeline(kind)["features"]
    for position in bad:
        with pytest.raises((ValueError, OSError, TypeError), match=r"^X\[0\]"):
            features.transform([paths[position]])


@pytest.mark.filterwarnings("ignore:no image of .* is labeled")
def test_skips_files_removed_or_cut_after_listing(files, tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(files["plain.png"])
    data = load_folder(tmp_path)
    (tmp_path / "1.png").unlink()
    (tmp_path / "2.png").write_bytes(files["plain.png"][:100])
    features = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    with pytest.warns(SkippedImagesWarning) as caught:
        rows = features.fit_transform(data.images)
    assert "No such file" in caught[0].message.skipped[1]
    assert "ends early" in caught[0].message.skipped[2]
    assert rows["area"].isna().tolist() == [False, True, True, False]


@pytest.mark.filterwarnings("ignore:no image of .* is labeled")
def test_lists_folder_with_loops_pipes_and_any_names(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile_paths(tmp_path)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "again.jpg").symlink_to(tmp_path)
    for name in NAMES:
        (tmp_path / "below" / f"{name}.png").write_bytes(files["plain.png"])
    images = load_folder(tmp_path).images
    assert sorted(Path(image).stem for image in images) == sorted(NAMES)
    assert make_melanoma_pipeline("survey")["features"].fit_transform(images)["area"].gt(0).all()


def test_skips_files_without_permission(files, tmp_path, monkeypatch):
    def refuse(path, flags, *args):
        if os.fspath(path).endswith("secret.png"):  # permissions do not stop the superuser
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *args)

    opened = os.open
    monkeypatch.setattr(os, "open", refuse)
    paths = [str(tmp_path / name) for name in ("open.png", "secret.png")]
    for path in paths:
        Path(path).write_bytes(files["plain.png"])
    features = make_melanoma_pipeline("survey")["features"]
    with pytest.raises(PermissionError, match=r"X\[1\] \('.*secret\.png'\): could not open .*: Permission denied"):
        features.transform(paths)
    with pytest.warns(SkippedImagesWarning) as caught:
        features.set_params(on_error="skip").transform(paths)
    assert list(caught[0].message.skipped) == [1]


# Random edits of files

SOURCES = [name for name in SOUND if not name.startswith(("one row", "one column", "long exif", "turned"))]
edits = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 7)),
    st.tuples(st.just("put"), st.floats(0, 1), st.binary(min_size=1, max_size=4)),
    st.tuples(
        st.just("put"), st.floats(0, 0.02), st.sampled_from([b"\0\0\0\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\1"])
    ),
    st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("drop"), st.floats(0, 1), st.integers(1, 40)),
    st.tuples(st.just("cut"), st.floats(0, 1), st.none()),
    st.tuples(st.just("splice"), st.floats(0, 1), st.sampled_from(SOURCES)),
)


def edit_bytes(data, kind, place, value, files):
    at = int(place * len(data))
    if kind == "flip" and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << value]) + data[at + 1 :]
    if kind == "put":
        return data[:at] + value + data[at + len(value) :]
    if kind == "insert":
        return data[:at] + value + data[at:]
    if kind == "drop":
        return data[:at] + data[at + value :]
    if kind == "splice":
        return data[:at] + files[value][at:]
    return data[:at]


@pytest.mark.parametrize("read", [lambda path: read_image(path, max_side=384), read_mask], ids=["image", "mask"])
@given(st.sampled_from(SOURCES), st.lists(edits, min_size=1, max_size=4))
@settings(
    max_examples=600, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_edited_file_gives_image_or_error(files, tmp_path, read, name, changes):
    data = files[name]
    for change in changes:
        data = edit_bytes(data, *change, files)
    path = tmp_path / "image"
    path.write_bytes(data)
    result = read_or_refuse(read, path)
    assert isinstance(result, str) or result.size
