"""File of scores, so that a stopped experiment can continue."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.base import BaseEstimator

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.model_selection._draws import LabelDraw

COLUMNS = ["estimator", "labels_per_class", "repeat", "score"]
Task = tuple[str, int, int]  # the first three columns


def hash_setting(
    draws: Sequence[LabelDraw], X: Any, estimator: Any, *, numbers: int, scoring: Any, pos_label: Any
) -> str:
    """Return a hash of everything that a score depends on: draws, table, classifier, scoring and positive class."""
    first = draws[0]
    words = [_describe(scoring), _describe(estimator), str(numbers)]
    words += [] if pos_label is None else [repr(pos_label)]
    words += [str(part.tolist()) for part in (first.train, first.test, *first.label_order)]
    if hasattr(X, "shape"):  # a table; for images, the draws suffice
        words.append(joblib.hash(np.ascontiguousarray(X)))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _describe(thing: Any) -> str:
    """Return a text that differs between estimators or functions, and is the same in every run of Python."""
    text = thing.__repr__(N_CHAR_MAX=sys.maxsize) if isinstance(thing, BaseEstimator) else repr(thing)
    return re.sub(r" at 0x\w+", "", text)


def append_score(results: PathLike, task: Task, score: float, setting: str) -> None:
    """Append a line to the file; create the file if it does not exist."""
    import pandas as pd

    row = pd.DataFrame([[*task, score, setting]], columns=[*COLUMNS, "setting"])
    row.to_csv(results, mode="a", header=_is_empty(results), index=False)


def _is_empty(results: PathLike) -> bool:
    return not Path(results).exists() or Path(results).stat().st_size == 0


def read_scores(results: PathLike | None, settings: Mapping[str, str]) -> dict[Task, float]:
    """Return the scores in a file; raise an error if it holds other scores under the same names."""
    import pandas as pd

    if results is None or _is_empty(results):
        return {}
    text = Path(results).read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]  # a stopped run may leave half a line
    if whole.partition("\n")[0].split(",") != [*COLUMNS, "setting"]:
        raise ValueError(
            f"results must be a file that label_efficiency wrote, or none, got {os.fspath(results)!r}. Name another."
        )
    types = {"estimator": str, "setting": str}  # a name may look like a number, or like a missing value
    table = pd.read_csv(io.StringIO(whole), dtype=types, keep_default_na=False, na_values={"score": [""]})
    table = table[table["estimator"].isin(list(settings))]
    other = table["estimator"][table["setting"] != table["estimator"].map(settings)]
    if len(other):
        raise ValueError(
            f"results must hold scores of the same draws, got {os.fspath(results)!r} with others of "
            f"{other.unique().tolist()}: X, y, groups, test_size, the largest of labels_per_class, scoring, "
            "random_state or a parameter of the classifier has changed. Name another file."
        )
    if whole != text:
        Path(results).write_text(whole, "utf-8")
    return {(name, number, repeat): score for name, number, repeat, score in table[COLUMNS].to_numpy().tolist()}
