"""Families of features, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, MorphologyFeatures, TextureFeatures

# The transformer that makes each family.
FAMILIES: dict[str, tuple[str, ...]] = {
    "morphology": MorphologyFeatures.FEATURES,
    "color": ColorFeatures.FEATURES + ColorFeatures.EXTRA_FEATURES,
    "texture": TextureFeatures.FEATURES,
    "ABCD": AbcdFeatures.FEATURES,
}
PATCH_PREFIX = "patch_"  # an encoder numbers its columns and has no list of names


def find_family(name: str) -> str:
    """Return the family of a feature by its name, "other" if no transformer of the package makes it."""
    own = name.rpartition("__")[2]  # a union may put the name of a step before it
    for family, names in FAMILIES.items():
        if own in names or own.removesuffix("_mm2").removesuffix("_mm") in names:
            return family
    return "patches" if own.startswith(PATCH_PREFIX) else "other"


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
    """Return the family of each feature; `families` takes precedence over those of the package."""
    families = {} if families is None else families
    unknown = sorted(set(families) - set(names))
    if unknown:
        raise ValueError(f"families must hold names of features, got {unknown!r}. There are {', '.join(names)}.")
    return [families[name] if name in families else find_family(name) for name in names]
