"""What the measures share: checks of what they are given, and how a name leads to a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import check_image, check_mask


def check_names(
    features: str | Sequence[str], known: Sequence[str], *, sets: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Return the names of the chosen measures, in the order in which they were asked for.

    Parameters
    ----------
    features : str or sequence of str
        ``"all"``, the name of another set, or the names themselves.
    known : sequence of str
        All names.
    sets : dict, optional
        Names of sets of measures.

    Returns
    -------
    tuple of str
        At least one name, each of them known and there once.

    Raises
    ------
    TypeError
        If `features` is neither a string nor a sequence of strings.
    ValueError
        If a name is unknown or there twice, or there is none.
    """
    sets = {"all": known, **(sets or {})}
    known_sets = ", ".join(map(repr, sets))
    if isinstance(features, str):
        if features not in sets:
            raise ValueError(
                f"features must be {known_sets} or a list of names, got {features!r}. "
                f"For one measure, pass [{features!r}]."
            )
        return tuple(sets[features])
    if not isinstance(features, list | tuple) or not all(isinstance(name, str) for name in features):
        raise TypeError(f"features must be {known_sets} or a list of names, got {features!r}.")
    unknown = [name for name in features if name not in known]
    if unknown:
        raise ValueError(f"features must be known names, got {unknown!r}. Known are {', '.join(known)}.")
    if not features or len(set(features)) < len(features):
        raise ValueError(f"features must hold at least one name, each of them once, got {features!r}.")
    return tuple(features)


def check_some_mask(mask: ArrayLike, *, shape: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Return a mask as a 2-D bool array, or raise if it is none or empty."""
    array = check_mask(mask, shape=shape)
    if not array.any():
        raise ValueError("mask must have at least one True pixel, got none. Measure only lesions that were found.")
    return array


def check_lesion(image: ArrayLike, mask: ArrayLike) -> Lesion:
    """Return an image with a mask of at least one pixel, or raise if they are none or differ in shape."""
    pixels = check_image(image)
    return Lesion(pixels, check_some_mask(mask, shape=pixels.shape[:2]))


def name_sources(names: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, int | None]]:
    """Return where each measure comes from, by name: a property, and the place in it where it holds several."""
    return {
        name: (source, place if len(several) > 1 else None)
        for source, several in names.items()
        for place, name in enumerate(several)
    }


class NamedMeasures:
    """Base of what knows measures of one lesion by name."""

    sources: ClassVar[Mapping[str, tuple[str, int | None]]]  # what `name_sources` returns

    def measure(self, name: str) -> float:
        """Return one of `sources`."""
        source, place = self.sources[name]
        found = getattr(self, source)
        return float(found if place is None else found[place])
