"""Preprocessing as transformers: they replace the image of a lesion and keep all else."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn_melanoma._base import LesionTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma.preprocessing._color import normalize_color
from sklearn_melanoma.preprocessing._hair import remove_hair


class HairRemover(LesionTransformer):
    """Fill in hair, dark or light, from what lies beside it.

    An image without hair stays as it is; of one with hair, all but the hair does. A mask that is
    there already is kept. See :func:`detect_hair` for what is taken for hair.

    Parameters
    ----------
    min_contrast : float, default=0.05
        How much darker or lighter than its sides a hair must be at its clearest, as a share of
        the image's mean level, above 0 and up to 1. Lower finds finer hair, and more that is none.
    min_length : float, default=0.12
        Length of the shortest hair, end to end, as a share of the longest side, above 0 and up to
        1.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    remove_hair : The same for one array.
    detect_hair : Which pixels are filled in.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.preprocessing import HairRemover
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> photos = make_lesions(10, hair=1, random_state=0)
    >>> segmenter = make_pipeline(HairRemover(), WatershedSegmenter())
    >>> segmenter.score(photos.images, photos.masks) > WatershedSegmenter().score(photos.images, photos.masks)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "min_contrast": [Interval(Real, 0, 1, closed="right")],
        "min_length": [Interval(Real, 0, 1, closed="right")],
        "n_jobs": [Integral, None],
    }

    def __init__(self, *, min_contrast: float = 0.05, min_length: float = 0.12, n_jobs: int | None = None):
        self.min_contrast = min_contrast
        self.min_length = min_length
        self.n_jobs = n_jobs

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        image = remove_hair(lesion.image, min_contrast=self.min_contrast, min_length=self.min_length)
        return lesion if image is lesion.image else replace(lesion, image=image)


class ColorNormalizer(LesionTransformer):
    """Take out the color of the light by shades of gray.

    Each of red, green and blue is multiplied by a number of its own, such that what is left of
    the light is neutral. Brightness is about kept, and so is a mask that is there already. See
    :func:`normalize_color` for the formula.

    Parameters
    ----------
    norm : float, default=6
        Order of the mean that shall be gray, 1 or more: 1 is the gray world, a large number the
        brightest spot.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    normalize_color : The same for one array.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.preprocessing import ColorNormalizer
    >>> photo = np.full((30, 40, 3), (160, 80, 40), dtype=np.uint8)
    >>> ColorNormalizer().fit_transform([photo])[0].image[0, 0]
    array([80, 80, 80], dtype=uint8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "norm": [Interval(Real, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    def __init__(self, *, norm: float = 6, n_jobs: int | None = None):
        self.norm = norm
        self.n_jobs = n_jobs

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        image = normalize_color(lesion.image, norm=self.norm)
        return lesion if image is lesion.image else replace(lesion, image=image)
