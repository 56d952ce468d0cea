"""Fingerprints of images, for finding copies: a small gray image of the details, and its hash.

The hash holds the signs of the low frequencies of the details (discrete cosine transform, DCT). Mirroring or turning an
image only changes signs that are known in advance, and the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

#: Longest side at which images are read for a fingerprint.
READING_SIDE = 128
SIDE = 64  # side of the details in pixels
_BAND = 16  # number of frequencies in the hash, along each axis
# Two standard deviations in pixels: of the blur that gives the outline, and of the surroundings for the local contrast.
# The outline is removed, because most lesions are dark blots in the middle and look alike. Only details differ.
_OUTLINE, _SURROUNDINGS = 2, 6
_MIN_CONTRAST = 2  # gray levels; lower contrasts are noise and stay low
# Smallest correlation between the hashes of a pair that is compared in full. On real images, it is at least 0.7 if the
# correlation of the details is above 0.75. It is at least 0.5 in one of 65 000 of all pairs.
_MIN_AGREEMENT = 0.5
_ROUNDING = 1e-3  # error of a correlation of float16
_MAX_CELLS = 1 << 24  # cells of the table of pairs that are compared at once
_CHUNK = 2048  # number of images or candidates at once

#: Transposition, and flips of both axes, which make the eight orientations of an image.
_ORIENTATIONS = tuple(product((False, True), (1, -1), (1, -1)))


def compute_details(images: list[NDArray[np.uint8]]) -> NDArray[np.float16]:
    """Compute the details of images.

    Parameters
    ----------
    images : list of ndarray of shape (height, width, 3), dtype uint8
        Small RGB images.

    Returns
    -------
    ndarray of shape (n_images, SIDE, SIDE), dtype float16
        Gray levels without the outline, divided by the local contrast, faded to the frame, with mean 0 and norm 1.
        The product of two of them is their correlation. All 0 for an image without details.
    """
    gray = np.stack([_shrink(image) for image in images])
    details = gray - gaussian_filter(gray, (0, _OUTLINE, _OUTLINE))
    contrast = gaussian_filter(details**2, (0, _SURROUNDINGS, _SURROUNDINGS))
    details /= np.sqrt(contrast + _MIN_CONTRAST**2)
    window = np.sqrt(np.hanning(SIDE + 2)[1:-1]).astype(np.float32)  # dark corners look the same in many images
    details *= window[:, None] * window
    details -= details.mean((1, 2), keepdims=True)
    norm = np.sqrt((details**2).sum((1, 2), keepdims=True))
    return np.where(norm > 0.01 * SIDE, details / np.maximum(norm, 1e-6), 0).astype(np.float16)


def _shrink(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    gray = Image.fromarray(image).convert("L").convert("F")
    return np.asarray(gray.resize((SIDE, SIDE), Image.Resampling.BOX))


def find_copies(details: NDArray[np.float16], min_correlation: float) -> NDArray[np.intp]:
    """Find pairs of images that are copies of each other, also mirrored or turned by 90°.

    Parameters
    ----------
    details : ndarray of shape (n_images, SIDE, SIDE), dtype float16
        Details from `compute_details`.
    min_correlation : float
        Smallest correlation between the details of a pair.

    Returns
    -------
    ndarray of shape (n_pairs, 2), dtype int
        Positions of the images of each pair.
    """
    hashes = _compute_hashes(details)
    pairs = [np.empty((0, 2), dtype=np.intp)]
    for orientation in _ORIENTATIONS:
        for candidates in _find_candidates(hashes, orientation):
            first = details[candidates[:, 0]].astype(np.float32)
            second = _orient(details[candidates[:, 1]].astype(np.float32), orientation)
            correlation = np.einsum("kij,kij->k", first, second)
            pairs.append(candidates[correlation >= min_correlation - _ROUNDING])
    return np.unique(np.concatenate(pairs), axis=0)


def _compute_hashes(details: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the signs of the low frequencies of each image, without the mean."""
    hashes = np.zeros((len(details), _BAND, _BAND), dtype=np.float32)
    for start in range(0, len(details), _CHUNK):
        frequencies = dctn(details[start : start + _CHUNK].astype(np.float32), axes=(1, 2))
        hashes[start : start + _CHUNK] = np.sign(frequencies[:, :_BAND, :_BAND])
    hashes[:, 0, 0] = 0
    return hashes


def _find_candidates(hashes: NDArray[np.float32], orientation: tuple[bool, int, int]) -> Iterator[NDArray[np.intp]]:
    """Yield pairs of positions whose hashes agree in one of the orientations of the second image."""
    n = len(hashes)
    transposed, *flips = orientation
    odd = np.arange(_BAND) % 2 == 1  # a flip negates these frequencies
    signs = np.where(odd, flips[0], 1)[:, None] * np.where(odd, flips[1], 1)
    oriented = (hashes.swapaxes(1, 2) if transposed else hashes) * signs.astype(np.float32)
    rows, columns = hashes.reshape(n, _BAND**2), oriented.reshape(n, _BAND**2)
    size = max(1, _MAX_CELLS // max(n, 1))
    for start in range(0, n, size):
        agreement = rows[start : start + size] @ columns[start:].T
        first, second = np.nonzero(agreement >= _MIN_AGREEMENT * (_BAND**2 - 1))
        candidates = np.column_stack([first, second])[first < second] + start
        for chunk in range(0, len(candidates), _CHUNK):
            yield candidates[chunk : chunk + _CHUNK]


def _orient(images: NDArray[np.float32], orientation: tuple[bool, int, int]) -> NDArray[np.float32]:
    transposed, vertical, horizontal = orientation
    return (images.swapaxes(1, 2) if transposed else images)[:, ::vertical, ::horizontal]
