"""Grey levels → binarise → watershed: the lesion of a photo without any label."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from sklearn_melanoma._geometry import bounding_box, fill_holes, padded_box
from sklearn_melanoma._reading import WORKING_SIDE, resize_map, shrink
from sklearn_melanoma._validation import check_image
from sklearn_melanoma.segmentation._artefacts import erase_dark_lines, find_artefacts
from sklearn_melanoma.segmentation._light import find_dark_corners, fit_light
from sklearn_melanoma.segmentation._refine import refine_by_color

#: How the grey levels of each channel are made from red, green and blue.
CHANNELS: dict[str, tuple[float, float, float]] = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "grey": (0.2125, 0.7154, 0.0721),  # ITU-R BT.709, as in scikit-image
}

#: Channels whose level is that of one color over red: pigment and blood lower it, shadows do not.
RATIOS: dict[str, int] = {"blue/red": 2, "green/red": 1}

# Longest side, in pixels, at which the mask is decided. On three data sets the mean Jaccard index is the same,
# within 0.006, at 128, 160, 192, 256 and 384; the cost grows with the square.
DECIDING_SIDE = 192

_fill_holes = fill_holes  # TEMP for files being written

# All lengths are shares of the longest side.
_SMOOTHING = 0.008  # wider than a hair, narrower than a notch of the border
MAX_MARGIN = 0.1
_BAND = 0.03  # how far outside the threshold's border the watershed may place it

# A lesion covers at least this share of the photo ...
_MIN_AREA = 0.001
# ... and is darker than the skin by at least this share of the skin's level.
_MIN_CONTRAST = 0.04


def segment_watershed(
    image: ArrayLike,
    *,
    channel: str = "blue",
    even_light: bool = True,
    leave_out_artefacts: bool = True,
    level: float | None = 0.5,
    margin: float = 0,
) -> NDArray[np.bool_]:
    """Find the pixels of the one lesion in a dermoscopic photo.

    In the order of the survey's system: grey levels, binarisation (Otsu), watershed.

    1. Hairs and other thin dark lines are erased; dark corners, stickers and ink on the frame
       are left out.
    2. The grey levels of one channel are smoothed and brought to even light.
    3. Otsu's threshold splits them into skin and lesion. Of the connected dark regions the
       one is taken that weighs most, each pixel counting less the farther it lies from the
       centre and each region less the more of the frame it touches. Its holes are filled.
    4. That region and what lies well outside it are the markers of a watershed on the
       gradient, which places the border in the narrow band between: Otsu's threshold, half
       way to the dark core, lies inside the border rather than outside.
    5. The border is moved to where the color, on the axis that best tells the lesion from the
       skin around it, passes `level`; bays are filled, and the watershed places the border
       once more.
    6. The border is moved outwards by `margin`.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Photo, of any size; grey, RGBA, uint16, float in 0..1 and bool work as well.
    channel : {"blue", "green", "red", "grey", "blue/red", "green/red", "auto"}, default="blue"
        Grey levels to look at. "auto" takes, of the first four, the one that Otsu's threshold
        separates best. The ratios see color alone, whatever the shadows.
    even_light : bool, default=True
        Whether to divide the grey levels by the slowly varying light.
    leave_out_artefacts : bool, default=True
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
        True on the lesion. All False if none was found: nothing covers 0.1 % of the photo and
        is darker than the skin by 4 % of its level.

    Raises
    ------
    ValueError
        If `image` is no photo, `channel` is unknown, `level` is not in 0..1 or `margin` not in
        0..0.1.
    TypeError
        If `image` has a dtype that no photo has.

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
    # By way of the reader's size, so that the mask is the same whether or not a reader came before.
    small = shrink(shrink(image, WORKING_SIDE), DECIDING_SIDE)
    artefacts = find_artefacts(small) if leave_out_artefacts else find_dark_corners(small)
    if leave_out_artefacts:
        small = erase_dark_lines(small)
    colors = _smooth(small)
    views = [_view(colors, name, artefacts, even_light=even_light) for name in _channel_names(channel)]
    view = views[0] if len(views) == 1 else max(views, key=lambda view: _separability(view, artefacts))
    region = _choose_region(view.dark)
    if np.count_nonzero(region) < _MIN_AREA * region.size or _contrast(view.grey, region, artefacts) < _MIN_CONTRAST:
        return np.zeros(image.shape[:2], dtype=bool)
    if level is not None:
        region = _distance_from_border(view.grey, region, reach=0) < 0
        region = refine_by_color(view.even(colors), region, artefacts, level=level)
    # Between the pixels at which it was decided, the border follows the distance from the lesion.
    height, width = image.shape[:2]
    margin *= max(region.shape)
    return resize_map(_distance_from_border(view.grey, region, reach=margin + 2), (height, width)) <= margin


