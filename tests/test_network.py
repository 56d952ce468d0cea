"""Tests of networks in ONNX files, and of the steps that run them."""

import os
import pickle
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import convert_model_to_external_data
from sklearn.base import clone

from sklearn_melanoma import _network
from sklearn_melanoma._network import open_network
from sklearn_melanoma.features import MorphologyFeatures, NetworkEncoder
from sklearn_melanoma.persistence import load_model, save_model
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import NetworkSegmenter
from tests._networks import write_encoder, write_network, write_segmentation


@pytest.fixture(scope="module")
def lesions(make_lesion):
    return [make_lesion(30, 40, center=(0, 0.02 * i), seed=i) for i in range(3)]


@pytest.fixture
def path(tmp_path):
    return write_segmentation(tmp_path / "network.onnx")


def make_segmenter(path, **options):
    return NetworkSegmenter(path, **{"mean": 0, "std": 1, **options})


def write_with_weights_in_another_file(path, bias=8.0):
    network = onnx.load(write_segmentation(path, bias=bias))
    path.unlink()
    convert_model_to_external_data(network, location="weights.bin", size_threshold=0)
    onnx.save_model(network, path)
    return path


# Files


def test_missing_file_raises(tmp_path, lesions):
    for missing in (tmp_path / "gone.onnx", tmp_path / "gone" / "network.onnx"):
        for method in ("fit", "transform", "predict"):
            with pytest.raises(
                FileNotFoundError, match=r"^path must lead to an ONNX file, got .*does not exist\. Set `path`"
            ):
                getattr(make_segmenter(missing), method)(lesions)


@pytest.mark.parametrize(("name", "message"), [("", "is a folder or a device"), ("a\0b", "which can't be a path")])
def test_other_than_file_raises(tmp_path, lesions, name, message):
    with pytest.raises(ValueError, match=f"^path must lead to an ONNX file, got .*{message}"):
        make_segmenter(os.path.join(tmp_path, name)).fit(lesions)


def test_files_that_are_no_network_raise(path, tmp_path, lesions):
    content = path.read_bytes()
    wrong = {"empty": b"", "text": b"weights of a network", "archive": b"PK\x03\x04" + bytes(99), "cut": content[:60]}
    for name, damaged in wrong.items():
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(damaged)
        with pytest.raises(
            ValueError, match=r"^path must lead to an ONNX network .* is not an ONNX file, or it is damaged"
        ):
            make_segmenter(file).fit(lesions)


@pytest.mark.parametrize(
    ("options", "node", "advice"),
    [
        ({"opset": 999}, "Conv", r"opset .*Update onnxruntime, or export with a lower opset_version\."),
        ({"ir": 99}, "Conv", r"IR version: 99.*Update onnxruntime, or save the network for an older version\."),
        ({}, "NoSuchNode", r"No Op registered for NoSuchNode.*with the operators of ONNX only\."),
        ({}, "com.nvidia.CudaOnly", r"not a registered.*Others are missing here"),
    ],
)
def test_networks_for_other_runtimes_raise(tmp_path, lesions, options, node, advice, capfd):
    domain, _, operator = node.rpartition(".")
    file = write_network(
        tmp_path / "other.onnx",
        "float[N, 3, 8, 8] image) => (float[N, 1, 8, 8] logits",
        f"logits = {operator}(image, weights)",
        weights="float[1, 3, 1, 1] weights = {0, 0, 1}",
        **options,
    )
    network = onnx.load(file)
    network.graph.node[0].domain = domain
    if domain:
        network.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    file.write_bytes(network.SerializeToString())
    with pytest.raises(
        ValueError, match=rf"^path must lead to an ONNX network that onnxruntime \d.* the CPU.*{advice}"
    ):
        make_segmenter(file).fit(lesions)
    assert capfd.readouterr() == ("", "")


def test_weights_in_another_file(tmp_path, lesions):
    file = write_with_weights_in_another_file(tmp_path / "network.onnx")
    expected = make_segmenter(write_segmentation(tmp_path / "alone.onnx")).fit(lesions)
    segmenter = make_segmenter(file).fit(lesions)
    for mask, other in zip(segmenter.predict(lesions), expected.predict(lesions), strict=True):
        np.testing.assert_array_equal(mask, other)
    write_with_weights_in_another_file(file, bias=1.0)
    assert open_network(file).digest != segmenter.digest_
    (tmp_path / "weights.bin").write_bytes(b"12")
    with pytest.raises(ValueError, match=r"weights are in another file. Put the complete file into the same folder"):
        make_segmenter(file).fit(lesions)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"weights in another file of its folder, but '.*weights\.bin' does not"
    ):
        make_segmenter(file).fit(lesions)


