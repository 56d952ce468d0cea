"""Geometry of masks: boxes, frames, holes and fast dilation and erosion.

Dilation and erosion hold a mask as one long integer, so that moving it and combining it with itself takes a few
microseconds. Pixel (i, j) is bit `i * width + j`: a step of some rows and columns is one number, an offset. Margins of
background keep steps from wrapping around the end of a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi


def bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of the smallest upright rectangle that holds a mask; empty slices where it is empty."""
    bounds = []
    for axis in (1, 0):
        hit = np.flatnonzero(mask.any(axis=axis))
        bounds.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(0, 0))
    return bounds[0], bounds[1]


def fill_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what can't be reached from outside, several times as fast as by repeated dilation."""
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
    """Return the values along the four sides of a 2-D array, those of the corners twice."""
    return np.concatenate([array[0], array[-1], array[:, 0], array[:, -1]])


def padded_box(mask: NDArray[np.bool_], pad: int) -> tuple[slice, slice]:
    """Return the bounding box of a mask, `pad` pixels wider on every side but not wider than the image."""
    rows, columns = bounding_box(mask)
    return slice(max(rows.start - pad, 0), rows.stop + pad), slice(max(columns.start - pad, 0), columns.stop + pad)


def to_bits(mask: NDArray[np.bool_], margins: int | tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    """Return a mask with margins as bits, and the width of its rows."""
    (above, below), (left, right) = ((margins,) * 2,) * 2 if isinstance(margins, int) else margins
    padded = np.zeros((above + len(mask) + below, left + mask.shape[1] + right), dtype=bool)
    padded[above : above + len(mask), left : left + mask.shape[1]] = mask
    return int.from_bytes(np.packbits(padded, bitorder="little").tobytes(), "little"), padded.shape[1]


def to_mask(bits: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the first rows of what bits stand for, as a mask."""
    size = shape[0] * shape[1]
    packed = np.frombuffer((bits & ((1 << size) - 1)).to_bytes(-(-size // 8), "little"), dtype=np.uint8)
    return np.unpackbits(packed, count=size, bitorder="little").view(np.bool_).reshape(shape)


def sweep_offsets(offset: int, count: int, *, swept: int = 0) -> list[int]:
    """Return the offsets that sweep a mask by a number of steps, each as long as what is swept already allows.

    Parameters
    ----------
    offset : int
        One step, above 0.
    count : int
        Number of steps.
    swept : int, default=0
        How many such steps were made before.

    Returns
    -------
    list of int
        About the logarithm of `count` numbers.
    """
    offsets, total = [], swept + count
    while swept < total:
        step = min(swept + 1, total - swept)
        offsets.append(step * offset)
        swept += step
    return offsets


def dilate(bits: int, offsets: Iterable[int]) -> int:
    """Return the pixels and those any sum of some of the offsets ahead."""
    for offset in offsets:
        bits |= bits << offset
    return bits


def erode(bits: int, offsets: Iterable[int]) -> int:
    """Return the pixels from which each sum of some of the offsets leads to a pixel."""
    for offset in offsets:
        bits &= bits >> offset
    return bits


def dilate_by_disk(bits: int, width: int, square: int) -> int:
    """Return the pixels and all those around them up to a distance, in time that grows with it.

    Parameters
    ----------
    bits : int
        A mask with margins wider than the distance.
    width : int
        Width of its rows.
    square : int
        Square of the distance, in pixels; a whole number, as those on a grid are.

    Returns
    -------
    int
        What lies in a disk around a pixel.
    """
    grown, swept = 0, 0
    for rows in range(isqrt(square), -1, -1):
        while swept < isqrt(square - rows * rows):
            bits |= bits << 1 | bits >> 1
            swept += 1
        grown |= bits << rows * width | bits >> rows * width
    return grown


def grow_by_disk(mask: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    """Return the pixels no farther from a mask than a distance, several times as fast as by a map of distances."""
    square = int(distance * distance)
    # One margin parts a row from the next as well as two.
    bits, width = to_bits(mask, ((0, 0), (0, isqrt(square))))
    return to_mask(dilate_by_disk(bits, width, square), (len(mask), width))[:, : mask.shape[1]]


def grow_by_square(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return the pixels no more rows and no more columns from a pixel of a mask than some."""
    bits, width = to_bits(mask, ((0, 0), (0, reach)))
    # Swept downwards and to the right alone, then moved back by half of it.
    swept = dilate(bits, [*sweep_offsets(1, 2 * reach), *sweep_offsets(width, 2 * reach)])
    return to_mask(swept >> reach * (width + 1), (len(mask), width))[:, : mask.shape[1]]
