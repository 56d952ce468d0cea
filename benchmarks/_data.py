"""The images that benchmarks run on: real ones from a folder, drawn ones where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from PIL import Image
from sklearn.utils import Bunch, resample

from benchmarks._report import console
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions

LOADERS = {
    "ph2": load_ph2,
    "isic2017": load_isic_2017,
    "ham10000": load_ham10000,
    "isic2017_large": load_isic_2017,
}

DRAWN = "made"
DRAWN_NOTE = (
    "**No real images were given**: these are images drawn by `make_lesions`, whose scores say nothing about real ones."
)


def load_sets(data: Path | None, names: Sequence[str], *, max_photos: int | None = None) -> dict[str, Bunch]:
    """Load the data sets that a folder holds.

    Parameters
    ----------
    data : Path or None
        Folder with a folder for each set, in its official layout. Without, 300 images are drawn.
    names : sequence of str
        Keys of `LOADERS`: which sets are wanted.
    max_photos : int, optional
        Number of images that are drawn from each larger set, at random within melanomas and others.

    Returns
    -------
    dict
        The sets by name; "made" alone without `data`. They hold images, masks, target and groups.

    Raises
    ------
    typer.BadParameter
        If the folder holds none of the sets.
    """
    if data is None:
        console.print("No --data and no SKLEARN_MELANOMA_DATA: running on images drawn by make_lesions.")
        sets = {DRAWN: make_lesions(300, random_state=0)}
    else:
        sets = {name: LOADERS[name](data / name) for name in names if (data / name).is_dir()}
        if not sets:
            raise typer.BadParameter(f"the data folder must hold at least one of {', '.join(names)}, got {str(data)!r}")
        for name in names:
            if name not in sets:
                console.print(f"{name} is not in {data}: left out.")
    return {name: photos if max_photos is None else _draw(photos, max_photos) for name, photos in sets.items()}


def save_photos(images: Sequence[Any], folder: Path) -> list[str]:
    """Return the paths of images; drawn ones are saved in a folder as JPEG."""
    paths = []
    for position, image in enumerate(images):
        path = image if isinstance(image, str | Path) else folder / f"{position}.jpg"
        if path is not image:
            Image.fromarray(image).save(path, quality=90)
        paths.append(str(path))
    return paths


def describe(sets: dict[str, Bunch]) -> list[str]:
    """Return a paragraph that says how many images of what there are, and one more if they are drawn."""
    counts = [
        f"{name} ({len(photos.images)} images, {np.count_nonzero(photos.target == 1)} melanomas)"
        for name, photos in sets.items()
    ]
    return ["Images: " + ", ".join(counts) + ".", *([DRAWN_NOTE] if DRAWN in sets else [])]


def _draw(photos: Bunch, size: int) -> Bunch:
    if len(photos.images) <= size:
        return photos
    chosen = resample(
        np.arange(len(photos.images)), replace=False, n_samples=size, stratify=photos.target, random_state=0
    )
    chosen.sort()
    return Bunch(
        images=[photos.images[i] for i in chosen],
        masks=None if photos.masks is None else [photos.masks[i] for i in chosen],
        target=photos.target[chosen],
        groups=photos.groups[chosen],
    )
