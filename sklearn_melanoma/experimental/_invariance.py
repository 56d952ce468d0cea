"""Linear projection of features to directions in which lesions differ more than copies of one lesion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import linalg

from sklearn_melanoma._typing import Array


class Projection(NamedTuple):
    """Linear projection of rows to a few directions.

    Parameters
    ----------
    filling : ndarray of shape (n_features,)
        Median of each column, which replaces NaN.
    mean, scale : ndarray of shape (n_features,)
        Mean and standard deviation of each column.
    directions : ndarray of shape (n_features, n_components)
        Weights of the standardized columns.
    ratios : ndarray of shape (n_components,)
        Variance between lesions over the variance between copies of one lesion, largest first.
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
    r"""Find the directions in which lesions differ most, relative to augmented copies of one lesion.

    This is linear discriminant analysis with the lesion as the class. The directions :math:`v` maximize
    :math:`v^T B v / v^T W v`, where :math:`B` is the covariance of the mean rows of the lesions,
    :math:`W = (1 - \alpha) S + \alpha \, \mathrm{tr}(S) / d \; I`, and :math:`S` is the covariance of the
    rows around the mean of their lesion. All columns are standardized. :math:`v^T W v = 1`, so that
    the copies of a lesion have the same variance in all directions.

    Parameters
    ----------
    rows : ndarray of shape (n_lesions, n_copies, n_features)
        At least two lesions and two rows per lesion (the lesion and its copies); NaN for a missing feature.
    n_components : int
        Number of directions, at most `n_features`.
    shrinkage : float
        :math:`\alpha`, above 0 and at most 1.

    Returns
    -------
    Projection
        Projection, which can also be applied to other rows.
    """
    n_lesions, n_copies, n_features = rows.shape
    flat = rows.reshape(-1, n_features)
    known = ~np.isnan(flat).all(axis=0)
    filling = np.zeros(n_features)
    filling[known] = np.nanmedian(flat[:, known], axis=0)
    filled = np.where(np.isnan(rows), filling, rows)
    mean, scale = filled.mean(axis=(0, 1)), filled.std(axis=(0, 1))
    scale = np.where(scale > 1e-12 * np.maximum(abs(mean), 1), scale, 1)  # constant except for rounding
    standard = (filled - mean) / scale
    centers = standard.mean(axis=1)
    residuals = (standard - centers[:, np.newaxis]).reshape(-1, n_features)
    within = residuals.T @ residuals / (n_lesions * (n_copies - 1))
    level = np.trace(within) / n_features or 1.0
    within = (1 - shrinkage) * within + shrinkage * level * np.eye(n_features)
    ratios, directions = linalg.eigh(centers.T @ centers / n_lesions, within)
    ratios, directions = ratios[::-1][:n_components], directions[:, ::-1][:, :n_components]
    # An eigenvector has an arbitrary sign: make the largest weight positive.
    largest = directions[abs(directions).argmax(axis=0), np.arange(n_components)]
    return Projection(filling, mean, scale, directions * np.where(largest < 0, -1, 1), ratios)
