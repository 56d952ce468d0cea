"""Transformer that reads images."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn_melanoma._base import N_JOBS, LesionTransformer
from sklearn_melanoma._io.reading import WORKING_SIDE, read_lesion
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval


class ImageReader(LesionTransformer):
    """Read images as small, upright RGB arrays.

    Parameters
    ----------
    max_side : int or None, default=384
        Longest side of the result, in pixels. Smaller images are never enlarged; None keeps
        the size of every image. Masks and features depend little on this size, but their
        cost grows with its square.
    mm_per_pixel : float, optional
        Width of a pixel of the *source*, in millimeters. Lesions with their own value keep it. Defaults to the scale in
        DICOM files; other images have none.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    read_image : Read one image as an array.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.images import ImageReader
    >>> images = make_lesions(2, image_size=(480, 640), random_state=0).images
    >>> ImageReader(max_side=320).fit_transform(images)
    [Lesion(320×240, no mask, scale 2), Lesion(320×240, no mask, scale 2)]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_side": [Interval(Integral, 1, None, closed="left"), None],
        "mm_per_pixel": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self, *, max_side: int | None = WORKING_SIDE, mm_per_pixel: float | None = None, n_jobs: int | None = None
    ):
        self.max_side = max_side
        self.mm_per_pixel = mm_per_pixel
        self.n_jobs = n_jobs

    def _transform_image(self, image: Any) -> Lesion:
        return read_lesion(image, max_side=self.max_side, mm_per_pixel=self.mm_per_pixel)
