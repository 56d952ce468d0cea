"""Images of the benchmarks: data sets in a folder, or synthetic images if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from sklearn.utils import Bunch, resample

from benchmarks._report import SYNTHETIC, console, synthetic_note
from sklearn_melanoma.datasets import load_ham10000, load_isic_2017, load_ph2, make_lesions

LOADERS = {
    "ph2": load_ph2,
    "isic2017": load_isic_2017,
    "ham10000": load_ham10000,
    "isic2017_large": load_isic_2017,
}


def load_sets(data: Path | None, names: Sequence[str], *, max_images: int | None = None) -> dict[str, Bunch]:
    """Load the data sets that a folder holds.

    Parameters
    ----------
    data : Path or None
        Folder with one folder for each data set, in its official layout. If None, 300 synthetic images are made.
    names : sequence of str
        Keys of `LOADERS`: the data sets to load.
    max_images : int, optional
        Number of images drawn from each larger set, at random within melanomas and others.

    Returns
    -------
    dict
        The data sets by name, or only `SYNTHETIC` without `data`. They hold images, masks, target and groups.

    Raises
    ------
    typer.BadParameter
        If the folder holds none of the data sets.
    """
    if data is None:
        console.print("No --data and no SKLEARN_MELANOMA_DATA: running on synthetic images.")
        sets = {SYNTHETIC: make_lesions(300, random_state=0)}
    else:
        sets = {name: LOADERS[name](data / name) for name in names if (data / name).is_dir()}
        if not sets:
            raise typer.BadParameter(f"the data folder must hold at least one of {', '.join(names)}, got {str(data)!r}")
        for name in names:
            if name not in sets:
                console.print(f"{name} is not in {data}: left out.")
    return {
        name: lesions if max_images is None else _draw_images(lesions, max_images) for name, lesions in sets.items()
    }


def save_images(images: Sequence[Any], folder: Path) -> list[str]:
    """Return the paths of images. Images without a file are saved in a folder as JPEG."""
    paths = []
    for position, image in enumerate(images):
        path = image if isinstance(image, str | Path) else folder / f"{position}.jpg"
        if path is not image:
            Image.fromarray(image).save(path, quality=90)
        paths.append(str(path))
    return paths


def resize_mask(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Resize a mask with bilinear interpolation of its border."""
    gray = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return np.asarray(gray.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)) > 127


def count_images(lesions: Bunch) -> str:
    """Return the numbers of images and melanomas as a text."""
    return f"{len(lesions.images)} images, {np.count_nonzero(lesions.target == 1)} melanomas"


def describe_sets(sets: dict[str, Bunch]) -> list[str]:
    """Return a paragraph on the data sets, and a warning if they are synthetic."""
    counts = [f"{name} ({count_images(lesions)})" for name, lesions in sets.items()]
    return ["Images: " + ", ".join(counts) + ".", *synthetic_note(sets)]


def _draw_images(lesions: Bunch, size: int) -> Bunch:
    """Return images drawn at random within melanomas and others, or all images if there are not more."""
    if len(lesions.images) <= size:
        return lesions
    chosen = resample(
        np.arange(len(lesions.images)), replace=False, n_samples=size, stratify=lesions.target, random_state=0
    )
    chosen.sort()
    more = {}
    if getattr(lesions, "frame", None) is not None:
        more["frame"] = lesions.frame.iloc[chosen]
    if getattr(lesions, "diagnosis", None) is not None:
        more["diagnosis"] = np.asarray(lesions.diagnosis)[chosen]
    return Bunch(
        images=[lesions.images[i] for i in chosen],
        masks=None if lesions.masks is None else [lesions.masks[i] for i in chosen],
        target=lesions.target[chosen],
        groups=lesions.groups[chosen],
        **more,
    )