class _View(NamedTuple):
    """A photo as one channel shows it."""

    grey: NDArray[np.float32]  # 1 is about the level of the skin
    dark: NDArray[np.bool_]  # below Otsu's threshold
    light: NDArray[np.float32] | None  # that falls on the skin; None where it is taken for even

    def even(self, colors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring the colors to even light as well."""
        if self.light is None:
            return colors
        return np.minimum(colors * (np.median(self.light) / self.light)[:, :, np.newaxis], np.float32(255))


def _channel_names(channel: str) -> list[str]:
    return list(CHANNELS) if channel == "auto" else [channel]


def _view(colors: NDArray[np.float32], channel: str, artefacts: NDArray[np.bool_] | None, *, even_light: bool) -> _View:
    """Look at smoothed colors through one channel."""
    if channel in RATIOS:
        # The 8 levels keep the ratios of dark pixels, which are noise, near that of grey.
        grey = 128 * (colors[:, :, RATIOS[channel]] + 8) / (colors[:, :, 0] + 8)
    else:
        grey = colors @ np.array(CHANNELS[channel], dtype=np.float32)
    if not even_light:
        level = max(float(np.median(grey[::4, ::4])), 1.0)
        return _View(grey / level, _binarize(grey / level, artefacts), None)
    light = fit_light(grey, artefacts)
    grey = (grey + 1) / light
    # What a ratio varies by is no light.
    return _View(
        grey, _binarize(grey, artefacts), fit_light(colors[:, :, 2], artefacts) if channel in RATIOS else light
    )


def _smooth(levels: NDArray[np.generic]) -> NDArray[np.float32]:
    """Average over less than the border's notches, each channel on its own."""
    sigma = _SMOOTHING * max(levels.shape)
    return ndi.gaussian_filter(levels.astype(np.float32), (sigma, sigma, 0)[: levels.ndim], truncate=3)


def _binarize(grey: NDArray[np.float32], artefacts: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return what is darker than Otsu's threshold, the dark corners left out."""
    seen = grey if artefacts is None else grey[~artefacts]
    if seen.size == 0 or np.ptp(seen) < 1e-3:  # of the skin's level: rounding, too little for Otsu's histogram
        return np.zeros(grey.shape, dtype=bool)
    # Whole numbers are counted faster than floats; the step is finer than the noise.
    threshold = (threshold_otsu(np.minimum(seen * 128, 255).astype(np.uint8)) + 1) / 128
    return grey < threshold if artefacts is None else (grey < threshold) & ~artefacts


def _separability(view: _View, artefacts: NDArray[np.bool_] | None) -> float:
    """Return the share of the variance that lies between the two sides of the threshold, from 0 to 1."""
    seen, dark = (view.grey, view.dark) if artefacts is None else (view.grey[~artefacts], view.dark[~artefacts])
    share = float(dark.mean()) if dark.size else 0.0
    if not 0 < share < 1:
        return 0.0
    gap = float(seen[dark].mean() - seen[~dark].mean())
    return share * (1 - share) * gap**2 / float(seen.var())


def _choose_region(binary: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the connected region that is likeliest the lesion, by place and size, and fill its holes."""
    labels, n_regions = ndi.label(binary)
    if n_regions == 0:
        return binary
    height, width = binary.shape
    y, x = (np.exp(-((np.arange(n) / n - 0.5) ** 2) * 4) for n in (height, width))
    weight = np.bincount(labels.ravel(), (y[:, np.newaxis] * x).ravel())
    area = np.bincount(labels.ravel())
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    on_frame = np.bincount(frame, minlength=n_regions + 1)
    # A lesion that runs off the photo touches the frame along less than twice the root of its area;
    # stickers, shadows and uneven light hang on the frame along more.
    weight *= np.maximum(1 - on_frame / (2 * np.sqrt(area)), 0.05)
    weight[0] = -1
    region = labels == weight.argmax()
    box = bounding_box(region)
    region[box] = fill_holes(region[box])
    return region


def _contrast(grey: NDArray[np.float32], core: NDArray[np.bool_], artefacts: NDArray[np.bool_] | None) -> float:
    skin = ~core if artefacts is None else ~core & ~artefacts
    if not skin.any():
        return 0.0
    level = float(grey[skin].mean())
    return (level - float(grey[core].mean())) / level


def _distance_from_border(grey: NDArray[np.float32], core: NDArray[np.bool_], *, reach: float) -> NDArray[np.float32]:
    """Let a watershed on the gradient place the border near that of `core`; return how far outside of it pixels lie.

    In pixels, exact up to `reach`, some large number beyond; -0.5 for every pixel of the lesion.
    """
    side = max(core.shape)
    pad = int(_BAND * side + reach) + 1
    crop = padded_box(core, pad)
    distance = np.full(core.shape, side, dtype=np.float32)
    core = core[crop]
    skin = ndi.distance_transform_cdt(~core, "chessboard") > _BAND * side
    markers = core.astype(np.int8) + np.int8(2) * skin
    # The flood needs the pixels between the markers and those of the markers that touch them.
    between = ndi.binary_dilation(markers == 0, np.ones((3, 3), dtype=bool))
    # Smoothed once more: where there is hardly any slope, a flood follows the noise, another one at every size.
    slope = ndi.gaussian_gradient_magnitude(grey[crop], _SMOOTHING * side, truncate=3)
    # Integers flood twice as fast as floats, and 255 steps are finer than the noise.
    slope = (slope * (255 / max(float(slope.max()), 1e-6))).astype(np.uint8)
    lesion = core | (watershed(slope, markers, mask=between) == 1)
    distance[crop] = ndi.distance_transform_edt(~lesion) - 0.5
    return distance
