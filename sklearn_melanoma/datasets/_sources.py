"""Images from folders, globs, lists, files and URLs, and their masks and rows."""

from __future__ import annotations

import codecs
import glob
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sklearn_melanoma._io.files import IMAGE_SUFFIXES, is_url
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.datasets._files import check_folder, list_images
from sklearn_melanoma.datasets._matching import MASK_ENDINGS, match_masks, sort_files
from sklearn_melanoma.datasets._tables import convert_table, is_table_path, read_table

if TYPE_CHECKING:
    from sklearn_melanoma.datasets._tables import Table


def find_images(sources: PathLike | Sequence[PathLike], *, must_exist: bool = True) -> list[str]:
    """Find images by folders, globs, lists, files and URLs.

    Parameters
    ----------
    sources : path or sequence of paths
        Each is one of these:

        - A folder: all images in it and its subfolders, without masks, as in :func:`load_folder`.
        - A glob such as ``"clinic/**/*.jpg"``: all image files that match.
        - A text file (``.txt``, in UTF-8, UTF-16 or cp1252) with one path or URL a line. Blank lines are ignored.
        - The path or URL of an image.
    must_exist : bool, default=True
        Whether files in a list or in `sources` must exist. If False, a missing file raises an error when it is read.

    Returns
    -------
    list of str
        Paths and URLs, in the order of `sources`, without repetitions. The files of a folder or glob are sorted.
        Relative paths stay relative.

    Raises
    ------
    FileNotFoundError
        If a folder or file does not exist.
    ValueError
        If no image is found, a glob matches none, or a list is empty.
    TypeError
        If a source is not a path.

    See Also
    --------
    load_images : Load images with their labels and masks.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_melanoma.datasets import find_images
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("a.png", "a_mask.png", "b.png"):
    ...     Image.new("RGB", (8, 8)).save(folder / name)
    >>> [Path(path).name for path in find_images(folder)]
    ['a.png', 'b.png']
    >>> len(find_images([folder / "b*.png", "https://example.org/c.jpg"]))
    2
    """
    given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    found: dict[str, None] = {}
    for position, source in enumerate(given):
        if not isinstance(source, str | os.PathLike):
            raise TypeError(f"sources[{position}] must be a path, got {type(source).__name__}. Pass paths or URLs.")
        found |= dict.fromkeys(_expand_source(os.fsdecode(source), must_exist))
    if not found:
        raise ValueError("sources must name at least one image, got none. Pass a folder, a glob, a list or a file.")
    return list(found)


def _expand_source(source: str, must_exist: bool) -> list[str]:
    if is_url(source):
        return [source]
    if os.path.isdir(source):
        folder = check_folder(source, name="sources", hint="Check the spelling.")
        if images := [str(path) for path in sort_files(list_images(folder), folder).images]:
            return images
        raise ValueError(
            f"sources must hold images ({', '.join(IMAGE_SUFFIXES)}), got the folder {source!r} without any. "
            "Pass the folder that holds them."
        )
    if glob.has_magic(source) and not os.path.exists(source):
        matches = sorted(glob.glob(source, recursive=True))
        if images := [path for path in matches if path.lower().endswith(IMAGE_SUFFIXES) and os.path.isfile(path)]:
            return images
        raise ValueError(
            f"sources must match image files ({', '.join(IMAGE_SUFFIXES)}), got {source!r}, which matches "
            f"{f'{len(matches)} other files' if matches else 'nothing'}. Check the pattern."
        )
    if source.lower().endswith(".txt"):
        return _read_list(source, must_exist)
    if must_exist and not os.path.exists(source):
        raise FileNotFoundError(f"sources must exist, got {source!r}. Check the spelling.")
    return [source]


