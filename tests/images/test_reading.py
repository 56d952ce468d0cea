"""Every format in which an image may come, and every way in which a file may be broken."""

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sklearn_melanoma._io.decoding import MAX_PIXELS
from sklearn_melanoma._io.reading import read_lesion
from sklearn_melanoma.images import read_image, read_mask

LOSSLESS = ("png", "bmp", "tiff", "webp")
FORMATS = (*LOSSLESS, "jpg")


@pytest.fixture(scope="module")
def photo():
    """Return a smooth image of which every corner has another color, 24 pixels high and 40 wide."""
    y, x = np.mgrid[0:1:24j, 0:1:40j]
    return np.rint(np.stack([60 + 180 * x, 60 + 180 * y, 200 - 90 * (x + y)], axis=2)).astype(np.uint8)


def save(array, path, **options):
    if Path(path).suffix == ".webp":
        options = {"lossless": True, "exact": True} | options
    elif Path(path).suffix == ".jpg":
        options = {"quality": 100, "subsampling": 0} | options
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **options)
    return str(path)


def png(path, width, height, *, depth=8, color=2, rows=b"", name=b"IHDR"):
    """Write a PNG by hand: those that Pillow doesn't."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(name, header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    Path(path).write_bytes(data)
    return str(path)


# Formats


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_rgb_as_it_was(photo, tmp_path, suffix):
    path = save(photo, tmp_path / f"image.{suffix}")
    np.testing.assert_array_equal(read_image(path), photo)
    np.testing.assert_array_equal(read_image(Path(path)), photo)


def test_jpeg_nearly_as_it_was(photo, tmp_path):
    difference = read_image(save(photo, tmp_path / "photo.jpg")).astype(int) - photo
    assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_name_says_nothing_the_content_does(photo, tmp_path, suffix):
    expected = read_image(save(photo, tmp_path / f"image.{suffix}"))
    os.rename(tmp_path / f"image.{suffix}", tmp_path / "photo.gif")
    np.testing.assert_array_equal(read_image(tmp_path / "photo.gif"), expected)


@pytest.mark.parametrize("suffix", FORMATS)
def test_gray(photo, tmp_path, suffix):
    gray = photo[:, :, 0]
    result = read_image(save(gray, tmp_path / f"image.{suffix}"))
    assert result.shape == photo.shape
    assert np.abs(result - gray[:, :, np.newaxis].astype(int)).max() <= (2 if suffix == "jpg" else 0)


@pytest.mark.parametrize("suffix", ["png", "tiff", "bmp"])
def test_palette(tmp_path, suffix):
    colors = np.array([[230, 180, 150], [90, 60, 50], [0, 0, 0], [255, 255, 255]], np.uint8)
    indices = np.arange(24).reshape(4, 6) % 4
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(colors.tobytes())
    assert image.mode == "P"
    for side in (None, 6):
        np.testing.assert_array_equal(read_image(save(image, tmp_path / f"p.{suffix}"), max_side=side), colors[indices])
    np.testing.assert_array_equal(read_image(image), colors[indices])


def test_palette_with_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8))
    image.putpalette([230, 180, 150, 90, 60, 50])
    path = save(image, tmp_path / "photo.png", transparency=0)
    np.testing.assert_array_equal(read_image(path), [[[0, 0, 0], [90, 60, 50]], [[90, 60, 50], [0, 0, 0]]])


@pytest.mark.parametrize(("mode", "color", "see_through"), [("L", 200, 200), ("RGB", (90, 60, 50), (90, 60, 50))])
def test_one_color_that_is_transparent(tmp_path, mode, color, see_through):
    image = Image.new(mode, (3, 2), color)
    image.putpixel((1, 0), 7 if mode == "L" else (7, 7, 7))
    result = read_image(save(image, tmp_path / "photo.png", transparency=see_through))
    assert result[0, 1].tolist() == [7, 7, 7]
    assert np.count_nonzero(result.any(axis=2)) == 1


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGBA", s) for s in ("png", "tiff", "webp")] + [("LA", "png"), ("LA", "tiff")]
)
def test_alpha_is_laid_over_black(photo, tmp_path, mode, suffix):
    image = Image.fromarray(photo).convert(mode)
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:, :10] = 0
    image.putalpha(Image.fromarray(alpha))
    assert image.mode == mode
    opaque = np.asarray(Image.fromarray(photo).convert(mode[:-1]).convert("RGB"))
    expected = np.where(alpha[:, :, np.newaxis] == 0, 0, opaque)
    np.testing.assert_array_equal(read_image(save(image, tmp_path / f"image.{suffix}")), expected)
    np.testing.assert_array_equal(read_image(image), expected)
    small = read_image(image, max_side=20)
    assert small.shape == (12, 20, 3)
    assert not small[:, :4].any()  # one column between is mixed
    assert small[:, 6:].all()


def test_premultiplied_alpha_and_palette_alpha(photo):
    image = Image.fromarray(photo).convert("RGBA")
    np.testing.assert_array_equal(read_image(image.convert("RGBa")), photo)
    gray = Image.new("LA", (2, 2), (120, 255))
    np.testing.assert_array_equal(read_image(gray.convert("PA")), np.full((2, 2, 3), 120))
    np.testing.assert_array_equal(read_image(gray.convert("La")), np.full((2, 2, 3), 120))


@pytest.mark.parametrize("suffix", ["tiff", "jpg"])
def test_cmyk(photo, tmp_path, suffix):
    image = Image.fromarray(photo).convert("CMYK")
    assert np.abs(read_image(save(image, tmp_path / f"image.{suffix}")).astype(int) - photo).max() <= 4


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "RGBX"])
def test_other_color_spaces(photo, mode):
    image = Image.fromarray(photo).convert(mode)
    assert np.abs(read_image(image).astype(int) - photo).max() <= 6


def test_lab():
    result = read_image(Image.new("LAB", (4, 4), (136, 128, 128)))  # L* = 53, no color
    assert np.abs(result.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_gray(tmp_path, suffix):
    levels = np.array([[0, 255, 256, 0x80FF, 0xFFFF]], np.uint16)
    path = save(levels, tmp_path / f"image.{suffix}")
    np.testing.assert_array_equal(read_image(path)[:, :, 1], [[0, 0, 1, 0x80, 0xFF]])
    np.testing.assert_array_equal(read_image(Image.fromarray(levels))[:, :, 1], [[0, 0, 1, 0x80, 0xFF]])


def test_sixteen_bit_gray_in_other_guises():
    levels = np.array([[0, 256, 0x80FF, 0xFFFF]], np.uint16)
    expected = [[0, 1, 0x80, 0xFF]]
    np.testing.assert_array_equal(read_image(Image.fromarray(levels.astype(np.int32)))[:, :, 0], expected)  # mode I
    big_endian = Image.frombytes("I;16B", (4, 1), levels.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_image(big_endian)[:, :, 0], expected)


def test_sixteen_bit_gray_is_shrunk(tmp_path):
    path = save(np.full((60, 80), 0x80FF, np.uint16), tmp_path / "photo.png")
    result = read_image(path, max_side=20)
    assert result.shape == (15, 20, 3)
    assert (result == 0x80).all()


def test_sixteen_bit_color(tmp_path):
    rows = b"".join(b"\0" + struct.pack(">6H", 0x80FF, 0, 0xFFFF, 0, 0x4000, 0) for _ in range(2))
    result = read_image(png(tmp_path / "photo.png", 2, 2, depth=16, rows=rows))
    np.testing.assert_array_equal(result, [[[0x80, 0, 0xFF], [0, 0x40, 0]]] * 2)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_one_bit(tmp_path, suffix):
    bits = np.array([[True, False, True], [False, False, True]])
    expected = np.repeat(bits[:, :, np.newaxis], 3, axis=2) * 255
    np.testing.assert_array_equal(read_image(save(bits, tmp_path / f"image.{suffix}")), expected)


def test_floats_in_a_tiff(tmp_path):
    path = save(np.array([[0, 0.5, 1]], np.float32), tmp_path / "photo.tiff")
    np.testing.assert_array_equal(read_image(path)[0, :, 0], [0, 128, 255])
    path = save(np.array([[0, 300]], np.float32), tmp_path / "wide.tiff")
    with pytest.raises(ValueError, match=r"float32 must lie in 0\.\.1, got 0\.\.300"):
        read_image(path)


# Upright


# How an image that is upright lies in the file, by EXIF orientation: where its first row and first column are.
LYING = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "jpg"])
def test_turned_upright(photo, tmp_path, orientation, suffix):
    path = tmp_path / f"image.{suffix}"
    save(np.ascontiguousarray(LYING[orientation](photo)), path, exif=exif(orientation))
    lesion = read_lesion(path)
    assert lesion.source_shape == photo.shape[:2]
    assert lesion.image.shape == photo.shape
    assert np.abs(lesion.image.astype(int) - photo).max() <= (3 if suffix == "jpg" else 0)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(read_lesion(opened).image, lesion.image)


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("height", [150, 397])
def test_turned_upright_when_decoded_small(tmp_path, orientation, height):
    y, x = np.mgrid[0 : 1 : complex(height), 0:1:300j]
    upright = np.rint(np.stack([60 + 180 * x, 60 + 180 * y, 200 - 90 * (x + y)], axis=2)).astype(np.uint8)
    path = tmp_path / "photo.jpg"
    save(np.ascontiguousarray(LYING[orientation](upright)), path, exif=exif(orientation))
    lesion = read_lesion(path, max_side=64)
    assert lesion.source_shape == upright.shape[:2]
    expected = read_image(upright, max_side=64)
    assert lesion.image.shape == expected.shape
    assert np.abs(lesion.image.astype(int) - expected).max() <= 4


def test_a_nonsense_orientation_is_passed_over(photo, tmp_path):
    path = save(photo, tmp_path / "photo.png", exif=exif(42))
    lesion = read_lesion(path)
    assert lesion.source_shape == photo.shape[:2]
    np.testing.assert_array_equal(lesion.image, photo)


# Size


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("height", "width"), [(300, 401), (401, 300), (350, 350), (7, 500), (500, 1)])
def test_longest_side(tmp_path, suffix, height, width):
    path = save(np.full((height, width, 3), 128, np.uint8), tmp_path / f"image.{suffix}")
    for side in (384, 100, 64, 1):
        lesion = read_lesion(path, max_side=side)
        assert max(lesion.image.shape[:2]) == min(side, max(height, width))
        assert lesion.source_shape == (height, width)
        exact = [max(n * min(side / max(height, width), 1), 1) for n in (height, width)]
        np.testing.assert_allclose(lesion.image.shape[:2], exact, atol=1)
        assert lesion.scale == max(height, width) / max(lesion.image.shape[:2])


@pytest.mark.parametrize("side", [40, 41, 10_000, None])
def test_never_enlarged(photo, tmp_path, side):
    path = save(photo, tmp_path / "photo.jpg")
    for source in (photo, path, Image.fromarray(photo)):
        np.testing.assert_array_equal(read_image(source, max_side=side), read_image(source))


def test_arrays_that_fit_are_not_copied(photo):
    assert read_image(photo, max_side=40) is photo


@pytest.mark.parametrize("side", [384, 300, 200, 150, 100])
def test_decoded_small_is_decoded_whole_and_averaged(make_image, tmp_path, side):
    path = save(make_image(900, 1200, noise=4), tmp_path / "photo.jpg", quality=92)
    small, whole = read_image(path, max_side=side), read_image(read_image(path), max_side=side)
    assert small.shape == whole.shape
    difference = np.abs(small.astype(int) - whole)
    assert difference.mean() < 1
    assert np.percentile(difference, 99.9) < 15  # half a row out of place makes 30 at the edge of the spot


def test_shrinking_keeps_the_mean_and_the_place(make_image):
    image = make_image(600, 800, center=(0.1, -0.2), noise=0)
    small = read_image(image, max_side=100)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=0.6)
    dark = [np.argwhere(array[:, :, 2] < 110).mean(axis=0) for array in (image, small)]
    np.testing.assert_allclose(dark[1] + 0.5, (dark[0] + 0.5) / 8, atol=0.2)


def test_a_pil_image_is_left_as_it_was(make_image, tmp_path):
    path = save(make_image(600, 800), tmp_path / "photo.jpg")
    with Image.open(path) as opened:
        first, second = (read_lesion(opened, max_side=100) for _ in range(2))
        assert opened.size == (800, 600)
    assert first.source_shape == second.source_shape == (600, 800)
    np.testing.assert_array_equal(first.image, second.image)
    assert first.source == path


# Arrays: tests/test_validation.py has the rest


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_arrays_of_every_kind_are_shrunk_alike(make_image, dtype):
    image = make_image(60, 80)
    full_scale = {np.uint8: 1, np.uint16: 257}.get(dtype, 1 / 255)
    np.testing.assert_array_equal(
        read_image((image * np.array(full_scale, dtype)).astype(dtype), max_side=40), read_image(image, max_side=40)
    )


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (np.zeros((4, 4, 2)), ValueError, "must have shape"),
        (np.full((4, 4), np.nan), ValueError, "finite"),
        (np.full((4, 4), 2.0), ValueError, r"0\.\.1"),
        (np.zeros((4, 4), int), TypeError, "dtype"),
        (7, TypeError, "an image must be a path, an array, a PIL image or a Lesion, got int"),
        (b"a.png", TypeError, "got bytes"),
        ({}, TypeError, "got dict"),
    ],
)
def test_what_is_no_image(source, kind, message):
    with pytest.raises(kind, match=message):
        read_image(source)


# Broken files


def test_empty_file(tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ValueError, match=r"could not read '.*photo\.jpg': the file is empty\.$"):
        read_image(tmp_path / "photo.jpg")


def test_text_file(tmp_path):
    (tmp_path / "photo.jpg").write_text("no image" * 200)
    with pytest.raises(ValueError, match=r"photo\.jpg': its 1,600 bytes are no JPEG, PNG, BMP, TIFF or WebP image\.$"):
        read_image(tmp_path / "photo.jpg")


def test_other_formats_are_refused(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "photo.gif")
    os.rename(tmp_path / "photo.gif", tmp_path / "photo.png")
    with pytest.raises(ValueError, match="are no JPEG, PNG, BMP, TIFF or WebP image"):
        read_image(tmp_path / "photo.png")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("share", [0.9, 0.5, 0.02])
@pytest.mark.parametrize("side", [None, 50])
def test_truncated_file(make_image, tmp_path, suffix, share, side):
    path = tmp_path / f"image.{suffix}"
    save(make_image(200, 300), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=rf"could not read '.*image\.{suffix}': \w.*\w.*\.$") as caught:
        read_image(path, max_side=side)
    if suffix in ("jpg", "png", "bmp"):
        assert "ends early" in str(caught.value) or share == 0.02


@pytest.fixture(scope="module")
def files(make_image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return {suffix: Path(save(make_image(30, 40), folder / f"image.{suffix}")).read_bytes() for suffix in FORMATS}


@pytest.mark.parametrize("suffix", FORMATS)
@given(st.floats(0, 1), st.binary(max_size=6), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_give_an_image_or_a_value_error(files, tmp_path, suffix, place, junk, cut):
    data = files[suffix]
    start = int(place * len(data))
    path = tmp_path / f"image.{suffix}"
    path.write_bytes(data[:start] + junk + (b"" if cut else data[start + len(junk) :]))
    message = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own, about what it passes over in damaged headers
        try:
            image = read_image(path, max_side=20)
        except ValueError as error:
            message = str(error)
    if message:
        assert "image." in message or "image must" in message
    else:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3


def bmp_header(path, width, height):
    body = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    Path(path).write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + len(body)) + body)
    return str(path)


@pytest.mark.parametrize("write", [png, bmp_header])
@pytest.mark.parametrize("side", [30_000, 10_000])
@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_decompression_bomb(tmp_path, write, side, read, action):
    path = write(tmp_path / "bomb.png", side, side)
    assert os.path.getsize(path) < 100
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(ValueError, match=r"could not read '.*bomb\.png': it declares .* than [\d,]+( pixels)?\."):
            read(path)


def test_the_limit_itself_is_no_bomb(tmp_path):
    width = MAX_PIXELS // 2000
    with pytest.raises(ValueError, match=r"ends early|damaged"):  # so it was opened and decoded
        read_image(bmp_header(tmp_path / "large.bmp", width, 2000))
    with pytest.raises(ValueError, match=rf"it declares {width + 1} × 2000 pixels, more than|declares more than"):
        read_image(bmp_header(tmp_path / "large.bmp", width + 1, 2000))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"could not open '.*gone\.jpg': No such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(OSError, match=f"could not open '{tmp_path}'"):
        read_image(tmp_path)
    with pytest.raises(OSError, match="could not open ''"):
        read_image("")


def test_forbidden_file(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the superuser may read everything
    with pytest.raises(PermissionError, match=r"could not open '.*secret\.jpg': Permission denied"):
        read_image(tmp_path / "secret.jpg")


# Masks


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kind", ["gray", "color", "bit", "faint"])
def test_masks_in_every_format(make_lesion, tmp_path, suffix, kind):
    mask = make_lesion(48, 64).mask
    image = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    if kind == "faint":
        image = image.point(lambda level: level * 100 // 255)
    image = image.convert({"color": "RGB", "bit": "1"}.get(kind, "L"))
    np.testing.assert_array_equal(read_mask(save(image, tmp_path / f"mask.{suffix}")), mask)
    np.testing.assert_array_equal(read_mask(image), mask)


def test_masks_of_zeros_and_ones(make_lesion, tmp_path):
    mask = make_lesion(48, 64).mask
    np.testing.assert_array_equal(read_mask(save(mask.astype(np.uint8), tmp_path / "mask.png")), mask)
    palette = Image.fromarray(mask.astype(np.uint8))
    palette.putpalette([0, 0, 0, 200, 30, 30])
    np.testing.assert_array_equal(read_mask(save(palette, tmp_path / "palette.png")), mask)


@pytest.mark.parametrize("levels", [(0, 65535), (0, 1), (0, 255), (0, 1000), (300, 40_000)])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_masks(make_lesion, tmp_path, levels, suffix):
    mask = make_lesion(48, 64).mask
    path = save(np.where(mask, levels[1], levels[0]).astype(np.uint16), tmp_path / f"mask.{suffix}")
    np.testing.assert_array_equal(read_mask(path), mask)


def test_broken_masks(tmp_path):
    (tmp_path / "mask.png").touch()
    with pytest.raises(ValueError, match=r"could not read '.*mask\.png': the file is empty"):
        read_mask(tmp_path / "mask.png")
    with pytest.raises(FileNotFoundError, match="could not open"):
        read_mask(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="mask must have shape"):
        read_mask(np.zeros((4, 4, 3)))
