"""What small patches of lesions look like, learned from images without a label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_melanoma._callbacks import FitTask
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._sklearn_compat import Interval, one_blas_thread, with_callbacks
from sklearn_melanoma._validation import check_images
from sklearn_melanoma.features._learned import LearnedFeatures, learning_task, lesions_found
from sklearn_melanoma.features._patches import encode, learn_codes, pool, take_patches


class PatchEncoder(LearnedFeatures):
    r"""Describe lesions by how much their patches look like patches learned from images without a label.

    Small color patches of the lesions are made equal in brightness and contrast, whitened and
    clustered; each cluster is a code. A lesion is described by the mean and the standard
    deviation of the likeness of its patches to each code, in its core and along its border.

    Parameters
    ----------
    n_codes : int, default=64
        Number of codes; each makes four columns.
    patch_side : int, default=6
        Side of a patch, in pixels of the working size.
    lesion_side : int, default=48
        Working size: the square root of the lesion's area, in pixels. A patch is an eighth of that.
    n_patches : int, default=20000
        Number of patches to learn from, about as many of each lesion.
    n_jobs : int, optional
        Number of processes, as in joblib. Use it on one level only: here, in the pipeline or in the search around it.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw of patches and codes.

    Attributes
    ----------
    codes_ : Codes
        Mean patch, whitening matrix and centers, all in values of normalized patches.

    See Also
    --------
    InvariantProjection : Learns from altered copies of images what to look at.
    ColorFeatures : Needs no images to learn from.

    Notes
    -----
    The method is that of Coates, Lee and Ng [1]_ with the triangle encoding of [2]_: with the
    distances :math:`z_k` of a whitened patch to the codes, :math:`f_k = \max(0, \bar{z} - z_k)`. A code
    stands for all 8 orientations of a patch, quarter turns and mirror images, and the nearest counts: so
    the rows do not change when an image is turned or mirrored, and no code is spent on an edge seen from
    another side. Patches lie two pixels apart. One of which a share :math:`s` is lesion counts
    :math:`s^2` in the core and :math:`2 s (1 - s)` along the border; no pixel further out than a patch is looked
    at. Images without a mask, or with an empty one, teach nothing.

    The columns are `patch_core_0` … (means), `patch_core_std_0` …, `patch_border_0` … and
    `patch_border_std_0` …; without unit. They are NaN for a lesion that was not found, those of the border
    also where the lesion fills the frame.

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
        "n_jobs": [Integral, None],
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

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the codes from lesions.

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
            If the lesions hold fewer patches than `n_codes`, an image can't be read, or a parameter
            has a value out of its range.
        """
        self._check_parameters()
        images = check_images(X)
        with learning_task(self, images, y) as task:
            self._learn(images, task)
        return self

    def _learn(self, images: Sequence[Any], task: FitTask) -> None:
        random = check_random_state(self.random_state)
        share = -(-self.n_patches // max(len(images), 1))
        drawn: list[NDArray[np.float64]] = []
        for lesion in lesions_found(images, task):
            patches, _ = self._take(lesion, self.patch_side)
            drawn.append(patches[random.permutation(len(patches))[:share]])
        n_drawn = sum(map(len, drawn))
        if n_drawn < self.n_codes:
            raise ValueError(
                f"X must hold at least n_codes={self.n_codes} patches, got {n_drawn} of {len(drawn)} lesions with a "
                "mask. Pass more lesions, put a segmenter before, or lower n_codes."
            )
        task.begin_part("learn")
        with one_blas_thread():
            self.codes_ = learn_codes(np.concatenate(drawn), self.n_codes, side=self.patch_side, random=random)

    def _take(self, lesion: Lesion, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return take_patches(lesion, side=side, lesion_side=self.lesion_side)

    def _feature_names(self) -> list[str]:
        n_codes = len(self.codes_.centers) if hasattr(self, "codes_") else self.n_codes
        parts = ("core", "core_std", "border", "border_std")
        return [f"patch_{part}_{number}" for part, number in product(parts, range(n_codes))]

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> NDArray[np.float64]:
        patches, shares = self._take(lesion, self.codes_.side)
        return pool(encode(patches, self.codes_), shares)
