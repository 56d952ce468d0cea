"""Checks of groups: lesions or patients whose images belong together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._validation.checks import is_missing


def encode_groups(groups: ArrayLike) -> NDArray[np.intp]:
    """Return the number of the group of each sample.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or (n_samples, 1)
        Numbers or strings.

    Returns
    -------
    ndarray of shape (n_samples,), dtype int
        Numbers from 0.

    Raises
    ------
    ValueError
        If `groups` has several columns, or a group is None, NaN, masked or an empty string.

    Examples
    --------
    >>> encode_groups(["p7", "p3", "p7"])
    array([1, 0, 1])
    """
    values = list_groups(groups)
    for position, value in enumerate(values):
        if _is_missing_group(value):
            raise ValueError(
                f"groups[{position}] is missing, got {value!r}. Give a sample of unknown group a group of its own."
            )
    return np.unique(np.array(values), return_inverse=True)[1]


def list_groups(groups: ArrayLike) -> list[Any]:
    """Return groups as a list; one column counts as 1-D."""
    if getattr(groups, "ndim", 1) > 1 or hasattr(groups, "columns"):
        groups = np.asarray(groups)
        if groups.shape[1:] != (1,):
            raise ValueError(
                f"groups must hold one group for each sample, got shape {groups.shape}. Pass one column, such as "
                "table['patient_id']."
            )
        groups = groups[:, 0]
    return list(groups)  # type: ignore[arg-type]


def _is_missing_group(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return is_missing(value) or type(value).__name__ in ("NaTType", "MaskedConstant")
