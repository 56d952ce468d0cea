"""Tests of the command line, called in this process."""

import csv
import io
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
    """Make a plain folder of images, masks and labels."""
    folder = tmp_path_factory.mktemp("images")
    photos = make_lesions(40, melanoma_fraction=0.5, image_size=(48, 64), random_state=0)
    (folder / "masks").mkdir()
    rows = [("image", "target")]
    for i, (image, mask, target) in enumerate(zip(photos.images, photos.masks, photos.target, strict=True)):
        Image.fromarray(image).save(folder / f"image{i:02}.png")
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"image{i:02}.png")
        rows.append((f"image{i:02}.png", int(target)))
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def demo(*arguments):
    return run(app, ["demo", *map(str, arguments)])


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_demo_goes_the_whole_way_and_writes_the_figure(folder, tmp_path):
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


def test_demo_says_what_it_leaves_out_where_labels_are_too_few(folder, tmp_path):
    result = demo(
        "--data", folder, "--dataset", "folder", "--labels", 16, "--output", tmp_path / "a.png", "--n-jobs", 1
    )
    assert result.exit_code == 0, result.output
    assert "left out: it takes 21 images of each class, got 20" in result.output
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize("arguments", [("--data", "."), ("--dataset", "ph2")])
def test_folder_and_layout_go_together(arguments):
    result = demo(*arguments)
    assert result.exit_code == 2
    assert "go together" in result.output


def test_input_errors_end_in_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["sklearn-melanoma", "demo", "--data", str(tmp_path), "--dataset", "ph2"])
    with pytest.raises(SystemExit, match="1"):
        main()
    printed = capsys.readouterr().out
    assert "Error:" in printed
    assert str(tmp_path) in printed
    assert "Traceback" not in printed


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def run_main(monkeypatch, folder, tmp_path):
    """Return a function that runs the demo with the given streams, and returns what they got."""

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
def test_long_work_shows_bars_on_a_terminal(run_main):
    code, out, err = run_main(io.StringIO(), Terminal())
    assert code == 0
    for words in [*BARS, "Finding images", "Tuning the whole path", "Drawing borders"]:
        assert words in err
        assert words not in out
    assert err.count("100%") >= len(BARS)
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")  # the cursor is back


@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.skipif(cli.ProgressBar is None, reason="scikit-learn has a bar from 1.9 on")
def test_a_search_on_a_terminal_shows_scikit_learns_bar(run_main):
    code, out, err = run_main(Terminal(), Terminal())
    assert code == 0
    assert "GridSearchCV - fit" in out
    assert "Tuning the whole path" not in err


@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_without_a_terminal_nothing_but_results_is_printed(run_main, out):
    code, printed, err = run_main(out(), io.StringIO())
    assert code == 0
    assert err == ""
    for words in [*BARS, "Finding", "Tuning", "Drawing", "GridSearchCV -", "100%"]:
        assert words not in printed


@pytest.mark.parametrize("place", ["_score_masks", "_score", "_save_figure"])
@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_an_interrupt_leaves_no_bar(run_main, monkeypatch, place):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, place, interrupt)
    code, out, err = run_main(io.StringIO(), Terminal())
    assert code != 0
    assert "not a medical" not in out
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")


def test_version():
    assert run(app, ["--version"]).output.strip() == __version__
