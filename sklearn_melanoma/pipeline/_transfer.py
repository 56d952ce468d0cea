"""Transfer of a fitted pipeline to another kind of images."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._base import list_steps
from sklearn_melanoma.inspection._models import is_linear
from sklearn_melanoma.metrics._positive import find_pos_label
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.semi_supervised._prior import split_priors
from sklearn_melanoma.semi_supervised._prior_logistic_regression import PriorLogisticRegression


def transfer_pipeline(
    model: Pipeline, X_new: Any, y_few: ArrayLike | None = None, *, pos_label: Any = None
) -> Pipeline:
    """Transfer a fitted pipeline to another kind of images, with few or no labels.

    All steps between the features and the classifier, such as imputing and scaling, are fitted to the new images.
    The classifier becomes a :class:`PriorLogisticRegression`. Its priors are the prior of the old classifier, if that
    has one, and the weights that the old classifier learned. A prior has more weight if it fits the new labels better.
    The labels then correct the weighted mean. Without labels, all priors have the same weight.

    Parameters
    ----------
    model : Pipeline
        A pipeline that was fitted to the old images, for example from
        :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline`. Its last step is a linear classifier of two or more
        classes. It is not changed.
    X_new : sequence of images
        The new images, labeled and unlabeled. For a model of tables, a table with the columns of the old one.
    y_few : array-like of shape (n_images,), default=None
        Labels of the new images, among the classes of the model; the integer -1 is a missing label. None means that
        all images are unlabeled.
    pos_label : label, optional
        Label of the positive class of two. Defaults to the positive class of the old classifier, else to 1 or True for
        the labels 0 and 1, or False and True. It must be given for other labels.

    Returns
    -------
    Pipeline
        A pipeline with the same names of steps, fitted to the new images. Its
        :class:`~sklearn_melanoma.pipeline.ImagePipeline` is frozen, because weights are valid only for features that
        are computed in the same way. It can be cross-validated on the new images. It can also be transferred again;
        each transfer adds a prior.

    Raises
    ------
    ValueError, TypeError
        If `model` is not a Pipeline, is not fitted, or does not end in a linear classifier on named columns. If a step
        before the classifier makes other columns, like PCA. If the positive one of two classes can't be determined, or
        images or labels are not as described.

    See Also
    --------
    PriorLogisticRegression : The new classifier. If the old one is of this class, the new one keeps its parameters.

    Notes
    -----
    Between all tested data sets, the transferred model was better than learning from few labels alone. For images of
    the same kind, it was also better than the prior directions alone, but worse than the old model without changes. So
    images of the same kind need no transfer. :doc:`/benchmarks/transfer` has the numbers and the limits.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> from sklearn_melanoma.pipeline import transfer_pipeline
    >>> here, there = make_lesions(20, random_state=0), make_lesions(12, hair=0.8, random_state=1)
    >>> model = make_melanoma_pipeline().fit(here.images, here.target)
    >>> few = hide_labels(there.target, 2, random_state=0)
    >>> transferred = transfer_pipeline(model, there.images, few)
    >>> transferred.predict_proba(there.images).shape
    (12, 2)
    >>> transferred["classify"].prior_weights_.shape  # the prior, and the weights learned from 20 images
    (2,)
    """
    _check_model(model)
    model = deepcopy(model)  # the caller may fit the original model again
    *steps, (name, old) = model.steps
    priors = [FrozenEstimator(old)]
    if isinstance(old, PriorLogisticRegression):
        new, priors = clone(old), split_priors(old.prior) + priors
    else:
        new = PriorLogisticRegression()
    if new.classes is None:
        new.set_params(classes=_order_classes(old, pos_label))
    new_steps = [
        (key, FrozenEstimator(step) if isinstance(step, ImagePipeline) else clone(step, safe=False))
        for key, step in steps
    ]
    labels = np.full(len(X_new), -1) if y_few is None else y_few
    return Pipeline([*new_steps, (name, new.set_params(prior=priors))]).fit(X_new, labels)


def _order_classes(classifier: Any, pos_label: Any) -> list[Any]:
    """Return the classes of a classifier; the positive one of two classes is the second."""
    classes: list[Any] = classifier.classes_.tolist()
    if len(classes) > 2:
        return classes
    positive = find_pos_label(classes, pos_label, estimator=classifier)
    return sorted(classes, key=lambda label: label == positive)


def _check_model(model: Any) -> None:
    """Raise an error if the weights of a model can't be transferred."""
    if not isinstance(model, Pipeline):
        raise TypeError(f"model must be a Pipeline, got {model!r}. make_melanoma_pipeline makes one.")
    check_is_fitted(model)
    last = model[-1]
    if not is_linear(last) or len(last.classes_) < 2:
        raise ValueError(
            f"model must end in a linear classifier with weights for each class, got {last!r}. "
            "Fit one, such as that of make_melanoma_pipeline('all')."
        )
    if not hasattr(last, "feature_names_in_"):
        raise ValueError(
            f"model must know the names of its columns, got {type(last).__name__} fitted without. "
            "Call set_output(transform='pandas') on the pipeline, and fit it to images or a DataFrame."
        )
    _, first = list_steps(model)[0]
    measured = getattr(first, "feature_names_in_", None)
    if measured is None:
        measured = first.get_feature_names_out()
    made = sorted(set(last.feature_names_in_) - set(measured))
    if made:
        raise ValueError(
            f"model must have weights of features, got {made[0]!r}, which a step before the classifier makes. "
            "Leave that step out: fitted to other images, it makes a column of the same name and another meaning."
        )
