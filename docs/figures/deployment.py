"""Picture of the page on serving: which files a fitted pipeline becomes, and which programs use them."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

BOXES = {
    # name: (x, y, width, text, color)
    "model": (0.1, 0.9, 2.3, "fitted pipeline\n\nimages → features → score", "#e3eef9"),
    "skops": (3.6, 1.6, 2.2, "model.skops\nimages → score", "#fdf0e0"),
    "onnx": (3.6, 0.2, 2.2, "table.onnx\nfeatures → score", "#fdf0e0"),
    "python": (7.3, 1.6, 3.4, "Python: script, HTTP server,\nMLflow, command line", "#e9f5e6"),
    "other": (7.3, 0.2, 3.4, "C#, Java, JavaScript, …\nwith onnxruntime", "#e9f5e6"),
}
ARROWS = [
    ("model", "skops", "save_model"),
    ("model", "onnx", "to_onnx"),
    ("skops", "python", "load_model"),
    ("onnx", "other", ""),
]


def draw() -> Figure:
    figure = Figure(figsize=(10.8, 2.7))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(0, 10.8), ylim=(0, 2.7))
    axes.set_axis_off()
    for x, y, width, text, color in BOXES.values():
        axes.add_patch(
            FancyBboxPatch((x, y), width, 0.9, boxstyle="round,pad=0,rounding_size=0.08", fc=color, ec="0.4")
        )
        axes.text(x + width / 2, y + 0.45, text, ha="center", va="center", fontsize=9)
    for start, end, name in ARROWS:
        left = BOXES[start][0] + BOXES[start][2], BOXES[start][1] + 0.45
        right = BOXES[end][0], BOXES[end][1] + 0.45
        axes.annotate("", right, left, arrowprops={"arrowstyle": "->", "color": "0.3"})
        middle = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2
        axes.text(
            *middle,
            name,
            ha="center",
            va="center",
            family="monospace",
            fontsize=8,
            bbox={"fc": "white", "ec": "none", "pad": 1},
        )
    return figure
