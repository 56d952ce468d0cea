"""Diagnoses whose expected features are known, found by the words of a label."""

from __future__ import annotations

import re

from sklearn_melanoma.datasets._vocabulary import (
    BENIGN,
    BENIGN_WORDS,
    CANCER,
    CANCER_WORDS,
    OTHER,
    OTHER_WORDS,
    QUALIFIERS,
    Meaning,
    normalize,
    read_diagnosis,
)
from sklearn_melanoma.features._diagnoses import DIAGNOSES

#: Name of all lesions without a diagnosis of `DIAGNOSES`.
REST = "other"

# The first pattern that occurs in a phrase decides: a squamous cell carcinoma in situ is Bowen's disease.
_PATTERNS = {
    "actinic keratosis": r"(actinic|solar) keratos[ie]s|aktinische keratosen?|bowen(s|oid)?|in ?situ|intraepi\w+",
    "basal cell carcinoma": r"basal cell|basali\w+|basalzell\w+",
    "squamous cell carcinoma": r"squamous|spinali\w+|plattenepithel\w+|keratoacanthoma",
    "benign keratosis": r"seborrh?o?eic|seborrhoische\w*|(benign|lichenoid|lichen planus like) keratos[ie]s"
    r"|(solar|actinic|senile) lentig(o|ines)|keratosis like",
    "dermatofibroma": r"dermatofibrom(as?)?|(fibrous )?histio(cytoma|zytom)",
    "vascular lesion": r"vascular|venous|h?a?e?mangiom(as?|es?)?|angiom(as?|es?)?|angiokeratomas?|pyogenic granuloma"
    r"|h?a?emorrh?ag\w+|telangiectas\w+|h?a?ematomas?|na?evus flammeus",
    REST: r"(epidermal|sebaceous|organoid) na?ev(us|i)|na?ev(us|i) sebac\w+",  # these nevi are not melanocytic
    "nevus": r"na?ev(us|i|os?)|navi|navus|navuszellnav(us|i)|moles?|muttermale?|leberfleck",
}
_CODES = {code: name for name, codes in DIAGNOSES.items() for code in (name, *codes)}
# Words in names of all lesions except melanomas, without the words that name one of `DIAGNOSES`.
_WORDS = frozenset(" ".join(BENIGN | CANCER | OTHER).split()) | BENIGN_WORDS | CANCER_WORDS | OTHER_WORDS | QUALIFIERS
_WORDS -= _CODES.keys()


def find_diagnosis(label: object) -> str | None:
    """Return the diagnosis that a label means.

    Parameters
    ----------
    label : object
        A string, such as "nv" or "Basal cell carcinoma". Labels of other types mean nothing.

    Returns
    -------
    str or None
        One of `DIAGNOSES`, `REST` for another lesion, or None if the label is not understood.

    Examples
    --------
    >>> [find_diagnosis(label) for label in ("nv", "Pigmented Bowen's disease", "benign", "suspicious")]
    ['nevus', 'actinic keratosis', 'other', None]
    """
    if not isinstance(label, str):
        return None
    phrase, meaning = normalize(label), read_diagnosis(label)
    if phrase in _CODES:
        return _CODES[phrase]
    if meaning is Meaning.MELANOMA:
        return "melanoma"
    if meaning in (Meaning.UNKNOWN, Meaning.DOUBTFUL, Meaning.FOREIGN):
        return None
    if meaning is not Meaning.NOT_MELANOMA:
        for diagnosis, pattern in _PATTERNS.items():
            if re.search(rf"\b({pattern})\b", phrase):
                return diagnosis
    return REST


def find_unknown_words(label: object) -> list[str]:
    """Return the unknown words of a label that is read as `REST`; it may be a misspelled diagnosis.

    Parameters
    ----------
    label : object
        A string, such as "Merkel cell carcinoma".

    Returns
    -------
    list of str
        Words that no known name of another lesion has. Empty if the label has a diagnosis of `DIAGNOSES`, or none.

    Examples
    --------
    >>> [find_unknown_words(label) for label in ("Merkel cell carcinoma", "basal cel carcinoma")]
    [[], ['basal', 'cel']]
    """
    if not isinstance(label, str) or find_diagnosis(label) != REST or read_diagnosis(label) is Meaning.NOT_MELANOMA:
        return []
    words = re.sub(_PATTERNS[REST], "", normalize(label)).split()
    return [word for word in words if word.isalpha() and word not in _WORDS]
