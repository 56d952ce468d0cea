"""Features relative to the other lesions of the patient."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import _num_samples

from sklearn_melanoma.features import PatientRelative
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.semi_supervised import PriorLogisticRegression


class OnePatient(PatientRelative):
    """PatientRelative for which all rows are of one patient without groups, as in scikit-learn's checks."""

    def fit(self, X, y=None, groups=None):
        return super().fit(X, y, groups=np.zeros(_num_samples(X)) if groups is None else groups)

    def transform(self, X, groups=None):
        return super().transform(X, groups=np.zeros(_num_samples(X)) if groups is None else groups)


EXPECTED = {"check_methods_subset_invariance": "rows are compared with each other"}


@parametrize_with_checks([OnePatient()], expected_failed_checks=lambda estimator: EXPECTED)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def cohort():
    """Return features, labels and patients: 30 patients with four lesions. In every third, one lesion is different."""
    random = np.random.default_rng(0)
    patients = np.repeat([f"patient {i}" for i in range(30)], 4)
    typical = np.repeat(random.normal(0, 10, 30), 4)  # differs more between patients than within a patient
    y = np.zeros(120, dtype=int)
    y[::12] = 1
    X = pd.DataFrame({"area": typical + random.normal(0, 1, 120) + 8 * y, "hue": random.normal(0, 1, 120)})
    return X, y, patients


def compare(values, groups):
    return PatientRelative().fit_transform(np.array(values, dtype=float)[:, np.newaxis], groups=groups).ravel()


def test_known_distances():
    # Median 2, distances 1, 0, 1 and 6, MAD 1.
    np.testing.assert_array_equal(compare([1, 2, 3, 8, 2], ["a"] * 5), [-1, 0, 1, 6, 0])
    np.testing.assert_array_equal(
        compare([1, 2, 6, 10, 20, 60], ["a", "b"] * 3), compare([1, 2, 6, 10, 20, 60], [0, 1] * 3)
    )
    found = compare([1, 10, 2, 20, 4, 30], ["a", "b"] * 3)
    np.testing.assert_array_equal(found, [-1, -1, 0, 0, 2, 1])


def test_fewer_than_three_lesions_are_nan():
    found = compare([1, 2, 3, 4, 5, 6], ["a", "b", "b", "c", "c", "c"])
    np.testing.assert_array_equal(found, [np.nan] * 3 + [-1, 0, 1])


@pytest.mark.parametrize("unknown", [None, np.nan, pd.NA, pd.NaT, "nan", ""])
def test_unknown_patients_are_nobodys_siblings(unknown):
    found = compare([1, 2, 3, 4, 5, 6], [unknown, unknown, unknown, "c", "c", "c"])
    np.testing.assert_array_equal(found, [np.nan] * 3 + [-1, 0, 1])


def test_groups_are_one_column():
    patients = [1, 1, 1, 2, 2, 2]
    expected = compare([1, 2, 3, 5, 7, 9], patients)
    for column in (np.c_[patients], pd.DataFrame({"patient": patients})):
        np.testing.assert_array_equal(compare([1, 2, 3, 5, 7, 9], column), expected)
    with pytest.raises(ValueError, match="groups must hold one group for each sample"):
        compare([1, 2, 3, 5, 7, 9], pd.DataFrame({"patient": patients, "lesion": range(6)}))


def test_missing_values_do_not_count():
    X = pd.DataFrame({"area": [1, 2, 4, np.nan], "hue": [1, 2, np.nan, np.nan]})
    found = PatientRelative().fit_transform(X, groups=[7] * 4)
    np.testing.assert_array_equal(found, [[-1, np.nan], [0, np.nan], [2, np.nan], [np.nan, np.nan]])


