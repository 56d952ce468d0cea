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
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
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
from sklearn_melanoma.images import ImageReader, read_image
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import ImagePipeline, NoLesionWarning, SkippedImagesWarning
from sklearn_melanoma.segmentation import WatershedSegmenter

FAMILIES = (MorphologyFeatures, ColorFeatures, TextureFeatures, AbcdFeatures)
SURVEY = ["area", "perimeter_ratio", "max_span"]

with_and_without_workers = pytest.mark.parametrize("n_jobs", [None, 2])


def make_survey_pipeline(**options):
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", MorphologyFeatures("survey"))]
    return ImagePipeline(steps, **options)


@pytest.fixture(scope="module")
def images(make_image):
    return [make_image(48, 64, center=(0, 0.004 * i), radii=(0.15, 0.15 + 0.002 * i), seed=i) for i in range(25)]


# The interface of scikit-learn's Pipeline


def test_steps_by_name_position_and_slice():
    pipeline = make_survey_pipeline(batch_size=3, n_jobs=1, on_error="skip")
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


def test_slice_returns_output_of_its_last_step(images):
    lesions = make_survey_pipeline()[:-1].fit_transform(images)
    assert all(isinstance(lesion, Lesion) and lesion.area_px > 0 for lesion in lesions)
    np.testing.assert_array_equal(
        make_survey_pipeline()[2:].transform(lesions), make_survey_pipeline().transform(images)
    )


def test_rows_equal_those_of_separate_steps(images):
    pipeline = make_survey_pipeline(batch_size=4)
    batch = images
    for _, step in pipeline.steps:
        batch = step.transform(batch)
    rows = pipeline.fit_transform(images)
    assert rows.shape == (25, 3)
    np.testing.assert_array_equal(rows, batch)
    standard = Pipeline(make_survey_pipeline().steps).fit_transform(images)
    np.testing.assert_array_equal(rows, standard)


def test_nested_parameters_can_be_set():
    pipeline = make_survey_pipeline()
    assert pipeline.get_params()["segment__margin"] == 0
    assert pipeline.get_params()["segment"] is pipeline["segment"]
    assert set(pipeline.get_params(deep=False)) == {"steps", "batch_size", "n_jobs", "on_error", "memory"}
    assert pipeline.set_params(segment__margin=0.02, batch_size=2) is pipeline
    assert (pipeline["segment"].margin, pipeline.batch_size) == (0.02, 2)
    pipeline.set_params(segment=WatershedSegmenter(channel="red"), segment__margin=0.03)
    assert (pipeline["segment"].channel, pipeline["segment"].margin) == ("red", 0.03)
    with pytest.raises(ValueError, match="Invalid parameter 'gone'"):
        pipeline.set_params(gone__margin=1)


def test_set_params_changes_rows(images):
    wide = make_survey_pipeline().set_params(segment__margin=0.05).fit_transform(images)
    assert (wide[:, 0] > make_survey_pipeline().fit_transform(images)[:, 0]).all()


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_passthrough(images, nothing):
    pipeline = make_survey_pipeline().set_params(read=nothing)
    assert len(pipeline) == 3
    assert pipeline["read"] is nothing
    np.testing.assert_array_equal(pipeline.fit_transform(images), make_survey_pipeline().fit_transform(images))
    assert list(pipeline.get_feature_names_out()) == SURVEY
    assert list(pipeline.set_output(transform="pandas").transform(images[:2]).columns) == SURVEY
    last = make_survey_pipeline().set_params(measure=nothing)
    assert isinstance(last.fit_transform(images[:1])[0], Lesion)


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_last_step_without_effect(images, nothing):
    pipeline = make_melanoma_pipeline("survey").set_params(classify=nothing)
    rows = pipeline.fit(images, [0, 1] * (len(images) // 2) + [0] * (len(images) % 2)).transform(images)
    np.testing.assert_array_equal(rows, pipeline[:-1].transform(images))
    assert not hasattr(pipeline, "predict")


@pytest.mark.parametrize("members", [[("a", "drop")], [("a", MorphologyFeatures()), ("b", "passthrough")]])
def test_union_must_make_features(images, members):
    pipeline = make_survey_pipeline().set_params(measure=FeatureUnion(members))
    with pytest.raises(ValueError, match="FeatureUnion of images must have one transformer or more"):
        pipeline.fit(images)


def test_union_of_rows_may_keep_them(images):
    twice = FeatureUnion([("same", "passthrough"), ("negative", FunctionTransformer(np.negative)), ("no", "drop")])
    rows = ImagePipeline([*make_survey_pipeline().steps, ("twice", twice)]).fit_transform(images[:2])
    np.testing.assert_array_equal(rows[:, :3], -rows[:, 3:])


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
def test_wrong_steps(images, steps, kind, message):
    for method in ("fit", "transform"):
        with pytest.raises(kind, match=message):
            getattr(ImagePipeline(steps), method)(images)


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"batch_size": 2.5}, {"n_jobs": "2"}, {"on_error": "ignore"}])
def test_wrong_arguments(images, arguments):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=f"'{next(iter(arguments))}' parameter of ImagePipeline must be"):
            getattr(make_survey_pipeline(**arguments), method)(images)


