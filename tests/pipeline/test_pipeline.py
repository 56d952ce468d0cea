import pickle
import warnings
import weakref
from collections.abc import Sequence

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    MorphologyFeatures,
    TextureFeatures,
    feature_directions,
)
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import ImagePipeline, SkippedImagesWarning
from sklearn_melanoma.segmentation import WatershedSegmenter

FAMILIES = (MorphologyFeatures, ColorFeatures, TextureFeatures, AbcdFeatures)
SURVEY = ["area", "perimeter_ratio", "max_span"]

one_and_two = pytest.mark.parametrize("n_jobs", [None, 2])


def survey(**options):
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", MorphologyFeatures("survey"))]
    return ImagePipeline(steps, **options)


@pytest.fixture(scope="module")
def photos(make_image):
    return [make_image(48, 64, center=(0, 0.004 * i), radii=(0.15, 0.15 + 0.002 * i), seed=i) for i in range(25)]


# The interface of scikit-learn's Pipeline


def test_steps_by_name_position_and_slice():
    pipeline = survey(batch_size=3, n_jobs=1, on_error="skip")
    assert len(pipeline) == 3
    assert list(pipeline.named_steps) == ["read", "segment", "measure"]
    assert pipeline["segment"] is pipeline[1] is pipeline.named_steps.segment is pipeline.steps[1][1]
    assert pipeline[-1] is pipeline["measure"]
    first = pipeline[:-1]
    assert type(first) is ImagePipeline
    assert [name for name, _ in first.steps] == ["read", "segment"]
    assert first[1] is pipeline[1]
    assert (first.batch_size, first.n_jobs, first.on_error) == (3, 1, "skip")
    with pytest.raises(KeyError):
        pipeline["gone"]
    with pytest.raises(IndexError):
        pipeline[3]


def test_a_slice_returns_what_its_last_step_does(photos):
    lesions = survey()[:-1].fit_transform(photos)
    assert all(isinstance(lesion, Lesion) and lesion.area_px > 0 for lesion in lesions)
    np.testing.assert_array_equal(survey()[2:].transform(lesions), survey().transform(photos))


def test_it_does_what_its_steps_do_one_by_one(photos):
    pipeline = survey(batch_size=4)
    images = photos
    for _, step in pipeline.steps:
        images = step.transform(images)
    rows = pipeline.fit_transform(photos)
    assert rows.shape == (25, 3)
    np.testing.assert_array_equal(rows, images)
    standard = Pipeline(survey().steps).fit_transform(photos)
    np.testing.assert_array_equal(rows, standard)


def test_nested_parameters():
    pipeline = survey()
    assert pipeline.get_params()["segment__margin"] == 0
    assert pipeline.get_params()["segment"] is pipeline["segment"]
    assert set(pipeline.get_params(deep=False)) == {"steps", "batch_size", "n_jobs", "on_error", "memory"}
    assert pipeline.set_params(segment__margin=0.02, batch_size=2) is pipeline
    assert (pipeline["segment"].margin, pipeline.batch_size) == (0.02, 2)
    pipeline.set_params(segment=WatershedSegmenter(channel="red"), segment__margin=0.03)
    assert (pipeline["segment"].channel, pipeline["segment"].margin) == ("red", 0.03)
    with pytest.raises(ValueError, match="Invalid parameter 'gone'"):
        pipeline.set_params(gone__margin=1)


def test_set_params_changes_the_rows(photos):
    wide = survey().set_params(segment__margin=0.05).fit_transform(photos)
    assert (wide[:, 0] > survey().fit_transform(photos)[:, 0]).all()


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_passthrough(photos, nothing):
    pipeline = survey().set_params(read=nothing)
    assert len(pipeline) == 3
    assert pipeline["read"] is nothing
    np.testing.assert_array_equal(pipeline.fit_transform(photos), survey().fit_transform(photos))
    assert list(pipeline.get_feature_names_out()) == SURVEY
    assert list(pipeline.set_output(transform="pandas").transform(photos[:2]).columns) == SURVEY
    last = survey().set_params(measure=nothing)
    assert isinstance(last.fit_transform(photos[:1])[0], Lesion)


