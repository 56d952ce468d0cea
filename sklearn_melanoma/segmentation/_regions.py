"""Which dark region of an image is the lesion."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.filters import threshold_otsu

from sklearn_melanoma._geometry import fill_holes, frame_of
from sklearn_melanoma.segmentation._light import fit_light, middle

#: How the gray levels of each channel are made from red, green and blue.
CHANNELS: dict[str, tuple[float, float, float]] = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "gray": (0.2125, 0.7154, 0.0721),  # ITU-R BT.709, as in scikit-image
}

#: Channels whose level is that of one color over red: pigment and blood lower it, shadows do not.
RATIOS: dict[str, int] = {"blue/red": 2, "green/red": 1}

#: Standard deviation of the smoothing, as a share of the longest side: wider than a hair, narrower than a notch.
SMOOTHING = 0.008

#: A lesion covers at least this share of the image ...
MIN_AREA = 0.001
#: ... and is darker than the skin by at least this share of the skin's level.
MIN_CONTRAST = 0.04

# Length of the border and along the frame, per root of the area, from which a region is called ragged, and up to which
# a core is called compact. In pixels, a disk has 3.2 and a square 4.
_RAGGED, _COMPACT = 6.0, 5.0

# A core takes no more than this share of the ragged region around it.
_CORE_SHARE = 0.6


#: Returns the smoothed levels of a color by its position in red, green and blue.
Colors = Callable[[int], NDArray[np.float32]]


class View(NamedTuple):
    """An image as one channel shows it."""

    gray: NDArray[np.float32]  # 1 is about the level of the skin
    dark: NDArray[np.bool_]  # below Otsu's threshold
    light: NDArray[np.float32] | None  # that falls on the skin; None where it is taken for even

    def even(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring red, green and blue to even light as well."""
        if self.light is None:
            return rgb
        rgb = rgb * (middle(self.light) / self.light)
        return np.minimum(rgb, 255, out=rgb)


def find_region(
    colors: Colors, channel: str, artifacts: NDArray[np.bool_] | None, *, even_light: bool
) -> tuple[View, NDArray[np.bool_]]:
    """Return the region that is likeliest the lesion, empty if it is too small or too pale, and where it was seen."""
    views = [view_channel(colors, name, artifacts, even_light=even_light) for name in _channel_names(channel)]
    view = views[0] if len(views) == 1 else max(views, key=lambda view: _separability(view, artifacts))
    region = choose_region(view.dark)
    if np.count_nonzero(region) < MIN_AREA * region.size or _contrast(view.gray, region, artifacts) < MIN_CONTRAST:
        region = np.zeros_like(region)
    return view, region


def _channel_names(channel: str) -> list[str]:
    return list(CHANNELS) if channel == "auto" else [channel]


def view_channel(colors: Colors, channel: str, artifacts: NDArray[np.bool_] | None, *, even_light: bool) -> View:
    """Look at smoothed colors through one channel."""
    if channel in RATIOS:
        # The 8 levels keep the ratios of dark pixels, which are noise, near that of gray.
        gray = 128 * (colors(RATIOS[channel]) + 8) / (colors(0) + 8)
    else:
        shares = (weight * colors(color) for color, weight in enumerate(CHANNELS[channel]) if weight)
        gray = reduce(np.add, shares)
    if not even_light:
        level = max(float(np.median(gray[::4, ::4])), 1.0)
        gray = gray / level
        return View(gray, binarize(gray, artifacts), None)
    light = fit_light(gray, artifacts)
    gray = (gray + 1) / light
    # What a ratio varies by is no light.
    return View(gray, binarize(gray, artifacts), fit_light(colors(2), artifacts) if channel in RATIOS else light)