def test_wrong_step_parameters_raise_at_fit(images):
    with pytest.raises(ValueError, match="'margin' parameter of WatershedSegmenter must be"):
        make_survey_pipeline().set_params(segment__margin=2).fit(images)


def test_fit_reads_no_images_if_no_step_learns():
    check_is_fitted(make_survey_pipeline().fit(["gone.jpg"]))


def test_clone_and_repr():
    pipeline = make_survey_pipeline(batch_size=5)
    copy = clone(pipeline)
    assert copy[1] is not pipeline[1]
    assert repr(copy) == repr(pipeline)
    assert "batch_size=5" in repr(copy)
    assert "WatershedSegmenter" in copy._repr_html_()


# Batches and processes


@with_and_without_workers
@pytest.mark.parametrize("batch_size", [1, 7, 25, 100])
def test_rows_do_not_depend_on_batches(images, batch_size, n_jobs):
    rows = make_survey_pipeline(batch_size=batch_size, n_jobs=n_jobs).fit_transform(images)
    np.testing.assert_array_equal(rows, make_survey_pipeline().transform(images))
    assert len(set(rows[:, 2])) > 10  # rows differ, so a wrong order would be found


@with_and_without_workers
@pytest.mark.parametrize(("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_pandas_and_polars_output(images, container, frame, n_jobs):
    pipeline = make_survey_pipeline(batch_size=8, n_jobs=n_jobs).set_output(transform=container)
    table = pipeline.fit_transform(images)
    assert type(table) is frame
    assert list(table.columns) == SURVEY
    np.testing.assert_array_equal(table.to_numpy(), make_survey_pipeline().transform(images))
    if container == "pandas":
        assert list(table.index) == list(range(25))
    empty = pipeline.transform([])
    assert type(empty) is frame
    assert (list(empty.columns), len(empty)) == (SURVEY, 0)


def test_no_images():
    assert make_survey_pipeline().fit_transform([]).shape == (0, 3)
    assert make_survey_pipeline(n_jobs=2).fit_transform([]).shape == (0, 3)
    assert make_survey_pipeline()[:-1].fit_transform([]) == []


def test_feature_union(images):
    union = FeatureUnion(
        [("morphology", MorphologyFeatures()), ("color", ColorFeatures())], verbose_feature_names_out=False
    )
    pipeline = ImagePipeline([("segment", WatershedSegmenter()), ("measure", union)], batch_size=4)
    table = pipeline.set_output(transform="pandas").fit_transform(images)
    names = [*MorphologyFeatures.FEATURES, *ColorFeatures.FEATURES]
    assert list(table.columns) == list(pipeline.get_feature_names_out()) == names
    assert table.shape == (25, len(names))


class GeneratedImages(Sequence):
    """Images that are generated on access, and counted while they are in memory."""

    def __init__(self, n_images):
        self.n_images = n_images
        self.alive = self.most = self.generated = 0

    def __len__(self):
        return self.n_images

    def __getitem__(self, index):
        if not 0 <= index < self.n_images:
            raise IndexError(index)
        image = np.full((16, 24, 3), 200, np.uint8)
        image[4:12, 8:16] = 80 + index % 20
        weakref.finalize(image, self._forget)
        self.alive += 1
        self.generated += 1
        self.most = max(self.most, self.alive)
        return image

    def _forget(self):
        self.alive -= 1


@pytest.mark.parametrize(("n_jobs", "backend", "n_batches"), [(None, "loky", 2), (2, "threading", 8), (2, "loky", 8)])
def test_images_in_memory_are_bounded_by_the_batch(n_jobs, backend, n_batches):
    images = GeneratedImages(200)
    pipeline = make_survey_pipeline(batch_size=5, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        rows = pipeline.fit(images).transform(images)
    assert rows.shape == (200, 3)
    assert images.generated == 200
    assert 5 <= images.most <= n_batches * 5
    assert images.alive == 0


# Bad images


@pytest.fixture
def with_bad(images, tmp_path):
    path = tmp_path / "IMD020.bmp"
    path.write_bytes(b"")
    batch = list(images)
    batch[20] = str(path)
    return batch


@with_and_without_workers
def test_error_names_position_and_holds_rows_computed_before(images, n_jobs):
    batch = [*images[:20], "gone.png", *images[20:]]
    with pytest.raises(FileNotFoundError, match=r"^X\[20\] \('gone\.png'\): could not open 'gone\.png'") as caught:
        make_survey_pipeline(batch_size=4, n_jobs=n_jobs).fit_transform(batch)
    assert type(caught.value) is FileNotFoundError
    notes = " ".join(caught.value.__notes__)
    assert "on_error='skip'" in notes
    computed = getattr(caught.value, "computed", np.empty((0, 3)))
    np.testing.assert_array_equal(computed, make_survey_pipeline().transform(images)[: len(computed)])
    if n_jobs is None:  # workers may fail before an earlier batch returns
        assert len(computed) == 20
        assert "first 20 images is in `computed`" in notes


def test_error_in_first_batch_holds_no_rows():
    with pytest.raises(FileNotFoundError) as caught:
        make_survey_pipeline().transform(["gone.jpg"])
    assert not hasattr(caught.value, "computed")
    assert "computed" not in " ".join(caught.value.__notes__)


@pytest.mark.parametrize(
    ("element", "kind", "message"),
    [
        (np.zeros((4, 4, 2)), ValueError, r"^X\[20\]: image must have shape"),
        (None, TypeError, r"^X\[20\]: an image must be a path"),
    ],
)
def test_errors_keep_their_type(images, element, kind, message):
    batch = [*images[:20], element, *images[20:]]
    with pytest.raises(kind, match=message) as caught:
        make_survey_pipeline(batch_size=8).transform(batch)
    assert type(caught.value) is kind


def test_errors_of_later_steps_name_position_in_x(images):
    pipeline = ImagePipeline([("read", ImageReader()), ("measure", MorphologyFeatures())], batch_size=8)
    lesions = WatershedSegmenter().transform(images)
    with pytest.raises(ValueError, match=r"^X\[20\]: MorphologyFeatures needs a mask"):
        pipeline.transform([*lesions[:20], images[20]])


class Broken(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_errors_without_a_position_are_not_skipped(images, on_error):
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        ImagePipeline([("a", Broken())], batch_size=8, on_error=on_error).transform(images)
    assert caught.value.__notes__ == ["While working on X[0] to X[7]."]


@with_and_without_workers
def test_skipped_images_have_rows_of_nan(with_bad, images, n_jobs):
    batch = ["gone.png", *with_bad[1:]]
    pipeline = make_survey_pipeline(batch_size=8, n_jobs=n_jobs, on_error="skip")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = pipeline.fit(batch).transform(batch)
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
    expected = make_survey_pipeline().transform(images)
    expected[[0, 20]] = np.nan
    np.testing.assert_array_equal(rows, expected)


def test_skipped_images_have_empty_masks(with_bad):
    with pytest.warns(UserWarning, match="Skipped 1 of 25"):
        lesion = make_survey_pipeline(on_error="skip")[:-1].transform(with_bad)[20]
    assert lesion.source == with_bad[20]
    assert lesion.area_px == 0
    assert not lesion.mask.any()


def test_all_images_skipped():
    with pytest.warns(UserWarning, match="Skipped 3 of 3"):
        rows = make_survey_pipeline(on_error="skip", batch_size=2).transform(["a.png", "b.png", None])
    assert np.isnan(rows).all()
    assert rows.shape == (3, 3)


def test_skipped_images_warning_shows_ten_and_holds_all():
    with pytest.warns(SkippedImagesWarning, match=r"Skipped 12 of 12 images: .* and 2 more\.") as caught:
        make_survey_pipeline(on_error="skip", batch_size=5).transform([f"{i}.png" for i in range(12)])
    assert caught[0].message.skipped == {
        i: f"X[{i}] ('{i}.png'): could not open '{i}.png': No such file or directory" for i in range(12)
    }


@pytest.mark.parametrize(
    "use",
    [
        lambda model, X, y: model["features"].fit_transform(X),
        lambda model, X, y: model[:-1].fit_transform(X, y),
        lambda model, X, y: FeatureUnion([("a", model["features"])]).fit_transform(X),
        lambda model, X, y: model.fit(X, y),
        lambda model, X, y: FrozenEstimator(model.fit(X[1:], y[1:])).predict(X),
        lambda model, X, y: model.fit(X[1:], y[1:]).score(X, y),
        lambda model, X, y: cross_val_predict(model, X, y, cv=2),
    ],
)
def test_warnings_through_scikit_learn_point_to_the_line_of_the_user(images, skin, tmp_path, use):
    batch, labels = [skin, "gone.png", *images[:10]], [0, 1] * 6
    model = make_melanoma_pipeline("survey", classifier=LogisticRegression(), memory=tmp_path / "rows")
    (tmp_path / "rows").write_text("no folder")
    model.set_params(features__on_error="skip")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use(model, batch, labels)
    kinds = [type(warning.message) for warning in caught]
    assert {UserWarning, SkippedImagesWarning, NoLesionWarning} == set(kinds)
    assert {warning.filename for warning in caught} == {__file__}


@with_and_without_workers
def test_missing_lesions_warn_once(images, skin, tmp_path, n_jobs):
    Image.fromarray(skin).save(tmp_path / "skin.png")
    batch = list(images)
    batch[3], batch[20] = skin, str(tmp_path / "skin.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = make_survey_pipeline(batch_size=8, n_jobs=n_jobs).fit(batch).transform(batch)
    assert [type(warning.message) for warning in caught] == [NoLesionWarning]
    assert str(caught[0].message) == (
        f"No lesion was found in 2 of 25 images: X[3], X[20] ({str(tmp_path / 'skin.png')!r}). Their features are NaN."
    )
    assert caught[0].filename == __file__
    assert np.flatnonzero(np.isnan(rows).all(axis=1)).tolist() == [3, 20]
    assert np.isnan(rows).any(axis=1).sum() == 2


def test_warning_shows_ten_missing_lesions(skin):
    with pytest.warns(UserWarning, match=r"in 14 of 14 images: X\[0\], .*, X\[9\] and 4 more\. Their"):
        make_survey_pipeline(batch_size=3).transform([skin] * 14)


def test_missing_lesions_warn_if_output_is_lesions(skin):
    with pytest.warns(UserWarning, match=r"No lesion was found in 1 of 1 images: X\[0\]\."):
        make_survey_pipeline()[:-1].transform([skin])


# Steps that learn


class RelativeArea(TransformerMixin, BaseEstimator):
    """Learn the mean area, and return areas divided by it."""

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
    """Learn the mean brightness, and scale images to a brightness of 64."""

    def fit(self, X, y=None):
        assert y is None
        self.level_ = np.mean([np.mean(getattr(image, "image", image)) for image in X])
        return self

    def transform(self, X):
        check_is_fitted(self)
        return [Lesion((x.image * (64 / self.level_)).astype(np.uint8), source_shape=x.source_shape) for x in X]

    def set_output(self, *, transform=None):
        return self


def make_learning_pipeline(**options):
    steps = [
        ("read", ImageReader(max_side=32)),
        ("darken", Darkener()),
        ("segment", WatershedSegmenter()),
        ("measure", RelativeArea()),
    ]
    return ImagePipeline(steps, **options)


def test_steps_learn_in_order_from_previous_output(images):
    diagnosis = ["nevus"] * 25
    pipeline = make_learning_pipeline(batch_size=4).fit(images, diagnosis)
    read = ImageReader(max_side=32).transform(images)
    darken = Darkener().fit(read)
    assert pipeline["darken"].level_ == darken.level_
    lesions = WatershedSegmenter().transform(darken.transform(read))
    assert pipeline["measure"].mean_ == np.mean([lesion.area_px for lesion in lesions])
    last, (second, third) = pipeline["measure"].picked_
    for lesion, expected in ((last, lesions[-1]), (second, lesions[1]), (third, lesions[2])):
        np.testing.assert_array_equal(lesion.mask, expected.mask)
    rows = pipeline.transform(images)
    assert rows.mean() == pytest.approx(1)
    assert clone(pipeline).fit_transform(images, diagnosis).tolist() == rows.tolist()
    table = pipeline.set_output(transform="pandas").transform(images)
    assert list(table.columns) == ["relative_area"]


def test_learning_steps_must_be_fitted(images):
    pipeline = make_learning_pipeline()
    assert get_tags(pipeline).requires_fit
    assert not get_tags(make_survey_pipeline()).requires_fit
    with pytest.raises(NotFittedError):
        check_is_fitted(pipeline)
    with pytest.raises(NotFittedError, match="Darkener"):
        pipeline.transform(images)
    check_is_fitted(pipeline.fit(images))
    with joblib.parallel_config(backend="threading"):
        threaded = clone(pipeline).set_params(n_jobs=2, batch_size=3).fit(images).transform(images)
    np.testing.assert_array_equal(threaded, pipeline.transform(images))


def test_frozen_step_is_not_refitted(images):
    read = ImageReader(max_side=32).transform(images[:3])
    frozen = FrozenEstimator(Darkener().fit(read))
    pipeline = make_learning_pipeline().set_params(darken=frozen).fit(images)
    assert pipeline["darken"].level_ == Darkener().fit(read).level_
    assert pipeline.transform(images).shape == (25, 1)
    assert list(pipeline.set_output(transform="pandas").transform(images).columns) == ["relative_area"]


def test_frozen_steps_without_fitted_state(images):
    frozen = ImagePipeline([(name, FrozenEstimator(step)) for name, step in make_survey_pipeline().steps])
    np.testing.assert_array_equal(frozen.fit_transform(images), make_survey_pipeline().fit_transform(images))
    assert list(frozen.get_feature_names_out()) == SURVEY
    assert list(frozen.set_output(transform="pandas").fit_transform(images).columns) == SURVEY


def test_bad_image_is_named_in_fit(with_bad):
    with pytest.raises(ValueError, match=r"^X\[20\] \('.*IMD020\.bmp'\): could not read"):
        make_learning_pipeline(batch_size=8).fit(with_bad)


# From images to diagnoses


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(40, image_size=(96, 128), melanoma_fraction=0.4, random_state=0)


@pytest.fixture(scope="module")
def few_labels(lesions):
    return hide_labels(lesions.target, 8, random_state=0)


def call_quietly(function, *args):
    """Call a function without warnings about missing lesions."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        return function(*args)


@pytest.fixture(scope="module", params=["all", "survey"])
def fitted(request, lesions, few_labels):
    return call_quietly(make_melanoma_pipeline(request.param).fit, lesions.images, few_labels)


def test_names_of_steps_and_parameters():
    model = make_melanoma_pipeline()
    assert list(model.named_steps) == ["features", "impute", "scale", "classify"]
    assert list(model["features"].named_steps) == ["read", "clean", "segment", "measure"]
    assert {"classify__alpha", "features__segment__margin", "features__segment__channel"} <= set(model.get_params())
    assert "classify__threshold" in make_melanoma_pipeline("survey").get_params()
    assert make_melanoma_pipeline(n_jobs=2)["features"].n_jobs == 2


def test_fit_with_few_labels(fitted, lesions, few_labels):
    assert (few_labels == -1).sum() == 24
    scores = call_quietly(fitted.predict_proba, lesions.images)
    assert scores.shape == (40, 2)
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert fitted.classes_.tolist() == [0, 1]
    labeled = few_labels != -1  # scores of unlabeled images vary between versions
    assert roc_auc_score(few_labels[labeled], scores[labeled, 1]) > 0.75


def test_feature_names_reach_the_classifier(fitted):
    names = list(fitted["features"].get_feature_names_out())
    for step in ("impute", "scale", "classify"):
        assert list(fitted[step].feature_names_in_) == names
    if len(names) > 3:
        assert names == [name for family in FAMILIES for name in family.FEATURES]
    else:
        assert names == SURVEY


def test_pickle_and_clone_predict_the_same(fitted, lesions, few_labels):
    scores = call_quietly(fitted.predict_proba, lesions.images)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(call_quietly(again.predict_proba, lesions.images), scores)
    copy = clone(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy["classify"])
    call_quietly(copy.fit, lesions.images, few_labels)
    np.testing.assert_array_equal(call_quietly(copy.predict_proba, lesions.images), scores)


def test_image_without_lesion_has_a_finite_score(fitted, skin):
    with pytest.warns(UserWarning, match="No lesion was found in 1 of 1"):
        assert np.isfinite(fitted.predict_proba([skin])).all()


def test_bad_image_is_named_in_predict(fitted, lesions, tmp_path):
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
    call_quietly(search.fit, lesions.images, few_labels)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 1
    assert call_quietly(search.predict, lesions.images[:3]).shape == (3,)
    assert set(search.classes_) == {0, 1}
    alone = call_quietly(clone(search).set_params(n_jobs=None).fit, lesions.images, few_labels)
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], scores)


def make_diagnoses(lesions):
    """Return three diagnoses as strings. The brightness of the images makes a third class."""
    bright = np.array([image.mean() for image in lesions.images]) > np.median([i.mean() for i in lesions.images])
    return np.where(lesions.target == 1, "melanoma", np.where(bright, "common nevus", "atypical nevus"))


def test_string_labels(lesions):
    diagnosis = make_diagnoses(lesions)
    model = make_melanoma_pipeline("survey", LogisticRegression())
    call_quietly(model.fit, lesions.images, diagnosis)
    assert model.classes_.tolist() == ["atypical nevus", "common nevus", "melanoma"]
    assert call_quietly(model.predict_proba, lesions.images).shape == (40, 3)
    assert set(call_quietly(model.predict, lesions.images)) <= set(diagnosis)


def test_few_string_labels(lesions):
    few = hide_labels(make_diagnoses(lesions), 5, random_state=0)
    assert few.dtype == object
    model = call_quietly(make_melanoma_pipeline("survey").fit, lesions.images, few)
    assert model.classes_.tolist() == ["atypical nevus", "common nevus", "melanoma"]
    assert set(call_quietly(model.predict, lesions.images)) <= set(model.classes_)
    search = GridSearchCV(
        make_melanoma_pipeline("survey"),
        {"classify__threshold": [0.6, 0.9]},
        cv=SemiSupervisedSplit(2),
        scoring="balanced_accuracy",
        error_score="raise",
    )
    call_quietly(search.fit, lesions.images, few)
    assert np.isfinite(search.best_score_)


def test_default_classifier_takes_three_diagnoses(lesions):
    few = hide_labels(make_diagnoses(lesions), 5, random_state=0)
    model = call_quietly(make_melanoma_pipeline().fit, lesions.images, few)
    assert model.classes_.tolist() == sorted(set(make_diagnoses(lesions)))
    assert call_quietly(model.predict_proba, lesions.images).shape == (40, 3)


def test_default_classifier_takes_strings(lesions):
    few = hide_labels(np.where(lesions.target == 1, "melanoma", "nevus"), 5, random_state=0)
    model = call_quietly(make_melanoma_pipeline().fit, lesions.images, few)
    by_number = make_melanoma_pipeline()
    numbers = np.select([few == "nevus", few == "melanoma"], [0, 1], -1)
    call_quietly(by_number.fit, lesions.images, numbers)
    assert model.classes_.tolist() == ["melanoma", "nevus"]
    np.testing.assert_allclose(
        call_quietly(model.predict_proba, lesions.images)[:, ::-1],
        call_quietly(by_number.predict_proba, lesions.images),
    )


def test_default_classifier_needs_no_labels(lesions):
    model = call_quietly(make_melanoma_pipeline().fit, lesions.images, np.full(40, -1))
    scores = call_quietly(model.predict_proba, lesions.images)[:, 1]
    assert roc_auc_score(lesions.target, scores) > 0.7


def test_default_prior_has_all_directions(lesions):
    directions = feature_directions()["direction"]
    model = call_quietly(make_melanoma_pipeline().fit, lesions.images, [-1] * 40)[-1]
    assert set(model.feature_names_in_[model.prior_coef_[0] != 0]) == set(directions.index[directions != 0]) - {"age"}


def test_polars_output(lesions, few_labels):
    model = make_melanoma_pipeline("survey").set_output(transform="polars")
    call_quietly(model.fit, lesions.images, few_labels)
    assert type(call_quietly(model[:-1].transform, lesions.images)) is pl.DataFrame


def test_unknown_features_raise():
    with pytest.raises(ValueError, match="features must be 'all', 'survey' or 'learned', got 'some'"):
        make_melanoma_pipeline("some")


# Index of tables


@pytest.fixture
def measured(tmp_path):
    """Return paths of three images, their lesions, and a pipeline that makes a table of them."""
    paths = []
    for number, image in enumerate(make_lesions(3, image_size=(48, 64), random_state=0).images):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    return paths, make_melanoma_pipeline("survey", memory=tmp_path / "rows")["features"]


def test_index_is_the_paths(measured):
    paths, pipeline = measured
    names = list(map(str, paths))
    arrays = np.array(names), np.array(names, dtype=object), pd.Index(names), pl.Series(names)
    for X in (paths, names, tuple(names), *arrays):
        for _ in range(2):  # computed, then from the cache
            assert list(pipeline.fit_transform(X).index) == names
    lesions = pipeline[:-1].transform(paths)
    assert list(pipeline[-1].transform(lesions).index) == names
    assert list(pipeline.set_params(batch_size=2, memory=None).transform(paths).index) == names


def test_index_is_that_of_a_series(measured):
    paths, pipeline = measured
    series = pd.Series(paths, index=["a", "b", "a"])
    assert list(pipeline.transform(series).index) == ["a", "b", "a"]
    lesions = pd.Series(pipeline[:-1].transform(paths), index=[7, 8, 9])
    assert list(pipeline[-1].transform(lesions).index) == [7, 8, 9]


def test_index_is_the_positions_where_a_path_is_missing(measured):
    paths, pipeline = measured
    images = [read_image(path) for path in paths]
    for X in (images, [paths[0], *images[1:]], np.stack(images)):
        assert list(pipeline.transform(X).index) == [0, 1, 2]


def test_index_reaches_the_classifier(measured):
    paths, _ = measured
    model = make_melanoma_pipeline("survey").fit(paths, [0, 1, -1])
    table = model[:-1].transform(paths)
    assert list(table.index) == list(map(str, paths))
    assert model.predict_proba(paths).shape == (3, 2)


def test_lazy_images_are_asked_for_once(measured):
    paths, pipeline = measured
    asked = []

    class Lazy(Sequence):
        def __len__(self):
            return len(paths)

        def __getitem__(self, position):
            asked.append(position)
            return read_image(paths[position])

    assert list(pipeline.set_params(memory=None).transform(Lazy()).index) == [0, 1, 2]
    assert sorted(asked) == [0, 1, 2]


# Steps of the user


class MeanLevel(TransformerMixin, BaseEstimator):
    """Own feature: the mean level of the lesion."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[lesion.image[lesion.mask].mean()] for lesion in X])

    def get_feature_names_out(self, input_features=None):
        return np.array(["mean_level"], dtype=object)


class DarkSegmenter(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Own segmenter, without `set_output`."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return [lesion.with_mask(lesion.image[..., 2] < 120) for lesion in ImageReader().transform(X)]


@pytest.fixture
def paths(images, tmp_path):
    names = [tmp_path / f"{number}.png" for number in range(6)]
    for name, image in zip(names, images, strict=False):
        Image.fromarray(image).save(name)
    return list(map(str, names))


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_own_feature_beside_others_for_files(paths, container, n_jobs, tmp_path):
    union = FeatureUnion(
        [("known", MorphologyFeatures("survey")), ("own", MeanLevel())], verbose_feature_names_out=False
    )
    pipeline = make_survey_pipeline(batch_size=4, n_jobs=n_jobs).set_params(measure=union)
    pipeline.set_output(transform=container)
    table = pipeline.fit_transform(paths)
    assert table.shape == (6, 4)
    lesions = make_survey_pipeline()[:-1].transform(paths)
    np.testing.assert_array_equal(np.asarray(table)[:, :3], make_survey_pipeline().transform(paths))
    np.testing.assert_array_equal(np.asarray(table)[:, 3:], MeanLevel().transform(lesions))
    cached = clone(pipeline).set_params(memory=tmp_path / "rows").set_output(transform=container)
    for _ in range(2):
        np.testing.assert_array_equal(cached.fit_transform(paths), table)
    if container != "default":
        assert list(table.columns) == [*SURVEY, "mean_level"]
    if container == "pandas":
        assert list(table.index) == paths


class OwnRatio(TransformerMixin, BaseEstimator):
    """Own feature whose table has an index: the paths of the images, or names of its own."""

    def __init__(self, prefix=None):
        self.prefix = prefix

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        lesions = list(X)
        table = MorphologyFeatures(["area"]).set_output(transform="pandas").transform(lesions)
        if self.prefix is not None:
            table.index = [f"{self.prefix}{lesion.source}" for lesion in lesions]
        return table.set_axis(["own_area"], axis=1)

    def get_feature_names_out(self, input_features=None):
        return np.array(["own_area"], dtype=object)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize(
    "own", [OwnRatio(), OwnRatio("own "), FeatureUnion([("inner", OwnRatio()), ("level", MeanLevel())])]
)
def test_tables_of_a_union_are_joined_by_position(paths, own, n_jobs, routing):
    members = [("known", MorphologyFeatures("survey")), ("own", own), ("none", "drop")]
    union = FeatureUnion(members, verbose_feature_names_out=False, n_jobs=n_jobs)
    pipeline = make_survey_pipeline().set_params(measure=union).set_output(transform="pandas")
    with config_context(enable_metadata_routing=routing):
        table = pipeline.fit_transform(paths)
    assert list(table.index) == paths
    assert len(table.columns) == len(pipeline.get_feature_names_out())
    np.testing.assert_array_equal(table.iloc[:, 0], table.iloc[:, 3])
    assert not table.isna().any(axis=None)


def test_own_segmenter_without_set_output(paths):
    pipeline = make_survey_pipeline().set_params(segment=DarkSegmenter()).set_output(transform="pandas")
    assert list(pipeline.fit_transform(paths).columns) == SURVEY
    model = make_melanoma_pipeline("survey").set_params(features__segment=DarkSegmenter())
    assert list(model.set_output(transform="pandas")["features"].fit_transform(paths).columns) == SURVEY


def test_last_step_without_set_output():
    with pytest.raises(
        ValueError, match=r"steps must end with a transformer that has set_output, got DarkSegmenter\(\)"
    ):
        make_survey_pipeline()[:1].set_params(read=DarkSegmenter()).set_output(transform="pandas")
