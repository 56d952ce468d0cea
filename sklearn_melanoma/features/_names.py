"""Features by name: checks of names, masks and lesions, and the base class that computes features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import check_image, check_mask


def check_names(
    features: str | Sequence[str], known: Sequence[str], *, sets: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Return the names of the chosen features, in the given order.

    Parameters
    ----------
    features : str or sequence of str
        ``"all"``, the name of another set, or names of features.
    known : sequence of str
        All names.
    sets : dict, optional
        Other sets of features by name.

    Returns
    -------
    tuple of str
        At least one name; each is known and occurs once.

    Raises
    ------
    TypeError
        If `features` is neither a string nor a sequence of strings.
    ValueError
        If a name is unknown or occurs twice, or there is none.
    """
    sets = {"all": known, **(sets or {})}
    known_sets = ", ".join(map(repr, sets))
    if isinstance(features, str):
        if features not in sets:
            advice = _suggest(features, sets).rstrip() or f"For one feature, pass [{features!r}]."
            raise ValueError(f"features must be {known_sets} or a list of names, got {features!r}. {advice}")
        return tuple(sets[features])
    if not isinstance(features, list | tuple) or not all(isinstance(name, str) for name in features):
        raise TypeError(f"features must be {known_sets} or a list of names, got {features!r}.")
    unknown = [name for name in features if name not in known]
    if unknown:
        raise ValueError(
            f"features must be known names, got {unknown!r}. {_suggest(unknown[0], known)}Known are {', '.join(known)}."
        )
    if not features or len(set(features)) < len(features):
        raise ValueError(f"features must hold at least one name, each of them once, got {features!r}.")
    return tuple(features)


def _suggest(name: str, known: Iterable[str]) -> str:
    """Return a question with the known name that is most similar to a name, or an empty text if none is."""
    similar = find_similar(name, known)
    return "" if similar is None else f"Did you mean {similar!r}? "


def find_similar(name: str, known: Iterable[str], similarity: float = 0.6) -> str | None:
    """Return the known name that is most similar to a name, in upper or lower case; None if none is similar enough."""
    by_folded = {each.casefold(): each for each in known}
    similar = get_close_matches(name.casefold(), by_folded, 1, similarity)
    return by_folded[similar[0]] if similar else None


def check_nonempty_mask(mask: ArrayLike, *, shape: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Return a mask as a 2-D bool array; raise an error if it is invalid or empty."""
    array = check_mask(mask, shape=shape)
    if not array.any():
        raise ValueError("mask must have at least one True pixel, got none. Measure only lesions that were found.")
    return array


def check_lesion(image: ArrayLike, mask: ArrayLike) -> Lesion:
    """Return an image and its mask as a lesion; raise an error if they are invalid or the mask has no True pixel."""
    pixels = check_image(image)
    return Lesion(pixels, check_nonempty_mask(mask, shape=pixels.shape[:2]))


def map_sources(names: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, int | None]]:
    """Return the source of each feature by name: a property, and a position if the property holds several features."""
    return {
        name: (source, position if len(several) > 1 else None)
        for source, several in names.items()
        for position, name in enumerate(several)
    }


class LesionFeatures:
    """Base class of the features of one lesion, each computed at its first use.

    A subclass has a property for each feature. `sources` lists the features whose property has another name or holds
    several features.
    """

    sources: ClassVar[Mapping[str, tuple[str, int | None]]] = {}  # as returned by `map_sources`

    @classmethod
    def of(cls, lesion: Lesion) -> Self:
        """Return the features of a lesion whose mask has at least one pixel."""
        raise NotImplementedError

    def measure(self, name: str) -> float:
        """Return one feature by its name."""
        source, position = self.sources.get(name, (name, None))
        found = getattr(self, source)
        return float(found if position is None else found[position])
