"""Small patches of a lesion, and codes for them that need no label."""

from __future__ import annotations

from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._geometry import padded_box
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Array

# In 64 bits: near a code, the root of the squared distance would carry a thousandth of 32-bit rounding.

# Longest side of what is looked at, in shares of the side that lesions are brought to: bounds the cost of long ones.
_LONGEST = 4
# Level that the contrast of a patch is weighed against, so that noise on even skin is not blown up: 10 of 255.
_FAINT = 10 / 255
# Added to the variances before they are made equal. Normalized patches have about 1 in each value: what varies less
# than an average value is taken for noise. A tenth of it lost 0.01 of AUC on HAM10000, a hundredth 0.03.
_FLOOR = 1.0
# Distance between patches, in pixels of the working size.
STRIDE = 2
# Rounds of k-means: 40 of them bring patches of HAM10000 half a percent nearer to their codes, squared.
_ROUNDS = 15
_AT_ONCE = 4096


class Codes(NamedTuple):
    """What is learned from patches: how they are whitened, and what they are compared with.

    Parameters
    ----------
    mean : ndarray of shape (n_values,), dtype float64
        Mean patch.
    whitening : ndarray of shape (n_values, n_values), dtype float64
        Symmetric matrix that makes the covariance of patches the identity.
    centers : ndarray of shape (n_codes, n_values), dtype float64
        Whitened patches, each standing for its 8 orientations.
    side : int
        Side of a patch.
    """

    mean: Array
    whitening: Array
    centers: Array
    side: int

    @property
    def turned(self) -> Array:
        """The codes in each of the 8 orientations, of shape (8 * n_codes, n_values): first all of them as they are."""
        return self.centers[:, orientations(self.side)].swapaxes(0, 1).reshape(-1, self.centers.shape[1])


