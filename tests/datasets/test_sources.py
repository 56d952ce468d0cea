"""Tests of images given as folders, globs, lists, files and URLs."""

import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma.datasets import find_images, load_folder, load_images, match_table, name_masks

FILES = ("a.jpg", "b.png", "b_mask.png", "clinic/a.jpg", "clinic/c.tif", "notes.csv")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Change to a folder with images, a mask and another file."""
    for name in FILES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6)).save(path) if path.suffix != ".csv" else path.write_text("x\n1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(paths):
    return [os.path.relpath(path, "data").replace(os.sep, "/") for path in paths]


@pytest.mark.filterwarnings("ignore:no image of .* is labeled")
def test_folder_holds_images_without_masks(place):
    assert names(find_images("data")) == ["a.jpg", "b.png", "clinic/a.jpg", "clinic/c.tif"]
    assert names(find_images(place / "data")) == names(load_folder("data").images)


def test_counts_images_of_formats_that_are_not_read(place):
    for name in ("d.heic", "E.JP2", "clinic/f.gif", "a.heif"):  # the last image is converted to a.jpg
        (place / "data" / name).write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"^3 images in 'data' are left out, such as 'E.JP2': their formats") as caught:
        assert names(find_images("data")) == ["a.jpg", "b.png", "clinic/a.jpg", "clinic/c.tif"]
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data/*.jpg", ["a.jpg"]),
        ("data/**/a.*", ["a.jpg", "clinic/a.jpg"]),
        ("data/clinic/c.tif", ["clinic/c.tif"]),
        (["data/b.png", "data/*.*"], ["b.png", "a.jpg", "b_mask.png"]),  # each once
    ],
)
def test_globs_and_files(place, source, expected):
    assert names(find_images(source)) == expected


def test_brackets_in_the_name_of_a_file_are_no_glob(place):
    Image.new("RGB", (8, 6)).save("data/a[1].png")
    assert names(find_images("data/a[1].png")) == ["a[1].png"]


def test_list_of_paths_and_urls(place):
    (place / "list.txt").write_text("\ufeffdata/b.png\n\n  data/clinic/c.tif \r\nhttps://example.org/x.jpg\n", "utf-8")
    assert find_images("list.txt") == ["data/b.png", "data/clinic/c.tif", "https://example.org/x.jpg"]
    assert find_images(["s3://bucket/a.jpg"]) == ["s3://bucket/a.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_a_list(place, encoding):
    names = ["Läsion 1.png", "Größe.png"]
    for name in names:
        Image.new("RGB", (8, 6)).save(name)
    (place / "list.txt").write_text("\n".join([*names, "https://example.org/Läsion.jpg"]), encoding)
    assert find_images("list.txt") == [*names, "https://example.org/Läsion.jpg"]


def test_missing_files_of_a_list(place):
    (place / "list.txt").write_text("data/a.jpg\n\ngone.jpg\nlost.jpg\n")
    with pytest.raises(FileNotFoundError, match=r"2 of 3 files in the list 'list.txt' .* 'gone.jpg' in line 3"):
        find_images("list.txt")
    assert find_images("list.txt", must_exist=False) == ["data/a.jpg", "gone.jpg", "lost.jpg"]


@pytest.mark.parametrize(
    ("source", "kind", "match"),
    [
        ("gone", FileNotFoundError, r"sources must exist, got 'gone'"),
        ("gone.txt", FileNotFoundError, r"got the list 'gone.txt'"),
        ("data/*.gif", ValueError, r"must match image files .* got 'data/\*.gif', which matches nothing"),
        ("data/*.csv", ValueError, r"which matches 1 other files"),
        ("empty", ValueError, r"got the folder 'empty' without any"),
        ("empty.txt", ValueError, r"got the empty list 'empty.txt'"),
        ([], ValueError, r"at least one image, got none"),
        ([3], TypeError, r"sources\[0\] must be a path, got int"),
    ],
)
def test_wrong_sources_raise(place, source, kind, match):
    (place / "empty").mkdir()
    (place / "empty.txt").write_text("\n")
    with pytest.raises(kind, match=match):
        find_images(source)


@pytest.mark.filterwarnings("ignore:.*images have no row")
def test_names_of_masks_are_found_again(place):
    Image.new("RGB", (8, 6)).save("data/a.png")  # beside a.jpg
    images = find_images("data")
    masks = name_masks(images, "masks")
    assert [os.path.relpath(mask, "masks").replace(os.sep, "/") for mask in masks] == [
        "a.jpg_mask.png",
        "a.png_mask.png",
        "b_mask.png",
        "clinic/a_mask.png",
        "clinic/c_mask.png",
    ]
    for mask in masks:
        os.makedirs(os.path.dirname(mask), exist_ok=True)
        Image.fromarray(np.zeros((6, 8), bool)).save(mask)
    labels = pd.Series({"b": "melanoma"})
    assert load_images(images, labels=labels, masks="masks").masks == masks
    assert load_folder("data", labels=labels, masks="masks").masks == [os.path.join("masks", m[6:]) for m in masks]


def test_names_of_masks_of_urls():
    masks = name_masks(["https://example.org/x/a.jpg", "https://example.org/y/a.jpg?size=2"], "masks")
    assert masks == [os.path.join("masks", "x", "a_mask.png"), os.path.join("masks", "y", "a_mask.png")]


def test_names_of_masks_must_differ(place):
    with pytest.raises(ValueError, match=r"different names, got 'data/a.jpg' and 'data/A.JPG'"):
        name_masks(["data/a.jpg", "data/A.JPG"], "masks")


def test_load_images_keeps_order_and_urls(place):
    labels = pd.DataFrame({"image": ["c", "b", "x"], "dx": ["mel", "nv", "nv"], "patient": ["p", "p", "q"]})
    images = ["data/clinic/c.tif", "https://example.org/x.jpg", "data/b.png"]
    data = load_images(images, labels=labels)
    assert data.images == images
    np.testing.assert_array_equal(data.target, [1, 0, 0])
    assert list(data.groups) == ["p", "q", "p"]
    assert list(data.frame["image"]) == ["c", "x", "b"]
    assert data.label_mapping == {"mel": 1, "nv": 0}
    assert data.masks is None


def test_load_images_warns_of_unlabeled_images(place):
    with pytest.warns(UserWarning, match="1 of 2 images have no row, such as 'clinic/c.tif'"):
        data = load_images(["data/b.png", "data/clinic/c.tif"], labels=pd.Series({"b": "melanoma"}))
    np.testing.assert_array_equal(data.target, [1, -1])


def test_load_images_refuses_columns_without_table(place):
    with pytest.raises(ValueError, match="labels must be given where a column is named"):
        load_images("data", label_column="dx")


def test_masks_of_other_images_raise(place):
    os.mkdir("masks")
    Image.fromarray(np.zeros((6, 8), bool)).save("masks/z.png")
    with pytest.raises(ValueError, match=r"masks must hold a mask named like an image, .* got \['z.png'\]"):
        load_images("data/*.jpg", masks="masks", labels=pd.Series({"a": "melanoma"}))


def test_match_table(place):
    (place / "patients.csv").write_text("file;age;site\nb.png;41;back\na;63;\nz;1;arm\n")
    with pytest.warns(UserWarning, match="1 of 3 images have no row, such as 'data/clinic/c.tif'"):
        frame = match_table(["data/a.jpg", "data/clinic/c.tif", "data/b.png"], "patients.csv")
    assert list(frame.index) == ["data/a.jpg", "data/clinic/c.tif", "data/b.png"]
    np.testing.assert_array_equal(frame["age"], [63, np.nan, 41])
    assert frame["site"].tolist()[2] == "back"
    assert frame["site"].isna().tolist() == [True, True, False]
    with pytest.raises(ValueError, match="image_column must be a column of"):
        match_table(["data/a.jpg"], "patients.csv", image_column="image")
    with pytest.raises(FileNotFoundError, match=r"table must be a file that exists, got 'gone\.csv'"):
        match_table(["data/a.jpg"], "gone.csv")


def test_dicom_files_are_images(place):
    (place / "data" / "E.DCM").write_bytes(b"x")
    assert names(find_images("data"))[0] == "E.DCM"
    assert names(find_images("data/*.DCM")) == ["E.DCM"]
