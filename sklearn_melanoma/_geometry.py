"""Geometry of masks: boxes, frames, holes, fast dilation and erosion.

Dilation and erosion store a mask as the bits of one long integer, so that shifting and combining masks takes a few
microseconds. Pixel (i, j) is bit `i * width + j`. A shift by some rows and columns is therefore one number, the offset.
Margins of background keep pixels from wrapping around the end of a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of the bounding box of a mask; empty slices if the mask is empty."""
    bounds = []
    for axis in (1, 0):
        hit = np.flatnonzero(mask.any(axis=axis))
        bounds.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
    return bounds[0], bounds[1]


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill the holes of a mask, several times as fast as by repeated dilation."""
    box = bounding_box(mask)
    inside = mask[box]
    outside = np.ones((inside.shape[0] + 2, inside.shape[1] + 2), dtype=bool)
    outside[1:-1, 1:-1] = ~inside
    labels, n_parts = ndi.label(outside)
    filled = mask.copy()
    if n_parts > 1:
        filled[box] = (labels != labels[0, 0])[1:-1, 1:-1]
    return filled


def frame_of(array: NDArray[Any]) -> NDArray[Any]:
    """Return the values along the four sides of the last two axes of an array; corners occur twice."""
    return np.concatenate([array[..., 0, :], array[..., -1, :], array[..., 0], array[..., -1]], axis=-1)


def padded_box(mask: NDArray[np.bool_], pad: int) -> tuple[slice, slice]:
    """Return the bounding box of a mask, `pad` pixels wider on each side but inside the image."""
    rows, columns = bounding_box(mask)
    return slice(max(rows.start - pad, 0), rows.stop + pad), slice(max(columns.start - pad, 0), columns.stop + pad)


def to_bits(mask: NDArray[np.bool_], margins: int | tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    """Return a mask with margins as bits, and the width of its padded rows."""
    (above, below), (left, right) = ((margins,) * 2,) * 2 if isinstance(margins, int) else margins
    padded = np.zeros((above + len(mask) + below, left + mask.shape[1] + right), dtype=bool)
    padded[above : above + len(mask), left : left + mask.shape[1]] = mask
    return int.from_bytes(np.packbits(padded, bitorder="little").tobytes(), "little"), padded.shape[1]


def to_mask(bits: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the first rows of a mask that is given as bits."""
    size = shape[0] * shape[1]
    packed = np.frombuffer((bits & ((1 << size) - 1)).to_bytes(-(-size // 8), "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=size, bitorder="little").view(np.bool_).reshape(shape)


def sweep_offsets(offset: int, count: int, *, swept: int = 0) -> list[int]:
    """Return the offsets with which `dilate` or `erode` sweeps a mask along a number of steps.

    Each offset is twice the one before, as long as the distance swept before allows it.

    Parameters
    ----------
    offset : int
        Offset of one step, above 0.
    count : int
        Number of steps.
    swept : int, default=0
        Number of steps swept before.

    Returns
    -------
    list of int
        Offsets; their number grows with the logarithm of `count`.
    """
    offsets, total = [], swept + count
    while swept < total:
        step = min(swept + 1, total - swept)
        offsets.append(step * offset)
        swept += step
    return offsets


def dilate(bits: int, offsets: Iterable[int]) -> int:
    """Dilate a mask by the sum of each subset of the offsets."""
    for offset in offsets:
        bits |= bits << offset
    return bits


def erode(bits: int, offsets: Iterable[int]) -> int:
    """Erode a mask by the sum of each subset of the offsets."""
    for offset in offsets:
        bits &= bits >> offset
    return bits


def dilate_by_disk(bits: int, width: int, square: int) -> int:
    """Dilate a mask by a disk, in time proportional to its radius.

    Parameters
    ----------
    bits : int
        Mask with margins at least as wide as the radius.
    width : int
        Width of its padded rows.
    square : int
        Square of the radius, in pixels. Squared distances on a grid are integers.

    Returns
    -------
    int
        All pixels at most one radius from a pixel of the mask, as bits.
    """
    grown, swept = 0, 0
    for rows in range(isqrt(square), -1, -1):
        while swept < isqrt(square - rows * rows):
            bits |= bits << 1 | bits >> 1
            swept += 1
        grown |= bits << rows * width | bits >> rows * width
    return grown


def grow_by_disk(mask: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    """Return all pixels within a distance of a mask, several times as fast as by a distance map."""
    square = int(distance * distance)
    # A margin on one side is enough to separate each row from the next.
    bits, width = to_bits(mask, ((0, 0), (0, isqrt(square))))
    return to_mask(dilate_by_disk(bits, width, square), (len(mask), width))[:, : mask.shape[1]]


def grow_by_square(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return all pixels at most `reach` rows and `reach` columns from a pixel of a mask."""
    bits, width = to_bits(mask, ((0, 0), (0, reach)))
    # The mask is swept downwards and to the right only, then shifted back by half of the way.
    swept = dilate(bits, [*sweep_offsets(1, 2 * reach), *sweep_offsets(width, 2 * reach)])
    return to_mask(swept >> reach * (width + 1), (len(mask), width))[:, : mask.shape[1]]
