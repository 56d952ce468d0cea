"""Labels of several diagnoses, made from words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.datasets._diagnoses import REST, find_diagnosis, find_unknown_words
from sklearn_melanoma.datasets._vocabulary import Meaning, read_diagnosis
from sklearn_melanoma.features._diagnoses import DIAGNOSES


def read_diagnoses(labels: Sequence[object], classes: Sequence[Any] = ()) -> NDArray[np.object_]:
    """Read diagnoses from labels, for a model of several diagnoses.

    Words of the same diagnosis get the same name: "nv", "Naevus" and "compound nevus" become "nevus".

    Parameters
    ----------
    labels : sequence of str
        Words, such as the field `diagnosis` of :func:`load_images`, and -1 for unlabeled images.
    classes : sequence of str, optional
        Classes of a model. Each diagnosis gets the name of its class: with ``("mel", "nv")``, "melanoma" becomes "mel".
        If the classes contain "other", all other diagnoses become "other".

    Returns
    -------
    ndarray of shape (n_labels,), dtype object
        "nevus", "melanoma", "basal cell carcinoma", "actinic keratosis", "benign keratosis", "dermatofibroma",
        "vascular lesion", "squamous cell carcinoma", or "other" for another lesion. Labels such as "unknown" become -1.

    Raises
    ------
    ValueError
        If a label is not understood, such as "malignant". The message lists these labels with their counts.

    Warns
    -----
    UserWarning
        If a label that becomes "other" may be a misspelled diagnosis.

    See Also
    --------
    sklearn_melanoma.features.feature_directions : Expected direction of each feature for each diagnosis.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import read_diagnoses
    >>> read_diagnoses(["nv", "Melanom", "Basalzellkarzinom", "unknown"])
    array(['nevus', 'melanoma', 'basal cell carcinoma', -1], dtype=object)
    >>> read_diagnoses(["Naevus", "melanoma in situ"], classes=("mel", "nv"))
    array(['nv', 'mel'], dtype=object)
    """
    found = {label: _read_label(label) for label in set(labels)}
    if refused := Counter(repr(label) for label in labels if found[label] is None):
        listed = ", ".join(f"{label} ({count})" for label, count in refused.most_common(20))
        raise ValueError(
            f"labels must name diagnoses, got {listed}. Write diagnoses such as {', '.join(DIAGNOSES)}; {REST!r} for "
            "another lesion; or 'unknown'."
        )
    if doubtful := sorted({repr(label) for label in labels if find_unknown_words(label)}):
        warn_user(
            f"labels: {' and '.join(doubtful)} became {REST!r}, because not all words are known. Correct the spelling "
            "if that is wrong."
        )
    own = np.asarray(classes, dtype=object).tolist()
    diagnoses = list(map(find_diagnosis, own))
    by_name = {name: label for name, label in zip(diagnoses, own, strict=True) if diagnoses.count(name) == 1}
    by_name |= {name: by_name.get(REST, name) for name in (*DIAGNOSES, REST) if name not in by_name}
    names = [label if label in own else by_name.get(found[label], -1) for label in labels]
    return np.array(names, dtype=object)


def _read_label(label: object) -> Any:
    """Return the diagnosis of a label; -1 without a diagnosis; None if the label is not understood."""
    unlabeled = label == -1 or (isinstance(label, str) and read_diagnosis(label) is Meaning.UNKNOWN)
    return -1 if unlabeled else find_diagnosis(label)
