"""Tests of feature importances on a table with known importances, and of their display by its data and labels."""

import sys
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_melanoma import features, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, MorphologyFeatures, TextureFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.inspection import FeatureImportanceDisplay
from sklearn_melanoma.inspection._families import FAMILIES, find_family
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

MORPHOLOGY, COLOR = ["area", "solidity"], ["a_std", "b_std"]
from_estimator = FeatureImportanceDisplay.from_estimator


@pytest.fixture(scope="module")
def table():
    """Return a table in which each color feature determines the class, and morphology has no effect."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 100)
    morphology = rng.normal(size=(200, 2))
    color = y[:, np.newaxis] * 4 + rng.normal(size=(200, 1)) + rng.normal(scale=0.01, size=(200, 2))
    return pd.DataFrame(np.hstack([morphology, color]), columns=MORPHOLOGY + COLOR), y


@pytest.fixture(scope="module")
def forest(table):
    return RandomForestClassifier(30, max_features=1, random_state=0).fit(*table)


@pytest.fixture(scope="module")
def model(table):
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*table)


# Importances


def test_single_features_match_scikit_learn(model, table):
    display = from_estimator(model, *table, n_repeats=3, random_state=7)
    expected = permutation_importance(model, *table, n_repeats=3, random_state=7, scoring="roc_auc")
    np.testing.assert_array_equal(display.importances, expected.importances)
    assert display.importances.shape == (4, 3)
    assert display.feature_names == MORPHOLOGY + COLOR
    assert display.families == ["morphology", "morphology", "color", "color"]


def test_important_and_unimportant_family(model, table):
    display = from_estimator(model, *table, random_state=0)
    means = {family: losses.mean() for family, losses in display.family_importances.items()}
    assert list(means) == ["morphology", "color"]
    assert abs(means["morphology"]) < 0.01
    assert means["color"] == pytest.approx(0.5, abs=0.1)  # an AUC of 0.5 without the colors


def test_duplicates_are_important_as_a_family(forest, table):
    display = from_estimator(forest, *table, random_state=0)
    alone = display.importances.mean(axis=1)[2:]
    together = display.family_importances["color"].mean()
    assert (alone < together / 2).all()
    assert together > 0.4


def test_features_of_a_family_are_permuted_together(table):
    X, y = table

    class Difference(LogisticRegression):
        def decision_function(self, X):
            return X["a_std"] - X["b_std"] + 10 * X["area"]

    X = X.assign(area=y, b_std=X["a_std"])  # separate permutations would give a difference
    scored = from_estimator(Difference().fit(X, y), X, y, random_state=0, scoring=_score_difference)
    assert scored.family_importances["color"].tolist() == [0.0] * 10
    assert (scored.importances[2:] != 0).all()


def _score_difference(estimator, X, y):
    return float(np.abs(X["a_std"] - X["b_std"]).max())


def test_family_of_one_feature(model, table):
    families = {name: name for name in MORPHOLOGY + COLOR}
    display = from_estimator(model, *table, random_state=0, families=families)
    for name, losses in zip(display.feature_names, display.importances, strict=True):
        np.testing.assert_array_equal(display.family_importances[name], losses)


def test_ignores_unlabeled_rows(model, table):
    X, y = table
    few = hide_labels(y, 20, random_state=0)
    display = from_estimator(model, X, few, random_state=0)
    alone = from_estimator(model, X[few != -1], y[few != -1], random_state=0)
    np.testing.assert_array_equal(display.importances, alone.importances)
    for family, losses in display.family_importances.items():
        np.testing.assert_array_equal(losses, alone.family_importances[family])
    assert not np.array_equal(display.importances, from_estimator(model, X, y, random_state=0).importances)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas])
def test_groups_count_once(model, table, make):
    X, y = table
    groups = np.arange(200) // 4
    found = from_estimator(model, make(X), y, groups=groups, scoring="accuracy", n_repeats=3, random_state=7)
    weights = np.full(200, 1 / 4)
    options = {"scoring": "accuracy", "n_repeats": 3, "random_state": 7, "sample_weight": weights}
    np.testing.assert_allclose(found.importances, permutation_importance(model, X, y, **options).importances)


def test_scoring_must_take_weights(model, table):
    with pytest.raises(ValueError, match="scoring must accept sample_weight"):
        from_estimator(model, *table, groups=np.arange(200) // 4, scoring=lambda model, X, y: model.score(X, y))


def test_any_index_and_table_type(model, table):
    X, y = table
    expected = from_estimator(model, X, y, random_state=0).importances
    shuffled = X.set_axis(np.random.default_rng(0).permutation(len(X)), axis=0).astype({"area": "Float64"})
    np.testing.assert_array_equal(from_estimator(model, shuffled, y, random_state=0).importances, expected)
    np.testing.assert_array_equal(from_estimator(model, pl.from_pandas(X), y, random_state=0).importances, expected)


def test_does_not_change_the_table(model, table):
    X, y = table
    before = X.copy()
    from_estimator(model, X, y, random_state=0)
    pd.testing.assert_frame_equal(X, before)


def test_same_result_in_several_processes(model, table):
    one, two = (from_estimator(model, *table, n_repeats=2, random_state=0, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.importances, two.importances)


def test_several_diagnoses_as_strings(table):
    X, y = table
    diagnosis = np.where(y == 1, "melanoma", np.where(X["area"] > 0, "common nevus", "atypical nevus"))
    few = hide_labels(diagnosis, 25, random_state=0)
    model = LogisticRegression().fit(X, diagnosis)
    display = from_estimator(model, X, few, random_state=0, scoring="roc_auc_ovr")
    assert min(losses.mean() for losses in display.family_importances.values()) > 0.1
    default = from_estimator(model, X, few, random_state=0)
    np.testing.assert_array_equal(default.importances, display.importances)
    assert default.score_name == "macro ROC AUC"
    one = from_estimator(model, X, few, random_state=0, pos_label="melanoma")
    assert one.score_name == "ROC AUC"
    assert abs(one.importances - display.importances).max() > 0.01
    with pytest.raises(ValueError, match=r"needs labels of two classes in y, got 1\. Label some of each class"):
        from_estimator(model, X, np.where(diagnosis == "melanoma", diagnosis.astype(object), -1))


# From images


class CountingImages(Sequence):
    """Images that count how often each is read."""

    def __init__(self, images):
        self.images = images
        self.reads = np.zeros(len(images), dtype=int)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.reads[index] += 1
        return self.images[index]


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(30, image_size=(96, 128), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(lesions):
    return hide_labels(lesions.target, 8, random_state=0)


@pytest.fixture(scope="module")
def fitted(lesions, few):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        return make_melanoma_pipeline("survey").fit(lesions.images, few)


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_reads_each_labeled_image_once(fitted, lesions, few):
    counted = CountingImages(lesions.images)
    display = from_estimator(fitted, counted, few, n_repeats=2, random_state=0)
    np.testing.assert_array_equal(counted.reads, few != -1)
    assert display.feature_names == ["area", "perimeter_ratio", "max_span"]
    table = fitted["features"].transform(lesions.images)
    expected = permutation_importance(
        fitted[1:], table[few != -1], few[few != -1], scoring="roc_auc", n_repeats=2, random_state=0
    )
    np.testing.assert_array_equal(display.importances, expected.importances)


@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.parametrize("container", ["default", "pandas"])
def test_image_steps_of_a_plain_pipeline(lesions, container):
    labeled = slice(20)
    model = make_pipeline(
        ImageReader(),
        "passthrough",
        WatershedSegmenter(),
        MorphologyFeatures("survey"),
        StandardScaler(),
        LogisticRegression(),
    ).set_output(transform=container)
    model.fit(lesions.images[labeled], lesions.target[labeled])
    counted = CountingImages(lesions.images[labeled])
    display = from_estimator(model, counted, lesions.target[labeled], n_repeats=2, random_state=0)
    assert set(counted.reads) == {1}
    assert display.feature_names == ["area", "perimeter_ratio", "max_span"]


# Families


def test_every_transformer_with_names_is_a_family():
    transformers = (
        getattr(features, name) for name in features.__all__ if hasattr(getattr(features, name), "FEATURES")
    )
    listed = {transformer.FEATURES + transformer.EXTRA_FEATURES for transformer in transformers}
    assert listed == set(FAMILIES.values()), "add the new transformer to FAMILIES"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        *((name, "morphology") for name in MorphologyFeatures(unit="mm").get_feature_names_out()),
        *((name, "color") for name in ColorFeatures.FEATURES),
        *((name, "texture") for name in TextureFeatures.FEATURES),
        *((name, "ABCD") for name in AbcdFeatures.FEATURES),
        ("color__a_std", "color"),
        ("skin_ita", "color"),
        ("fisher_s20_rim_variance_03_17", "learned patterns"),
        ("fisher__fisher_s20_lesion_mean_00_00", "learned patterns"),
        ("learned patterns", "learned patterns"),
        ("gray_glcm_Contrast", "radiomics"),
        ("measure__shape2D_Elongation", "radiomics"),
        ("gray_glcm_contrast", "other"),
        ("patch_17", "other"),
        ("age", "other"),
        ("a_std_kg", "other"),
    ],
)
def test_family_of_a_name(name, family):
    assert find_family(name) == family


# Errors


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda model, X, y: (LogisticRegression(), X, y), NotFittedError, "not fitted yet"),
        (lambda model, X, y: (model, X, np.full(200, -1)), ValueError, "y must hold at least one label or mask"),
        (lambda model, X, y: (model, X, np.where(y, 1, -1)), ValueError, "needs labels of two classes in y, got 1"),
        (lambda model, X, y: (model, X, y[:-1]), ValueError, r"inconsistent numbers of samples: \[200, 199\]"),
        (lambda model, X, y: (model, X, [np.ones((2, 2))] * 200), ValueError, "y must hold labels, got masks"),
        (lambda model, X, y: (model, X.to_numpy(), y), ValueError, "X must have names of columns, got an array"),
        (lambda model, X, y: (model, X.set_axis(range(4), axis=1), y), TypeError, "must be strings, got .0, 1, 2, 3"),
        (lambda model, X, y: (model, X.set_axis(list("abca"), axis=1), y), ValueError, r"must differ, got \['a'\]"),
        (lambda model, X, y: (model[-1], list(range(200)), y), TypeError, "got neither for LogisticRegression"),
    ],
)
def test_errors_of_from_estimator(model, table, change, kind, message):
    with pytest.raises(kind, match=message):
        from_estimator(*change(model, *table))


def test_error_names_the_best_estimator_of_a_search(lesions):
    search = GridSearchCV(make_melanoma_pipeline("survey"), {})
    search.best_estimator_ = search.estimator
    with pytest.raises(TypeError, match=r"got neither for GridSearchCV\. .* pass its best_estimator_"):
        from_estimator(search, lesions.images, lesions.target)


def test_unknown_names_in_families(model, table):
    with pytest.raises(ValueError, match=r"families must hold names of features, got \['aera'\]\. There are area"):
        from_estimator(model, *table, families={"aera": "size"})


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1.0, 2.0], ["a"]), {}, "one name for each of the 2 importances, got 1"),
        (([], []), {}, r"shape \(n_features, n_repeats\), got \(0, 1\)"),
        (([1.0, 2.0], ["a", "a"]), {}, r"must differ, got \['a'\]"),
        (
            ([1.0], ["area"]),
            {"family_importances": {"color": [1]}},
            r"hold the families \['morphology'\], got \['color'\]",
        ),
        (([1.0], ["area"]), {"max_features": 0}, "max_features must be at least 1, got 0"),
    ],
)
def test_errors_of_from_importances(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        FeatureImportanceDisplay.from_importances(*arguments, **options)


def test_missing_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"FeatureImportanceDisplay needs .*'sklearn-melanoma\[plot\]'"):
        from_estimator(None, None, None)


# Display


@pytest.fixture
def display():
    return FeatureImportanceDisplay.from_importances(
        [[0.1, 0.3], [0.4, 0.4], [-0.1, 0.1]],
        ["area", "a_std", "age"],
        family_importances={"morphology": [0.2, 0.2], "color": [0.5, 0.7], "other": [0, 0]},
        score_name="roc_auc",
    )


def read_bars(axes):
    """Return the names and widths of the bars of some axes, from top to bottom."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(names, [round(bar.get_width(), 6) for bar in axes.patches], strict=True))


