"""Images and labels from the arguments."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from sklearn.utils import Bunch

from sklearn_melanoma.cli._options import OnError
from sklearn_melanoma.datasets import find_images, load_folder, load_images, match_table, read_diagnoses
from sklearn_melanoma.datasets._sources import read_lines
from sklearn_melanoma.persistence import load_model
from sklearn_melanoma.pipeline import ImagePipeline, get_image_pipeline

if TYPE_CHECKING:
    import pandas as pd

STANDARD_INPUT = "-"


def read_sources(sources: Sequence[str]) -> list[str]:
    """Return sources; "-" is replaced by the lines of standard input."""
    expanded: list[str] = []
    for source in sources:
        expanded += read_lines(_read_standard_input()).values() if source == STANDARD_INPUT else [source]
    return expanded


def _read_standard_input() -> bytes:
    return b"" if sys.stdin is None else sys.stdin.buffer.read()  # None: it is closed


def list_paths(sources: Sequence[str], on_error: OnError) -> list[str]:
    """Return the paths of all images; with "skip", also missing files, which are reported when they are read."""
    return find_images(read_sources(sources), must_exist=on_error is not OnError.SKIP)


def load_data(sources: Sequence[str], labels: Path | None, on_error: OnError, **options: Any) -> Bunch:
    """Return images with their labels."""
    expanded = read_sources(sources)
    if labels is not None:
        return load_images(expanded, labels=labels, must_exist=on_error is not OnError.SKIP, **options)
    if len(expanded) != 1 or not os.path.isdir(expanded[0]):
        raise typer.BadParameter("--labels is needed, unless IMAGES is one folder with its labels.")
    return load_folder(expanded[0], **options)


def name_label_options(
    label_column: str | None, group_column: str | None, melanoma: list[str] | None, *, diagnoses: bool
) -> dict[str, Any]:
    """Return the options that read a table of labels; for a model of diagnoses, only by the vocabulary."""
    if diagnoses and melanoma:
        raise typer.BadParameter("--melanoma is for models of melanoma against all others, got one of diagnoses.")
    return {
        "label_column": label_column,
        "group_column": group_column,
        "melanoma": {} if diagnoses else melanoma or None,  # {} needs no melanoma
    }


def check_label_options(labels: Path | None, options: Mapping[str, Any]) -> None:
    """Raise an error if options describe a table of labels that is not given."""
    if labels is None and any(options.values()):
        raise typer.BadParameter(
            "--label-column, --group-column and --melanoma need --labels, the table they describe."
        )


def has_diagnoses(classes: Sequence[Any] | None) -> bool:
    """Return whether the classes of a model are names of diagnoses, and not 0 and 1."""
    labels = np.asarray([] if classes is None else classes, dtype=object).tolist()
    if labels and all(isinstance(label, str) for label in labels):
        return True
    if labels not in ([], [0, 1]):
        raise ValueError(f"--labels needs a model of 0 and 1, or of names of diagnoses, got the classes {labels}.")
    return False


def name_report(classes: Any) -> dict[str, Any]:
    """Return a title of a report that explains the classes 0 and 1; None if the classes have names."""
    return {"title": "Lesion report: 1 = melanoma, 0 = other"} if np.asarray(classes).tolist() == [0, 1] else {}


def choose_labels(data: Bunch, classes: Sequence[Any]) -> Any:
    """Return the labels of images as the classes of a model, and -1."""
    if not has_diagnoses(classes):
        return data.target
    labels = read_diagnoses(data.diagnosis, classes)
    if unknown := sorted(set(labels) - {-1, *classes}, key=str):
        raise ValueError(
            f"--labels must hold the diagnoses of the model, {', '.join(classes)}, got {', '.join(unknown)}."
        )
    return labels


def load_image_model(path: Path, memory: Path | None, n_jobs: int, on_error: OnError) -> Any:
    """Return a classifier of images from a file, with the options of a command."""
    model = load_model(path)
    if not hasattr(model, "classes_"):
        raise ValueError(f"{str(path)!r} must hold a classifier, got {type(model).__name__}. Pass a model of 'train'.")
    get_image_pipeline(model).set_params(memory=memory, n_jobs=n_jobs, on_error=on_error.value)
    return model


def add_columns(
    paths: Sequence[str], table: Path | None, image_steps: ImagePipeline, *, labels: pd.DataFrame | None = None
) -> Any:
    """Return the input of a model: paths, or a table of paths and the columns of the patient that it needs.

    The columns are from `table`, else from the table of labels, which has one row for each path.
    """
    names = getattr(image_steps, "columns", None)
    if names is None and table is not None:
        raise typer.BadParameter("--columns needs a model that was trained with --column, got one without.")
    if names is None:
        return paths
    listed = ", ".join(names)
    if table is not None:
        found = match_table(paths, table)
    elif labels is not None:
        found = labels.set_axis(list(paths), axis=0)
    else:
        raise typer.BadParameter(f"--columns is needed: the model takes {listed} of the patient.")
    if missing := [name for name in names if name not in found.columns]:
        source = "the table of labels" if table is None else f"--columns {str(table)!r}"
        raise ValueError(
            f"{source} must have the columns {listed} that the model takes, got none named {missing[0]!r}. "
            "Pass a table that has them as --columns."
        )
    return found[list(names)].assign(image=list(paths))


def warn_of_problems(problems: dict[str, str], n_images: int) -> None:
    """Warn once about all images with a problem, by path."""
    listed = "; ".join(
        problem.rstrip(".") if path in problem else f"{path}: {problem.rstrip('.')}"
        for path, problem in list(problems.items())[:5]
    )
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    if problems:
        warnings.warn(f"{len(problems)} of {n_images} images have problems: {listed}{more}.", stacklevel=2)
