"""Find the files of a data set on disk, and say clearly what was missing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma._typing import PathLike

#: Folder that holds the data sets in folders of their own, where a loader is given none.
DATA_VARIABLE = "SKLEARN_MELANOMA_DATA"


def data_folder(folder: PathLike | None, name: str) -> Path:
    """Return the folder of a data set: the given one, or `name` under the environment variable's folder."""
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
    return existing_folder(folder, name="folder", hint=hint)


def existing_folder(folder: PathLike, *, name: str, hint: str) -> Path:
    """Return the path of a folder that is there."""
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"{name} must be a path, got {type(folder).__name__}. Pass a str or a pathlib.Path.")
    path = Path(folder)
    if not path.exists():
        raise FileNotFoundError(f"{name} must be a folder that exists, got {str(path)!r}. {hint}")
    if not path.is_dir():
        raise NotADirectoryError(f"{name} must be a folder, got the file {str(path)!r}. Pass the folder that holds it.")
    return path


def list_photos(folder: Path) -> list[Path]:
    """Return every image file under a folder, sorted; files that macOS leaves in archives are not images."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith("._")
        and "__MACOSX" not in path.parts
        and path.is_file()
    )


def by_stem(paths: Iterable[Path], *, ending: str = "", what: str) -> dict[str, Path]:
    """Return the files whose stem ends as given, by the stem without it; two of the same name are an error."""
    found: dict[str, Path] = {}
    for path in paths:
        if not path.stem.endswith(ending):
            continue
        stem = path.stem.removesuffix(ending)
        if stem in found:
            raise ValueError(
                f"{what} must have different names, got {str(found[stem])!r} and {str(path)!r}. Take one of them away."
            )
        found[stem] = path
    return found


def layout_error(folder: Path, name: str, looked_for: str) -> ValueError:
    """Return the error for a folder that is laid out in another way."""
    entries = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    listed = ", ".join(repr(entry) for entry in entries[:8]) + (f" and {len(entries) - 8} more" * (len(entries) > 8))
    return ValueError(
        f"folder must hold {name} in its official layout: {looked_for}; {str(folder)!r} holds {listed or 'nothing'}. "
        "Pass the folder right above those files, or use load_folder for images laid out in another way."
    )


def photo_bunch(
    description: str,
    *,
    images: Sequence[Path],
    masks: Sequence[Path | None],
    target: Sequence[int],
    diagnosis: Sequence[str],
    groups: Sequence[str],
    left_out: dict[str, int] | None = None,
    **extra: object,
) -> Bunch:
    """Return what a loader found, with the counts added to its description.

    `left_out` holds numbers of things left aside, by what they are.
    """
    labels = np.asarray(target, dtype=int)
    found = [None if mask is None else str(mask) for mask in masks]
    n_masks = sum(mask is not None for mask in found)
    counts = (
        f"Here: {len(images)} images, {n_masks} with a mask; {_count(labels, 1)} melanomas, "
        f"{_count(labels, 0)} others, {_count(labels, -1)} without a diagnosis."
    )
    for what, number in (left_out or {}).items():
        counts += f" Left out: {number} {what}." if number else ""
    return Bunch(
        images=[str(path) for path in images],
        masks=found if n_masks else None,
        target=labels,
        diagnosis=list(diagnosis),
        groups=np.asarray(groups, dtype=object),
        DESCR=f"{description.strip()}\n\n{counts}\n",
        **extra,
    )


def _count(labels: NDArray[np.int_], label: int) -> int:
    return int(np.count_nonzero(labels == label))
