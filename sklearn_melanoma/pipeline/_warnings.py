"""Warnings about skipped images and missing lesions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from sklearn_melanoma.pipeline._batches import Outcome


class SkippedImagesWarning(UserWarning):
    """Warning about images that ``on_error="skip"`` left out.

    Its message names the first ten images.

    Parameters
    ----------
    message : str
        Text of the warning.
    skipped : dict of int to str, optional
        Error message of each skipped image, by its position in `X`: the error that ``on_error="raise"`` would have
        raised.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> features = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     rows = features.fit_transform([np.zeros((60, 80, 7)), "gone.jpg"])
    >>> for position, reason in caught[0].message.skipped.items():
    ...     print(position, reason)
    0 X[0]: image must have shape (height, width, 3), got (60, 80, 7). Convert it to RGB first.
    1 X[1] ('gone.jpg'): could not open 'gone.jpg': No such file or directory
    """

    def __init__(self, message: str, skipped: Mapping[int, str] | None = None):
        super().__init__(message)
        self.skipped = dict(skipped or {})


def warn_about_images(outcome: Outcome, memory: Any) -> None:
    """Warn once each about skipped images, missing lesions and a failed cache; blame the caller's caller."""
    skipped = dict(sorted(outcome.skipped.items()))
    without_lesion = [name for _, name in sorted(outcome.without_lesion.items())]
    n_images = len(outcome.images)
    if outcome.problem:
        message = f"memory={memory!r} could not be used, rows are computed without it: {outcome.problem}"
        warnings.warn(message, UserWarning, stacklevel=3)
    if skipped:
        message = _format_message(f"Skipped {len(skipped)} of {n_images} images", list(skipped.values()))
        warnings.warn(SkippedImagesWarning(message, skipped), stacklevel=3)
    if without_lesion:
        message = _format_message(f"No lesion was found in {len(without_lesion)} of {n_images} images", without_lesion)
        warnings.warn(message, UserWarning, stacklevel=3)


def _format_message(summary: str, names: list[str]) -> str:
    shown = ", ".join(name.rstrip(".") for name in names[:10]) + (
        f" and {len(names) - 10} more" if len(names) > 10 else ""
    )
    return f"{summary}: {shown}. Their features are NaN."
