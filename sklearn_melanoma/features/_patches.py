"""Patches of a lesion, and codes that are learned from patches without labels."""

from __future__ import annotations

from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._geometry import padded_box
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Array

# Everything is in float64: near a code, float32 would give the root of the squared distance an error of a thousandth.

# Longest side of the working image, as a multiple of `lesion_side`. It bounds the cost of long lesions.
_LONGEST = 4
# Contrast that is added to that of a patch before division, 10 of 255, so that noise on smooth skin is not amplified.
_FAINT = 10 / 255
# Added to the variances before whitening. The values of normalized patches have a variance of about 1, so directions
# with less variance than an average value count as noise. A tenth of it lowered the AUC on HAM10000 by 0.01, a
# hundredth by 0.03.
_FLOOR = 1.0
# Distance between patches, in pixels of the working image.
STRIDE = 2
# Iterations of k-means: 40 of them reduce the squared distances on HAM10000 by only half a percent.
_ITERATIONS = 15
# Number of patches that are compared with the codes at a time, to save memory.
_CHUNK = 4096


class Codes(NamedTuple):
    """Whitening of patches, and codes.

    Parameters
    ----------
    mean : ndarray of shape (n_values,), dtype float64
        Mean patch.
    whitening : ndarray of shape (n_values, n_values), dtype float64
        Symmetric matrix that makes the covariance of patches the identity.
    centers : ndarray of shape (n_codes, n_values), dtype float64
        Codes: whitened patches, each of which represents its 8 orientations.
    side : int
        Side of a patch, in pixels.
    """

    mean: Array
    whitening: Array
    centers: Array
    side: int

    @property
    def oriented(self) -> Array:
        """Codes in each of the 8 orientations, of shape (8 * n_codes, n_values); the original codes come first."""
        return self.centers[:, list_orientations(self.side)].swapaxes(0, 1).reshape(-1, self.centers.shape[1])


def list_orientations(side: int) -> NDArray[np.intp]:
    """Return the 8 permutations of a flattened color patch: 4 quarter turns, with and without mirroring.

    Parameters
    ----------
    side : int
        Side of the patch.

    Returns
    -------
    ndarray of shape (8, 3 * side**2), dtype int
        ``patch[orders[i]]`` is the patch in orientation ``i``; the first is the patch itself.
    """
    index = np.arange(side * side * 3).reshape(side, side, 3)
    return np.stack([np.rot90(plane, turns).ravel() for plane in (index, index[:, ::-1]) for turns in range(4)])


def take_patches(lesion: Lesion, *, side: int, lesion_side: int) -> tuple[Array, Array]:
    r"""Cut overlapping patches out of a lesion and its rim, and normalize their brightness and contrast.

    The lesion is resized so that the square root of its area is `lesion_side`. The mean of each patch is subtracted,
    and the patch is divided by :math:`\sqrt{v + (10/255)^2}`, where :math:`v` is its variance over pixels and
    channels, at levels from 0 to 1.

    Parameters
    ----------
    lesion : Lesion
        With a mask of at least one pixel.
    side : int
        Side of a patch.
    lesion_side : int
        Square root of the lesion's area at the working size.

    Returns
    -------
    patches : ndarray of shape (n_patches, 3 * side**2), dtype float64
        Patches that contain a part of the lesion.
    fractions : ndarray of shape (n_patches,), dtype float64
        Fraction of each patch that is lesion, above 0.
    """
    image, mask = _resize_lesion(lesion, side, lesion_side)
    windows = np.lib.stride_tricks.sliding_window_view
    fractions = windows(mask, (side, side))[::STRIDE, ::STRIDE].mean(axis=(2, 3))
    # The bound exceeds rounding errors. Fractions could equal a larger bound, and then rounding would decide.
    chosen = fractions > 1e-6
    patches = windows(image, (side, side), axis=(0, 1))[::STRIDE, ::STRIDE][chosen]
    patches = patches.transpose(0, 2, 3, 1).reshape(len(patches), -1)
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(np.einsum("ij,ij->i", patches, patches) / patches.shape[1] + _FAINT**2)[:, np.newaxis]
    return patches, np.minimum(fractions[chosen], 1)


def _resize_lesion(lesion: Lesion, side: int, lesion_side: int) -> tuple[Array, Array]:
    """Return image and mask around the lesion, at levels from 0 to 1; the frame may cut the rim."""
    assert lesion.mask is not None
    length = sqrt(lesion.area_px)
    rim = ceil(length * side / lesion_side)
    box = padded_box(lesion.mask, rim)
    image, mask = lesion.image[box] / 255.0, lesion.mask[box].astype(np.float64)
    height, width = mask.shape
    factor = min(lesion_side / length, _LONGEST * lesion_side / max(height, width))
    # Whole steps on both sides, so that the grid of patches is the same when the image is rotated or mirrored.
    down, across = (
        _build_resizing(size, side + STRIDE * max(round((size * factor - side) / STRIDE), 0)) for size in mask.shape
    )
    image = (down @ image.reshape(height, -1)).reshape(len(down), width, 3)
    return np.matmul(across, image), down @ mask @ across.T


