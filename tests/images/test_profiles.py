"""Tests of color profiles: images in other color spaces become sRGB."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io import profiles
from sklearn_melanoma.images import ImageReader, read_image, read_mask
from tests._hostile import COLOR_SPACES, exif, profile, saved, srgb_curve

WIDE = ["Display P3", "Adobe RGB"]


def convert_from_srgb(pixels, name):
    """Return the levels of a color space for the colors of sRGB pixels, computed without Pillow."""
    primaries, curve = COLOR_SPACES[name]
    xyz = srgb_curve(pixels / 255) @ np.array(COLOR_SPACES["sRGB"][0])
    light = np.clip(xyz @ np.linalg.inv(np.array(primaries)), 0, 1)
    levels = np.linspace(0, 1, 65_536)
    return np.rint(np.interp(light, curve(levels), levels) * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def colors():
    """Return an image of many skin colors, none of them outside of sRGB."""
    y, x = np.mgrid[0:1:60j, 0:1:80j]
    return np.rint(np.stack([90 + 150 * x, 60 + 120 * y, 50 + 90 * x * y], axis=2)).astype(np.uint8)


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_converts_to_srgb(colors, tmp_path, name, kind):
    stored = convert_from_srgb(colors, name)
    assert np.abs(stored.astype(int) - colors).max() > 8
    exact = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    data = saved(Image.fromarray(stored), kind, icc_profile=profile(name), **exact)
    (tmp_path / "image").write_bytes(data)
    for source in (tmp_path / "image", Image.open(BytesIO(data))):
        assert np.abs(read_image(source).astype(int) - colors).max() <= (6 if kind == "JPEG" else 2)
    small = read_image(tmp_path / "image", max_side=20).astype(int)
    assert np.abs(small - read_image(colors, max_side=20)).max() <= 4


@pytest.mark.parametrize("name", WIDE)
def test_features_are_those_of_the_srgb_image(make_image, tmp_path, name):
    image = make_image(300, 400, noise=4)
    Image.fromarray(image).save(tmp_path / "sRGB.png")
    stored = Image.fromarray(convert_from_srgb(image, name))
    stored.save(tmp_path / "wide.png", icc_profile=profile(name))
    stored.save(tmp_path / "no profile.png")
    features = make_melanoma_pipeline("all")["features"]
    exact, wide, without = features.transform([str(tmp_path / f"{n}.png") for n in ("sRGB", "wide", "no profile")])[
        ["saturation_contrast", "lightness_contrast", "area", "perimeter"]
    ].to_numpy()
    np.testing.assert_allclose(wide, exact, rtol=0.03, atol=0.005)
    assert abs(without[0] - exact[0]) > 3 * abs(wide[0] - exact[0])


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("block", [1, 100, 10_000])
def test_converts_blocks_and_turned_images(colors, monkeypatch, orientation, block):
    data = saved(Image.fromarray(colors), "PNG", icc_profile=profile("Display P3"), exif=exif(orientation))
    expected = read_image(Image.open(BytesIO(data)))
    assert expected.shape == ((60, 80, 3) if orientation == 1 else (80, 60, 3))
    monkeypatch.setattr(profiles, "BLOCK_PIXELS", block)
    np.testing.assert_array_equal(read_image(Image.open(BytesIO(data))), expected)


@pytest.mark.parametrize(
    "data", [profile("sRGB"), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()], ids=["own", "Pillow"]
)
def test_srgb_profiles_change_nothing(colors, data):
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(
            read_image(Image.open(BytesIO(saved(Image.fromarray(colors), kind, icc_profile=data)))), colors
        )
    assert profiles._build_transform(data, "RGB") is None


def test_images_without_profile_do_not_need_color_management(colors, tmp_path, monkeypatch):
    monkeypatch.setattr(profiles, "_build_transform", None)
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "BMP"):
        (tmp_path / "image").write_bytes(saved(Image.fromarray(colors), kind))
        assert read_image(tmp_path / "image").shape == (60, 80, 3)


def test_profile_is_parsed_once(colors, tmp_path):
    profiles._build_transform.cache_clear()
    for name in "abc":
        Image.fromarray(colors).save(tmp_path / f"{name}.jpg", icc_profile=profile("Adobe RGB"))
    ImageReader().transform([tmp_path / f"{name}.jpg" for name in "abc"])
    assert profiles._build_transform.cache_info().misses == 1


def test_gray_profiles(colors):
    gray = colors[:, :, 0]
    data = saved(Image.fromarray(gray), "PNG", icc_profile=profile("Adobe RGB", space=b"GRAY"))
    found = read_image(Image.open(BytesIO(data)))
    light = COLOR_SPACES["Adobe RGB"][1](gray / 255)
    levels = np.linspace(0, 1, 65_536)
    expected = np.interp(light, srgb_curve(levels), levels) * 255
    assert np.abs(expected - gray).max() > 1
    assert np.abs(found[:, :, 1] - expected).max() <= 2
    assert (found == found[:, :, :1]).all()


def test_rgb_profile_of_gray_image_and_palette(colors):
    gray = Image.fromarray(colors[:, :, 0])
    found = read_image(Image.open(BytesIO(saved(gray, "PNG", icc_profile=profile("Display P3")))))
    assert np.abs(found.astype(int) - colors[:, :, :1]).max() <= 1  # P3 has the curve of sRGB
    palette = Image.fromarray(convert_from_srgb(colors, "Display P3")).quantize(64)
    found = read_image(Image.open(BytesIO(saved(palette, "PNG", icc_profile=profile("Display P3")))))
    np.testing.assert_allclose(found.mean(axis=(0, 1)), colors.mean(axis=(0, 1)), atol=4)


def test_transparent_pixels_stay_black(colors):
    image = Image.fromarray(colors).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(np.arange(80) < 9, 0, 255)[np.newaxis].repeat(60, 0).astype(np.uint8)))
    found = read_image(Image.open(BytesIO(saved(image, "PNG", icc_profile=profile("Adobe RGB")))))
    assert not found[:, :9].any()
    assert found[:, 9:].any(axis=2).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no profile at all", "it is damaged"),
        (profile("Display P3")[:200], "it is damaged|ignored"),
        (profile("Display P3", space=b"CMYK"), "it is for CMYK colors"),
        (profile("Adobe RGB", space=b"GRAY"), "it is for gray images"),
        (bytes(4_000_001), r"it has 4,000,001 bytes, more than 4,000,000"),
    ],
    ids=["text", "cut", "CMYK", "gray", "large"],
)
def test_warns_about_profiles_of_no_use(colors, tmp_path, data, reason):
    Image.fromarray(colors).save(tmp_path / "image.tif", icc_profile=data)
    with pytest.warns(UserWarning, match=rf"color profile of the image is ignored.*({reason})") as caught:
        found = read_image(tmp_path / "image.tif")
    np.testing.assert_array_equal(found, colors)
    assert caught[0].filename == __file__


def test_masks_ignore_profiles(make_lesion):
    mask = make_lesion().mask
    data = saved(Image.fromarray(mask.astype(np.uint8) * np.uint8(255)), "PNG", icc_profile=b"no profile")
    np.testing.assert_array_equal(read_mask(Image.open(BytesIO(data))), mask)
