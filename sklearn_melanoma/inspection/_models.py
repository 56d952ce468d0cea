"""Parts of a fitted model: image steps, classifier of rows, threshold and linear classifiers."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._base import list_steps, split_first_step
from sklearn_melanoma._sklearn_compat import get_tuned_label
from sklearn_melanoma._typing import Array
from sklearn_melanoma.metrics._positive import find_pos_label, get_pos_label

# Attribute with the classifier inside, by the name of the class, for estimators that only forward to it. The classes
# are recognized by name, because modules of inspection don't import modules of semi_supervised.
_FORWARDERS = {
    "FixedThresholdClassifier": ("estimator_", "estimator"),  # the second one if it was not fitted itself
    "TunedThresholdClassifierCV": ("estimator_",),
    "FrozenEstimator": ("estimator",),
    "LabeledOnlyClassifier": ("estimator_",),
    "SelfTrainingClassifier": ("estimator_",),
    "BaseSearchCV": ("best_estimator_",),
}


_DEFAULT_THRESHOLDS = {"predict_proba": 0.5, "decision_function": 0.0}


class ImageModel(NamedTuple):
    """A fitted classifier of images, in two parts."""

    images: Any  # the image pipeline, from images to rows of features
    tabular: Any  # the same classifier for rows of features, with the same fitted parts

    @property
    def steps(self) -> list[Any]:
        """Steps from an image to its row of features."""
        return [step for _, step in list_steps(self.images)]

    @property
    def names(self) -> list[str]:
        """Names of the features."""
        return list(map(str, self.images.get_feature_names_out()))

    @property
    def takes_table(self) -> bool:
        """Whether the model takes a table with a column of images, and not a sequence of images."""
        return hasattr(self.images, "image_")

    @property
    def patient_columns(self) -> list[str]:
        """Columns of the patient that the model takes beside the image."""
        return list(getattr(self.images, "categories_", ()))


class TablePart(NamedTuple):
    """A fitted classifier, and the transformers between the feature table and it."""

    transformers: list[Any]
    classifier: Any


class OwnThreshold(NamedTuple):
    """Threshold of a model, and the score to which it applies."""

    position: int  # of the class that is predicted at or above the threshold
    value: float
    method: str  # predict_proba or decision_function


class Decision(NamedTuple):
    """Positive label, score and threshold with which a model decides."""

    classes: list[Any]
    pos_label: Any  # None for more than two classes without a named one
    method: str  # predict_proba or decision_function
    threshold: float | None  # None if there is no positive class
    own: OwnThreshold | None  # threshold of the model, which may be for the other class


def split_model(model: Any) -> ImageModel:
    """Split a fitted classifier of images into its image steps and the same classifier for rows of features.

    Parameters
    ----------
    model : estimator
        A :class:`~sklearn.pipeline.Pipeline` whose first step is an image pipeline, or a calibration, threshold, search
        or :class:`~sklearn.frozen.FrozenEstimator` around it.

    Returns
    -------
    ImageModel
        Both parts.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the image steps can't be found.
    ValueError
        If a calibrated classifier has copies of the model whose image steps learned from different images.
    """
    if not hasattr(model, "fit") or isinstance(model, type) or not is_classifier(model):
        raise TypeError(f"model must be a fitted classifier of images, got {model!r}.")
    pipelines: list[Any] = []
    tabular = _take_out_images(model, pipelines)
    if len(pipelines) > 1 and get_tags(pipelines[0]).requires_fit:
        raise ValueError(
            "model must have one set of image steps, got calibrated copies whose image steps learned from different "
            "images. Calibrate one fitted model: CalibratedClassifierCV(FrozenEstimator(model))."
        )
    return ImageModel(pipelines[0], tabular)


def _take_out_images(model: Any, pipelines: list[Any]) -> Any:
    """Return the model without its image steps, which are appended to `pipelines`; nothing fitted is copied."""
    if isinstance(model, Pipeline):
        check_is_fitted(model)
        images, tabular = split_first_step(model)
        if hasattr(images, "batch_size") and get_tags(images).input_tags.string:
            pipelines.append(images)
            return tabular
    elif attribute := find_inner(model):  # this check is first, because it has the attributes of the estimator inside
        fitted = copy(model)
        vars(fitted)[attribute] = _take_out_images(getattr(model, attribute), pipelines)
        return fitted
    elif calibrated := getattr(model, "calibrated_classifiers_", None):
        fitted = copy(model)
        fitted.calibrated_classifiers_ = [copy(each) for each in calibrated]
        for each in fitted.calibrated_classifiers_:
            each.estimator = _take_out_images(each.estimator, pipelines)
        return fitted
    else:
        check_is_fitted(model)
    raise TypeError(
        "model must be a Pipeline whose first step is an ImagePipeline, or a search, threshold or calibration around "
        f"one, got {type(model).__name__}. Make one by make_melanoma_pipeline."
    )


def find_inner(model: Any) -> str | None:
    """Return the attribute that holds the fitted estimator to which another one forwards.

    Parameters
    ----------
    model : estimator
        Any fitted estimator.

    Returns
    -------
    str or None
        The attribute; None for an estimator that does not forward.
    """
    for base in type(model).__mro__:
        for attribute in _FORWARDERS.get(base.__name__, ()):
            if hasattr(model, attribute):
                return attribute
    return None


def find_decision(model: Any, pos_label: Any = None) -> Decision:
    """Find how a fitted model decides.

    Parameters
    ----------
    model : estimator
        A fitted classifier.
    pos_label : label, optional
        The positive class. Defaults to the positive class of the classifier.

    Returns
    -------
    Decision
        The decision. Its threshold is that of the model, else 0.5 for a probability and 0 for a decision function.

    Raises
    ------
    ValueError
        If `pos_label` is not one of the classes, or the positive one of two classes can't be determined.
    """
    classes = np.asarray(model.classes_).tolist()
    positive = get_pos_label(model) if pos_label is None else pos_label
    if len(classes) == 2 or positive is not None:
        positive = find_pos_label(classes, positive, name="classes_")
    if len(classes) > 2:
        return Decision(classes, positive, find_method(model), None, None)
    own = next((own for part in _walk(model) if (own := get_own_threshold(part)) is not None), None)
    if own is None:
        method = find_method(model)
        return Decision(classes, positive, method, _DEFAULT_THRESHOLDS[method], None)
    turned = 1 - own.value if own.method == "predict_proba" else -own.value  # on the score of the other class
    return Decision(classes, positive, own.method, own.value if classes[own.position] == positive else turned, own)


def get_own_threshold(model: Any) -> OwnThreshold | None:
    """Return the threshold of a fitted threshold classifier of two classes; None for any other model."""
    bases = {base.__name__ for base in type(model).__mro__}
    if "FixedThresholdClassifier" in bases:
        value, label = model.threshold, model.pos_label
    elif "TunedThresholdClassifierCV" in bases:
        value, label = model.best_threshold_, get_tuned_label(model)
    else:
        return None
    method = find_method(model) if model.response_method == "auto" else model.response_method
    value = _DEFAULT_THRESHOLDS[method] if value == "auto" else float(value)
    classes = np.asarray(model.classes_).tolist()
    position = 1 if label is None else classes.index(find_pos_label(classes, label, name="classes_"))
    return OwnThreshold(position, value, method)


def find_method(model: Any) -> str:
    """Return the method that gives the scores of a classifier."""
    return "predict_proba" if hasattr(model, "predict_proba") else "decision_function"


def choose_classes(scores: Array, decision: Decision) -> NDArray[np.intp]:
    """Return the positions of the predicted classes, from the scores of each class, as `predict` of the model does."""
    if decision.own is None:
        return scores.argmax(axis=1)
    position = decision.own.position
    return np.where(scores[:, position] >= decision.own.value, position, 1 - position)


def _walk(model: Any) -> Iterator[Any]:
    """Yield a model and the estimators inside it, as far as each forwards to the next."""
    while model is not None:
        yield model
        if isinstance(model, Pipeline):
            model = model.steps[-1][1]
        else:
            model = getattr(model, attribute) if (attribute := find_inner(model)) else None


def compute_scores(model: Any, table: Any, decision: Decision) -> Array:
    """Return the probability, or value of the decision function, of each class, of shape (n_samples, n_classes)."""
    scores = np.asarray(getattr(model, decision.method)(table), dtype=np.float64)
    return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


def compute_decisions(model: Any, table: Any, explained: NDArray[np.intp]) -> Array:
    """Return the decision function of one class for each sample; for two classes without one, the log-odds."""
    if hasattr(model, "decision_function"):
        decision = np.asarray(model.decision_function(table), dtype=np.float64)
    else:
        decision = logit(np.asarray(model.predict_proba(table), dtype=np.float64)[:, 1])
    if decision.ndim == 1:
        decision = np.column_stack([-decision, decision])
    return decision[np.arange(len(decision)), explained]


def find_parts(model: Any) -> list[TablePart]:
    """Return the classifiers inside a fitted model for rows of features; several if it is calibrated in folds.

    Parameters
    ----------
    model : estimator
        A fitted classifier of rows.

    Returns
    -------
    list of TablePart
        At least one.
    """
    if isinstance(model, Pipeline):
        before = _list_steps(model[:-1])
        return [TablePart(before + part.transformers, part.classifier) for part in find_parts(model.steps[-1][1])]
    if attribute := find_inner(model):
        return find_parts(getattr(model, attribute))
    if calibrated := getattr(model, "calibrated_classifiers_", None):
        return [part for each in calibrated for part in find_parts(each.estimator)]
    return [TablePart([], model)]


def _list_steps(transformer: Any) -> list[Any]:
    """Return the transformers inside a pipeline, one after the other; for a transformer, itself."""
    if isinstance(transformer, Pipeline):
        return [step for _, each in list_steps(transformer) for step in _list_steps(each)]
    return [transformer]


def is_linear(classifier: Any) -> bool:
    """Return whether a fitted classifier has a row of weights for each class, or a single row for two classes."""
    if not all(hasattr(classifier, name) for name in ("classes_", "coef_", "intercept_", "decision_function")):
        return False
    n_classes = len(classifier.classes_)
    if n_classes > 2 and hasattr(classifier, "n_support_"):  # an SVC has weights for each pair of classes
        return False
    return len(np.atleast_2d(classifier.coef_)) == (1 if n_classes == 2 else n_classes)


def drop_unknown_names(estimator: Any, table: Any) -> Any:
    """Return an array if the estimator was fitted to one, like the estimator inside a self-training."""
    return table if hasattr(estimator, "feature_names_in_") else np.asarray(table)


def is_calibrated(model: Any) -> bool:
    """Return whether a fitted model calibrates its probabilities."""
    return any(hasattr(part, "calibrated_classifiers_") for part in _walk(model))


def compare_with_training(part: TablePart, table: Any) -> tuple[Array, Array] | None:
    """Compare rows of features with the distribution of the training images, if the model keeps it.

    Parameters
    ----------
    part : TablePart
        A classifier and its transformers.
    table : DataFrame of shape (n_samples, n_features)
        Rows of features.

    Returns
    -------
    tuple or None
        First, the fraction of features outside the range of the training images, of shape (n_samples,). Second, the
        percentiles among the training images, of shape (n_samples, n_features), NaN for a block of learned features.
        None without a :class:`~sklearn.preprocessing.QuantileTransformer` of all other columns.
    """
    for step in part.transformers:
        if isinstance(step, QuantileTransformer):
            return _compare_with_quantiles(step, np.asarray(table, dtype=np.float64))
        if hasattr(step, "is_block_"):  # a BlockScaler; inspection does not import pipelines
            others = np.flatnonzero(~step.is_block_)
            inner = part._replace(transformers=_list_steps(step.scaler_))
            if (found := compare_with_training(inner, np.asarray(table)[:, others])) is None:
                return None
            percentiles = np.full(np.shape(table), np.nan)
            percentiles[:, others] = found[1]
            return found[0], percentiles
        table = step.transform(drop_unknown_names(step, table))
    return None


def _compare_with_quantiles(step: QuantileTransformer, rows: Array) -> tuple[Array, Array] | None:
    quantiles = step.quantiles_
    if rows.shape[1] != quantiles.shape[1]:
        return None
    beyond = (rows < quantiles[0]) | (rows > quantiles[-1])
    percentiles = [
        50 * (np.interp(values, known, step.references_) + 1 - np.interp(-values, -known[::-1], step.references_))
        for values, known in zip(rows.T, quantiles.T, strict=True)
    ]
    return beyond.mean(axis=1), np.transpose(percentiles)