@pytest.mark.parametrize(
    ("steps", "kind", "message"),
    [
        ([("a", ImageReader()), ("a", WatershedSegmenter())], ValueError, "Names provided are not unique"),
        ([("a__b", ImageReader())], ValueError, "must not contain __"),
        ([("batch_size", ImageReader())], ValueError, "conflict with constructor arguments"),
        ([], ValueError, "steps must hold at least one"),
        ([("a", ImageReader)], TypeError, "every step must be a transformer with fit and transform, or 'passthrough'"),
        ([("a", LogisticRegression())], TypeError, r"every step must be a transformer.*LogisticRegression\(\)"),
        ([("a", "pass")], TypeError, "every step must be .* got 'pass'"),
        (None, ValueError, "'steps' parameter of ImagePipeline must be"),
        ({"a": ImageReader()}, ValueError, "'steps' parameter of ImagePipeline must be"),
    ],
)
def test_wrong_steps(photos, steps, kind, message):
    for method in ("fit", "transform"):
        with pytest.raises(kind, match=message):
            getattr(ImagePipeline(steps), method)(photos)


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"batch_size": 2.5}, {"n_jobs": "2"}, {"on_error": "ignore"}])
def test_wrong_arguments(photos, arguments):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter of ImagePipeline must be"):
            getattr(survey(**arguments), method)(photos)


def test_wrong_parameters_of_a_step_fail_at_fit(photos):
    with pytest.raises(ValueError, match="'margin' parameter of WatershedSegmenter must be"):
        survey().set_params(segment__margin=2).fit(photos)


def test_fit_reads_nothing_when_nothing_is_learned():
    check_is_fitted(survey().fit(["gone.jpg"]))


def test_clone_and_repr():
    pipeline = survey(batch_size=5)
    copy = clone(pipeline)
    assert copy[1] is not pipeline[1]
    assert repr(copy) == repr(pipeline)
    assert "batch_size=5" in repr(copy)
    assert "WatershedSegmenter" in copy._repr_html_()


# Batches and processes


@one_and_two
@pytest.mark.parametrize("batch_size", [1, 7, 25, 100])
def test_rows_do_not_depend_on_batches(photos, batch_size, n_jobs):
    rows = survey(batch_size=batch_size, n_jobs=n_jobs).fit_transform(photos)
    np.testing.assert_array_equal(rows, survey().transform(photos))
    assert len(set(rows[:, 2])) > 10  # so a change of order would show


@one_and_two
@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_tables(photos, container, frame, n_jobs):
    pipeline = survey(batch_size=8, n_jobs=n_jobs).set_output(transform=container)
    table = pipeline.fit_transform(photos)
    assert type(table) is frame
    assert list(table.columns) == SURVEY
    np.testing.assert_array_equal(table.to_numpy(), survey().transform(photos))
    if container == "pandas":
        assert list(table.index) == list(range(25))
    empty = pipeline.transform([])
    assert type(empty) is frame
    assert (list(empty.columns), len(empty)) == (SURVEY, 0)


def test_no_photo():
    assert survey().fit_transform([]).shape == (0, 3)
    assert survey(n_jobs=2).fit_transform([]).shape == (0, 3)
    assert survey()[:-1].fit_transform([]) == []


def test_a_union_of_families(photos):
    union = FeatureUnion([("shape", MorphologyFeatures()), ("color", ColorFeatures())], verbose_feature_names_out=False)
    pipeline = ImagePipeline([("segment", WatershedSegmenter()), ("measure", union)], batch_size=4)
    table = pipeline.set_output(transform="pandas").fit_transform(photos)
    names = [*MorphologyFeatures.FEATURES, *ColorFeatures.FEATURES]
    assert list(table.columns) == list(pipeline.get_feature_names_out()) == names
    assert table.shape == (25, len(names))


class Counted(Sequence):
    """Images that are drawn when asked for, and counted until they are gone."""

    def __init__(self, n_photos):
        self.n_photos = n_photos
        self.alive = self.most = self.drawn = 0

    def __len__(self):
        return self.n_photos

    def __getitem__(self, index):
        if not 0 <= index < self.n_photos:
            raise IndexError(index)
        photo = np.full((16, 24, 3), 200, np.uint8)
        photo[4:12, 8:16] = 80 + index % 20
        weakref.finalize(photo, self._forget)
        self.alive += 1
        self.drawn += 1
        self.most = max(self.most, self.alive)
        return photo

    def _forget(self):
        self.alive -= 1


