"""Color features of a lesion and of the skin around it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import atan2, cos, degrees, prod, sin, sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._crop import RING_WIDTH, Crop
from sklearn_melanoma.features._dermoscopic_colors import DERMOSCOPIC_COLORS, find_veil, name_colors
from sklearn_melanoma.features._names import LesionFeatures, check_lesion, check_names, map_sources
from sklearn_melanoma.features._sectors import N_SECTORS

_LAB = ("lightness", "a", "b")
_RGB = ("red", "green", "blue")
_PERCENTILES = (5, 25, 50, 75, 95)
# Number of zones of equal area, from the border of the lesion to its core.
_N_ZONES = 4

_SOURCES = map_sources(
    {
        "contrast": [f"{name}_contrast" for name in _LAB],
        "color_contrast": ["color_contrast"],
        "std": [f"{name}_std" for name in _LAB],
        "chroma_std": ["chroma_std"],
        "quartile_range": [f"{name}_iqr" for name in _LAB],
        "hue_spread": ["hue_spread"],
        "entropies": ["color_entropy", "fine_color_entropy"],
        "asymmetry": ["color_asymmetry_major", "color_asymmetry_minor"],
        "relative_percentiles": [f"{name}_p{percentile}" for name in _LAB for percentile in _PERCENTILES],
        "core_to_rim": [f"{name}_core_to_rim" for name in _LAB],
        "zone_stds": [f"{name}_std_zone_{zone}" for name in _LAB for zone in range(1, _N_ZONES + 1)],
        "skin_lab": [f"skin_{name}" for name in _LAB],
        "ratios": [f"{name}_ratio" for name in _RGB],
        "ratio_stds": [f"{name}_ratio_std" for name in _RGB],
        "hue_contrast": ["hue_contrast"],
        "saturation": ["saturation_contrast", "saturation_std"],
        "fractions": [f"{color}_fraction" for color in DERMOSCOPIC_COLORS],
        "n_colors": ["n_colors"],
        "blue_white_veil_fraction": ["blue_white_veil_fraction"],
        "border_contrast": [f"border_contrast_{statistic}" for statistic in ("mean", "std", "min")],
        "border_sharpness": [f"border_sharpness_{statistic}" for statistic in ("mean", "std", "min")],
    }
)
COLOR_FEATURES = tuple(_SOURCES)
# Features that "all" leaves out: they describe the skin or the camera, not the lesion.
EXTRA_COLOR_FEATURES = ("skin_ita",)

# Sides of the cells of the color histograms, for the entropies. A difference of ten is easy to see.
_CELLS = (10.0, 5.0)
# Bins per unit of the histograms for percentiles.
_STEPS = 16
# Below this chroma, the hue of a color carries no information.
_GRAY = 1.0
# Pixels nearer to a line than this, in pixels, are on it. It is more than the rounding of float32.
_ON_LINE = 1e-3
# A color counts if it covers this fraction of the lesion.
_MIN_COLOR_FRACTION = 0.02
# Width of the narrow band inside the border, for its sharpness, as a fraction of the root of the area.
_NARROW = 0.05


def measure_color(
    image: ArrayLike, mask: ArrayLike, features: str | Sequence[str] = "all", *, ring_width: float = RING_WIDTH
) -> dict[str, float]:
    """Measure the colors of a lesion and of the skin around it.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        RGB image.
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.
    features : "all", or list or tuple of str, default="all"
        Names of the features; :class:`~sklearn_melanoma.features.ColorFeatures` defines them.
    ring_width : float, default=0.2
        Width of the band of skin around the lesion, as a fraction of the square root of
        the lesion's area.

    Returns
    -------
    dict
        The features by name. Features relative to the skin are NaN if the frame leaves no skin.

    Raises
    ------
    ValueError
        If `image` is not an image. If the mask is empty or has another shape than the image. If a name is unknown or
        occurs twice.
    TypeError
        If `features` is neither a str nor a list or tuple of str. If the dtype of `image` is not one of an image, or
        the mask holds neither bools nor numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import measure_color
    >>> image = np.full((60, 60, 3), 200, dtype=np.uint8)
    >>> mask = np.zeros((60, 60), dtype=bool)
    >>> mask[20:40, 20:40] = True
    >>> image[mask] = 100
    >>> {name: round(value, 1) for name, value in measure_color(image, mask, ["lightness_contrast", "a_std"]).items()}
    {'lightness_contrast': -38.2, 'a_std': 0.0}
    """
    names = check_names(features, COLOR_FEATURES + EXTRA_COLOR_FEATURES, sets={"all": COLOR_FEATURES})
    colors = Colors(Crop(check_lesion(image, mask), ring_width))
    return {name: colors.measure(name) for name in names}


class Colors(LesionFeatures):
    """Color features of one lesion and their intermediate results, each computed at its first use.

    Parameters
    ----------
    crop : Crop
        Crop of the lesion and of the skin around it.
    """

    sources = _SOURCES

    def __init__(self, crop: Crop):
        self.crop = crop

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return the color features of a lesion."""
        return cls(lesion.shared(Crop))

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """Mean color of the lesion."""
        return self.crop.lab.mean(axis=1, dtype=np.float64)

    @cached_property
    def contrast(self) -> NDArray[np.float64]:
        """Mean color of the lesion minus the mean color of the skin."""
        return self.mean - self.crop.skin_lab

    @property
    def color_contrast(self) -> float:
        """Distance of the two mean colors."""
        return float(np.linalg.norm(self.contrast))

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """Color of each pixel minus the mean, in float64, so that the order of a summation does not matter."""
        return self.crop.lab - self.mean[:, np.newaxis]

    @cached_property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of each coordinate in the lesion."""
        return np.sqrt(np.einsum("ij,ij->i", self.deviations, self.deviations) / self.deviations.shape[1])

    @cached_property
    def chroma(self) -> NDArray[np.float32]:
        """Distance of each color from gray."""
        return np.sqrt(self.crop.lab[1] ** 2 + self.crop.lab[2] ** 2)

    @property
    def chroma_std(self) -> float:
        """Standard deviation of the chroma."""
        return _compute_std(self.chroma, float(self.chroma.mean(dtype=np.float64)))

    @cached_property
    def percentiles(self) -> NDArray[np.float64]:
        """Percentiles of each coordinate; one row per coordinate."""
        return np.stack([_compute_percentiles(values) for values in self.crop.lab])

    @property
    def relative_percentiles(self) -> NDArray[np.float64]:
        """Percentiles minus the mean color of the skin."""
        return (self.percentiles - self.crop.skin_lab[:, np.newaxis]).ravel()

    @property
    def quartile_range(self) -> NDArray[np.float64]:
        """Interquartile range of each coordinate."""
        return self.percentiles[:, 3] - self.percentiles[:, 1]

    @property
    def hue_spread(self) -> float:
        """One minus the length of the mean hue vector, weighted by chroma."""
        chroma = float(self.chroma.mean(dtype=np.float64))
        return max(chroma - float(np.hypot(*self.mean[1:])), 0) / max(chroma, _GRAY)

    @cached_property
    def entropies(self) -> list[float]:
        """Entropy of the color histogram, in bits, for coarse and for fine cells."""
        return [_compute_entropy(self.crop.lab, cell) for cell in _CELLS]

    @cached_property
    def zones(self) -> NDArray[np.uint8]:
        """Zone of each pixel, a quarter of the area by depth: from 0 along the border to 3 in the core."""
        squares, (_, below) = self.crop.morphology.squared_depths, self.crop.morphology.pixels_by_depth
        limits = np.searchsorted(below, below[-1] * np.arange(1, _N_ZONES) / _N_ZONES)
        zones = np.zeros(len(squares), dtype=np.uint8)
        for limit in limits:
            zones += squares > limit
        return zones

    @cached_property
    def sums(self) -> NDArray[np.float64]:
        """Number of pixels, sums of deviations and of squared deviations, of shape (7, 8, 3, 3, 4, 3).

        The next axes are the sector, and the side of the major axis and of the minor axis (0 behind, 1 on it, 2 ahead).
        The last axes are the zone and the band inside the border. The band is 0 outside both bands, 1 in the band that
        is as wide as the ring, and 2 in the narrow band. Parts of the lesion are compared by adding up these sums,
        which is faster than another pass over the pixels.
        """
        crop = self.crop
        moments = crop.morphology.moments
        cosine, sine = (1.0, 0.0) if moments.is_isotropic else (cos(moments.angle), sin(moments.angle))
        y, x = crop.around_center
        sides = crop.sectors * np.int8(3) + _find_side(np.float32(cosine) * y - np.float32(sine) * x)
        sides = sides * np.int8(3) + _find_side(np.float32(sine) * y + np.float32(cosine) * x)
        narrow = min(max(_NARROW * crop.root, 1.0), crop.width)
        bands = (crop.depth <= crop.width).view(np.uint8) + (crop.depth <= narrow).view(np.uint8)
        shape = (N_SECTORS, 3, 3, _N_ZONES, 3)
        parts = sides.ravel().take(crop.pixels).astype(np.intp) * (_N_ZONES * 3)
        parts += self.zones * np.uint8(3) + bands
        weights = (None, *self.deviations, *self.deviations**2)
        return np.array([np.bincount(parts, row, minlength=prod(shape)).reshape(shape) for row in weights])

    @cached_property
    def _sums_by_zone(self) -> NDArray[np.float64]:
        return self.sums.sum(axis=(1, 2, 3, 5))

    @cached_property
    def core_to_rim(self) -> NDArray[np.float64]:
        """Mean color of the inner half of the area minus the mean color of the outer half."""
        rim, outer, inner, core = self._sums_by_zone[:4].T
        return _subtract_means(inner + core, rim + outer)

    @cached_property
    def zone_stds(self) -> NDArray[np.float64]:
        """Standard deviation of each coordinate in each zone; 0 in a zone without pixels."""
        n_pixels = np.maximum(self._sums_by_zone[0], 1)
        means, squares = self._sums_by_zone[1:4] / n_pixels, self._sums_by_zone[4:] / n_pixels
        return np.sqrt(np.maximum(squares - means**2, 0)).ravel()

    @property
    def skin_lab(self) -> NDArray[np.float64]:
        """Mean color of the skin."""
        return self.crop.skin_lab

    @property
    def skin_ita(self) -> float:
        """Individual typology angle of the skin, in degrees."""
        lightness, _, b = self.crop.skin_lab
        # For b* above 0, as in all skin, this is the arctangent of the ratio.
        return degrees(atan2(lightness - 50, b))

    @cached_property
    def _rgb_moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each channel, from histograms of the levels."""
        levels = np.arange(256)
        fractions = (
            np.stack([np.bincount(channel, minlength=256) for channel in self.crop.rgb]) / self.crop.rgb.shape[1]
        )
        mean = fractions @ levels
        return mean, np.sqrt(np.maximum(fractions @ levels**2 - mean**2, 0))

    @property
    def ratios(self) -> NDArray[np.float64]:
        """Mean of each channel over that of the skin."""
        return self._rgb_moments[0] / np.maximum(self.crop.skin_rgb, 1)

    @property
    def ratio_stds(self) -> NDArray[np.float64]:
        """Standard deviation of each channel over the mean of the skin."""
        return self._rgb_moments[1] / np.maximum(self.crop.skin_rgb, 1)

    @property
    def hue_contrast(self) -> float:
        """CIE hue difference: the part of the color difference beyond lightness and chroma."""
        (a, b), (skin_a, skin_b) = self.mean[1:], self.crop.skin_lab[1:]
        chroma, skin_chroma = np.hypot(a, b), np.hypot(skin_a, skin_b)
        rotation = skin_a * b - skin_b * a
        return float(np.sign(rotation) * np.sqrt(max(2 * (chroma * skin_chroma - (a * skin_a + b * skin_b)), 0)))

    @cached_property
    def saturation(self) -> tuple[float, float]:
        """Mean saturation of the lesion minus the mean of the skin, and its standard deviation in the lesion."""
        red, green, blue = self.crop.rgb
        highest = np.maximum(np.maximum(red, green), blue).astype(np.float32)
        lowest = np.minimum(np.minimum(red, green), blue)
        saturation = 1 - lowest / np.maximum(highest, 1)
        mean = float(saturation.mean(dtype=np.float64))
        skin = self.crop.skin_rgb
        return mean - (1 - skin.min() / max(skin.max(), 1)), _compute_std(saturation, mean)

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Fraction of the lesion that each dermoscopic color covers."""
        if np.isnan(self.crop.skin_rgb[0]):
            return np.full(len(DERMOSCOPIC_COLORS), np.nan)
        names = name_colors(self.crop.rgb, self.crop.skin_rgb)
        return np.bincount(names, minlength=len(DERMOSCOPIC_COLORS)) / len(names)

    @property
    def n_colors(self) -> float:
        """Number of dermoscopic colors that cover at least `_MIN_COLOR_FRACTION` of the lesion."""
        return np.nan if np.isnan(self.fractions[0]) else float(np.count_nonzero(self.fractions >= _MIN_COLOR_FRACTION))

    @property
    def blue_white_veil_fraction(self) -> float:
        """Fraction of the lesion under a blue-white veil."""
        if np.isnan(self.crop.skin_rgb[0]):
            return np.nan
        return float(find_veil(self.crop.rgb, self.crop.skin_rgb).mean())

    @cached_property
    def sector_contrasts(self) -> NDArray[np.float64]:
        """Distance between the mean colors of a band inside the border and of the ring, by sector.

        The shape is (2, 8): first a band as wide as the ring, then a narrow one. It is NaN in a sector without border
        or skin.
        """
        crop = self.crop
        skin = _compute_means(crop.ring_lab, crop.sectors.ravel().take(crop.ring).astype(np.intp), N_SECTORS)
        _, wide, narrow = np.moveaxis(self.sums[:4].sum(axis=(2, 3, 4)), 2, 0)
        around = self.mean[:, np.newaxis] - skin
        return np.linalg.norm([_divide(each[1:], each[0]) + around for each in (wide + narrow, narrow)], axis=1)

    @property
    def border_contrast(self) -> tuple[float, float, float]:
        """Mean, standard deviation and minimum of the contrast over the sectors, for a band as wide as the ring."""
        return _summarize(self.sector_contrasts[0])

    @property
    def border_sharpness(self) -> tuple[float, float, float]:
        """Mean, standard deviation and minimum of the contrast over the sectors, for the narrow band."""
        return _summarize(self.sector_contrasts[1])

    @cached_property
    def asymmetry(self) -> tuple[float, float]:
        """Distance of the mean colors of the two halves, for the major and for the minor axis."""
        halves = self.sums[:4].sum(axis=(1, 4, 5))
        major, minor = (
            float(np.linalg.norm(_subtract_means(ahead, behind)))
            for behind, _, ahead in (halves.sum(axis=2).T, halves.sum(axis=1).T)
        )
        is_isotropic = self.crop.morphology.moments.is_isotropic
        return (min(major, minor), max(major, minor)) if is_isotropic else (major, minor)


def _find_side(ahead: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return the side of a line for each pixel: 0 behind it, 1 on it, 2 ahead of it."""
    return (ahead > _ON_LINE).view(np.int8) + (ahead >= -_ON_LINE).view(np.int8)


