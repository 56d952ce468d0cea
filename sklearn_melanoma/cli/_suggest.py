"""Command ``suggest``: images to label next."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
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
    STANDARD_INPUT,
    add_columns,
    check_label_options,
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
    GroupColumn,
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
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Table of diagnoses. At most one image of each patient or lesion is suggested, and none of those with "
            "a label. Default: all images count as unlabeled."
        ),
    ] = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
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
    options = name_label_options(label_column, group_column, melanoma, diagnoses=diagnoses)
    check_label_options(labels, options)
    if show_code:
        _print_code(model, images, number, output, labels, options, columns, memory, n_jobs, on_error)
        return
    if output is not None:
        prepare_output(output, force=force)
    fitted = load_image_model(model, memory, n_jobs, on_error)
    if labels is None:
        paths, known, frame = list_paths(images, on_error), {}, None
    else:
        labeled = load_data(images, labels, on_error, **options)
        paths, known, frame = labeled.images, {"y": labeled.target, "groups": labeled.groups}, labeled.frame
    data = add_columns(paths, columns, get_image_pipeline(fitted), labels=frame)
    with show_spinner("Choosing images"), note_memory(memory), record_problems() as problems:
        positions = which_to_label(fitted, data, number, **known)
    chosen = "\n".join(paths[position] for position in positions)
    warn_of_problems({paths[position]: problem for position, problem in problems.items()}, len(paths))
    if labels is None:
        _warn_of_training_images(images, read_model_info(model).summary.get("sources", ()))
    if output is None:
        typer.echo(chosen)
    else:
        output.write_text(f"{chosen}\n", "utf-8", errors="surrogateescape")
        typer.echo(f"{number} paths written to {output}")


def _warn_of_training_images(images: list[str], trained: Sequence[str]) -> None:
    """Warn if the model was trained on the same folders or files, because some of their images have a label."""
    if set(map(os.path.normpath, images)) & set(map(os.path.normpath, trained)) - {STANDARD_INPUT}:
        warnings.warn(
            "The model was trained on images from here, so images that have a label may be suggested. Name the table "
            "of labels by --labels.",
            stacklevel=2,
        )


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
    found, known = ("data", "") if labels is None else ("data.images", ", y=data.target, groups=data.groups")
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
        f"chosen = [paths[i] for i in which_to_label(model, images, {number}{known})]",
        show if output is None else write,
    )
