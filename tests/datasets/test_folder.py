import os

import numpy as np
import pytest
from PIL import Image

from sklearn_melanoma.datasets import load_folder

# Most tests label some of the images, or none. Tests of the warnings catch them themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*images have no row"),
    pytest.mark.filterwarnings("ignore:.*rows name none of the"),
    pytest.mark.filterwarnings("ignore:no image of .* is labeled"),
]


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)


@pytest.fixture
def image_folder(tmp_path):
    folder = tmp_path / "images"
    for name in ("a.jpg", "b.PNG", "clinic/c.tif", "d.bmp"):
        put(folder / name)
    (folder / "._a.jpg").write_bytes(b"resource fork")
    (folder / "notes.txt").write_text("no image")
    return folder


def get_names(paths):
    return [None if path is None else os.path.basename(path) for path in paths]


def test_images_without_labels_and_masks(image_folder):
    bunch = load_folder(image_folder)
    assert get_names(bunch.images) == ["a.jpg", "b.PNG", "c.tif", "d.bmp"]
    assert bunch.masks is None
    np.testing.assert_array_equal(bunch.target, [-1, -1, -1, -1])
    assert bunch.diagnosis == ["unknown"] * 4
    assert list(bunch.groups) == ["a.jpg", "b.PNG", "clinic/c.tif", "d.bmp"]
    assert "4 images, 0 with a mask; 0 melanomas, 0 others, 4 without a diagnosis" in bunch.DESCR


@pytest.mark.parametrize(
    "table",
    [
        "image,diagnosis\na,Melanoma\nb,nevus\nc,MEL\n",
        "diagnosis,file\nMelanoma,a.jpg\nnevus,b.PNG\nMEL,clinic/c.tif\n",
        "name;dx\na.png;Melanoma\n./b;nevus\nold\\place\\c.jpg;MEL\n",
        "\ufeffage\tpicture\tlabel\n1\ta\tMelanoma\n2\tb\tnevus\n3\tc.tif\tMEL\n",
    ],
)
def test_reads_labels_in_several_formats(image_folder, table):
    (image_folder.parent / "table.csv").write_text(table, encoding="utf-8")
    bunch = load_folder(image_folder, labels=image_folder.parent / "table.csv")
    np.testing.assert_array_equal(bunch.target, [1, 0, 1, -1])
    assert bunch.diagnosis == ["Melanoma", "nevus", "MEL", "unknown"]


@pytest.mark.parametrize("place", ["images/labels.csv", "labels.csv"])
def test_finds_labels_table(image_folder, place):
    (image_folder.parent / place).write_text("image,melanoma\na,1\nb,0\nc,-1\nz,1\n")
    bunch = load_folder(image_folder)
    np.testing.assert_array_equal(bunch.target, [1, 0, -1, -1])
    assert bunch.diagnosis == ["melanoma", "other", "unknown", "unknown"]
    assert "Left out: 1 rows of labels that fit no image." in bunch.DESCR


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("mel", 1),
        ("Melanoma in situ", 1),
        ("TRUE", 1),
        ("1.0", 1),
        ("no melanoma", 0),
        ("false", 0),
        ("", -1),
        ("unknown", -1),
    ],
)
def test_target_of_each_label(image_folder, text, target):
    (image_folder / "labels.csv").write_text(f"image,diagnosis,note\na,{text},x\n")
    assert load_folder(image_folder).target[0] == target


def test_image_names_keep_leading_zeros(tmp_path):
    put(tmp_path / "007.jpg")
    put(tmp_path / "7.jpg")
    (tmp_path / "labels.csv").write_text("id,dx\n007,mel\n7,nv\n")
    np.testing.assert_array_equal(load_folder(tmp_path).target, [1, 0])


def test_uses_named_columns(image_folder):
    (image_folder / "labels.csv").write_text("old,new,diagnosis,histology,doctor\na,b,nevus,mel,x\nb,c,mel,nevus,x\n")
    bunch = load_folder(image_folder, image_column="new", label_column="histology", group_column="doctor")
    np.testing.assert_array_equal(bunch.target, [-1, 1, 0, -1])
    assert list(bunch.groups) == ["a.jpg", "x", "x", "d.bmp"]


def test_finds_group_column(image_folder):
    (image_folder / "labels.csv").write_text("image,patient_id,dx\na,p1,mel\nb,p1,nv\nc,,nv\n")
    assert list(load_folder(image_folder).groups) == ["p1", "p1", "clinic/c.tif", "d.bmp"]


