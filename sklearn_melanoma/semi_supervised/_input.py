"""Checks of the arguments of the `fit` of a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from sklearn_melanoma._typing import Array
from sklearn_melanoma.semi_supervised._labeled_only import LabeledOnlyClassifier


def check_weights(sample_weight: ArrayLike | None, rows: Array) -> Array:
    """Return the weights of the samples, 1 for each sample by default."""
    if sample_weight is None:
        return np.ones(len(rows))
    weights = column_or_1d(check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"))
    check_consistent_length(rows, weights)
    if weights.min() < 0 or not weights.any():
        raise ValueError(
            f"sample_weight must not be negative, nor zero for all, got {weights.min():g} to {weights.max():g}. "
            "Leave out samples that must not count."
        )
    return weights


def takes(classifier: Any, name: str) -> bool:
    """Return whether the `fit` of a classifier accepts a parameter, directly or by metadata routing."""
    while isinstance(classifier, LabeledOnlyClassifier):  # it passes on the parameters of the classifier inside
        classifier = classifier.estimator
    if get_config()["enable_metadata_routing"] and get_routing_for_object(classifier).consumes("fit", [name]):
        return True
    return bool(has_fit_parameter(classifier, name))