def test_scale_of_fit_replaces_a_mad_of_zero():
    X = np.array([[1, 1], [3, 1], [5, 1], [1, 1], [1, 1], [7, 4.0]])  # MADs 2 and 0 of the first column
    relative = PatientRelative().fit(X, groups=[0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(relative.scale_, [2, 1])
    found = relative.transform(X[3:], groups=[1, 1, 1])
    np.testing.assert_array_equal(found, [[0, 0], [0, 0], [3, 3]])


def test_only_the_patients_of_transform_count(cohort):
    X, _, patients = cohort
    relative = PatientRelative().fit(X, groups=patients)
    everything = relative.transform(X, groups=patients)
    np.testing.assert_array_equal(relative.transform(X[:4], groups=["new"] * 4), everything[:4])
    assert np.isnan(relative.transform(X[:2], groups=patients[:2])).all()
    order = np.random.default_rng(1).permutation(120)
    np.testing.assert_array_equal(relative.transform(X.iloc[order], groups=patients[order]), everything[order])
    other = PatientRelative().fit(100 * X[:40], groups=patients[:40])
    np.testing.assert_array_equal(other.transform(X, groups=patients), everything)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(-50, 50), min_size=3, max_size=9, unique=True),
    st.integers(-100, 100),
    st.sampled_from([0.25, 2, 8]),
)
def test_shift_and_scale_of_a_patient_do_not_matter(values, shift, factor):
    groups = [0] * len(values)
    np.testing.assert_array_equal(compare(values, groups), compare([factor * (x + shift) for x in values], groups))
    np.testing.assert_array_equal(compare(values, groups), -compare([-x for x in values], groups))


def test_names_and_containers(cohort):
    X, _, patients = cohort
    names = ["area_relative", "hue_relative"]
    table = PatientRelative().set_output(transform="pandas").fit_transform(X, groups=pd.Series(patients, X.index[::-1]))
    assert list(table.columns) == names
    pd.testing.assert_index_equal(table.index, X.index)
    table = PatientRelative().set_output(transform="polars").fit_transform(pl.DataFrame(X), groups=patients)
    assert table.columns == names
    relative = PatientRelative().fit(X.to_numpy(), groups=patients)
    assert list(relative.get_feature_names_out()) == ["x0_relative", "x1_relative"]
    assert list(relative.get_feature_names_out(["a", "b"])) == ["a_relative", "b_relative"]


def test_in_pipelines_with_metadata_routing(cohort):
    X, y, patients = cohort
    union = FeatureUnion([("own", "passthrough"), ("relative", PatientRelative())], verbose_feature_names_out=False)
    model = Pipeline([("features", union), ("impute", SimpleImputer()), ("classify", LogisticRegression())])
    few = np.where(np.arange(120) < 60, y, -1)
    prior = PriorLogisticRegression({"area_relative": 1}, classes=(0, 1))
    with config_context(enable_metadata_routing=True):
        model.set_output(transform="pandas").fit(X, y, groups=patients)
        assert list(model["classify"].feature_names_in_) == ["area", "hue", "area_relative", "hue_relative"]
        scores = model.predict_proba(X, groups=patients)[:, 1]
        assert scores[y == 1].min() > np.quantile(scores[y == 0], 0.9)
        if parse_version(sklearn.__version__) >= parse_version("1.7"):  # in earlier versions, `score` gets no groups
            options = {"cv": GroupKFold(5), "params": {"groups": patients}, "error_score": "raise"}
            alone = cross_val_score(LogisticRegression(), X, y, **options)
            assert cross_val_score(model, X, y, **options).mean() > alone.mean() + 0.02
            search = GridSearchCV(
                clone(model).set_params(classify=prior),
                {"classify__alpha": [0.1, 1]},
                cv=SemiSupervisedSplit(2),
                error_score="raise",
            )
            search.fit(X, few, groups=patients)
            assert search.best_estimator_.predict(X, groups=patients).shape == (120,)


def test_errors(cohort):
    X, y, patients = cohort
    message = r"^groups must be given, the patient of each row, got None\. .*enable_metadata_routing=True"
    with pytest.raises(ValueError, match=message):
        PatientRelative().fit(X)
    relative = PatientRelative().fit(X, groups=patients)
    with pytest.raises(ValueError, match=message):
        relative.transform(X)
    with pytest.raises(ValueError, match=message):  # without routing, a pipeline passes no groups
        make_pipeline(PatientRelative(), SimpleImputer(), LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[120, 3\]"):
        relative.transform(X, groups=[1, 2, 3])
    with pytest.raises(NotFittedError):
        PatientRelative().transform(X, groups=patients)
