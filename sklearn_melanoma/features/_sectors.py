"""The eight sectors around the centre of a lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_SECTORS = 8
# Sectors along the columns, on the diagonal and along the rows: up left, down left, up right, down right.
_BY_QUADRANT = np.array([4, 5, 6, 4, 3, 2, 0, 7, 6, 0, 1, 2], dtype=np.intp)


def number_sectors(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.intp]:
    """Tell in which of eight equal sectors around the origin points lie.

    The sectors are centred on the rows, the columns and the diagonals, so that their limits, at
    odd multiples of 22.5°, hit no pixel: a turn by a quarter or a mirror changes the numbers only.

    Parameters
    ----------
    y, x : ndarray of shape (n_points,), dtype float32
        Rows and columns from the origin.

    Returns
    -------
    ndarray of shape (n_points,), dtype intp
        From 0 to 7, counted from the direction of the columns towards that of the rows.

    Examples
    --------
    >>> number_sectors(np.array([0, 1, 1, -3]), np.array([1, 1, 0, -1]))
    array([0, 1, 2, 6])
    """
    slope = np.float32(np.tan(np.pi / 8))
    height, width = np.abs(y), np.abs(x)
    # Within a quadrant: 0 along the columns, 1 on the diagonal, 2 along the rows.
    place = (height > slope * width).view(np.uint8) + (width < slope * height).view(np.uint8)
    place += (y >= 0).view(np.uint8) * np.uint8(3)
    place += (x >= 0).view(np.uint8) * np.uint8(6)
    return _BY_QUADRANT.take(place)
