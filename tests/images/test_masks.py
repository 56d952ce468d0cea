"""Tests of `read_mask` and `write_mask`: masks, and files that are not masks."""

import re
import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage
from skimage.measure import label

from sklearn_melanoma.features import measure_morphology
from sklearn_melanoma.images import read_mask, write_mask
from sklearn_melanoma.metrics import mask_jaccard
from tests._hostile import exif, gray_tiff, png, saved, spot

SIDE = 96


def draw_blob(side=SIDE, radius=0.6, n_lobes=5):
    """Return a lesion with a wavy border; the radius is a fraction of half of the side."""
    y, x = np.mgrid[-1 : 1 : complex(side), -1 : 1 : complex(side)]
    return np.hypot(y, x + 0.1) < radius * (1 + 0.15 * np.sin(n_lobes * np.arctan2(y, x)))


BLOB = draw_blob()
CORE = draw_blob(radius=0.3)
WHITE = BLOB.astype(np.uint8) * np.uint8(255)
SKIN_LABELS = np.where(CORE, 1, np.where(BLOB, 2, 0)).astype(np.uint8)  # 1 lesion, 2 skin


def reopen(array, kind="PNG", **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    return Image.open(BytesIO(saved(image, kind, **options)))


def as_jpeg(array, quality):
    return np.asarray(reopen(array, "JPEG", quality=quality))


def assert_close(found, expected, jaccard=0.98):
    assert found.dtype == bool
    assert mask_jaccard(expected, found) >= jaccard


# Levels that are masks


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64, np.float32, np.float64, ">u2", ">f4"]
)
@pytest.mark.parametrize("level", [1, 100, 255])
def test_two_levels_in_any_dtype(dtype, level):
    if np.dtype(dtype) != np.int8:
        np.testing.assert_array_equal(read_mask((BLOB * level).astype(dtype)), BLOB)


@pytest.mark.parametrize("scale", [1, 1 / 255], ids=["0..255", "0..1"])
@pytest.mark.parametrize("kind", [float, np.uint8])
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90, 100])
def test_jpeg_of_a_mask(quality, kind, scale):
    levels = as_jpeg(WHITE, quality)
    if kind is float:
        levels = levels * scale
    assert_close(read_mask(levels), BLOB, 0.97 if quality > 10 else 0.93)


def test_perimeter_of_float_jpeg_is_that_of_the_mask():
    exact = measure_morphology(BLOB, ["perimeter"])["perimeter"]
    found = measure_morphology(read_mask(as_jpeg(WHITE, 90).astype(float)), ["perimeter"])["perimeter"]
    assert found == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("quality", [5, 20, 60, 70, 95])
def test_jpeg_of_a_square(quality):
    square = np.zeros((64, 80), np.uint8)
    square[17:41, 20:55] = 255
    assert_close(read_mask(reopen(square, "JPEG", quality=quality)), square > 0, 0.9)


@pytest.mark.parametrize("factor", [0.25, 0.5, 0.77, 1.5, 2, 3, 8])
@pytest.mark.parametrize("resampling", ["BILINEAR", "BICUBIC", "LANCZOS", "BOX", "NEAREST"])
def test_resized_masks(factor, resampling):
    side = round(SIDE * factor)
    resized = Image.fromarray(WHITE).resize((side, side), Image.Resampling[resampling])
    for levels in (resized, np.asarray(resized), np.asarray(resized) / 255):
        assert_close(read_mask(levels), draw_blob(side), 0.9)


@pytest.mark.parametrize("sigma", [1, 3, 6])
def test_maps_of_probabilities(sigma):
    probability = np.clip(ndimage.gaussian_filter(BLOB.astype(float), sigma), 0, 1)
    expected = probability > 0.5
    np.testing.assert_array_equal(read_mask(probability), expected)
    np.testing.assert_array_equal(read_mask(probability.astype(np.float32)), probability.astype(np.float32) > 0.5)
    assert_close(read_mask((probability * 255).astype(np.uint8)), expected, 0.95)
    assert_close(read_mask((probability * 65_535).astype(np.uint16)), expected, 0.95)


