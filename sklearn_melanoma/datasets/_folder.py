"""A plain folder of images, with a table of labels or a folder of masks where there is one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sklearn.utils import Bunch

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import existing_folder, list_photos, photo_bunch

if TYPE_CHECKING:
    import pandas as pd

MASK_ENDINGS = ("_segmentation", "_mask", "_lesion", "_seg")
LABEL_COLUMNS = ("diagnosis", "dx", "label", "class", "target", "melanoma")
GROUP_COLUMNS = ("lesion_id", "patient_id", "lesion", "patient")

# What labels say, in lower case; everything else is a diagnosis other than melanoma.
MELANOMA = {"mel", "melanoma", "malignant melanoma", "melanoma in situ", "invasive melanoma"}
UNKNOWN = {"", "unknown"}
FLAGS = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "-1": -1, "-1.0": -1}
FLAG_NAMES = {1: "melanoma", 0: "other", -1: "unknown"}


def load_folder(
    folder: PathLike,
    *,
    labels: PathLike | None = None,
    masks: PathLike | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
) -> Bunch:
    r"""Load the images of a folder, with labels and masks where they are there.

    Parameters
    ----------
    folder : path
        Folder of images (JPEG, PNG, BMP, TIFF, WebP), also in folders inside it.
    labels : path, optional
        CSV table of diagnoses, its cells parted by commas, semicolons or tabs. By default,
        ``labels.csv`` in `folder` or beside it, or none.
    masks : path, optional
        Folder of masks. A mask belongs to the image with its name, or with its name less one of
        ``_segmentation``, ``_mask``, ``_lesion`` and ``_seg``; suffixes do not matter. By
        default, the folder ``masks`` in `folder` or beside it, or else files so named that lie
        beside their images.
    image_column : str, optional
        Column that names the images, by path in `folder`, by file name, or by name without suffix. By
        default the one, most of whose cells do.
    label_column : str, optional
        Column of diagnoses. By default the first that is there of diagnosis, dx, label, class,
        target and melanoma.
    group_column : str, optional
        Column that tells which images belong together. By default the first that is there of
        lesion_id, patient_id, lesion and patient; without any, every image stands alone.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With these fields, sorted by path:

        images : list of str
            Paths of the images.
        masks : list of str or None, or None
            Paths of the masks; None where an image has none, and for all if none has.
        target : ndarray of shape (n_photos,), dtype int
            1 for melanoma, 0 for another diagnosis, -1 where there is none. Melanoma is what reads
            1, true, mel, melanoma, malignant melanoma, invasive melanoma or melanoma in situ, in any case.
        diagnosis : list of str
            What the table says; "melanoma" and "other" for 1 and 0, "unknown" where it says nothing.
        groups : ndarray of shape (n_photos,), dtype object
            What the group column says, or the path in `folder` where it says nothing.
        DESCR : str
            The folder, with the counts.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If `folder`, `labels` or `masks` is not there.
    TypeError
        If `folder`, `labels` or `masks` is no path.
    ValueError
        If there are no images, a column is not found, a name fits more than one image or mask, a
        image is listed twice, no label or no mask fits any image, or labels are numbers other
        than 1, 0 and -1.

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
    >>> photos = load_folder(folder)
    >>> photos.target, photos.diagnosis
    (array([ 1,  0, -1]), ['Melanoma', 'nevus', 'unknown'])
    >>> [None if mask is None else Path(mask).name for mask in photos.masks]
    ['a_mask.png', None, None]
    """
    root = existing_folder(folder, name="folder", hint="Check the spelling.")
    mask_root = _beside(root, "masks") if masks is None else existing_folder(masks, name="masks", hint="Leave it out.")
    table_path = _beside(root, "labels.csv") if labels is None else _existing_file(labels)

    files = list_photos(root)
    if mask_root is not None and mask_root.resolve() != root.resolve():
        files = [path for path in files if mask_root.resolve() not in path.resolve().parents]
    stems = {(path.parent, path.stem) for path in files}
    is_mask = {path: any((path.parent, stem) in stems for stem in _photo_stems(path)) for path in files}
    photos = [path for path in files if not is_mask[path]]
    if not photos:
        raise ValueError(
            f"folder must hold at least one image ({', '.join(IMAGE_SUFFIXES)}), got {str(root)!r} without any. "
            "Pass the folder that holds them."
        )
    if mask_root is None or mask_root.resolve() == root.resolve():
        mask_files, mask_base = [path for path in files if is_mask[path]], root
    else:
        mask_files, mask_base = list_photos(mask_root), mask_root
    found_masks = _match_masks(photos, root, mask_files, mask_base)
    if mask_root is not None and not found_masks:
        raise ValueError(
            f"masks must hold a mask named like an image, such as {photos[0].stem + MASK_ENDINGS[0]!r}, got "
            f"{[path.name for path in mask_files[:3]]} in {str(mask_root)!r}. Rename the masks, or pass their folder."
        )

    diagnosis = dict.fromkeys(photos, "unknown")
    groups = {path: path.relative_to(root).as_posix() for path in photos}
    left_out = {"masks that fit no image": len(mask_files) - len(found_masks)}
    if table_path is not None:
        table = _read_table(table_path)
        rows = _match_rows(table, photos, root, table_path, image_column)
        left_out["rows of labels that fit no image"] = len(table) - len(rows)
        label_name = _pick_column(table, label_column, LABEL_COLUMNS, "label_column", table_path)
        group_name = _pick_column(table, group_column, GROUP_COLUMNS, "group_column", table_path)
        for path, row in rows.items():
            diagnosis[path] = str(table[label_name].iloc[row]).strip() or "unknown"
            if group_name is not None:
                groups[path] = str(table[group_name].iloc[row]).strip() or groups[path]
    elif image_column or label_column or group_column:
        raise ValueError(
            "labels must be given where a column is named, got None, and no 'labels.csv' in folder or beside it. "
            "Pass the table."
        )
    target, names = _read_labels(diagnosis.values(), table_path)
    return photo_bunch(
        f"Images of the folder {str(root)!r}.",
        images=photos,
        masks=[found_masks.get(path) for path in photos],
        target=target,
        diagnosis=names,
        groups=list(groups.values()),
        left_out=left_out,
    )


def _beside(root: Path, name: str) -> Path | None:
    """Return the file or folder of that name in a folder or beside it, or None."""
    places = (root / name, root.absolute().parent / name)
    return next((path for path in places if (path.is_file() if path.suffix else path.is_dir())), None)


def _existing_file(path: PathLike) -> Path:
    try:
        file = Path(path)
    except TypeError as error:
        raise TypeError(f"labels must be the path of a table, got {type(path).__name__}. Save it as CSV.") from error
    if not file.is_file():
        raise FileNotFoundError(f"labels must be a file that exists, got {str(file)!r}. Check the spelling.")
    return file


def _photo_stems(mask: Path) -> list[str]:
    """Return the stems of images that a mask, by its ending, can belong to."""
    return [mask.stem[: -len(ending)] for ending in MASK_ENDINGS if mask.stem.lower().endswith(ending)]


def _match_masks(photos: list[Path], root: Path, masks: list[Path], mask_root: Path) -> dict[Path, Path]:
    """Return the mask of each image that has one; of images of one name, those in the same place belong together."""
    by_stem = defaultdict(list)
    for photo in photos:
        by_stem[photo.stem].append(photo)
    found: dict[Path, Path] = {}
    for mask in masks:
        stems = [stem for stem in (mask.stem, *_photo_stems(mask)) if stem in by_stem][:1]
        fitting = [photo for stem in stems for photo in by_stem[stem]]
        if len(fitting) > 1:
            place = mask.parent.relative_to(mask_root)
            fitting = [photo for photo in fitting if photo.parent.relative_to(root) == place] or fitting
        if len(fitting) > 1:
            raise ValueError(
                f"a mask must fit one image, got {str(mask)!r} for {_listed(fitting)}. Give the images different names."
            )
        if fitting and fitting[0] in found:
            raise ValueError(
                f"an image must have one mask, got {_listed([found[fitting[0]], mask])} for {str(fitting[0])!r}. "
                "Take one of them away."
            )
        found.update(dict.fromkeys(fitting, mask))
    return found


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table of strings; empty cells are empty strings."""
    import pandas as pd

    with path.open(encoding="utf-8-sig") as file:
        header = file.readline()
    separator = max(",;\t", key=header.count)
    table = pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig", index_col=False)
    return table.fillna("")


