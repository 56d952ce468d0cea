"""Files of a data set on disk, and the Bunch that loaders return."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.datasets._catalog import DataSet
from sklearn_melanoma.datasets._labels import describe_mapping

if TYPE_CHECKING:
    import pandas as pd

#: Environment variable with the parent folder of all data sets, the default of every loader.
DATA_VARIABLE = "SKLEARN_MELANOMA_DATA"

#: Suffixes of image files that are not read, in lower case.
OTHER_SUFFIXES = (
    *(".avif", ".arw", ".cr2", ".cr3", ".dng", ".gif", ".heic", ".heif", ".j2k", ".jp2", ".jxl", ".nef", ".psd"),
    ".svs",
)

#: Folders in lower case that hold no images of a data set.
JUNK_FOLDERS = frozenset(
    {
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@tmp",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "__macosx",
        "__pycache__",
        "lost+found",
        "lost.dir",
        "network trash folder",
        "recycled",
        "recycler",
        "system volume information",
        "temporary items",
        "_thumbs",
        "thumbnails",
        "thumbs",
    }
)


class Layout(NamedTuple):
    """Official layout of a public data set."""

    dataset: DataSet
    parts: tuple[tuple[str, ...], ...]  # patterns of each required part; the pattern of a folder ends with a slash
    contents: str  # required contents, for error messages


class Files(NamedTuple):
    """Files of one image."""

    image: Path
    mask: Path | None


def find_dataset(folder: PathLike | None, layout: Layout) -> tuple[Path, list[list[Path]]]:
    """Return the folder of a data set and the paths of each part of its layout."""
    root = resolve_folder(folder, layout.dataset.folder)
    return root, find_parts(root, layout)


def find_parts(root: Path, layout: Layout) -> list[list[Path]]:
    """Return the paths of each part of a layout in a folder. Every part must match at least one file or folder."""
    parts = [[path for pattern in patterns for path in _match_pattern(root, pattern)] for patterns in layout.parts]
    if not all(parts):
        raise make_layout_error(root, layout)
    return parts


def resolve_folder(folder: PathLike | None, name: str, *, must_exist: bool = True) -> Path:
    """Return the given folder, or the folder `name` under the environment variable's folder."""
    if folder is None:
        root = os.environ.get(DATA_VARIABLE)
        if not root:
            raise ValueError(
                f"folder must be given where the environment variable {DATA_VARIABLE} is not set, got None. Pass the "
                f"folder of the data set, or set {DATA_VARIABLE} to the folder that holds it under the name {name!r}."
            )
        folder = Path(root) / name
        hint = f"It comes from the environment variable {DATA_VARIABLE}; pass folder to read from another place."
    else:
        hint = "Check the spelling, or unpack the data set there."
    return check_folder(folder, name="folder", hint=hint, must_exist=must_exist)


def check_folder(folder: PathLike, *, name: str, hint: str, must_exist: bool = True) -> Path:
    """Return the path of a folder."""
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {type(folder).__name__}. Pass a str or a pathlib.Path.")
    path = Path(folder)
    if not path.exists() and not must_exist:
        return path
    if not path.exists():
        raise FileNotFoundError(f"{name} must be a folder that exists, got {str(path)!r}. {hint}")
    if not path.is_dir():
        raise NotADirectoryError(f"{name} must be a folder, got the file {str(path)!r}. Pass the folder that holds it.")
    return path