def _subtract_means(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of some pixels minus the mean of others, given as numbers and sums; 0 if either has no pixels."""
    return some[1:] / some[0] - others[1:] / others[0] if some[0] and others[0] else np.zeros(3)


def _compute_percentiles(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the percentiles, in steps of a sixteenth. A histogram is five times as fast as sorting."""
    low = values.min()
    counts = np.cumsum(np.bincount(((values - low) * np.float32(_STEPS)).astype(np.int32)))
    return low + np.searchsorted(counts, counts[-1] * np.array(_PERCENTILES) / 100) / _STEPS


def _compute_std(values: NDArray[np.float32], mean: float) -> float:
    deviations = values - np.float32(mean)
    return sqrt(float(np.vdot(deviations, deviations)) / len(values))


def _compute_entropy(lab: NDArray[np.float32], cell: float) -> float:
    """Return the entropy of the colors, counted in cells of a given side; one cell is centered on gray."""
    place = np.zeros(lab.shape[1], dtype=np.int32)
    for values, offset in zip(lab, (0.0, 0.5, 0.5), strict=True):
        cells = np.floor(values * np.float32(1 / cell) + np.float32(offset)).astype(np.int32)
        low = cells.min()
        place *= cells.max() - low + 1
        place += cells - low
    counts = np.bincount(place)
    fractions = counts[counts > 0] / len(place)
    return float(fractions @ np.log2(1 / fractions))


def _compute_means(values: NDArray[np.float32], groups: NDArray[np.intp], n_groups: int) -> NDArray[np.float64]:
    """Return the mean of each row by group of columns, of shape (n_rows, n_groups); NaN for an empty group."""
    sums = np.array([np.bincount(groups, row, minlength=n_groups) for row in values])
    return _divide(sums, np.bincount(groups, minlength=n_groups))


def _divide(sums: NDArray[np.float64], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return means; NaN for a count of 0."""
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _summarize(values: NDArray[np.float64]) -> tuple[float, float, float]:
    known = values[~np.isnan(values)]
    return (known.mean(), known.std(), known.min()) if known.size else (np.nan, np.nan, np.nan)
