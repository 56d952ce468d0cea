"""Which features a classifier leans on, one by one and in families."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.inspection import permutation_importance
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._validation import check_images
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, MorphologyFeatures, TextureFeatures
from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.model_selection._labels import labeled_samples

# The one place that says which transformer makes which family.
FAMILIES: dict[str, tuple[str, ...]] = {
    "shape": MorphologyFeatures.FEATURES,
    "color": ColorFeatures.FEATURES,
    "texture": TextureFeatures.FEATURES,
    "ABCD": AbcdFeatures.FEATURES,
}
PATCH_PREFIX = "patch_"  # the columns of an encoder are numbered, no list holds them


def feature_family(name: str) -> str:
    """Return the family of a feature by its name, "other" for one that no transformer of the package makes."""
    own = name.rpartition("__")[2]  # a union may put the name of the step before
    for family, names in FAMILIES.items():
        if own in names or own.removesuffix("_mm2").removesuffix("_mm") in names:
            return family
    return "patches" if own.startswith(PATCH_PREFIX) else "other"


class FeatureImportanceDisplay:
    """Importance of the features of a fitted classifier, one by one and in families.

    Make one with :meth:`from_estimator` or :meth:`from_importances`.

    Parameters
    ----------
    importances : ndarray of shape (n_features, n_repeats)
        What the score loses without each feature, in every repeat.
    feature_names : sequence of str
        One name for each row of `importances`.
    families : sequence of str
        The family of each feature.
    family_importances : dict of str to ndarray of shape (n_repeats,), optional
        What the score loses without a whole family.
    score_name : str, default="score"
        What the axes call the score.

    Attributes
    ----------
    importances, feature_names, families, family_importances, score_name
        What was passed.
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        The panel of the features and, where it is drawn, that of the families, after
        :meth:`plot`.

    See Also
    --------
    sklearn.inspection.permutation_importance : The measure, for single columns.

    Notes
    -----
    The families are those of the transformers in :mod:`sklearn_melanoma.features` that list a
    name: "shape", "color", "texture" and "ABCD"; names that begin with ``patch_`` are
    "patches", all others "other". A suffix for the unit (``_mm``, ``_mm2``) and the name of a
    step before ``__`` do not count.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import FeatureImportanceDisplay
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> photos = make_lesions(40, random_state=0)
    >>> labels = hide_labels(photos.target, 8, random_state=0)
    >>> model = make_melanoma_pipeline("survey").fit(photos.images, labels)
    >>> display = FeatureImportanceDisplay.from_estimator(model, photos.images, labels, random_state=0)
    >>> display.feature_names
    ['area', 'perimeter_ratio', 'max_span']
    >>> display.importances.shape
    (3, 10)
    >>> list(display.family_importances)
    ['shape']
    """

    def __init__(
        self,
        importances: NDArray[np.float64],
        feature_names: Sequence[str],
        families: Sequence[str],
        *,
        family_importances: Mapping[str, NDArray[np.float64]] | None = None,
        score_name: str = "score",
    ):
        self.importances = importances
        self.feature_names = feature_names
        self.families = families
        self.family_importances = family_importances
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_repeats: int = 10,
        scoring: str | Callable[..., float] = "roc_auc",
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        families: Mapping[str, str] | None = None,
        max_features: int = 15,
    ) -> Self:
        """Permute the features, and all of a family together; measure and draw what that costs.

        Steps of a pipeline that come before its table, such as those that read and measure images,
        run once. Samples without a label are left out before.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, or a fitted pipeline that ends in one.
        X : sequence of images, DataFrame or ndarray
            What `estimator` takes: images for a melanoma pipeline, a table with named columns
            for a classifier. Best are samples that it was not fitted on.
        y : array-like of shape (n_samples,)
            True labels, -1 where there is none.
        n_repeats : int, default=10
            Number of permutations.
        scoring : str or callable, default="roc_auc"
            What is lost: one of scikit-learn's scorers. For more than two classes
            ``"roc_auc_ovr"``, for example.
        random_state : int, RandomState instance or None, default=None
            Draws the permutations. Pass an int for the same ones each time.
        n_jobs : int, optional
            Number of processes that score.
        families : mapping of str to str, optional
            Families by the names of features, before those that the package knows.
        max_features : int, default=15
            Number of features drawn, the most important ones. All are kept.

        Returns
        -------
        FeatureImportanceDisplay
            Already drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If `estimator` is not fitted.
        ValueError, TypeError
            If nothing is labeled, the columns have no names, `X` and `y` differ in length, or
            the score does not fit the number of classes.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("FeatureImportanceDisplay")
        check_is_fitted(estimator)
        check_consistent_length(X, y)
        labeled, labels = labeled_samples(y)
        if labels is None:
            raise ValueError("y must hold labels, got masks. Pass the diagnoses.")
        n_classes = len(np.unique(labels))
        if scoring == "roc_auc" and n_classes != 2:
            raise ValueError(
                f"scoring='roc_auc' needs labels of two classes in y, got {n_classes}. "
                "Label some of each class; for more than two, use scoring='roc_auc_ovr'."
            )
        table, names, classifier = _measured(estimator, X, np.flatnonzero(labeled))
        family_of = _assign_families(names, families)
        members: dict[str, list[int]] = {}
        for column, family in enumerate(family_of):
            members.setdefault(family, []).append(column)
        lost = partial(
            _lost_scores,
            classifier,
            table,
            labels,
            scorer=check_scoring(classifier, scoring=scoring),
            n_repeats=n_repeats,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        return cls(
            lost(sets=[[column] for column in range(len(names))]),
            names,
            family_of,
            family_importances=dict(zip(members, lost(sets=list(members.values())), strict=True)),
            score_name=scoring if isinstance(scoring, str) else "score",
        ).plot(max_features=max_features)

    @classmethod
    def from_importances(
        cls,
        importances: ArrayLike,
        names: Sequence[str],
        *,
        families: Mapping[str, str] | None = None,
        family_importances: Mapping[str, ArrayLike] | None = None,
        score_name: str = "score",
        max_features: int = 15,
    ) -> Self:
        """Draw importances that were computed before.

        Parameters
        ----------
        importances : array-like of shape (n_features, n_repeats) or (n_features,)
            What the score loses without each feature.
        names : sequence of str
            One name for each feature.
        families : mapping of str to str, optional
            Families by the names of features, before those that the package knows.
        family_importances : mapping of str to array-like of shape (n_repeats,), optional
            What the score loses without a whole family. It can't be told from `importances`:
            those of correlated features do not add up.
        score_name : str, default="score"
            What the axes call the score.
        max_features : int, default=15
            Number of features drawn, the most important ones. All are kept.

        Returns
        -------
        FeatureImportanceDisplay
            Already drawn; without `family_importances`, the features alone.

        Raises
        ------
        ValueError, TypeError
            If the names don't fit the importances, or `family_importances` the families.
        ImportError
            If matplotlib is not installed.
        """
        rows = np.asarray(importances, dtype=float)
        if rows.ndim == 1:
            rows = rows[:, np.newaxis]
        if rows.ndim != 2 or 0 in rows.shape:
            raise ValueError(f"importances must have shape (n_features, n_repeats), got {rows.shape}.")
        names = _check_names(names)
        if len(names) != len(rows):
            raise ValueError(f"names must hold one name for each of the {len(rows)} importances, got {len(names)}.")
        family_of = _assign_families(names, families)
        wholes = None
        if family_importances is not None:
            wholes = {family: np.atleast_1d(np.asarray(x, dtype=float)) for family, x in family_importances.items()}
            if set(wholes) != set(family_of):
                raise ValueError(
                    f"family_importances must hold the families {sorted(set(family_of))}, got {sorted(wholes)}. "
                    "Pass families to say which feature belongs to which."
                )
        return cls(rows, names, family_of, family_importances=wholes, score_name=score_name).plot(
            max_features=max_features
        )

    def plot(self, ax: Any = None, *, max_features: int = 15) -> Self:
        """Draw the mean of the repeats as bars, with their standard deviation, best first.

        Parameters
        ----------
        ax : Axes or pair of Axes, optional
            Where to draw the features, and the families. One alone gets the features. By
            default, both in a figure of their own.
        max_features : int, default=15
            Number of features drawn, the most important ones.

        Returns
        -------
        FeatureImportanceDisplay
            The display itself, with `figure_` and `axes_`.

        Raises
        ------
        ValueError
            If `max_features` is less than 1.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("FeatureImportanceDisplay")
        from matplotlib.figure import Figure

        if max_features < 1:
            raise ValueError(f"max_features must be at least 1, got {max_features}.")
        shown = np.argsort(-self.importances.mean(axis=1), kind="stable")[:max_features]
        wholes = self.family_importances or {}
        if ax is None:
            n_bars = [len(shown), len(wholes)] if wholes else [len(shown)]
            figure = Figure(figsize=(6.4, 1.4 * len(n_bars) + 0.25 * sum(n_bars)), layout="constrained")
            ax = figure.subplots(len(n_bars), 1, sharex=True, height_ratios=[n + 1 for n in n_bars])
        self.axes_ = np.atleast_1d(np.array(ax, dtype=object))
        self.figure_ = self.axes_[0].figure
        colors = {family: f"C{i}" for i, family in enumerate(dict.fromkeys(self.families))}
        families = [self.families[i] for i in shown]
        _draw_bars(
            self.axes_[0],
            self.importances[shown],
            [self.feature_names[i] for i in shown],
            [colors[family] for family in families],
        )
        _draw_legend(self.axes_[0], {family: colors[family] for family in colors if family in families})
        n_features = len(self.feature_names)
        self.axes_[0].set_title(
            "Features, one at a time" + (f": the first {len(shown)} of {n_features}" if len(shown) < n_features else "")
        )
        if len(self.axes_) > 1:
            order = sorted(wholes, key=lambda family: -wholes[family].mean())
            _draw_bars(self.axes_[1], [wholes[family] for family in order], order, [colors[family] for family in order])
            self.axes_[1].set_title("Families, all features together")
        self.axes_[-1].set_xlabel(f"loss of {self.score_name}")
        return self


def _measured(estimator: Any, X: Any, rows: NDArray[np.intp]) -> tuple[Any, list[str], Any]:
    """Return the table that `estimator` makes of some samples, the names of its columns, and what takes the table."""
    if _is_table(X):
        X = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
    else:
        images = check_images(X)
        X = [images[i] for i in rows]
    n_steps = 0
    while not _is_table(X):
        if not isinstance(estimator, Pipeline) or n_steps >= len(estimator) - 1:
            raise TypeError(
                "X must be a table, or what a fitted Pipeline makes one of, got neither for "
                f"{type(estimator).__name__}. Pass a DataFrame; of a search, pass its best_estimator_."
            )
        X = estimator[n_steps : n_steps + 1].transform(X)
        n_steps += 1
    if hasattr(X, "columns"):
        names = list(X.columns)
    elif n_steps:
        names = list(estimator[:n_steps].get_feature_names_out())
    else:
        raise ValueError("X must have names of columns, got an array. Pass a DataFrame, and fit with one.")
    return X, _check_names(names), estimator[n_steps:] if n_steps else estimator


def _is_table(X: Any) -> bool:
    return hasattr(X, "columns") or getattr(X, "ndim", None) == 2


def _check_names(names: Sequence[Any]) -> list[str]:
    checked = [str(name) for name in names if isinstance(name, str)]
    if len(checked) < len(names):
        raise TypeError(f"names of features must be strings, got {list(names)!r}. Name the columns.")
    if len(set(checked)) < len(checked):
        twice = sorted({name for name in checked if checked.count(name) > 1})
        raise ValueError(f"names of features must differ, got {twice!r} more than once. Rename the columns.")
    return checked


def _assign_families(names: list[str], families: Mapping[str, str] | None) -> list[str]:
    families = {} if families is None else families
    unknown = sorted(set(families) - set(names))
    if unknown:
        raise ValueError(f"families must hold names of features, got {unknown!r}. There are {', '.join(names)}.")
    return [families[name] if name in families else feature_family(name) for name in names]


def _lost_scores(
    estimator: Any, table: Any, y: NDArray[Any], *, sets: list[list[int]], scorer: Any, **options: Any
) -> NDArray[np.float64]:
    """Return what the score loses when each set of columns is permuted, its columns together.

    scikit-learn permutes single columns. So it is given, in place of the table, one column for each set:
    the number of the row from which the set is taken.
    """
    row_numbers = np.tile(np.arange(len(y))[:, np.newaxis], len(sets))
    set_of = np.empty(sum(map(len, sets)), dtype=int)
    for number, columns in enumerate(sets):
        set_of[columns] = number
    scoring = partial(_score_rows, scorer, table, set_of)
    return permutation_importance(estimator, row_numbers, y, scoring=scoring, **options).importances


def _score_rows(
    scorer: Any, table: Any, set_of: NDArray[np.intp], estimator: Any, row_numbers: NDArray[np.intp], y: NDArray[Any]
) -> float:
    rows = row_numbers[:, set_of]
    if not hasattr(table, "columns"):
        return scorer(estimator, np.take_along_axis(table, rows, axis=0), y)
    columns = {}
    for position, name in enumerate(table.columns):
        column = table[name]
        # Column by column, which keeps their types; pandas would align its Series by their index.
        take = column.array.take if hasattr(column, "array") else column.gather
        columns[name] = take(rows[:, position])
    return scorer(estimator, type(table)(columns), y)


def _draw_bars(axes: Any, repeats: Any, labels: list[str], colors: list[str]) -> None:
    repeats = np.asarray(repeats)
    axes.barh(labels, repeats.mean(axis=1), xerr=repeats.std(axis=1), color=colors, ecolor="0.3")
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_ylim(-0.7, len(labels) - 0.3)
    axes.invert_yaxis()


def _draw_legend(axes: Any, colors: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    axes.legend(handles=[Patch(color=color, label=family) for family, color in colors.items()], loc="lower right")
