"""Python code that does the same as a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from sklearn_melanoma.cli._inputs import STANDARD_INPUT
from sklearn_melanoma.cli._options import OnError
from sklearn_melanoma.persistence import read_model_info


def print_code(*lines: str | None) -> None:
    """Print lines of code; None is left out. Imports go first, sorted."""
    code = [line for line in lines if line is not None]
    imports = sorted(line for line in code if line.startswith(("import ", "from ")))
    typer.echo("\n".join([*imports, "", *(line for line in code if line not in imports)]))


def format_images(sources: Sequence[str], on_error: OnError, *, function: str = "find_images", **options: Any) -> str:
    """Return the code that finds the images of the arguments."""
    parts = [
        "*filter(None, map(str.strip, open(0)))" if source == STANDARD_INPUT else repr(source) for source in sources
    ]
    return f"{function}([{', '.join(parts)}]{format_options(**options, **_allow_missing(on_error))})"


def _allow_missing(on_error: OnError) -> dict[str, bool]:
    return {"must_exist": False} if on_error is OnError.SKIP else {}


def format_options(**options: Any) -> str:
    """Return the code of keyword arguments; None is left out."""
    return "".join(f", {name}={value!r}" for name, value in options.items() if value is not None)


def format_columns(table: Path | None, names: list[str] | None) -> str | None:
    """Return the code that adds the columns of the patient that a model needs to the images."""
    chosen = f"[{names}]" if names else ""
    return None if table is None else f"images = match_table(images, {str(table)!r}){chosen}.assign(image=images)"


def format_labeled_columns(model: Path) -> str | None:
    """Return the code that adds columns from the table of labels that a model needs; None if it needs none."""
    names = read_model_info(model).summary.get("columns")
    return f"images = data.frame[{names}].assign(image=images)" if names else None


def find_writer(output: Path) -> str:
    """Return the name of the method of pandas that writes a table."""
    return {".parquet": "to_parquet", ".xlsx": "to_excel"}.get(output.suffix.lower(), "to_csv")


def format_changes(memory: Path | None, n_jobs: int, on_error: OnError) -> str:
    """Return the code that sets the parameters of the image steps of a loaded model."""
    options = {"memory": memory and str(memory), "n_jobs": n_jobs}
    options |= {"on_error": "skip"} if on_error is OnError.SKIP else {}
    return f"get_image_pipeline(model).set_params({format_options(**options)[2:]})"
