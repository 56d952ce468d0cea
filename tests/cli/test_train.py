"""Tests of the command that fits a model."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import load_images
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.metrics import score_report, threshold_at_sensitivity
from sklearn_melanoma.model_selection import out_of_fold_scores
from sklearn_melanoma.persistence import load_model, read_model_info

pytestmark = pytest.mark.filterwarnings("ignore:No lesion was found", "ignore:y contains no unlabeled samples")
TRAIN = ["images", "--labels", "labels.csv", "-o", "new/model.skops", "--features", "survey", "-j", 1]


def test_model_report_and_card_are_the_library_s(run):
    result = run("train", *TRAIN, "--sensitivity", 0.8, "--folds", 4)
    data = load_images("images", labels="labels.csv")
    model = make_melanoma_pipeline("survey")
    scores = out_of_fold_scores(model, data.images, data.target, cv=4, groups=data.groups)
    threshold = threshold_at_sensitivity(data.target, scores, sensitivity=0.8, groups=data.groups)
    model.fit(data.images, data.target)
    loaded = load_model("new/model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(data.images), model.predict_proba(data.images))
    info = read_model_info("new/model.skops")
    assert info.threshold == threshold
    assert info.summary["label_mapping"] == {"melanoma": 1, "nevus": 0}
    assert info.summary["groups"] == 20
    report = score_report(data.target, scores, threshold=threshold, groups=data.groups)
    stored = pd.DataFrame(info.summary["report"]).T
    np.testing.assert_allclose(stored["value"].astype(float), report["value"])
    auc = report.loc["ROC AUC"]
    line = f"| ROC AUC | {auc.value:.3f} | {auc.low:.3f} to {auc.high:.3f} | 20 |"
    with open("new/model.md") as card:
        assert line in card.read()
    assert f"{auc.value:.3f}" in result.stdout
    assert f"expected sensitivity {threshold.expected_sensitivity:.3f}" in result.stdout
    assert sorted(os.listdir("new")) == ["model.md", "model.skops"]


def test_labels_of_a_folder_are_found(run):
    os.rename("labels.csv", "images/labels.csv")
    run("train", "images", "-o", "model2.skops", "--features", "survey", "-j", 1)
    assert read_model_info("model2.skops").summary["melanomas"] == 20


def test_unreadable_images_are_left_out(run, broken):
    result = run("train", *TRAIN, exit_code=1)
    assert "--on-error skip" in result.stderr
    assert not os.path.exists("new/model.skops")
    run("train", *TRAIN, "--on-error", "skip")
    summary = read_model_info("new/model.skops").summary
    assert (summary["images"], summary["skipped"]) == (40, 1)
    expected, found = load_model("model.skops"), load_model("new/model.skops")
    images = [f"images/image{i:02}.png" for i in range(10)]
    np.testing.assert_array_equal(found.predict_proba(images), expected.predict_proba(images))


def test_values_of_melanoma_and_columns(run):
    table = pd.read_csv("labels.csv").replace({"diagnosis": {"melanoma": "bad", "nevus": "good"}})
    table.rename(columns={"diagnosis": "result", "patient_id": "person"}).to_csv("labels.csv", index=False)
    columns = ["--label-column", "result", "--group-column", "person"]
    result = run("train", *TRAIN, *columns, exit_code=1)
    assert "which could mean melanoma or not" in result.stderr
    run("train", *TRAIN, *columns, "--melanoma", "bad")
    summary = read_model_info("new/model.skops").summary
    assert (summary["melanomas"], summary["groups"]) == (20, 20)
    assert summary["label_mapping"] == {"bad": 1, "good": 0}


def test_prevalence(run):
    arguments = ["images", "--labels", "labels.csv", "-j", 1, "--folds", 2, "--sensitivity", 0.8]
    run("train", *arguments, "-o", "half.skops")  # half of the labels are melanomas
    run("train", *arguments, "-o", "rare.skops", "--prevalence", 0.05)
    images = load_images("images", labels="labels.csv").images
    half, rare = (load_model(name).predict_proba(images)[:, 1] for name in ("half.skops", "rare.skops"))
    np.testing.assert_allclose(logit(rare) - logit(half), logit(0.05) - logit(0.5))
    summary = read_model_info("rare.skops").summary
    assert summary["prevalence"] == 0.05
    assert "prevalence" not in read_model_info("half.skops").summary
    assert "Brier score" in read_model_info("half.skops").summary["report"]
    # The probabilities are for another prevalence than that of the labels, so their errors are not shown.
    assert list(summary["report"]) == ["ROC AUC", "balanced accuracy", "sensitivity", "specificity"]
    assert "- prevalence: 0.05\n" in Path("rare.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prevalence", 5], "--prevalence must be above 0 and below 1, got 5. Divide percents by 100"),
        (["--prevalence", 0], "--prevalence must be above 0 and below 1, got 0"),
        (["--prevalence", 0.1, "--features", "survey"], "--prevalence needs --features all or learned, got survey"),
        (["--prevalence", 0.1, "--diagnoses"], "--prevalence is for models of melanoma against all others, got"),
    ],
)
def test_prevalence_that_the_model_cannot_take(run, options, message):
    result = run("train", "images", "--labels", "labels.csv", "-o", "new.skops", *options, exit_code=2)
    assert message in result.stderr


def test_few_labels_warn_of_the_sensitivity(run):
    result = run("train", *TRAIN, "--sensitivity", 0.99)
    assert "Warning: 17 labeled positive groups of samples are too few for a sensitivity of 0.99" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["images"], 2, "--labels is needed, unless IMAGES is one folder"),
        (["images", "--labels", "gone.csv"], 1, "labels must be a file that exists, got 'gone.csv'"),
        (["images", "--labels", "model.skops"], 1, "could not be read as an Excel file"),
        (["images", "--labels", "labels.csv", "--folds", "30"], 1, "30"),
    ],
)
def test_wrong_labels(run, arguments, code, message):
    os.mkdir("empty")
    sources = ["images/image00.png"] if arguments == ["images"] else []
    result = run("train", *arguments, *sources, "-o", "new.skops", "--features", "survey", "-j", 1, exit_code=code)
    assert message in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert not os.path.exists("new.skops")


def test_columns_of_the_patient(run):
    table = pd.read_csv("labels.csv")
    table["age"] = np.where(table["diagnosis"] == "melanoma", 70, 30) + np.arange(40) % 7
    table[["image", "age"]].to_csv("patients.csv", index=False)
    table.drop(columns="age").to_csv("labels.csv", index=False)
    arguments = ["images", "--labels", "labels.csv", "--features", "survey", "--column", "age", "-j", 1]
    result = run("train", *arguments, "-o", "age.skops", exit_code=1)
    assert "the table of labels must have the columns age that the model takes, got none named 'age'" in result.stderr
    assert "Pass a table that has them as --columns." in result.stderr
    run("train", *arguments, "--columns", "patients.csv", "-o", "age.skops")
    auc = read_model_info("age.skops").summary["report"]["ROC AUC"]["value"]
    assert auc > read_model_info("model.skops").summary["report"]["ROC AUC"]["value"]
    assert auc > 0.9
    predict = ["age.skops", "images", "-o", "p.csv", "-j", 1]
    assert "--columns is needed: the model takes age" in run("predict", *predict, exit_code=2).stderr
    run("predict", *predict, "--columns", "patients.csv")
    X = table[["age"]].assign(image=[f"images/{name}" for name in table["image"]])
    scores = load_model("age.skops").predict_proba(X)[:, 1]
    np.testing.assert_allclose(pd.read_csv("p.csv")["score"], scores, rtol=1e-12)
    suggested = run("suggest", "age.skops", "images", "--columns", "patients.csv", "-n", 3, "-j", 1).stdout
    assert len(suggested.splitlines()) == 3
    table.to_csv("with_age.csv", index=False)
    labeled = ["report", "age.skops", "images", "-o", "r.html", "-j", 1, "--labels"]
    run(*labeled, "with_age.csv")
    result = run(*labeled, "labels.csv", "--force", exit_code=1)
    assert "the table of labels must have the columns age that the model takes, got none named 'age'" in result.stderr
    run(*labeled, "labels.csv", "--columns", "patients.csv", "--force")
    table.iloc[:30].to_csv("with_age.csv", index=False)
    result = run("suggest", "age.skops", "images", "--labels", "with_age.csv", "-n", 3, "-j", 1)
    assert {int(line[-6:-4]) for line in result.stdout.splitlines()} <= set(range(30, 40))
    predict[0] = "model.skops"
    result = run("predict", *predict, "--columns", "patients.csv", "--force", exit_code=2)
    assert "--columns needs a model that was trained with --column" in result.stderr


def test_learned_features(run, monkeypatch):
    computed = []
    measure = MorphologyFeatures._measure
    with monkeypatch.context() as patch:
        patch.setattr(MorphologyFeatures, "_measure", lambda self, *args: computed.append(1) or measure(self, *args))
        run("train", "images/image[01]*.png", *TRAIN[1:-4], "--features", "learned", "--folds", 2, "-j", 1)
    assert len(computed) == 20  # each fold computes learned features alone
    model = load_model("new/model.skops")
    info = read_model_info("new/model.skops")
    assert len(info.feature_names) == 181 + 2304
    assert info.summary["features"] == "learned"
    few = "images/image0*.png"
    run("predict", "new/model.skops", few, "-o", "scores.csv", "-j", 1, "--memory", "cache")
    scores = pd.read_csv("scores.csv", index_col=0)["score"]
    np.testing.assert_allclose(scores, model.predict_proba(list(scores.index))[:, 1], atol=1e-9)
    run("report", "new/model.skops", few, "-o", "report.html", "-j", 1)
    with open("report.html", encoding="utf-8") as page:
        text = page.read()
    assert "learned patterns" in text
    assert "fisher_" not in text
    assert "fisher_" not in run("info", "new/model.skops").stdout
    run("suggest", "new/model.skops", few, "-n", 3, "-o", "next.csv", "-j", 1)
    with open("next.csv") as chosen:
        assert len(chosen.read().split()) == 3


def test_learned_features_as_code(run):
    code = run("train", *TRAIN[:-4], "--features", "learned", "--show-code").stdout
    assert "make_melanoma_pipeline('learned'" in code


def test_features_of_a_table_are_not_learned(run):
    result = run("features", "images", "-o", "table.csv", "--features", "learned", exit_code=2)
    assert "'learned' is not one of" in result.stderr
