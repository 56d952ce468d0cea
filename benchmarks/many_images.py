"""Peak memory and time of one process that computes three features of up to 100 000 images."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from benchmarks._options import DataOption, ResultsOption

# Nothing large is imported here: a new process starts with the peak memory of its parent.
from benchmarks._processes import call_in_new_process, list_paths_in_new_process
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, synthetic_note, write_report

COUNTS = (1000, 10_000, 100_000)
MAX_SPREAD = 0.1  # largest spread of the peaks, relative to the lowest

INTRO = (
    "Peak memory (`ru_maxrss`) of a fresh Python process that runs "
    '`make_melanoma_pipeline("survey")["features"].transform(paths)` and nothing else, including interpreter and '
    "libraries. Images: {n_files:,} files of {name}, repeated.",
)
NOTES = (
    "The largest peak is {spread:.1%} above the lowest, {verdict} the limit of {limit:.0%}. Processor time is "
    "{fastest:.2f} to {slowest:.2f} ms per image, including the imports.",
    "Only the rows grow: 24 bytes per image here, 1.4 kB with all features.",
)

COLUMNS = {
    "images": number("n_images", ",d"),
    "peak memory (MB)": number("peak_mb", ".1f"),
    "rows in it (MB)": number("rows_mb", ".2f"),
    "processor time per image (ms)": number("ms_per_image", ".2f"),
    "seconds": number("seconds", ".0f"),
}


def summarize(records: list[dict[str, Any]]) -> list[str]:
    """Return sentences on the spread of the peaks and on the times."""
    peaks = [record["peak_mb"] for record in records]
    times = [record["ms_per_image"] for record in records]
    spread = max(peaks) / min(peaks) - 1
    verdict = "within" if spread <= MAX_SPREAD else "**above**"
    return fill_in(NOTES, spread=spread, verdict=verdict, limit=MAX_SPREAD, fastest=min(times), slowest=max(times))


def main(
    data: DataOption = None,
    most: Annotated[int, typer.Option(help="Largest number of images.", min=COUNTS[0])] = COUNTS[-1],
    results: ResultsOption = RESULTS,
) -> None:
    """Measure the peak memory and the time of processes that compute three features of many images."""
    records = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        name, paths = next(iter(list_paths_in_new_process(data, folder).items()))
        counts = [count for count in COUNTS if count <= most]
        task = progress.add_task("images", total=sum(counts))
        for count in counts:
            progress.update(task, description=f"{count:,} images")
            records.append({"n_images": count, **call_in_new_process("measure_images", "survey", paths, count)})
            progress.advance(task, count)
    intro = [*fill_in(INTRO, n_files=len(paths), name=name), *synthetic_note([name])]
    sections = [Section("Any number of images", COLUMNS, records, summarize(records))]
    write_report("many_images", title="Any number of images", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
