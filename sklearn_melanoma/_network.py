"""Networks in ONNX files, run by onnxruntime on the CPU."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from functools import lru_cache
from importlib import import_module
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sklearn_melanoma._typing import PathLike

# Types of the input. Networks with bytes as input scale the levels themselves.
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}

# Largest number of open networks. A session takes as much memory as its file. Few pipelines have more networks.
_MAX_OPEN = 4

# The entry of a tensor that names the file with its values: field 13 of TensorProto, with the key "location". The
# format is that of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
_LOCATION = re.compile(rb"j.{1,3}?\n\x08location\x12([\x01-\x7f]|[\x80-\xff][\x01-\x7f])", re.DOTALL)

_NO_NETWORK = "It is not an ONNX file, or it is damaged. Export the network again."

# Advice for errors of onnxruntime, by a part of its message.
_ADVICE = {
    "Protobuf parsing failed": _NO_NETWORK,
    "No graph was found": _NO_NETWORK,
    "does not have a graph": _NO_NETWORK,
    "IR version": "Update onnxruntime, or save the network for an older version.",
    "opset": "Update onnxruntime, or export with a lower opset_version.",
    "No Op registered": "Update onnxruntime, or export with the operators of ONNX only.",
    "not a registered": "Export it with the operators of ONNX only. Others are missing here.",
    "Could not find an implementation": "Export it for the CPU, in float32.",
    "xternal": "Its weights are in another file. Put the complete file into the same folder.",
}


class Scaling(NamedTuple):
    """Size and levels of the input: an image with levels 0 to 1 is resized, and becomes ``(image - mean) / std``.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    mean, std : ndarray of shape (3,), dtype float32
        One number for red, green and blue.
    """

    height: int
    width: int
    mean: NDArray[np.float32]
    std: NDArray[np.float32]


class Network:
    """Network of an ONNX file that takes one RGB image. It runs in one thread.

    Parameters
    ----------
    path : str
        The file.
    digest : str
        SHA-256 of the file, and of the files with its weights.

    Attributes
    ----------
    channels_last : bool
        Whether the input has the shape (batch, height, width, 3), rather than (batch, 3, height, width).
    size : tuple of (int or None)
        Height and width of the input; None if the network takes any size.
    outputs : list of str
        Names of the outputs.

    Raises
    ------
    ValueError
        If onnxruntime can't run the network on the CPU, or its input is not one RGB image.
    ImportError
        If onnxruntime is not installed.
    """

    def __init__(self, path: str, digest: str):
        self.path = path
        self.digest = digest
        self._session = _start_session(path)
        self.outputs = [output.name for output in self._session.get_outputs()]
        self._read_input()
        self._described: dict[tuple[str, int, int], NDArray[Any]] = {}

    def _read_input(self) -> None:
        inputs = self._session.get_inputs()
        described = ", ".join(f"{each.name!r} {each.type} {each.shape}" for each in inputs)
        shape = inputs[0].shape if inputs else []
        if len(inputs) != 1 or len(shape) != 4 or inputs[0].type not in _DTYPES:
            raise ValueError(
                "path must lead to a network with one input: images of shape (batch, 3, height, width) or (batch, "
                f"height, width, 3), as float32, float16, float64 or uint8. {self.path!r} has {described or 'none'}. "
                "Export it with such an input."
            )
        # Operators of ONNX have the channels first. This is assumed if the shape does not tell.
        self.channels_last = shape[1] != 3 and shape[3] == 3
        batch, *rest = (length if isinstance(length, int) else None for length in shape)
        channels = rest.pop(2 if self.channels_last else 0)
        if channels not in (3, None):
            raise ValueError(
                f"path must lead to a network whose input has 3 channels, red, green and blue. {self.path!r} has "
                f"{described}. Export it with such an input."
            )
        self._input, self._dtype = inputs[0].name, _DTYPES[inputs[0].type]
        self._batch = batch or 1
        self.size = rest[0] or None, rest[1] or None

    def find_size(self, size: tuple[int, int] | None) -> tuple[int, int]:
        """Return height and width of the input: those of the network, or `size` if the network takes any.

        Raises
        ------
        ValueError
            If the network has another size, or takes any size and `size` is None.
        """
        height, width = self.size
        if size is None:
            if height is None or width is None:
                raise ValueError(
                    f"size must be given, because {self.path!r} takes images of any size. Pass the size of its "
                    "training images, such as size=256."
                )
            return height, width
        if height not in (None, size[0]) or width not in (None, size[1]):
            raise ValueError(
                f"size must be that of the network, got {size} for {self.path!r}, which takes images of height "
                f"{height or 'any'} and width {width or 'any'}. Leave size out, or export the network for this size."
            )
        return size

    def find_output(self, output: str | int | None) -> str:
        """Return the name of an output, given by its name or position, or None for the first.

        Raises
        ------
        ValueError
            If there is no such output.
        """
        if output in self.outputs:
            return str(output)
        if output is None or (isinstance(output, Integral) and 0 <= output < len(self.outputs)):
            return self.outputs[output or 0]
        raise ValueError(
            f"output must be one of the outputs of {self.path!r}, {', '.join(map(repr, self.outputs))}, or the "
            f"position of one, got {output!r}."
        )

    def describe_output(self, name: str, height: int, width: int) -> NDArray[Any]:
        """Return an output for a black image, which shows its shape and dtype; computed once.

        Raises
        ------
        ValueError
            If the network fails on images of this size.
        """
        known = self._described.get((name, height, width))
        if known is None:
            try:
                black = np.zeros((1, height, width, 3), dtype=self._dtype)
            except (MemoryError, ValueError):  # NumPy raises ValueError if an array exceeds any memory
                raise ValueError(
                    f"size must be that of an image that fits into memory, got {(height, width)}. Use the size of the "
                    "training images."
                ) from None
            known = self._described[name, height, width] = self._run(black, name)
        return known

    def run(self, image: NDArray[np.uint8], scaling: Scaling, name: str) -> NDArray[Any]:
        """Return one output for one image.

        Parameters
        ----------
        image : ndarray of shape (height, width, 3), dtype uint8
            RGB image of any size.
        scaling : Scaling
            Size and levels of the input.
        name : str
            Name of the output.

        Returns
        -------
        ndarray
            The output without its first axis; channels are last if the network has them last.

        Raises
        ------
        ValueError
            If the network fails, or its input or output holds NaN or infinite numbers.
        """
        resized = Image.fromarray(image).resize((scaling.width, scaling.height), Image.Resampling.BILINEAR)
        levels = np.asarray(resized)
        if self._dtype != np.uint8:
            with np.errstate(over="ignore"):  # an infinite level raises an error below
                levels = ((levels / np.float32(255) - scaling.mean) / scaling.std).astype(self._dtype)
            if not np.isfinite(levels).all():
                raise ValueError(
                    f"mean and std must give levels that {levels.dtype} can hold, got infinite ones. Pass those that "
                    f"{self.path!r} was trained with."
                )
        output = self._run(levels[np.newaxis], name)
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            wrong = np.count_nonzero(~np.isfinite(output))
            raise ValueError(
                f"output must hold finite numbers, got {wrong} of {output.size} that are NaN or infinite in {name!r} "
                f"of {self.path!r}. Check mean and std, or export the network in float32."
            )
        return output

    def _run(self, levels: NDArray[Any], name: str) -> NDArray[Any]:
        feed = levels if self.channels_last else np.ascontiguousarray(levels.transpose(0, 3, 1, 2))
        # Larger batches are not faster in one thread. A batch of fixed size is filled with the same image, so that the
        # result does not depend on other images.
        feed = np.repeat(feed, self._batch, axis=0)
        try:
            output = np.asarray(self._session.run([name], {self._input: feed})[0])
        except Exception as error:
            raise ValueError(
                f"size must be one that the network takes: {self.path!r} failed on an input of shape {feed.shape} "
                f"({_shorten(error)}). Use the size of its training images."
            ) from error
        if output.ndim == 0 or len(output) != self._batch:
            raise ValueError(
                f"output must have one part for each image of the batch, got the shape {output.shape} for a batch of "
                f"{self._batch} in {name!r} of {self.path!r}. Choose another output, or export one of this form."
            )
        return output[0]


def open_network(path: PathLike) -> Network:
    """Return the network of an ONNX file. An open network is used again if its file has not changed.

    Parameters
    ----------
    path : path
        Local path of the file. Files with its weights are in the same folder.

    Returns
    -------
    Network
        The network.

    Raises
    ------
    FileNotFoundError
        If the file, or one with its weights, does not exist.
    ValueError
        If it is not a file, or holds no network that onnxruntime can run on the CPU.
    ImportError
        If onnxruntime is not installed.
    """
    name = os.path.abspath(os.fspath(path))
    stamp = _stamp(name, f"path must lead to an ONNX file, got {os.fspath(path)!r}")
    weights = _find_weights(name, stamp)
    missing = f"{os.fspath(path)!r} has its weights in another file of its folder"
    return _open_files((name, *weights), (stamp, *(_stamp(file, missing) for file in weights)))


def get_runtime_version() -> str:
    """Return the version of onnxruntime."""
    return str(_import_runtime().__version__)


@lru_cache(maxsize=_MAX_OPEN)
def _open_files(files: tuple[str, ...], stamps: tuple[Any, ...]) -> Network:
    """Return the network of a file and of the files with its weights. Another stamp means another content."""
    digest = hashlib.sha256()
    for name in files:
        with open(name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Network(files[0], digest.hexdigest())


@lru_cache(maxsize=64)
def _find_weights(path: str, stamp: Any) -> tuple[str, ...]:
    """Return the files in which the tensors of a network have their values."""
    with open(path, "rb") as file:
        content = file.read()
    names = set()
    for found in _LOCATION.finditer(content):
        low, *high = found[1]
        length = (low & 0x7F) + 128 * (high[0] if high else 0)
        names.add(content[found.end() : found.end() + length])
    return tuple(os.path.join(os.path.dirname(path), os.fsdecode(name)) for name in sorted(names))


def _stamp(path: str, rule: str) -> tuple[int, ...]:
    """Return size, time of change and number of a file; raise an error with the rule if it does not exist."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"{rule}, but {path!r} does not exist. Set `path` to the place of the file, also in a loaded model."
        ) from None
    except ValueError:  # a null character
        raise ValueError(f"{rule}, which can't be a path. Check the path.") from None
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{rule}, which is a folder or a device. Pass the file in it.")
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _import_runtime() -> Any:
    try:
        return import_module("onnxruntime")
    except ImportError as error:
        raise ImportError(
            "Networks in ONNX files need onnxruntime. Install it with: pip install 'sklearn-melanoma[onnx]'"
        ) from error


def _start_session(path: str) -> Any:
    runtime = _import_runtime()
    options = runtime.SessionOptions()
    # `n_jobs` runs images in parallel. More threads would compete with it.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors are raised, so the log would show them twice
    try:
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = _shorten(error)
        advice = next((advice for part, advice in _ADVICE.items() if part in reason), "Export the network again.")
        raise ValueError(
            f"path must lead to an ONNX network that onnxruntime {runtime.__version__} can run on the CPU, got "
            f"{path!r} ({reason}). {advice}"
        ) from error


def _shorten(error: Exception) -> str:
    """Return the message of onnxruntime without its code, its source files and line breaks."""
    message = " ".join(str(error).split())
    message = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .+? failed: ?", "", message)
    return re.sub(r"\S+\.(cc|h):\d+ .*?\) ?(?=[A-Z])", "", message).strip().rstrip(".")
