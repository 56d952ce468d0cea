"""Picture of the page on clusters: what travels between the main process and the workers."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

WORKERS = 3


def draw() -> Figure:
    figure = Figure(figsize=(6, 3))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(0, 6), ylim=(0, 3))
    axes.set_axis_off()
    _box(axes, 0.03, 1.05, 1.5, "main process\n\ntransform(paths)", "#e3eef9")
    _box(axes, 4.9, 1.05, 1.07, "shared disk\nor URLs\n\nimages", "#eeeeee")
    for number in range(WORKERS):
        y = 2.05 - number
        _box(axes, 2.7, y, 1.4, f"worker {number + 1}\n\nImagePipeline", "#fdf0e0")
        _arrow(axes, (1.53, 1.475), (2.7, y + 0.425), "paths →\n← rows", "<->")
        _arrow(axes, (4.1, y + 0.425), (4.9, 1.475), "", "<-")
    return figure


def _box(axes, x, y, width, text, color):
    axes.add_patch(FancyBboxPatch((x, y), width, 0.85, boxstyle="round,pad=0,rounding_size=0.08", fc=color, ec="0.4"))
    axes.text(x + width / 2, y + 0.425, text, ha="center", va="center", fontsize=9)


def _arrow(axes, start, end, name, style):
    axes.annotate("", end, start, arrowprops={"arrowstyle": style, "color": "0.4"})
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    axes.text(*middle, name, ha="center", va="center", fontsize=9, bbox={"fc": "white", "ec": "none", "pad": 1})
