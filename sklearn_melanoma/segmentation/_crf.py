"""A conditional random field over all pairs of pixels: it moves the border to where the colors change."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi
from scipy.special import expit
from skimage.color import rgb2lab

from sklearn_melanoma._geometry import fill_holes
from sklearn_melanoma._io.reading import resize_map, resize_mask, shrink_by_steps
from sklearn_melanoma._validation import check_image, check_mask, check_probability
from sklearn_melanoma.segmentation._bilateral import BilateralFilter, gaussian_weights
from sklearn_melanoma.segmentation._watershed import MASK_SIDE

# Longest side, in pixels, at which the field is solved. What it adds to the mean Jaccard index of three data sets is
# the same at 96, 128 and 192, within 0.003; the work grows with the square.
_SIDE = MASK_SIDE // 2

# Ten give the same: masks made of masks agree by a Jaccard index of 0.999, those of a pixel classifier by 0.99.
_ITERATIONS = 5

# A probability nearer to 0 or 1 counts as this. Any number from 0.001 to 0.03 gives the same masks.
_LEAST = 0.001

# Log-odds of 0.9.
_FARTHEST = np.float32(np.log(9))

# Two experts who draw a disk a tenth of its radius apart have a Jaccard index of 0.8, about what experts reach. The
# logistic distribution with a standard deviation of a tenth has this scale.
_BLUR = 0.055


def refine_probability(
    image: ArrayLike,
    probability: ArrayLike,
    *,
    appearance_weight: float = 1.0,
    smoothness_weight: float = 1.0,
    appearance_radius: float = 0.1,
    color_radius: float = 5.0,
    smoothness_radius: float = 0.02,
) -> NDArray[np.float32]:
    r"""Let every pixel hear all others that are near it in place and in color.

    Mean-field inference in a fully connected conditional random field [1]_ with two labels. From
    the log-odds :math:`u = \log p/(1-p)` of the given probabilities, five times

    .. math::

        x \leftarrow u + w_a \tilde K_a \tanh(x/2) + w_s \tilde K_s \tanh(x/2),

    where :math:`\tanh(x/2)` runs from -1, surely skin, to 1, surely lesion. The appearance kernel
    :math:`K_a` is a Gaussian of place and of color, the smoothness kernel :math:`K_s` one of place
    alone; the tilde is :math:`\tilde K = D^{-1/2} K D^{-1/2}` with :math:`D_{ii} = \sum_j K_{ij}`,
    so that a weight means the same in an image of any size.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        Image, of any size; gray, RGBA, uint16, float in 0..1 and bool work as well.
    probability : array-like of shape (height, width)
        How likely each pixel belongs to the lesion, 0 to 1.
    appearance_weight : float, default=1.0
        What neighbors of the same color who agree add to the log-odds of a pixel.
    smoothness_weight : float, default=1.0
        What neighbors of any color who agree add to the log-odds of a pixel.
    appearance_radius : float, default=0.1
        Standard deviation of the appearance kernel in place, as a share of the longest side.
    color_radius : float, default=5.0
        Standard deviation of the appearance kernel in color, in units of CIELAB.
    smoothness_radius : float, default=0.02
        Standard deviation of the smoothness kernel, as a share of the longest side.

    Returns
    -------
    ndarray of shape (height, width), dtype float32
        Probabilities after the neighbors were heard.

    Raises
    ------
    ValueError
        If `image` is no image, `probability` has another shape or is not in 0..1, a weight is
        below 0 or a radius is not above 0.
    TypeError
        If `image` has a dtype that no image has.

    Notes
    -----
    A pixel whose neighbors all agree moves by the sum of the weights at most. With both
    weights 0, `probability` comes back as it is. The field is solved at a longest side of 96
    pixels; its change of the log-odds is interpolated and added at the full size.

    References
    ----------
    .. [1] P. Krähenbühl, V. Koltun, "Efficient inference in fully connected CRFs with Gaussian edge
           potentials", NeurIPS 24, 109-117, 2011.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.full((40, 60, 3), 200, dtype=np.uint8)
    >>> photo[:, 30:] = 90
    >>> off = np.broadcast_to(np.linspace(0.2, 0.9, 60), (40, 60))  # half at the 26th column
    >>> refined = refine_probability(photo, off, appearance_weight=3)
    >>> int((off[20] < 0.5).sum()), int((refined[20] < 0.5).sum())
    (26, 30)
    """
    image = check_image(image)
    probability = check_probability(probability, shape=image.shape[:2])
    _check_options(appearance_weight=appearance_weight, smoothness_weight=smoothness_weight)
    _check_options(appearance_radius=appearance_radius, color_radius=color_radius, smoothness_radius=smoothness_radius)
    if appearance_weight == smoothness_weight == 0:
        return probability
    own = _log_odds(probability)
    small = shrink_by_steps(image, _SIDE)
    height, width = small.shape[:2]
    side = max(height, width)
    seen = resize_map(own, (height, width))
    if appearance_weight:
        colors = rgb2lab(small).astype(np.float32)
        alike = BilateralFilter(colors, radius=appearance_radius * side, color_radius=color_radius)
    rows, columns = (_smoothing_matrix(length, smoothness_radius * side) for length in (height, width))
    heard = np.zeros_like(seen)
    for _ in range(_ITERATIONS):
        belief = np.tanh((seen + heard) / 2)
        heard = np.float32(smoothness_weight) * (rows @ belief @ columns)
        if appearance_weight:
            heard += np.float32(appearance_weight) * alike(belief)
    return expit(own + resize_map(heard, image.shape[:2]))


def soften_mask(mask: ArrayLike) -> NDArray[np.float32]:
    r"""Turn a mask into probabilities that are unsure near its border.

    A mask says nothing of how sure it is. Experts draw the border of one lesion about a tenth of
    its radius apart, so the probability is logistic in the signed distance :math:`d` from the
    border, :math:`1 / (1 + e^{-d / s})` with :math:`s = 0.055 \sqrt{A / \pi}` for the area
    :math:`A`: a standard deviation of a tenth of the radius of the disk of the same area.

    Parameters
    ----------
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.

    Returns
    -------
    ndarray of shape (height, width), dtype float32
        Probabilities, above one half on the lesion and below it elsewhere, but for the pixels on
        the border of masks larger than 192 pixels.

    Examples
    --------
    >>> import numpy as np
    >>> soften_mask(np.arange(80) < np.full((60, 1), 40))[30, [10, 38, 41, 70]].round(2)
    array([1.  , 0.73, 0.27, 0.  ], dtype=float32)
    """
    mask = check_mask(mask)
    height, width = mask.shape
    share = min(MASK_SIDE / max(height, width), 1)
    small = resize_mask(mask, (max(round(height * share), 1), max(round(width * share), 1)))
    distance = np.where(small, _distance_within(small) - 0.5, 0.5 - _distance_within(~small)).astype(np.float32)
    scale = _BLUR * share * np.sqrt(np.count_nonzero(mask) / np.pi)
    return expit(resize_map(distance, (height, width)) / np.float32(scale))


def center_probability(probability: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Move probabilities, in log-odds, so that they are one half on the border of a mask.

    A segmenter need not draw its border at one half. What it is at is the median of the
    probabilities on both sides of the border, here taken to lie in 0.1..0.9: beyond, mask and
    probabilities are not of each other.

    Parameters
    ----------
    probability : ndarray of shape (height, width), dtype float32
        How likely each pixel belongs to the lesion.
    mask : ndarray of shape (height, width), dtype bool
        Pixels of the lesion.

    Returns
    -------
    ndarray of shape (height, width), dtype float32
        Moved probabilities; those that came where the mask has no border inside the image.

    Examples
    --------
    >>> import numpy as np
    >>> center_probability(np.float32([[0.8, 0.6, 0.2]]), np.array([[True, False, False]])).round(2)
    array([[0.62, 0.38, 0.09]], dtype=float32)
    """
    log_odds = _log_odds(probability)
    rows, columns = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    on_border = [log_odds[1:][rows], log_odds[:-1][rows], log_odds[:, 1:][columns], log_odds[:, :-1][columns]]
    border = np.concatenate(on_border)
    if not border.size:
        return probability
    return expit(log_odds - np.clip(np.median(border), -_FARTHEST, _FARTHEST))


