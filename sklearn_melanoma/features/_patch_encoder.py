"""Transformer that encodes patches of lesions with codes learned without labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_melanoma._base import N_JOBS
from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval, one_blas_thread
from sklearn_melanoma.features._learned import LearnedFeatures, iterate_lesions
from sklearn_melanoma.features._patches import encode, learn_codes, pool, take_patches


class PatchEncoder(LearnedFeatures):
    r"""Describe lesions by the similarity of their patches to codes, which are learned from images without labels.

    Small color patches of the lesions are normalized in brightness and contrast, whitened and
    clustered; each cluster is a code. The features of a lesion are the mean and the standard
    deviation of the similarity of its patches to each code, in its core and along its border.

    Parameters
    ----------
    n_codes : int, default=64
        Number of codes; each gives four columns.
    patch_side : int, default=6
        Side of a patch, in pixels of the working image.
    lesion_side : int, default=48
        Square root of the lesion's area in the working image, in pixels. By default, a patch is an eighth of it.
    n_patches : int, default=20000
        Number of patches to learn from, about equally many per lesion.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed that draws patches and initial codes.

    Attributes
    ----------
    codes_ : Codes
        Mean patch and whitening matrix of normalized patches, and the centers of the clusters, which are whitened.

    See Also
    --------
    InvariantProjection : Learns a projection of features from augmented copies.
    ColorFeatures : Color features, which need no fit.

    Notes
    -----
    The method is that of Coates, Lee and Ng [1]_ with the triangle encoding of [2]_: a patch has the similarity
    :math:`f_k = \max(0, \bar{z} - z_k)` to a code, where :math:`z_k` are the distances of the whitened patch to the
    codes. A code represents all 8 orientations of a patch (quarter turns and mirror images), and the nearest one
    counts. So the features do not change when an image is rotated by quarter turns or mirrored, and one code suffices
    for an edge in all orientations. Patches are two pixels apart. A patch with a fraction :math:`s` of lesion has the
    weight :math:`s^2` in the core and :math:`2 s (1 - s)` along the border. Pixels farther out than a patch have no
    influence. Images without a mask, or with an empty one, are ignored by `fit`, which needs at least `n_codes`
    patches.

    The columns are `patch_core_0` … (means), `patch_core_std_0` …, `patch_border_0` … and
    `patch_border_std_0` …; they are dimensionless. They are NaN for a lesion that was not found. Those of the border
    are also NaN for a lesion that fills the frame.

    References
    ----------
    .. [1] A. Coates, H. Lee, A. Y. Ng: An analysis of single-layer networks in unsupervised feature
       learning. AISTATS, 215–223, 2011.
    .. [2] A. Coates, A. Y. Ng: The importance of encoding versus training with sparse coding and vector
       quantization. ICML, 921–928, 2011.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.features import PatchEncoder
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> lesions = WatershedSegmenter().transform(make_lesions(6, random_state=0).images)
    >>> encoder = PatchEncoder(n_codes=8, n_patches=2000, random_state=0)
    >>> encoder.fit_transform(lesions).shape
    (6, 32)
    >>> list(encoder.get_feature_names_out()[[0, 8, 31]])
    ['patch_core_0', 'patch_core_std_0', 'patch_border_std_7']
    """

    _learned = "codes_"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_codes": [Interval(Integral, 1, None, closed="left")],
        "patch_side": [Interval(Integral, 2, None, closed="left")],
        "lesion_side": [Interval(Integral, 8, None, closed="left")],
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
    }

    def __init__(
        self,
        *,
        n_codes: int = 64,
        patch_side: int = 6,
        lesion_side: int = 48,
        n_patches: int = 20000,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_codes = n_codes
        self.patch_side = patch_side
        self.lesion_side = lesion_side
        self.n_patches = n_patches
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _learn(self, images: Sequence[Any], task: FitTask) -> None:
        random = check_random_state(self.random_state)
        n_per_lesion = -(-self.n_patches // max(len(images), 1))
        chosen: list[NDArray[np.float64]] = []
        for lesion in iterate_lesions(images, task):
            patches, _ = self._take_patches(lesion, self.patch_side)
            chosen.append(patches[random.permutation(len(patches))[:n_per_lesion]])
        n_chosen = sum(map(len, chosen))
        if n_chosen < self.n_codes:
            raise ValueError(
                f"X must hold at least n_codes={self.n_codes} patches, got {n_chosen} of {len(chosen)} lesions with a "
                "mask. Pass more lesions, put a segmenter before, or lower n_codes."
            )
        task.begin_part("learn")
        with one_blas_thread():
            self.codes_ = learn_codes(np.concatenate(chosen), self.n_codes, side=self.patch_side, random=random)

    def _take_patches(self, lesion: Lesion, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return take_patches(lesion, side=side, lesion_side=self.lesion_side)

    def _feature_names(self) -> list[str]:
        n_codes = len(self.codes_.centers) if hasattr(self, "codes_") else self.n_codes
        parts = ("core", "core_std", "border", "border_std")
        return [f"patch_{part}_{number}" for part, number in product(parts, range(n_codes))]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> NDArray[np.float64]:
        patches, fractions = self._take_patches(lesion, self.codes_.side)
        return pool(encode(patches, self.codes_), fractions)
