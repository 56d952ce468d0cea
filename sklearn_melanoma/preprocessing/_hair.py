"""Detection and removal of hair."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage as ndi

from sklearn_melanoma._io.reading import resize_mask, shrink_by_steps
from sklearn_melanoma._validation import check_image
from sklearn_melanoma.preprocessing._filling import fill_hidden_pixels

# Longest side, in pixels, at which hair is detected. The width of a hair is 0.4 to 1.5 % of it, 1 to 4 pixels.
HAIR_SIDE = 256

# Lengths are fractions of the longest side.
_SEGMENT = 0.03  # length of the segments along which gray levels are averaged; hair is straight over this length
_BESIDE = 0.012  # distance of the parallel segments on both sides; hair is less than twice as wide
_SURROUND = 0.1  # side of the window around a line: a few meshes of a pigment network

# If a hair is half way between two angles, the ends of a segment miss it by 0.2 % of the longest side. This is half the
# width of the finest hair.
_N_ANGLES = 12
# Pixels along a segment. Gray levels are added and not divided, so 16-bit integers hold the sums.
_N_SAMPLES = 8

# A hair continues where its contrast is at least this fraction of the contrast that its clearest part must have.
_FAINTEST = 0.6

# Smallest fraction of long lines among all line-like structures nearby. Four in five networks, globules and furrows of
# real images are below it. Nine in ten lines of hair are above it.
_COHERENCE = 0.4

Gray = NDArray[np.int16]
Part = tuple[slice, ...]


class Lines(NamedTuple):
    """Contrasts of each pixel to both sides of a line through it; sums of `_N_SAMPLES` gray levels."""

    short: Gray  # contrast of the best segment
    long: Gray  # smallest contrast of three segments in a row; 0 below a threshold


def detect_hair(image: ArrayLike, *, min_contrast: float = 0.05, min_length: float = 0.12) -> NDArray[np.bool_]:
    """Detect the pixels of dark and light hair.

    1. Hair differs from its surroundings in every color; pigment and vessels differ only in some. Therefore, dark hair
       is searched for in the maximum of red, green and blue, and light hair in the minimum.
    2. At twelve angles, gray levels are averaged along short segments and compared with the
       parallel segments on both sides. The contrast is the smaller of both differences. So a border, which is dark on
       one side only, is not a line.
    3. Three segments in a row must all be lines, because the meshes of a pigment network are shorter.
    4. Connected lines are hair if they are long and have a clear part. In addition, long lines must
       make up at least 40 % of the line-like structures around them. In a network or among
       globules, long lines are rare.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    min_contrast : float, default=0.05
        Smallest contrast of a hair to both of its sides, at its clearest part, as a fraction of
        the image's mean level, above 0 and up to 1.
    min_length : float, default=0.12
        Smallest length of a hair, end to end, as a fraction of the longest side, above 0 and up
        to 1.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on hair and on the pixels that touch it, which cover its blurred edge.

    Raises
    ------
    ValueError
        If `image` is not an image, or a parameter is out of its range.
    TypeError
        If the dtype of `image` is not one of an image.

    See Also
    --------
    remove_hair : Replace the detected hair.

    Notes
    -----
    The line of a ruler is long and thin too, and is detected as hair. A network as even and clear as a honeycomb is
    also detected, but the networks of real images are less even.

    Hair is detected at a longest side of 256 pixels; smaller images are not enlarged. So an image gives nearly the same
    result at any larger size.

    References
    ----------
    .. [1] T. Lee, V. Ng, R. Gallagher, A. Coldman, D. McLean, "DullRazor: a software approach to
           hair removal from images", Comput. Biol. Med. 27, 533-543, 1997. It closes along lines at several angles, and
           fills hair from both sides. The comparison with both sides and the tests of the detected lines are not from
           this publication.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.preprocessing import detect_hair
    >>> image = np.full((96, 128, 3), 200, dtype=np.uint8)
    >>> image[50:52, 20:110] = 60
    >>> hair = detect_hair(image)
    >>> bool(hair[50:52, 20:110].mean() > 0.9), bool(hair[:45].any())
    (True, False)
    """
    image = check_image(image)
    _check_fraction("min_contrast", min_contrast)
    _check_fraction("min_length", min_length)
    small_hair = _find_hair(shrink_by_steps(image, HAIR_SIDE), min_contrast=min_contrast, min_length=min_length)
    if small_hair is None:
        return np.zeros(image.shape[:2], dtype=bool)
    return resize_mask(small_hair, image.shape[:2])


def remove_hair(image: ArrayLike, *, min_contrast: float = 0.05, min_length: float = 0.12) -> NDArray[np.uint8]:
    """Replace hair by the colors beside it.

    The pixels that :func:`detect_hair` detects get the colors of the nearest pixels around them. All other pixels stay
    unchanged.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    min_contrast : float, default=0.05
        Smallest contrast of a hair to both of its sides, at its clearest part, as a fraction of
        the image's mean level, above 0 and up to 1.
    min_length : float, default=0.12
        Smallest length of a hair, end to end, as a fraction of the longest side, above 0 and up
        to 1.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        RGB image without hair. If `image` is a uint8 RGB array without hair, it is returned itself.

    Raises
    ------
    ValueError
        If `image` is not an image, or a parameter is out of its range.
    TypeError
        If the dtype of `image` is not one of an image.

    See Also
    --------
    detect_hair : Detect the pixels that are replaced.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.preprocessing import remove_hair
    >>> image = np.full((96, 128, 3), 200, dtype=np.uint8)
    >>> remove_hair(image) is image
    True
    >>> image[50:52, 20:110] = 60
    >>> int(remove_hair(image).min())
    200
    """
    image = check_image(image)
    _check_fraction("min_contrast", min_contrast)
    _check_fraction("min_length", min_length)
    small = shrink_by_steps(image, HAIR_SIDE)
    small_hair = _find_hair(small, min_contrast=min_contrast, min_length=min_length)
    if small_hair is None:
        return image
    # Filled pixels are smooth, so they are computed at the small size and enlarged.
    height, width = image.shape[:2]
    filled = Image.fromarray(fill_hidden_pixels(small, small_hair)).resize((width, height), Image.Resampling.BILINEAR)
    hair = Image.fromarray(resize_mask(small_hair, (height, width)).view(np.uint8) * np.uint8(255))
    return np.asarray(Image.composite(filled, Image.fromarray(image), hair))


def _check_fraction(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(
            f"{name} must lie above 0 and not above 1, got {value!r}. It is a fraction, not a number of pixels."
        )


def _find_hair(image: NDArray[np.uint8], *, min_contrast: float, min_length: float) -> NDArray[np.bool_] | None:
    """Return the pixels of hair, or None if there is no hair."""
    brightest = np.maximum(np.maximum(image[:, :, 0], image[:, :, 1]), image[:, :, 2])
    darkest = np.minimum(np.minimum(image[:, :, 0], image[:, :, 1]), image[:, :, 2])
    clear = int(max(min_contrast * float(brightest.mean()), 1) * _N_SAMPLES)
    faint = int(_FAINTEST * clear)
    # Light lines are dark lines of the negative.
    both = [_find_lines(gray, faint) for gray in (brightest, ~darkest)]
    if max(lines.long.max() for lines in both) < clear:
        return None
    ridges = [_find_ridge(lines.short, faint) for lines in both]
    total = sum(lines.short * ridge for lines, ridge in zip(both, ridges, strict=True))
    hair = np.zeros(brightest.shape, dtype=bool)
    for lines, ridge in zip(both, ridges, strict=True):
        parts = ndi.maximum_filter(lines.long > 0, 3) & (lines.short > faint)
        labels, n_parts = ndi.label(parts, np.ones((3, 3)))
        keep = _select_long_and_clear(labels, lines.long, clear=clear, min_length=min_length * max(hair.shape))
        if keep.any():
            keep &= _check_means_around(lines.short * (ridge & (lines.long > 0)) - _COHERENCE * total, labels, n_parts)
            hair |= keep[labels] & ridge
    return ndi.maximum_filter(hair, 3) if hair.any() else None


def _find_ridge(short: Gray, faint: int) -> NDArray[np.bool_]:
    """Return the center lines. Slanted segments beside a line have only a part of its contrast."""
    beside = 2 * round(_BESIDE * max(short.shape)) + 1
    return short > np.maximum(ndi.maximum_filter(short, beside) // 2, faint)


def _select_long_and_clear(
    labels: NDArray[np.int32], long: Gray, *, clear: int, min_length: float
) -> NDArray[np.bool_]:
    """Check for each label, 0 included, whether its part is long enough and has a clear part."""
    keep = [False]
    for label, box in enumerate(ndi.find_objects(labels), start=1):
        length = np.hypot(box[0].stop - box[0].start, box[1].stop - box[1].start)
        keep.append(length >= min_length and long[box][labels[box] == label].max() >= clear)
    return np.array(keep)


def _check_means_around(values: NDArray[np.floating], labels: NDArray[np.int32], n_labels: int) -> NDArray[np.bool_]:
    """Check for each label, 0 included, whether the mean of `values` around its pixels is above 0."""
    step = max(labels.shape) // 128 + 1  # a coarse grid is enough for means over a window
    window = int(_SURROUND * max(labels.shape) / step) | 1
    means = ndi.uniform_filter(values[::step, ::step].astype(np.float32), window)
    return np.bincount(labels[::step, ::step].ravel(), means.ravel(), n_labels + 1) > 0


def _find_lines(gray: NDArray[np.uint8], faint: int) -> Lines:
    """Find dark lines at every angle."""
    height, width = gray.shape
    side = max(height, width)
    reach = int(_SEGMENT * side / 2) + 2
    padded = np.pad(gray, reach, mode="edge").astype(np.int16)
    short, long = (np.zeros(gray.shape, dtype=np.int16) for _ in range(2))
    for angle in np.arange(_N_ANGLES) * np.pi / _N_ANGLES:
        along = np.array([np.sin(angle), np.cos(angle)]) * side
        contrast = _measure_contrast(
            _add_along(padded, along * _SEGMENT, gray.shape), along[::-1] * (_BESIDE, -_BESIDE)
        )
        np.maximum(short, contrast, out=short)
        # This is an opening: all three segments in a row get their smallest contrast. Segments beyond the frame are
        # ignored.
        least = contrast.copy()
        for here, there in _slice_neighbors(gray.shape, along * _SEGMENT):
            np.minimum(least[here], contrast[there], out=least[here])
        least[least <= faint] = 0
        if least.any():
            np.maximum(long, least, out=long)
            for here, there in _slice_neighbors(gray.shape, along * _SEGMENT):
                np.maximum(long[here], least[there], out=long[here])
    return Lines(short, long)


def _add_along(padded: Gray, vector: NDArray[np.float64], shape: tuple[int, ...]) -> Gray:
    """Add up `_N_SAMPLES` gray levels along a segment around each pixel, in three doublings."""
    shifts = [np.rint(vector * n / _N_SAMPLES).astype(int) for n in (1, 2, 4)]
    total, first = padded, (np.array(padded.shape) - shape) // 2 - sum(shifts) // 2
    for shift in shifts:
        here, there = _slice_overlap(total.shape, shift)
        total = total[here] + total[there]
        first += np.minimum(shift, 0)  # a sum that starts before its pixel loses the first rows
    return total[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]]


def _measure_contrast(level: Gray, across: NDArray[np.float64]) -> Gray:
    """Return the contrast of each pixel to the darker of its two sides; 0 if a side is outside the frame."""
    shift = np.rint(across).astype(int)
    if not shift.any():
        shift[np.abs(across).argmax()] = 1
    contrast = np.zeros(level.shape, dtype=np.int16)
    (dy, dx), (height, width) = shift, level.shape
    top, left = abs(dy), abs(dx)
    if 2 * top < height and 2 * left < width:
        inner = slice(top, height - top), slice(left, width - left)
        one = level[top + dy : height - top + dy, left + dx : width - left + dx]
        other = level[top - dy : height - top - dy, left - dx : width - left - dx]
        np.subtract(np.minimum(one, other), level[inner], out=contrast[inner])
    return contrast


def _slice_neighbors(
    shape: tuple[int, ...], vector: NDArray[np.float64]
) -> tuple[tuple[Part, Part], tuple[Part, Part]]:
    """Return slices of pixels and of their neighbors one vector away, for both directions."""
    here, there = _slice_overlap(shape, np.rint(vector).astype(int))
    return (here, there), (there, here)


def _slice_overlap(shape: tuple[int, ...], shift: NDArray[np.int_]) -> tuple[Part, Part]:
    """Return slices of the pixels whose shifted pixels are in the array, and of the shifted pixels."""
    here, there = [], []
    for n, step in zip(shape, shift, strict=True):
        step = min(max(int(step), -n), n)
        here.append(slice(max(-step, 0), n - max(step, 0)))
        there.append(slice(max(step, 0), n - max(-step, 0)))
    return tuple(here), tuple(there)
