"""Tests that conversion in bands equals conversion of the whole image."""

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from sklearn_melanoma._io import pixels
from sklearn_melanoma._io.pixels import ORIENTATIONS, extract_mask, extract_rgb

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
    return lambda: monkeypatch.setattr(pixels, "BAND_PIXELS", request.param)


@pytest.mark.parametrize("mode", MODES)
def test_bands_equal_whole_image(make_noise, narrow_bands, mode):
    image = make_noise(mode)
    sides = (None, 53, 40, 17, 7, 1)
    whole, mask = [extract_rgb(image, side) for side in sides], extract_mask(image) if mode != "RGBa" else None
    narrow_bands()
    for side, expected in zip(sides, whole, strict=True):
        np.testing.assert_array_equal(extract_rgb(image, side), expected)
    if mask is not None:
        np.testing.assert_array_equal(extract_mask(image), mask)


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