def _match_pattern(root: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that match a pattern, or its folders if the pattern ends with a slash."""
    paths = sorted(root.glob(pattern.rstrip("/")))
    return [path for path in paths if (path.is_dir() if pattern.endswith("/") else path.is_file())]


def make_layout_error(folder: Path, layout: Layout, *, contents: str = "") -> ValueError:
    """Return the error for a folder with another layout than the official one; `contents` names the missing parts."""
    entries = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    listed = ", ".join(repr(entry) for entry in entries[:8]) + (f" and {len(entries) - 8} more" * (len(entries) > 8))
    dataset = layout.dataset
    return ValueError(
        f"folder must hold {dataset.title} in its official layout: {contents or layout.contents}; {str(folder)!r} "
        f"holds {listed or 'nothing'}. Pass the folder right above those files, or use load_folder for images laid out "
        f"in another way. The data set is at {dataset.source}"
        f"{f', and {dataset.fetch_call} downloads it' * bool(dataset.files)}."
    )


def list_images(folder: Path, *, without: Path | None = None) -> list[Path]:
    """Return all image files under a folder, sorted.

    Linked folders are followed; each folder is visited once, so loops end. Hidden files and folders are left out, and
    so are folders that systems and programs make (trash, thumbnails, checkpoints). The folder `without` is left out. A
    warning counts images of formats that are not read.
    """
    paths = list_files(folder, IMAGE_SUFFIXES + OTHER_SUFFIXES, without=without)
    images = [path for path in paths if path.name.lower().endswith(IMAGE_SUFFIXES)]
    converted = {path.with_suffix("") for path in images}
    if others := [path for path in paths if path.with_suffix("") not in converted]:
        warn_user(
            f"{len(others)} images in {str(folder)!r} are left out, such as {others[0].name!r}: their formats are not "
            "read. Convert them to PNG or TIFF."
        )
    return images


def list_files(folder: Path, suffixes: tuple[str, ...] = ("",), *, without: Path | None = None) -> list[Path]:
    """Return all files under a folder with one of the suffixes, sorted, as :func:`list_images` does."""
    seen = {_identify(os.stat(without))} if without is not None else set()
    found: list[Path] = []
    folders = [os.fspath(folder)]
    while folders:  # real folders first, so that an image has the path without a link
        linked = [link for top in folders for link in _walk(top, seen, found, suffixes)]
        folders = sorted(linked)
    return sorted(found, key=lambda path: path.parts)


def _identify(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _walk(top: str, seen: set[tuple[int, int]], found: list[Path], suffixes: tuple[str, ...]) -> list[str]:
    """Add the files of an unseen folder and of its real subfolders, and return its linked subfolders."""
    links: list[str] = []
    pending = [top]
    while pending:
        folder = pending.pop()
        identity = _identify(os.stat(folder))
        if identity in seen:
            continue
        seen.add(identity)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.casefold() in JUNK_FOLDERS:
                    continue
                try:
                    is_folder, is_file = entry.is_dir(), entry.is_file()
                except OSError:  # a link that leads to itself
                    continue
                if is_folder:
                    (links if entry.is_symlink() else pending).append(entry.path)
                elif entry.name.lower().endswith(suffixes) and is_file:
                    found.append(Path(entry.path))
    return links


def pair_masks(images: Iterable[Path], masks: Iterable[Path], *, ending: str = "_segmentation") -> dict[str, Files]:
    """Return the files of each image by the image's stem; the stem of its mask also has the ending."""
    image_by_stem = _index_stems(images, what="images")
    mask_by_stem = _index_stems(masks, ending=ending, what="masks")
    return {stem: Files(image, mask_by_stem.get(stem)) for stem, image in image_by_stem.items()}


def _index_stems(paths: Iterable[Path], *, ending: str = "", what: str) -> dict[str, Path]:
    """Return the paths by stem without the ending; skip stems with another ending; a repeated stem is an error."""
    found: dict[str, Path] = {}
    for path in paths:
        if not path.stem.lower().endswith(ending.lower()):
            continue
        stem = path.stem[: len(path.stem) - len(ending)]
        if stem in found:
            raise ValueError(
                f"{what} must have different names, got {str(found[stem])!r} and {str(path)!r}. Take one of them away."
            )
        found[stem] = path
    return found


def count_left_out(files: Collection[object], *, n_rows: int, n_used: int) -> dict[str, int]:
    """Return how many table rows lack an image and how many images lack a table row."""
    return {
        "rows of the table whose images are missing": n_rows - n_used,
        "images that are not in the table": len(files) - n_used,
    }


def describe_unlabeled(place: str, advice: str) -> str:
    """Return the warning that no image is labeled.

    It is for tables of labels in which all values are unknown, and for images without labels, masks and attributes.
    """
    return f"no image of {place} is labeled: all targets are -1. {advice}"


def make_bunch(
    description: str,
    *,
    files: Sequence[Files],
    target: Sequence[int],
    diagnosis: Sequence[str],
    groups: Sequence[str],
    left_out: dict[str, int],
    label_mapping: dict[str, int],
    values: Sequence[str | None] | None = None,
    frame: pd.DataFrame | None = None,
    split: Sequence[str] | None = None,
) -> Bunch:
    """Make the Bunch of a loader, with the counts and the meaning of labels added to the description.

    `left_out` holds the numbers of files and rows that the Bunch leaves out, by their name. `values` are the values
    that `label_mapping` maps; they default to the diagnoses.
    """
    labels = np.asarray(target, dtype=int)
    masks = [None if mask is None else str(mask) for _, mask in files]
    n_masks = sum(mask is not None for mask in masks)
    n_melanomas, n_others, n_unlabeled = (int(np.count_nonzero(labels == label)) for label in (1, 0, -1))
    counts = (
        f"Here: {len(files)} images, {n_masks} with a mask; {n_melanomas} melanomas, "
        f"{n_others} others, {n_unlabeled} without a diagnosis."
    )
    for what, number in left_out.items():
        counts += f" Left out: {number} {what}." if number else ""
    meaning = describe_mapping(diagnosis if values is None else values, label_mapping)
    return Bunch(
        images=[str(image) for image, _ in files],
        masks=masks if n_masks else None,
        target=labels,
        diagnosis=list(diagnosis),
        groups=np.asarray(groups, dtype=object),
        frame=frame,
        split=None if split is None else np.asarray(split, dtype=object),
        label_mapping=label_mapping,
        DESCR=f"{description.strip()}\n\n{counts}\n{meaning}\n",
    )
