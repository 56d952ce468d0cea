"""Command ``info``: information about a model file."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from sklearn_melanoma.cli._app import app
from sklearn_melanoma.cli._code import print_code
from sklearn_melanoma.cli._options import ModelFile, ShowCode
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.persistence import format_model_card, read_model_info


@app.command(epilog="Example: sklearn-melanoma info model.skops")
def info(
    model: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    show_code: ShowCode = False,
) -> None:
    """Print information about a model: data, labels, results, threshold and versions."""
    found = read_model_info(model)
    changes = {"threshold": found.threshold._asdict()} if isinstance(found.threshold, Threshold) else {}
    if show_code:
        content = "asdict(info) | {'threshold': info.threshold._asdict()}" if changes else "asdict(info)"
        names = "read_model_info" if as_json else "format_model_card, read_model_info"
        print_code(
            "import json" if as_json else None,
            "from dataclasses import asdict" if as_json else None,
            f"from sklearn_melanoma.persistence import {names}",
            f"info = read_model_info({str(model)!r})",
            f"print(json.dumps({content}, indent=1))" if as_json else "print(format_model_card(info))",
        )
    elif as_json:
        typer.echo(json.dumps(asdict(found) | changes, indent=1))
    else:
        typer.echo(format_model_card(found))
