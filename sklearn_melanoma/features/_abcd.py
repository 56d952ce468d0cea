"""The ABCD rule of dermoscopy as numbers."""

from __future__ import annotations

from functools import cached_property
from typing import Self

import numpy as np

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._color import Colors
from sklearn_melanoma.features._shape import Shape
from sklearn_melanoma.features._structures import Structures

ABCD_FEATURES = ("abcd_asymmetry", "abcd_border", "abcd_colors", "abcd_structures", "total_dermoscopy_score")

# W. Stolz et al., "ABCD rule of dermatoscopy", Eur. J. Dermatol. 4, 521-527, 1994.
_WEIGHTS = (1.3, 0.1, 0.5, 0.5)

# An axis is one of asymmetry if more than this share of the area has no counterpart in its mirror image, or if the mean
# colors of the two halves lie farther apart than this distance in CIELAB.
_SHAPE_DIFFERS, _COLOR_DIFFERS = 0.1, 8.0
# The border breaks off where right inside of it this share of the contrast is reached ...
_ABRUPT = 2 / 3
# ... if there is a contrast: a difference that everybody sees.
_SEEN_CONTRAST = 10.0
# The rule counts structureless areas from a tenth of the lesion on, dots, globules and streaks from more than two on.
_STRUCTURELESS, _FEW = 0.1, 2
# Share of the lesion, or of its rim, on dark lines from which there is a network, or are streaks.
_LINES = 0.1


class Abcd:
    """Scores of the ABCD rule.

    Parameters
    ----------
    shape, colors, structures : Shape, Colors, Structures
        What is known of the lesion.
    """

    def __init__(self, shape: Shape, colors: Colors, structures: Structures):
        self.shape, self.colors, self.structures = shape, colors, structures

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return those of a lesion."""
        return cls(lesion.shared(Shape.of), lesion.shared(Colors.of), lesion.shared(Structures.of))

    def measure(self, name: str) -> float:
        """Return one of `ABCD_FEATURES`."""
        return float(getattr(self, name))

    @cached_property
    def abcd_asymmetry(self) -> int:
        """Number of the two principal axes about which shape or color differ."""
        pairs = zip(self.shape.asymmetry, self.colors.asymmetry, strict=True)
        return sum(shape > _SHAPE_DIFFERS or color > _COLOR_DIFFERS for shape, color in pairs)

    @cached_property
    def abcd_border(self) -> int:
        """Number of the eight sectors in which the border breaks off abruptly."""
        wide, near = self.colors.sector_contrasts
        return int(np.count_nonzero((wide >= _SEEN_CONTRAST) & (near >= _ABRUPT * wide)))

    @cached_property
    def abcd_colors(self) -> float:
        """Number of the six colors."""
        return float(np.fmax(self.colors.n_colors, 1.0))

    @cached_property
    def abcd_structures(self) -> int:
        """Number of the five structures."""
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
        """The weighted sum."""
        scores = self.abcd_asymmetry, self.abcd_border, self.abcd_colors, self.abcd_structures
        return float(np.dot(_WEIGHTS, scores))
