"""Tests of `ImageReader`."""

import numpy as np
import pytest
from PIL import Image

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.images import ImageReader, read_image


@pytest.fixture
def paths(make_image, tmp_path):
    names = ["a.png", "b.jpg", "c.bmp"]
    for i, name in enumerate(names):
        Image.fromarray(make_image(150 + 10 * i, 200, seed=i)).save(tmp_path / name)
    return [str(tmp_path / name) for name in names]


def test_returns_lesion_per_path(paths):
    lesions = ImageReader(max_side=100).fit_transform(paths)
    for lesion, path, height in zip(lesions, paths, (150, 160, 170), strict=True):
        np.testing.assert_array_equal(lesion.image, read_image(path, max_side=100))
        assert lesion.image.shape == (height // 2, 100, 3)
        assert lesion.source_shape == (height, 200)
        assert lesion.source == path
        assert lesion.scale == 2
        assert lesion.mask is None
        assert lesion.mm_per_pixel is None


def test_default_size_and_no_limit(make_image):
    image = make_image(300, 500)
    assert ImageReader().transform([image])[0].image.shape == (230, 384, 3)
    assert ImageReader(max_side=None).transform([image])[0].image is image


def test_shrinks_lesion_with_mask(make_lesion):
    lesion = make_lesion(300, 400, mm_per_pixel=0.01, source="a.png")
    small = ImageReader(max_side=100).transform([lesion])[0]
    assert small.image.shape == (75, 100, 3)
    assert small.mask.shape == (75, 100)
    assert small.area_px == pytest.approx(lesion.area_px / 16, rel=0.01)
    assert (small.source_shape, small.mm_per_pixel, small.source) == ((300, 400), 0.01, "a.png")
    assert small.scale == 4
    assert lesion.image.shape == (300, 400, 3)
    again = ImageReader(max_side=50).transform([small])[0]
    assert (again.source_shape, again.scale, again.mask.shape) == ((300, 400), 8, (38, 50))


def test_never_enlarges_lesion(make_lesion):
    lesion = make_lesion(60, 80, source_shape=(600, 800))
    for reader in (ImageReader(), ImageReader(max_side=80), ImageReader(max_side=None)):
        same = reader.transform([lesion])[0]
        assert same.image is lesion.image
        assert same.mask is lesion.mask
        assert same.scale == 10


def test_empty_mask_stays_empty(make_image):
    lesion = Lesion(make_image(), np.zeros((96, 128), bool))
    assert ImageReader(max_side=64).transform([lesion])[0].area_px == 0


def test_mm_per_pixel_of_lesion_comes_first(make_image, make_lesion):
    calibrated = make_lesion(300, 400, mm_per_pixel=0.05)
    lesions = ImageReader(max_side=100, mm_per_pixel=0.02).transform([make_image(300, 400), calibrated])
    assert [lesion.mm_per_pixel for lesion in lesions] == [0.02, 0.05]


def test_features_do_not_depend_on_working_size(make_lesion):
    lesion = make_lesion(600, 800, mm_per_pixel=0.02)
    features = MorphologyFeatures(["area", "max_span", "perimeter_ratio"], unit="mm")
    whole, small = (features.transform(ImageReader(max_side=side).transform([lesion]))[0] for side in (None, 200))
    np.testing.assert_allclose(small, whole, rtol=0.02)
    assert whole[1] == pytest.approx(2 * 0.22 * 800 * 0.02, rel=0.01)


@pytest.mark.parametrize("arguments", [{"max_side": 0}, {"max_side": 38.4}, {"mm_per_pixel": 0}, {"mm_per_pixel": "1"}])
def test_wrong_arguments_raise(make_image, arguments):
    with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter of ImageReader must be"):
        ImageReader(**arguments).fit([make_image()])
