"""Unsupervised segmentation: gray levels → binarize → watershed."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi
from skimage.segmentation import watershed

from sklearn_melanoma._geometry import grow_by_square, padded_box
from sklearn_melanoma._io.reading import WORKING_SIDE, resize_map, shrink
from sklearn_melanoma._validation import check_image
from sklearn_melanoma.segmentation._artifacts import erase_dark_lines, find_artifacts, lies_along_frame
from sklearn_melanoma.segmentation._field_of_view import find_content, find_surround, scale_box
from sklearn_melanoma.segmentation._refine import fill_bays, refine_by_color
from sklearn_melanoma.segmentation._regions import (
    CHANNELS,
    RATIOS,
    SMOOTHING,
    find_core,
    find_region,
    join_parts,
    smooth_levels,
)

# Longest side, in pixels, at which images are segmented. On three data sets, the mean Jaccard index is the same at 128,
# 160, 192, 256 and 384 within 0.006. The cost grows with the square of the side.
MASK_SIDE = 192

MAX_MARGIN = 0.1

# Largest distance by which the watershed can move the border outwards, as a fraction of the longest side.
_BAND = 0.03

# Square of a distance that is larger than any searched one. Adding the squares of a few steps does not overflow uint16.
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
    """Segment the lesion of a dermoscopic image.

    The main steps are gray levels, binarization (Otsu [1]_) and watershed [2]_, as in a survey of medical image
    segmentation with few labels.

    1. Uniform frames around the image are cut off. Hairs and other thin dark lines are erased.
       The dark surround of a round lens, stickers and ink on the frame are left out. A dark region along the frame and
       far from the center is left out as well, if the image has another dark region.
    2. The gray levels of one channel are smoothed, and the uneven light is divided out.
    3. Otsu's threshold splits them into skin and lesion. Pixels near the center have more weight. The weight of a
       connected dark region is the sum over its pixels. It is lower if the region touches the frame along a greater
       length. The region with the largest weight is chosen, and its holes are filled.
    4. A watershed on the gradient places the border. Its markers are the region and the pixels well outside it, so the
       border is in the narrow band between them. Otsu's threshold is half way to the dark core, so the true border is
       outside rather than inside the region.
    5. If a ragged region has a compact, much darker core, the core replaces it, because the rest is uneven skin. Dark
       parts near the region are joined with it if this brings its pixels nearer to the center of the image on average.
       Then the border is moved to the place where the color passes `level`, between skin (0) and lesion (1). The color
       is measured along the direction in CIELAB that best separates lesion and skin [3]_. Bays are filled, and the
       watershed places the border again.
    6. The border is moved outwards by `margin`.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    channel : {"blue", "green", "red", "gray", "blue/red", "green/red", "auto"}, default="blue"
        Channel of gray levels. "auto" chooses, among the first four channels, the channel that Otsu's threshold
        separates best. The ratios depend on color only, and not on shadows.
    even_light : bool, default=True
        Whether to divide the gray levels by the slowly varying light.
    leave_out_artifacts : bool, default=True
        Whether to erase thin dark lines and leave out stickers and ink. Dark corners are always
        left out.
    level : float or None, default=0.5
        Position of the border in color, between skin (0) and lesion (1). A lower level gives a
        wider mask. None leaves out step 5.
    margin : float, default=0
        Distance by which the border is moved outwards, as a fraction of the longest side, 0 to
        0.1.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True on the lesion. All False if no lesion was found. A lesion covers at least 0.1 % of
        the image, and is darker than the skin by at least 4 % of the skin's level.

    Raises
    ------
    ValueError
        If `image` is not an image, `channel` is unknown, `level` is not between 0 and 1, or `margin` is not in 0..0.1.
    TypeError
        If the dtype of `image` is not one of an image.

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
    >>> from sklearn_melanoma.segmentation import segment_watershed
    >>> image = np.full((96, 128, 3), 200, dtype=np.uint8)
    >>> image[disk((48, 64), 20)] = 90
    >>> mask = segment_watershed(image)
    >>> round(float(np.sqrt(mask.sum() / np.pi)))
    20
    """
    image = check_image(image)
    if channel not in {*CHANNELS, *RATIOS, "auto"}:
        raise ValueError(f"channel must be one of {', '.join([*CHANNELS, *RATIOS])} or auto, got {channel!r}.")
    if level is not None and not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, or be None for no refinement, got {level!r}.")
    if not 0 <= margin <= MAX_MARGIN:
        raise ValueError(f"margin must lie in 0..{MAX_MARGIN}, got {margin!r}. It is a fraction of the longest side.")
    options = channel, even_light, leave_out_artifacts, level, margin
    read = shrink(image, WORKING_SIDE)  # a reader before this step does not change the result
    content = find_content(read)
    if read[content].shape == read.shape:
        return _segment_content(read, image.shape[:2], *options)
    content = scale_box(content, read.shape, image.shape)
    mask = np.zeros(image.shape[:2], dtype=bool)
    inner = image[content]
    mask[content] = _segment_content(shrink(inner, WORKING_SIDE), inner.shape[:2], *options)
    return mask


def _segment_content(
    image: NDArray[np.uint8],
    shape: tuple[int, int],
    channel: str,
    even_light: bool,
    leave_out_artifacts: bool,
    level: float | None,
    margin: float,
) -> NDArray[np.bool_]:
    """Segment the lesion of an image without frames; return the mask at another size."""
    small = shrink(image, MASK_SIDE)
    artifacts = find_artifacts(small) if leave_out_artifacts else find_surround(small)
    if leave_out_artifacts:
        small = erase_dark_lines(small)
    colors = cache(lambda color: smooth_levels(small[:, :, color]))
    chosen, region = find_region(colors, channel, artifacts, even_light=even_light)
    if leave_out_artifacts and lies_along_frame(region):
        others = region if artifacts is None else region | artifacts
        second_chosen, second = find_region(colors, channel, others, even_light=even_light)
        if second.any():
            chosen, region, artifacts = second_chosen, second, others
    if not region.any():
        return np.zeros(shape, dtype=bool)
    if level is not None:
        core = find_core(chosen.gray, region, artifacts)
        whole = join_parts(chosen.dark, core)
        rgb = chosen.correct_light(np.stack([colors(color) for color in range(3)]))
        region = refine_by_color(rgb, _flood_region(chosen.gray, whole), artifacts, level=level)
        if whole is not core:  # the color between the parts can be that of skin
            region = fill_bays(region | whole)
    region = _flood_region(chosen.gray, region)
    # The border is interpolated at the full size, by the distance from the lesion.
    margin *= max(region.shape)
    return resize_map(_measure_distance(region, reach=margin + 2), shape) <= margin


def _flood_region(gray: NDArray[np.float32], region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Move the border of a region outwards by a watershed on the gradient, within a narrow band."""
    side = max(region.shape)
    reach = int(_BAND * side)
    crop = padded_box(region, reach + 1)
    inner = region[crop]
    wide = grow_by_square(inner, reach)
    markers = inner + np.int8(2) * ~wide
    # The watershed needs the pixels between the markers and the pixels of the markers that touch them.
    between = grow_by_square(wide & ~inner, 1)
    # Without a second smoothing, the watershed follows the noise in flat parts, which depends on the size.
    slope = ndi.gaussian_gradient_magnitude(gray[crop], SMOOTHING * side, truncate=3)
    # A watershed on integers is twice as fast as one on floats, and 255 steps are finer than the noise.
    slope = (slope * (255 / max(float(slope.max()), 1e-6))).astype(np.uint8)
    flooded = np.zeros_like(region)
    flooded[crop] = inner | (watershed(slope, markers, mask=between) == 1)
    return flooded


def _measure_distance(region: NDArray[np.bool_], *, reach: float) -> NDArray[np.float32]:
    """Return the distances of pixels outside the border of a region; -0.5 inside, a large number beyond `reach`."""
    steps = int(reach) + 1
    crop = padded_box(region, steps)
    # Squared distances are computed along the columns, then along the rows. For a few steps, this is much faster than a
    # distance transform.
    nearest = np.where(region[crop], np.uint16(0), _FAR)
    for axis in (0, 1):
        lines = np.moveaxis(nearest, axis, 0)
        nearest_before = lines.copy()
        for step in range(1, steps + 1):
            square = np.uint16(step * step)
            np.minimum(lines[step:], nearest_before[:-step] + square, out=lines[step:])
            np.minimum(lines[:-step], nearest_before[step:] + square, out=lines[:-step])
    distance = np.full(region.shape, max(region.shape), dtype=np.float32)
    distance[crop] = np.sqrt(nearest, dtype=np.float32) - np.float32(0.5)
    return distance
