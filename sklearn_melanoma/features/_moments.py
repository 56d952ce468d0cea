"""Moments of a mask: centroid, principal axes, Hu's invariants and asymmetry about the axes."""

from __future__ import annotations

from functools import cached_property
from math import atan2, cos, hypot, sin, sqrt

import numpy as np
from numpy.typing import NDArray

# The two principal moments count as equal if their difference is at most this fraction of their sum.
_ISOTROPIC = 1e-9


class Moments:
    """Moments up to order three of the pixel centers of a mask.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        At least one pixel must be True.
    """

    def __init__(self, mask: NDArray[np.bool_]):
        self.mask = mask
        height, width = mask.shape
        # Coordinates relative to the center are half-integers, so sums are exact. Rotating or mirroring the mask does
        # not change its moments.
        self._origin = (height - 1) / 2, (width - 1) / 2
        rows = np.vander(np.arange(height) - self._origin[0], 4, increasing=True)
        columns = np.vander(np.arange(width) - self._origin[1], 4, increasing=True)
        raw = rows.T @ (mask.astype(np.float64) @ columns)
        self.area = float(raw[0, 0])
        self._shift = y, x = raw[1, 0] / self.area, raw[0, 1] / self.area
        m = raw / self.area
        self.yy, self.xx, self.yx = m[2, 0] - y * y, m[0, 2] - x * x, m[1, 1] - y * x
        self.yyy = m[3, 0] - 3 * y * m[2, 0] + 2 * y**3
        self.xxx = m[0, 3] - 3 * x * m[0, 2] + 2 * x**3
        self.yyx = m[2, 1] - 2 * y * m[1, 1] - x * m[2, 0] + 2 * y * y * x
        self.yxx = m[1, 2] - 2 * x * m[1, 1] - y * m[0, 2] + 2 * x * x * y

    @property
    def centroid(self) -> tuple[float, float]:
        """Row and column of the center of mass."""
        return self._origin[0] + float(self._shift[0]), self._origin[1] + float(self._shift[1])

    @cached_property
    def axes(self) -> tuple[float, float]:
        """Major and minor axis of the ellipse with the same second moments; pixels count as unit squares."""
        mean = (self.yy + self.xx) / 2 + 1 / 12
        half_difference = hypot((self.yy - self.xx) / 2, self.yx)
        return 4 * sqrt(mean + half_difference), 4 * sqrt(mean - half_difference)

    @property
    def axis_ratio(self) -> float:
        """Minor over major axis."""
        return self.axes[1] / self.axes[0]

    @cached_property
    def hu(self) -> tuple[float, ...]:
        """Hu's seven invariants; each is the root of its degree and keeps its sign, except the last."""
        a, b = self.xx / self.area, self.yy / self.area
        c = self.yx / self.area
        scale = self.area**1.5
        p, q, r, s = self.xxx / scale, self.yxx / scale, self.yyx / scale, self.yyy / scale
        u, v = p + r, s + q  # common terms of the invariants of order three
        f, g = p - 3 * r, 3 * q - s
        k, m = u * u - 3 * v * v, 3 * u * u - v * v
        invariants = (
            (a + b, 1),
            ((a - b) ** 2 + 4 * c * c, 2),
            (f * f + g * g, 2),
            (u * u + v * v, 2),
            (f * u * k + g * v * m, 4),
            ((a - b) * (u * u - v * v) + 4 * c * u * v, 3),
            (abs(g * u * k - f * v * m), 4),
        )
        return tuple(float(np.sign(value) * abs(value) ** (1 / degree)) for value, degree in invariants)

    @cached_property
    def angle(self) -> float:
        """Angle of the major axis, in radians, from the column axis towards the row axis."""
        return atan2(2 * self.yx, self.xx - self.yy) / 2

    @cached_property
    def is_isotropic(self) -> bool:
        """Whether all directions are principal axes, so that there is no major axis."""
        return hypot(self.yy - self.xx, 2 * self.yx) <= _ISOTROPIC * (self.yy + self.xx)

    @cached_property
    def asymmetry(self) -> tuple[float, float]:
        """Fraction of the area without a counterpart in the mirror image about the major and about the minor axis.

        Mirrored pixels are between pixels of the mask, so the mask is interpolated. A symmetric outline therefore has
        0.003 at a diameter of 200 pixels and 0.01 at 60. If all axes are principal axes, as in a square, the values are
        the asymmetries about rows and columns, the smaller one first.
        """
        if self.is_isotropic:  # rows and columns are principal axes too
            low, high = sorted((self._asymmetry(-1, 0), self._asymmetry(1, 0)))
            return low, high
        cosine, sine = cos(2 * self.angle), sin(2 * self.angle)
        return self._asymmetry(cosine, sine), self._asymmetry(-cosine, -sine)

    def _asymmetry(self, cosine: float, sine: float) -> float:
        """Mirror the pixel centers about an axis and interpolate the mask there bilinearly."""
        mask = self.mask
        height, width = mask.shape
        row, column = self.centroid
        y, x = np.arange(height) - row, np.arange(width) - column
        flat = np.pad(mask, 2).view(np.uint8).ravel()
        stride = width + 4
        # Mirrored centers in the padded mask, as sums of a term by row and a term by column.
        rows, columns = (row + 2 - cosine * y, sine * x), (column + 2 + sine * y, cosine * x)
        # Sums over the block of 2 × 2 pixels around each center, by the position of the upper left pixel. If the center
        # lies on the common side of two blocks, rounding to float32 may select either. Both give the same value.
        upper, left = _floor_sums(rows, height + 2), _floor_sums(columns, width + 2)
        corners = (upper * np.int32(stride) + left).ravel()
        pairs = flat[:-1] + flat[1:]
        found = (pairs[:-stride] + pairs[stride:]).take(corners, mode="clip")
        found *= mask.ravel()
        matched = float(np.count_nonzero(found == 4))
        mixed = np.flatnonzero((found > 0) & (found < 4))
        i, j = np.divmod(mixed, width)
        down = rows[0][i] + rows[1][j] - upper[i, j]
        right = columns[0][i] + columns[1][j] - left[i, j]
        corner = corners[mixed]
        above = flat[corner] * (1 - right) + flat[corner + 1] * right
        corner += stride
        below = flat[corner] * (1 - right) + flat[corner + 1] * right
        matched += float((above * (1 - down) + below * down).sum())
        return min(max(1 - matched / self.area, 0.0), 1.0)


def _floor_sums(parts: tuple[NDArray[np.floating], NDArray[np.floating]], limit: int) -> NDArray[np.int32]:
    """Return the integer part of the outer sum, clipped to 0 and a limit, so that centers outside get zeros."""
    first, second = (part.astype(np.float32) for part in parts)
    sums = np.add.outer(first, second)
    return np.clip(sums, 0, limit, out=sums).astype(np.int32)
