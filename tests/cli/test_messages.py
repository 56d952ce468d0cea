"""Tests that errors and warnings name the options of the commands."""

import os
import re
import shutil

import pandas as pd
import pytest

from sklearn_melanoma.cli._messages import name_options
from sklearn_melanoma.features import MorphologyFeatures

pytestmark = pytest.mark.filterwarnings("ignore:y contains no unlabeled samples")
LABELED = ["images", "--labels", "labels.csv", "-j", 1, "--features", "survey"]
TRAIN = ["train", *LABELED, "-o", "new.skops"]
# Names that occur only in the library.
PARAMETERS = re.compile(
    r"\b((label|group|image)_column|n_jobs|on_error|mm_per_pixel|melanoma=|melanoma with|sources|pos_label|DataFrame)"
)


def write_labels(**columns):
    """Change columns of the table of labels; None deletes one."""
    table = pd.read_csv("labels.csv")
    for name, values in columns.items():
        table = table.drop(columns=name) if values is None else table.assign(**{name: values})
    table.to_csv("labels.csv", index=False)


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ({"diagnosis": "navus"}, [], "Name those by --melanoma."),
        ({"diagnosis": ["foo"] * 20 + ["melanoma"] * 20}, [], "name all values that mean melanoma by --melanoma"),
        ({}, ["--melanoma", "melanom"], "must hold each value that --melanoma names, got no row with 'melanom'"),
        ({"diagnosis": None}, [], "Name it with --label-column."),
        ({}, ["--label-column", "result"], "--label-column must be a column of 'labels.csv'"),
        ({}, ["--group-column", "person"], "--group-column must be a column of 'labels.csv'"),
        ({"benign_malignant": "benign"}, [], "name the column that is right with --label-column"),
        ({"image": [f"image{i:02}.png" for i in range(39)] + ["image00.png"]}, [], "column of images 'image'"),
        ({}, ["--folds", 30], "Use fewer folds (--folds)"),
        ({}, ["--folds", 18], "18 folds need images of at least 18 patients or lesions of"),
        (
            {"age": ["1", "old"] * 20},
            ["--column", "age"],
            "The columns of the patient must hold numbers or texts, got both",
        ),
        ({}, ["--column", "diagnosis"], "--column must not be the column of diagnoses, got 'diagnosis'"),
        ({}, ["--label-column", "diagnosis", "--column", "diagnosis"], "--column must not be the column of diagnoses"),
        ({"diagnosis": ""}, [], "The labels must"),
        ({}, ["--columns", "labels.csv"], "--columns needs --column, the name of one of its columns"),
        ({"diagnosis": "melanoma"}, [], "The labels must hold two classes at least, got only melanoma."),
        ({"diagnosis": "nevus"}, ["--diagnoses"], "The labels must hold two classes at least, got only nevus."),
        ({"diagnosis": ["melanoma"] * 39 + [""]}, ["--diagnoses"], "two classes at least, got only melanoma."),
        ({}, ["-j", 0], "--n-jobs must be at least 1, or -1 for all processors, got 0"),
    ],
)
def test_train(run, columns, arguments, message):
    write_labels(**columns)
    result = run(*TRAIN, *arguments, exit_code=2 if {"-j", "--columns"} & set(arguments) else 1)
    last = result.stderr.splitlines()[-1]
    assert message in last
    assert not PARAMETERS.search(last)
    assert not os.path.exists("new.skops")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["features", "gone", "-o", "t.csv"], "IMAGES must exist, got 'gone'"),
        (["features", "images", "-o", "t.csv", "--masks", "gone"], "--masks must be a folder that exists, got 'gone'"),
        (["features", "images", "-o", "t.csv", "--columns", "gone.csv"], "--columns must be a file that exists"),
        (
            ["features", "images", "-o", "t.csv", "--mm-per-pixel", "-1"],
            "--mm-per-pixel must be a float in the range (0.0, inf), got",
        ),
        (["info", "labels.csv"], "'labels.csv' is not a model of this package: Pass a file that 'train' wrote"),
        (["segment", "images", "-o", "labels.csv"], "--output must be a folder, got the file 'labels.csv'"),
        (
            ["info", "empty.skops"],
            "'empty.skops' is not a model of this package: the file is empty. Pass a file that '",
        ),
        (["suggest", "model.skops", "images", "-n", 41], "--number must be at most"),
        (["suggest", "model.skops", "images", "-n", 41], "got 41. Ask for fewer, or add unlabeled samples."),
        (["demo", "--data", "images", "--dataset", "ph2"], "--data must hold PH² in its official layout"),
        (
            ["demo", "--data", "images", "--dataset", "isic2018_task1"],
            "and 'sklearn-melanoma fetch isic2018_task1' downloads it.",
        ),
        (["demo", "--data", "images", "--dataset", "isic2020"], "and 'sklearn-melanoma fetch isic2020' downloads it."),
        (["demo", "--data", "images", "--dataset", "ph2"], "or --dataset folder for images laid out in another way."),
        (
            ["segment", "images", "-o", "m", "--masks", "few"],
            "--masks must hold masks of at least 3 of the images, got 1",
        ),
    ],
)
def test_other_commands(run, arguments, message):
    os.mkdir("few")
    os.rename("truth/image00.png", "few/image00.png")
    open("empty.skops", "w").close()
    result = run(*arguments, *([] if arguments[0] == "info" else ["-j", 1]), exit_code=1)
    assert message in result.stderr.splitlines()[-1]
    assert not PARAMETERS.search(result.stderr)


def test_sensitivity_of_one(run):
    warning = run(*TRAIN, "--sensitivity", 1).stderr
    assert warning.endswith("No number of samples is enough for 1: ask for a lower --sensitivity.\n")


def test_warnings_are_printed_once(run):
    write_labels(age="")
    assert run(*TRAIN, "--column", "age", "--sensitivity", 0.9).stderr.splitlines() == [
        "Warning: The column 'age' is ignored: all of its 32 values are missing.",
        "Warning: The column 'age' is ignored: all of its 40 values are missing.",
    ]


def test_memory_that_can_not_be_used(run):
    warning = run("features", "images/image00.png", "-o", "t.csv", "-j", 1, "--memory", "labels.csv").stderr
    assert warning.startswith("Warning: --memory 'labels.csv' could not be used, rows are computed without it")


def test_paths_and_quoted_texts_stay():
    message = "'label_column/x.csv' must have a column of diagnoses, got ['n_jobs']. Name it with label_column."
    assert name_options(message) == message.replace("with label_column.", "with --label-column.")


def test_models_in_millimeters_name_no_option_that_predict_lacks(make_lesion):
    with pytest.raises(ValueError, match="needs to know mm_per_pixel") as raised:
        MorphologyFeatures(unit="mm").fit_transform([make_lesion(30, 40)])
    message = name_options(str(raised.value))
    assert message.endswith("need the scale of each image, and this one has none. Pass DICOM files with a scale.")
    assert not PARAMETERS.search(message)


def test_only_commands_that_can_skip_images_name_the_option(run, broken):
    assert "Add --on-error skip" in run("features", broken, "-o", "t.csv", "-j", 1, exit_code=1).stderr
    os.rename("truth", "images/masks")
    shutil.copy("images/masks/image00.png", "images/masks/text.png")
    result = run("demo", "--data", "images", "--dataset", "folder", "--n-jobs", 1, exit_code=1)
    assert "text.png" in result.stderr
    assert "--on-error" not in result.stderr
