"""Peak memory of measuring many images in one process, everything included."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer

# Nothing large is imported here: a process starts with the peak of the one that started it.
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report

COUNTS = (0, 100, 1000, 3000)
SET = "ham10000"  # the one with 3 000 images of its own
OTHERS = ("ph2", "isic2017")  # their images are taken again and again
DRAWN = "made"
LIMIT = 600  # MB

COLUMNS = {
    "images": number("n_photos", ",d"),
    "of": text("set"),
    "peak memory (MB)": number("peak_mb", ".0f"),
    "seconds": number("seconds", ".0f"),
}


def list_paths(data: str | None, folder: str) -> dict[str, list[str]]:
    """Return the paths of the images of each set; without data, of drawn ones, saved in a folder."""
    from benchmarks._data import load_sets, save_photos

    sets = load_sets(None if data is None else Path(data), (SET, *OTHERS))
    return {name: save_photos(photos.images, Path(folder)) for name, photos in sets.items()}


def measure_photos(features: str, paths: list[str], count: int) -> dict[str, float]:
    """Measure `count` images and return the peak memory of this process so far, in MB, and the time it took."""
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


def plan(sets: dict[str, list[str]]) -> list[tuple[str, int]]:
    """Return what each process measures: the name of a set, and how many images of it."""
    main_set = SET if SET in sets else next(iter(sets))
    cases = [(main_set, count) for count in COUNTS]
    return cases + [(name, COUNTS[-1]) for name in sets if name != main_set]


def main(
    data: DataOption = None,
    results: ResultsOption = RESULTS,
) -> None:
    """Measure the peak memory of processes that take images to features."""
    records = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        sets = in_new_process("list_paths", None if data is None else os.fspath(data.absolute()), folder)
        cases = plan(sets)
        task = progress.add_task("processes", total=len(cases))
        for name, count in cases:
            progress.update(task, description=f"{count} images of {name}")
            outcome = in_new_process("measure_photos", "all", sets[name], count)
            records.append({"n_photos": count, "set": name, **outcome})
            progress.advance(task)
    intro = [
        "Largest resident set (`ru_maxrss`) of a fresh Python process that runs "
        '`make_melanoma_pipeline("all")["features"].transform(paths)` and nothing else, interpreter and libraries '
        f"included. 0 images: what the imports alone take. The limit is {LIMIT} MB.",
        "Images: "
        + ", ".join(f"{name} ({len(paths)} files, repeated where more are asked for)" for name, paths in sets.items())
        + ".",
    ]
    if DRAWN in sets:
        intro.append("**No real images were given**: these are images drawn by `make_lesions`, saved as JPEG.")
    most = max(record["peak_mb"] for record in records)
    verdict = f"Most: {most:.0f} MB, {'within' if most < LIMIT else '**above**'} the limit of {LIMIT} MB."
    sections = [Section("Peak memory", COLUMNS, records, [verdict])]
    write_report("memory", title="Memory", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