def test_probabilities_below_one_half_are_no_lesion():
    assert not read_mask(ndimage.gaussian_filter(BLOB.astype(float), 20) * 0.4).any()


def test_noise_in_0_to_1_is_a_map():
    noise = np.random.default_rng(0).random((30, 40))
    np.testing.assert_array_equal(read_mask(noise), noise > 0.5)


@pytest.mark.parametrize("level", [1, 255, 65_535, 1.0, 255.0, True])
def test_constant_masks(level):
    assert read_mask(np.full((5, 6), level)).all()
    assert not read_mask(np.zeros((5, 6), np.asarray(level).dtype)).any()


# Levels that are not masks


@pytest.mark.parametrize(
    "levels",
    [
        SKIN_LABELS,
        SKIN_LABELS.astype(float),
        SKIN_LABELS / 2,
        SKIN_LABELS / 255,
        SKIN_LABELS * np.uint8(127),
        np.where(SKIN_LABELS == 2, 255, SKIN_LABELS).astype(np.uint8),  # 255 for pixels to ignore
        np.where(SKIN_LABELS == 1, 255, SKIN_LABELS // 2 * 128).astype(np.uint8),
        np.where(SKIN_LABELS == 1, 255, SKIN_LABELS // 2 * 85).astype(np.uint16),
        np.where(BLOB, 1, 2),
        np.where(BLOB, 2, 1).astype(np.uint8),
        np.where(BLOB, 100, 200),
        SKIN_LABELS.astype(np.int64) * 100_000,
    ],
)
def test_refuses_label_images(levels):
    with pytest.raises(ValueError, match=r"^mask must .*levels.*lesion_label=") as caught:
        read_mask(levels)
    suggested = re.search(r"lesion_label=(\d+|…)\)", str(caught.value))[1]
    assert (suggested == "…") == (levels.max() < 1)
    assert suggested == "…" or 0 < int(suggested) in levels
    if levels.dtype == np.uint8:
        with pytest.raises(ValueError, match=r"could not read .*lesion_label="):
            read_mask(reopen(levels))


def test_suggests_no_label_that_is_no_integer():
    with pytest.raises(
        ValueError, match=r"got the two levels 0 and 0\.4\. If .*, make integers of its labels, and name"
    ):
        read_mask(np.where(BLOB, 0.4, 0))


@pytest.mark.parametrize("density", [0.001, 0.01, 0.05])
@pytest.mark.parametrize("dtype", [np.int32, np.uint16, float])
def test_refuses_numbered_regions(density, dtype):
    noise = np.random.default_rng(1).random((200, 200)) < density
    regions = label(draw_blob(200) | noise)
    assert regions.max() > 2
    with pytest.raises(ValueError, match="lesion_label="):
        read_mask(regions.astype(dtype))


def test_refuses_trimap():
    border = ndimage.binary_dilation(BLOB, iterations=3) & ~ndimage.binary_erosion(BLOB, iterations=3)
    with pytest.raises(ValueError, match=r"got 3 levels: 0, 128, 255\."):
        read_mask(np.where(border, 128, WHITE).astype(np.uint8))


@pytest.mark.parametrize("convert", [np.asarray, lambda gray: np.asarray(gray) / 255, lambda gray: gray])
def test_refuses_gray_image(make_image, convert):
    gray = Image.fromarray(make_image(150, 200)).convert("L")
    with pytest.raises(ValueError, match=r"gray levels as in an image\. Pass the mask|two levels"):
        read_mask(convert(gray))


@pytest.mark.parametrize("dtype", [float, np.uint8, np.int32])
def test_refuses_distances(dtype):
    distances = ndimage.distance_transform_edt(draw_blob(200)).astype(dtype)
    with pytest.raises(ValueError, match="gray levels as in an image"):
        read_mask(distances)


def test_refuses_cut_out_image(make_lesion):
    lesion = make_lesion(400, 600, noise=20, radii=(0.1, 0.1))
    gray = np.asarray(Image.fromarray(lesion.image).convert("L"))
    with pytest.raises(ValueError, match="gray levels as in an image"):
        read_mask(np.where(lesion.mask, gray, 0).astype(np.uint8))


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (np.full((20, 20), 128, np.uint8), r"0 outside the lesion, got 128 everywhere"),
        (np.full((20, 20), 0.3), r"got 0\.3 everywhere"),
        (BLOB * 0.4, r"two levels 0 and 0\.4"),
        (BLOB / 255, r"two levels 0 and 0\.0039"),
        (as_jpeg(BLOB * np.uint8(100), 75) / 255, r"got mostly 0 and 0\.39"),
        (BLOB.astype(int) * 2 - 1, r"no negative numbers, got -1\.\.1"),
        (-BLOB.astype(np.int8), r"no negative numbers, got -1\.\.0"),
        (ndimage.distance_transform_edt(BLOB) - 5, "no negative numbers"),
        (np.where(BLOB, 1, np.nan), "must hold no NaN"),
        (np.where(BLOB, np.inf, 0), "must hold no infinite number"),
        (np.ma.masked_array(WHITE, mask=CORE), r"no masked pixels, got \d+\. Give them a value first"),
        (WHITE[np.newaxis], r"got \(1, 96, 96\)\. Pass its first element"),
        (np.dstack([WHITE] * 3), r"got \(96, 96, 3\)\. Pass one channel"),
    ],
)
def test_refuses_what_has_no_meaning(levels, message):
    with pytest.raises(ValueError, match=message):
        read_mask(levels)


