"""Scores of the ABCD rule of dermoscopy."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._color import Colors
from sklearn_melanoma.features._morphology import Morphology
from sklearn_melanoma.features._names import LesionFeatures
from sklearn_melanoma.features._structures import Structures

ABCD_FEATURES = ("abcd_asymmetry", "abcd_border", "abcd_colors", "abcd_structures", "total_dermoscopy_score")

# W. Stolz et al., "ABCD rule of dermatoscopy", Eur. J. Dermatol. 4, 521-527, 1994.
_WEIGHTS = (1.3, 0.1, 0.5, 0.5)

# A lesion is asymmetric about an axis if more than this fraction of the area has no counterpart in the mirror image. It
# is also asymmetric if the mean colors of the two halves are farther apart than this distance in CIELAB.
_MIN_ASYMMETRY, _MIN_COLOR_ASYMMETRY = 0.1, 8.0
# The border ends abruptly in a sector if a narrow band inside it has this fraction of the contrast, ...
_ABRUPT = 2 / 3
# ... and if the contrast is at least this, a difference that is easy to see.
_VISIBLE_CONTRAST = 10.0
# The rule counts structureless areas if they cover more than a tenth of the lesion. It counts dots, globules and
# streaks if there are more than two.
_STRUCTURELESS, _FEW = 0.1, 2
# A network is present if dark lines cover this fraction of the lesion. Streaks are present if dark lines cover this
# fraction of the rim.
_LINES = 0.1


class Abcd(LesionFeatures):
    """Scores of the ABCD rule for one lesion.

    Parameters
    ----------
    morphology, colors, structures : Morphology, Colors, Structures
        Features of the lesion.
    """

    def __init__(self, morphology: Morphology, colors: Colors, structures: Structures):
        self.morphology, self.colors, self.structures = morphology, colors, structures

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return the scores of a lesion."""
        return cls(lesion.shared(Morphology.of), lesion.shared(Colors.of), lesion.shared(Structures.of))

    @cached_property
    def abcd_asymmetry(self) -> int:
        """Number of the two principal axes about which outline or color are asymmetric."""
        pairs = zip(self.morphology.asymmetry, self.colors.asymmetry, strict=True)
        return sum(outline > _MIN_ASYMMETRY or color > _MIN_COLOR_ASYMMETRY for outline, color in pairs)

    @cached_property
    def abcd_border(self) -> int:
        """Number of the eight sectors in which the border ends abruptly."""
        wide, near = self.colors.sector_contrasts
        return int(np.count_nonzero((wide >= _VISIBLE_CONTRAST) & (near >= _ABRUPT * wide)))

    @cached_property
    def abcd_colors(self) -> float:
        """Number of dermoscopic colors, at least 1."""
        return float(np.fmax(self.colors.n_colors, 1.0))

    @cached_property
    def abcd_structures(self) -> int:
        """Number of the five structures that are present."""
        found = self.structures
        return sum(
            (
                found.measure("line_fraction_2") > _LINES,
                found.structureless_fraction > _STRUCTURELESS,
                found.n_dots > _FEW,
                found.n_globules > _FEW,
                found.rim_line_fraction > _LINES,
            )
        )

    @property
    def total_dermoscopy_score(self) -> float:
        """Weighted sum of the four scores."""
        scores = self.abcd_asymmetry, self.abcd_border, self.abcd_colors, self.abcd_structures
        return float(np.dot(_WEIGHTS, scores))
