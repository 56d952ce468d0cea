"""Columns of a table that hold images."""

from __future__ import annotations

import os
from typing import Any

from PIL import Image

from sklearn_melanoma._io.files import IMAGE_SUFFIXES, is_url
from sklearn_melanoma._lesion import Lesion
from sklearn_melanoma._validation import is_missing


def find_image_columns(table: Any) -> list[Any]:
    """Return the names of the columns whose first value that is not missing is an image.

    Parameters
    ----------
    table : DataFrame
        A table of pandas or polars. No file is opened.

    Returns
    -------
    list
        Names, in the order of the table.
    """
    return [name for name in dict.fromkeys(table.columns) if is_image(_find_value(table[name]))]


def _find_value(column: Any) -> Any:
    """Return the first value that is not missing, or None; the first one counts among columns of the same name."""
    column = column.iloc[:, 0] if hasattr(column, "columns") else column
    return next((value for value in column if not is_missing(value)), None)


def is_image(value: object) -> bool:
    """Return whether a value is an array of pixels, a PIL image, a lesion, or the path or URL of an image file."""
    if isinstance(value, str):
        return is_url(value) or os.path.splitext(value)[1].lower() in IMAGE_SUFFIXES
    return isinstance(value, os.PathLike | Image.Image | Lesion) or getattr(value, "ndim", 0) >= 2