@pytest.mark.parametrize(("n_jobs", "backend", "n_batches"), [(None, "loky", 2), (2, "threading", 8), (2, "loky", 8)])
def test_memory_is_bounded_by_the_batch(n_jobs, backend, n_batches):
    photos = Counted(200)
    pipeline = survey(batch_size=5, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        rows = pipeline.fit(photos).transform(photos)
    assert rows.shape == (200, 3)
    assert photos.drawn == 200
    assert 5 <= photos.most <= n_batches * 5
    assert photos.alive == 0


# Bad images


@pytest.fixture
def with_bad(photos, tmp_path):
    path = tmp_path / "IMD020.bmp"
    path.write_bytes(b"")
    images = list(photos)
    images[20] = str(path)
    return images


@one_and_two
def test_errors_count_from_the_start_of_the_callers_sequence(photos, n_jobs):
    images = [*photos[:20], "gone.png", *photos[20:]]
    with pytest.raises(FileNotFoundError, match=r"^X\[20\] \('gone\.png'\): could not open 'gone\.png'") as caught:
        survey(batch_size=8, n_jobs=n_jobs).fit_transform(images)
    assert type(caught.value) is FileNotFoundError


@one_and_two
def test_an_error_brings_along_what_was_computed_before(photos, n_jobs):
    images = [*photos[:20], "gone.jpg", *photos[20:]]
    with pytest.raises(FileNotFoundError) as caught:
        survey(batch_size=4, n_jobs=n_jobs).transform(images)
    notes = " ".join(caught.value.__notes__)
    assert "on_error='skip'" in notes
    computed = getattr(caught.value, "computed", np.empty((0, 3)))
    np.testing.assert_array_equal(computed, survey().transform(photos)[: len(computed)])
    if n_jobs is None:  # workers may fail before an earlier batch is back
        assert len(computed) == 20
        assert "first 20 images is in `computed`" in notes


def test_an_error_in_the_first_batch_promises_nothing():
    with pytest.raises(FileNotFoundError) as caught:
        survey().transform(["gone.jpg"])
    assert not hasattr(caught.value, "computed")
    assert "computed" not in " ".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("element", "kind", "message"),
    [
        (np.zeros((4, 4, 2)), ValueError, r"^X\[20\]: image must have shape"),
        (None, TypeError, r"^X\[20\]: an image must be a path"),
    ],
)
def test_errors_keep_their_kind(photos, element, kind, message):
    images = [*photos[:20], element, *photos[20:]]
    with pytest.raises(kind, match=message) as caught:
        survey(batch_size=8).transform(images)
    assert type(caught.value) is kind


def test_errors_of_later_steps_are_rebased_too(photos):
    pipeline = ImagePipeline([("read", ImageReader()), ("measure", MorphologyFeatures())], batch_size=8)
    lesions = WatershedSegmenter().transform(photos)
    with pytest.raises(ValueError, match=r"^X\[20\]: MorphologyFeatures needs a mask"):
        pipeline.transform([*lesions[:20], photos[20]])


