"""Models in files: saved once, loaded where they are used."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.persistence._file import FORMAT, read_model_file, write_model_file
from sklearn_melanoma.persistence._portable import feature_names, portable, version_differences, versions
from sklearn_melanoma.persistence._skops import import_skops, untrusted


@dataclass(frozen=True)
class ModelInfo:
    """What a model's file says about the model.

    Parameters
    ----------
    classes : tuple or None
        What a classifier tells apart, in the order of the columns of ``predict_proba``.
    feature_names : tuple of str or None
        The measures that the classifier is given.
    threshold : Threshold, float or None
        From which score on an image is of the second class.
    summary : dict
        What `save_model` was told of the training.
    versions : dict of str to str
        Versions of Python and of the packages that the model was saved with.
    digest : str
        SHA-256 of the file, which tells one saved model from another.
    """

    classes: tuple[Any, ...] | None
    feature_names: tuple[str, ...] | None
    threshold: Threshold | float | None
    summary: dict[str, Any]
    versions: dict[str, str]
    digest: str


def save_model(
    model: BaseEstimator,
    path: PathLike,
    *,
    threshold: Threshold | float | None = None,
    summary: Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted model to a file that `load_model` reads without running code from it.

    Parameters
    ----------
    model : estimator
        A fitted estimator of this package, or one that holds such: a :class:`~sklearn.pipeline.Pipeline`, a
        :class:`~sklearn.model_selection.FixedThresholdClassifier`, the ``best_estimator_`` of a search.
    path : path-like
        The file, by custom with the suffix ``.skops``. One that is there is replaced when the new one is complete.
    threshold : Threshold or float, optional
        The least probability of ``classes_[1]``, or score where there are no probabilities, at which the loaded
        model predicts that class, as :func:`~sklearn_melanoma.metrics.threshold_at_sensitivity` finds it. The loaded
        model is then a :class:`~sklearn.model_selection.FixedThresholdClassifier` around this one.
    summary : mapping, optional
        What users of the model should know of its training: numbers, strings, lists and mappings by name.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If `model` is no estimator, holds something that no file can hold, or `summary` does.
    ValueError
        If `model` holds no estimator of this package, or is a search, or the threshold is not for it.
    ImportError
        If skops is not installed.
    OSError
        If the file can't be written.

    See Also
    --------
    load_model : Read the model back.

    Notes
    -----
    Caches and progress bars do not travel: the `memory` of each step is None in the file. A prior that is a
    pandas Series becomes the mapping that it stands for.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.persistence import load_model, read_model_info, save_model
    >>> photos = make_lesions(20, random_state=0)
    >>> model = make_melanoma_pipeline().fit(photos.images, photos.target)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skops")
    ...     save_model(model, path, threshold=0.3, summary={"images": 20})
    ...     loaded, info = load_model(path), read_model_info(path)
    >>> bool((loaded.predict_proba(photos.images) == model.predict_proba(photos.images)).all())
    True
    >>> info.threshold, info.summary, info.feature_names[:2]
    (0.3, {'images': 20}, ('area', 'perimeter_ratio'))
    """
    skops = import_skops()
    _check_model(model)
    if threshold is not None:
        model = _with_threshold(model, threshold)
    elif isinstance(model, FixedThresholdClassifier) and model.threshold != "auto":
        threshold = float(model.threshold)
    info = {
        "format": FORMAT,
        "classes": getattr(model, "classes_", None),
        "feature_names": feature_names(model),
        "threshold": threshold,
        "summary": dict(summary or {}),
        "versions": versions(),
    }
    try:
        known = json.dumps(info, default=_plain, indent=1)
    except TypeError as error:
        raise TypeError(f"summary must hold what JSON can, numbers, strings, lists and mappings: {error}.") from error
    try:
        archive = skops.dumps(portable(model))
        types = skops.get_untrusted_types(data=archive)
        skops.loads(archive, trusted=types)  # it came from here; what can't be read back is found now
    except Exception as error:
        raise TypeError(f"model must hold only what skops can save, got: {error}") from error
    if not any(name.startswith("sklearn_melanoma.") for name in types):
        raise ValueError(
            f"model must hold an estimator of this package, got {type(model).__name__} without one. "
            "Save it by skops.io.dump."
        )
    write_model_file(path, known, archive)


