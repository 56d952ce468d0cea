"""What a row depends on, in few bytes: what an image shows, the steps with all that they learned, and versions."""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from inspect import unwrap
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image

from sklearn_melanoma._io.files import is_url
from sklearn_melanoma._lesion import Lesion

#: Parameters that change how rows are made, and not what is in them.
IRRELEVANT = frozenset({"n_jobs", "verbose", "batch_size", "on_error", "memory"})

# What scikit-learn leaves in an estimator that is neither parameter nor learned.
_BOOKKEEPING = frozenset({"_sklearn_output_config", "_metadata_request", "_transformers_feature_names_out"})

_VERSIONED = ("sklearn_melanoma", "sklearn", "skimage", "scipy", "numpy", "PIL")

# SHA-256 has instructions of its own on processors of the last years: half the time of BLAKE2b.
_hash = hashlib.sha256
_SIZE = 16  # bytes of a digest that are kept: 10^12 images or pipelines collide with a chance of 10^-15


def versions() -> str:
    """Return the versions of all that takes part in a row; another processor may round the last digit otherwise."""
    return repr([platform.machine(), *(getattr(sys.modules.get(name), "__version__", None) for name in _VERSIONED)])


def digest_steps(steps: Sequence[Any], before: bytes = b"") -> bytes:
    """Return a digest of estimators: classes, parameters that matter and everything learned, and of the versions.

    Parameters
    ----------
    steps : sequence of estimator
        In the order in which an image passes them.
    before : bytes
        Digest of the steps before these.

    Returns
    -------
    bytes
        The same for equal steps in any process.

    Raises
    ------
    Exception
        If a step holds something that can't be pickled.
    """
    digest = _hash(before + versions().encode())
    _Describer(SimpleNamespace(write=digest.update)).dump(list(steps))
    return digest.digest()[:_SIZE]


class _Describer(pickle.Pickler):
    """Pickles equal things to equal bytes, whatever objects they share; not to be loaded again."""

    def __init__(self, file: Any):
        super().__init__(file, protocol=5)
        self.fast = True  # without it, the second mention of an object is a reference to the first

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, type | FunctionType):
            if thing.__module__ == "builtins":
                return NotImplemented
            return tuple, (tuple(_describe_code(thing)),)
        if isinstance(thing, np.ndarray) and not thing.dtype.hasobject:
            return tuple, ((thing.dtype.str, thing.shape, thing.tobytes()),)
        if hasattr(thing, "get_params"):
            state = {name: value for name, value in vars(thing).items() if _matters(name)}
            return tuple, ((type(thing), sorted(state.items())),)
        return NotImplemented


def _matters(name: str) -> bool:
    return name not in IRRELEVANT and name not in _BOOKKEEPING and "callback" not in name


def _describe_code(thing: Any) -> Iterator[Any]:
    """Give the name of a class or function and the version of its package; where there is none, its code."""
    yield from (thing.__module__, thing.__qualname__)
    package = str(thing.__module__).partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", None)
    if "<" not in thing.__qualname__ and (version is not None or package in sys.stdlib_module_names):
        yield version
    elif isinstance(thing, FunctionType):
        yield from (_plain_code(thing.__code__), thing.__defaults__, thing.__kwdefaults__)
        yield [cell.cell_contents for cell in thing.__closure__ or ()]
    else:
        yield thing.__bases__
        members = [(name, _function_of(member)) for name, member in vars(thing).items()]
        yield [(name, _plain_code(member.__code__)) for name, member in members if isinstance(member, FunctionType)]


def _function_of(member: Any) -> Any:
    """Return the function that was written, below decorators and what scikit-learn wraps around `transform`."""
    return unwrap(getattr(member, "__func__", getattr(member, "fget", member)))


def _plain_code(code: CodeType) -> Any:
    """Return what a function does, without the file and the line that it is in."""
    return code.co_code, code.co_names, code.co_varnames, [_plain_constant(constant) for constant in code.co_consts]


def _plain_constant(constant: Any) -> Any:
    if isinstance(constant, CodeType):
        return _plain_code(constant)
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)


class Stamp(NamedTuple):
    """What changes when a file is written to."""

    size: int
    modified: int  # ns
    changed: int  # ns; of the directory entry: also when the time of modification is set back


def stamp_file(path: str) -> Stamp | None:
    """Return the stamp of a file, None where there is no regular one: reading might never end."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest_file(path: str) -> bytes:
    """Return a digest of the bytes of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _hash).digest()[:_SIZE]


class ImageName(NamedTuple):
    """Identity of an image: the path of its file, or a digest of its pixels; both None where it has none."""

    path: str | None
    digest: bytes | None

    def key(self, digests: Mapping[str, bytes]) -> bytes | None:
        """Return the digest of the image's content, None where it has none; `digests` are those of files."""
        return self.digest if self.path is None else digests.get(self.path)


def name_image(image: Any) -> ImageName:
    """Return the identity of an image; files are not opened, pixels are read."""
    try:
        if is_url(image):
            return ImageName(None, None)  # fetching it to check whether it changed costs as much as reading it
        if isinstance(image, str | os.PathLike):
            path = image if type(image) is str else str(os.fsdecode(image))
            return ImageName(path if path.startswith(os.sep) else os.path.abspath(path), None)
        return ImageName(None, _digest_pixels(image))
    except Exception:  # not an image: its reader raises the error
        return ImageName(None, None)


def _digest_pixels(image: Any) -> bytes | None:
    if image is None:
        return None
    if isinstance(image, Lesion):
        arrays = [_digest_pixels(array) or b"" for array in (image.image, image.mask, image.probability)]
        lesion = (image.scale, image.mm_per_pixel, image.source_shape)
        return _digest(b"lesion", *arrays, repr(lesion).encode())
    if isinstance(image, Image.Image):
        image.load()
        palette = image.palette and image.palette.getdata()
        upright = image.getexif().get(ExifTags.Base.Orientation)
        picture = (image.mode, image.size, palette, image.info.get("transparency"), upright)
        return _digest(b"picture", image.tobytes(), repr(picture).encode())
    array = np.ascontiguousarray(image)
    if array.dtype.hasobject:
        return None
    return _digest(b"array", repr((array.dtype.str, np.shape(image))).encode(), array.data)


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = _hash()
    for part in parts:
        digest.update(b"%d:" % memoryview(part).nbytes)  # so that no two sequences of parts look alike
        digest.update(part)
    return digest.digest()[:_SIZE]
