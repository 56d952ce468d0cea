"""Transformer that computes the features of augmented lesions."""

from __future__ import annotations

from typing import Any, ClassVar
from zlib import crc32

import numpy as np
from sklearn.base import TransformerMixin

from sklearn_melanoma._base import ImageTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._typing import Array
from sklearn_melanoma.experimental._augmentation import augment_lesion


class AugmentedFeatures(TransformerMixin, ImageTransformer, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Compute the features of several augmented copies of each lesion, side by side in one row.

    Parameters
    ----------
    transformer : transformer
        Fitted feature transformer.
    n_augmentations : int
        Number of copies of each lesion.
    seed : int
        Seed of the copies. Copies depend on the seed and on the pixels of the lesion, but not on the position of the
        lesion or on other lesions.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def __init__(self, transformer: Any, n_augmentations: int, seed: int):
        self.transformer = transformer
        self.n_augmentations = n_augmentations
        self.seed = seed

    def transform(self, X: Any) -> Array:
        """Return the features of the copies of each lesion; copies of a lesion without mask pixels are unchanged.

        Parameters
        ----------
        X : sequence of Lesion
            Segmented lesions.

        Returns
        -------
        ndarray of shape (n_lesions, n_augmentations * n_features), dtype float64
            The features of the first copy, then the features of the second copy, and so on.
        """
        copies = [copy for lesion in X for copy in self._augment(lesion)]
        return np.asarray(self.transformer.transform(copies), dtype=np.float64).reshape(len(X), -1)

    def _augment(self, lesion: Lesion) -> list[Lesion]:
        if lesion.mask is None or not lesion.area_px:
            return [lesion] * self.n_augmentations
        pixels = [crc32(np.ascontiguousarray(array)) for array in (lesion.image, lesion.mask)]
        random = np.random.RandomState([self.seed, *pixels])
        return [augment_lesion(lesion, random) for _ in range(self.n_augmentations)]
