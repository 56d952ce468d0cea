"""Rows of features as arrays, because a table for each batch would be unpacked again."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
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


def transform_by_position(step: Any, images: Any, **params: Any) -> Any:
    """Return the output of a step. A union joins the tables of its members by position instead of by their index."""
    if isinstance(step, FeatureUnion):
        step = copy(step)
        step.transformer_list = [(name, _wrap_member(member)) for name, member in step.transformer_list]
    return step.transform(images, **params)


def _wrap_member(member: Any) -> Any:
    return member if isinstance(member, str) else _ByPosition(member)


@dataclass
class _ByPosition:
    """Member of a union whose tables have no index of their own: some have the paths of the images, others do not."""

    member: Any

    def transform(self, X: Any, **params: Any) -> Any:
        rows = transform_by_position(self.member, X, **params)
        return rows.reset_index(drop=True) if hasattr(rows, "reset_index") else rows

    def __getattr__(self, name: str) -> Any:
        if name == "member":  # it is not set while this object is unpickled
            raise AttributeError(name)
        return getattr(self.member, name)
