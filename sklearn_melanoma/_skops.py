"""skops, and what it may bring to life from a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

_BUILTINS = {f"builtins.{kind.__name__}" for kind in (bool, dict, float, int, list, set, str, tuple)}
# What estimators of scikit-learn consist of: the nodes of a tree, of which forests of pixels are made, and a
# calibrated classifier's folds.
_PARTS = {"sklearn.tree._tree.Tree", "sklearn.calibration._CalibratedClassifier"}
# Classes that hold what they are given, and do nothing with it when they are made.
_HOLDERS = (BaseEstimator, tuple, np.dtype, np.generic, np.random.BitGenerator)
# Modules that do something when they are imported; nothing in a model is defined there.
_ACTIVE = {"__main__", "conftest", "experimental", "externals", "tests"}


class _NothingTrusted(ModuleType):
    """Stands in for the module in which skops lists what it trusts by itself: any list there is empty."""

    def __getattr__(self, name: str) -> list[str]:
        if name.startswith("__"):
            raise AttributeError(name)
        return []


@cache
def import_skops() -> Any:
    """Return a `skops.io` that trusts nothing but plain containers by itself: `untrusted` decides instead.

    To list what it trusts, skops imports every module of scikit-learn and looks through all modules there are. That
    takes 0.4 s, a third of the time that scikit-learn itself takes. Who else imports skops gets it as it is.
    """
    if "skops.io" in sys.modules:
        return sys.modules["skops.io"]
    lists = "skops.io._trusted_types"
    sys.modules[lists] = _NothingTrusted(lists)
    try:
        skops = import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            "Saving and loading models needs skops. Install it with: pip install 'sklearn-melanoma[deploy]'"
        ) from error
    finally:
        for name in [name for name in sys.modules if f"{name}.".startswith("skops.io.")]:
            del sys.modules[name]
    del sys.modules["skops"].io
    return skops


def untrusted(types: Iterable[str], trusted: Iterable[str] = ()) -> list[str]:
    """Return those types that are neither harmless nor trusted, by their full names."""
    known = {*_BUILTINS, *_PARTS, *trusted}
    return [name for name in types if name not in known and not _is_harmless(name)]


def _is_harmless(name: str) -> bool:
    """Tell whether a type is an estimator, a named tuple or a number of the packages known here, or a ufunc."""
    module, _, attribute = name.rpartition(".")
    parts = module.split(".")
    if parts[0] in ("sklearn", "sklearn_melanoma") and not _ACTIVE.intersection(parts):
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
