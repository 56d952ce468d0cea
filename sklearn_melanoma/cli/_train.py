"""Command ``train``: labeled images to a model."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.cli._app import app, console
from sklearn_melanoma.cli._code import format_columns, format_images, format_options, print_code
from sklearn_melanoma.cli._inputs import add_columns, load_data, warn_of_problems
from sklearn_melanoma.cli._options import (
    ErrorAction,
    Features,
    FeatureSet,
    Force,
    GroupColumn,
    Images,
    LabelColumn,
    LabelTable,
    MelanomaValues,
    Memory,
    OnError,
    Processes,
    ShowCode,
)
from sklearn_melanoma.cli._outputs import prepare_output
from sklearn_melanoma.cli._progress import iterate_chunks, show_spinner
from sklearn_melanoma.metrics import score_report, threshold_at_sensitivity
from sklearn_melanoma.model_selection import out_of_fold_scores
from sklearn_melanoma.persistence import format_model_card, read_model_info, save_model
from sklearn_melanoma.persistence._skops import import_skops
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._warnings import NO_LESION, record_problems


@app.command(epilog="Example: sklearn-melanoma train images/ --labels labels.csv -o model.skops --sensitivity 0.9")
def train(
    images: Images,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Model file. Its card is beside it, ending in .md.", show_default=False),
    ],
    labels: LabelTable = None,
    label_column: LabelColumn = None,
    group_column: GroupColumn = None,
    melanoma: MelanomaValues = None,
    features: Features = FeatureSet.ALL,
    column: Annotated[
        list[str] | None, typer.Option(help="Column of the patient to learn from, such as age; repeat for several.")
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(help="Table with these columns. Default: the table of labels.")
    ] = None,
    sensitivity: Annotated[
        float, typer.Option(min=0.01, max=1, help="Sensitivity that the threshold should have on unseen images.")
    ] = 0.95,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = 5,
    memory: Memory = None,
    n_jobs: Processes = 2,
    on_error: ErrorAction = OnError.RAISE,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Fit a model to labeled images, and report its results in cross-validation. Some images may be unlabeled."""
    options = {"label_column": label_column, "group_column": group_column, "melanoma": melanoma or None}
    if show_code:
        pipeline = {"columns": column or None, "memory": memory and str(memory), "n_jobs": n_jobs}
        _print_code(images, output, labels, columns, options, features, pipeline, sensitivity, folds, on_error)
        return
    import_skops()
    card = output.with_suffix(".md")
    for path in (output, card):
        prepare_output(path, force=force)
    data = load_data(images, labels, on_error, **options)
    with TemporaryDirectory() if memory is None else nullcontext(memory) as cache:
        model = make_melanoma_pipeline(features.value, columns=column or None, memory=cache, n_jobs=n_jobs)
        inputs = add_columns(data.images, columns or (data.frame if column else None), model["features"])
        problems = _fill_memory(model["features"].set_params(on_error=on_error.value)[:], data.images, n_jobs)
        warn_of_problems(problems, len(data.images))
        kept = np.array([problems.get(path, NO_LESION) == NO_LESION for path in data.images])
        X = [path for path, keep in zip(data.images, kept, strict=True) if keep] if not column else inputs[kept]
        y, groups = data.target[kept], data.groups[kept]
        with show_spinner("Cross-validating"), record_problems():
            scores = out_of_fold_scores(model, X, y, cv=folds, groups=groups)
        threshold = threshold_at_sensitivity(y, scores, sensitivity=sensitivity)
        report = score_report(y, scores, threshold=threshold.threshold, groups=groups)
        with show_spinner("Fitting the model"), record_problems():
            model.fit(X, y)
    summary = {
        "sources": [str(source) for source in images],
        "images": len(y),
        "melanomas": int(np.count_nonzero(y == 1)),
        "others": int(np.count_nonzero(y == 0)),
        "unlabeled": int(np.count_nonzero(y == -1)),
        "groups": len(set(groups)),
        "skipped": len(kept) - len(y),
        "features": features.value,
        "columns": column or [],
        "folds": folds,
        "label_mapping": data.label_mapping,
        "report": report.astype(object).where(report.notna(), None).to_dict("index"),
    }
    save_model(model, output, threshold=threshold, summary=summary)
    card.write_text(format_model_card(read_model_info(output)), "utf-8")
    console().print(_make_table(report, folds))
    typer.echo(f"Threshold {threshold.threshold:.4f}: expected sensitivity {threshold.expected_sensitivity:.3f}")
    typer.echo(f"Model written to {output}, model card to {card}")


def _fill_memory(features: ImagePipeline, paths: list[str], n_jobs: int) -> dict[str, str]:
    """Compute the rows of all images once, and return the problems by path."""
    problems: dict[str, str] = {}
    for chunk in iterate_chunks(paths, "Computing features", n_jobs):
        with record_problems() as found:
            features.fit_transform(chunk)
        problems |= {chunk.items[position]: problem for position, problem in found.items()}
    return problems


def _make_table(report: Any, folds: int) -> Table:
    table = Table(title=f"Cross-validation with {folds} folds (95 % interval)")
    table.add_column("")
    for name in ("value", "interval", "n"):
        table.add_column(name, justify="right")
    for name, row in report.iterrows():
        table.add_row(name, f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}", f"{row['n']:.0f}")
    return table


def _print_code(
    images: list[str],
    output: Path,
    labels: Path | None,
    columns: Path | None,
    options: dict[str, Any],
    features: FeatureSet,
    pipeline: dict[str, Any],
    sensitivity: float,
    folds: int,
    on_error: OnError,
) -> None:
    if labels is None:
        loader, load = "load_folder", f"load_folder({images[0]!r}{format_options(**options)})"
    else:
        loader = "load_images"
        load = format_images(images, on_error, function=loader, labels=str(labels), **options)
    column = pipeline["columns"]
    frame = f"images = data.frame[{column}].assign(image=data.images)" if column else None
    print_code(
        f"from sklearn_melanoma.datasets import {loader}{', match_table' if columns else ''}",
        "from sklearn_melanoma import make_melanoma_pipeline",
        "from sklearn_melanoma.metrics import threshold_at_sensitivity",
        "from sklearn_melanoma.model_selection import out_of_fold_scores",
        "from sklearn_melanoma.persistence import save_model",
        f"data = {load}",
        "images = data.images",
        format_columns(columns) or frame,
        f"model = make_melanoma_pipeline({features.value!r}{format_options(**pipeline)})",
        'model["features"].set_params(on_error="skip")' if on_error is OnError.SKIP else None,
        f"scores = out_of_fold_scores(model, images, data.target, cv={folds}, groups=data.groups)",
        f"threshold = threshold_at_sensitivity(data.target, scores, sensitivity={sensitivity})",
        f"save_model(model.fit(images, data.target), {str(output)!r}, threshold=threshold)",
    )
