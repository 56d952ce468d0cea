"""Transformer that encodes lesions by a network from an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._base import N_JOBS, FeatureTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._network_step import IMAGENET_MEAN, IMAGENET_STD, NetworkStep
from sklearn_melanoma._sklearn_compat import StrOptions
from sklearn_melanoma._typing import Array, PathLike

# Skin on each side of the lesion, as a fraction of the longest side of its bounding box. Networks use the border and
# the skin beside it.
_MARGIN = 0.2


class NetworkEncoder(NetworkStep, FeatureTransformer):
    """Describe lesions by the output of a neural network from an ONNX file.

    You provide the network, for example one that was trained on images of skin or on ImageNet, without its last layer.
    Each number of its output is a column.

    Parameters
    ----------
    path : str or PathLike
        Local ONNX file. The network has one input: RGB images of shape (batch, 3, height, width) or (batch, height,
        width, 3), as float32, float16, float64 or uint8.
    size : int or tuple of (height, width), optional
        Size of the input in pixels. Defaults to the size that the network requires. It must be given if the network
        takes any size.
    mean, std : float or sequence of 3 floats, default=(0.485, 0.456, 0.406) and (0.229, 0.224, 0.225)
        Mean and standard deviation of the levels. The levels, 0 to 1, become ``(image - mean) / std``, as in
        torchvision. The defaults are those of ImageNet. ``mean=0, std=1`` keeps 0 to 1, and ``mean=0, std=1/255`` gives
        0 to 255. A network that takes uint8 gets 0 to 255 in any case.
    output : str or int, optional
        Name or position of the output. Defaults to the first one. Its shape is (batch, n_features). Feature maps, such
        as (batch, n_features, height, width), are averaged over the pixels.
    region : {"lesion", "image"}, default="lesion"
        Part of the image that the network gets, stretched to `size`. "lesion" is a square around the lesion. It has a
        margin of skin of 0.2 of the longest side of the lesion, inside the image. "image" is the whole image, and needs
        no mask.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    digest_ : str
        SHA-256 of the ONNX file and of separate files with its weights, as `fit` found them. If the content changes
        after `fit`, an error is raised.

    See Also
    --------
    FisherVectorEncoder : Features learned from your images, without a network.
    sklearn_melanoma.segmentation.NetworkSegmenter : Masks by a network.

    Notes
    -----
    It needs onnxruntime: ``pip install ".[onnx]"``. The network runs on the CPU in one thread, one
    image at a time; `n_jobs` runs several images in parallel. Larger batches are not faster in one thread.

    The network itself is never copied. A pickle, or a file of :func:`~sklearn_melanoma.persistence.save_model`, holds
    the path and the digest. On another machine, put the ONNX file at the same path, or set `path`.

    The columns are ``embedding_0000`` …, in the order of the output. They are NaN for a lesion that was not found.
    If you use them together with other features, scale them as a block:
    ``BlockScaler(StandardScaler(), prefix="embedding_")``.

    Examples
    --------
    A network that returns the mean of each color:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import onnx.parser
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import NetworkEncoder
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> network = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 13]>
    ...     network (float[N, 3, 64, 64] image) => (float[N, 3, 1, 1] means)
    ...     { means = GlobalAveragePool(image) }
    ... ''')
    >>> lesions = WatershedSegmenter().transform(make_lesions(4, random_state=0).images)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "network.onnx")
    ...     _ = path.write_bytes(network.SerializeToString())
    ...     encoder = NetworkEncoder(path, mean=0, std=1).set_output(transform="pandas")
    ...     encoder.fit_transform(lesions).columns.to_list()
    ['embedding_0000', 'embedding_0001', 'embedding_0002']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkStep._network_constraints,
        "region": [StrOptions({"lesion", "image"})],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        path: PathLike,
        *,
        size: int | tuple[int, int] | None = None,
        mean: float | Sequence[float] = IMAGENET_MEAN,
        std: float | Sequence[float] = IMAGENET_STD,
        output: str | int | None = None,
        region: str = "lesion",
        n_jobs: int | None = None,
    ):
        self.path = path
        self.size = size
        self.mean = mean
        self.std = std
        self.output = output
        self.region = region
        self.n_jobs = n_jobs

    @property
    def _needs_mask(self) -> bool:  # type: ignore[override]  # depends on a parameter here
        return self.region == "lesion"

    def _check_network(self) -> None:
        self._feature_names()

    def _feature_names(self) -> list[str]:
        network = self._open_network()
        scaling = self._make_scaling(network)
        name = network.find_output(self.output)
        found = network.describe_output(name, scaling.height, scaling.width)
        if found.ndim not in (1, 3) or found.size == 0 or found.dtype.kind not in "biuf":
            raise ValueError(
                "output must hold numbers of shape (batch, n_features), or feature maps of four axes, got "
                f"{found.dtype} of shape {('batch', *found.shape)} for {name!r} of {network.path!r}. "
                f"The outputs are {', '.join(map(repr, network.outputs))}."
            )
        return [f"embedding_{number:04d}" for number in range(len(_pool(found, network.channels_last)))]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> Array:
        network = self._open_network()
        image = lesion.image[find_square(lesion)] if self._needs_mask else lesion.image
        output = network.run(image, self._make_scaling(network), network.find_output(self.output))
        return _pool(output, network.channels_last)


def find_square(lesion: Lesion) -> tuple[slice, slice]:
    """Return rows and columns of a square around a lesion with its margin, moved and cut to be inside the image."""
    longest = max(side.stop - side.start for side in lesion.box)
    width = round((1 + 2 * _MARGIN) * longest)
    sides = []
    for side, length in zip(lesion.box, lesion.image.shape, strict=False):
        start = min(max((side.start + side.stop - width) // 2, 0), max(length - width, 0))
        sides.append(slice(start, min(start + width, length)))
    return sides[0], sides[1]


def _pool(output: NDArray[Any], channels_last: bool) -> Array:
    """Return one number for each feature; feature maps are averaged over their pixels."""
    numbers = output.astype(np.float64)
    return numbers if numbers.ndim == 1 else numbers.mean(axis=(0, 1) if channels_last else (1, 2))
