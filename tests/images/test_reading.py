"""Tests of `read_image` and `read_mask`: formats, orientations, sizes, broken files."""

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

from sklearn_melanoma._io.limits import MAX_PIXELS
from sklearn_melanoma._io.reading import read_lesion
from sklearn_melanoma.images import read_image, read_mask

LOSSLESS = ("png", "bmp", "tiff", "webp")
FORMATS = (*LOSSLESS, "jpg")


@pytest.fixture(scope="module")
def pixels():
    """Return a smooth image, 24 pixels high and 40 wide, with another color in each corner."""
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


def write_png(path, width, height, *, depth=8, color=2, rows=b"", name=b"IHDR"):
    """Write a PNG, also of kinds that Pillow does not write."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(name, header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    Path(path).write_bytes(data)
    return str(path)


# Formats


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_rgb_is_unchanged(pixels, tmp_path, suffix):
    path = save(pixels, tmp_path / f"image.{suffix}")
    np.testing.assert_array_equal(read_image(path), pixels)
    np.testing.assert_array_equal(read_image(Path(path)), pixels)


def test_jpeg_is_nearly_unchanged(pixels, tmp_path):
    difference = read_image(save(pixels, tmp_path / "image.jpg")).astype(int) - pixels
    assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("suffix", FORMATS)
def test_format_is_found_from_content(pixels, tmp_path, suffix):
    expected = read_image(save(pixels, tmp_path / f"image.{suffix}"))
    os.rename(tmp_path / f"image.{suffix}", tmp_path / "image.gif")
    np.testing.assert_array_equal(read_image(tmp_path / "image.gif"), expected)


@pytest.mark.parametrize("suffix", FORMATS)
def test_gray_files(pixels, tmp_path, suffix):
    gray = pixels[:, :, 0]
    result = read_image(save(gray, tmp_path / f"image.{suffix}"))
    assert result.shape == pixels.shape
    assert np.abs(result - gray[:, :, np.newaxis].astype(int)).max() <= (2 if suffix == "jpg" else 0)


@pytest.mark.parametrize("suffix", ["png", "tiff", "bmp"])
def test_palette_files(tmp_path, suffix):
    colors = np.array([[230, 180, 150], [90, 60, 50], [0, 0, 0], [255, 255, 255]], np.uint8)
    indices = np.arange(24).reshape(4, 6) % 4
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette(colors.tobytes())
    assert image.mode == "P"
    for side in (None, 6):
        np.testing.assert_array_equal(read_image(save(image, tmp_path / f"p.{suffix}"), max_side=side), colors[indices])
    np.testing.assert_array_equal(read_image(image), colors[indices])


def test_palette_with_transparent_color(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8))
    image.putpalette([230, 180, 150, 90, 60, 50])
    path = save(image, tmp_path / "image.png", transparency=0)
    np.testing.assert_array_equal(read_image(path), [[[0, 0, 0], [90, 60, 50]], [[90, 60, 50], [0, 0, 0]]])


@pytest.mark.parametrize(("mode", "color", "see_through"), [("L", 200, 200), ("RGB", (90, 60, 50), (90, 60, 50))])
def test_transparent_color(tmp_path, mode, color, see_through):
    image = Image.new(mode, (3, 2), color)
    image.putpixel((1, 0), 7 if mode == "L" else (7, 7, 7))
    result = read_image(save(image, tmp_path / "image.png", transparency=see_through))
    assert result[0, 1].tolist() == [7, 7, 7]
    assert np.count_nonzero(result.any(axis=2)) == 1


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGBA", s) for s in ("png", "tiff", "webp")] + [("LA", "png"), ("LA", "tiff")]
)
def test_alpha_over_black(pixels, tmp_path, mode, suffix):
    image = Image.fromarray(pixels).convert(mode)
    alpha = np.full(pixels.shape[:2], 255, np.uint8)
    alpha[:, :10] = 0
    image.putalpha(Image.fromarray(alpha))
    assert image.mode == mode
    opaque = np.asarray(Image.fromarray(pixels).convert(mode[:-1]).convert("RGB"))
    expected = np.where(alpha[:, :, np.newaxis] == 0, 0, opaque)
    np.testing.assert_array_equal(read_image(save(image, tmp_path / f"image.{suffix}")), expected)
    np.testing.assert_array_equal(read_image(image), expected)
    small = read_image(image, max_side=20)
    assert small.shape == (12, 20, 3)
    assert not small[:, :4].any()  # the column in between is mixed
    assert small[:, 6:].all()


def test_premultiplied_alpha_and_palette_alpha(pixels):
    image = Image.fromarray(pixels).convert("RGBA")
    np.testing.assert_array_equal(read_image(image.convert("RGBa")), pixels)
    gray = Image.new("LA", (2, 2), (120, 255))
    np.testing.assert_array_equal(read_image(gray.convert("PA")), np.full((2, 2, 3), 120))
    np.testing.assert_array_equal(read_image(gray.convert("La")), np.full((2, 2, 3), 120))


@pytest.mark.parametrize("suffix", ["tiff", "jpg"])
def test_cmyk_files(pixels, tmp_path, suffix):
    image = Image.fromarray(pixels).convert("CMYK")
    assert np.abs(read_image(save(image, tmp_path / f"image.{suffix}")).astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "RGBX"])
def test_other_color_spaces(pixels, mode):
    image = Image.fromarray(pixels).convert(mode)
    assert np.abs(read_image(image).astype(int) - pixels).max() <= 6


def test_lab_image():
    result = read_image(Image.new("LAB", (4, 4), (136, 128, 128)))  # L* = 53, no color
    assert np.abs(result.astype(int) - 128).max() <= 3


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_gray(tmp_path, suffix):
    levels = np.array([[0, 255, 256, 0x80FF, 0xFFFF]], np.uint16)
    path = save(levels, tmp_path / f"image.{suffix}")
    np.testing.assert_array_equal(read_image(path)[:, :, 1], [[0, 0, 1, 0x80, 0xFF]])
    np.testing.assert_array_equal(read_image(Image.fromarray(levels))[:, :, 1], [[0, 0, 1, 0x80, 0xFF]])


def test_sixteen_bit_gray_in_other_modes():
    levels = np.array([[0, 256, 0x80FF, 0xFFFF]], np.uint16)
    expected = [[0, 1, 0x80, 0xFF]]
    np.testing.assert_array_equal(read_image(Image.fromarray(levels.astype(np.int32)))[:, :, 0], expected)  # mode I
    big_endian = Image.frombytes("I;16B", (4, 1), levels.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_image(big_endian)[:, :, 0], expected)


def test_shrinks_sixteen_bit_gray(tmp_path):
    path = save(np.full((60, 80), 0x80FF, np.uint16), tmp_path / "image.png")
    result = read_image(path, max_side=20)
    assert result.shape == (15, 20, 3)
    assert (result == 0x80).all()


def test_sixteen_bit_color(tmp_path):
    rows = b"".join(b"\0" + struct.pack(">6H", 0x80FF, 0, 0xFFFF, 0, 0x4000, 0) for _ in range(2))
    result = read_image(write_png(tmp_path / "image.png", 2, 2, depth=16, rows=rows))
    np.testing.assert_array_equal(result, [[[0x80, 0, 0xFF], [0, 0x40, 0]]] * 2)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_one_bit_files(tmp_path, suffix):
    bits = np.array([[True, False, True], [False, False, True]])
    expected = np.repeat(bits[:, :, np.newaxis], 3, axis=2) * 255
    np.testing.assert_array_equal(read_image(save(bits, tmp_path / f"image.{suffix}")), expected)


def test_float_tiff(tmp_path):
    path = save(np.array([[0, 0.5, 1]], np.float32), tmp_path / "image.tiff")
    np.testing.assert_array_equal(read_image(path)[0, :, 0], [0, 128, 255])
    path = save(np.array([[0, 300]], np.float32), tmp_path / "wide.tiff")
    with pytest.raises(ValueError, match=r"float32 must lie in 0\.\.1, got 0\.\.300"):
        read_image(path)


# Orientation


# For each EXIF orientation, the function from an upright image to its order in the file.
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


def make_exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "jpg"])
def test_turns_upright(pixels, tmp_path, orientation, suffix):
    path = tmp_path / f"image.{suffix}"
    save(np.ascontiguousarray(LYING[orientation](pixels)), path, exif=make_exif(orientation))
    lesion = read_lesion(path)
    assert lesion.source_shape == pixels.shape[:2]
    assert lesion.image.shape == pixels.shape
    assert np.abs(lesion.image.astype(int) - pixels).max() <= (3 if suffix == "jpg" else 0)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(read_lesion(opened).image, lesion.image)


@pytest.mark.parametrize("orientation", LYING)
@pytest.mark.parametrize("height", [150, 397])
def test_turns_upright_when_decoded_small(tmp_path, orientation, height):
    y, x = np.mgrid[0 : 1 : complex(height), 0:1:300j]
    upright = np.rint(np.stack([60 + 180 * x, 60 + 180 * y, 200 - 90 * (x + y)], axis=2)).astype(np.uint8)
    path = tmp_path / "image.jpg"
    save(np.ascontiguousarray(LYING[orientation](upright)), path, exif=make_exif(orientation))
    lesion = read_lesion(path, max_side=64)
    assert lesion.source_shape == upright.shape[:2]
    expected = read_image(upright, max_side=64)
    assert lesion.image.shape == expected.shape
    assert np.abs(lesion.image.astype(int) - expected).max() <= 4


def test_ignores_invalid_orientation(pixels, tmp_path):
    path = save(pixels, tmp_path / "image.png", exif=make_exif(42))
    lesion = read_lesion(path)
    assert lesion.source_shape == pixels.shape[:2]
    np.testing.assert_array_equal(lesion.image, pixels)


# Size


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("height", "width"), [(300, 401), (401, 300), (350, 350), (7, 500), (500, 1)])
def test_shrinks_to_longest_side(tmp_path, suffix, height, width):
    path = save(np.full((height, width, 3), 128, np.uint8), tmp_path / f"image.{suffix}")
    for side in (384, 100, 64, 1):
        lesion = read_lesion(path, max_side=side)
        assert max(lesion.image.shape[:2]) == min(side, max(height, width))
        assert lesion.source_shape == (height, width)
        exact = [max(n * min(side / max(height, width), 1), 1) for n in (height, width)]
        np.testing.assert_allclose(lesion.image.shape[:2], exact, atol=1)
        assert lesion.scale == max(height, width) / max(lesion.image.shape[:2])


@pytest.mark.parametrize("side", [40, 41, 10_000, None])
def test_never_enlarges(pixels, tmp_path, side):
    path = save(pixels, tmp_path / "image.jpg")
    for source in (pixels, path, Image.fromarray(pixels)):
        np.testing.assert_array_equal(read_image(source, max_side=side), read_image(source))


def test_does_not_copy_small_arrays(pixels):
    assert read_image(pixels, max_side=40) is pixels


@pytest.mark.parametrize("side", [384, 300, 200, 150, 100])
def test_small_decoding_equals_averaging(make_image, tmp_path, side):
    path = save(make_image(900, 1200, noise=4), tmp_path / "image.jpg", quality=92)
    small, whole = read_image(path, max_side=side), read_image(read_image(path), max_side=side)
    assert small.shape == whole.shape
    difference = np.abs(small.astype(int) - whole)
    assert difference.mean() < 1
    assert np.percentile(difference, 99.9) < 15  # an offset of half a row makes 30 at the edge of the spot


def test_shrinking_keeps_mean_and_position(make_image):
    image = make_image(600, 800, center=(0.1, -0.2), noise=0)
    small = read_image(image, max_side=100)
    np.testing.assert_allclose(small.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=0.6)
    dark = [np.argwhere(array[:, :, 2] < 110).mean(axis=0) for array in (image, small)]
    np.testing.assert_allclose(dark[1] + 0.5, (dark[0] + 0.5) / 8, atol=0.2)


def test_leaves_pil_image_unchanged(make_image, tmp_path):
    path = save(make_image(600, 800), tmp_path / "image.jpg")
    with Image.open(path) as opened:
        first, second = (read_lesion(opened, max_side=100) for _ in range(2))
        assert opened.size == (800, 600)
    assert first.source_shape == second.source_shape == (600, 800)
    np.testing.assert_array_equal(first.image, second.image)
    assert first.source == path


# Arrays (more in tests/test_validation.py)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_shrinks_all_dtypes_alike(make_image, dtype):
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
        (np.full((4, 4), 300), ValueError, "dtype"),
        (7, TypeError, "an image must be a path, an array, a PIL image or a Lesion, got int"),
        (b"a.png", TypeError, "got bytes"),
        ({}, TypeError, "got dict"),
    ],
)
def test_refuses_other_objects(source, kind, message):
    with pytest.raises(kind, match=message):
        read_image(source)


# Broken files


def test_refuses_empty_file(tmp_path):
    (tmp_path / "image.jpg").touch()
    with pytest.raises(ValueError, match=r"could not read '.*image\.jpg': the file is empty\.$"):
        read_image(tmp_path / "image.jpg")


def test_refuses_text_file(tmp_path):
    (tmp_path / "image.jpg").write_text("no image" * 200)
    message = r"image\.jpg': its 1,600 bytes are not a JPEG, PNG, BMP, TIFF, WebP or DICOM image\.$"
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / "image.jpg")


def test_refuses_other_formats(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "image.gif")
    os.rename(tmp_path / "image.gif", tmp_path / "image.png")
    with pytest.raises(ValueError, match="are not a JPEG, PNG, BMP, TIFF, WebP or DICOM image"):
        read_image(tmp_path / "image.png")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("fraction", [0.9, 0.5, 0.02])
@pytest.mark.parametrize("side", [None, 50])
def test_refuses_truncated_file(make_image, tmp_path, suffix, fraction, side):
    path = tmp_path / f"image.{suffix}"
    save(make_image(200, 300), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(ValueError, match=rf"could not read '.*image\.{suffix}': \w.*\w.*\.$") as caught:
        read_image(path, max_side=side)
    if suffix in ("jpg", "png", "bmp"):
        assert "ends early" in str(caught.value) or fraction == 0.02


@pytest.fixture(scope="module")
def files(make_image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return {suffix: Path(save(make_image(30, 40), folder / f"image.{suffix}")).read_bytes() for suffix in FORMATS}


@pytest.mark.parametrize("suffix", FORMATS)
@given(st.floats(0, 1), st.binary(max_size=6), st.booleans())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_file_gives_image_or_value_error(files, tmp_path, suffix, place, junk, cut):
    data = files[suffix]
    start = int(place * len(data))
    path = tmp_path / f"image.{suffix}"
    path.write_bytes(data[:start] + junk + (b"" if cut else data[start + len(junk) :]))
    message = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about damaged headers
        try:
            image = read_image(path, max_side=20)
        except ValueError as error:
            message = str(error)
    if message:
        assert "image." in message or "image must" in message
    else:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3


def write_bmp_header(path, width, height):
    body = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    Path(path).write_bytes(b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + len(body)) + body)
    return str(path)


@pytest.mark.parametrize("write", [write_png, write_bmp_header])
@pytest.mark.parametrize("side", [30_000, 10_000])
@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_refuses_decompression_bomb(tmp_path, write, side, read, action):
    path = write(tmp_path / "bomb.png", side, side)
    assert os.path.getsize(path) < 100
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(ValueError, match=r"could not read '.*bomb\.png': it declares .* than [\d,]+( pixels)?\."):
            read(path)


def test_accepts_limit_of_pixels(tmp_path):
    width = MAX_PIXELS // 2000
    with pytest.raises(ValueError, match=r"ends early|damaged"):  # the file was opened and decoded
        read_image(write_bmp_header(tmp_path / "large.bmp", width, 2000))
    with pytest.raises(ValueError, match=rf"it declares {width + 1} × 2000 pixels, more than|declares more than"):
        read_image(write_bmp_header(tmp_path / "large.bmp", width + 1, 2000))


def test_refuses_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"could not open '.*gone\.jpg': No such file"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(OSError, match=f"could not open '{tmp_path}'"):
        read_image(tmp_path)
    with pytest.raises(OSError, match="could not open ''"):
        read_image("")


def test_refuses_forbidden_file(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # permissions do not stop the superuser
    with pytest.raises(PermissionError, match=r"could not open '.*secret\.jpg': Permission denied"):
        read_image(tmp_path / "secret.jpg")


# Masks


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("kind", ["gray", "color", "bit", "faint"])
def test_mask_files(make_lesion, tmp_path, suffix, kind):
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


def test_refuses_broken_masks(tmp_path):
    (tmp_path / "mask.png").touch()
    with pytest.raises(ValueError, match=r"could not read '.*mask\.png': the file is empty"):
        read_mask(tmp_path / "mask.png")
    with pytest.raises(FileNotFoundError, match="could not open"):
        read_mask(tmp_path / "gone.png")
    with pytest.raises(ValueError, match="mask must have shape"):
        read_mask(np.zeros((4, 4, 3)))
