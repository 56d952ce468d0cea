"""Robustness: 20 000 broken files and the largest readable ones; time, memory and errors."""

from __future__ import annotations

import os
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as CallTimeoutError
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from pebble import ProcessExpired, ProcessPool

from benchmarks._changes import ENTRIES, change_file, correct_checksums, find_outcome
from benchmarks._corpus import build_corpus, list_large_files
from benchmarks._dicom_files import N_HEADER, build_dicom_corpus, change_declaration
from benchmarks._options import ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, text, write_report
from benchmarks._timing import measure_peak_memory, time_call

MAX_SECONDS, MAX_MEGABYTES = 5, 1000  # limits for a file
MAX_ADDRESSES = 6 << 30  # bytes of addresses for a process, to protect the machine
TIMEOUT, LARGE_TIMEOUT = 20, 60  # wall seconds after which a process is killed
FILES_PER_PROCESS = 200

INTRO = (
    "{tries:,} randomly changed files. They start from {n_files} valid and invalid files of every kind (`_corpus.py`). "
    "Each gets one to three changes: flipped bits, changed numbers, noise, and pieces that are inserted, dropped, "
    "repeated, cut off or taken from another file. In half of the tries the checksums of PNGs are corrected. In half "
    "of the tries warnings are errors.",
    "{dicom}",
    "A file may end in a result, or in one `ValueError` or `OSError` that contains its path. The limits are "
    f"{MAX_SECONDS} s of processor time and {MAX_MEGABYTES} MB of peak memory of the process (`ru_maxrss`, including "
    f"interpreter and libraries). A process reads up to {FILES_PER_PROCESS} changed files, or one large file. It is "
    f"killed after {TIMEOUT} s of wall time, or {LARGE_TIMEOUT} s for a large file, and the file counts as a failure.",
    "**{n_bad} of {n_files_read:,} failed.**",
)
DICOM = (
    "As many tries start from {n_files} DICOM files (`_dicom_files.py`): uncompressed, deflated, run-length encoded, "
    "JPEG and JPEG 2000. In half of them, a declaration is replaced first: size, bits, sign, samples, colors, number "
    "of frames, spacing or transfer syntax."
)
WITHOUT_DICOM = "DICOM files are left out, because pydicom is not installed. Install the extra `dicom`."
LARGE_NOTE = "Each file is at a limit of the reader, or just above it."

COLUMNS = {
    "read by": text("entry"),
    "tries": number("tries", ",d"),
    "result": number("result", ",d"),
    "ValueError": number("ValueError", ",d"),
    "OSError": number("OSError", ",d"),
    "failures": number("bad", ",d"),
    "median (ms)": number("median_ms", ".1f"),
    "slowest (s)": number("seconds", ".2f"),
    "slowest, wall time (s)": number("wall", ".2f"),
    "peak memory (MB)": number("peak_mb", ".0f"),
}
FILE_COLUMNS = {
    "file": text("file"),
    "read by": text("entry"),
    "outcome": text("outcome"),
    "seconds": number("seconds", ".2f"),
    "wall time": number("wall", ".2f"),
    "peak memory (MB)": number("peak_mb", ".0f"),
}


def prepare_process() -> None:
    """Limit the memory of a process, and import modules, so that the first file does not wait for them."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    with TemporaryDirectory() as folder:
        path = Path(folder, "image.png")
        for entry in ENTRIES:
            path.write_bytes(build_corpus()["mask.png" if entry == "mask" else "plain.png"])
            assert find_outcome(entry, str(path)) == "result"


def read_file(path: Path, entry: str, strict: bool = False) -> dict[str, Any]:
    """Read a file, and return the outcome, the times and the peak memory of this process so far."""
    outcome, wall, seconds = time_call(find_outcome, entry, str(path), strict=strict)
    return {"outcome": outcome, "seconds": seconds, "wall": wall, "peak_mb": measure_peak_memory()}


def read_changed_file(position: int, seed: int) -> dict[str, Any]:
    """Change a file of the corpus at random and read it."""
    files = build_corpus()
    rng = np.random.default_rng([seed, position])
    name = list(files)[rng.integers(len(files))]
    data = files[name]
    entry = list(ENTRIES)[rng.integers(len(ENTRIES))]
    for _ in range(rng.integers(1, 4)):
        data = change_file(data, rng, list(files.values()))
    if rng.integers(2):
        data = correct_checksums(data)
    return read_bytes(f"{name}, try {position}", data, entry, rng)


def read_changed_dicom(position: int, seed: int) -> dict[str, Any]:
    """Change a DICOM file at random and read it."""
    files = build_dicom_corpus()
    rng = np.random.default_rng([seed, position, 1])
    name = list(files)[rng.integers(len(files))]
    data = files[name]
    entry = list(ENTRIES)[rng.integers(len(ENTRIES))]
    if rng.integers(2):
        data = change_declaration(data, rng)
    for _ in range(rng.integers(1, 4)):
        data = change_file(data, rng, list(files.values()), n_header=N_HEADER)
    return read_bytes(f"{name}, try {position}", data, entry, rng)


def read_bytes(name: str, data: bytes, entry: str, rng: np.random.Generator) -> dict[str, Any]:
    """Read the content of a changed file, in half of the tries with warnings as errors."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "image é.jpg")
        path.write_bytes(data)
        return {"file": name, "entry": entry, **read_file(path, entry, bool(rng.integers(2)))}


