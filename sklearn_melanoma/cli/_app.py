"""The application: its options, errors and warnings."""

from __future__ import annotations

import errno
import re
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from sklearn_melanoma import __version__
from sklearn_melanoma._validation import element_of_error
from sklearn_melanoma.cli._messages import name_options

#: Exit codes.
EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

# Errors of wrong input. Any other error is a bug, and shows a traceback.
_ERRORS = (ValueError, TypeError, OSError, ImportError, MemoryError, BrokenProcessPool)


# Error of wrong options. Its module depends on the version of typer.
_UsageError: Any = typer.BadParameter.__bases__[0]


class _Commands(TyperGroup):
    """Group of commands that prints one line instead of a traceback for wrong input."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _print_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _print_errors(ctx), _print_warnings():
            return super().invoke(ctx)


@contextmanager
def _print_errors(ctx: Any = None) -> Iterator[None]:
    """Print an error as one line on standard error, and exit."""
    try:
        yield
    except KeyboardInterrupt:
        _stop("Interrupted", "stopped before the end.", EXIT_INTERRUPTED)
    except _UsageError as error:
        command = "sklearn-melanoma" if error.ctx is None else error.ctx.command_path
        message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
        if not message:  # the help is printed already
            raise typer.Exit(EXIT_USAGE) from None
        _stop("Error", f"{message}{'' if message.endswith('?') else '.'} See '{command} --help'.", EXIT_USAGE)
    except BrokenPipeError:  # for example by `| head`
        raise
    except _ERRORS as error:
        _stop("Error", format_error(error, can_skip=_can_skip(ctx)), EXIT_ERROR)


def _can_skip(ctx: Any) -> bool:
    """Return whether the command that runs has the option --on-error."""
    name = None if ctx is None else ctx.invoked_subcommand
    command = None if name is None else ctx.command.get_command(ctx, name)
    return command is not None and any(parameter.name == "on_error" for parameter in command.params)


def _stop(title: str, text: str, code: int) -> NoReturn:
    print_note(title, text, style="bold red")
    raise typer.Exit(code) from None


app = typer.Typer(
    cls=_Commands,
    help="Melanoma in dermoscopic images from few labels. Not a medical device.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def _show_version(
    version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def console() -> Console:
    """Return a console on standard output."""
    return Console()


def format_error(error: BaseException, *, can_skip: bool) -> str:
    """Return an error in one line. An image is named by its path, because users do not know positions."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full. Free space on it, or name an output on another disk."
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{str(error.filename)!r}: {error.strerror}."
    text = name_options(name_by_path(" ".join(str(error).split()) or type(error).__name__))
    if can_skip and isinstance(error, Exception) and element_of_error(error) is not None:
        text = f"{text.rstrip('.')}. Add --on-error skip to continue without such images."
    return text


def name_by_path(message: str) -> str:
    """Replace the position of an image in an error by its path, or drop the position if the error has the path."""
    found = re.match(r"X\[\d+\](?: \((?P<path>'.*?'|\".*?\")\))?: (?P<reason>.*)", message)
    if found is None:
        return message
    path, reason = found["path"], found["reason"]
    return reason if path is None or path in reason else f"{path}: {reason}"


def print_note(title: str, text: str, *, style: str = "bold") -> None:
    """Print a line on standard error."""
    console = Console(stderr=True, highlight=False)
    console.print(Text.assemble((f"{title}:", style), " ", text), soft_wrap=True)


@contextmanager
def _print_warnings() -> Iterator[None]:
    """Print warnings for users as lines on standard error, each once."""
    printed = set()

    def show(message: Any, category: Any, filename: Any, lineno: Any, file: Any = None, line: Any = None) -> None:
        if issubclass(category, UserWarning):
            text = name_options(name_by_path(" ".join(str(message).split())))
            if text not in printed:
                print_note("Warning", text, style="yellow")
            printed.add(text)
        else:
            print(warnings.formatwarning(message, category, filename, lineno, line), file=sys.stderr)  # noqa: T201

    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        yield
