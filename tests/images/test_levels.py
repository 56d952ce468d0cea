"""Tests of levels of more than 8 bits in files and PIL images, of closed images and of images in other containers."""

import struct
from io import BytesIO

import dask.array as dask
import numpy as np
import pytest
from PIL import Image, ImageCms

from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.images import ImageReader, read_image, read_mask
from sklearn_melanoma.segmentation import PixelClassifierSegmenter, SegmenterSelector, WatershedSegmenter
from tests._hostile import color_tiff, gray_tiff, png, saved

LEVELS = (np.arange(64).reshape(8, 8) * 4).astype(np.uint8)


def gray_file(levels, *tags, order="<"):
    """Return a gray TIFF of 8 x 8 pixels."""
    data = gray_tiff((258, 3, 1, 8 * levels.itemsize), (273, 4, 1, 0), *tags)
    start = len(data) - 256
    data = gray_tiff((258, 3, 1, 8 * levels.itemsize), (273, 4, 1, start), *tags)
    return data[:start] + levels.tobytes()


def test_sixteen_bit_tiff(tmp_path):
    (tmp_path / "image.tif").write_bytes(gray_file(LEVELS.astype("<u2") * np.uint16(257)))
    np.testing.assert_array_equal(read_image(tmp_path / "image.tif")[:, :, 0], LEVELS)


