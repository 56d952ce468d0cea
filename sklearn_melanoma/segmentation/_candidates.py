"""Features of the candidate masks of one image, computed without the true mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import frame_of
from sklearn_melanoma._validation import check_image, check_mask
from sklearn_melanoma.segmentation._field_of_view import find_surround
from sklearn_melanoma.segmentation._light import flatten_light
from sklearn_melanoma.segmentation._regions import SMOOTHING

#: Names of the features that `describe_candidates` computes for each candidate.
CANDIDATE_FEATURES = (
    "area_fraction",
    "mean_agreement",
    "median_agreement",
    "best_agreement",
    "border_length",
    "frame_fraction",
    "distance_from_center",
    "blue_contrast",
    "green_contrast",
    "red_contrast",
    "edge_contrast",
    "core_contrast",
    "ring_contrast",
    "spread_inside",
    "spread_around",
    "pale_inside",
    "dark_around",
    "dark_beyond",
    "border_slope",
    "ring_slope",
)

_BLUE = 2

# Width of the rim on both sides of the border, as a fraction of the root of the candidate's area.
_RIM = 0.15
# Start and end of the ring of skin, as fractions of the root of the candidate's area.
_RING = (0.1, 0.5)

# The core consists of the pixels that are deeper than this fraction of the largest depth.
_CORE = 0.5


def describe_candidates(image: ArrayLike, masks: Sequence[ArrayLike]) -> NDArray[np.float64]:
    r"""Compute features of candidate masks that need no true mask.

    First, the image is smoothed, and the slowly varying light is divided out. The colors below are the logarithms of
    the resulting red, green and blue. The features of a candidate are:

    - the fraction of the image that it covers;
    - its mean, median and largest Jaccard index with the other candidates;
    - the length of its border, divided by the square root of its area;
    - the fraction of the outermost pixels of the image that it covers;
    - its distance from the center of the image;
    - its contrast to a ring of skin around it, in blue, green and red;
    - the contrast in blue across its border, between its core and its rim, and between the ring
      and the pixels beyond it;
    - the standard deviation of blue inside the candidate and in the ring;
    - the fraction of its pixels that look like skin, and the fractions of pixels in the ring and
      beyond it that look like lesion;
    - the mean gradient of blue along its border and in the ring, each divided by the median gradient of the image.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, ideally with about 200 pixels on the longest side.
    masks : sequence of array-like of shape (height, width)
        Candidate masks.

    Returns
    -------
    ndarray of shape (n_masks, 20), dtype float64
        The features, in the order above, dimensionless. Features that are undefined are 0. The Jaccard indices of a
        single candidate are 1. An empty mask gives a row of zeros.

    Raises
    ------
    ValueError
        If `image` is not an image, or a mask is not a mask or has another shape than the image.
    TypeError
        If the dtype of `image` is not one of an image, or a mask holds neither bools nor numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.segmentation import describe_candidates
    >>> image = np.full((60, 80, 3), 200, dtype=np.uint8)
    >>> image[20:40, 30:50] = 90
    >>> true, shifted = np.zeros((2, 60, 80), dtype=bool)
    >>> true[20:40, 30:50], shifted[25:45, 38:58] = True, True
    >>> contrast = describe_candidates(image, [true, shifted])[:, 7]
    >>> bool(contrast[0] > contrast[1])
    True
    """
    image = check_image(image)
    height, width = image.shape[:2]
    candidates = [check_mask(mask, shape=(height, width)) for mask in masks]
    surround = find_surround(image)
    seen = np.ones((height, width), dtype=bool) if surround is None else ~surround
    sigma = SMOOTHING * max(height, width)
    colors = ndi.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0), truncate=3)
    log_levels = np.log(np.maximum(flatten_light(np.moveaxis(colors, 2, 0), surround), np.float32(0.02)))
    slope = ndi.gaussian_gradient_magnitude(log_levels[_BLUE], 1.0)
    slope = slope / (float(np.median(slope)) + 1e-4)
    agreements = agreement(candidates)
    np.fill_diagonal(agreements, np.nan)
    rows = np.zeros((len(candidates), len(CANDIDATE_FEATURES)))
    for row, mask, of_others in zip(rows, candidates, agreements, strict=True):
        if mask.any():
            row[:] = _describe_mask(mask, of_others[~np.isnan(of_others)], log_levels, slope, seen)
    return np.nan_to_num(rows)


def _describe_mask(
    mask: NDArray[np.bool_],
    agreements: NDArray[np.float64],
    log_levels: NDArray[np.float32],
    slope: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> list[float]:
    root = float(np.sqrt(np.count_nonzero(mask)))
    outside, depth = ndi.distance_transform_edt(~mask), ndi.distance_transform_edt(mask)
    ring = (outside > _RING[0] * root) & (outside <= max(_RING[1] * root, 4)) & seen
    beyond = (outside > _RING[1] * root) & seen
    rim, near = ((distance > 0) & (distance <= max(_RIM * root, 2)) & seen for distance in (depth, outside))
    core = depth > _CORE * depth.max()
    border = (depth > 0) & (depth <= 1.5)
    inside, around = _average_pixels(log_levels, mask), _average_pixels(log_levels, ring)
    blue = log_levels[_BLUE]
    toward_skin = np.tensordot(around - inside, log_levels - ((inside + around) / 2)[:, np.newaxis, np.newaxis], axes=1)
    place = [np.average(np.arange(n), weights=mask.sum(axis=1 - axis)) / n - 0.5 for axis, n in enumerate(mask.shape)]
    return [
        float(mask.mean()),
        *(
            (float(agreements.mean()), float(np.median(agreements)), float(agreements.max()))
            if agreements.size
            else (1, 1, 1)
        ),
        np.count_nonzero(border) / root,
        float(frame_of(mask).mean()),
        float(np.hypot(*place)),
        *(around - inside)[::-1],
        float(_average_pixels(blue, near) - _average_pixels(blue, rim)),
        float(_average_pixels(blue, rim) - _average_pixels(blue, core)),
        float(_average_pixels(blue, beyond) - around[_BLUE]),
        float(blue[mask].std()),
        float(blue[ring].std()) if ring.any() else 0.0,
        float((toward_skin[mask] > 0).mean()),
        float((toward_skin[ring] < 0).mean()) if ring.any() else 0.0,
        float((toward_skin[beyond] < 0).mean()) if beyond.any() else 0.0,
        float(_average_pixels(slope, border)),
        float(_average_pixels(slope, ring)),
    ]


def _average_pixels(values: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Average the last two axes over some pixels; NaN if there are none."""
    if not where.any():
        return np.full(values.shape[:-2], np.nan, dtype=np.float32)
    return values[..., where].mean(axis=-1)


def agreement(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Compute the Jaccard index of every pair of masks.

    Parameters
    ----------
    masks : sequence of ndarray of shape (height, width), dtype bool
        Masks of one image.

    Returns
    -------
    ndarray of shape (n_masks, n_masks), dtype float64
        Jaccard indices, 1 on the diagonal. The index of two empty masks is 1.

    Examples
    --------
    >>> import numpy as np
    >>> agreement([np.array([[True, True]]), np.array([[False, True]])])
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    flat = np.array([mask.ravel() for mask in masks], dtype=np.float32)
    both = flat @ flat.T
    sizes = flat.sum(axis=1)
    union = sizes[:, np.newaxis] + sizes - both
    return np.where(union > 0, both / np.maximum(union, 1), 1.0).astype(np.float64)
