"""Import of skops, and the types that it may create from a model's file."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator

# skops trusts the public estimators of scikit-learn, the numbers, arrays and ufuncs of numpy, and Python's containers.
# It does not trust these parts of fitted estimators. None of them runs code from the file. A malicious Tree can crash
# the process, so skops leaves it out. But decision trees and forests of pixels need it.
_TRUSTED_PARTS = {
    "numpy.dtype",  # SimpleImputer
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.calibration._TemperatureScaling",
    "sklearn.impute._iterative.IterativeImputer",
    "sklearn.impute._iterative._ImputerTriplet",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.tree._tree.Tree",
}


def import_skops() -> Any:
    """Return the module `skops.io`, or raise an error that says how to install it."""
    try:
        return import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            "Saving and loading models needs skops. Install it with: pip install 'sklearn-melanoma[deploy]'"
        ) from error


def find_untrusted(types: Iterable[str], trusted: Iterable[str] = ()) -> list[str]:
    """Return the types that are not trusted, from those that skops does not trust itself.

    Parameters
    ----------
    types : iterable of str
        Full names of types, from `skops.io.get_untrusted_types`.
    trusted : iterable of str
        Full names of types that the user trusts.

    Returns
    -------
    list of str
        All names but those in `trusted`, parts of fitted estimators, and estimators and named tuples of this package.
    """
    known = {*_TRUSTED_PARTS, *trusted}
    return [name for name in types if name not in known and not _is_own_class(name)]


def _is_own_class(name: str) -> bool:
    """Return whether a name is the name of an estimator or named tuple defined in this package."""
    module, _, attribute = name.rpartition(".")
    if module.split(".")[0] != "sklearn_melanoma":
        return False
    try:
        found = getattr(import_module(module), attribute, None)
    except ImportError:
        return False
    # `__module__` excludes classes that a module of this package only imports.
    return (
        isinstance(found, type)
        and issubclass(found, (BaseEstimator, tuple))  # creating a named tuple runs no code of its own
        and found.__module__.split(".")[0] == "sklearn_melanoma"
    )
