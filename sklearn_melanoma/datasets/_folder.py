"""Loader of a plain folder of images with an optional table of labels and optional masks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sklearn.utils import Bunch

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import Files, check_folder, list_images, make_bunch

if TYPE_CHECKING:
    import pandas as pd

MASK_ENDINGS = ("_segmentation", "_mask", "_lesion", "_seg")
LABEL_COLUMNS = ("diagnosis", "dx", "label", "class", "target", "melanoma")
GROUP_COLUMNS = ("lesion_id", "patient_id", "lesion", "patient")

# Meanings of labels in lower case. Any other text is a diagnosis other than melanoma.
MELANOMA = {"mel", "melanoma", "malignant melanoma", "melanoma in situ", "invasive melanoma"}
UNKNOWN = {"", "unknown"}
FLAGS = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "-1": -1, "-1.0": -1}
FLAG_NAMES = {1: "melanoma", 0: "other", -1: "unknown"}


class _Columns(NamedTuple):
    """Columns of the table that the caller named."""

    image: str | None
    label: str | None
    group: str | None


class _Row(NamedTuple):
    """Texts of a table row; an empty text is a missing value."""

    label: str
    group: str


def load_folder(
    folder: PathLike,
    *,
    labels: PathLike | None = None,
    masks: PathLike | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
) -> Bunch:
    r"""Load the images of a folder, with labels and masks where they exist.

    Parameters
    ----------
    folder : path
        Folder of images (JPEG, PNG, BMP, TIFF, WebP), including its subfolders.
    labels : path, optional
        CSV table of diagnoses with comma-, semicolon- or tab-separated values. Defaults to
        ``labels.csv`` in `folder` or beside it, if that file exists.
    masks : path, optional
        Folder of masks. A mask has the name of its image, optionally followed by
        ``_segmentation``, ``_mask``, ``_lesion`` or ``_seg``. Suffixes do not matter. Defaults to
        the folder ``masks`` in `folder` or beside it. Without such a folder, files with one of
        these endings beside their images are masks.
    image_column : str, optional
        Column with the paths in `folder`, file names, or names without suffix of the images.
        Defaults to the column with the most values that name an image.
    label_column : str, optional
        Column of diagnoses. Defaults to the first existing column of diagnosis, dx, label, class,
        target and melanoma.
    group_column : str, optional
        Column with the lesion or patient of each image. Defaults to the first existing column of
        lesion_id, patient_id, lesion and patient. Without any, each image is a group of its own.

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
            1 for melanoma, 0 for another diagnosis, -1 without a diagnosis. The labels 1, true,
            mel, melanoma, malignant melanoma, invasive melanoma and melanoma in situ mean
            melanoma, in upper or lower case.
        diagnosis : list of str
            The labels of the table. The labels 1 and 0 become "melanoma" and "other". Without a
            label, the diagnosis is "unknown".
        groups : ndarray of shape (n_images,), dtype object
            The values of the group column. An image without a value has its path in `folder`.
        DESCR : str
            The folder and the counts.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder`, `labels` or `masks` does not exist.
    TypeError
        If `folder`, `labels` or `masks` is not a path.
    ValueError
        If there are no images, a column is not found, a name matches more than one image or mask,
        an image is listed twice, no label or no mask matches any image, or a label is a number
        other than 1, 0 and -1.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_melanoma.datasets import load_folder
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.png", "a_mask.png", "b.png", "c.png"):
    ...     Image.new("RGB", (8, 8)).save(folder / name)
    >>> _ = (folder / "labels.csv").write_text("image,diagnosis\na,Melanoma\nb,nevus\n")
    >>> lesions = load_folder(folder)
    >>> lesions.target, lesions.diagnosis
    (array([ 1,  0, -1]), ['Melanoma', 'nevus', 'unknown'])
    >>> [None if mask is None else Path(mask).name for mask in lesions.masks]
    ['a_mask.png', None, None]
    """
    root = check_folder(folder, name="folder", hint="Check the spelling.")
    mask_root = (
        _find_beside(root, "masks") if masks is None else check_folder(masks, name="masks", hint="Leave it out.")
    )
    table_path = _find_beside(root, "labels.csv") if labels is None else _check_table_path(labels)
    columns = _Columns(image_column, label_column, group_column)

    images, mask_by_image, n_unmatched_masks = _find_images(root, mask_root)
    left_out = {"masks that fit no image": n_unmatched_masks}
    rows: dict[Path, _Row] = {}
    if table_path is not None:
        rows, n_unmatched_rows = _read_rows(table_path, columns, images, root)
        left_out["rows of labels that fit no image"] = n_unmatched_rows
    elif any(columns):
        raise ValueError(
            "labels must be given where a column is named, got None, and no 'labels.csv' in folder or beside it. "
            "Pass the table."
        )
    row_by_image = {image: rows.get(image, _Row("", "")) for image in images}
    target, diagnosis = _parse_labels((row.label for row in row_by_image.values()), table_path)
    return make_bunch(
        f"Images of the folder {str(root)!r}.",
        files=[Files(image, mask_by_image.get(image)) for image in images],
        target=target,
        diagnosis=diagnosis,
        groups=[row.group or image.relative_to(root).as_posix() for image, row in row_by_image.items()],
        left_out=left_out,
    )


def _find_beside(root: Path, name: str) -> Path | None:
    """Return the file or folder with a name in a folder or beside it, or None."""
    places = (root / name, root.absolute().parent / name)
    return next((path for path in places if (path.is_file() if path.suffix else path.is_dir())), None)


def _check_table_path(path: PathLike) -> Path:
    try:
        file = Path(path)
    except TypeError as error:
        raise TypeError(f"labels must be the path of a table, got {type(path).__name__}. Save it as CSV.") from error
    if not file.is_file():
        raise FileNotFoundError(f"labels must be a file that exists, got {str(file)!r}. Check the spelling.")
    return file


def _find_images(root: Path, mask_root: Path | None) -> tuple[list[Path], dict[Path, Path], int]:
    """Return the images of a folder, the mask of each image that has one, and the number of other masks."""
    files = list_images(root)
    separate = mask_root is not None and mask_root.resolve() != root.resolve()
    if mask_root is not None and separate:
        files = [path for path in files if mask_root.resolve() not in path.resolve().parents]
    stems = {(path.parent, path.stem) for path in files}
    is_mask = {path: any((path.parent, stem) in stems for stem in _strip_mask_endings(path)) for path in files}
    images = [path for path in files if not is_mask[path]]
    if not images:
        raise ValueError(
            f"folder must hold at least one image ({', '.join(IMAGE_SUFFIXES)}), got {str(root)!r} without any. "
            "Pass the folder that holds them."
        )
    if mask_root is not None and separate:
        masks, mask_base = list_images(mask_root), mask_root
    else:
        masks, mask_base = [path for path in files if is_mask[path]], root
    mask_by_image = _match_masks(images, root, masks, mask_base)
    if mask_root is not None and not mask_by_image:
        raise ValueError(
            f"masks must hold a mask named like an image, such as {images[0].stem + MASK_ENDINGS[0]!r}, got "
            f"{[path.name for path in masks[:3]]} in {str(mask_root)!r}. Rename the masks, or pass their folder."
        )
    return images, mask_by_image, len(masks) - len(mask_by_image)


def _strip_mask_endings(mask: Path) -> list[str]:
    """Return the possible stems of the image that a mask with a usual ending belongs to."""
    return [mask.stem[: -len(ending)] for ending in MASK_ENDINGS if mask.stem.lower().endswith(ending)]


def _match_masks(images: list[Path], root: Path, masks: list[Path], mask_root: Path) -> dict[Path, Path]:
    """Return the mask of each image that has one.

    If several images have the same name, a mask belongs to the image in the same subfolder.
    """
    images_by_stem = defaultdict(list)
    for image in images:
        images_by_stem[image.stem].append(image)
    found: dict[Path, Path] = {}
    for mask in masks:
        stems = [stem for stem in (mask.stem, *_strip_mask_endings(mask)) if stem in images_by_stem][:1]
        fitting = [image for stem in stems for image in images_by_stem[stem]]
        if len(fitting) > 1:
            place = mask.parent.relative_to(mask_root)
            fitting = [image for image in fitting if image.parent.relative_to(root) == place] or fitting
        if len(fitting) > 1:
            raise ValueError(
                f"a mask must fit one image, got {str(mask)!r} for {_format_paths(fitting)}. "
                "Give the images different names."
            )
        if fitting and fitting[0] in found:
            raise ValueError(
                f"an image must have one mask, got {_format_paths([found[fitting[0]], mask])} for {str(fitting[0])!r}. "
                "Take one of them away."
            )
        found.update(dict.fromkeys(fitting, mask))
    return found


def _read_rows(table_path: Path, columns: _Columns, images: list[Path], root: Path) -> tuple[dict[Path, _Row], int]:
    """Return the row of each image that the table lists, and the number of other rows."""
    table = _read_table(table_path)
    number_by_image = _match_rows(table, images, root, table_path, columns.image)
    label_name = _pick_column(table, columns.label, LABEL_COLUMNS, "label_column", table_path)
    group_name = _pick_column(table, columns.group, GROUP_COLUMNS, "group_column", table_path)
    labels = list(table[label_name])
    groups = [""] * len(table) if group_name is None else list(table[group_name])
    rows = {image: _Row(labels[number].strip(), groups[number].strip()) for image, number in number_by_image.items()}
    return rows, len(table) - len(rows)


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table of strings; empty cells are empty strings."""
    import pandas as pd

    with path.open(encoding="utf-8-sig") as file:
        header = file.readline()
    separator = max(",;\t", key=header.count)
    table = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig", index_col=False)
    return table.fillna("")


def _match_rows(
    table: pd.DataFrame, images: list[Path], root: Path, table_path: Path, image_column: str | None
) -> dict[Path, int]:
    """Return the row number of each image that the table lists."""
    names = defaultdict(list)
    for image in images:
        relative = image.relative_to(root)
        for name in {relative.as_posix(), relative.with_suffix("").as_posix(), image.name, image.stem}:
            names[name].append(image)
    if image_column is None:
        hits = {
            column: sum(bool(_find_named_images(cell, names)) for cell in table[column]) for column in table.columns
        }
        image_column = max(hits, key=lambda column: hits[column], default="")
    else:
        _pick_column(table, image_column, (), "image_column", table_path)
    cells = list(table[image_column]) if image_column else []
    rows: dict[Path, int] = {}
    for row, cell in enumerate(cells):
        fitting = _find_named_images(cell, names)
        if len(fitting) > 1:
            raise ValueError(
                f"{str(table_path)!r} must name one image in each row, got {cell!r} for {_format_paths(fitting)}. "
                "Write the path in folder instead."
            )
        if fitting and fitting[0] in rows:
            raise ValueError(
                f"{str(table_path)!r} must list an image once, got {str(fitting[0])!r} in rows {rows[fitting[0]] + 1} "
                f"and {row + 1}. Take one of them away, or name the column of images with image_column."
            )
        rows.update(dict.fromkeys(fitting, row))
    if not rows:
        raise ValueError(
            f"{str(table_path)!r} must name images of folder, such as {images[0].name!r}, got columns "
            f"{list(table.columns)} and no name that fits. Write file names, with or without suffix, in one of them."
        )
    return rows


def _find_named_images(cell: str, names: Mapping[str, list[Path]]) -> list[Path]:
    """Return the images that a cell names by path or file name; the suffix may differ from the file's."""
    cell = cell.strip().replace("\\", "/").removeprefix("./")
    base = cell.rpartition("/")[2]
    stem, dot, suffix = base.rpartition(".")
    for name in (cell, base, stem if f"{dot}{suffix}".lower() in IMAGE_SUFFIXES else base):
        if name in names:
            return names[name]
    return []


def _pick_column(
    table: pd.DataFrame, column: str | None, usual: tuple[str, ...], argument: str, table_path: Path
) -> str | None:
    """Return the given column, or else the first existing usual column; only a label column is required."""
    if column is not None:
        if column not in table.columns:
            raise ValueError(
                f"{argument} must be a column of {str(table_path)!r}, one of {list(table.columns)}, got {column!r}."
            )
        return column
    by_name = {str(name).strip().lower(): name for name in table.columns}
    found = next((by_name[name] for name in usual if name in by_name), None)
    if found is None and argument == "label_column":
        raise ValueError(
            f"{str(table_path)!r} must have a column of diagnoses ({', '.join(usual)}), got {list(table.columns)}. "
            "Name it with label_column."
        )
    return found


def _parse_labels(labels: Iterable[str], table_path: Path | None) -> tuple[list[int], list[str]]:
    """Return the target and the diagnosis of each label."""
    target, names = [], []
    for label in labels:
        key = label.lower()
        if key in FLAGS:
            target.append(FLAGS[key])
            names.append(FLAG_NAMES[FLAGS[key]])
        elif key in UNKNOWN:
            target.append(-1)
            names.append("unknown")
        elif key.replace(".", "", 1).lstrip("+-").isdigit():
            raise ValueError(
                f"{str(table_path)!r} must hold diagnoses as text, or 1 (melanoma), 0 (other) and -1 (unknown), "
                f"got {label!r}. Name another column with label_column, or write the numbers out."
            )
        else:
            target.append(int(key in MELANOMA))
            names.append(label)
    return target, names


def _format_paths(paths: list[Path]) -> str:
    return " and ".join(repr(str(path)) for path in paths)
