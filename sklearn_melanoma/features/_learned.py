"""What the transformers share that learn from lesions without any label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from sklearn.utils import Tags

from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._callbacks import Countdown, FitTask, n_parts
from sklearn_melanoma._io.reading import as_lesion
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import element_errors


class LearnedFeatures(FeatureTransformer):
    """Base of the feature transformers that must be fitted."""

    _learned: ClassVar[str]  # an attribute that is there after fit

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, self._learned)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


# Images of which callbacks are told together: as many as an ImagePipeline takes at a time, which makes them meanwhile.
_TOLD = 16


def learning_task(estimator: Any, images: Sequence[Any], y: Any) -> FitTask:
    """Return the task of a `fit` that goes over `lesions_found`, and then learns from them."""
    return FitTask(estimator, images, y, n_parts(len(images), _TOLD) + 1)


def lesions_found(images: Sequence[Any], task: FitTask) -> Iterator[Lesion]:
    """Go over the lesions of a sequence, one at a time, leaving out images without a mask or with an empty one."""
    tell = Countdown(task, "images", len(images), _TOLD)
    for position in range(len(images)):
        tell(len(images) - position)
        image = images[position]
        with element_errors(position, image):
            lesion = as_lesion(image)
        if lesion.area_px:
            yield lesion
