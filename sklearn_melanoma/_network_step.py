"""Mixin of the image steps that run a network from an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._network import Network, Scaling, get_runtime_version, open_network
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation import check_images

#: Mean and standard deviation of the levels (0 to 1) of ImageNet. Most pretrained networks were trained with them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class NetworkStep:
    """Mixin of the image steps that run a network from an ONNX file; the file is opened when it is first used.

    The network itself is not an attribute, so a step is pickled and saved with its path and digest only.
    """

    _network_constraints: ClassVar[dict[str, list[Any]]] = {
        "path": [str, os.PathLike],
        "size": [Interval(Integral, 1, None, closed="left"), list, tuple, None],
        "mean": [Interval(Real, None, None, closed="neither"), list, tuple, np.ndarray],
        "std": [Interval(Real, 0, None, closed="neither"), list, tuple, np.ndarray],
        "output": [str, Interval(Integral, 0, None, closed="left"), None],
    }

    path: PathLike
    size: int | tuple[int, int] | None
    mean: float | Sequence[float]
    std: float | Sequence[float]

    @one_task
    def fit(self, X: Any, y: Any = None) -> Self:
        """Open the network, check that it fits the parameters, and record its digest; nothing is learned.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions. The images are not read.
        y : None
            Ignored.

        Returns
        -------
        self
            The step itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range. If onnxruntime can't run the file on the CPU. If the input or the output
            of the network has a wrong shape.
        TypeError
            If `X` is not a sequence of images.
        OSError
            If the file, or one with its weights, does not exist or can't be read.
        ImportError
            If onnxruntime is not installed.
        """
        vars(self).pop("digest_", None)
        self._check_parameters()
        check_images(X)
        self.digest_ = self._open_network().digest
        return self

    def _check_parameters(self) -> None:
        # Before any image is read, since these errors are not about an image.
        super()._check_parameters()  # type: ignore[misc]  # of the image step
        self._check_network()

    def _check_network(self) -> None:
        """Raise an error if the network does not fit the parameters."""
        raise NotImplementedError

    def _open_network(self) -> Network:
        """Return the network; raise an error if its file has changed since `fit`."""
        network = open_network(self.path)
        seen = getattr(self, "digest_", network.digest)
        if network.digest != seen:
            raise ValueError(
                f"path must lead to the network that fit saw, got {os.fspath(self.path)!r} with other content (SHA-256 "
                f"{network.digest[:12]}…, not {seen[:12]}…). Restore the file, or call fit again."
            )
        return network

    def _make_scaling(self, network: Network) -> Scaling:
        """Return size and levels of the input; raise an error if a parameter is invalid."""
        mean, std = _make_levels(self.mean, "mean"), _make_levels(self.std, "std")
        if not (std > 0).all():
            raise ValueError(f"std must hold numbers above 0, got {self.std!r}.")
        return Scaling(*network.find_size(_make_size(self.size)), mean, std)

    def _get_cached_state(self) -> dict[str, Any]:
        """Return attributes with the values that the cache of rows uses: the content of the file, not its path."""
        return {"path": (self._open_network().digest, get_runtime_version()), "digest_": None}


def _make_size(size: Any) -> tuple[int, int] | None:
    """Return height and width; None stays None."""
    if size is None or isinstance(size, Integral):
        return None if size is None else (int(size), int(size))
    if len(size) != 2 or not all(isinstance(length, Integral) and int(length) > 0 for length in size):
        raise ValueError(f"size must be one number of pixels, (height, width) or None, got {size!r}.")
    return int(size[0]), int(size[1])


def _make_levels(values: Any, name: str) -> NDArray[np.float32]:
    """Return one number for each of red, green and blue."""
    try:
        with np.errstate(over="ignore"):  # infinite numbers raise an error below
            levels = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        levels = np.empty(0, dtype=np.float32)
    if levels.shape not in ((), (3,)) or not np.isfinite(levels).all():
        raise ValueError(f"{name} must be one number, or three for red, green and blue, got {values!r}.")
    return np.broadcast_to(levels, 3)
