"""Every pixel of an image as a row of numbers: color against the skin, place, and what masks without any label say."""

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
from sklearn_melanoma.segmentation._regions import CHANNELS, MIN_CONTRAST, binarize, choose_region
from sklearn_melanoma.segmentation._watershed import MASK_SIDE, segment_watershed

# Longest side, in pixels, at which pixels are described. The probability varies smoothly, so that its level sets
# are found between these pixels.
FEATURE_SIDE = 96

# Standard deviations, as shares of the longest side, of the blurs through which a color is seen.
_SCALES = (0.012, 0.03, 0.07)

# How far from skin (0) to lesion (1) on Fisher's axis the grown masks reach. Experts draw nearer to the skin than
# half way, how much nearer is a matter of style.
_CUTS = (0.15, 0.2, 0.3, 0.4)
_REACH = 0.35  # how far they may grow, in roots of the area

Map = NDArray[np.float32]
Features = dict[str, Any]  # a map for each name, or one number for the whole image


@dataclass(frozen=True)
class _View:
    """An image at the size of the features."""

    levels: Map  # (3, height, width), smoothed red, green and blue, 0 to 255
    raw: Map  # (3, height, width), their logarithms
    flat: Map  # (3, height, width), the same under even light, 0 on the skin
    artifacts: Mask | None
    visible: Mask
    side: int

    def blur(self, values: NDArray[np.generic], scale: float) -> Map:
        return ndi.gaussian_filter(values.astype(np.float32), scale * self.side, truncate=3, mode="nearest")


class _Roles(NamedTuple):
    """Which pixels stand for the lesion and the skin; none of the masks is empty."""

    lesion: Mask
    skin: Mask  # away from the border
    core: Mask  # of the lesion, likewise
    outside: Map  # how far from the lesion, in pixels
    inside: Map  # how far from the skin, in pixels
    root: float  # of the lesion's area, in pixels


@dataclass(frozen=True)
class PixelDescription:
    """What is known of the pixels of one image without any label.

    Parameters
    ----------
    features : ndarray of shape (height, width, n_features), dtype float32
        One row of numbers for each pixel, dimensionless.
    names : list of str
        Names of the features.
    guess : ndarray of shape (height, width), dtype float32
        The mask of the watershed, 0 to 1.
    found : bool
        Whether anything is darker than the skin by 4 % of its level, in some channel.
    """

    features: Map
    names: list[str]
    guess: Map
    found: bool


def describe_pixels(image: ArrayLike) -> PixelDescription:
    r"""Describe every pixel of an image so that a few masks teach what a lesion looks like.

    The image is shrunk to a longest side of 96 pixels. A vote of unsupervised masks
    (Otsu's threshold and a wider one in several channels, and the watershed) tells skin from
    lesion roughly; everything is measured relative to the two, which is what makes images
    alike:

    - the color on Fisher's axis from skin (0) to lesion (1), in logarithms of red, green and
      blue under even light,
      :math:`t = a^\top (c - c_s) / a^\top (c_l - c_s)` with
      :math:`a = \Sigma^{-1} (c_l - c_s)`, at several scales and against the skin near by;
    - each channel's distance from the skin, with and without even light; saturation and
      hue; ranks within the image; texture;
    - the distance to the border of the vote in units of the root of its area, to the frame,
      to the center;
    - the vote itself, its blurs and its parts;
    - of the whole image, repeated on each pixel: area, contrast and separability of the vote,
      how well its parts agree, and the skin's color, so that a classifier can learn where to
      trust which.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size.

    Returns
    -------
    PixelDescription
        Features, their names and the unsupervised guess, at a longest side of 96 pixels or
        the image's own if that is less.

    Raises
    ------
    ValueError
        If `image` is no image.
    TypeError
        If `image` has a dtype that no image has.

    Examples
    --------
    >>> import numpy as np
    >>> from skimage.draw import disk
    >>> photo = np.full((192, 256, 3), 200, dtype=np.uint8)
    >>> photo[disk((96, 128), 40)] = 90
    >>> pixels = describe_pixels(photo)
    >>> pixels.features.shape[:2], pixels.features.shape[2] == len(pixels.names)
    ((72, 96), True)
    >>> color = pixels.features[36, :, pixels.names.index("fisher_0.012")]
    >>> [round(float(value)) for value in color[[5, 48, 90]]]
    [0, 1, 0]
    """
    small = shrink_by_steps(check_image(image), MASK_SIDE)
    view = _look(shrink(small, FEATURE_SIDE), shrink(erase_dark_lines(small), FEATURE_SIDE))
    shape = view.visible.shape
    guess = np.clip(resize_map(segment_watershed(small).astype(np.float32), shape), 0, 1)
    tight, wide = _candidates(view)
    vote = (2 * guess + tight.sum(axis=0) + wide.sum(axis=0)) / (2 + len(tight) + len(wide))
    roles = _assign_roles(view, vote)
    features: Features = {
        **_votes(view, guess, tight, wide, vote),
        **_appearance(view),
        **_colors(view, vote, roles),
        **_places(view, roles),
    }
    stacked = np.empty((*shape, len(features)), dtype=np.float32)
    for column, values in enumerate(features.values()):
        stacked[:, :, column] = values
    contrast = 1 - np.exp(min(features[f"photo_{channel}"] for channel in ("red", "green", "blue")))
    return PixelDescription(stacked, list(features), guess, bool(contrast >= MIN_CONTRAST))


