"""Features of PyRadiomics: difference between `RadiomicsFeatures` and PyRadiomics on real masks, and their time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_limits

from benchmarks._data import describe_sets, load_sets
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, text, write_report
from benchmarks._tables import FAMILIES, segment_images
from benchmarks._timing import keep_freed_memory, time_methods
from sklearn_melanoma import Lesion
from sklearn_melanoma.features import RadiomicsFeatures

# Module of PyRadiomics and its class, for each class of features.
PEER_CLASSES = {
    "shape2D": ("shape2D", "RadiomicsShape2D"),
    "firstorder": ("firstorder", "RadiomicsFirstOrder"),
    "glcm": ("glcm", "RadiomicsGLCM"),
    "glrlm": ("glrlm", "RadiomicsGLRLM"),
    "glszm": ("glszm", "RadiomicsGLSZM"),
    "gldm": ("gldm", "RadiomicsGLDM"),
    "ngtdm": ("ngtdm", "RadiomicsNGTDM"),
}
# Channel, parameters of ours, and the same setting of PyRadiomics.
SETTINGS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "gray, width 25": ("gray", {"bin_width": 25}, {"binWidth": 25}),
    "gray, width 5": ("gray", {"bin_width": 5}, {"binWidth": 5}),
    "blue, 32 bins": ("blue", {"n_bins": 32}, {"binCount": 32}),
}
ALL = "all classes"
ROUNDS = 5

INTRO = (
    "`RadiomicsFeatures` beside PyRadiomics on the same pixels, at most {images} images of each data set at the "
    "reader's size, with the masks of `WatershedSegmenter`. PyRadiomics gets the box around the mask, `force2D` and "
    "the pixel spacing of the lesion.",
)
MISSING = "PyRadiomics was left out: {reason}."
DIFFERENCE_NOTE = "Greatest relative difference over all features of a class and all images."
COST_NOTE = (
    "One thread, one channel (gray, width 25), masks given, nothing computed before. The time of an image is the least "
    f"of {ROUNDS} rounds. PyRadiomics is timed without its reading, checks and resampling. Our classes share the gray "
    "levels, so all together cost less than their sum. The other families use several channels."
)
DIFFERENCE_COLUMNS = {
    "class": text("class"),
    "features": number("n_features", "d"),
    **{name: number(name, ".0e") for name in SETTINGS},
}
COST_COLUMNS = {
    "features": text("features"),
    "columns": number("n_columns", "d"),
    "ours, ms per image, median": number("ours", ".1f"),
    "slowest tenth": number("slow_ours", ".1f"),
    "PyRadiomics, median": number("peer", ".1f"),
}

Measure = Callable[[Lesion], Any]


def find_reason() -> str | None:
    """Return why PyRadiomics can't be used; None if it can."""
    try:
        import_module("SimpleITK")
        import_module("radiomics")
    except ImportError as error:
        return str(error)
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)  # PyRadiomics logs a correlation at each call
    return None


def take_channel(lesion: Lesion, channel: str) -> NDArray[np.uint8]:
    """Return a channel as a user of PyRadiomics would, cropped to the mask."""
    image = lesion.image[lesion.box]
    if channel == "gray":
        return np.asarray(Image.fromarray(np.ascontiguousarray(image)).convert("L"))
    return np.ascontiguousarray(image[..., ("red", "green", "blue").index(channel)])


def measure_with_pyradiomics(
    lesion: Lesion, *, classes: Sequence[str], channel: str, parameters: Mapping[str, Any]
) -> dict[str, float]:
    """Return the features of PyRadiomics by the names of our columns."""
    sitk = import_module("SimpleITK")
    assert lesion.mask is not None
    image = sitk.GetImageFromArray(take_channel(lesion, channel)[np.newaxis])
    mask = sitk.GetImageFromArray(lesion.mask[lesion.box][np.newaxis].astype(np.uint8))
    for volume in (image, mask):
        volume.SetSpacing((lesion.scale, lesion.scale, 1.0))
    found = {}
    for kind in classes:
        module, name = PEER_CLASSES[kind]
        calculator = getattr(import_module(f"radiomics.{module}"), name)(
            image, mask, force2D=True, force2Ddimension=0, **parameters
        )
        calculator.enableAllFeatures()
        prefix = kind if kind == "shape2D" else f"{channel}_{kind}"
        found |= {f"{prefix}_{feature}": float(value) for feature, value in calculator.execute().items()}
    return found


