"""Thousands of broken files: every one ends in a result or in one error that names it, soon and in little memory."""

from __future__ import annotations

import os
import resource
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as NoEnd
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Annotated, Any

import numpy as np
import typer
from pebble import ProcessExpired, ProcessPool

from benchmarks._changes import ENTRIES, change, large_files, outcome, put_right, seeds
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report

SECONDS, MEGABYTES = 5, 1000  # what a file may take
BELT = 6 << 30  # bytes of addresses for a process, so that no file takes down the machine
END, LARGE_END = 20, 60  # seconds by the clock after which a process is killed
BATCH = 200  # files that one process takes before a new one is started

COLUMNS = {
    "put through": text("entry"),
    "tries": number("tries", ",d"),
    "result": number("result", ",d"),
    "ValueError": number("ValueError", ",d"),
    "OSError": number("OSError", ",d"),
    "anything else": number("bad", ",d"),
    "median (ms)": number("median_ms", ".1f"),
    "slowest (s)": number("seconds", ".2f"),
    "by the clock (s)": number("wall", ".2f"),
    "peak memory (MB)": number("peak_mb", ".0f"),
}
CASE = {
    "file": text("file"),
    "put through": text("entry"),
    "ended in": text("outcome"),
    "seconds": number("seconds", ".2f"),
    "by the clock": number("wall", ".2f"),
    "peak memory (MB)": number("peak_mb", ".0f"),
}


def peak_mb() -> float:
    """Return the most memory that this process has had so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def get_ready() -> None:
    """Let a process do what the first file would have to wait for."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (BELT, BELT))
    with TemporaryDirectory() as folder:
        path = Path(folder, "plain.png")
        path.write_bytes(seeds()["plain.png"])
        for entry in ENTRIES:
            assert outcome(entry, str(path)) == "result"


def run(path: Path, entry: str, strict: bool = False) -> dict[str, Any]:
    """Put a file through, and return how it ended, after how long, and what this process needed at most so far."""
    start, wall = process_time(), perf_counter()
    ended = outcome(entry, str(path), strict=strict)
    return {
        "outcome": ended,
        "seconds": process_time() - start,
        "wall": perf_counter() - wall,
        "peak_mb": peak_mb(),
    }


def run_change(position: int, seed: int) -> dict[str, Any]:
    """Change a file of the corpus at random and put it through."""
    files = seeds()
    rng = np.random.default_rng([seed, position])
    name = list(files)[rng.integers(len(files))]
    entry = list(ENTRIES)[rng.integers(len(ENTRIES))]
    data = files[name]
    for _ in range(rng.integers(1, 4)):
        data = change(data, rng, list(files.values()))
    if rng.integers(2):
        data = put_right(data)
    with TemporaryDirectory() as folder:
        path = Path(folder, "image é.jpg")
        path.write_bytes(data)
        return {"file": f"{name}, try {position}", "entry": entry, **run(path, entry, bool(rng.integers(2)))}


def write_large(name: str, path: Path) -> dict[str, Any]:
    """Make one of the largest files."""
    path.write_bytes(large_files()[name]())
    return {}


def run_large(name: str, path: Path, entry: str) -> dict[str, Any]:
    """Put one of the largest files through."""
    return {"file": name, "entry": entry, **run(path, entry)}


def run_largest() -> Iterator[dict[str, Any]]:
    """Yield how the largest files ended; each is read in a process of its own, one after the other."""
    with TemporaryDirectory() as folder:
        for name in large_files():
            path = Path(folder, "photo.jpg")
            yield from filter(None, run_all(write_large, [(name, path)], 1, 1, LARGE_END))  # what went wrong
            yield from run_all(run_large, [(name, path, entry) for entry in list(ENTRIES)[:3]], 1, 1, LARGE_END)


def run_all(
    task: Callable[..., dict[str, Any]], calls: list[tuple[Any, ...]], jobs: int, size: int, end: int
) -> Iterator[Any]:
    """Yield how the calls ended; a process takes some of them, and a new one starts where one hangs or dies."""
    with ProcessPool(jobs, max_tasks=size, initializer=get_ready) as pool:
        tasks = [pool.schedule(task, args=call, timeout=end) for call in calls]
        for call, future in zip(calls, tasks, strict=True):
            try:
                yield future.result()
            except (NoEnd, ProcessExpired) as error:
                ended = f"!{type(error).__name__} {error}"
                yield {
                    "file": str(call[0]),
                    "entry": "?",
                    "outcome": ended,
                    "seconds": end,
                    "wall": end,
                    "peak_mb": 0.0,
                }


def is_bad(record: dict[str, Any]) -> bool:
    """Tell whether a file ended otherwise than it may."""
    return record["outcome"][0] == "!" or record["seconds"] > SECONDS or record["peak_mb"] > MEGABYTES


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


def main(
    tries: Annotated[int, typer.Option(min=1, help="Number of changed files.")] = 10_000,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = os.cpu_count() or 1,
    seed: Annotated[int, typer.Option(help="What the changes are drawn from.")] = 0,
    large: Annotated[bool, typer.Option(help="Whether to take the largest files too.")] = True,
    results: Annotated[Path, typer.Option(help="Folder that the report is written to.")] = RESULTS,
) -> None:
    """Put broken files through the package; exit code 1 if one of them ends otherwise than it may."""
    changed, limits = [], []
    with progress_bar() as progress:
        calls = [(position, seed) for position in range(tries)]
        changed.extend(progress.track(run_all(run_change, calls, jobs, BATCH, END), len(calls), description="changed"))
        if large:
            limits.extend(progress.track(run_largest(), 3 * len(large_files()), description="largest"))
    records = changed + limits
    bad = [record for record in records if is_bad(record)]
    groups = {name: [record for record in changed if record["entry"] == name] for name in (*ENTRIES, "?")}
    rows = [summarize(name, group) for name, group in groups.items() if group]
    slowest = sorted(changed, key=lambda record: -record["seconds"])[:5]
    intro = [
        f"{tries:,} files, changed at random: {len(seeds())} of every kind that the tests have, sound and broken, "
        "each with one to three bits flipped, numbers, noise, pieces inserted, dropped, repeated, cut off or taken "
        "from another file. In half of the tries checksums of PNGs are put right, in half warnings are errors.",
        "Each may end in a result or in one `ValueError` or `OSError` that has its path, "
        f"within {SECONDS} s of processor time, in a process that has never had more than {MEGABYTES} MB (`ru_maxrss`, "
        f"interpreter and libraries included). A process takes up to {BATCH} files, the largest ones one each; it is "
        f"killed, and the file counted, if it has not ended after {END} s by the clock, the largest after {LARGE_END}.",
        f"**{len(bad)} of {len(records):,} ended otherwise.**",
    ]
    sections = [
        Section("Changed files", COLUMNS, [*rows, summarize("all", changed)]),
        Section("The slowest of them", CASE, slowest),
    ]
    if limits:
        sections.append(
            Section("The largest files", CASE, limits, ["Each is at a limit of the reader, or just above."])
        )
    if bad:
        sections.append(Section("What ended otherwise", CASE, bad))
    write_report("fuzz", title="Broken files", intro=intro, sections=sections, folder=results)
    raise typer.Exit(int(bool(bad)))


if __name__ == "__main__":
    typer.run(main)
