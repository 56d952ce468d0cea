"""Rows of features as arrays, because a table for each batch would be unpacked again."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import FeatureUnion

from sklearn_melanoma._base import FeatureTransformer
from sklearn_melanoma._typing import Array


def split_union(step: Any) -> list[Any]:
    """Return the members of a plain union, or the step itself."""
    if type(step) is FeatureUnion and not step.transformer_weights:
        members = [member for _, member in step.transformer_list if member != "drop"]
        if members and all(hasattr(member, "get_feature_names_out") for member in members):
            return members
    return [step]


def has_plain_rows(step: Any) -> bool:
    """Check whether `compute_rows` works for a step."""
    # A subclass may define another transform.
    return all(getattr(type(member), "transform", None) is FeatureTransformer.transform for member in split_union(step))


def compute_rows(step: Any, images: Any) -> Array:
    """Return the rows of a transformer of features, or of a union of several, without the container of `set_output`."""
    return np.hstack([member._compute_rows(images) for member in split_union(step)])