def test_bars_are_means_in_descending_order(display):
    top, bottom = display.axes_
    assert list(read_bars(top).items()) == [("a_std", 0.4), ("area", 0.2), ("age", 0.0)]
    assert list(read_bars(bottom).items()) == [("color", 0.6), ("morphology", 0.2), ("other", 0.0)]
    for axes in display.axes_:
        low, high = axes.get_ylim()
        assert low > high  # the first bar is on top


def test_error_bars_are_standard_deviations(display):
    (lines,) = display.axes_[0].containers[0].lines[2]
    reach = [np.ptp(segment[:, 0]) / 2 for segment in lines.get_segments()]
    np.testing.assert_allclose(reach, [0, 0.1, 0.1], atol=1e-12)


def test_each_family_has_one_color(display):
    top, bottom = display.axes_
    colors = {text.get_text(): patch.get_facecolor() for text, patch in zip(*read_legend(top), strict=True)}
    assert set(colors) == {"morphology", "color", "other"}
    assert len(set(colors.values())) == 3
    assert [bar.get_facecolor() for bar in top.patches] == [colors[f] for f in ("color", "morphology", "other")]
    assert [bar.get_facecolor() for bar in bottom.patches] == [colors[f] for f in ("color", "morphology", "other")]


def read_legend(axes):
    return axes.get_legend().get_texts(), axes.get_legend().get_patches()


