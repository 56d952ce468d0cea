"""Tests of the command that writes a report, and of the report of predictions."""

from pathlib import Path

import pytest

from sklearn_melanoma.datasets import find_images, load_images, match_table
from sklearn_melanoma.inspection import make_report
from sklearn_melanoma.persistence import load_model

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found")
FEW = "images/image0*.png"


@pytest.fixture
def reports(monkeypatch):
    """Return the list of the arguments of all reports that the commands make."""
    made = []

    def record(*arguments, **options):
        made.append((arguments, options))
        return make_report(*arguments, **options)

    for module in ("_report", "_predict"):
        monkeypatch.setattr(f"sklearn_melanoma.cli.{module}.make_report", record)
    return made


def test_report_is_the_library_s(run, broken):
    run("report", "model.skops", FEW, broken, "-o", "new/report.html", "-j", 1)
    title = "Lesion report: 1 = melanoma, 0 = other"
    expected = make_report(load_model("model.skops"), [*find_images(FEW), broken], title=title)
    assert Path("new/report.html").read_text("utf-8") == expected.html
    assert "text.png" in expected.html


def test_labels_and_columns(run, reports):
    arguments = [
        "model.skops",
        "images",
        "-o",
        "report.html",
        "--labels",
        "labels.csv",
        "--columns",
        "labels.csv",
        "-j",
        1,
    ]
    run("report", *arguments)
    data = load_images("images", labels="labels.csv")
    (_, images), options = reports[0]
    assert images == data.images
    assert options["y"].tolist() == data.target.tolist()
    assert options["groups"].tolist() == data.groups.tolist()
    assert options["metadata"].equals(match_table(data.images, "labels.csv"))


def test_report_of_predictions(run, reports, broken):
    run("predict", "model.skops", FEW, broken, "-o", "p.csv", "--report", "r.html", "-j", 1, "--on-error", "skip")
    assert reports[0][0][1] == [*find_images(FEW), broken]
    assert "<html" in Path("r.html").read_text("utf-8")


def test_missing_jinja2(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    result = run("report", "model.skops", FEW, "-o", "report.html", exit_code=1)
    assert "sklearn-melanoma[report]" in result.stderr
