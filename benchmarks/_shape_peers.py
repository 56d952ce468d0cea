"""Morphology features of other programs under common names."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from skimage.measure import regionprops

from sklearn_melanoma.features import measure_morphology

Mask = NDArray[np.bool_]
# Name of the distribution, and a function that returns the number of features and the common features by name.
Peer = tuple[str, Callable[[Mask], tuple[int, dict[str, float]]]]

# All but the area and the solidity are lengths.
FEATURES = (
    "area",
    "perimeter",
    "largest Feret diameter",
    "least Feret diameter",
    "major axis",
    "solidity",
    "radius of the circumscribed circle",
    "radius of the inscribed circle",
)
REGION_PROPERTIES = (
    "area",
    "area_bbox",
    "area_convex",
    "area_filled",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "equivalent_diameter_area",
    "euler_number",
    "extent",
    "feret_diameter_max",
    "moments_hu",
    "orientation",
    "perimeter",
    "perimeter_crofton",
    "solidity",
)


def measure_ours(mask: Mask) -> tuple[int, dict[str, float]]:
    """Compute all columns of `MorphologyFeatures`."""
    found = measure_morphology(mask)
    return len(found), _rename(
        found,
        {
            "area": "area",
            "perimeter": "perimeter",
            "largest Feret diameter": "max_span",
            "least Feret diameter": "min_feret_diameter",
            "major axis": "major_axis_length",
            "solidity": "solidity",
            "radius of the inscribed circle": "inscribed_radius",
        },
    ) | {"radius of the circumscribed circle": found["perimeter"] / found["perimeter_ratio"] / (2 * np.pi)}


def measure_with_regionprops(mask: Mask) -> tuple[int, dict[str, float]]:
    """Compute the morphology features of scikit-image's `regionprops`."""
    region = regionprops(mask.astype(np.uint8))[0]
    found = {name: region[name] for name in REGION_PROPERTIES}
    return sum(np.size(value) for value in found.values()), _rename(
        found,
        {
            "area": "area",
            "perimeter": "perimeter_crofton",
            "largest Feret diameter": "feret_diameter_max",
            "major axis": "axis_major_length",
            "solidity": "solidity",
        },
    )


def measure_with_pyradiomics(mask: Mask) -> tuple[int, dict[str, float]]:
    """Compute all 2-D shape features of PyRadiomics."""
    sitk, shape2d = import_module("SimpleITK"), import_module("radiomics.shape2D")
    image = sitk.GetImageFromArray(mask[np.newaxis].astype(np.uint8))
    extractor = shape2d.RadiomicsShape2D(image, image, force2D=True, force2Ddimension=0)
    extractor.enableAllFeatures()
    found = {name: float(value) for name, value in extractor.execute().items()}
    return len(found), _rename(
        found,
        {
            "area": "PixelSurface",
            "perimeter": "Perimeter",
            "largest Feret diameter": "MaximumDiameter",
            "major axis": "MajorAxisLength",
        },
    )


def measure_with_cp_measure(mask: Mask) -> tuple[int, dict[str, float]]:
    """Compute shape and size, Feret diameters and Zernike magnitudes of CellProfiler."""
    functions = import_module("cp_measure.bulk").get_core_measurements()
    labels = mask.astype(np.int32)
    found: dict[str, float] = {}
    for name in ("sizeshape", "feret", "zernike"):
        found |= {key: float(value[0]) for key, value in functions[name](labels, mask.astype(np.float64)).items()}
    return len(found), _rename(
        found,
        {
            "area": "Area",
            "perimeter": "Perimeter",
            "largest Feret diameter": "MaxFeretDiameter",
            "least Feret diameter": "MinFeretDiameter",
            "major axis": "MajorAxisLength",
            "solidity": "Solidity",
            "radius of the inscribed circle": "MaximumRadius",
        },
    )


def measure_with_imea(mask: Mask) -> tuple[int, dict[str, float]]:
    """Compute all 2-D shape features of imea, with its default step of the angle."""
    found = import_module("imea").shape_measurements_2d(mask, 1.0).iloc[0].astype(float).to_dict()
    named = _rename(
        found,
        {
            "area": "area_projection",
            "perimeter": "perimeter",
            "largest Feret diameter": "feret_max",
            "least Feret diameter": "feret_min",
            "major axis": "major_axis_length",
        },
    )
    return len(found), named | {
        "solidity": found["area_projection"] / found["area_convex"],
        "radius of the circumscribed circle": found["diameter_min_enclosing_circle"] / 2,
        "radius of the inscribed circle": found["diameter_max_inclosing_circle"] / 2,
    }


OURS = "ours"
PEERS: dict[str, Peer] = {
    OURS: ("sklearn-melanoma", measure_ours),
    "scikit-image": ("scikit-image", measure_with_regionprops),
    "PyRadiomics": ("pyradiomics", measure_with_pyradiomics),
    "CellProfiler": ("cp_measure", measure_with_cp_measure),
    "imea": ("imea", measure_with_imea),
}


def find_peers() -> tuple[dict[str, Peer], dict[str, str]]:
    """Return the installed programs, and the import errors of the others."""
    mask = np.pad(np.ones((12, 16), dtype=bool), 4)
    usable, missing = {}, {}
    for name, (distribution, function) in PEERS.items():
        try:
            call_quietly(function, mask)
        except ImportError as error:
            missing[name] = str(error)
        else:
            usable[name] = distribution, function
    return usable, missing


def call_quietly(function: Callable[[Mask], tuple[int, dict[str, float]]], mask: Mask) -> tuple[int, dict[str, float]]:
    """Compute features of a mask without the warnings of other programs about their dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(mask)


def _rename(found: Mapping[str, float], names: Mapping[str, str]) -> dict[str, float]:
    return {common: float(found[theirs]) for common, theirs in names.items()}