def _match_rows(
    table: pd.DataFrame, photos: list[Path], root: Path, table_path: Path, image_column: str | None
) -> dict[Path, int]:
    """Return the row of each image that the table lists."""
    names = defaultdict(list)
    for photo in photos:
        relative = photo.relative_to(root)
        for name in {relative.as_posix(), relative.with_suffix("").as_posix(), photo.name, photo.stem}:
            names[name].append(photo)
    if image_column is None:
        hits = {column: sum(bool(_named(cell, names)) for cell in table[column]) for column in table.columns}
        image_column = max(hits, key=lambda column: hits[column], default="")
    else:
        _pick_column(table, image_column, (), "image_column", table_path)
    cells = list(table[image_column]) if image_column else []
    rows: dict[Path, int] = {}
    for row, cell in enumerate(cells):
        fitting = _named(cell, names)
        if len(fitting) > 1:
            raise ValueError(
                f"{str(table_path)!r} must name one image in each row, got {cell!r} for {_listed(fitting)}. "
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
            f"{str(table_path)!r} must name images of folder, such as {photos[0].name!r}, got columns "
            f"{list(table.columns)} and no name that fits. Write file names, with or without suffix, in one of them."
        )
    return rows


def _named(cell: str, names: Mapping[str, list[Path]]) -> list[Path]:
    """Return the images that a cell names: by path, by file name, or by a name that now has another suffix."""
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
    """Return the named column, or the first of the usual ones; a label column must be found."""
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


def _read_labels(labels: Iterable[str], table_path: Path | None) -> tuple[list[int], list[str]]:
    """Return target and diagnosis of what labels say."""
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


def _listed(paths: list[Path]) -> str:
    return " and ".join(repr(str(path)) for path in paths)
