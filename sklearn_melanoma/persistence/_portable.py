"""What of a model travels in a file, and what is told about it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

_PACKAGES = {  # by the module that knows its version
    "sklearn-melanoma": "sklearn_melanoma",
    "scikit-learn": "sklearn",
    "scikit-image": "skimage",
    "scipy": "scipy",
    "numpy": "numpy",
    "pillow": "PIL",
}


def portable(thing: Any) -> Any:
    """Return a copy of an estimator without what belongs to one machine, and without pandas' own objects."""
    import pandas as pd  # here: loading a model does without

    # Some that scikit-learn's estimators consist of are none themselves, such as those of a calibrated classifier.
    if isinstance(thing, BaseEstimator) or type(thing).__module__ == "sklearn.calibration":
        copy = object.__new__(type(thing))  # it takes all that fit left behind, where `clone` takes parameters only
        travels = {name: value for name, value in vars(thing).items() if name != "_skl_callbacks"}  # progress bars
        vars(copy).update({name: None if name == "memory" else portable(value) for name, value in travels.items()})
        return copy
    if isinstance(thing, pd.Series):
        return thing.to_dict()
    if isinstance(thing, pd.Index):  # FeatureUnion keeps the names of each part's columns
        return thing.to_numpy(dtype=object)
    if type(thing) is dict:
        return {key: portable(value) for key, value in thing.items()}
    if type(thing) in (list, tuple):
        return type(thing)(map(portable, thing))
    return thing


def feature_names(model: Any) -> list[str] | None:
    """Return the names of the columns that a model, or the classifier at its end, is given; None if it has no names."""
    if hasattr(model, "feature_names_in_"):
        return list(map(str, model.feature_names_in_))
    if isinstance(model, Pipeline):
        return feature_names(model.steps[-1][1])
    for attribute in ("pipeline_", "estimator_", "estimator"):
        if isinstance(inner := vars(model).get(attribute), BaseEstimator):
            return feature_names(inner)
    return None


def versions() -> dict[str, str]:
    """Return the versions of Python and of all packages that predictions depend on."""
    packages = {package: str(import_module(module).__version__) for package, module in _PACKAGES.items()}
    return {"python": platform.python_version(), **packages}


def version_differences(saved: Mapping[str, str]) -> str:
    """Return which packages have another major or minor version than the model was saved with, "" if none."""
    here = versions()
    return ", ".join(
        f"{package} {saved[package]} (here {here[package]})"
        for package in _PACKAGES
        if package in saved and saved[package].split(".")[:2] != here[package].split(".")[:2]
    )
