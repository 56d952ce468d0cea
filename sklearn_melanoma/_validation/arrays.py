"""Arrays and shapes of images in any form that users pass."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def find_shape(X: Any) -> tuple[int, ...] | None:
    """Return the shape of an array, also of nested lists of numbers and of rows of pixels; None for other objects."""
    shape = getattr(X, "shape", None)
    if isinstance(shape, tuple) and hasattr(X, "__getitem__"):
        return tuple(shape)
    if type(X) not in (list, tuple) or not X:  # a subclass may compute its elements at each access
        return None
    nested: Any = X
    lengths = []
    while isinstance(nested, list | tuple) and nested:
        lengths.append(len(nested))
        nested = nested[0]
    if len(lengths) > 1 and isinstance(nested, numbers.Number | np.bool_):
        return tuple(lengths)
    first = getattr(X[0], "shape", None)
    if isinstance(first, tuple) and len(X) > 4 and len(first) == 2 and first[0] > 4 and first[1] in (3, 4):
        rows = all(getattr(row, "shape", None) == first for row in X)
        return (len(X), *first) if rows else None  # rows of one image, as in list(image)
    return None


def make_array(values: ArrayLike, name: str) -> NDArray[Any]:
    """Return an array; raise an error for masked pixels and rows of unequal lengths."""
    if np.ma.is_masked(values):
        raise ValueError(
            f"{name} must hold no masked pixels, got {np.ma.count_masked(values)}. "
            "Give them a value first, such as 0 with .filled(0)."
        )
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of equal length: {error}") from error


def explain_shape(shape: tuple[int, ...], name: str) -> str:
    """Return what to do with an image of a wrong shape."""
    if len(shape) == 3 and shape[0] in (1, 3, 4) and shape[2] > 4:
        return f"Move the channels last, as in np.moveaxis({name}, 0, -1)."
    if len(shape) == 4:
        return "It is a stack: pass its images one by one."
    if len(shape) == 1:
        return "Pass a row of features to the steps after the image steps, as in model[1:]."
    return "Convert it to RGB first."
