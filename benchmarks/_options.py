"""Options shared by several benchmarks. This module imports nothing large."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option(
        envvar="SKLEARN_MELANOMA_DATA",
        exists=True,
        file_okay=False,
        help="Folder with one folder for each data set: ph2, isic2017, isic2017_large, ham10000.",
    ),
]
ResultsOption = Annotated[Path, typer.Option(help="Folder for the report.")]
MaxImagesOption = Annotated[
    int | None, typer.Option(min=1, help="Number of images drawn from each larger set, for a quick run.")
]
RepeatsOption = Annotated[int, typer.Option(min=2, help="Number of random draws.")]
JobsOption = Annotated[int, typer.Option(help="Number of processes.")]