def test_masked_array_without_masked_pixels():
    np.testing.assert_array_equal(read_mask(np.ma.masked_array(WHITE)), BLOB)
    np.testing.assert_array_equal(read_mask(np.ma.masked_array(WHITE, mask=CORE).filled(0)), BLOB & ~CORE)


# Files


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "F"])
def test_modes_of_files(tmp_path, mode):
    image = Image.fromarray(WHITE)
    if mode in ("I", "I;16", "F"):
        image = Image.fromarray(WHITE.astype({"I": np.int32, "I;16": np.uint16, "F": np.float32}[mode]))
    image = image.convert(mode)
    image.save(tmp_path / "mask.tif")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), BLOB)
    np.testing.assert_array_equal(read_mask(image), BLOB)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_masks_upright(orientation):
    image = reopen(WHITE[:, :64], exif=exif(orientation))
    np.testing.assert_array_equal(read_mask(image), np.asarray(ImageOps.exif_transpose(image)) > 127)


def make_rgba(color, alpha):
    return Image.fromarray(np.dstack([np.broadcast_to(color, (*BLOB.shape, 3)), alpha]).astype(np.uint8))


IN_COLOR = BLOB[:, :, np.newaxis]


@pytest.mark.parametrize(
    "image",
    [
        make_rgba((255, 255, 255), WHITE),
        make_rgba((0, 0, 0), WHITE),
        make_rgba((200, 30, 30), WHITE),
        make_rgba(WHITE[:, :, np.newaxis], WHITE),
        make_rgba(WHITE[:, :, np.newaxis], np.full_like(WHITE, 255)),
        make_rgba(WHITE[:, :, np.newaxis], np.full_like(WHITE, 128)),
        make_rgba(np.where(IN_COLOR, (255, 0, 0), (255, 255, 255)), WHITE),  # hidden pixels are white
        make_rgba(WHITE[:, :, np.newaxis], np.where(np.arange(SIDE) < 5, 0, 255) * np.ones_like(WHITE)),  # hidden edge
    ],
)
def test_alpha_channel(image):
    np.testing.assert_array_equal(read_mask(reopen(image)), BLOB)
    np.testing.assert_array_equal(read_mask(image), BLOB)


