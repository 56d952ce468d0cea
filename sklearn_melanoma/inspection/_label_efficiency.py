"""Display of label efficiency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.metrics._positive import choose_auc, name_score
from sklearn_melanoma.model_selection import label_efficiency, summarize_efficiency
from sklearn_melanoma.model_selection._labels import read_labels

if TYPE_CHECKING:
    import pandas as pd


class LabelEfficiencyDisplay:
    """Curves of the score by number of labels, with intervals, for one or more classifiers.

    Make one with :meth:`from_estimators`, or from existing scores.

    Parameters
    ----------
    scores : DataFrame
        Output of :func:`~sklearn_melanoma.model_selection.label_efficiency`.
    score_name : str, default="score"
        Name of the score on the axis.

    Attributes
    ----------
    scores, score_name
        The parameters.
    summary_ : DataFrame
        Means and intervals as drawn, after :meth:`plot`.
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    ax_ : matplotlib.axes.Axes
        The axes, after :meth:`plot`.

    See Also
    --------
    sklearn_melanoma.model_selection.summarize_efficiency : Means, intervals and differences as a table.
    sklearn.model_selection.LearningCurveDisplay : Scores by number of samples.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.semi_supervised import LabelPropagation, LabelSpreading
    >>> from sklearn_melanoma.inspection import LabelEfficiencyDisplay
    >>> X, y = make_classification(200, random_state=0)
    >>> methods = {"propagation": LabelPropagation("knn"), "spreading": LabelSpreading("knn")}
    >>> display = LabelEfficiencyDisplay.from_estimators(methods, X, y, labels_per_class=(5, 20), n_repeats=5)
    >>> [line.get_label() for line in display.ax_.lines]
    ['propagation', 'spreading']
    """

    def __init__(self, scores: pd.DataFrame, *, score_name: str = "score"):
        self.scores = scores
        self.score_name = score_name

    @classmethod
    def from_estimators(
        cls,
        estimators: Any,
        X: Any,
        y: ArrayLike,
        *,
        score_name: str | None = None,
        ax: Any = None,
        scoring: Any = "roc_auc",
        **options: Any,
    ) -> Self:
        """Score the classifiers and draw the curves.

        Parameters
        ----------
        estimators : mapping of str to classifier, or classifier
            Classifiers by their names in the legend. A single classifier has the name of its class. Each must know -1
            as a missing label. Wrap others in :class:`~sklearn_melanoma.semi_supervised.LabeledOnlyClassifier`.
        X : sequence of images, DataFrame or ndarray of shape (n_samples, ...)
            Input of the classifiers.
        y : array-like of shape (n_samples,)
            Labels, -1 for unlabeled samples.
        score_name : str, optional
            Name of the score on the axis. Defaults to "ROC AUC", to "macro ROC AUC" for the mean over more than two
            classes, else to its name in scikit-learn.
        ax : matplotlib.axes.Axes, optional
            Where to draw. By default, in a figure of its own.
        scoring : str or callable, default="roc_auc"
            One of scikit-learn's scorers.
        **options : dict
            Other parameters of :func:`~sklearn_melanoma.model_selection.label_efficiency`: `groups`,
            `labels_per_class`, `n_repeats`, `test_size`, `pos_label`, `random_state`, `n_jobs`, `verbose`, and
            `results`, the file from which a stopped run continues.

        Returns
        -------
        LabelEfficiencyDisplay
            The display, already drawn.

        Raises
        ------
        ValueError, TypeError
            As :func:`~sklearn_melanoma.model_selection.label_efficiency`.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("LabelEfficiencyDisplay")
        scores = label_efficiency(estimators, X, y, scoring=scoring, **options)
        if score_name is None:
            labels, labeled = read_labels(y)
            classes = np.unique(labels[labeled].tolist()).tolist()
            score_name = name_score(choose_auc(scoring, classes, options.get("pos_label")))
        return cls(scores, score_name=score_name).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw a curve through the means of each classifier, and a band over the 95 % intervals.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. By default, in a figure of its own.

        Returns
        -------
        LabelEfficiencyDisplay
            The display itself, with `figure_` and `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("LabelEfficiencyDisplay")
        from matplotlib.figure import Figure

        self.ax_ = Figure(figsize=(6.4, 4), layout="constrained").subplots() if ax is None else ax
        self.figure_ = self.ax_.figure
        self.summary_ = summarize_efficiency(self.scores)
        numbers = sorted(set(self.scores["labels_per_class"]))
        # The ticks are evenly spaced: the step from 0 to 5 is as long as the step from 10 to 25.
        places = {number: place for place, number in enumerate(numbers)}
        # The interval of a few scores can be wider than the range of a score such as the AUC.
        limits = (0, 1) if self.scores["score"].between(0, 1).all() else (None, None)
        for name, rows in self.summary_.groupby(level="estimator", sort=False):
            x = [places[number] for number in rows.index.get_level_values("labels_per_class")]
            (line,) = self.ax_.plot(x, rows["mean"], marker="o", label=name)
            low, high = (rows[bound].clip(*limits) for bound in ("low", "high"))
            self.ax_.fill_between(x, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
        self.ax_.set(xticks=range(len(numbers)), xticklabels=[str(number) for number in numbers])
        self.ax_.set(xlabel="labels per class", ylabel=self.score_name)
        self.ax_.legend(loc="lower right")
        return self