def test_titles_and_labels(display):
    assert [axes.get_title() for axes in display.axes_] == [
        "Features, one at a time",
        "Families, all features together",
    ]
    assert [axes.get_xlabel() for axes in display.axes_] == ["", "loss of roc_auc"]


def test_draws_max_features(display):
    assert display.plot(max_features=2) is display
    top, bottom = display.axes_
    assert list(read_bars(top)) == ["a_std", "area"]
    assert top.get_title() == "Features, one at a time: the first 2 of 3"
    assert [text.get_text() for text in read_legend(top)[0]] == ["morphology", "color"]
    assert len(read_bars(bottom)) == 3
    assert display.importances.shape == (3, 2)


def test_one_panel_without_family_importances():
    display = FeatureImportanceDisplay.from_importances([0.1, 0.2], ["area", "b"], families={"b": "own"})
    (axes,) = display.axes_
    assert list(read_bars(axes)) == ["b", "area"]
    assert axes.get_xlabel() == "loss of score"
    assert display.families == ["morphology", "own"]


def test_draws_into_given_axes(display):
    figure = Figure()
    pair = figure.subplots(1, 2)
    display.plot(pair)
    assert display.figure_ is figure
    assert list(display.axes_) == list(pair)
    assert len(read_bars(pair[1])) == 3
    alone = Figure().subplots()
    display.plot(alone)
    assert list(display.axes_) == [alone]
    assert len(read_bars(alone)) == 3
    assert alone.get_xlabel() == "loss of roc_auc"


