"""Reports of the benchmarks: a Markdown table to read and a JSON file for programs."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("sklearn-melanoma", "numpy", "scipy", "scikit-image", "scikit-learn", "pillow", "pandas", "joblib")

DRAWS_NOTE = (
    "Brackets: Student's 95 % interval over the draws. It shows the effect of the draw, not the scores on another data "
    "set. Differences are paired."
)
LESIONS_NOTE = "In all scores, a lesion counts once, whatever its number of images."
SYNTHETIC = "synthetic"  # name of the images from `make_lesions`, which are used without real images
SYNTHETIC_NOTE = (
    "**No real images were given.** These are synthetic images of `make_lesions`; their scores say nothing about "
    "real images."
)

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
        For each heading, the function that makes a cell from a record.
    records : sequence of dict
        One record for each row. The JSON file holds all their entries.
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
            lines += [_format_row(self.columns), _format_row("---" for _ in self.columns)]
            lines += [_format_row(cell(record) for cell in self.columns.values()) for record in self.records]
        for note in self.notes:
            lines += ["", note]
        return "\n".join(lines)


def progress_bar() -> Progress:
    """Return a progress bar with a description, the number of finished steps and the elapsed time."""
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
    """Write ``<name>.md`` and ``<name>.json``, and print the Markdown.

    Parameters
    ----------
    name : str
        Name of the benchmark's module.
    title : str
        Heading of the report.
    intro : sequence of str
        Paragraphs before the tables: methods and images.
    sections : sequence of Section
        The tables.
    folder : Path
        Folder for both files.
    packages : sequence of str
        Distributions whose versions are recorded, in addition to `PACKAGES`.
    """
    command, setting = _rebuild_command(name), describe_environment(packages)
    where = f"{setting['cpu']}, {setting['cores']} cores, {setting['system']}"
    versions = ", ".join(f"{package} {number}" for package, number in setting["versions"].items())
    made_by = [f"Made by `{command}`", f"on {where}", f"with {versions}."]
    text = "\n\n".join([f"# {title}", *intro, *(section.markdown() for section in sections), "\n".join(made_by)])
    tables = [{"title": section.title, "notes": list(section.notes), "rows": section.records} for section in sections]
    content = {"benchmark": name, "command": command, "environment": setting, "intro": list(intro), "tables": tables}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    (folder / f"{name}.json").write_text(
        json.dumps(_convert_to_json(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
    console.print(Markdown(text))
    console.print(f"Written to {folder / name}.md and .json")


def fill_in(texts: Sequence[str], **values: Any) -> list[str]:
    """Return texts with their placeholders replaced by values."""
    return [text.format(**values) for text in texts]


def synthetic_note(names: Collection[str]) -> list[str]:
    """Return a warning if the data sets are synthetic images."""
    return [SYNTHETIC_NOTE] if SYNTHETIC in names else []


def describe_environment(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Return the versions, the processor and the number of cores."""
    versions = {"python": platform.python_version()}
    for package in (*PACKAGES, *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"cpu": _find_cpu(), "cores": os.cpu_count(), "system": platform.system(), "versions": versions}


def number(key: str, form: str = ".3f") -> Callable[[Record], str]:
    """Return a function that formats one number of a record."""
    return lambda record: _format(record[key], form)


def text(key: str) -> Callable[[Record], str]:
    """Return a function that shows one entry of a record unchanged."""
    return lambda record: str(record[key])


def interval(key: str, form: str = ".3f") -> Callable[[Record], str]:
    """Return a function that formats three numbers of a record: the middle, and the bounds in brackets."""

    def cell(record: Record) -> str:
        if record[key] is None:
            return "–"
        middle, low, high = (_format(value, form) for value in record[key])
        return f"{middle} ({low} to {high})"

    return cell


def _format(value: float | None, form: str) -> str:
    return "–" if value is None or math.isnan(value) else format(value, form).replace("-", "−")


def _format_row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _convert_to_json(value: Any) -> Any:
    """Return a value in the types of JSON. Floats keep five digits; NaN becomes null."""
    if isinstance(value, Mapping):
        return {key: _convert_to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_convert_to_json(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.5g}")
    return value


def _rebuild_command(name: str) -> str:
    """Return the command line. Folders are replaced by words, because they differ between machines."""
    words = sys.argv[1:]
    for option in ("--data", "--results", "--sheets", "--causes"):
        word = option.strip("-").upper()
        for position, argument in enumerate(words):
            if argument.startswith(f"{option}="):
                words[position] = f"{option}={word}"
            elif position and words[position - 1] == option:
                words[position] = word
    return shlex.join(["python", "-m", f"benchmarks.{name}", *words])


def _find_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
