"""Picture of the page on serving: which files a fitted pipeline becomes, and which programs use them."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

HEIGHT = 0.8
BOXES = {
    # name: (x, y, width, text, color)
    "model": (1.65, 3.1, 2.7, "fitted pipeline\n\nimages → features → score", "#e3eef9"),
    "skops": (0.4, 1.6, 2.1, "model.skops\n\nimages → score", "#fdf0e0"),
    "onnx": (3.5, 1.6, 2.1, "table.onnx\n\nfeatures → score", "#fdf0e0"),
    "python": (0.05, 0.1, 2.8, "Python: script, HTTP server,\nMLflow, command line", "#e9f5e6"),
    "other": (3.15, 0.1, 2.8, "C#, Java, JavaScript, …\nwith onnxruntime", "#e9f5e6"),
}
ARROWS = [
    ("model", "skops", "save_model"),
    ("model", "onnx", "to_onnx"),
    ("skops", "python", "load_model"),
    ("onnx", "other", ""),
]


def draw() -> Figure:
    figure = Figure(figsize=(6, 4))
    axes = figure.add_axes((0.005, 0.005, 0.99, 0.99))
    axes.set(xlim=(0, 6), ylim=(0, 4))
    axes.set_axis_off()
    for x, y, width, text, color in BOXES.values():
        box = FancyBboxPatch((x, y), width, HEIGHT, boxstyle="round,pad=0,rounding_size=0.08", fc=color, ec="0.4")
        axes.add_patch(box)
        axes.text(x + width / 2, y + HEIGHT / 2, text, ha="center", va="center", fontsize=10)
    for start, end, name in ARROWS:
        target = BOXES[end][0] + BOXES[end][2] / 2
        middle = BOXES[start][0] + BOXES[start][2] / 2
        source = middle + (target - middle) / 2  # two arrows leave the same box
        top, bottom = BOXES[start][1], BOXES[end][1] + HEIGHT
        axes.annotate("", (target, bottom), (source, top), arrowprops={"arrowstyle": "->", "color": "0.3"})
        axes.text(
            (source + target) / 2,
            (top + bottom) / 2,
            name,
            ha="center",
            va="center",
            family="monospace",
            fontsize=9,
            bbox={"fc": "white", "ec": "none", "pad": 1},
        )
    return figure
