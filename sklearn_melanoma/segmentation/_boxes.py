"""Boxes around lesions, in the pixels of the source images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._lesion import Lesion


def lesion_boxes(lesions: Sequence[Lesion], *, margin: float = 0.1) -> NDArray[np.float64]:
    """Return a box around each lesion, in pixels of its source image.

    A box consists of x_min, y_min, x_max and y_max, as in torchvision (``"xyxy"``) and Segment Anything. Networks that
    detect objects learn from such boxes; Segment Anything takes them as input. The COCO format has width and height
    instead of x_max and y_max. Label files of YOLO have a class, the center, the width and the height, as fractions of
    the image. The page :doc:`/guide/segmentation` shows both conversions.

    Parameters
    ----------
    lesions : sequence of Lesion
        Lesions with masks, as segmenters return them.
    margin : float, default=0.1
        Distance that is added on each side: on the left and right, a fraction of the box's width; above and below, a
        fraction of its height.

    Returns
    -------
    ndarray of shape (n_lesions, 4), dtype float64
        x_min, y_min, x_max and y_max, cut off at the sides of the image. The numbers are edges of pixels: a mask of
        the whole image has the box 0, 0, width, height. A lesion without a mask, or with an empty one, has NaN.

    Raises
    ------
    TypeError
        If `lesions` is a single lesion, or an element is not a lesion.
    ValueError
        If `margin` is not a finite number of 0 or more.

    Notes
    -----
    The source is the upright image at its own size, as :func:`~sklearn_melanoma.images.read_image` reads it. If the
    lesion was segmented at a smaller size, a box is accurate to about one pixel of that size, which is `Lesion.scale`
    pixels of the source.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma import Lesion
    >>> from sklearn_melanoma.segmentation import lesion_boxes
    >>> mask = np.zeros((60, 80), dtype=bool)
    >>> mask[20:40, 30:70] = True
    >>> image = np.zeros((60, 80, 3), dtype=np.uint8)
    >>> lesion_boxes([Lesion(image, mask, source_shape=(600, 800)), Lesion(image)], margin=0)
    array([[300., 200., 700., 400.],
           [ nan,  nan,  nan,  nan]])
    """
    if not isinstance(margin, Real) or not 0 <= float(margin) < math.inf:
        raise ValueError(
            f"margin must be a finite number of 0 or more, got {margin!r}. Use 0.1 for a tenth of the box."
        )
    if isinstance(lesions, Lesion):
        raise TypeError("lesions must be a sequence of Lesion, got one Lesion. Pass [lesion].")
    boxes = np.full((len(lesions), 4), np.nan)
    for number, lesion in enumerate(lesions):
        if not isinstance(lesion, Lesion):
            raise TypeError(
                f"lesions[{number}] must be a Lesion, got {type(lesion).__name__}. Segment the images first, as in "
                "WatershedSegmenter().fit_transform(images)."
            )
        if lesion.area_px:
            boxes[number] = _find_box(lesion, float(margin))
    return boxes


def _find_box(lesion: Lesion, margin: float) -> NDArray[np.float64]:
    rows, columns = lesion.box
    low = np.array([columns.start, rows.start], float)
    high = np.array([columns.stop, rows.stop], float)
    distance = margin * (high - low)
    shape, source_shape = (np.array(pair[1::-1]) for pair in (lesion.image.shape[:2], lesion.source_shape))
    box = np.concatenate([np.maximum(low - distance, 0), np.minimum(high + distance, shape)])
    return box * np.tile(source_shape / shape, 2)
