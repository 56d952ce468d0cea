"""Arguments and options of several commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OnError(StrEnum):
    """Action after an image that can't be read."""

    RAISE = "raise"
    SKIP = "skip"


class FeatureSet(StrEnum):
    """Features of :func:`~sklearn_melanoma.make_melanoma_pipeline` that do not depend on other images."""

    ALL = "all"
    SURVEY = "survey"


class ModelFeatures(StrEnum):
    """Features of :func:`~sklearn_melanoma.make_melanoma_pipeline`."""

    ALL = "all"
    SURVEY = "survey"
    LEARNED = "learned"


Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES",
        help="Folders, globs in quotes, files, URLs, lists of paths (.txt), or - for a list on standard input.",
        show_default=False,
    ),
]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="Model that 'train' wrote.", show_default=False)]


def _check_n_jobs(n_jobs: int) -> int:
    if n_jobs == 0:
        raise typer.BadParameter("--n-jobs must be at least 1, or -1 for all processors, got 0.")
    return n_jobs


Processes = Annotated[
    int, typer.Option("--n-jobs", "-j", callback=_check_n_jobs, help="Processes; -1 for all processors.")
]
Memory = Annotated[
    Path | None, typer.Option(help="Folder that caches the features of each image. An interrupted run continues there.")
]
ErrorAction = Annotated[
    OnError, typer.Option(help="'skip' goes on after an image that can't be read; 'raise' stops there.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace outputs that exist.")]
ShowCode = Annotated[bool, typer.Option("--show-code", help="Print Python code that does the same, and stop.")]
Features = Annotated[FeatureSet, typer.Option(help="All features, or the three of the survey.")]
PatientTable = Annotated[
    Path | None,
    typer.Option("--columns", help="Table with the columns of the patient that the model takes, matched by file name."),
]
LabelTable = Annotated[
    Path | None,
    typer.Option(help="Table of diagnoses (CSV or Excel). Default: 'labels.csv' in the only folder of IMAGES."),
]
LabelColumn = Annotated[str | None, typer.Option(help="Column of diagnoses. Default: found by its name.")]
GroupColumn = Annotated[
    str | None, typer.Option(help="Column of patients or lesions. Default: found by its name, such as patient_id.")
]
MelanomaValues = Annotated[
    list[str] | None,
    typer.Option("--melanoma", help="Value that means melanoma; repeat for several. Default: by the vocabulary."),
]
