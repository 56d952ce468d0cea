"""Serving a saved model: start-up time of a process relative to scikit-learn's imports, and time per image."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from PIL import Image
from rich.progress import Progress
from sklearn.utils import Bunch

from benchmarks._data import load_sets, save_images
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import (
    RESULTS,
    Section,
    fill_in,
    interval,
    number,
    progress_bar,
    synthetic_note,
    text,
    write_report,
)
from benchmarks._statistics import find_quartiles
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.persistence import save_model

SETS = ("ph2", "isic2017", "isic2017_large")
EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "serve.py"
# The modules of scikit-learn that hold the steps of the pipeline.
NEEDED = "sklearn.pipeline, sklearn.impute, sklearn.preprocessing, sklearn.linear_model"
REFERENCE = "scikit-learn's imports alone"
SERVING = "the example, its model loaded"
MAX_RATIO, MAX_MILLISECONDS = 1.3, 30
FEATURES = ("all", "survey")
PASSES = 3

INTRO = (
    'A fresh process runs `docs/examples/serve.py` with a saved `make_melanoma_pipeline("all")` ({size:.0f} kB, with a '
    "threshold). The first table gives the time until the model is loaded. The second one gives the time from the path "
    'of an image on its standard input to the answer, also for "survey". The time of an image is the least of '
    f"{PASSES} passes.",
    f"For comparison, a process runs `import {NEEDED}` and nothing else. These modules hold the classes of the "
    "pipeline's steps. All times run from the start of the interpreter to the first printed line, with compiled "
    "bytecode. The processes take turns, {rounds} times. Ratios are within a round. One thread.",
    "Processor time is that of the process itself; other work on the machine hardly changes it. For the start-up it is "
    "that of the whole process, for the images it is their mean.",
)
START_NOTE = (
    "Limit: {limit} times the imports. Median: {ratio:.2f}, {verdict}. Ratio of the lowest times: {least:.2f}, of the "
    "processor times: {processor:.2f}."
)
IMAGE_NOTE = "Limit: {limit} ms. Medians: {verdicts}."

START_COLUMNS = {
    "process": text("process"),
    "seconds to start (quartiles)": interval("seconds", ".2f"),
    "lowest": number("least", ".2f"),
    "processor seconds, lowest": number("processor", ".2f"),
    "ratio (quartiles)": interval("ratio", ".2f"),
}
IMAGE_COLUMNS = {
    "features": text("features"),
    "data set": text("set"),
    "images": number("n_images", "d"),
    "largest": text("largest"),
    "first image (ms)": number("first", ".0f"),
    "ms per image (quartiles)": interval("milliseconds", ".1f"),
    "lowest": number("least", ".1f"),
    "processor ms, mean": number("processor", ".1f"),
}


@contextmanager
def start_process(arguments: Sequence[str], bytecode: str) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """Start Python, wait until it prints "ready", and yield the process with the seconds that this took."""
    # One thread, and compiled bytecode in a folder, with any settings of the user.
    settings = {"PYTHONPYCACHEPREFIX": bytecode, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | settings
    start = perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as started:
        assert started.stdout is not None
        if started.stdout.readline() != "ready\n":
            raise RuntimeError(f"python {' '.join(arguments)} did not start: see its message above.")
        yield started, perf_counter() - start


def time_starts(model: str, bytecode: str, *, rounds: int, progress: Progress) -> list[dict[str, Any]]:
    """Return the time until each process is ready. They take turns, after one round that compiles bytecode."""
    commands = {
        REFERENCE: ["-c", f"import {NEEDED}; print('ready', flush=True)"],
        "`import sklearn_melanoma`": ["-c", "import sklearn_melanoma; print('ready', flush=True)"],
        SERVING: [str(EXAMPLE), model],
    }
    task = progress.add_task("starts", total=(rounds + 1) * len(commands))
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    processor: dict[str, list[float]] = {name: [] for name in commands}
    for number_of_round in range(rounds + 1):
        for name, arguments in commands.items():
            before = _read_child_seconds()
            with start_process(arguments, bytecode) as (started, taken):
                started.communicate()
            if number_of_round:
                seconds[name].append(taken)
                processor[name].append(_read_child_seconds() - before)
            progress.advance(task)
    return [
        {
            "process": name,
            "seconds": find_quartiles(seconds[name]),
            "least": min(seconds[name]),
            "processor": min(processor[name]),
            "ratio": None if name == REFERENCE else find_quartiles(np.divide(seconds[name], seconds[REFERENCE])),
            "ratio_of_least": min(seconds[name]) / min(seconds[REFERENCE]),
            "processor_ratio": min(processor[name]) / min(processor[REFERENCE]),
        }
        for name in commands
    ]


def time_images(model: str, bytecode: str, paths: Sequence[str], start_up: float) -> dict[str, Any]:
    """Return the time of the example's answer to each image, given one at a time: the shortest of some passes."""
    milliseconds = np.empty((PASSES, len(paths)))
    before = _read_child_seconds()
    with start_process([str(EXAMPLE), model], bytecode) as (started, _):
        assert started.stdin is not None
        assert started.stdout is not None
        for times in milliseconds:
            for position, path in enumerate(paths):
                start = perf_counter()
                print(path, file=started.stdin, flush=True)
                answer = started.stdout.readline().rstrip("\n").split("\t")
                times[position] = (perf_counter() - start) * 1e3
                float(answer[1])  # raises an error if the answer is an error message
        started.communicate()
    width, height = max(Image.open(path).size for path in paths)
    return {
        "n_images": len(paths),
        "largest": f"{width}×{height}",
        "first": milliseconds[0, 0],
        "milliseconds": find_quartiles(milliseconds.min(axis=0)),
        "least": milliseconds.min(),
        "processor": (_read_child_seconds() - before - start_up) / milliseconds.size * 1e3,
    }


