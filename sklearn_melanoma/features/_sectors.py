"""The eight sectors around the center of a lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_SECTORS = 8


def number_sectors(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.int8]:
    """Tell in which of eight equal sectors around the origin points lie.

    The sectors are centered on the rows, the columns and the diagonals, so that their limits, at
    odd multiples of 22.5°, hit no pixel: a turn by a quarter or a mirror changes the numbers only.

    Parameters
    ----------
    y, x : ndarray, dtype float32
        Rows and columns from the origin, of shapes that broadcast.

    Returns
    -------
    ndarray, dtype int8
        From 0 to 7, counted from the direction of the columns towards that of the rows.

    Examples
    --------
    >>> number_sectors(np.array([0, 1, 1, -3]), np.array([1, 1, 0, -1]))
    array([0, 1, 2, 6], dtype=int8)
    """
    slope = np.float32(np.tan(np.pi / 8))
    height, width = np.abs(y), np.abs(x)
    # Within a quadrant: 0 along the columns, 1 on the diagonal, 2 along the rows.
    sector = (height > slope * width).view(np.int8) + (width < slope * height).view(np.int8)
    # From one quadrant to the next the direction of counting turns round.
    sector *= np.where(y < 0, -1, 1).astype(np.int8)
    sector *= np.where(x < 0, -1, 1).astype(np.int8)
    sector += np.where(x < 0, 4, 0).astype(np.int8)
    sector &= 7
    return sector
