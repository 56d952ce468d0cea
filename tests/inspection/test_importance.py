"""Tests of the importances by a table of which it is known what decides, and of the picture by its data and labels."""

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
from sklearn_melanoma.inspection._importance import FAMILIES, feature_family
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.segmentation import WatershedSegmenter

SHAPE, COLOR = ["area", "solidity"], ["a_std", "b_std"]
from_estimator = FeatureImportanceDisplay.from_estimator


@pytest.fixture(scope="module")
def table():
    """Return a table in which the colors decide, each of them alone, and the shape does not."""
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 100)
    shape = rng.normal(size=(200, 2))
    color = y[:, np.newaxis] * 4 + rng.normal(size=(200, 1)) + rng.normal(scale=0.01, size=(200, 2))
    return pd.DataFrame(np.hstack([shape, color]), columns=SHAPE + COLOR), y


@pytest.fixture(scope="module")
def forest(table):
    return RandomForestClassifier(30, max_features=1, random_state=0).fit(*table)


@pytest.fixture(scope="module")
def model(table):
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*table)


# The numbers


def test_single_features_are_measured_as_scikit_learn_does(model, table):
    display = from_estimator(model, *table, n_repeats=3, random_state=7)
    expected = permutation_importance(model, *table, n_repeats=3, random_state=7, scoring="roc_auc")
    np.testing.assert_array_equal(display.importances, expected.importances)
    assert display.importances.shape == (4, 3)
    assert display.feature_names == SHAPE + COLOR
    assert display.families == ["shape", "shape", "color", "color"]


def test_one_family_decides(model, table):
    display = from_estimator(model, *table, random_state=0)
    means = {family: losses.mean() for family, losses in display.family_importances.items()}
    assert list(means) == ["shape", "color"]
    assert abs(means["shape"]) < 0.01
    assert means["color"] == pytest.approx(0.5, abs=0.1)  # without the colors it guesses


def test_duplicates_hide_each_other_but_not_their_family(forest, table):
    display = from_estimator(forest, *table, random_state=0)
    alone = display.importances.mean(axis=1)[2:]
    together = display.family_importances["color"].mean()
    assert (alone < together / 2).all()
    assert together > 0.4


def test_a_family_takes_one_permutation(table):
    X, y = table

    class Difference(LogisticRegression):
        def decision_function(self, X):
            return X["a_std"] - X["b_std"] + 10 * X["area"]

    X = X.assign(area=y, b_std=X["a_std"])  # any two rows of the colors that don't belong together would show
    scored = from_estimator(Difference().fit(X, y), X, y, random_state=0, scoring=_spread)
    assert scored.family_importances["color"].tolist() == [0.0] * 10
    assert (scored.importances[2:] != 0).all()


def _spread(estimator, X, y):
    return float(np.abs(X["a_std"] - X["b_std"]).max())


def test_a_family_of_one_is_the_feature(model, table):
    groups = {name: name for name in SHAPE + COLOR}
    display = from_estimator(model, *table, random_state=0, families=groups)
    for name, losses in zip(display.feature_names, display.importances, strict=True):
        np.testing.assert_array_equal(display.family_importances[name], losses)


def test_rows_without_a_label_are_left_out(model, table):
    X, y = table
    few = hide_labels(y, 20, random_state=0)
    display = from_estimator(model, X, few, random_state=0)
    alone = from_estimator(model, X[few != -1], y[few != -1], random_state=0)
    np.testing.assert_array_equal(display.importances, alone.importances)
    for family, losses in display.family_importances.items():
        np.testing.assert_array_equal(losses, alone.family_importances[family])
    assert not np.array_equal(display.importances, from_estimator(model, X, y, random_state=0).importances)


def test_the_index_and_the_types_of_a_table_do_not_matter(model, table):
    X, y = table
    expected = from_estimator(model, X, y, random_state=0).importances
    shuffled = X.set_axis(np.random.default_rng(0).permutation(len(X)), axis=0).astype({"area": "Float64"})
    np.testing.assert_array_equal(from_estimator(model, shuffled, y, random_state=0).importances, expected)
    np.testing.assert_array_equal(from_estimator(model, pl.from_pandas(X), y, random_state=0).importances, expected)


def test_the_table_is_left_as_it_is(model, table):
    X, y = table
    before = X.copy()
    from_estimator(model, X, y, random_state=0)
    pd.testing.assert_frame_equal(X, before)


