"""Samples of pixels, the default classifier of pixels, and the threshold of its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from sklearn import get_config
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_melanoma._base import list_steps
from sklearn_melanoma._io.reading import resize_map, resize_mask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Mask
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation._field_of_view import find_content, scale_box
from sklearn_melanoma.segmentation._pixel_features import FEATURE_SIDE, PixelDescription
from sklearn_melanoma.segmentation._regions import cut_probability

# Candidates of the threshold.
THRESHOLDS = np.linspace(0.2, 0.8, 13)

_N_TREES = 50


class Sample(NamedTuple):
    """Sampled pixels of an image.

    Parameters
    ----------
    rows : ndarray of shape (n_pixels, n_features), dtype float32
        Features.
    labels : ndarray of shape (n_pixels,), dtype bool
        True inside the mask.
    weights : ndarray of shape (n_pixels,)
        Number of pixels of the image that each pixel represents, up to a factor.
    """

    rows: NDArray[np.float32]
    labels: Mask
    weights: NDArray[np.float64]


def crop_pair(lesion: Lesion, mask: Mask) -> tuple[Lesion, Mask, tuple[slice, slice]]:
    """Cut off uniform frames of an image and its mask, which may have another size; also return the mask's part."""
    content = find_content(lesion.image)
    box = scale_box(content, lesion.image.shape, mask.shape)
    if lesion.image[content].shape == lesion.image.shape:
        return lesion, mask, box
    return Lesion(lesion.image[content], source=lesion.source), mask[box], box


def sample_pixels(pixels: PixelDescription, mask: Mask, n_pixels: int, rng: np.random.RandomState) -> Sample:
    """Sample pixels of one image with their labels; pixels near the border of the mask are more likely."""
    lesion = resize_map(mask.astype(np.float32), pixels.base_probability.shape) > 0.5
    weights = np.ones(lesion.shape)
    if lesion.any() and not lesion.all():
        distance = ndi.distance_transform_edt(lesion) + ndi.distance_transform_edt(~lesion)
        weights = 1 / (0.05 + distance / max(lesion.shape))
    chances = weights.ravel() / weights.sum()
    sampled = rng.choice(lesion.size, min(n_pixels, lesion.size), replace=False, p=chances)
    return Sample(pixels.features.reshape(lesion.size, -1)[sampled], lesion.ravel()[sampled], 1 / chances[sampled])


def check_samples(samples: Sequence[Sample], *, name: str = "y") -> None:
    """Check that there are pixels inside and outside of the masks; `name` is their name in errors.

    Raises
    ------
    ValueError
        If all masks are empty, or all are full.
    """
    counts = np.bincount(np.concatenate([sample.labels for sample in samples]), minlength=2)
    if not counts.all():
        what = "all full" if counts[1] else "all empty"
        raise ValueError(f"{name} must hold masks with pixels inside and outside of the lesion, got {what} ones.")


def make_trees(seed: int) -> ExtraTreesClassifier:
    """Return the default classifier of pixels, not fitted."""
    return ExtraTreesClassifier(_N_TREES, min_samples_leaf=5, max_features=0.1, random_state=seed)


def learn_pixels(classifier: Any, samples: Sequence[Sample], method: str = "fit", **options: Any) -> Any:
    """Fit a classifier to pixels, with the image and the weight of each if it takes them, and return it.

    Parameters
    ----------
    classifier : estimator
        A classifier, or a pipeline that ends in one.
    samples : sequence of Sample
        Pixels of each image.
    method : {"fit", "partial_fit"}, default="fit"
        Method that learns.
    **options : dict
        Options of the method.

    Returns
    -------
    estimator
        Result of the method.
    """
    rows, labels, weights = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    images = np.repeat(np.arange(len(samples)), [len(sample.labels) for sample in samples])
    about_pixels = {"images": images, "sample_weight": weights}
    options |= {keyword: about_pixels[name] for name, keyword in _name_keywords(classifier, method).items()}
    return getattr(classifier, method)(rows, labels, **options)


def _name_keywords(classifier: Any, method: str) -> dict[str, str]:
    """Return the keywords of the images and weights of pixels; empty for a classifier that takes no images."""
    names = ("images", "sample_weight")
    if not isinstance(classifier, Pipeline):
        return {name: name for name in names} if "images" in signature(getattr(classifier, method)).parameters else {}
    if get_config()["enable_metadata_routing"]:  # a pipeline then takes no keywords of steps
        consumed = get_routing_for_object(classifier).consumes(method, names)
        return {name: name for name in names} if consumed == set(names) else {}
    *_, (step, last) = list_steps(classifier)
    return {name: f"{step}__{keyword}" for name, keyword in _name_keywords(last, method).items()}


def predict_lesion(
    classifier: Any, pixels: PixelDescription, columns: Mask | slice = slice(None)
) -> NDArray[np.floating]:
    """Return the probability of the lesion at each described pixel, by a classifier of some of the features."""
    rows = pixels.features.reshape(-1, len(pixels.names))[:, columns]
    lesion = int(np.argmax(classifier.classes_))  # the column of True
    return np.asarray(classifier.predict_proba(rows)[:, lesion].reshape(pixels.base_probability.shape))


def shrink_for_scores(mask: Mask) -> Mask:
    """Shrink a mask to twice the size of the described pixels; smaller masks are not enlarged.

    A larger mask takes memory and has nearly the same scores.
    """
    factor = min(2 * FEATURE_SIDE / max(mask.shape), 1)
    height, width = (max(round(n * factor), 1) for n in mask.shape)
    return resize_mask(mask, (height, width))


def score_thresholds(probability: NDArray[np.float32], mask: Mask) -> list[float]:
    """Return the Jaccard index of a mask with the probability, for each of the `THRESHOLDS`."""
    probability = resize_map(probability, mask.shape)
    return [mask_jaccard(mask, cut_probability(probability, at)) for at in THRESHOLDS]


def find_best_threshold(scores: NDArray[np.float64]) -> int:
    """Return the position of the threshold with the best score.

    Neighboring thresholds are averaged, so that a few images do not choose one by chance.
    """
    return int(ndi.uniform_filter1d(scores, 3, mode="nearest").argmax())
