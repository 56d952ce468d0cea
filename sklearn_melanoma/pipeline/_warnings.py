"""Warnings about skipped images and missing lesions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from sklearn_melanoma._validation import remove_position
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.pipeline._batches import Outcome

#: Problem of an image without a lesion, in tables.
NO_LESION = "no lesion found"


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


class NoLesionWarning(UserWarning):
    """Warning about images in which no lesion was found.

    Its message names the first ten images.

    Parameters
    ----------
    message : str
        Text of the warning.
    positions : iterable of int, default=()
        Positions of the images in `X`.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> features = make_melanoma_pipeline("survey")["features"]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     rows = features.fit_transform([np.full((60, 80, 3), 200, dtype=np.uint8)])
    >>> caught[0].message.positions
    [0]
    """

    def __init__(self, message: str, positions: Iterable[int] = ()):
        super().__init__(message)
        self.positions = sorted(positions)


class _Recorder(NamedTuple):
    problems: dict[int, str]
    on_error: str | None


# `warnings.catch_warnings` would mix up the images of several threads, as in a server.
_recorder: ContextVar[_Recorder | None] = ContextVar("_recorder", default=None)


@contextmanager
def record_problems(on_error: str | None = None) -> Iterator[dict[int, str]]:
    """Collect the problems of images by position, instead of warning about them, in the calls of this thread.

    Parameters
    ----------
    on_error : {"raise", "skip"}, optional
        Replaces `on_error` of the pipelines inside the block.

    Yields
    ------
    dict of int to str
        "no lesion found", or the error of a skipped image, by the position of the image.
    """
    problems: dict[int, str] = {}
    token = _recorder.set(_Recorder(problems, on_error))
    try:
        yield problems
    finally:
        _recorder.reset(token)


def find_error_action(on_error: str) -> str:
    """Return what `record_problems` sets for `on_error`, else the given value."""
    recorder = _recorder.get()
    return on_error if recorder is None or recorder.on_error is None else recorder.on_error


def warn_about_images(outcome: Outcome, memory: Any) -> None:
    """Warn about skipped images, missing lesions and a failed cache, with one warning for each."""
    if outcome.problem:
        shown = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
        message = f"memory={shown!r} could not be used, rows are computed without it: {outcome.problem}"
        warn_user(message)
    skipped = dict(sorted(outcome.skipped.items()))
    if (recorder := _recorder.get()) is not None:
        recorder.problems.update({position: remove_position(text) for position, text in skipped.items()})
        recorder.problems.update(dict.fromkeys(outcome.without_lesion, NO_LESION))
        return
    without_lesion = [name for _, name in sorted(outcome.without_lesion.items())]
    n_images = len(outcome.images)
    if skipped:
        message = _format_message(f"Skipped {len(skipped)} of {n_images} images", list(skipped.values()))
        warn_user(SkippedImagesWarning(message, skipped))
    if without_lesion:
        message = _format_message(f"No lesion was found in {len(without_lesion)} of {n_images} images", without_lesion)
        warn_user(NoLesionWarning(message, outcome.without_lesion))


def _format_message(summary: str, names: list[str]) -> str:
    shown = ", ".join(name.rstrip(".") for name in names[:10]) + (
        f" and {len(names) - 10} more" if len(names) > 10 else ""
    )
    return f"{summary}: {shown}. Their features are NaN."
