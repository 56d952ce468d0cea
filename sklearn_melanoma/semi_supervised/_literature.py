"""Prior weights for the classes of a problem, from the literature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.datasets._diagnoses import REST, find_diagnosis, find_unknown_words
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.features._diagnoses import DIAGNOSES

if TYPE_CHECKING:
    import pandas as pd

#: Value of the parameter `prior` for the directions from the literature.
LITERATURE = "literature"


def is_literature(prior: Any) -> bool:
    """Return whether a prior means the directions from the literature."""
    return isinstance(prior, str) and prior == LITERATURE


def find_diagnoses(classes: Sequence[Any], names: Mapping[Any, str]) -> list[str]:
    """Return the diagnosis of each class, or "other".

    Parameters
    ----------
    classes : sequence of labels
        0 means other, and 1 means melanoma. Strings are read by their words.
    names : mapping from label to str
        Diagnoses of labels that are not strings, or are not understood.

    Returns
    -------
    list of str
        Diagnoses in the order of the classes.

    Raises
    ------
    ValueError
        If a label is not understood, no class is a known diagnosis, or two classes have the same diagnosis.

    Examples
    --------
    >>> find_diagnoses(["nv", "bcc"], {})
    ['nevus', 'basal cell carcinoma']
    >>> find_diagnoses([0, 1], {})
    ['other', 'melanoma']
    """
    if not names and all(label in (0, 1) for label in classes):
        return ["melanoma" if label else REST for label in classes]
    words = [names.get(label, label) for label in classes]
    found = [(find_diagnosis(word), word) for word in words]
    if unknown := [word for diagnosis, word in found if diagnosis is None]:
        raise ValueError(
            f"prior={LITERATURE!r} must know the diagnosis of each class, got {unknown!r}. Name them in classes, such "
            f"as classes={{{classes[0]!r}: 'nevus', {classes[1]!r}: 'melanoma'}}, or pass prior=None. Known are: "
            f"{', '.join(DIAGNOSES)}, and {REST} for all others."
        )
    diagnoses = [diagnosis for diagnosis, _ in found if diagnosis is not None]
    if len(diagnoses) == 2 and diagnoses[0] == diagnoses[1] != REST:
        raise ValueError(
            f"prior={LITERATURE!r} must distinguish the classes, got {diagnoses[0]} twice for {list(classes)!r}. "
            "Name other diagnoses in classes, or pass prior=None."
        )
    if set(diagnoses) == {REST}:
        raise ValueError(
            f"prior={LITERATURE!r} must know the diagnosis of at least one class, got {list(classes)!r}. "
            "Name them in classes, or pass prior=None."
        )
    return diagnoses


def warn_of_unknown_words(classes: Sequence[Any], names: Mapping[Any, str], diagnoses: Sequence[str]) -> None:
    """Warn about words that may be misspelled diagnoses; they are read as "other", without the weights."""
    # Without "literature", there are no diagnoses. For melanoma and another class, only melanoma has weights.
    if not diagnoses or (len(classes) == 2 and "melanoma" in diagnoses):
        return
    words = [names.get(label, label) for label in classes]
    if doubtful := [word for word in words if find_unknown_words(word)]:
        listed = " and ".join(map(repr, doubtful))
        warn_user(
            f"prior={LITERATURE!r} reads {listed} as {REST!r}, because not all words are known. Correct the spelling, "
            f"or name the diagnosis of each label in classes, such as classes={{{doubtful[0]!r}: {REST!r}, …}}."
        )


def find_melanoma(classes: Sequence[Any], diagnoses: Sequence[str]) -> Any:
    """Return the label of melanoma; None if there is none or more than one."""
    labels = [label for label, diagnosis in zip(classes, diagnoses, strict=True) if diagnosis == "melanoma"]
    return labels[0] if len(labels) == 1 else None


def make_literature_prior(classes: Sequence[Any], diagnoses: Sequence[str]) -> pd.Series | dict[Any, pd.Series]:
    """Return the weights from the literature: one set for two classes, or one set for each class.

    The directions of a diagnosis distinguish it from all others. So the directions of melanoma distinguish melanoma
    from any second class. Without melanoma, the weights are the difference between the two classes.
    """
    if len(classes) > 2:
        named = zip(classes, diagnoses, strict=True)
        return {label: _find_weights(diagnosis) for label, diagnosis in named if diagnosis != REST}
    against, towards = diagnoses
    if towards == "melanoma" or against == REST:
        return _find_weights(towards)
    if against == "melanoma" or towards == REST:
        return -_find_weights(against)
    return _find_weights(towards) - _find_weights(against)


@cache
def _find_weights(diagnosis: str) -> pd.Series:
    return feature_directions(diagnosis)["weight"]
