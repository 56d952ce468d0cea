"""Cache keys: digests of images, of steps with their learned state, and of versions."""

from __future__ import annotations

import builtins
import hashlib
import os
import pickle
import platform
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image

from sklearn_melanoma._io.decoding import MAX_BYTES
from sklearn_melanoma._io.files import is_url
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.pipeline._memory.code import describe_code

#: Parameters that change how rows are computed, but not their values.
IGNORED_PARAMETERS = frozenset({"n_jobs", "verbose", "batch_size", "on_error", "memory"})

# Attributes that scikit-learn sets; they are neither parameters nor learned.
_BOOKKEEPING = frozenset({"_sklearn_output_config", "_metadata_request", "_transformers_feature_names_out"})

_VERSIONED = ("sklearn_melanoma", "sklearn", "skimage", "scipy", "numpy", "PIL")

# Recent processors have instructions for SHA-256, so it takes half the time of BLAKE2b.
_hash = hashlib.sha256
_SIZE = 16  # bytes of a key: 10^12 images or pipelines collide with a probability of 10^-15


def versions() -> str:
    """Return the versions and the kind of processor that a row depends on. Processors may differ in the last digit."""
    return repr([platform.machine(), *(getattr(sys.modules.get(name), "__version__", None) for name in _VERSIONED)])


def digest_steps(steps: Sequence[Any], before: bytes = b"") -> bytes:
    """Compute the cache key of steps, from their classes, parameters and learned state, and from versions.

    Parameters
    ----------
    steps : sequence of estimator
        Steps, in the order in which an image passes them.
    before : bytes
        Cache key of the previous steps.

    Returns
    -------
    bytes
        The cache key. Equal steps have the same key in every process.

    Raises
    ------
    Exception
        If a step holds something that can't be pickled.
    """
    digest = _hash(before + versions().encode())
    pickler = _DigestPickler(digest.update, _Code())
    pickler.dump(list(steps))
    for value in pickler.code:  # a description can add more code to the end
        pickler.dump(describe_code(value, pickler.digest, pickler.digest_or_type))
    return digest.digest()[:_SIZE]


class _Code(list[Any]):
    """Classes and functions that a key depends on, in the order of their first appearance."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[int, int] = {}

    def number(self, value: Any) -> int:
        """Return the position of a class or function; append it if it is new."""
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self)
            self.append(value)
        return self._numbers[id(value)]


class _DigestPickler(pickle.Pickler):
    """Pickler that writes equal objects as equal bytes. Its output can't be loaded.

    Parameters
    ----------
    write : callable
        Takes the output.
    code : _Code
        Gets the classes and functions of the pickled objects, which are written as their positions.
    """

    def __init__(self, write: Callable[[bytes], Any], code: _Code):
        super().__init__(SimpleNamespace(write=write), protocol=5)
        self.fast = True  # otherwise, a repeated object is written as a reference to its first occurrence
        self.code = code

    def digest(self, value: Any) -> bytes:
        """Return the digest of a value alone."""
        digest = _hash()
        _DigestPickler(digest.update, self.code).dump(value)
        return digest.digest()[:_SIZE]

    def digest_or_type(self, value: Any) -> bytes:
        """Return the digest of a value, or of its type if the value can't be pickled."""
        try:
            return self.digest(value)
        except Exception:
            return self.digest(type(value))

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type | FunctionType):
            if vars(builtins).get(value.__qualname__) is value:  # as `tuple`
                return NotImplemented
            return tuple, (("code", self.code.number(value)),)
        if hasattr(type(value), "cache_info"):  # a function that `functools.cache` decorates
            return tuple, (("cached", value.__wrapped__),)
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return tuple, ((value.dtype.str, value.shape, value.tobytes()),)
        if hasattr(value, "get_params"):
            state = {name: attribute for name, attribute in vars(value).items() if _affects_rows(name)}
            state |= getattr(value, "_get_cached_state", dict)()  # state of a step that uses a file
            return tuple, ((type(value), sorted(state.items())),)
        return NotImplemented


def _affects_rows(name: str) -> bool:
    return name not in IGNORED_PARAMETERS and name not in _BOOKKEEPING and "callback" not in name


class FileStamp(NamedTuple):
    """Size and times of a file. They change when the file is written."""

    size: int
    modified: int  # ns
    changed: int  # ns; time of the directory entry, which also changes when the time of modification is set back


def stamp_file(path: str) -> FileStamp | None:
    """Return the stamp of a file, or None if its reader would raise an error.

    Reading a pipe might never end, and a digest of a file of terabytes would take hours.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        return None
    return FileStamp(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def digest_file(path: str) -> bytes:
    """Compute the image key of a file from its bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, _hash).digest()[:_SIZE]


class ImageIdentity(NamedTuple):
    """Path of an image file, or digest of the pixels of another image. Both are None if it can't be cached."""

    path: str | None
    digest: bytes | None

    def get_key(self, digests: Mapping[str, bytes]) -> bytes | None:
        """Return the image key, or None if the image can't be cached. `digests` holds the digests of files."""
        return self.digest if self.path is None else digests.get(self.path)


def identify_image(image: Any) -> ImageIdentity:
    """Return the identity of an image. Files are not opened; pixels are read."""
    try:
        if is_url(image):
            return ImageIdentity(None, None)  # a check for changes costs as much as reading it
        if isinstance(image, str | os.PathLike):
            path = image if type(image) is str else str(os.fsdecode(image))
            return ImageIdentity(path if path.startswith(os.sep) else os.path.abspath(path), None)
        return ImageIdentity(None, _digest_pixels(image))
    except Exception:  # not an image: its reader raises the error
        return ImageIdentity(None, None)


def _digest_pixels(image: Any) -> bytes | None:
    if image is None:
        return None
    if isinstance(image, Lesion):
        arrays = [_digest_pixels(array) or b"" for array in (image.image, image.mask, image.probability)]
        scales = (image.scale, image.mm_per_pixel, image.source_shape)
        return _digest(b"lesion", *arrays, repr(scales).encode())
    if isinstance(image, Image.Image):
        image.load()
        palette = image.palette and image.palette.getdata()
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        properties = (image.mode, image.size, palette, image.info.get("transparency"), orientation)
        return _digest(b"picture", image.tobytes(), repr(properties).encode())
    array = np.ascontiguousarray(image)
    if array.dtype.hasobject:
        return None
    return _digest(b"array", repr((array.dtype.str, np.shape(image))).encode(), array.data)


def _digest(*parts: bytes | memoryview) -> bytes:
    digest = _hash()
    for part in parts:
        digest.update(b"%d:" % memoryview(part).nbytes)  # the lengths make different sequences of parts distinct
        digest.update(part)
    return digest.digest()[:_SIZE]
