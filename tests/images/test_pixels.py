"""Tests that conversion in bands equals conversion of the whole image."""

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from sklearn_melanoma._io import masks, pixels
from sklearn_melanoma._io.masks import extract_mask
from sklearn_melanoma._io.pixels import ORIENTATIONS, extract_rgb

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "I", "I;16", "F")


@pytest.fixture(scope="module")
def make_noise():
    random = np.random.default_rng(0)

    def make(mode):
        if mode in ("I", "I;16", "F"):
            kind = {"I": np.int32, "I;16": np.uint16, "F": np.float32}[mode]
            return Image.fromarray((random.random((37, 53)) * (1 if mode == "F" else 65_535)).astype(kind))
        image = Image.fromarray(random.integers(0, 256, (37, 53, 4), dtype=np.uint8))
        return image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)

    return make


@pytest.fixture(params=[1, 53, 200, 1000])
def narrow_bands(request, monkeypatch):
    return lambda: [monkeypatch.setattr(module, "BAND_PIXELS", request.param) for module in (pixels, masks)]


@pytest.mark.parametrize("mode", MODES)
def test_bands_equal_whole_image(make_noise, narrow_bands, mode):
    image = make_noise(mode)
    sides = (None, 53, 40, 17, 7, 1)
    whole = [extract_rgb(image, side) for side in sides]
    narrow_bands()
    for side, expected in zip(sides, whole, strict=True):
        np.testing.assert_array_equal(extract_rgb(image, side), expected)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", MODES)
def test_bands_of_masks_equal_whole_mask(narrow_bands, mode, orientation):
    mask = np.zeros((37, 53), bool)
    mask[5:20, 10:45] = True
    if mode in ("I", "I;16", "F"):
        image = Image.fromarray(mask.astype({"I": np.int32, "I;16": np.uint16, "F": np.float32}[mode]))
    else:
        gray = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
        image = gray.convert("LA").convert("PA") if mode == "PA" else gray.convert("RGBA").convert(mode)
    narrow_bands()
    expected = mask if orientation == 1 else np.rot90(mask, -1)
    np.testing.assert_array_equal(extract_mask(image, orientation=orientation), expected)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("side", [None, 20])
def test_bands_are_turned_upright(make_noise, narrow_bands, orientation, side):
    image = make_noise("RGB")
    image.getexif()[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(extract_rgb(image, side))
    stored.getexif()[ExifTags.Base.Orientation] = orientation
    expected = np.asarray(ImageOps.exif_transpose(stored))
    narrow_bands()
    np.testing.assert_array_equal(extract_rgb(image, side, orientation=orientation), expected)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparent_pixels_are_laid_over_black(make_noise, mode):
    image = make_noise(mode)
    *channels, alpha = np.moveaxis(np.asarray(image.convert("RGBA")).astype(float), 2, 0)
    expected = np.rint(np.stack(channels, axis=2) * alpha[:, :, np.newaxis] / 255)
    np.testing.assert_array_equal(extract_rgb(image), expected)
