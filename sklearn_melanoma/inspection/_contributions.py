"""Contributions of features and of dermatologists' criteria to the score of a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline

from sklearn_melanoma._typing import Array
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.inspection._families import LEARNED, merge_learned
from sklearn_melanoma.inspection._models import (
    TablePart,
    compute_decisions,
    drop_unknown_names,
    is_calibrated,
    is_linear,
)

OTHER = "other"  # criterion of features that have none


class Contributions(NamedTuple):
    """Exact parts of the decision function of a linear model.

    Parameters
    ----------
    of_features : ndarray of shape (n_samples, n_features)
        Weight times value of each feature, as the classifier sees it. Row sums plus `intercept` are `decision`.
    names : list of str
        Names of the features.
    intercept : ndarray of shape (n_samples,)
        Intercept of the explained class.
    decision : ndarray of shape (n_samples,)
        Decision function for the explained class: log-odds for a logistic regression.
    scaled : ndarray of shape (n_samples, n_features)
        The features as the classifier sees them.
    """

    of_features: Array
    names: list[str]
    intercept: Array
    decision: Array
    scaled: Array

    def merge_learned(self) -> Contributions:
        """Return the same contributions, with the columns of Fisher vectors as one feature without a value."""
        features = merge_learned(self.names)
        if LEARNED not in features:
            return self
        *others, learned = features.values()
        kept = [position for (position,) in others]
        added = self.of_features[:, learned].sum(axis=1)
        return self._replace(
            of_features=np.column_stack([self.of_features[:, kept], added]),
            names=list(features),
            scaled=np.column_stack([self.scaled[:, kept], np.full(len(added), np.nan)]),
        )


def compute_contributions(
    model: Any, parts: Sequence[TablePart], table: Any, explained: NDArray[np.intp]
) -> Contributions | None:
    """Compute the contributions of the features to the decision function of one class.

    Parameters
    ----------
    model : estimator
        A fitted classifier of rows of features.
    parts : sequence of TablePart
        The classifiers inside it. Their contributions are averaged.
    table : DataFrame of shape (n_samples, n_features)
        Rows of features.
    explained : ndarray of shape (n_samples,)
        Column of the class to explain in `classes_`, for each sample.

    Returns
    -------
    Contributions or None
        The contributions. None if the model is not linear, because the contributions do not add up to its decision
        function. A calibrated model is explained before the calibration.
    """
    if not all(is_linear(part.classifier) for part in parts):
        return None
    found = [_explain_part(part, table, explained) for part in parts]
    if any(each.names != found[0].names for each in found):
        return None
    arrays = ("of_features", "intercept", "decision", "scaled")
    means = {name: np.mean([getattr(each, name) for each in found], axis=0) for name in arrays}
    mean = Contributions(names=found[0].names, **means)
    expected = mean.decision if is_calibrated(model) else compute_decisions(model, table, explained)
    added = mean.of_features.sum(axis=1) + mean.intercept
    return mean if np.allclose(added, expected, rtol=1e-6, atol=1e-6) else None


def _explain_part(part: TablePart, table: Any, explained: NDArray[np.intp]) -> Contributions:
    names, scaled = list(map(str, table.columns)), table
    if part.transformers:
        before = make_pipeline(*part.transformers)
        scaled = before.transform(drop_unknown_names(part.transformers[0], table))
        names = _name_columns(before, scaled, names)
    weights = np.atleast_2d(np.asarray(part.classifier.coef_, dtype=np.float64))
    intercepts = np.broadcast_to(np.asarray(part.classifier.intercept_, dtype=np.float64), len(weights))
    if len(weights) == 1:
        weights, intercepts = np.vstack([-weights, weights]), np.concatenate([-intercepts, intercepts])
    rows = np.asarray(scaled, dtype=np.float64)
    decision = compute_decisions(part.classifier, drop_unknown_names(part.classifier, scaled), explained)
    return Contributions(weights[explained] * rows, names, intercepts[explained], decision, rows)


def _name_columns(before: Any, scaled: Any, names: list[str]) -> list[str]:
    if hasattr(scaled, "columns"):
        return list(map(str, scaled.columns))
    try:
        return list(map(str, before.get_feature_names_out(names)))
    except (AttributeError, ValueError):  # a transformer without names
        return [f"column {number}" for number in range(scaled.shape[1])]


def find_criteria(names: Sequence[str], patient_columns: Sequence[str] = ()) -> list[str]:
    """Return the criterion of each feature.

    Parameters
    ----------
    names : sequence of str
        Names of features.
    patient_columns : sequence of str
        Columns of the patient. A feature belongs to a column if it has the same name, or begins with this name and
        ``_``.

    Returns
    -------
    list of str
        One criterion for each name: a criterion of dermatologists, a column of the patient, "learned patterns" or
        "other".
    """
    known = feature_directions()["criterion"]
    criteria = []
    for name in names:
        own = name.rpartition("__")[2]  # a union may put the name of a step before it
        own = own.removesuffix("_mm2").removesuffix("_mm")
        column = [column for column in patient_columns if name == column or name.startswith(f"{column}_")]
        unknown = LEARNED if name == LEARNED else OTHER
        criteria.append((known.get(own) or unknown) if not column else max(column, key=len))
    return criteria


def add_by_criterion(values: Array, criteria: Sequence[str]) -> tuple[list[str], Array]:
    """Add up contributions by criterion.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Contributions of the features.
    criteria : sequence of str
        Criterion of each feature.

    Returns
    -------
    names : list of str
        The criteria in the order of their first feature; "other" is the last.
    sums : ndarray of shape (n_samples, n_criteria)
        Their contributions.
    """
    names = [name for name in dict.fromkeys(criteria) if name != OTHER]
    names += [OTHER] * (OTHER in criteria)
    numbers = [names.index(name) for name in criteria]
    sums = np.zeros((len(values), len(names)))
    np.add.at(sums.T, numbers, values.T)
    return names, sums


def rank_values(values: Array) -> Array:
    """Return the percentile of each value in its column: the fraction of values below it plus half of the equal ones.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Numbers; NaN is left out.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        0 to 100; NaN for NaN.
    """
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0, nan_policy="omit")
    return 100 * (ranks - 0.5) / np.maximum(np.count_nonzero(~np.isnan(values), axis=0), 1)