def orientations(side: int) -> NDArray[np.intp]:
    """Return the 8 orders of the values of a flat color patch: 4 quarter turns, plain and mirrored.

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
    return np.stack([np.rot90(way, turns).ravel() for way in (index, index[:, ::-1]) for turns in range(4)])


def take_patches(lesion: Lesion, *, side: int, lesion_side: int) -> tuple[Array, Array]:
    r"""Cut overlapping patches out of a lesion and a bit of its rim, brightness and contrast made equal.

    The lesion is brought to a size at which the square root of its area is `lesion_side`. From each patch its
    mean is subtracted, and it is divided by :math:`\sqrt{v + 0.04^2}`, with its variance :math:`v` over pixels and
    channels, in shares of white.

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
        All that hold some of the lesion.
    shares : ndarray of shape (n_patches,), dtype float64
        Share of each that is lesion, above 0.
    """
    image, mask = _at_working_size(lesion, side, lesion_side)
    windows = np.lib.stride_tricks.sliding_window_view
    shares = windows(mask, (side, side))[::STRIDE, ::STRIDE].mean(axis=(2, 3))
    # More than rounding; a larger bound could be met exactly, and then rounding would decide.
    chosen = shares > 1e-6
    patches = windows(image, (side, side), axis=(0, 1))[::STRIDE, ::STRIDE][chosen]
    patches = patches.transpose(0, 2, 3, 1).reshape(len(patches), -1)
    patches -= patches.mean(axis=1, keepdims=True)
    patches /= np.sqrt(np.einsum("ij,ij->i", patches, patches) / patches.shape[1] + _FAINT**2)[:, np.newaxis]
    return patches, np.minimum(shares[chosen], 1)


def _at_working_size(lesion: Lesion, side: int, lesion_side: int) -> tuple[Array, Array]:
    """Return image and mask around the lesion, in shares of white; the frame bounds how much rim there is."""
    assert lesion.mask is not None
    length = sqrt(lesion.area_px)
    rim = ceil(length * side / lesion_side)
    box = padded_box(lesion.mask, rim)
    image, mask = lesion.image[box] / 255.0, lesion.mask[box].astype(np.float64)
    height, width = mask.shape
    factor = min(lesion_side / length, _LONGEST * lesion_side / max(height, width))
    # Whole steps on both sides, so that the grid of patches stays itself when the image is turned or mirrored.
    down, across = (
        _resizing(size, side + STRIDE * max(round((size * factor - side) / STRIDE), 0)) for size in mask.shape
    )
    image = (down @ image.reshape(height, -1)).reshape(len(down), width, 3)
    return np.matmul(across, image), down @ mask @ across.T


def _resizing(size: int, new_size: int) -> Array:
    """Return the matrix that resizes an axis linearly, by weighted means where it shrinks."""
    centers = (np.arange(new_size) + 0.5) * size / new_size
    away = abs(np.arange(size) + 0.5 - centers[:, np.newaxis])
    weights = np.clip(1 - away / max(size / new_size, 1), 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def find_whitening(patches: Array, side: int) -> tuple[Array, Array]:
    r"""Find the mean of patches and the matrix that makes their covariance the identity.

    Zero-phase whitening: :math:`W = V (\Lambda + \varepsilon I)^{-1/2} V^T` for the covariance
    :math:`V \Lambda V^T` of the patches in all 8 orientations, so that turning a patch before or
    after comes to the same. With :math:`\varepsilon = 1`, what varies less stays faint.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, 3 * side**2)
        Patches.
    side : int
        Their side.

    Returns
    -------
    mean : ndarray of shape (3 * side**2,), dtype float64
        Mean patch.
    whitening : ndarray of shape (3 * side**2, 3 * side**2), dtype float64
        The matrix.
    """
    orders = orientations(side)
    mean = patches.mean(axis=0)[orders].mean(axis=0)
    centered = patches - mean
    one_way = centered.T @ centered / len(patches)
    covariance = np.mean([one_way[np.ix_(order, order)] for order in orders], axis=0)
    variances, axes = np.linalg.eigh(covariance)
    whitening = (axes / np.sqrt(np.maximum(variances, 0) + _FLOOR)) @ axes.T
    return mean, whitening


def learn_codes(patches: Array, n_codes: int, *, side: int, random: np.random.RandomState) -> Codes:
    """Learn whitening and codes: k-means in which a patch and its 8 orientations are one.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, 3 * side**2), dtype float64
        Normalized patches, at least `n_codes`.
    n_codes : int
        Number of codes.
    side : int
        Side of a patch.
    random : RandomState
        Draws the patches that the codes start from.

    Returns
    -------
    Codes
        What `encode` takes.
    """
    mean, whitening = find_whitening(patches, side)
    points = (patches - mean) @ whitening
    back = np.argsort(orientations(side), axis=1)
    codes = Codes(mean, whitening, points[random.permutation(len(points))[:n_codes]], side)
    for _ in range(_ROUNDS):
        way, code = np.divmod(_nearest(points, codes.turned), n_codes)
        member = (code == np.arange(n_codes)[:, np.newaxis]).astype(np.float64)
        counts = member.sum(axis=1)
        centers = member @ np.take_along_axis(points, back[way], axis=1) / np.maximum(counts, 1)[:, np.newaxis]
        lost = np.flatnonzero(counts == 0)
        centers[lost] = points[random.randint(len(points), size=len(lost))]
        codes = codes._replace(centers=centers)
    return codes


def _nearest(points: Array, centers: Array) -> NDArray[np.intp]:
    """Return the position of the nearest center of each point, a few points at a time to save memory."""
    halves = (centers * centers).sum(axis=1) / 2
    starts = range(0, len(points), _AT_ONCE)
    return np.concatenate([(points[i : i + _AT_ONCE] @ centers.T - halves).argmax(axis=1) for i in starts])


def encode(patches: Array, codes: Codes) -> Array:
    r"""Return how much nearer each patch is to each code than it is to the codes on average.

    The triangle encoding :math:`f_k = \max(0, \bar{z} - z_k)` of the distances :math:`z_k` in
    whitened space, each that to the nearest of the code's 8 orientations.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, 3 * side**2), dtype float64
        Normalized patches.
    codes : Codes
        What was learned.

    Returns
    -------
    ndarray of shape (n_patches, n_codes), dtype float64
        Zero or above; for most patches, about half of the codes are zero.
    """
    n_codes, turned = len(codes.centers), codes.turned
    points = (patches - codes.mean) @ codes.whitening
    squares = points @ (-2 * turned.T)
    squares += (turned * turned).sum(axis=1)
    least = squares[:, :n_codes]  # without the square of the patch, which is the same for all codes
    for start in range(n_codes, 8 * n_codes, n_codes):
        np.minimum(least, squares[:, start : start + n_codes], out=least)
    least += np.einsum("ij,ij->i", points, points)[:, np.newaxis]
    distances = np.sqrt(np.maximum(least, 0))
    return np.maximum(distances.mean(axis=1, keepdims=True) - distances, 0)


def pool(activity: Array, shares: Array) -> Array:
    r"""Return mean and standard deviation of every code over the core of a lesion and over its rim.

    A patch of which a share :math:`s` is lesion counts :math:`s^2` in the core and :math:`2 s (1 - s)` in
    the rim: the chance that two of its pixels are both lesion, or one of each.

    Parameters
    ----------
    activity : ndarray of shape (n_patches, n_codes)
        What `encode` returns.
    shares : ndarray of shape (n_patches,)
        Share of each patch that is lesion.

    Returns
    -------
    ndarray of shape (4 * n_codes,), dtype float64
        Means and deviations over the core, then over the rim; NaN where the frame leaves no rim.
    """
    parts = []
    for weights in (shares**2, 2 * shares * (1 - shares)):
        total = weights.sum()
        if total < 1e-3:  # of one patch: rounding
            parts += [np.full(activity.shape[1], np.nan)] * 2
            continue
        # Not by BLAS, which sums in another order in each number of threads.
        mean = np.einsum("i,ij->j", weights, activity) / total
        parts += [mean, np.sqrt(np.einsum("i,ij->j", weights, (activity - mean) ** 2) / total)]
    return np.concatenate(parts)
