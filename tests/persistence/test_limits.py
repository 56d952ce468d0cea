"""Limits on files of models: malicious archives, paths that are not files, folders of caches."""

import json
import os
import re
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZIP_STORED, ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.persistence import _archive, _file, load_model, read_model_info, save_model
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.semi_supervised import PriorLogisticRegression
from tests._forks import fork_processes

pytestmark = pytest.mark.slow

INFO = {"format": 1, "classes": None, "feature_names": None, "threshold": None, "summary": {}, "versions": {}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture(scope="module")
def model():
    X = np.random.default_rng(0).normal(size=(20, 3))
    return PriorLogisticRegression().fit(X, X[:, 0] > 0)


def write_file(path, entries, *, kind=ZIP_DEFLATED, **info):
    """Write a file with a valid digest; a number as entry means this number of zeros."""
    with ZipFile(path, "w", kind, compresslevel=1) as archive:
        archive.comment = _file._SEAL + bytes(64)
        for name, content in {_file.INFO: json.dumps({**INFO, **info}), **entries}.items():
            with archive.open(name, "w", force_zip64=True) as entry:
                if isinstance(content, int):
                    for start in range(0, content, 1 << 20):
                        entry.write(bytes(min(1 << 20, content - start)))
                else:
                    entry.write(content.encode() if isinstance(content, str) else content)
    body = path.read_bytes()[:-64]
    path.write_bytes(body + _file._compute_digest(body))


def node(kind, content, identity=None, *, loader=None, **more):
    """Return a node of skops."""
    found = {"__class__": kind, "__module__": "builtins", "__loader__": loader or f"{kind.capitalize()}Node"}
    return found | {"content": content} | ({} if identity is None else {"__id__": identity}) | more


def schema(root):
    return {"schema.json": json.dumps({**root, "protocol": skops.io._protocol.PROTOCOL, "_skops_version": "0.15"})}


def double(kind, depth):
    """Return a node that contains two references to a node that contains two references, and so on."""
    found = node(kind, [], 1)
    for identity in range(2, depth):
        found = node(kind, [found, {"__id__": identity - 1}], identity)
    return found


def double_flat(depth):
    """Return the same nodes in a row instead of nested."""
    items = [node("list", [], 1)]
    items += [node("list", [{"__id__": number - 1}, {"__id__": number - 1}], number) for number in range(2, depth)]
    return node("list", items)


def array(file="a.npy", **more):
    found = node("ndarray", None, loader="NdArrayNode", type="numpy", file=file, **more)
    return found | {"__module__": "numpy"}


def sparse(file):
    return node("csr_matrix", None, loader="SparseMatrixNode", type="scipy", file=file) | {
        "__module__": "scipy.sparse._csr"
    }


def zip_of_zeros(size):
    buffer = BytesIO()
    with (
        ZipFile(buffer, "w", ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("data.npy", "w", force_zip64=True) as entry,
    ):
        for _ in range(size >> 20):
            entry.write(bytes(1 << 20))
    return buffer.getvalue()


def npy(shape, dtype="<f8"):
    """Return the header of an array without its numbers."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


def nest(depth):
    return {"schema.json": '{"a":' * depth + "1" + "}" * depth}


MALICIOUS = {
    "references that double": (lambda: schema(double("list", 60)), "describes more than 500,000 objects"),
    "references that double, in tuples": (lambda: schema(double("tuple", 60)), "more than 500,000 objects"),
    "references that double, in a set": (
        lambda: schema(node("set", [double("tuple", 60)])),
        "more than 500,000 objects",
    ),
    "references that double, one after the other": (lambda: schema(double_flat(60)), "more than 500,000 objects"),
    "references before their node": (
        lambda: schema(node("list", [{"__id__": 40}, {"__id__": 40}, double("list", 60)])),
        "more than 500,000 objects",
    ),
    "references among attributes": (
        lambda: schema(
            node(
                "FunctionTransformer",
                node("dict", {"kw_args": double("list", 60)}, key_types=node("list", [])),
                loader="ObjectNode",
            )
            | {"__module__": "sklearn.preprocessing._function_transformer"}
        ),
        "more than 500,000 objects",
    ),
    "deep nesting": (lambda: nest(190 * 100), "nested"),
    "nesting below the limit of Python": (lambda: nest(300), "nested more than 200 deep"),
    "endless reference": (lambda: schema(node("list", [{"__id__": 1}], 1)), "can't be rebuilt|holds a list"),
    "zeros": (lambda: {**schema(array()), "a.npy": 1_100_000_000}, "unpack to 1,100,0.* bytes, more than"),
    "zeros that nothing uses": (lambda: {**schema(node("list", [])), "a": 1_100_000_000}, "unpack to"),
    "zeros in many entries": (
        lambda: {**schema(array()), **dict.fromkeys(map(str, range(60)), 20_000_000)},
        "unpack to",
    ),
    "one entry used often": (
        lambda: {**schema(node("list", [array()] * 1000)), "a.npy": npy(2_000_000) + bytes(16_000_000)},
        "its arrays have 16,0.* bytes, more than 1,073,741,824",
    ),
    "archive in the archive": (
        lambda: {**schema(sparse("a.npz")), "a.npz": zip_of_zeros(1_100_000_000)},
        "unpack to 1,09.* bytes",
    ),
    "archives in the archive": (
        lambda: {
            **schema(node("list", [sparse(f"{n}.npz") for n in range(60)])),
            **dict.fromkeys([f"{n}.npz" for n in range(60)], zip_of_zeros(20 << 20)),
        },
        "its arrays have",
    ),
    "long description": (lambda: {"schema.json": "[" + " " * 70_000_000 + "]"}, "description has 70,000,002 bytes"),
    "many items": (lambda: {"schema.json": "[" + "[]," * 20_000_000 + "[]]"}, "description has more than 3,000,000"),
    "many nodes": (lambda: schema(node("list", [node("list", [])] * 600_000)), "description has more than|objects"),
    "missing numbers": (lambda: {**schema(array()), "a.npy": npy((10**11,))}, "can't be rebuilt"),
    "negative shape": (lambda: {**schema(array()), "a.npy": npy((-1,))}, "can't be rebuilt"),
    "objects in an array": (lambda: {**schema(array()), "a.npy": npy((1,), "|O") + b"(."}, "can't be rebuilt"),
    "missing entry": (lambda: schema(array()), "skops can't read it"),
    "no nodes": (lambda: {"schema.json": "[1, 2]"}, "skops can't read it"),
    "no JSON": (lambda: {"schema.json": "{"}, "not a model of this package"),
}

LOAD = """
import resource
import skops.io, scipy.sparse
from sklearn_melanoma.persistence import load_model

def run(path, megabytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (megabytes << 20),) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    try:
        load_model(path)
    except (ValueError, OSError) as error:
        return str(error)
    return ""
"""
needs_limits = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system can't limit memory")


@pytest.fixture(scope="module")
def load_in_process():
    """Return a function that returns the error of `load_model` in a process with limited memory and time."""
    with fork_processes(LOAD) as run:
        yield lambda path, megabytes=1000: run(str(path), megabytes)


@needs_limits
@pytest.mark.parametrize("name", MALICIOUS)
def test_malicious_file_ends_in_one_error(load_in_process, path, name):
    make_entries, reason = MALICIOUS[name]
    write_file(path, make_entries())
    message = load_in_process(path)
    assert message.startswith(f"{str(path)!r} ")
    assert re.search(reason, message), message


@needs_limits
def test_file_of_900_bytes_does_not_hang(load_in_process, path):
    write_file(path, schema(double("list", 25)))
    assert path.stat().st_size < 1200
    assert "more than 500,000 objects" in load_in_process(path, 300)


@needs_limits
def test_many_entries_are_not_listed(load_in_process, path):
    write_file(path, {**schema(node("list", [])), **dict.fromkeys(map(str, range(100_001)), b"")}, kind=ZIP_STORED)
    assert "it has more than 100,000 entries" in load_in_process(path, 300)


@needs_limits
def test_entries_of_other_compressions_are_refused(load_in_process, path):
    write_file(path, {**schema(array()), "a.npy": npy(1) + bytes(8)}, kind=ZIP_LZMA)
    assert "is neither stored nor deflated" in load_in_process(path, 300)


@needs_limits
def test_information_is_limited(path):
    write_file(path, {"schema.json": "{}"}, summary={"a": [[]] * 2_000_000})
    for read in (load_model, read_model_info):
        with pytest.raises(ValueError, match="is not a model of this package: its first entry can't be read"):
            read(path)


def test_shared_objects_within_limits_are_loaded(path, model):
    shared = FunctionTransformer(kw_args={"rows": [[1, 2], [3]]})
    union = FeatureUnion([("a", shared), ("b", shared)])
    archive = skops.io.dumps(Pipeline([("union", union), ("classify", model)]))
    _file.write_model_file(path, json.dumps(INFO), archive)
    again = load_model(path)["union"]
    assert again.transformer_list[0][1] is again.transformer_list[1][1]


@pytest.mark.parametrize(
    "limit", ["MAX_NODES", "MAX_TEXT_BYTES", "MAX_TEXT_ITEMS", "MAX_ENTRIES", "MAX_UNPACKED_BYTES"]
)
def test_save_refuses_what_load_refuses(path, model, monkeypatch, limit):
    save_model(model, path)
    before = path.read_bytes()
    monkeypatch.setattr(_archive, limit, 3)
    with pytest.raises(ValueError, match="model must fit into a file that load_model accepts, but it"):
        save_model(model, path)
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match=f"'{path}' is not a model of this package: it"):
        load_model(path)


def test_large_file_is_not_read(path, monkeypatch):
    with open(path, "wb") as file:
        file.truncate(2**30 + 1)  # a sparse file, which takes no space
    for read in (load_model, read_model_info):
        with pytest.raises(OSError, match="has 1,073,741,825 bytes, more than 1,073,741,824"):
            read(path)


# Paths that are not files


@pytest.fixture
def special_paths(tmp_path):
    """Return paths of pipes, devices and folders, and of links to them."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    found = [tmp_path / "pipe", os.devnull, "/dev/zero", tmp_path / "folder", f"{tmp_path}/folder/", tmp_path]
    for number, place in enumerate(list(found)):
        link = tmp_path / f"link {number}"
        link.symlink_to(place)
        found.append(link)
    return found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_devices_and_folders_are_neither_written_nor_read(special_paths, model):
    for path in special_paths:
        before = os.lstat(path)
        with pytest.raises(OSError, match=r"could not write '.*': it is .*\. (Pass the path|Add the name) of a file"):
            save_model(model, path)
        assert os.lstat(path)[:2] == before[:2]
        for read in (load_model, read_model_info):
            with pytest.raises(OSError, match="could not open '"):
                read(path)


def test_circle_of_links_is_refused(tmp_path, model):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="symbolic links"):
        save_model(model, tmp_path / "a")
    assert (tmp_path / "a").is_symlink()
    with pytest.raises(ValueError, match="null"):
        save_model(model, str(tmp_path / "a\0b"))
    with pytest.raises(OSError, match="it is not the path of a file"):
        save_model(model, "")


@pytest.mark.parametrize("exists", [True, False])
def test_link_stays_and_its_target_is_written(tmp_path, model, exists):
    store = tmp_path / "store"
    store.mkdir()
    if exists:
        (store / "model 1").write_bytes(b"old")
    (tmp_path / "middle").symlink_to(store / "model 1")
    (tmp_path / "latest").symlink_to("middle")
    save_model(model, tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert not (store / "model 1").is_symlink()
    assert type(load_model(store / "model 1")) is type(model)
    assert [file.name for file in store.iterdir()] == ["model 1"]


def test_permissions_of_an_existing_file_stay(path, model):
    path.touch()
    path.chmod(0o600)
    save_model(model, path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    save_model(model, path)
    other = path.with_name("other")
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


@pytest.mark.parametrize("name", ["m" * 255, "ü" * 127, "m" * 249 + ".skops", "-rf", "new\nline", "痣 😀.skops"])
def test_any_name_of_a_file(tmp_path, model, name, monkeypatch):
    save_model(model, tmp_path / name)
    assert os.listdir(tmp_path) == [name]
    load_model(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    save_model(model, name)
    load_model(os.fsencode(name).decode())


def test_errors_name_the_path_of_the_user(tmp_path, model):
    with pytest.raises(OSError, match=f"{'m' * 256}"):
        save_model(model, tmp_path / ("m" * 256))
    with pytest.raises(FileNotFoundError, match="gone/model'"):
        save_model(model, tmp_path / "gone" / "model")
    assert os.listdir(tmp_path) == []


def test_partial_file_does_not_follow_links(path, model, monkeypatch, tmp_path):
    monkeypatch.setattr(_file.secrets, "token_hex", lambda size: "known")
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / ".known.partial").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        save_model(model, path)
    assert (tmp_path / "victim").read_bytes() == b"precious"


# Folders of caches


def test_loaded_model_has_no_memory(path, tmp_path):
    lesions = make_lesions(4, image_size=(48, 64), random_state=0)
    steps = [("segment", WatershedSegmenter()), ("measure", MorphologyFeatures("survey"))]
    images = ImagePipeline(steps, memory=str(tmp_path / "rows"))
    inner = Pipeline([("scale", StandardScaler())], memory=str(tmp_path / "steps"))
    holder = FunctionTransformer(kw_args={"a": [inner], "b": (inner, {"c": inner})})
    holder.extra_ = np.array([Pipeline([("inner", inner)], memory="here"), None], dtype=object)
    union = FeatureUnion([("images", images), ("holder", holder)])
    model = Pipeline([("union", union), ("last", LogisticRegression())], memory=str(tmp_path / "top"))
    with_memory = skops.io.dumps(model)  # as another program could write it
    _file.write_model_file(path, json.dumps(INFO), with_memory)
    again = load_model(path)
    found = dict(again["union"].transformer_list)
    loaded = [again, found["images"], found["holder"].kw_args["a"][0], found["holder"].kw_args["b"][1]["c"]]
    loaded += [found["holder"].extra_[0], found["holder"].extra_[0]["inner"]]
    assert [step.memory for step in loaded] == [None] * 6
    found["images"].transform(lesions.images)
    assert not (tmp_path / "rows").exists()
