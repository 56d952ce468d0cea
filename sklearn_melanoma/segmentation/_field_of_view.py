"""Field of view: the part of an image inside uniform frames and the dark surround of a round lens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from scipy.spatial import ConvexHull, QhullError

from sklearn_melanoma._typing import Array, Mask
from sklearn_melanoma.segmentation._light import average_blocks, upper_median

# A line of pixels belongs to a frame if this fraction of its pixels differs from the frame's color by at most this
# number of levels. The number is twice the noise of a camera, and less than the contrast of a pale lesion.
_UNIFORM, _TOLERANCE = 0.98, 12

# A frame ends at a straight edge. Within this number of pixels (a block of JPEG compression), a line must follow in
# which less than the second number, a fraction, has the frame's color. The fraction must fall by more than the third
# number over two lines. In contrast, a lesion on even skin becomes wider line by line.
_BLOCK, _CHANGED, _JUMP = 8, 0.5, 0.3

# Largest width of a frame on one side, as a fraction of the height or width of the image.
_DEEPEST = 0.45

# Frames of different colors may lie inside each other. The area inside them has some texture; a flat area is a drawing.
_MAX_FRAMES = 3

# Largest root mean square error of the circle that fits the rim of a lens. Length by which the circle is moved inwards
# over the gradual transition to the surround. Both are fractions of the longest side.
_FIT, _TRANSITION = 0.012, 0.03


def find_content(image: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Find the part of an image inside uniform frames, such as padding, borders of screenshots and scanned slides.

    A frame is a band along one side of the image. All its lines have one color, up to noise, and it ends at a straight
    edge. Frames of any color and width are found, on one side or on several.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.

    Returns
    -------
    rows, columns : slice
        All rows and columns if there is no frame.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    >>> find_content(np.pad(image, ((5, 0), (0, 9), (0, 0)), constant_values=255))
    (slice(6, 65, None), slice(0, 79, None))
    """
    rows, columns = slice(0, image.shape[0]), slice(0, image.shape[1])
    for _ in range(_MAX_FRAMES):
        before = rows, columns
        top, bottom = (_measure_frame(image[rows, columns][::step]) for step in (1, -1))
        rows = slice(rows.start + top, rows.stop - bottom)
        left, right = (_measure_frame(image[rows, columns].swapaxes(0, 1)[::step]) for step in (1, -1))
        columns = slice(columns.start + left, columns.stop - right)
        if before == (rows, columns):
            break
    content = image[rows, columns]
    whole = slice(0, image.shape[0]), slice(0, image.shape[1])
    if content.shape == image.shape or min(content.shape[:2]) < _BLOCK:
        return whole
    is_flat = _compare_lines(content, np.median(content, axis=(0, 1))).mean() > _UNIFORM
    return whole if is_flat else (rows, columns)


