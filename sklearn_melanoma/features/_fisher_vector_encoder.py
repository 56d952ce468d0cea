"""Transformer that encodes patches of lesions by Fisher vectors, learned without labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval, one_blas_thread
from sklearn_melanoma._typing import Array
from sklearn_melanoma.features._fisher import N_VALUES, SCALES, ZONES, Floats, encode, take_patches
from sklearn_melanoma.features._learned import LearnedFeatures, iterate_lesions
from sklearn_melanoma.features._mixture import learn_mixture


class FisherVectorEncoder(LearnedFeatures):
    r"""Describe lesions by Fisher vectors of their patches, learned from images without labels.

    A Gaussian mixture describes the small patches of all lesions. The features of one lesion are the directions in
    which its own patches would change the means and variances of that mixture.

    Parameters
    ----------
    n_gaussians : int, default=8
        Number of Gaussians at each scale.
    n_components : int, default=24
        Number of principal components of a patch, at most 36.
    n_patches : int, default=25000
        Number of patches to learn from at each scale, about equally many per lesion.
    subsample : int, default=700
        Number of images to learn from. If there are more, they are drawn at random.
    n_jobs : int, optional
        Number of processes of `transform`, as in joblib. Use it on one level only: here, in the pipeline or in the
        search around it.
    random_state : int, RandomState instance or None, default=None
        Seed that draws images, patches and the first means.

    Attributes
    ----------
    mixtures_ : list of Mixture
        For each scale, `center` and `components` of the principal component analysis, and `weights`, `means` and
        `deviations` of the Gaussians.

    See Also
    --------
    TextureFeatures : Texture features, which need no fit.
    sklearn_melanoma.pipeline.make_melanoma_pipeline : Adds these features to all others with ``"learned"``.

    Notes
    -----
    The method is that of Perronnin, Sánchez and Mensink [1]_, on small patches at three scales: the square root of the
    lesion's area is 20, 40 and 80 pixels. Patches of 6 × 6 pixels are 1, 2 and 3 pixels apart. Their centers are at
    most 0.12 of that square root outside the border. The values of a patch are the discrete cosine transform of the
    logarithms of its levels, without the mean and the finest frequencies. So the color and the strength of the light
    have no influence.

    Each patch is mirrored and transposed into one orientation, in which the brightness decreases downwards and to the
    right. The features are therefore the same if the image is mirrored or rotated by quarter turns. This also raised
    the AUC, because one Gaussian can describe an edge in all orientations.

    There is a vector for the lesion and one for a rim along its border. The rim reaches from 0.08 of the square root of
    the area outside the border to 0.15 of it inside. Values are replaced by square roots with their sign, and each
    vector has the length 1 [1]_.

    The columns are ``fisher_s20_lesion_mean_00_00`` …: scale, zone, mean or variance, number of the Gaussian, number of
    the component. They are dimensionless. Scale them as one block with :class:`~sklearn_melanoma.pipeline.BlockScaler`,
    which centers them and divides the whole block by one number. Do not standardize each column. All columns are NaN
    for a lesion that was not found. The columns of one scale are NaN if there is no patch at this scale, for example if
    the lesion consists of small parts far apart.

    References
    ----------
    .. [1] F. Perronnin, J. Sánchez, T. Mensink: Improving the Fisher kernel for large-scale image classification.
       ECCV, 143–156, 2010.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import FisherVectorEncoder
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = WatershedSegmenter().transform(make_lesions(6, random_state=0).images)
    >>> encoder = FisherVectorEncoder(n_gaussians=4, n_components=8, random_state=0)
    >>> encoder.fit_transform(lesions).shape
    (6, 384)
    >>> list(encoder.get_feature_names_out()[[0, 383]])
    ['fisher_s20_lesion_mean_00_00', 'fisher_s80_rim_variance_03_07']
    """

    _learned = "mixtures_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_gaussians": [Interval(Integral, 1, None, closed="left")],
        "n_components": [Interval(Integral, 1, N_VALUES, closed="both")],
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "subsample": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        *,
        n_gaussians: int = 8,
        n_components: int = 24,
        n_patches: int = 25000,
        subsample: int = 700,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_gaussians = n_gaussians
        self.n_components = n_components
        self.n_patches = n_patches
        self.subsample = subsample
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _count_learned(self, n_images: int) -> int:
        return min(n_images, self.subsample)

    def _learn(self, images: Sequence[Any], task: FitTask) -> None:
        random = check_random_state(self.random_state)
        positions = np.sort(random.permutation(len(images))[: self.subsample])
        n_per_lesion = -(-self.n_patches // max(len(positions), 1))
        chosen: list[list[Floats]] = [[] for _ in SCALES]
        for lesion in iterate_lesions(images, task, positions.tolist()):
            with one_blas_thread():
                taken = take_patches(lesion)
            for drawn, patches in zip(chosen, taken, strict=True):
                drawn.append(patches.values[random.permutation(len(patches.values))[:n_per_lesion]])
        n_lesions = len(chosen[0])
        n_fewest = min(sum(map(len, drawn)) for drawn in chosen)
        if n_fewest < max(self.n_gaussians, 2):
            raise ValueError(
                f"X must hold at least n_gaussians={self.n_gaussians} patches, and at least 2, got {n_fewest} at one "
                f"scale, of {n_lesions} lesions with a mask in {len(positions)} images. "
                "Pass more lesions, put a segmenter before, or lower n_gaussians."
            )
        task.begin_part("learn")
        with one_blas_thread():
            self.mixtures_ = [
                learn_mixture(np.concatenate(drawn), self.n_components, self.n_gaussians, random) for drawn in chosen
            ]

    def _feature_names(self) -> list[str]:
        n_gaussians, n_components = self.n_gaussians, self.n_components
        if hasattr(self, "mixtures_"):
            n_gaussians, n_components = self.mixtures_[0].means.shape
        return [
            f"fisher_s{scale}_{zone}_{moment}_{gaussian:02d}_{component:02d}"
            for scale, zone, moment, gaussian, component in product(
                SCALES, ZONES, ("mean", "variance"), range(n_gaussians), range(n_components)
            )
        ]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> Array:
        with one_blas_thread():  # the matrices are too small for more threads
            scales = zip(take_patches(lesion), self.mixtures_, strict=True)
            return np.concatenate([encode(patches, mixture) for patches, mixture in scales], dtype=np.float64)
