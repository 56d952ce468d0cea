"""Tests of behavior that all commands have in common: errors, existing outputs, interrupts, help."""

import errno
import importlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from sklearn_melanoma import __version__
from sklearn_melanoma.cli import _outputs, _progress, app, main
from tests.cli.conftest import make_runner

COMMANDS = {
    "segment": ["images", "-o", "masks"],
    "features": ["images", "-o", "table.csv"],
    "train": ["images", "--labels", "labels.csv", "-o", "new.skops"],
    "predict": ["model.skops", "images", "-o", "table.csv"],
    "report": ["model.skops", "images", "-o", "report.html"],
    "suggest": ["model.skops", "images", "-o", "next.txt"],
    "info": ["model.skops"],
    "fetch": ["isic2017", "isic2017"],
    "demo": [],
}
OUTPUTS = {
    "features": "table.csv",
    "train": "new.skops",
    "predict": "table.csv",
    "report": "report.html",
    "suggest": "next.txt",
}
every_command = pytest.mark.parametrize("command", COMMANDS)


def test_every_command_is_tested():
    assert {command.name or command.callback.__name__ for command in app.registered_commands} == set(COMMANDS)


@every_command
def test_help_has_an_example(run, command):
    printed = " ".join(run(command, "--help").stdout.split())
    assert f"Example: sklearn-melanoma {command}" in printed


@every_command
def test_unknown_option(run, command):
    result = run(command, "--bogus", exit_code=2)
    assert result.stderr.startswith("Error: No such option: --bogus")
    assert result.stderr.endswith(f"See 'sklearn-melanoma {command} --help'.\n") or "root" in result.stderr
    assert result.stderr.count("\n") == 1


def test_unknown_command(run):
    assert run("guess", exit_code=2).stderr.startswith("Error: No such command 'guess'")
    assert run("--bogus", exit_code=2).stderr.startswith("Error: No such option: --bogus")


@pytest.mark.parametrize("command", ["segment", "features", "train", "predict", "report", "suggest"])
@pytest.mark.parametrize(
    ("source", "message"),
    [("gone", "IMAGES must exist, got 'gone'"), ("truth/*.gif", "must match image files"), ("empty", "without any")],
)
def test_no_images(run, command, source, message):
    os.mkdir("empty")
    arguments = [source if argument == "images" else argument for argument in COMMANDS[command]]
    result = run(command, *arguments, exit_code=1)
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", OUTPUTS)
def test_output_that_exists(run, monkeypatch, command):
    with open(OUTPUTS[command], "w") as file:
        file.write("old")
    result = run(command, *COMMANDS[command], exit_code=1)
    assert result.stderr == f"Error: {OUTPUTS[command]!r} exists. --force replaces it.\n"
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(_outputs, "sys", terminal)
    result = run(command, *COMMANDS[command], exit_code=1, input="n\n")
    assert f"{OUTPUTS[command]!r} exists. Replace it? [y/N]" in result.output + result.stderr
    with open(OUTPUTS[command]) as file:
        assert file.read() == "old"


def test_force_and_yes_replace_the_output(run, monkeypatch):
    arguments = ["images/image00.png", "-o", "table.csv", "--features", "survey", "-j", 1]
    for options, given in ((["--force"], None), ([], "y\n")):
        with open("table.csv", "w") as file:
            file.write("old")
        run("features", *arguments, *options, input=given)
        assert len(pd.read_csv("table.csv")) == 1
        terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
        monkeypatch.setattr(_outputs, "sys", terminal)


@pytest.mark.parametrize(
    ("output", "message"), [("images", "must end in"), ("table.txt", "must end in .csv, .parquet")]
)
def test_wrong_output(run, output, message):
    assert message in run("features", "images", "-o", output, exit_code=1).stderr


def test_output_in_a_folder_without_permission(run, monkeypatch):
    monkeypatch.setattr(_outputs.os, "access", lambda path, mode: False)  # root may write everywhere
    result = run("features", "images", "-o", "table.csv", exit_code=1)
    assert result.stderr == "Error: '.' can't be written to. Choose another output.\n"


@pytest.mark.parametrize("command", ["segment", "features", "train", "predict", "report", "suggest", "demo"])
def test_output_in_a_file_instead_of_a_folder(run, command):
    arguments = COMMANDS[command][:-1] if command != "demo" else ["--output"]
    result = run(
        command, *arguments, "labels.csv/new/table.csv" if command != "demo" else "labels.csv/x.png", exit_code=1
    )
    assert "must be a folder, but is or is in a file. Name another." in result.stderr
    assert result.stderr.startswith("Error: 'labels.csv")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("output", ["figure.xyz", "figure"])