def test_processes_give_the_same(model, table):
    one, two = (from_estimator(model, *table, n_repeats=2, random_state=0, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.importances, two.importances)


def test_several_diagnoses_as_strings(table):
    X, y = table
    diagnosis = np.where(y == 1, "melanoma", np.where(X["area"] > 0, "common nevus", "atypical nevus"))
    few = hide_labels(diagnosis, 25, random_state=0)
    model = LogisticRegression().fit(X, diagnosis)
    display = from_estimator(model, X, few, random_state=0, scoring="roc_auc_ovr")
    assert min(losses.mean() for losses in display.family_importances.values()) > 0.1
    with pytest.raises(ValueError, match=r"needs labels of two classes in y, got 3\. .*'roc_auc_ovr'"):
        from_estimator(model, X, few)


# From images


class Counted(Sequence):
    """Images that count how often each is asked for."""

    def __init__(self, images):
        self.images = images
        self.reads = np.zeros(len(images), dtype=int)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        self.reads[index] += 1
        return self.images[index]


@pytest.fixture(scope="module")
def photos():
    return make_lesions(30, image_size=(96, 128), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(photos):
    return hide_labels(photos.target, 8, random_state=0)


@pytest.fixture(scope="module")
def fitted(photos, few):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        return make_melanoma_pipeline("survey").fit(photos.images, few)


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_each_labeled_photo_is_read_once(fitted, photos, few):
    counted = Counted(photos.images)
    display = from_estimator(fitted, counted, few, n_repeats=2, random_state=0)
    np.testing.assert_array_equal(counted.reads, few != -1)
    assert display.feature_names == ["area", "perimeter_ratio", "max_span"]
    measured = fitted["features"].transform(photos.images)
    expected = permutation_importance(
        fitted[1:], measured[few != -1], few[few != -1], scoring="roc_auc", n_repeats=2, random_state=0
    )
    np.testing.assert_array_equal(display.importances, expected.importances)


@pytest.mark.filterwarnings("ignore:No lesion was found")
@pytest.mark.parametrize("container", ["default", "pandas"])
def test_image_steps_of_a_plain_pipeline(photos, container):
    known = slice(20)
    model = make_pipeline(
        ImageReader(),
        "passthrough",
        WatershedSegmenter(),
        MorphologyFeatures("survey"),
        StandardScaler(),
        LogisticRegression(),
    ).set_output(transform=container)
    model.fit(photos.images[known], photos.target[known])
    counted = Counted(photos.images[known])
    display = from_estimator(model, counted, photos.target[known], n_repeats=2, random_state=0)
    assert set(counted.reads) == {1}
    assert display.feature_names == ["area", "perimeter_ratio", "max_span"]


# Families


def test_every_transformer_with_a_list_of_names_is_a_family():
    listed = {
        getattr(features, name).FEATURES for name in features.__all__ if hasattr(getattr(features, name), "FEATURES")
    }
    assert listed == set(FAMILIES.values()), "add the new transformer to FAMILIES"


@pytest.mark.parametrize(
    ("name", "family"),
    [
        *((name, "shape") for name in MorphologyFeatures(unit="mm").get_feature_names_out()),
        *((name, "color") for name in ColorFeatures.FEATURES),
        *((name, "texture") for name in TextureFeatures.FEATURES),
        *((name, "ABCD") for name in AbcdFeatures.FEATURES),
        ("color__a_std", "color"),
        ("patch_17", "patches"),
        ("age", "other"),
        ("a_std_kg", "other"),
    ],
)
def test_family_of_a_name(name, family):
    assert feature_family(name) == family


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


def test_a_search_is_sent_back_for_its_best_estimator(photos):
    search = GridSearchCV(make_melanoma_pipeline("survey"), {})
    search.best_estimator_ = search.estimator
    with pytest.raises(TypeError, match=r"got neither for GridSearchCV\. .* pass its best_estimator_"):
        from_estimator(search, photos.images, photos.target)


def test_unknown_names_in_groups(model, table):
    with pytest.raises(ValueError, match=r"families must hold names of features, got \['aera'\]\. There are area"):
        from_estimator(model, *table, families={"aera": "size"})


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1.0, 2.0], ["a"]), {}, "one name for each of the 2 importances, got 1"),
        (([], []), {}, r"shape \(n_features, n_repeats\), got \(0, 1\)"),
        (([1.0, 2.0], ["a", "a"]), {}, r"must differ, got \['a'\]"),
        (([1.0], ["area"]), {"family_importances": {"color": [1]}}, r"hold the families \['shape'\], got \['color'\]"),
        (([1.0], ["area"]), {"max_features": 0}, "max_features must be at least 1, got 0"),
    ],
)
def test_errors_of_from_importances(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        FeatureImportanceDisplay.from_importances(*arguments, **options)


def test_without_matplotlib_nothing_is_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"FeatureImportanceDisplay needs .*'sklearn-melanoma\[plot\]'"):
        from_estimator(None, None, None)


