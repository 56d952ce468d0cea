"""Random patterns that look the same at any resolution.

Lengths are fractions of the image's shortest side.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Field = NDArray[np.float32]


def make_grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Return the row and column coordinates of the pixel centers, relative to the center of the image."""
    height, width = shape
    y, x = np.ogrid[:height, :width]
    unit = min(shape)
    return ((y - (height - 1) / 2) / unit).astype(np.float32), ((x - (width - 1) / 2) / unit).astype(np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: float, *, octaves: int = 1) -> Field:
    """Sample smooth noise of about unit variance.

    It is the sum of random values on grids. The first grid has `cells` cells per shortest side, and
    each further octave has twice as many.
    """
    unit = min(shape)
    noise = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        rows, columns = (_compute_splines(side, unit, round(cells * 2**octave, 6)) for side in shape)
        values = rng.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
        noise += (columns @ (rows @ values).T).T * np.float32(0.5**octave)
    # The squares of the splines sum to 151/315 on average. This is the variance in one dimension and the standard
    # deviation in two.
    noise /= np.float32(151 / 315 * np.sqrt(np.sum(0.25 ** np.arange(octaves))))
    return noise


@lru_cache(maxsize=64)
def _compute_splines(side: int, unit: int, cells: float) -> sparse.csr_array:
    """Return the uniform cubic B-splines (columns) at the centers of the pixels along one side (rows)."""
    place = (np.arange(side) + 0.5) / unit * cells
    cell = np.floor(place).astype(np.int32)
    t = place - cell
    values = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    columns = cell[:, np.newaxis] + np.arange(4, dtype=np.int32)
    starts = np.arange(0, 4 * side + 1, 4, dtype=np.int32)
    # The matrix is sparse, because dense products take 20 times as long with four threads on two cores.
    shape = (side, int(np.ceil(side / unit * cells)) + 3)
    return sparse.csr_array((values.astype(np.float32).ravel(), columns.ravel(), starts), shape=shape)


def honeycomb(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Field:
    """Return the mean of three distorted plane waves at 60 degrees, from -0.5 (lines) to 1 (centers of the holes)."""
    y, x = make_grid(shape)
    start = rng.uniform(0, np.pi)
    x = x + 0.35 * period * smooth_noise(rng, shape, 0.35 / period, octaves=2)
    y = y + 0.35 * period * smooth_noise(rng, shape, 0.35 / period, octaves=2)
    frequency = 2 * np.pi / period
    angles = start + np.arange(3) * np.pi / 3
    waves = [np.cos(frequency * (np.cos(angle) * x + np.sin(angle) * y)) for angle in angles]
    return (np.sum(waves, axis=0) / 3).astype(np.float32)