def test_from_estimator_is_already_drawn(model, table):
    display = from_estimator(model, *table, random_state=0, max_features=3)
    assert len(read_bars(display.axes_[0])) == 3
    assert read_bars(display.axes_[1])["color"] == round(display.family_importances["color"].mean(), 6)
    assert display.axes_[1].get_xlabel() == "loss of ROC AUC"


# The positive class


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1"])
def test_importances_for_words_are_those_for_numbers(table, scoring):
    X, y = table
    words = np.array(["nevus", "melanoma"])[y]
    by_number, by_word = (LogisticRegression().fit(X, labels) for labels in (y, words))
    options = {"random_state": 0, "n_repeats": 2, "scoring": scoring}
    expected = from_estimator(by_number, X, y, **options)
    given = from_estimator(by_word, X, words, pos_label="melanoma", **options)
    np.testing.assert_allclose(given.importances, expected.importances, atol=1e-6)
    said = from_estimator(PriorLogisticRegression(classes=("nevus", "melanoma")).fit(X, words), X, words, **options)
    assert said.importances[2:].mean() > 0.1 * given.importances[2:].mean()
    with pytest.raises(ValueError, match=r"pos_label must say which of the labels \['melanoma', 'nevus'\]"):
        from_estimator(by_word, X, words, **options)


def test_refuses_a_classifier_of_missing_labels(table):
    X, y = table
    few = hide_labels(y, 20, random_state=0)
    with pytest.raises(ValueError, match="but 'RandomForestClassifier' treated it as a class"):
        from_estimator(RandomForestClassifier(5, random_state=0).fit(X, few), X, few)
