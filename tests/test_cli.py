"""Tests of the command line in this process."""

import csv
import importlib
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sklearn_melanoma import __version__, cli
from sklearn_melanoma.cli import app, main
from sklearn_melanoma.datasets import make_lesions

run = CliRunner().invoke


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a plain folder of images, masks and labels."""
    folder = tmp_path_factory.mktemp("images")
    lesions = make_lesions(40, melanoma_fraction=0.5, image_size=(48, 64), random_state=0)
    (folder / "masks").mkdir()
    rows = [("image", "target")]
    for i, (image, mask, target) in enumerate(zip(lesions.images, lesions.masks, lesions.target, strict=True)):
        Image.fromarray(image).save(folder / f"image{i:02}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"image{i:02}.png")
        rows.append((f"image{i:02}.png", int(target)))
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def demo(*arguments):
    return run(app, ["demo", *map(str, arguments)])


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_demo_prints_results_and_writes_figure(folder, tmp_path):
    output = tmp_path / "new" / "borders.png"
    result = demo(
        "--data", folder, "--dataset", "folder", "--labels", 6, "--repeats", 2, "--output", output, "--n-jobs", 1
    )
    assert result.exit_code == 0, result.output
    for words in (
        "40 images, 20 melanomas",
        "mean Jaccard",
        "ROC AUC",
        "labels only",
        "threshold 0.",
        "not a medical",
    ):
        assert words in result.output
    with Image.open(output) as figure:
        assert figure.size[0] > 500


def test_demo_skips_learning_with_too_few_labels(folder, tmp_path):
    result = demo(
        "--data", folder, "--dataset", "folder", "--labels", 16, "--output", tmp_path / "a.png", "--n-jobs", 1
    )
    assert result.exit_code == 0, result.output
    assert "left out: it takes 21 images per class, got 20" in result.output
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize("arguments", [("--data", "."), ("--dataset", "ph2")])
def test_data_without_dataset_raises(arguments):
    result = demo(*arguments)
    assert result.exit_code == 2
    assert "go together" in result.output


def test_input_error_prints_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["sklearn-melanoma", "demo", "--data", str(tmp_path), "--dataset", "ph2"])
    with pytest.raises(SystemExit, match="1"):
        main()
    printed = capsys.readouterr().out
    assert "Error:" in printed
    assert str(tmp_path) in printed
    assert "Traceback" not in printed


class Terminal(io.StringIO):
    """Stream that claims to be a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def run_main(monkeypatch, folder, tmp_path):
    """Return a function that runs the demo and returns the exit code and the text of both streams."""

    def run_main(out, err):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        arguments = ["--data", folder, "--dataset", "folder", "--labels", 6, "--repeats", 2, "--n-jobs", 1]
        monkeypatch.setattr(
            sys, "argv", ["sklearn-melanoma", "demo", *map(str, arguments), "--output", str(tmp_path / "a.png")]
        )
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, out.getvalue(), err.getvalue()

    return run_main


BARS = ["Segmenting", "Measuring: survey features", "Measuring: all features", "Learning from few labels"]


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_progress_bars_on_a_terminal(run_main):
    code, out, err = run_main(io.StringIO(), Terminal())
    assert code == 0
    for words in [*BARS, "Finding images", "Tuning the whole pipeline", "Drawing borders"]:
        assert words in err
        assert words not in out
    assert err.count("100%") >= len(BARS)
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")  # the cursor is visible again


@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.skipif(cli.ProgressBar is None, reason="scikit-learn has a bar from 1.9 on")
def test_search_on_a_terminal_shows_scikit_learn_bar(run_main):
    code, out, err = run_main(Terminal(), Terminal())
    assert code == 0
    assert "GridSearchCV - fit" in out
    assert "Tuning the whole pipeline" not in err


@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_no_progress_bars_without_a_terminal(run_main, out):
    code, printed, err = run_main(out(), io.StringIO())
    assert code == 0
    assert err == ""
    for words in [*BARS, "Finding", "Tuning", "Drawing", "GridSearchCV -", "100%"]:
        assert words not in printed


@pytest.mark.parametrize("place", ["_score_masks", "_score_model", "_save_figure"])
@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_interrupt_restores_the_cursor(run_main, monkeypatch, place):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, place, interrupt)
    code, out, err = run_main(io.StringIO(), Terminal())
    assert code != 0
    assert "not a medical" not in out
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")


def test_version():
    assert run(app, ["--version"]).output.strip() == __version__


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
