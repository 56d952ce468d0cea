"""Quality of images: numbers, and flags with their rules."""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from sklearn_melanoma._geometry import grow_by_square
from sklearn_melanoma._io.reading import shrink
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Mask
from sklearn_melanoma.preprocessing import detect_hair
from sklearn_melanoma.segmentation._artifacts import find_artifacts
from sklearn_melanoma.segmentation._field_of_view import find_content, find_surround
from sklearn_melanoma.segmentation._watershed import MASK_SIDE

# Standard deviation of the finer of two Gaussian filters, as a fraction of the longest side: one pixel of 384.
_FINE = 0.0026
# Edges are the pixels with the largest 5 % of the gradients. The sharpest tenth of them shows the focus. One hair in
# focus is enough, because the border of a lesion may be blurred in any image.
_EDGES, _SHARPEST = 0.95, 0.9
# A lesion touches the frame if it is nearer than this fraction of the longest side.
_NEAR = 0.005


class Rule(NamedTuple):
    """Rule of a quality flag: it is set if a number exceeds a limit."""

    number: str  # name of the number
    limit: float
    text: str  # meaning of the flag, for readers


RULES = {
    "no_lesion": Rule("no_lesion", 0, "no lesion found"),
    # A chord of half the diameter cuts off 3 % of a disk.
    "cut_by_frame": Rule("frame_contact", 0.5, "lesion cut by the frame"),
    # Lines of a pigment network and hairs are 0.4 to 1.5 % of the longest side wide. This blur hides the finer ones.
    "out_of_focus": Rule("blur", 0.005, "out of focus"),
    "hair": Rule("hair_fraction", 0.05, "hair over 5 %"),
    # A round field of view that is as wide as an image of 4:3 leaves 10 % of it dark, in the corners.
    "frame": Rule("frame_fraction", 0.105, "wide frame or dark corners"),
    # Slivers at the rim of a dark surround have the color of stickers, too, but are smaller.
    "sticker": Rule("sticker_fraction", 0.01, "sticker, ruler card or ink"),
    # 2 % of unseen images exceed it, if they are from the same source as at least 60 training images.
    "far_from_training": Rule("beyond_training", 0.1, "far from the training data"),
}


#: The numbers that `measure_quality` returns.
QUALITY_NUMBERS = ("no_lesion", "frame_contact", "blur", "hair_fraction", "frame_fraction", "sticker_fraction")


def measure_quality(lesion: Lesion) -> dict[str, float]:
    """Measure the quality of an image and of its segmentation.

    Parameters
    ----------
    lesion : Lesion
        The image, and its mask if it was segmented.

    Returns
    -------
    dict
        The numbers by name, `QUALITY_NUMBERS`.
    """
    image, mask = lesion.image, lesion.mask
    field, without_stickers = find_field(image)
    return {
        "no_lesion": float(mask is not None and not lesion.area_px),
        "frame_contact": np.nan if not lesion.area_px or mask is None else measure_frame_contact(mask, field),
        "blur": measure_blur(image, field),
        "hair_fraction": float(detect_hair(image)[field].mean()) if field.any() else np.nan,
        "frame_fraction": 1 - float(field.mean()),
        "sticker_fraction": float((field & ~without_stickers).mean()),
    }


def find_field(image: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Find the pixels inside uniform frames and the dark surround of a lens, with and without stickers and ink.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.

    Returns
    -------
    field, without_stickers : ndarray of shape (height, width), dtype bool
        True inside. `without_stickers` is also False on stickers, cards and ink that reach the frame.
    """
    box = find_content(image)
    inner = image[box]
    field, without_stickers = np.zeros((2, *image.shape[:2]), dtype=bool)
    # The artifacts are searched at the size of the segmenter.
    small = shrink(inner, MASK_SIDE)
    for found, artifacts in ((field, find_surround(small)), (without_stickers, find_artifacts(small))):
        found[box] = True if artifacts is None else ~_enlarge(artifacts, inner.shape[:2])
    return field, without_stickers


def _enlarge(mask: Mask, shape: tuple[int, ...]) -> Mask:
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, mask.shape, strict=True))
    return mask[rows][:, columns]


def measure_frame_contact(mask: Mask, field: Mask) -> float:
    """Measure the length along which a lesion touches the frame, in diameters of a disk with its area.

    Parameters
    ----------
    mask : ndarray of shape (height, width), dtype bool
        Pixels of the lesion. At least one must be True.
    field : ndarray of shape (height, width), dtype bool
        Pixels inside the frame.

    Returns
    -------
    float
        0 without contact. A disk cut in half has 1.4: its diameter over the diameter of a disk with half the area.
    """
    reach = max(round(_NEAR * max(mask.shape)), 1)
    rim = field & ~ndi.binary_erosion(field, np.ones((3, 3)))
    touching = np.count_nonzero(rim & grow_by_square(mask, reach))
    return touching / sqrt(4 * np.count_nonzero(mask) / pi)


def measure_blur(image: NDArray[np.uint8], field: Mask) -> float:
    r"""Measure the blur of the sharpest edges of an image.

    The gradient of an edge that is blurred by a Gaussian of standard deviation :math:`\sigma` falls by the factor
    :math:`R = \sqrt{(\sigma^2 + 4 s^2) / (\sigma^2 + s^2)}` from a filter of standard deviation :math:`s` to one of
    :math:`2 s`. So :math:`\sigma^2 = s^2 (4 - R^2) / (R^2 - 1)`.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), dtype uint8
        RGB image.
    field : ndarray of shape (height, width), dtype bool
        Pixels to consider.

    Returns
    -------
    float
        Standard deviation of the blur, as a fraction of the longest side; NaN without pixels to consider.

    References
    ----------
    .. [1] S. Zhuo, T. Sim, "Defocus map estimation from a single image", Pattern Recognit. 44, 1852-1858, 2011.
    """
    gray = image.mean(axis=2, dtype=np.float32)
    side = max(gray.shape)
    fine = max(_FINE * side, 0.7)  # narrower filters are not Gaussian on a grid of pixels
    # The edge of the frame is sharp in any image.
    inner = ndi.binary_erosion(field, iterations=int(3 * fine) + 1)
    if not inner.any():
        return np.nan
    slopes = [ndi.gaussian_gradient_magnitude(gray, width, truncate=3)[inner] for width in (fine, 2 * fine)]
    edges = (slopes[0] > 0) & (slopes[0] >= np.quantile(slopes[0], _EDGES))
    if not edges.any():
        return np.nan
    ratio = float(np.quantile(slopes[0][edges] / np.maximum(slopes[1][edges], 1e-6), _SHARPEST))
    return fine / side * sqrt(max(4 - ratio**2, 0) / max(ratio**2 - 1, 1e-6))


def set_flags(numbers: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.bool_]]:
    """Return the flags of images by their rules.

    Parameters
    ----------
    numbers : dict of str to ndarray of shape (n_images,)
        Output of `measure_quality` and, if known, `beyond_training`.

    Returns
    -------
    dict of str to ndarray of shape (n_images,), dtype bool
        The flags whose numbers are known. NaN sets no flag.
    """
    return {flag: numbers[rule.number] > rule.limit for flag, rule in RULES.items() if rule.number in numbers}
