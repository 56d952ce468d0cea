"""Loader of DICOM files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils import Bunch

from sklearn_melanoma._io.dicom import import_pydicom
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._dicom_attributes import (
    COLUMNS,
    NO_ATTRIBUTES,
    Attributes,
    is_dicom_path,
    read_attributes,
    read_directory,
)
from sklearn_melanoma.datasets._files import check_folder, list_files
from sklearn_melanoma.datasets._folder import Columns, Masks, make_data
from sklearn_melanoma.datasets._labels import check_melanoma
from sklearn_melanoma.datasets._sources import read_given_table

if TYPE_CHECKING:
    import pandas as pd


def load_dicom(
    folder: PathLike,
    *,
    labels: PathLike | pd.DataFrame | pd.Series | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    melanoma: str | Collection[Any] | Mapping[Any, int] | None = None,
) -> Bunch:
    """Load the images of a folder of DICOM files, or of a DICOMDIR, with attributes of the patients.

    Files are recognized by their content, so they need no suffix. Damaged files that end in ``.dcm`` or ``.dicom`` stay
    in `images`, and reading them raises an error. A warning counts the files whose header can't be read. Pixels are not
    read here, so pixels that end early give no warning. Names, ids, dates and other attributes that identify patients
    stay in the files.

    Parameters
    ----------
    folder : path
        Folder of DICOM files, including its subfolders, or the file ``DICOMDIR`` that lists them.
    labels : path, DataFrame or Series, optional
        Table of diagnoses, as in :func:`load_folder`. Without it, subfolders named by diagnoses are the labels.
    image_column : str, optional
        Column of `labels` with the names of the images, as in :func:`load_folder`.
    label_column : str, optional
        Column of diagnoses, as in :func:`load_folder`.
    melanoma : str, collection or mapping, optional
        Meaning of values that the vocabulary does not understand, as in :func:`load_folder`.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        The fields of :func:`load_folder`, with these differences:

        - `masks` is None.
        - `groups` are the patients, numbered in the order of the files: "patient 1", "patient 2". Files belong to one
          patient if they have the same patient id. Without an id, name and date of birth decide; without a name, the
          study decides. Without these, the group is the path of the file.
        - `frame` has one row per image with these columns, and the columns of `labels`. Missing values are None or NaN.

          - age : years, from the age or the dates of birth and image
          - sex : "male", "female" or "other"
          - body_part : anatomic region, else the body part examined
          - laterality : "right", "left", "both" or "unpaired"
          - modality : for example "DMS" for dermoscopy or "XC" for photography
          - manufacturer, model : manufacturer and model of the device
          - mm_per_pixel : width of a pixel in the image file, if it is calibrated

    Raises
    ------
    FileNotFoundError
        If `folder` or `labels` does not exist.
    ImportError
        If pydicom is not installed, or `labels` is an Excel file and openpyxl is not installed.
    TypeError
        If an argument has the wrong type.
    ValueError
        If there is no DICOM file with an image, a file is not a DICOMDIR, or a DICOMDIR names a file outside its
        folder. Errors of :func:`load_folder` can occur, too.

    Warns
    -----
    UserWarning
        If headers can't be read or files of a DICOMDIR are missing. If no image is labeled, although `labels` are
        given. Warnings of :func:`load_folder` can occur, too.

    Notes
    -----
    DICOM files without an image, such as reports and presentation states, are left out, and `DESCR` counts them. Files
    with several frames stay in `images`, but reading them raises an error.

    Paths and labels are returned as they are. Names of files and folders may identify patients, too.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import load_dicom
    >>> data = load_dicom("export/DICOMDIR", labels="diagnoses.csv")  # doctest: +SKIP
    >>> data.frame[["age", "sex", "body_part"]].join(data.frame["mm_per_pixel"])  # doctest: +SKIP
    """
    import_pydicom()
    rule = check_melanoma(melanoma)
    table = None if labels is None else read_given_table(labels, "labels")
    columns = Columns(image_column, label_column, None)
    if table is None and any(columns):
        raise ValueError("labels must be given where a column is named, got None. Pass the table.")
    root, files, n_missing = _find_files(folder)
    images, attributes, broken = _read_files(files)
    if not images:
        raise ValueError(
            f"folder must hold at least one DICOM file with an image, got {os.fsdecode(folder)!r} with {len(files)} "
            "DICOM files without. Pass the folder that holds them, or use load_folder for images in other formats."
        )
    description = f"Images of the DICOM files in {str(root)!r}."
    if n_left_out := len(files) - len(images):
        description += f" Left out: {n_left_out} DICOM files without an image."
    data, messages = make_data(
        description, images, root, Masks({}, 0, 0), table, columns, rule, patients=_number_patients(attributes)
    )
    data.frame = _make_frame(attributes, data.frame)
    if n_missing:
        messages.append(f"{n_missing} files that {os.fsdecode(folder)!r} lists are missing.")
    if broken:
        messages.append(f"{len(broken)} of {len(images)} headers can't be read, for example: {broken[0]}")
    for message in messages:
        warnings.warn(message, UserWarning, stacklevel=2)
    return data


def _find_files(folder: PathLike) -> tuple[Path, list[Path], int]:
    """Return the folder, the DICOM files in it or in its DICOMDIR, and the number of files that are missing."""
    if isinstance(folder, str | os.PathLike) and Path(os.fsdecode(folder)).is_file():
        path = Path(os.fsdecode(folder))
        listed = read_directory(path)
        files = [file for file in listed if file.is_file()]
        return path.parent, files, len(listed) - len(files)
    root = check_folder(folder, name="folder", hint="Check the spelling.")
    return root, [path for path in list_files(root) if is_dicom_path(path)], 0


def _read_files(files: Sequence[Path]) -> tuple[list[Path], list[Attributes], list[str]]:
    """Return the files with an image, their attributes, and messages about headers that can't be read."""
    images, found, broken = [], [], []
    for file in files:
        try:
            attributes = read_attributes(file)
        except ValueError as error:  # reading the image raises an error, too
            attributes = NO_ATTRIBUTES
            broken.append(str(error))
        if attributes is not None:
            images.append(file)
            found.append(attributes)
    return images, found, broken


def _number_patients(attributes: Sequence[Attributes]) -> list[str]:
    numbers: dict[tuple[str, ...], int] = {}
    for each in attributes:
        if each.patient is not None:
            numbers.setdefault(each.patient, len(numbers) + 1)
    return ["" if each.patient is None else f"patient {numbers[each.patient]}" for each in attributes]


def _make_frame(attributes: Sequence[Attributes], table: pd.DataFrame | None) -> pd.DataFrame:
    """Return the attributes as a table, with the columns of another table; these are preferred."""
    import pandas as pd

    frame = pd.DataFrame([each.row for each in attributes], columns=list(COLUMNS), dtype=object)
    frame = frame.astype({"age": float, "mm_per_pixel": float})
    if table is None:
        return frame
    return pd.concat([frame.drop(columns=[name for name in COLUMNS if name in table.columns]), table], axis=1)
