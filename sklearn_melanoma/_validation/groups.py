"""Checks of groups: lesions or patients whose images belong together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._validation.checks import is_missing


def encode_groups(groups: ArrayLike, *, name: str = "groups", n_images: int | None = None) -> NDArray[np.intp]:
    """Return the number of the group of each sample.

    Parameters
    ----------
    groups : array-like of shape (n_samples,) or (n_samples, 1)
        Numbers, strings, or tuples of them, such as patient and lesion.
    name : str, default="groups"
        Name of `groups` in errors.
    n_images : int, optional
        Number of groups that there must be, where samples are images.

    Returns
    -------
    ndarray of shape (n_samples,), dtype int
        Numbers from 0, in the order of the sorted groups, or of the samples if they have no order.

    Raises
    ------
    TypeError
        If `groups` is not a sequence, or a group is none of these.
    ValueError
        If `groups` has several columns or another length, or a group is None, NaN, masked or an empty string.

    Examples
    --------
    >>> encode_groups(["p7", "p3", "p7"])
    array([1, 0, 1])
    """
    values = list_groups(groups, name=name)
    if n_images is not None and len(values) != n_images:
        raise ValueError(
            f"{name} must hold one group for each of the {n_images} images, got {len(values)}. Pass the lesion or "
            "patient of each image, in the same order."
        )
    for position, value in enumerate(values):
        if _is_missing_group(value):
            raise ValueError(
                f"{name}[{position}] is missing, got {value!r}. Give a sample of unknown group a group of its own."
            )
        if not isinstance(value, Hashable):
            raise TypeError(f"{name}[{position}] must be a number or a string, got {type(value).__name__}.")
    try:
        order = sorted(set(values))
    except TypeError:  # numbers among strings
        order = list(dict.fromkeys(values))
    numbers = {value: number for number, value in enumerate(order)}
    return np.array([numbers[value] for value in values], dtype=np.intp)


def list_groups(groups: ArrayLike, *, name: str = "groups") -> list[Any]:
    """Return groups as a list of Python's own types; one column counts as 1-D."""
    if getattr(groups, "ndim", 1) > 1 or hasattr(groups, "columns"):
        groups = np.ma.asanyarray(groups) if isinstance(groups, np.ma.MaskedArray) else np.asarray(groups)
        if groups.shape[1:] != (1,):
            raise ValueError(
                f"{name} must hold one group for each sample, got shape {groups.shape}. Pass one column, such as "
                "table['patient_id']."
            )
        groups = groups[:, 0]
    is_sequence = hasattr(groups, "__len__") and hasattr(groups, "__getitem__") and getattr(groups, "ndim", 1) != 0
    if not is_sequence or isinstance(groups, str | bytes | Mapping):
        raise TypeError(
            f"{name} must hold one group for each sample, got {type(groups).__name__}. Pass a list, an array or one "
            "column of a table, such as table['patient_id']."
        )
    return [value.item() if isinstance(value, np.generic) else value for value in groups]  # type: ignore[union-attr]


def _is_missing_group(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return is_missing(value) or type(value).__name__ in ("NaTType", "MaskedConstant")
