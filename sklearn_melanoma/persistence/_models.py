"""Saving and loading of fitted models."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from sklearn_melanoma._typing import PathLike
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.persistence._archive import check_archive
from sklearn_melanoma.persistence._checks import check_model, set_threshold
from sklearn_melanoma.persistence._file import FORMAT, find_target, read_model_file, write_model_file
from sklearn_melanoma.persistence._portable import (
    describe_version_differences,
    drop_memory,
    get_feature_names,
    get_versions,
    make_portable,
)
from sklearn_melanoma.persistence._skops import find_untrusted, import_skops


@dataclass(frozen=True)
class ModelInfo:
    """Information about a saved model.

    Parameters
    ----------
    classes : tuple or None
        Classes of a classifier, in the order of the columns of ``predict_proba``.
    pos_label : label or None
        Label of the positive class. The column of its probabilities is ``classes.index(pos_label)``. None if it can't
        be determined among more than two classes.
    feature_names : tuple of str or None
        Names of the features that the classifier was fitted with.
    threshold : Threshold, float or None
        Decision threshold: the lowest score of a positive sample. With more than two classes, the model still predicts
        the most probable class.
    summary : dict
        The `summary` of the training that was passed to `save_model`.
    versions : dict of str to str
        Versions of Python and of the packages that the model was saved with.
    digest : str
        SHA-256 of the file. It identifies a saved model.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.persistence import read_model_info, save_model
    >>> lesions = make_lesions(12, image_size=(96, 128), random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> with TemporaryDirectory() as folder:
    ...     save_model(model, Path(folder, "model.skops"), summary={"images": 12})
    ...     info = read_model_info(Path(folder, "model.skops"))
    >>> info.classes, info.pos_label, info.summary
    ((0, 1), 1, {'images': 12})
    """

    classes: tuple[Any, ...] | None
    pos_label: Any
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
    pos_label: Any = None,
    summary: Mapping[str, Any] | None = None,
) -> None:
    """Save a fitted model to a file that can be loaded without running code from it.

    Parameters
    ----------
    model : estimator
        A fitted estimator of this package, or one that contains an estimator of this package: a
        :class:`~sklearn.pipeline.Pipeline`, a :class:`~sklearn.model_selection.FixedThresholdClassifier`, or the
        ``best_estimator_`` of a search.
    path : path-like
        The file. Its suffix is usually ``.skops``. An existing file is replaced when the new one is complete; its
        permissions do not change. A link is kept, and the file behind it is replaced.
    threshold : Threshold or float, optional
        Decision threshold; :func:`~sklearn_melanoma.metrics.threshold_at_sensitivity` finds one. The loaded model is
        then a :class:`~sklearn.model_selection.FixedThresholdClassifier` around `model`. It predicts the positive class
        if the probability of this class is at least the threshold. For a model without probabilities, the decision
        function is compared. With more than two classes, the threshold of `pos_label` against the rest is only stored
        in the information about the model; `predict` does not change.
    pos_label : label, optional
        Label of the positive class, such as ``"melanoma"``. Defaults to the positive class of the classifier, if it
        defines one, like :class:`~sklearn_melanoma.semi_supervised.PriorLogisticRegression` with `classes`. Else it
        defaults to 1 or True for the labels 0 and 1, or False and True. It must be given for two other labels, and for
        a threshold of more than two classes.
    summary : mapping, optional
        Information about the training for users of the model: numbers, strings, lists and mappings by name.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If `model` is not an estimator, or if `model` or `summary` contains an object that can't be saved.
    ValueError
        If `model` contains no estimator of this package, is a search, treated -1 as a class, or is larger than
        `load_model` accepts. If it can't have a threshold, the positive class can't be determined, or the threshold of
        `model` is for the other class. If `path` is a URL.
    ImportError
        If skops is not installed.
    OSError
        If the file can't be written, or `path` is a folder, a pipe or a device.

    See Also
    --------
    load_model : Load a saved model.

    Notes
    -----
    Caches and callbacks are not saved: the `memory` of each step is None in the file. A prior that is a
    pandas Series is saved as a mapping.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.persistence import load_model, read_model_info, save_model
    >>> lesions = make_lesions(20, random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.skops")
    ...     save_model(model, path, threshold=0.3, summary={"images": 20})
    ...     loaded, info = load_model(path), read_model_info(path)
    >>> bool((loaded.predict_proba(lesions.images) == model.predict_proba(lesions.images)).all())
    True
    >>> info.threshold, info.summary, info.feature_names[:2]
    (0.3, {'images': 20}, ('area', 'perimeter_ratio'))
    """
    skops = import_skops()
    check_model(model)
    find_target(path)  # raises before the work is done
    model, threshold, positive = set_threshold(model, threshold, pos_label)
    info = {
        "format": FORMAT,
        "classes": getattr(model, "classes_", None),
        "pos_label": positive,
        "feature_names": get_feature_names(model),
        "threshold": threshold,
        "summary": dict(summary or {}),
        "versions": get_versions(),
    }
    try:
        content = json.dumps(info, default=_convert_numpy, indent=1)
    except TypeError as error:
        raise TypeError(f"summary must hold types of JSON, numbers, strings, lists and mappings: {error}.") from error
    try:
        archive = skops.dumps(make_portable(model))
        types = skops.get_untrusted_types(data=archive)
        skops.loads(archive, trusted=types)  # an archive from here; an error if it can't be loaded
    except Exception as error:
        raise TypeError(f"model must hold only what skops can save, got: {error}") from error
    try:
        check_archive(archive)
    except ValueError as error:
        raise ValueError(
            f"model must fit into a file that load_model accepts, but {error}. Fit a smaller one."
        ) from error
    if not any(name.startswith("sklearn_melanoma.") for name in types):
        raise ValueError(
            f"model must hold an estimator of this package, got {type(model).__name__} without one. "
            "Save it by skops.io.dump."
        )
    write_model_file(path, content, archive)


def load_model(path: PathLike, *, trusted: Sequence[str] = ()) -> Any:
    """Load a saved model, without running code from the file.

    Parameters
    ----------
    path : path-like
        The file.
    trusted : sequence of str, default=()
        Full names of other types that the model may contain, such as ``("mypackage.MyStep",)``. Leave out types of this
        package, and estimators of scikit-learn that skops trusts.

    Returns
    -------
    estimator
        The fitted model. If it was saved with a threshold, it is a
        :class:`~sklearn.model_selection.FixedThresholdClassifier` with that threshold; its ``estimator`` is the
        original model.

    Raises
    ------
    ValueError
        If the file is not a model of this package, is damaged, or can't be rebuilt with the installed versions. If it
        holds types that are not trusted; the message lists them. If it exceeds a limit. If `path` is a URL.
    ImportError
        If skops is not installed.
    OSError
        If the file can't be read, is not a regular file or has more than 1 GiB.

    Warns
    -----
    UserWarning
        Once, if the major or minor version of a package has changed since the model was saved.

    See Also
    --------
    read_model_info : Read the information about a saved model.

    Notes
    -----
    All types are checked before the first object is created. The digest detects damaged files. It is not a
    signature: an attacker can recompute the digest.

    The file may unpack to 1 GiB, in 100 000 entries, and describe 500 000 objects. A forest of 1 000 trees has a tenth
    of that. The `memory` of all steps is set to None.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.persistence import load_model, save_model
    >>> lesions = make_lesions(12, image_size=(96, 128), random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> with TemporaryDirectory() as folder:
    ...     save_model(model, Path(folder, "model.skops"))
    ...     loaded = load_model(Path(folder, "model.skops"))
    >>> bool((loaded.predict(lesions.images) == model.predict(lesions.images)).all())
    True
    """
    skops = import_skops()
    info, archive = _read(path)
    name = os.fspath(path)
    try:
        types = skops.get_untrusted_types(data=archive)
    except Exception as error:
        raise ValueError(f"{name!r} is not a model of this package: skops can't read it ({error}).") from error
    if unknown := find_untrusted(types, [trusted] if isinstance(trusted, str) else trusted):
        raise ValueError(
            f"{name!r} holds types that are not trusted: {', '.join(unknown)}. If you know who made the file, and "
            f"what they do, load_model(path, trusted={tuple(unknown)!r}) loads it."
        )
    if differences := describe_version_differences(info.versions):
        warnings.warn(
            f"{name!r} was saved with {differences}. Its predictions may differ here: install the versions it "
            "was saved with, or fit it anew, and compare both on some images.",
            stacklevel=2,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # the warning above covers all estimators
            model = skops.loads(archive, trusted=types)
    except Exception as error:
        saved = ", ".join(f"{package} {version}" for package, version in info.versions.items())
        raise ValueError(
            f"{name!r} can't be rebuilt here ({type(error).__name__}: {error}). It was saved with {saved}: "
            "install those versions."
        ) from error
    if not isinstance(model, BaseEstimator):
        raise ValueError(f"{name!r} is not a model of this package: it holds a {type(model).__name__}.")
    drop_memory(model)
    return model


def read_model_info(path: PathLike) -> ModelInfo:
    """Read the information about a saved model, without loading it. skops need not be installed.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    ModelInfo
        Classes, feature names, threshold, summary, versions and digest.

    Raises
    ------
    ValueError
        If the file is not a model of this package, or is damaged.
    OSError
        If the file can't be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.persistence import read_model_info, save_model
    >>> lesions = make_lesions(12, image_size=(96, 128), random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> with TemporaryDirectory() as folder:
    ...     save_model(model, Path(folder, "model.skops"), threshold=0.3)
    ...     info = read_model_info(Path(folder, "model.skops"))
    >>> info.threshold, info.feature_names[:2]
    (0.3, ('area', 'perimeter_ratio'))
    """
    return _read(path)[0]


def _read(path: PathLike) -> tuple[ModelInfo, bytes]:
    content, digest, archive = read_model_file(path)
    try:
        classes, names, threshold = content["classes"], content["feature_names"], content["threshold"]
        info = ModelInfo(
            classes=None if classes is None else tuple(classes),
            pos_label=content.get("pos_label"),
            feature_names=None if names is None else tuple(names),
            threshold=Threshold(*threshold) if isinstance(threshold, list) else threshold,
            summary=dict(content["summary"]),
            versions={package: str(version) for package, version in content["versions"].items()},
            digest=digest,
        )
    except (AttributeError, KeyError, TypeError) as error:  # the digest agrees: another program wrote the file
        raise ValueError(
            f"{os.fspath(path)!r} is not a model of this package: its information about the model can't be read."
        ) from error
    return info, archive


def _convert_numpy(value: Any) -> Any:
    """Convert numbers and arrays of numpy to Python's, for JSON."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"got a {type(value).__name__}")
