"""Neural networks for segmentation, trained with PyTorch and run by `NetworkSegmenter` from an ONNX file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks._data import resize_mask
from sklearn_melanoma.images import ImageReader, read_mask
from sklearn_melanoma.segmentation import NetworkSegmenter
from sklearn_melanoma.segmentation._field_of_view import find_content, scale_box

SIDE = 128  # pixels of the input
BATCH = 8
MEAN, STD = 0.5, 0.25
_LEARNING_RATE = 3e-3


class UNet(nn.Module):
    """U-Net [1] with batch normalization, an eighth of the channels, one level less and a first stride of 2.

    [1] O. Ronneberger, P. Fischer, T. Brox: U-Net. MICCAI, 234-241, 2015.
    """

    def __init__(self, widths: Sequence[int] = (8, 16, 32, 64)):
        super().__init__()
        self.shrink = _convolve(3, widths[0], stride=2)
        pairs = zip((widths[0], *widths), widths, strict=False)
        self.down = nn.ModuleList(_convolve_twice(before, after) for before, after in pairs)
        steps = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up = nn.ModuleList(_convolve_twice(below + beside, beside) for below, beside in steps)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the lesion."""
        found = [self.down[0](self.shrink(images))]
        for block in self.down[1:]:
            found.append(block(functional.max_pool2d(found[-1], 2)))
        levels = found.pop()
        for block in self.up:
            levels = block(torch.cat([_enlarge(levels, 2), found.pop()], dim=1))
        return _enlarge(self.head(levels), 2)


class AtrousNet(nn.Module):
    """Atrous convolutions at a quarter of the size, as in DeepLab v1 [1], for use with a conditional random field.

    [1] L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille: Semantic image segmentation with deep
    convolutional nets and fully connected CRFs. ICLR, 2015.
    """

    def __init__(self, width: int = 32, rates: Sequence[int] = (1, 2, 4, 8, 1)):
        super().__init__()
        self.shrink = nn.Sequential(_convolve(3, width // 2, stride=2), _convolve(width // 2, width, stride=2))
        self.atrous = nn.Sequential(*(_convolve(width, width, dilation=rate) for rate in rates))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the lesion."""
        return _enlarge(self.head(self.atrous(self.shrink(images))), 4)


def _convolve(before: int, after: int, *, stride: int = 1, dilation: int = 1) -> nn.Module:
    convolution = nn.Conv2d(before, after, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


def _convolve_twice(before: int, after: int) -> nn.Module:
    return nn.Sequential(_convolve(before, after), _convolve(after, after))


def _enlarge(levels: Tensor, factor: int) -> Tensor:
    return functional.interpolate(levels, scale_factor=factor, mode="bilinear", align_corners=False)


class TorchSegmenter:
    """Train a network on images with masks, export it, and run it by `NetworkSegmenter`.

    Parameters
    ----------
    make_network : callable
        Function that returns an untrained network, from (batch, 3, 128, 128) to logits of shape (batch, 1, 128, 128).
    path : Path
        File to which the network is exported.
    """

    def __init__(self, make_network: Callable[[], nn.Module], path: Path):
        self.make_network = make_network
        self.path = path

    def fit(self, X: Sequence[Any], y: Sequence[Any]) -> Self:
        """Learn from images and their masks."""
        torch.manual_seed(0)
        pairs = [read_pair(image, mask) for image, mask in zip(X, y, strict=True)]
        images, masks = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*pairs, strict=True))
        network = train_network(self.make_network(), images, masks, count_steps(len(images)))
        export_network(network, self.path)
        self.segmenter_ = NetworkSegmenter(self.path, mean=MEAN, std=STD).fit([])
        return self

    def transform(self, X: Sequence[Any]) -> Any:
        """Return lesions with masks and probabilities."""
        return self.segmenter_.transform(X)

    def predict(self, X: Sequence[Any]) -> Any:
        """Return masks at the size of the images."""
        return self.segmenter_.predict(X)


def count_steps(n_masks: int) -> int:
    """Return the number of batches to learn from: 80 epochs of 20 masks, 36 of 100, 15 of 600."""
    return round(200 * (n_masks / 20) ** 0.5)


def read_pair(image: Any, mask: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read an image as `NetworkSegmenter` does, and its mask, both at the size of the network."""
    (lesion,), truth = ImageReader().transform([image]), read_mask(mask)
    content = find_content(lesion.image)
    truth = truth[scale_box(content, lesion.image.shape, truth.shape)]
    levels = Image.fromarray(lesion.image[content]).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    scaled = (np.asarray(levels, dtype=np.float32) / 255 - MEAN) / STD
    return scaled.transpose(2, 0, 1), resize_mask(truth, (SIDE, SIDE))[np.newaxis].astype(np.float32)


def train_network(network: nn.Module, images: Tensor, masks: Tensor, n_steps: int) -> nn.Module:
    """Train a network with the sum of log-loss and soft Jaccard loss, in one thread."""
    torch.set_num_threads(1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LEARNING_RATE, total_steps=n_steps, pct_start=0.1)
    network.train().to(memory_format=torch.channels_last)
    order: list[int] = []
    for _ in range(n_steps):
        while len(order) < BATCH:
            order += torch.randperm(len(images)).tolist()
        chosen, order = order[:BATCH], order[BATCH:]
        batch, truth = augment(images[chosen], masks[chosen])
        loss = measure_loss(network(batch), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().to(memory_format=torch.contiguous_format)


def measure_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the log-loss of the pixels plus the mean soft Jaccard loss of the images."""
    probability = torch.sigmoid(logits)
    both = (probability * truth).sum(dim=(1, 2, 3))
    either = (probability + truth).sum(dim=(1, 2, 3)) - both
    return functional.binary_cross_entropy_with_logits(logits, truth) + 1 - ((both + 1) / (either + 1)).mean()


def augment(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror, turn by any angle, scale and shift images with their masks, and change the light of the images."""
    n = len(images)
    angle = 2 * math.pi * torch.rand(n)
    scale = 0.9 + 0.2 * torch.rand(n)
    mirror = torch.randint(0, 2, (n,)) * 2 - 1
    shift = 0.1 * (torch.rand(n, 2) - 0.5)
    rows = [
        torch.stack([scale * angle.cos() * mirror, -scale * angle.sin(), shift[:, 0]], dim=1),
        torch.stack([scale * angle.sin() * mirror, scale * angle.cos(), shift[:, 1]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    moved = functional.grid_sample(
        torch.cat([images, masks], dim=1), grid, padding_mode="reflection", align_corners=False
    )
    light = 1 + 0.2 * (torch.rand(n, 1, 1, 1) - 0.5) + 0.1 * (torch.rand(n, 3, 1, 1) - 0.5)
    levels = (moved[:, :3] * STD + MEAN) * light
    return (levels.clamp(0, 1) - MEAN) / STD, (moved[:, 3:] > 0.5).float()


def export_network(network: nn.Module, path: Path) -> None:
    """Write a network to an ONNX file, for batches of any size."""
    example = torch.zeros(2, 3, SIDE, SIDE)
    batch = torch.export.Dim("batch")
    torch.onnx.export(
        network,
        (example,),
        path,
        dynamo=True,
        external_data=False,
        verbose=False,
        dynamic_shapes=({0: batch},),
        input_names=["image"],
        output_names=["logits"],
    )
