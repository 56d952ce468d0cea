"""Parts of an image that show neither skin nor lesion: stickers, ink, thin dark lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import frame_of, grow_by_disk
from sklearn_melanoma.segmentation._light import find_dark_corners, middle

# Melanin and blood take blue and green light first: skin and lesions are redder than they are blue or green. Paint is
# called cool if it is bluer or greener than red by the first ratio (a blue-white veil stays below) and, against the
# light of the image, than its median pixel by the second.
_COOL, _COOLER = 1.1, 1.4

# Pigment saturates a color only by taking light away. Paint is called vivid if it is nearly as bright as the image's
# median pixel, and of a saturation, from 0 to 1, that is high and far above the median.
_BRIGHT, _SATURATED, _MORE_SATURATED = 0.75, 0.7, 0.3

# As shares: the smallest area of the image that counts, and the length along the frame per root of the area from
# which a part is said to hang on the frame.
_MIN_AREA, _ON_FRAME = 0.001, 0.3

# Length along the frame, per root of the area, of a region that hangs on it: half a disk touches it along 1.6.
_ALONG_FRAME = 1.5

# How far beyond its border a sticker casts a shadow, and ink fades, as a share of the longest side.
_FADE = 0.026

# Width up to which dark lines are erased, as a share of the longest side: a hair's, not a lesion's.
_LINE = 0.025


def find_artifacts(image: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Find the parts of an image that are no skin: dark corners, stickers, rulers' cards and ink on the frame.

    Besides :func:`find_dark_corners`, these are the connected parts that reach the frame and
    have a color that no skin and no lesion takes: bluer or greener than red, or both vivid and
    bright.

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
    >>> photo = np.full((90, 120, 3), (200, 150, 130), dtype=np.uint8)
    >>> find_artifacts(photo) is None
    True
    >>> photo[30:60, :25] = (40, 90, 200)
    >>> find_artifacts(photo)[45, [0, 24, 60]]
    array([ True,  True, False])
    """
    artifacts = find_dark_corners(image)
    # The 8 levels keep the ratios of dark pixels, which are noise, near those of gray.
    red, green, blue = (image[:, :, i].astype(np.float32) + 8 for i in range(3))
    for odd in (_cool(red, green, blue), _vivid(red, green, blue)):
        if not _counts(odd):
            continue
        hanging = _on_frame(ndi.uniform_filter(odd.astype(np.float32), 3) > 0.5)
        if hanging is not None:
            near = grow_by_disk(hanging, _FADE * max(hanging.shape))
            artifacts = near if artifacts is None else artifacts | near
    return artifacts


def _counts(mask: NDArray[np.bool_]) -> bool:
    return bool(np.count_nonzero(mask) > _MIN_AREA * mask.size)


def _cool(red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]) -> NDArray[np.bool_]:
    coolness = np.maximum(green, blue) / red
    cool = coolness > _COOL
    # Few images hold anything cool or vivid: there alone it is worth its time to find the median pixel.
    if _counts(cool):
        cool &= coolness > _COOLER * middle(coolness)
    return cool


def _vivid(red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]) -> NDArray[np.bool_]:
    brightest = np.maximum(np.maximum(green, blue), red)
    saturation = 1 - np.minimum(np.minimum(green, blue), red) / brightest
    vivid = saturation > _SATURATED
    if _counts(vivid):
        vivid &= brightest > _BRIGHT * middle(brightest)
    if _counts(vivid):
        vivid &= saturation > middle(saturation) + _MORE_SATURATED
    return vivid


def _on_frame(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Keep the connected parts that are not tiny and lie along the frame; None if no part does."""
    labels, n_parts = ndi.label(mask)
    if n_parts == 0:
        return None
    area = np.bincount(labels.ravel())
    on_frame = np.bincount(frame_of(labels), minlength=n_parts + 1)
    kept = (area > _MIN_AREA * mask.size) & (on_frame > _ON_FRAME * np.sqrt(area))
    kept[0] = False
    return kept[labels] if kept.any() else None


def hangs_on_frame(region: NDArray[np.bool_]) -> bool:
    """Tell whether a dark region is likelier a shadow, a card or the room behind than a lesion.

    It touches the frame along more than one and a half times the root of its area, more than a
    disk cut in half, and stays out of the central half of the image, where lesions are put.

    Parameters
    ----------
    region : ndarray of shape (height, width), dtype bool
        A connected region.

    Returns
    -------
    bool
        False for an empty one.

    Examples
    --------
    >>> import numpy as np
    >>> region = np.zeros((80, 120), dtype=bool)
    >>> region[:, :10] = True
    >>> hangs_on_frame(region), hangs_on_frame(~region)
    (True, False)
    """
    height, width = region.shape
    if region[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None].any():
        return False
    return bool(np.count_nonzero(frame_of(region)) > _ALONG_FRAME * np.sqrt(np.count_nonzero(region)))


def erase_dark_lines(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Erase what is dark and thinner than a fortieth of the longest side: hairs, ticks of a ruler.

    A gray-level closing of each channel: dark lines take the level beside them, and whatever
    is wider stays as it is.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.

    Returns
    -------
    ndarray of shape (height, width, 3), dtype uint8
        The image without them.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.full((80, 120, 3), 200, dtype=np.uint8)
    >>> photo[:, 50:52] = 30
    >>> int(erase_dark_lines(photo).min())
    200
    """
    size = max(round(_LINE * max(image.shape)), 1)
    before, after = (size - 1) // 2, size // 2
    for pick, margins in ((np.maximum, (before, after)), (np.minimum, (after, before))):
        for axis in (0, 1):
            image = _over_windows(pick, image, margins, axis)
    return image


def _over_windows(pick: np.ufunc, image: NDArray[np.uint8], margins: tuple[int, int], axis: int) -> NDArray[np.uint8]:
    """Return the highest or the lowest level around each pixel along an axis, from so many before to so many after.

    Windows are doubled by every step; on bytes that is ten times as fast as scipy's queue.
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
