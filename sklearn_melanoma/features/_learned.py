"""Base class of the transformers that learn features from lesions without labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

from sklearn.utils import Tags

from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._callbacks import Countdown, FitTask, n_parts
from sklearn_melanoma._io.reading import as_lesion
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import with_callbacks
from sklearn_melanoma._validation import check_images, element_errors

# Number of images in one part of `fit`; callbacks are called for each part. An ImagePipeline makes the same number of
# lesions at a time, within the part.
_PART_SIZE = 16


class LearnedFeatures(FeatureTransformer):
    """Base class of the feature transformers that must be fitted."""

    _learned: ClassVar[str]  # name of an attribute that `fit` sets

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from lesions without labels.

        Parameters
        ----------
        X : sequence of Lesion
            Segmented lesions. Lesions without a mask, or with an empty one, are left out.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError, OSError
            If there is too little to learn from, an image can't be read, or a parameter has a value out of its range.
        """
        self._check_parameters()
        images = check_images(X)
        with FitTask(self, images, y, n_parts(self._count_learned(len(images)), _PART_SIZE) + 1) as task:
            self._learn(images, task)
        return self

    def _count_learned(self, n_images: int) -> int:
        """Return the number of images to learn from."""
        return n_images

    @abstractmethod
    def _learn(self, images: Sequence[Any], task: FitTask) -> None:
        """Learn from `iterate_lesions(images, task)`, then begin the last part of the task and set the attributes."""

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, self._learned)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


def iterate_lesions(images: Sequence[Any], task: FitTask, positions: Sequence[int] | None = None) -> Iterator[Lesion]:
    """Yield the lesions at some or all positions one at a time, except those without a mask or with an empty one."""
    positions = range(len(images)) if positions is None else positions
    count_down = Countdown(task, "images", len(positions), _PART_SIZE)
    for n_done, position in enumerate(positions):
        count_down(len(positions) - n_done)
        image = images[position]
        with element_errors(position, image):
            lesion = as_lesion(image)
        if lesion.area_px:
            yield lesion
