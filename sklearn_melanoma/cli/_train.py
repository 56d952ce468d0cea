"""Command ``train``: labeled images to a model."""

from __future__ import annotations

import warnings
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table
from sklearn.base import clone
from sklearn.utils import Bunch

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.cli._app import app, console
from sklearn_melanoma.cli._code import format_columns, format_images, format_options, print_code
from sklearn_melanoma.cli._inputs import add_columns, load_data, name_label_options, warn_of_problems
from sklearn_melanoma.cli._options import (
    ErrorAction,
    Force,
    GroupColumn,
    Images,
    LabelColumn,
    LabelTable,
    MelanomaValues,
    Memory,
    ModelFeatures,
    OnError,
    Processes,
    ShowCode,
)
from sklearn_melanoma.cli._outputs import prepare_output
from sklearn_melanoma.cli._progress import iterate_chunks, note_memory, show_spinner
from sklearn_melanoma.datasets import read_diagnoses
from sklearn_melanoma.metrics import Threshold, score_report, threshold_at_sensitivity
from sklearn_melanoma.model_selection import SemiSupervisedSplit, out_of_fold_scores
from sklearn_melanoma.persistence import format_model_card, read_model_info, save_model
from sklearn_melanoma.persistence._skops import import_skops
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._warnings import NO_LESION, record_problems

if TYPE_CHECKING:
    import pandas as pd

