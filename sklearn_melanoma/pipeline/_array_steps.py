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
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.pipeline._rows import has_plain_rows
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


def without_names(step: Any) -> Any:
    """Return a copy of a fitted step that takes and returns arrays.

    Parameters
    ----------
    step : estimator
        A step, a :class:`~sklearn.pipeline.Pipeline` of several, or an :class:`ImagePipeline`, which takes images.
        Learned attributes are not copied.

    Returns
    -------
    estimator or None
        It returns arrays if ``transform_output`` of :func:`sklearn.config_context` is "default". None if the step is
        not fitted, or may need the names of the columns.
    """
    if type(step) is Pipeline:
        members = [(name, without_names(member)) for name, member in step.steps]
        return None if any(member is None for _, member in members) else Pipeline(members)
    if isinstance(step, ImagePipeline):
        *others, (name, last) = step.steps
        nameless = _copy_without_names(step)
        nameless.steps = [*others, (name, _copy_without_names(last))]
        return nameless if has_plain_rows(last) else None
    if type(step) not in _BY_POSITION or not hasattr(step, "n_features_in_"):  # a subclass may use the names
        return None
    nameless = _copy_without_names(step)
    if type(step) is LabeledOnlyClassifier:  # unlike SelfTrainingClassifier, it hands tables on
        nameless.estimator_ = without_names(step.estimator_)
        return None if nameless.estimator_ is None else nameless
    return nameless


def _copy_without_names(step: Any) -> Any:
    nameless = copy(step)
    for attribute in ("feature_names_in_", "_sklearn_output_config"):
        getattr(nameless, "__dict__", {}).pop(attribute, None)
    return nameless
