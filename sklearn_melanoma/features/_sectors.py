"""Eight sectors around the center of a lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_SECTORS = 8


def number_sectors(y: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the sector of each point, out of eight equal sectors around the origin.

    The sectors are centered on the rows, the columns and the diagonals. Their limits, at odd multiples of 22.5°, pass
    through no pixel center. So a quarter turn or a mirror only permutes the numbers.

    Parameters
    ----------
    y, x : ndarray, dtype float32
        Rows and columns relative to the origin, of shapes that broadcast.

    Returns
    -------
    ndarray, dtype int8
        Numbers from 0 to 7, from the column axis towards the row axis.

    Examples
    --------
    >>> number_sectors(np.array([0, 1, 1, -3]), np.array([1, 1, 0, -1]))
    array([0, 1, 2, 6], dtype=int8)
    """
    slope = np.float32(np.tan(np.pi / 8))
    height, width = np.abs(y), np.abs(x)
    # Within a quadrant: 0 along the columns, 1 on the diagonal, 2 along the rows.
    sector = (height > slope * width).view(np.int8) + (width < slope * height).view(np.int8)
    # The direction of counting alternates from quadrant to quadrant.
    sector *= np.where(y < 0, -1, 1).astype(np.int8)
    sector *= np.where(x < 0, -1, 1).astype(np.int8)
    sector += np.where(x < 0, 4, 0).astype(np.int8)
    sector &= 7
    return sector