# Results that do not depend on the fraction of melanomas among the labels.
_OF_ANY_PREVALENCE = ["ROC AUC", "balanced accuracy", "sensitivity", "specificity"]


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
    diagnoses: Annotated[
        bool, typer.Option("--diagnoses", help="Distinguish all diagnoses, not only melanoma from others.")
    ] = False,
    features: Annotated[
        ModelFeatures,
        typer.Option(help="All features, the three of the survey, or all and those learned without labels (slower)."),
    ] = ModelFeatures.ALL,
    column: Annotated[
        list[str] | None, typer.Option(help="Column of the patient to learn from, such as age; repeat for several.")
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(help="Table with these columns. Default: the table of labels.")
    ] = None,
    sensitivity: Annotated[
        float,
        typer.Option(min=0.01, max=1, help="Sensitivity for melanoma that the threshold should have on unseen images."),
    ] = 0.95,
    prevalence: Annotated[
        float | None,
        typer.Option(
            help="Fraction of melanomas among unseen images. Default: scores assume the fraction among the labels, or "
            "one half for the features of the survey.",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = 5,
    memory: Memory = None,
    n_jobs: Processes = 2,
    on_error: ErrorAction = OnError.RAISE,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Fit a model to labeled images, and report its results in cross-validation. Some images may be unlabeled."""
    column = list(dict.fromkeys(column or []))
    _check_options(output, column, columns)
    _check_prevalence(prevalence, features, diagnoses=diagnoses)
    options = name_label_options(label_column, group_column, melanoma, diagnoses=diagnoses)
    pipeline = {"columns": column or None, "memory": memory and str(memory), "n_jobs": n_jobs}
    if show_code:
        _print_code(
            images, output, labels, columns, options, features, pipeline, sensitivity, prevalence, folds, on_error
        )
        return
    import_skops()
    card = output.with_suffix(".md")
    for path in (output, card):
        prepare_output(path, force=force)
    data = load_data(images, labels, on_error, **options)
    warnings.filterwarnings("ignore", message="y contains no unlabeled samples")  # by self-training, in each fold
    target = read_diagnoses(data.diagnosis) if diagnoses else data.target
    positive = _find_positive(target)
    _check_columns(column, label_column, data)
    _check_folds(folds, target, data.groups)
    with TemporaryDirectory() if memory is None else nullcontext(memory) as cache:
        model = _make_model(features, pipeline | {"memory": cache}, prevalence, on_error)
        inputs = add_columns(data.images, columns, model["features"], labels=data.frame)
        with note_memory(memory):
            problems = _fill_memory(_leave_out_learned(model["features"][:]), data.images, n_jobs)
        warn_of_problems(problems, len(data.images))
        kept = np.array([problems.get(path, NO_LESION) == NO_LESION for path in data.images])
        X = [path for path, keep in zip(data.images, kept, strict=True) if keep] if not column else inputs[kept]
        y, groups = target[kept], data.groups[kept]
        with show_spinner("Cross-validating"), note_memory(memory), record_problems():
            scores = _score_folds(model, X, y, folds, groups, positive)
        threshold, report = _evaluate(y, scores, groups, positive, sensitivity)
        if prevalence is not None:  # the labels have another prevalence, which does not fit the probabilities
            report = report.loc[_OF_ANY_PREVALENCE]
        with show_spinner("Fitting the model"), note_memory(memory), record_problems():
            model.fit(X, y)
    summary = {
        "sources": [str(source) for source in images],
        **_count_labels(y),
        "groups": len(set(groups)),
        "skipped": len(kept) - len(y),
        "features": features.value,
        "columns": column,
        **({} if prevalence is None else {"prevalence": prevalence}),
        "folds": folds,
        "label_mapping": dict(zip(data.diagnosis, target.tolist(), strict=True)) if diagnoses else data.label_mapping,
        "report": report.astype(object).where(report.notna(), None).to_dict("index"),
    }
    save_model(model, output, threshold=threshold, pos_label=positive, summary=summary)
    card.write_text(format_model_card(read_model_info(output)), "utf-8")
    _print_results(report, folds, threshold)
    typer.echo(f"Model written to {output}, model card to {card}")


def _check_options(output: Path, column: list[str], columns: Path | None) -> None:
    if output.suffix.lower() == ".md":
        raise typer.BadParameter(f"--output must not end in .md, which the model card does, got {str(output)!r}.")
    if columns is not None and not column:
        raise typer.BadParameter("--columns needs --column, the name of one of its columns to learn from.")


def _check_prevalence(prevalence: float | None, features: ModelFeatures, *, diagnoses: bool) -> None:
    """Raise an error if a fraction of melanomas is not one, or the classifier takes none."""
    if prevalence is None:
        return
    if not 0 < prevalence < 1:
        raise typer.BadParameter(
            f"--prevalence must be above 0 and below 1, got {prevalence:g}. Divide percents by 100."
        )
    if features is ModelFeatures.SURVEY:
        raise typer.BadParameter("--prevalence needs --features all or learned, got survey: its classifier takes none.")
    if diagnoses:
        raise typer.BadParameter(
            "--prevalence is for models of melanoma against all others, got --diagnoses. Leave one of them out. In "
            "Python, PriorLogisticRegression takes the fraction of each diagnosis."
        )


def _find_positive(target: NDArray[Any]) -> Any:
    """Return the label of melanoma; None if it is not among several diagnoses."""
    if target.dtype.kind == "i":
        return 1
    found = sorted({label for label in target if label != -1})
    if "melanoma" in found:
        return "melanoma"
    if len(found) == 2:
        raise ValueError(f"--diagnoses needs melanoma or a third diagnosis, got {' and '.join(found)}. Label others.")
    return None


def _check_columns(names: list[str], label_column: str | None, data: Bunch) -> None:
    """Raise an error if the model would learn from the column of diagnoses."""
    labeled = np.flatnonzero(data.target >= 0)
    for name in names:
        values = [] if data.frame is None or name not in data.frame else data.frame[name].iloc[labeled].tolist()
        if name == label_column or (values and values == [data.diagnosis[position] for position in labeled]):
            raise ValueError(
                f"--column must not be the column of diagnoses, got {name!r}: it is what the model predicts."
            )


def _check_folds(folds: int, target: NDArray[Any], groups: NDArray[Any]) -> None:
    """Raise an error if a class is too rare for the folds, before features are computed."""
    of_class = Counter(label for label, _ in set(zip(target.tolist(), groups.tolist(), strict=True)))
    rare = [f"{label} ({of_class[label]})" for label in of_class if isinstance(label, str) and of_class[label] < folds]
    if rare:
        raise ValueError(
            f"--diagnoses needs images of at least {folds} patients or lesions of each diagnosis, as many as --folds, "
            f"got {', '.join(rare)}. Write 'other' for rare diagnoses, or use fewer folds."
        )
    if len(of_class.keys() - {-1}) == 1:
        (only,) = of_class.keys() - {-1}
        got = {0: "other lesions", 1: "melanoma"}.get(only, only)
        raise ValueError(f"The labels must hold two classes at least, got only {got}. Label images of another.")
    SemiSupervisedSplit(folds).split(target, target, groups)  # raises


def _make_model(features: ModelFeatures, pipeline: dict[str, Any], prevalence: float | None, on_error: OnError) -> Any:
    model = make_melanoma_pipeline(features.value, **pipeline)
    model["features"].set_params(on_error=on_error.value)
    if prevalence is not None:
        model["classify"].set_params(prevalence=prevalence)
    return model


def _score_folds(model: Any, X: Any, y: NDArray[Any], folds: int, groups: NDArray[Any], positive: Any) -> Any:
    """Return the scores of melanoma, or of each of several diagnoses, by models that did not learn from the image."""
    several = len(set(y.tolist()) - {-1}) > 2
    return out_of_fold_scores(model, X, y, cv=folds, groups=groups, pos_label=None if several else positive)


def _evaluate(
    y: NDArray[Any], scores: NDArray[np.float64], groups: NDArray[Any], positive: Any, sensitivity: float
) -> tuple[Threshold | None, pd.DataFrame]:
    """Return the threshold for melanoma and the results."""
    of_positive = scores
    if scores.ndim == 2:
        if positive is None:
            return None, score_report(y, scores, groups=groups)
        of_positive = scores[:, sorted(set(y.tolist()) - {-1}).index(positive)]
    threshold = threshold_at_sensitivity(y, of_positive, sensitivity=sensitivity, pos_label=positive, groups=groups)
    if scores.ndim == 2:
        return threshold, score_report(y, scores, groups=groups)
    return threshold, score_report(y, scores, pos_label=positive, threshold=threshold, groups=groups)


def _count_labels(y: NDArray[Any]) -> dict[str, int]:
    counts = Counter(y.tolist())
    n_unlabeled = counts.pop(-1, 0)
    names = {1: "melanomas", 0: "others"}
    of_class = {names.get(label) or str(label): count for label, count in counts.most_common()}
    return {"images": len(y), **of_class, "unlabeled": n_unlabeled}


def _leave_out_learned(features: ImagePipeline) -> ImagePipeline:
    """Return the image steps that do not learn; steps that learn are fitted anew in each fold."""
    names = [name for name, _ in getattr(features[-1], "transformer_list", ())]
    return clone(features).set_params(measure__fisher="drop") if "fisher" in names else features


def _fill_memory(features: ImagePipeline, paths: list[str], n_jobs: int) -> dict[str, str]:
    """Compute the rows of all images once, and return the problems by path."""
    problems: dict[str, str] = {}
    for chunk in iterate_chunks(paths, "Computing features", n_jobs):
        with record_problems() as found:
            features.fit_transform(chunk)
        problems |= {chunk.items[position]: problem for position, problem in found.items()}
    return problems


def _print_results(report: pd.DataFrame, folds: int, threshold: Threshold | None) -> None:
    table = Table(title=f"Cross-validation with {folds} folds (95 % interval; n: lesions or patients)")
    table.add_column("")
    for name in ("value", "interval", "n"):
        table.add_column(name, justify="right")
    for score, row in report.iterrows():
        table.add_row(str(score), f"{row['value']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}", f"{row['n']:.0f}")
    console().print(table)
    if threshold is None:
        typer.echo("No threshold, because no diagnosis is melanoma")
    else:
        expected = f"expected sensitivity {threshold.expected_sensitivity:.3f}"
        typer.echo(f"Threshold for melanoma {threshold.threshold:.4f}: {expected}")


def _print_code(
    images: list[str],
    output: Path,
    labels: Path | None,
    columns: Path | None,
    options: dict[str, Any],
    features: ModelFeatures,
    pipeline: dict[str, Any],
    sensitivity: float,
    prevalence: float | None,
    folds: int,
    on_error: OnError,
) -> None:
    if labels is None:
        loader, load = "load_folder", f"load_folder({images[0]!r}{format_options(**options)})"
    else:
        loader = "load_images"
        load = format_images(images, on_error, function=loader, labels=str(labels), **options)
    diagnoses = options["melanoma"] == {}
    y, of_class = ("diagnoses", ", pos_label='melanoma'") if diagnoses else ("data.target", "")
    column = pipeline["columns"]
    frame = f"images = data.frame[{column}].assign(image=data.images)" if column else None
    print_code(
        f"from sklearn_melanoma.datasets import {loader}{', match_table' if columns else ''}"
        f"{', read_diagnoses' if diagnoses else ''}",
        "from sklearn_melanoma import make_melanoma_pipeline",
        "from sklearn_melanoma.metrics import threshold_at_sensitivity",
        "from sklearn_melanoma.model_selection import out_of_fold_scores",
        "from sklearn_melanoma.persistence import save_model",
        f"data = {load}",
        "diagnoses = read_diagnoses(data.diagnosis)" if diagnoses else None,
        "images = data.images",
        format_columns(columns, column) or frame,
        f"model = make_melanoma_pipeline({features.value!r}{format_options(**pipeline)})",
        'model["features"].set_params(on_error="skip")' if on_error is OnError.SKIP else None,
        None if prevalence is None else f'model["classify"].set_params(prevalence={prevalence})',
        f"scores = out_of_fold_scores(model, images, {y}, cv={folds}, groups=data.groups{of_class})",
        f"threshold = threshold_at_sensitivity({y}, scores, sensitivity={sensitivity}, groups=data.groups{of_class})",
        f"save_model(model.fit(images, {y}), {str(output)!r}, threshold=threshold{of_class})",
    )
