"""Masks of many images, written to files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sklearn_melanoma._io.reading import resize_mask, write_mask
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma._typing import Mask, PathLike
from sklearn_melanoma._validation import check_images, remove_position, require_mask, source_name
from sklearn_melanoma.pipeline._batches import Batch, run_batch
from sklearn_melanoma.pipeline._warnings import NO_LESION

if TYPE_CHECKING:
    import pandas as pd

_BATCH_SIZE = 16


class _Written(NamedTuple):
    """Result of one image."""

    area_fraction: float
    problem: str


def write_masks(
    segmenter: Any, X: Any, paths: Sequence[PathLike], *, n_jobs: int | None = None, on_error: str = "raise"
) -> pd.DataFrame:
    """Segment images and write their masks as PNG files of 0 and 255, at the original size of the images.

    Only a few images are in memory at a time. An existing file is replaced when the new one is complete.

    Parameters
    ----------
    segmenter : transformer
        A segmenter, or a pipeline that ends in one. It must be fitted if it learns from masks.
    X : sequence of images
        Paths, arrays, PIL images or lesions, of any sizes.
    paths : sequence of paths
        File of each mask, ending in ``.png``, as :func:`~sklearn_melanoma.datasets.name_masks` makes them. Missing
        folders are created.
    n_jobs : int, optional
        Number of processes, as in joblib.
    on_error : {"raise", "skip"}, default="raise"
        Action if an image can't be read. "skip" continues without a mask of it.

    Returns
    -------
    DataFrame
        One row for each image, with its path or position as index. The column `mask` has the path of the mask.
        `area_fraction` is the fraction of the pixels that belong to the lesion. `problem` is "no lesion found", the
        error of a skipped image, or an empty text. The mask of an image without a lesion is black. A skipped image has
        missing values.

    Raises
    ------
    ValueError, TypeError, OSError
        If an image can't be read or a mask can't be written. If `paths` has another length than `X`, a path does not
        end in ``.png``, or `on_error` has another value.

    See Also
    --------
    sklearn_melanoma.images.write_mask : Write one mask.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.pipeline import write_masks
    >>> from sklearn_melanoma.segmentation import WatershedSegmenter
    >>> images = make_lesions(2, random_state=0).images
    >>> with TemporaryDirectory() as folder:
    ...     table = write_masks(WatershedSegmenter(), images, [Path(folder, "a.png"), Path(folder, "b.png")])
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.png', 'b.png']
    >>> table["area_fraction"].round(2).tolist()
    [0.32, 0.11]
    """
    import pandas as pd

    images = check_images(X)
    if len(images) != len(paths):
        raise ValueError(f"X and paths must have the same length, got {len(images)} and {len(paths)}.")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', got {on_error!r}.")

    def make_arguments(start: int) -> tuple[Batch, list[Any], list[str], str]:
        positions = range(start, min(start + _BATCH_SIZE, len(images)))
        targets = [os.fsdecode(paths[i]) for i in positions]
        return Batch([segmenter], positions), [images[i] for i in positions], targets, on_error

    starts = range(0, len(images), _BATCH_SIZE)
    results: Iterable[list[_Written]]
    if len(starts) > 1:
        results = run_in_parallel(_write_batch, starts, n_jobs, arguments=make_arguments)
    else:
        results = starmap(_write_batch, map(make_arguments, starts))
    written = list(chain.from_iterable(results))
    names = [source_name(images[i]) for i in range(len(images))]
    table = pd.DataFrame(written, columns=list(_Written._fields), index=names if all(names) else None)
    skipped = table["area_fraction"].isna().to_numpy()
    files = [None if skip else os.fsdecode(path) for path, skip in zip(paths, skipped, strict=True)]
    table.insert(0, "mask", pd.Series(files, index=table.index, dtype=object))
    return table


def _write_batch(batch: Batch, images: list[Any], paths: list[str], on_error: str) -> list[_Written]:
    result = run_batch(batch, images, on_error)
    written = []
    for position, lesion, path in zip(batch.positions, result.output, paths, strict=True):
        if position in result.skipped:
            written.append(_Written(np.nan, remove_position(result.skipped[position])))
            continue
        mask = require_mask(lesion.mask, batch.steps[-1])
        _write_whole(resize_mask(mask, lesion.source_shape), Path(path))
        written.append(_Written(lesion.area_px / mask.size, "" if lesion.area_px else NO_LESION))
    return written


def _write_whole(mask: Mask, path: Path) -> None:
    """Write a mask to a hidden file, then rename it, so that an interrupted run leaves no half of a mask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".png":
        raise ValueError(f"paths must end in .png, got {str(path)!r}. Masks are written as PNG.")
    hidden = path.with_name(f".{path.name}.part.png")
    try:
        write_mask(mask, hidden)
        os.replace(hidden, path)
    except BaseException:
        with suppress(OSError):
            hidden.unlink()
        raise
