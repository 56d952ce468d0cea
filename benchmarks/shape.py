"""Measures of shape on outlines of known size, and what they cost, beside other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi, sqrt
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from benchmarks._options import ResultsOption
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report
from benchmarks._shape_peers import MEASURES, OURS, PEERS, Mask, Peer, installed_peers, quietly

RADII = (20, 100)
# Longest side of the image; the lesion is half as wide.
SIDES = (384, 2000)
ENOUGH = 2.0  # seconds spent on one program and mask, after which its best time counts
LARGE_BLOCK = 31 * 2**20  # bytes; glibc keeps freed memory once it has seen such a block go, see `speed.py`


def draw(outline: str, radius: float, random: np.random.Generator) -> Mask:
    """Draw a disk, an ellipse 1 : 0.6 or a square of this half axis or half side, at any place and turn."""
    size = int(1.5 * radius) + 3
    down, right, turn = random.uniform(-0.5, 0.5), random.uniform(-0.5, 0.5), random.uniform(0, pi)
    y, x = np.mgrid[-size : size + 1, -size : size + 1]
    y, x = y - down, x - right
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    if outline == "square":
        return np.maximum(abs(u), abs(v)) <= radius
    ratio = 0.6 if outline == "ellipse" else 1.0
    return u**2 + (v / ratio) ** 2 <= radius**2


def draw_lesion(side: int) -> Mask:
    """Draw the irregular mask of a lesion half as wide as an image of 4 : 3."""
    y, x = np.mgrid[: side * 3 // 4, :side] / side
    y, x = y - 0.375, x - 0.5
    angle = np.arctan2(y, x)
    wave = 0.1 * np.cos(2 * angle) + 0.05 * np.sin(3 * angle) + 0.03 * np.cos(7 * angle) + 0.01 * np.sin(23 * angle)
    return np.hypot(y, x) <= 0.22 * (1 + wave)


def true_values(outline: str, radius: float) -> dict[str, float]:
    """Return what the measures of an outline are."""
    if outline == "square":
        values = (4 * radius**2, 8 * radius, 2 * sqrt(2) * radius, 2 * radius, 8 * radius / sqrt(12), 1)
        return dict(zip(MEASURES, (*values, sqrt(2) * radius, radius), strict=True))
    ratio = 0.6 if outline == "ellipse" else 1.0
    turns = np.linspace(0, 2 * pi, 100_000, endpoint=False)
    perimeter = 2 * pi * radius * np.hypot(np.sin(turns), ratio * np.cos(turns)).mean()
    values = (pi * ratio * radius**2, float(perimeter), 2 * radius, 2 * ratio * radius, 2 * radius, 1)
    return dict(zip(MEASURES, (*values, radius, ratio * radius), strict=True))


def measure_errors(peers: dict[str, Peer], *, places: int, progress: Progress) -> dict[str, list[dict[str, Any]]]:
    """Return the root mean square error of every measure, in per cent, by outline."""
    task = progress.add_task("errors", total=3 * len(RADII) * places * len(peers))
    tables = {}
    for outline in ("disk", "ellipse", "square"):
        records: list[dict[str, Any]] = []
        for radius in RADII:
            random, truth = np.random.default_rng(0), true_values(outline, radius)
            errors: dict[str, dict[str, list[float]]] = {measure: {} for measure in MEASURES}
            for _ in range(places):
                mask = draw(outline, radius, random)
                for name, (_, function) in peers.items():
                    for measure, value in quietly(function, mask)[1].items():
                        errors[measure].setdefault(name, []).append(100 * (value / truth[measure] - 1))
                    progress.advance(task)
            records += [
                {"measure": measure, "radius": radius}
                | {name: _root_mean_square(errors[measure].get(name)) for name in PEERS}
                for measure in MEASURES
            ]
        tables[outline] = records
    return tables


def measure_times(peers: dict[str, Peer], *, progress: Progress) -> list[dict[str, Any]]:
    """Return the milliseconds of each program for all that it measures, the least of several calls."""
    task = progress.add_task("time", total=len(SIDES) * len(peers))
    np.ones(LARGE_BLOCK, dtype=np.uint8)
    records = {name: {"program": name, "measures": float("nan")} for name in PEERS}
    for side in SIDES:
        mask = draw_lesion(side)
        for name, record in records.items():
            record[f"milliseconds {side}"] = float("nan")
            if name in peers:
                measure = partial(quietly, peers[name][1], mask)
                record[f"milliseconds {side}"] = 1e3 * _least_seconds(measure)
                record["measures"] = measure()[0] if side == SIDES[0] else record["measures"]
                progress.advance(task)
    return list(records.values())


def _least_seconds(function: Callable[[], Any]) -> float:
    least, start = np.inf, perf_counter()
    while perf_counter() - start < ENOUGH:
        before = perf_counter()
        function()
        least = min(least, perf_counter() - before)
    return float(least)


def _root_mean_square(values: list[float] | None) -> float:
    if values is None:
        return float("nan")
    errors: NDArray[np.float64] = np.array(values)
    return float(np.sqrt((errors**2).mean()))


def main(
    places: Annotated[int, typer.Option(min=1, help="Places and turns at which each outline is drawn.")] = 20,
    results: ResultsOption = RESULTS,
) -> None:
    """Measure disks, ellipses and squares of known size, and time all measures of one lesion."""
    peers, missing = installed_peers()
    with threadpool_limits(1), progress_bar() as progress:
        tables = measure_errors(peers, places=places, progress=progress)
        times = measure_times(peers, progress=progress)
    errors = {"measure": text("measure"), "radius": number("radius", "d")}
    errors |= {name: number(name, ".2f") for name in PEERS}
    costs = {"program": text("program"), "numbers": number("measures", ".0f")}
    costs |= {f"ms, image of {side} pixels": number(f"milliseconds {side}", ".1f") for side in SIDES}
    absent = [f"{name} was left out: {reason}." for name, reason in missing.items()]
    titles = {"disk": "Disks", "ellipse": "Ellipses 1 : 0.6", "square": "Squares"}
    sections = [Section(f"{titles[outline]}: error in %", errors, records) for outline, records in tables.items()]
    sections.append(
        Section(
            "Cost",
            costs,
            times,
            notes=[
                f"One thread. The least time within {ENOUGH:g} s of calls, at least one, on one irregular mask half as "
                "wide as the image. What is called is all that a program measures on the shape of one mask, position "
                "and raw moments included; ours are the columns of `MorphologyFeatures`.",
                *absent,
            ],
        )
    )
    intro = [
        "Error of each measure, root mean square in per cent of the true value, on outlines drawn at "
        f"{places} random places and turns; the radius is the half axis or half side in pixels. A dash: the program "
        "has no such measure, or is not installed. Of scikit-image's two perimeters this is `perimeter_crofton`; "
        "CellProfiler, here as cp_measure, and imea have the other one.",
        "Pixel conventions differ, and no error of a pixel or less is a mistake: what is large at a radius of 20 and "
        "small at 100 is a convention, what stays is a bias.",
    ]
    packages = [distribution for name, (distribution, _) in PEERS.items() if name not in (OURS, "scikit-image")]
    write_report("shape", title="Shape", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