def test_refuses_signed_levels_of_unknown_scale(tmp_path):
    levels = LEVELS.astype("<i2") * np.int16(128)
    (tmp_path / "image.tif").write_bytes(gray_file(levels, (339, 3, 1, 2)))
    with pytest.raises(ValueError, match=r"must hold signed levels in 0\.\.255, got 0\.\.32256\. Convert it to 8 bits"):
        read_image(tmp_path / "image.tif")
    (tmp_path / "image.tif").write_bytes(gray_file(levels // 128, (339, 3, 1, 2)))
    np.testing.assert_array_equal(read_image(tmp_path / "image.tif")[:, :, 0], LEVELS)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_refuses_images_without_visible_pixels(make_image, tmp_path, kind, mode):
    image = Image.fromarray(make_image(30, 40)).convert(mode)
    image.putalpha(0)
    image.save(tmp_path / "image", kind)
    with pytest.raises(ValueError, match=r"could not read .*image': all its pixels are transparent"):
        read_image(tmp_path / "image")
    with pytest.raises(ValueError, match=r"image must have visible pixels, .* pass image\[:, :, :3\]"):
        read_image(np.asarray(image.convert("RGBA")))


def test_black_image_with_opaque_pixels_is_black():
    black = np.zeros((4, 4, 4), np.uint8)
    black[2, 2, 3] = 255
    assert not read_image(black).any()
    assert not read_image(Image.fromarray(black)).any()


def test_lab_needs_no_profile():
    lab = Image.new("LAB", (4, 4), (150, 10, 20))
    expected = read_image(lab)
    lab.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    np.testing.assert_array_equal(read_image(lab), expected)


def test_refuses_image_without_pixels():
    with pytest.raises(ValueError, match="could not read the image: it has no pixels"):
        read_image(Image.new("RGB", (0, 3)))


@pytest.mark.parametrize("side", [None, 4])
def test_white_is_zero_is_inverted(tmp_path, side):
    (tmp_path / "negative.tif").write_bytes(gray_file(65_535 - LEVELS.astype("<u2") * np.uint16(257), (262, 3, 1, 0)))
    expected = read_image(LEVELS, max_side=side)
    np.testing.assert_array_equal(read_image(tmp_path / "negative.tif", max_side=side), expected)
    (tmp_path / "bytes.tif").write_bytes(gray_file(255 - LEVELS, (262, 3, 1, 0)))
    np.testing.assert_array_equal(read_image(tmp_path / "bytes.tif", max_side=side), expected)


def test_twelve_bit_tiff_has_its_own_scale(tmp_path):
    values = np.rint(LEVELS / 255 * 4095).astype(int).ravel()
    packed = b"".join(struct.pack(">I", (a << 12 | b) << 8)[:3] for a, b in zip(values[::2], values[1::2], strict=True))
    data = gray_tiff((258, 3, 1, 12), (273, 4, 1, 86))
    (tmp_path / "image.tif").write_bytes(data[:86] + packed)
    np.testing.assert_allclose(read_image(tmp_path / "image.tif")[:, :, 0], LEVELS, atol=1)


@pytest.mark.parametrize("n_channels", [3, 4])
def test_planes_of_sixteen_bits(tmp_path, n_channels):
    more = [(338, 3, 1, 2)] if n_channels == 4 else []
    (tmp_path / "planes.tif").write_bytes(
        color_tiff((284, 3, 1, 2), *more, bits=16, n_channels=n_channels, n_planes=n_channels)
    )
    found = read_image(tmp_path / "planes.tif")
    assert (found == (128 if n_channels == 3 else (128 * 128 + 127) // 255)).all()
    np.testing.assert_array_equal(read_image(Image.open(tmp_path / "planes.tif")), found)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_planes_equal_interleaved_pixels(make_image, tmp_path, order, tile):
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile, which writes planes")
    image = make_image(40, 56)
    levels = image.astype(np.uint16) * 257
    for name, array in (("contig", levels), ("separate", np.moveaxis(levels, 2, 0))):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, array, photometric="rgb", planarconfig=name, byteorder=order, tile=tile)
        np.testing.assert_array_equal(read_image(path), image)


def test_refuses_planes_that_pillow_decoded(tmp_path):
    (tmp_path / "planes.tif").write_bytes(color_tiff((284, 3, 1, 2), bits=16, n_planes=3))
    image = Image.open(tmp_path / "planes.tif")
    image.load()
    with pytest.raises(
        ValueError, match=r"planes\.tif': it is a TIFF with planes of 16 bits, which Pillow misreads\. Pass"
    ):
        read_image(image)


@pytest.mark.parametrize("mode", [np.int32, np.uint16, np.float32])
def test_pil_images_of_more_bits(mode):
    scale = {np.int32: 1, np.uint16: np.uint16(257), np.float32: 1 / 255}[mode]
    image = Image.fromarray((LEVELS * scale).astype(mode))
    np.testing.assert_array_equal(read_image(image)[:, :, 2], LEVELS)


@pytest.mark.parametrize("values", [[-5, 200], [0, 70_000], [0, 1]])
def test_refuses_other_levels_of_mode_i(values):
    with pytest.raises(ValueError, match=rf"0\.\.255 or 0\.\.65535, got {values[0]}\.\.{values[1]}"):
        read_image(Image.fromarray(np.array([values], np.int32)))


@pytest.mark.parametrize("largest", [255, 1023, 4095])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PIL", "I", "array"])
def test_hints_at_levels_of_fewer_bits(tmp_path, largest, kind):
    levels = np.array([[0, largest // 2, largest]], np.uint16)
    source = levels
    if kind == "I" and largest == 255:
        return  # understood
    if kind == "I":
        source = Image.fromarray(levels.astype(np.int32))
    elif kind != "array":
        source = Image.fromarray(levels)
    if kind in ("PNG", "TIFF"):
        source = tmp_path / "image"
        source.write_bytes(saved(Image.fromarray(levels), kind))
    with pytest.warns(
        UserWarning, match=f"is almost black: its largest level is {largest}, .*by {largest} and"
    ) as caught:
        read_image(source)
    assert caught[0].filename == __file__


def test_hint_looks_at_the_whole_image(monkeypatch):
    from sklearn_melanoma._io import pixels

    monkeypatch.setattr(pixels, "BAND_PIXELS", 4)
    for values in ([0, 1, 2, 65_535], [0, 0.001, 0.002, 1]):
        levels = np.repeat(np.array(values)[:, np.newaxis], 4, axis=1)
        read_image(Image.fromarray(levels.astype(np.uint16 if values[-1] > 1 else np.float32)))


@pytest.mark.parametrize("largest", [255, 4095])
def test_hints_at_sixteen_bit_colors_of_fewer_bits(tmp_path, largest):
    rows = (b"\0" + struct.pack(">H", largest) * 27) * 7
    (tmp_path / "image.png").write_bytes(png(9, 7, depth=16, color=2, rows=rows))
    with pytest.warns(UserWarning, match=r"image\.png is almost black, although it has 16 bits per color") as caught:
        read_image(tmp_path / "image.png")
    assert caught[0].filename == __file__


@pytest.mark.parametrize("kind", ["array", "PIL", "PNG"])
def test_hints_at_bytes_of_zeros_and_ones(make_image, tmp_path, kind):
    source = (make_image() / 255 + 0.5).astype(np.uint8)
    if kind != "array":
        source = Image.fromarray(source)
    if kind == "PNG":
        source.save(tmp_path / "image.png")
        source = tmp_path / "image.png"
    with pytest.warns(
        UserWarning, match=r"is almost black: its largest level is 1, and 255 is white\. It may"
    ) as caught:
        read_image(source)
    assert caught[0].filename == __file__
    read_image(np.zeros((4, 5, 3), np.uint8))


def test_hint_points_to_the_line_of_the_user_in_a_pipeline(make_image):
    dark = make_image().astype(np.uint16)
    features = make_melanoma_pipeline("survey")["features"]
    with pytest.warns(UserWarning, match=r"almost black|No lesion") as caught:
        features.transform([dark])
    hints = [warning for warning in caught if "almost black" in str(warning.message)]
    assert [hint.filename for hint in hints] == [__file__]


def test_fourth_channel_without_meaning_is_dropped():
    image = Image.fromarray(np.dstack([np.full((2, 2), level, np.uint8) for level in (200, 150, 100, 0)]), mode=None)
    image = Image.frombytes("RGBX", (2, 2), image.tobytes())
    np.testing.assert_array_equal(read_image(image), np.full((2, 2, 3), (200, 150, 100)))


# Closed images


@pytest.fixture
def path(make_image, tmp_path):
    Image.fromarray(make_image()).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def open_and_close(path):
    with Image.open(path) as image:
        return image


def load_and_close(path):
    image = Image.open(path)
    image.load()
    image.close()
    return image


def close_file(path):
    with open(path, "rb") as file:
        return Image.open(file)


def close_bytes(path):
    file = BytesIO(path.read_bytes())
    image = Image.open(file)
    file.close()
    return image


@pytest.mark.parametrize("close", [open_and_close, load_and_close, close_file, close_bytes])
def test_closed_image(path, close):
    image = close(path)
    for read in (read_image, read_mask):
        with pytest.raises(
            ValueError, match=r"the PIL image was closed\. Pass its path, or call image\.load\(\) inside"
        ):
            read(image)
    with pytest.raises(ValueError, match=r"^X\[1\].*: could not read .*the PIL image was closed"):
        ImageReader().transform([path, image])


def test_images_loaded_before_they_are_closed(path):
    with Image.open(path) as image:
        image.load()
    np.testing.assert_array_equal(read_image(image), read_image(path))
    with Image.open(path) as image:
        copy = image.copy()
    np.testing.assert_array_equal(read_image(copy), read_image(path))


# One image in any container


CONTAINERS = [np.asarray, dask.asarray, np.ndarray.tolist, lambda image: tuple(map(tuple, image.tolist())), list]


@pytest.mark.parametrize("contain", CONTAINERS, ids=["array", "dask", "lists", "tuples", "rows"])
def test_one_image_is_one_image(make_image, contain):
    image = contain(make_image())
    for step in (ImageReader(), WatershedSegmenter(), make_melanoma_pipeline("survey")["features"]):
        with pytest.raises(ValueError, match=r"got shape \(96, 128, 3\)\. Pass a list of images; for one image, \[X\]"):
            step.transform(image)


@pytest.mark.parametrize("contain", CONTAINERS[:4], ids=["array", "dask", "lists", "tuples"])
def test_list_of_one_image(make_image, contain):
    image = make_image()
    (lesion,) = ImageReader().transform([contain(image)])
    np.testing.assert_array_equal(lesion.image, image)
    (lesion,) = ImageReader().transform(contain(image[np.newaxis]))
    np.testing.assert_array_equal(lesion.image, image)


def test_channels_first(make_image):
    image = np.moveaxis(make_image(), 2, 0)
    for X in ([image], image[np.newaxis], [image.tolist()]):
        with pytest.raises(ValueError, match=r"^X\[0\]: .*got \(3, 96, 128\)\. Move the channels last"):
            ImageReader().transform(X)


# Masks passed as diagnoses, and diagnoses passed as masks


@pytest.mark.parametrize("y", [[0, 1], np.array([0, 1]), ["melanoma", "nevus"], [-1, 1]])
@pytest.mark.parametrize("segmenter", [PixelClassifierSegmenter(), SegmenterSelector()])
def test_segmenters_refuse_diagnoses(make_image, segmenter, y):
    with pytest.raises(ValueError, match=r"^y\[0\]: a mask must be .*looks like a diagnosis\. Segmenters learn"):
        segmenter.fit([make_image(), make_image(seed=1)], y)


def test_scores_refuse_diagnoses(make_image):
    with pytest.raises(ValueError, match="looks like a diagnosis"):
        WatershedSegmenter().score([make_image()], [1])


def test_lesion_refuses_masked_probabilities():
    lesion = Lesion(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="probability must hold no masked pixels, got 8"):
        lesion.with_mask(np.eye(8), np.ma.masked_array(np.eye(8), np.eye(8)))
    with pytest.raises(TypeError, match="probability must hold numbers"):
        lesion.with_mask(np.eye(8), np.full((8, 8), "a"))


@pytest.mark.parametrize("mask", [np.where(np.eye(8), 1, 2), np.ma.masked_array(np.eye(8), np.eye(8)), -np.eye(8)])
def test_lesion_refuses_masks_of_labels(mask):
    with pytest.raises(ValueError, match="mask must"):
        Lesion(np.zeros((8, 8, 3), np.uint8), mask)
    with pytest.raises(ValueError, match="mask must"):
        Lesion(np.zeros((8, 8, 3), np.uint8)).with_mask(mask)
