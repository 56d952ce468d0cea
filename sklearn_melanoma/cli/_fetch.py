"""Command ``fetch``: download of a public data set."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from sklearn_melanoma.cli._app import app
from sklearn_melanoma.cli._code import format_options, print_code
from sklearn_melanoma.cli._options import ShowCode
from sklearn_melanoma.cli._outputs import confirm, make_folder
from sklearn_melanoma.cli._progress import make_progress_bar
from sklearn_melanoma.datasets._catalog import DATASETS, DataSet
from sklearn_melanoma.datasets._download import check_pooch
from sklearn_melanoma.datasets._fetch import check_by_hand, choose_files, fetch_dataset, find_missing

SetName = StrEnum("SetName", [(name, name) for name in DATASETS])  # type: ignore[misc]


@app.command(epilog="Example: sklearn-melanoma fetch isic2017 data/isic2017 --split validation")
def fetch(
    name: Annotated[SetName, typer.Argument(metavar="NAME", help=f"One of {', '.join(DATASETS)}.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the data set; it is made.")],
    part: Annotated[
        list[str] | None, typer.Option(help="'images', 'masks' or 'tables'; repeat for several. Default: all.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="'training', 'validation' or 'test'; repeat for several. Default: all.")
    ] = None,
    accept_license: Annotated[bool, typer.Option("--accept-license", help="Accept the terms without a question.")] = (
        False
    ),
    show_code: ShowCode = False,
) -> None:
    """Download a public data set. After an interruption, run it again: existing files are not downloaded again."""
    dataset = DATASETS[name]
    check_by_hand(dataset)
    if show_code:
        _print_code(dataset, folder, part, split)
        return
    missing = find_missing(choose_files(dataset, part, split), folder)
    if missing:
        check_pooch()
        typer.echo(dataset.description)
    if missing and dataset.needs_consent and not accept_license:
        confirm(f"The terms of {dataset.title} are: {dataset.terms}.", "--accept-license accepts them.", "Accept them?")
    make_folder(folder)
    if missing:
        typer.echo(f"Downloading {', '.join(remote.name for remote in missing)} to {folder}")
    tasks: dict[str, TaskID] = {}
    with make_progress_bar(in_bytes=True) as bar:

        def show(file: str, n_bytes: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file)
            bar.update(tasks[file], completed=n_bytes, total=total)

        data = fetch_dataset(dataset, folder, parts=part, splits=split, accept_license=True, progress=show)
    if data is None:
        typer.echo(f"{len(missing)} files downloaded to {folder}. Not all parts that the loader needs are there yet.")
    else:
        typer.echo(data.DESCR.removeprefix(dataset.description).strip())


def _print_code(dataset: DataSet, folder: Path, parts: list[str] | None, splits: list[str] | None) -> None:
    function, task = dataset.fetch_call.removesuffix(")").split("(")
    options = format_options(
        parts=parts,
        splits=splits,
        accept_license=True if dataset.needs_consent else None,
    )
    print_code(
        f"from sklearn_melanoma.datasets import {function}",
        f"data = {function}({str(folder)!r}{f', {task}' * bool(task)}{options})",
        'print("some parts are missing" if data is None else data.DESCR)',
    )
