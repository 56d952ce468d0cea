"""Which samples have a label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def find_labelled(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where the label is not -1.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Numbers, or strings among which the integer -1 stands for a missing label.

    Returns
    -------
    ndarray of shape (n_samples,), dtype bool
        True where there is a label.

    Raises
    ------
    ValueError
        If one is the string "-1".

    Examples
    --------
    >>> import numpy as np
    >>> find_labelled(np.array([0, -1, 1]))
    array([ True, False,  True])
    """
    if labels.dtype.kind not in "OU":
        return labels != -1
    values = labels.tolist()
    if "-1" in values:
        raise ValueError(
            "y: a missing label must be the integer -1, got '-1'. "
            "Replace it; among strings, that takes an array of dtype object."
        )
    return np.array([value != -1 for value in values], dtype=bool)
