"""Command-line interface ``sklearn-melanoma``."""

try:
    import rich.console  # noqa: F401
    import typer  # noqa: F401
except ImportError as error:
    raise ImportError(
        "The command line needs typer and rich. Install them with: pip install 'sklearn-melanoma[cli]'"
    ) from error

from sklearn_melanoma.cli._app import app, main

# Importing a module adds its commands, in this order.
from sklearn_melanoma.cli import _segment, _features, _train, _predict, _report, _suggest, _info, _fetch, _demo  # isort: skip # noqa: F401

__all__ = ["app", "main"]
