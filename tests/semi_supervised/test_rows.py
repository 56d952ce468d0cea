"""Tables with NaN, infinity and numbers that are too large."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)
from sklearn_melanoma.semi_supervised._rows import named_columns

CLASSIFIERS = [
    PriorLogisticRegression(),
    PriorLogisticRegression({"red": 1.0}, classes=(0, 1)),
    BalancedSelfTrainingClassifier(PriorLogisticRegression()),
    BalancedSelfTrainingClassifier(LogisticRegression()),
    CoTrainingClassifier(PriorLogisticRegression(), {"first": [0, 1], "second": [2, 3]}),
    LabeledOnlyClassifier(LogisticRegression()),
]
every_classifier = pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: str(classifier)[:50])


@pytest.fixture
def table():
    return pd.DataFrame(np.random.default_rng(0).normal(size=(40, 4)), columns=["area", "red", "blue", "hair"])


@pytest.fixture
def labels(table):
    return np.where(np.arange(40) % 4 == 0, -1, table["area"] > 0)


@every_classifier
@pytest.mark.parametrize("number", [1e300, -1e308, 1e160, 1.1e100])
def test_error_of_large_number_names_column_and_row(classifier, table, labels, number):
    wrong = table.copy()
    wrong.loc[3, "red"] = number
    message = re.escape(
        f"X must hold numbers within ±1e+100, got {number:g} in column 'red', row 3. Correct the number, or replace it"
    )
    with pytest.raises(ValueError, match=message):
        clone(classifier).fit(wrong, labels)
    fitted = clone(classifier).fit(table, labels)
    for method in (fitted.predict, fitted.predict_proba, fitted.decision_function):
        with pytest.raises(ValueError, match=message):
            method(wrong)
    if not getattr(classifier, "prior", None):  # a prior needs names
        with pytest.raises(ValueError, match=r"in column 1, (row 3|labeled row 2)\."):
            clone(classifier).fit(wrong.to_numpy(), labels)


@every_classifier
def test_largest_numbers_are_accepted(classifier, table, labels):
    fitted = clone(classifier).fit(table, labels)
    table.loc[3, "red"] = 1e100
    assert np.isfinite(fitted.predict_proba(table)).all()


@every_classifier
@pytest.mark.parametrize(("number", "name"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_error_of_missing_number_names_column_and_row(classifier, table, labels, number, name):
    wrong = table.copy()
    wrong.loc[[5, 7], "blue"] = number
    wrong.loc[6, "hair"] = number
    with pytest.raises(ValueError, match=rf"Input X contains {name}.* in column 'blue', row 5 and in 1 other column\."):
        clone(classifier).fit(wrong, labels)
    with pytest.raises(ValueError, match=r"in column 'blue', row 5 and in 1 other column\."):
        clone(classifier).fit(table, labels).predict_proba(wrong)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_scaler_that_overflows(table, labels):
    table.loc[3, "red"] = 1e300
    with pytest.raises(ValueError, match=r"in column 1, row 0\. Numbers beyond 1e150 become NaN in a StandardScaler\."):
        make_pipeline(StandardScaler(), PriorLogisticRegression()).fit(table, labels)


@pytest.mark.parametrize("features", ["survey", "all"])
def test_pipeline_names_column_before_it_scales(table, labels, features):
    model = make_melanoma_pipeline(features, PriorLogisticRegression() if features == "all" else None)[1:]
    for number, message in [(1e300, r"within ±1e\+100, got 1e\+300"), (np.inf, "Input X contains infinity")]:
        table.loc[3, "red"] = number
        with pytest.raises(ValueError, match=rf"{message}.* in column 'red', row 3\."):
            model.fit(table, labels)
    table.loc[3, "red"] = np.nan  # is imputed
    model.fit(table, labels)


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_numbers_too_large_for_trees(table, labels):
    table.loc[3, "hair"] = 1e60
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\) in column 'hair', row 3\."):
        LabeledOnlyClassifier(RandomForestClassifier(3)).fit(table, labels)


def test_row_is_named_by_index(table, labels):
    table.index = [f"{number}.jpg" for number in range(40)]
    table.loc["3.jpg", "red"] = 1e300
    for classifier in (PriorLogisticRegression(), LabeledOnlyClassifier(LogisticRegression())):
        with pytest.raises(ValueError, match=r"got 1e\+300 in column 'red', row '3\.jpg'\."):
            classifier.fit(table, labels)


def test_other_samples_are_left_alone(labels):
    images = np.full((40, 2, 2, 3), 1e300)
    for X in (images, list(images), csr_array(np.eye(40)), [f"image {number}" for number in range(40)]):
        with named_columns(X):
            pass
        with pytest.raises(ValueError, match=r"Input X contains NaN\.$"), named_columns(X):
            raise ValueError("Input X contains NaN.")
