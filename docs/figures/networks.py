"""The output of the network of the guide, and the border above its threshold, on three synthetic images."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx.parser
from matplotlib.figure import Figure

from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.segmentation import NetworkSegmenter

NETWORK = """
    <ir_version: 8, opset_import: ["": 13]>
    network (float[N, 3, 128, 128] image) => (float[N, 1, 128, 128] logits)
    <float[1, 3, 1, 1] weights = {0, 0, -30}, float[1] bias = {-1}>
    {
      mean = GlobalAveragePool(image)
      contrast = Sub(image, mean)
      logits = Conv(contrast, weights, bias)
    }
"""


def draw() -> Figure:
    images = make_lesions(3, random_state=0).images
    with TemporaryDirectory() as folder:
        path = Path(folder, "u-net.onnx")
        path.write_bytes(onnx.parser.parse_model(NETWORK).SerializeToString())
        lesions = NetworkSegmenter(path, mean=0, std=1).fit_transform(images)

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    grid = figure.subplots(2, 3)
    for (top, bottom), lesion in zip(grid.T, lesions, strict=True):
        top.imshow(lesion.image)
        top.contour(lesion.mask, levels=[0.5], colors="#ffd400", linewidths=1.5)
        top.set_title("border", fontsize="medium")
        bottom.imshow(lesion.probability, cmap="gray", vmin=0, vmax=1)
        bottom.set_title("probability", fontsize="medium")
    for axes in grid.ravel():
        axes.set_axis_off()
    return figure
