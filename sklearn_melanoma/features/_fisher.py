"""Fisher vectors of small patches of a lesion."""

from __future__ import annotations

from functools import cache
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.special import expit, softmax

from sklearn_melanoma._geometry import padded_box
from sklearn_melanoma._lesion import Lesion

Floats = NDArray[np.float32]

# Square root of the lesion's area in pixels at each scale, and the distance between patches at this scale. The image of
# a scale has the means of blocks of the next finer one.
SCALES = {20: 1, 40: 2, 80: 3}
_FINEST = max(SCALES)
# Longest side at the finest scale, as a multiple of that square root. It limits the cost of long lesions.
_LONGEST = 4
# Sides at the finest scale are multiples of this, so that patches lie symmetrically at every scale.
_GRID = 12

# Side of a patch. Its values are coefficients of the discrete cosine transform of each channel, with a sum of
# frequencies from 1 to 4. Finer details are noise. The mean (frequency 0) is left out, and with it the color of the
# light.
SIDE, _N_FREQUENCIES, _FINEST_SUM, N_VALUES = 6, 4, 4, 36
# Added to the levels before the logarithm, so that it does not amplify the noise of dark pixels.
_DARK = 8.0

# Patches whose center is farther outside the border are left out. The zones have soft limits. All are distances from
# the border in units of the square root of the area, positive inside.
_RIM = 0.12
_OUTER_STEP, _INNER_STEP, _STEP_WIDTH = -0.08, 0.15, 0.02
ZONES = ("lesion", "rim")


class Mixture(NamedTuple):
    """Principal components of patches and a Gaussian mixture of them, of one scale.

    Parameters
    ----------
    center : ndarray of shape (n_values,), dtype float32
        Mean patch.
    components : ndarray of shape (n_values, n_components), dtype float32
        Principal components, divided by their standard deviation.
    weights : ndarray of shape (n_gaussians,), dtype float32
        Fraction of the patches of each Gaussian.
    means, deviations : ndarray of shape (n_gaussians, n_components), dtype float32
        Mean and standard deviation of each Gaussian, whose components are independent.
    """

    center: Floats
    components: Floats
    weights: Floats
    means: Floats
    deviations: Floats


class Patches(NamedTuple):
    """Patches of a lesion at one scale.

    Parameters
    ----------
    values : ndarray of shape (n_patches, n_values), dtype float32
        Values of the patches in a canonical orientation.
    distances : ndarray of shape (n_patches,), dtype float32
        Distance of the center of each patch from the border, as a fraction of the square root of the lesion's area;
        negative outside.
    """

    values: Floats
    distances: Floats


