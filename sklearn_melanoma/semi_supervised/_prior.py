"""Prior knowledge as weights: one for each feature, or one for each feature and class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_melanoma._base import list_steps
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.features._names import find_similar

# Similarity of a misspelled name to the right one, as by `difflib.SequenceMatcher.ratio`: 1 for equal names.
_SIMILAR = 0.8

# Endings of column names that do not change the direction: units, and endings of columns of ages in the ISIC Archive.
_ENDINGS = ("_mm2", "_mm", "_approx", "_approximate")


def split_priors(prior: Any) -> list[Any]:
    """Return the priors of a mixture, or a single prior, as a list."""
    if prior is None:
        return []
    if isinstance(prior, list | tuple) and not all(np.isscalar(element) for element in prior):
        return list(prior)
    return [prior]


def read_prior(prior: Any, names: Sequence[str] | None, n_features: int, classes: Sequence[Any]) -> NDArray[np.float64]:
    """Return a prior as one weight for each feature.

    Parameters
    ----------
    prior : mapping, Series, array-like or fitted linear model
        Numbers by name, or in the order of the features. A model, or a pipeline that ends in one, provides its `coef_`.
        They are matched by its `feature_names_in_` if it has them.
    names : sequence of str or None
        Names of the features, if they have any.
    n_features : int
        Number of features.
    classes : sequence of two labels
        A high score of the prior suggests the second class. The coefficients of a model are negated if its `classes_`
        are in the reverse order.

    Returns
    -------
    ndarray of shape (n_features,)
        The weights; at least one is not 0.

    Raises
    ------
    TypeError
        If `prior` is none of these.
    ValueError
        If all weights are 0, or no name matches a feature. If there are too many or too few numbers, or a number is not
        finite. If a model is not fitted or distinguishes other classes.

    Examples
    --------
    >>> read_prior({"area": 1, "solidity": -1, "depth": 1}, ["solidity", "hue", "area"], 3, (0, 1))
    array([-1.,  0.,  1.])
    """
    sign = 1.0
    prior = _get_last(prior)
    if hasattr(prior, "fit"):
        sign = _find_sign(prior, classes)
        coefficients = _read_coefficients(prior)
        own_names = getattr(prior, "feature_names_in_", None)
        prior = coefficients if own_names is None else dict(zip(own_names, coefficients, strict=True))
    if hasattr(prior, "columns"):
        raise TypeError(
            f"prior must be one column, got a table with columns {list(prior.columns)!r}. "
            "Pass the column of the weights, such as table['weight']."
        )
    if isinstance(prior, Mapping) and has_class_weights(prior):
        raise ValueError(
            f"prior must have one set of weights for the two classes {list(classes)!r}, got weights for each class. "
            "Pass the weights of the second class minus those of the first."
        )
    weights = _read_weights(prior, names, n_features)
    _check_knowledge(weights)
    return sign * weights


def _get_last(prior: Any) -> Any:
    """Return the last estimator of a pipeline; any other prior is returned unchanged."""
    steps = list_steps(prior) if hasattr(prior, "steps") else []
    return _get_last(steps[-1][1]) if steps else prior


def has_class_weights(prior: Any) -> bool:
    """Return whether a prior has weights for each class: a table, a mapping of mappings, or a multinomial model."""
    prior = _get_last(prior)
    if hasattr(prior, "fit"):
        return np.ndim(getattr(prior, "coef_", 0)) == 2 and len(prior.coef_) > 1
    if isinstance(prior, Mapping):
        return any(hasattr(weights, "items") or np.ndim(weights) for weights in prior.values())
    return hasattr(prior, "columns") or np.ndim(prior) == 2


def read_class_priors(
    prior: Any, names: Sequence[str] | None, n_features: int, classes: Sequence[Any]
) -> NDArray[np.float64]:
    """Return a prior as one weight for each feature and class.

    Parameters
    ----------
    prior : mapping, DataFrame, array-like or fitted linear model
        A mapping from class to numbers by name, a table with a column for each class, an array of shape (n_classes,
        n_features), or a model of the same classes. The model may be the end of a pipeline.
    names : sequence of str or None
        Names of the features, if they have any.
    n_features : int
        Number of features.
    classes : sequence of labels
        The classes. Classes that the prior does not name have the weights 0.

    Returns
    -------
    ndarray of shape (n_features, n_classes)
        The weights; at least one is not 0.

    Raises
    ------
    TypeError, ValueError
        As :func:`read_prior`, or if the prior has other classes, or none.

    Examples
    --------
    >>> read_class_priors({"b": {"area": 1}, "c": {"hue": -1}}, ["area", "hue"], 2, ["a", "b", "c"])
    array([[ 0.,  1.,  0.],
           [ 0.,  0., -1.]])
    """
    if not has_class_weights(prior):
        raise ValueError(
            f"prior must have weights for each of the {len(classes)} classes, got one set of weights. Pass a mapping "
            "from class to weights, or a table with a column for each class."
        )
    prior = _get_last(prior)
    if hasattr(prior, "fit"):
        if hasattr(prior, "n_support_"):
            raise ValueError(
                f"prior must be a linear model with weights for each class, got {type(prior).__name__}, whose weights "
                "are for pairs of classes. Fit a LogisticRegression or LinearSVC."
            )
        own_names = getattr(prior, "feature_names_in_", None)
        rows = zip(np.asarray(prior.classes_).tolist(), _check_numbers(prior.coef_), strict=True)
        prior = {label: row if own_names is None else dict(zip(own_names, row, strict=True)) for label, row in rows}
    elif hasattr(prior, "columns"):
        _check_names("columns", list(prior.columns))
        prior = {label: prior[label] for label in prior.columns}  # a table of polars has no items
    elif not hasattr(prior, "items"):
        numbers = _check_numbers(prior)
        if len(numbers) != len(classes):
            raise ValueError(
                f"prior must have a row for each of the {len(classes)} classes, got shape {numbers.shape}. "
                "Pass a mapping from class to weights."
            )
        prior = dict(zip(classes, numbers, strict=True))
    given = dict(prior.items())
    if unknown := [label for label in given if label not in classes]:
        raise ValueError(
            f"prior must name classes among {list(classes)!r}, got {unknown!r}. Use the same labels in both, or name "
            "the classes in `classes`."
        )
    weights = np.zeros((n_features, len(classes)))
    for number, label in enumerate(classes):
        if label in given:
            weights[:, number] = _read_weights(given[label], names, n_features)
    _check_knowledge(weights)
    return weights


def _read_weights(prior: Any, names: Sequence[str] | None, n_features: int) -> NDArray[np.float64]:
    """Return the weights of one class, by name or by position."""
    if isinstance(prior, Mapping) or hasattr(prior, "items"):
        _check_names("names", [name for name, _ in prior.items()])
        return read_weights_by_name(dict(prior.items()), names)
    weights = _check_numbers(prior)
    if weights.shape != (n_features,):
        raise ValueError(
            f"prior must have one number for each of the {n_features} features, got shape {weights.shape}. "
            "Pass a mapping from names to numbers, which also works with other columns."
        )
    return weights


def _check_names(kind: str, names: list[Any]) -> None:
    """Raise an error if two columns or two weights of a table have the same name."""
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"prior must have different {kind}, got {twice!r} more than once. Keep one of each.")


def _check_knowledge(weights: NDArray[np.float64]) -> None:
    if not weights.any():
        raise ValueError(
            "prior must have a number other than 0 for at least one of the features, got 0 for all. "
            "Without knowledge, pass prior=None."
        )


def read_weights_by_name(prior: Mapping[str, float], names: Sequence[str] | None) -> NDArray[np.float64]:
    """Return the numbers of a mapping in the order of the names, 0 for names without a number.

    A column name with a unit, as `area_mm2`, also matches the name without it, and `age_approx` matches `age`.

    Parameters
    ----------
    prior : mapping from str to number
        Names that match no feature are ignored, with a warning if they seem to be misspelled.
    names : sequence of str or None
        Names of the features.

    Returns
    -------
    ndarray of shape (n_features,)
        The numbers.

    Raises
    ------
    ValueError
        If there are no names, or none of them is in `prior`, or a number is not finite.
    """
    asked = ", ".join(map(repr, list(prior)[:3])) + (", …" if len(prior) > 3 else "")
    if names is None:
        raise ValueError(
            f"prior needs named columns ({asked}), but the columns of X have no names. "
            'Call set_output(transform="pandas") on the pipeline, or pass a DataFrame.'
        )
    found = [find_name(name, prior) for name in names]
    if all(key is None for key in found):
        there = ", ".join(map(repr, list(names)[:3])) + (", …" if len(names) > 3 else "")
        raise ValueError(
            f"prior must name at least one of the columns of X, got {asked}, but they are {there}. "
            "Rename either; a FeatureUnion keeps plain names with verbose_feature_names_out=False and "
            'set_output(transform="pandas").'
        )
    weights = _check_numbers([0.0 if key is None else prior[key] for key in found])
    _warn_of_misspelled_names([name for name in prior if name not in found], {*map(str, names)} - {*prior})
    return weights


def _warn_of_misspelled_names(unused: Sequence[str], columns: set[str]) -> None:
    """Warn about names of a prior that are similar to another column or to a feature of the package, but not equal."""
    known = {name.casefold(): name for name in (*_list_known_features(), *sorted(columns))}.values()
    for name in sorted({*map(str, unused)}.difference(known)):
        if (similar := find_similar(name, known, _SIMILAR)) is not None:
            warn_user(f"prior names {name!r}, which is no column of X and has no effect. Did you mean {similar!r}?")


@cache
def _list_known_features() -> tuple[str, ...]:
    return tuple(feature_directions().index)


def find_name(name: str, known: Container[str]) -> str | None:
    """Return the known name of a column, with or without its ending, such as a unit; None if neither is known."""
    aliases = (name, *(name.removesuffix(ending) for ending in _ENDINGS))
    return next((alias for alias in aliases if alias in known), None)


def _check_numbers(values: ArrayLike) -> NDArray[np.float64]:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "prior must be a mapping from names to numbers, an array of numbers, a fitted linear model or a list of "
            f"these, got {values!r}."
        ) from error
    if not np.isfinite(numbers).all():
        raise ValueError("prior must hold finite numbers, got NaN or infinity. Use 0 for unknown weights.")
    return numbers


def _read_coefficients(model: Any) -> NDArray[np.float64]:
    if not hasattr(model, "coef_"):
        raise ValueError(
            f"prior must be a fitted linear model, got {type(model).__name__} without coef_. Fit it, and wrap it in "
            "FrozenEstimator, since clone, as cross-validation calls it, makes models unfitted."
        )
    coefficients = _check_numbers(model.coef_)
    if coefficients.ndim == 2 and len(coefficients) == 1:
        coefficients = coefficients[0]
    if coefficients.ndim != 1:
        raise ValueError(
            f"prior must be a linear model of two classes, got coef_ of shape {coefficients.shape}. "
            "Pass the row of one class."
        )
    return coefficients


def _find_sign(model: Any, classes: Sequence[Any]) -> float:
    """Return -1 if the classes of the model are in the reverse order, else 1."""
    if not hasattr(model, "classes_"):
        return 1.0
    own, wanted = np.asarray(model.classes_).tolist(), np.asarray(classes).tolist()
    if own in (wanted, wanted[::-1]):
        return 1.0 if own == wanted else -1.0
    raise ValueError(
        f"prior must distinguish the classes {wanted!r}, got {type(model).__name__} for {own!r}. "
        "Pass its coefficients as a Series by name instead."
    )
