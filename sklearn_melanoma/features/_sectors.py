"""The eight sectors around the centre of a lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_SECTORS = 8


def number_sectors(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.int8]:
    """Tell in which of eight equal sectors around the origin points lie.

    The sectors are centred on the rows, the columns and the diagonals, so that their limits, at
    odd multiples of 22.5°, hit no pixel: a turn by a quarter or a mirror changes the numbers only.

    Parameters
    ----------
    y, x : ndarray of shape (n_points,), dtype float32
        Rows and columns from the origin.

    Returns
    -------
    ndarray of shape (n_points,), dtype int8
        From 0 to 7, counted from the direction of the columns towards that of the rows.

    Examples
    --------
    >>> number_sectors(np.array([0, 1, 1, -3]), np.array([1, 1, 0, -1]))
    array([0, 1, 2, 6], dtype=int8)
    """
    slope = np.float32(np.tan(np.pi / 8))
    height, width = np.abs(y), np.abs(x)
    # Within a quadrant: 0 along the columns, 1 on the diagonal, 2 along the rows.
    step = (height > slope * width).view(np.int8) + (width < slope * height).view(np.int8)
    down, right = y >= 0, x >= 0
    return np.where(down, np.where(right, step, 4 - step), np.where(right, (8 - step) % 8, 4 + step))
