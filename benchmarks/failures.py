"""Segmentation errors: kinds of error over all images, and the worst images with their causes."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import Progress

from benchmarks._data import describe_sets, load_sets, resize_mask
from benchmarks._losses import (
    KINDS,
    NOT_INSPECTED,
    MaskError,
    compare_masks,
    compute_loss_fraction,
    sum_by_band,
    sum_by_cause,
    sum_by_diagnosis,
    sum_by_frame,
)
from benchmarks._mask_learning import fit_learners
from benchmarks._mask_scores import MaskedImages
from benchmarks._methods import LEARNERS, METHODS, OURS, Segmenter
from benchmarks._options import DataOption, MaxImagesOption, ResultsOption
from benchmarks._report import RESULTS, Section, console, fill_in, interval, number, progress_bar, text, write_report
from sklearn_melanoma.images import ImageReader, read_mask
from sklearn_melanoma.inspection import BorderDisplay

SHEETS = Path(__file__).parents[1] / "build" / "failures"  # ignored by git: the images must not be committed
CAUSES = Path(__file__).parent / "failure_causes.csv"
N_WORST = 24

INTRO = (
    "Method: {method}. The loss of an image is 1 minus the Jaccard index of its mask with the true one. Fractions of "
    "the loss are of the sum over all images of the data set. *Wrong place*: under 20 % of the smaller of the two "
    "masks lies in the other one. *Too small*: more pixels are missed than found in excess. *Too large*: all other "
    "errors. The columns of the kinds add up to the fraction of the loss.",
    "Causes were noted when the images were inspected (`failure_causes.csv`). A mean over all images is mostly "
    "one over nevi, so melanomas have tables of their own.",
)
WORST_NOTE = "The worst {n_worst} ({part:.0%} of the {what}) have {loss:.0%} of their loss."

BAND_COLUMNS = {
    "Jaccard": text("band"),
    "images": number("n_images", "d"),
    "fraction of images": number("fraction_of_images", ".0%"),
    "fraction of the loss": number("fraction_of_loss", ".0%"),
    **{kind: number(kind, ".0%") for kind in KINDS},
}
PART_COLUMNS = {
    "true lesion": text("truth"),
    "images": number("n_images", "d"),
    "fraction of images": number("fraction_of_images", ".0%"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "under 0.65": number("fraction_under", ".0%"),
    "fraction of the loss": number("fraction_of_loss", ".0%"),
}
CAUSE_COLUMNS = {
    "cause": text("cause"),
    "images": number("n_images", "d"),
    "fraction of their loss": number("fraction_of_loss", ".0%"),
}
WORST_COLUMNS = {
    "image": text("image"),
    "Jaccard": number("jaccard", ".2f"),
    "kind": text("kind"),
    "cause": text("cause"),
}


def read_causes(path: Path) -> dict[tuple[str, str], str]:
    """Read the causes by data set and image from a table with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        return {(row["data_set"], row["image"]): row["cause"] for row in rows}


def name_image(image: Any, position: int) -> str:
    """Return the name of an image's file without suffix, or its position if it has no file."""
    return Path(image).stem if isinstance(image, str | os.PathLike) else str(position)


def prepare_method(method: str, images: MaskedImages) -> tuple[Segmenter, Sequence[int], str]:
    """Return a segmenter, the positions of the images to score it on, and a note on its training masks."""
    if method in METHODS:
        return METHODS[method], range(len(images)), ""
    n_masks = images.mask_counts[-1]
    learned, others = images.draw_masks(n_masks, 0)
    fitted, _ = fit_learners(LEARNERS, images, learned)
    return fitted[method], others.tolist(), f", fitted on {n_masks} other masks"


def find_errors(
    segmenter: Segmenter, images: MaskedImages, positions: Sequence[int], progress: Progress, description: str
) -> list[MaskError]:
    """Segment images and compare each mask with the true one; the worst comes first."""
    errors = []
    for position in progress.track(positions, description=description):
        image, truth = images.images[position], read_mask(images.masks[position])
        found, melanoma = segmenter.predict([image])[0], bool(images.melanomas[position])
        errors.append(compare_masks(position, name_image(image, position), truth, found, melanoma=melanoma))
    return sorted(errors, key=lambda error: error.jaccard)


def draw_sheet(segmenter: Segmenter, images: MaskedImages, worst: Sequence[MaskError], path: Path) -> None:
    """Save a picture of the worst images with both borders."""
    sources = [images.images[error.position] for error in worst]
    lesions = []
    for lesion, source in zip(ImageReader().transform(sources), sources, strict=True):
        found = segmenter.predict([source])[0]
        lesions.append(lesion.with_mask(resize_mask(found, lesion.image.shape[:2])))
    display = BorderDisplay.from_lesions(lesions, [images.masks[error.position] for error in worst], n_columns=6)
    for axes, error in zip(display.axes_, worst, strict=True):
        axes.set_title(f"{error.image}: {error.jaccard:.2f}, {error.kind}", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    display.figure_.savefig(path, dpi=100)
    console.print(f"Saved to {path}")


def make_sections(
    name: str, errors: Sequence[MaskError], causes: dict[tuple[str, str], str], note: str
) -> list[Section]:
    """Return the tables of one data set; `errors` are sorted, worst first."""
    mean = np.mean([error.jaccard for error in errors])
    melanomas = [error for error in errors if error.melanoma]
    return [
        Section(f"{name}: {len(errors)} images, mean Jaccard {mean:.3f}{note}", BAND_COLUMNS, sum_by_band(errors)),
        Section(f"{name}: lesions that touch the frame", PART_COLUMNS, sum_by_frame(errors)),
        Section(f"{name}: melanomas and other lesions", PART_COLUMNS, sum_by_diagnosis(errors)),
        *_make_worst_sections(name, "images", errors, causes),
        *(_make_worst_sections(name, "melanomas", melanomas, causes) if melanomas else []),
    ]


def _make_worst_sections(
    name: str, what: str, errors: Sequence[MaskError], causes: dict[tuple[str, str], str]
) -> list[Section]:
    """Return the tables of the worst of some images and of their causes."""
    worst = errors[:N_WORST]
    n_worst = len(worst)

    def find_cause(image: str) -> str:
        return causes.get((name, image), NOT_INSPECTED)

    listed = [
        {"image": error.image, "jaccard": error.jaccard, "kind": error.kind, "cause": find_cause(error.image)}
        for error in worst
    ]
    part, loss = n_worst / len(errors), compute_loss_fraction(worst, errors)
    note = WORST_NOTE.format(n_worst=n_worst, part=part, what=what, loss=loss)
    return [
        Section(
            f"{name}: causes in the worst {n_worst} {what}", CAUSE_COLUMNS, sum_by_cause(worst, find_cause), [note]
        ),
        Section(f"{name}: the worst {n_worst} {what}", WORST_COLUMNS, listed),
    ]


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    method: Annotated[str, typer.Option(help="Method, by its name in the benchmark `segmentation`.")] = OURS,
    sheets: Annotated[Path, typer.Option(help="Folder for the pictures of images; keep it out of git.")] = SHEETS,
    causes: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Table of causes.")] = CAUSES,
    results: ResultsOption = RESULTS,
) -> None:
    """Count errors by kind, and draw the worst images of each data set."""
    names = {name.replace("`", ""): name for name in (*METHODS, *LEARNERS)}
    plain = method.replace("`", "")
    if plain not in names:
        raise typer.BadParameter(f"the method must be one of {', '.join(names)}, got {method!r}")
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    known = read_causes(causes)
    sections = []
    with progress_bar() as progress:
        for name, lesions in sets.items():
            masked = MaskedImages.from_lesions(lesions)
            segmenter, positions, note = prepare_method(names[plain], masked)
            errors = find_errors(segmenter, masked, positions, progress, name)
            draw_sheet(segmenter, masked, errors[:N_WORST], sheets / f"{name}.png")
            if melanomas := [error for error in errors if error.melanoma]:
                draw_sheet(segmenter, masked, melanomas[:N_WORST], sheets / f"{name}_melanomas.png")
            sections += make_sections(name, errors, known, note)
    intro = [*fill_in(INTRO, method=names[plain]), *describe_sets(sets)]
    write_report("failures", title="Failures", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
