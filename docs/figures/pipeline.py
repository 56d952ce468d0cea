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
    figure = Figure(figsize=(6, 4))
    axes = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    axes.set(xlim=(0, 6), ylim=(0, 4))
    axes.set_axis_off()
    _frame(axes, 2.2, "features: an ImagePipeline, a few images at a time", "#e3eef9")
    _frame(axes, 0.05, "scikit-learn, on the whole table", "#fdf0e0")
    _row(axes, 2.35, 1.2, 0.24, IMAGE_STEPS)
    _row(axes, 0.2, 1.45, 0.5, TABLE_STEPS)
    _arrow(axes, (3, 2.2), (3, 1.8))
    return figure


def _frame(axes, y, title, color):
    axes.add_patch(FancyBboxPatch((0.05, y), 5.9, 1.75, boxstyle="round,pad=0,rounding_size=0.1", fc=color, ec="none"))
    axes.text(3, y + 1.53, title, ha="center", va="center")


def _row(axes, y, width, gap, steps):
    lefts = [3 + (width + gap) * (i - len(steps) / 2) + gap / 2 for i in range(len(steps))]
    for x, (name, text) in zip(lefts, steps.items(), strict=True):
        box = FancyBboxPatch((x, y), width, 1.15, boxstyle="round,pad=0,rounding_size=0.08", fc="white", ec="0.4")
        axes.add_patch(box)
        axes.text(x + width / 2, y + 0.88, name, ha="center", va="center", family="monospace", weight="bold")
        axes.text(x + width / 2, y + 0.4, text, ha="center", va="center", fontsize=9, color="0.25")
    for left, right in pairwise(lefts):
        _arrow(axes, (left + width, y + 0.57), (right, y + 0.57))


def _arrow(axes, start, end):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": "0.3", "shrinkA": 0, "shrinkB": 0})
