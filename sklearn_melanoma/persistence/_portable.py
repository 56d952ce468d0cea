"""Content of a model's file: a portable copy of the model, names of features, and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import PurePath
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_melanoma._base import list_steps

_PACKAGES = {  # name of the module with the version, by package
    "sklearn-melanoma": "sklearn_melanoma",
    "scikit-learn": "sklearn",
    "scikit-image": "skimage",
    "scipy": "scipy",
    "numpy": "numpy",
    "pillow": "PIL",
}


def make_portable(value: Any) -> Any:
    """Return a copy of an estimator without caches, callbacks and objects of pandas and polars."""
    import pandas as pd  # imported here: loading a model does not need it

    # A calibrated classifier holds objects from its module that are not estimators.
    if isinstance(value, BaseEstimator) or type(value).__module__ == "sklearn.calibration":
        copy = object.__new__(type(value))  # `clone` would drop the fitted attributes
        attributes = {name: item for name, item in vars(value).items() if name != "_skl_callbacks"}
        vars(copy).update(
            {name: None if name == "memory" else make_portable(item) for name, item in attributes.items()}
        )
        return copy
    if isinstance(value, pd.Series) and all(isinstance(name, str) for name in value.index):
        return value.to_dict()  # a prior: weights by name
    if hasattr(value, "columns"):  # a prior: weights by class
        return make_portable({label: value[label] for label in value.columns})
    if hasattr(value, "to_numpy"):  # labels, or an index: FeatureUnion holds the column names of its members
        return np.asarray(value, dtype=object)
    if type(value) is dict:
        return {_make_key(key): make_portable(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(make_portable, value))
    return os.fspath(value) if isinstance(value, PurePath) else value


def _make_key(key: Any) -> Any:
    """Return a key that skops can save: skops saves keys as texts, and would read "False" as True."""
    key = key.item() if isinstance(key, np.generic) else key
    return int(key) if isinstance(key, bool) else key  # in a dict, 0 and 1 equal False and True


def drop_memory(value: Any, seen: set[int] | None = None) -> None:
    """Set the `memory` of all estimators in an object to None, in place.

    A loaded file must not choose a folder to write to.

    Parameters
    ----------
    value : object
        An estimator, or a container of estimators.
    seen : set of int, optional
        Identities of the objects that were visited.
    """
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    inner: Iterable[Any] = ()
    if isinstance(value, BaseEstimator) or type(value).__module__ == "sklearn.calibration":
        if getattr(value, "memory", None) is not None:
            value.memory = None
        inner = vars(value).values()
    elif isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list | tuple | set | frozenset):
        inner = value
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        inner = value.flat
    for item in list(inner):
        drop_memory(item, seen)


def get_feature_names(model: Any) -> list[str] | None:
    """Return the column names that a model, or its final classifier, was fitted with; None if it has no names."""
    if hasattr(model, "feature_names_in_"):
        return list(map(str, model.feature_names_in_))
    if isinstance(model, Pipeline):
        steps = list_steps(model)
        return get_feature_names(steps[-1][1]) if steps else None
    for attribute in ("estimator_", "estimator"):
        if isinstance(inner := vars(model).get(attribute), BaseEstimator):
            return get_feature_names(inner)
    return None


def get_versions() -> dict[str, str]:
    """Return the versions of Python and of all packages that predictions depend on."""
    packages = {package: str(import_module(module).__version__) for package, module in _PACKAGES.items()}
    return {"python": platform.python_version(), **packages}


def describe_version_differences(saved: Mapping[str, str]) -> str:
    """Describe the packages whose major or minor version differs from the saved one; "" if there are none."""
    here = get_versions()
    return ", ".join(
        f"{package} {saved[package]} (here {here[package]})"
        for package in _PACKAGES
        if package in saved and saved[package].split(".")[:2] != here[package].split(".")[:2]
    )
