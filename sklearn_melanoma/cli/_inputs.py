"""Images and labels that the arguments name."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from sklearn.utils import Bunch

from sklearn_melanoma.cli._options import OnError
from sklearn_melanoma.datasets import find_images, load_folder, load_images, match_table
from sklearn_melanoma.persistence import load_model
from sklearn_melanoma.pipeline import ImagePipeline, get_image_pipeline

if TYPE_CHECKING:
    import pandas as pd

STANDARD_INPUT = "-"


def read_sources(sources: Sequence[str]) -> list[str]:
    """Return sources with the lines of standard input in place of "-"."""
    expanded: list[str] = []
    for source in sources:
        expanded += [line for line in map(str.strip, sys.stdin) if line] if source == STANDARD_INPUT else [source]
    return expanded


def list_paths(sources: Sequence[str], on_error: OnError) -> list[str]:
    """Return the paths of all images; with "skip", also of those that do not exist, which reading reports."""
    return find_images(read_sources(sources), must_exist=on_error is not OnError.SKIP)


def load_data(sources: Sequence[str], labels: Path | None, on_error: OnError, **options: Any) -> Bunch:
    """Return images with their labels."""
    expanded = read_sources(sources)
    if labels is not None:
        return load_images(expanded, labels=labels, must_exist=on_error is not OnError.SKIP, **options)
    if len(expanded) != 1 or not os.path.isdir(expanded[0]):
        raise typer.BadParameter("--labels is needed, unless IMAGES is one folder with its labels.")
    return load_folder(expanded[0], **options)


def load_image_model(path: Path, memory: Path | None, n_jobs: int, on_error: OnError) -> Any:
    """Return a classifier of images from a file, with the options of a command."""
    model = load_model(path)
    if not hasattr(model, "classes_"):
        raise ValueError(f"{str(path)!r} must hold a classifier, got {type(model).__name__}. Pass a model of 'train'.")
    get_image_pipeline(model).set_params(memory=memory, n_jobs=n_jobs, on_error=on_error.value)
    return model


def add_columns(paths: Sequence[str], table: Path | pd.DataFrame | None, image_steps: ImagePipeline) -> Any:
    """Return what a model takes: paths, or a table of paths and the columns of the patient that it was made with."""
    names = getattr(image_steps, "columns", None)
    if names is None and table is not None:
        raise typer.BadParameter("--columns needs a model that was trained with --column, got one without.")
    if names is None:
        return paths
    if table is None:
        raise typer.BadParameter(f"--columns is needed: the model takes {', '.join(names)} of the patient.")
    found = match_table(paths, table) if isinstance(table, Path) else table.set_axis(list(paths), axis=0)
    if missing := [name for name in names if name not in found.columns]:
        raise ValueError(f"The table must have the columns {', '.join(names)}, got none named {missing[0]!r}.")
    return found[list(names)].assign(image=list(paths))


def warn_of_problems(problems: dict[str, str], n_images: int) -> None:
    """Warn once of the images with a problem, by path."""
    listed = "; ".join(
        problem.rstrip(".") if path in problem else f"{path}: {problem.rstrip('.')}"
        for path, problem in list(problems.items())[:5]
    )
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    if problems:
        warnings.warn(f"{len(problems)} of {n_images} images have problems: {listed}{more}.", stacklevel=2)
