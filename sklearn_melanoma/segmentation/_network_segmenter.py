"""Segmenter that runs a network from an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._io.reading import resize_map
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._network import Network
from sklearn_melanoma._network_step import IMAGENET_MEAN, IMAGENET_STD, NetworkStep
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.segmentation._estimators import Segmenter
from sklearn_melanoma.segmentation._regions import cut_probability

# Rounding of probabilities in 16-bit floats.
_TOLERANCE = 1e-3


class NetworkSegmenter(NetworkStep, Segmenter):
    """Segment each image by a neural network from an ONNX file.

    You provide the network, for example a U-Net that was trained with PyTorch. The network gets the whole image without
    uniform frames, stretched to `size`. Its output becomes a probability of the lesion at the size of the image. The
    mask is the connected region above the threshold with the largest sum of probabilities. Its holes are filled.

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
    output : str, int or tuple, optional
        Name or position of the output. Defaults to the first one. Its shape is (batch, height, width). It can have an
        axis of channels, which must be at the same position as in the input. A tuple ``(output, channel)`` chooses the
        channel of the lesion. The channel defaults to the only one, or to the second of two.
    logits : bool, default=True
        Whether the output holds logits, as in most exported networks. A sigmoid is then applied to a single channel,
        and a softmax to several. False is for an output of probabilities, or of labels 0 and 1.
    threshold : float, default=0.5
        Probability above which a pixel belongs to the lesion.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    Attributes
    ----------
    digest_ : str
        SHA-256 of the ONNX file and of separate files with its weights, as `fit` found them. If the content changes
        after `fit`, an error is raised.

    See Also
    --------
    CRFRefiner : Moves the borders to where the colors change, as in DeepLab.
    sklearn_melanoma.features.NetworkEncoder : Features by a network.

    Notes
    -----
    It needs onnxruntime: ``pip install ".[onnx]"``. The network runs on the CPU in one thread, one
    image at a time; `n_jobs` runs several images in parallel. Larger batches are not faster in one thread.

    The network itself is never copied. A pickle, or a file of :func:`~sklearn_melanoma.persistence.save_model`, holds
    the path and the digest. On another machine, put the ONNX file at the same path, or set `path`.

    Images are read at 384 pixels by default. For a larger network, put an
    :class:`~sklearn_melanoma.images.ImageReader` with a larger `max_side` before.

    Examples
    --------
    A network of one layer for which dark blue levels are the lesion:

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import onnx.parser
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import NetworkSegmenter
    >>> network = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 13]>
    ...     network (float[N, 3, 128, 128] image) => (float[N, 1, 128, 128] logits)
    ...     <float[1, 3, 1, 1] weights = {0, 0, -20}, float[1] bias = {6}>
    ...     { logits = Conv(image, weights, bias) }
    ... ''')
    >>> data = make_lesions(5, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "network.onnx")
    ...     _ = path.write_bytes(network.SerializeToString())
    ...     segmenter = NetworkSegmenter(path, mean=0, std=1).fit(data.images)
    ...     lesions = segmenter.transform(data.images)
    ...     segmenter.score(data.images, data.masks) > 0.5
    True
    >>> lesions[0].mask.shape, lesions[0].probability.shape
    ((192, 256), (192, 256))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkStep._network_constraints,
        "output": [*NetworkStep._network_constraints["output"], tuple],
        "logits": ["boolean"],
        "threshold": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        path: PathLike,
        *,
        size: int | tuple[int, int] | None = None,
        mean: float | Sequence[float] = IMAGENET_MEAN,
        std: float | Sequence[float] = IMAGENET_STD,
        output: str | int | tuple[str | int, int] | None = None,
        logits: bool = True,
        threshold: float = 0.5,
        n_jobs: int | None = None,
    ):
        self.path = path
        self.size = size
        self.mean = mean
        self.std = std
        self.output = output
        self.logits = logits
        self.threshold = threshold
        self.n_jobs = n_jobs

    def _check_network(self) -> None:
        network = self._open_network()
        name, channel = self._split_output(network)
        scaling = self._make_scaling(network)
        found = network.describe_output(name, scaling.height, scaling.width)
        where = f"{name!r} of {network.path!r}"
        others = f"The outputs are {', '.join(map(repr, network.outputs))}."
        if found.ndim not in (2, 3) or found.size == 0:
            raise ValueError(
                "output must have the shape (batch, height, width), or this shape with an axis of channels, got "
                f"{('batch', *found.shape)} for {where}. {others}"
            )
        if found.dtype.kind not in "biuf":
            raise ValueError(f"output must hold numbers, got {found.dtype} for {where}. {others}")
        if self.logits and found.dtype.kind != "f":
            raise ValueError(f"logits must be False for an output of {found.dtype}, got True for {where}.")
        channels = _put_channels_first(found, network)
        if channels[0].size == 1 < scaling.height * scaling.width:
            raise ValueError(
                "output must have the shape of a map, got one number for each channel, of shape "
                f"{('batch', *found.shape)}, for {where}. Pass a network that segments. {others}"
            )
        _pick_channel(channels, channel, where)
        if not self.logits:
            _check_probabilities(channels, where)

    def _split_output(self, network: Network) -> tuple[str, int | None]:
        """Return the name of the output, and the channel of the lesion if one is given."""
        if not isinstance(self.output, tuple):
            return network.find_output(self.output), None
        if len(self.output) != 2 or not isinstance(self.output[1], Integral) or self.output[1] < 0:
            raise ValueError(f"output must be a name, a position, or (output, channel), got {self.output!r}.")
        return network.find_output(self.output[0]), self.output[1]

    def _segment_content(self, lesion: Lesion) -> Lesion:
        network = self._open_network()
        name, channel = self._split_output(network)
        where = f"{name!r} of {network.path!r}"
        channels = _put_channels_first(network.run(lesion.image, self._make_scaling(network), name), network)
        channels = channels.astype(np.float32)
        place = _pick_channel(channels, channel, where)
        found = self._convert_to_probability(channels, place, where)
        probability = np.clip(resize_map(found, lesion.image.shape[:2]), 0, 1)
        return lesion.with_mask(cut_probability(probability, self.threshold), probability)

    def _convert_to_probability(self, channels: NDArray[np.float32], place: int, where: str) -> NDArray[np.float32]:
        """Return the probability of the lesion at each pixel of the output."""
        if not self.logits:
            _check_probabilities(channels, where)
            return channels[place]
        if 0 <= channels.min() < channels.max() <= 1:
            warn_user(f"The output {where} lies in 0..1, like probabilities. If it holds them, pass logits=False.")
        return expit(channels[0]) if len(channels) == 1 else softmax(channels, axis=0)[place]


def _check_probabilities(channels: NDArray[Any], where: str) -> None:
    lowest, highest = float(channels.min()), float(channels.max())
    if lowest < -_TOLERANCE or highest > 1 + _TOLERANCE:
        raise ValueError(
            f"output must lie in 0..1 with logits=False, got {lowest:g}..{highest:g} for {where}. "
            "Pass logits=True, or export probabilities."
        )


def _put_channels_first(output: NDArray[Any], network: Network) -> NDArray[Any]:
    """Return an output as an array of shape (n_channels, height, width)."""
    if output.ndim == 2:
        return output[np.newaxis]
    return np.moveaxis(output, -1, 0) if network.channels_last else output


def _pick_channel(channels: NDArray[Any], channel: int | None, where: str) -> int:
    """Return the channel of the lesion; raise an error if there is no such channel, or it can't be determined."""
    n_channels = len(channels)
    if channel is None and n_channels > 2:
        raise ValueError(
            f"output must name the channel of the lesion, because {where} has {n_channels} channels, of shape "
            f"{channels.shape[1:]}. Pass output=(output, channel)."
        )
    if channel is not None and channel >= n_channels:
        raise ValueError(f"output must name a channel of 0 to {n_channels - 1} in {where}, got {channel}.")
    return n_channels - 1 if channel is None else int(channel)