def measure_differences(lesions: Sequence[Lesion], setting: str) -> dict[str, float]:
    """Return the largest relative difference of each class."""
    channel, parameters, peer_parameters = SETTINGS[setting]
    radiomics = RadiomicsFeatures(channels=channel, **parameters)
    names = list(radiomics.get_feature_names_out())
    greatest = dict.fromkeys(PEER_CLASSES, 0.0)
    for lesion, row in zip(lesions, radiomics.transform(lesions), strict=True):
        theirs = measure_with_pyradiomics(
            lesion, classes=list(PEER_CLASSES), channel=channel, parameters=peer_parameters
        )
        if set(theirs) != set(names):
            raise AssertionError(f"PyRadiomics has other names: {sorted(set(theirs) ^ set(names))}")
        for name, value in zip(names, row, strict=True):
            kind = name.removeprefix(f"{channel}_").partition("_")[0]
            difference = abs(value - theirs[name]) / max(abs(theirs[name]), 1e-9)
            greatest[kind] = max(greatest[kind], float(difference))
    return greatest


def make_difference_section(title: str, lesions: Sequence[Lesion]) -> Section:
    """Return the table of differences to PyRadiomics."""
    differences = {setting: measure_differences(lesions, setting) for setting in SETTINGS}
    records = [
        {"class": kind, "n_features": count_columns(RadiomicsFeatures(kind))}
        | {setting: differences[setting][kind] for setting in SETTINGS}
        for kind in PEER_CLASSES
    ]
    return Section(title, DIFFERENCE_COLUMNS, records, [DIFFERENCE_NOTE])


def count_columns(features: BaseEstimator) -> int:
    """Return the number of columns of a transformer."""
    return len(features.get_feature_names_out())


def make_cost_section(title: str, lesions: Sequence[Lesion], reason: str | None) -> Section:
    """Return the table of times of each class, of all classes and of the other families."""

    def transform(features: BaseEstimator, lesion: Lesion) -> None:
        features.transform([lesion.with_mask(lesion.mask)])  # a lesion without earlier results

    ours: dict[str, BaseEstimator] = {kind: RadiomicsFeatures(kind) for kind in PEER_CLASSES}
    ours |= {ALL: RadiomicsFeatures()} | FAMILIES
    methods: dict[str, Measure] = {name: partial(transform, features) for name, features in ours.items()}
    if reason is None:
        peer = partial(measure_with_pyradiomics, channel="gray", parameters={"binWidth": 25})
        methods |= {f"peer {kind}": partial(peer, classes=[kind]) for kind in PEER_CLASSES}
        methods[f"peer {ALL}"] = partial(peer, classes=list(PEER_CLASSES))
    keep_freed_memory()
    with threadpool_limits(1):
        times = time_methods(methods, lesions, rounds=ROUNDS)
    records = [
        {
            "features": name,
            "n_columns": count_columns(features),
            "ours": float(np.median(times[name])),
            "slow_ours": float(np.quantile(times[name], 0.9)),
            "peer": float(np.median(times[f"peer {name}"])) if f"peer {name}" in times else float("nan"),
        }
        for name, features in ours.items()
    ]
    return Section(
        title, COST_COLUMNS, records, [COST_NOTE, *([] if reason is None else [MISSING.format(reason=reason)])]
    )


def main(
    data: DataOption = None,
    max_images: Annotated[int, typer.Option(min=2, help="Images drawn from each larger set.")] = 40,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare `RadiomicsFeatures` with PyRadiomics by its values and its time."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    reason = find_reason()
    sections: list[Section] = []
    with progress_bar() as progress:
        for name, images in sets.items():
            segmented = segment_images(images.images, progress=progress, description=f"{name}: masks")
            lesions = [lesion for lesion in segmented if lesion.area_px > 1]  # PyRadiomics refuses a single pixel
            title = f"{name}: {len(lesions)} images"
            if reason is None:
                sections.append(make_difference_section(f"{title}, difference to PyRadiomics", lesions))
            sections.append(make_cost_section(f"{title}, time", lesions, reason))
    intro = [*fill_in(INTRO, images=max_images), *describe_sets(sets)]
    packages = ["pyradiomics", "SimpleITK"]
    write_report("radiomics", title="Radiomics", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
