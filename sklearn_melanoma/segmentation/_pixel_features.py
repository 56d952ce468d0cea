"""Features of pixels: color relative to the skin, position, and unsupervised masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import frame_of
from sklearn_melanoma._io.reading import resize_map, shrink, shrink_by_steps
from sklearn_melanoma._typing import Mask
from sklearn_melanoma._validation import check_image
from sklearn_melanoma.segmentation._artifacts import erase_dark_lines, find_artifacts
from sklearn_melanoma.segmentation._light import flatten_light
from sklearn_melanoma.segmentation._refine import fill_bays
from sklearn_melanoma.segmentation._regions import CHANNELS, MIN_CONTRAST, binarize, blur, choose_region, smooth_levels
from sklearn_melanoma.segmentation._watershed import MASK_SIDE, segment_watershed

# Longest side, in pixels, at which pixels are described. The probability is smooth, so its level sets can be
# interpolated between these pixels.
FEATURE_SIDE = 96

# Standard deviations of the blurs of a color, as fractions of the longest side.
_SCALES = (0.012, 0.03, 0.07)

# Thresholds of the grown masks on Fisher's axis, from skin (0) to lesion (1). Experts draw nearer to the skin than half
# way. The best threshold depends on their style.
_CUTS = (0.15, 0.2, 0.3, 0.4)
_REACH = 0.35  # largest distance by which they can grow, in roots of the area

Map = NDArray[np.float32]
Features = dict[str, Any]  # a map for each name, or one number for the whole image


@dataclass(frozen=True)
class _WorkingImage:
    """Image at the size at which pixels are described."""

    levels: Map  # (3, height, width), smoothed red, green and blue, 0 to 255
    raw: Map  # (3, height, width), logarithms of red, green and blue
    flat: Map  # (3, height, width), logarithms of the levels under even light, 0 on the skin
    artifacts: Mask | None
    visible: Mask
    side: int

    def blur(self, values: NDArray[np.generic], scale: float) -> Map:
        return blur(values, scale * self.side, mode="nearest")


class _Roles(NamedTuple):
    """Pixels that represent the lesion and the skin; none of the masks is empty."""

    lesion: Mask
    skin: Mask  # away from the border
    core: Mask  # part of the lesion away from the border
    outside: Map  # distance from the lesion, in pixels
    inside: Map  # distance from the skin, in pixels
    root: float  # root of the lesion's area, in pixels


@dataclass(frozen=True)
class PixelDescription:
    """Features of the pixels of one image, computed without labels.

    Parameters
    ----------
    features : ndarray of shape (height, width, n_features), dtype float32
        One row of numbers for each pixel, dimensionless.
    names : list of str
        Names of the features.
    base_probability : ndarray of shape (height, width), dtype float32
        Probability of the base segmenter, 0 to 1. Defaults to the mask of the watershed.
    found : bool
        Whether the lesion is darker than the skin by at least 4 % of its level, in some channel.
    """

    features: Map
    names: list[str]
    base_probability: Map
    found: bool


def describe_pixels(image: ArrayLike) -> PixelDescription:
    r"""Compute the features of every pixel of an image.

    The image is shrunk to a longest side of 96 pixels. Unsupervised masks vote for the lesion: Otsu's threshold and a
    wider one in several channels, and the watershed. The vote separates skin and lesion roughly. Features are computed
    relative to both, so that images are comparable. The features are:

    - the color on Fisher's axis from skin (0) to lesion (1), in logarithms of red, green and
      blue under even light, at several scales and relative to the skin nearby. It is
      :math:`t = a^\top (c - c_s) / a^\top (c_l - c_s)` with
      :math:`a = \Sigma^{-1} (c_l - c_s)`;
    - the difference of each channel from the skin, with and without even light; saturation and
      hue; ranks within the image; texture;
    - the distances to the border of the vote, in units of the root of its area, to the frame
      and to the center;
    - the vote itself, its blurs and its parts;
    - properties of the whole image, repeated on each pixel: area, contrast and separability of
      the vote, the agreement of its parts, and the color of the skin. With them, a classifier can
      learn which features to trust on which images.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size.

    Returns
    -------
    PixelDescription
        Features, their names and the probability of the watershed, at a longest side of 96
        pixels, or at the image's own size if it is smaller.

    Raises
    ------
    ValueError
        If `image` is not an image.
    TypeError
        If the dtype of `image` is not one of an image.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.draw import disk
    >>> image = np.full((192, 256, 3), 200, dtype=np.uint8)
    >>> image[disk((96, 128), 40)] = 90
    >>> pixels = describe_pixels(image)
    >>> pixels.features.shape[:2], pixels.features.shape[2] == len(pixels.names)
    ((72, 96), True)
    >>> color = pixels.features[36, :, pixels.names.index("fisher_0.012")]
    >>> [round(float(value)) for value in color[[5, 48, 90]]]
    [0, 1, 0]
    """
    small = shrink_by_steps(check_image(image), MASK_SIDE)
    working = _prepare_image(shrink(small, FEATURE_SIDE), shrink(erase_dark_lines(small), FEATURE_SIDE))
    shape = working.visible.shape
    watershed = np.clip(resize_map(segment_watershed(small).astype(np.float32), shape), 0, 1)
    tight, wide = _find_candidates(working)
    vote = (2 * watershed + tight.sum(axis=0) + wide.sum(axis=0)) / (2 + len(tight) + len(wide))
    roles = _assign_roles(working, vote)
    features: Features = {
        **_describe_votes(working, watershed, tight, wide, vote),
        **_describe_appearance(working),
        **_describe_colors(working, vote, roles),
        **_describe_places(working, roles),
    }
    stacked = np.empty((len(features), *shape), dtype=np.float32)
    for target, values in zip(stacked, features.values(), strict=True):
        target[:] = values
    contrast = 1 - np.exp(min(features[f"image_{channel}"] for channel in ("red", "green", "blue")))
    return PixelDescription(np.moveaxis(stacked, 0, 2), list(features), watershed, bool(contrast >= MIN_CONTRAST))


def _prepare_image(image: NDArray[np.uint8], hairless: NDArray[np.uint8]) -> _WorkingImage:
    side = max(image.shape)
    artifacts = find_artifacts(image)
    visible = np.ones(image.shape[:2], dtype=bool) if artifacts is None or artifacts.all() else ~artifacts
    channels = np.moveaxis(hairless, 2, 0).astype(np.float32)
    levels = smooth_levels(channels)
    flat = np.log(np.maximum(flatten_light(levels, artifacts), np.float32(1e-3)))
    return _WorkingImage(levels, np.log(channels + 1), flat, artifacts, visible, side)


def _find_candidates(working: _WorkingImage) -> tuple[Map, Map]:
    """Return masks of several gray levels, by Otsu's threshold and by a threshold nearer to the skin."""
    to_gray = np.array(CHANNELS["gray"], dtype=np.float32)
    gray = np.tensordot(to_gray, working.levels, axes=1)
    colors = working.flat[:, working.visible]
    colors = colors - np.median(colors, axis=1, keepdims=True)
    main = np.linalg.eigh(colors @ colors.T)[1][:, -1]
    main = main * (np.sign(main.sum()) or 1) / np.abs(main).sum()
    gray_levels = [
        *np.exp(working.flat[::-1]),
        np.exp(np.tensordot(to_gray, working.flat, axes=1)),
        np.exp(np.tensordot(main, working.flat, axes=1)),
        working.levels[2] / max(float(np.median(working.levels[2])), 1.0),
        gray / max(float(np.median(gray)), 1.0),
    ]
    tight, wide = [], []
    for values in gray_levels:
        region = choose_region(binarize(values, working.artifacts))
        tight.append(region)
        skin = ~region & working.visible
        if region.any() and skin.any():
            level = float(np.median(values[skin]))
            # Experts draw around the lesion, but Otsu's threshold lies half way to its core.
            region = choose_region(
                (values < level - 0.3 * (level - float(np.median(values[region])))) & working.visible
            )
        wide.append(region)
    return np.array(tight, dtype=np.float32), np.array(wide, dtype=np.float32)


def _describe_votes(working: _WorkingImage, watershed: Map, tight: Map, wide: Map, vote: Map) -> Features:
    """Return the votes of the masks for each pixel, and the agreement of the masks on this image."""
    every = np.concatenate([tight, wide]).reshape(len(tight) + len(wide), -1)
    both = every @ vote.ravel()
    agreement = both / np.maximum(every.sum(axis=1) + vote.sum() - both, 1)
    return {
        "watershed": watershed,
        "tight": tight.mean(axis=0),
        "wide": wide.mean(axis=0),
        "blue_tight": tight[0],
        "blue_wide": wide[0],
        "green_tight": tight[1],
        "green_wide": wide[1],
        "vote": vote,
        "vote_0.02": working.blur(vote, 0.02),
        "vote_0.06": working.blur(vote, 0.06),
        "vote_0.15": working.blur(vote, 0.15),
        "image_agreement": float(agreement.mean()),
        "image_least_agreement": float(agreement.min()),
        "image_spread_of_areas": float(every.mean(axis=1).std()),
        "image_root_watershed": float(np.sqrt(watershed.mean())),
        "image_decided": float(np.abs(vote - 0.5).mean()),
    }


def _describe_appearance(working: _WorkingImage) -> Features:
    """Return features of the color, texture and position of pixels that do not depend on the lesion."""
    red, green, blue = working.levels
    height, width = red.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    from_center = np.abs(y - height / 2) / working.side, np.abs(x - width / 2) / working.side
    spread = np.ptp(working.levels, axis=0)
    median_red, median_green, median_blue = np.median(working.raw[:, working.visible], axis=1).tolist()
    centered = working.raw[2] - np.float32(median_blue)  # float64, for accurate variances
    means, squares = ([working.blur(values, scale) for scale in (0.01, 0.03)] for values in (centered, centered**2))
    return {
        "from_frame": np.minimum(np.minimum(y, height - y), np.minimum(x, width - x)) / working.side,
        "from_center": np.hypot(*from_center),
        "from_center_vertical": from_center[0],
        "from_center_horizontal": from_center[1],
        "texture_0.01": np.sqrt(np.maximum(squares[0] - means[0] ** 2, 0)),
        "texture_0.03": np.sqrt(np.maximum(squares[1] - means[1] ** 2, 0)),
        "saturation": spread / (working.levels.max(axis=0) + 1),
        "hue_green_blue": (green - blue) / (spread + 8),  # 8 levels: gray pixels have no hue
        "hue_red_green": (red - green) / (spread + 8),
        "rank_red": _rank_pixels(working.flat[0]),
        "rank_blue": _rank_pixels(working.flat[2]),
        "rank_red_blue": _rank_pixels(working.flat[0] - working.flat[2]),
        "artifacts": 0.0 if working.artifacts is None else working.blur(working.artifacts, 0.01),
        "image_artifacts": 0.0 if working.artifacts is None else float(working.artifacts.mean()),
        "image_redness": median_red - median_blue,
        "image_greenness": median_green - median_blue,
        "image_light": median_green,
    }


