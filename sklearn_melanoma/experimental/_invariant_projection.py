"""Features of lesions projected to what another image of the same lesion leaves as it is."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import HasMethods, Interval, one_blas_thread, with_callbacks
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.experimental._augmentation import augment_lesion
from sklearn_melanoma.experimental._invariance import find_projection
from sklearn_melanoma.features._learned import LearnedFeatures, learning_task, lesions_found


class InvariantProjection(LearnedFeatures):
    r"""Project features to directions that differ between lesions and stay between views of one lesion.

    Copies of each lesion are turned, mirrored, put under another light and given another
    border; they are measured like the lesion itself, and linear discriminant analysis finds
    where lesions differ more than their copies do. No label is needed.

    Parameters
    ----------
    transformer : transformer
        Any feature transformer, or a :class:`~sklearn.pipeline.FeatureUnion` of several. A copy of
        it is fitted.
    n_components : int, default=20
        Number of directions, at most the number of features.
    n_augmentations : int, default=4
        Number of altered copies of each lesion.
    shrinkage : float, default=0.9
        How far the scatter of the copies is drawn towards the same scatter in all directions,
        above 0 and at most 1. At 1 the copies have no say in the directions, which are then the principal
        components of the lesions.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed of the alterations. `transformer` keeps its own.

    Attributes
    ----------
    transformer_ : transformer
        The fitted copy.
    projection_ : Projection
        Medians that stand for NaN, means and standard deviations of the features, and the
        `directions`, of shape (n_features, n_components), with their `ratios`: variance between lesions over that
        between views.

    See Also
    --------
    PatchEncoder : Learns features where this one learns what to make of them.

    Notes
    -----
    With :math:`B` the covariance of the lesions' mean rows and :math:`S` that of the copies
    around them, both in standardized columns, the directions maximize :math:`v^T B v / v^T W v`,
    where :math:`W = (1 - \alpha) S + \alpha \, \mathrm{tr}(S)/d \; I` with the shrinkage :math:`\alpha`, and
    :math:`v^T W v = 1`. It is contrastive learning in closed form: views of one image are pulled together,
    images apart. Don't standardize the columns, named `invariant_0` …: the first are worth more.

    A lesion that was not found teaches nothing, and its row is NaN.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.experimental import InvariantProjection
    >>> from sklearn_melanoma.features import ColorFeatures
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = WatershedSegmenter().transform(make_lesions(8, random_state=0).images)
    >>> project = InvariantProjection(ColorFeatures(), n_components=3, random_state=0)
    >>> project.fit_transform(lesions).shape
    (8, 3)
    """

    _learned = "projection_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [HasMethods(["fit", "transform"])],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_augmentations": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
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

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transformer, measure altered copies of the lesions, and find the projection.

        Parameters
        ----------
        X : sequence of Lesion
            Segmented lesions. Those without a mask, or with an empty one, are left out.
        y : None
            Ignored.

        Returns
        -------
        self
            The fitted transformer.

        Raises
        ------
        ValueError, TypeError, OSError
            If there are fewer than two lesions with a mask, fewer features than `n_components`, a
            image can't be read, or a parameter has a value out of its range.
        """
        self._check_parameters()
        images = check_images(X)
        with learning_task(self, images, y) as task:
            self._learn(images, task)
        return self

    def _learn(self, images: Sequence[Any], task: FitTask) -> None:
        random = check_random_state(self.random_state)
        transformer = clone(self.transformer).fit(images)
        rows = [
            np.asarray(
                transformer.transform([lesion, *(augment_lesion(lesion, random) for _ in range(self.n_augmentations))])
            )
            for lesion in lesions_found(images, task)
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