def take_patches(lesion: Lesion) -> list[Patches]:
    r"""Take patches of a lesion and its rim at three scales, in a canonical orientation.

    The lesion is resized so that the square root of its area is 20, 40 and 80 pixels. The values of a patch are
    coefficients of the discrete cosine transform of the logarithm of its levels. Each patch is mirrored and transposed
    so that its brightness, summed over the channels, decreases downwards and to the right, and more downwards than to
    the right. So the patches are the same if the image is mirrored or rotated by quarter turns.

    Parameters
    ----------
    lesion : Lesion
        With a mask of at least one pixel.

    Returns
    -------
    list of Patches
        Patches of each of `SCALES`. A narrow image may have no patch at the coarse scales.
    """
    levels, distances = _resize_lesion(lesion)
    return [
        _cut_patches(_average_blocks(levels, _FINEST // scale), _average_blocks(distances, _FINEST // scale), stride)
        for scale, stride in SCALES.items()
    ]


def _resize_lesion(lesion: Lesion) -> tuple[Floats, Floats]:
    """Return logarithms of levels and distances from the border, around the lesion at the finest scale."""
    assert lesion.mask is not None
    root = sqrt(lesion.area_px)
    box = padded_box(lesion.mask, ceil((_RIM + (SIDE + _GRID) / 2 / _FINEST) * root))
    image, mask = lesion.image[box], lesion.mask[box]
    factor = min(_FINEST / root, _LONGEST * _FINEST / max(mask.shape))
    down, across = (_build_resizing(size, factor) for size in mask.shape)
    height, width = mask.shape
    rows = (down @ image.reshape(height, -1).astype(np.float32)).reshape(len(down), width, 3)
    is_inside = down @ mask.astype(np.float32) @ across.T > 0.5
    return np.log(np.matmul(across, rows) + np.float32(_DARK)), _find_distances(is_inside) / np.float32(root * factor)


def _build_resizing(size: int, factor: float) -> Floats:
    """Return the matrix that resizes an axis around its middle to the largest multiple of the grid inside it."""
    new_size = _GRID * max(int(size * factor) // _GRID, 2)
    centers = size / 2 + (np.arange(new_size) - (new_size - 1) / 2) / factor
    distances = abs(np.arange(size) + 0.5 - np.clip(centers, 0.5, size - 0.5)[:, np.newaxis])
    weights = np.clip(1 - distances * min(factor, 1), 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def _find_distances(is_inside: NDArray[np.bool_]) -> Floats:
    """Return the distance from the border in pixels, negative outside; the frame is not a border."""
    if is_inside.all():
        return np.full(is_inside.shape, len(is_inside), dtype=np.float32)
    if not is_inside.any():
        return np.zeros(is_inside.shape, dtype=np.float32)
    inner, outer = ndi.distance_transform_edt(is_inside), ndi.distance_transform_edt(~is_inside)
    return (inner - outer).astype(np.float32)


def _average_blocks(values: Floats, side: int) -> Floats:
    """Return the means of square blocks, which tile the array."""
    if side == 1:
        return values
    height, width = values.shape[:2]
    blocks = values.reshape(height // side, side, width // side, side, *values.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3)))


def _cut_patches(levels: Floats, distances: Floats, stride: int) -> Patches:
    """Take patches at equal distances at one scale."""
    windows = np.lib.stride_tricks.sliding_window_view
    middle = windows(distances, (2, 2))[SIDE // 2 - 1 :: stride, SIDE // 2 - 1 :: stride].mean(axis=(2, 3))
    rows, columns = ((size - SIDE) // stride + 1 for size in distances.shape)
    middle = middle[:rows, :columns]
    is_near = middle > -_RIM
    waves = _make_waves()
    # The transform is separable: along the rows of the image for all patches at once, then along the columns.
    down = windows(levels, SIDE, axis=0)[::stride] @ waves.T
    values = windows(down, SIDE, axis=1)[:, ::stride][is_near] @ waves.T  # patch, channel, frequency down, across
    _orient(values)
    down_sums, across_sums = _list_frequencies()
    return Patches(values[:, :, down_sums, across_sums].reshape(len(values), N_VALUES), middle[is_near])


def _orient(values: Floats) -> None:
    """Mirror and transpose patches, given as cosine coefficients, in place, to the canonical orientation.

    A mirror image changes the sign of the odd frequencies. The lowest ones are the slopes of the brightness.
    """
    slopes = values.sum(axis=1)
    down, across = np.where(slopes[:, [1, 0], [0, 1]] < 0, np.float32(-1), np.float32(1)).T.reshape(2, -1, 1, 1, 1)
    values[:, :, 1::2] *= down
    values[:, :, :, 1::2] *= across
    is_wide = abs(slopes[:, 1, 0]) < abs(slopes[:, 0, 1])
    values[is_wide] = values[is_wide].swapaxes(2, 3)


@cache
def _make_waves() -> Floats:
    """Return the lowest basis vectors of the orthonormal discrete cosine transform, one per row."""
    places = (np.arange(SIDE) + 0.5) / SIDE
    waves = np.cos(np.pi * np.arange(_N_FREQUENCIES)[:, np.newaxis] * places)
    return (waves / np.linalg.norm(waves, axis=1, keepdims=True)).astype(np.float32)


@cache
def _list_frequencies() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the frequencies down and across of the values of a patch."""
    down, across = np.indices((_N_FREQUENCIES, _N_FREQUENCIES))
    is_kept = (down + across > 0) & (down + across <= _FINEST_SUM)
    return down[is_kept], across[is_kept]


def encode(patches: Patches, mixture: Mixture) -> Floats:
    r"""Compute the Fisher vector of patches in each zone.

    For each Gaussian :math:`k` and component :math:`j`, with the responsibilities :math:`\gamma_{ik}` and the weights
    :math:`s_i` of a zone, of sum 1:

    .. math:: \frac{1}{\sqrt{\pi_k}} \sum_i s_i \gamma_{ik} \frac{z_{ij} - \mu_{kj}}{\sigma_{kj}}, \qquad
              \frac{1}{\sqrt{2 \pi_k}} \sum_i s_i \gamma_{ik}
              \left(\frac{(z_{ij} - \mu_{kj})^2}{\sigma_{kj}^2} - 1\right)

    Each value is then replaced by its square root with the same sign, and the vector of a zone is divided by its
    length.

    Parameters
    ----------
    patches : Patches
        Patches of one scale.
    mixture : Mixture
        Mixture of the same scale.

    Returns
    -------
    ndarray of shape (2 * 2 * n_gaussians * n_components,), dtype float32
        For each zone, the values of the means, then those of the variances, of each Gaussian. NaN if there is no patch.
    """
    _, _, fractions, means, deviations = mixture
    zones = []
    points = np.asarray((patches.values - mixture.center) @ mixture.components, dtype=np.float32)
    squares = points * points
    shares = _share_patches(points, squares, mixture)
    roots = np.sqrt(fractions)[:, np.newaxis]
    is_lesion = expit((patches.distances - _OUTER_STEP) / _STEP_WIDTH)
    for weights in (is_lesion, is_lesion * expit((_INNER_STEP - patches.distances) / _STEP_WIDTH)):
        weighted = shares * (weights / max(weights.sum(), np.finfo(np.float32).tiny))[:, np.newaxis]
        sums = weighted.sum(axis=0)[:, np.newaxis]
        first, second = weighted.T @ points, weighted.T @ squares
        slopes = (first - means * sums) / deviations / roots
        spreads = ((second - 2 * means * first + means**2 * sums) / deviations**2 - sums) / (np.sqrt(2) * roots)
        zone = np.concatenate([slopes.ravel(), spreads.ravel()])
        zone = np.sign(zone) * np.sqrt(abs(zone))
        zones.append(zone / max(np.linalg.norm(zone), np.finfo(np.float32).tiny))
    return np.concatenate(zones) if len(points) else np.full(2 * zone.size, np.nan, dtype=np.float32)


def _share_patches(points: Floats, squares: Floats, mixture: Mixture) -> Floats:
    """Return the responsibility of each Gaussian for each patch."""
    precisions = 1 / mixture.deviations**2
    logs = points @ (mixture.means * precisions).T - squares @ precisions.T / 2
    logs += (
        np.log(mixture.weights)
        - np.log(mixture.deviations).sum(axis=1)
        - (mixture.means**2 * precisions).sum(axis=1) / 2
    )
    return softmax(logs, axis=1)
