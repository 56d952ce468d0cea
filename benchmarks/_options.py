"""Options that many benchmarks have; nothing large is imported here."""

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
        help="Folder that holds the data sets, each in a folder of its own: ph2, isic2017, isic2017_large, ham10000.",
    ),
]
ResultsOption = Annotated[Path, typer.Option(help="Folder that the report is written to.")]
MaxPhotosOption = Annotated[
    int | None, typer.Option(min=1, help="Number of images drawn from each larger set, for a quick run.")
]
