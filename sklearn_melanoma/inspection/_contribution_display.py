"""Display of the contributions to the score of one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.inspection._contributions import (
    add_by_criterion,
    compute_contributions,
    find_criteria,
)
from sklearn_melanoma.inspection._image_data import ImageData
from sklearn_melanoma.inspection._models import compare_with_training, compute_scores, find_decision, split_model

if TYPE_CHECKING:
    import pandas as pd

RAISES_COLOR, LOWERS_COLOR = "#c8553d", "#3d7ea6"  # they also differ in lightness


class ContributionDisplay:
    """Contribution of each criterion of dermatologists to the score of a linear model for one image.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    features : DataFrame
        One row for each feature, indexed by name. The columns are ``criterion``, ``value``, ``contribution``, and
        ``percentile`` among the training images (NaN if the model does not know it). All columns of a
        :class:`~sklearn_melanoma.features.FisherVectorEncoder` are one row, "learned patterns", without a value.
    intercept : float
        Score of an image whose contributions are all 0. With standardized features, it is an average image.
    class_name : str, default="the positive class"
        The explained class. Positive contributions suggest this class.

    Attributes
    ----------
    features : DataFrame
        The parameter, sorted by the absolute contribution, the largest first.
    intercept, class_name
        The parameters.
    contributions : Series
        Sum of the contributions of each criterion, the largest first. Features without a criterion are in "other".
    decision : float
        Sum of all contributions and the intercept: the decision function of the model.
    figure_ : matplotlib.figure.Figure
        The figure, after :meth:`plot`.
    ax_ : matplotlib.axes.Axes
        The axes, after :meth:`plot`.

    See Also
    --------
    make_report : Page with the contributions for many images.
    sklearn_melanoma.features.feature_directions : The criterion of each feature.

    Notes
    -----
    The contribution of a feature is its weight times its value, as the classifier sees it. For standardized features,
    this is the difference from an average training image. A calibrated model is explained before the calibration. If it
    was calibrated in folds, the mean of the folds is explained. The contribution of correlated features is divided
    among them, so look at whole criteria first.

    Examples
    --------
    >>> from sklearn_melanoma import make_melanoma_pipeline
    >>> from sklearn_melanoma.datasets import make_lesions
    >>> from sklearn_melanoma.inspection import ContributionDisplay
    >>> lesions = make_lesions(20, random_state=0)
    >>> model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    >>> display = ContributionDisplay.from_estimator(model, lesions.images[0])
    >>> bool(abs(display.decision - model.decision_function(lesions.images[:1])[0]) < 1e-9)
    True
    >>> "asymmetry" in display.contributions
    True
    """

    def __init__(self, features: pd.DataFrame, intercept: float, *, class_name: str = "the positive class"):
        import pandas as pd

        order = np.argsort(-features["contribution"].abs(), kind="stable")
        self.features = features.iloc[order]
        self.intercept = intercept
        self.class_name = class_name
        names, sums = add_by_criterion(features[["contribution"]].to_numpy().T, list(features["criterion"]))
        order = np.argsort(-np.abs(sums[0]), kind="stable")
        self.contributions = pd.Series(sums[0], names, name="contribution").iloc[order]
        self.decision = float(sums.sum() + intercept)

    @classmethod
    def from_estimator(cls, model: Any, image: Any, *, pos_label: Any = None, ax: Any = None) -> Self:
        """Compute and draw the contributions for one image.

        Parameters
        ----------
        model : estimator
            A fitted pipeline of images that ends in a linear classifier, or a search, threshold or calibration around
            such a pipeline.
        image : path, array, PIL image or Lesion
            One image. For a model that takes a table, a table with one row.
        pos_label : label, optional
            The class to explain. Defaults to the positive class, or to the predicted class if there is no positive one.
        ax : matplotlib.axes.Axes, optional
            Where to draw. By default, in a figure of its own.

        Returns
        -------
        ContributionDisplay
            The display, already drawn.

        Raises
        ------
        TypeError
            If the model is not linear, or its image steps can't be found. If `image` is a list of images, or no table
            for a model that takes one.
        ValueError, OSError
            If the image can't be read, or no lesion is found in it.
        ImportError
            If matplotlib is not installed.
        """
        import pandas as pd

        check_matplotlib("ContributionDisplay")
        parts, decision = split_model(model), find_decision(model, pos_label)
        _check_image(image, takes_table=parts.takes_table)
        data = ImageData(image if parts.takes_table else [image], parts, thumbnails=False)
        if len(data.records) != 1:
            raise ValueError(f"image must be a table with one row, got {len(data.records)}. Explain one at a time.")
        if error := data.records[0].error:
            raise ValueError(f"image can't be explained. {error}")
        if data.flags["no_lesion"][0]:
            raise ValueError("image must show a lesion, but none was found. Without one, there are no features.")
        if decision.pos_label is None:
            explained = int(np.argmax(compute_scores(parts.tabular, data.features, decision)[0]))
        else:
            explained = decision.classes.index(decision.pos_label)
        found = compute_contributions(parts.tabular, data.parts, data.features, np.array([explained]))
        if found is None:
            raise TypeError(
                f"model must be linear, with contributions that add up to its score, got "
                f"{type(data.parts[0].classifier).__name__}. Use FeatureImportanceDisplay for other classifiers."
            )
        found = found.merge_learned()
        compared = compare_with_training(data.parts[0], data.features)
        percentiles = np.full(data.features.shape, np.nan) if compared is None else compared[1]
        measured = pd.DataFrame(
            {"value": data.features.iloc[0], "percentile": pd.Series(percentiles[0], data.features.columns)}
        )
        columns = {"criterion": find_criteria(found.names, parts.patient_columns), "contribution": found.of_features[0]}
        table = pd.DataFrame(columns, index=found.names).join(measured)
        order = ["criterion", "value", "contribution", "percentile"]
        return cls(table[order], float(found.intercept[0]), class_name=f"class {decision.classes[explained]}").plot(ax)

    def plot(self, ax: Any = None, *, n_features: int = 3) -> Self:
        """Draw the contribution of each criterion as a bar, with its strongest features.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. By default, in a figure of its own.
        n_features : int, default=3
            Number of features with the largest contributions that the title lists.

        Returns
        -------
        ContributionDisplay
            The display itself, with `figure_` and `ax_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib("ContributionDisplay")
        from matplotlib.figure import Figure

        if ax is None:
            size = (6.4, 1.6 + 0.3 * len(self.contributions))
            ax = Figure(figsize=size, layout="constrained").subplots()
        self.ax_, self.figure_ = ax, ax.figure
        colors = [RAISES_COLOR if value > 0 else LOWERS_COLOR for value in self.contributions]
        bars = ax.barh(list(self.contributions.index), self.contributions.to_numpy(), color=colors)
        ax.bar_label(bars, fmt="{:+.2f}", padding=3)
        ax.axvline(0, color="0.3", linewidth=0.8)
        ax.margins(x=0.15)
        ax.invert_yaxis()
        ax.set_xlabel(f"contribution to the score of {self.class_name}")
        lines = [f"score {self.decision:+.2f}, of which intercept {self.intercept:+.2f}"]
        for name, row in self.features.head(n_features).iterrows():
            place = "" if np.isnan(row["percentile"]) else f", above {row['percentile']:.0f} % of training images"
            value = "" if np.isnan(row["value"]) else f" {row['value']:.3g}"
            lines.append(f"{name}{value}{place}: {row['contribution']:+.2f}")
        ax.set_title("\n".join(lines), loc="left", fontsize="medium")
        return self


def _check_image(image: Any, *, takes_table: bool) -> None:
    """Raise an error if several images are given, or no table for a model that takes one."""
    got = type(image).__name__
    if takes_table and not hasattr(image, "columns"):
        raise TypeError(f"image must be a table with one row, got {got}. Pass one row, such as X.iloc[[0]].")
    if not takes_table and (isinstance(image, list | tuple) or hasattr(image, "iloc")):
        raise TypeError(f"image must be one image, not a list, got {got}. Pass an element of it, such as images[0].")
