"""Command line: list the benchmarks, or run one of them."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer


def list_benchmarks() -> dict[str, str]:
    """Return the first line of the docstring of each benchmark, by name. No benchmark is imported."""
    benchmarks = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        benchmarks[path.stem] = (docstring or "").partition("\n")[0]
    return benchmarks


def main(
    name: Annotated[str | None, typer.Argument(help="Name of the benchmark. Without it, all are listed.")] = None,
    options: Annotated[list[str] | None, typer.Argument(help="Options of the benchmark; --help lists them.")] = None,
) -> None:
    """List the benchmarks, or run one of them."""
    benchmarks = list_benchmarks()
    if name is None:
        width = max(map(len, benchmarks))
        for benchmark, summary in benchmarks.items():
            print(f"{benchmark:{width}}  {summary}")
        return
    if name not in benchmarks:
        raise typer.BadParameter(f"the benchmark must be one of {', '.join(benchmarks)}, got {name!r}")
    try:
        module = import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"the benchmark needs {error.name}. Install the extras 'benchmark' and 'deep'."
        ) from error
    sys.argv = [str(module.__file__), *(options or [])]
    typer.run(module.main)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    # Options after the name belong to the benchmark.
    app.command(context_settings={"allow_interspersed_args": False})(main)
    app()
