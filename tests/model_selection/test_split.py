import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma import Lesion
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels

SPLITTERS = [
    2,
    3,
    KFold(3, shuffle=True, random_state=0),
    RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    StratifiedShuffleSplit(4, test_size=0.3, random_state=0),
    ShuffleSplit(3, test_size=0.3, random_state=0),
    GroupKFold(3),
    StratifiedGroupKFold(3, shuffle=True, random_state=0),
    GroupShuffleSplit(3, test_size=0.3, random_state=0),
    LeaveOneGroupOut(),
]
COVERING = (int, KFold, GroupKFold, StratifiedGroupKFold, LeaveOneGroupOut)


@st.composite
def samples(draw):
    """Draw labels of two or three classes, most of them missing, and groups of any size."""
    n_classes = draw(st.integers(2, 3))
    n_labeled, n_unlabeled = draw(st.integers(6, 9)) * n_classes, draw(st.integers(0, 40))
    y = np.concatenate([np.arange(n_labeled) % n_classes, np.full(n_unlabeled, -1)])
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    # Half of the groups hold two labeled samples, of two classes. The others hold unlabeled samples only.
    n_groups = n_labeled
    groups = np.concatenate([np.arange(n_labeled) // 2, rng.integers(0, n_groups, n_unlabeled)])
    order = rng.permutation(len(y))
    return y[order], groups[order]


@pytest.mark.parametrize("cv", SPLITTERS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=samples(), as_strings=st.booleans())
def test_properties_of_splits(cv, data, as_strings):
    y, groups = data
    if as_strings:
        y, groups = hide_labels(np.array(["a", "b", "c", -1], dtype=object)[y], 5, 0), groups.astype(str)
    unlabeled = y == -1
    splitter = SemiSupervisedSplit(cv)
    splits = list(splitter.split(np.zeros(len(y)), y, groups))
    assert len(splits) == splitter.get_n_splits(np.zeros(len(y)), y, groups)
    for train, test in splits:
        assert len(test) > 0
        assert not unlabeled[test].any(), "only labeled samples are scored"
        assert not np.isin(groups[train], groups[test]).any(), "no group is on both sides"
        free = unlabeled & ~np.isin(groups, groups[test])
        assert np.isin(np.flatnonzero(free), train).all(), "every other unlabeled sample is trained on"
        assert (np.diff(train) > 0).all()
    if isinstance(cv, COVERING):
        tested = np.concatenate([test for _, test in splits])
        np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(~unlabeled))


@pytest.mark.parametrize(
    "cv",
    [2, StratifiedKFold(3), KFold(2), StratifiedShuffleSplit(3, test_size=0.3, random_state=0), LeaveOneOut()],
    ids=str,
)
def test_splits_labeled_samples_like_the_given_splitter(cv):
    y = np.array([-1, 0, 1, -1, -1, 0, 1, 1, 0, 0, -1, 1, 0, 1])
    labeled, unlabeled = np.flatnonzero(y != -1), np.flatnonzero(y == -1)
    alone = StratifiedKFold(cv) if isinstance(cv, int) else cv
    expected = list(alone.split(labeled, y[labeled]))
    splits = list(SemiSupervisedSplit(cv).split(y, y))
    assert SemiSupervisedSplit(cv).get_n_splits(y, y) == len(splits) == len(expected)
    for (train, test), (train_alone, test_alone) in zip(splits, expected, strict=True):
        np.testing.assert_array_equal(test, labeled[test_alone])
        np.testing.assert_array_equal(train, np.sort(np.concatenate([labeled[train_alone], unlabeled])))


def test_all_labels_give_plain_cross_validation():
    y = np.arange(12) % 2
    for ours, plain in zip(SemiSupervisedSplit(3).split(y, y), StratifiedKFold(3).split(y, y), strict=True):
        np.testing.assert_array_equal(ours[0], plain[0])
        np.testing.assert_array_equal(ours[1], plain[1])


class TestGivenSplits:
    Y = np.array([0, 1, -1, 0, 1, -1])

    @pytest.mark.parametrize(
        "cv",
        [
            [([0, 1, 2], [3, 4, 5]), ([3, 4, 5], [0, 1, 2])],
            PredefinedSplit([1, 1, 1, 0, 0, 0]),
            tuple(
                (np.arange(6) < 3, np.arange(6) >= 3) if first else ([3, 4, 5], [0, 1, 2]) for first in (True, False)
            ),
        ],
        ids=["list", "PredefinedSplit", "tuple with bools"],
    )
    def test_positions_in_all_samples(self, cv):
        splits = [(list(train), list(test)) for train, test in SemiSupervisedSplit(cv).split(self.Y, self.Y)]
        assert splits == [([0, 1, 2, 5], [3, 4]), ([2, 3, 4, 5], [0, 1])]
        assert SemiSupervisedSplit(cv).get_n_splits(self.Y, self.Y) == 2

    def test_respect_groups(self):
        ((train, test),) = SemiSupervisedSplit([([0, 1], [3])]).split(
            self.Y, self.Y, groups=["a", "b", "b", "b", "c", "d"]
        )
        assert (list(train), list(test)) == ([0, 5], [3])

    @pytest.mark.parametrize(
        ("cv", "message"),
        [
            ([([0, 1], [3]), ([0], [6])], r"cv\[1\] does not fit the 6 samples in X"),
            ([([0, 1], [2])], "nothing labeled to score in split 0"),
            ([([2], [0])], "nothing labeled to train on in split 0"),
            (PredefinedSplit([0, 1, 0]), "one test_fold for each of the 6 samples, labeled or not, got 3"),
        ],
    )
    def test_invalid_splits(self, cv, message):
        with pytest.raises(ValueError, match=message):
            SemiSupervisedSplit(cv).split(self.Y, self.Y)


class TestMasks:
    MASK = np.ones((2, 2), dtype=bool)

    @pytest.mark.parametrize(
        "y",
        [
            [MASK, None, MASK, None, MASK, MASK],
            ["1.png", np.nan, "3.PNG", pd.NA, "5.png", "6.png"],
            pd.Series(["1.png", None, "3.png", None, "5.png", "6.png"]),
        ],
        ids=["arrays", "paths", "Series"],
    )
    def test_test_folds_have_masks(self, y):
        splits = [(list(train), list(test)) for train, test in SemiSupervisedSplit(2).split(y, y)]
        assert splits == [([1, 3, 4, 5], [0, 2]), ([0, 1, 2, 3], [4, 5])]

    def test_groups_stay_together(self):
        y = [self.MASK, None, self.MASK, None, self.MASK]
        splits = list(SemiSupervisedSplit(2).split(y, y, groups=[0, 0, 0, 1, 1]))
        assert sorted((list(train), list(test)) for train, test in splits) == [([0, 1, 2], [4]), ([3, 4], [0, 2])]

    def test_stack_is_fully_labeled(self):
        masks = np.ones((4, 2, 2), dtype=bool)
        assert [list(test) for _, test in SemiSupervisedSplit(2).split(masks, masks)] == [[0, 1], [2, 3]]

    def test_stratified_by_diagnosis(self):
        y, diagnosis = [self.MASK, self.MASK, None, self.MASK, None, self.MASK], [0, 0, 0, 1, 1, 1]
        cv = SemiSupervisedSplit(list(StratifiedKFold(2).split(y, diagnosis)))
        assert [list(test) for _, test in cv.split(y, y)] == [[0, 1, 3], [5]]

    @pytest.mark.parametrize(
        ("cv", "y", "groups", "message"),
        [
            (2, [None, None], None, "at least one label or mask, got none in 2 samples"),
            (3, [MASK, MASK, None], None, "3 folds need at least 3 samples with a mask, got 2"),
            (2, [MASK, MASK, None], [0, 0, 1], "2 folds need at least 2 groups with a mask, got 1"),
            (2, [MASK, MASK, -1], None, r"y\[2\]: a mask must be an array .* got -1\. Use None"),
            (StratifiedKFold(2), [MASK, MASK, None], None, "needs classes, got masks as y"),
        ],
    )
    def test_invalid_input(self, cv, y, groups, message):
        with pytest.raises(ValueError, match=message):
            SemiSupervisedSplit(cv).split(y, y, groups)


class TestErrors:
    @pytest.mark.parametrize(
        ("cv", "y", "groups", "message"),
        [
            (2, [-1, -1, -1], None, "at least one label or mask, got none in 3 samples"),
            (2, None, None, "got None itself"),
            (3, [0, 0, 0, 1, 1, -1], None, r"3 folds need at least 3 samples of class 1, got 2\. Use fewer"),
            (2, ["a", "a", "b", -1], None, "2 folds need at least 2 samples of class 'b', got 1"),
            (StratifiedKFold(3), [0, 0, 0, 1, 1, -1], None, "3 folds need at least 3 samples of class 1, got 2"),
            (RepeatedStratifiedKFold(n_splits=2), [0, 0, 1], None, "2 folds need at least 2 samples of class 1, got 1"),
            (2, [0, 0, 1, 1], [0, 1, 2, 2], "2 folds need at least 2 groups of class 1, got 1"),
            (2, [0, 0, 1, 1], [0, 1, None, 2], r"groups\[2\] is missing, got None\. Give"),
            (2, [0, 0, 1, 1], [0, 1], "inconsistent numbers of samples"),
            (2, [0, 1, np.nan], None, r"y\[2\]: a missing label must be the integer -1, got nan"),
            (KFold(2), [0, 0, 1], [5, 5, 5], "nothing labeled to train on in split 0"),
            (GroupKFold(2), [0, 1, 0, 1], None, "groups must be given, because cv=GroupKFold"),
            (StratifiedGroupKFold(2), [0, 1, 0, 1], None, "groups must be given, because cv=StratifiedGroupKFold"),
            (GroupShuffleSplit(2), [0, 1, -1, 1], None, "groups must be given, because cv=GroupShuffleSplit"),
            (LeaveOneGroupOut(), [0, 1, -1, 1], None, r"as in search\.fit\(X, y, groups=groups\)"),
            (
                2,
                ["nevus", 1, "nevus", 1],
                None,
                "labels of one type, got strings such as 'nevus' and numbers such as 1",
            ),
            (2, ["nevus", "nan", "nevus", "nan"], None, r"y\[1\]: a missing label must be the integer -1, got 'nan'"),
        ],
    )
    def test_raised_at_the_call(self, cv, y, groups, message):
        with pytest.raises(ValueError, match=message):
            SemiSupervisedSplit(cv).split(range(len(y or [])), y, groups)

    @pytest.mark.parametrize("cv", ["5", 2.0, None, True, (pair for pair in [])], ids=lambda cv: type(cv).__name__)
    def test_wrong_type(self, cv):
        with pytest.raises(TypeError, match="cv must be an int, a splitter or a list"):
            SemiSupervisedSplit(cv)

    def test_wrong_value(self):
        with pytest.raises(ValueError, match="cv must be at least 2 folds, got 1"):
            SemiSupervisedSplit(1)

    def test_search_stops_before_any_fit(self):
        class Unfittable(LogisticRegression):
            def fit(self, X, y):
                raise AssertionError("fitted")

        y = np.array([0, 0, 0, 1, -1])
        with pytest.raises(ValueError, match="of class 1, got 1"):
            GridSearchCV(Unfittable(), {"C": [1]}, cv=SemiSupervisedSplit(3)).fit(y[:, None], y)


@pytest.mark.parametrize(
    "make_samples",
    [
        lambda n: [f"{i}.png" for i in range(n)],
        lambda n: [Lesion(np.zeros((2, 2, 3), dtype=np.uint8))] * n,
        lambda n: pd.DataFrame({"a": range(n)}),
        lambda n: np.zeros((n, 2, 2, 3)),
    ],
    ids=["paths", "lesions", "table", "4-D"],
)
def test_samples_of_any_type(make_samples):
    y = [0, 1, -1, 0, 1, -1]
    splits = [(list(train), list(test)) for train, test in SemiSupervisedSplit(2).split(make_samples(6), y)]
    assert splits == [([2, 3, 4, 5], [0, 1]), ([0, 1, 2, 5], [3, 4])]


def test_repr_pickle_and_copy():
    splitter = SemiSupervisedSplit(StratifiedKFold(3, shuffle=True, random_state=0))
    text = "SemiSupervisedSplit(cv=StratifiedKFold(n_splits=3, random_state=0, shuffle=True))"
    y = np.arange(30) % 3 - 1
    expected = [list(test) for _, test in splitter.split(y, y)]
    for copy in (splitter, pickle.loads(pickle.dumps(splitter)), clone(splitter, safe=False)):
        assert repr(copy) == text
        assert [list(test) for _, test in copy.split(y, y)] == expected
    assert repr(SemiSupervisedSplit()) == "SemiSupervisedSplit(cv=5)"


def test_number_of_splits_without_labels():
    assert SemiSupervisedSplit(4).get_n_splits() == 4
    assert SemiSupervisedSplit(RepeatedStratifiedKFold(n_splits=2, n_repeats=3)).get_n_splits() == 6
    assert SemiSupervisedSplit(LeaveOneGroupOut()).get_n_splits([0, 0, 0], [0, 1, -1], ["a", "b", "c"]) == 2


def test_splitter_without_metadata_routing_gets_groups():
    class Halves:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 1

        def split(self, X, y=None, groups=None):
            yield np.flatnonzero(groups == groups[0]), np.flatnonzero(groups != groups[0])

    y, groups = [0, -1, 1, 0], ["a", "b", "b", "b"]
    ((train, test),) = SemiSupervisedSplit(Halves()).split(y, y, groups)
    assert (list(train), list(test)) == ([0], [2, 3])


@pytest.fixture(scope="module")
def few_labels():
    """600 samples of two classes, 60 of them labeled."""
    X, y = make_classification(600, n_features=10, n_informative=5, class_sep=1.2, random_state=0)
    return X, hide_labels(y, 30, random_state=0)


def make_search(cv, **options):
    model = make_pipeline(StandardScaler(), SelfTrainingClassifier(LogisticRegression()))
    grid = {"selftrainingclassifier__threshold": [0.75, 0.9]}
    return GridSearchCV(model, grid, cv=cv, scoring=["roc_auc", "accuracy"], refit=False, **options)


class TestInScikitLearn:
    def test_grid_search(self, few_labels):
        X, y = few_labels
        results = make_search(SemiSupervisedSplit(5), error_score="raise").fit(X, y).cv_results_
        assert results["mean_test_roc_auc"].min() > 0.95
        assert results["mean_test_accuracy"].min() > 0.9

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_plain_folds_take_the_missing_label_for_a_class(self, few_labels):
        X, y = few_labels
        results = make_search(StratifiedKFold(5)).fit(X, y).cv_results_
        assert np.isnan(results["mean_test_roc_auc"]).all()
        assert results["mean_test_accuracy"].max() < 0.12

    def test_strings(self, few_labels):
        X, y = few_labels
        names = np.array(["nevus", "melanoma", -1], dtype=object)[y]
        expected = make_search(SemiSupervisedSplit(5), error_score="raise").fit(X, y).cv_results_
        results = make_search(SemiSupervisedSplit(5), error_score="raise").fit(X, names).cv_results_
        np.testing.assert_allclose(results["mean_test_accuracy"], expected["mean_test_accuracy"])

    def test_several_classes_and_repeats(self):
        X, truth = make_classification(200, n_informative=6, n_classes=3, class_sep=2.0, random_state=0)
        scores = cross_validate(
            SelfTrainingClassifier(LogisticRegression()),
            X,
            hide_labels(truth, 15, random_state=0),
            cv=SemiSupervisedSplit(RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)),
            scoring=["balanced_accuracy", "roc_auc_ovr"],
            error_score="raise",
        )
        assert len(scores["test_roc_auc_ovr"]) == 6
        assert scores["test_roc_auc_ovr"].mean() > 0.85

    def test_randomized_search_in_two_processes(self, few_labels):
        X, y = few_labels
        search = RandomizedSearchCV(
            SelfTrainingClassifier(LogisticRegression()),
            {"threshold": [0.75, 0.8, 0.9]},
            n_iter=2,
            cv=SemiSupervisedSplit(3),
            scoring="roc_auc",
            n_jobs=2,
            random_state=0,
            error_score="raise",
        ).fit(X, y)
        assert search.best_score_ > 0.95
        assert list(search.classes_) == [0, 1]

    def test_rfecv(self, few_labels):
        X, y = few_labels
        selector = RFECV(
            SelfTrainingClassifier(LogisticRegression()),
            cv=SemiSupervisedSplit(3),
            scoring="roc_auc",
            importance_getter="estimator_.coef_",
        ).fit(X, y)
        assert max(selector.cv_results_["mean_test_score"]) > 0.95

    @pytest.mark.parametrize("routing", [False, True])
    @pytest.mark.parametrize("cv", [3, GroupKFold(3), StratifiedShuffleSplit(3, random_state=0)], ids=str)
    def test_groups_reach_the_splitter(self, few_labels, routing, cv):
        seen = []

        class Spy(SemiSupervisedSplit):
            def split(self, X, y=None, groups=None):
                seen.append(groups)
                return super().split(X, y, groups)

        X, y = few_labels
        groups = np.arange(len(y)) // 2
        with config_context(enable_metadata_routing=routing):
            make_search(Spy(cv), error_score="raise").fit(X, y, groups=groups)
            scores = cross_validate(
                LogisticRegression(),
                X,
                y,
                cv=Spy(cv),
                **({"params": {"groups": groups}} if routing else {"groups": groups}),
            )
            make_search(Spy(StratifiedKFold(3)), error_score="raise").fit(X, y)
        assert len(scores["test_score"]) == 3
        np.testing.assert_array_equal(seen[0], groups)
        np.testing.assert_array_equal(seen[1], groups)
        assert seen[2] is None

    def test_is_a_splitter(self):
        assert isinstance(SemiSupervisedSplit(), BaseCrossValidator)
