"""Refinement of a border by the colors on both of its sides."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import (
    bounding_box,
    dilate_by_disk,
    fill_holes,
    grow_by_disk,
    padded_box,
    to_bits,
    to_mask,
)
from sklearn_melanoma.preprocessing._cielab import levels_to_lab

# All lengths are fractions of the root of the lesion's area. The ring of skin starts and ends at these distances from
# the lesion. Farther away, light and skin are different.
_RING_START = 0.15
_RING_END = 0.5
# Largest distance by which the lesion can grow.
_GROWTH = 0.35
# Radius of the closing. It fills bays narrower than twice this, as experts do.
_BAY = 0.25

# Smallest number of pixels on each side for estimating its color.
_MIN_PIXELS = 30
# Smallest fraction of the first region that the new region must cover. Below it, they are different objects.
_MIN_KEPT = 0.3

# Constant added to the variances, in squared units of CIELAB: the just noticeable difference of colors.
_JUST_VISIBLE = 1.0


def refine_by_color(
    rgb: NDArray[np.float32],
    region: NDArray[np.bool_],
    artifacts: NDArray[np.bool_] | None = None,
    *,
    level: float = 0.5,
) -> NDArray[np.bool_]:
    r"""Move the border of a region to a level of color between the skin around it and the lesion.

    Fisher's linear discriminant separates the region from a ring of skin around it. It is the
    axis :math:`a = \Sigma^{-1} (c_l - c_s)` in CIELAB, with the mean color :math:`c_l` of the
    region, the median color :math:`c_s` of the ring and the mean :math:`\Sigma` of their
    covariances. A pixel of color :math:`c` has the position
    :math:`t = a^\top (c - c_s) / a^\top (c_l - c_s)`, 0 on the skin and 1 on the lesion. The
    new region is the connected part with :math:`t >` `level` that has the largest overlap with
    the old one. Its bays and holes are filled.

    Parameters
    ----------
    rgb : ndarray of shape (3, height, width), dtype float32
        Red, green and blue of an image, 0 to 255, smoothed.
    region : ndarray of shape (height, width), dtype bool
        First region, with at least one pixel.
    artifacts : ndarray of shape (height, width), dtype bool, optional
        Pixels that are neither skin nor lesion.
    level : float, default=0.5
        Position of the border between skin (0) and lesion (1). A lower level gives a wider region.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        The refined region; `region` itself if there are too few pixels inside or around it.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((3, 80, 120), 200, dtype=np.float32)
    >>> image[:, 20:60, 40:80] = np.reshape([150, 110, 90], (3, 1, 1))
    >>> core = np.zeros((80, 120), dtype=bool)
    >>> core[25:55, 45:75] = True
    >>> int(refine_by_color(image, core).sum())
    1600
    """
    root = np.sqrt(np.count_nonzero(region))
    pad = int(max(_RING_END, _GROWTH) * root) + 5
    crop = padded_box(region, pad)
    inside = region[crop]
    visible = np.ones(inside.shape, dtype=bool) if artifacts is None else ~artifacts[crop]
    around = grow_by_disk(inside, max(_RING_END, _RING_START + 4 / root) * root)
    ring = around & ~grow_by_disk(inside, _RING_START * root) & visible
    if min(np.count_nonzero(ring), np.count_nonzero(inside)) < _MIN_PIXELS:
        return region
    color = levels_to_lab(rgb[:, crop[0], crop[1]].reshape(3, -1))
    lesion, skin = (color.take(np.flatnonzero(part), axis=1) for part in (inside, ring))
    half = skin.shape[1] // 2
    start = np.partition(skin, half, axis=1)[:, half]  # the median; faster than by sorting
    step = lesion.mean(axis=1) - start
    spread = (_compute_covariance(lesion) + _compute_covariance(skin)) / 2 + _JUST_VISIBLE * np.eye(3)
    axis = np.linalg.solve(spread, step)
    span = float(axis @ step)
    if not span > 0:
        return region
    place = (axis / span).astype(np.float32) @ color - float(axis @ start) / span
    labels, n_parts = ndi.label((place > level).reshape(inside.shape) & visible & grow_by_disk(inside, _GROWTH * root))
    shared = np.bincount(labels[inside], minlength=n_parts + 1)
    shared[0] = 0
    if shared.max() < _MIN_KEPT * np.count_nonzero(inside):
        return region
    refined = np.zeros_like(region)
    refined[crop] = labels == shared.argmax()
    return fill_bays(refined)


def fill_bays(mask: NDArray[np.bool_], radius: float = _BAY) -> NDArray[np.bool_]:
    """Fill the holes and bays of a mask by a closing with a disk; its radius is a fraction of the root of the area."""
    square = int(radius**2 * np.count_nonzero(mask))
    pad = isqrt(square) + 2
    box = bounding_box(mask)
    filled = mask.copy()
    bits, width = to_bits(mask[box], pad)
    shape = filled[box].shape[0] + 2 * pad, width
    everywhere = (1 << shape[0] * width) - 1
    far = everywhere & ~dilate_by_disk(bits, width, square)
    closed = everywhere & ~dilate_by_disk(far, width, square)
    filled[box] |= to_mask(closed, shape)[pad:-pad, pad:-pad]
    return fill_holes(filled)


def _compute_covariance(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    centered = colors - colors.mean(axis=1, keepdims=True)
    return centered @ centered.T / (colors.shape[1] - 1)
