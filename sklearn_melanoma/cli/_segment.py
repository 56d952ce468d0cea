"""Command ``segment``: images to masks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.model_selection import GridSearchCV

from sklearn_melanoma.cli._app import app, print_note
from sklearn_melanoma.cli._code import format_images, format_options, print_code
from sklearn_melanoma.cli._inputs import list_paths, warn_of_problems
from sklearn_melanoma.cli._options import ErrorAction, Force, Images, OnError, Processes, ShowCode
from sklearn_melanoma.cli._outputs import check_figure_path, confirm, make_folder, prepare_output
from sklearn_melanoma.cli._progress import iterate_chunks, show_spinner
from sklearn_melanoma.datasets import name_masks
from sklearn_melanoma.datasets._sources import match_mask_folder
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.model_selection import SemiSupervisedSplit
from sklearn_melanoma.persistence import load_model
from sklearn_melanoma.pipeline import get_image_pipeline, write_masks
from sklearn_melanoma.segmentation import SegmenterSelector, WatershedSegmenter, load_pretrained_segmenter

_NAMES = ("watershed", "selector", "pretrained")
_GRID = {"level": [0.35, 0.5, 0.65], "even_light": [True, False]}
_FOLDS = 3
_N_SHOWN = 24  # number of images in the overview


@app.command(
    epilog="Example: sklearn-melanoma segment images/ -o masks/ --overview borders.png",
)
def segment(
    images: Images,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the masks.", show_default=False)],
    segmenter: Annotated[
        str, typer.Option(help="watershed, selector, pretrained, or a model file (.skops).")
    ] = "watershed",
    masks: Annotated[
        Path | None, typer.Option(help="Folder of true masks of some of the images, to tune the segmenter.")
    ] = None,
    overview: Annotated[Path | None, typer.Option(help="Figure of borders over some of the images.")] = None,
    n_jobs: Processes = 2,
    on_error: ErrorAction = OnError.RAISE,
    resume: Annotated[bool, typer.Option("--resume", help="Keep masks that exist, and make the others.")] = False,
    force: Force = False,
    show_code: ShowCode = False,
) -> None:
    """Find the lesion in each image, and write its mask as a PNG of 0 and 255 at the size of the image."""
    is_file = segmenter.endswith(".skops")
    if segmenter not in _NAMES and not is_file:
        raise typer.BadParameter(
            f"--segmenter must be {', '.join(_NAMES)} or a file ending in .skops, got {segmenter}."
        )
    if is_file and masks is not None:
        raise typer.BadParameter(f"--masks tunes {', '.join(_NAMES)}; a model file is fitted already.")
    if masks is not None and masks.resolve() == output.resolve():
        raise typer.BadParameter(f"--output must not be the folder of true masks, got {str(masks)!r} for both.")
    if show_code:
        _print_code(images, output, segmenter, masks, n_jobs, on_error)
        return
    if output.exists() and not output.is_dir():
        raise NotADirectoryError(f"--output must be a folder, got the file {str(output)!r}. Name another.")
    if overview is not None:
        check_matplotlib("--overview")
        check_figure_path(overview, "--overview")
        prepare_output(overview, force=force)
    paths = list_paths(images, on_error)
    targets = dict(zip(paths, name_masks(paths, output), strict=True))
    existing = {path for path, target in targets.items() if os.path.exists(target)}
    if existing and not (force or resume):
        confirm(
            f"{len(existing)} of {len(paths)} masks exist in {str(output)!r}.",
            "--resume keeps them and makes the others, --force replaces them.",
            "Replace them?",
        )
    make_folder(output)
    fitted = _make_segmenter(segmenter, paths, masks, n_jobs)
    pending = [path for path in paths if not (resume and path in existing)]
    problems = _write_masks(fitted, pending, targets, n_jobs, on_error)
    warn_of_problems(problems, len(pending))
    if overview is not None:
        _draw_overview(fitted, [path for path in paths if path not in problems], overview)
    n_written = sum(os.path.exists(targets[path]) for path in pending)
    typer.echo(f"{n_written} masks written to {output}")
    if pending and not n_written:
        raise ValueError("No image could be read.")


def _make_segmenter(name: str, paths: list[str], masks: Path | None, n_jobs: int) -> Any:
    """Return a segmenter, tuned on the images that have a true mask."""
    if name.endswith(".skops"):
        model = load_model(name)
        return model if _is_segmenter(model) else get_image_pipeline(model)[:-1]
    truths = None if masks is None else match_mask_folder(paths, masks, name="masks")
    n_masks = 0 if truths is None else sum(truth is not None for truth in truths)
    if truths is not None and n_masks < _FOLDS:
        raise ValueError(f"--masks must hold masks of at least {_FOLDS} of the images, got {n_masks}. Draw more.")
    if name == "pretrained":
        pretrained = load_pretrained_segmenter().set_params(random_state=0)
        if truths is None:
            return pretrained
        with show_spinner("Tuning the pretrained segmenter"):
            return pretrained.fit(paths, truths)
    if name == "selector":
        with show_spinner("Tuning the selector"):
            selector = SegmenterSelector(random_state=0, n_jobs=n_jobs).fit(paths, truths)
        return selector.set_params(n_jobs=None)
    if truths is None:
        return WatershedSegmenter()
    search = GridSearchCV(
        WatershedSegmenter(), _GRID, cv=SemiSupervisedSplit(_FOLDS), n_jobs=n_jobs, error_score="raise"
    )
    with show_spinner("Tuning the segmenter"):
        search.fit(paths, truths)
    best = ", ".join(f"{name} {value}" for name, value in search.best_params_.items())
    print_note("Tuned", f"{best}; mean Jaccard index {search.best_score_:.3f} in cross-validation on {n_masks} masks.")
    return search.best_estimator_


def _is_segmenter(model: Any) -> bool:
    """Return whether a model is a segmenter, and not a model with one among its image steps."""
    return hasattr(model, "predict") and not hasattr(model, "classes_")


def _write_masks(
    segmenter: Any, paths: list[str], targets: dict[str, str], n_jobs: int, on_error: OnError
) -> dict[str, str]:
    """Write the masks, and return the problems by path."""
    problems: dict[str, str] = {}
    try:
        for chunk in iterate_chunks(paths, "Segmenting", n_jobs):
            files = [targets[path] for path in chunk.items]
            table = write_masks(segmenter, chunk, files, n_jobs=n_jobs, on_error=on_error.value)
            problems |= {str(path): problem for path, problem in table["problem"].items() if problem}
    except BaseException:
        n_done = sum(os.path.exists(targets[path]) for path in paths)
        if n_done:
            print_note("Kept", f"{n_done} of {len(paths)} masks. --resume makes the others.")
        raise
    return problems


def _draw_overview(segmenter: Any, paths: list[str], overview: Path) -> None:
    """Draw borders over images that are evenly spaced in the list."""
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(_N_SHOWN, len(paths))).round().astype(int))
    with show_spinner("Drawing borders"):
        display = BorderDisplay.from_estimator(segmenter, [paths[i] for i in chosen])
        display.figure_.savefig(overview, dpi=120)


def _print_code(
    images: list[str], output: Path, segmenter: str, masks: Path | None, n_jobs: int, on_error: OnError
) -> None:
    data = "find_images, find_masks, name_masks" if masks else "find_images, name_masks"
    fit = f".fit(images, find_masks(images, {str(masks)!r}))" if masks else ""
    searched = f"GridSearchCV(WatershedSegmenter(), {_GRID}, cv=SemiSupervisedSplit({_FOLDS}))"
    imports, code = {
        "watershed": (
            ["from sklearn_melanoma.segmentation import WatershedSegmenter"],
            f"{searched}{fit}.best_estimator_" if masks else "WatershedSegmenter()",
        ),
        "selector": (
            ["from sklearn_melanoma.segmentation import SegmenterSelector"],
            f"SegmenterSelector(random_state=0){fit or '.fit(images)'}",
        ),
        "pretrained": (
            ["from sklearn_melanoma.segmentation import load_pretrained_segmenter"],
            f"load_pretrained_segmenter().set_params(random_state=0){fit}",
        ),
    }.get(segmenter, (["from sklearn_melanoma.persistence import load_model"], f"load_model({segmenter!r})"))
    if segmenter.endswith(".skops") and not _is_segmenter(load_model(segmenter)):
        imports += ["from sklearn_melanoma.pipeline import get_image_pipeline"]
        code = f"get_image_pipeline({code})[:-1]"
    if segmenter == "watershed" and masks:
        imports += [
            "from sklearn.model_selection import GridSearchCV",
            "from sklearn_melanoma.model_selection import SemiSupervisedSplit",
        ]
    options = format_options(n_jobs=n_jobs, on_error=on_error.value)
    print_code(
        f"from sklearn_melanoma.datasets import {data}",
        "from sklearn_melanoma.pipeline import write_masks",
        *imports,
        f"images = {format_images(images, on_error)}",
        f"segmenter = {code}",
        f"write_masks(segmenter, images, name_masks(images, {str(output)!r}){options})",
    )