def _describe_colors(working: _WorkingImage, vote: Map, roles: _Roles) -> Features:
    """Return the positions of colors on the axis from the skin to the lesion's core."""
    root = roles.root
    skin_color = np.median(working.flat[:, roles.skin], axis=1)
    step = np.median(working.flat[:, roles.core], axis=1) - skin_color
    off_skin = working.flat - skin_color[:, np.newaxis, np.newaxis]
    skin_covariance = _estimate_covariance(working.flat[:, roles.skin] - skin_color[:, np.newaxis])
    core_covariance = _estimate_covariance(working.flat[:, roles.core] - (skin_color + step)[:, np.newaxis])
    axis = np.linalg.solve((skin_covariance + core_covariance) / 2, step)
    gap = max(float(axis @ step), 1e-4)
    fisher = np.clip(np.tensordot(axis / gap, off_skin, axes=1), -2, 3).astype(np.float32)
    whitened = np.einsum("ihw,ij,jhw->hw", off_skin, np.linalg.inv(skin_covariance), off_skin)
    near = (roles.outside > 0.08 * root) & (roles.outside < 0.5 * root) & working.visible
    near_level = float(np.median(fisher[near])) if np.count_nonzero(near) >= 0.01 * near.size else 0.0
    skin_fraction = (1 - vote) * working.visible
    local_level = working.blur(fisher * skin_fraction, 0.15) / (working.blur(skin_fraction, 0.15) + 0.02)
    slope = ndi.gaussian_gradient_magnitude(fisher, 0.012 * working.side, truncate=3) * (0.1 * working.side)
    features: Features = {"fisher": fisher}
    features |= {f"fisher_{scale}": working.blur(fisher, scale) for scale in _SCALES}
    fine = features[f"fisher_{_SCALES[0]}"]
    features["fisher_ring"] = (fine - near_level) / max(1 - near_level, 0.2)
    features["fisher_local"] = fine - local_level
    features |= _grow_masks(working, features["fisher_ring"], roles.outside < _REACH * root)
    raw = working.raw - np.median(working.raw[:, roles.skin], axis=1)[:, np.newaxis, np.newaxis]
    for channel, name in enumerate(("red", "green", "blue")):
        blurred = working.blur(off_skin[channel], _SCALES[0])
        features[name] = blurred
        features[f"{name}_wide"] = working.blur(off_skin[channel], 0.04)
        features[f"{name}_fraction"] = np.clip(blurred / min(float(step[channel]), -0.03), -2, 3)
        features[f"{name}_raw"] = working.blur(raw[channel], _SCALES[0])
        features[f"image_{name}"] = float(step[channel])
    visible = fisher[working.visible]
    border = (roles.outside < 1.5) & (roles.inside < 1.5)
    return features | {
        "red_blue": working.blur(off_skin[0] - off_skin[2], 0.02),
        "unlike_skin": working.blur(np.minimum(np.sqrt(whitened), 20), _SCALES[0]),
        "slope": slope,
        "image_separation": min(float(np.sqrt(gap)), 8.0),
        "image_ring": near_level,
        "image_skin_deviation": min(float(fisher[roles.skin].std()), 2.0),
        "image_skin_dark": float(np.quantile(fisher[roles.skin], 0.9)),
        "image_lesion_pale": float(np.quantile(fisher[roles.lesion], 0.1)),
        "image_lesion_dark": float(np.quantile(fisher[roles.lesion], 0.9)),
        "image_fraction_0.3": float((visible > 0.3).mean()),
        "image_fraction_0.6": float((visible > 0.6).mean()),
        "image_slope": float(slope[border].mean()) if border.any() else 0.0,
    }