def _build_resizing(size: int, new_size: int) -> Array:
    """Return the matrix that resizes an axis: linear interpolation, or weighted means if it shrinks."""
    centers = (np.arange(new_size) + 0.5) * size / new_size
    distances = abs(np.arange(size) + 0.5 - centers[:, np.newaxis])
    weights = np.clip(1 - distances / max(size / new_size, 1), 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def find_whitening(patches: Array, side: int) -> tuple[Array, Array]:
    r"""Find the mean of patches and the matrix that makes their covariance the identity.

    Zero-phase whitening: :math:`W = V (\Lambda + \varepsilon I)^{-1/2} V^T` for the covariance
    :math:`V \Lambda V^T` of the patches in all 8 orientations, so that whitening commutes with rotating a
    patch. With :math:`\varepsilon = 1`, directions of lower variance are not amplified to unit variance.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, 3 * side**2)
        Patches.
    side : int
        Side of a patch.

    Returns
    -------
    mean : ndarray of shape (3 * side**2,), dtype float64
        Mean patch.
    whitening : ndarray of shape (3 * side**2, 3 * side**2), dtype float64
        Symmetric whitening matrix.
    """
    orders = list_orientations(side)
    mean = patches.mean(axis=0)[orders].mean(axis=0)
    centered = patches - mean
    unrotated = centered.T @ centered / len(patches)
    covariance = np.mean([unrotated[np.ix_(order, order)] for order in orders], axis=0)
    variances, axes = np.linalg.eigh(covariance)
    whitening = (axes / np.sqrt(np.maximum(variances, 0) + _FLOOR)) @ axes.T
    return mean, whitening


def learn_codes(patches: Array, n_codes: int, *, side: int, random: np.random.RandomState) -> Codes:
    """Learn whitening and codes by k-means, which treats the 8 orientations of a patch as one.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, 3 * side**2), dtype float64
        Normalized patches, at least `n_codes`.
    n_codes : int
        Number of codes.
    side : int
        Side of a patch.
    random : RandomState
        Draws the initial codes from the patches.

    Returns
    -------
    Codes
        Argument of `encode`.
    """
    mean, whitening = find_whitening(patches, side)
    points = (patches - mean) @ whitening
    inverses = np.argsort(list_orientations(side), axis=1)
    codes = Codes(mean, whitening, points[random.permutation(len(points))[:n_codes]], side)
    for _ in range(_ITERATIONS):
        orientation, code = np.divmod(_find_nearest(points, codes.oriented), n_codes)
        member = (code == np.arange(n_codes)[:, np.newaxis]).astype(np.float64)
        counts = member.sum(axis=1)
        centers = (
            member @ np.take_along_axis(points, inverses[orientation], axis=1) / np.maximum(counts, 1)[:, np.newaxis]
        )
        empty = np.flatnonzero(counts == 0)
        centers[empty] = points[random.randint(len(points), size=len(empty))]
        codes = codes._replace(centers=centers)
    return codes


def _find_nearest(points: Array, centers: Array) -> NDArray[np.intp]:
    """Return the position of the nearest center of each point, a chunk of points at a time."""
    halves = (centers * centers).sum(axis=1) / 2
    starts = range(0, len(points), _CHUNK)
    return np.concatenate([(points[i : i + _CHUNK] @ centers.T - halves).argmax(axis=1) for i in starts])


def encode(patches: Array, codes: Codes) -> Array:
    r"""Return how much nearer each patch is to each code than to the average code.

    The triangle encoding :math:`f_k = \max(0, \bar{z} - z_k)` of the distances :math:`z_k` in
    whitened space. A distance is that to the nearest of the code's 8 orientations.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, 3 * side**2), dtype float64
        Normalized patches.
    codes : Codes
        Learned codes.

    Returns
    -------
    ndarray of shape (n_patches, n_codes), dtype float64
        Activities, at least 0; about half of the codes are 0 for most patches.
    """
    n_codes, oriented = len(codes.centers), codes.oriented
    points = (patches - codes.mean) @ codes.whitening
    squares = points @ (-2 * oriented.T)
    squares += (oriented * oriented).sum(axis=1)
    least = squares[:, :n_codes]  # without the squared norm of the patch, which is the same for all codes
    for start in range(n_codes, 8 * n_codes, n_codes):
        np.minimum(least, squares[:, start : start + n_codes], out=least)
    least += np.einsum("ij,ij->i", points, points)[:, np.newaxis]
    distances = np.sqrt(np.maximum(least, 0))
    return np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0)


def pool(activity: Array, fractions: Array) -> Array:
    r"""Return the mean and the standard deviation of every code over the core of a lesion and over its rim.

    A patch with a fraction :math:`s` of lesion has the weight :math:`s^2` in the core and :math:`2 s (1 - s)` in
    the rim: the probability that two of its pixels are both lesion, or that exactly one is.

    Parameters
    ----------
    activity : ndarray of shape (n_patches, n_codes)
        Result of `encode`.
    fractions : ndarray of shape (n_patches,)
        Fraction of each patch that is lesion.

    Returns
    -------
    ndarray of shape (4 * n_codes,), dtype float64
        Means and standard deviations over the core, then over the rim. Those of the rim are NaN if the frame cuts it
        off.
    """
    parts = []
    for weights in (fractions**2, 2 * fractions * (1 - fractions)):
        total = weights.sum()
        if total < 1e-3:  # a thousandth of a patch is rounding
            parts += [np.full(activity.shape[1], np.nan)] * 2
            continue
        # Not by BLAS: its order of summation depends on the number of threads.
        mean = np.einsum("i,ij->j", weights, activity) / total
        parts += [mean, np.sqrt(np.einsum("i,ij->j", weights, (activity - mean) ** 2) / total)]
    return np.concatenate(parts)
