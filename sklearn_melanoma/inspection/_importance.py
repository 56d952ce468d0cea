"""Display of feature importances."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.inspection._families import assign_families, check_names, merge_learned
from sklearn_melanoma.inspection._permutation import compute_losses, split_at_table
from sklearn_melanoma.metrics._positive import choose_auc, find_pos_label, name_score, recode_positive
from sklearn_melanoma.metrics._weighted import find_weights
from sklearn_melanoma.model_selection._labels import check_classes_without_unlabeled, find_labeled_or_masked


class FeatureImportanceDisplay:
    """Permutation importances of single features and of families of features.

    Make one with :meth:`from_estimator` or :meth:`from_importances`.

    Parameters
    ----------
    importances : ndarray of shape (n_features, n_repeats)
        Decrease of the score when the values of each feature are permuted, in every repeat.
    feature_names : sequence of str
        One name for each row of `importances`.
    families : sequence of str
        The family of each feature.
    family_importances : dict of str to ndarray of shape (n_repeats,), optional
        Decrease of the score when all features of each family are permuted together.
    score_name : str, default="score"
        Name of the score on the axes.

    Attributes
    ----------
    importances, feature_names, families, family_importances, score_name
        The parameters.
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    axes_ : ndarray of matplotlib.axes.Axes
        The panel of the features and, if drawn, the panel of the families, after :meth:`plot`.

    See Also
    --------
    sklearn.inspection.permutation_importance : The importances of single columns.

    Notes
    -----
    Each transformer in :mod:`sklearn_melanoma.features` with a list of names makes a family: "morphology", "color",
    "texture" and "ABCD". All columns of a :class:`~sklearn_melanoma.features.FisherVectorEncoder` are one feature, and
    also a family, "learned patterns". All other columns are in "other". The suffix of a unit (``_mm``, ``_mm2``) and
    the name of a step before ``__`` are ignored.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import FeatureImportanceDisplay
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> lesions = make_lesions(40, random_state=0)
    >>> labels = hide_labels(lesions.target, 8, random_state=0)
    >>> model = make_melanoma_pipeline("survey").fit(lesions.images, labels)
    >>> display = FeatureImportanceDisplay.from_estimator(model, lesions.images, labels, random_state=0)
    >>> display.feature_names
    ['area', 'perimeter_ratio', 'max_span']
    >>> display.importances.shape
    (3, 10)
    >>> list(display.family_importances)
    ['morphology']
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
        groups: ArrayLike | None = None,
        n_repeats: int = 10,
        scoring: str | Callable[..., float] = "roc_auc",
        pos_label: Any = None,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        families: Mapping[str, str] | None = None,
        max_features: int = 15,
    ) -> Self:
        """Compute and draw permutation importances of features and of whole families.

        The features of a family are permuted together. Pipeline steps before the feature table, such as reading images
        and computing features, run once. Unlabeled samples are left out first.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, or a fitted pipeline that ends in one.
        X : sequence of images, DataFrame or ndarray
            Input of `estimator`: images for a melanoma pipeline, a table with named columns for a classifier.
            Preferably samples that it was not fitted on.
        y : array-like of shape (n_samples,)
            True labels, -1 for unlabeled samples.
        groups : array-like of shape (n_samples,), optional
            Lesion or patient of each sample. Each group counts once: the weights of its samples have the sum 1. By
            default, each sample is a group.
        n_repeats : int, default=10
            Number of permutations.
        scoring : str or callable, default="roc_auc"
            One of scikit-learn's scorers. For more than two classes, "roc_auc" is the mean AUC of each class against
            the rest ("roc_auc_ovr"), unless `pos_label` chooses one class. If a group has several samples, the scorer
            must accept `sample_weight`.
        pos_label : label, optional
            Label of the positive class, for a `scoring` by name. Defaults to the positive class of the classifier, else
            to 1 or True for the labels 0 and 1, or False and True. It must be given for two other labels. With more
            than two classes, it is scored against the rest.
        random_state : int, RandomState instance or None, default=None
            Seed of the permutations. Pass an int to get the same ones each time.
        n_jobs : int, optional
            Number of processes.
        families : mapping of str to str, optional
            Families by feature name. They take precedence over the families of the package.
        max_features : int, default=15
            Number of features to draw, the most important ones. The display keeps all.

        Returns
        -------
        FeatureImportanceDisplay
            The display, already drawn.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If `estimator` is not fitted.
        ValueError, TypeError
            If nothing is labeled, the columns have no names, or `X`, `y` and `groups` differ in length. If the score
            does not suit the number of classes, or accepts no weights although groups have several samples. If the
            positive class can't be determined.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("FeatureImportanceDisplay")
        check_is_fitted(estimator)
        units = None if groups is None else encode_groups(groups)
        check_consistent_length(X, y, units)
        check_classes_without_unlabeled(estimator)
        labeled, labels = find_labeled_or_masked(y)
        if labels is None:
            raise ValueError("y must hold labels, got masks. Pass the diagnoses.")
        classes = np.unique(labels).tolist()
        scoring = choose_auc(scoring, classes, pos_label)
        if scoring == "roc_auc" and len(classes) < 2:
            raise ValueError(
                f"scoring='roc_auc' needs labels of two classes in y, got {len(classes)}. Label some of each class."
            )
        positive = None
        n_fitted = len(getattr(estimator, "classes_", ()))
        if isinstance(scoring, str) and (len(classes) == n_fitted == 2 or pos_label is not None):
            positive = find_pos_label(classes, pos_label, estimator=estimator)
        table, columns, classifier = split_at_table(estimator, X, np.flatnonzero(labeled))
        classifier, labels = recode_positive(classifier, labels, positive)
        features = merge_learned(columns)
        names = list(features)
        family_of = assign_families(names, families)
        members: dict[str, list[int]] = {}
        for name, family in zip(names, family_of, strict=True):
            members.setdefault(family, []).extend(features[name])
        scorer = check_scoring(classifier, scoring=scoring)
        losses = partial(
            compute_losses,
            classifier,
            table,
            labels,
            scorer=scorer,
            sample_weight=find_weights(scorer, None if units is None else units[labeled]),
            n_repeats=n_repeats,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        return cls(
            losses(sets=list(features.values())),
            names,
            family_of,
            family_importances=dict(zip(members, losses(sets=list(members.values())), strict=True)),
            score_name=name_score(scoring),
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
        """Draw existing importances.

        Parameters
        ----------
        importances : array-like of shape (n_features, n_repeats) or (n_features,)
            Decrease of the score when the values of each feature are permuted.
        names : sequence of str
            One name for each feature.
        families : mapping of str to str, optional
            Families by feature name. They take precedence over the families of the package.
        family_importances : mapping of str to array-like of shape (n_repeats,), optional
            Decrease of the score when all features of each family are permuted together. It does not follow from
            `importances`, because the importances of correlated features do not add up.
        score_name : str, default="score"
            Name of the score on the axes.
        max_features : int, default=15
            Number of features to draw, the most important ones. The display keeps all.

        Returns
        -------
        FeatureImportanceDisplay
            The display, already drawn; without `family_importances`, the features only.

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
        names = check_names(names)
        if len(names) != len(rows):
            raise ValueError(f"names must hold one name for each of the {len(rows)} importances, got {len(names)}.")
        family_of = assign_families(names, families)
        of_families = None
        if family_importances is not None:
            of_families = {
                family: np.atleast_1d(np.asarray(x, dtype=float)) for family, x in family_importances.items()
            }
            if set(of_families) != set(family_of):
                raise ValueError(
                    f"family_importances must hold the families {sorted(set(family_of))}, got {sorted(of_families)}. "
                    "Pass families to assign features to them."
                )
        return cls(rows, names, family_of, family_importances=of_families, score_name=score_name).plot(
            max_features=max_features
        )

    def plot(self, ax: Any = None, *, max_features: int = 15) -> Self:
        """Draw the means of the repeats as bars with standard deviations, the largest first.

        Parameters
        ----------
        ax : Axes or pair of Axes, optional
            Where to draw the features and the families. A single axes gets the features. By default, a new figure has
            both.
        max_features : int, default=15
            Number of features to draw, the most important ones.

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
        of_families = self.family_importances or {}
        if ax is None:
            n_bars = [len(shown), len(of_families)] if of_families else [len(shown)]
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
            order = sorted(of_families, key=lambda family: -of_families[family].mean())
            _draw_bars(
                self.axes_[1], [of_families[family] for family in order], order, [colors[family] for family in order]
            )
            self.axes_[1].set_title("Families, all features together")
        self.axes_[-1].set_xlabel(f"loss of {self.score_name}")
        return self


def _draw_bars(axes: Any, repeats: Any, labels: list[str], colors: list[str]) -> None:
    repeats = np.asarray(repeats)
    axes.barh(labels, repeats.mean(axis=1), xerr=repeats.std(axis=1), color=colors, ecolor="0.3")
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_ylim(-0.7, len(labels) - 0.3)
    axes.invert_yaxis()


def _draw_legend(axes: Any, colors: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    axes.legend(handles=[Patch(color=color, label=family) for family, color in colors.items()], loc="lower right")