def choose_refined(likely: NDArray[np.bool_], mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Keep the largest connected region of `likely` that overlaps `mask`, holes filled; None if none does."""
    labels, n_regions = ndi.label(likely)
    area = np.bincount(labels.ravel(), minlength=n_regions + 1)
    overlaps = np.bincount(labels[mask], minlength=n_regions + 1) > 0
    overlaps[0] = False
    area[~overlaps] = 0
    if not area.any():
        return None
    return fill_holes(labels == area.argmax())


def _distance_within(region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how far each pixel of a region lies from the nearest one off it; the frame of the image is no border."""
    if region.all():
        return np.full(region.shape, float(max(region.shape)))
    return ndi.distance_transform_edt(region)


def _log_odds(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    probability = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.log(probability / (1 - probability))


def _check_options(**options: float) -> None:
    for name, value in options.items():
        if not (0 < value < np.inf or (value == 0 and name.endswith("weight"))):
            rule = "0 or more" if name.endswith("weight") else "above 0"
            raise ValueError(f"{name} must be {rule}, got {value!r}. A weight of 0 leaves its kernel out.")


def _smoothing_matrix(length: int, radius: float) -> NDArray[np.float32]:
    """Return the normalized Gaussian weights between the pixels of a line; of an image they are products of two."""
    places = np.arange(length) / radius
    weights = gaussian_weights((places[:, np.newaxis] - places) ** 2)
    scale = 1 / np.sqrt(weights.sum(axis=1))
    return (weights * scale * scale[:, np.newaxis]).astype(np.float32)