def test_changed_file_raises_until_fit(path, lesions):
    segmenter = make_segmenter(path).fit(lesions)
    before = segmenter.predict(lesions)
    write_segmentation(path, bias=19)
    for method in ("transform", "predict"):
        with pytest.raises(
            ValueError, match=r"^path must lead to the network that fit saw, got '.*\(SHA-256 .*fit again"
        ):
            getattr(segmenter, method)(lesions)
    assert not np.array_equal(segmenter.fit(lesions).predict(lesions)[0], before[0])


def test_without_onnxruntime(path, lesions, monkeypatch):
    _network._open_files.cache_clear()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        ImportError, match=r"need onnxruntime\. Install it with: pip install 'sklearn-melanoma\[onnx\]'"
    ):
        make_segmenter(path).fit(lesions)


def test_file_is_opened_when_needed_and_once(path, lesions, monkeypatch):
    opened = []
    start = _network._start_session
    monkeypatch.setattr(_network, "_start_session", lambda name: opened.append(name) or start(name))
    segmenter = make_segmenter(path)
    clone(segmenter)
    assert opened == []
    segmenter.fit(lesions).transform(lesions)
    make_segmenter(path).transform(lesions)
    assert opened == [str(path)]


def test_session_has_one_thread_and_the_cpu(path):
    session = open_network(path)._session
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert session.get_providers() == ["CPUExecutionProvider"]


# Copies


def test_pickle_holds_path_and_digest(path, lesions):
    segmenter = make_segmenter(path).fit(lesions)
    segmenter.transform(lesions)
    assert vars(segmenter).keys() == {*segmenter.get_params(), "digest_"}
    content = pickle.dumps(segmenter)
    assert len(content) < 1500
    path.rename(path.with_name("moved.onnx"))
    with pytest.raises(FileNotFoundError, match=r"got '.*network\.onnx', but"):
        pickle.loads(content).transform(lesions)
    moved = pickle.loads(content).set_params(path=path.with_name("moved.onnx"))
    assert moved.transform(lesions)[0].area_px > 0


def test_saved_model_takes_path_objects(path, tmp_path, lesions):
    pipeline = ImagePipeline([("segment", make_segmenter(Path(path))), ("measure", MorphologyFeatures("survey"))])
    expected = pipeline.fit_transform(lesions)
    save_model(pipeline, tmp_path / "model.skops")
    np.testing.assert_array_equal(load_model(tmp_path / "model.skops").transform(lesions), expected)
    write_segmentation(path, bias=19)
    with pytest.raises(ValueError, match="the network that fit saw"):
        load_model(tmp_path / "model.skops").transform(lesions)


# Cache


@pytest.mark.parametrize("fitted", [False, True])
def test_cached_rows_follow_the_content_of_the_file(path, tmp_path, lesions, monkeypatch, fitted):
    runs = []
    run = _network.Network.run
    monkeypatch.setattr(_network.Network, "run", lambda *arguments: runs.append(1) or run(*arguments))

    def transform(file):
        steps = [("segment", make_segmenter(file)), ("measure", MorphologyFeatures("survey"))]
        pipeline = ImagePipeline(steps, memory=tmp_path / "rows")
        rows = (pipeline.fit(lesions) if fitted else pipeline).transform(lesions)
        n_runs = len(runs)
        runs.clear()
        return rows, n_runs

    first, n_runs = transform(path)
    assert n_runs == 3
    again, n_runs = transform(str(path))
    assert n_runs == 0
    np.testing.assert_array_equal(again, first)
    assert transform(path.rename(path.with_name("moved.onnx")))[1] == 0
    other, n_runs = transform(write_segmentation(path, bias=9))
    assert n_runs == 3
    assert (other != first).any()


def test_cached_rows_of_encoder_follow_the_content_of_the_file(tmp_path, lesions):
    file = write_encoder(tmp_path / "encoder.onnx")
    pipeline = ImagePipeline([("measure", NetworkEncoder(file))], memory=tmp_path / "rows")
    before = pipeline.fit_transform(lesions)
    write_network(file, "float[N, 3, 16, 16] x) => (float[N, 3, 1, 1] y", "y = GlobalMaxPool(x)")
    assert (pipeline.fit_transform(lesions) > before).all()


