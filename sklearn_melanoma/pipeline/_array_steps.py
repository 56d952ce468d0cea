"""Steps that take arrays instead of tables, because checks of a table cost a millisecond for each step."""

from __future__ import annotations

from copy import copy
from typing import Any

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from sklearn_melanoma.pipeline._block_scaler import BlockScaler
from sklearn_melanoma.semi_supervised import LabeledOnlyClassifier, PriorLogisticRegression

# Steps that, once fitted, use columns by their positions alone.
_BY_POSITION = (
    SimpleImputer,
    QuantileTransformer,
    StandardScaler,
    BlockScaler,
    PriorLogisticRegression,
    LogisticRegression,
    SelfTrainingClassifier,
    LabeledOnlyClassifier,
)


def without_names(step: Any, names: list[str]) -> Any:
    """Return a copy of a fitted step that takes and returns arrays.

    Parameters
    ----------
    step : estimator
        A step, or a :class:`~sklearn.pipeline.Pipeline` of several. Learned attributes are not copied.
    names : list of str
        Names of the columns of the table that the step would get.

    Returns
    -------
    estimator or None
        It returns arrays if ``transform_output`` of :func:`sklearn.config_context` is "default". None if the step is
        not fitted, was fitted to other columns, or may need their names.
    """
    if type(step) is Pipeline:
        members = [(name, without_names(member, names)) for name, member in step.steps]
        return None if any(member is None for _, member in members) else Pipeline(members)
    if type(step) not in _BY_POSITION or not hasattr(step, "n_features_in_"):  # a subclass may use the names
        return None
    if list(getattr(step, "feature_names_in_", names)) != names:
        return None
    nameless = copy(step)
    for attribute in ("feature_names_in_", "_sklearn_output_config"):
        vars(nameless).pop(attribute, None)
    if type(step) is LabeledOnlyClassifier:  # unlike SelfTrainingClassifier, it hands tables on
        nameless.estimator_ = without_names(step.estimator_, names)
        return None if nameless.estimator_ is None else nameless
    return nameless