def _read_list(path: str, must_exist: bool) -> list[str]:
    """Return the paths in a text file."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"sources must exist, got the list {path!r}. Check the spelling.") from None
    lines = read_lines(content)
    if not lines:
        raise ValueError(f"sources must name images, got the empty list {path!r}. Write one path a line.")
    missing = [number for number, line in lines.items() if not is_url(line) and not os.path.exists(line)]
    if must_exist and missing:
        raise FileNotFoundError(
            f"sources must exist, but {len(missing)} of {len(lines)} files in the list {path!r} do not. The first is "
            f"{lines[missing[0]]!r} in line {missing[0]}. Correct the list; relative paths start at the working folder."
        )
    return list(lines.values())


def read_lines(content: bytes) -> dict[int, str]:
    """Return the names in a list by the number of their line; blank lines are left out."""
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if is_utf16 else "utf-8-sig", errors="surrogateescape")
    return {number: _decode_name(line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()}


def _decode_name(name: str) -> str:
    """Return a name of a list in UTF-8. Bytes of another encoding are cp1252 if no file has them in its name."""
    if name.isascii() or os.path.exists(name):
        return name
    return re.sub(
        "[\udc80-\udcff]+", lambda found: found[0].encode("utf-8", "surrogateescape").decode("cp1252", "replace"), name
    )


def locate_images(images: Sequence[PathLike]) -> tuple[list[Path], Path]:
    """Return the absolute paths of images and their common folder; a URL gets a path with its host and its parts."""
    if isinstance(images, str | os.PathLike):
        raise TypeError(
            f"images must be a sequence of paths, got {os.fsdecode(images)!r}. Pass the images first, a single one in "
            "a list."
        )
    paths = []
    for image in images:
        name = os.fsdecode(image)
        if is_url(name):
            paths.append(Path(os.path.abspath(os.sep), *PurePosixPath(name.partition("://")[2]).parts))
        else:
            paths.append(Path(os.path.abspath(name)))
    try:
        root = Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # several drives of Windows
        return [Path(os.sep, *path.parts[1:]) for path in paths], Path(os.sep)
    return paths, root


def name_masks(images: Sequence[PathLike], folder: PathLike) -> list[str]:
    """Return the path of a mask for each image; no two paths are equal.

    Parameters
    ----------
    images : sequence of paths
        Paths or URLs of images.
    folder : path
        Folder of the masks. It need not exist.

    Returns
    -------
    list of str
        For each image, ``<name>_mask.png`` in the folder. Subfolders are those of the image in the common folder of all
        images. If names differ only in suffix or case, the masks have the suffix too: ``a.jpg_mask.png``.
        :func:`find_masks`, :func:`load_images` and :func:`load_folder` find the masks by these names.

    Raises
    ------
    TypeError
        If `images` is a single path.
    ValueError
        If the same image is given twice, or names differ in case only.

    See Also
    --------
    sklearn_melanoma.pipeline.write_masks : Segment images and write their masks.

    Examples
    --------
    >>> from sklearn_melanoma.datasets import name_masks
    >>> name_masks(["data/2023/a.jpg", "data/2024/a.jpg", "data/2024/a.png"], "masks")
    ['masks/2023/a_mask.png', 'masks/2024/a.jpg_mask.png', 'masks/2024/a.png_mask.png']
    """
    paths, root = locate_images(images)
    relative = [path.relative_to(root) for path in paths]
    stems = [str(path.with_suffix("")).casefold() for path in relative]
    counts = Counter(stems)
    names = [
        path.with_name(f"{path.stem if counts[stem] == 1 else path.name}_mask.png")
        for path, stem in zip(relative, stems, strict=True)
    ]
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        other = first.setdefault(str(name).casefold(), position)
        if other != position:
            raise ValueError(
                f"images must have different names, got {os.fsdecode(images[other])!r} and "
                f"{os.fsdecode(images[position])!r}. Leave one out, or rename it."
            )
    return [str(Path(folder) / name) for name in names]


def find_masks(images: Sequence[PathLike], folder: PathLike) -> list[str | None]:
    """Find the masks of images in a folder.

    Parameters
    ----------
    images : sequence of paths
        Paths or URLs of images.
    folder : path
        Folder of masks. A mask has the name of its image, optionally followed by an ending such as ``_mask``.
        :func:`load_folder` lists all endings.

    Returns
    -------
    list of str or None
        Path of the mask of each image, None for an image without one.

    Raises
    ------
    TypeError
        If `images` is a single path, or `folder` is not a path.
    FileNotFoundError, NotADirectoryError
        If `folder` does not exist, or is a file.
    ValueError
        If no mask has the name of an image, or one has the name of several images.

    See Also
    --------
    name_masks : Names that this function finds again.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_melanoma.datasets import find_masks
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("1", (8, 8)).save(folder / "b_mask.png")
    >>> [mask and Path(mask).name for mask in find_masks(["images/a.jpg", "images/b.jpg"], folder)]
    [None, 'b_mask.png']
    """
    return match_mask_folder(images, folder, name="folder")


def match_mask_folder(images: Sequence[PathLike], folder: PathLike, *, name: str) -> list[str | None]:
    """Find the masks of images in a folder; `name` is the name of the folder in errors."""
    paths, root = locate_images(images)
    root_of_masks = check_folder(folder, name=name, hint="Check the spelling.")
    given = sort_files(list_images(root_of_masks), root_of_masks)
    masks = sorted((*given.images, *given.masks))
    found = match_masks(paths, root, masks, root_of_masks)
    if not found:
        raise ValueError(
            f"{name} must hold a mask named like an image, such as {paths[0].stem + MASK_ENDINGS[0]!r}, got "
            f"{[path.name for path in masks[:3]]} in {str(root_of_masks)!r}. Rename the masks, or pass their folder."
        )
    return [None if (mask := found.get(path)) is None else str(mask) for path in paths]


def read_given_table(table: Any, name: str) -> Table:
    """Return a table that was given as a path, a DataFrame or a Series."""
    if hasattr(table, "iloc"):
        return convert_table(table, name)
    if not is_table_path(table):
        raise TypeError(
            f"{name} must be the path of a table, got {type(table).__name__}. Pass a path, a pandas DataFrame, or a "
            "pandas Series with the names of the images as its index."
        )
    file = Path(table)
    if not file.is_file():
        raise FileNotFoundError(f"{name} must be a file that exists, got {str(file)!r}. Check the spelling.")
    return read_table(file)
