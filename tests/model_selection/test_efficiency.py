"""Label efficiency: draws of few labels, scores, their summary and the file of scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma.inspection import LabelEfficiencyDisplay
from sklearn_melanoma.model_selection import label_efficiency, summarize_efficiency
from sklearn_melanoma.model_selection._draws import draw_few_labels
from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier, PriorLogisticRegression

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


def test_draw_keeps_groups_together_and_nests_labels(data):
    y = data[1]
    draw = draw_few_labels(y, GROUPS, 10, test_size=1 / 3, random_state=0)
    assert not set(GROUPS[draw.train]) & set(GROUPS[draw.test])
    assert len(draw.test) == 60
    few, more = draw.select_labels(y, 3), draw.select_labels(y, 10)
    assert np.bincount(few + 1).tolist() == [114, 3, 3]
    assert np.bincount(more + 1).tolist() == [100, 10, 10]
    kept = few != -1
    np.testing.assert_array_equal(few[kept], more[kept])
    np.testing.assert_array_equal(more[more != -1], y[draw.train][more != -1])
    assert (draw.select_labels(y, 0) == -1).all()


def test_labels_of_different_groups_come_first():
    groups, y = np.repeat(np.arange(40), 5), np.repeat([0, 1], 100)
    draw = draw_few_labels(y, groups, 3, test_size=1 / 3, random_state=0)
    for order in draw.label_order:
        units = groups[draw.train[order]]
        n_units = len(set(units))
        for start in range(0, len(units), n_units):
            assert len(set(units[start : start + n_units])) == n_units
        assert (np.diff(order[:n_units]) < 0).any()  # not in the order of the samples


@pytest.mark.parametrize("scoring", ["roc_auc", "accuracy", make_scorer(accuracy_score)])
def test_groups_count_once(data, scoring):
    X, y = data
    prior = PriorLogisticRegression(np.array([1.0, 0, 0, 0, 0]), classes=(0, 1))  # without labels, always the same
    options = {"labels_per_class": (0,), "n_repeats": 3, "random_state": 0, "scoring": scoring}
    several = np.repeat(np.arange(180), np.arange(180) % 4 + 1)
    expected = label_efficiency(prior, X, y, groups=np.arange(180), **options)
    found = label_efficiency(prior, X[several], y[several], groups=several, **options)
    np.testing.assert_allclose(found["score"], expected["score"])


def test_scoring_must_take_weights(data, methods):
    def score(estimator, X, y):
        return estimator.score(X, y)

    label_efficiency(methods, *data, scoring=score, labels_per_class=(3,), n_repeats=1, groups=np.arange(180))
    with pytest.raises(ValueError, match="scoring must accept sample_weight, so that each group counts once, got <fun"):
        label_efficiency(methods, *data, scoring=score, groups=GROUPS)


def test_unlabeled_samples_are_for_training_only(data):
    y = np.where(np.arange(180) % 2, data[1], -1)
    draw = draw_few_labels(y, np.arange(180), 3, test_size=0.5, random_state=0)
    assert (y[draw.test] != -1).all()
    assert (y[draw.train] == -1).any()


def test_strings_get_the_integer_for_a_missing_label(data):
    y = np.where(data[1], "melanoma", "nevus").astype(object)
    few = draw_few_labels(y, np.arange(180), 3, test_size=0.5, random_state=0).select_labels(y, 3)
    assert sum(label == -1 for label in few) == 84
    assert set(few) == {"melanoma", "nevus", -1}


def test_scores_are_paired_and_reproducible(data, methods):
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


def test_scores_a_prior_without_labels(data):
    X, y = data
    prior = np.corrcoef(X.T, y)[-1, :-1]
    methods = {"prior": PriorLogisticRegression(prior, classes=(0, 1))}
    scores = label_efficiency(methods, X, y, labels_per_class=(0, 3), n_repeats=5)
    summary = summarize_efficiency(scores)["mean"]
    assert summary["prior", 0] > 0.8
    assert set(scores["labels_per_class"]) == {0, 3}


def test_progress_messages_need_verbose(data, methods, capsys):
    options = {"labels_per_class": (3,), "n_repeats": 1}
    label_efficiency(methods, *data, **options)
    assert capsys.readouterr() == ("", "")
    label_efficiency(methods, *data, **options, verbose=10)
    assert "Done" in "".join(capsys.readouterr())


def test_file_of_results_needs_a_seed(data, methods, tmp_path):
    with pytest.raises(ValueError, match="random_state must be an int where results are kept in a file, got None"):
        label_efficiency(methods, *data, results=tmp_path / "scores.csv")


def test_no_score_without_labels_if_labels_are_needed(data, methods):
    prior = PriorLogisticRegression(np.ones(5), classes=(0, 1))
    scores = label_efficiency(methods | {"prior": prior}, *data, labels_per_class=(0, 3), n_repeats=3)
    empty = scores[scores["score"].isna()]
    assert set(zip(empty["estimator"], empty["labels_per_class"], strict=True)) == {("ridge", 0), ("plain", 0)}
    summary = summarize_efficiency(scores, baseline="plain")
    assert list(summary.index) == [("ridge", 3), ("plain", 3), ("prior", 0), ("prior", 3)]
    assert summary["gain"].isna().tolist() == [False, False, True, False]
    curves = {line.get_label(): list(line.get_xdata()) for line in LabelEfficiencyDisplay(scores).plot().ax_.lines}
    assert curves == {"ridge": [1], "plain": [1], "prior": [0, 1]}
    without = LabelEfficiencyDisplay(scores[scores["labels_per_class"] == 0]).plot()
    assert [line.get_label() for line in without.ax_.lines] == ["prior"]


@pytest.mark.parametrize("words", [["mel", "nv"], ["bcc", "mel", "nv"]])
def test_classes_are_named_where_there_are_no_labels(words):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(90, 2)), columns=["area", "red_fraction"])
    y = np.resize(words, 90)
    options = {"labels_per_class": (0,), "n_repeats": 1, "random_state": 0, "pos_label": "mel"}
    message = r"must know all classes, .* but 'prior' knows \[0, 1\] of \[.*'nv'\]\. Name them, such as .*classes=\["
    with pytest.raises(ValueError, match=message):
        label_efficiency({"prior": PriorLogisticRegression("literature")}, X, y, **options)
    scores = label_efficiency({"prior": PriorLogisticRegression("literature", classes=words)}, X, y, **options)
    assert scores["score"].between(0, 1).all()


def test_refuses_a_classifier_that_takes_missing_labels_for_a_class(data):
    message = r"must know -1 as a missing label, but 'plain' treated it as a class\. .*pass LabeledOnlyClassifier"
    with pytest.raises(ValueError, match=message):
        label_efficiency({"plain": LogisticRegression()}, *data, labels_per_class=(3,), n_repeats=1)
    wrapped = {"plain": LabeledOnlyClassifier(LogisticRegression())}
    scores = label_efficiency(wrapped, *data, labels_per_class=(20,), n_repeats=5, random_state=0)
    assert scores["score"].mean() > 0.8


# The positive class


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1", "recall", "balanced_accuracy"])
@pytest.mark.parametrize("kind", [np.array, list, pd.Series], ids=lambda kind: kind.__name__)
def test_words_score_like_numbers(data, methods, scoring, kind):
    X, y = data
    words = kind(np.array(["nevus", "melanoma"], dtype=object)[y])
    options = {"labels_per_class": (3, 10), "n_repeats": 2, "random_state": 0, "scoring": scoring}
    flipped = {"ridge": PriorLogisticRegression(), "plain": methods["plain"]}
    expected = label_efficiency(flipped, X, y, **options)
    scores = label_efficiency(flipped, X, words, pos_label="melanoma", **options)
    assert scores["score"].between(0, 1).all()
    said = {"ridge": PriorLogisticRegression(classes=("nevus", "melanoma")), "plain": methods["plain"]}
    pd.testing.assert_frame_equal(label_efficiency(said, X, words, **options), scores)
    # The draws differ, because the classes are in another order, but both are scores of the melanomas.
    assert scores["score"].mean() == pytest.approx(expected["score"].mean(), abs=0.15)


def test_unknown_positive_class(data, methods):
    X, y = data
    words = np.array(["nevus", "melanoma"])[y]
    options = {"labels_per_class": (3,), "n_repeats": 1}
    for labels in (words, y + 1):
        with pytest.raises(ValueError, match="pos_label must say which of the labels"):
            label_efficiency(methods, X, labels, **options)
        with pytest.raises(ValueError, match="pos_label must say which of the labels"):
            LabelEfficiencyDisplay.from_estimators(methods, X, labels, **options)
    pairs = (("nevus", "melanoma"), ("melanoma", "nevus"))
    two = {pair[1]: PriorLogisticRegression(classes=pair) for pair in pairs}
    with pytest.raises(
        ValueError, match=r"estimators must agree on the positive class, got \{'melanoma': 'melanoma', "
    ):
        label_efficiency(two, X, words, **options)
    assert len(label_efficiency(two, X, words, pos_label="melanoma", **options)) == 2
    assert len(label_efficiency(methods, X, words, scoring=lambda *_: 0.0, **options)) == 2


def test_three_classes_need_no_positive_one(data):
    X, y = data
    words = np.where(X[:, 0] > 1, "keratosis", np.array(["nevus", "melanoma"])[y])
    model = {"forest": LabeledOnlyClassifier(LogisticRegression())}
    scores = label_efficiency(model, X, words, labels_per_class=(5,), n_repeats=2, scoring="roc_auc_ovr")
    assert scores["score"].mean() > 0.6
    options = {"labels_per_class": (5,), "n_repeats": 2, "random_state": 0}
    default, mean = (label_efficiency(model, X, words, scoring=auc, **options) for auc in ("roc_auc", "roc_auc_ovr"))
    pd.testing.assert_frame_equal(default, mean)
    one = label_efficiency(model, X, words, pos_label="melanoma", **options)
    assert not np.allclose(one["score"], mean["score"])
    with pytest.raises(ValueError, match="pos_label must be one of the labels"):
        label_efficiency(model, X, words, pos_label="bcc", **options)


def test_positive_class_is_part_of_the_setting(data, methods, tmp_path):
    options = {"labels_per_class": (3,), "n_repeats": 1, "results": tmp_path / "scores.csv", "random_state": 0}
    label_efficiency(methods, *data, **options)
    with pytest.raises(ValueError, match="results must hold scores of the same draws"):
        label_efficiency(methods, *data, pos_label=0, **options)


def test_masks_and_plain_folds_are_refused(data, methods):
    X, y = data
    with pytest.raises(
        ValueError, match=r"y must hold labels, got masks\. Pass the diagnoses; masks are scored by make_m"
    ):
        label_efficiency(methods, X, [np.ones((4, 4), dtype=bool)] * len(X), scoring="accuracy")
    search = {"search": GridSearchCV(methods["ridge"], {"alpha": [1]}, cv=3)}
    with pytest.raises(ValueError, match=r"treats -1 as a class and scores it\. Pass cv=SemiSupervisedSplit\(3\)"):
        label_efficiency(search, X, y, labels_per_class=(5,))


@pytest.mark.parametrize("names", [("ridge", "plain"), ("10", "NA")])
def test_stopped_run_continues(data, methods, tmp_path, monkeypatch, names):
    X, y = data
    methods = dict(zip(names, methods.values(), strict=True))
    file = tmp_path / "scores.csv"
    options = {"labels_per_class": (0, 3, 10), "random_state": 0, "results": file}
    label_efficiency({names[0]: methods[names[0]]}, X, y, n_repeats=2, **options)
    text = file.read_text()
    assert text.count("\n") == 1 + 6
    file.write_text(text[:-9])  # stopped within the last line
    whole = label_efficiency(methods, X, y, n_repeats=3, **options)
    fresh = label_efficiency(methods, X, y, n_repeats=3, labels_per_class=(0, 3, 10), random_state=0)
    pd.testing.assert_frame_equal(whole, fresh)
    assert file.read_text().count("\n") == 1 + 2 * 3 * 3

    def refuse(*arguments):
        raise AssertionError

    monkeypatch.setitem(label_efficiency.__globals__, "_score_draw", refuse)  # nothing is fitted again
    pd.testing.assert_frame_equal(label_efficiency(methods, X.copy(order="F"), y, n_repeats=3, **options), whole)


def test_run_with_own_scoring_function_continues(data, methods, tmp_path):
    def make():
        def half(estimator, X, y):
            return 0.5

        return half

    options = {"labels_per_class": (3,), "n_repeats": 1, "results": tmp_path / "scores.csv", "random_state": 0}
    first, second = make(), make()  # at two addresses, as in two runs of Python
    label_efficiency(methods, *data, scoring=first, **options)
    assert label_efficiency(methods, *data, scoring=second, **options)["score"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "change",
    [
        {"random_state": 1},
        {"scoring": "accuracy"},
        {"test_size": 0.5},
        {"labels_per_class": (3, 20)},
        {"X": 1},
        {"estimators": {"ridge": PriorLogisticRegression(alpha=2)}},
    ],
    ids=str,
)
def test_refuses_a_file_of_other_scores(data, methods, tmp_path, change):
    X, y = data
    options = {"labels_per_class": (3, 10), "random_state": 0, "results": tmp_path / "scores.csv", "n_repeats": 2}
    options |= {"estimators": methods, "X": X, "y": y}
    label_efficiency(**options)
    change = {key: X + value if key == "X" else value for key, value in change.items()}
    with pytest.raises(ValueError, match="results must hold scores of the same draws"):
        label_efficiency(**{**options, **change})
    others = {"another": PriorLogisticRegression(alpha=2)}
    assert len(label_efficiency(**{**options, "estimators": others})) == 4  # other classifiers can be added


def test_does_not_change_other_files(data, methods, tmp_path):
    file = tmp_path / "scores.csv"
    for text in ("text", "a,b\n1,2\n3"):
        file.write_text(text)
        with pytest.raises(ValueError, match="results must be a file that label_efficiency wrote, or none, got"):
            label_efficiency(methods, *data, labels_per_class=(3,), n_repeats=1, results=file, random_state=0)
        assert file.read_text() == text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"labels_per_class": (3, 80)},
            r"leave 80 labels of each class after holding out 0\.33 of the groups, got \{0: [67]\d, 1: [56]\d\} in",
        ),
        (
            {"groups": np.arange(180) // 179},
            "y must hold labels of each class in several groups, got none of 100 draws",
        ),
        ({"labels_per_class": ()}, "labels_per_class must hold ints"),
        ({"labels_per_class": (3, -1)}, "labels_per_class must hold ints"),
        ({"labels_per_class": (2.5,)}, "labels_per_class must hold ints"),
        ({"test_size": 1}, "test_size must lie between 0 and 1"),
        ({"n_repeats": 0}, "n_repeats must be at least 1"),
        ({"scoring": "nothing"}, "scoring"),
        ({"groups": [1, 2]}, "inconsistent numbers of samples"),
    ],
)
def test_refuses_invalid_input_before_any_fit(data, options, message):
    class Untouched(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError

    with pytest.raises(ValueError, match=message):
        label_efficiency({"a": Untouched()}, *data, **options)


def test_summary_pairs_draws():
    rows = [("a", 3, 0, 0.5), ("a", 3, 1, 0.9), ("b", 3, 0, 0.6), ("b", 3, 1, 1.0), ("b", 5, 0, 0.7)]
    scores = pd.DataFrame(rows, columns=["estimator", "labels_per_class", "repeat", "score"])
    summary = summarize_efficiency(scores[:4], baseline="a")
    assert summary.loc[("b", 3), ["mean", "gain", "gain_low", "gain_high"]].tolist() == pytest.approx(
        [0.8, 0.1, 0.1, 0.1]
    )
    assert summary.loc[("b", 3), "low"] < 0.6
    assert summarize_efficiency(scores)["n_repeats"].tolist() == [2, 2, 1]
    assert np.isnan(summarize_efficiency(scores, baseline="a").loc[("b", 5), "gain"])
    with pytest.raises(ValueError, match=r"baseline must be scored on every draw .*, got 'a' on 1 of 2 for 3 labels"):
        summarize_efficiency(scores[1:], baseline="a")
    with pytest.raises(ValueError, match=r"baseline must be one of \['a', 'b'\], got 'c'"):
        summarize_efficiency(scores, baseline="c")


def test_display_shows_means_and_intervals(data, methods):
    display = LabelEfficiencyDisplay.from_estimators(methods, *data, labels_per_class=(3, 10), n_repeats=4)
    lines = {line.get_label(): line.get_ydata() for line in display.ax_.lines}
    assert list(lines) == list(methods)
    for name, values in lines.items():
        np.testing.assert_allclose(values, display.summary_.loc[name, "mean"])
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["3", "10"]
    assert display.ax_.get_xlabel() == "labels per class"
    assert display.ax_.get_ylabel() == "ROC AUC"
    assert len(display.ax_.collections) == 2
    assert LabelEfficiencyDisplay(display.scores).plot().ax_.get_ylabel() == "score"
    elsewhere = LabelEfficiencyDisplay(display.scores, score_name="AUC").plot(display.ax_)
    assert elsewhere.ax_ is display.ax_
    assert elsewhere.ax_.get_ylabel() == "AUC"


@pytest.mark.parametrize(("scores", "top"), [([0.9, 1.0], 1.0), ([-0.9, 1.0], 12.121)])
def test_display_keeps_intervals_in_the_range_of_the_score(scores, top):
    table = pd.DataFrame({"estimator": "a", "labels_per_class": 5, "repeat": [0, 1], "score": scores})
    (band,) = LabelEfficiencyDisplay(table).plot().ax_.collections
    assert band.get_datalim(band.axes.transData).y1 == pytest.approx(top, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "macro ROC AUC"),
        ({"scoring": "roc_auc_ovr"}, "macro ROC AUC"),
        ({"pos_label": 2}, "ROC AUC"),
        ({"scoring": "balanced_accuracy"}, "balanced_accuracy"),
        ({"scoring": make_scorer(accuracy_score)}, "score"),
        ({"score_name": "AUC"}, "AUC"),
    ],
)
def test_display_names_the_score_of_three_classes(data, options, name):
    X, y = data
    three = np.where(X[:, 0] > 1, 2, y)
    display = LabelEfficiencyDisplay.from_estimators(
        PriorLogisticRegression(), X, three, labels_per_class=(5,), n_repeats=2, random_state=0, **options
    )
    assert display.ax_.get_ylabel() == name


def test_single_classifier_has_the_name_of_its_class(data):
    options = {"labels_per_class": (3,), "n_repeats": 2, "random_state": 0}
    scores = label_efficiency(PriorLogisticRegression(), *data, **options)
    expected = label_efficiency({"PriorLogisticRegression": PriorLogisticRegression()}, *data, **options)
    pd.testing.assert_frame_equal(scores, expected)
    for wrong in ([PriorLogisticRegression()], PriorLogisticRegression, "ridge"):
        with pytest.raises(TypeError, match="estimators must be a mapping from name to classifier, or one classifier"):
            label_efficiency(wrong, *data)
