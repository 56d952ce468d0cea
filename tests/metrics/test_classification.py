"""Decision thresholds and the report on probabilities."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from sklearn_melanoma.metrics import _intervals, score_report, threshold_at_sensitivity
from sklearn_melanoma.metrics._intervals import bootstrap_interval, roc_auc, wilson_interval


@pytest.fixture(scope="module")
def sample():
    random = np.random.default_rng(0)
    positive = random.random(400) < 0.25
    return positive.astype(int), 1 / (1 + np.exp(-random.normal(2 * positive - 1.5, 1)))


@pytest.mark.filterwarnings("ignore:19 labeled positive samples are too few for a sensitivity of 1")
@pytest.mark.parametrize(("wanted", "rank"), [(1, 1), (0.95, 1), (0.9, 2), (0.5, 10)])
def test_threshold_matches_the_expected_sensitivity(wanted, rank):
    y = np.repeat([0, 1], [20, 19])
    scores = np.concatenate([np.arange(20.0), np.arange(1.0, 20)])
    found = threshold_at_sensitivity(y, scores, sensitivity=wanted)
    assert found.threshold == rank
    assert found.sensitivity == pytest.approx(1 - (rank - 1) / 19)
    assert found.specificity == pytest.approx(rank / 20)
    assert found.expected_sensitivity == pytest.approx(1 - rank / 20)
    assert found.expected_sensitivity >= min(wanted, 0.95)


def test_expected_sensitivity_holds_on_unseen_samples():
    random = np.random.default_rng(0)
    reached, expected = [], []
    for _ in range(2000):
        scores = np.concatenate([random.normal(0, 1, 30), random.normal(1, 1, 25)])
        found = threshold_at_sensitivity(np.repeat([0, 1], [30, 25]), scores, sensitivity=0.9)
        reached.append((random.normal(1, 1, 50) >= found.threshold).mean())
        expected.append(found.expected_sensitivity)
    assert np.mean(reached) == pytest.approx(np.mean(expected), abs=0.006)


@pytest.mark.parametrize(
    ("n_positive", "sensitivity", "needed"),
    [(17, 0.95, 19), (18, 0.95, 19), (8, 0.9, 9), (1, 0.6, 2), (98, 0.99, 99), (1, 0.51, 2)],
)
def test_warns_of_too_few_positive_samples(n_positive, sensitivity, needed):
    y = np.repeat([0, 1], [30, n_positive])
    with pytest.warns(
        UserWarning, match=rf"^{n_positive} .* sensitivity of {sensitivity}: .* least {needed} samples, or"
    ) as w:
        found = threshold_at_sensitivity(y, np.arange(float(len(y))), sensitivity=sensitivity)
    assert w[0].filename == __file__
    assert found.threshold == 30  # the lowest positive score
    assert found.expected_sensitivity == pytest.approx(n_positive / (n_positive + 1))
    enough = np.repeat([0, 1], [30, needed])  # warnings are errors
    found = threshold_at_sensitivity(enough, np.arange(float(len(enough))), sensitivity=sensitivity)
    assert found.expected_sensitivity >= sensitivity - 1e-9


def test_no_number_of_samples_shows_a_sensitivity_of_one():
    with pytest.warns(UserWarning, match="No number of samples is enough for 1: ask for less"):
        threshold_at_sensitivity(np.repeat([0, 1], 500), np.arange(1000.0), sensitivity=1)


@pytest.mark.parametrize(
    "kind", [list, np.array, pd.Series, pl.Series], ids=lambda kind: kind.__module__ + "." + kind.__name__
)
def test_words_need_the_positive_one(sample, kind):
    y, probability = sample
    few = np.where(np.arange(len(y)) % 3 == 0, -1, y)
    expected = score_report(few, probability)
    words = [-1 if label == -1 else ("nevus", "melanoma")[label] for label in few.tolist()]
    if kind is np.array:
        words = np.array(words, dtype=object)
    elif kind is pd.Series:
        words = pd.Series(words, index=range(7, 7 + len(words)))
    elif kind is pl.Series:
        words = pl.Series(words, dtype=pl.Object)
    pd.testing.assert_frame_equal(score_report(words, probability, pos_label="melanoma"), expected)
    cut = threshold_at_sensitivity(words, probability, pos_label="melanoma")
    assert cut == threshold_at_sensitivity(few, probability)
    other = score_report(words, 1 - probability, pos_label="nevus")
    assert other.loc["ROC AUC", "value"] == pytest.approx(expected.loc["ROC AUC", "value"])


@pytest.mark.parametrize(
    ("y", "pos_label"),
    [([False, True, True], None), ([0.0, 1.0, 1.0], None), ([1, 2, 2], 2), ([2, 1, 1], 1), ([[0], [1], [1]], None)],
    ids=str,
)
def test_positive_class_of_numbers(y, pos_label):
    y = np.array(y)
    assert threshold_at_sensitivity(y, [0.1, 0.2, 0.3], sensitivity=0.5, pos_label=pos_label)[:3] == (0.2, 1, 1)


def test_equal_scores_are_not_separated():
    found = threshold_at_sensitivity([0, 1, 1, 1, 1], [0, 5, 5, 5, 9], sensitivity=0.5)
    assert found == (5, 1.0, 1.0, pytest.approx(0.8))


def test_ignores_samples_without_label_or_score():
    y, scores = np.array([0, 1, -1, 1, 0]), np.array([0.1, 0.9, 0.2, np.nan, 0.3])
    few, clean = ((labels, values, 0.5) for labels, values in ((y, scores), ([0, 1, 0], [0.1, 0.9, 0.3])))
    found, expected = (threshold_at_sensitivity(a, b, sensitivity=c) for a, b, c in (few, clean))
    assert found == expected
    assert score_report(y, scores).equals(score_report([0, 1, 0], [0.1, 0.9, 0.3]))


def test_report_matches_scikit_learn(sample):
    y, probability = sample
    report = score_report(y, probability, threshold=0.3)
    found = probability >= 0.3
    assert report.loc["ROC AUC", "value"] == pytest.approx(roc_auc_score(y, probability))
    assert report.loc["balanced accuracy", "value"] == pytest.approx(balanced_accuracy_score(y, found))
    assert report.loc["Brier score", "value"] == pytest.approx(brier_score_loss(y, probability))
    assert report.loc["sensitivity", "value"] == found[y == 1].mean()
    assert report.loc["specificity", "value"] == (~found)[y == 0].mean()
    assert report.loc["prevalence", "predicted"] == pytest.approx(probability.mean())
    assert (report["low"] <= report["value"]).all()
    assert (report["value"] <= report["high"]).all()


def test_ranges_of_probability_count_every_sample_once(sample):
    y, probability = sample
    report = score_report(y, np.append(probability[1:], 1.0), n_bins=4)
    bins = report[report.index.str.startswith("positive at")]
    assert list(bins.index) == [f"positive at {a} to {b}" for a, b in [(0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 1)]]
    assert bins["n"].sum() == len(y)
    assert (bins["predicted"].diff().dropna() > 0.1).all()


def test_intervals_of_fractions_are_wilsons():
    for n in range(1, 60):
        assert wilson_interval(0.0, n)[1] == 0
        assert wilson_interval(1.0, n)[2] == 1
    for found, n in ((0, 7), (7, 7), (3, 10), (190, 200)):
        expected = binomtest(found, n).proportion_ci(method="wilson")
        assert wilson_interval(found / n, n) == pytest.approx((found / n, expected.low, expected.high))


def repeat_images(y, probability):
    """Return the same lesions with one to four images each, in a random order, and the lesion of each image."""
    random = np.random.default_rng(0)
    lesions = random.permutation(np.repeat(np.arange(len(y)), random.integers(1, 5, len(y))))
    return y[lesions], probability[lesions], lesions


def test_images_of_one_lesion_count_once(sample):
    y, probability, lesions = repeat_images(*sample)
    pd.testing.assert_frame_equal(score_report(y, probability, groups=lesions), score_report(*sample))
    found = threshold_at_sensitivity(y, probability, groups=lesions)
    assert found == pytest.approx(threshold_at_sensitivity(*sample))


def test_groups_of_both_classes():
    y, probability = np.array([0, 0, 0, 1, 1, 0]), np.array([0.2, 0.6, 0.7, 0.8, 0.1, 0.3])
    report = score_report(y, probability, groups=["a", "a", "a", "a", "b", "c"])["value"]
    assert report["sensitivity"] == pytest.approx(1 / 2)
    assert report["specificity"] == pytest.approx((1 / 3 + 1) / 2)
    assert report["prevalence"] == pytest.approx((1 / 4 + 1 + 0) / 3)
    assert report["Brier score"] == pytest.approx(np.mean([(0.2**2 + 0.6**2 + 0.7**2 + 0.2**2) / 4, 0.9**2, 0.3**2]))
    assert report["ROC AUC"] == pytest.approx((1 + 1 + 0 + 0) / 4)


@pytest.mark.parametrize("n_images", [1, 5])
def test_auc_is_that_of_scikit_learn_with_weights(n_images):
    random = np.random.default_rng(n_images)
    groups = random.integers(0, 40, 40 * n_images)
    y = random.integers(0, 2, 40)[groups]
    scores = random.integers(0, 9, len(y)) / 9
    weights = 1 / np.bincount(groups)[groups]
    found = score_report(y, scores, groups=groups).loc["ROC AUC", "value"]
    assert found == pytest.approx(roc_auc_score(y, scores, sample_weight=weights))


def test_expected_sensitivity_holds_for_unseen_lesions():
    random = np.random.default_rng(0)
    reached, expected = [], []

    def draw(mean, n_lesions):
        lesions = np.repeat(np.arange(n_lesions), random.integers(1, 8, n_lesions))
        return (mean + random.normal(size=n_lesions))[lesions] + random.normal(size=len(lesions)), lesions

    for _ in range(500):
        (negative, others), (positive, lesions) = draw(0, 30), draw(1, 25)
        y = np.repeat([0, 1], [len(negative), len(positive)])
        groups = np.concatenate([others + 100, lesions])
        found = threshold_at_sensitivity(y, np.concatenate([negative, positive]), sensitivity=0.9, groups=groups)
        unseen = 1 + random.normal(scale=np.sqrt(2), size=200)
        reached.append((unseen >= found.threshold).mean())
        expected.append(found.expected_sensitivity)
    assert min(expected) >= 0.9
    assert np.mean(expected) <= np.mean(reached) <= np.mean(expected) + 0.03


def test_groups_keep_the_calibration_of_patients_with_both_classes():
    random = np.random.default_rng(0)
    probability = random.beta(0.3, 5, 2000)
    y = (random.random(2000) < probability).astype(int)
    alone, grouped = score_report(y, probability), score_report(y, probability, groups=np.arange(2000) // 20)
    rows = [name for name in alone.index if name.startswith(("prevalence", "Brier", "positive at 0 "))]
    np.testing.assert_allclose(grouped.loc[rows, ["value", "predicted"]], alone.loc[rows, ["value", "predicted"]], 0.02)


def test_single_group_has_no_interval(sample):
    report = score_report(*sample, groups=np.zeros(400))
    assert report.loc[["ROC AUC", "balanced accuracy", "Brier score"], ["low", "high"]].isna().all(axis=None)


def test_warning_counts_lesions_not_images():
    y = np.repeat([0, 1], [30, 40])
    with pytest.warns(
        UserWarning, match="^8 labeled positive groups of samples are too few.*Label at least 19 groups of"
    ):
        found = threshold_at_sensitivity(y, np.arange(70.0), groups=np.append(np.arange(30), np.arange(40) % 8 + 30))
    assert found.threshold == 30


def test_report_by_values_is_the_report_of_each_part(sample):
    y, probability = sample
    sex = pd.Series(np.resize(["female", "male", "male", None], 400), index=np.arange(400)[::-1], name="sex")
    groups = np.resize(np.arange(150), 400)
    report = score_report(y, probability, by=sex, groups=groups, threshold=0.3)
    assert report.index.names == ["sex", None]
    assert list(report.index.unique(0)) == ["female", "male", "missing"]
    for value, members in [("female", [0]), ("male", [1, 2]), ("missing", [3])]:
        rows = np.isin(np.arange(400) % 4, members)
        expected = score_report(y[rows], probability[rows], groups=groups[rows], threshold=0.3)
        pd.testing.assert_frame_equal(report.xs(value), expected)


@pytest.mark.parametrize("make", [list, np.array, pd.Categorical, pl.Series, lambda by: pd.DataFrame({"camera": by})])
def test_report_by_values_of_any_container(make):
    report = score_report([0, -1, 1, 0, 1], [0.1, 0.2, 0.8, 0.4, 0.3], by=make(["b", "c", "b", "a", "a"]))
    assert list(report.index.unique(0)) == ["a", "b"]
    assert report.loc[("a", "ROC AUC"), "value"] == 0
    assert report.loc[("b", "ROC AUC"), "value"] == 1


def test_values_with_one_class_have_no_auc():
    report = score_report([0, 0, 1, 0, 1], [0.1, 0.2, 0.8, 0.7, 0.9], by=[1, 1, 2, 2, 2])
    benign = report.loc[1]
    assert (
        benign.loc[["ROC AUC", "balanced accuracy", "sensitivity", "Brier score"]]
        .drop(columns="n")
        .isna()
        .all(axis=None)
    )
    assert benign.loc["specificity", "value"] == 1
    assert benign["n"].to_dict()["sensitivity"] == 0
    assert report.loc[(2, "ROC AUC"), "value"] == 1


def test_bootstrap_interval_covers_the_true_auc(monkeypatch):
    monkeypatch.setattr(_intervals, "N_DRAWS", 200)
    random = np.random.default_rng(1)
    positive = np.repeat([False, True], [40, 20])
    covered = []
    for _ in range(60):
        _, low, high = bootstrap_interval(roc_auc, positive, random.normal(positive, 1), confidence=0.9)
        covered.append(low <= 0.760 <= high)  # AUC of two normal distributions with means one apart
    assert 0.75 <= np.mean(covered) <= 1


TWICE = pd.DataFrame([["f", "m"], ["m", "f"]], columns=["sex", "sex"])


@pytest.mark.parametrize(
    ("y", "scores", "options", "message"),
    [
        ([0, 0], [0.1, 0.2], {}, "y_true must hold both classes, got 0 positive samples of 2"),
        ([0, 2], [0.1, 0.2], {}, r"pos_label must say which of the labels \[0, 2\] in y_true is the positive class"),
        ([1, 2], [0.1, 0.2], {}, r"pos_label must say which of the labels \[1, 2\] in y_true is the positive class"),
        (["a", "b"], [0.1, 0.2], {}, "such as pos_label='melanoma'"),
        (["0", "1"], [0.1, 0.2], {}, r"pos_label must say which of the labels \['0', '1'\]"),
        (["a", "b"], [0.1, 0.2], {"pos_label": "c"}, r"pos_label must be one of the labels \['a', 'b'\] in y_true"),
        ([0, 1, 2], [0.1, 0.2, 0.3], {}, r"pos_label must say which of the labels \[0, 1, 2\]"),
        ([0, 1, 2], np.full((3, 4), 0.25), {}, r"must have a column for each of the classes \[0, 1, 2\], got 4"),
        ([0, 1, 2], pd.DataFrame(np.eye(3), columns=[0, 1, 3]), {}, r"classes \[0, 1, 2\], got \[0, 1, 3\]"),
        ([0, 1, 2], np.eye(3), {"pos_label": 3}, r"pos_label must be one of the classes \[0, 1, 2\], got 3"),
        ([0, -1, -1], pd.DataFrame(np.eye(3)), {}, "y_true must hold two classes at least, got 1 in 1 scored"),
        ([0, 1, 2], 2 * np.eye(3), {}, r"y_probability must lie in 0\.\.1, got 0 to 2"),
        ([0, 1, None], [0.1, 0.2, 0.3], {}, r"y_true\[2\]: a missing label must be the integer -1, got None"),
        ([0, 1], [[0.1, 0.9], [0.2, 0.8]], {}, r"y_probability must hold one number .* got shape \(2, 2\)"),
        ([0, 1], [0.1, 2], {}, r"y_probability must lie in 0\.\.1, got 0\.1 to 2"),
        ([0, 1, 2], pd.DataFrame(np.eye(3), columns=[0, 1, 1]), {}, r"one column for each class, got .* \[0, 1, 1\]"),
        ([0, 1], [0.1, 0.2], {"by": ["a"]}, "inconsistent numbers of samples"),
        ([0, 1], [0.1, 0.2], {"by": TWICE["sex"]}, r"by must .*, got a table with columns \['sex', 'sex'\]\. Pass one"),
        ([0, 1], [0.1, 0.2], {"by": TWICE.to_numpy()}, r"by must hold one value for each sample, got shape \(2, 2\)"),
        (
            [0, 1],
            [0.1, 0.2],
            {"groups": TWICE["sex"]},
            r"groups must hold one group for each sample, got shape \(2, 2\)",
        ),
        (
            TWICE["sex"],
            [0.1, 0.2],
            {},
            r"y_true must be one column of labels, got a table with columns \['sex', 'sex'\]",
        ),
        ([0, 1], [0.1, 0.2], {"n_bins": 0}, "n_bins must be at least 1"),
        (
            [0, 1],
            [0.1, 0.2],
            {"threshold": 50},
            r"threshold must be a probability, in 0\.\.1, got 50\. Divide percents",
        ),
        ([0, 1], [0.1, 0.2], {"threshold": "0.5"}, "threshold must be a finite number, got '0.5'. Pass one, or the"),
        ([0, 1], [0.1, 0.2], {"threshold": np.nan}, "threshold must be a finite number, got nan"),
        ([0, 1, 1], [0.1, 0.2, 0.3], {"groups": ["a", None, "a"]}, r"groups\[1\] is missing, got None"),
        ([0, 1], [0.1, 0.2], {"confidence": 1}, "confidence in 0..1"),
        ([0, 1], [0.1], {}, "inconsistent numbers"),
    ],
)
def test_invalid_input(y, scores, options, message):
    with pytest.raises(ValueError, match=message):
        score_report(y, scores, **options)


def test_threshold_as_it_was_found():
    y, scores = [0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.5]
    found = threshold_at_sensitivity(y, scores, sensitivity=0.5)
    assert found.threshold != 0.5
    pd.testing.assert_frame_equal(
        score_report(y, scores, threshold=found), score_report(y, scores, threshold=found.threshold)
    )


def test_masked_scores_are_missing():
    y, scores = [0, 1, 0, 1, 1], np.ma.masked_array([0.1, 0.2, 0.3, 0.4, 0.5], mask=[0, 1, 0, 0, 0])
    pd.testing.assert_frame_equal(score_report(y, scores), score_report(y, [0.1, np.nan, 0.3, 0.4, 0.5]))


@pytest.mark.parametrize("sensitivity", [0, 1.1])
def test_sensitivity_is_a_fraction(sensitivity):
    with pytest.raises(ValueError, match="sensitivity must lie above 0"):
        threshold_at_sensitivity([0, 1], [0.1, 0.2], sensitivity=sensitivity)
