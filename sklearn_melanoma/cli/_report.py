"""Command ``report``: a model and images to one HTML file that explains each prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sklearn_melanoma.cli._app import app
from sklearn_melanoma.cli._code import (
    format_changes,
    format_images,
    format_labeled_columns,
    format_options,
    print_code,
)
from sklearn_melanoma.cli._inputs import (
    add_columns,
    check_label_options,
    choose_labels,
    has_diagnoses,
    list_paths,
    load_data,
    load_image_model,
    name_label_options,
    name_report,
)
from sklearn_melanoma.cli._options import (
    Force,
    GroupColumn,
    Images,
    LabelColumn,
    MelanomaValues,
    ModelFile,
    OnError,
    Processes,
    ShowCode,
)
from sklearn_melanoma.cli._outputs import prepare_output
from sklearn_melanoma.cli._progress import show_spinner
from sklearn_melanoma.datasets import match_table
from sklearn_melanoma.inspection import make_report
from sklearn_melanoma.inspection._page import import_jinja2
from sklearn_melanoma.persistence import read_model_info
from sklearn_melanoma.pipeline import get_image_pipeline


@app.command("report", epilog="Example: sklearn-melanoma report model.skops images/ -o report.html --labels labels.csv")
def write_report(
    model: ModelFile,
    images: Images,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file.", show_default=False)],
    labels: Annotated[Path | None, typer.Option(help="Table of diagnoses, for the results on these images.")] = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    melanoma: MelanomaValues = None,
    columns: Annotated[
        Path | None, typer.Option(help="Table of the patients, to show, and for models that take some of its columns.")
    ] = None,
    n_jobs: Processes = 2,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Write a page with the border, the score and its reasons for each image. It lists images that can't be read."""
    classes = read_model_info(model).classes
    diagnoses = labels is not None and has_diagnoses(classes)
    options = name_label_options(label_column, group_column, melanoma, diagnoses=diagnoses)
    check_label_options(labels, options)
    if show_code:
        _print_code(model, images, output, labels, options, columns, n_jobs, name_report(classes))
        return
    import_jinja2()
    prepare_output(output, force=force)
    fitted = load_image_model(model, None, n_jobs, OnError.RAISE)
    frame = None
    if labels is None:
        paths, known = list_paths(images, OnError.RAISE), {}
    else:
        data = load_data(images, labels, OnError.RAISE, **options)
        paths, frame = data.images, data.frame
        known = {"y": choose_labels(data, fitted.classes_), "groups": data.groups}
    image_steps = get_image_pipeline(fitted)
    takes_columns = hasattr(image_steps, "columns")
    inputs = add_columns(paths, columns if takes_columns else None, image_steps, labels=frame)
    if columns is not None:
        known["metadata"] = match_table(paths, columns)
    with show_spinner("Writing the report"):
        make_report(fitted, inputs, **known, **name_report(classes)).save(output)
    typer.echo(f"Report of {len(paths)} images written to {output}")
    typer.echo("This is a research tool, not a medical device.")


def _print_code(
    model: Path,
    images: list[str],
    output: Path,
    labels: Path | None,
    options: dict[str, Any],
    columns: Path | None,
    n_jobs: int,
    title: dict[str, str],
) -> None:
    loader = "find_images" if labels is None else "load_images"
    given = {} if labels is None else {"labels": str(labels), **options}
    diagnoses = options["melanoma"] == {}
    known = "" if labels is None else f", {'y' if diagnoses else 'data.target'}, groups=data.groups"
    if columns is not None:
        known += ", metadata=table"
    known += format_options(**title)
    print_code(
        f"from sklearn_melanoma.datasets import {loader}{', match_table' if columns else ''}"
        f"{', read_diagnoses' if diagnoses else ''}",
        "from sklearn_melanoma.inspection import make_report",
        "from sklearn_melanoma.persistence import load_model",
        "from sklearn_melanoma.pipeline import get_image_pipeline",
        f"model = load_model({str(model)!r})",
        format_changes(None, n_jobs, OnError.RAISE),
        f"data = {format_images(images, OnError.RAISE, function=loader, **given)}",
        f"images = {'data' if labels is None else 'data.images'}",
        "y = read_diagnoses(data.diagnosis, model.classes_)" if diagnoses else None,
        None if labels is None or columns is not None else format_labeled_columns(model),
        f"table = match_table(images, {str(columns)!r})" if columns else None,
        'images = table.assign(image=images) if hasattr(get_image_pipeline(model), "columns") else images'
        if columns
        else None,
        f"make_report(model, images{known}).save({str(output)!r})",
    )
