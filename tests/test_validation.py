"""Tests of checks of images, masks and labels, and of errors that name an element."""

import pickle
from pathlib import Path

import dask.array as dask
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from sklearn_melanoma import Lesion
from sklearn_melanoma._validation import (
    check_image,
    check_images,
    check_mask,
    check_masks,
    element_errors,
    element_label,
    element_of_error,
    is_missing,
    rebase_error,
    source_name,
)
from sklearn_melanoma._validation.byte_levels import convert_to_bytes
from sklearn_melanoma._validation.groups import encode_groups


class ArrayLike:
    """Array of another library."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return self.values[index]

    def __array__(self, dtype=None, copy=None):
        return self.values


@pytest.mark.parametrize("value", [None, np.nan, float("nan"), np.float32("nan"), pd.NA])
def test_is_missing(value):
    assert is_missing(value)


@pytest.mark.parametrize(
    "value", [0, -1, "", "nan", "mask.png", np.zeros(2), np.nan * np.ones(1), False, pd.Timestamp(0)]
)
def test_is_not_missing(value):
    assert not is_missing(value)


# Sequences


@pytest.mark.parametrize(
    "images",
    [
        ["a.png"],
        ("a.png",),
        np.array(["a.png"]),
        np.zeros((2, 4, 4, 3)),
        np.array([object()]),
        pl.Series(["a.png"]),
        np.zeros((2, 4, 4, 3)).tolist(),
        dask.zeros((2, 4, 4, 3)),
        ArrayLike(np.zeros((2, 4, 4, 3))),
        list(np.zeros((6, 8, 9))),
        [np.zeros((8, 3)), np.zeros((9, 3))],
    ],
    ids=[
        *("list", "tuple", "strings", "4-D", "objects", "polars", "nested lists", "dask", "array-like"),
        *("gray images", "narrow gray images"),
    ],
)
def test_returns_sequence_itself(images):
    assert check_images(images) is images


def test_series_by_position():
    images = check_images(pd.Series(["a", "b", "c"], index=[2, 0, 1]))
    assert [images[i] for i in range(len(images))] == ["a", "b", "c"]


def test_accepts_object_with_length_and_positions():
    class Lazy:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return f"{index}.png"

    lazy = Lazy()
    assert check_images(lazy) is lazy


@pytest.mark.parametrize(
    ("images", "kind", "message"),
    [
        (
            "a.png",
            TypeError,
            r"^images must be a sequence of images, got the single path 'a\.png'\. Pass .*, \[images\]",
        ),
        (b"a.png", TypeError, "the single path b'a.png'"),
        (Path("a.png"), TypeError, "the single path 'a.png'"),
        (
            pd.DataFrame({"path": ["a"], "y": [1]}),
            TypeError,
            r"got a table with columns \['path', 'y'\]\. Pass the one",
        ),
        (np.zeros(()), ValueError, r"got shape \(\)"),
        (np.zeros((4, 4)), ValueError, r"or a 4-D array .*, got shape \(4, 4\)\. .*table of features .* model"),
        (np.zeros((4, 4, 3)), ValueError, r"got shape \(4, 4, 3\)\. Pass a list of images; for one image, \[images\]"),
        (np.zeros((4, 4, 3)).tolist(), ValueError, r"got shape \(4, 4, 3\)\. Pass a list of images; for one"),
        (tuple(map(tuple, [[1, 2], [3, 4]])), ValueError, r"got shape \(2, 2\)"),
        (dask.zeros((4, 4, 3)), ValueError, r"got shape \(4, 4, 3\)\. Pass a list of images; for one"),
        (ArrayLike(np.zeros((4, 4, 3))), ValueError, r"got shape \(4, 4, 3\)\. Pass a list of images; for one"),
        (list(np.zeros((6, 8, 3))), ValueError, r"got shape \(6, 8, 3\)\. Pass a list of images; for one"),
        (Image.new("RGB", (4, 4)), TypeError, r"got Image\. Pass a list of images; for one image, \[images\]"),
        (Lesion(np.zeros((4, 4, 3))), TypeError, r"got Lesion\. Pass a list of images; for one image, \[images\]"),
        ({"a.png"}, TypeError, "got set"),
        ({0: "a.png"}, TypeError, "got dict"),
        ((name for name in ["a.png"]), TypeError, "got generator"),
        (3, TypeError, "got int"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_refuses_other_than_sequence(images, kind, message):
    with pytest.raises(kind, match=message):
        check_images(images, name="images")


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ([0, 1, 0], r"^y\[0\]: a mask must be an array or a path .*, got 0, which looks like a diagnosis\. Segmenters"),
        (np.array([0, 1]), r"^y\[0\]: .*got (np\.int64\(0\)|0), which looks"),
        ([None, True], r"^y\[1\]: .*got True,"),
        ([np.nan, 1.0], r"^y\[1\]: .*got 1\.0,"),
        (["melanoma", "nevus"], r"^y\[0\]: .*got 'melanoma',"),
        (pd.Series([None, "nevus"]), r"^y\[1\]: .*got 'nevus',"),
        (np.array(["benign"]), r"^y\[0\]: .*'benign'"),
        (pd.Series([-1, 1]), r"^y\[0\]: .*which looks like a diagnosis"),
        (np.eye(3), r"one mask for each image, got an array of shape \(3, 3\)\. For one mask, pass \[y\]\. Diagnoses"),
        ([[0, 1], [1, 0]], r"got an array of shape \(2, 2\)"),
    ],
)
def test_refuses_diagnoses_as_masks(masks, message):
    with pytest.raises(ValueError, match=message):
        check_masks(masks)


def test_accepts_masks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mask").touch()
    mask = np.zeros((4, 5), bool)
    for masks in (
        [None, np.nan, pd.NA, mask, mask.tolist(), "a.png", "s3://bucket/a", "folder/a", "mask", Path("a"), ""],
        np.stack([mask, mask]),
        np.stack([mask, mask])[..., np.newaxis],
        np.array([None, mask], dtype=object),
        np.array([np.nan, np.nan]),
        [mask.tolist(), mask.tolist()],
    ):
        assert check_masks(masks) is masks


# Images


@pytest.mark.parametrize(
    "image",
    [
        np.array([[0, 128, 255]], np.uint8),
        np.array([[0, 128, 255]], np.uint16) * np.uint16(257),
        np.array([[0, 128, 255]], np.float64) / 255,
        np.array([[0, 128, 255]], np.float32) / np.float32(255),
        np.array([[0, 128, 255]], np.float16) / np.float16(255),
        np.array([[[0], [128], [255]]], np.uint8),
        np.array([[[0] * 3, [128] * 3, [255] * 3]], np.uint8),
        np.array([[[0] * 3 + [255], [128] * 3 + [255], [255] * 4]], np.uint8),
        (np.array([[0, 128, 255]]) / 255).tolist(),
        [[0, 128, 255]],
        np.array([[0, 128, 255]], np.int16),
        np.array([[0, 128, 255]], np.int32),
        np.array([[0, 128, 255]], np.uint64),
        np.array([[0, 128, 255]], ">i4"),
        np.array([[0, 128 * 257, 65_535]], ">u2"),
        np.array([[0, 128, 255]], ">f4") / 255,
        np.array([[-1e-7, 128 / 255, 1 + 1e-7]]),
        np.array([[-1e-3, 128 / 255, 1 + 1e-3]]),
        np.ma.masked_array([[0, 128, 255]]),
    ],
    ids=[
        *("uint8", "uint16", "float64", "float32", "float16", "one channel", "RGB", "RGBA", "nested list"),
        *("list of ints", "int16", "int32", "uint64", "big-endian i4", "big-endian u2", "big-endian f4"),
        *("rounded", "overshoot", "masked array"),
    ],
)
def test_same_image_from_all_dtypes(image):
    expected = np.repeat(np.array([[0, 128, 255]], np.uint8)[:, :, np.newaxis], 3, axis=2)
    result = check_image(image)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, expected)


def test_bool_image_is_black_and_white():
    np.testing.assert_array_equal(check_image([[False, True]])[:, :, 0], [[0, 255]])


def test_does_not_copy_rgb_bytes():
    image = np.zeros((3, 4, 3), np.uint8)
    assert check_image(image) is image


def test_transparent_pixels_are_black():
    image = np.full((1, 3, 4), 200, np.uint8)
    image[0, :, 3] = 0, 51, 255
    np.testing.assert_array_equal(check_image(image), np.repeat([[[0], [40], [200]]], 3, axis=2))
    for other in (image.astype(np.uint16) * np.uint16(257), image / 255):
        np.testing.assert_array_equal(check_image(other), check_image(image))


@pytest.mark.parametrize(
    ("image", "kind", "message"),
    [
        (np.zeros((4, 4, 2)), ValueError, r"^image must have shape \(height, width, 3\), got \(4, 4, 2\)\. Convert it"),
        (np.zeros((4, 4, 5)), ValueError, r"got \(4, 4, 5\)"),
        (np.zeros((3, 4, 4, 3)), ValueError, r"got \(3, 4, 4, 3\)"),
        (np.zeros(4), ValueError, r"got \(4,\)\. Pass a row of features to the steps after the image steps"),
        (0.5, ValueError, r"got \(\)"),
        (np.zeros((0, 4, 3)), ValueError, r"at least one pixel, got shape \(0, 4, 3\)"),
        (np.zeros((4, 0)), ValueError, r"at least one pixel, got shape \(4, 0\)"),
        (np.full((2, 2), np.nan), ValueError, "must hold finite numbers, got NaN or infinity"),
        (np.array([[0, np.inf]]), ValueError, "must hold finite numbers, got NaN or infinity"),
        (np.array([[0, 1.5]]), ValueError, r"float64 must lie in 0\.\.1, got 0\.\.1\.5\. Divide it"),
        (np.array([[-0.5, 1]], np.float32), ValueError, r"float32 must lie in 0\.\.1, got -0\.5\.\.1"),
        (
            np.full((2, 2), 256),
            ValueError,
            r"dtype int64 must hold levels in 0\.\.255, got 256\.\.256\. Convert it: to u",
        ),
        (np.array([[0, 4095]], np.int16), ValueError, r"dtype int16 must hold levels in 0\.\.255, got 0\.\.4095"),
        (np.array([[-1, 200]]), ValueError, r"got -1\.\.200"),
        (np.array([[0, 1]]), ValueError, r"got 0\.\.1\. Convert it: .* to bool if 1 means white"),
        (np.zeros((2, 2), np.int8), TypeError, r"dtype uint8, uint16, float or bool, got int8\. Convert it to uint8"),
        (np.array([[0, 1.01]]), ValueError, r"must lie in 0\.\.1, got 0\.\.1\.01"),
        (np.ma.masked_array([[1.0, 0.5]], mask=[[True, False]]), ValueError, r"no masked pixels, got 1\. Give them"),
        ([[0, 1], [2]], ValueError, "must have rows of equal length"),
        (
            np.zeros((3, 40, 50)),
            ValueError,
            r"got \(3, 40, 50\)\. Move the channels last, as in np\.moveaxis\(image, 0, -1\)",
        ),
        (np.zeros((1, 40, 50)), ValueError, "Move the channels last"),
        (np.zeros((4, 40, 50)), ValueError, "Move the channels last"),
        (np.zeros((1, 40, 50, 3)), ValueError, r"It is a stack: pass its images one by one"),
        (np.zeros((2, 2), complex), TypeError, "got complex128"),
        (np.zeros((2, 2), object), TypeError, "got object"),
        ([["a", "b"]], TypeError, "got <U1"),
    ],
)
def test_refuses_other_than_image(image, kind, message):
    with pytest.raises(kind, match=message):
        check_image(image, name="image")


@pytest.mark.filterwarnings("ignore:image is almost black")
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.bool_, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=3, max_side=5),
        elements={"min_value": 0, "max_value": 1},
    )
)
@settings(max_examples=25, deadline=None)
def test_any_image_gives_rgb_bytes_or_shape_error(image):
    if image.ndim == 3 and image.shape[2] == 4 and not convert_to_bytes(image[:, :, 3]).any():
        with pytest.raises(ValueError, match="must have visible pixels"):
            check_image(image)
    elif image.ndim == 2 or image.shape[2] in (1, 3, 4):
        result = check_image(image)
        assert (result.shape, result.dtype) == ((*image.shape[:2], 3), np.uint8)
    else:
        with pytest.raises(ValueError, match="must have shape"):
            check_image(image)


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (
            np.array([[0, 255]], np.uint16),
            r"largest level is 255, and 65535 is white\. If it holds 8-bit .*divide it by 255 ",
        ),
        (np.array([[0, 900]], ">u2"), "10-bit levels, divide it by 1023"),
        (np.array([[[0, 9, 4000, 65_535]]], np.uint16), "12-bit levels, divide it by 4095"),  # opaque
        (
            np.array([[0, 1 / 255]]),
            r"largest level is 0\.00392157, and 1 is white\. It may have been divided by 255 twice",
        ),
    ],
)
def test_hints_at_another_scale(image, hint):
    with pytest.warns(UserWarning, match=hint) as caught:
        check_image(image)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("image", [np.zeros((2, 2), np.uint16), np.full((2, 2), 4097, np.uint16), np.zeros((2, 2))])
def test_does_not_hint_at_black_and_usual_images(image):
    check_image(image)


# Masks


@pytest.mark.parametrize(
    "mask",
    [
        [[False, True]],
        np.array([[0, 1]]),
        np.array([[0, 255]], np.uint8),
        np.array([[0, 65535]], np.uint16),
        np.array([[0.0, 1.0]]),
        np.array([[0.5, 0.51]]),
        np.array([[0, 100]], np.uint8),
        np.array([[10, 200]], np.uint8),
        np.array([[[0], [255]]], np.uint8),
    ],
)
def test_same_mask_from_all_dtypes(mask):
    result = check_mask(mask)
    assert result.dtype == bool
    np.testing.assert_array_equal(result, [[False, True]])


def test_empty_mask_stays_empty():
    for dtype in (bool, np.uint8, np.int64, float):
        assert not check_mask(np.zeros((2, 3), dtype)).any()


def test_does_not_copy_bool_masks():
    mask = np.zeros((2, 3), bool)
    assert check_mask(mask) is mask


@pytest.mark.parametrize(
    ("mask", "kind", "message"),
    [
        (
            np.zeros((4, 4, 3)),
            ValueError,
            r"^truth must have shape \(height, width\), got \(4, 4, 3\)\. Pass one channel",
        ),
        (np.zeros(4), ValueError, r"got \(4,\)"),
        (np.zeros((0, 3)), ValueError, r"got \(0, 3\)"),
        (np.zeros((2, 3), bool), ValueError, r"the shape of its image, \(3, 2\), got \(2, 3\)\. Resize it"),
        (np.full((3, 2), np.nan), ValueError, "must hold no NaN"),
        (np.zeros((3, 2), complex), TypeError, "must hold bools or numbers, got dtype complex128"),
        (np.full((3, 2), "a"), TypeError, "must hold bools or numbers, got dtype <U1"),
    ],
)
def test_refuses_other_than_mask(mask, kind, message):
    with pytest.raises(kind, match=message):
        check_mask(mask, shape=(3, 2), name="truth")


# Errors that name an element


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ValueError, ValueError),
        (TypeError, TypeError),
        (OSError, OSError),
        (FileNotFoundError, FileNotFoundError),
        (PermissionError, PermissionError),
        (IsADirectoryError, IsADirectoryError),
        (UnicodeError, ValueError),
        (ConnectionError, OSError),
    ],
)
def test_errors_name_element(raised, kind):
    original = raised("it is broken.")
    with (
        pytest.raises(kind, match=r"^images\[3\] \('IMD002\.bmp'\): it is broken\.$") as caught,
        element_errors(3, "IMD002.bmp", name="images"),
    ):
        raise original
    assert type(caught.value) is kind
    assert caught.value.__cause__ is original
    assert element_of_error(caught.value) == 3


def test_names_element_without_path_by_position():
    with pytest.raises(ValueError, match=r"^X\[0\]: no$"), element_errors(0, np.zeros(3)):
        raise ValueError("no")


def test_adds_note_to_other_exceptions():
    with pytest.raises(ZeroDivisionError) as caught, element_errors(7, "a.png"):
        1 / 0  # noqa: B018
    assert caught.value.__notes__ == ["While working on X[7] ('a.png')."]
    assert element_of_error(caught.value) is None
    assert rebase_error(caught.value, 5) is caught.value


@pytest.mark.parametrize("send", [lambda error: error, lambda error: pickle.loads(pickle.dumps(error))])
def test_rebases_errors_and_pickled_errors(send):
    with pytest.raises(FileNotFoundError) as caught, element_errors(3, "a.png"):
        raise FileNotFoundError("it is gone")
    moved = rebase_error(send(rebase_error(send(caught.value), 16)), 100)
    assert type(moved) is FileNotFoundError
    assert str(moved) == "X[119] ('a.png'): it is gone"
    assert element_of_error(moved) == 119


def test_nothing_changes_without_error():
    with element_errors(0):
        value = 1
    assert value == 1


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ("folder/a.png", "folder/a.png"),
        (Path("images") / "a.png", str(Path("images") / "a.png")),
        (np.str_("a.png"), "a.png"),
        (Lesion(np.zeros((2, 2, 3), np.uint8), source="a.png"), "a.png"),
        (Lesion(np.zeros((2, 2, 3), np.uint8)), None),
        (np.zeros(3), None),
        (None, None),
        (3, None),
    ],
)
def test_element_names(element, name):
    assert source_name(element) == name
    assert element_label(2, element) == ("X[2]" if name is None else f"X[2] ({name!r})")


@pytest.mark.parametrize(
    "groups",
    [
        ["p7", "p3", "p7"],
        (7, 3, 7),
        np.array([[7], [3], [7]]),
        pd.Series(["p7", "p3", "p7"], index=[2, 1, 0], dtype="category"),
        pd.DataFrame({"patient_id": [7, 3, 7]}),
        np.ma.masked_array([7, 3, 7]),
    ],
    ids=lambda groups: type(groups).__name__,
)
def test_numbers_of_groups(groups):
    assert encode_groups(groups).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([("p7", 1), ("p3", 1), ("p7", 2), ("p7", 1)], [1, 0, 2, 1]),
        (pd.MultiIndex.from_tuples([("p7", 1), ("p3", 1), ("p7", 1)]), [1, 0, 1]),
        ([1, "1", 1], [0, 1, 0]),
        ([2**60 + 1, 2**60, 0.5], [2, 1, 0]),
    ],
)
def test_groups_are_not_merged(groups, expected):
    assert encode_groups(groups).tolist() == expected


@pytest.mark.parametrize("groups", ["patient_id", {"a": 1}, {"a", "b"}, iter("ab"), np.array("a"), 3])
def test_groups_must_be_a_sequence(groups):
    with pytest.raises(TypeError, match=r"groups must hold one group for each sample, got .* Pass a list"):
        encode_groups(groups)


def test_group_must_be_a_single_value():
    with pytest.raises(TypeError, match=r"groups\[0\] must be a number or a string, got list"):
        encode_groups([["p7"], ["p3"]])


def test_masked_column_of_groups_is_refused():
    with pytest.raises(ValueError, match=r"groups\[1\] is missing"):
        encode_groups(np.ma.masked_array([[7], [3]], mask=[[False], [True]]))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, "", " ", np.ma.masked])
def test_missing_group_is_refused(missing):
    with pytest.raises(ValueError, match=r"groups\[1\] is missing, got .*a group of its own"):
        encode_groups(["p7", missing, "p7"])


def test_several_columns_of_groups_are_refused():
    with pytest.raises(ValueError, match=r"one group for each sample, got shape \(2, 2\)\. Pass one column"):
        encode_groups(pd.DataFrame({"patient_id": [1, 2], "lesion_id": [1, 2]}))


def test_source_name_of_pil_images_and_memory_maps(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert source_name(image) == str(tmp_path / "a.png")
    assert source_name(Image.new("RGB", (2, 2))) is None
    # joblib passes arrays to workers in its own files, whose names would mislead.
    assert source_name(np.memmap(tmp_path / "a.png", mode="r")) is None


def test_table_of_features_names_the_steps_behind_the_images():
    table = pd.DataFrame(np.zeros((2, 9)), columns=list("abcdefghi"))
    message = (
        r"got a table with columns \['a', 'b', 'c', 'd', 'e'\] and 4 more\. Pass a table of features .* model\[1:\]"
    )
    with pytest.raises(TypeError, match=message):
        check_images(table)
