"""Zernike moments of a mask."""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial, pi

import numpy as np
from numpy.typing import NDArray

# At higher orders, cancellation among the coefficients of the polynomials exceeds the precision of float64.
_HIGHEST_ORDER = 20


def zernike_magnitudes(
    mask: NDArray[np.bool_], row: float, column: float, radius: float, order: int
) -> dict[tuple[int, int], float]:
    r"""Return the magnitudes of the Zernike moments of a mask in a circle, by order and repetition.

    With polar coordinates :math:`(\rho, \theta)` around the center, in units of the radius :math:`R`, the moment is
    :math:`Z_{nm} = \frac{n+1}{\pi R^2} \sum R_{nm}(\rho)\, e^{im\theta}` over the pixels [1]_. Its magnitude does not
    change when the mask is rotated or mirrored. A disk has 1 at ``(0, 0)`` and 0 elsewhere.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        All True pixels lie in the circle.
    row, column, radius : float
        Center and radius of the circle.
    order : int
        Highest order :math:`n`, 0 to 20.

    Returns
    -------
    dict
        :math:`|Z_{nm}|`, dimensionless, by ``(n, m)`` with :math:`0 \le m \le n` and even :math:`n - m`.

    Raises
    ------
    ValueError
        If `order` is out of range.

    References
    ----------
    .. [1] M. R. Teague, "Image analysis via the general theory of moments", Journal of the Optical Society of America
           70, 920-930, 1980.
    """
    if order not in range(_HIGHEST_ORDER + 1):
        raise ValueError(f"order must be a whole number from 0 to {_HIGHEST_ORDER}, got {order!r}.")
    height, width = mask.shape
    rows = np.vander((np.arange(height) - row) / radius, order + 1, increasing=True)
    columns = np.vander((np.arange(width) - column) / radius, order + 1, increasing=True)
    moments = rows.T @ (mask.astype(np.float64) @ columns)
    names, polynomials = _build_polynomials(order)
    magnitudes = np.abs(np.tensordot(polynomials, moments, 2)) / (pi * radius**2)
    return dict(zip(names, magnitudes.tolist(), strict=True))


@lru_cache(maxsize=4)
def _build_polynomials(order: int) -> tuple[list[tuple[int, int]], NDArray[np.complex128]]:
    """Return (n, m) of all polynomials up to an order, and the coefficients of row^i column^j, multiplied by n + 1."""
    names = [(n, m) for n in range(order + 1) for m in range(n % 2, n + 1, 2)]
    polynomials = np.zeros((len(names), order + 1, order + 1), dtype=np.complex128)
    for polynomial, (n, m) in zip(polynomials, names, strict=True):
        for s in range((n - m) // 2 + 1):
            size = (-1) ** s * factorial(n - s)
            size //= factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s)
            for (i, j), factor in _expand_terms((n - m) // 2 - s, m):
                polynomial[i, j] += (n + 1) * size * factor
    return names, polynomials


def _expand_terms(squares: int, turns: int) -> list[tuple[tuple[int, int], complex]]:
    """Expand (x² + y²)^squares · (x + iy)^turns into powers of y and x with their factors."""
    return [
        ((2 * a + b, 2 * (squares - a) + turns - b), comb(squares, a) * comb(turns, b) * 1j**b)
        for a in range(squares + 1)
        for b in range(turns + 1)
    ]
