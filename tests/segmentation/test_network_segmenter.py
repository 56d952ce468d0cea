"""Tests of the segmenter that runs a network."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import mask_jaccard, mean_mask_score
from sklearn_melanoma.segmentation import CRFRefiner, NetworkSegmenter
from tests._networks import write_network, write_segmentation

# Two or more channels of a network of one layer: the first is skin, the second is the lesion.
CHANNELS = "c = Conv(x, w, b)"
SIGNATURE = "float[N, 3, 32, 32] x) => (float[N, C, 32, 32] y"


def write_channels(path, nodes=f"{CHANNELS} y = Identity(c)", n_channels=2, more=""):
    weights = ", ".join(["0, 0, 0", "0, 0, -20", "0, 0, 0"][:n_channels])
    bias = ", ".join(["0", "8", "-50"][:n_channels])
    both = f"float[{n_channels}, 3, 1, 1] w = {{{weights}}}, float[{n_channels}] b = {{{bias}}}{more}"
    return write_network(path, SIGNATURE, nodes, weights=both)


@pytest.fixture(scope="module")
def lesions(make_lesion):
    return [make_lesion(30, 40, center=(0, 0.02 * i), seed=i) for i in range(3)]


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Return a network with one channel of logits."""
    return write_segmentation(tmp_path_factory.mktemp("networks") / "single.onnx")


@pytest.fixture(scope="module")
def expected(single, lesions):
    return NetworkSegmenter(single, mean=0, std=1).transform(lesions)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_allclose(one.probability, other.probability, atol=1e-5)


def test_finds_the_lesion(lesions, expected):
    assert [mask_jaccard(true.mask, found.mask) > 0.9 for true, found in zip(lesions, expected, strict=True)] == [
        True
    ] * 3
    inside = lesions[0].mask
    assert expected[0].probability.dtype == np.float32
    # SPOT has a blue level of 60, and the skin 150.
    assert np.median(expected[0].probability[inside]) == pytest.approx(expit(8 - 20 * 60 / 255), abs=0.03)
    assert np.median(expected[0].probability[~inside]) == pytest.approx(expit(8 - 20 * 150 / 255), abs=0.03)


def test_all_forms_of_output_give_the_same(tmp_path, lesions, expected):
    two, three = (write_channels(tmp_path / f"{n}.onnx", n_channels=n) for n in (2, 3))
    softmax = write_channels(tmp_path / "softmax.onnx", f"{CHANNELS} y = Softmax<axis = 1>(c)")
    sigmoid = write_network(
        tmp_path / "sigmoid.onnx",
        "float[N, 3, 32, 32] x) => (float[N, 3, 32, 32] y, float[N, 1, 32, 32] p",
        "y = Identity(x) c = Conv(x, w, b) p = Sigmoid(c)",
        weights="float[1, 3, 1, 1] w = {0, 0, -20}, float[1] b = {8}",
    )
    for path, options in [
        (two, {}),
        (two, {"output": ("y", 1)}),
        (three, {"output": (0, 1)}),
        (softmax, {"logits": False}),
        (sigmoid, {"output": "p", "logits": False}),
        (sigmoid, {"output": 1, "logits": False}),
    ]:
        assert_same(NetworkSegmenter(path, mean=0, std=1, **options).fit(lesions).transform(lesions), expected)
    (skin,) = NetworkSegmenter(two, mean=0, std=1, output=("y", 0)).transform(lesions[:1])
    np.testing.assert_allclose(skin.probability, 1 - expected[0].probability, atol=1e-5)


def test_labels_of_pixels(tmp_path, lesions, expected):
    path = write_network(
        tmp_path / "labels.onnx",
        "float[N, 3, 32, 32] x) => (int64[N, 32, 32] y",
        "c = Conv(x, w, b) y = ArgMax<axis = 1, keepdims = 0>(c)",
        weights="float[2, 3, 1, 1] w = {0, 0, 0, 0, 0, -20}, float[2] b = {0, 8}",
    )
    with pytest.raises(ValueError, match=r"^logits must be False for an output of int64, got True for 'y' of "):
        NetworkSegmenter(path, mean=0, std=1).fit(lesions)
    found = NetworkSegmenter(path, mean=0, std=1, logits=False).transform(lesions)
    assert [mask_jaccard(a.mask, b.mask) > 0.9 for a, b in zip(found, expected, strict=True)] == [True] * 3