# The picture


@pytest.fixture
def display():
    return FeatureImportanceDisplay.from_importances(
        [[0.1, 0.3], [0.4, 0.4], [-0.1, 0.1]],
        ["area", "a_std", "age"],
        family_importances={"shape": [0.2, 0.2], "color": [0.5, 0.7], "other": [0, 0]},
        score_name="roc_auc",
    )


def bars(axes):
    """Return what the bars of some axes show, from top to bottom."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(names, [round(bar.get_width(), 6) for bar in axes.patches], strict=True))


def test_bars_are_means_best_first(display):
    top, bottom = display.axes_
    assert list(bars(top).items()) == [("a_std", 0.4), ("area", 0.2), ("age", 0.0)]
    assert list(bars(bottom).items()) == [("color", 0.6), ("shape", 0.2), ("other", 0.0)]
    for axes in display.axes_:
        low, high = axes.get_ylim()
        assert low > high  # the first bar is on top


def test_error_bars_are_standard_deviations(display):
    (lines,) = display.axes_[0].containers[0].lines[2]
    reach = [np.ptp(segment[:, 0]) / 2 for segment in lines.get_segments()]
    np.testing.assert_allclose(reach, [0, 0.1, 0.1], atol=1e-12)


def test_a_family_has_one_color(display):
    top, bottom = display.axes_
    colors = {text.get_text(): patch.get_facecolor() for text, patch in zip(*legend(top), strict=True)}
    assert set(colors) == {"shape", "color", "other"}
    assert len(set(colors.values())) == 3
    assert [bar.get_facecolor() for bar in top.patches] == [colors[f] for f in ("color", "shape", "other")]
    assert [bar.get_facecolor() for bar in bottom.patches] == [colors[f] for f in ("color", "shape", "other")]


def legend(axes):
    return axes.get_legend().get_texts(), axes.get_legend().get_patches()


def test_titles_and_labels(display):
    assert [axes.get_title() for axes in display.axes_] == [
        "Features, one at a time",
        "Families, all features together",
    ]
    assert [axes.get_xlabel() for axes in display.axes_] == ["", "loss of roc_auc"]


def test_only_the_first_features_are_drawn(display):
    assert display.plot(max_features=2) is display
    top, bottom = display.axes_
    assert list(bars(top)) == ["a_std", "area"]
    assert top.get_title() == "Features, one at a time: the first 2 of 3"
    assert [text.get_text() for text in legend(top)[0]] == ["shape", "color"]
    assert len(bars(bottom)) == 3
    assert display.importances.shape == (3, 2)


def test_without_families_there_is_one_panel():
    display = FeatureImportanceDisplay.from_importances([0.1, 0.2], ["area", "b"], families={"b": "mine"})
    (axes,) = display.axes_
    assert list(bars(axes)) == ["b", "area"]
    assert axes.get_xlabel() == "loss of score"
    assert display.families == ["shape", "mine"]


def test_it_draws_where_it_is_told(display):
    figure = Figure()
    pair = figure.subplots(1, 2)
    display.plot(pair)
    assert display.figure_ is figure
    assert list(display.axes_) == list(pair)
    assert len(bars(pair[1])) == 3
    alone = Figure().subplots()
    display.plot(alone)
    assert list(display.axes_) == [alone]
    assert len(bars(alone)) == 3
    assert alone.get_xlabel() == "loss of roc_auc"


def test_from_estimator_is_already_drawn(model, table):
    display = from_estimator(model, *table, random_state=0, max_features=3)
    assert len(bars(display.axes_[0])) == 3
    assert bars(display.axes_[1])["color"] == round(display.family_importances["color"].mean(), 6)
    assert display.axes_[1].get_xlabel() == "loss of roc_auc"
