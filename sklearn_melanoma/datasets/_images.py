"""Loader of images in any folders, files and URLs, with an optional table of labels and optional masks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils import Bunch

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._columns import find_column
from sklearn_melanoma.datasets._folder import Columns, Masks, make_data, match_rows
from sklearn_melanoma.datasets._labels import check_melanoma
from sklearn_melanoma.datasets._sources import find_images, locate_images, match_mask_folder, read_given_table

if TYPE_CHECKING:
    import pandas as pd


def load_images(
    sources: PathLike | Sequence[PathLike],
    *,
    labels: PathLike | pd.DataFrame | pd.Series | None = None,
    masks: PathLike | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    melanoma: str | Collection[Any] | Mapping[Any, int] | None = None,
    must_exist: bool = True,
) -> Bunch:
    """Load images from any folders, files and URLs, with labels and masks if they are given.

    :func:`load_folder` also finds the labels and masks of one folder.

    Parameters
    ----------
    sources : path or sequence of paths
        Folders, globs, lists, files and URLs, as in :func:`find_images`.
    labels : path, DataFrame or Series, optional
        Table of diagnoses, as in :func:`load_folder`. Rows name images by file name, or by the path in the common
        folder of all images.
    masks : path, optional
        Folder of masks, with names as in :func:`load_folder`.
    image_column : str, optional
        Column of `labels` with the names of the images, as in :func:`load_folder`.
    label_column : str, optional
        Column of diagnoses, as in :func:`load_folder`.
    group_column : str, optional
        Column with the group of each image, as in :func:`load_folder`.
    melanoma : str, collection or mapping, optional
        Meaning of values that the vocabulary does not understand, as in :func:`load_folder`.
    must_exist : bool, default=True
        Whether all images must exist, as in :func:`find_images`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_folder`, in the order of :func:`find_images`.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If an image, `labels` or `masks` does not exist.
    ImportError
        If `labels` is an Excel file and openpyxl is not installed.
    TypeError, ValueError
        As in :func:`find_images` and :func:`load_folder`.

    Warns
    -----
    UserWarning
        As in :func:`load_folder`, except that no image needs a label if `masks` are given without `labels`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> from PIL import Image
    >>> from sklearn_melanoma.datasets import load_images
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.png", "b.png"):
    ...     Image.new("RGB", (8, 8)).save(folder / name)
    >>> data = load_images([folder / "a.png", folder / "b.png"], labels=pd.Series({"a": "melanoma", "b": "nevus"}))
    >>> data.target
    array([1, 0])
    """
    rule = check_melanoma(melanoma)
    table = None if labels is None else read_given_table(labels, "labels")
    columns = Columns(image_column, label_column, group_column)
    if table is None and any(columns):
        raise ValueError("labels must be given where a column is named, got None. Pass the table.")
    images = find_images(sources, must_exist=must_exist)
    paths, root = locate_images(images)
    found = {} if masks is None else dict(zip(paths, match_mask_folder(images, masks, name="masks"), strict=True))
    by_image = {path: Path(mask) for path, mask in found.items() if mask is not None}
    data, messages = make_data("Images.", paths, root, Masks(by_image, 0, 0), table, columns, rule)
    for message in messages:
        warnings.warn(message, UserWarning, stacklevel=2)
    data.images = images
    return data


def match_table(
    images: Sequence[PathLike], table: PathLike | pd.DataFrame | pd.Series, *, image_column: str | None = None
) -> pd.DataFrame:
    """Match the rows of a table with images, for example patient data.

    Parameters
    ----------
    images : sequence of paths
        Paths or URLs.
    table : path, DataFrame or Series
        A file of comma-, semicolon-, tab- or bar-separated text or an Excel sheet, as `labels` of :func:`load_folder`.
    image_column : str, optional
        Column with the names of the images. Defaults to the column whose values match the most images.

    Returns
    -------
    DataFrame
        All other columns of the table, one row per image, with the paths as index. An image without a row has missing
        values.

    Raises
    ------
    FileNotFoundError
        If `table` does not exist.
    ImportError
        If `table` is an Excel file and openpyxl is not installed.
    TypeError, ValueError
        If the table can't be read or has no column `image_column`. If it names an image twice, names no image at all,
        or a name matches several images.

    Warns
    -----
    UserWarning
        If images have no row.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_melanoma.datasets import match_table
    >>> patients = pd.DataFrame({"image": ["b", "a"], "age": [41, 63]})
    >>> match_table(["images/a.jpg", "images/b.jpg"], patients)
                  age
    images/a.jpg   63
    images/b.jpg   41
    """
    given = read_given_table(table, "table")
    find_column(given, image_column, (), "image_column")
    paths, root = locate_images(images)
    rows, name = match_rows(given, image_column, paths, root)
    if n_missing := rows.count(None):
        first = os.fsdecode(images[rows.index(None)])
        warnings.warn(
            f"{given.name}: {n_missing} of {len(rows)} images have no row, such as {first!r}.",
            UserWarning,
            stacklevel=2,
        )
    frame = given.pick_rows(rows).drop(columns=name)
    return frame.set_axis([os.fsdecode(image) for image in images], axis=0)
