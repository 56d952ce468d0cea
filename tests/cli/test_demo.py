"""Tests of the demo."""

import csv
import io
import sys

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.cli import _demo, app, main
from sklearn_melanoma.datasets import load_folder, make_lesions

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
    assert " ± " not in result.output  # an interval of two repeats is useless
    with Image.open(output) as figure:
        assert figure.size[0] > 500


@pytest.mark.parametrize(("repeats", "title", "has_interval"), [(2, "mean of 2", False), (5, "± 95 % over 5", True)])
def test_intervals_from_five_repeats_on(folder, repeats, title, has_interval):
    lesions = load_folder(folder)
    features = make_melanoma_pipeline("survey")["features"].set_output(transform="pandas")
    table = _demo._make_few_labels_table(
        {"survey": features.fit_transform(lesions.images)}, lesions, np.arange(40), 6, repeats
    )
    assert title in table.title
    assert all((" ± " in cell) is has_interval for column in table.columns[1:] for cell in column.cells)


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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_progress_bars_on_a_terminal(run_main):
    code, out, err = run_main(io.StringIO(), Terminal())
    assert code == 0
    for words in [*BARS, "Finding images", "Tuning the whole pipeline", "Drawing borders"]:
        assert words in err
        assert words not in out
    assert err.count("100%") >= len(BARS)
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")  # the cursor is visible again


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.skipif(_demo.ProgressBar is None, reason="scikit-learn has a bar from 1.9 on")
def test_search_on_a_terminal_shows_scikit_learn_bar(run_main):
    code, out, err = run_main(Terminal(), Terminal())
    assert code == 0
    assert "GridSearchCV - fit" in out
    assert "Tuning the whole pipeline" not in err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_no_progress_bars_without_a_terminal(run_main, out):
    code, printed, err = run_main(out(), io.StringIO())
    assert code == 0
    assert err == ""
    for words in [*BARS, "Finding", "Tuning", "Drawing", "GridSearchCV -", "100%"]:
        assert words not in printed


@pytest.mark.slow
@pytest.mark.parametrize("place", ["_score_masks", "_score_model", "_save_figure"])
@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_interrupt_restores_the_cursor(run_main, monkeypatch, place):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, place, interrupt)
    code, out, err = run_main(io.StringIO(), Terminal())
    assert code != 0
    assert "not a medical" not in out
    assert err.rindex("\x1b[?25h") > err.rindex("\x1b[?25l")
