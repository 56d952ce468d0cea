"""Pages of TIFF files, and frames of animations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sklearn_melanoma._io.headers import MAX_TAGS

MAX_PAGES = 1000  # largest number of pages to check

_SUBFILE, _WIDTH, _HEIGHT, _OLD_SUBFILE = 254, 256, 257, 255  # tags
_REDUCED, _TRANSPARENCY, _OLD_REDUCED = 1, 4, 2  # their values; the first two are bits
_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}  # bytes of whole numbers, by their type

# Largest relative difference between the sides of a thumbnail and the sides of its page.
_ASPECT = 0.02


def count_pages(image: Any, data: bytes) -> int:
    """Return the number of different images in a file.

    Parameters
    ----------
    image : PIL.ImageFile.ImageFile
        The first page, open.
    data : bytes
        Content of the file.

    Returns
    -------
    int
        Pages of a TIFF, or frames of an animated PNG or WebP; 1 for all others. Smaller copies of the first page do not
        count, such as the levels of a pyramid and thumbnails. The depth and gain maps in JPEGs of cameras do not count
        either.
    """
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1) if image.format in ("PNG", "WEBP") else 1
    first, *others = list(_iterate_pages(data)) or [{}]
    return 1 + sum(not _is_reduced(page, first) for page in others)


def _is_reduced(page: dict[int, int], first: dict[int, int]) -> bool:
    """Return whether a page is a smaller copy of the first one, or its transparency."""
    if page.get(_SUBFILE, 0) & (_REDUCED | _TRANSPARENCY) or page.get(_OLD_SUBFILE) == _OLD_REDUCED:
        return True
    width, height = (page.get(tag, 0) / max(first.get(tag, 0), 1) for tag in (_WIDTH, _HEIGHT))
    return max(width, height) < 1 and abs(width - height) < _ASPECT


def _iterate_pages(data: bytes) -> Iterator[dict[int, int]]:
    """Yield the kind and the size of each page as numbers by tag, up to the first damaged page."""
    order, big = "<" if data.startswith(b"II") else ">", data[2:3] == b"+"
    offset, count = (np.dtype(f"{order}u{size}") for size in ((8, 8) if big else (4, 2)))
    entry = np.dtype(
        [("tag", f"{order}u2"), ("kind", f"{order}u2"), ("count", offset), ("value", f"V{offset.itemsize}")]
    )
    pointer, seen = 8 if big else 4, set[int]()
    while len(seen) < MAX_PAGES:
        try:
            start = int(np.frombuffer(data, offset, 1, pointer)[0])
            n_tags = int(np.frombuffer(data, count, 1, start)[0])
            if start == 0 or start in seen or not 0 < n_tags <= MAX_TAGS:
                return
            entries = np.frombuffer(data, entry, n_tags, start + count.itemsize)
        except (ValueError, OverflowError):  # the file ends early
            return
        seen.add(start)
        pointer = start + count.itemsize + entries.nbytes
        wanted = entries[np.isin(entries["tag"], (_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT))]
        yield {
            int(tag): int.from_bytes(value.tobytes()[: _SIZES.get(int(kind), 4)], "little" if order == "<" else "big")
            for tag, kind, _, value in wanted
        }