def smooth(levels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Average a channel over less than the border's notches; images are small, so two products of matrices do it."""
    down, across = (_averages(n, SMOOTHING * max(levels.shape)) for n in levels.shape)
    return down @ levels.astype(np.float32) @ across.T


@lru_cache(maxsize=8)
def _averages(n: int, sigma: float) -> NDArray[np.float32]:
    """Return the weights of n pixels in the average around each of them."""
    return ndi.gaussian_filter1d(np.eye(n), sigma, axis=0, truncate=3).astype(np.float32)


def binarize(gray: NDArray[np.float32], artifacts: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return what is darker than Otsu's threshold, the dark corners left out."""
    seen = gray if artifacts is None else gray[~artifacts]
    if seen.size == 0 or np.ptp(seen) < 1e-3:  # of the skin's level: rounding, too little for Otsu's histogram
        return np.zeros(gray.shape, dtype=bool)
    # Whole numbers are counted faster than floats; the step is finer than the noise.
    threshold = (int(threshold_otsu(np.minimum(seen * 128, 255).astype(np.uint8))) + 1) / 128
    return gray < threshold if artifacts is None else (gray < threshold) & ~artifacts


def _separability(view: View, artifacts: NDArray[np.bool_] | None) -> float:
    """Return the share of the variance that lies between the two sides of the threshold, from 0 to 1."""
    seen, dark = (view.gray, view.dark) if artifacts is None else (view.gray[~artifacts], view.dark[~artifacts])
    share = float(dark.mean()) if dark.size else 0.0
    if not 0 < share < 1:
        return 0.0
    gap = float(seen[dark].mean() - seen[~dark].mean())
    return share * (1 - share) * gap**2 / float(seen.var())


def choose_region(binary: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the connected region that is likeliest the lesion, by place and size, and fill its holes."""
    labels, n_regions = ndi.label(binary)
    if n_regions == 0:
        return binary
    dark = np.flatnonzero(binary)
    label = labels.ravel()[dark]
    weight = np.bincount(label, _nearness(binary.shape)[dark])
    area = np.maximum(np.bincount(label), 1)  # the background has no pixel
    on_frame = np.bincount(frame_of(labels), minlength=n_regions + 1)
    # A lesion that runs off the image touches the frame along less than twice the root of its area;
    # stickers, shadows and uneven light hang on the frame along more.
    weight *= np.maximum(1 - on_frame / (2 * np.sqrt(area)), 0.05)
    weight[0] = -1
    return fill_holes(labels == weight.argmax())


@lru_cache(maxsize=4)
def _nearness(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return what a pixel counts, by its position in the flat image: the less, the farther it lies from the center."""
    y, x = (np.exp(-((np.arange(n) / n - 0.5) ** 2) * 4) for n in shape)
    return np.outer(y, x).ravel()


def cut_probability(probability: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """Return the connected part above a threshold whose sum is largest, its holes filled.

    Parameters
    ----------
    probability : ndarray of shape (height, width), dtype float32
        Probability, or share of a vote, of each pixel.
    threshold : float
        What a pixel of the lesion is above.

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

    Where a small lesion lies on uneven skin, the threshold splits the skin. The region is then
    ragged or hangs on the frame, and holds a compact core that is darker than the rest of
    the region by more than that is darker than the skin.

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
        The core, or `region` itself if there is none.

    Examples
    --------
    >>> import numpy as np
    >>> gray = np.ones((80, 120), dtype=np.float32)
    >>> gray[:6], gray[:60, :50], gray[:, 20:24] = 0.9, 0.9, 0.9
    >>> gray[30:50, 20:40] = 0.4
    >>> int(find_core(gray, gray < 0.95).sum())
    400
    """
    if _outline(region) < _RAGGED:
        return region
    core = choose_region(binarize(gray, ~region))
    size = np.count_nonzero(core)
    if not MIN_AREA * core.size <= size <= _CORE_SHARE * np.count_nonzero(region) or _outline(core) > _COMPACT:
        return region
    skin = ~region if artifacts is None else ~region & ~artifacts
    rest = region & ~core
    if not (skin.any() and rest.any()):
        return region
    levels = [float(gray[part].mean()) for part in (core, rest, skin)]
    return core if levels[1] - levels[0] > levels[2] - levels[1] else region


def _outline(region: NDArray[np.bool_]) -> float:
    """Return the number of pixels along the border and the frame, per root of the area."""
    inner = region.copy()
    inner[1:] &= region[:-1]
    inner[:-1] &= region[1:]
    inner[:, 1:] &= region[:, :-1]
    inner[:, :-1] &= region[:, 1:]
    length = np.count_nonzero(region ^ inner) + np.count_nonzero(frame_of(region))
    return length / max(np.sqrt(np.count_nonzero(region)), 1.0)


def _contrast(gray: NDArray[np.float32], core: NDArray[np.bool_], artifacts: NDArray[np.bool_] | None) -> float:
    skin = ~core if artifacts is None else ~core & ~artifacts
    if not skin.any():
        return 0.0
    level = float(gray[skin].mean())
    return (level - float(gray[core].mean())) / level
