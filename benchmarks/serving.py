"""Start-up of a process that loads a saved model, beside scikit-learn's bare imports, and its time per image."""

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

from benchmarks._data import DRAWN, DRAWN_NOTE, load_sets, save_photos
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, quartiles, text, write_report
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.persistence import save_model

SETS = ("ph2", "isic2017", "isic2017_large")
EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "serve.py"
# What the steps of the pipeline come from.
NEEDED = "sklearn.pipeline, sklearn.impute, sklearn.preprocessing, sklearn.linear_model"
REFERENCE = "scikit-learn's bare imports"
SERVING = "the example, its model loaded"
MOST_RATIO, MOST_MILLISECONDS = 1.3, 30
FEATURES = ("all", "survey")
PASSES = 3

START_COLUMNS = {
    "process": text("process"),
    "seconds to ready (quartiles)": interval("seconds", ".2f"),
    "least": number("least", ".2f"),
    "processor seconds, least": number("processor", ".2f"),
    "ratio (quartiles)": interval("ratio", ".2f"),
}
PHOTO_COLUMNS = {
    "features": text("features"),
    "set": text("set"),
    "images": number("n_photos", "d"),
    "largest": text("largest"),
    "first image (ms)": number("first", ".0f"),
    "ms per image (quartiles)": interval("milliseconds", ".1f"),
    "least": number("least", ".1f"),
    "processor ms, mean": number("processor", ".1f"),
}


@contextmanager
def process(arguments: Sequence[str], bytecode: str) -> Iterator[tuple[subprocess.Popen[str], float]]:
    """Start Python, wait until it says that it is ready, and hand it over with the seconds that took."""
    # One thread; bytecode is kept, wherever the user's settings keep it else.
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


def time_starts(model: str, bytecode: str, *, rounds: int, progress: Any) -> list[dict[str, Any]]:
    """Return how long each process takes until it is ready; they take turns, after one round that compiles."""
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
            before = _children_seconds()
            with process(arguments, bytecode) as (started, taken):
                started.communicate()
            if number_of_round:
                seconds[name].append(taken)
                processor[name].append(_children_seconds() - before)
            progress.advance(task)
    return [
        {
            "process": name,
            "seconds": quartiles(seconds[name]),
            "least": min(seconds[name]),
            "processor": min(processor[name]),
            "ratio": None
            if name == REFERENCE
            else quartiles(np.divide(seconds[name], seconds[REFERENCE]).tolist()),  # of the same round
            "ratio_of_least": min(seconds[name]) / min(seconds[REFERENCE]),
            "processor_ratio": min(processor[name]) / min(processor[REFERENCE]),
        }
        for name in commands
    ]


def time_photos(model: str, bytecode: str, paths: Sequence[str], start_up: float) -> dict[str, Any]:
    """Return how long the example takes for its answer to each image, given one at a time, the least of some passes."""
    milliseconds = np.empty((PASSES, len(paths)))
    before = _children_seconds()
    with process([str(EXAMPLE), model], bytecode) as (started, _):
        assert started.stdin is not None
        assert started.stdout is not None
        for times in milliseconds:
            for position, path in enumerate(paths):
                start = perf_counter()
                print(path, file=started.stdin, flush=True)
                answer = started.stdout.readline().rstrip("\n").split("\t")
                times[position] = (perf_counter() - start) * 1e3
                float(answer[1])  # an error message is no number
        started.communicate()
    width, height = max(Image.open(path).size for path in paths)
    return {
        "n_photos": len(paths),
        "largest": f"{width}×{height}",
        "first": milliseconds[0, 0],
        "milliseconds": quartiles(milliseconds.min(axis=0)),
        "least": milliseconds.min(),
        "processor": (_children_seconds() - before - start_up) / milliseconds.size * 1e3,
    }


def _children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def main(
    data: DataOption = None,
    photos: Annotated[int, typer.Option(min=2, help="Number of images of each set.")] = 40,
    rounds: Annotated[int, typer.Option(min=1, help="How often each process is started.")] = 15,
    results: ResultsOption = RESULTS,
) -> None:
    """Time a fresh process from its start to a loaded model, and its answers to single images."""
    sets = load_sets(data, SETS)
    known = next(iter(sets.values()))
    with TemporaryDirectory() as folder, progress_bar() as progress:
        bytecode = str(Path(folder, "bytecode"))
        labels = hide_labels(known.target, 10, random_state=0)
        models = {features: str(Path(folder, f"{features}.skops")) for features in FEATURES}
        for features, model in models.items():
            fitted = make_melanoma_pipeline(features).fit(known.images[:100], labels[:100])
            save_model(fitted, model, threshold=0.3)
        size = Path(models["all"]).stat().st_size
        starts = time_starts(models["all"], bytecode, rounds=rounds, progress=progress)
        task = progress.add_task("images", total=len(sets))
        answers = []
        for name, bunch in sets.items():
            paths = save_photos(bunch.images[:photos], Path(folder))
            answers += [
                {"features": features, "set": name, **time_photos(model, bytecode, paths, starts[-1]["processor"])}
                for features, model in models.items()
            ]
            progress.advance(task)
    answers.sort(key=lambda record: FEATURES.index(record["features"]))
    ratio = starts[-1]["ratio"][0]
    verdicts = []
    for features in FEATURES:
        medians = [record["milliseconds"][0] for record in answers if record["features"] == features]
        verdicts.append(f'"{features}" ' + ("within it" if max(medians) <= MOST_MILLISECONDS else "**above it**"))
    intro = [
        '`docs/examples/serve.py` in a fresh process, with a saved `make_melanoma_pipeline("all")` '
        f"({size / 1e3:.0f} kB, with a threshold): how long until its model is loaded, and then from the path of a "
        'image on its standard input to the answer, of "survey" as well. '
        f"An image's time is the least of {PASSES} passes.",
        f"Beside it a process that only runs `import {NEEDED}`: where the classes of the pipeline's steps are. All "
        "count from the start of the interpreter to the first line they print. Bytecode is compiled. They take turns, "
        f"{rounds} times; ratios are of the same round. One thread.",
        "Processor time is what the process itself used, which other work on the machine hardly changes: of the whole "
        "process for the start, of all images for their mean.",
        *([DRAWN_NOTE] if DRAWN in sets else []),
    ]
    notes = [
        f"Limit: {MOST_RATIO} times the bare imports. Median: {ratio:.2f}, "
        + ("within it." if ratio <= MOST_RATIO else "**above it**.")
        + f" Of the least of all rounds: {starts[-1]['ratio_of_least']:.2f}; of processor time: "
        f"{starts[-1]['processor_ratio']:.2f}."
    ]
    sections = [
        Section("Start-up", START_COLUMNS, starts, notes),
        Section("Images", PHOTO_COLUMNS, answers, [f"Limit: {MOST_MILLISECONDS} ms. Medians: {', '.join(verdicts)}."]),
    ]
    write_report("serving", title="Serving", intro=intro, sections=sections, folder=results, packages=("skops",))


if __name__ == "__main__":
    typer.run(main)
