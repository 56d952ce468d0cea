"""Command ``features``: images to a table of features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io.reading import read_lesion
from sklearn_melanoma._io.scales import read_scale
from sklearn_melanoma._validation import element_errors
from sklearn_melanoma.cli._app import app
from sklearn_melanoma.cli._code import find_writer, format_images, format_options, print_code
from sklearn_melanoma.cli._inputs import STANDARD_INPUT, list_paths, warn_of_problems
from sklearn_melanoma.cli._options import (
    ErrorAction,
    Features,
    FeatureSet,
    Force,
    Images,
    Memory,
    OnError,
    Processes,
    ShowCode,
)
from sklearn_melanoma.cli._outputs import TableWriter, check_table_path, prepare_output
from sklearn_melanoma.cli._progress import iterate_chunks
from sklearn_melanoma.datasets import match_table
from sklearn_melanoma.datasets._sources import match_mask_folder
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._warnings import record_problems


@app.command("features", epilog="Example: sklearn-melanoma features images/ -o table.csv --memory cache/")
def compute_features(
    images: Images,
    output: Annotated[Path, typer.Option("--output", "-o", help="Table: .csv, .parquet or .xlsx.", show_default=False)],
    features: Features = FeatureSet.ALL,
    masks: Annotated[Path | None, typer.Option(help="Folder of masks. Default: segment the images.")] = None,
    mm_per_pixel: Annotated[
        float | None,
        typer.Option(
            help="Width of a pixel in millimeters, for lengths and areas in millimeters. "
            "Default: the scale in each DICOM file if all images have one; else lengths are in pixels."
        ),
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(help="Table whose columns are put before the features, matched by file name.")
    ] = None,
    memory: Memory = None,
    n_jobs: Processes = 2,
    on_error: ErrorAction = OnError.RAISE,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Compute the features of the lesion in each image. An image without a lesion has an empty row."""
    if show_code:
        known = [] if STANDARD_INPUT in images else list_paths(images, on_error)
        changes = _list_changes(features, masks, mm_per_pixel, known, on_error)
        _print_code(images, output, features, masks, columns, changes, memory, n_jobs, on_error)
        return
    check_table_path(output)
    prepare_output(output, force=force)
    paths = list_paths(images, on_error)
    changes = _list_changes(features, masks, mm_per_pixel, paths, on_error)
    given = None if masks is None else _find_all_masks(paths, masks, on_error)
    metadata = None if columns is None else match_table(paths, columns)
    pipeline: ImagePipeline = make_melanoma_pipeline(features.value, memory=memory, n_jobs=n_jobs)["features"]
    pipeline.set_params(**changes)
    problems: dict[str, str] = {}
    with TableWriter(output, len(paths)) as writer:
        for chunk in iterate_chunks(paths, "Computing features", n_jobs):
            inputs: Sequence[Any] = chunk
            if given is not None:
                inputs = MaskedImages(chunk, [given[path] for path in chunk.items], mm_per_pixel, on_error)
            with record_problems() as found:
                rows = pipeline.fit_transform(inputs).set_axis(chunk.items, axis=0)
            problems |= {chunk.items[position]: problem for position, problem in found.items()}
            writer.write(rows if metadata is None else metadata.loc[list(chunk.items)].join(rows))
    warn_of_problems(problems, len(paths))
    typer.echo(f"{len(paths)} rows written to {output}")


class MaskedImages(Sequence[Any]):
    """Images with given masks, read when they are accessed.

    Parameters
    ----------
    paths : sequence of str
        The images.
    masks : sequence of str or None
        Their masks.
    mm_per_pixel : float or None
        Width of a pixel in millimeters; None for the scale in each file.
    on_error : OnError
        With "skip", a path replaces an image or mask that can't be read. The pipeline then reports the error.
    """

    def __init__(
        self, paths: Sequence[str], masks: Sequence[str | None], mm_per_pixel: float | None, on_error: OnError
    ):
        self._paths = paths
        self._masks = masks
        self._mm_per_pixel = mm_per_pixel
        self._on_error = on_error

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: Any) -> Any:
        path, mask = self._paths[index], self._masks[index]
        try:
            with element_errors(index, path):
                lesion = read_lesion(path, mm_per_pixel=self._mm_per_pixel)
                return lesion.with_mask(None if mask is None else read_mask(mask))
        except (OSError, ValueError):
            if self._on_error is OnError.RAISE:
                raise
            return path


