"""Hair over a lesion: thin, long lines, darker or lighter than all that lies beside them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage as ndi

from sklearn_melanoma._io.reading import resize_mask, shrink_by_steps
from sklearn_melanoma._validation import check_image
from sklearn_melanoma.preprocessing._filling import fill_in

# Longest side, in pixels, at which hair is looked for. A hair is 0.4 to 1.5 % of it wide, so 1 to 4 pixels.
HAIR_SIDE = 256

# Lengths are shares of the longest side.
_SEGMENT = 0.03  # over which the gray levels are averaged along a line; hair is straight as far as that
_BESIDE = 0.012  # how far from the line it is compared on both sides: hair is less than twice as wide
_SURROUND = 0.1  # of what belongs together: a few meshes of a pigment network

# Of a hair half way between two angles, the ends of a segment are 0.2 % of the longest side off: half the finest hair.
_N_ANGLES = 12
_N_SAMPLES = 8  # along a segment: gray levels are added, never divided, so whole numbers of 16 bits hold them

# A hair is followed down to this share of the contrast that its clearest part must have.
_FAINTEST = 0.6

# Of all that is like a line nearby, at least this share belongs to long ones. Among networks, globules and furrows of
# real images it is less four times in five, along their hair more nine times in ten.
_COHERENCE = 0.4

Gray = NDArray[np.int16]
Part = tuple[slice, ...]


class Lines(NamedTuple):
    """How much darker each pixel is than what lies on both sides of a line through it; sums of `_N_SAMPLES` levels."""

    short: Gray  # of the best line of one segment
    long: Gray  # the least of three segments in a row; 0 below a level


def detect_hair(image: ArrayLike, *, min_contrast: float = 0.05, min_length: float = 0.12) -> NDArray[np.bool_]:
    """Find the pixels of hair, dark or light.

    1. The brightest of red, green and blue is looked at for dark hair, and the darkest for
       light hair: hair differs from what it lies on in every color, pigment and vessels in some.
    2. At twelve angles, gray levels are averaged along short segments and compared with those
       of the parallel segments on both sides. What counts is the lesser difference, so a border,
       dark on one side only, is no line.
    3. Three segments in a row must all be lines: meshes of a pigment network are shorter.
    4. Connected lines are hair if they are long, somewhere clear, and if a fair share of all
       line-like things around them is as long: in a network or among globules, long lines are
       the odd ones.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    min_contrast : float, default=0.05
        How much darker or lighter than its sides a hair must be at its clearest, as a share of
        the image's mean level, above 0 and up to 1.
    min_length : float, default=0.12
        Length of the shortest hair, end to end, as a share of the longest side, 0 to 1.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on hair and, for its blurred edge, on what touches it.

    Raises
    ------
    ValueError
        If `image` is no image, or a parameter is out of its range.
    TypeError
        If `image` has a dtype that no image has.

    See Also
    --------
    remove_hair : Fill in what is found.

    Notes
    -----
    The line of a ruler is long and thin as well, and is found with the hair. So is a network as
    even and clear as a honeycomb; those of real images are not.

    Hair is looked for at 256 pixels, so that an image gives the same at every size.

    References
    ----------
    .. [1] T. Lee, V. Ng, R. Gallagher, A. Coldman, D. McLean, "DullRazor: a software approach to
           hair removal from images", Comput. Biol. Med. 27, 533-543, 1997. Closing along lines at
           several angles, and filling in from both sides; the comparison with both sides and the
           tests of what is found are this package's own.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.full((96, 128, 3), 200, dtype=np.uint8)
    >>> photo[50:52, 20:110] = 60
    >>> hair = detect_hair(photo)
    >>> bool(hair[50:52, 20:110].mean() > 0.9), bool(hair[:45].any())
    (True, False)
    """
    image = check_image(image)
    _check_fraction("min_contrast", min_contrast)
    _check_fraction("min_length", min_length)
    found = _find_hair(shrink_by_steps(image, HAIR_SIDE), min_contrast=min_contrast, min_length=min_length)
    if found is None:
        return np.zeros(image.shape[:2], dtype=bool)
    return resize_mask(found, image.shape[:2])


def remove_hair(image: ArrayLike, *, min_contrast: float = 0.05, min_length: float = 0.12) -> NDArray[np.uint8]:
    """Fill in hair from what lies beside it.

    What :func:`detect_hair` finds takes the color of the nearest pixels around it; all else
    stays as it is.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    min_contrast : float, default=0.05
        How much darker or lighter than its sides a hair must be at its clearest, as a share of
        the image's mean level, above 0 and up to 1.
    min_length : float, default=0.12
        Length of the shortest hair, end to end, as a share of the longest side, 0 to 1.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        RGB image without hair. The caller's own array if it is RGB bytes and there is no hair.

    Raises
    ------
    ValueError
        If `image` is no image, or a parameter is out of its range.
    TypeError
        If `image` has a dtype that no image has.

    See Also
    --------
    detect_hair : Which pixels are filled in.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.full((96, 128, 3), 200, dtype=np.uint8)
    >>> remove_hair(photo) is photo
    True
    >>> photo[50:52, 20:110] = 60
    >>> int(remove_hair(photo).min())
    200
    """
    image = check_image(image)
    _check_fraction("min_contrast", min_contrast)
    _check_fraction("min_length", min_length)
    small = shrink_by_steps(image, HAIR_SIDE)
    found = _find_hair(small, min_contrast=min_contrast, min_length=min_length)
    if found is None:
        return image
    # What is filled in is smooth, so it is made small and enlarged.
    height, width = image.shape[:2]
    filled = Image.fromarray(fill_in(small, found)).resize((width, height), Image.Resampling.BILINEAR)
    hair = Image.fromarray(resize_mask(found, (height, width)).view(np.uint8) * np.uint8(255))
    return np.asarray(Image.composite(filled, Image.fromarray(image), hair))


def _check_fraction(name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(
            f"{name} must lie above 0 and not above 1, got {value!r}. It is a share, not a number of pixels."
        )


def _find_hair(image: NDArray[np.uint8], *, min_contrast: float, min_length: float) -> NDArray[np.bool_] | None:
    """Return the pixels of hair, or None if there are none."""
    brightest = np.maximum(np.maximum(image[:, :, 0], image[:, :, 1]), image[:, :, 2])
    darkest = np.minimum(np.minimum(image[:, :, 0], image[:, :, 1]), image[:, :, 2])
    clear = int(max(min_contrast * float(brightest.mean()), 1) * _N_SAMPLES)
    faint = int(_FAINTEST * clear)
    # Light lines are dark ones of the negative.
    both = [_find_lines(gray, faint) for gray in (brightest, ~darkest)]
    if max(lines.long.max() for lines in both) < clear:
        return None
    ridges = [_ridge(lines.short, faint) for lines in both]
    total = sum(lines.short * ridge for lines, ridge in zip(both, ridges, strict=True))
    hair = np.zeros(brightest.shape, dtype=bool)
    for lines, ridge in zip(both, ridges, strict=True):
        parts = ndi.maximum_filter(lines.long > 0, 3) & (lines.short > faint)
        labels, n_parts = ndi.label(parts, np.ones((3, 3)))
        keep = _long_and_clear(labels, lines.long, clear=clear, min_length=min_length * max(hair.shape))
        if keep.any():
            keep &= _is_positive_around(lines.short * (ridge & (lines.long > 0)) - _COHERENCE * total, labels, n_parts)
            hair |= keep[labels] & ridge
    return ndi.maximum_filter(hair, 3) if hair.any() else None


def _ridge(short: Gray, faint: int) -> NDArray[np.bool_]:
    """Return the middles of lines: segments at a slant reach a line from beside it, with a part of its contrast."""
    beside = 2 * round(_BESIDE * max(short.shape)) + 1
    return short > np.maximum(ndi.maximum_filter(short, beside) // 2, faint)


def _long_and_clear(labels: NDArray[np.int32], long: Gray, *, clear: int, min_length: float) -> NDArray[np.bool_]:
    """Tell for each label, 0 included, whether its part is as long as asked for and somewhere as clear."""
    keep = [False]
    for label, box in enumerate(ndi.find_objects(labels), start=1):
        length = np.hypot(box[0].stop - box[0].start, box[1].stop - box[1].start)
        keep.append(length >= min_length and long[box][labels[box] == label].max() >= clear)
    return np.array(keep)


def _is_positive_around(values: NDArray[np.floating], labels: NDArray[np.int32], n_labels: int) -> NDArray[np.bool_]:
    """Tell for each label, 0 included, whether the mean of `values` around its pixels is above 0."""
    step = max(labels.shape) // 128 + 1  # as fine as is needed for means over a window
    window = int(_SURROUND * max(labels.shape) / step) | 1
    means = ndi.uniform_filter(values[::step, ::step].astype(np.float32), window)
    return np.bincount(labels[::step, ::step].ravel(), means.ravel(), n_labels + 1) > 0


def _find_lines(gray: NDArray[np.uint8], faint: int) -> Lines:
    """Look for dark lines at every angle."""
    height, width = gray.shape
    side = max(height, width)
    reach = int(_SEGMENT * side / 2) + 2
    padded = np.pad(gray, reach, mode="edge").astype(np.int16)
    short, long = (np.zeros(gray.shape, dtype=np.int16) for _ in range(2))
    for angle in np.arange(_N_ANGLES) * np.pi / _N_ANGLES:
        along = np.array([np.sin(angle), np.cos(angle)]) * side
        contrast = _contrast(_add_along(padded, along * _SEGMENT, gray.shape), along[::-1] * (_BESIDE, -_BESIDE))
        np.maximum(short, contrast, out=short)
        # An opening: the least of three segments in a row, given to all three. Beyond the frame nothing is asked for.
        least = contrast.copy()
        for here, there in _neighbors(gray.shape, along * _SEGMENT):
            np.minimum(least[here], contrast[there], out=least[here])
        least[least <= faint] = 0
        if least.any():
            np.maximum(long, least, out=long)
            for here, there in _neighbors(gray.shape, along * _SEGMENT):
                np.maximum(long[here], least[there], out=long[here])
    return Lines(short, long)


def _add_along(padded: Gray, vector: NDArray[np.float64], shape: tuple[int, ...]) -> Gray:
    """Add up `_N_SAMPLES` gray levels along a segment around each pixel, in three doublings."""
    shifts = [np.rint(vector * n / _N_SAMPLES).astype(int) for n in (1, 2, 4)]
    total, first = padded, (np.array(padded.shape) - shape) // 2 - sum(shifts) // 2
    for shift in shifts:
        here, there = _overlap(total.shape, shift)
        total = total[here] + total[there]
        first += np.minimum(shift, 0)  # a sum that starts in front of its pixel loses the first rows
    return total[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]]


def _contrast(level: Gray, across: NDArray[np.float64]) -> Gray:
    """Return how much darker each pixel is than the darker of its two sides; 0 where a side is beyond the frame."""
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


def _neighbors(shape: tuple[int, ...], vector: NDArray[np.float64]) -> tuple[tuple[Part, Part], tuple[Part, Part]]:
    """Return the slices of an array and of its pixels one vector further, to either side."""
    here, there = _overlap(shape, np.rint(vector).astype(int))
    return (here, there), (there, here)


def _overlap(shape: tuple[int, ...], shift: NDArray[np.int_]) -> tuple[Part, Part]:
    """Return slices of the pixels whose shifted ones lie in the array, and of those."""
    here, there = [], []
    for n, step in zip(shape, shift, strict=True):
        step = min(max(int(step), -n), n)
        here.append(slice(max(-step, 0), n - max(step, 0)))
        there.append(slice(max(step, 0), n - max(-step, 0)))
    return tuple(here), tuple(there)