def _look(image: NDArray[np.uint8], hairless: NDArray[np.uint8]) -> _View:
    side = max(image.shape)
    artifacts = find_artifacts(image)
    visible = np.ones(image.shape[:2], dtype=bool) if artifacts is None or artifacts.all() else ~artifacts
    channels = np.moveaxis(hairless, 2, 0).astype(np.float32)
    levels = np.stack([ndi.gaussian_filter(channel, 0.008 * side, truncate=3) for channel in channels])
    flat = np.log(np.maximum([flatten_light(channel, artifacts) for channel in levels], 1e-3))
    return _View(levels, np.log(channels + 1), flat.astype(np.float32), artifacts, visible, side)


def _candidates(view: _View) -> tuple[Map, Map]:
    """Return masks by Otsu's threshold, and by one nearer to the skin, in several kinds of gray levels."""
    to_gray = np.array(CHANNELS["gray"], dtype=np.float32)
    gray = np.tensordot(to_gray, view.levels, axes=1)
    colors = view.flat[:, view.visible]
    colors = colors - np.median(colors, axis=1, keepdims=True)
    main = np.linalg.eigh(colors @ colors.T)[1][:, -1]
    main = main * (np.sign(main.sum()) or 1) / np.abs(main).sum()
    kinds = [
        *np.exp(view.flat[::-1]),
        np.exp(np.tensordot(to_gray, view.flat, axes=1)),
        np.exp(np.tensordot(main, view.flat, axes=1)),
        view.levels[2] / max(float(np.median(view.levels[2])), 1.0),
        gray / max(float(np.median(gray)), 1.0),
    ]
    tight, wide = [], []
    for values in kinds:
        region = choose_region(binarize(values, view.artifacts))
        tight.append(region)
        skin = ~region & view.visible
        if region.any() and skin.any():
            level = float(np.median(values[skin]))
            # Experts draw around the lesion; Otsu's threshold lies half way to its core.
            region = choose_region((values < level - 0.3 * (level - float(np.median(values[region])))) & view.visible)
        wide.append(region)
    return np.array(tight, dtype=np.float32), np.array(wide, dtype=np.float32)


def _votes(view: _View, guess: Map, tight: Map, wide: Map, vote: Map) -> Features:
    """Return which of the masks hold a pixel, and how much they agree on this image."""
    every = np.concatenate([tight, wide]).reshape(len(tight) + len(wide), -1)
    both = every @ vote.ravel()
    agreement = both / np.maximum(every.sum(axis=1) + vote.sum() - both, 1)
    return {
        "watershed": guess,
        "tight": tight.mean(axis=0),
        "wide": wide.mean(axis=0),
        "blue_tight": tight[0],
        "blue_wide": wide[0],
        "green_tight": tight[1],
        "green_wide": wide[1],
        "vote": vote,
        "vote_0.02": view.blur(vote, 0.02),
        "vote_0.06": view.blur(vote, 0.06),
        "vote_0.15": view.blur(vote, 0.15),
        "photo_agreement": float(agreement.mean()),
        "photo_least_agreement": float(agreement.min()),
        "photo_spread_of_areas": float(every.mean(axis=1).std()),
        "photo_root_watershed": float(np.sqrt(guess.mean())),
        "photo_decided": float(np.abs(vote - 0.5).mean()),
    }