@pytest.mark.parametrize("ending", ["", "_segmentation", "_mask", "_Lesion", "_seg"])
@pytest.mark.parametrize("place", ["images/masks", "masks", "borders"])
def test_finds_mask_folder(image_folder, place, ending):
    put(image_folder.parent / place / f"b{ending}.png")
    put(image_folder.parent / place / f"c{ending}.png")
    put(image_folder.parent / place / "other.png")
    bunch = load_folder(image_folder, masks=image_folder.parent / place if place == "borders" else None)
    assert get_names(bunch.images) == ["a.jpg", "b.PNG", "c.tif", "d.bmp"]
    assert get_names(bunch.masks) == [None, f"b{ending}.png", f"c{ending}.png", None]
    assert "Left out: 1 masks that fit no image." in bunch.DESCR


@pytest.mark.parametrize("given", [True, False])
def test_finds_masks_beside_images(image_folder, given):
    put(image_folder / "a_mask.png")
    put(image_folder / "clinic" / "c_segmentation.png")
    put(image_folder / "e_mask.png")  # an image in color, because there is no image e
    bunch = load_folder(image_folder, masks=image_folder if given else None)
    assert get_names(bunch.images) == ["a.jpg", "b.PNG", "c.tif", "d.bmp", "e_mask.png"]
    assert get_names(bunch.masks) == ["a_mask.png", None, "c_segmentation.png", None, None]


def test_images_with_the_same_name_get_the_mask_in_the_same_subfolder(tmp_path):
    for place in ("x", "y"):
        put(tmp_path / "images" / place / "1.jpg")
        put(tmp_path / "masks" / place / "1.png")
    bunch = load_folder(tmp_path / "images")
    assert [os.path.basename(os.path.dirname(path)) for path in bunch.masks] == ["x", "y"]


def test_mask_for_two_images_raises(tmp_path):
    put(tmp_path / "images" / "x" / "1.jpg")
    put(tmp_path / "images" / "y" / "1.jpg")
    put(tmp_path / "masks" / "1.png")
    with pytest.raises(ValueError, match=r"a mask must fit one image, got .* for .*x.* and .*y"):
        load_folder(tmp_path / "images")


def test_two_masks_for_one_image_raise(image_folder):
    put(image_folder / "masks" / "a.png")
    put(image_folder / "masks" / "a_mask.png")
    with pytest.raises(ValueError, match=r"an image must have one mask, got .*a.png' and .*a_mask.png'"):
        load_folder(image_folder)


def test_masks_without_images_raise(image_folder):
    put(image_folder / "masks" / "zzz.png")
    with pytest.raises(ValueError, match=r"masks must hold a mask named like an image.*got \['zzz.png'\]"):
        load_folder(image_folder)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ("image,diagnosis\nz,mel\n", {}, "must name the images, such as 'a.jpg'"),
        ("image,diagnosis\na,mel\na.jpg,mel\n", {}, "must list an image once, got .*in rows 1 and 2"),
        ("image,diagnosis\na,mel\na.JPG,mel\n", {}, "must list an image once, got .*in rows 1 and 2"),
        ("image,color\na,red\n", {}, r"must have a column of diagnoses.*got \['image', 'color'\].*label_column"),
        ("image,diagnosis\na,3\n", {}, "must hold diagnoses as text, or 1 .*got '3'"),
        ("image,diagnosis\na,mel\n", {"label_column": "dx"}, "label_column must be a column of .*got 'dx'"),
        ("image,diagnosis\na,mel\n", {"image_column": "file"}, "image_column must be a column of .*got 'file'"),
        ("image,diagnosis\na,mel\n", {"group_column": "who"}, "group_column must be a column of .*got 'who'"),
    ],
)
def test_invalid_table_raises(image_folder, table, options, message):
    (image_folder / "labels.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        load_folder(image_folder, **options)


def test_row_for_two_images_raises(image_folder):
    put(image_folder / "clinic" / "a.png")
    (image_folder / "labels.csv").write_text("image,dx\na.bmp,mel\n")
    with pytest.raises(ValueError, match=r"must name one image in each row, got 'a.bmp' for"):
        load_folder(image_folder)


def test_missing_files_raise(tmp_path, image_folder):
    with pytest.raises(FileNotFoundError, match="folder must be a folder that exists"):
        load_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"labels must be a file that exists, got .*nowhere.csv"):
        load_folder(image_folder, labels=tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match=r"masks must be a folder that exists, got .*nowhere"):
        load_folder(image_folder, masks=tmp_path / "nowhere")
    with pytest.raises(TypeError, match="labels must be the path of a table, got list"):
        load_folder(image_folder, labels=[0, 1])
    with pytest.raises(ValueError, match="labels must be given where a column is named"):
        load_folder(image_folder, label_column="dx")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="folder must hold at least one image"):
        load_folder(tmp_path / "empty")
