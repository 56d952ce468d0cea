"""Simple features with scikit-image, the baseline of the benchmark of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.color import rgb2hsv, rgb2lab
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.measure import regionprops

from sklearn_melanoma import Lesion

N_SIMPLE = 91


def compute_simple_features(lesion: Lesion) -> NDArray[np.float64]:
    """Return 17 morphology, 54 color and 20 texture features; NaN if no lesion was found."""
    image, mask = lesion.image, lesion.mask
    if mask is None or not mask.any():
        return np.full(N_SIMPLE, np.nan)
    region = regionprops(mask.astype(np.uint8))[0]
    crop, inside = image[region.slice], mask[region.slice]
    gray = (crop @ [0.2125, 0.7154, 0.0721]).astype(np.uint8)
    patterns = local_binary_pattern(gray, 8, 1, "uniform")[inside].astype(int)
    pairs = graycomatrix(gray // 8, [1, 3], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], 32, symmetric=True, normed=True)
    return np.array(
        [
            region.area,
            region.perimeter,
            region.perimeter**2 / (4 * np.pi * region.area),
            region.eccentricity,
            region.solidity,
            region.extent,
            region.axis_minor_length / max(region.axis_major_length, 1),
            region.feret_diameter_max,
            region.equivalent_diameter_area,
            region.euler_number,
            *region.moments_hu,
            *_measure_colors(image, mask),
            *np.bincount(patterns, minlength=10) / len(patterns),
            *(
                value
                for name in ("contrast", "homogeneity", "energy", "correlation", "dissimilarity")
                for value in graycoprops(pairs, name).mean(axis=1)
            ),
        ]
    )


def _measure_colors(image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> list[float]:
    """Return mean, spread, percentiles and contrast to a ring of skin of each channel of RGB, HSV and L*a*b*."""
    ring = ndi.binary_dilation(mask, iterations=max(int(0.1 * np.sqrt(mask.sum())), 2)) & ~mask
    found = []
    for space in (image / 255, rgb2hsv(image), rgb2lab(image)):
        lesion, skin = space[mask], space[ring if ring.any() else mask]
        for values, around in zip(lesion.T, skin.T, strict=True):
            found += [values.mean(), values.std(), *np.percentile(values, (10, 50, 90)), values.mean() - around.mean()]
    return found