def load_model(path: PathLike, *, trusted: Sequence[str] = ()) -> Any:
    """Read a model that `save_model` wrote; no code from the file is run.

    Parameters
    ----------
    path : path-like
        The file.
    trusted : sequence of str, default=()
        Full names of types beyond those of this package and of scikit-learn that the model may hold, such as
        ``("mypackage.MyStep",)``.

    Returns
    -------
    estimator
        The fitted model. Where it was saved with a threshold, a
        :class:`~sklearn.model_selection.FixedThresholdClassifier` that predicts by it; ``estimator`` is the model.

    Raises
    ------
    ValueError
        If the file is not a model of this package, is damaged, holds types that are not trusted, whose names the
        message lists, or can't be rebuilt with the installed versions.
    ImportError
        If skops is not installed.
    OSError
        If the file can't be read.

    Warns
    -----
    UserWarning
        Once, if a package has another version, major or minor, than where the model was saved.

    See Also
    --------
    read_model_info : What the file says about the model.

    Notes
    -----
    All types are compared with a list before the first object is made. The digest tells a file that was damaged;
    it is no signature, since whoever changes a file on purpose can write a new one.
    """
    skops = import_skops()
    info, archive = _read(path)
    name = os.fspath(path)
    try:
        types = skops.get_untrusted_types(data=archive)
    except Exception as error:
        raise ValueError(f"{name!r} is not a model of this package: skops can't read it ({error}).") from error
    if unknown := untrusted(types, [trusted] if isinstance(trusted, str) else trusted):
        raise ValueError(
            f"{name!r} holds types that are not trusted: {', '.join(unknown)}. If you know who made the file, and "
            f"what they do, load_model(path, trusted={tuple(unknown)!r}) loads it."
        )
    if differences := version_differences(info.versions):
        warnings.warn(
            f"{name!r} was saved with {differences}. Its predictions may differ here: install the versions it "
            "was saved with, or fit it anew, and compare both on some images.",
            stacklevel=2,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # said above, for all estimators at once
            model = skops.loads(archive, trusted=types)
    except Exception as error:
        saved = ", ".join(f"{package} {version}" for package, version in info.versions.items())
        raise ValueError(
            f"{name!r} can't be rebuilt here ({type(error).__name__}: {error}). It was saved with {saved}: "
            "install those versions."
        ) from error
    if not isinstance(model, BaseEstimator):
        raise ValueError(f"{name!r} is not a model of this package: it holds a {type(model).__name__}.")
    return model


def read_model_info(path: PathLike) -> ModelInfo:
    """Read what a file of `save_model` says about its model, without loading it; skops need not be installed.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    ModelInfo
        Classes, names of features, threshold, summary, versions and digest.

    Raises
    ------
    ValueError
        If the file is not a model of this package, or is damaged.
    OSError
        If the file can't be read.
    """
    return _read(path)[0]


def _read(path: PathLike) -> tuple[ModelInfo, bytes]:
    content, digest, archive = read_model_file(path)
    try:
        classes, names, threshold = content["classes"], content["feature_names"], content["threshold"]
        info = ModelInfo(
            classes=None if classes is None else tuple(classes),
            feature_names=None if names is None else tuple(names),
            threshold=Threshold(*threshold) if isinstance(threshold, list) else threshold,
            summary=dict(content["summary"]),
            versions={package: str(version) for package, version in content["versions"].items()},
            digest=digest,
        )
    except (AttributeError, KeyError, TypeError) as error:  # the digest agrees: made by somebody else
        raise ValueError(
            f"{os.fspath(path)!r} is not a model of this package: what it says of its model can't be read."
        ) from error
    return info, archive


def _check_model(model: Any) -> None:
    if isinstance(model, type) or not isinstance(model, BaseEstimator):
        raise TypeError(f"model must be a fitted estimator, got {model!r}.")
    if hasattr(model, "best_estimator_"):
        raise ValueError(
            f"model must be what predicts, got a {type(model).__name__}, which also holds all that was tried. "
            "Save its best_estimator_."
        )
    fitted = model.estimator if isinstance(model, FixedThresholdClassifier) and not _is_fitted(model) else model
    if not _is_fitted(fitted):
        raise NotFittedError(f"model must be fitted, got a {type(model).__name__} that is not. Call its fit first.")


def _is_fitted(model: Any) -> bool:
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


def _with_threshold(model: Any, threshold: Threshold | float) -> FixedThresholdClassifier:
    """Return the model as one that predicts by a threshold; its probabilities stay the same."""
    if isinstance(model, FixedThresholdClassifier):
        raise ValueError("threshold must not be given for a FixedThresholdClassifier, which has one. Set it there.")
    classes = getattr(model, "classes_", ())
    if len(classes) != 2:
        raise ValueError(f"threshold must be left out where there are not two classes, got {len(classes)} of them.")
    cut = threshold.threshold if isinstance(threshold, Threshold) else threshold
    if isinstance(cut, bool) or not isfinite(cut):
        raise ValueError(f"threshold must be a finite number, got {cut!r}.")
    return FixedThresholdClassifier(FrozenEstimator(model), threshold=float(cut))


def _plain(value: Any) -> Any:
    """Return numpy's numbers and arrays as Python's, for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"got a {type(value).__name__}")
