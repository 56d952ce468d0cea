"""Views of co-training: named groups of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_melanoma.semi_supervised._prior import find_name


def read_views(views: Mapping[str, Any], names: Sequence[str] | None, n_features: int) -> dict[str, NDArray[np.intp]]:
    """Return the positions of the columns of each view.

    Parameters
    ----------
    views : mapping from str to sequence of str or of int
        Names or positions of columns. Names that match no column are ignored.
    names : sequence of str or None
        Names of the columns, if they have any.
    n_features : int
        Number of columns.

    Returns
    -------
    dict from str to ndarray of int
        At least two views, each with at least one column.

    Raises
    ------
    ValueError, TypeError
        If there are fewer than two views. If a view has no column, a position out of range, or another type.

    Examples
    --------
    >>> read_views({"morphology": ["area", "depth"], "color": [0]}, ["hue", "area_mm2"], 2)
    {'morphology': array([1]), 'color': array([0])}
    """
    if not isinstance(views, Mapping) or len(views) < 2:
        raise ValueError(
            f"views must be a mapping from at least two names to columns, got {views!r}. "
            "Pass for example {'morphology': MorphologyFeatures.FEATURES, 'color': ColorFeatures.FEATURES}."
        )
    return {view: _find_positions(view, columns, names, n_features) for view, columns in views.items()}


def _find_positions(view: str, columns: Any, names: Sequence[str] | None, n_features: int) -> NDArray[np.intp]:
    asked = [] if isinstance(columns, str) else list(columns)
    if asked and all(isinstance(column, str) for column in asked):
        if names is None:
            raise ValueError(
                f"views[{view!r}] needs named columns, but the columns of X have no names. "
                'Call set_output(transform="pandas") on the pipeline, pass a DataFrame, or positions.'
            )
        wanted = set(asked)
        found = [position for position, name in enumerate(names) if find_name(name, wanted) is not None]
        if not found:
            raise ValueError(
                f"views[{view!r}] must name at least one of the columns of X, got {asked[:3]!r}, but they are "
                f"{list(names)[:3]!r}. Rename either; a FeatureUnion keeps plain names with "
                "verbose_feature_names_out=False."
            )
        return np.array(found)
    if not asked or not all(isinstance(column, int | np.integer) for column in asked):
        raise TypeError(f"views[{view!r}] must be a list of names or of positions of columns, got {columns!r}.")
    positions = np.array(asked, dtype=np.intp)
    if positions.min() < 0 or positions.max() >= n_features:
        raise ValueError(
            f"views[{view!r}] must be positions from 0 to below n_features={n_features}, the number of columns of X, "
            f"got {positions.min()} to {positions.max()}. Count from 0."
        )
    return positions
