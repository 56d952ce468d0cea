"""Out-of-fold scores, and the choice of samples to label next."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_blobs, make_classification
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import threshold_at_sensitivity
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels, out_of_fold_scores, which_to_label
from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier, PriorLogisticRegression


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(200, n_features=6, random_state=0)
    return X, y, hide_labels(y, 20, random_state=0)


# Out of fold


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_a_pipeline_must_end_in_a_classifier(data, nothing):
    X, y, _ = data
    model = make_pipeline(StandardScaler(), nothing).fit(X)
    with pytest.raises(TypeError, match="estimator must be a classifier with predict_proba or decision_function, got"):
        out_of_fold_scores(model, X, y)
    with pytest.raises(TypeError, match=r"model must end in a classifier with predict_proba, got StandardScaler"):
        which_to_label(make_pipeline(nothing, StandardScaler()).fit(X), X, 3)


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_which_to_label_leaves_out_steps_without_effect(nothing):
    lesions = make_lesions(12, image_size=(48, 64), random_state=0)
    images = [*lesions.images, np.full((48, 64, 3), 200, np.uint8)]  # it has no lesion, and therefore no features
    survey = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, lesions.target)
    model = Pipeline([("before", nothing), *survey.steps[:-1], ("after", nothing), survey.steps[-1]])
    with pytest.warns(UserWarning, match="No lesion was found"):
        assert sorted(which_to_label(model, images, 12)) == list(range(12))


def test_matches_cross_val_predict_with_all_labels(data):
    X, y, _ = data
    splits = list(SemiSupervisedSplit(5).split(X, y))
    expected = cross_val_predict(LogisticRegression(), X, y, cv=splits, method="predict_proba")[:, 1]
    np.testing.assert_allclose(out_of_fold_scores(LogisticRegression(), X, y), expected)
    np.testing.assert_array_equal(
        out_of_fold_scores(LogisticRegression(), X, y, n_jobs=2), out_of_fold_scores(LogisticRegression(), X, y)
    )


def test_unlabeled_samples_are_used_for_training_and_get_no_score(data):
    X, y, few = data
    scores = out_of_fold_scores(PriorLogisticRegression(), X, few)
    np.testing.assert_array_equal(np.isnan(scores), few == -1)
    assert roc_auc_score(y[few != -1], scores[few != -1]) > 0.8
    n_unlabeled = []

    class Counting(PriorLogisticRegression):
        def fit(self, X, y):
            n_unlabeled.append(int((y == -1).sum()))
            return super().fit(X, y)

    out_of_fold_scores(Counting(), X, few, cv=4)
    assert n_unlabeled == [160] * 4


def test_groups_are_not_split(data):
    X, _, few = data
    groups = np.where(few == -1, np.arange(200), np.arange(200) // 2)

    class Watching(PriorLogisticRegression):
        def fit(self, X, y):
            self.seen_ = {tuple(row) for row, label in zip(X, y, strict=True) if label != -1}
            return super().fit(X, y)

        def predict_proba(self, X):
            group_of = {tuple(row): group for row, group in zip(data[0], groups, strict=True)}
            assert not {group_of[row] for row in self.seen_} & {group_of[tuple(row)] for row in X}
            return super().predict_proba(X)

    out_of_fold_scores(Watching(), X, few, groups=groups)


def test_decision_functions_and_threshold(data):
    X, y, few = data
    scores = out_of_fold_scores(SelfTrainingClassifier(LogisticRegression()), X, few)
    found = threshold_at_sensitivity(few, scores, sensitivity=0.9)
    model = SelfTrainingClassifier(LogisticRegression()).fit(X, few)
    cut = FixedThresholdClassifier(FrozenEstimator(model), threshold=found.threshold, response_method="predict_proba")
    predicted = cut.fit(X, y).predict(X)
    np.testing.assert_array_equal(predicted, (model.predict_proba(X)[:, 1] >= found.threshold).astype(int))
    assert np.isfinite(out_of_fold_scores(RidgeClassifier(), X, y)).all()


def test_refuses_too_few_labels_before_any_fit(data):
    X, y, _ = data

    class Untouched(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError

    with pytest.raises(ValueError, match="5"):
        out_of_fold_scores(Untouched(), X, hide_labels(y, 3, random_state=0))
    with pytest.raises(ValueError, match=r"pos_label must be one of the labels \[0, 1, 2\] in y, got 3"):
        out_of_fold_scores(Untouched(), X, np.arange(200) % 3, pos_label=3)


def test_all_classes_and_one_against_the_rest(data):
    X, _, _ = data
    y = np.array(["bcc", "mel", "nv"], dtype=object)[np.arange(200) % 3]
    y[np.arange(200) % 7 == 0] = -1
    scores = out_of_fold_scores(PriorLogisticRegression(), X, y, cv=4)
    assert scores.shape == (200, 3)
    np.testing.assert_array_equal(np.isnan(scores).all(axis=1), y == -1)
    np.testing.assert_allclose(scores[y != -1].sum(axis=1), 1)
    one = out_of_fold_scores(PriorLogisticRegression(), X, y, cv=4, pos_label="mel")
    np.testing.assert_array_equal(one, scores[:, 1])
    decisions = out_of_fold_scores(LabeledOnlyClassifier(RidgeClassifier()), X, y, cv=4)
    assert decisions.shape == (200, 3)


# The positive class

WORDS = np.array(["nevus", "melanoma", -1], dtype=object)


def test_scores_are_those_of_the_positive_class(data):
    X, _, few = data
    words = WORDS[few]
    numbers = out_of_fold_scores(PriorLogisticRegression(), X, few)
    said = out_of_fold_scores(PriorLogisticRegression(classes=("nevus", "melanoma")), X, words)
    np.testing.assert_allclose(said, numbers, atol=1e-6)
    given = out_of_fold_scores(PriorLogisticRegression(), X, words, pos_label="melanoma")
    np.testing.assert_allclose(given, numbers, atol=1e-6)
    other = out_of_fold_scores(PriorLogisticRegression(), X, words, pos_label="nevus")
    np.testing.assert_allclose(other, 1 - numbers, atol=1e-6)
    for container in (words.tolist(), pd.Series(words)):
        again = out_of_fold_scores(PriorLogisticRegression(), X, container, pos_label="melanoma")
        np.testing.assert_array_equal(again, given)
    found = threshold_at_sensitivity(words, said, sensitivity=0.9, pos_label="melanoma")
    assert found == pytest.approx(threshold_at_sensitivity(few, numbers, sensitivity=0.9), abs=1e-6)


def test_decision_function_is_higher_for_the_positive_class(data):
    X, y, _ = data
    scores = out_of_fold_scores(RidgeClassifier(), X, WORDS[y].astype(str), pos_label="melanoma")
    np.testing.assert_allclose(scores, out_of_fold_scores(RidgeClassifier(), X, y), atol=1e-6)


def test_refuses_an_unknown_positive_class_before_any_fit(data):
    X, y, few = data

    class Untouched(LogisticRegression):
        def fit(self, X, y):
            raise AssertionError

    for labels in (WORDS[y].tolist(), y + 1, 2 * y):
        with pytest.raises(ValueError, match="pos_label must say which of the labels"):
            out_of_fold_scores(Untouched(), X, labels)
    with pytest.raises(ValueError, match=r"pos_label must be one of the labels \['melanoma', 'nevus'\] in y, got 1"):
        out_of_fold_scores(Untouched(), X, WORDS[y], pos_label=1)
    with pytest.raises(ValueError, match="positive class of PriorLogisticRegression must be one of the labels"):
        out_of_fold_scores(PriorLogisticRegression(classes=("benign", "malignant")), X, WORDS[few])


def test_refuses_classifiers_that_take_missing_labels_for_a_class(data):
    X, y, few = data
    with pytest.raises(ValueError, match=r"but 'LogisticRegression' treated it as a class\. .*LabeledOnlyClassifier"):
        out_of_fold_scores(LogisticRegression(), X, few)
    with pytest.raises(ValueError, match="but 'LogisticRegression' treated it as a class"):
        out_of_fold_scores(LogisticRegression(), X, np.where(y, 1, -1), cv=[(range(150), range(150, 200))])
    scores = out_of_fold_scores(LabeledOnlyClassifier(LogisticRegression()), X, few)
    np.testing.assert_array_equal(np.isnan(scores), few == -1)


def test_refuses_plain_folds_in_a_search(data):
    X, y, few = data
    search = GridSearchCV(make_pipeline(StandardScaler(), PriorLogisticRegression()), {}, cv=3)
    with pytest.raises(ValueError, match=r"cv of GridSearchCV must be a SemiSupervisedSplit .* got 3, .*Split\(3\)"):
        out_of_fold_scores(search, X, few, cv=2)
    assert not np.isnan(out_of_fold_scores(search, X, y, cv=2)).any()
    right = search.set_params(cv=SemiSupervisedSplit(3))
    assert np.isnan(out_of_fold_scores(right, X, few, cv=2)).sum() == 160


def test_groups_are_needed_by_splitters_of_groups(data):
    X, _, few = data
    with pytest.raises(ValueError, match=r"groups must be given, because cv=GroupKFold.* splits by groups, got None"):
        out_of_fold_scores(PriorLogisticRegression(), X, few, cv=GroupKFold(3))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, "-1"], ids=repr)
def test_other_marks_of_missing_labels(data, missing):
    X, _, few = data
    words = [missing if label == -1 else ("nevus", "melanoma")[label] for label in few.tolist()]
    with pytest.raises(ValueError, match="a missing label must be the integer -1"):
        out_of_fold_scores(PriorLogisticRegression(), X, words, pos_label="melanoma")


# Active learning


def test_chooses_diverse_uncertain_samples():
    X, y = make_blobs([80, 80, 40, 40], centers=[(-6, 0), (6, 0), (0, 6), (0, -6)], random_state=0)
    few = np.where(np.arange(240) % 20 == 0, (y == 1).astype(int), -1)
    few[y > 1] = -1
    model = PriorLogisticRegression().fit(X, few)
    chosen = which_to_label(model, X, 4, y=few)
    assert {2, 3} <= set(y[chosen])  # both groups between the two classes
    np.testing.assert_array_equal(which_to_label(model, X, 2, y=few), chosen[:2])


def test_each_choice_minimizes_the_weighted_distance(data):
    X, _, few = data
    model = PriorLogisticRegression().fit(X, few)
    unlabeled = np.flatnonzero(few == -1)
    margin = np.abs(2 * model.predict_proba(X)[unlabeled, 1] - 1)
    weights = 1 - np.argsort(np.argsort(margin)) / len(unlabeled)

    def compute_distance(chosen):
        return weights @ np.linalg.norm(X[unlabeled][:, np.newaxis] - X[chosen], axis=2).min(axis=1)

    chosen = list(which_to_label(model, X, 3, y=few))
    for count in range(3):
        least = min(compute_distance([*chosen[:count], position]) for position in unlabeled)
        assert compute_distance(chosen[: count + 1]) == pytest.approx(least)


def test_leaves_out_the_most_confident_of_many(data, monkeypatch):
    X, _, few = data
    model = PriorLogisticRegression().fit(X, few)
    monkeypatch.setitem(which_to_label.__globals__, "_MAX_SAMPLES", 20)  # doctests may import the module twice
    margin = np.abs(model.predict_proba(X)[:, 1] - 0.5)
    limit = np.sort(margin[few == -1])[19]
    assert (margin[which_to_label(model, X, 5, y=few)] <= limit).all()
    assert len(set(which_to_label(model, X, 30, y=few))) == 30


def test_does_not_choose_labeled_samples(data):
    X, _, few = data
    model = PriorLogisticRegression().fit(X, few)
    assert (few[which_to_label(model, X, 160, y=few)] == -1).all()
    with pytest.raises(
        ValueError, match="n must be at most the number of unlabeled samples with features, 160, got 161"
    ):
        which_to_label(model, X, 161, y=few)
    for n in (0, 1.5, True):
        with pytest.raises(ValueError, match="n must be an int of at least 1"):
            which_to_label(model, X, n)


def test_chooses_one_sample_of_each_group_without_labels(data):
    X, _, few = data
    model = PriorLogisticRegression().fit(X, few)
    groups = np.arange(len(X)) // 3
    open_groups = set(groups) - set(groups[few != -1])
    chosen = which_to_label(model, X, len(open_groups), y=few, groups=[f"patient {group}" for group in groups])
    assert sorted(groups[chosen]) == sorted(open_groups)
    np.testing.assert_array_equal(which_to_label(model, X, 5, y=few, groups=groups), chosen[:5])
    np.testing.assert_array_equal(
        which_to_label(model, X, 5, y=few, groups=np.arange(len(X))), which_to_label(model, X, 5, y=few)
    )
    assert len(set(groups[which_to_label(model, X, 20, groups=groups)])) == 20
    with pytest.raises(
        ValueError, match=f"number of groups with features and without a label, {len(open_groups)}, got"
    ):
        which_to_label(model, X, len(open_groups) + 1, y=few, groups=groups)
    with pytest.raises(ValueError, match=r"groups\[1\] is missing"):
        which_to_label(model, X, 5, groups=["a", None, *["b"] * (len(X) - 2)])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        which_to_label(model, X, 5, groups=groups[1:])


def test_leaves_out_no_group_that_is_needed(data, monkeypatch):
    X, _, few = data
    model = PriorLogisticRegression().fit(X, few)
    margin = np.abs(model.predict_proba(X)[:, 1] - 0.5)
    groups = np.maximum(np.argsort(np.argsort(margin)) - 30, 0)  # the 31 most uncertain samples are one group
    monkeypatch.setitem(which_to_label.__globals__, "_MAX_SAMPLES", 20)
    chosen = which_to_label(model, X, 3, groups=groups)
    assert sorted(groups[chosen]) == [0, 1, 2]


def test_compares_the_input_of_the_last_pipeline_step(data):
    X, _, few = data
    frame = pd.DataFrame(X * [1, 1000, 1, 1, 1, 1], columns=list("abcdef"))
    model = make_pipeline(StandardScaler(), PriorLogisticRegression()).fit(frame, few)
    rows = model[0].transform(frame)
    np.testing.assert_array_equal(which_to_label(model, frame, 5), which_to_label(model[1], rows, 5))


def test_missing_labels_among_strings(data):
    X, y, few = data
    names = np.where(few == -1, -1, np.array(["nevus", "melanoma"], dtype=object)[y])
    model = PriorLogisticRegression().fit(X, few)
    np.testing.assert_array_equal(which_to_label(model, X, 5, y=names), which_to_label(model, X, 5, y=few))
    np.testing.assert_array_equal(which_to_label(model, X, 5, y=list(names)), which_to_label(model, X, 5, y=few))
    with pytest.raises(ValueError, match=r"y\[.*a missing label must be the integer -1, got nan"):
        which_to_label(model, X, 5, y=np.where(few == -1, np.nan, few))


def test_three_classes():
    X, y = make_blobs(150, centers=3, random_state=0)
    assert len(which_to_label(LogisticRegression().fit(X, y), X, 5)) == 5


def test_from_images():
    lesions = make_lesions(12, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)
    labeled = np.isin(np.arange(12), [np.argmin(lesions.target), np.argmax(lesions.target)])  # one of each class
    few = np.where(labeled, lesions.target, -1)
    model = make_melanoma_pipeline().fit(lesions.images, few)
    chosen = which_to_label(model, lesions.images, 3, y=few)
    assert not labeled[chosen].any()


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_images_without_a_lesion_are_not_chosen_for_what_is_known_of_the_patient(skin):
    lesions = make_lesions(12, melanoma_fraction=0.5, image_size=(48, 64), random_state=0)
    table = pd.DataFrame({"image": [*lesions.images, skin], "age": [40.0] * 12 + [90.0], "sex": ["f", "m"] * 6 + ["f"]})
    model = make_melanoma_pipeline(columns=["age", "sex"]).fit(table, [*lesions.target, -1])
    assert sorted(which_to_label(model, table, 12)) == list(range(12))
    with pytest.raises(ValueError, match="with features, 12, got 13"):
        which_to_label(model, table, 13)


@pytest.mark.real_data
def test_beats_random_choice_on_ph2(real_data):
    from sklearn_melanoma.datasets import load_ph2

    lesions = load_ph2(real_data("ph2"))
    tail = make_melanoma_pipeline()
    table = tail["features"].fit_transform(lesions.images)
    gains = []
    for seed in range(12):
        random = np.random.RandomState(seed)
        few = hide_labels(lesions.target, 4, random_state=seed)
        model = tail[1:].fit(table, few)
        scores = []
        for chosen in (
            which_to_label(model, table, 10, y=few),
            random.choice(np.flatnonzero(few == -1), 10, replace=False),
        ):
            more = few.copy()
            more[chosen] = lesions.target[chosen]
            fitted = tail[1:].fit(table, more)
            scores.append(roc_auc_score(lesions.target, fitted.predict_proba(table)[:, 1]))
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > 0


def test_threshold_around_the_model_changes_nothing(data):
    X, y, few = data
    model = make_pipeline(StandardScaler(), PriorLogisticRegression()).fit(X, few)
    expected = which_to_label(model, X, 4, y=few)
    fixed = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.2)
    np.testing.assert_array_equal(which_to_label(fixed, X, 4, y=few), expected)
    np.testing.assert_array_equal(which_to_label(fixed.fit(X, y), X, 4, y=few), expected)


def test_samples_without_features_are_not_chosen(data):
    X, _, few = data
    model = make_pipeline(SimpleImputer(), StandardScaler(), PriorLogisticRegression())
    model = make_pipeline(FunctionTransformer(), *[step for _, step in model.steps]).fit(X, few)
    empty = X.copy()
    empty[np.flatnonzero(few == -1)[:100]] = np.nan
    chosen = which_to_label(model, empty, 60, y=few)
    assert not np.isnan(empty[chosen]).any()
    with pytest.raises(ValueError, match="unlabeled samples with features, 60, got 61"):
        which_to_label(model, empty, 61, y=few)