def test_computed_rows_are_kept_when_the_network_fails(tmp_path, make_lesion):
    file = write_network(  # the square root of a negative number is NaN
        tmp_path / "nan.onnx",
        "float[N, 3, 8, 8] x) => (float[N, 3] y",
        "mean = GlobalAveragePool(x) moved = Sub(mean, half) root = Sqrt(moved) y = Flatten(root)",
        weights="float half = {0.1}",
    )
    lesions = [make_lesion(30, 40, seed=i) for i in range(3)]
    lesions.append(make_lesion(30, 40, skin=(200, 180, 0), spot=(90, 60, 0)))
    pipeline = ImagePipeline([("measure", NetworkEncoder(file, mean=0, std=1))], batch_size=1, memory=tmp_path / "rows")
    with pytest.raises(
        ValueError, match=r"^X\[3\]: output must hold finite numbers, got 1 of 3 that are NaN"
    ) as caught:
        pipeline.fit_transform(lesions)
    assert caught.value.computed.shape == (3, 3)
    with pytest.warns(UserWarning, match=r"X\[3\]"):
        rows = pipeline.set_params(on_error="skip").fit_transform(lesions)
    assert np.isnan(rows).any(axis=1).tolist() == [False, False, False, True]


# Input


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (
            "float[N, 3, 8] x) => (float[N, 3, 8] y",
            r"one input: images of shape .*has 'x' tensor\(float\) \['N', 3, 8\]",
        ),
        ("int64[N, 3, 8, 8] x) => (int64[N, 3, 8, 8] y", r"as float32, float16, float64 or uint8.*tensor\(int64\)"),
        (
            "float[N, 1, 8, 8] x) => (float[N, 1, 8, 8] y",
            r"input has 3 channels, red, green and blue.*\['N', 1, 8, 8\]",
        ),
        ("float[N, 3, 8, 8] x, float[N] z) => (float[N, 3, 8, 8] y", r"one input.*'x'.*'z'"),
    ],
)
def test_networks_with_other_inputs_raise(tmp_path, lesions, signature, message):
    file = write_network(tmp_path / "other.onnx", signature, "y = Identity(x)")
    with pytest.raises(ValueError, match=f"^path must lead to a network .*{message}"):
        make_segmenter(file).fit(lesions)


def test_size(tmp_path, path, lesions):
    flexible = write_segmentation(tmp_path / "flexible.onnx", size="H, W")
    with pytest.raises(ValueError, match=r"^size must be given, because .* takes images of any size\. Pass the size"):
        make_segmenter(flexible).fit(lesions)
    with pytest.raises(ValueError, match=r"^size must be that of the network, got \(64, 64\) for .*32 and width 32\."):
        make_segmenter(path, size=64).fit(lesions)
    with pytest.raises(ValueError, match=r"^size must be one number of pixels, .* got \(32, 0\)\."):
        make_segmenter(flexible, size=(32, 0)).fit(lesions)
    assert_same_masks(make_segmenter(flexible, size=(32, 32)), make_segmenter(path, size=32), lesions)
    half = write_segmentation(tmp_path / "half.onnx", size="H, 32")
    assert_same_masks(make_segmenter(half, size=(32, 32)), make_segmenter(path), lesions)
    with pytest.raises(ValueError, match=r"^size must be that of an image that fits into memory, got \(10{9}, 10{9}\)"):
        make_segmenter(flexible, size=10**9).fit(lesions)
    assert make_segmenter(flexible, size=(24, 48)).transform(lesions)[0].area_px > 0


def test_size_that_the_network_can_not_take_raises(tmp_path, lesions):
    file = write_network(
        tmp_path / "fixed.onnx",
        "float[N, 3, H, W] x) => (float[N, 1, 8, 8] y",
        "y = Reshape(x, shape)",
        weights="int64[4] shape = {-1, 1, 8, 24}",
    )
    with pytest.raises(ValueError, match=r"^size must be one that the network takes: .*shape \(1, 3, 9, 9\) \(.+Use"):
        make_segmenter(file, size=9).fit(lesions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean": [0, 1]}, r"mean must be one number, or three for red, green and blue, got \[0, 1\]"),
        ({"mean": ["a"] * 3}, "mean must be one number, or three"),
        ({"mean": 1e39}, "mean must be one number, or three"),
        ({"std": [1, np.nan, 1]}, "std must be one number, or three"),
        ({"std": (1, 0, 1)}, r"std must hold numbers above 0, got \(1, 0, 1\)"),
        ({"output": "probability"}, r"output must be one of the outputs of .*, 'logits', .* got 'probability'"),
        ({"output": 1}, "output must be one of the outputs of .*, 'logits', or the position of one, got 1"),
        ({"output": (0.5, 0)}, r"output must be one of the outputs of .*, got 0\.5"),
    ],
)
def test_invalid_parameters_raise(path, lesions, options, message):
    with pytest.raises(ValueError, match=message):
        make_segmenter(path, **options).fit(lesions)


