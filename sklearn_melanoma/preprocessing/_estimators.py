"""Preprocessing transformers; they replace the image of a lesion and keep everything else."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar

from sklearn_melanoma._base import N_JOBS, LesionTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval
from sklearn_melanoma.preprocessing._color import normalize_color
from sklearn_melanoma.preprocessing._hair import remove_hair


class HairRemover(LesionTransformer):
    """Replace dark and light hair by the colors beside it.

    Pixels without hair stay unchanged. An existing mask is kept. See :func:`detect_hair` for the
    detection.

    Parameters
    ----------
    min_contrast : float, default=0.05
        Smallest contrast of a hair to both of its sides, at its clearest part, as a fraction of the image's mean level.
        Above 0 and up to 1. A lower value finds finer hair, but also more false positives.
    min_length : float, default=0.12
        Smallest length of a hair, end to end, as a fraction of the longest side, above 0 and up
        to 1.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    remove_hair : Remove the hair of one image.
    detect_hair : Detect the pixels that are replaced.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.preprocessing import HairRemover
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = make_lesions(10, hair=1, random_state=0)
    >>> segmenter = make_pipeline(HairRemover(), WatershedSegmenter())
    >>> segmenter.score(lesions.images, lesions.masks) > WatershedSegmenter().score(lesions.images, lesions.masks)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "min_contrast": [Interval(Real, 0, 1, closed="right")],
        "min_length": [Interval(Real, 0, 1, closed="right")],
        "n_jobs": N_JOBS,
    }

    def __init__(self, *, min_contrast: float = 0.05, min_length: float = 0.12, n_jobs: int | None = None):
        self.min_contrast = min_contrast
        self.min_length = min_length
        self.n_jobs = n_jobs

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        image = remove_hair(lesion.image, min_contrast=self.min_contrast, min_length=self.min_length)
        return lesion if image is lesion.image else replace(lesion, image=image)


class ColorNormalizer(LesionTransformer):
    """Normalize the colors of each image to neutral light (shades of gray).

    Red, green and blue are each multiplied by a factor, so that the light becomes neutral. The
    brightness is approximately kept, and so is an existing mask. See :func:`normalize_color` for
    the formula.

    Parameters
    ----------
    norm : float, default=6
        Order of the mean that is assumed to be gray, 1 or more. 1 is the gray-world assumption; a
        large order assumes that the brightest spot is white.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    normalize_color : Normalize the colors of one image.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.preprocessing import ColorNormalizer
    >>> image = np.full((30, 40, 3), (160, 80, 40), dtype=np.uint8)
    >>> ColorNormalizer().fit_transform([image])[0].image[0, 0]
    array([80, 80, 80], dtype=uint8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "norm": [Interval(Real, 1, None, closed="left")],
        "n_jobs": N_JOBS,
    }

    def __init__(self, *, norm: float = 6, n_jobs: int | None = None):
        self.norm = norm
        self.n_jobs = n_jobs

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        image = normalize_color(lesion.image, norm=self.norm)
        return lesion if image is lesion.image else replace(lesion, image=image)
