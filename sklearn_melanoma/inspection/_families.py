"""Families of features, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn_melanoma.features import (
    AbcdFeatures,
    ColorFeatures,
    MorphologyFeatures,
    RadiomicsFeatures,
    TextureFeatures,
)

_RADIOMICS = "radiomics"
# Transformer of each family.
FAMILIES: dict[str, tuple[str, ...]] = {
    "morphology": MorphologyFeatures.FEATURES,
    "color": ColorFeatures.FEATURES + ColorFeatures.EXTRA_FEATURES,
    "texture": TextureFeatures.FEATURES,
    "ABCD": AbcdFeatures.FEATURES,
    _RADIOMICS: RadiomicsFeatures.FEATURES,
}
# FisherVectorEncoder and NetworkEncoder have up to thousands of columns, and a single column has no meaning. All of
# them count as one feature.
LEARNED = "learned patterns"
_LEARNED_PREFIXES = ("fisher_", "embedding_")


def is_learned(name: str) -> bool:
    """Return whether a feature is part of a Fisher vector or of the output of a network."""
    return name.rpartition("__")[2].startswith(_LEARNED_PREFIXES)  # a union may put the name of a step before it


def merge_learned(columns: Sequence[str]) -> dict[str, list[int]]:
    """Return the positions of the columns of each feature by its name; learned columns are one feature, the last."""
    features = {name: [position] for position, name in enumerate(columns) if not is_learned(name)}
    learned = [position for position, name in enumerate(columns) if is_learned(name)]
    return features | ({LEARNED: learned} if learned else {})


def find_family(name: str) -> str:
    """Return the family of a feature by its name, "other" if no transformer of the package makes it."""
    own = name.rpartition("__")[2]  # a union may put the name of a step before it
    for family, names in FAMILIES.items():
        if own in names or own.removesuffix("_mm2").removesuffix("_mm") in names:
            return family
    if own.partition("_")[2] in FAMILIES[_RADIOMICS]:  # follows the channel, or "original" in tables of PyRadiomics
        return _RADIOMICS
    return LEARNED if name == LEARNED or is_learned(name) else "other"


def check_names(names: Sequence[Any]) -> list[str]:
    """Return the names of features; raise an error if one is not a string or occurs twice."""
    checked = [str(name) for name in names if isinstance(name, str)]
    if len(checked) < len(names):
        raise TypeError(f"names of features must be strings, got {list(names)!r}. Name the columns.")
    if len(set(checked)) < len(checked):
        twice = sorted({name for name in checked if checked.count(name) > 1})
        raise ValueError(f"names of features must differ, got {twice!r} more than once. Rename the columns.")
    return checked


def assign_families(names: list[str], families: Mapping[str, str] | None) -> list[str]:
    """Return the family of each feature; `families` takes precedence over the families of the package."""
    families = {} if families is None else families
    unknown = sorted(set(families) - set(names))
    if unknown:
        raise ValueError(f"families must hold names of features, got {unknown!r}. There are {', '.join(names)}.")
    return [families[name] if name in families else find_family(name) for name in names]
