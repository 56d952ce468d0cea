"""Tests of the commands that use a model: predictions, suggestions, information."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma import __version__, make_melanoma_pipeline
from sklearn_melanoma.cli import _progress
from sklearn_melanoma.datasets import find_images, load_images
from sklearn_melanoma.model_selection import which_to_label
from sklearn_melanoma.persistence import format_model_card, load_model, read_model_info, save_model
from sklearn_melanoma.segmentation import WatershedSegmenter

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found")


def test_predictions_are_the_model_s(run, monkeypatch):
    monkeypatch.setattr(_progress, "_CHUNK", 16)
    result = run("predict", "model.skops", "images", "-o", "predictions.csv", "-j", 1)
    table = pd.read_csv("predictions.csv", index_col="path")
    images = find_images("images")
    model = load_model("model.skops")
    assert list(table.index) == images
    np.testing.assert_allclose(table["score"], model.predict_proba(images)[:, 1], rtol=1e-15)
    np.testing.assert_array_equal(table["label"], model.predict(images))
    np.testing.assert_array_equal(
        table["positive"], table["score"] >= read_model_info("model.skops").threshold.threshold
    )
    assert table["problem"].isna().all()
    assert f"40 rows written to predictions.csv: {table['positive'].sum()} at or above the threshold" in result.stdout
    assert "not a medical device" in result.stdout


def test_several_classes_without_a_threshold_have_no_count_at_it(run):
    images = find_images("images")
    diagnoses = np.array(["bcc", "mel", "nv"])[np.arange(len(images)) % 3]
    save_model(make_melanoma_pipeline().fit(images, diagnoses), "three.skops")
    result = run("predict", "three.skops", "images", "-o", "p.csv", "-j", 1)
    assert "40 rows written to p.csv: 0 without a score" in result.stdout
    assert pd.read_csv("p.csv").columns.tolist() == ["path", "score bcc", "score mel", "score nv", "label", "problem"]


def test_images_without_score(run, broken, skin):
    Image.fromarray(skin).save("images/skin.png")
    result = run("predict", "model.skops", "images", "-o", "p.csv", "-j", 1, exit_code=1)
    assert "--on-error skip" in result.stderr
    assert not os.path.exists("p.part.csv")  # no row was done
    result = run("predict", "model.skops", "images", "-o", "p.csv", "-j", 1, "--on-error", "skip")
    table = pd.read_csv("p.csv", index_col="path")
    problems = table["problem"].dropna()
    assert problems.index.tolist() == [os.path.join("images", "skin.png"), broken]
    assert problems.iloc[0] == "no lesion found"
    assert problems.iloc[1].startswith("could not read")
    assert table.loc[problems.index, ["score", "label", "positive"]].isna().all(axis=None)
    assert "2 without a score" in result.stdout


def test_list_on_standard_input(run):
    lines = "images/image03.png\n\nimages/image01.png\n"
    run("predict", "model.skops", "-", "-o", "p.csv", "-j", 1, input=lines)
    assert pd.read_csv("p.csv")["path"].tolist() == ["images/image03.png", "images/image01.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_of_standard_input(run, encoding):
    os.rename("images/image00.png", "images/Läsion.png")
    run("predict", "model.skops", "-", "-o", "p.csv", "-j", 1, input="images/Läsion.png\r\n\r\n".encode(encoding))
    assert pd.read_csv("p.csv")["path"].tolist() == ["images/Läsion.png"]


def test_list_with_missing_files(run):
    with open("list.txt", "w") as file:
        file.write("images/image03.png\ngone.png\n")
    result = run("predict", "model.skops", "list.txt", "-o", "p.csv", exit_code=1)
    assert "1 of 2 files in the list 'list.txt' do not. The first is 'gone.png' in line 2" in result.stderr
    assert result.stderr.count("\n") == 1
    run("predict", "model.skops", "list.txt", "-o", "p.csv", "-j", 1, "--on-error", "skip")
    assert pd.read_csv("p.csv")["problem"].iloc[1] == "could not open 'gone.png': No such file or directory"


def test_suggestions_are_the_library_s(run):
    with open("labels.csv") as file:
        lines = file.readlines()
    with open("few.csv", "w") as file:
        file.writelines(lines[:21])
    result = run("suggest", "model.skops", "images", "--labels", "few.csv", "-n", 4, "-j", 1)
    with pytest.warns(UserWarning, match="images have no row"):
        data = load_images("images", labels="few.csv")
    chosen = which_to_label(load_model("model.skops"), data.images, 4, y=data.target)
    assert result.stdout.splitlines() == [data.images[i] for i in chosen]
    assert min(chosen) >= 20
    run("suggest", "model.skops", "images", "-n", 4, "-j", 1, "-o", "next.txt")
    assert len(find_images("next.txt")) == 4


def test_suggests_one_image_of_each_patient_without_labels(run):
    table = pd.read_csv("labels.csv")
    table.loc[np.arange(40) % 4 > 0, "diagnosis"] = "?"  # two images of each patient; every other patient has a label
    table.rename(columns={"patient_id": "place"}).assign(person="all").to_csv("few.csv", index=False)
    arguments = ["suggest", "model.skops", "images", "--labels", "few.csv", "-j", 1]
    chosen = run(*arguments, "--group-column", "place", "-n", 10).stdout.splitlines()
    numbers = [int(path[-6:-4]) for path in chosen]
    assert sorted(number // 2 for number in numbers) == list(range(1, 20, 2))
    data = load_images("images", labels="few.csv", group_column="place")
    expected = which_to_label(load_model("model.skops"), data.images, 10, y=data.target, groups=data.groups)
    assert chosen == [data.images[i] for i in expected]
    result = run(*arguments, "--group-column", "place", "-n", 11, exit_code=1)
    assert (
        "--number must be at most the number of groups with features and without a label, 10, got 11" in result.stderr
    )
    result = run(*arguments, "-n", 30, exit_code=1)  # the column "person" is found by its name
    assert "0, got 30. Ask for fewer, or name smaller groups by --group-column, such as" in result.stderr
    assert len(run(*arguments, "--group-column", "image", "-n", 30).stdout.splitlines()) == 30
    result = run(*arguments, "--group-column", "gone", exit_code=1)
    assert "--group-column must be a column of 'few.csv'" in result.stderr
    for command in (["suggest", "model.skops", "images"], ["report", "model.skops", "images", "-o", "r.html"]):
        result = run(*command, "--group-column", "place", exit_code=2)
        assert "--group-column and --melanoma need --labels" in result.stderr


def test_warns_that_labeled_images_may_be_suggested(run):
    expected = "images that have a label may be suggested. Name the table of labels by --labels"
    assert expected in run("suggest", "model.skops", "images/", "-n", 2, "-j", 1).stderr
    assert not run("suggest", "model.skops", "images/image0*.png", "-n", 2, "-j", 1).stderr
    assert not run("suggest", "model.skops", "images", "--labels", "labels.csv", "-n", 2, exit_code=1).stderr.count(
        expected
    )


def test_unreadable_images_are_not_suggested(run, broken):
    result = run("suggest", "model.skops", "images", "-n", 40, "-j", 1, "--on-error", "skip")
    assert len(result.stdout.splitlines()) == 40
    assert broken not in result.stdout
    assert "Warning: 1 of 41 images have problems" in result.stderr
    result = run("suggest", "model.skops", "images", "-n", 41, "-j", 1, "--on-error", "skip", exit_code=1)
    assert "unlabeled samples with features, 40, got 41" in result.stderr


def test_info(run):
    assert run("info", "model.skops").stdout.strip() == format_model_card(read_model_info("model.skops")).strip()
    content = json.loads(run("info", "model.skops", "--json").stdout)
    info = read_model_info("model.skops")
    assert content["threshold"] == info.threshold._asdict()
    assert content["digest"] == info.digest
    assert content["versions"]["sklearn-melanoma"] == __version__


@pytest.mark.parametrize("command", ["predict", "report", "suggest", "info"])
def test_files_that_hold_no_model(run, command):
    others = {
        "predict": ["images", "-o", "p.csv"],
        "report": ["images", "-o", "r.html"],
        "suggest": ["images"],
        "info": [],
    }[command]
    for path, message in (
        ("gone.skops", "No such file"),
        ("labels.csv", "is not a model of this package"),
        ("images", "Is a directory"),
    ):
        result = run(command, path, *others, exit_code=1)
        assert message.lower() in result.stderr.lower() or "folder" in result.stderr
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1


def test_a_segmenter_does_not_predict(run):
    save_model(WatershedSegmenter(), "segmenter.skops")
    result = run("predict", "segmenter.skops", "images", "-o", "p.csv", exit_code=1)
    assert "'segmenter.skops' must hold a classifier, got WatershedSegmenter" in result.stderr


def test_model_of_another_version_warns(run, monkeypatch):
    monkeypatch.setattr(
        "sklearn_melanoma.persistence._models.describe_version_differences",
        lambda versions: "scikit-learn 0.1 (here 9)",
    )
    result = run("predict", "model.skops", "images", "-o", "p.csv", "-j", 1)
    assert result.stderr.startswith("Warning: 'model.skops' was saved with scikit-learn 0.1")
