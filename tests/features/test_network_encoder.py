"""Tests of the encoder that runs a network."""

import numpy as np
import pytest

from sklearn_melanoma import Lesion
from sklearn_melanoma.features import NetworkEncoder
from sklearn_melanoma.features._network_encoder import find_square
from tests._networks import write_encoder, write_network


@pytest.fixture(scope="module")
def lesions(make_lesion):
    return [make_lesion(30, 40, center=(0, 0.02 * i), seed=i) for i in range(3)]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return a network that gives the mean of each color."""
    return write_encoder(tmp_path_factory.mktemp("networks") / "encoder.onnx")


def test_sees_the_lesion_or_the_image(lesions, path):
    lesion = lesions[0]
    row = NetworkEncoder(path, mean=0, std=1).fit_transform([lesion])
    np.testing.assert_allclose(row[0], lesion.image[find_square(lesion)].mean(axis=(0, 1)) / 255, atol=0.02)
    whole = NetworkEncoder(path, mean=0, std=1, region="image").fit_transform([lesion])
    np.testing.assert_allclose(whole[0], lesion.image.mean(axis=(0, 1)) / 255, atol=0.01)
    assert (whole > row).all()  # skin is brighter


def test_whole_image_needs_no_mask(lesions, path):
    encoder = NetworkEncoder(path, region="image").fit(lesions)
    expected = encoder.transform(lesions)
    np.testing.assert_array_equal(encoder.transform([lesion.image for lesion in lesions]), expected)


@pytest.mark.parametrize("region", ["lesion", "image"])
def test_row_is_nan_without_a_lesion(lesions, path, region):
    empty = lesions[1].with_mask(np.zeros(lesions[1].image.shape[:2], dtype=bool))
    rows = NetworkEncoder(path, region=region).transform([lesions[0], empty])
    assert np.isnan(rows).all(axis=1).tolist() == [False, True]


@pytest.mark.parametrize(
    ("mask", "square"),
    [
        ((slice(40, 50), slice(30, 50)), (slice(31, 59), slice(26, 54))),
        ((slice(0, 10), slice(80, 100)), (slice(0, 28), slice(72, 100))),  # moved into the image
        ((slice(0, 90), slice(10, 20)), (slice(0, 90), slice(0, 100))),  # cut off at the side of the image
    ],
)
def test_square_around_the_lesion(mask, square):
    lesion = np.zeros((90, 100), dtype=bool)
    lesion[mask] = True
    assert find_square(Lesion(np.zeros((90, 100, 3), dtype=np.uint8), lesion)) == square


def test_feature_maps_are_averaged(tmp_path, lesions, path):
    expected = NetworkEncoder(path).transform(lesions)
    signature = "float[N, 16, 16, 3] x) => (float[N, 16, 16, 3] y, float[N, 3] z"
    nodes = "y = Identity(x) z = ReduceMean<axes = [1, 2], keepdims = 0>(x)"
    maps = write_network(tmp_path / "maps.onnx", signature, nodes)
    for output in (None, "z"):
        np.testing.assert_allclose(NetworkEncoder(maps, output=output).transform(lesions), expected, atol=1e-5)


def test_outputs_of_other_shapes_raise(tmp_path, lesions):
    tokens = write_network(
        tmp_path / "tokens.onnx",
        "float[N, 3, 16, 16] x) => (float[N, 48, 16] tokens",
        "tokens = Reshape(x, shape)",
        weights="int64[3] shape = {-1, 48, 16}",
    )
    with pytest.raises(ValueError, match=r"^output must hold numbers of shape .*\('batch', 48, 16\) for 'tokens'"):
        NetworkEncoder(tokens).fit(lesions)


def test_size_of_the_image_has_little_influence(path, make_lesion):
    small, large = (make_lesion(height, 4 * height // 3, noise=0) for height in (48, 192))
    rows = NetworkEncoder(path).transform([small, large])
    np.testing.assert_allclose(rows[0], rows[1], atol=0.05)