@pytest.mark.parametrize("gray", [0, 200, 255])
def test_alpha_of_gray_images(gray):
    image = Image.merge("LA", [Image.new("L", (SIDE, SIDE), gray), Image.fromarray(WHITE)])
    np.testing.assert_array_equal(read_mask(reopen(image)), BLOB)
    np.testing.assert_array_equal(read_mask(image), BLOB)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (make_rgba(np.where(IN_COLOR, 0, 255), WHITE), "by its colors and by its transparency, but they differ"),
        (make_rgba(WHITE[:, :, np.newaxis], np.where(CORE, 0, 255)), "colors and by its transparency"),
        (make_rgba(WHITE[:, :, np.newaxis], np.zeros_like(WHITE)), "visible pixels, but all are transparent"),
    ],
)
def test_refuses_doubtful_alpha(image, message):
    with pytest.raises(ValueError, match=message):
        read_mask(reopen(image))


def test_refuses_color_image_with_round_alpha(make_image):
    image = Image.fromarray(make_image(96, 96)).convert("RGBA")
    image.putalpha(Image.fromarray(WHITE))
    with pytest.raises(ValueError, match="mask must"):
        read_mask(image)


@pytest.mark.parametrize("color", [(255, 255, 255), (200, 30, 30), (0, 0, 255), (90, 60, 50)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_one_color_on_black(color, kind):
    image = Image.fromarray(np.where(IN_COLOR, color, 0).astype(np.uint8))
    assert_close(read_mask(reopen(image, kind)), BLOB, 0.97 if kind in ("JPEG", "WEBP") else 1)


@pytest.mark.parametrize(
    "colors",
    [
        np.where(CORE[:, :, np.newaxis], (255, 0, 0), np.where(IN_COLOR, (0, 255, 0), 0)),
        np.where(CORE[:, :, np.newaxis], (255, 0, 0), np.where(IN_COLOR, (255, 255, 255), 0)),
        np.where(CORE[:, :, np.newaxis], (255, 0, 0), np.where(IN_COLOR, (0, 0, 255), 0)),
        np.where(IN_COLOR, (255, 0, 0), (255, 255, 255)),
        np.where(IN_COLOR, (255, 0, 0), (0, 0, 255)),
        np.where(IN_COLOR, (68, 1, 84), (253, 231, 37)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA"])
def test_refuses_several_colors(colors, mode):
    image = Image.fromarray(colors.astype(np.uint8))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    with pytest.raises(
        ValueError, match=r"mask must (be gray, or have one color on black|have two levels|be 0 outside)"
    ):
        read_mask(image)


@pytest.mark.parametrize("make", [lambda make_image: make_image(150, 200), lambda make_image: spot(150, 200)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_refuses_color_image(make_image, make, kind):
    image = make(make_image)
    with pytest.raises(ValueError, match="mask must"):
        read_mask(reopen(image, kind))


def test_refuses_color_image_in_black_frame(make_image):
    image = make_image(150, 200, noise=6)
    image[:, :40] = image[:, -40:] = 0
    with pytest.raises(ValueError, match="mask must"):
        read_mask(Image.fromarray(image))


def test_palette_of_two_colors():
    image = Image.fromarray(BLOB.astype(np.uint8))
    image.putpalette([0, 0, 0, 128, 0, 0])
    np.testing.assert_array_equal(read_mask(reopen(image)), BLOB)
    image.putpalette([255, 255, 255, 0, 0, 0])  # white outside the lesion, as in the colors
    with pytest.warns(UserWarning, match="covers the whole rim"):
        np.testing.assert_array_equal(read_mask(reopen(image)), ~BLOB)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255)])
def test_refuses_palette_of_one_color(color):
    image = Image.fromarray(BLOB.astype(np.uint8))
    image.putpalette(color * 2)
    with pytest.raises(ValueError, match=r"got indices 0 to 1 of a palette with the same color.*lesion_label=1"):
        read_mask(image)
    np.testing.assert_array_equal(read_mask(image, lesion_label=1), BLOB)


@pytest.mark.parametrize("inverted", [False, True])
def test_sixteen_bit_tiff_with_white_is_zero(tmp_path, inverted):
    (tmp_path / "mask.tif").write_bytes(make_tiff16(BLOB ^ inverted, inverted))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), BLOB)


def make_tiff16(bits, inverted):
    tags = [(256, 3, 1, SIDE), (257, 3, 1, SIDE), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 0 if inverted else 1)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in [*tags, (273, 4, 1, 8 + 2 + 6 * 12 + 4)])
    return b"II*\0" + struct.pack("<IH", 8, 6) + entries + bytes(4) + (bits * 65_535).astype("<u2").tobytes()


def test_refuses_sixteen_bit_colors_of_zeros_and_ones(tmp_path):
    rows = b"".join(b"\0" + row.tobytes() for row in np.repeat(BLOB[:, :, np.newaxis], 3, axis=2).astype(">u2"))
    (tmp_path / "mask.png").write_bytes(png(SIDE, SIDE, depth=16, color=2, rows=rows))
    with pytest.raises(ValueError, match=r"mask\.png': it has 16 bits per color, of which only the upper 8 are read"):
        read_mask(tmp_path / "mask.png")


def test_refuses_dark_jpeg():
    with pytest.raises(ValueError, match=r"its largest level is [12], and JPEG changes levels by as much"):
        read_mask(reopen(BLOB.astype(np.uint8), "JPEG", quality=100))
    assert not read_mask(reopen(np.zeros((64, 64), np.uint8), "JPEG")).any()


def test_refuses_signed_and_inverted_floats(tmp_path):
    for tags in ([(339, 3, 1, 2)], [(258, 3, 1, 32), (262, 3, 1, 0), (339, 3, 1, 3)]):
        (tmp_path / "mask.tif").write_bytes(gray_tiff(*tags))
        with pytest.raises(ValueError, match=r"it holds signed bytes|it holds floats, and 0 means white"):
            read_mask(tmp_path / "mask.tif")


# Labels of the lesion


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, float])
@pytest.mark.parametrize("wanted", [1, [1], (1,), {1}, np.int8(1), np.array([1])])
def test_lesion_label(dtype, wanted):
    np.testing.assert_array_equal(read_mask(SKIN_LABELS.astype(dtype), lesion_label=wanted), CORE)


