"""Suspect masks: masks that two models reject. The models learned from other images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold

from sklearn_melanoma._io.reading import as_lesion, resize_map
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma._typing import Mask
from sklearn_melanoma._validation import element_errors
from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma.metrics import mask_jaccard
from sklearn_melanoma.segmentation._field_of_view import find_content
from sklearn_melanoma.segmentation._pixel_features import describe_pixels
from sklearn_melanoma.segmentation._pixel_samples import (
    THRESHOLDS,
    Sample,
    check_samples,
    crop_pair,
    find_best_threshold,
    make_trees,
    predict_lesion,
    sample_pixels,
    score_thresholds,
    shrink_for_scores,
)
from sklearn_melanoma.segmentation._regions import cut_probability
from sklearn_melanoma.segmentation._training import NAMES, read_pair

# Two experts who draw the same lesion have a Jaccard index of about 0.8 (0.79 to 0.86 in the literature). Two models
# that agree less are not reliable.
EXPERT_AGREEMENT = 0.8

# Below this Jaccard index, a mask counted as wrong in task 1 of the ISIC 2018 challenge.
LEAST_JACCARD = 0.65

# Features of the unsupervised masks, and of the position relative to them. All others are of color and texture.
_PLACE_FEATURES = (
    *("watershed", "tight", "wide", "blue_tight", "blue_wide", "green_tight", "green_wide"),
    *("vote", "grown", "distance", "from_"),
    *("image_agreement", "image_least_agreement", "image_spread_of_areas", "image_root", "image_decided"),
    *("image_on_frame", "image_off_center"),
)

_N_PIXELS = 300

_Model = tuple[Mask, ExtraTreesClassifier]  # columns of the features, and the classifier
Maps = NDArray[np.float16]  # (3, height, width), probability of the color model, of the position model, and their mean


class MaskAssessment(NamedTuple):
    """Assessment of a mask by two models.

    Parameters
    ----------
    agreement : float
        Jaccard index of the masks of the two models.
    color_jaccard, place_jaccard : float
        Jaccard index of the given mask with the mask of each model.
    suspect : bool
        Whether both models reject the given mask.
    proposed : ndarray of shape (height, width), dtype bool, or None
        Mask of both models at the size of the given mask, if the given mask is suspect.
    """

    agreement: float
    color_jaccard: float
    place_jaccard: float
    suspect: bool
    proposed: Mask | None


class _Given(NamedTuple):
    """Given mask of an image, with sampled pixels."""

    sample: Sample
    of_place: Mask  # of shape (n_features,), True for features of position
    mask: Mask  # shrunk
    shape: tuple[int, int]  # of the mask as given
    box: tuple[slice, slice]  # of the image without its frame, in the mask as given


def check_trusted(trusted: ArrayLike | None, n_images: int) -> Mask:
    """Return for each image whether its mask is trusted.

    Raises
    ------
    ValueError
        If there are not as many values as images, or they are not bools.
    """
    if trusted is None:
        return np.zeros(n_images, dtype=bool)
    values = np.asarray(trusted)
    if values.dtype != bool or values.shape != (n_images,):
        raise ValueError(
            f"trusted must hold True or False for each of the {n_images} images, got dtype {values.dtype} and shape "
            f"{values.shape}. Pass an array of bools: True for a mask that must not be replaced."
        )
    return values


def assess_masks(
    images: Sequence[Any],
    masks: Sequence[Any],
    positions: Sequence[int],
    *,
    trusted: Mask,
    groups: ArrayLike | None = None,
    cv: int = 5,
    n_jobs: int | None = None,
    rng: np.random.RandomState,
    names: tuple[str, str] = NAMES,
    begin_part: Callable[[str], None] = lambda name: None,
) -> list[MaskAssessment]:
    """Compare masks with the masks of two models that learned from other images.

    Parameters
    ----------
    images, masks : sequence
        Images and masks, arrays or paths.
    positions : sequence of int
        Positions of the images that have a mask.
    trusted : ndarray of shape (n_images,), dtype bool
        True for masks that are never suspect.
    groups : array-like of shape (n_images,), optional
        Lesions. The models that assess a mask have not learned from images of the same lesion.
    cv : int, default=5
        Number of folds.
    n_jobs : int, optional
        Number of processes.
    rng : RandomState
        Source of the sampled pixels, the folds and the models.
    names : tuple of (str, str), default=("X", "y")
        Names of the images and the masks in errors.
    begin_part : callable, optional
        Called with "image" before each image that is read or predicted, with "model" before each model.

    Returns
    -------
    list of MaskAssessment
        One for each position.

    Raises
    ------
    ValueError, TypeError, OSError
        If there are fewer masks or lesions than folds, or a pair of image and mask can't be used.
    """
    codes = np.arange(len(images)) if groups is None else encode_groups(groups, n_images=len(images))
    codes = codes[list(positions)]
    if (n_lesions := len(np.unique(codes))) < cv:
        what = "images" if groups is None else "lesions"
        raise ValueError(
            f"{names[1]} must hold masks of at least {cv} {what}, one for each fold of `cv`, got {n_lesions}."
        )
    seeds = rng.randint(2**31 - 1, size=len(positions)).tolist()
    tasks = [(images[at], masks[at], at, seed, names) for at, seed in zip(positions, seeds, strict=True)]
    given = _collect(run_in_parallel(_read_given, tasks, n_jobs), begin_part)
    check_samples([one.sample for one in given], name=names[1])
    maps: dict[int, Maps] = {}
    for train, test in GroupKFold(cv, shuffle=True, random_state=rng).split(codes, groups=codes):
        begin_part("model")
        models = _fit_models([given[i] for i in train], int(rng.randint(2**31 - 1)))
        left_out = [(images[positions[i]], positions[i], models) for i in test]
        found = _collect(run_in_parallel(_predict_maps, left_out, n_jobs), begin_part)
        maps.update(zip(test.tolist(), found, strict=True))
    in_order = [maps[i] for i in range(len(positions))]
    thresholds = _choose_thresholds(given, in_order)
    return [
        _assess(one, of_image, thresholds, bool(trusted[position]))
        for one, of_image, position in zip(given, in_order, positions, strict=True)
    ]


def _collect(results: Iterable[Any], begin_part: Callable[[str], None]) -> list[Any]:
    collected = []
    for result in results:
        begin_part("image")
        collected.append(result)
    return collected


def _read_given(image: Any, mask: Any, position: int, seed: int, names: tuple[str, str]) -> _Given:
    """Read an image and its mask, and sample its pixels."""
    lesion, whole = read_pair(image, mask, position, names=names)
    content, cropped, box = crop_pair(lesion, whole)
    pixels = describe_pixels(content.image)
    of_place = np.array([name.startswith(_PLACE_FEATURES) for name in pixels.names])
    sample = sample_pixels(pixels, cropped, _N_PIXELS, np.random.RandomState(seed))
    return _Given(sample, of_place, shrink_for_scores(cropped), whole.shape, box)


def _fit_models(given: Sequence[_Given], seed: int) -> list[_Model]:
    """Fit a classifier of pixels to the features of color, and another one to the features of position."""
    rows, labels = (np.concatenate([getattr(one.sample, name) for one in given]) for name in ("rows", "labels"))
    of_place = given[0].of_place
    return [(used, make_trees(seed).fit(rows[:, used], labels)) for used in (~of_place, of_place)]


def _predict_maps(image: Any, position: int, models: list[_Model]) -> Maps:
    """Return the probability of the lesion by each model, and the mean of both."""
    with element_errors(position, image):
        lesion = as_lesion(image)
    # The pixels are described again, because the features of all images would not fit into memory.
    pixels = describe_pixels(lesion.image[find_content(lesion.image)])
    if not pixels.found:
        return np.zeros((len(models) + 1, *pixels.base_probability.shape), dtype=np.float16)
    maps = [predict_lesion(model, pixels, used) for used, model in models]
    return np.stack([*maps, np.mean(maps, axis=0)]).astype(np.float16)


def _choose_thresholds(given: Sequence[_Given], maps: Sequence[Maps]) -> list[float]:
    """Return the threshold of each model that agrees best with the given masks.

    The median over images does not depend on damaged masks if they are the minority.
    """
    scores = [
        [score_thresholds(probability.astype(np.float32), one.mask) for probability in of_image]
        for one, of_image in zip(given, maps, strict=True)
    ]
    return [float(THRESHOLDS[find_best_threshold(by_threshold)]) for by_threshold in np.median(scores, axis=0)]


def _assess(given: _Given, maps: Maps, thresholds: Sequence[float], trusted: bool) -> MaskAssessment:
    color, place, _ = (_cut(one, at, given.mask.shape) for one, at in zip(maps, thresholds, strict=True))
    agreement = mask_jaccard(color, place) if color.any() and place.any() else 0.0
    jaccard = mask_jaccard(given.mask, color), mask_jaccard(given.mask, place)
    if trusted or agreement < EXPERT_AGREEMENT or max(jaccard) >= LEAST_JACCARD:
        return MaskAssessment(agreement, *jaccard, False, None)
    proposed = np.zeros(given.shape, dtype=bool)
    proposed[given.box] = _cut(maps[-1], thresholds[-1], proposed[given.box].shape)
    return MaskAssessment(agreement, *jaccard, True, proposed)


def _cut(probability: NDArray[np.float16], threshold: float, shape: tuple[int, int]) -> Mask:
    return cut_probability(resize_map(probability.astype(np.float32), shape), threshold)
