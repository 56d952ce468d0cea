"""Random patterns that look the same at any resolution; lengths in shortest sides of the image."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Field = NDArray[np.float32]


def grid(shape: tuple[int, int]) -> tuple[Field, Field]:
    """Return rows and columns of the pixels' centers from the middle of the image, in shortest sides."""
    height, width = shape
    y, x = np.ogrid[:height, :width]
    unit = min(shape)
    return ((y - (height - 1) / 2) / unit).astype(np.float32), ((x - (width - 1) / 2) / unit).astype(np.float32)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: float, *, octaves: int = 1) -> Field:
    """Draw smooth noise of about unit variance: random values on grids of `cells` to the shortest side and finer."""
    unit = min(shape)
    noise = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        rows, columns = (_splines(side, unit, round(cells * 2**octave, 6)) for side in shape)
        values = rng.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
        noise += (columns @ (rows @ values).T).T * np.float32(0.5**octave)
    # The splines' squares sum to 151/315 on average: the variance left in one dimension, so the deviation in two.
    noise /= np.float32(151 / 315 * np.sqrt(np.sum(0.25 ** np.arange(octaves))))
    return noise


@lru_cache(maxsize=64)
def _splines(side: int, unit: int, cells: float) -> sparse.csr_array:
    """Return the values of the uniform cubic B-splines (columns) at the centers of a row of pixels (rows)."""
    place = (np.arange(side) + 0.5) / unit * cells
    cell = np.floor(place).astype(np.int32)
    t = place - cell
    values = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    columns = cell[:, np.newaxis] + np.arange(4, dtype=np.int32)
    starts = np.arange(0, 4 * side + 1, 4, dtype=np.int32)
    # Sparse, because four threads of a linear algebra library that fight for two cores take 20 times as long.
    shape = (side, int(np.ceil(side / unit * cells)) + 3)
    return sparse.csr_array((values.astype(np.float32).ravel(), columns.ravel(), starts), shape=shape)


def honeycomb(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Field:
    """Add three plane waves at 60 degrees to each other, bent: from -0.5 (lines) to 1 (middle of the holes)."""
    y, x = grid(shape)
    start = rng.uniform(0, np.pi)
    x = x + 0.35 * period * smooth_noise(rng, shape, 0.35 / period, octaves=2)
    y = y + 0.35 * period * smooth_noise(rng, shape, 0.35 / period, octaves=2)
    frequency = 2 * np.pi / period
    angles = start + np.arange(3) * np.pi / 3
    waves = [np.cos(frequency * (np.cos(angle) * x + np.sin(angle) * y)) for angle in angles]
    return (np.sum(waves, axis=0) / 3).astype(np.float32)
