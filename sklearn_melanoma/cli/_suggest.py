"""Command ``suggest``: images to label next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sklearn_melanoma.cli._app import app
from sklearn_melanoma.cli._code import (
    format_changes,
    format_columns,
    format_images,
    format_labeled_columns,
    print_code,
)
from sklearn_melanoma.cli._inputs import (
    add_columns,
    has_diagnoses,
    list_paths,
    load_data,
    load_image_model,
    name_label_options,
    warn_of_problems,
)
from sklearn_melanoma.cli._options import (
    ErrorAction,
    Force,
    Images,
    LabelColumn,
    MelanomaValues,
    Memory,
    ModelFile,
    OnError,
    PatientTable,
    Processes,
    ShowCode,
)
from sklearn_melanoma.cli._outputs import prepare_output
from sklearn_melanoma.cli._progress import note_memory, show_spinner
from sklearn_melanoma.model_selection import which_to_label
from sklearn_melanoma.persistence import read_model_info
from sklearn_melanoma.pipeline import get_image_pipeline
from sklearn_melanoma.pipeline._warnings import record_problems


@app.command(epilog="Example: sklearn-melanoma suggest model.skops images/ --labels labels.csv -n 20")
def suggest(
    model: ModelFile,
    images: Images,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Images to label next.")] = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="List of paths (.txt). Default: standard output.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Table of diagnoses; labeled images are not suggested.")] = None,
    label_column: LabelColumn = None,
    melanoma: MelanomaValues = None,
    columns: PatientTable = None,
    memory: Memory = None,
    n_jobs: Processes = 2,
    on_error: ErrorAction = OnError.RAISE,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Choose the images whose labels would help the model most, one path a line, the most helpful first."""
    diagnoses = labels is not None and has_diagnoses(read_model_info(model).classes)
    options = name_label_options(label_column, None, melanoma, diagnoses=diagnoses)
    if show_code:
        _print_code(model, images, number, output, labels, options, columns, memory, n_jobs, on_error)
        return
    if output is not None:
        prepare_output(output, force=force)
    fitted = load_image_model(model, memory, n_jobs, on_error)
    if labels is None:
        paths, y, frame = list_paths(images, on_error), None, None
    else:
        labeled = load_data(images, labels, on_error, **options)
        paths, y, frame = labeled.images, labeled.target, labeled.frame
    data = add_columns(paths, columns, get_image_pipeline(fitted), labels=frame)
    with show_spinner("Choosing images"), note_memory(memory), record_problems() as problems:
        positions = which_to_label(fitted, data, number, y=y)
    chosen = "\n".join(paths[position] for position in positions)
    warn_of_problems({paths[position]: problem for position, problem in problems.items()}, len(paths))
    if output is None:
        typer.echo(chosen)
    else:
        output.write_text(f"{chosen}\n", "utf-8", errors="surrogateescape")
        typer.echo(f"{number} paths written to {output}")


def _print_code(
    model: Path,
    images: list[str],
    number: int,
    output: Path | None,
    labels: Path | None,
    options: dict[str, Any],
    columns: Path | None,
    memory: Path | None,
    n_jobs: int,
    on_error: OnError,
) -> None:
    loader = "find_images" if labels is None else "load_images"
    given = {} if labels is None else {"labels": str(labels), **options}
    found, y = ("data", "") if labels is None else ("data.images", ", y=data.target")
    show = 'print("\\n".join(chosen))'
    write = f'open({str(output)!r}, "w", encoding="utf-8").write("\\n".join(chosen) + "\\n")'
    print_code(
        f"from sklearn_melanoma.datasets import {loader}{', match_table' if columns else ''}",
        "from sklearn_melanoma.model_selection import which_to_label",
        "from sklearn_melanoma.persistence import load_model",
        "from sklearn_melanoma.pipeline import get_image_pipeline",
        f"model = load_model({str(model)!r})",
        format_changes(memory, n_jobs, on_error),
        f"data = {format_images(images, on_error, function=loader, **given)}",
        f"paths = images = {found}",
        format_columns(columns, read_model_info(model).summary.get("columns")),
        None if labels is None or columns is not None else format_labeled_columns(model),
        f"chosen = [paths[i] for i in which_to_label(model, images, {number}{y})]",
        show if output is None else write,
    )