def test_figure_of_unknown_format(run, output):
    for option, arguments in {"--overview": ["segment", "images", "-o", "masks"], "--output": ["demo"]}.items():
        result = run(*arguments, option, output, exit_code=1)
        assert result.stderr.startswith(f"Error: {option} must end in .")
        assert result.stderr.endswith(f"got {output!r}. Rename it.\n")
    assert not os.path.exists("masks")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", *COMMANDS["train"][:-1], "model.md"], "--output must not end in .md"),
        (["predict", *COMMANDS["predict"], "--report", "images/../table.csv"], "--report must be another file than"),
        (["segment", "images", "-o", "truth/", "--masks", "truth"], "--output must not be the folder of true masks"),
    ],
)
def test_outputs_that_would_replace_each_other(run, arguments, message):
    assert message in run(*arguments, exit_code=2).stderr
    assert not {"model.md.skops", "table.csv", "table.part.csv"} & set(os.listdir())
    assert len(os.listdir("truth")) == 40


def test_folder_that_can_not_be_made(run, monkeypatch):
    def fail(path, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))  # root may make folders everywhere

    monkeypatch.setattr(_outputs.Path, "mkdir", fail)
    result = run("features", "images", "-o", "new/table.csv", exit_code=1)
    assert result.stderr == "Error: 'new' can't be made without permission. Choose another output.\n"


def interrupt_after(n_calls, error, monkeypatch):
    """Raise an error before the rows of a later chunk are written."""
    write = pd.DataFrame.to_csv
    calls = []

    def fail(frame, *arguments, **options):
        calls.append(frame)
        if len(calls) > n_calls:
            raise error
        return write(frame, *arguments, **options)

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    monkeypatch.setattr(_progress, "_CHUNK", 16)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "Interrupted: stopped before the end."),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "Error: The disk is full. Free space on it, or name an output on another disk.",
        ),
    ],
)
def test_interrupts_and_full_disks_keep_rows(run, monkeypatch, error, code, message):
    interrupt_after(1, error, monkeypatch)
    arguments = ["images", "-o", "table.csv", "--features", "survey", "-j", 1]
    result = run("features", *arguments, exit_code=code)
    assert result.stderr.splitlines() == ["Kept: 16 of 40 rows, in 'table.part.csv'.", message]
    assert len(pd.read_csv("table.part.csv")) == 16
    assert not os.path.exists("table.csv")
    monkeypatch.undo()


@pytest.mark.parametrize("command", ["train", "suggest", "late train"])
def test_interrupts_say_where_features_are(run, monkeypatch, command):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    late = "_score_folds" if command == "late train" else "_fill_memory"
    monkeypatch.setattr(f"sklearn_melanoma.cli._train.{late}", interrupt)
    command = command.removeprefix("late ")
    monkeypatch.setattr("sklearn_melanoma.cli._suggest.which_to_label", interrupt)
    arguments = [*COMMANDS[command], "-j", 1]
    assert run(command, *arguments, exit_code=130).stderr == "Interrupted: stopped before the end.\n"
    kept = "Kept: the features of the images so far, in 'cache'. The same command continues there."
    assert run(command, *arguments, "--memory", "cache", exit_code=130).stderr.splitlines()[0] == kept


def test_rows_that_were_being_written_are_dropped(tmp_path, monkeypatch):
    def write_half(frame, file, **options):
        file.write("b,1\nc,")
        raise OSError(errno.ENOSPC, "No space left on device")

    def write_table():
        with _outputs.TableWriter(tmp_path / "table.csv", 3) as writer:
            writer.write(pd.DataFrame({"x": [0]}, index=["a"]))
            monkeypatch.setattr(pd.DataFrame, "to_csv", write_half)
            writer.write(pd.DataFrame({"x": [1, 2]}, index=["b", "c"]))

    with pytest.raises(OSError, match="No space left"):
        write_table()
    assert (tmp_path / "table.part.csv").read_text() == "path,x\na,0\n"