def test_smaller_output_is_interpolated(tmp_path, lesions, expected):
    path = write_network(
        tmp_path / "small.onnx",
        "float[N, 3, 32, 32] x) => (float[N, 1, 8, 8] y",
        "p = AveragePool<kernel_shape = [4, 4], strides = [4, 4]>(x) y = Conv(p, w, b)",
        weights="float[1, 3, 1, 1] w = {0, 0, -20}, float[1] b = {8}",
    )
    found = NetworkSegmenter(path, mean=0, std=1).transform(lesions)
    assert found[0].probability.shape == (30, 40)
    assert mask_jaccard(found[0].mask, expected[0].mask) > 0.75


def test_frames_are_left_out(lesions, single, expected):
    image = np.pad(lesions[0].image, ((12, 12), (0, 20), (0, 0)))  # a black frame is darker than the lesion
    (found,) = NetworkSegmenter(single, mean=0, std=1).transform([image])
    assert mask_jaccard(found.mask[12:-12, :-20], expected[0].mask) > 0.9
    assert not found.probability[:11].any()
    assert not found.mask[:, 41:].any()


def test_outputs_of_other_shapes_raise(tmp_path, lesions):
    for shape, nodes in (
        ("[N, 3, 1, 1]", "y = GlobalAveragePool(x)"),
        ("[N, 1, 1, 1]", "m = GlobalAveragePool(x) y = ReduceMean<axes=[1]>(m)"),
        ("[N, 3]", "m = GlobalAveragePool(x) y = Flatten(m)"),
        ("[N, 3, 32, 32]", "y = Identity(x)"),
    ):
        path = write_network(tmp_path / "other.onnx", f"float[N, 3, 32, 32] x) => (float{shape} y", nodes)
        with pytest.raises(
            ValueError, match=r"^output must (have the shape|name the channel of the lesion, because 'y')"
        ):
            NetworkSegmenter(path).fit(lesions)


def test_output_names_a_channel_that_exists(tmp_path, lesions):
    path = write_channels(tmp_path / "two.onnx")
    with pytest.raises(ValueError, match=r"^output must name a channel of 0 to 1 in 'y' of .*, got 2\."):
        NetworkSegmenter(path, output=("y", 2)).fit(lesions)
    for wrong in (("y",), ("y", -1), ("y", "lesion")):
        with pytest.raises(ValueError, match=r"^output must be a name, a position, or \(output, channel\), got "):
            NetworkSegmenter(path, output=wrong).fit(lesions)


def test_logits_and_probabilities_are_not_confused(tmp_path, lesions, single):
    segmenter = NetworkSegmenter(single, mean=0, std=1, logits=False)
    with pytest.raises(
        ValueError, match=r"^output must lie in 0\.\.1 with logits=False, got 8\.\.8 .*Pass logits=True"
    ):
        segmenter.fit(lesions)
    hidden = write_channels(tmp_path / "hidden.onnx", f"{CHANNELS} y = Mul(c, x)", n_channels=3)  # 0 for black images
    segmenter = NetworkSegmenter(hidden, mean=0, std=1, logits=False, output=(0, 1)).fit(lesions)
    with pytest.raises(ValueError, match=r"^X\[0\]: output must lie in 0\.\.1 with logits=False, got -"):
        segmenter.transform(lesions)
    probabilities = write_channels(tmp_path / "p.onnx", f"{CHANNELS} y = Sigmoid(c)")
    with pytest.warns(UserWarning, match=r"The output 'y' of .* lies in 0\.\.1, like probabilities.*logits=False"):
        NetworkSegmenter(probabilities, mean=0, std=1).transform(lesions)


def test_nan_raises(tmp_path, lesions):
    path = write_channels(tmp_path / "nan.onnx", f"{CHANNELS} l = Log(c) y = Identity(l)", n_channels=1)
    with pytest.raises(
        ValueError, match=r"^X\[0\]: output must hold finite numbers, got \d+ of 1024 that are NaN or inf"
    ):
        NetworkSegmenter(path).fit(lesions).transform(lesions)


def test_threshold_is_tuned_and_refiner_follows(tmp_path):
    data = make_lesions(4, random_state=0)
    path = write_segmentation(tmp_path / "tight.onnx", bias=3)
    search = GridSearchCV(NetworkSegmenter(path, mean=0, std=1), {"threshold": [0.05, 0.5]}, cv=2, error_score="raise")
    search.fit(data.images, data.masks)
    assert search.best_params_ == {"threshold": 0.05}
    refined = make_pipeline(search.best_estimator_, CRFRefiner()).predict(data.images)
    assert mean_mask_score(data.masks, refined, mask_jaccard) > 0.5
