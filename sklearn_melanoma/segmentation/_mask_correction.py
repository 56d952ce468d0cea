"""Segmenter that learns from masks, some of which are wrong."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags, check_random_state

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, with_callbacks
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.segmentation._estimators import Segmenter
from sklearn_melanoma.segmentation._pixel_classifier import PixelClassifierSegmenter
from sklearn_melanoma.segmentation._suspects import assess_masks, check_trusted
from sklearn_melanoma.segmentation._training import check_few_masks


class MaskCorrectingSegmenter(Segmenter):
    """Fit a segmenter to masks, some of which are wrong, such as masks by volunteers or another program.

    For each image, two models predict the mask. They have not learned from this image. The given mask is suspect if the
    two predictions agree with each other, but not with the given mask (see
    :func:`~sklearn_melanoma.model_selection.find_suspect_masks`). It is replaced by the mask that the models propose.
    The segmenter is then fitted to the corrected masks.

    Parameters
    ----------
    segmenter : segmenter, optional
        Any segmenter that learns from masks, or a search over one. Defaults to :class:`PixelClassifierSegmenter`.
    cv : int, default=5
        Number of parts into which the images are divided. The models that check the masks of one part learn from the
        other parts.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed of the models and of the default segmenter. Pass an int for reproducible results.

    Attributes
    ----------
    segmenter_ : segmenter
        The segmenter, fitted to the corrected masks.
    suspects_ : ndarray of shape (n_suspects,), dtype int
        Positions of the images whose masks were replaced.

    See Also
    --------
    sklearn_melanoma.model_selection.find_suspect_masks : The suspect masks and the proposed ones, as a table.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.segmentation import MaskCorrectingSegmenter
    >>> lesions = make_lesions(12, image_size=(96, 128), random_state=0)
    >>> masks = list(lesions.masks)
    >>> masks[3] = np.roll(masks[3], 30, axis=1)
    >>> segmenter = MaskCorrectingSegmenter(cv=3, random_state=0).fit(lesions.images[:10], masks[:10])
    >>> segmenter.suspects_
    array([3])
    >>> segmenter.score(lesions.images[10:], lesions.masks[10:]) > 0.8
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "segmenter": [HasMethods(["fit", "transform"]), None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "n_jobs": N_JOBS,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        segmenter: BaseEstimator | None = None,
        *,
        cv: int = 5,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.segmenter = segmenter
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None, *, trusted: ArrayLike | None = None, groups: ArrayLike | None = None) -> Self:
        """Correct the masks and learn from them.

        Parameters
        ----------
        X : sequence of images
            Paths, arrays, PIL images or lesions. Images without a mask are not read.
        y : sequence of masks
            Arrays or paths, at the size of the images. None or NaN marks an image without a mask.
        trusted : array-like of shape (n_images,), dtype bool, optional
            True for masks that are never replaced.
        groups : array-like of shape (n_images,), optional
            Lesion of each image. The models that assess a mask have not learned from images of the same lesion.

        Returns
        -------
        self
            The fitted segmenter.

        Raises
        ------
        ValueError, TypeError, OSError
            If there are fewer masks, or lesions with a mask, than folds. If a mask has another size than its image. If
            all masks are empty or all are full. If a parameter is out of its range.
        """
        self._check_parameters()
        images = check_images(X)
        masks, labeled = check_few_masks(y, len(images))
        trusted, rng = check_trusted(trusted, len(images)), check_random_state(self.random_state)
        segmenter = PixelClassifierSegmenter() if self.segmenter is None else clone(self.segmenter)
        with FitTask(self, X, y, 2 * len(labeled) + self.cv + 1) as task:
            found = assess_masks(
                images,
                masks,
                labeled,
                trusted=trusted,
                groups=groups,
                cv=self.cv,
                n_jobs=self.n_jobs,
                rng=rng,
                begin_part=task.begin_part,
            )
            proposed = {
                position: one.proposed for position, one in zip(labeled, found, strict=True) if one.proposed is not None
            }
            corrected = [proposed.get(position, masks[position]) for position in range(len(images))]
            if self.segmenter is None:
                segmenter.set_params(random_state=int(rng.randint(2**31 - 1)))
            with task.fitting("segmenter", segmenter):
                self.segmenter_ = segmenter.fit(images, corrected)
        self.suspects_ = np.array(sorted(proposed), dtype=np.intp)
        return self

    def _segment_content(self, lesion: Lesion) -> Lesion:
        (found,) = self.segmenter_.transform([lesion])
        return found

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "segmenter_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        tags.target_tags.required = True
        return tags