class Broken(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_bugs_are_not_skipped(photos, on_error):
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        ImagePipeline([("a", Broken())], batch_size=8, on_error=on_error).transform(photos)
    assert caught.value.__notes__ == ["While working on X[0] to X[7]."]


@one_and_two
def test_skipped_photos_are_rows_of_nan(with_bad, photos, n_jobs):
    images = ["gone.png", *with_bad[1:]]
    pipeline = survey(batch_size=8, n_jobs=n_jobs, on_error="skip")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = pipeline.fit(images).transform(images)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith("Skipped 2 of 25 images: X[0] ('gone.png'): could not open")
    assert "IMD020.bmp'): could not read" in message
    assert "X[20]" in message
    assert caught[0].filename == __file__
    for warning in (caught[0].message, pickle.loads(pickle.dumps(caught[0].message))):
        assert isinstance(warning, SkippedImagesWarning)
        assert list(warning.skipped) == [0, 20]
        assert all(reason.rstrip(".") in message for reason in warning.skipped.values())
    expected = survey().transform(photos)
    expected[[0, 20]] = np.nan
    np.testing.assert_array_equal(rows, expected)


def test_skipped_photos_are_lesions_without_one(with_bad):
    with pytest.warns(UserWarning, match="Skipped 1 of 25"):
        lesion = survey(on_error="skip")[:-1].transform(with_bad)[20]
    assert lesion.source == with_bad[20]
    assert lesion.area_px == 0
    assert not lesion.mask.any()


def test_nothing_but_bad_photos():
    with pytest.warns(UserWarning, match="Skipped 3 of 3"):
        rows = survey(on_error="skip", batch_size=2).transform(["a.png", "b.png", None])
    assert np.isnan(rows).all()
    assert rows.shape == (3, 3)


def test_the_message_shows_ten_and_the_warning_has_all():
    with pytest.warns(SkippedImagesWarning, match=r"Skipped 12 of 12 images: .* and 2 more\.") as caught:
        survey(on_error="skip", batch_size=5).transform([f"{i}.png" for i in range(12)])
    assert caught[0].message.skipped == {
        i: f"X[{i}] ('{i}.png'): could not open '{i}.png': No such file or directory" for i in range(12)
    }


@one_and_two
def test_lost_lesions_are_told_once(photos, skin, tmp_path, n_jobs):
    Image.fromarray(skin).save(tmp_path / "skin.png")
    images = list(photos)
    images[3], images[20] = skin, str(tmp_path / "skin.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = survey(batch_size=8, n_jobs=n_jobs).fit(images).transform(images)
    assert [type(warning.message) for warning in caught] == [UserWarning]
    assert str(caught[0].message) == (
        f"No lesion was found in 2 of 25 images: X[3], X[20] ({str(tmp_path / 'skin.png')!r}). Their features are NaN."
    )
    assert caught[0].filename == __file__
    assert np.flatnonzero(np.isnan(rows).all(axis=1)).tolist() == [3, 20]
    assert np.isnan(rows).any(axis=1).sum() == 2


def test_a_long_list_of_lost_lesions_is_cut(skin):
    with pytest.warns(UserWarning, match=r"in 14 of 14 images: X\[0\], .*, X\[9\] and 4 more\. Their"):
        survey(batch_size=3).transform([skin] * 14)


def test_lost_lesions_are_told_also_of_lesions(skin):
    with pytest.warns(UserWarning, match=r"No lesion was found in 1 of 1 images: X\[0\]\."):
        survey()[:-1].transform([skin])


# Steps that learn


class RelativeArea(TransformerMixin, BaseEstimator):
    """Learn the mean area, return areas relative to it."""

    def fit(self, X, y=None):
        assert y is None
        areas = [lesion.area_px for lesion in X]
        assert len(areas) == len(X)
        self.mean_ = np.mean(areas)
        self.picked_ = [X[-1], X[1:3]] if len(X) > 2 else None
        with pytest.raises(IndexError):
            X[len(X)]
        return self

    def transform(self, X):
        check_is_fitted(self)
        return np.array([[lesion.area_px / self.mean_] for lesion in X]).reshape(-1, 1)

    def get_feature_names_out(self, input_features=None):
        return np.array(["relative_area"], dtype=object)


class Darkener(TransformerMixin, BaseEstimator):
    """Learn how bright the images are, return them at half of that."""

    def fit(self, X, y=None):
        assert y is None
        self.level_ = np.mean([np.mean(getattr(image, "image", image)) for image in X])
        return self

    def transform(self, X):
        check_is_fitted(self)
        return [Lesion((x.image * (64 / self.level_)).astype(np.uint8), source_shape=x.source_shape) for x in X]

    def set_output(self, *, transform=None):
        return self


def learning(**options):
    steps = [
        ("read", ImageReader(max_side=32)),
        ("darken", Darkener()),
        ("segment", WatershedSegmenter()),
        ("measure", RelativeArea()),
    ]
    return ImagePipeline(steps, **options)


def test_steps_learn_in_order_from_what_the_steps_before_make(photos):
    diagnosis = ["nevus"] * 25
    pipeline = learning(batch_size=4).fit(photos, diagnosis)
    read = ImageReader(max_side=32).transform(photos)
    darken = Darkener().fit(read)
    assert pipeline["darken"].level_ == darken.level_
    lesions = WatershedSegmenter().transform(darken.transform(read))
    assert pipeline["measure"].mean_ == np.mean([lesion.area_px for lesion in lesions])
    last, (second, third) = pipeline["measure"].picked_
    for lesion, expected in ((last, lesions[-1]), (second, lesions[1]), (third, lesions[2])):
        np.testing.assert_array_equal(lesion.mask, expected.mask)
    rows = pipeline.transform(photos)
    assert rows.mean() == pytest.approx(1)
    assert clone(pipeline).fit_transform(photos, diagnosis).tolist() == rows.tolist()
    table = pipeline.set_output(transform="pandas").transform(photos)
    assert list(table.columns) == ["relative_area"]


def test_what_learns_needs_a_fit(photos):
    pipeline = learning()
    assert get_tags(pipeline).requires_fit
    assert not get_tags(survey()).requires_fit
    with pytest.raises(NotFittedError):
        check_is_fitted(pipeline)
    with pytest.raises(NotFittedError, match="Darkener"):
        pipeline.transform(photos)
    check_is_fitted(pipeline.fit(photos))
    with joblib.parallel_config(backend="threading"):
        threaded = clone(pipeline).set_params(n_jobs=2, batch_size=3).fit(photos).transform(photos)
    np.testing.assert_array_equal(threaded, pipeline.transform(photos))


def test_a_frozen_step_is_not_fitted_again(photos):
    read = ImageReader(max_side=32).transform(photos[:3])
    frozen = FrozenEstimator(Darkener().fit(read))
    pipeline = learning().set_params(darken=frozen).fit(photos)
    assert pipeline["darken"].level_ == Darkener().fit(read).level_
    assert pipeline.transform(photos).shape == (25, 1)
    assert list(pipeline.set_output(transform="pandas").transform(photos).columns) == ["relative_area"]


def test_frozen_steps_that_learned_nothing(photos):
    frozen = ImagePipeline([(name, FrozenEstimator(step)) for name, step in survey().steps])
    np.testing.assert_array_equal(frozen.fit_transform(photos), survey().fit_transform(photos))
    assert list(frozen.get_feature_names_out()) == SURVEY
    assert list(frozen.set_output(transform="pandas").fit_transform(photos).columns) == SURVEY


def test_a_bad_photo_is_named_while_a_step_learns(with_bad):
    with pytest.raises(ValueError, match=r"^X\[20\] \('.*IMD020\.bmp'\): could not read"):
        learning(batch_size=8).fit(with_bad)


# From images to diagnoses


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(40, image_size=(96, 128), melanoma_fraction=0.4, random_state=0)


@pytest.fixture(scope="module")
def few_labels(lesions):
    return hide_labels(lesions.target, 8, random_state=0)


def quiet(function, *args):
    """Call a function and pass over the images in which no lesion was found."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        return function(*args)


@pytest.fixture(scope="module", params=["all", "survey"])
def fitted(request, lesions, few_labels):
    return quiet(make_melanoma_pipeline(request.param).fit, lesions.images, few_labels)


def test_steps_have_the_names_that_a_search_uses():
    model = make_melanoma_pipeline()
    assert list(model.named_steps) == ["features", "impute", "scale", "classify"]
    assert list(model["features"].named_steps) == ["read", "clean", "segment", "measure"]
    assert {"classify__alpha", "features__segment__margin", "features__segment__channel"} <= set(model.get_params())
    assert "classify__threshold" in make_melanoma_pipeline("survey").get_params()
    assert make_melanoma_pipeline(n_jobs=2)["features"].n_jobs == 2


def test_fits_with_few_labels_and_scores(fitted, lesions, few_labels):
    assert (few_labels == -1).sum() == 24
    scores = quiet(fitted.predict_proba, lesions.images)
    assert scores.shape == (40, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert fitted.classes_.tolist() == [0, 1]
    labeled = few_labels != -1  # of the hidden ones, too few for a score that holds with every version
    assert roc_auc_score(few_labels[labeled], scores[labeled, 1]) > 0.75


def test_names_reach_the_classifier(fitted):
    names = list(fitted["features"].get_feature_names_out())
    for step in ("impute", "scale", "classify"):
        assert list(fitted[step].feature_names_in_) == names
    if len(names) > 3:
        assert names == [name for family in FAMILIES for name in family.FEATURES]
    else:
        assert names == SURVEY


def test_pickle_and_clone_give_the_same(fitted, lesions, few_labels):
    scores = quiet(fitted.predict_proba, lesions.images)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(quiet(again.predict_proba, lesions.images), scores)
    copy = clone(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy["classify"])
    quiet(copy.fit, lesions.images, few_labels)
    np.testing.assert_array_equal(quiet(copy.predict_proba, lesions.images), scores)


def test_a_photo_without_a_lesion_gets_a_score(fitted, skin):
    with pytest.warns(UserWarning, match="No lesion was found in 1 of 1"):
        assert np.isfinite(fitted.predict_proba([skin])).all()


def test_a_bad_photo_is_named(fitted, lesions, tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ValueError, match=r"^X\[18\] \('.*a\.jpg'\): could not read"):
        fitted.predict([*lesions.images[:18], tmp_path / "a.jpg"])


@pytest.mark.filterwarnings("ignore:No lesion was found")
def test_grid_search_with_few_labels(lesions, few_labels):
    grid = {"classify__threshold": [0.7, 0.9], "features__segment__margin": [0, 0.02]}
    search = GridSearchCV(
        make_melanoma_pipeline("survey"),
        grid,
        cv=SemiSupervisedSplit(2),
        scoring="roc_auc",
        error_score="raise",
        n_jobs=2,
    )
    quiet(search.fit, lesions.images, few_labels)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 1
    assert quiet(search.predict, lesions.images[:3]).shape == (3,)
    assert set(search.classes_) == {0, 1}
    alone = quiet(clone(search).set_params(n_jobs=None).fit, lesions.images, few_labels)
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], scores)


def diagnoses_of(lesions):
    """Return three diagnoses as strings: a third class out of the brightness of the images."""
    bright = np.array([image.mean() for image in lesions.images]) > np.median([i.mean() for i in lesions.images])
    return np.where(lesions.target == 1, "melanoma", np.where(bright, "common nevus", "atypical nevus"))


def test_diagnoses_as_strings(lesions):
    diagnosis = diagnoses_of(lesions)
    model = make_melanoma_pipeline("survey", LogisticRegression())
    quiet(model.fit, lesions.images, diagnosis)
    assert model.classes_.tolist() == ["atypical nevus", "common nevus", "melanoma"]
    assert quiet(model.predict_proba, lesions.images).shape == (40, 3)
    assert set(quiet(model.predict, lesions.images)) <= set(diagnosis)


def test_few_diagnoses_as_strings(lesions):
    few = hide_labels(diagnoses_of(lesions), 5, random_state=0)
    assert few.dtype == object
    model = quiet(make_melanoma_pipeline("survey").fit, lesions.images, few)
    assert model.classes_.tolist() == ["atypical nevus", "common nevus", "melanoma"]
    assert set(quiet(model.predict, lesions.images)) <= set(model.classes_)
    search = GridSearchCV(
        make_melanoma_pipeline("survey"),
        {"classify__threshold": [0.6, 0.9]},
        cv=SemiSupervisedSplit(2),
        scoring="balanced_accuracy",
        error_score="raise",
    )
    quiet(search.fit, lesions.images, few)
    assert np.isfinite(search.best_score_)


def test_the_default_knows_two_classes_and_says_so(lesions):
    model = make_melanoma_pipeline()
    with pytest.raises(ValueError, match="Only binary classification is supported"):
        quiet(model.fit, lesions.images, hide_labels(diagnoses_of(lesions), 5, random_state=0))
    few = hide_labels(np.where(lesions.target == 1, "melanoma", "nevus"), 5, random_state=0)
    with pytest.raises(ValueError, match=r"classes=\[0, 1\], or -1, got .*name the labels of y in classes"):
        quiet(model.fit, lesions.images, few)
    quiet(model.set_params(classify__classes=("nevus", "melanoma")).fit, lesions.images, few)
    by_number = make_melanoma_pipeline()
    numbers = np.select([few == "nevus", few == "melanoma"], [0, 1], -1)
    quiet(by_number.fit, lesions.images, numbers)
    assert model.classes_.tolist() == ["melanoma", "nevus"]
    np.testing.assert_allclose(
        quiet(model.predict_proba, lesions.images)[:, ::-1], quiet(by_number.predict_proba, lesions.images)
    )


def test_the_default_needs_no_label(lesions):
    model = quiet(make_melanoma_pipeline().fit, lesions.images, np.full(40, -1))
    scores = quiet(model.predict_proba, lesions.images)[:, 1]
    assert roc_auc_score(lesions.target, scores) > 0.7


def test_the_default_knows_all_of_its_directions():
    directions = feature_directions()["direction"]
    prior = make_melanoma_pipeline()["classify"].prior
    assert set(prior.index[prior != 0]) == set(directions.index[directions != 0])


def test_another_container_is_a_choice(lesions, few_labels):
    model = make_melanoma_pipeline("survey").set_output(transform="polars")
    quiet(model.fit, lesions.images, few_labels)
    assert type(quiet(model[:-1].transform, lesions.images)) is pl.DataFrame


def test_unknown_set_of_features():
    with pytest.raises(ValueError, match="features must be 'all' or 'survey', got 'some'"):
        make_melanoma_pipeline("some")