def assert_same_masks(segmenter, expected, lesions):
    for found, other in zip(segmenter.transform(lesions), expected.transform(lesions), strict=True):
        np.testing.assert_array_equal(found.mask, other.mask)
        np.testing.assert_allclose(found.probability, other.probability, atol=1e-5)
        assert found.area_px


def test_levels_are_normalized_as_in_torchvision(path, lesions, monkeypatch):
    fed = []
    session = open_network(path)._session
    monkeypatch.setattr(session, "run", lambda names, feed: fed.append(feed["image"]) or [np.zeros((1, 1, 32, 32))])
    open_network(path)._described.clear()
    mean, std = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.6, 0.7])
    white = np.full((40, 40, 3), (255, 102, 0), dtype=np.uint8)
    white[0, 0] = 254  # otherwise the image would be a frame
    NetworkSegmenter(path, mean=mean, std=std).transform([white])
    image = fed[-1]
    assert (image.shape, image.dtype) == ((1, 3, 32, 32), np.float32)
    np.testing.assert_allclose(image[0, :, 16, 16], (np.array([1, 0.4, 0]) - mean) / std, rtol=1e-5)


def test_other_layouts_give_the_same_masks(tmp_path, path, lesions):
    expected = make_segmenter(path).fit(lesions)
    weights = "float[1, 3, 1, 1] w = {0, 0, -20}, float[1] b = {8}"
    for name, signature, nodes in [
        (
            "channels-last",
            "float[N, 32, 32, 3] x) => (float[N, 32, 32, 1] y",
            "t = Transpose<perm = [0, 3, 1, 2]>(x) c = Conv(t, w, b) y = Transpose<perm = [0, 2, 3, 1]>(c)",
        ),
        ("no-names", "float[N, C, 32, 32] x) => (float[N, D, 32, 32] y", "y = Conv(x, w, b)"),
        ("batch-of-3", "float[3, 3, 32, 32] x) => (float[3, 1, 32, 32] y", "y = Conv(x, w, b)"),
        ("no-channels", "float[1, 3, 32, 32] x) => (float[1, 32, 32] y", "c = Conv(x, w, b) y = Squeeze(c, axis)"),
        ("float64", "double[N, 3, 32, 32] x) => (float[N, 1, 32, 32] y", "f = Cast<to = 1>(x) y = Conv(f, w, b)"),
    ]:
        more = ", int64[1] axis = {1}" if name == "no-channels" else ""
        file = write_network(tmp_path / f"{name}.onnx", signature, nodes, weights=weights + more)
        assert_same_masks(make_segmenter(file).fit(lesions), expected, lesions)


def test_bytes_and_half_precision(tmp_path, path, lesions):
    expected = make_segmenter(path).transform(lesions)
    weights = "float[1, 3, 1, 1] w = {0, 0, -20}, float[1] b = {8}, float full = {255}"
    for kind, scale in (("uint8", "d = Div(f, full)"), ("float16", "d = Identity(f)")):
        signature = f"{kind}[N, 3, 32, 32] x) => (float[N, 1, 32, 32] y"
        nodes = f"f = Cast<to = 1>(x) {scale} y = Conv(d, w, b)"
        file = write_network(tmp_path / f"{kind}.onnx", signature, nodes, weights=weights)
        for found, other in zip(make_segmenter(file).transform(lesions), expected, strict=True):
            np.testing.assert_allclose(found.probability, other.probability, atol=0.01)
    with pytest.raises(ValueError, match=r"^X\[0\]: mean and std must give levels that float16 can hold"):
        make_segmenter(file, std=1e-6).transform(lesions)


def test_fixed_batch_must_come_back(tmp_path, lesions):
    file = write_network(
        tmp_path / "one.onnx",
        "float[3, 3, 8, 8] x) => (float[1, 1, 8, 8] y",
        "y = ReduceMean<axes = [0, 1], keepdims = 1>(x)",
    )
    with pytest.raises(ValueError, match=r"^output must have one part for each image of the batch, got the shape \(1,"):
        make_segmenter(file).fit(lesions)


def test_images_are_not_read_by_fit(path):
    class Images(list):
        def __getitem__(self, index):
            raise AssertionError

    assert len(make_segmenter(path).fit(Images([1, 2])).digest_) == 64
