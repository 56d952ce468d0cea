"""What the user is told of images that came to nothing."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from sklearn_melanoma.pipeline._batches import Outcome


class SkippedImagesWarning(UserWarning):
    """What ``on_error="skip"`` went on without.

    Its message names the first ten images.

    Parameters
    ----------
    message : str
        What the user reads.
    skipped : dict of int to str, optional
        By position in `X`, the error that ``on_error="raise"`` would have raised for each image.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> measure = make_melanoma_pipeline("survey")["features"].set_params(on_error="skip")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     rows = measure.fit_transform([np.zeros((60, 80, 7)), "gone.jpg"])
    >>> for position, reason in caught[0].message.skipped.items():
    ...     print(position, reason)
    0 X[0]: image must have shape (height, width, 3), got (60, 80, 7). Convert it to RGB first.
    1 X[1] ('gone.jpg'): could not open 'gone.jpg': No such file or directory
    """

    def __init__(self, message: str, skipped: Mapping[int, str] | None = None):
        super().__init__(message)
        self.skipped = dict(skipped or {})


def warn_of(outcome: Outcome, memory: Any) -> None:
    """Warn whoever called the caller of lost images, of skipped ones and of rows that could not be kept, once each."""
    skipped, lost = dict(sorted(outcome.skipped.items())), [name for _, name in sorted(outcome.lost.items())]
    n_images = len(outcome.images)
    if outcome.problem:
        message = f"memory={memory!r} could not be used, rows are made as without it: {outcome.problem}"
        warnings.warn(message, UserWarning, stacklevel=3)
    if skipped:
        message = _nan_message(f"Skipped {len(skipped)} of {n_images} images", list(skipped.values()))
        warnings.warn(SkippedImagesWarning(message, skipped), stacklevel=3)
    if lost:
        message = _nan_message(f"No lesion was found in {len(lost)} of {n_images} images", lost)
        warnings.warn(message, UserWarning, stacklevel=3)


def _nan_message(what: str, names: list[str]) -> str:
    shown = ", ".join(name.rstrip(".") for name in names[:10]) + (
        f" and {len(names) - 10} more" if len(names) > 10 else ""
    )
    return f"{what}: {shown}. Their features are NaN."
