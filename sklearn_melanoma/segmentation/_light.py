"""Uneven light on an image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._geometry import frame_of

# Light and the field of view vary slowly: blocks of 1/24 of the longest side suffice for both.
_BLOCKS = 24

# The powers of y and of x in the terms 1, x, y, x², y² and xy of a quadratic surface; the first three make a plane.
_OF_Y, _OF_X = [0, 0, 1, 0, 2, 1], [0, 1, 0, 2, 0, 1]

# Constant added to the diagonal of the normal equations, which are sums over hundreds of blocks.
_RIDGE = 1e-9


def flatten_light(gray: NDArray[np.float32], surround: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Divide gray images by the slowly varying light on the skin, as estimated by `fit_light`.

    Parameters
    ----------
    gray : ndarray of shape (..., height, width), dtype float32
        Gray levels, 0 to 255.
    surround : ndarray of shape (height, width), dtype bool, optional
        Pixels that show no skin.

    Returns
    -------
    ndarray of shape (..., height, width), dtype float32
        Gray levels under even light, dimensionless: 1 is the level of the skin.

    Examples
    --------
    >>> import numpy as np
    >>> slope = np.linspace(100, 200, 160, dtype=np.float32)
    >>> flat = flatten_light(np.tile(slope, (120, 1)))
    >>> bool(np.ptp(flat) < 0.05)
    True
    """
    return (gray + 1) / fit_light(gray, surround)


def fit_light(gray: NDArray[np.float32], surround: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    r"""Estimate the slowly varying light on the skin.

    The light is a quadratic surface, robustly fitted to the logarithm of the gray levels. A block
    darker than the surface by :math:`r` standard deviations has the weight :math:`1/(1 + r^2)`,
    since it is more likely a lesion than a shadow. If the surface is darker at the center of the image than along the
    frame, it was fitted to the lesion. A plane is then fitted instead, because it can't follow the lesion.

    Parameters
    ----------
    gray : ndarray of shape (..., height, width), dtype float32
        Gray levels, of one image or of several channels, 0 to 255.
    surround : ndarray of shape (height, width), dtype bool, optional
        Pixels that show no skin and are left out of the fit.

    Returns
    -------
    ndarray of shape (..., height, width), dtype float32
        The level that skin would have at each pixel, plus 1; above 0.

    Notes
    -----
    Without the plane, large lesions are mistaken for uneven light and vanish.

    Examples
    --------
    >>> import numpy as np
    >>> slope = np.linspace(100, 200, 160, dtype=np.float32)
    >>> light = fit_light(np.tile(slope, (120, 1)))
    >>> light[60, [0, 80, 159]].round(-1)
    array([100., 150., 200.], dtype=float32)
    """
    log_blocks = np.log(average_blocks(gray) + 1)
    visible = np.ones(log_blocks.shape[-2:], dtype=bool) if surround is None else average_blocks(surround) < 0.1
    if np.count_nonzero(visible) < 12:  # twice as many as a quadratic surface has coefficients
        visible[:] = True
    y, x = _compute_powers(gray.shape[-2:], _choose_block_size(gray.shape))
    terms = (y[_OF_Y, :, np.newaxis] * x[_OF_X, np.newaxis])[:, visible].astype(np.float64)
    values = log_blocks[..., visible]
    coefficients = np.zeros((*values.shape[:-1], 3, 3))
    coefficients[..., _OF_Y, _OF_X] = _fit_bright_surface(terms, values)
    surface = y.T @ coefficients @ x
    follows = surface[..., surface.shape[-2] // 2, surface.shape[-1] // 2] < frame_of(surface).mean(axis=-1)
    if follows.any():
        plane = np.zeros_like(coefficients[follows])
        plane[..., _OF_Y[:3], _OF_X[:3]] = _fit_bright_surface(terms[:3], values[follows])
        coefficients[follows] = plane
    y, x = _compute_powers(gray.shape[-2:], 1)
    return np.exp(y.T @ coefficients.astype(np.float32) @ x)


@lru_cache(maxsize=16)
def _compute_powers(shape: tuple[int, ...], step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return 1, y and y², and 1, x and x², at the centers of square blocks of `step` pixels."""
    y, x = ((((np.arange(n // step) + 0.5) * step - n / 2) / (max(shape) / 2)).astype(np.float32) for n in shape)
    return np.stack([y**0, y, y * y]), np.stack([x**0, x, x * x])


def _fit_bright_surface(terms: NDArray[np.float64], values: NDArray[np.float32]) -> NDArray[np.floating]:
    """Fit sums of terms to rows of values by iteratively reweighted least squares; dark values have low weights."""
    # On an image one block wide, some terms are identical. A small ridge keeps the equations solvable.
    ridge = _RIDGE * np.eye(len(terms))
    weights = np.ones(values.shape)
    for _ in range(10):
        weighted = terms * weights[..., np.newaxis, :]
        sides = weighted @ values[..., np.newaxis].astype(np.float64)
        coefficients = np.linalg.solve(weighted @ terms.T + ridge, sides)[..., 0]
        residuals = values - coefficients @ terms
        spread = upper_median(np.abs(residuals - upper_median(residuals, axis=-1)), axis=-1)
        weights = 1 / (1 + (np.minimum(residuals, 0) / (1.4826 * spread + 1e-3)) ** 2)
    return coefficients


def upper_median(values: NDArray[np.floating], axis: int | None = None) -> Any:
    """Return the median, or the upper one of the two middle values, at a fraction of the cost of numpy's.

    With an axis, it keeps its dimension.
    """
    half = (values.size if axis is None else values.shape[axis]) // 2
    ordered = np.partition(values, half, axis=axis)
    return float(ordered[half]) if axis is None else ordered.take([half], axis)


def _choose_block_size(shape: tuple[int, ...]) -> int:
    return min(max(round(max(shape[-2:]) / _BLOCKS), 1), *shape[-2:])


def average_blocks(array: NDArray[np.generic]) -> NDArray[np.float32]:
    """Average the square blocks of an image; remaining pixels at the right and at the bottom are dropped."""
    size = _choose_block_size(array.shape)
    *others, height, width = array.shape
    rows, columns = height // size, width // size
    # Rows are summed first, since their pixels are contiguous in memory.
    bands = array[..., : rows * size, : columns * size].reshape(*others, rows, size, columns * size)
    sums = bands.sum(axis=-2, dtype=np.float32).reshape(*others, rows, columns, size).sum(axis=-1)
    return sums / np.float32(size * size)
