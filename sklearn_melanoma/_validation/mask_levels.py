"""Levels of masks.

A mask may be stored in many ways. Its levels are checked before a threshold is applied. Without this check, an image or
a label image would give a wrong mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Blocks = Callable[[], Iterable[NDArray[Any]]]

BLOCK_PIXELS = 1 << 20

# More than two different integers, all up to this one, are labels of regions. Antialiased masks have brighter levels.
MAX_LABEL = 31

# Masks with more levels are JPEGs, resized masks and maps of probabilities.
MAX_FEW_LEVELS = 16

# The largest level of the background, relative to the lesion's. JPEG's strongest compression leaves 0.08.
BACKGROUND = 0.1

# Smallest fraction of the pixels of other levels that equal all their neighbors (flat areas) if the levels are labels.
# It is at least 0.68 in label images, and at most 0.25 in JPEGs of any quality and 0.1 in resized masks.
FLAT = 0.4

# Longest side of the subsampled levels whose neighbors are compared. In large images, the steps of a smooth map get
# wide.
COMPARED_SIDE = 512

FULL_SCALES = (1, 255, 65_535)  # of bools and numbers in 0..1, of 8 and of 16 bits
LARGEST = 65_535
MAP_SCALES = (100, 255, 65_535)  # of probabilities in percent, 8 and 16 bits; other smooth maps are distances


def cut_levels(levels: NDArray[Any], *, name: str = "mask") -> NDArray[np.bool_]:
    """Return the lesion of a mask that is stored as numbers.

    Parameters
    ----------
    levels : ndarray of shape (height, width)
        Numbers, as described in :func:`~sklearn_melanoma.images.read_mask`.
    name : str, default="mask"
        Name of the mask in errors.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion.

    Raises
    ------
    ValueError
        If the levels are not those of a mask.
    """
    height, width = levels.shape
    rows = max(BLOCK_PIXELS // width, 1)
    cut = find_cut(lambda: (levels[top : top + rows] for top in range(0, height, rows)), (height, width), name=name)
    return np.asarray(levels > cut)


def find_cut(blocks: Blocks, shape: tuple[int, int], *, name: str = "mask") -> float:
    """Return the number above which the levels of a mask belong to the lesion.

    Parameters
    ----------
    blocks : callable
        Returns an iterable of blocks of rows, from top to bottom. It is called several times.
    shape : tuple of int
        Height and width of all blocks together.
    name : str, default="mask"
        Name of the mask in errors.

    Returns
    -------
    float
        0.5 for numbers in 0..1, else half of the largest level.

    Raises
    ------
    ValueError
        If the levels are not those of a mask.
    """
    low, high, whole = _find_range(blocks(), name)
    cut = 0.5 if high <= 1 + 1e-6 else high / 2
    if low == high:
        return _cut_constant(high, name)
    if not whole or high > LARGEST:
        if all(bool(((block == low) | (block == high)).all()) for block in blocks()):
            return _check_two(low, high, cut, name)
        if high > LARGEST:
            raise ValueError(f"{name} must have two levels, got more, up to {high:g}. {_suggest_label(high)}")
    scale = 1 if whole else LARGEST / max(high, 1)
    codes = np.empty(shape, np.uint8 if whole and high <= 255 else np.uint16)
    counts = _encode(blocks(), codes, scale)
    present = np.flatnonzero(counts)
    if present.size == 2:
        return _check_two(low, high, cut, name)
    _refuse_labels(codes, counts, [float(code / scale) for code in present], whole, name)
    if present.size > MAX_FEW_LEVELS:
        full = LARGEST if high <= 1 + 1e-6 and not whole else None
        probabilities = any(0.9 * scale <= high <= scale for scale in MAP_SCALES)
        _refuse_images(codes, counts, full, probabilities, name)
    return cut


def select_labels(levels: NDArray[Any], lesion_label: Any) -> NDArray[np.bool_]:
    """Return the pixels that have one of the labels of lesions.

    Parameters
    ----------
    levels : ndarray of shape (height, width)
        Label image.
    lesion_label : int or collection of int
        Labels of the lesion.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion.

    Raises
    ------
    TypeError
        If `lesion_label` is neither an integer nor a collection of integers.
    """
    labels: list[Any] = [lesion_label] if np.isscalar(lesion_label) else list(lesion_label)
    wrong = [label for label in labels if not isinstance(label, Integral | np.bool_)]
    if wrong or not labels:
        raise TypeError(
            f"lesion_label must be an integer or several, got {lesion_label!r}. Pass the lesion's level, such as 1."
        )
    return np.asarray(np.isin(levels, [int(label) for label in labels]))


def _find_range(blocks: Iterable[NDArray[Any]], name: str) -> tuple[float, float, bool]:
    """Return the smallest and the largest level, and whether all levels are integers."""
    low, high, whole = np.inf, -np.inf, True
    for block in blocks:
        low, high = min(low, float(block.min())), max(high, float(block.max()))
        if block.dtype.kind == "f":
            if not np.isfinite(block).all():
                kind = "NaN" if np.isnan(block).any() else "infinite number"
                raise ValueError(f"{name} must hold no {kind}. Set the pixels that are not lesion to 0.")
            whole = whole and bool((block == np.rint(block)).all())
    if low < -1e-6:
        raise ValueError(
            f"{name} must hold no negative numbers, got {low:g}..{high:g}. Pass bools, True on the lesion, "
            "such as mask > 0."
        )
    return low, high, whole


def _encode(blocks: Iterable[NDArray[Any]], codes: NDArray[Any], scale: float) -> NDArray[np.int64]:
    """Store levels times `scale` as integer codes, and return the number of pixels of each code."""
    counts = np.zeros(LARGEST + 1, np.int64)
    top = 0
    for block in blocks:
        part = codes[top : top + len(block)]
        part[...] = block if scale == 1 else np.clip(block * np.float64(scale), 0, LARGEST)
        counts += np.bincount(part.ravel(), minlength=counts.size)
        top += len(block)
    return counts


def _cut_constant(level: float, name: str) -> float:
    """Return a number below or above the only level of a mask: none or all of the pixels belong to the lesion."""
    full = level in FULL_SCALES or 248 <= level <= 255  # JPEG changes white by a few levels
    if level > 0 and not full:
        raise ValueError(
            f"{name} must be 0 outside the lesion, got {level:g} everywhere. Pass bools, True on the lesion."
        )
    return 0.0


def _check_two(low: float, high: float, cut: float, name: str) -> float:
    probabilities = high <= 1 + 1e-6 and low <= cut < high
    if (low > BACKGROUND * high and not probabilities) or (high <= 1 + 1e-6 and high <= cut):
        raise ValueError(
            f"{name} must be 0 outside the lesion and 1 or 255 on it, got the two levels {low:g} and {high:g}. "
            f"{_suggest_label(high)}"
        )
    return cut


def _refuse_labels(codes: NDArray[Any], counts: NDArray[np.int64], levels: list[float], whole: bool, name: str) -> None:
    """Raise an error if the levels are labels of regions, rather than gray pixels of a border or noise of a JPEG."""
    low, high, few = levels[0], levels[-1], len(levels) <= MAX_FEW_LEVELS
    listed = ", ".join(f"{level:g}" for level in levels[:6]) + (", …" if len(levels) > 6 else "")
    error = ValueError(
        f"{name} must have two levels, 0 outside the lesion and 1 or 255 on it, got {len(levels)} levels: {listed}. "
        f"{_suggest_label(1 if 1 in levels else next(level for level in levels if level > 0))}"
    )
    if (whole and high <= MAX_LABEL) or (few and (low > BACKGROUND * high or high <= 0.5)):
        raise error
    thin = _thin_out(codes)
    background, lesion = _find_modes(counts)
    spread = 0 if few else round(0.02 * lesion)
    signed = thin.astype(np.int32)
    other = (np.abs(signed - background) > spread) & (np.abs(signed - lesion) > spread)
    lowest, highest = _filter_neighbors(thin)
    extreme = (lowest == thin) | (highest == thin)  # pixels of a border have darker and brighter neighbors
    middle = (thin > 0.04 * lesion) & (thin < 0.96 * lesion)
    numbered = whole and len(levels) == high + 1 and high not in FULL_SCALES  # as by skimage.measure.label
    if (
        _find_fraction(lowest == highest, other) > FLAT
        or (numbered and _find_fraction(extreme, other) > 0.75)
        or (len(levels) <= 4 and _find_fraction(extreme, middle) > 0.5)
    ):
        raise error


def _refuse_images(
    codes: NDArray[Any], counts: NDArray[np.int64], full: int | None, probabilities: bool, name: str
) -> None:
    """Raise an error if gray levels are those of an image, or of a mask with a low level.

    `full` is the code of 1 if the levels are in 0..1. `probabilities` says whether they have another usual scale of
    probabilities.
    """
    half = int(np.flatnonzero(counts)[-1]) // 2
    above = np.cumsum(counts[half + 1 :])
    usual = half + 1 + int(np.searchsorted(above, above[-1] / 2))  # JPEG's noise is brighter than the lesion
    dark, bright = _count_extremes(counts, usual)
    between = codes.size - dark - bright
    if full is not None:
        if usual <= full / 2 and between < bright:
            raise ValueError(
                f"{name} must be 0 outside the lesion and 1 on it, got mostly 0 and {usual / full:.2g}. "
                "Divide it by the level of the lesion, or pass bools."
            )
        dark, bright = _count_extremes(counts, full)
        wrong = codes.size >= 64 and dark + bright < 0.05 * codes.size
    elif dark == 0:
        wrong = between > 0 or not 248 <= usual <= 255
    else:
        lesser, border = min(dark, bright), 6 * np.sqrt(codes.size)
        wide = between > 0.25 * lesser + border
        wrong = between > 4 * lesser + 16 or (wide and not probabilities)
        if not wrong and (wide or _count_uneven(counts, usual) > 0.3 * bright + border):
            wrong = _find_roughness(codes) > 0.1
    if wrong:
        raise ValueError(
            f"{name} must have two levels, 0 outside the lesion and 1 or 255 on it, got gray levels as in an image. "
            "Pass the mask of the lesion. If it holds probabilities, apply a threshold, as in probability > 0.5."
        )


def _count_extremes(counts: NDArray[np.int64], level: int) -> tuple[int, int]:
    """Return how many pixels are dark and bright, relative to a level."""
    return int(counts[: int(0.2 * level) + 1].sum()), int(counts[int(np.ceil(0.8 * level)) :].sum())


def _count_uneven(counts: NDArray[np.int64], usual: int) -> int:
    """Return how many bright pixels differ from the most frequent bright level, by more than JPEG's noise."""
    start = int(np.ceil(0.8 * usual))
    mode = start + int(np.argmax(counts[start:]))
    near = slice(max(mode - round(0.02 * usual), start), mode + round(0.02 * usual) + 1)
    return int(counts[start:].sum() - counts[near].sum())


