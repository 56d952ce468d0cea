"""Tests of models of several diagnoses."""

import shutil
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.cli import app
from sklearn_melanoma.datasets import load_images, read_diagnoses
from sklearn_melanoma.metrics import score_report, threshold_at_sensitivity
from sklearn_melanoma.model_selection import out_of_fold_scores, which_to_label
from sklearn_melanoma.persistence import load_model, read_model_info, save_model
from tests.cli.conftest import make_runner

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found", "ignore:y contains no unlabeled samples")
TRAIN = ["train", "images", "--labels", "diagnoses.csv", "--diagnoses", "-j", 1, "--sensitivity", 0.8]
FEW = "images/image0*.png"
CLASSES = ("basal cell carcinoma", "melanoma", "nevus")


@pytest.fixture(scope="module")
def trained(template, tmp_path_factory):
    """Return a folder with a table of diagnoses and its model, and the output of the command."""
    place = tmp_path_factory.mktemp("diagnoses")
    shutil.copytree(template, place, dirs_exist_ok=True)
    table = pd.read_csv(place / "labels.csv")
    numbers = np.arange(len(table))
    words = np.where(
        table["diagnosis"] == "melanoma", "mel", np.array(["nv", "Naevus", "BCC"], dtype=object)[numbers % 3]
    )
    words[::9] = "unknown"
    table.assign(diagnosis=words).to_csv(place / "diagnoses.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        result = make_runner().invoke(app, [*map(str, TRAIN), "-o", "three.skops"])
    assert result.exit_code == 0, result.output
    return place, result.stdout


@pytest.fixture
def printed(trained, place):
    """Copy the model and its table to the working folder, and return the output of the training."""
    for name in ("three.skops", "three.md", "diagnoses.csv"):
        shutil.copy(trained[0] / name, place)
    return trained[1]


def load():
    data = load_images("images", labels="diagnoses.csv", melanoma={})
    return data, read_diagnoses(data.diagnosis)


def test_model_report_and_card_are_the_library_s(printed):
    data, y = load()
    info = read_model_info("three.skops")
    assert info.classes == CLASSES
    assert info.pos_label == "melanoma"
    model = make_melanoma_pipeline()
    table = model["features"].fit_transform(data.images)
    scores = out_of_fold_scores(model[1:], table, y, groups=data.groups)
    expected = threshold_at_sensitivity(y, scores[:, 1], sensitivity=0.8, pos_label="melanoma", groups=data.groups)
    assert info.threshold == expected
    report = score_report(y, scores, groups=data.groups)
    stored = pd.DataFrame(info.summary["report"]).T
    assert {"macro ROC AUC", *(f"ROC AUC of {name}" for name in CLASSES)} <= set(stored.index)
    np.testing.assert_allclose(stored["value"].astype(float), report["value"])
    mapping = {"mel": "melanoma", "nv": "nevus", "Naevus": "nevus", "BCC": "basal cell carcinoma", "unknown": -1}
    assert info.summary["label_mapping"] == mapping
    assert info.summary["unlabeled"] == 5
    with open("three.md") as file:
        card = file.read()
    for line in ("| melanoma (positive class) | mel |", "most probable class all the same", "- sources: images"):
        assert line in card
    assert "ROC AUC of melanoma" in printed
    assert f"Threshold for melanoma {info.threshold.threshold:.4f}: expected sensitivity 0.8" in printed


def test_predictions(run, printed):
    result = run("predict", "three.skops", "images", "-o", "p.csv", "-j", 1)
    table = pd.read_csv("p.csv", index_col="path")
    assert table.columns.tolist() == [*(f"score {name}" for name in CLASSES), "label", "positive", "problem"]
    probabilities = load_model("three.skops").predict_proba(list(table.index))
    np.testing.assert_allclose(table.iloc[:, :3], probabilities, rtol=1e-12)
    assert table["label"].tolist() == [CLASSES[number] for number in probabilities.argmax(axis=1)]
    cut = read_model_info("three.skops").threshold.threshold
    assert table["positive"].tolist() == (table["score melanoma"] >= cut).tolist()
    assert f"{table['positive'].sum()} at or above the threshold for melanoma, 0 without a score" in result.stdout


def test_report_suggestions_and_information(run, printed, monkeypatch):
    made = []
    monkeypatch.setattr("sklearn_melanoma.cli._report.make_report", lambda *a, **k: made.append((a, k)) or Saved())
    run("report", "three.skops", "images", "--labels", "diagnoses.csv", "-o", "r.html", "-j", 1)
    data, y = load()
    assert made[0][1]["y"].tolist() == y.tolist()
    arguments = ["--labels", "diagnoses.csv", "--group-column", "image"]
    result = run("suggest", "three.skops", "images", *arguments, "-n", 3, "-j", 1)
    chosen = which_to_label(load_model("three.skops"), data.images, 3, y=y)
    assert result.stdout.splitlines() == [data.images[position] for position in chosen]
    assert "positive class: melanoma" in run("info", "three.skops").stdout


class Saved:
    """Report that is not written."""

    def save(self, path):
        """Do nothing."""


def test_codes_of_a_model_from_python(run, printed, monkeypatch):
    data, y = load()
    codes = {"melanoma": "mel", "nevus": "nv", "basal cell carcinoma": "bcc"}
    y = np.array([codes.get(label, -1) for label in y], dtype=object)
    save_model(make_melanoma_pipeline("survey").fit(data.images, y), "codes.skops")
    made = []
    monkeypatch.setattr("sklearn_melanoma.cli._report.make_report", lambda *a, **k: made.append((a, k)) or Saved())
    run("report", "codes.skops", "images", "--labels", "diagnoses.csv", "-o", "r.html", "-j", 1)
    assert made[0][1]["y"].tolist() == y.tolist()
    text = pd.read_csv("diagnoses.csv").replace({"diagnosis": {"BCC": "wart"}})
    text.to_csv("diagnoses.csv", index=False)
    result = run("report", "codes.skops", "images", "--labels", "diagnoses.csv", "-o", "r.html", exit_code=1)
    assert "--labels must hold the diagnoses of the model, bcc, mel, nv, got other" in result.stderr


def test_code_does_the_same(run, printed, capsys):
    code = run(*TRAIN, "-o", "code.skops", "--show-code").stdout
    exec(compile(code, "code", "exec"), {})
    assert read_model_info("code.skops").threshold == read_model_info("three.skops").threshold
    predictions, report = (
        run_twice(run, ["predict", "three.skops", FEW, "-o", "out.csv", "-j", 1]),
        run_twice(run, ["report", "three.skops", "images", "-o", "out.html", "--labels", "diagnoses.csv", "-j", 1]),
    )
    # Products of matrices of other sizes may be rounded otherwise.
    pd.testing.assert_frame_equal(*(pd.read_csv(StringIO(text)) for text in predictions))
    assert report[0] == report[1]


def run_twice(run, command):
    """Return the output of a command, and the output of the code that it shows."""
    run(*command)
    first = Path(command[4]).read_text(encoding="utf-8")
    exec(compile(run(*command, "--show-code").stdout, "code", "exec"), {})
    return first, Path(command[4]).read_text(encoding="utf-8")


def relabel(**names):
    table = pd.read_csv("labels.csv")
    patients = table["patient_id"].str[1:].astype(int)
    table["diagnosis"] = np.array(list(names))[patients % len(names)]
    table.to_csv("labels.csv", index=False)
    return [
        "train",
        "images",
        "--labels",
        "labels.csv",
        "--diagnoses",
        "--features",
        "survey",
        "-j",
        1,
        "-o",
        "m.skops",
    ]


def test_two_diagnoses(run):
    result = run(*relabel(mel=1, nv=0), "--sensitivity", 0.9)
    info = read_model_info("m.skops")
    assert info.classes == ("melanoma", "nevus")
    assert "Threshold for melanoma" in result.stdout
    run("predict", "m.skops", "images", "-o", "p.csv", "-j", 1)
    table = pd.read_csv("p.csv")
    assert table.columns.tolist() == ["path", "score", "label", "positive", "problem"]
    assert ((table["label"] == "melanoma") == table["positive"]).all()


def test_diagnoses_without_melanoma(run):
    result = run(*relabel(nv=0, bcc=0, bkl=0))
    assert "No threshold, because no diagnosis is melanoma" in result.stdout
    assert read_model_info("m.skops").threshold is None
    run("predict", "m.skops", "images", "-o", "p.csv", "-j", 1)
    assert "positive" not in pd.read_csv("p.csv").columns
    assert len(run("suggest", "m.skops", "images", "-n", 2, "-j", 1).stdout.splitlines()) == 2
    result = run(*relabel(nv=0, bcc=0), "--force", exit_code=1)
    assert "--diagnoses needs melanoma or a third diagnosis, got basal cell carcinoma and nevus" in result.stderr


def test_wrong_options_and_words(run):
    train = relabel(mel=1, nv=0, suspicious=0)
    result = run(*train, "--melanoma", "mel", exit_code=2)
    assert "--melanoma is for models of melanoma against all others" in result.stderr
    assert "'suspicious' (12), which could mean melanoma or not" in run(*train, exit_code=1).stderr
    rare = ["--folds", 10, "--force"]
    result = run(*relabel(mel=1, nv=0, bcc=0), *rare, exit_code=1)
    assert "of at least 10 patients or lesions of each diagnosis, as many as --folds, got " in result.stderr
    assert "melanoma (7)" in result.stderr
