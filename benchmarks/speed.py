"""Speed from a file to features, compared with the usual OpenCV and scikit-image scripts, and with two processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from joblib.externals.loky import get_reusable_executor
from PIL import Image
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from benchmarks._data import load_sets, save_images
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import (
    RESULTS,
    SYNTHETIC,
    Section,
    fill_in,
    interval,
    number,
    progress_bar,
    synthetic_note,
    text,
    write_report,
)
from benchmarks._scripts import opencv_script, skimage_script
from benchmarks._statistics import find_quartiles
from benchmarks._timing import keep_freed_memory, time_call, time_methods
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.images import read_image

WIDTHS = (768, 1536, 3072)
SET = "isic2017_large"
REFERENCE = "OpenCV script"
DECODING = "OpenCV, decoding alone"
PARALLEL_SETS = ("ph2", "isic2017", "ham10000")
PROCESSES, PARALLEL_IMAGES = 2, 100

INTRO = (
    "Time from a JPEG file to area, perimeter over that of the circumscribed circle, and maximum span. "
    '`"all"` computes every feature. {n_images} images ({source}), resized to each width, saved at quality 90 with '
    "4:2:0. One thread. The methods take turns, each with all images. The time of an image is the least of {rounds} "
    "rounds after a warm-up. The table gives the median over images, with quartiles in brackets. Ratios are of the "
    "same image.",
    'Our pipelines are called as in a loop over images: `make_melanoma_pipeline("survey")["features"]'
    ".transform([path])`. The scripts are in `_scripts.py`.",
)
STAGE_NOTE = "Milliseconds of each stage of our pipelines, quartiles in brackets."
CALL_NOTE = (
    "All images of a width in one call, `transform(paths)`, as for a folder. The scripts loop over the same images in "
    "turn with it. Medians of {rounds} rounds."
)
PARALLEL_NOTE = (
    f'`make_melanoma_pipeline(n_jobs={PROCESSES})["features"].transform(paths)`: every feature of the first '
    f"{PARALLEL_IMAGES} images of each data set. In the last column, the time includes the start of the processes. "
    "Medians of {rounds} rounds."
)

COLUMNS = {
    "width": number("width", "d"),
    "method": text("method"),
    "ms per image (quartiles)": interval("milliseconds", ".1f"),
    "time over the OpenCV script's (quartiles)": interval("ratio", ".2f"),
    "over its decoding (quartiles)": interval("decoding_ratio", ".2f"),
}
STAGES = ("read", "segment", "measure")
STAGE_COLUMNS = {
    "width": number("width", "d"),
    "features": text("features"),
    **{name: interval(name, ".1f") for name in STAGES},
}
CALL_COLUMNS = {
    "width": number("width", "d"),
    "features": text("features"),
    "ms per image": number("milliseconds", ".1f"),
    "time over the OpenCV script's": number("ratio", ".2f"),
    "over its decoding": number("decoding_ratio", ".2f"),
}
PARALLEL_COLUMNS = {
    "images": text("data"),
    "images per second": number("running", ".0f"),
    "with the start of the processes": number("starting", ".0f"),
}


def make_methods() -> dict[str, Callable[[str], Any]]:
    """Return the methods to time: functions of the path of one image."""
    survey, everything = (make_melanoma_pipeline(features)["features"] for features in ("survey", "all"))
    return {
        REFERENCE: opencv_script,
        DECODING: cv2.imread,
        'ours, "survey": three features': lambda path: survey.transform([path]),
        'ours, "all": every feature': lambda path: everything.transform([path]),
        "scikit-image script": skimage_script,
    }


def write_jpegs(images: Sequence[Any], width: int, folder: Path) -> list[str]:
    """Save images as JPEGs of one width, at quality 90 and 4:2:0, like cameras."""
    paths = []
    for position, source in enumerate(images):
        image = Image.fromarray(read_image(source))
        size = width, round(image.height * width / image.width)
        path = folder / f"{width}_{position}.jpg"
        image.resize(size, Image.Resampling.LANCZOS).save(path, quality=90, subsampling="4:2:0")
        paths.append(str(path))
    return paths


def time_stages(paths: Sequence[str], features: str, *, rounds: int) -> dict[str, Any]:
    """Return the milliseconds of each stage, the shortest of all rounds, as quartiles over images."""
    steps = make_melanoma_pipeline(features)["features"].named_steps
    seconds = np.full((len(STAGES), len(paths)), np.inf)
    for _ in range(rounds):
        for position, path in enumerate(paths):
            output: Any = [path]
            for row, name in enumerate(STAGES):
                output, taken, _ = time_call(steps[name].transform, output)
                seconds[row, position] = min(seconds[row, position], taken)
    return {"features": f'"{features}"', **dict(zip(STAGES, map(find_quartiles, seconds * 1e3), strict=True))}


def time_calls(paths: Sequence[str], *, rounds: int) -> list[dict[str, Any]]:
    """Return the time per image of our pipelines for all images in one call, and of the scripts for the same images."""
    pipelines = {f'"{features}"': make_melanoma_pipeline(features)["features"] for features in ("survey", "all")}
    calls: dict[str, Callable[[Sequence[str]], Any]] = {
        REFERENCE: lambda paths: [opencv_script(path) for path in paths],
        DECODING: lambda paths: [cv2.imread(path) for path in paths],
        **{name: pipeline.transform for name, pipeline in pipelines.items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(time_call(call, paths).seconds)
    return [
        {
            "features": name,
            "milliseconds": 1e3 * np.median(seconds[name]) / len(paths),
            "ratio": np.median(np.divide(seconds[name], seconds[REFERENCE])),
            "decoding_ratio": np.median(np.divide(seconds[name], seconds[DECODING])),
        }
        for name in pipelines
    ]


def time_processes(data: str, paths: Sequence[str], *, rounds: int) -> dict[str, Any]:
    """Return the images per second of two processes that were started before, and of two that are started."""
    features = make_melanoma_pipeline(n_jobs=PROCESSES)["features"]
    starting, running = [], []
    for _ in range(rounds):
        get_reusable_executor().shutdown()
        starting.append(time_call(features.transform, paths).seconds)
        running.append(time_call(features.transform, paths).seconds)
    return {
        "data": f"{data}: {len(paths)}",
        "running": len(paths) / np.median(running),
        "starting": len(paths) / np.median(starting),
    }


def time_widths(
    images: Sequence[Any], *, rounds: int, progress: Progress
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Time every method, every stage of our pipelines, and their calls with all images, at every width."""
    methods = make_methods()
    records, stages, calls = [], [], []
    keep_freed_memory()
    with TemporaryDirectory() as folder:
        for width in WIDTHS:
            task = progress.add_task(f"{width} pixels", total=rounds * len(methods))
            paths = write_jpegs(images, width, Path(folder))
            times = time_methods(methods, paths, rounds=rounds, advance=partial(progress.advance, task))
            records += [
                {
                    "width": width,
                    "method": name,
                    "milliseconds": find_quartiles(times[name]),
                    "ratio": None if name == REFERENCE else find_quartiles(times[name] / times[REFERENCE]),
                    "decoding_ratio": None if name == DECODING else find_quartiles(times[name] / times[DECODING]),
                }
                for name in methods
            ]
            stages += [
                {"width": width, **time_stages(paths, features, rounds=rounds)} for features in ("survey", "all")
            ]
            calls += [{"width": width, **record} for record in time_calls(paths, rounds=rounds)]
    return records, stages, calls


