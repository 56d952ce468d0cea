"""Distances of lesions from the other lesions of the same patient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma._typing import Array

#: Smallest number of lesions of a patient for a comparison. With two, both have the same distance from the median.
MIN_LESIONS = 3


class Distances(NamedTuple):
    """Signed distances from the median of the patient, and their median absolute value for the patient.

    Parameters
    ----------
    values : ndarray of shape (n_lesions, n_features)
        Value minus median. NaN if the patient has fewer than three known values.
    mads : ndarray of shape (n_lesions, n_features)
        Median absolute deviation of the patient of each lesion. NaN in the same cases.
    """

    values: Array
    mads: Array


def compare_within_patients(rows: Array, patients: NDArray[np.object_]) -> Distances:
    """Compute the distance of each lesion from the median of the same patient.

    Parameters
    ----------
    rows : ndarray of shape (n_lesions, n_features)
        Features, NaN for missing values.
    patients : ndarray of shape (n_lesions,)
        The patient of each lesion, missing if unknown.

    Returns
    -------
    Distances
        Distances and their median absolute values.

    Examples
    --------
    >>> import numpy as np
    >>> rows, patients = np.array([[1.0], [2.0], [6.0], [5.0]]), np.array(["a", "a", "a", "b"], dtype=object)
    >>> values, mads = compare_within_patients(rows, patients)
    >>> values.ravel(), mads.ravel()
    (array([-1.,  0.,  4., nan]), array([ 1.,  1.,  1., nan]))
    """
    import pandas as pd

    table = pd.DataFrame(rows)
    codes = pd.factorize(patients)[0].astype(float)
    codes[codes < 0] = np.nan  # pandas leaves out rows of a missing group
    groups = table.groupby(codes)
    values = (table - groups.transform("median")).where(groups.transform("count") >= MIN_LESIONS)
    return Distances(values.to_numpy(), values.abs().groupby(codes).transform("median").to_numpy())


def find_typical_mads(mads: Array) -> Array:
    """Return the median of the positive median absolute deviations of each feature; 1 if there are none."""
    import pandas as pd

    table = pd.DataFrame(mads)
    return table.where(table > 0).median().fillna(1.0).to_numpy()
