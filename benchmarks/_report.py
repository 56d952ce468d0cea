"""What every benchmark writes: a Markdown table to read and a JSON file to compute with."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("sklearn-melanoma", "numpy", "scipy", "scikit-image", "scikit-learn", "pillow", "pandas", "joblib")

Record = Mapping[str, Any]

console = Console()


@dataclass(frozen=True)
class Section:
    """One table of a report.

    Parameters
    ----------
    title : str
        Heading above the table.
    columns : dict
        Heading of each column, and the function that makes its cell from a record.
    records : sequence of dict
        One for each row; the JSON file holds them in full.
    notes : sequence of str
        Sentences below the table.
    """

    title: str
    columns: Mapping[str, Callable[[Record], str]]
    records: Sequence[Record]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Return heading, table and notes as Markdown."""
        lines = [f"## {self.title}", ""]
        if self.records:
            lines += [_row(self.columns), _row("---" for _ in self.columns)]
            lines += [_row(cell(record) for cell in self.columns.values()) for record in self.records]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines)


def progress_bar() -> Progress:
    """Return a progress bar that says what is going on, how far it is and since when."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def write_report(
    name: str,
    *,
    title: str,
    intro: Sequence[str],
    sections: Sequence[Section],
    folder: Path = RESULTS,
    packages: Sequence[str] = (),
) -> None:
    """Write ``<name>.md`` and ``<name>.json`` and show the former.

    Parameters
    ----------
    name : str
        Name of the benchmark's module.
    title : str
        Heading of the report.
    intro : sequence of str
        Paragraphs before the tables: what was measured, on what.
    sections : sequence of Section
        The tables.
    folder : Path
        Where both files go.
    packages : sequence of str
        Distributions whose versions are recorded beside those of `PACKAGES`.
    """
    command, setting = _command(name), environment(packages)
    where = f"{setting['cpu']}, {setting['cores']} cores, {setting['system']}"
    versions = ", ".join(f"{package} {number}" for package, number in setting["versions"].items())
    made_by = [f"Made by `{command}`", f"on {where}", f"with {versions}."]
    text = "\n\n".join([f"# {title}", *intro, *(section.markdown() for section in sections), "\n".join(made_by)])
    tables = [{"title": section.title, "notes": list(section.notes), "rows": section.records} for section in sections]
    content = {"benchmark": name, "command": command, "environment": setting, "intro": list(intro), "tables": tables}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    (folder / f"{name}.json").write_text(
        json.dumps(_plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    console.print(Markdown(text))
    console.print(f"Written to {folder / name}.md and .json")


def environment(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the numbers depend on: versions, processor and number of cores."""
    versions = {"python": platform.python_version()}
    for package in (*PACKAGES, *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.system(), "versions": versions}


def number(key: str, form: str = ".3f") -> Callable[[Record], str]:
    """Return a function that makes a cell of one number of a record."""
    return lambda record: _format(record[key], form)


def text(key: str) -> Callable[[Record], str]:
    """Return a function that makes a cell of one entry of a record as it is."""
    return lambda record: str(record[key])


def quartiles(values: Any) -> tuple[float, float, float]:
    """Return the median and the quartiles around it, as `interval` shows them."""
    import numpy as np  # here: who weighs processes starts without it

    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return middle, low, high


def interval(key: str, form: str = ".3f") -> Callable[[Record], str]:
    """Return a function that makes a cell of three numbers: middle, and bounds in brackets."""

    def cell(record: Record) -> str:
        if record[key] is None:
            return "–"
        middle, low, high = (_format(value, form) for value in record[key])
        return f"{middle} ({low} to {high})"

    return cell


def _format(value: float | None, form: str) -> str:
    return "–" if value is None or math.isnan(value) else format(value, form).replace("-", "−")


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(value: Any) -> Any:
    """Return the same in types that JSON has: floats rounded to what they are good for, NaN as null."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.5g}")
    return value


def _command(name: str) -> str:
    """Return the command line, without the folders, which are another's on another machine."""
    words = sys.argv[1:]
    for option in ("--data", "--results", "--sheets", "--causes"):
        word = option.strip("-").upper()
        for position, argument in enumerate(words):
            if argument.startswith(f"{option}="):
                words[position] = f"{option}={word}"
            elif position and words[position - 1] == option:
                words[position] = word
    return shlex.join(["python", "-m", f"benchmarks.{name}", *words])


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
