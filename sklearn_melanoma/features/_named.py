"""What the transformers share whose columns are chosen by name and have no other option."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Protocol, Self

from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._names import check_names


class Measures(Protocol):
    """What is known of one lesion, shared by all who ask for it."""

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Look at a lesion with a mask of at least one pixel."""

    def measure(self, name: str) -> float:
        """Return a measure by its name."""


class NamedFeatures(FeatureTransformer):
    """Base of the transformers to all of some named measures, or to a choice of them."""

    FEATURES: ClassVar[tuple[str, ...]]
    _measures: ClassVar[type[Measures]]
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, list, tuple],
        "n_jobs": [Integral, None],
    }

    def __init__(self, features: str | Sequence[str] = "all", *, n_jobs: int | None = None):
        self.features = features
        self.n_jobs = n_jobs

    def _feature_names(self) -> tuple[str, ...]:
        return check_names(self.features, self.FEATURES)

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> list[float]:
        found = lesion.shared(self._measures.of)
        return [found.measure(name) for name in names]
