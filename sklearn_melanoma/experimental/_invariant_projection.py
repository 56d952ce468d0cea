"""Transformer that projects features to directions that are stable between augmented copies of a lesion."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, one_blas_thread
from sklearn_melanoma.experimental._augmentation import augment_lesion
from sklearn_melanoma.experimental._invariance import find_projection
from sklearn_melanoma.features._learned import LearnedFeatures, iterate_lesions


class InvariantProjection(LearnedFeatures):
    r"""Project features to directions in which lesions differ more than augmented copies of one lesion.

    An augmented copy shows the lesion rotated, possibly mirrored, in another light and with another border. The
    directions are found by linear discriminant analysis with each lesion as a class. No label is needed.

    Parameters
    ----------
    transformer : transformer
        Any feature transformer, or a :class:`~sklearn.pipeline.FeatureUnion` of several. A clone of
        it is fitted.
    n_components : int, default=20
        Number of directions, at most the number of features.
    n_augmentations : int, default=4
        Number of augmented copies of each lesion.
    shrinkage : float, default=0.9
        Shrinkage of the covariance of the copies towards a multiple of the identity, above 0 and at most 1. At 1, the
        copies have no influence: the directions are the principal components of the lesions.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed of the augmentation. `transformer` has its own seed.

    Attributes
    ----------
    transformer_ : transformer
        The fitted transformer.
    projection_ : Projection
        Medians that replace NaN, means and standard deviations of the features, and the `directions`, of shape
        (n_features, n_components). The `ratios`, of shape (n_components,), are for each direction the variance between
        lesions divided by the variance between copies of one lesion.

    See Also
    --------
    FisherVectorEncoder : Features learned from patches of images.

    Notes
    -----
    The columns are standardized. :math:`B` is the covariance of the lesions' mean rows, and :math:`S` is the covariance
    of the copies around them. The directions maximize :math:`v^T B v / v^T W v`, where
    :math:`W = (1 - \alpha) S + \alpha \, \mathrm{tr}(S)/d \; I` with the shrinkage :math:`\alpha`, and
    :math:`v^T W v = 1`. This is contrastive learning in closed form: copies of one image are pulled together, and
    different images are pushed apart. The columns are `invariant_0` …. Do not standardize them: the first ones matter
    more.

    `fit` needs at least two lesions with a mask, and at least `n_components` features. It ignores lesions that were not
    found; their rows are NaN.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.experimental import InvariantProjection
    >>> from sklearn_melanoma.features import ColorFeatures
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = WatershedSegmenter().transform(make_lesions(8, random_state=0).images)
    >>> projection = InvariantProjection(ColorFeatures(), n_components=3, random_state=0)
    >>> projection.fit_transform(lesions).shape
    (8, 3)
    """

    _learned = "projection_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [HasMethods(["fit", "transform"])],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_augmentations": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        transformer: Any,
        *,
        n_components: int = 20,
        n_augmentations: int = 4,
        shrinkage: float = 0.9,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.transformer = transformer
        self.n_components = n_components
        self.n_augmentations = n_augmentations
        self.shrinkage = shrinkage
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _learn(self, images: Sequence[Any], task: FitTask) -> None:
        random = check_random_state(self.random_state)
        transformer = clone(self.transformer).fit(images)
        rows = [
            np.asarray(
                transformer.transform([lesion, *(augment_lesion(lesion, random) for _ in range(self.n_augmentations))])
            )
            for lesion in iterate_lesions(images, task)
        ]
        if len(rows) < 2:
            raise ValueError(
                f"X must hold at least two lesions with a mask, got {len(rows)} in {len(images)} images. "
                "Pass more lesions, or put a segmenter before."
            )
        n_features = rows[0].shape[1]
        if n_features < self.n_components:
            raise ValueError(
                f"n_components must be at most the number of features, {n_features}, got {self.n_components}. Lower it."
            )
        task.begin_part("learn")
        with one_blas_thread():
            self.projection_ = find_projection(np.stack(rows), self.n_components, shrinkage=self.shrinkage)
        self.transformer_ = transformer

    def _feature_names(self) -> list[str]:
        n_components = len(self.projection_.ratios) if hasattr(self, "projection_") else self.n_components
        return [f"invariant_{number}" for number in range(n_components)]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> NDArray[np.float64]:
        return self.projection_.apply(np.asarray(self.transformer_.transform([lesion]))[0])
