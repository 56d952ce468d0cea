"""The labeled samples, and scores of classifiers on them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d, indexable

from sklearn_melanoma._sklearn_compat import safe_indexing
from sklearn_melanoma._typing import Array
from sklearn_melanoma.model_selection._labels import read_labels, take_labels
from sklearn_melanoma.semi_supervised._rows import check_rows


class LabeledPart(NamedTuple):
    """The labeled samples.

    Parameters
    ----------
    X : sequence of samples
        The labeled samples.
    y : ndarray
        Their labels.
    params : dict
        Other arguments of `fit` or `score`. Those with one value for each sample are reduced to the labeled samples.
    n_samples : int
        Number of all samples, labeled and unlabeled.
    """

    X: Any
    y: NDArray[Any]
    params: dict[str, Any]
    n_samples: int


def select_labeled(X: Any, y: Any, **params: Any) -> LabeledPart:
    """Return the labeled samples with their labels, and the metadata that belongs to them.

    Parameters
    ----------
    X : sequence of samples
        A table, an array, a sparse matrix or a sequence of images.
    y : array-like of shape (n_samples,)
        Labels, -1 for unlabeled samples.
    **params : dict
        Metadata by name. None is left out. `sample_weight` and `groups` must have one value for each sample.

    Returns
    -------
    LabeledPart
        All samples if all are labeled.

    Raises
    ------
    ValueError
        If the lengths differ, or `y` holds anything that is not a label.
    """
    labels, labeled = read_labels(y)
    labels = column_or_1d(labels, warn=True)
    (X,) = indexable(X)  # a format of sparse matrices that has rows
    given = {name: value for name, value in params.items() if value is not None}
    check_consistent_length(X, labels, *(given[name] for name in ("sample_weight", "groups") if name in given))
    positions = np.flatnonzero(labeled)
    own = take_labels(labels, positions)
    if labeled.all():
        return LabeledPart(X, own, given, len(labels))
    parts = {name: _take(value, positions, len(labels)) for name, value in given.items()}
    return LabeledPart(safe_indexing(X, positions), own, parts, len(labels))


def _take(value: Any, positions: NDArray[np.intp], n_samples: int) -> Any:
    """Return the values of some samples, or the object itself if it does not have one value for each sample."""
    is_sequence = hasattr(value, "shape") or isinstance(value, list | tuple)
    if not is_sequence or (hasattr(value, "shape") and not value.shape):
        return value
    n_values = value.shape[0] if hasattr(value, "shape") else len(value)
    return safe_indexing(value, positions) if n_values == n_samples else value


def check_samples(estimator: Any, X: Any, y: Any) -> tuple[Array, NDArray[Any], NDArray[np.bool_]]:
    """Return the checked table, the labels, and which samples are labeled."""
    labels, labeled = read_labels(y)
    rows, labels = check_rows(estimator, X, labels)
    return rows, labels, labeled


def check_classes(own: NDArray[Any], n_samples: int, estimator: Any) -> None:
    """Raise an error if the labels `own` are of fewer than two classes."""
    found = np.unique(own).tolist()
    if len(found) > 1:
        return
    if type(estimator).__name__ == "LabeledOnlyClassifier":
        estimator = estimator.estimator
    name = type(estimator).__name__
    if not found:
        raise ValueError(
            f"y must hold labels for {name}, got none in {n_samples} samples. Label some of each class. "
            "make_melanoma_pipeline('all') has a classifier that needs none: "
            "PriorLogisticRegression(prior, classes=(0, 1))."
        )
    raise ValueError(
        f"y must hold labels of two classes at least for {name}, got {len(found)} class(es): {found!r}. "
        "Label some of each. -1 means unlabeled; a class needs another label, such as 0."
    )


class LabeledScoreMixin:
    """A `score` that leaves out unlabeled samples; goes before `ClassifierMixin`."""

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy on the labeled samples.

        Parameters
        ----------
        X : sequence of samples
            Input of the classifier.
        y : array-like of shape (n_samples,)
            True labels, -1 for unlabeled samples, which are left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        float
            Fraction of the labeled samples that are predicted correctly.

        Raises
        ------
        ValueError
            If nothing is labeled, or a missing label is not -1.
        """
        part = select_labeled(X, y, sample_weight=sample_weight)
        check_scored(part)
        return float(super().score(part.X, part.y, **part.params))  # type: ignore[misc]


def check_scored(part: LabeledPart) -> None:
    """Raise an error if there is nothing to score."""
    if not len(part.y):
        raise ValueError(
            f"y must hold at least one label to score, got none in {part.n_samples} samples. Pass the true labels."
        )
