"""Checks of models before saving: a fitted model with a valid positive class and threshold."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma.inspection._models import get_own_threshold
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.metrics._positive import find_pos_label, infer_pos_label
from sklearn_melanoma.metrics._threshold import read_threshold
from sklearn_melanoma.model_selection._labels import check_classes_without_unlabeled


def check_model(model: Any) -> None:
    """Check that a model is a fitted estimator, and not a search.

    Parameters
    ----------
    model : estimator
        The model.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        If it is not a fitted estimator, or is a search.
    """
    if isinstance(model, type) or not isinstance(model, BaseEstimator):
        raise TypeError(f"model must be a fitted estimator, got {model!r}.")
    if hasattr(model, "best_estimator_"):
        raise ValueError(
            f"model must be a single model, got a {type(model).__name__}, which also holds all tried parameters. "
            "Pass its best_estimator_."
        )
    fitted = model.estimator if isinstance(model, FixedThresholdClassifier) and not _is_fitted(model) else model
    if not _is_fitted(fitted):
        raise NotFittedError(f"model must be fitted, got a {type(model).__name__} that is not. Call its fit first.")


def set_threshold(
    model: Any, threshold: Threshold | float | None, pos_label: Any
) -> tuple[Any, Threshold | float | None, Any]:
    """Return a model with a threshold, the threshold, and the label of the positive class.

    Parameters
    ----------
    model : classifier
        A fitted model.
    threshold : Threshold, float or None
        The threshold to set. None keeps the threshold of the model, if it has one.
    pos_label : label or None
        Label of the positive class; None if the model defines it.

    Returns
    -------
    model : classifier
        The model, or for two classes a `FixedThresholdClassifier` around it.
    threshold : Threshold, float or None
        The given threshold, or the threshold of the model.
    pos_label : label or None
        Label of the positive class; None if it can't be determined among more than two classes.

    Raises
    ------
    ValueError
        If the model can't have the threshold, or the positive class can't be determined.
    """
    positive = _find_positive(model, pos_label)
    if threshold is not None:
        cut = _check_threshold(model, threshold, positive)
        if len(model.classes_) == 2:
            model = FixedThresholdClassifier(FrozenEstimator(model), threshold=cut, pos_label=positive)
    else:
        threshold = _get_threshold(model, positive)
    return model, threshold, positive


def _get_threshold(model: Any, pos_label: Any) -> float | None:
    """Return the threshold of a model for the positive class; None if it has none."""
    own = None if getattr(model, "threshold", None) == "auto" else get_own_threshold(model)
    return own.value if own is not None and pos_label == model.classes_[own.position] else None


def _is_fitted(model: Any) -> bool:
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _find_positive(model: Any, pos_label: Any) -> Any:
    """Return the label of the positive class; None if it can't be determined among more than two classes."""
    check_classes_without_unlabeled(model)
    classes = np.asarray(getattr(model, "classes_", [])).tolist()
    if len(classes) != 2:
        if pos_label is not None and pos_label not in classes:
            raise ValueError(
                f"pos_label must be one of the classes of the model, {classes!r}, got {pos_label!r}. Leave it out."
            )
        return infer_pos_label(model) if pos_label is None else pos_label
    positive = find_pos_label(classes, pos_label, estimator=model, name="classes_")
    if isinstance(model, FixedThresholdClassifier) and model.threshold != "auto":
        predicted = classes[1] if model.pos_label is None else model.pos_label
        if predicted != positive:
            raise ValueError(
                f"model must have its threshold for the positive class {positive!r}, got a FixedThresholdClassifier "
                f"with one for {predicted!r}. Pass FixedThresholdClassifier(…, pos_label={positive!r})."
            )
    return positive


def _check_threshold(model: Any, threshold: Threshold | float, pos_label: Any) -> float:
    """Return the threshold as a number; raise an error if the model can't have it."""
    if isinstance(model, FixedThresholdClassifier):
        raise ValueError("threshold must not be given for a FixedThresholdClassifier, which has one. Set it there.")
    classes = np.asarray(getattr(model, "classes_", ())).tolist()
    if len(classes) < 2:
        raise ValueError(f"threshold must be left out if there are not two classes, got {len(classes)} of them.")
    if pos_label is None:
        raise ValueError(
            f"pos_label must name one of the classes {classes!r} for the threshold, got None. Pass it, such as "
            "pos_label='melanoma'."
        )
    cut = read_threshold(threshold)
    if hasattr(model, "predict_proba") and not 0 <= cut <= 1:
        raise ValueError(
            f"threshold must be a probability, in 0..1, because {type(model).__name__} has predict_proba, got {cut!r}. "
            "Divide percents by 100."
        )
    return cut