def test_interrupted_segmentation_is_resumed(run, monkeypatch):
    monkeypatch.setattr(_progress, "_CHUNK", 16)
    from sklearn_melanoma.cli import _segment

    write, calls = _segment.write_masks, []

    def fail(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return write(*arguments, **options)

    monkeypatch.setattr(_segment, "write_masks", fail)
    result = run("segment", "images", "-o", "masks", "-j", 1, exit_code=130)
    assert result.stderr.startswith("Kept: 16 of 40 masks. --resume makes the others.\nInterrupted")
    assert "24 masks written" in run("segment", "images", "-o", "masks", "-j", 1, "--resume").stdout


def test_brackets_in_names_are_no_markup(run):
    os.rename("images/image00.png", "images/[bold]x.png")
    with open("images/[red]y.png", "w") as file:
        file.write("no image")
    result = run("features", "images", "-o", "[i]table.csv", "--features", "survey", "-j", 1, "--on-error", "skip")
    assert "'images/[red]y.png'" in result.stderr
    assert "[i]table.csv" in result.stdout


def read_commands():
    """Return the commands of the guide that take images, with their arguments."""
    page = Path(__file__).parents[2] / "docs" / "guide" / "command_line.md"
    lines = [line for line in page.read_text("utf-8").splitlines() if line.startswith("sklearn-melanoma ")]
    return [shlex.split(line)[1:] for line in lines if line != "sklearn-melanoma demo"]


@pytest.mark.parametrize("arguments", read_commands(), ids=" ".join)
def test_commands_of_the_guide(run, arguments):
    code = run(*arguments, *([] if "--show-code" in arguments else ["--show-code"])).stdout
    compile(code, "code", "exec")
    if "--show-code" in arguments:
        page = Path(__file__).parents[2] / "docs" / "guide" / "command_line.md"
        code = code.replace("'", '"')  # as the formatter of this page writes it
        assert f"```python\n{code}```" in page.read_text("utf-8")


def test_every_command_is_in_the_guide():
    assert {arguments[0] for arguments in read_commands()} == set(COMMANDS) - {"demo"}


def test_no_command_prints_the_help():
    result = make_runner().invoke(app, [])
    assert "Usage: " in result.stdout + result.stderr
    assert "Error" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segmnet"], "No such command 'segmnet'."),
        (["demo", "--n-jobs", 0], "--n-jobs must be at least 1, or -1 for all processors, got 0."),
        (["demo", "--data", "gone", "--dataset", "ph2"], "'gone' does not exist."),
        (["features", *COMMANDS["features"], "--on-error", "x"], "'--on-error': 'x' is not one of"),
    ],
)
def test_wrong_options(run, arguments, message):
    result = run(*arguments, exit_code=2)
    assert message in result.stderr
    assert "?." not in result.stderr  # newer versions of typer suggest a command
    assert result.stderr.count("\n") == 1


def test_errors_of_the_system_have_no_number(run, monkeypatch):
    def fail(*arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied", "images/private")

    monkeypatch.setattr("sklearn_melanoma.cli._inputs.find_images", fail)
    result = run(*["features", *COMMANDS["features"]], exit_code=1)
    assert result.stderr == "Error: 'images/private': Permission denied.\n"


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_closed_streams(place, monkeypatch, stream):
    monkeypatch.setattr(sys, "argv", ["sklearn-melanoma", "features", "images/image00.png", "-o", "t.csv", "-j", "1"])
    monkeypatch.setattr(sys, stream, None)
    with pytest.raises(SystemExit, match="0"):
        main()
    assert len(pd.read_csv("t.csv")) == 1


def test_standard_input_that_is_closed(place, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["sklearn-melanoma", "features", "-", "-o", "t.csv"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit, match="1"):
        main()
    assert "IMAGES must name at least one image, got none" in capsys.readouterr().err


def test_version():
    assert CliRunner().invoke(app, ["--version"]).output.strip() == __version__


def test_main_exits_with_the_code_of_the_command(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["sklearn-melanoma", "info", str(tmp_path / "gone.skops")])
    with pytest.raises(SystemExit, match="1"):
        main()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: ")


@pytest.mark.parametrize("module", ["typer", "rich.console"])
def test_missing_extra_raises(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "sklearn_melanoma.cli")
    message = r"needs typer and rich\. Install them with: pip install 'sklearn-melanoma\[cli\]'"
    with pytest.raises(ImportError, match=message):
        importlib.import_module("sklearn_melanoma.cli")


def test_package_imports_without_the_extra():
    code = (
        "import sys; sys.modules.update(typer=None, rich=None); import sklearn_melanoma; "
        "print('imported', flush=True); import sklearn_melanoma.cli"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == "imported\n"
    assert result.stderr.splitlines()[-1] == (
        "ImportError: The command line needs typer and rich. Install them with: pip install 'sklearn-melanoma[cli]'"
    )
