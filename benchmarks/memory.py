"""Peak memory of measuring many photos in one process, everything included."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

# Nothing large is imported here: a process starts with the peak of the one that started it.
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report

COUNTS = (0, 100, 1000, 3000)
MANY = (1000, 10_000, 100_000)
SET = "ham10000"  # the one with 3 000 photos of its own
OTHERS = ("ph2", "isic2017")  # their photos are taken again and again
DRAWN = "made"
LIMIT = 600  # MB
SPREAD = 0.1  # of the peaks of MANY, over the least of them

COLUMNS = {
    "photos": number("n_photos", ",d"),
    "of": text("set"),
    "peak memory (MB)": number("peak_mb", ".0f"),
    "seconds": number("seconds", ".0f"),
}
COLUMNS_OF_MANY = {
    **COLUMNS,
    "processor ms a photo": number("ms_per_photo", ".2f"),
    "rows (MB)": number("rows_mb", ".2f"),
}


def list_paths(data: str | None, folder: str) -> dict[str, list[str]]:
    """Return the paths of the photos of each set; without data, of drawn ones, saved in a folder."""
    from benchmarks._data import load_sets

    if data is not None:
        return {name: list(photos.images) for name, photos in load_sets(Path(data), (SET, *OTHERS)).items()}
    from PIL import Image

    paths = []
    for position, image in enumerate(load_sets(None, ())[DRAWN].images):
        path = Path(folder, f"{position}.jpg")
        Image.fromarray(image).save(path, quality=90)
        paths.append(str(path))
    return {DRAWN: paths}


def measure_photos(features: str, paths: list[str], count: int) -> dict[str, float]:
    """Measure `count` photos and return the peak memory of this process so far, in MB, and the time it took."""
    import warnings
    from time import perf_counter, process_time

    from sklearn_melanoma import make_melanoma_pipeline

    warnings.filterwarnings("ignore", message="No lesion was found")
    start, processor_start = perf_counter(), process_time()
    table = make_melanoma_pipeline(features)["features"].transform(repeat(paths, count))
    assert len(table) == count
    seconds, processor = perf_counter() - start, process_time() - processor_start
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    return {
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
        "seconds": seconds,
        "ms_per_photo": 1e3 * processor / max(count, 1),
        "rows_mb": table.memory_usage().sum() / 1e6,
    }


def in_new_process(function: str, *arguments: Any) -> Any:
    """Call a function of this module in a Python process of its own; arguments and result travel as JSON."""
    code = (
        "import json, sys; from benchmarks import memory; "
        "result, sys.stdout = sys.stdout, sys.stderr; "  # messages are for the user
        f"json.dump(memory.{function}(*json.load(sys.stdin)), result)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(arguments),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return json.loads(run.stdout)


def repeat(paths: list[str], size: int) -> list[str]:
    """Return `size` paths, from the start again where there are fewer."""
    return (paths * -(-size // len(paths)))[:size]


def plan(sets: Iterable[str], most: int) -> list[tuple[str, str, int]]:
    """Return what each process measures: features, the name of a set, and how many photos of it."""
    main_set, *others = sets
    cases = [("survey", main_set, count) for count in reversed(MANY) if count <= most]
    cases += [("all", main_set, count) for count in COUNTS]
    return cases + [("all", name, COUNTS[-1]) for name in others]


def run(
    cases: list[tuple[str, str, int]], sets: dict[str, list[str]], jobs: int, progress: Any
) -> list[dict[str, Any]]:
    """Measure each case, features and photos, in a process of its own."""
    task = progress.add_task("processes", total=len(cases))

    def measure(case: tuple[str, str, int]) -> dict[str, Any]:
        features, name, count = case
        outcome = in_new_process("measure_photos", features, sets[name], count)
        progress.advance(task)
        return {"features": features, "n_photos": count, "set": name, **outcome}

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(measure, cases))


def judge_many(records: list[dict[str, Any]]) -> list[str]:
    """Say how far the peaks lie apart, and the times of a photo."""
    peaks = [record["peak_mb"] for record in records]
    times = [record["ms_per_photo"] for record in records]
    spread = max(peaks) / min(peaks) - 1
    return [
        f"The largest peak is {spread:.1%} above the least, {'within' if spread <= SPREAD else '**above**'} the limit "
        f"of {SPREAD:.0%}. Time is linear: {min(times):.2f} to {max(times):.2f} ms of the processor a photo, with what "
        "is done once."
    ]


def main(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="SKLEARN_MELANOMA_DATA",
            exists=True,
            file_okay=False,
            help="Folder that holds the data sets, each in a folder of its own: ham10000, ph2, isic2017.",
        ),
    ] = None,
    most: Annotated[int, typer.Option(help="Leave out runs over more photos than this.", min=MANY[0])] = MANY[-1],
    jobs: Annotated[int, typer.Option(help="Processes at a time: more take the same memory and more seconds.")] = 1,
    results: Annotated[Path, typer.Option(help="Folder that the report is written to.")] = RESULTS,
) -> None:
    """Measure the peak memory of processes that take photos to features."""
    with TemporaryDirectory() as folder, progress_bar() as progress:
        sets = in_new_process("list_paths", None if data is None else os.fspath(data.absolute()), folder)
        records = run(plan(sets, most), sets, jobs, progress)
    many = sorted((r for r in records if r["features"] == "survey"), key=itemgetter("n_photos"))
    records = [r for r in records if r["features"] == "all"]
    intro = [
        "Largest resident set (`ru_maxrss`) of a fresh Python process that runs "
        '`make_melanoma_pipeline("all")["features"].transform(paths)` and nothing else, interpreter and libraries '
        f"included. 0 photos: what the imports alone take. The limit is {LIMIT} MB.",
        "Photos: "
        + ", ".join(f"{name} ({len(paths)} files, repeated where more are asked for)" for name, paths in sets.items())
        + ".",
    ]
    if DRAWN in sets:
        intro.append("**No real photos were given**: these are photos drawn by `make_lesions`, saved as JPEG.")
    peak = max(record["peak_mb"] for record in records)
    verdict = f"Most: {peak:.0f} MB, {'within' if peak < LIMIT else '**above**'} the limit of {LIMIT} MB."
    about_many = [
        'The same with `make_melanoma_pipeline("survey")`, three features. What comes out is all that grows: '
        "24 bytes a photo here, 1.4 kB with all features."
    ]
    sections = [
        Section("Peak memory", COLUMNS, records, [verdict]),
        Section("Any number of photos", COLUMNS_OF_MANY, many, [*about_many, *judge_many(many)]),
    ]
    write_report("memory", title="Memory", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
