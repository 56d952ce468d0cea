"""Morphology features on outlines of known size: error and time compared with other programs."""

from __future__ import annotations

from functools import partial
from math import pi, sqrt
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from benchmarks._options import ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, text, write_report
from benchmarks._shape_peers import FEATURES, OURS, PEERS, Mask, Peer, call_quietly, find_peers
from benchmarks._timing import find_least_time, keep_freed_memory

RADII = (20, 100)
# Longest side of the image; the lesion is half as wide.
SIDES = (384, 2000)
BUDGET = 2.0  # seconds of calls of one program on one mask; the best time counts

INTRO = (
    "Error of each feature: root mean square in percent of the true value, on outlines at {places} random places and "
    "angles. The radius is the half axis or half side in pixels. A dash: the program has no such feature, or is not "
    "installed. scikit-image has two perimeters; this is `perimeter_crofton`. CellProfiler, here as cp_measure, and "
    "imea have the other one.",
    "Pixel conventions differ, and an error of up to a pixel is no mistake. An error that is large at a radius of 20 "
    "and small at 100 is a convention. An error that stays is a bias.",
)
COST_NOTE = (
    f"One thread. The lowest time within {BUDGET:g} s of calls, at least one, on one irregular mask half as wide as "
    "the image. Each program computes all its features of the shape of one mask, including position and raw moments. "
    "Ours are the columns of `MorphologyFeatures`."
)
MISSING = "{name} was left out: {reason}."

TITLES = {"disk": "Disks", "ellipse": "Ellipses 1 : 0.6", "square": "Squares"}
ERROR_COLUMNS = {
    "feature": text("feature"),
    "radius": number("radius", "d"),
    **{name: number(name, ".2f") for name in PEERS},
}
COST_COLUMNS = {
    "program": text("program"),
    "features": number("features", ".0f"),
    **{f"ms, image of {side} pixels": number(f"milliseconds {side}", ".1f") for side in SIDES},
}


def draw_outline(outline: str, radius: float, random: np.random.Generator) -> Mask:
    """Draw a disk, an ellipse 1 : 0.6 or a square with this half axis or half side, at a random place and angle."""
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


def compute_true_values(outline: str, radius: float) -> dict[str, float]:
    """Return the true values of the features of an outline."""
    if outline == "square":
        values = (4 * radius**2, 8 * radius, 2 * sqrt(2) * radius, 2 * radius, 8 * radius / sqrt(12), 1)
        return dict(zip(FEATURES, (*values, sqrt(2) * radius, radius), strict=True))
    ratio = 0.6 if outline == "ellipse" else 1.0
    turns = np.linspace(0, 2 * pi, 100_000, endpoint=False)
    perimeter = 2 * pi * radius * np.hypot(np.sin(turns), ratio * np.cos(turns)).mean()
    values = (pi * ratio * radius**2, float(perimeter), 2 * radius, 2 * ratio * radius, 2 * radius, 1)
    return dict(zip(FEATURES, (*values, radius, ratio * radius), strict=True))


def measure_errors(peers: dict[str, Peer], *, places: int, progress: Progress) -> dict[str, list[dict[str, Any]]]:
    """Return the root mean square error of every feature, in percent, by outline."""
    task = progress.add_task("errors", total=len(TITLES) * len(RADII) * places * len(peers))
    tables = {}
    for outline in TITLES:
        records: list[dict[str, Any]] = []
        for radius in RADII:
            random, truth = np.random.default_rng(0), compute_true_values(outline, radius)
            errors: dict[str, dict[str, list[float]]] = {feature: {} for feature in FEATURES}
            for _ in range(places):
                mask = draw_outline(outline, radius, random)
                for name, (_, function) in peers.items():
                    for feature, value in call_quietly(function, mask)[1].items():
                        errors[feature].setdefault(name, []).append(100 * (value / truth[feature] - 1))
                    progress.advance(task)
            records += [
                {"feature": feature, "radius": radius}
                | {name: _compute_root_mean_square(errors[feature].get(name)) for name in PEERS}
                for feature in FEATURES
            ]
        tables[outline] = records
    return tables


def measure_times(peers: dict[str, Peer], *, progress: Progress) -> list[dict[str, Any]]:
    """Return the milliseconds of each program for all its features, the shortest of several calls."""
    task = progress.add_task("time", total=len(SIDES) * len(peers))
    keep_freed_memory()
    records: dict[str, dict[str, Any]] = {name: {"program": name, "features": float("nan")} for name in PEERS}
    for side in SIDES:
        mask = draw_lesion(side)
        for name, record in records.items():
            record[f"milliseconds {side}"] = float("nan")
            if name in peers:
                compute = partial(call_quietly, peers[name][1], mask)
                record[f"milliseconds {side}"] = 1e3 * find_least_time(compute, budget=BUDGET)
                record["features"] = compute()[0] if side == SIDES[0] else record["features"]
                progress.advance(task)
    return list(records.values())


def _compute_root_mean_square(values: list[float] | None) -> float:
    return float("nan") if values is None else float(np.sqrt((np.array(values) ** 2).mean()))


def main(
    places: Annotated[int, typer.Option(min=1, help="Number of random places and angles of each outline.")] = 20,
    results: ResultsOption = RESULTS,
) -> None:
    """Compute features of disks, ellipses and squares of known size, and time all features of one lesion."""
    peers, missing = find_peers()
    with threadpool_limits(1), progress_bar() as progress:
        tables = measure_errors(peers, places=places, progress=progress)
        times = measure_times(peers, progress=progress)
    absent = [MISSING.format(name=name, reason=reason) for name, reason in missing.items()]
    sections = [
        *(Section(f"{TITLES[outline]}: error in %", ERROR_COLUMNS, records) for outline, records in tables.items()),
        Section("Cost", COST_COLUMNS, times, [COST_NOTE, *absent]),
    ]
    intro = fill_in(INTRO, places=places)
    packages = [distribution for name, (distribution, _) in PEERS.items() if name not in (OURS, "scikit-image")]
    write_report("shape", title="Shape", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