def _appearance(view: _View) -> Features:
    """Return what a pixel looks like and where it lies, whatever the lesion may be."""
    red, green, blue = view.levels
    height, width = red.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) + 0.5
    from_middle = np.abs(y - height / 2) / view.side, np.abs(x - width / 2) / view.side
    spread = np.ptp(view.levels, axis=0)
    means = [view.blur(view.raw[2], scale) for scale in (0.01, 0.03)]
    squares = [view.blur(view.raw[2] ** 2, scale) for scale in (0.01, 0.03)]
    median_red, median_green, median_blue = np.median(view.raw[:, view.visible], axis=1).tolist()
    return {
        "from_frame": np.minimum(np.minimum(y, height - y), np.minimum(x, width - x)) / view.side,
        "from_middle": np.hypot(*from_middle),
        "from_middle_vertical": from_middle[0],
        "from_middle_across": from_middle[1],
        "texture_0.01": np.sqrt(np.maximum(squares[0] - means[0] ** 2, 0)),
        "texture_0.03": np.sqrt(np.maximum(squares[1] - means[1] ** 2, 0)),
        "saturation": spread / (view.levels.max(axis=0) + 1),
        "hue_green_blue": (green - blue) / (spread + 8),  # 8 levels: where there is no color, no hue
        "hue_red_green": (red - green) / (spread + 8),
        "rank_red": _ranks(view.flat[0]),
        "rank_blue": _ranks(view.flat[2]),
        "rank_red_blue": _ranks(view.flat[0] - view.flat[2]),
        "artifacts": 0.0 if view.artifacts is None else view.blur(view.artifacts, 0.01),
        "photo_artifacts": 0.0 if view.artifacts is None else float(view.artifacts.mean()),
        "photo_redness": median_red - median_blue,
        "photo_greenness": median_green - median_blue,
        "photo_light": median_green,
    }


def _colors(view: _View, vote: Map, roles: _Roles) -> Features:
    """Return where colors lie between those of the skin and those of the lesion's core."""
    root = roles.root
    skin_color = np.median(view.flat[:, roles.skin], axis=1)
    step = np.median(view.flat[:, roles.core], axis=1) - skin_color
    off_skin = view.flat - skin_color[:, np.newaxis, np.newaxis]
    skin_covariance = _covariance(view.flat[:, roles.skin] - skin_color[:, np.newaxis])
    core_covariance = _covariance(view.flat[:, roles.core] - (skin_color + step)[:, np.newaxis])
    axis = np.linalg.solve((skin_covariance + core_covariance) / 2, step)
    gap = max(float(axis @ step), 1e-4)
    fisher = np.clip(np.tensordot(axis / gap, off_skin, axes=1), -2, 3).astype(np.float32)
    whitened = np.einsum("ihw,ij,jhw->hw", off_skin, np.linalg.inv(skin_covariance), off_skin)
    near = (roles.outside > 0.08 * root) & (roles.outside < 0.5 * root) & view.visible
    near_level = float(np.median(fisher[near])) if np.count_nonzero(near) >= 0.01 * near.size else 0.0
    skin_fraction = (1 - vote) * view.visible
    local_level = view.blur(fisher * skin_fraction, 0.15) / (view.blur(skin_fraction, 0.15) + 0.02)
    slope = ndi.gaussian_gradient_magnitude(fisher, 0.012 * view.side, truncate=3) * (0.1 * view.side)
    features: Features = {"fisher": fisher}
    features |= {f"fisher_{scale}": view.blur(fisher, scale) for scale in _SCALES}
    fine = features[f"fisher_{_SCALES[0]}"]
    features["fisher_ring"] = (fine - near_level) / max(1 - near_level, 0.2)
    features["fisher_local"] = fine - local_level
    features |= _grown(view, features["fisher_ring"], roles.outside < _REACH * root)
    raw = view.raw - np.median(view.raw[:, roles.skin], axis=1)[:, np.newaxis, np.newaxis]
    for channel, name in enumerate(("red", "green", "blue")):
        blurred = view.blur(off_skin[channel], _SCALES[0])
        features[name] = blurred
        features[f"{name}_wide"] = view.blur(off_skin[channel], 0.04)
        features[f"{name}_fraction"] = np.clip(blurred / min(float(step[channel]), -0.03), -2, 3)
        features[f"{name}_raw"] = view.blur(raw[channel], _SCALES[0])
        features[f"photo_{name}"] = float(step[channel])
    seen = fisher[view.visible]
    border = (roles.outside < 1.5) & (roles.inside < 1.5)
    return features | {
        "red_blue": view.blur(off_skin[0] - off_skin[2], 0.02),
        "unlike_skin": view.blur(np.minimum(np.sqrt(whitened), 20), _SCALES[0]),
        "slope": slope,
        "photo_separation": min(float(np.sqrt(gap)), 8.0),
        "photo_ring": near_level,
        "photo_skin_deviation": min(float(fisher[roles.skin].std()), 2.0),
        "photo_skin_dark": float(np.quantile(fisher[roles.skin], 0.9)),
        "photo_lesion_pale": float(np.quantile(fisher[roles.lesion], 0.1)),
        "photo_lesion_dark": float(np.quantile(fisher[roles.lesion], 0.9)),
        "photo_fraction_0.3": float((seen > 0.3).mean()),
        "photo_fraction_0.6": float((seen > 0.6).mean()),
        "photo_slope": float(slope[border].mean()) if border.any() else 0.0,
    }