def _describe_places(working: _WorkingImage, roles: _Roles) -> Features:
    """Return the positions of pixels relative to the lesion, and the position of the lesion in the image."""
    lesion, root = roles.lesion, roles.root
    signed = np.where(lesion, 0.5 - roles.inside, roles.outside - 0.5)
    height, width = lesion.shape
    y, x = (float(index.mean()) + 0.5 for index in np.nonzero(lesion))
    rows, columns = np.arange(height)[:, np.newaxis] + 0.5 - y, np.arange(width) + 0.5 - x
    return {
        "distance": np.clip(signed / root, -0.6, 3),
        "distance_of_side": np.clip(signed / working.side, -0.3, 0.6),
        "from_centroid": np.hypot(rows, columns) / root,
        "image_root_area": root / float(np.sqrt(lesion.size)),
        "image_on_frame": float(frame_of(lesion).mean()),
        "image_off_center_horizontal": abs(x - width / 2) / working.side,
        "image_off_center_vertical": abs(y - height / 2) / working.side,
    }


def _grow_masks(working: _WorkingImage, fisher: Map, reach: Mask) -> Features:
    """Return masks at several thresholds between skin and lesion, closed and filled, and distances to their borders.

    If annotators draw wide borders, the mask at 0.2 is better than any threshold of gray levels.
    """
    masks = [fill_bays(choose_region((fisher > cut) & reach & working.visible)) for cut in _CUTS]
    level = np.stack(masks).mean(axis=0, dtype=np.float32)
    features: Features = {f"grown_{cut}": mask for cut, mask in zip(_CUTS[1:], masks[1:], strict=True)}
    features |= {"grown": level, "grown_near": working.blur(level, 0.02), "grown_wide": working.blur(level, 0.05)}
    for cut, mask in zip(_CUTS, masks, strict=True):
        if cut in (0.2, 0.4):
            outside, inside = ndi.distance_transform_edt(~mask), ndi.distance_transform_edt(mask)
            root = float(np.sqrt(max(int(np.count_nonzero(mask)), 1)))
            features[f"grown_distance_{cut}"] = np.clip((outside - inside) / root, -0.6, 2)
    return features


def _assign_roles(working: _WorkingImage, vote: Map) -> _Roles:
    """Assign pixels to skin and lesion by a vote, or by position if the vote is empty."""
    height, width = vote.shape
    y, x = np.mgrid[:height, :width] + 0.5
    from_center = np.hypot(y - height / 2, x - width / 2)
    lesion = (vote > 0.5) & working.visible
    if not lesion.any():
        lesion = (vote > 0) & (vote >= vote.max()) & working.visible
    if not lesion.any():
        lesion = from_center <= max(0.15 * working.side, float(from_center.min()))
    outside, inside = (ndi.distance_transform_edt(mask).astype(np.float32) for mask in (~lesion, lesion))
    root = float(np.sqrt(np.count_nonzero(lesion)))
    skin = ~lesion & working.visible
    far = skin & (outside > 0.08 * root)
    if np.count_nonzero(far) >= 0.02 * far.size:
        skin = far
    if not skin.any():
        skin = from_center >= np.quantile(from_center, 0.9)
    core = lesion & (inside > 0.1 * root)
    return _Roles(lesion, skin, core if core.any() else lesion, outside, inside, root)


def _estimate_covariance(deviations: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the covariance of colors; hair and glare are clipped, and a floor prevents a singular matrix."""
    clipped = np.clip(deviations.astype(np.float64), -0.6, 0.6)
    covariance = clipped @ clipped.T / clipped.shape[1]
    return covariance + (0.02**2 + 0.05 * np.trace(covariance)) * np.eye(3)


def _rank_pixels(values: Map) -> Map:
    """Return the fraction of the image's pixels that are below each pixel."""
    ranks = np.empty(values.size, dtype=np.float32)
    ranks[np.argsort(values, axis=None, kind="stable")] = np.linspace(0, 1, values.size, dtype=np.float32)
    return ranks.reshape(values.shape)
