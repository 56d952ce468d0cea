"""Synthetic dermoscopic images with known truth."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from sklearn_melanoma.datasets._drawing import draw_image

# Difference of the mean severity of melanomas and nevi, in standard deviations. The severity itself then has a ROC AUC
# of Phi(2 / sqrt 2) = 0.921, and no classifier can have a higher expected AUC.
SEPARATION = 2.0

MIN_SIDE = 32


def make_lesions(
    n_samples: int = 100,
    *,
    melanoma_fraction: float = 0.3,
    image_size: tuple[int, int] = (192, 256),
    hair: float = 0.3,
    light_hair: float = 0.12,
    vignette: float = 0.2,
    ruler: float = 1 / 12,
    sticker: float = 0.0,
    bubbles: float = 0.0,
    uneven_light: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate synthetic dermoscopic images of nevi and melanomas with their true masks.

    The images are deliberately difficult. Skin has several tones and uneven light. Lesions have one
    to six colors, an irregular, faded border and a pigment network or globules; some are pale
    around a dark core. Some images have freckles or a second spot, and the frame cuts some lesions.
    The parameters set the probability of each artifact.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images, 0 or more.
    melanoma_fraction : float, default=0.3
        Fraction of melanomas, in 0..1. Their number is exactly
        ``round(n_samples * melanoma_fraction)``. Melanomas and nevi are in random order.
    image_size : tuple of int, default=(192, 256)
        Height and width in pixels, each 32 or more. Lengths are relative to the shortest side, so another resolution
        with the same aspect ratio shows the same lesions.
    hair : float, default=0.3
        Probability that an image has hair, in 0..1.
    light_hair : float, default=0.12
        Probability that hair is light, in 0..1, in an image with hair.
    vignette : float, default=0.2
        Probability that an image has dark corners, in 0..1.
    ruler : float, default=1/12
        Probability that an image has the ticks of a ruler along one side, in 0..1.
    sticker : float, default=0
        Probability that an image has a colored sticker (adhesive marker) beside the lesion, in
        0..1.
    bubbles : float, default=0
        Probability that an image has bubbles in the gel between skin and glass, in 0..1.
    uneven_light : float, default=0
        Probability that the light falls off to one side, by half or more, in 0..1.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same images at every call.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields:

        images : list of ndarray of shape (height, width, 3), dtype uint8
            The images, RGB.
        masks : list of ndarray of shape (height, width), dtype bool
            The true masks. Their border is at half contrast. No mask is empty.
        target : ndarray of shape (n_samples,), dtype int
            1 for melanoma, 0 for nevus.
        diagnosis : list of str
            "melanoma" or "nevus".
        groups : ndarray of shape (n_samples,), dtype int
            0 to ``n_samples - 1``. Each image shows a different lesion.
        frame, split : None
            There are no patient columns and no official split.
        label_mapping : dict
            ``{"melanoma": 1, "nevus": 0}``.
        severity : ndarray of shape (n_samples,), dtype float
            Hidden variable through which the diagnosis changes an image. It is not measured from
            the image; see Notes.
        DESCR : str
            A description with the counts.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    The severity is normal with variance 1 and mean 0 for nevi, 2 for melanomas. Size, asymmetry, irregularity of the
    border and number of colors are correlated with it; nothing else depends on it. So no classifier can have an
    expected ROC AUC above 0.921, the AUC of the severity: :math:`\Phi(2 / \sqrt{2}) = 0.921`. A perfect score is a sign
    of a leak. A logistic regression on crude morphology and color features has an AUC of about 0.85. Otsu's threshold
    on the blue channel finds the lesions with a mean Jaccard index of about 0.78 and a median of 0.92. Every sixth
    image has an index below 0.65.

    An image depends on its class and on its own seed. With the same `random_state`, image `i` is
    the same at any `n_samples` if it gets the same class. With `melanoma_fraction` 0 or 1, it
    always gets the same class. Changing the probability of an artifact (hair, vignette, ruler,
    sticker, bubbles or uneven light) only adds or removes the artifact. The image under it and
    the mask stay the same.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> lesions = make_lesions(10, melanoma_fraction=0.3, image_size=(64, 64), random_state=0)
    >>> lesions.images[0].shape, lesions.masks[0].dtype, int(lesions.target.sum())
    ((64, 64, 3), dtype('bool'), 3)
    """
    _check_count("n_samples", n_samples, 0)
    fractions = {
        "melanoma_fraction": melanoma_fraction,
        "hair": hair,
        "light_hair": light_hair,
        "vignette": vignette,
        "ruler": ruler,
        "sticker": sticker,
        "bubbles": bubbles,
        "uneven_light": uneven_light,
    }
    for name, value in fractions.items():
        _check_fraction(name, value)
    if not (isinstance(image_size, tuple | list) and len(image_size) == 2):
        raise TypeError(f"image_size must be a tuple (height, width), got {image_size!r}. Pass for example (192, 256).")
    for name, side in zip(("height", "width"), image_size, strict=True):
        _check_count(f"image_size ({name})", side, MIN_SIDE)
    random = check_random_state(random_state)
    # All seeds are drawn first, so that a larger n_samples only appends images.
    seeds = random.randint(np.iinfo(np.int32).max, size=n_samples)
    target = np.zeros(n_samples, dtype=int)
    target[: round(n_samples * melanoma_fraction)] = 1
    random.shuffle(target)

    shape = (int(image_size[0]), int(image_size[1]))
    images, masks, severity = [], [], np.empty(n_samples)
    for i, seed in enumerate(seeds):
        own = np.random.default_rng(seed)
        severity[i] = own.standard_normal() + SEPARATION * target[i]
        switches = ("hair", "vignette", "sticker", "bubbles", "uneven_light")
        present = {name: bool(own.random() < fractions[name]) for name in switches}
        image, mask = draw_image(int(seed), severity[i], shape, **present, light_hair=light_hair, ruler=ruler)
        images.append(image)
        masks.append(mask)
    return Bunch(
        images=images,
        masks=masks,
        target=target,
        diagnosis=["melanoma" if positive else "nevus" for positive in target],
        groups=np.arange(n_samples),
        frame=None,
        split=None,
        label_mapping={"melanoma": 1, "nevus": 0},
        severity=severity,
        DESCR=_describe(shape, target),
    )


def _describe(shape: tuple[int, int], target: NDArray[np.int_]) -> str:
    n_melanomas = int(target.sum())
    return (
        f"{len(target)} synthetic dermoscopic images of {shape[0]} x {shape[1]} pixels: {n_melanomas} melanomas, "
        f"{len(target) - n_melanomas} nevi, each with its true mask. Generated by "
        "sklearn_melanoma.datasets.make_lesions; free of rights. The classes overlap: no classifier can have an "
        "expected ROC AUC above 0.921. Scores on synthetic images say nothing about real images."
    )


def _check_count(name: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {value!r} of type {type(value).__name__}. Pass a whole number.")
    if value < least:
        raise ValueError(f"{name} must be {least} or more, got {value}. Pass a larger number.")


def _check_fraction(name: str, value: object) -> None:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, got {value!r} of type {type(value).__name__}. Pass a fraction.")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{name} must lie in 0..1, got {value}. It is the fraction of images, not a number of them.")