def main(
    data: DataOption = None,
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Number of times that every image is timed.")] = 5,
    results: ResultsOption = RESULTS,
) -> None:
    """Time the way from a file to features, on one thread and with two processes."""
    if data is None:
        source, chosen = SYNTHETIC, make_lesions(images, image_size=(576, 768), random_state=0).images
    else:
        source, chosen = SET, load_sets(data, (SET,))[SET].images[:images]
    cv2.setNumThreads(1)
    with threadpool_limits(1), progress_bar() as progress, TemporaryDirectory() as folder:
        records, stages, calls = time_widths(chosen, rounds=rounds, progress=progress)
        parallel = [
            time_processes(name, save_images(lesions.images[:PARALLEL_IMAGES], Path(folder)), rounds=rounds)
            for name, lesions in load_sets(data, PARALLEL_SETS).items()
        ]
    intro = [*fill_in(INTRO, n_images=len(chosen), source=source, rounds=rounds), *synthetic_note([source])]
    call_note, parallel_note = fill_in((CALL_NOTE, PARALLEL_NOTE), rounds=rounds)
    sections = [
        Section("Time", COLUMNS, records),
        Section("Stages", STAGE_COLUMNS, stages, [STAGE_NOTE]),
        Section("One call", CALL_COLUMNS, calls, [call_note]),
        Section("Two processes", PARALLEL_COLUMNS, parallel, [parallel_note]),
    ]
    packages = ("opencv-python-headless",)
    write_report("speed", title="Speed", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
