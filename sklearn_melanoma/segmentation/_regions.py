"""Channels of an image, and the choice of the region of the lesion."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.filters import threshold_otsu

from sklearn_melanoma._geometry import fill_holes, frame_of, grow_by_disk
from sklearn_melanoma.segmentation._light import fit_light, upper_median
from sklearn_melanoma.segmentation._refine import fill_bays

#: Weights of red, green and blue in the gray levels of each channel.
CHANNELS: dict[str, tuple[float, float, float]] = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "gray": (0.2125, 0.7154, 0.0721),  # ITU-R BT.709, as in scikit-image
}

#: Channels that are the ratio of a color to red. Pigment and blood lower the ratio; shadows do not.
RATIOS: dict[str, int] = {"blue/red": 2, "green/red": 1}

#: Standard deviation of the smoothing, as a fraction of the longest side: wider than a hair, narrower than a notch.
SMOOTHING = 0.008

#: Smallest area of a lesion, as a fraction of the image.
MIN_AREA = 0.001
#: Smallest contrast of a lesion to the skin, as a fraction of the skin's level.
MIN_CONTRAST = 0.04

# Length of the border and along the frame, per root of the area. A region is ragged from the first number on. A core is
# compact up to the second number. In pixels, a disk has 3.2 and a square has 4.
_RAGGED, _COMPACT = 6.0, 5.0

# Largest area of a core, as a fraction of the ragged region around it.
_MAX_CORE = 0.6

# Smallest area of a part of a lesion, as a fraction of the area of the largest part, and largest distance from that
# part, per root of its area. The Jaccard index is nearly the same from 0.05 to 0.1, and from 0.35 to 1.
_MIN_PART, _NEAR = 0.1, 0.5


#: Returns the smoothed levels of a color by its position in red, green and blue.
Colors = Callable[[int], NDArray[np.float32]]


class Channel(NamedTuple):
    """Gray levels of one channel of an image, their dark pixels and the light."""

    gray: NDArray[np.float32]  # the level of the skin is about 1
    dark: NDArray[np.bool_]  # pixels below Otsu's threshold
    light: NDArray[np.float32] | None  # light on the skin; None if it is assumed to be even

    def correct_light(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Divide red, green and blue by the light, but keep their level."""
        if self.light is None:
            return rgb
        rgb = rgb * (upper_median(self.light) / self.light)
        return np.minimum(rgb, 255, out=rgb)


def find_region(
    colors: Colors, channel: str, artifacts: NDArray[np.bool_] | None, *, even_light: bool
) -> tuple[Channel, NDArray[np.bool_]]:
    """Return the best channel and its most likely lesion; the lesion is empty if it is too small or too pale."""
    made = [make_channel(colors, name, artifacts, even_light=even_light) for name in _list_channels(channel)]
    best = made[0] if len(made) == 1 else max(made, key=lambda each: _measure_separability(each, artifacts))
    region = choose_region(best.dark)
    too_small = np.count_nonzero(region) < MIN_AREA * region.size
    if too_small or _measure_contrast(best.gray, region, artifacts) < MIN_CONTRAST:
        region = np.zeros_like(region)
    return best, region


def _list_channels(channel: str) -> list[str]:
    return list(CHANNELS) if channel == "auto" else [channel]


def make_channel(colors: Colors, channel: str, artifacts: NDArray[np.bool_] | None, *, even_light: bool) -> Channel:
    """Compute one channel of an image from its smoothed colors."""
    if channel in RATIOS:
        # The ratios of dark pixels are noise. Adding 8 levels keeps them near the ratio of gray.
        gray = 128 * (colors(RATIOS[channel]) + 8) / (colors(0) + 8)
    else:
        weighted = (weight * colors(color) for color, weight in enumerate(CHANNELS[channel]) if weight)
        gray = reduce(np.add, weighted)
    if not even_light:
        level = max(float(np.median(gray[::4, ::4])), 1.0)
        gray = gray / level
        return Channel(gray, binarize(gray, artifacts), None)
    light = fit_light(gray, artifacts)
    gray = (gray + 1) / light
    # A ratio does not depend on the light, so the light is fitted to blue.
    return Channel(gray, binarize(gray, artifacts), fit_light(colors(2), artifacts) if channel in RATIOS else light)


