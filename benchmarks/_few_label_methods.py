"""Methods that learn from few labels; each line of `METHODS` is a row in the tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sslearn.wrapper import CoTraining, TriTraining

from benchmarks._draws import Labels
from benchmarks._tables import FAMILIES

# Function that fits a pipeline without its feature step to a table and labels, and returns a classifier.
Fit = Callable[[Pipeline, pd.DataFrame, Labels], Any]


def make_logistic_regression() -> LogisticRegression:
    """Return the classifier of all baselines."""
    return LogisticRegression(class_weight="balanced", max_iter=1000)


def fit_pipeline(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit the pipeline unchanged on all images."""
    return tail.fit(table, labels)


def fit_labels_alone(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit a logistic regression on the labeled images only."""
    labeled = labels != -1
    own = np.array(labels[labeled].tolist())  # strings without -1 among them need no dtype object
    return tail.set_params(classify=make_logistic_regression()).fit(table[labeled], own)


def replace_classifier(classifier: Callable[[], Any]) -> Fit:
    """Return a function that fits another classifier instead of the pipeline's own, on all images."""
    return lambda tail, table, labels: tail.set_params(classify=classifier()).fit(table, labels)


def fit_co_training(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit sslearn's co-training: one view is morphology and ABCD scores, the other is color and texture."""
    views = [
        [list(table.columns).index(name) for family in pair for name in FAMILIES[family].get_feature_names_out()]
        for pair in (("morphology", "ABCD"), ("color", "texture"))
    ]
    trained = CoTraining(make_logistic_regression(), random_state=0)
    return tail.set_params(classify=trained).fit(table, labels, classify__features=views)


PIPELINE = "pipeline"
SURVEY = "the survey's pipeline"
METHODS: dict[str, Fit] = {
    PIPELINE: fit_pipeline,
    "labels alone": fit_labels_alone,
    "labels, all images scale": replace_classifier(
        lambda: SelfTrainingClassifier(make_logistic_regression(), max_iter=0)
    ),
    "self-training": replace_classifier(lambda: SelfTrainingClassifier(make_logistic_regression())),
    "label spreading": replace_classifier(lambda: LabelSpreading("knn", n_neighbors=15)),
    "tri-training": replace_classifier(lambda: TriTraining(make_logistic_regression(), random_state=0)),
    "co-training": fit_co_training,
}

#: Methods that learn from labels of more than two classes.
MULTICLASS = (PIPELINE, "labels alone", "labels, all images scale", "self-training", "label spreading")
