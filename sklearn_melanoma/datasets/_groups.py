"""Groups of images that must stay together: patients, else lesions, else single images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sklearn_melanoma.datasets._vocabulary import is_unknown

PATIENT_COLUMNS = (
    *(f"patient{part}" for part in ("_id", "", "id", "_no", "_nr", "_num", "_number", "_code", "_name")),
    *("pat_id", "pat_nr", "pid", "mrn", "medical_record_number", "subject_id", "subject", "subjectid"),
    *("participant_id", "participant", "person_id", "person"),
)
LESION_COLUMNS = (
    "lesion_id",
    "lesion",
    "lesionid",
    "lesion_no",
    "lesion_nr",
    "lesion_number",
    "case_num",
    "case_id",
    "case",
)


def make_groups(patients: Sequence[str], lesions: Sequence[str], images: Sequence[str]) -> list[str]:
    """Return the patient of each image; if it is unknown, the lesion; if this is unknown too, the image.

    Parameters
    ----------
    patients, lesions : sequence of str
        Ids of each image. An empty id, or a word such as "unknown", means no id. Ids of lesions may repeat in other
        patients.
    images : sequence of str
        Ids of the images.

    Returns
    -------
    list of str
        The ids. If the id of a lesion is also the id of a patient, it gets the prefix "lesion"; likewise "image".
    """
    patients = ["" if is_unknown(patient) else patient for patient in patients]
    lesions = ["" if is_unknown(lesion) else lesion for lesion in lesions]
    owners = defaultdict(set)
    for patient, lesion in zip(patients, lesions, strict=True):
        if patient and lesion:
            owners[lesion].add(patient)
    taken = set(patients)
    groups = []
    for patient, lesion, image in zip(patients, lesions, images, strict=True):
        owner = owners.get(lesion, set()) if lesion else set()
        if patient or len(owner) == 1:  # a lesion of a known patient, in a row without the patient
            groups.append(patient or next(iter(owner)))
        elif lesion:
            groups.append(f"lesion {lesion}" if lesion in taken else lesion)
        else:
            groups.append(image)
    ids = taken | {lesion for lesion in lesions if lesion}
    return [
        f"image {image}" if group == image and not patient and not lesion and image in ids else group
        for group, image, patient, lesion in zip(groups, images, patients, lesions, strict=True)
    ]


def warn_of_unknown_groups(ids: Sequence[str], source: str) -> list[str]:
    """Return a warning of images without an id in the column of groups that the user named."""
    n_unknown = sum(map(is_unknown, ids))
    if not n_unknown:
        return []
    return [f"{source}: {n_unknown} of {len(ids)} images have no group, so each of them is a group of its own."]


def join_groups(groups: ArrayLike, pairs: ArrayLike) -> NDArray[Any]:
    """Return groups in which images that belong together have the same group.

    Parameters
    ----------
    groups : array-like of shape (n_images,)
        Group of each image.
    pairs : array-like of shape (n_pairs, 2)
        Positions of images that belong together.

    Returns
    -------
    ndarray of shape (n_images,)
        The groups. A joined group has the name of the group of its first image.

    Examples
    --------
    >>> join_groups(["a", "b", "c", "b"], [(0, 3)]).tolist()
    ['a', 'a', 'c', 'a']
    """
    import pandas as pd

    codes, names = pd.factorize(np.asarray(groups))  # codes in the order of the images
    links = codes[np.asarray(pairs, dtype=np.intp).reshape(-1, 2)]
    graph = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(names), len(names)))
    component = connected_components(graph, directed=False)[1]
    lowest = np.full(len(names), len(names))
    np.minimum.at(lowest, component, np.arange(len(names)))
    return np.asarray(names[lowest[component[codes]]])