def test_several_labels_and_label_of_background():
    np.testing.assert_array_equal(read_mask(SKIN_LABELS, lesion_label=[1, 2]), BLOB | CORE)
    np.testing.assert_array_equal(read_mask(~BLOB, lesion_label=0), BLOB)
    np.testing.assert_array_equal(read_mask(255 - WHITE, lesion_label=0), BLOB)
    regions = label(BLOB)
    np.testing.assert_array_equal(read_mask(regions, lesion_label=1), BLOB)


def test_lesion_label_of_files(tmp_path):
    palette = Image.fromarray(SKIN_LABELS)
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    for image in (palette, Image.fromarray(SKIN_LABELS), Image.fromarray(SKIN_LABELS).convert("RGB")):
        image.save(tmp_path / "labels.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "labels.png", lesion_label=1), CORE)
        turned = reopen(image, exif=exif(6))
        np.testing.assert_array_equal(read_mask(turned, lesion_label=1), np.rot90(CORE, -1))


def test_refuses_lesion_label_of_jpeg_and_colors():
    with pytest.raises(ValueError, match="JPEG changes them"):
        read_mask(reopen(SKIN_LABELS * np.uint8(100), "JPEG"), lesion_label=100)
    with pytest.raises(ValueError, match=r"one channel or a palette, got colors\. Compare the color"):
        read_mask(Image.fromarray(np.dstack([WHITE, WHITE, CORE * np.uint8(9)])), lesion_label=255)
    with pytest.raises(ValueError, match="one channel or a palette, got a file of mode LA"):
        read_mask(Image.fromarray(WHITE).convert("LA"), lesion_label=255)


@pytest.mark.parametrize("wrong", ["1", 1.5, [], [1, "2"], None, [None]])
def test_refuses_wrong_lesion_label(wrong):
    if wrong is None:
        return
    with pytest.raises(TypeError, match="lesion_label must be an integer or several"):
        read_mask(SKIN_LABELS, lesion_label=wrong)


def test_warns_about_missing_label():
    with pytest.warns(UserWarning, match="no pixel with lesion_label=7") as caught:
        assert not read_mask(SKIN_LABELS, lesion_label=7).any()
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "mask",
    [~BLOB, 255 - WHITE, Image.fromarray(~BLOB), Image.fromarray(np.dstack([255 - WHITE] * 3))],
    ids=["bool", "bytes", "1", "RGB"],
)
def test_warns_about_a_black_lesion_on_white(mask):
    with pytest.warns(UserWarning, match=r"mask covers the whole rim of the image, but not its inside") as caught:
        np.testing.assert_array_equal(read_mask(mask), ~BLOB)
    assert [warning.filename for warning in caught] == [__file__]


