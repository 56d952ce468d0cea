"""Draws of few labels, scores over them, their summary and what a stopped run leaves."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma.inspection import LabelEfficiencyDisplay
from sklearn_melanoma.model_selection import label_efficiency, summarize_efficiency
from sklearn_melanoma.model_selection._draws import draw_few_labels
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

GROUPS = np.repeat(np.arange(60), 3)


@pytest.fixture(scope="module")
def data():
    return make_classification(180, n_features=5, random_state=0)


@pytest.fixture
def methods():
    return {
        "ridge": PriorLogisticRegression(),
        "plain": SelfTrainingClassifier(LogisticRegression(), max_iter=0),
    }


def test_a_draw_keeps_groups_apart_and_shows_the_same_labels_first(data):
    y = data[1]
    draw = draw_few_labels(y, GROUPS, 10, test_size=1 / 3, random_state=0)
    assert not set(GROUPS[draw.rest]) & set(GROUPS[draw.held_out])
    assert len(draw.held_out) == 60
    few, more = draw.labels(y, 3), draw.labels(y, 10)
    assert np.bincount(few + 1).tolist() == [114, 3, 3]
    assert np.bincount(more + 1).tolist() == [100, 10, 10]
    shown = few != -1
    np.testing.assert_array_equal(few[shown], more[shown])
    np.testing.assert_array_equal(more[more != -1], y[draw.rest][more != -1])
    assert (draw.labels(y, 0) == -1).all()


def test_unlabelled_samples_are_learned_from_and_not_scored(data):
    y = np.where(np.arange(180) % 2, data[1], -1)
    draw = draw_few_labels(y, np.arange(180), 3, test_size=0.5, random_state=0)
    assert (y[draw.held_out] != -1).all()
    assert (y[draw.rest] == -1).any()


def test_strings_keep_an_integer_for_a_missing_label(data):
    y = np.where(data[1], "melanoma", "nevus").astype(object)
    few = draw_few_labels(y, np.arange(180), 3, test_size=0.5, random_state=0).labels(y, 3)
    assert sum(label == -1 for label in few) == 84
    assert set(few) == {"melanoma", "nevus", -1}


def test_scores_are_paired_and_repeat(data, methods):
    X, y = data
    scores = label_efficiency(methods, X, y, groups=GROUPS, labels_per_class=(3, 10), n_repeats=4, random_state=1)
    assert len(scores) == 2 * 2 * 4
    again = label_efficiency(
        {"ridge": methods["ridge"]}, X, y, groups=GROUPS, labels_per_class=(3, 10), n_repeats=4, random_state=1
    )
    alone = scores[scores["estimator"] == "ridge"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, alone)
    other = label_efficiency(methods, X, y, groups=GROUPS, labels_per_class=(3, 10), n_repeats=4, random_state=2)
    assert (other["score"] != scores["score"]).any()
    both = label_efficiency(
        methods, X, y, groups=GROUPS, labels_per_class=(3, 10), n_repeats=4, random_state=1, n_jobs=2
    )
    pd.testing.assert_frame_equal(both, scores)


def test_a_classifier_that_needs_no_label_is_scored_without(data):
    X, y = data
    right = np.corrcoef(X.T, y)[-1, :-1]
    known = {"known": PriorLogisticRegression(right, classes=(0, 1))}
    scores = label_efficiency(known, X, y, labels_per_class=(0, 3), n_repeats=5)
    summary = summarize_efficiency(scores)["mean"]
    assert summary["known", 0] > 0.8
    assert set(scores["labels_per_class"]) == {0, 3}


def test_a_stopped_run_goes_on(data, methods, tmp_path):
    X, y = data
    file = tmp_path / "scores.csv"
    options = {"labels_per_class": (3, 10), "random_state": 0, "results": file}
    label_efficiency({"ridge": methods["ridge"]}, X, y, n_repeats=2, **options)
    lines = file.read_text().splitlines()
    assert len(lines) == 1 + 4
    file.write_text("\n".join(lines[:-1]) + "\n")  # stopped before the last
    whole = label_efficiency(methods, X, y, n_repeats=3, **options)
    assert len(whole) == 2 * 2 * 3
    fresh = label_efficiency(methods, X, y, n_repeats=3, labels_per_class=(3, 10), random_state=0)
    keys = ["estimator", "labels_per_class", "repeat"]
    pd.testing.assert_frame_equal(
        whole.sort_values(keys, ignore_index=True), fresh.sort_values(keys, ignore_index=True), check_dtype=False
    )
    # Nothing is fitted for what is there.
    broken = {name: DummyClassifier(strategy="no such") for name in methods}
    pd.testing.assert_frame_equal(label_efficiency(broken, X, y, n_repeats=3, **options), whole, check_dtype=False)


@pytest.mark.parametrize(
    "change", [{"random_state": 1}, {"scoring": "accuracy"}, {"test_size": 0.5}, {"labels_per_class": (3, 20)}]
)
def test_a_file_of_other_draws_is_refused(data, methods, tmp_path, change):
    options = {"labels_per_class": (3, 10), "random_state": 0, "results": tmp_path / "scores.csv", "n_repeats": 2}
    label_efficiency(methods, *data, **options)
    with pytest.raises(ValueError, match="results must be a file of the same draws and score"):
        label_efficiency(methods, *data, **{**options, **change})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels_per_class": (3, 90)}, r"more than 90 labels of each class, .* got \{0: 87, 1: 93\}\. Lower"),
        ({"labels_per_class": ()}, "labels_per_class must hold ints"),
        ({"labels_per_class": (3, -1)}, "labels_per_class must hold ints"),
        ({"labels_per_class": (2.5,)}, "labels_per_class must hold ints"),
        ({"test_size": 1}, "test_size must lie between 0 and 1"),
        ({"n_repeats": 0}, "n_repeats must be at least 1"),
        ({"scoring": "nothing"}, "scoring"),
        ({"groups": [1, 2]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input_is_refused_before_anything_is_fitted(data, options, message):
    class Untouched(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError

    with pytest.raises(ValueError, match=message):
        label_efficiency({"a": Untouched()}, *data, **options)


def test_summary_pairs_the_draws():
    rows = [("a", 3, 0, 0.5), ("a", 3, 1, 0.9), ("b", 3, 0, 0.6), ("b", 3, 1, 1.0), ("b", 5, 0, 0.7)]
    scores = pd.DataFrame(rows, columns=["estimator", "labels_per_class", "repeat", "score"])
    summary = summarize_efficiency(scores[:4], baseline="a")
    assert summary.loc[("b", 3), ["mean", "gain", "gain_low", "gain_high"]].tolist() == pytest.approx(
        [0.8, 0.1, 0.1, 0.1]
    )
    assert summary.loc[("b", 3), "low"] < 0.6
    assert summarize_efficiency(scores)["n_repeats"].tolist() == [2, 2, 1]
    with pytest.raises(ValueError, match="baseline must be scored on every draw of the others, got none of 'a' for 5"):
        summarize_efficiency(scores, baseline="a")
    with pytest.raises(ValueError, match=r"baseline must be one of \['a', 'b'\], got 'c'"):
        summarize_efficiency(scores, baseline="c")


def test_display_draws_means_and_intervals(data, methods):
    display = LabelEfficiencyDisplay.from_estimators(methods, *data, labels_per_class=(3, 10), n_repeats=4)
    lines = {line.get_label(): line.get_ydata() for line in display.ax_.lines}
    assert list(lines) == list(methods)
    for name, values in lines.items():
        np.testing.assert_allclose(values, display.summary_.loc[name, "mean"])
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["3", "10"]
    assert display.ax_.get_xlabel() == "labels of each class"
    assert display.ax_.get_ylabel() == "ROC AUC"
    assert len(display.ax_.collections) == 2
    elsewhere = LabelEfficiencyDisplay(display.scores, score_name="area").plot(display.ax_)
    assert elsewhere.ax_ is display.ax_
    assert elsewhere.ax_.get_ylabel() == "area"
