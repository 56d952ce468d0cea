"""Thumbnails of images, and borders of masks as paths of SVG."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import approximate_polygon, find_contours

from sklearn_melanoma._typing import Mask

THUMBNAIL_SIDE = 192
MAX_BYTES = 6000
# Units of a path per pixel of the thumbnail: the card shows it at up to twice its size.
PATH_SCALE = 4
_TOLERANCE = 0.5  # largest distance of the simplified border from the original one, in pixels of the thumbnail


def make_thumbnail(image: NDArray[np.uint8]) -> bytes:
    """Return an image as a JPEG of at most 192 pixels and 6 kB.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.

    Returns
    -------
    bytes
        The JPEG file, in the highest quality that fits.
    """
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    while True:
        for quality in (80, 70, 60, 50, 40, 30, 20):
            file = BytesIO()
            picture.save(file, format="JPEG", quality=quality, optimize=True)
            if file.tell() <= MAX_BYTES:
                return file.getvalue()
        picture = picture.reduce(2)  # for images with noise at all scales


def trace_border(mask: Mask) -> str:
    """Return the border of a mask as the path of an SVG, `PATH_SCALE` units per pixel of the thumbnail.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        The mask.

    Returns
    -------
    str
        One closed line for each part and hole; empty for an empty mask.
    """
    per_pixel = min(THUMBNAIL_SIDE / max(mask.shape), 1)
    lines = []
    # Padding closes the outline of lesions that touch the frame.
    for contour in find_contours(np.pad(mask, 1).astype(np.uint8), 0.5):
        # The center of the first pixel is at (1, 1) in the padded mask, and at (0.5, 0.5) in the image.
        points = approximate_polygon((contour - 0.5) * per_pixel, _TOLERANCE)
        corners = np.rint(np.clip(points[:-1] * PATH_SCALE, 0, None)).astype(int)[:, ::-1]
        if len(corners) > 2:
            start, steps = corners[0].tolist(), np.diff(corners, axis=0).ravel().tolist()
            lines.append(f"M{start[0]} {start[1]}l{' '.join(map(str, steps))}z")
    return "".join(lines)
