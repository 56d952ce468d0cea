"""Crop of a lesion and the skin around it, for color and texture features."""

from __future__ import annotations

from functools import cached_property
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._geometry import dilate, padded_box, sweep_offsets, to_bits, to_mask
from sklearn_melanoma._io.reading import WORKING_SIDE, resize_mask, shrink
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._morphology import Morphology
from sklearn_melanoma.features._sectors import number_sectors
from sklearn_melanoma.preprocessing._cielab import rgb_to_lab

# Width of the band of skin, as a fraction of the square root of the lesion's area.
RING_WIDTH = 0.2


class Crop:
    """Crop of a lesion and the skin around it, at most at the working size; each part computed at its first use.

    Parameters
    ----------
    lesion : Lesion
        With a mask of at least one pixel.
    ring_width : float, default=0.2
        Width of the band of skin, as a fraction of the square root of the lesion's area.
    """

    def __init__(self, lesion: Lesion, ring_width: float = RING_WIDTH):
        lesion = shrink_lesion(lesion)
        assert lesion.mask is not None
        self.root = sqrt(lesion.area_px)
        self.width = max(ring_width * self.root, 1)
        box = padded_box(lesion.mask, ceil(self.width) + 1)
        self.image, self.mask = lesion.image[box], lesion.mask[box]
        #: Bounding box of the mask in the crop. `morphology` is the morphology of the mask in this box.
        self.inner = tuple(
            slice(side.start - outer.start, side.stop - outer.start)
            for side, outer in zip(lesion.box, box, strict=True)
        )
        self.morphology = lesion.shared(Morphology.of)

    @cached_property
    def pixels(self) -> NDArray[np.intp]:
        """Positions of the lesion's pixels in the flattened crop. Other arrays by pixel have the same order."""
        return np.flatnonzero(self.mask)

    @cached_property
    def around_center(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rows of the crop, of shape (height, 1), and columns, of shape (width,), relative to the lesion's centroid."""
        row, column = self.morphology.moments.centroid
        y, x = (np.arange(length, dtype=np.float32) for length in self.mask.shape)
        y -= np.float32(row + self.inner[0].start)
        x -= np.float32(column + self.inner[1].start)
        return y[:, np.newaxis], x

    @cached_property
    def sectors(self) -> NDArray[np.int8]:
        """Sector around the centroid of each pixel of the crop."""
        return number_sectors(*self.around_center)

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """Red, green and blue of the lesion's pixels, of shape (3, n_pixels)."""
        return self._take(self.pixels)

    @cached_property
    def lab(self) -> NDArray[np.float32]:
        """L*, a* and b* of the lesion's pixels, of shape (3, n_pixels)."""
        return rgb_to_lab(self.rgb)

    @cached_property
    def depth(self) -> NDArray[np.float32]:
        """Distance of each pixel of the lesion to the nearest pixel outside."""
        return np.sqrt(self.morphology.squared_depths.astype(np.float32))

    @cached_property
    def ring(self) -> NDArray[np.intp]:
        """Positions of the pixels of the band of skin."""
        return np.flatnonzero(find_ring(self.mask, self.width))

    @cached_property
    def ring_rgb(self) -> NDArray[np.uint8]:
        """Red, green and blue of the band of skin, of shape (3, n_pixels)."""
        return self._take(self.ring)

    @cached_property
    def ring_lab(self) -> NDArray[np.float32]:
        """L*, a* and b* of the band of skin, of shape (3, n_pixels)."""
        return rgb_to_lab(self.ring_rgb)

    @cached_property
    def skin_rgb(self) -> NDArray[np.float64]:
        """Mean red, green and blue of the skin; NaN if there is no skin."""
        return _average_channels(self.ring_rgb)

    @cached_property
    def skin_lab(self) -> NDArray[np.float64]:
        """Mean L*, a* and b* of the skin; NaN if there is no skin."""
        return _average_channels(self.ring_lab)

    def _take(self, pixels: NDArray[np.intp]) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self.image.reshape(-1, 3).take(pixels, axis=0).T)


def _average_channels(channels: NDArray[Any]) -> NDArray[np.float64]:
    return channels.mean(axis=1, dtype=np.float64) if channels.size else np.full(3, np.nan)


def shrink_lesion(lesion: Lesion) -> Lesion:
    """Return the lesion at the reader's working size; unchanged if it is not larger, or if its mask would vanish."""
    assert lesion.mask is not None
    if max(lesion.image.shape) <= WORKING_SIDE:
        return lesion
    image = shrink(lesion.image, WORKING_SIDE)
    mask = resize_mask(lesion.mask, image.shape[:2])
    return Lesion(image, mask, source_shape=lesion.source_shape) if mask.any() else lesion


def find_ring(mask: NDArray[np.bool_], width: float) -> NDArray[np.bool_]:
    """Return the pixels outside a mask within a given distance.

    The mask is dilated by a regular octagon (a square, then a diamond), which reaches up to
    8 % farther than its inscribed disk.
    """
    square = round((sqrt(2) - 1) * width)
    diamond = max(round(width) - square, 1)
    reach = square + diamond
    bits, row = to_bits(mask, ((0, 0), (reach, reach)))
    # Two sweeps along the diagonals give every second pixel of a diamond. The four neighbors of each of them fill the
    # gaps.
    for offset, count in ((1, 2 * square), (row, 2 * square), (row + 1, diamond - 1), (row - 1, diamond - 1)):
        bits = dilate(bits, sweep_offsets(offset, count))
    bits |= bits << row - 1 | bits << row | bits << row + 1 | bits << 2 * row
    # All sweeps went downwards. Only the sweep along the rows went to the right.
    grown = to_mask(bits >> reach * row + square, (len(mask), row))[:, reach:-reach]
    return grown & ~mask
