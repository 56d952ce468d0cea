"""Directions in a table in which lesions differ more than views of one lesion do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from sklearn_melanoma._typing import Array


class Projection(NamedTuple):
    """What takes rows to a few directions.

    Parameters
    ----------
    filling : ndarray of shape (n_features,)
        What stands for NaN: the median of each column.
    mean, scale : ndarray of shape (n_features,)
        Mean and standard deviation of each column.
    directions : ndarray of shape (n_features, n_components)
        Weights of the standardized columns.
    ratios : ndarray of shape (n_components,)
        Variance between lesions over that between views of one lesion, largest first.
    """

    filling: Array
    mean: Array
    scale: Array
    directions: Array
    ratios: Array

    def apply(self, rows: Array) -> Array:
        """Return rows of shape (…, n_components) for rows of shape (…, n_features)."""
        return (np.where(np.isnan(rows), self.filling, rows) - self.mean) / self.scale @ self.directions


def find_projection(rows: Array, n_components: int, *, shrinkage: float) -> Projection:
    r"""Find the directions in which lesions differ most, next to views of one lesion.

    Linear discriminant analysis with the lesion as the class: the :math:`v` that maximize
    :math:`v^T B v / v^T W v`, with :math:`B` the covariance of the mean rows of the lesions and
    :math:`W = (1 - \alpha) S + \alpha \, \mathrm{tr}(S) / d \; I`, with the covariance :math:`S` of the
    rows around the mean of their lesion, all in standardized columns. :math:`v^T W v = 1`, so that
    the views of a lesion scatter alike in all directions.

    Parameters
    ----------
    rows : ndarray of shape (n_lesions, n_views, n_features)
        At least two lesions and two views; NaN where a measure is missing.
    n_components : int
        Number of directions, at most `n_features`.
    shrinkage : float
        :math:`\alpha`, above 0 and at most 1.

    Returns
    -------
    Projection
        What takes other rows there.
    """
    n_lesions, n_views, n_features = rows.shape
    flat = rows.reshape(-1, n_features)
    known = ~np.isnan(flat).all(axis=0)
    filling = np.zeros(n_features)
    filling[known] = np.nanmedian(flat[:, known], axis=0)
    filled = np.where(np.isnan(rows), filling, rows)
    mean, scale = filled.mean(axis=(0, 1)), filled.std(axis=(0, 1))
    scale = np.where(scale > 1e-12 * np.maximum(abs(mean), 1), scale, 1)  # constant but for rounding
    standard = (filled - mean) / scale
    centers = standard.mean(axis=1)
    apart = (standard - centers[:, np.newaxis]).reshape(-1, n_features)
    within = apart.T @ apart / (n_lesions * (n_views - 1))
    level = np.trace(within) / n_features or 1.0
    within = (1 - shrinkage) * within + shrinkage * level * np.eye(n_features)
    ratios, directions = linalg.eigh(centers.T @ centers / n_lesions, within)
    ratios, directions = ratios[::-1][:n_components], directions[:, ::-1][:, :n_components]
    # An eigenvector and its opposite are the same: the largest weight is positive.
    largest = directions[abs(directions).argmax(axis=0), np.arange(n_components)]
    return Projection(filling, mean, scale, directions * np.where(largest < 0, -1, 1), ratios)
