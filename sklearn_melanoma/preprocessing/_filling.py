"""Filling of hidden pixels from the pixels around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_hidden_pixels(image: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill hidden pixels from the nearest visible ones (push-pull interpolation).

    The visible pixels of each 2 × 2 block are averaged, again and again, until no pixel is hidden.
    Then the hidden pixels of each level are interpolated from the next coarser level. Gaps of any
    width are closed, and the cost does not depend on the width.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.
    hidden : ndarray of shape (height, width), dtype bool
        Pixels to fill.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The image with its hidden pixels filled; black if all pixels are hidden.

    References
    ----------
    .. [1] S. J. Gortler, R. Grzeszczuk, R. Szeliski, M. F. Cohen, "The lumigraph", SIGGRAPH, 43-54,
           1996.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((20, 30, 3), 200, dtype=np.uint8)
    >>> hidden = np.zeros((20, 30), dtype=bool)
    >>> image[8:11], hidden[8:11] = 30, True
    >>> int(fill_hidden_pixels(image, hidden).min())
    200
    """
    # The fourth channel is the visible fraction of a pixel. The other three are multiplied by it.
    visible = (~hidden).astype(np.float32)[:, :, np.newaxis]
    levels = [np.concatenate([image * visible, visible], axis=2)]
    while max(levels[-1].shape[:2]) > 1 and not levels[-1][:, :, 3].all():
        coarser = _add_blocks(levels[-1])
        # A block has its full weight if a quarter of it is visible, so the nearest pixels decide.
        coarser /= np.maximum(coarser[:, :, 3:], 1)
        levels.append(coarser)
    filled = levels.pop()
    filled = filled[:, :, :3] / np.maximum(filled[:, :, 3:], 1e-6)
    for level in reversed(levels):
        rows, columns = np.nonzero(level[:, :, 3] < 1)
        level[rows, columns, :3] += (1 - level[rows, columns, 3:]) * _interpolate_pixels(filled, rows, columns)
        filled = level[:, :, :3]
    result = image.copy()
    result[hidden] = np.rint(filled[hidden])
    return result


def _add_blocks(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add up the pixels of each 2 × 2 block."""
    if array.shape[0] % 2 or array.shape[1] % 2:
        array = np.pad(array, ((0, array.shape[0] % 2), (0, array.shape[1] % 2), (0, 0)))
    rows = array[::2] + array[1::2]
    return rows[:, ::2] + rows[:, 1::2]


def _interpolate_pixels(
    coarse: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Interpolate an array of half the size linearly at some pixels."""
    height, width = coarse.shape[:2]
    near_y, near_x = rows // 2, columns // 2
    far_y = np.clip(near_y + rows % 2 * 2 - 1, 0, height - 1)
    far_x = np.clip(near_x + columns % 2 * 2 - 1, 0, width - 1)
    upper = 0.75 * coarse[near_y, near_x] + 0.25 * coarse[near_y, far_x]
    lower = 0.75 * coarse[far_y, near_x] + 0.25 * coarse[far_y, far_x]
    return 0.75 * upper + 0.25 * lower