def scale_box(box: tuple[slice, slice], shape: tuple[int, ...], new_shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of the same part of an image at another size."""
    rows, columns = (
        slice(round(part.start * new / old), round(part.stop * new / old))
        for part, old, new in zip(box, shape, new_shape, strict=False)
    )
    return rows, columns


def _measure_frame(lines: NDArray[np.uint8]) -> int:
    """Return the number of lines to cut off at the beginning: the lines of a frame and the blurred line at its edge."""
    if min(lines.shape[:2]) < _BLOCK:
        return 0
    color = np.median(lines[0], axis=0)
    if _compare_lines(lines[:1], color)[0] < _UNIFORM:
        return 0
    deepest = int(_DEEPEST * len(lines))
    same = _compare_lines(lines[: deepest + _BLOCK], color)
    n_uniform = int(np.argmin(same >= _UNIFORM)) if same.min() < _UNIFORM else len(same)
    for line in range(n_uniform, min(n_uniform + _BLOCK, len(same))):
        if same[line] < _CHANGED and same[max(line - 2, 0)] - same[line] > _JUMP:
            return line + 1
    return 0


def _compare_lines(lines: NDArray[np.uint8], color: Array) -> Array:
    """Return the fraction of each line that has the given color."""
    lowest = np.clip(np.ceil(color - _TOLERANCE), 0, 255).astype(np.uint8)
    highest = np.clip(np.floor(color + _TOLERANCE), 0, 255).astype(np.uint8)
    near = np.ones(lines.shape[:2], dtype=bool)
    for channel in range(3):
        near &= (lines[:, :, channel] >= lowest[channel]) & (lines[:, :, channel] <= highest[channel])
    return near.mean(axis=1)


def find_surround(image: NDArray[np.uint8], *, darkness: float = 0.25) -> Mask | None:
    """Find the dark surround of the round field of view of a lens.

    The surround is dark and reaches at least two corners of the image. If the rim of the field of view is a circle, the
    surround is everything outside that circle, and nothing inside. So a black lesion that reaches the rim stays. If the
    rim is not a circle, the surround is the dark areas that reach the corners.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.
    darkness : float, default=0.25
        A pixel or block is dark if its brightest channel is below this fraction of the median block's.

    Returns
    -------
    ndarray of shape (height, width), dtype bool, or None
        True on the surround, which includes the gradual transition at its edge; None if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((90, 120, 3), 200, dtype=np.uint8)
    >>> find_surround(image) is None
    True
    >>> y, x = np.mgrid[:90, :120]
    >>> image[np.hypot(y - 45, x - 60) > 50] = 0
    >>> find_surround(image)[45, [0, 60, 119]]
    array([ True, False,  True])
    """
    brightest = np.maximum(np.maximum(image[:, :, 0], image[:, :, 1]), image[:, :, 2])
    blocks = average_blocks(brightest)
    level = darkness * upper_median(blocks)
    corners = [0, 0, -1, -1], [0, -1, 0, -1]
    dark_blocks = blocks < level
    if np.count_nonzero(dark_blocks[corners]) < 2:
        return None
    rim = _find_rim(ndi.uniform_filter(brightest, 3) < level)
    if rim is not None:
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        inside = rim.radius - _TRANSITION * max(image.shape)
        return (y - rim.y) ** 2 + (x - rim.x) ** 2 > max(inside, 0) ** 2
    surround = ndi.binary_dilation(_keep_parts(dark_blocks, corners), np.ones((3, 3), dtype=bool))
    rows, columns = (np.arange(n) * m // n for n, m in zip(brightest.shape, surround.shape, strict=True))
    return surround[rows][:, columns]


class _Circle(NamedTuple):
    y: float
    x: float
    radius: float


def _find_rim(dark: Mask) -> _Circle | None:
    """Fit a circle to the rim of the field of view; None if the rim is not round.

    A lesion at the rim makes a notch in the bright area, but does not change its convex hull.
    """
    height, width = dark.shape
    outside = _keep_parts(dark, ([0, 0, -1, -1], [0, -1, 0, -1]))
    parts, n_parts = ndi.label(~outside)
    if n_parts == 0 or not outside.any():
        return None
    field = parts == np.bincount(parts.ravel())[1:].argmax() + 1
    points = _list_hull_points(field)
    y, x = points.T
    points = points[(y > 0) & (y < height - 1) & (x > 0) & (x < width - 1)]  # at the sides, the image ends
    if len(points) < 8:
        return None
    terms = np.column_stack([2 * points, np.ones(len(points))])
    (y, x, rest), *_ = np.linalg.lstsq(terms, (points**2).sum(axis=1), rcond=None)
    radius = np.sqrt(max(rest + y * y + x * x, 0))
    error = np.sqrt(np.mean((np.hypot(points[:, 0] - y, points[:, 1] - x) - radius) ** 2))
    rows, columns = np.nonzero(field)
    covered = np.mean((rows - y) ** 2 + (columns - x) ** 2 <= (radius + 1) ** 2)
    is_round = error < _FIT * max(height, width) and covered > 0.99 and 0 < y < height and 0 < x < width
    return _Circle(float(y), float(x), float(radius)) if is_round else None


def _keep_parts(mask: Mask, places: tuple[list[int], list[int]]) -> Mask:
    """Return the connected parts of a mask that hold at least one of some pixels."""
    parts, n_parts = ndi.label(mask)
    kept = np.zeros(n_parts + 1, dtype=bool)
    kept[parts[places]] = True
    kept[0] = False  # the background
    return kept[parts]


def _list_hull_points(mask: Mask) -> Array:
    """Return the first and last pixels of the rows and columns of a mask that lie on its convex hull."""
    height, width = mask.shape
    ends = np.zeros_like(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    ends[rows, mask[rows].argmax(axis=1)] = True
    ends[rows, width - 1 - mask[rows, ::-1].argmax(axis=1)] = True
    ends[mask[:, columns].argmax(axis=0), columns] = True
    ends[height - 1 - mask[::-1, columns].argmax(axis=0), columns] = True
    candidates = np.argwhere(ends).astype(np.float64)
    try:
        sides = ConvexHull(candidates).equations
    except QhullError:  # all points are on one line
        return candidates[:0]
    distance = -(candidates @ sides[:, :2].T + sides[:, 2]).max(axis=1)
    return candidates[distance < 0.75]
