"""skops, and what it may bring to life from a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

_BUILTINS = {f"builtins.{kind.__name__}" for kind in (bool, dict, float, int, list, set, str, tuple)}
# What estimators of scikit-learn consist of: the nodes of a tree, of which forests of pixels are made, and a
# calibrated classifier's folds.
_PARTS = {"sklearn.tree._tree.Tree", "sklearn.calibration._CalibratedClassifier"}
# Classes that hold what they are given, and do nothing with it when they are made.
_HOLDERS = (BaseEstimator, tuple, np.dtype, np.generic, np.random.BitGenerator)
# Modules of scikit-learn that do something when they are imported; nothing in a model is defined there.
_ACTIVE = {"conftest", "experimental", "externals", "tests"}


def import_skops() -> Any:
    """Return the module `skops.io`, or raise an error that says how to install it."""
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            "Saving and loading models needs skops. Install it with: pip install 'sklearn-melanoma[deploy]'"
        ) from error


def untrusted(types: Iterable[str], trusted: Iterable[str] = ()) -> list[str]:
    """Return those types that are neither harmless nor trusted, by their full names."""
    known = {*_BUILTINS, *_PARTS, *trusted}
    return [name for name in types if name not in known and not _is_harmless(name)]


def _is_harmless(name: str) -> bool:
    """Tell whether a type is an estimator, a named tuple or a number of the packages known here, or a ufunc."""
    module, _, attribute = name.rpartition(".")
    parts = module.split(".")
    if parts[0] == "sklearn_melanoma" or (parts[0] == "sklearn" and not _ACTIVE.intersection(parts)):
        try:
            import_module(module)
        except ImportError:
            return False
    elif parts[0] not in ("numpy", "scipy"):
        return False
    found = getattr(sys.modules.get(module), attribute, None)
    if isinstance(found, np.ufunc):
        return True
    # Where it is defined counts: names of other modules, such as `os`, can be reached through those that import them.
    return isinstance(found, type) and issubclass(found, _HOLDERS) and found.__module__.split(".")[0] == parts[0]
