"""From a file to three features: time beside the usual OpenCV and scikit-image scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from PIL import Image
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from benchmarks._data import DRAWN, DRAWN_NOTE, load_sets
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, quartiles, text, write_report
from benchmarks._scripts import opencv_script, skimage_script
from benchmarks._timing import time_methods
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.images import read_image

WIDTHS = (768, 1536, 3072)
SET = "isic2017_large"
REFERENCE = "OpenCV script"
DECODING = "OpenCV, decoding alone"
LARGE_BLOCK = 31 * 2**20  # bytes; glibc learns from blocks up to 32 MB

COLUMNS = {
    "width": number("width", "d"),
    "method": text("method"),
    "ms per image (quartiles)": interval("milliseconds", ".1f"),
    "time over the OpenCV script's (quartiles)": interval("ratio", ".2f"),
    "over its decoding (quartiles)": interval("decoding_ratio", ".2f"),
}
STAGE_COLUMNS = {
    "width": number("width", "d"),
    "features": text("features"),
    "read": interval("read", ".1f"),
    "segment": interval("segment", ".1f"),
    "measure": interval("measure", ".1f"),
}


def make_methods() -> dict[str, Callable[[str], Any]]:
    """Return what is timed: functions of the path of one image."""
    survey, everything = (make_melanoma_pipeline(features)["features"] for features in ("survey", "all"))
    return {
        REFERENCE: opencv_script,
        DECODING: cv2.imread,
        'ours, "survey": three features': lambda path: survey.transform([path]),
        'ours, "all": every feature': lambda path: everything.transform([path]),
        "scikit-image script": skimage_script,
    }


def write_jpegs(images: Sequence[Any], width: int, folder: Path) -> list[str]:
    """Save images as JPEGs of one width, at quality 90 and 4:2:0 as cameras do."""
    paths = []
    for position, image in enumerate(images):
        photo = Image.fromarray(read_image(image))
        size = width, round(photo.height * width / photo.width)
        path = folder / f"{width}_{position}.jpg"
        photo.resize(size, Image.Resampling.LANCZOS).save(path, quality=90, subsampling="4:2:0")
        paths.append(str(path))
    return paths


def time_stages(paths: Sequence[str], features: str, *, rounds: int) -> dict[str, Any]:
    """Return the milliseconds of each stage, the least of all rounds, as quartiles over images."""
    steps = make_melanoma_pipeline(features)["features"].named_steps
    names = ("read", "segment", "measure")
    seconds = np.full((len(names), len(paths)), np.inf)
    for _ in range(rounds):
        for position, path in enumerate(paths):
            found: Any = [path]
            for number_of_stage, name in enumerate(names):
                start = perf_counter()
                found = steps[name].transform(found)
                seconds[number_of_stage, position] = min(seconds[number_of_stage, position], perf_counter() - start)
    return {"features": f'"{features}"', **dict(zip(names, map(quartiles, seconds * 1e3), strict=True))}


def run(images: Sequence[Any], *, rounds: int, progress: Progress) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Time every method, and every stage of ours, at every width."""
    methods = make_methods()
    records, stages = [], []
    # Freeing a large block makes glibc keep what is freed from now on instead of handing it back to the system. Else
    # the OpenCV script takes 6 or 10 ms at 768 pixels, by what happened to run before.
    np.ones(LARGE_BLOCK, dtype=np.uint8)
    with TemporaryDirectory() as folder:
        for width in WIDTHS:
            task = progress.add_task(f"{width} pixels", total=rounds * len(methods))
            paths = write_jpegs(images, width, Path(folder))
            times = time_methods(methods, paths, rounds=rounds, advance=partial(progress.advance, task))
            records += [
                {
                    "width": width,
                    "method": name,
                    "milliseconds": quartiles(times[name]),
                    "ratio": None if name == REFERENCE else quartiles(times[name] / times[REFERENCE]),
                    "decoding_ratio": None if name == DECODING else quartiles(times[name] / times[DECODING]),
                }
                for name in methods
            ]
            stages += [
                {"width": width, **time_stages(paths, features, rounds=rounds)} for features in ("survey", "all")
            ]
    return records, stages


def main(
    data: DataOption = None,
    photos: Annotated[int, typer.Option(min=1, help="Number of images.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="How often every image is timed.")] = 5,
    results: ResultsOption = RESULTS,
) -> None:
    """Time the way from a JPEG file to features, one image at a time, on one thread."""
    if data is None:
        source, images = DRAWN, make_lesions(photos, image_size=(576, 768), random_state=0).images
    else:
        source, images = SET, load_sets(data, (SET,))[SET].images[:photos]
    cv2.setNumThreads(1)
    with threadpool_limits(1), progress_bar() as progress:
        records, stages = run(images, rounds=rounds, progress=progress)
    intro = [
        "From a JPEG file to area, perimeter over that of the circumscribed circle, and maximum span; "
        f'`"all"` measures every shape and color feature. {len(images)} images ({source}), brought to each width, '
        "saved at quality 90 with 4:2:0. One thread. The methods take turns, each with all images; an image's time is "
        f"the least of {rounds} rounds, after a warm-up. Shown: the median over images, quartiles in brackets; ratios "
        "are of the same image.",
        'Ours is called as a loop over images would: `make_melanoma_pipeline("survey")["features"].transform([path])`. '
        "The scripts are in `_scripts.py`.",
        *([DRAWN_NOTE] if source == DRAWN else []),
    ]
    sections = [
        Section("Time", COLUMNS, records),
        Section("Stages", STAGE_COLUMNS, stages, ["Milliseconds of each stage of ours, quartiles in brackets."]),
    ]
    write_report(
        "speed", title="Speed", intro=intro, sections=sections, folder=results, packages=("opencv-python-headless",)
    )


if __name__ == "__main__":
    typer.run(main)