def write_large_file(name: str, path: Path) -> dict[str, Any]:
    """Write one of the largest files."""
    path.write_bytes(list_large_files()[name]())
    return {}


def read_large_file(name: str, path: Path, entry: str) -> dict[str, Any]:
    """Read one of the largest files."""
    return {"file": name, "entry": entry, **read_file(path, entry)}


def read_large_files() -> Iterator[dict[str, Any]]:
    """Yield the outcomes of the largest files. Each is read in its own process, one after the other."""
    with TemporaryDirectory() as folder:
        for name in list_large_files():
            path = Path(folder, "image.jpg")
            written = call_in_pool(write_large_file, [(name, path)], 1, 1, LARGE_TIMEOUT)
            yield from filter(None, written)  # standard error holds errors only
            calls = [(name, path, entry) for entry in list(ENTRIES)[:3]]
            yield from call_in_pool(read_large_file, calls, 1, 1, LARGE_TIMEOUT)


def call_in_pool(
    task: Callable[..., dict[str, Any]], calls: list[tuple[Any, ...]], n_jobs: int, per_process: int, timeout: int
) -> Iterator[Any]:
    """Yield the results of calls in processes. A process that hangs or dies is replaced."""
    with ProcessPool(n_jobs, max_tasks=per_process, initializer=prepare_process) as pool:
        tasks = [pool.schedule(task, args=call, timeout=timeout) for call in calls]
        for call, future in zip(calls, tasks, strict=True):
            try:
                yield future.result()
            except (CallTimeoutError, ProcessExpired) as error:
                outcome = f"!{type(error).__name__} {error}"
                times = {"seconds": timeout, "wall": timeout, "peak_mb": 0.0}
                yield {"file": str(call[0]), "entry": "?", "outcome": outcome, **times}


def is_bad(record: dict[str, Any]) -> bool:
    """Return whether a file failed by its outcome, its time or its memory."""
    return record["outcome"][0] == "!" or record["seconds"] > MAX_SECONDS or record["peak_mb"] > MAX_MEGABYTES


def summarize(entry: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of counts."""
    counts = Counter("bad" if is_bad(record) else record["outcome"] for record in records)
    return {
        "entry": entry,
        "tries": len(records),
        **{kind: counts[kind] for kind in ("result", "ValueError", "OSError", "bad")},
        "median_ms": 1000 * float(np.median([record["seconds"] for record in records])),
        "seconds": max(record["seconds"] for record in records),
        "wall": max(record["wall"] for record in records),
        "peak_mb": max(record["peak_mb"] for record in records),
    }


def summarize_entries(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row of counts for each function under test, and one for all."""
    groups = {name: [record for record in records if record["entry"] == name] for name in (*ENTRIES, "?")}
    return [summarize(name, group) for name, group in (groups | {"all": records}).items() if group]


def make_sections(
    changed: list[dict[str, Any]], dicom: list[dict[str, Any]], large: list[dict[str, Any]]
) -> list[Section]:
    """Return the tables of the report."""
    slowest = sorted(changed + dicom, key=lambda record: -record["seconds"])[:5]
    bad = [record for record in changed + dicom + large if is_bad(record)]
    return [
        Section("Changed files", COLUMNS, summarize_entries(changed)),
        *([Section("Changed DICOM files", COLUMNS, summarize_entries(dicom))] if dicom else []),
        Section("The slowest of them", FILE_COLUMNS, slowest),
        *([Section("The largest files", FILE_COLUMNS, large, [LARGE_NOTE])] if large else []),
        *([Section("Failures", FILE_COLUMNS, bad)] if bad else []),
    ]


def main(
    tries: Annotated[int, typer.Option(min=1, help="Number of changed files, and of changed DICOM files.")] = 10_000,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = os.cpu_count() or 1,
    seed: Annotated[int, typer.Option(help="Seed of the random changes.")] = 0,
    large: Annotated[bool, typer.Option(help="Whether to read the largest files too.")] = True,
    results: ResultsOption = RESULTS,
) -> None:
    """Read broken files with the package; exit code 1 if one of them fails."""
    changed, dicom, limits = [], [], []
    n_dicom = len(build_dicom_corpus())
    with progress_bar() as progress:
        calls = [(position, seed) for position in range(tries)]
        outcomes = call_in_pool(read_changed_file, calls, jobs, FILES_PER_PROCESS, TIMEOUT)
        changed.extend(progress.track(outcomes, len(calls), description="changed"))
        if n_dicom:
            outcomes = call_in_pool(read_changed_dicom, calls, jobs, FILES_PER_PROCESS, TIMEOUT)
            dicom.extend(progress.track(outcomes, len(calls), description="changed DICOM"))
        if large:
            limits.extend(progress.track(read_large_files(), 3 * len(list_large_files()), description="largest"))
    read = changed + dicom + limits
    n_bad = sum(map(is_bad, read))
    about_dicom = DICOM.format(n_files=n_dicom) if n_dicom else WITHOUT_DICOM
    counts = {"tries": tries, "n_files": len(build_corpus()), "n_bad": n_bad, "n_files_read": len(read)}
    intro = fill_in(INTRO, **counts, dicom=about_dicom)
    sections = make_sections(changed, dicom, limits)
    packages = ("pydicom",) if n_dicom else ()
    write_report("fuzz", title="Broken files", intro=intro, sections=sections, folder=results, packages=packages)
    raise typer.Exit(int(bool(n_bad)))


if __name__ == "__main__":
    typer.run(main)