def smooth_levels(levels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Smooth a channel, or a stack of channels, by a Gaussian."""
    return blur(levels, SMOOTHING * max(levels.shape))


def blur(values: NDArray[np.generic], sigma: float, *, mode: str = "reflect") -> NDArray[np.float32]:
    """Filter a small map, or a stack of maps, by a Gaussian. A product of matrices is several times as fast."""
    down, across = (_make_averaging_matrix(n, sigma, mode) for n in values.shape[-2:])
    return down @ values.astype(np.float32, copy=False) @ across.T


@lru_cache(maxsize=64)
def _make_averaging_matrix(n: int, sigma: float, mode: str) -> NDArray[np.float32]:
    """Return the Gaussian weights of the n pixels of a line in the average around each pixel."""
    return ndi.gaussian_filter1d(np.eye(n), sigma, axis=0, truncate=3, mode=mode).astype(np.float32)


def binarize(gray: NDArray[np.float32], artifacts: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return the pixels that are darker than Otsu's threshold, without artifacts."""
    visible = gray if artifacts is None else gray[~artifacts]
    # A range below 1e-3 of the skin's level comes from rounding, and is too small for Otsu's histogram.
    if visible.size == 0 or np.ptp(visible) < 1e-3:
        return np.zeros(gray.shape, dtype=bool)
    # A histogram of integers is faster than one of floats, and steps of an integer are finer than the noise.
    threshold = (int(threshold_otsu(np.minimum(visible * 128, 255).astype(np.uint8))) + 1) / 128
    return gray < threshold if artifacts is None else (gray < threshold) & ~artifacts


def _measure_separability(channel: Channel, artifacts: NDArray[np.bool_] | None) -> float:
    """Return the variance between both sides of the threshold as a fraction of the total variance, from 0 to 1."""
    visible, dark = channel.gray, channel.dark
    if artifacts is not None:
        visible, dark = visible[~artifacts], dark[~artifacts]
    fraction = float(dark.mean()) if dark.size else 0.0
    if not 0 < fraction < 1:
        return 0.0
    gap = float(visible[dark].mean() - visible[~dark].mean())
    return fraction * (1 - fraction) * gap**2 / float(visible.var())


def choose_region(binary: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected region that is most likely the lesion, by position and size, with its holes filled."""
    labels, n_regions = ndi.label(binary)
    if n_regions == 0:
        return binary
    dark = np.flatnonzero(binary)
    label = labels.ravel()[dark]
    weight = np.bincount(label, _compute_center_weights(binary.shape)[dark])
    area = np.maximum(np.bincount(label), 1)  # the background has no pixel
    on_frame = np.bincount(frame_of(labels), minlength=n_regions + 1)
    # If the frame cuts a lesion, the lesion touches it along less than twice the root of its area. Stickers, shadows
    # and uneven light touch it along more.
    weight *= np.maximum(1 - on_frame / (2 * np.sqrt(area)), 0.05)
    weight[0] = -1
    return fill_holes(labels == weight.argmax())


@lru_cache(maxsize=4)
def _compute_center_weights(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the weight of each pixel of the flat image, which decreases with the distance from the center."""
    y, x = (np.exp(-(((np.arange(n) + 0.5) / n - 0.5) ** 2) * 4) for n in shape)
    return np.outer(y, x).ravel()


def cut_probability(probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Return the connected part above a threshold with the largest sum; its holes are filled.

    Parameters
    ----------
    probability : ndarray of shape (height, width), dtype float32
        Probability, or fraction of the vote, of each pixel.
    threshold : float
        Pixels of the lesion are above this threshold.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        All False if the part covers less than 0.1 % of the image.

    Examples
    --------
    >>> import numpy as np
    >>> cut_probability(np.array([[0.9, 0.1, 0.6, 0.6]], dtype=np.float32), 0.5)
    array([[False, False,  True,  True]])
    """
    labels, n_parts = ndi.label(probability > threshold)
    if n_parts == 0:
        return np.zeros(probability.shape, dtype=bool)
    weight = np.bincount(labels.ravel(), probability.ravel())
    weight[0] = -1
    mask = fill_holes(labels == weight.argmax())
    return mask if np.count_nonzero(mask) >= MIN_AREA * mask.size else np.zeros_like(mask)


def find_core(
    gray: NDArray[np.float32], region: NDArray[np.bool_], artifacts: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Find the lesion in a region that is mostly skin.

    If a small lesion lies on uneven skin, the threshold splits the skin. The region is then
    ragged or lies along the frame, and contains a compact core. The difference between the core
    and the rest of the region is larger than the difference between the rest and the skin.

    Parameters
    ----------
    gray : ndarray of shape (height, width), dtype float32
        Gray levels, about 1 on the skin.
    region : ndarray of shape (height, width), dtype bool
        A connected region.
    artifacts : ndarray of shape (height, width), dtype bool, optional
        Pixels that are neither skin nor lesion.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        The core, or `region` itself if it has no such core.

    Examples
    --------
    >>> import numpy as np
    >>> gray = np.ones((80, 120), dtype=np.float32)
    >>> gray[:6], gray[:60, :50], gray[:, 20:24] = 0.9, 0.9, 0.9
    >>> gray[30:50, 20:40] = 0.4
    >>> int(find_core(gray, gray < 0.95).sum())
    400
    """
    if _measure_outline(region) < _RAGGED:
        return region
    core = choose_region(binarize(gray, ~region))
    size = np.count_nonzero(core)
    if not MIN_AREA * core.size <= size <= _MAX_CORE * np.count_nonzero(region) or _measure_outline(core) > _COMPACT:
        return region
    skin = ~region if artifacts is None else ~region & ~artifacts
    rest = region & ~core
    if not (skin.any() and rest.any()):
        return region
    levels = [float(gray[part].mean()) for part in (core, rest, skin)]
    return core if levels[1] - levels[0] > levels[2] - levels[1] else region


def join_parts(dark: NDArray[np.bool_], region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Join a region with the dark parts near it if, together, they lie around the center of the image.

    Melanomas in particular can have dark parts with pale or regressed skin between them. The region is then one of the
    parts, and lies on one side of the center. Parts that do not belong to the lesion, such as ink, shadows and other
    spots, are farther from the center than the region.

    Parameters
    ----------
    dark : ndarray of shape (height, width), dtype bool
        Dark pixels of the image.
    region : ndarray of shape (height, width), dtype bool
        A connected region.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        The parts and the pixels between them. It is `region` itself if there are no other parts,
        or if they lower the mean weight of the pixels, which decreases with the distance from the
        center.

    Examples
    --------
    >>> import numpy as np
    >>> dark = np.zeros((60, 120), dtype=bool)
    >>> dark[20:40, 40:55] = dark[20:40, 60:75] = True
    >>> left = dark & (np.arange(120) < 57)
    >>> np.flatnonzero(join_parts(dark, left)[30])[[0, -1]]
    array([40, 74])
    """
    labels, n_parts = ndi.label(dark & ~region)
    area = np.count_nonzero(region)
    large = np.bincount(labels.ravel(), minlength=n_parts + 1) >= _MIN_PART * area
    large[0] = False
    if not large.any():
        return region
    near = np.bincount(labels[grow_by_disk(region, _NEAR * np.sqrt(area))], minlength=n_parts + 1) > 0
    parts = large & near
    if not parts.any():
        return region
    joined = fill_bays(region | parts[labels], _NEAR)
    weights = _compute_center_weights(region.shape)
    return joined if weights[joined.ravel()].mean() > weights[region.ravel()].mean() else region


def _measure_outline(region: NDArray[np.bool_]) -> float:
    """Return the number of pixels along the border and the frame, per root of the area."""
    inner = region.copy()
    inner[1:] &= region[:-1]
    inner[:-1] &= region[1:]
    inner[:, 1:] &= region[:, :-1]
    inner[:, :-1] &= region[:, 1:]
    length = np.count_nonzero(region ^ inner) + np.count_nonzero(frame_of(region))
    return length / max(np.sqrt(np.count_nonzero(region)), 1.0)


def _measure_contrast(gray: NDArray[np.float32], core: NDArray[np.bool_], artifacts: NDArray[np.bool_] | None) -> float:
    skin = ~core if artifacts is None else ~core & ~artifacts
    if not skin.any():
        return 0.0
    level = float(gray[skin].mean())
    return (level - float(gray[core].mean())) / level if level > 0 else 0.0
