"""Small networks in ONNX files, for tests."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.parser
from onnx import numpy_helper


def write_network(path: Path, signature: str, nodes: str, *, weights: str = "", opset: int = 13, ir: int = 8) -> Path:
    """Write a network in the text format of ONNX, such as `"float[N, 3, 8, 8] x) => (float[N, 1, 8, 8] y"`."""
    text = f'<ir_version: {ir}, opset_import: ["": {opset}]> network ({signature}) <{weights}> {{ {nodes} }}'
    network = onnx.parser.parse_model(text)
    for tensor in network.graph.initializer:  # bytes can be moved to other files
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name))
    path.write_bytes(network.SerializeToString())
    return path


def write_segmentation(path: Path, *, size: str = "32, 32", batch: str = "N", bias: float = 8) -> Path:
    """Write a network with logits that are above 0 where the blue level is below bias / 20."""
    return write_network(
        path,
        f"float[{batch}, 3, {size}] image) => (float[{batch}, 1, {size}] logits",
        "logits = Conv(image, weights, bias)",
        weights=f"float[1, 3, 1, 1] weights = {{0, 0, -20}}, float[1] bias = {{{bias}}}",
    )


def write_encoder(path: Path) -> Path:
    """Write a network that returns the mean of each color, as feature maps of one pixel."""
    return write_network(
        path,
        "float[N, 3, 16, 16] image) => (float[N, 3, 1, 1] means",
        "means = GlobalAveragePool(image)",
    )
