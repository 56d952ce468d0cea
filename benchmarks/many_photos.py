"""Peak memory and time of one process for 1 000, 10 000 and 100 000 images, everything included."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from benchmarks._options import DataOption, ResultsOption

# Nothing large is imported here: a process starts with the peak of the one that started it.
from benchmarks._report import RESULTS, Section, number, progress_bar, write_report
from benchmarks.memory import DRAWN, in_new_process

COUNTS = (1000, 10_000, 100_000)
SPREAD = 0.1  # of the peaks, over the least of them

COLUMNS = {
    "images": number("n_photos", ",d"),
    "peak memory (MB)": number("peak_mb", ".1f"),
    "of this, the rows (MB)": number("rows_mb", ".2f"),
    "processor ms an image": number("ms_per_photo", ".2f"),
    "seconds": number("seconds", ".0f"),
}


def judge(records: list[dict[str, Any]]) -> list[str]:
    """Say how far the peaks lie apart, and the times of an image."""
    peaks = [record["peak_mb"] for record in records]
    times = [record["ms_per_photo"] for record in records]
    spread = max(peaks) / min(peaks) - 1
    return [
        f"The largest peak is {spread:.1%} above the least, {'within' if spread <= SPREAD else '**above**'} the limit "
        f"of {SPREAD:.0%}. Processor time is {min(times):.2f} to {max(times):.2f} ms an image, with what is done once.",
        "Rows are all that grows: 24 bytes an image here, 1.4 kB with all features.",
    ]


def write(name: str, n_files: int, records: list[dict[str, Any]], results: Path) -> None:
    """Write the report."""
    intro = [
        "Largest resident set (`ru_maxrss`) of a fresh Python process that runs "
        '`make_melanoma_pipeline("survey")["features"].transform(paths)` and nothing else, interpreter and libraries '
        f"included. Images: {n_files:,} files of {name}, again and again.",
    ]
    if name == DRAWN:
        intro.append("**No real images were given**: these are images drawn by `make_lesions`, saved as JPEG.")
    sections = [Section("Any number of images", COLUMNS, records, judge(records))]
    write_report("many_photos", title="Any number of images", intro=intro, sections=sections, folder=results)


def main(
    data: DataOption = None,
    most: Annotated[int, typer.Option(help="Leave out runs over more images than this.", min=COUNTS[0])] = COUNTS[-1],
    results: ResultsOption = RESULTS,
) -> None:
    """Measure the peak memory and the time of processes that take many images to three features."""
    records = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        sets = in_new_process("list_paths", None if data is None else os.fspath(data.absolute()), folder)
        name, paths = next(iter(sets.items()))
        counts = [count for count in COUNTS if count <= most]
        task = progress.add_task("images", total=sum(counts))
        for count in counts:
            progress.update(task, description=f"{count:,} images")
            records.append({"n_photos": count, **in_new_process("measure_photos", "survey", paths, count)})
            progress.advance(task, count)
    write(name, len(paths), records, results)


if __name__ == "__main__":
    typer.run(main)
