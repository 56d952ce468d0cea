"""Command ``predict``: a model and images to a table of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sklearn_melanoma.cli._app import app
from sklearn_melanoma.cli._code import (
    find_writer,
    format_changes,
    format_columns,
    format_images,
    format_options,
    print_code,
)
from sklearn_melanoma.cli._inputs import add_columns, list_paths, load_image_model, name_report, warn_of_problems
from sklearn_melanoma.cli._options import (
    ErrorAction,
    Force,
    Images,
    Memory,
    ModelFile,
    OnError,
    PatientTable,
    Processes,
    ShowCode,
)
from sklearn_melanoma.cli._outputs import TableWriter, check_table_path, prepare_output
from sklearn_melanoma.cli._progress import iterate_chunks, show_spinner
from sklearn_melanoma.inspection import make_report
from sklearn_melanoma.inspection._page import import_jinja2
from sklearn_melanoma.metrics._threshold import read_threshold
from sklearn_melanoma.persistence import ModelInfo, read_model_info
from sklearn_melanoma.pipeline import get_image_pipeline, predict_images


@app.command(epilog="Example: sklearn-melanoma predict model.skops images/ -o predictions.csv --on-error skip")
def predict(
    model: ModelFile,
    images: Images,
    output: Annotated[Path, typer.Option("--output", "-o", help="Table: .csv, .parquet or .xlsx.", show_default=False)],
    report: Annotated[Path | None, typer.Option(help="HTML file with the reasons for each prediction.")] = None,
    columns: PatientTable = None,
    memory: Memory = None,
    n_jobs: Processes = 2,
    on_error: ErrorAction = OnError.RAISE,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Score each image, and write the score, the label, whether it is at or above the threshold, and problems."""
    info = read_model_info(model)
    given = _find_threshold(info)
    if show_code:
        print_code(
            f"from sklearn_melanoma.datasets import find_images{', match_table' if columns else ''}",
            "from sklearn_melanoma.persistence import load_model",
            "from sklearn_melanoma.pipeline import get_image_pipeline, predict_images",
            f"model = load_model({str(model)!r})",
            format_changes(memory, n_jobs, on_error),
            f"images = {format_images(images, on_error)}",
            format_columns(columns, info.summary.get("columns")),
            f"table = predict_images(model, images{format_options(**given)})",
            f'table.rename_axis("path").{find_writer(output)}({str(output)!r})',
            "from sklearn_melanoma.inspection import make_report" if report else None,
            f"make_report(model, images{format_options(**name_report(info.classes))}).save({str(report)!r})"
            if report
            else None,
        )
        return
    _prepare_outputs(output, report, force=force)
    fitted = load_image_model(model, memory, n_jobs, on_error)
    paths = list_paths(images, on_error)
    data = add_columns(paths, columns, get_image_pipeline(fitted))
    problems: dict[str, str] = {}
    n_positive = 0
    with TableWriter(output, len(paths)) as writer:
        for chunk in iterate_chunks(paths, "Predicting", n_jobs):
            table = predict_images(fitted, chunk if data is paths else data.loc[list(chunk.items)], **given)
            problems |= {str(path): problem for path, problem in table["problem"].items() if problem}
            n_positive += int(table["positive"].eq(True).sum()) if "positive" in table else 0
            writer.write(table)
    warn_of_problems(problems, len(paths))
    above = "" if len(fitted.classes_) > 2 else "at or above the threshold"
    if given:
        above = f"at or above the threshold for {info.pos_label}"
    typer.echo(
        f"{len(paths)} rows written to {output}: {f'{n_positive} {above}, ' if above else ''}"
        f"{len(problems)} without a score"
    )
    if report is not None:
        with show_spinner("Writing the report"):
            make_report(fitted, data, **name_report(fitted.classes_)).save(report)
        typer.echo(f"Report written to {report}")
    typer.echo("This is a research tool, not a medical device.")


def _prepare_outputs(output: Path, report: Path | None, *, force: bool) -> None:
    check_table_path(output)
    if report is not None:
        import_jinja2()
        if report.resolve() == output.resolve():
            raise typer.BadParameter(f"--report must be another file than --output, got {str(report)!r} for both.")
        prepare_output(report, force=force)
    prepare_output(output, force=force)


def _find_threshold(info: ModelInfo) -> dict[str, Any]:
    """Return the stored threshold of a model of more than two classes, which is not part of the model itself."""
    if len(info.classes or ()) < 3 or info.threshold is None:
        return {}
    return {"threshold": read_threshold(info.threshold), "pos_label": info.pos_label}