def _find_roughness(codes: NDArray[Any]) -> float:
    """Return the fraction of gray pixels without a darker or without a brighter neighbor, about 0 in smooth maps."""
    thin = _thin_out(codes)
    lowest, highest = _filter_neighbors(thin)
    largest = int(thin.max())
    gray = (thin > 0.02 * largest) & (thin < 0.98 * largest)
    return _find_fraction((lowest == thin) | (highest == thin), gray)


def _find_fraction(pixels: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """Return the fraction of some pixels among others, 0 if there are none."""
    return int(np.count_nonzero(pixels & among)) / max(int(np.count_nonzero(among)), 1)


def _find_modes(counts: NDArray[np.int64]) -> tuple[int, int]:
    """Return the most frequent code of the lower and of the upper half."""
    half = int(np.flatnonzero(counts)[-1]) // 2
    return int(np.argmax(counts[: half + 1])), half + 1 + int(np.argmax(counts[half + 1 :]))


def _thin_out(codes: NDArray[Any]) -> NDArray[Any]:
    step = -(-max(codes.shape) // COMPARED_SIDE)
    return codes[::step, ::step]


def _filter_neighbors(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the smallest and the largest code around each pixel."""
    return ndimage.minimum_filter(codes, 3, mode="nearest"), ndimage.maximum_filter(codes, 3, mode="nearest")


def _suggest_label(label: float) -> str:
    """Return advice for the user; `label` is a level of the mask, and may be a label if it is an integer."""
    whole = label == int(label)
    return (
        f"If it is a label image, {'' if whole else 'make integers of its labels, and '}name the label of the lesion, "
        f"as in read_mask(source, lesion_label={int(label) if whole else '…'}); else pass bools, True on the lesion."
    )