def test_lesion_that_leaves_a_corner_is_no_black_lesion():
    mask = ~draw_blob()
    mask[0, :3] = False
    assert read_mask(mask).sum() == mask.sum()


# Writing


@pytest.mark.filterwarnings("ignore:.*covers the whole rim")
@pytest.mark.parametrize("mask", [BLOB, WHITE, BLOB.astype(float), BLOB.tolist(), ~BLOB])
def test_writes_png(tmp_path, mask):
    write_mask(mask, tmp_path / "mask.PNG")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.PNG"), np.asarray(mask) > 0)
    with Image.open(tmp_path / "mask.PNG") as image:
        assert (image.format, image.mode) == ("PNG", "L")
        assert set(np.unique(np.asarray(image))) == {0, 255}


@pytest.mark.parametrize(
    ("mask", "name", "kind", "message"),
    [
        (BLOB, "mask.jpg", ValueError, r"path must end in \.png, got '.*mask\.jpg'"),
        (BLOB, "mask", ValueError, r"path must end in \.png"),
        (SKIN_LABELS, "mask.png", ValueError, "lesion_label="),
        (BLOB[0], "mask.png", ValueError, r"must have shape \(height, width\)"),
        (BLOB, "gone/mask.png", FileNotFoundError, "gone"),
    ],
)
def test_write_refuses(tmp_path, mask, name, kind, message):
    with pytest.raises(kind, match=message):
        write_mask(mask, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_write_refuses_url_and_swapped_arguments():
    with pytest.raises(ValueError, match=r"must be a local path, got 's3://bucket/mask\.png'"):
        write_mask(BLOB, "s3://bucket/mask.png")
    with pytest.raises(TypeError, match="Pass the mask first"):
        write_mask("mask.png", BLOB)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("ham10000", "HAM10000_segmentations_lesion_tschandl/*.png"),
        ("isic2017", "ISIC-2017_Training_Part1_GroundTruth/*.png"),
        ("ph2", "PH2 Dataset images/*/*_lesion/*.bmp"),
    ],
)
def test_real_masks_are_cut_at_half_of_white(real_data, name, pattern):
    paths = sorted(real_data(name).glob(pattern))[::10]
    assert len(paths) > 8
    for path in paths:
        with Image.open(path) as image:
            np.testing.assert_array_equal(read_mask(path), np.asarray(image.convert("L")) > 127)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "pattern"), [("ham10000", "HAM10000_images/*.jpg"), ("ph2", "PH2 Dataset images/*/*_Derm*/*.bmp")]
)
def test_real_images_are_no_masks(real_data, name, pattern):
    for path in sorted(real_data(name).glob(pattern))[::20]:
        for source in (path, Image.open(path).convert("L")):
            with pytest.raises(ValueError, match="mask must"):
                read_mask(source)
