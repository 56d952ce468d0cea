"""Artifacts of dermoscopic images: stickers, ink, thin dark lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import frame_of, grow_by_disk
from sklearn_melanoma.segmentation._field_of_view import find_surround
from sklearn_melanoma.segmentation._light import upper_median

# Melanin and blood absorb mostly blue and green light, so skin and lesions are redder than they are blue or green. A
# pixel is cool if its larger ratio of blue or green to red exceeds the first number, which a blue-white veil does not.
# The ratio must also exceed the ratio of the image's median pixel by the factor of the second number.
_COOL, _COOLER = 1.1, 1.4

# Pigment saturates a color only by absorbing light. A pixel is vivid if it is nearly as bright as the image's median
# pixel, and if its saturation, from 0 to 1, is high and far above the median.
_BRIGHT, _SATURATED, _MORE_SATURATED = 0.75, 0.7, 0.3

# Smallest area of an artifact, as a fraction of the image.
_MIN_AREA = 0.001

# Smallest length along the frame, per root of the area, of a sticker or of ink.
_MIN_ALONG_FRAME = 0.3

# Smallest length along the frame, per root of the area, of a dark region that is not a lesion. Half a disk has 1.6.
_ALONG_FRAME = 1.5

# Width of the shadow of a sticker and of the fading edge of ink, as a fraction of the longest side.
_FADE = 0.026

# Largest width of dark lines that are erased, as a fraction of the longest side. Hairs are narrower, lesions are wider.
_LINE = 0.025


def find_artifacts(image: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Find artifacts of an image: dark corners, stickers, cards of rulers and ink on the frame.

    Dark corners are found by :func:`find_surround`. The other artifacts are connected parts
    that reach the frame. Their color does not occur in skin or lesions: it is bluer or greener
    than red, or both vivid and bright.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.

    Returns
    -------
    ndarray of shape (height, width), dtype bool, or None
        True on the artifacts; None if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((90, 120, 3), (200, 150, 130), dtype=np.uint8)
    >>> find_artifacts(image) is None
    True
    >>> image[30:60, :25] = (40, 90, 200)
    >>> find_artifacts(image)[45, [0, 24, 60]]
    array([ True,  True, False])
    """
    artifacts = find_surround(image)
    # The ratios of dark pixels are noise. Adding 8 levels keeps them near the ratios of gray.
    red, green, blue = (image[:, :, i].astype(np.float32) + 8 for i in range(3))
    for odd in (_find_cool_colors(red, green, blue), _find_vivid_colors(red, green, blue)):
        if not _exceeds_min_area(odd):
            continue
        along_frame = _keep_parts_along_frame(ndi.uniform_filter(odd.astype(np.float32), 3) > 0.5)
        if along_frame is not None:
            near = grow_by_disk(along_frame, _FADE * max(along_frame.shape))
            artifacts = near if artifacts is None else artifacts | near
    return artifacts


def _exceeds_min_area(mask: NDArray[np.bool_]) -> bool:
    return bool(np.count_nonzero(mask) > _MIN_AREA * mask.size)


def _find_cool_colors(
    red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.bool_]:
    coolness = np.maximum(green, blue) / red
    cool = coolness > _COOL
    # The median is computed only for the few images that have cool or vivid pixels, to save time.
    if _exceeds_min_area(cool):
        cool &= coolness > _COOLER * upper_median(coolness)
    return cool


def _find_vivid_colors(
    red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.bool_]:
    brightest = np.maximum(np.maximum(green, blue), red)
    saturation = 1 - np.minimum(np.minimum(green, blue), red) / brightest
    vivid = saturation > _SATURATED
    if _exceeds_min_area(vivid):
        vivid &= brightest > _BRIGHT * upper_median(brightest)
    if _exceeds_min_area(vivid):
        vivid &= saturation > upper_median(saturation) + _MORE_SATURATED
    return vivid


def _keep_parts_along_frame(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Keep the connected parts that are large enough and lie along the frame; None if there is no such part."""
    labels, n_parts = ndi.label(mask)
    if n_parts == 0:
        return None
    area = np.bincount(labels.ravel())
    on_frame = np.bincount(frame_of(labels), minlength=n_parts + 1)
    kept = (area > _MIN_AREA * mask.size) & (on_frame > _MIN_ALONG_FRAME * np.sqrt(area))
    kept[0] = False
    return kept[labels] if kept.any() else None


def lies_along_frame(region: NDArray[np.bool_]) -> bool:
    """Check whether a dark region is more likely a shadow, a card or the background than a lesion.

    Such a region touches the frame along more than one and a half times the root of its area, about as much as half a
    disk. It is also outside the central half of the image, where lesions are placed.

    Parameters
    ----------
    region : ndarray of shape (height, width), dtype bool
        A connected region.

    Returns
    -------
    bool
        False for an empty region.

    Examples
    --------
    >>> import numpy as np
    >>> region = np.zeros((80, 120), dtype=bool)
    >>> region[:, :10] = True
    >>> lies_along_frame(region), lies_along_frame(~region)
    (True, False)
    """
    height, width = region.shape
    if region[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None].any():
        return False
    return bool(np.count_nonzero(frame_of(region)) > _ALONG_FRAME * np.sqrt(np.count_nonzero(region)))


def erase_dark_lines(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Erase dark lines thinner than a fortieth of the longest side: hairs, ticks of a ruler.

    This is a gray-level closing of each channel. Dark lines get the level beside them. Wider parts do not change.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The image without dark lines.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((80, 120, 3), 200, dtype=np.uint8)
    >>> image[:, 50:52] = 30
    >>> int(erase_dark_lines(image).min())
    200
    """
    size = max(round(_LINE * max(image.shape)), 1)
    before, after = (size - 1) // 2, size // 2
    for pick, margins in ((np.maximum, (before, after)), (np.minimum, (after, before))):
        for axis in (0, 1):
            image = _filter_windows(pick, image, margins, axis)
    return image


def _filter_windows(pick: np.ufunc, image: NDArray[np.uint8], margins: tuple[int, int], axis: int) -> NDArray[np.uint8]:
    """Return the highest or lowest level in a window around each pixel along an axis.

    The margins are the numbers of pixels before and after. Each step doubles the windows. On bytes, this is ten times
    as fast as scipy's filter.
    """
    before, after = margins
    first, last = image.take([0], axis), image.take([-1], axis)
    lines = np.moveaxis(np.concatenate([first] * before + [image] + [last] * after, axis), axis, 0)
    missing = before + after
    step = 1
    while missing:
        step = min(step, missing)
        lines = pick(lines[:-step], lines[step:])
        missing -= step
        step *= 2
    return np.moveaxis(lines, 0, axis)
