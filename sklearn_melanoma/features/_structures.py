"""Dermoscopic structures inside a lesion: network, dots, globules, streaks and structureless areas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._crop import Crop
from sklearn_melanoma.features._names import LesionFeatures, check_lesion, check_names
from sklearn_melanoma.features._texture import SEEN_LINE, TEXTURE_FEATURES, Texture

STRUCTURE_FEATURES = ("n_dots", "n_globules", "structureless_fraction", "network_regularity", "rim_line_fraction")

# Scales of `Texture` for spots and lines: the fine scale for dots and networks, the coarse one for globules and
# streaks.
_FINE, _COARSE = 2, 4
# Depth of the rim with the streaks, as a fraction of the root of the lesion's area.
_RIM = 0.1
# A difference in lightness below this, in L*, is not a structure.
_FAINT = SEEN_LINE / 2
# Smallest number of holes in a network; fewer are not a lattice.
_MIN_HOLES = 5


def measure_texture(image: ArrayLike, mask: ArrayLike, features: str | Sequence[str] = "all") -> dict[str, float]:
    """Measure the texture of a lesion.

    Parameters
    ----------
    image : array-like of shape (height, width, 3)
        RGB image.
    mask : array-like of shape (height, width)
        Pixels of the lesion. At least one must be True.
    features : "all", or list or tuple of str, default="all"
        Names of the features; :class:`~sklearn_melanoma.features.TextureFeatures` defines them.

    Returns
    -------
    dict
        The features by name.

    Raises
    ------
    ValueError
        If `image` is not an image. If the mask is empty or has another shape than the image. If a name is unknown or
        occurs twice.
    TypeError
        If `features` is neither a str nor a list or tuple of str. If the dtype of `image` is not one of an image, or
        the mask holds neither bools nor numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.features import measure_texture
    >>> image = np.full((60, 60, 3), 120, dtype=np.uint8)
    >>> measure_texture(image, np.ones((60, 60), dtype=bool), ["lbp_0", "glcm_entropy_3"])
    {'lbp_0': 1.0, 'glcm_entropy_3': 0.0}
    """
    names = check_names(features, TEXTURE_FEATURES + STRUCTURE_FEATURES)
    structures = Structures.of(check_lesion(image, mask))
    return {name: structures.measure(name) for name in names}


class Structures(LesionFeatures):
    """Structure and texture features of one lesion, each computed at its first use.

    Parameters
    ----------
    texture : Texture
        Texture features of the lesion.
    depth : ndarray of shape (height, width), dtype float32
        Distance of each pixel of the lesion to the nearest pixel outside; 0 outside.
    """

    def __init__(self, texture: Texture, depth: NDArray[np.float32]):
        self.texture, self.depth = texture, depth

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return the structure and texture features of a lesion."""
        return cls(lesion.shared(Texture.of), lesion.shared(Crop).morphology.depth)

    def measure(self, name: str) -> float:
        """Return one of `TEXTURE_FEATURES` or `STRUCTURE_FEATURES`."""
        return super().measure(name) if name in STRUCTURE_FEATURES else self.texture.measure(name)

    @cached_property
    def n_dots(self) -> int:
        """Number of small dark spots."""
        return len(self._spots(_FINE, 1))

    @cached_property
    def n_globules(self) -> int:
        """Number of larger dark spots."""
        return len(self._spots(_COARSE, 1))

    @cached_property
    def structureless_fraction(self) -> float:
        """Fraction of the lesion outside all lines and spots, dark or bright."""
        whole, low, high = self.texture.curvature[_FINE]
        structured = np.count_nonzero(np.maximum(high, -low) > _FAINT)
        return 1 - structured / max(int(np.count_nonzero(whole)), 1)

    @cached_property
    def network_regularity(self) -> float:
        """Clark–Evans index of the holes between dark lines: 1 if random, 2.15 on a triangular lattice."""
        holes = self._spots(_FINE, -1)
        if len(holes) < _MIN_HOLES:
            return 1.0
        distances, _ = cKDTree(holes).query(holes, k=2)
        density = len(holes) / self.texture.area
        return float(distances[:, 1].mean()) * 2 * sqrt(density)

    @cached_property
    def rim_line_fraction(self) -> float:
        """Fraction of the rim on dark lines."""
        whole, _, high = map(self.texture.frame.show, self.texture.curvature[_COARSE])
        rim = whole & (self.depth <= max(_RIM * sqrt(self.texture.area), 1.0))
        return np.count_nonzero(rim & (high > SEEN_LINE)) / max(int(np.count_nonzero(rim)), 1)

    def _spots(self, scale: int, sign: int) -> NDArray[np.intp]:
        """Return row and column of the peak of each spot that is darker (1) or brighter (-1) than its surroundings."""
        _, low, high = self.texture.curvature[scale]
        strength = low if sign > 0 else -high
        peaks = np.flatnonzero(strength > SEEN_LINE)
        row = self.texture.frame.row
        # No peak lies in the first or the last row.
        steps = np.array((-row - 1, -row, 1 - row, -1, 1, row - 1, row, row + 1))
        highest = strength.take(peaks + steps[:, np.newaxis]).max(axis=0)
        return np.column_stack(np.divmod(peaks[strength.take(peaks) > highest], row))
