"""Gray levels → binarize → watershed: the lesion of an image without any label."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from sklearn_melanoma._geometry import grow_by_square, padded_box
from sklearn_melanoma._io.reading import resize_map, shrink_by_steps
from sklearn_melanoma._validation import check_image
from sklearn_melanoma.segmentation._artifacts import erase_dark_lines, find_artifacts, hangs_on_frame
from sklearn_melanoma.segmentation._light import find_dark_corners
from sklearn_melanoma.segmentation._refine import refine_by_color
from sklearn_melanoma.segmentation._regions import CHANNELS, RATIOS, SMOOTHING, find_core, find_region, smooth

# Longest side, in pixels, at which the mask is decided. On three data sets the mean Jaccard index is the same,
# within 0.006, at 128, 160, 192, 256 and 384; the cost grows with the square.
MASK_SIDE = 192

MAX_MARGIN = 0.1

# How far outside the threshold's border the watershed may place it, as a share of the longest side.
_BAND = 0.03

# Square of a distance beyond all that are looked at; a few more steps don't lead over the end of its type.
_FAR = np.uint16(1 << 15)


def segment_watershed(
    image: ArrayLike,
    *,
    channel: str = "blue",
    even_light: bool = True,
    leave_out_artifacts: bool = True,
    level: float | None = 0.5,
    margin: float = 0,
) -> NDArray[np.bool_]:
    """Find the pixels of the one lesion in a dermoscopic image.

    In the order of the survey's system: gray levels, binarization (Otsu), watershed.

    1. Hairs and other thin dark lines are erased; dark corners, stickers and ink on the frame
       are left out, and so is, if anything else is found, a dark region that hangs on the
       frame far from the center.
    2. The gray levels of one channel are smoothed and brought to even light.
    3. Otsu's threshold splits them into skin and lesion. Of the connected dark regions the
       one is taken that weighs most, each pixel counting less the farther it lies from the
       center and each region less the more of the frame it touches. Its holes are filled.
    4. That region and what lies well outside it are the markers of a watershed on the
       gradient, which places the border in the narrow band between: Otsu's threshold, half
       way to the dark core, lies inside the border rather than outside.
    5. Of a ragged region with a compact, much darker core, the core is taken: the rest was
       uneven skin. The border is moved to where the color, on the axis that best tells the lesion from the
       skin around it, passes `level`; bays are filled, and the watershed places the border
       once more.
    6. The border is moved outwards by `margin`.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    channel : {"blue", "green", "red", "gray", "blue/red", "green/red", "auto"}, default="blue"
        Gray levels to look at. "auto" takes, of the first four, the one that Otsu's threshold
        separates best. The ratios see color alone, whatever the shadows.
    even_light : bool, default=True
        Whether to divide the gray levels by the slowly varying light.
    leave_out_artifacts : bool, default=True
        Whether to erase thin dark lines and leave out stickers and ink; dark corners are left
        out in any case.
    level : float or None, default=0.5
        Where between skin (0) and lesion (1) the border lies in color: the lower, the wider.
        None leaves out step 5.
    margin : float, default=0
        How far the border is moved outwards, as a share of the longest side.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion. All False if none was found: nothing covers 0.1 % of the image and
        is darker than the skin by 4 % of its level.

    Raises
    ------
    ValueError
        If `image` is no image, `channel` is unknown, `level` is not in 0..1 or `margin` not in
        0..0.1.
    TypeError
        If `image` has a dtype that no image has.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9,
           62-66, 1979.
    .. [2] F. Meyer, "Color image segmentation", Int. Conf. Image Processing, 303-306, 1992.
    .. [3] R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
           Eugenics 7, 179-188, 1936.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.draw import disk
    >>> photo = np.full((96, 128, 3), 200, dtype=np.uint8)
    >>> photo[disk((48, 64), 20)] = 90
    >>> mask = segment_watershed(photo)
    >>> round(float(np.sqrt(mask.sum() / np.pi)))
    20
    """
    image = check_image(image)
    if channel not in {*CHANNELS, *RATIOS, "auto"}:
        raise ValueError(f"channel must be one of {', '.join([*CHANNELS, *RATIOS])} or auto, got {channel!r}.")
    if level is not None and not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, or be None for no refinement, got {level!r}.")
    if not 0 <= margin <= MAX_MARGIN:
        raise ValueError(f"margin must lie in 0..{MAX_MARGIN}, got {margin!r}. It is a share of the longest side.")
    small = shrink_by_steps(image, MASK_SIDE)
    artifacts = find_artifacts(small) if leave_out_artifacts else find_dark_corners(small)
    if leave_out_artifacts:
        small = erase_dark_lines(small)
    colors = cache(lambda color: smooth(small[:, :, color]))
    view, region = find_region(colors, channel, artifacts, even_light=even_light)
    if leave_out_artifacts and hangs_on_frame(region):
        others = region if artifacts is None else region | artifacts
        second_view, second = find_region(colors, channel, others, even_light=even_light)
        if second.any():
            view, region, artifacts = second_view, second, others
    if not region.any():
        return np.zeros(image.shape[:2], dtype=bool)
    if level is not None:
        region = find_core(view.gray, region, artifacts)
        rgb = view.even(np.stack([colors(color) for color in range(3)]))
        region = refine_by_color(rgb, _flood(view.gray, region), artifacts, level=level)
    region = _flood(view.gray, region)
    # Between the pixels at which it was decided, the border follows the distance from the lesion.
    height, width = image.shape[:2]
    margin *= max(region.shape)
    return resize_map(_distance(region, reach=margin + 2), (height, width)) <= margin


def _flood(gray: NDArray[np.float32], region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Let a watershed on the gradient move the border of a region outwards, within a narrow band."""
    side = max(region.shape)
    reach = int(_BAND * side)
    crop = padded_box(region, reach + 1)
    inner = region[crop]
    wide = grow_by_square(inner, reach)
    markers = inner + np.int8(2) * ~wide
    # The flood needs the pixels between the markers and those of the markers that touch them.
    between = grow_by_square(wide & ~inner, 1)
    # Smoothed once more: where there is hardly any slope, a flood follows the noise, another one at every size.
    slope = ndi.gaussian_gradient_magnitude(gray[crop], SMOOTHING * side, truncate=3)
    # Integers flood twice as fast as floats, and 255 steps are finer than the noise.
    slope = (slope * (255 / max(float(slope.max()), 1e-6))).astype(np.uint8)
    flooded = np.zeros_like(region)
    flooded[crop] = inner | (watershed(slope, markers, mask=between) == 1)
    return flooded


def _distance(region: NDArray[np.bool_], *, reach: float) -> NDArray[np.float32]:
    """Return how far outside of the border of a region pixels lie; -0.5 inside, some large number beyond `reach`."""
    steps = int(reach) + 1
    crop = padded_box(region, steps)
    # Squares of distances along the columns, then along the rows as well: for a few steps much faster than a whole map.
    nearest = np.where(region[crop], np.uint16(0), _FAR)
    for axis in (0, 1):
        lines = np.moveaxis(nearest, axis, 0)
        known = lines.copy()
        for step in range(1, steps + 1):
            square = np.uint16(step * step)
            np.minimum(lines[step:], known[:-step] + square, out=lines[step:])
            np.minimum(lines[:-step], known[step:] + square, out=lines[:-step])
    distance = np.full(region.shape, max(region.shape), dtype=np.float32)
    distance[crop] = np.sqrt(nearest, dtype=np.float32) - np.float32(0.5)
    return distance
