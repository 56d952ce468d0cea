"""Tests that the printed code does the same as its command."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_melanoma.datasets import find_images
from sklearn_melanoma.persistence import load_model, read_model_info

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found", "ignore:y contains no unlabeled samples")
FEW = "images/image0[0-5].png"


def run_code(run, *arguments):
    """Run the printed code in this process, and return what it prints."""
    result = run(*arguments, "--show-code")
    assert result.stderr == ""
    exec(compile(result.stdout, "code", "exec"), {})
    return result.stdout


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--segmenter", "selector"],
        ["--segmenter", "selector", "--masks", "truth"],
        ["--segmenter", "pretrained", "--masks", "truth"],
        ["--masks", "truth"],
        ["--on-error", "skip"],
        ["--segmenter", "model.skops"],
    ],
)
def test_segment(run, options):
    arguments = ["segment", FEW, "-o", "masks", "-j", 1, *options]
    run(*arguments)
    expected = {path: Path(path).read_bytes() for path in find_images("masks/*.png")}
    for path in expected:
        os.remove(path)
    run_code(run, *arguments)
    assert {path: Path(path).read_bytes() for path in find_images("masks/*.png")} == expected


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--memory", "cache"],
        ["--masks", "truth", "--mm-per-pixel", 0.1],
        ["--columns", "labels.csv"],
        ["--on-error", "skip", "gone.png"],
        ["--on-error", "skip", "gone.png", "--masks", "few"],
    ],
)
@pytest.mark.filterwarnings("ignore:Skipped [12] of 7 images")
def test_features(run, options):
    shutil.copytree("truth", "few")
    os.remove("few/image01.png")
    arguments = ["features", FEW, "-o", "table.csv", "--features", "survey", "-j", 1, *options]
    run(*arguments)
    os.rename("table.csv", "expected.csv")
    run_code(run, *arguments)
    assert Path("table.csv").read_text() == Path("expected.csv").read_text()


def test_train(run):
    arguments = ["train", "images", "--labels", "labels.csv", "--features", "survey", "-j", 1, "--sensitivity", 0.9]
    run(*arguments, "-o", "first.skops")
    run_code(run, *arguments, "-o", "second.skops")
    images = find_images(FEW)
    first, second = load_model("first.skops"), load_model("second.skops")
    np.testing.assert_array_equal(first.predict_proba(images), second.predict_proba(images))
    assert read_model_info("first.skops").threshold == read_model_info("second.skops").threshold
    os.rename("labels.csv", "images/labels.csv")
    run_code(run, "train", "images", "--features", "survey", "-j", 1, "--sensitivity", 0.9, "-o", "third.skops")
    assert read_model_info("first.skops").threshold == read_model_info("third.skops").threshold


def test_prevalence(run):
    arguments = ["train", "images", "--labels", "labels.csv", "--prevalence", 0.05, "-j", 1]
    arguments += ["--folds", 2, "--sensitivity", 0.5]
    run(*arguments, "-o", "first.skops")
    run_code(run, *arguments, "-o", "second.skops")
    images = find_images(FEW)
    first, second = load_model("first.skops"), load_model("second.skops")
    assert first.estimator[-1].prevalence == 0.05
    np.testing.assert_allclose(first.predict_proba(images), second.predict_proba(images))


@pytest.mark.parametrize("options", [[], ["--columns", "labels.csv"]])
def test_columns_of_the_patient(run, options):
    train = ["train", "images", "--labels", "labels.csv", "--features", "survey", "--column", "age", "-j", 1, *options]
    train += ["--sensitivity", 0.9]
    run(*train, "-o", "first.skops")
    run_code(run, *train, "-o", "second.skops")
    assert read_model_info("first.skops").threshold == read_model_info("second.skops").threshold
    predict = ["predict", "first.skops", FEW, "--columns", "labels.csv", "-o", "p.csv", "-j", 1]
    predict += ["--report", "report.html"]
    run(*predict)
    os.rename("p.csv", "expected.csv")
    os.rename("report.html", "expected.html")
    run_code(run, *predict)
    assert Path("p.csv").read_text() == Path("expected.csv").read_text()
    assert Path("report.html").read_bytes() == Path("expected.html").read_bytes()


def test_columns_of_the_table_of_labels(run, capsys):
    labels = ["--labels", "labels.csv", "-j", 1]
    run("train", "images", "--features", "survey", "--column", "age", *labels, "-o", "age.skops")
    report = ["report", "age.skops", "images", "-o", "report.html", *labels]
    run(*report)
    os.rename("report.html", "expected.html")
    run_code(run, *report)
    assert Path("report.html").read_bytes() == Path("expected.html").read_bytes()
    with open("labels.csv") as file:
        lines = file.readlines()
    with open("labels.csv", "w") as file:
        file.writelines([*lines[:21], *(re.sub(",melanoma,|,nevus,", ",?,", line) for line in lines[21:])])
    suggest = ["suggest", "age.skops", "images", "-n", 3, *labels]
    expected = run(*suggest).stdout
    capsys.readouterr()
    run_code(run, *suggest)
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("options", [["--report", "report.html"], ["--on-error", "skip", "gone.png"]])
def test_predict(run, options):
    arguments = ["predict", "model.skops", FEW, "-o", "p.csv", "-j", 1, *options]
    run(*arguments)
    os.rename("p.csv", "expected.csv")
    run_code(run, *arguments)
    assert Path("p.csv").read_text() == Path("expected.csv").read_text()


@pytest.mark.parametrize("options", [[], ["--labels", "labels.csv", "--columns", "labels.csv"]])
def test_report(run, options):
    images = "images" if options else FEW
    arguments = ["report", "model.skops", images, "-o", "report.html", "-j", 1, *options]
    run(*arguments)
    os.rename("report.html", "expected.html")
    run_code(run, *arguments)
    assert Path("report.html").read_bytes() == Path("expected.html").read_bytes()


@pytest.mark.parametrize("options", [[], ["--labels", "labels.csv", "--melanoma", "melanoma"]])
def test_suggest(run, options, capsys):
    if options:
        with open("labels.csv") as file:
            lines = file.readlines()
        with open("labels.csv", "w") as file:
            file.writelines(lines[:21])
    arguments = ["suggest", "model.skops", "images", "-n", 3, "-j", 1, *options]
    expected = run(*arguments).stdout
    code = run(*arguments, "--show-code").stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *arguments, **options: None)  # images without a row
        exec(compile(code, "code", "exec"), {})
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_info(run, options, capsys):
    expected = run("info", "model.skops", *options).stdout
    capsys.readouterr()
    run_code(run, "info", "model.skops", *options)
    assert capsys.readouterr().out == expected


def test_standard_input(run):
    code = run("predict", "model.skops", "-", "-o", "p.csv", "-j", 1, "--show-code").stdout
    result = subprocess.run([sys.executable, "-c", code], input="images/image01.png\n", text=True, capture_output=True)
    assert result.returncode == 0, result.stderr
    with open("p.csv") as file:
        assert file.readlines()[1].startswith("images/image01.png,")
