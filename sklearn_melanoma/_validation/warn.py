"""Warnings that point to the user's line."""

from __future__ import annotations

import sys
import warnings

_OWN = ("sklearn_melanoma", "sklearn", "joblib")


def warn_user(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn, and name the first line outside of this package, scikit-learn and joblib as the place.

    Parameters
    ----------
    message : str or Warning
        Text of the warning, or the warning itself.
    category : type, default=UserWarning
        Class of the warning, if `message` is a text.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OWN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
