"""Base class of the transformers of handcrafted features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sklearn_melanoma._base import N_JOBS, FeatureTransformer
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma.features._names import LesionFeatures, check_names


class HandcraftedFeatures(FeatureTransformer):
    """Base class of the transformers of handcrafted features, which are chosen by name."""

    FEATURES: ClassVar[tuple[str, ...]]
    EXTRA_FEATURES: ClassVar[tuple[str, ...]] = ()  # features that "all" leaves out
    _sets: ClassVar[Mapping[str, Sequence[str]]] = {}  # sets of features beside "all"
    _lesion_features: ClassVar[type[LesionFeatures]]  # class that computes them
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [str, list, tuple],
        "n_jobs": N_JOBS,
    }

    def __init__(self, features: str | Sequence[str] = "all", *, n_jobs: int | None = None):
        self.features = features
        self.n_jobs = n_jobs

    def _chosen_features(self) -> tuple[str, ...]:
        sets = {"all": self.FEATURES, **self._sets}
        return check_names(self.features, self.FEATURES + self.EXTRA_FEATURES, sets=sets)

    def _feature_names(self) -> Sequence[str]:
        return self._chosen_features()

    def _measure(self, lesion: Lesion, names: Sequence[str]) -> list[float]:
        found = lesion.shared(self._lesion_features.of)
        return [found.measure(name) for name in names]
