"""Numbers of a report: scores, contributions, quality and neighbors of each image."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from sklearn_melanoma._typing import Array
from sklearn_melanoma._validation.labels import find_labeled, list_labels
from sklearn_melanoma.inspection._contributions import (
    Contributions,
    add_by_criterion,
    compute_contributions,
    find_criteria,
)
from sklearn_melanoma.inspection._image_data import ImageData
from sklearn_melanoma.inspection._models import Decision, ImageModel, compute_scores, drop_unknown_names, is_calibrated

N_NEIGHBORS = 3


class ReportData(ImageData):
    """Scores, contributions and neighbors of images, each computed at its first use.

    Parameters
    ----------
    X : sequence of images, or DataFrame
        Input of the model.
    model : ImageModel
        A fitted classifier of images.
    decision : Decision
        Its positive label, score and threshold.
    labels : ndarray of shape (n_images,), dtype int
        Number of the class of each image, -1 for unlabeled images.
    groups : ndarray of shape (n_images,), optional
        Lesion or patient of each image.
    """

    model: ImageModel

    def __init__(
        self,
        X: Any,
        model: ImageModel,
        decision: Decision,
        labels: NDArray[np.intp],
        groups: NDArray[Any] | None = None,
    ):
        super().__init__(X, model)
        self.decision = decision
        self.labels = labels[self.readable]
        self.groups = None if groups is None else groups[self.readable]

    @property
    def positive(self) -> int | None:
        """Number of the positive class, None without one."""
        return None if self.decision.pos_label is None else self.decision.classes.index(self.decision.pos_label)

    @cached_property
    def scores(self) -> Array:
        """Probability, or value of the decision function, of each class, of shape (n_readable, n_classes)."""
        if not len(self.readable):
            return np.empty((0, len(self.decision.classes)))
        return compute_scores(self.model.tabular, self.features, self.decision)

    @cached_property
    def score(self) -> Array:
        """Score of the positive class; without a positive class, the score of the predicted class."""
        return self.scores.max(axis=1) if self.positive is None else self.scores[:, self.positive]

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """Number of the predicted class."""
        if self.decision.threshold is None or self.positive is None:
            return self.scores.argmax(axis=1)
        return np.where(self.score >= self.decision.threshold, self.positive, 1 - self.positive)

    @property
    def truth(self) -> NDArray[np.intp]:
        """1 for the positive class, 0 for others, -1 for unlabeled images; all are -1 without a positive class."""
        if self.positive is None:
            return np.full(len(self.labels), -1)
        return np.where(self.labels < 0, -1, self.labels == self.positive)

    @property
    def is_calibrated(self) -> bool:
        """Whether the model calibrates its probabilities."""
        return is_calibrated(self.model.tabular)

    @cached_property
    def contributions(self) -> Contributions | None:
        """Contributions to the score of the positive (or predicted) class; None if the model is not linear."""
        return None if self._explained is None else self._explained.merge_learned()

    @cached_property
    def _explained(self) -> Contributions | None:
        """Contributions of all columns."""
        if not len(self.readable):
            return None
        explained = self.predicted if self.positive is None else np.full(len(self.readable), self.positive)
        return compute_contributions(self.model.tabular, self.parts, self.features, explained)

    @cached_property
    def by_criterion(self) -> tuple[list[str], Array]:
        """Criteria, and contributions of shape (n_readable, n_criteria)."""
        if self.contributions is None:
            return [], np.empty((len(self.readable), 0))
        criteria = find_criteria(self.contributions.names, self.model.patient_columns)
        return add_by_criterion(self.contributions.of_features, criteria)

    @cached_property
    def neighbors(self) -> tuple[NDArray[np.intp], Array]:
        """The most similar labeled lesions, -1 for none, and their distances, both of shape (n_readable, 3)."""
        found = ~self.flags["no_lesion"]
        return find_neighbors(self._scaled, (self.labels >= 0) & found, found, self.groups)

    @property
    def _scaled(self) -> Array:
        """The features as the classifier sees them."""
        if self._explained is not None:
            return self._explained.scaled
        table = self.features
        for step in self.parts[0].transformers if self.shown else ():
            table = step.transform(drop_unknown_names(step, table))
        return np.asarray(table, dtype=np.float64)


def find_neighbors(
    rows: Array, labeled: NDArray[np.bool_], asking: NDArray[np.bool_], groups: NDArray[Any] | None = None
) -> tuple[NDArray[np.intp], Array]:
    """Find the nearest labeled rows of each row, without itself and others of its group.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        The rows. Rows with NaN have no neighbors, and are not neighbors of others.
    labeled : ndarray of shape (n_rows,), dtype bool
        Rows that may be neighbors.
    asking : ndarray of shape (n_rows,), dtype bool
        Rows that get neighbors.
    groups : ndarray of shape (n_rows,), optional
        Lesion or patient of each row. By default, each row is a group.

    Returns
    -------
    neighbors : ndarray of shape (n_rows, 3), dtype int
        Their positions, the nearest first; -1 for none.
    distances : ndarray of shape (n_rows, 3)
        Euclidean distances; NaN for none.
    """
    neighbors, distances = np.full((len(rows), N_NEIGHBORS), -1), np.full((len(rows), N_NEIGHBORS), np.nan)
    known = ~np.isnan(rows).any(axis=1)
    candidates, askers = np.flatnonzero(labeled & known), np.flatnonzero(asking & known)
    if not len(candidates) or not len(askers):
        return neighbors, distances
    groups = np.arange(len(rows)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_wanted = min(N_NEIGHBORS + np.bincount(groups[candidates]).max(), len(candidates))
    search = NearestNeighbors(n_neighbors=n_wanted).fit(rows[candidates])
    for start in range(0, len(askers), 1000):
        chunk = askers[start : start + 1000]
        far, near = search.kneighbors(rows[chunk])
        near = candidates[near]
        other = groups[near] != groups[chunk][:, np.newaxis]
        for row, distance, position, kept in zip(chunk, far, near, other, strict=True):
            n_kept = min(np.count_nonzero(kept), N_NEIGHBORS)
            neighbors[row, :n_kept], distances[row, :n_kept] = position[kept][:n_kept], distance[kept][:n_kept]
    return neighbors, distances


def number_labels(y: Any, n_images: int, classes: list[Any]) -> NDArray[np.intp]:
    """Return the number of the class of each label; -1 for unlabeled images, and for all if `y` is None."""
    numbers = np.full(n_images, -1)
    if y is None:
        return numbers
    labeled, values = find_labeled(y), list(list_labels(y))
    if len(values) != n_images:
        raise ValueError(f"y must have one label for each of the {n_images} images, got {len(values)}.")
    for position in np.flatnonzero(labeled):
        value = values[position]
        if value not in classes:
            raise ValueError(
                f"y[{position}]: a label must be one of the classes of the model, {classes!r}, or -1, got {value!r}. "
                "Use the same labels in both."
            )
        numbers[position] = classes.index(value)
    return numbers
