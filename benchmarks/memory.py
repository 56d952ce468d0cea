"""Peak memory of one process that computes all features of up to 3 000 images."""

from __future__ import annotations

from tempfile import TemporaryDirectory

import typer

from benchmarks._options import DataOption, ResultsOption

# Nothing large is imported here: a new process starts with the peak memory of its parent.
from benchmarks._processes import SET, call_in_new_process, list_paths_in_new_process
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, synthetic_note, text, write_report

COUNTS = (0, 100, 1000, 3000)
MAX_MEGABYTES = 600

INTRO = (
    "Peak memory (`ru_maxrss`) of a fresh Python process that runs "
    '`make_melanoma_pipeline("all")["features"].transform(paths)` and nothing else, including interpreter and '
    f"libraries. The row with 0 images shows the imports alone. The limit is {MAX_MEGABYTES} MB.",
    "Images: {sets}.",
)
NOTE = "Highest peak: {peak:.0f} MB, {verdict} the limit of {limit} MB."

COLUMNS = {
    "images": number("n_images", ",d"),
    "data set": text("set"),
    "peak memory (MB)": number("peak_mb", ".0f"),
    "seconds": number("seconds", ".0f"),
}


def list_cases(sets: dict[str, list[str]]) -> list[tuple[str, int]]:
    """Return the data set and the number of images of each process."""
    main_set = SET if SET in sets else next(iter(sets))
    cases = [(main_set, count) for count in COUNTS]
    return cases + [(name, COUNTS[-1]) for name in sets if name != main_set]


def main(data: DataOption = None, results: ResultsOption = RESULTS) -> None:
    """Measure the peak memory of processes that compute all features of images."""
    records = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        sets = list_paths_in_new_process(data, folder)
        cases = list_cases(sets)
        task = progress.add_task("processes", total=len(cases))
        for name, count in cases:
            progress.update(task, description=f"{count} images of {name}")
            measured = call_in_new_process("measure_images", "all", sets[name], count)
            records.append({"n_images": count, "set": name, **measured})
            progress.advance(task)
    listed = ", ".join(f"{name} ({len(paths)} files, repeated if needed)" for name, paths in sets.items())
    intro = [*fill_in(INTRO, sets=listed), *synthetic_note(sets)]
    peak = max(record["peak_mb"] for record in records)
    notes = [NOTE.format(peak=peak, verdict="within" if peak < MAX_MEGABYTES else "**above**", limit=MAX_MEGABYTES)]
    sections = [Section("Peak memory", COLUMNS, records, notes)]
    write_report("memory", title="Memory", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
