import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from sklearn_melanoma.metrics import average_by_group

GROUPS = ["b", "a", "b", "c", "a", "b"]


def test_means_in_the_order_of_the_groups():
    means = average_by_group([0.0, 0.2, 0.3, 0.9, 0.4, 0.6], GROUPS)
    assert means.index.tolist() == ["b", "a", "c"]
    np.testing.assert_allclose(means, [0.3, 0.3, 0.9])


def test_columns_keep_their_names():
    scores = pd.DataFrame({"nv": [0.2, 0.4, 0.6], "mel": [0.8, 0.6, 0.4]}, index=["x.jpg", "y.jpg", "z.jpg"])
    means = average_by_group(scores, [7, 7, 3])
    assert means.to_dict("index") == {
        7: {"nv": pytest.approx(0.3), "mel": pytest.approx(0.7)},
        3: {"nv": 0.6, "mel": 0.4},
    }


def test_missing_scores_are_left_out():
    means = average_by_group([0.2, np.nan, np.nan, 0.4], ["a", "a", "b", "c"])
    np.testing.assert_allclose(means, [0.2, np.nan, 0.4])
    masked = np.ma.masked_array([0.2, 9, 9, 0.4], mask=[0, 1, 1, 0])
    np.testing.assert_allclose(average_by_group(masked, ["a", "a", "b", "c"]), means)


def test_columns_of_an_array():
    means = average_by_group(np.array([[0.2, 0.8], [0.4, 0.6]]), [1, 1])
    np.testing.assert_allclose(means, [[0.3, 0.7]])


@pytest.mark.parametrize("words", [False, True])
def test_label_of_a_group_is_that_of_its_labeled_samples(words):
    y = [-1, 0, 1, -1, 0, 1]
    y = np.array([{0: "nevus", 1: "melanoma"}.get(label, -1) for label in y], dtype=object) if words else y
    _, labels = average_by_group(np.zeros(6), GROUPS, y)
    assert labels.tolist() == (["melanoma", "nevus", -1] if words else [1, 0, -1])


def test_mean_of_noisy_images_ranks_lesions_better():
    random = np.random.default_rng(0)
    truth = np.repeat(random.integers(0, 2, 200), 4)
    scores, groups = truth + random.normal(0, 2, 800), np.repeat(np.arange(200), 4)
    by_lesion, labels = average_by_group(scores, groups, truth)
    assert len(by_lesion) == 200
    assert roc_auc_score(labels, by_lesion) > roc_auc_score(truth, scores) + 0.05


def test_samples_without_any_order():
    random = np.random.default_rng(0)
    scores, groups = random.normal(size=300), random.integers(0, 40, 300)
    expected = pd.Series(scores).groupby(groups).mean()
    means = average_by_group(pd.Series(scores, index=random.permutation(300)), groups)
    pd.testing.assert_series_equal(means.sort_index(), expected, check_index_type=False, check_names=False)


@pytest.mark.parametrize(
    ("scores", "groups", "y", "message"),
    [
        ([0.1, 0.2], [1, None], None, r"groups\[1\] is missing"),
        ([0.1, 0.2], [1], None, "inconsistent numbers of samples"),
        ([0.1, 0.2], [1, 1], [0], "inconsistent numbers of samples"),
        ([0.1, 0.2], ["p1", "p1"], [0, 1], "got 0 and 1 in group 'p1'"),
        (np.zeros((2, 2, 2)), [1, 1], None, r"one or two dimensions, got shape \(2, 2, 2\)"),
    ],
)
def test_bad_input(scores, groups, y, message):
    with pytest.raises(ValueError, match=message):
        average_by_group(scores, groups, y)
