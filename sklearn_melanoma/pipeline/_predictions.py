"""Predictions of a fitted model as a table, with the problems of images without a score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import NotFittedError

from sklearn_melanoma._validation import check_images, source_name
from sklearn_melanoma.inspection._models import choose_classes, compute_scores, find_decision
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.metrics._positive import find_pos_label
from sklearn_melanoma.metrics._threshold import read_threshold
from sklearn_melanoma.pipeline._image_pipeline import ImagePipeline
from sklearn_melanoma.pipeline._warnings import record_problems

if TYPE_CHECKING:
    import pandas as pd

# Attributes and steps that hold the model inside a model.
_INNER = ("estimator_", "estimator")


def get_image_pipeline(model: Any) -> ImagePipeline:
    """Return the image steps of a model, for example to change their number of processes.

    Parameters
    ----------
    model : estimator
        A pipeline of :func:`make_melanoma_pipeline`, or a :class:`~sklearn.model_selection.FixedThresholdClassifier` or
        :class:`~sklearn.frozen.FrozenEstimator` around it. :func:`~sklearn_melanoma.persistence.load_model` returns
        such models.

    Returns
    -------
    ImagePipeline
        The steps themselves, not a copy. Set `n_jobs`, `memory` and `on_error` by ``set_params``. They do not change
        the predictions.

    Raises
    ------
    ValueError
        If `model` does not begin with an :class:`ImagePipeline`.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.pipeline import get_image_pipeline
    >>> model = make_melanoma_pipeline()
    >>> _ = get_image_pipeline(model).set_params(on_error="skip")
    >>> model["features"].on_error
    'skip'
    """
    inner = model
    while inner is not None and not isinstance(inner, ImagePipeline):
        steps = getattr(inner, "steps", None)
        if steps:
            inner = steps[0][1]
        else:
            inner = next((found for name in _INNER if (found := getattr(inner, name, None)) is not None), None)
    if inner is None:
        raise ValueError(
            f"model must begin with an ImagePipeline, got {type(model).__name__} without one. "
            "Pass a pipeline of make_melanoma_pipeline."
        )
    return inner


def predict_images(
    model: Any,
    X: Any,
    *,
    threshold: Threshold | float | None = None,
    pos_label: Any = None,
    on_error: str | None = None,
) -> pd.DataFrame:
    """Predict images, and list the problems of images without a score.

    Parameters
    ----------
    model : classifier
        Fitted pipeline from images to a label, as :func:`~sklearn_melanoma.persistence.load_model` returns it.
    X : sequence of images
        Paths, arrays, PIL images or lesions, of any sizes. For a model with columns of the patient, a table.
    threshold : Threshold or float, optional
        Lowest score that counts as positive. Defaults to the threshold of the model. A model of more than two classes
        has none; for a saved one, :func:`~sklearn_melanoma.persistence.read_model_info` returns it.
    pos_label : label, optional
        Label of the positive class. Defaults to the positive class of the classifier, else to 1 or True for the labels
        0 and 1, or False and True. Required for other labels if the classifier defines no positive class.
    on_error : {"raise", "skip"}, optional
        Action if an image can't be read or measured. "raise" raises an error that names the image. "skip" gives the
        image a row without a score. Defaults to `on_error` of the image steps of the model, usually "raise".

    Returns
    -------
    DataFrame
        One row for each image, with its path or position as index.

        score : float
            Probability of the positive class; the decision function if the model has no probabilities, or its threshold
            is for the decision function. With more than two classes, there is a column ``score <class>`` for each class
            instead.
        label : object
            Predicted class. With two classes and a threshold, the class by the threshold; else, the class with the
            highest score.
        positive : bool
            Whether the score of the positive class is at or above the threshold; without a threshold, whether it is
            the highest. With more than two classes, only if `threshold` is given.
        problem : str
            "no lesion found", the error of a skipped image, or an empty text. An image with a problem has no score: its
            features are unknown, and the model would score a typical image instead.

    Raises
    ------
    NotFittedError
        If `model` is not a fitted classifier.
    ValueError, TypeError, OSError
        If an image can't be read, with ``on_error="raise"``.
    ValueError
        If `on_error` has another value, `pos_label` is not a class of the model, the positive class can't be
        determined, or `threshold` is not a finite number.

    See Also
    --------
    get_image_pipeline : The image steps of a model.

    Notes
    -----
    Several threads can predict with one model at the same time.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.pipeline import predict_images
    >>> lesions = make_lesions(20, random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> skin = np.full((60, 80, 3), 200, dtype=np.uint8)
    >>> table = predict_images(model, [lesions.images[0], skin, "gone.jpg"], on_error="skip")
    >>> table[["label", "positive"]]
      label positive
    0     0    False
    1   NaN      NaN
    2   NaN      NaN
    >>> for problem in table["problem"]:
    ...     print(repr(problem))
    ''
    'no lesion found'
    "could not open 'gone.jpg': No such file or directory"
    """
    import pandas as pd

    if on_error not in (None, "raise", "skip"):
        raise ValueError(f"on_error must be 'raise', 'skip' or None, got {on_error!r}.")
    if not hasattr(model, "classes_"):
        raise NotFittedError(f"model must be a fitted classifier, got {type(model).__name__}. Call its fit first.")
    images = check_images(_take_images(model, X))
    with record_problems(on_error) as problems:
        columns = _score_images(model, X, threshold, pos_label)
    names = [source_name(images[i]) for i in range(len(images))]
    scored = ~np.isin(np.arange(len(images)), list(problems))
    table = pd.DataFrame(columns, index=names if len(names) and all(names) else None)
    for name in table.columns:
        kind = table[name].dtype if name.startswith("score") else object  # labels with missing values stay labels
        table[name] = table[name].astype(kind).where(scored)
    table["problem"] = [problems.get(position, "") for position in range(len(images))]
    return table


def _take_images(model: Any, X: Any) -> Any:
    """Return the column of images of a table; return any other input unchanged."""
    image = getattr(get_image_pipeline(model), "image_", None) if hasattr(X, "columns") else None
    return X if image is None else X[image]


def _score_images(model: Any, X: Any, threshold: Threshold | float | None, pos_label: Any) -> dict[str, Any]:
    """Return the columns of scores and labels."""
    classes = np.asarray(model.classes_)
    labels = classes.tolist()
    cut = None if threshold is None else read_threshold(threshold)
    if len(labels) != 2:
        scores = np.asarray(model.predict_proba(X))
        columns = {f"score {label}": scores[:, column] for column, label in enumerate(labels)}
        columns["label"] = classes[scores.argmax(axis=1)]
        if cut is not None:
            pos_label = find_pos_label(labels, pos_label, estimator=model, name="classes_")
            columns["positive"] = scores[:, labels.index(pos_label)] >= cut
        return columns
    decision = find_decision(model, pos_label)
    scores, column = compute_scores(model, X, decision), labels.index(decision.pos_label)
    chosen = choose_classes(scores, decision)
    if cut is not None:
        chosen = np.where(scores[:, column] >= cut, column, 1 - column)
    return {"score": scores[:, column], "label": classes[chosen], "positive": chosen == column}
