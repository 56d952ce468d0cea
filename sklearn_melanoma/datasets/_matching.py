"""Matching of images with names in tables and with masks, and roles of files and folders."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sklearn_melanoma._io.files import IMAGE_SUFFIXES
from sklearn_melanoma.datasets._vocabulary import normalize

MASK_ENDINGS = ("_segmentation", "_mask", "_lesion", "_seg")
_MASK_ENDING = re.compile(
    r"(?:[_. -](?:segmentation|mask|lesion|seg|gt|ground[_ -]?truth|label|labels|annotation|binary))+$"
    r"|^(?:mask|seg|segmentation)[_ -](?=.)",
    re.IGNORECASE,
)
_SURE_MASK = re.compile(r"[_ -]segmentation$", re.IGNORECASE)
_NO_MASK = re.compile(r"[_ -](?:superpixels?|attribute_\w+)$", re.IGNORECASE)  # of the ISIC challenges
_MASK_WORDS = {"mask", "masks", "segmentation", "segmentations", "groundtruth", "superpixels", "roi"}
# Names of folders that may hold masks or images.
_VAGUE_WORDS = {"annotation", "annotations", "gt", "label", "labels", "seg", "segs", "segm", "truth"}
_IMAGE_WORDS = {"image", "images", "img", "imgs", "input", "inputs", "photo", "photos", "data", "dermoscopic"}


class Found(NamedTuple):
    """Images and masks under a folder."""

    images: list[Path]
    masks: list[Path]
    n_ignored: int  # superpixels and masks of attributes


class ImageNames:
    """Images by path in their folder and by name, each with and without suffix.

    An exact name has priority over a name that differs in case or in the Unicode form.
    """

    def __init__(self, images: Iterable[Path], root: Path):
        self.exact: dict[str, list[Path]] = defaultdict(list)
        self.folded: dict[str, list[Path]] = defaultdict(list)
        for image in images:
            relative = image.relative_to(root)
            path, name = relative.as_posix(), relative.name
            names = {path, path[: len(path) - len(image.suffix)], name, image.stem, image.as_posix()}
            for each in names:
                self.exact[each].append(image)
            for each in {_fold(each) for each in names}:
                self.folded[each].append(image)

    def count_exact(self, cells: Collection[str]) -> int:
        """Return how many of the cells name an image exactly."""
        return len(self.exact.keys() & set(cells))

    def has_path(self, cell: str) -> bool:
        """Return whether a cell is the path of an image, with a folder."""
        path = _unify_path(cell)
        return "/" in path and path in self.exact

    def find(self, cell: str, *, by_name: bool = True) -> list[Path]:
        """Return the images that a cell names by path or file name; the suffix may differ from the file's.

        Without `by_name`, a cell with a folder must be a path: the same name may be in other folders.
        """
        if cell in self.exact:
            return self.exact[cell]
        cell = _unify_path(cell)
        folder, slash, base = cell.rpartition("/")
        stem, dot, suffix = base.rpartition(".")
        short = stem if f"{dot}{suffix}".lower() in IMAGE_SUFFIXES else base
        names = [cell, folder + slash + short]
        if by_name or not folder:
            names += [base, short]
        for name in names:
            if name in self.exact:
                return self.exact[name]
        return next((self.folded[name] for name in map(_fold, names) if name in self.folded), [])


def _unify_path(cell: str) -> str:
    return cell.strip().replace("\\", "/").removeprefix("./")


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def sort_files(files: Sequence[Path], root: Path) -> Found:
    """Return which files are images and which are masks, by their names and the names of their folders.

    A folder such as ``labels`` or ``gt`` holds masks if another folder holds images of these names.
    """
    roles: dict[Path, bool | None] = {}
    stems: dict[Path, set[str]] = defaultdict(set)
    for path in files:
        stems[path.parent].add(_fold(path.stem))
        if path.parent not in roles:
            roles[path.parent] = _find_role(path.parent.relative_to(root).parts)
    named = {stem for folder, found in stems.items() if roles[folder] is False for stem in found}
    for folder, role in roles.items():
        if role is None:
            roles[folder] = any(strip_mask_ending(stem) in named for stem in stems[folder])
    images, masks, n_ignored = [], [], 0
    for path in files:
        if _NO_MASK.search(path.stem):
            n_ignored += 1
        elif roles[path.parent] or _is_mask_beside(path, stems[path.parent]):
            masks.append(path)
        else:
            images.append(path)
    return Found(images, masks, n_ignored)


def _find_role(parts: Sequence[str]) -> bool | None:
    """Return whether the deepest folder with a telling name holds masks, as in ``train/masks``; None if it may."""
    for part in reversed(parts):
        name = normalize(part)
        words = set(name.split())
        if words & _MASK_WORDS or "ground truth" in name:
            return True
        if words & _IMAGE_WORDS:
            return False
        if words & _VAGUE_WORDS:
            return None
    return False


def _is_mask_beside(path: Path, beside: set[str]) -> bool:
    """Return whether a file among images is a mask.

    ``x_segmentation`` is always a mask, and so is ``x_mask`` beside ``x``. Any other mask must have one channel, or two
    colors in a lossless format.
    """
    stem = strip_mask_ending(path.stem)
    if stem == path.stem:
        return False
    return bool(_SURE_MASK.search(path.stem)) or _fold(stem) in beside or _looks_like_mask(path)


def _looks_like_mask(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            if image.mode in ("1", "L", "P", "LA"):
                return True
            return image.format != "JPEG" and len(image.getcolors(2) or ()) == 2
    except (OSError, ValueError, Image.DecompressionBombError):
        return False  # reading the image raises an error


def strip_mask_ending(stem: str) -> str:
    """Return the stem of the image of a mask; a stem without a usual ending is returned unchanged."""
    return _MASK_ENDING.sub("", stem)


def match_masks(images: Sequence[Path], root: Path, masks: Sequence[Path], mask_root: Path) -> dict[Path, Path]:
    """Return the mask of each image that has one.

    If several images have the same name, a mask belongs to the image in the corresponding subfolder.
    """
    names = ImageNames(images, root)
    found: dict[Path, Path] = {}
    for mask in masks:
        fitting = names.find(mask.stem) or names.find(strip_mask_ending(mask.stem))
        if len(fitting) > 1:
            place = _find_place(mask.relative_to(mask_root))
            fitting = [image for image in fitting if _find_place(image.relative_to(root)) == place] or fitting
        if len(fitting) > 1:
            raise ValueError(
                f"a mask must fit one image, got {str(mask)!r} for {format_paths(fitting)}. "
                "Give the images different names."
            )
        if fitting and fitting[0] in found:
            raise ValueError(
                f"an image must have one mask, got {format_paths([found[fitting[0]], mask])} for {str(fitting[0])!r}. "
                "Take one of them away."
            )
        found.update(dict.fromkeys(fitting, mask))
    return found


def _find_place(relative: Path) -> tuple[str, ...]:
    """Return the folders of a path without those that separate images from masks."""
    names = [normalize(part) for part in relative.parent.parts]
    return tuple(name for name in names if not set(name.split()) & (_MASK_WORDS | _VAGUE_WORDS | _IMAGE_WORDS))


def find_mask_folder(root: Path) -> Path | None:
    """Return the folder of masks in a folder or beside it: ``masks``, or the folder of an ISIC challenge."""
    name = root.absolute().name
    base = re.sub(r"_(Input|Data)$", "", name)
    challenge = [] if base == name else [f"{base.replace('Task1-2', 'Task1')}_GroundTruth", f"{base}_Part1_GroundTruth"]
    places = [root / "masks", *(root.absolute().parent / each for each in ("masks", *challenge))]
    return next((place for place in places if place.is_dir()), None)


def format_paths(paths: Sequence[Path]) -> str:
    """Return paths for an error message."""
    return " and ".join(repr(str(path)) for path in paths)