def _read_child_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def save_models(lesions: Bunch, folder: str) -> dict[str, str]:
    """Fit and save a model for each set of features, and return the paths."""
    labels = hide_labels(lesions.target, 10, random_state=0)
    models = {features: str(Path(folder, f"{features}.skops")) for features in FEATURES}
    for features, model in models.items():
        fitted = make_melanoma_pipeline(features).fit(lesions.images[:100], labels[:100])
        save_model(fitted, model, threshold=0.3)
    return models


def describe_start(serving: dict[str, Any]) -> str:
    """Return a note on the start-up relative to its limit."""
    ratio = serving["ratio"][0]
    verdict = "within it" if ratio <= MAX_RATIO else "**above it**"
    least, processor = serving["ratio_of_least"], serving["processor_ratio"]
    return START_NOTE.format(limit=MAX_RATIO, ratio=ratio, verdict=verdict, least=least, processor=processor)


def describe_images(answers: Sequence[dict[str, Any]]) -> str:
    """Return a note on the time per image relative to its limit."""
    verdicts = []
    for features in FEATURES:
        medians = [record["milliseconds"][0] for record in answers if record["features"] == features]
        verdicts.append(f'"{features}" ' + ("within it" if max(medians) <= MAX_MILLISECONDS else "**above it**"))
    return IMAGE_NOTE.format(limit=MAX_MILLISECONDS, verdicts=", ".join(verdicts))


def main(
    data: DataOption = None,
    images: Annotated[int, typer.Option(min=2, help="Number of images of each data set.")] = 40,
    rounds: Annotated[int, typer.Option(min=1, help="Number of times that each process is started.")] = 15,
    results: ResultsOption = RESULTS,
) -> None:
    """Time a fresh process from its start to a loaded model, and its answers to single images."""
    sets = load_sets(data, SETS)
    with TemporaryDirectory() as folder, progress_bar() as progress:
        bytecode = str(Path(folder, "bytecode"))
        models = save_models(next(iter(sets.values())), folder)
        size = Path(models["all"]).stat().st_size
        starts = time_starts(models["all"], bytecode, rounds=rounds, progress=progress)
        task = progress.add_task("images", total=len(sets))
        answers = []
        for name, lesions in sets.items():
            paths = save_images(lesions.images[:images], Path(folder))
            answers += [
                {"features": features, "set": name, **time_images(model, bytecode, paths, starts[-1]["processor"])}
                for features, model in models.items()
            ]
            progress.advance(task)
    answers.sort(key=lambda record: FEATURES.index(record["features"]))
    sections = [
        Section("Start-up", START_COLUMNS, starts, [describe_start(starts[-1])]),
        Section("Images", IMAGE_COLUMNS, answers, [describe_images(answers)]),
    ]
    intro = [*fill_in(INTRO, size=size / 1e3, rounds=rounds), *synthetic_note(sets)]
    write_report("serving", title="Serving", intro=intro, sections=sections, folder=results, packages=("skops",))


if __name__ == "__main__":
    typer.run(main)
