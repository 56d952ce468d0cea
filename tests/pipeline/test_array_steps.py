"""Predictions of images on arrays instead of tables: the same scores, errors and fitted steps."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import AbcdFeatures, MorphologyFeatures
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._array_steps import without_names
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

METHODS = ["predict", "predict_proba", "decision_function"]


class Doubled(StandardScaler):
    """A scaler of one's own that needs the names of the columns."""

    def transform(self, X):
        assert list(X.columns) == list(self.feature_names_in_)
        return 2 * super().transform(X)


class OwnSegmenter(BaseEstimator):
    """A segmenter of one's own, with nothing but fit and transform."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return WatershedSegmenter().fit_transform(X)


# Steps after the features, and whether they take arrays.
SCALERS = {
    "default": (None, True),
    "scaler": (StandardScaler(), True),
    "own": (Doubled(), False),
    "passthrough": (make_pipeline("passthrough", StandardScaler()), False),
    "by names": (
        ColumnTransformer([("some", StandardScaler(), ["area", "abcd_asymmetry"])], verbose_feature_names_out=False),
        False,
    ),
}


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(24, image_size=(48, 64), melanoma_fraction=0.5, hair=0, vignette=0, random_state=0)


def make_model(lesions, kind="all", scale=None, **options):
    model = make_melanoma_pipeline(kind, **options)
    if scale is not None:
        model.set_params(scale=scale)
        scale.set_output(transform="pandas")
    X = lesions.images
    if "columns" in options:
        X = pd.DataFrame({"picture": lesions.images, "age": np.linspace(20, 80, 24), "sex": ["female", "male"] * 12})
    return model.fit(X, np.where(np.arange(24) < 16, lesions.target, -1)), X


def assert_same_scores(model, X):
    plain = Pipeline(model.steps)
    for method in METHODS:
        if hasattr(plain, method):
            expected = getattr(plain, method)(X)
            got = getattr(model, method)(X)
            assert type(got) is type(expected)
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("scale", "takes_arrays"), SCALERS.values(), ids=SCALERS.keys())
def test_same_scores_with_any_scaler(lesions, scale, takes_arrays):
    model, X = make_model(lesions, scale=scale)
    names = list(model["features"].get_feature_names_out())
    assert (without_names(Pipeline(model.steps[1:]), names) is not None) == takes_arrays
    assert_same_scores(model, X)
    assert_same_scores(model, X[:1])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("survey", {}),
        ("learned", {}),
        ("all", {"classifier": LogisticRegression()}),
        ("all", {"classifier": RandomForestClassifier(10, random_state=0)}),
        ("all", {"classifier": SelfTrainingClassifier(PriorLogisticRegression())}),
        ("all", {"classifier": PriorLogisticRegression()}),
        ("all", {"columns": ["age", "sex"], "image": "picture"}),
    ],
)
def test_same_scores_of_other_pipelines(lesions, kind, options):
    model, X = make_model(lesions, kind, **options)
    assert_same_scores(model, X)
    assert_same_scores(model, X[:1])


def test_same_scores_with_a_segmenter_of_ones_own(lesions):
    model = make_melanoma_pipeline().set_params(features__segment=OwnSegmenter()).fit(lesions.images, lesions.target)
    assert_same_scores(model, lesions.images[:2])


@pytest.mark.parametrize("container", ["default", "pandas"])
def test_same_scores_with_any_container(lesions, container):
    model, X = make_model(lesions, classifier=PriorLogisticRegression())
    expected = model.predict_proba(X)
    with config_context(transform_output=container):
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    model.set_output(transform=container).fit(X, lesions.target)
    assert_same_scores(model, X)


def test_the_fitted_steps_do_not_change(lesions):
    model, X = make_model(lesions)
    before = {name: dict(vars(step)) for name, step in model.steps[1:]}
    model.predict(X[:1])
    assert {name: vars(step) for name, step in model.steps[1:]} == before
    table = model["features"].transform(X[:2])
    assert list(model[1:-1].transform(table).columns) == list(table.columns)


def test_tables_of_features_are_still_checked_by_name(lesions):
    model, X = make_model(lesions)
    table = model["features"].transform(X)
    rest = model[1:]
    np.testing.assert_allclose(rest.predict_proba(table), model.predict_proba(X), rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        rest.predict_proba(table.rename(columns={"area": "size"}))


def test_features_that_changed_after_fit_are_an_error(lesions):
    families = FeatureUnion([("abcd", AbcdFeatures())], verbose_feature_names_out=False)
    model = make_melanoma_pipeline().set_params(features__measure=families).set_output(transform="pandas")
    model.fit(lesions.images, lesions.target)
    others = MorphologyFeatures(["area", "perimeter", "max_span", "solidity", "extent"]).set_output(transform="pandas")
    model["features"].set_params(measure=others)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(lesions.images[:1])


def test_a_step_fitted_to_other_columns_is_an_error(lesions):
    model, X = make_model(lesions)
    table = model[1:-1].transform(model["features"].transform(X))
    model.steps[-1] = ("classify", LogisticRegression().fit(table[sorted(table.columns)], lesions.target))
    for method in METHODS:
        with pytest.raises(ValueError, match="feature names should match"):
            getattr(model, method)(X[:1])


def test_error_has_the_table_of_the_images_before(lesions):
    model, X = make_model(lesions)
    with pytest.raises(FileNotFoundError) as caught:
        model.predict([*X[:16], "gone.png"])
    assert list(caught.value.computed.columns) == list(model["features"].get_feature_names_out())


def test_a_subclass_of_the_image_pipeline_gets_its_table(lesions):
    class Larger(ImagePipeline):
        def transform(self, X):
            table = super().transform(X)
            return table.assign(area=100 * table["area"])

        def fit_transform(self, X, y=None):
            return self.fit(X, y).transform(X)

    model = make_melanoma_pipeline()
    model.steps[0] = ("features", Larger(model["features"].steps))
    model.fit(lesions.images, lesions.target)
    assert_same_scores(model, lesions.images)


def test_warns_of_nothing(lesions):
    model, X = make_model(lesions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict(X[:2])


@pytest.mark.parametrize("method", METHODS)
def test_unfitted_pipelines_are_an_error(lesions, method):
    with pytest.raises(NotFittedError):
        getattr(make_melanoma_pipeline(), method)(lesions.images[:1])
