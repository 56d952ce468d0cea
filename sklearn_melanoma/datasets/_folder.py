"""Loader of a plain folder of images with an optional table of labels and optional masks."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sklearn.utils import Bunch

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._columns import (
    IMAGE_COLUMNS,
    find_class_folders,
    find_column,
    find_image_column,
    find_label_columns,
    find_split,
)
from sklearn_melanoma.datasets._files import Files, check_folder, describe_unlabeled, list_images, make_bunch
from sklearn_melanoma.datasets._groups import LESION_COLUMNS, PATIENT_COLUMNS, make_groups, warn_of_unknown_groups
from sklearn_melanoma.datasets._labels import Labels, Rule, check_melanoma, decide_labels
from sklearn_melanoma.datasets._matching import (
    MASK_ENDINGS,
    Found,
    ImageNames,
    find_mask_folder,
    format_paths,
    match_masks,
    sort_files,
)
from sklearn_melanoma.datasets._sources import read_given_table
from sklearn_melanoma.datasets._tables import TABLE_NAMES, Table, column_key, read_table

if TYPE_CHECKING:
    import pandas as pd


class Columns(NamedTuple):
    """Columns of the table that the caller named."""

    image: str | None
    label: str | None
    group: str | None


class Masks(NamedTuple):
    """Masks of images."""

    by_image: dict[Path, Path]
    n_unmatched: int
    n_ignored: int


def load_folder(
    folder: PathLike,
    *,
    labels: PathLike | pd.DataFrame | pd.Series | None = None,
    masks: PathLike | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    melanoma: str | Collection[Any] | Mapping[Any, int] | None = None,
) -> Bunch:
    r"""Load the images of a folder, with labels and masks where they exist.

    Parameters
    ----------
    folder : path
        Folder of images (JPEG, PNG, BMP, TIFF, WebP, DICOM), including its subfolders. Linked folders are
        followed. Hidden files and folders, and folders that systems make (``@eaDir``, ``__MACOSX``,
        recycle bins), are ignored.
    labels : path, DataFrame or Series, optional
        Table of diagnoses. A file holds comma-, semicolon-, tab- or bar-separated text in UTF-8, UTF-16 or cp1252, or
        an Excel sheet (``.xlsx``, needs the extra ``excel``). A Series has the names of the images as its index.
        Defaults to a file named ``labels`` in `folder` or beside it, with the suffix ``.csv``, ``.tsv``, ``.tab``,
        ``.txt`` or ``.xlsx``. Without a table, subfolders named by diagnoses, such as ``melanoma``, are the labels.
    masks : path, optional
        Folder of masks. A mask has the name of its image, optionally followed by ``_segmentation``, ``_mask``,
        ``_lesion``, ``_seg``, ``_gt``, ``_ground_truth``, ``_label``, ``_annotation`` or ``_binary``, or preceded by
        ``mask_``, ``seg_`` or ``segmentation_``. Suffixes do not matter. Defaults to the folder ``masks`` in `folder`
        or beside it. Without such a folder, files in subfolders with a name for masks are masks (``train/masks``,
        ``ISIC2018_Task1_Training_GroundTruth``). Files beside the images with such a name are masks, too. Superpixels
        and masks of dermoscopic attributes are ignored.
    image_column : str, optional
        Column that names the images: by the path in `folder`, by the file name, or by the file name without suffix.
        Defaults to the column whose values match the most images. A name that differs in case or in its Unicode form
        matches if no other name matches exactly.
    label_column : str, optional
        Column of diagnoses. Defaults to the first column in the table among ``diagnosis``, ``dx``, ``diagnostic``,
        ``diagnose``, ``diagnostico``, ``diagnosi``, ``label`` and ``class``. The columns ``melanoma``, ``is_melanoma``,
        ``target``, ``benign_malignant``, ``diagnosis_1`` … ``diagnosis_5``, ``iddx_1`` … ``iddx_5`` and ``iddx_full``
        are read as well. The columns must not contradict each other. A table with one column of 0 and 1 per diagnosis
        (``MEL``, ``NV``, ``BCC``, …) is understood, too.
    group_column : str, optional
        Column with the group of each image. Defaults to the patient (such as the column ``patient_id``, ``patient`` or
        ``MRN``) if it is known, else to the lesion (``lesion_id``). Ids of lesions may repeat in different patients. An
        image without such an id is a group of its own.
    melanoma : str, collection or mapping, optional
        Values that mean melanoma. By default, a vocabulary of diagnoses decides (see Notes). Pass one of these:

        - A value or a collection of values: these mean melanoma. All others mean another diagnosis, except words for
          unknown.
        - A mapping from values to 1 (melanoma), 0 (other) or -1 (unknown): the vocabulary decides about all other
          values. A mapping with your own codes, such as ``{2: 1}``, must also give 1 and 0 a meaning if they occur.
        - ``()``: no value means melanoma.
        - ``{}``: the vocabulary decides, and there may be no melanoma.

        Each value must occur. Case, accents, spaces and punctuation do not matter, except for signs of doubt such as
        "?".

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, sorted by path:

        images : list of str
            Paths of the images.
        masks : list of str or None, or None
            Paths of the masks. An image without a mask has None. The whole field is None if no
            image has a mask.
        target : ndarray of shape (n_images,), dtype int
            1 for melanoma, 0 for another diagnosis, -1 without a diagnosis.
        diagnosis : list of str
            The labels of the table. The labels 1 and 0 become "melanoma" and "other". Without a
            label, the diagnosis is "unknown".
        groups : ndarray of shape (n_images,), dtype object
            The patient, the lesion, or the path in `folder` of each image.
        frame : :class:`~pandas.DataFrame` or None
            All columns of the table, one row per image; missing values for an image without a row.
            None without a table.
        split : ndarray of shape (n_images,), dtype object, or None
            "training", "validation" or "test", if all images lie in folders of these names.
        label_mapping : dict
            The values of the table, or the names of the folders, and the 1, 0 or -1 they became.
        DESCR : str
            The folder, the counts and the meaning of the labels.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder`, `labels` or `masks` does not exist.
    ImportError
        If `labels` is an Excel file and openpyxl is not installed.
    TypeError
        If `folder`, `labels`, `masks` or `melanoma` has the wrong type.
    ValueError
        If there are no images, a column is not found, or a table can't be read. If a name matches more than one image
        or mask, an image is listed twice, or no label or no mask matches any image. If a value could mean melanoma or
        not ("malignant", "melanoma?", an unknown word), columns contradict each other, or no value means melanoma. The
        error then lists the values with their counts.

    Warns
    -----
    UserWarning
        If rows match no image, or images have no row. If `group_column` is empty for an image. If `melanoma` leaves out
        values that look like melanoma. If no image is labeled, unless there are masks and no table.

    Notes
    -----
    The vocabulary knows the words and codes of the public dermoscopy sets (ISIC Archive and challenges, HAM10000, PH²,
    PAD-UFES-20, derm7pt, MILK10k) and words of several languages. Melanoma includes its types and stages, melanoma in
    situ, lentigo maligna and metastases of melanoma. Diagnoses that pathologists leave open (atypical melanocytic
    proliferation) are unknown, and so are "?", "-", "pending", "none" and similar words. "malignant" includes
    carcinoma, and a suspicion is not a diagnosis. Both raise an error unless `melanoma` gives their meaning.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_melanoma.datasets import load_folder
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.png", "a_mask.png", "b.png", "c.png"):
    ...     Image.new("RGB", (8, 8)).save(folder / name)
    >>> _ = (folder / "labels.csv").write_text("image,diagnosis\na,Melanoma\nb,nevus\nc,?\n")
    >>> lesions = load_folder(folder)
    >>> lesions.target, lesions.diagnosis
    (array([ 1,  0, -1]), ['Melanoma', 'nevus', 'unknown'])
    >>> lesions.label_mapping
    {'Melanoma': 1, 'nevus': 0, '?': -1}
    >>> [None if mask is None else Path(mask).name for mask in lesions.masks]
    ['a_mask.png', None, None]
    """
    root = check_folder(folder, name="folder", hint="Check the spelling.")
    mask_root = find_mask_folder(root) if masks is None else check_folder(masks, name="masks", hint="Leave it out.")
    rule = check_melanoma(melanoma)
    table = _read_labels(labels, root)
    columns = Columns(image_column, label_column, group_column)
    if table is None and any(columns):
        raise ValueError(
            "labels must be given where a column is named, got None, and no 'labels.csv' in folder or beside it. "
            "Pass the table."
        )
    images, found_masks = _find_images(root, mask_root)
    data, messages = make_data(f"Images of the folder {str(root)!r}.", images, root, found_masks, table, columns, rule)
    for message in messages:
        warnings.warn(message, UserWarning, stacklevel=2)
    return data


def make_data(
    description: str,
    images: list[Path],
    root: Path,
    masks: Masks,
    table: Table | None,
    columns: Columns,
    rule: Rule | None,
    *,
    patients: Sequence[str] | None = None,
) -> tuple[Bunch, list[str]]:
    """Return the data of images in a folder, and warnings for the user.

    `patients` are the patients of files with attributes; an unknown patient has an empty id. With None, the columns of
    the table give the patients.
    """
    rows: list[int | None] = [None] * len(images)
    image_name = None
    if table is not None:
        for name, column in zip(("image_column", "label_column", "group_column"), columns, strict=True):
            find_column(table, column, (), name)
        rows, image_name = match_rows(table, columns.image, images, root)
    labels = _decide_labels(table, rows, image_name, columns, images, root, rule)
    paths = [image.relative_to(root).as_posix() for image in images]
    if patients is not None:
        groups = make_groups(patients, [""] * len(paths), paths)
    else:
        groups = _group_images(table, rows, columns, paths)
    data = make_bunch(
        description,
        files=[Files(image, masks.by_image.get(image)) for image in images],
        target=labels.target,
        diagnosis=labels.diagnosis,
        groups=groups,
        left_out={
            "masks that fit no image": masks.n_unmatched,
            "images of superpixels or attributes": masks.n_ignored,
            "rows of labels that fit no image": 0 if table is None else len(table) - len(images) + rows.count(None),
        },
        label_mapping=labels.mapping,
        values=labels.values,
        frame=None if table is None else table.pick_rows(rows),
        split=find_split(images, root),
    )
    messages = _list_warnings(table, rows, paths, labels)
    # Without a table, the user may want masks or attributes only.
    if set(labels.target) == {-1} and (table is not None or not (masks.by_image or patients)):
        advice = "Pass a table as labels, or name subfolders by diagnoses, such as 'melanoma' and 'nevus'."
        if table is not None:
            advice = f"All values of {table.name} mean unknown. Check label_column."
        messages.append(describe_unlabeled(repr(str(root)), advice))
    if table is not None and columns.group is not None:
        ids = [table.cells(columns.group)[row] for row in rows if row is not None]
        messages += warn_of_unknown_groups(ids, f"{table.name}, column {columns.group!r}")
    return data, messages


def _read_labels(labels: Any, root: Path) -> Table | None:
    """Return the given table, or the one in the folder or beside it, or None."""
    if labels is None:
        path = _find_table(root)
        return None if path is None else read_table(path)
    return read_given_table(labels, "labels")


def _find_table(root: Path) -> Path | None:
    """Return the only file named labels in a folder, or else beside it."""
    for place in (root, root.absolute().parent):
        if not os.access(place, os.R_OK):
            continue
        names = sorted(name for name in os.listdir(place) if name.lower() in TABLE_NAMES)
        found = [place / name for name in names if (place / name).is_file()]
        if len(found) > 1:
            raise ValueError(f"labels must be one table, got {format_paths(found)}. Pass one of them as labels.")
        if found:
            return found[0]
    return None


def _find_images(root: Path, mask_root: Path | None) -> tuple[list[Path], Masks]:
    """Return the images of a folder and their masks."""
    separate = mask_root is not None and mask_root.resolve() != root.resolve()
    inside = sort_files(list_images(root, without=mask_root if separate else None), root)
    images = inside.images
    if not images:
        raise ValueError(
            f"folder must hold at least one image ({', '.join(IMAGE_SUFFIXES)}), got {str(root)!r} without any"
            f"{f' but with {len(inside.masks)} masks' if inside.masks else ''}. Pass the folder that holds them."
        )
    if separate and mask_root is not None:
        given = sort_files(list_images(mask_root), mask_root)
        found = Found([], sorted((*given.images, *given.masks)), inside.n_ignored + given.n_ignored)
        by_image = match_masks(images, root, found.masks, mask_root)
        n_masks = len(found.masks) + len(inside.masks)
    else:
        found = inside
        by_image = match_masks(images, root, found.masks, root)
        n_masks = len(found.masks)
    if not by_image and (mask_root is not None or len(found.masks) > 1):
        raise ValueError(
            f"masks must hold a mask named like an image, such as {images[0].stem + MASK_ENDINGS[0]!r}, got "
            f"{[path.name for path in found.masks[:3]]} in {str(mask_root or root)!r}. Rename the masks, or pass their "
            "folder."
        )
    return images, Masks(by_image, n_masks - len(by_image), found.n_ignored)


def match_rows(table: Table, image_column: str | None, images: list[Path], root: Path) -> tuple[list[int | None], str]:
    """Return the row of each image, or None, and the name of the column of images."""
    names = ImageNames(images, root)
    column = find_image_column(table, names, image_column, len(images))
    cells = table.cells(column) if column else []
    by_name = not any(map(names.has_path, cells))
    rows: dict[Path, int] = {}
    for row, cell in enumerate(cells):
        fitting = names.find(cell, by_name=by_name) if cell else []
        if len(fitting) > 1:
            raise ValueError(
                f"{table.name} must name one image in each row, got {cell!r} for {format_paths(fitting)}. "
                f"Write the path in {str(root)!r} instead."
            )
        if fitting and fitting[0] in rows:
            raise ValueError(
                f"{table.name} must list an image once, got {str(fitting[0])!r} in rows {rows[fitting[0]] + 1} "
                f"and {row + 1}. Take one of them away, or name the column of images with image_column."
            )
        rows.update(dict.fromkeys(fitting, row))
    if not rows or column is None:
        raise ValueError(
            f"{table.name} must name the images, such as {images[0].name!r}, got columns "
            f"{table.columns} and no name that fits. Write file names, with or without suffix, in one of them."
        )
    if column_key(column) not in IMAGE_COLUMNS and names.find(column):
        raise ValueError(
            f"{table.name} must have a header, got {table.columns}, where {column!r} names an image. Write the "
            "names of the columns into the first row, such as image and diagnosis."
        )
    return [rows.get(image) for image in images], column


def _decide_labels(
    table: Table | None,
    rows: list[int | None],
    image_name: str | None,
    columns: Columns,
    images: list[Path],
    root: Path,
    rule: Rule | None,
) -> Labels:
    """Return the labels from the table, or else from the names of folders."""
    if table is not None:
        group_names = [name for name in table.columns if column_key(name) in (*PATIENT_COLUMNS, *LESION_COLUMNS)]
        used = [name for name in (image_name, columns.group, *group_names) if name is not None]
        found = find_label_columns(table, columns.label, rule, used)
        source = table.name if len(found.cells) > 1 else f"{table.name}, column {next(iter(found.cells))!r},"
        return decide_labels(found.cells, found.kinds, rows, rule=rule, source=source)
    classes = find_class_folders(images, root, rule)
    if classes is not None:
        numbers = range(len(images))
        named = [row if any(values[row] for values in classes.cells.values()) else None for row in numbers]
        return decide_labels(
            classes.cells, classes.kinds, named, rule=rule, source=f"the names of the folders in {str(root)!r}"
        )
    if rule is not None and not rule.is_empty:
        raise ValueError(
            "melanoma must give the meaning of values of labels, got no labels and no folder of such a name in "
            f"{str(root)!r}. Pass labels."
        )
    return Labels([-1] * len(images), ["unknown"] * len(images), [None] * len(images), {}, [])


def _group_images(table: Table | None, rows: list[int | None], columns: Columns, paths: list[str]) -> list[str]:
    """Return the group of each image."""
    if table is None:
        return paths

    def pick(column: str | None) -> list[str]:
        return ["" if column is None or row is None else table.cells(column)[row] for row in rows]

    if columns.group is not None:
        return make_groups(pick(columns.group), pick(None), paths)
    patients, lesions = (find_column(table, None, usual, "group_column") for usual in (PATIENT_COLUMNS, LESION_COLUMNS))
    return make_groups(pick(patients), pick(lesions), paths)


def _list_warnings(table: Table | None, rows: list[int | None], paths: list[str], labels: Labels) -> list[str]:
    """Return warnings about rows without an image and images without a row."""
    messages = list(labels.warnings)
    if table is not None:
        without_row = [path for path, row in zip(paths, rows, strict=True) if row is None]
        n_rows = len(table) - len(paths) + len(without_row)
        parts = [f"{n_rows} of {len(table)} rows name none of the {len(paths)} images"] if n_rows else []
        if without_row:
            parts.append(
                f"{len(without_row)} of {len(paths)} images have no row, such as {without_row[0]!r}, and are unlabeled"
            )
        if parts:
            messages.append(f"{table.name}: {'; '.join(parts)}.")
    return messages
