"""Zernike moments of a mask."""

from __future__ import annotations

from functools import lru_cache
from math import comb, factorial, pi

import numpy as np
from numpy.typing import NDArray


def zernike_magnitudes(
    mask: NDArray[np.bool_], row: float, column: float, radius: float, order: int
) -> dict[tuple[int, int], float]:
    r"""Return the magnitudes of the Zernike moments of a mask in a circle, by order and repetition.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        Pixels, all of them in the circle.
    row, column, radius : float
        Center and radius of the circle.
    order : int
        Highest order.

    Returns
    -------
    dict
        From ``(n, m)`` with :math:`0 \le m \le n` and even :math:`n - m` to :math:`|Z_{nm}|`.
    """
    height, width = mask.shape
    rows = np.vander((np.arange(height) - row) / radius, order + 1, increasing=True)
    columns = np.vander((np.arange(width) - column) / radius, order + 1, increasing=True)
    moments = rows.T @ (mask.astype(np.float64) @ columns)
    names, polynomials = _zernike_polynomials(order)
    magnitudes = np.abs(np.tensordot(polynomials, moments, 2)) / (pi * radius**2)
    return dict(zip(names, magnitudes.tolist(), strict=True))


@lru_cache(maxsize=4)
def _zernike_polynomials(order: int) -> tuple[list[tuple[int, int]], NDArray[np.complex128]]:
    """Return (n, m) of all polynomials up to an order, and n + 1 times their coefficients of row^i column^j."""
    names = [(n, m) for n in range(order + 1) for m in range(n % 2, n + 1, 2)]
    polynomials = np.zeros((len(names), order + 1, order + 1), dtype=np.complex128)
    for polynomial, (n, m) in zip(polynomials, names, strict=True):
        for s in range((n - m) // 2 + 1):
            size = (-1) ** s * factorial(n - s)
            size //= factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s)
            for (i, j), factor in _radius_and_turn((n - m) // 2 - s, m):
                polynomial[i, j] += (n + 1) * size * factor
    return names, polynomials


def _radius_and_turn(squares: int, turns: int) -> list[tuple[tuple[int, int], complex]]:
    """Expand (x² + y²)^squares · (x + iy)^turns into powers of y and x with their factors."""
    return [
        ((2 * a + b, 2 * (squares - a) + turns - b), comb(squares, a) * comb(turns, b) * 1j**b)
        for a in range(squares + 1)
        for b in range(turns + 1)
    ]
