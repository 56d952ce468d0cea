"""Picture of the page on caching: time of a search with a cache, from the benchmark of the cache."""

import json
from pathlib import Path

from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "cache.json"
NAMES = {"ph2": "PH²", "isic2017": "ISIC 2017"}
ONCE = "features once,\nthen a table"


def draw() -> Figure:
    tables = {table["title"]: table["rows"] for table in json.loads(RESULTS.read_text("utf-8"))["tables"]}
    rows = [row for row in tables["Search"] if row["features"] == "all"]
    figure = Figure(figsize=(6, 4), layout="constrained")
    for axes, row in zip(figure.subplots(len(rows), 1), rows, strict=True):
        axes.barh("full cache", row["warm"], color="C2")
        axes.barh("empty cache", row["cold"], color="C2", label="search on images")
        axes.barh(ONCE, row["pass"], color="C1", label="features")
        axes.barh(ONCE, row["table"], left=row["pass"], color="C0", label="search on the table")
        axes.set_title(f"{NAMES[row['set']]}, {row['n_images']} images", fontsize="medium")
    axes.set_xlabel("seconds of the processor")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure
