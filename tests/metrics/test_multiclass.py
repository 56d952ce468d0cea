"""Report on the probabilities of more than two classes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, recall_score, roc_auc_score

from sklearn_melanoma.metrics import _multiclass, score_report, threshold_at_sensitivity

NAMES = np.array(["bcc", "mel", "nv"])


@pytest.fixture(scope="module")
def sample():
    X, y = make_blobs(150, centers=3, cluster_std=4, random_state=0)
    return NAMES[y], LogisticRegression().fit(X, NAMES[y]).predict_proba(X)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(_multiclass, "N_DRAWS", 50)


def test_values_are_those_of_scikit_learn(sample):
    y, probability = sample
    predicted = NAMES[probability.argmax(axis=1)]
    report = score_report(y, probability)
    expected = {
        "macro ROC AUC": roc_auc_score(y, probability, multi_class="ovr"),
        "balanced accuracy": balanced_accuracy_score(y, predicted),
        "accuracy": accuracy_score(y, predicted),
        "log loss": log_loss(y, probability),
    }
    for number, name in enumerate(NAMES):
        expected[f"ROC AUC of {name}"] = roc_auc_score(y == name, probability[:, number])
    for name, recall in zip(NAMES, recall_score(y, predicted, average=None), strict=True):
        expected[f"sensitivity of {name}"] = recall
    expected |= {f"prevalence of {name}": np.mean(y == name) for name in NAMES}
    assert report["value"].to_dict() == pytest.approx(expected)
    assert ((report["low"] <= report["value"]) & (report["value"] <= report["high"])).all()
    assert report.loc["prevalence of mel", "predicted"] == pytest.approx(probability[:, 1].mean())
    assert report["n"].tolist() == [150] * 4 + [50] * 6 + [150] * 3


def test_images_of_one_lesion_count_once(sample):
    y, probability = sample
    lesions = np.repeat(np.arange(150), np.arange(150) % 3 + 1)
    found = score_report(y[lesions], probability[lesions], groups=lesions)
    pd.testing.assert_frame_equal(found, score_report(y, probability))


def test_groups_of_several_classes_keep_accuracy_and_prevalence(sample):
    y, probability = sample
    alone, grouped = score_report(y, probability)["value"], score_report(y, probability, groups=np.arange(150) // 5)
    rows = [name for name in alone.index if name.startswith(("prevalence", "accuracy", "log loss"))]
    assert grouped.loc[rows, "value"].to_dict() == pytest.approx(alone[rows].to_dict())
    assert grouped.loc["prevalence of mel", "n"] == 30


def test_values_of_one_class_have_no_auc(sample):
    y, probability = sample
    report = score_report(y, probability, by=y)  # warnings are errors
    assert report.xs("macro ROC AUC", level=1)["value"].isna().all()


def test_columns_by_name_in_any_order(sample):
    y, probability = sample
    table = pd.DataFrame(probability, columns=NAMES)
    pd.testing.assert_frame_equal(score_report(y, table), score_report(y, probability))
    turned = score_report(y, table[NAMES[::-1]])
    np.testing.assert_allclose(turned["value"].reindex(score_report(y, table).index), score_report(y, table)["value"])


def test_one_class_against_the_rest(sample):
    y, probability = sample
    expected = score_report((y == "mel").astype(int), probability[:, 1])
    pd.testing.assert_frame_equal(score_report(y, probability, pos_label="mel"), expected)
    pd.testing.assert_frame_equal(score_report(y, probability[:, 1], pos_label="mel"), expected)
    found = threshold_at_sensitivity(y, probability[:, 1], pos_label="mel", sensitivity=0.9)
    assert found == threshold_at_sensitivity((y == "mel").astype(int), probability[:, 1], sensitivity=0.9)


def test_unlabeled_and_unscored_samples_are_left_out(sample):
    y, probability = sample
    more_y = np.array([*y, -1, "nv"], dtype=object)
    more_y[-2] = -1
    more = np.vstack([probability, probability[:1], np.full((1, 3), np.nan)])
    pd.testing.assert_frame_equal(score_report(more_y, more), score_report(y, probability))


def test_class_without_samples_has_no_rows(sample):
    y, probability = sample
    table = pd.DataFrame(probability, columns=NAMES)[y != "mel"]
    report = score_report(y[y != "mel"], table)
    assert not report.index.str.contains("mel").any()
    assert report["value"].notna().all()


def test_groups_widen_intervals(sample):
    y, probability = sample
    single, doubled = score_report(y, probability), score_report(np.tile(y, 2), np.tile(probability, (2, 1)))
    grouped = score_report(np.tile(y, 2), np.tile(probability, (2, 1)), groups=np.tile(np.arange(150), 2))
    np.testing.assert_allclose(grouped[["value", "low", "high"]], single[["value", "low", "high"]])
    width = (doubled["high"] - doubled["low"]) / (single["high"] - single["low"])
    assert width.median() < 0.9


def test_values_of_a_column(sample):
    y, probability = sample
    camera = np.array(["a", "b"])[np.arange(150) % 2]
    report = score_report(y, probability, by=camera)
    pd.testing.assert_frame_equal(report.xs("a"), score_report(y[::2], probability[::2]))
