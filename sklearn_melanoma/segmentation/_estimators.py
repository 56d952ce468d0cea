"""Segmenters: transformers from images to lesions with a mask, and estimators that score against true masks."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._base import LesionTransformer
from sklearn_melanoma._io.reading import resize_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval, StrOptions
from sklearn_melanoma.metrics import make_mask_scorer, mask_jaccard
from sklearn_melanoma.segmentation._regions import CHANNELS, RATIOS
from sklearn_melanoma.segmentation._watershed import MAX_MARGIN, segment_watershed


class Segmenter(LesionTransformer):
    """Base of the segmenters: subclasses fill in the mask of a lesion and, where they have one, the probability."""

    @abstractmethod
    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        """Return `lesion` with a mask, all False if nothing was found."""

    def predict(self, X: Any) -> NDArray[np.object_]:
        """Return the masks at the size of the images as they came.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.

        Returns
        -------
        ndarray of shape (n_images,), dtype object
            Bool arrays of shape (height, width), each of the size of its image before it was
            shrunk. All False where no lesion was found.

        Raises
        ------
        ValueError, TypeError, OSError
            If an image can't be read or is none; the message names it by position and path.
        """
        lesions = self.transform(X)
        masks = np.empty(len(lesions), dtype=object)
        for position, lesion in enumerate(lesions):
            assert lesion.mask is not None
            masks[position] = resize_mask(lesion.mask, lesion.source_shape)
        return masks

    def score(self, X: Any, y: Any) -> float:
        """Return the mean Jaccard index against true masks.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions.
        y : sequence of masks
            Arrays or paths, at the size of the images; None or NaN where there is none. Only
            the images that have a mask are segmented.

        Returns
        -------
        float
            Mean over the images that have a mask, from 0 to 1.

        Raises
        ------
        ValueError, TypeError, OSError
            If no image has a mask, or one has another size than its image.
        """
        return make_mask_scorer(mask_jaccard)(self, X, y)


class WatershedSegmenter(Segmenter):
    """Find the lesion of each image by threshold and watershed, without any label.

    The survey's gray levels → binarize → watershed, with what real images need around it: a
    field of view without dark corners, stickers and hairs, even light, one region chosen by
    place and size, and a border at a level of color between the skin around it and the
    lesion. See :func:`segment_watershed` for the steps.

    Parameters
    ----------
    channel : {"blue", "green", "red", "gray", "blue/red", "green/red", "auto"}, default="blue"
        Gray levels to look at. Pigment shows best in blue. "auto" takes for each image, of the
        first four, the one that its threshold separates best. The ratios see color alone,
        whatever the shadows.
    even_light : bool, default=True
        Whether to divide the gray levels by the slowly varying light before the threshold.
    leave_out_artifacts : bool, default=True
        Whether to erase hairs and other thin dark lines and to leave out stickers and ink on
        the frame; dark corners are left out in any case.
    level : float or None, default=0.5
        Where between skin (0) and lesion (1) the border lies in color. The lower, the wider
        the mask: it is the annotators' style, to be tuned with a few masks. None keeps the
        border of the first watershed.
    margin : float, default=0
        How far the border is moved outwards, as a share of the image's longest side, 0 to 0.1.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    segment_watershed : The same for one array.

    Notes
    -----
    All lengths are shares of the image's longest side or of the lesion's own size. An image at
    384, 768 and 3072 pixels gives nearly the same mask. An image in which nothing stands out
    gets a mask that is all False.

    The survey's own system is
    ``WatershedSegmenter(even_light=False, leave_out_artifacts=False, level=None)``.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> photos = make_lesions(5, random_state=0)
    >>> segmenter = WatershedSegmenter()
    >>> segmenter.fit_transform(photos.images)[0].mask.shape
    (192, 256)
    >>> segmenter.score(photos.images, photos.masks) > 0.7
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "channel": [StrOptions({*CHANNELS, *RATIOS, "auto"})],
        "even_light": ["boolean"],
        "leave_out_artifacts": ["boolean"],
        "level": [Interval(Real, 0, 1, closed="neither"), None],
        "margin": [Interval(Real, 0, MAX_MARGIN, closed="both")],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        channel: str = "blue",
        even_light: bool = True,
        leave_out_artifacts: bool = True,
        level: float | None = 0.5,
        margin: float = 0,
        n_jobs: int | None = None,
    ):
        self.channel = channel
        self.even_light = even_light
        self.leave_out_artifacts = leave_out_artifacts
        self.level = level
        self.margin = margin
        self.n_jobs = n_jobs

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        mask = segment_watershed(
            lesion.image,
            channel=self.channel,
            even_light=self.even_light,
            leave_out_artifacts=self.leave_out_artifacts,
            level=self.level,
            margin=self.margin,
        )
        return lesion.with_mask(mask)