def _find_all_masks(paths: list[str], masks: Path, on_error: OnError) -> dict[str, str | None]:
    found = dict(zip(paths, match_mask_folder(paths, masks, name="masks"), strict=True))
    missing = [path for path, mask in found.items() if mask is None]
    if missing and on_error is OnError.RAISE:
        raise ValueError(
            f"--masks must hold a mask of each image, but {len(missing)} of {len(paths)} have none, such as "
            f"{missing[0]!r}. Add --on-error skip to leave their rows empty."
        )
    return found


def _have_scales(paths: Sequence[str]) -> bool:
    """Return whether all images are files with a scale. If only some have one, a warning counts them."""
    scales = []
    for path in paths:
        with suppress(ValueError, ImportError):  # reading the image raises an error
            scales.append(read_scale(path))
    n_known = len(scales) - scales.count(None)
    if 0 < n_known < len(scales):
        warnings.warn(
            f"Lengths and areas are in pixels, because only {n_known} of {len(scales)} images give a scale. Compute "
            "the others separately, or pass --mm-per-pixel for all.",
            stacklevel=2,
        )
    return 0 < n_known == len(scales)


def _list_changes(
    features: FeatureSet, masks: Path | None, mm_per_pixel: float | None, paths: Sequence[str], on_error: OnError
) -> dict[str, Any]:
    """Return the parameters of the image steps that differ from the default."""
    changes: dict[str, Any] = {}
    if on_error is OnError.SKIP:
        changes["on_error"] = "skip"
    if masks is not None:
        changes["segment"] = "passthrough"
    if mm_per_pixel is not None:
        changes["read__mm_per_pixel"] = mm_per_pixel
    if mm_per_pixel is not None or _have_scales(paths):
        changes["measure__unit" if features is FeatureSet.SURVEY else "measure__morphology__unit"] = "mm"
    return changes


# The pipeline gets the path of an image or mask that can't be read, and reports the error.
_READ_LESION = """
def read_lesion(image, mask):
    try:
        (lesion,) = reader.fit_transform([image])
        return lesion.with_mask(None if mask is None else read_mask(mask))
    except (OSError, ValueError):
        return image

"""


def _print_code(
    images: list[str],
    output: Path,
    features: FeatureSet,
    masks: Path | None,
    columns: Path | None,
    changes: dict[str, Any],
    memory: Path | None,
    n_jobs: int,
    on_error: OnError,
) -> None:
    names = ["find_images", *(["find_masks"] if masks else []), *(["match_table"] if columns else [])]
    make = "reader.fit_transform([i])[0].with_mask(read_mask(m))" if on_error is OnError.RAISE else "read_lesion(i, m)"
    reading = format_options(mm_per_pixel=changes.get("read__mm_per_pixel"))
    options = format_options(memory=memory and str(memory), n_jobs=n_jobs)
    print_code(
        f"from sklearn_melanoma.datasets import {', '.join(names)}",
        "from sklearn_melanoma import make_melanoma_pipeline",
        "from sklearn_melanoma.images import ImageReader, read_mask" if masks else None,
        f"reader = ImageReader(max_side=None{reading})" if masks else None,
        _READ_LESION if masks and on_error is OnError.SKIP else None,
        f"images = {format_images(images, on_error)}",
        f'features = make_melanoma_pipeline({features.value!r}{options})["features"]',
        f"features.set_params({format_options(**changes)[2:]})" if changes else None,
        f"masks = find_masks(images, {str(masks)!r})" if masks else None,
        f"lesions = [{make} for i, m in zip(images, masks)]" if masks else None,
        f"table = features.fit_transform({'lesions' if masks else 'images'})",
        f"table = match_table(images, {str(columns)!r}).join(table)" if columns else None,
        f'table.rename_axis("path").{find_writer(output)}({str(output)!r})',
    )
