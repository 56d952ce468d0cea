"""Scores smoothed over a graph of nearest neighbors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]

# Root mean square of what is left of the way, relative to the scores: far below what changes an order.
TOLERANCE = 1e-6


def link_neighbors(distances: Array, neighbors: NDArray[np.integer]) -> sparse.csr_array:
    r"""Link each row of a table to its nearest neighbors, and normalize.

    The heat kernel :math:`W_{ij} = e^{-d_{ij}^2 / h}` where :math:`j` is a neighbor of :math:`i` or :math:`i` one of
    :math:`j`, 0 elsewhere; the mean of the squared distances is :math:`h`, so that no unit matters. Then
    :math:`S = D^{-1/2} W D^{-1/2}` with the row sums of :math:`W` on the diagonal of :math:`D`; the normalized
    Laplacian is :math:`I - S`.

    Parameters
    ----------
    distances : ndarray of shape (n_rows, n_neighbors)
        From each row to its neighbors.
    neighbors : ndarray of shape (n_rows, n_neighbors), dtype int
        Their positions; a row is none of its own.

    Returns
    -------
    csr_array of shape (n_rows, n_rows)
        :math:`S`, symmetric, with eigenvalues from -1 to 1. A row too far away for any weight has no links.

    Examples
    --------
    >>> import numpy as np
    >>> link_neighbors(np.ones((3, 1)), np.array([[1], [0], [1]])).toarray().round(2)
    array([[0.  , 0.71, 0.  ],
           [0.71, 0.  , 0.71],
           [0.  , 0.71, 0.  ]])
    """
    n_rows, n_neighbors = neighbors.shape
    squares = distances**2
    weights = np.exp(-squares / (squares.mean() or 1.0))  # 0 where all rows are the same
    starts = np.arange(0, n_rows * n_neighbors + 1, n_neighbors)
    directed = sparse.csr_array((weights.ravel(), neighbors.ravel(), starts), shape=(n_rows, n_rows))
    graph = directed.maximum(directed.T)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    roots = np.where(degrees > 0, degrees, 1.0) ** -0.5
    return sparse.csr_array(graph.multiply(roots[:, np.newaxis]).multiply(roots))


def smooth_scores(graph: sparse.csr_array, scores: Array, alpha: float) -> Array:
    r"""Draw the scores of linked rows towards each other.

    The fixed point of :math:`F = \alpha S F + (1 - \alpha) Y`, which minimizes

    .. math:: \frac{\alpha}{2} \sum_{ij} W_{ij} \left(\frac{F_i}{\sqrt{D_{ii}}} - \frac{F_j}{\sqrt{D_{jj}}}\right)^2
        + (1 - \alpha) \sum_i (F_i - Y_i)^2,

    found by repeating it: the distance to it shrinks by :math:`\alpha` each time, and is at most
    :math:`\alpha / (1 - \alpha)` times the last step. It ends at :math:`10^{-6}` of the length of :math:`Y`.

    Parameters
    ----------
    graph : csr_array of shape (n_rows, n_rows)
        :math:`S`, from `link_neighbors`.
    scores : ndarray of shape (n_rows,)
        :math:`Y`.
    alpha : float
        Weight of the neighbors, from 0 (the scores as they are) to below 1.

    Returns
    -------
    ndarray of shape (n_rows,)
        :math:`F`.

    References
    ----------
    D. Zhou et al., Learning with local and global consistency, Advances in Neural Information Processing Systems 16,
    321-328, 2004.

    Examples
    --------
    >>> import numpy as np
    >>> pair = link_neighbors(np.ones((2, 1)), np.array([[1], [0]]))
    >>> smooth_scores(pair, np.array([0.0, 3.0]), 0.5).round(4)
    array([1., 2.])
    """
    enough = TOLERANCE * float(np.linalg.norm(scores))
    smoothed = scores
    while True:
        last, smoothed = smoothed, alpha * (graph @ smoothed) + (1 - alpha) * scores
        if alpha * float(np.linalg.norm(smoothed - last)) <= (1 - alpha) * enough:
            return smoothed