def _places(view: _View, roles: _Roles) -> Features:
    """Return where pixels lie with respect to the lesion, and where it lies in the image."""
    lesion, root = roles.lesion, roles.root
    signed = np.where(lesion, 0.5 - roles.inside, roles.outside - 0.5)
    height, width = lesion.shape
    y, x = (float(index.mean()) + 0.5 for index in np.nonzero(lesion))
    rows, columns = np.arange(height)[:, np.newaxis] + 0.5 - y, np.arange(width) + 0.5 - x
    return {
        "distance": np.clip(signed / root, -0.6, 3),
        "distance_of_side": np.clip(signed / view.side, -0.3, 0.6),
        "from_centroid": np.hypot(rows, columns) / root,
        "photo_root_area": root / float(np.sqrt(lesion.size)),
        "photo_on_frame": float(frame_of(lesion).mean()),
        "photo_off_middle_across": abs(x - width / 2) / view.side,
        "photo_off_middle_vertical": abs(y - height / 2) / view.side,
    }


def _grown(view: _View, fisher: Map, reach: Mask) -> Features:
    """Return masks cut at several places between skin and lesion, closed and filled, and distances from their borders.

    On images drawn wide, the one cut at 0.2 is better than any threshold on gray levels.
    """
    masks = [fill_bays(choose_region((fisher > cut) & reach & view.visible)) for cut in _CUTS]
    level = np.stack(masks).mean(axis=0, dtype=np.float32)
    features: Features = {f"grown_{cut}": mask for cut, mask in zip(_CUTS[1:], masks[1:], strict=True)}
    features |= {"grown": level, "grown_near": view.blur(level, 0.02), "grown_wide": view.blur(level, 0.05)}
    for cut, mask in zip(_CUTS, masks, strict=True):
        if cut in (0.2, 0.4):
            outside, inside = ndi.distance_transform_edt(~mask), ndi.distance_transform_edt(mask)
            root = float(np.sqrt(max(int(np.count_nonzero(mask)), 1)))
            features[f"grown_distance_{cut}"] = np.clip((outside - inside) / root, -0.6, 2)
    return features


def _assign_roles(view: _View, vote: Map) -> _Roles:
    """Tell skin from lesion by a vote; by place where that says nothing."""
    height, width = vote.shape
    y, x = np.mgrid[:height, :width] + 0.5
    middle = np.hypot(y - height / 2, x - width / 2)
    lesion = (vote > 0.5) & view.visible
    if not lesion.any():
        lesion = (vote > 0) & (vote >= vote.max()) & view.visible
    if not lesion.any():
        lesion = middle <= max(0.15 * view.side, float(middle.min()))
    outside, inside = (ndi.distance_transform_edt(mask).astype(np.float32) for mask in (~lesion, lesion))
    root = float(np.sqrt(np.count_nonzero(lesion)))
    skin = ~lesion & view.visible
    far = skin & (outside > 0.08 * root)
    if np.count_nonzero(far) >= 0.02 * far.size:
        skin = far
    if not skin.any():
        skin = middle >= np.quantile(middle, 0.9)
    core = lesion & (inside > 0.1 * root)
    return _Roles(lesion, skin, core if core.any() else lesion, outside, inside, root)


def _covariance(deviations: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the covariance of colors, hair and glare clipped, with a floor that keeps it from being singular."""
    clipped = np.clip(deviations.astype(np.float64), -0.6, 0.6)
    covariance = clipped @ clipped.T / clipped.shape[1]
    return covariance + (0.02**2 + 0.05 * np.trace(covariance)) * np.eye(3)


def _ranks(values: Map) -> Map:
    """Return the share of the image's pixels that are below each pixel."""
    ranks = np.empty(values.size, dtype=np.float32)
    ranks[np.argsort(values, axis=None, kind="stable")] = np.linspace(0, 1, values.size, dtype=np.float32)
    return ranks.reshape(values.shape)
