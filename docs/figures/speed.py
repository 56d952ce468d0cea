"""Picture of the page on speed: time per image at three widths, from the benchmark of the speed."""

import json
from pathlib import Path

from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "speed.json"
# The part of the name in the benchmark, and the name in the picture.
METHODS = {
    '"survey"': '"survey": three features',
    '"all"': '"all": every feature',
    "OpenCV script": "OpenCV script: three features",
    "scikit-image script": "scikit-image script: three features",
}


def draw() -> Figure:
    tables = {table["title"]: table["rows"] for table in json.loads(RESULTS.read_text("utf-8"))["tables"]}
    figure = Figure(figsize=(6, 4.2), layout="constrained")
    axes = figure.subplots()
    for part, name in METHODS.items():
        rows = [row for row in tables["Time"] if part in row["method"]]
        axes.plot([row["width"] for row in rows], [row["milliseconds"][0] for row in rows], "o-", label=name)
    widths = sorted({row["width"] for row in tables["Time"]})
    axes.set(yscale="log", xlabel="width of the image in pixels", ylabel="ms per image", xticks=widths)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure
