"""Where masks go wrong: kinds of error over all images, and a sheet of the worst to look at."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import Progress

from benchmarks._data import describe, load_sets
from benchmarks._losses import KINDS, NOT_LOOKED_AT, Judged, by_band, by_cause, by_frame, judge, worst_fraction
from benchmarks._mask_learning import fit_learners
from benchmarks._mask_scores import MaskedPhotos
from benchmarks._methods import LEARNERS, METHODS, OURS, Segmenter
from benchmarks._options import DataOption, MaxPhotosOption, ResultsOption
from benchmarks._report import RESULTS, Section, console, interval, number, progress_bar, text, write_report
from benchmarks._segmenters import resize
from sklearn_melanoma.images import ImageReader, read_mask
from sklearn_melanoma.inspection import BorderDisplay

SHEETS = Path(__file__).parents[1] / "build" / "failures"  # ignored by git: the images must not be committed
CAUSES = Path(__file__).parent / "failure_causes.csv"
N_WORST = 24

BAND_COLUMNS = {
    "Jaccard": text("band"),
    "images": number("n_photos", "d"),
    "share of images": number("share_of_photos", ".0%"),
    "share of the loss": number("share_of_loss", ".0%"),
    **{kind: number(kind, ".0%") for kind in KINDS},
}
FRAME_COLUMNS = {
    "true lesion": text("truth"),
    "images": number("n_photos", "d"),
    "share of images": number("share_of_photos", ".0%"),
    "mean Jaccard (95 %)": interval("mean_jaccard"),
    "share of the loss": number("share_of_loss", ".0%"),
}
CAUSE_COLUMNS = {
    "cause": text("cause"),
    "images": number("n_photos", "d"),
    "share of their loss": number("share_of_loss", ".0%"),
}
WORST_COLUMNS = {
    "image": text("image"),
    "Jaccard": number("jaccard", ".2f"),
    "kind": text("kind"),
    "cause": text("cause"),
}


def read_causes(path: Path) -> dict[tuple[str, str], str]:
    """Read what a person who looked wrote down: data set, image and cause, under a line that names them."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        return {(row["data_set"], row["image"]): row["cause"] for row in rows}


def photo_name(image: Any, position: int) -> str:
    """Return the name of an image's file without suffix, or its position where it comes from no file."""
    return Path(image).stem if isinstance(image, str | os.PathLike) else str(position)


def prepare(method: str, photos: MaskedPhotos) -> tuple[Segmenter, Sequence[int], str]:
    """Return a segmenter, the images that it did not learn from, and what it learned from."""
    if method in METHODS:
        return METHODS[method], range(len(photos)), ""
    n_masks = photos.mask_counts[-1]
    learned, others = photos.draw_masks(n_masks, 0)
    fitted, _ = fit_learners(LEARNERS, photos, learned)
    return fitted[method], others.tolist(), f", learned from {n_masks} other masks"


def judge_all(
    segmenter: Segmenter, photos: MaskedPhotos, positions: Sequence[int], progress: Progress, description: str
) -> list[Judged]:
    """Segment images and compare each mask with the true one, worst first."""
    judged = []
    for position in progress.track(positions, description=description):
        image, truth = photos.images[position], read_mask(photos.masks[position])
        judged.append(judge(position, photo_name(image, position), truth, segmenter.predict([image])[0]))
    return sorted(judged, key=lambda photo: photo.jaccard)


def draw_sheet(segmenter: Segmenter, photos: MaskedPhotos, worst: Sequence[Judged], path: Path) -> None:
    """Save the worst images with both borders as a picture."""
    lesions = []
    for lesion, photo in zip(
        ImageReader().transform([photos.images[photo.position] for photo in worst]), worst, strict=True
    ):
        found = segmenter.predict([photos.images[photo.position]])[0]
        lesions.append(lesion.with_mask(resize(found, lesion.image.shape[:2])))
    display = BorderDisplay.from_lesions(lesions, [photos.masks[photo.position] for photo in worst], n_columns=6)
    for axes, photo in zip(display.axes_, worst, strict=True):
        axes.set_title(f"{photo.photo}: {photo.jaccard:.2f}, {photo.kind}", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    display.figure_.savefig(path, dpi=100)
    console.print(f"Drawn to {path}")


def make_sections(name: str, judged: Sequence[Judged], causes: dict[tuple[str, str], str], note: str) -> list[Section]:
    """Return the tables of one data set; `judged` is sorted, worst first."""
    worst = judged[:N_WORST]

    def cause_of(photo: str) -> str:
        return causes.get((name, photo), NOT_LOOKED_AT)

    listed = [
        {"image": photo.photo, "jaccard": photo.jaccard, "kind": photo.kind, "cause": cause_of(photo.photo)}
        for photo in worst
    ]
    mean = np.mean([photo.jaccard for photo in judged])
    share = len(worst) / len(judged)
    note_below = (
        f"The worst {len(worst)} ({share:.0%} of the images) hold {worst_fraction(worst, judged):.0%} of the loss."
    )
    return [
        Section(f"{name}: {len(judged)} images, mean Jaccard {mean:.3f}{note}", BAND_COLUMNS, by_band(judged)),
        Section(f"{name}: lesions that the frame cuts", FRAME_COLUMNS, by_frame(judged)),
        Section(f"{name}: causes in the worst {len(worst)}", CAUSE_COLUMNS, by_cause(worst, cause_of), [note_below]),
        Section(f"{name}: the worst {len(worst)}", WORST_COLUMNS, listed),
    ]


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = None,
    method: Annotated[str, typer.Option(help="Row of the benchmark `segmentation`, as it is named there.")] = OURS,
    sheets: Annotated[Path, typer.Option(help="Folder for the pictures of images; keep it out of git.")] = SHEETS,
    causes: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Table of causes.")] = CAUSES,
    results: ResultsOption = RESULTS,
) -> None:
    """Sort errors by kind, and draw the worst images of each data set."""
    names = {name.replace("`", ""): name for name in (*METHODS, *LEARNERS)}
    plain = method.replace("`", "")
    if plain not in names:
        raise typer.BadParameter(f"the method must be one of {', '.join(names)}, got {method!r}")
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    known = read_causes(causes)
    sections = []
    with progress_bar() as progress:
        for name, photos in sets.items():
            masked = MaskedPhotos.of(photos)
            segmenter, positions, note = prepare(names[plain], masked)
            judged = judge_all(segmenter, masked, positions, progress, name)
            draw_sheet(segmenter, masked, judged[:N_WORST], sheets / f"{name}.png")
            sections += make_sections(name, judged, known, note)
    intro = [
        f"Method: {names[plain]}. The loss of an image is 1 minus the Jaccard index of its mask with the true one; "
        "shares are of the sum over all images of the set. *Wrong place*: under 20 % of the smaller of the two masks "
        "lies in the other. *Too small*: more pixels are missed than taken in excess; *too large*: the others. The "
        "columns of the kinds add up to the share of the loss.",
        "Causes are what a person saw who looked at the image (`failure_causes.csv`).",
        *describe(sets),
    ]
    write_report("failures", title="Failures", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
