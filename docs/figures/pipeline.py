"""The steps of the pipeline, and where one image at a time becomes a table."""

from itertools import pairwise

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

IMAGE_STEPS = {
    "read": "image, small\nand upright",
    "clean": "passthrough;\nyour own step",
    "segment": "mask",
    "measure": "row of named\nnumbers",
}
TABLE_STEPS = {
    "impute": "no lesion found:\nthe median",
    "scale": "ranks, mean 0,\nvariance 1",
    "classify": "prior knowledge\nand few labels",
}


def draw() -> Figure:
    figure = Figure(figsize=(11, 2.3))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(0, 11), ylim=(0.25, 2.55))
    axes.set_axis_off()
    _frame(axes, 0.1, 6.05, "features: an ImagePipeline, a few images at a time", "#e3eef9")
    _frame(axes, 6.35, 4.55, "scikit-learn, on the whole table", "#fdf0e0")
    starts = [0.25 + 1.5 * i for i in range(4)] + [6.5 + 1.5 * i for i in range(3)]
    for x, (name, text) in zip(starts, (IMAGE_STEPS | TABLE_STEPS).items(), strict=True):
        axes.add_patch(
            FancyBboxPatch((x, 0.55), 1.2, 1.3, boxstyle="round,pad=0,rounding_size=0.08", fc="white", ec="0.4")
        )
        axes.text(x + 0.6, 1.55, name, ha="center", va="center", family="monospace", weight="bold")
        axes.text(x + 0.6, 0.98, text, ha="center", va="center", fontsize=9, color="0.25")
    for left, right in pairwise(starts):
        axes.annotate("", (right, 1.2), (left + 1.2, 1.2), arrowprops={"arrowstyle": "->", "color": "0.3"})
    return figure


def _frame(axes, x, width, title, color):
    axes.add_patch(FancyBboxPatch((x, 0.3), width, 2.2, boxstyle="round,pad=0,rounding_size=0.1", fc=color, ec="none"))
    axes.text(x + width / 2, 2.2, title, ha="center", va="center", fontsize=10)
