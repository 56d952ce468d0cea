"""Base class of the segmenters, and the watershed segmenter."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._base import N_JOBS, LesionTransformer
from sklearn_melanoma._io.reading import resize_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval, StrOptions
from sklearn_melanoma.metrics import make_mask_scorer, mask_jaccard
from sklearn_melanoma.segmentation._field_of_view import find_content
from sklearn_melanoma.segmentation._regions import CHANNELS, RATIOS
from sklearn_melanoma.segmentation._watershed import MAX_MARGIN, segment_watershed


class Segmenter(LesionTransformer):
    """Base class of the segmenters; subclasses add the mask and, if they compute one, the probability to a lesion."""

    def _transform_lesion(self, lesion: Lesion) -> Lesion:
        content = find_content(lesion.image)
        if lesion.image[content].shape == lesion.image.shape:
            return self._segment_content(lesion)
        found = self._segment_content(Lesion(lesion.image[content], source=lesion.source))
        mask, probability = np.zeros(lesion.image.shape[:2], dtype=bool), None
        mask[content] = found.mask
        if found.probability is not None:
            probability = np.zeros(mask.shape, dtype=np.float32)
            probability[content] = found.probability
        return lesion.with_mask(mask, probability)

    @abstractmethod
    def _segment_content(self, lesion: Lesion) -> Lesion:
        """Add a mask to a lesion whose image has no frame; the mask is all False if nothing was found."""

    def predict(self, X: Any) -> NDArray[np.object_]:
        """Return the masks at the original size of the images.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions, of any sizes.

        Returns
        -------
        ndarray of shape (n_images,), dtype object
            Bool arrays of shape (height, width), each of the original size of its image. A mask
            is all False if no lesion was found.

        Raises
        ------
        ValueError, TypeError, OSError
            If an image can't be read or is invalid; the message names it by position and path.
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
            Arrays or paths, at the size of the images. None or NaN marks an image without a
            mask. Only the images that have a mask are segmented.

        Returns
        -------
        float
            Mean Jaccard index of the images that have a mask, from 0 to 1.

        Raises
        ------
        ValueError, TypeError, OSError
            If no image has a mask, or a mask has another size than its image.
        """
        return make_mask_scorer(mask_jaccard)(self, X, y)


class WatershedSegmenter(Segmenter):
    """Segment each image by threshold and watershed, without labels.

    The steps are gray levels → binarize → watershed, as in a survey of medical image segmentation with few labels, with
    additions for real images. Dark corners, stickers and hairs are left out, and uneven light is corrected. One region
    is chosen by its position and size. Its border is moved to a level of color between the skin around it and the
    lesion. See :func:`segment_watershed` for the steps.

    Parameters
    ----------
    channel : {"blue", "green", "red", "gray", "blue/red", "green/red", "auto"}, default="blue"
        Channel of gray levels. Pigment has the highest contrast in blue. For each image, "auto" chooses among the first
        four channels the channel whose threshold separates it best. The ratios depend on color only, and not on
        shadows.
    even_light : bool, default=True
        Whether to divide the gray levels by the slowly varying light before the threshold.
    leave_out_artifacts : bool, default=True
        Whether to erase hairs and other thin dark lines, and to leave out stickers and ink on
        the frame. Dark corners are always left out.
    level : float or None, default=0.5
        Position of the border in color, between skin (0) and lesion (1). A lower level gives a wider mask. The best
        level depends on the annotators' style: tune it with a few masks. None keeps the border of the first watershed.
    margin : float, default=0
        Distance by which the border is moved outwards, as a fraction of the image's longest side,
        0 to 0.1.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.

    See Also
    --------
    segment_watershed : Segment one image.

    Notes
    -----
    All lengths are fractions of the image's longest side or of the lesion's own size. An image
    gives nearly the same mask at 384, 768 and 3072 pixels. If no lesion is found, the mask is
    all False.

    The survey's system has no additions. It is
    ``WatershedSegmenter(even_light=False, leave_out_artifacts=False, level=None)``.
    ``make_melanoma_pipeline("survey")`` uses it with ``margin=0.005``.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = make_lesions(5, random_state=0)
    >>> segmenter = WatershedSegmenter()
    >>> segmenter.fit_transform(lesions.images)[0].mask.shape
    (192, 256)
    >>> segmenter.score(lesions.images, lesions.masks) > 0.7
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "channel": [StrOptions({*CHANNELS, *RATIOS, "auto"})],
        "even_light": ["boolean"],
        "leave_out_artifacts": ["boolean"],
        "level": [Interval(Real, 0, 1, closed="neither"), None],
        "margin": [Interval(Real, 0, MAX_MARGIN, closed="both")],
        "n_jobs": N_JOBS,
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
        mask = segment_watershed(  # this function cuts off frames itself
            lesion.image,
            channel=self.channel,
            even_light=self.even_light,
            leave_out_artifacts=self.leave_out_artifacts,
            level=self.level,
            margin=self.margin,
        )
        return lesion.with_mask(mask)
