"""Fill in parts of an image from what lies around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fill_in(image: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill in hidden pixels from the nearest ones that are not hidden.

    Push and pull: the visible pixels of each 2 × 2 are averaged, again and again, until nothing
    is hidden any more; then each level takes, where it saw nothing, values interpolated in the
    next coarser one. Gaps of any width are closed, at a cost that does not depend on it.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.
    hidden : ndarray of shape (height, width), dtype bool
        Pixels to fill in.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The image, unchanged where nothing is hidden; black if everything is.

    References
    ----------
    .. [1] S. J. Gortler, R. Grzeszczuk, R. Szeliski, M. F. Cohen, "The lumigraph", SIGGRAPH, 43-54,
           1996.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.full((20, 30, 3), 200, dtype=np.uint8)
    >>> hidden = np.zeros((20, 30), dtype=bool)
    >>> photo[8:11], hidden[8:11] = 30, True
    >>> int(fill_in(photo, hidden).min())
    200
    """
    # The fourth channel is how much of a pixel is visible, by which the other three are multiplied.
    seen = (~hidden).astype(np.float32)[:, :, np.newaxis]
    levels = [np.concatenate([image * seen, seen], axis=2)]
    while max(levels[-1].shape[:2]) > 1 and not levels[-1][:, :, 3].all():
        coarser = _halve(levels[-1])
        # Full weight as soon as a quarter is seen: the nearest pixels decide, not the mean over far ones.
        coarser /= np.maximum(coarser[:, :, 3:], 1)
        levels.append(coarser)
    filled = levels.pop()
    filled = filled[:, :, :3] / np.maximum(filled[:, :, 3:], 1e-6)
    for level in reversed(levels):
        rows, columns = np.nonzero(level[:, :, 3] < 1)
        level[rows, columns, :3] += (1 - level[rows, columns, 3:]) * _interpolate(filled, rows, columns)
        filled = level[:, :, :3]
    result = image.copy()
    result[hidden] = np.rint(filled[hidden])
    return result


def _halve(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add up the pixels of each 2 × 2."""
    if array.shape[0] % 2 or array.shape[1] % 2:
        array = np.pad(array, ((0, array.shape[0] % 2), (0, array.shape[1] % 2), (0, 0)))
    rows = array[::2] + array[1::2]
    return rows[:, ::2] + rows[:, 1::2]


def _interpolate(coarse: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the values that an array of half the size has at some pixels, linearly interpolated."""
    height, width = coarse.shape[:2]
    near_y, near_x = rows // 2, columns // 2
    far_y = np.clip(near_y + rows % 2 * 2 - 1, 0, height - 1)
    far_x = np.clip(near_x + columns % 2 * 2 - 1, 0, width - 1)
    upper = 0.75 * coarse[near_y, near_x] + 0.25 * coarse[near_y, far_x]
    lower = 0.75 * coarse[far_y, near_x] + 0.25 * coarse[far_y, far_x]
    return 0.75 * upper + 0.25 * lower
