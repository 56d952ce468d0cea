"""Logistic regression that knows something before it sees a label."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, HasMethods, Interval
from sklearn_melanoma._validation import find_labeled
from sklearn_melanoma.semi_supervised._binary import BinaryScoreMixin
from sklearn_melanoma.semi_supervised._logistic import MAX_STEPS, fit_correction, weigh_scores
from sklearn_melanoma.semi_supervised._prior import read_prior, split_priors
from sklearn_melanoma.semi_supervised._wrapped import check_weights


class PriorLogisticRegression(CallbackSupportMixin, BinaryScoreMixin, ClassifierMixin, BaseEstimator):
    r"""Logistic regression whose weights shrink to what is known instead of to zero.

    Without labels it predicts by the prior alone; labels correct it, and with many it is an ordinary
    logistic regression. Columns should be standardized over labeled and unlabeled samples together,
    as :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline` does it; unlabeled samples, -1 in `y`, play no
    other part.

    Parameters
    ----------
    prior : mapping, Series, array-like, fitted linear model, or list of such, default=None
        What is known of the features: positive where more of one speaks for the second of the `classes`, as
        ``feature_directions()["weight"]`` does.

        - A mapping from names to numbers, or a pandas Series, which needs columns with names. At least one
          name must be a column's; others are ignored, and columns without a number get 0. `area_mm2` is found
          under `area` as well.
        - An array of shape (n_features,).
        - A linear model with `coef_`, or a :class:`~sklearn.pipeline.Pipeline` that ends in one. Its other steps are
          not used: its coefficients hold for columns that are scaled in the same way. Its intercept is
          not used either. Wrap it in :class:`~sklearn.frozen.FrozenEstimator`, or cross-validation unfits it.
        - A list of them: their mean, weighted by how well each alone fits the labels.

        None stands for 0, which makes this a ridge-penalized logistic regression.
    prior_scale : float or None, default=2.0
        How sure the prior is: its weights are multiplied so that their absolute values have this sum.
        The prior's score is a weighted mean of the standardized features, those of negative
        weight turned round, times this: log-odds rise by 2 if all of them are one standard deviation worse. None
        takes the numbers as they are, such as the coefficients of a model that is trusted.
    alpha : float, default=1.0
        How hard it is for labels to change the prior, above 0. Before any label, the log-odds of a
        sample are held to lie within :math:`1/\sqrt{\text{alpha}}` of the prior's, one standard
        deviation, whatever the number of columns.
    classes : sequence of two labels, default=None
        The class that the prior speaks against and the one it speaks for, such as
        ``("nevus", "melanoma")``. Without it they are the smaller and the larger of the labels. It is
        needed where labels of a class are missing, and for a prior where labels are strings, whose
        order in the alphabet says nothing.
    prevalence : float, default=None
        The share of the second of the `classes` among the samples to come, between 0 and 1: moves the intercept from
        the share among the labels to this one. It changes no ranking. None leaves the labels' share.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Weights; positive ones speak for ``classes_[1]``.
    intercept_ : ndarray of shape (1,)
        Intercept, which is not penalized.
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    prior_coef_ : ndarray of shape (1, n_features)
        The weights that labels correct, of all priors together.
    prior_weights_ : ndarray of shape (n_priors,)
        Weight of each prior; their sum is 1.
    n_iter_ : int
        Steps of Newton's method, 0 where labels had no say.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where `X` has names.

    See Also
    --------
    sklearn_melanoma.features.feature_directions : What the literature knows of the features.

    Notes
    -----
    With the prior :math:`\mu`, weights :math:`w` and intercept :math:`b` minimize

    .. math:: \sum_{i\ \text{labeled}} s_i \log\left(1 + e^{-t_i (x_i^T w + b)}\right)
              + \frac{\lambda}{2} |w - \mu|^2, \qquad \lambda = \text{alpha} \cdot n_{features}

    where :math:`t_i = \pm 1` is the label and :math:`s_i` the sample weight. The loss is a sum, so that the
    prior fades by itself as labels come. It is the mode of the posterior under :math:`w \sim N(\mu, I/\lambda)`, for
    which the variance of :math:`x^T w` is :math:`1/\text{alpha}` on average over standardized samples. With
    ``prior=None`` it is scikit-learn's ``LogisticRegression(C=1/λ)``.

    Where no label is known, or those of one class only, :math:`w = \mu` is best, with any intercept or an
    infinite one: the prior alone then predicts, with the intercept 0, or that of the `prevalence`.

    In a list, prior :math:`k` has a weight in proportion to :math:`e^{-L_k}`, with :math:`L_k` the summed log-loss
    of its score with the best intercept; without labels of both classes all weigh the same. Where all are trusted,
    pass their mean instead: on the images at hand it was better.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_melanoma.semi_supervised import PriorLogisticRegression
    >>> X = pd.DataFrame({"asymmetry": [-1, 1, -1, 1], "hue": [-1, -1, 1, 1]})
    >>> model = PriorLogisticRegression({"asymmetry": 1}, classes=(0, 1))
    >>> model.fit(X, [-1, -1, -1, -1]).predict(X)
    array([0, 1, 0, 1])
    >>> model.fit(X, [0, 0, 1, 1]).coef_.round(2)
    array([[1.44, 0.76]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "prior": [None, "array-like", HasMethods("fit")],
        "prior_scale": [None, Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither")],
        "classes": [None, "array-like"],
        "prevalence": [None, Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(
        self,
        prior: Any = None,
        *,
        prior_scale: float | None = 2.0,
        alpha: float = 1.0,
        classes: ArrayLike | None = None,
        prevalence: float | None = None,
    ):
        self.prior = prior
        self.prior_scale = prior_scale
        self.alpha = alpha
        self.classes = classes
        self.prevalence = prevalence

    @one_task
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Correct the prior by the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Standardized features, without NaN.
        y : array-like of shape (n_samples,)
            Labels of two classes, -1 where there is none; among strings the integer -1, in an array of dtype object.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative. A label of weight 0 is none.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If the classes are not two, or can't be told from the labels; the prior does not fit the columns; labels
            and prior are both missing; or a parameter or the input is not as described.
        """
        self._validate_params()
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        weights = check_weights(sample_weight, rows)
        known = find_labeled(labels) & (weights > 0)
        rows, labels, weights = rows[known], np.array(labels[known].tolist()), weights[known]
        pair = self._two_classes(labels)
        positive = labels == pair[1]
        priors = self._read_priors(pair)
        shares = np.full(len(priors), 1 / max(len(priors), 1))
        if 0 < positive.sum() < len(labels):
            if len(priors) > 1:
                shares = weigh_scores(rows @ priors.T, positive, weights)
            prior = shares @ priors
            found = fit_correction(rows, rows @ prior, positive, weights, self.alpha * self.n_features_in_)
            coefficients, intercept, self.n_iter_ = prior + found.shift, found.intercept, found.n_iter
            if found.n_iter == MAX_STEPS:
                warnings.warn(
                    f"The minimum was not reached in {MAX_STEPS} steps. Standardize the columns of X.",
                    ConvergenceWarning,
                    stacklevel=2,
                )
            labeled_fraction = weights[positive].sum() / weights.sum()
        elif len(priors):
            prior = coefficients = shares @ priors
            intercept, self.n_iter_, labeled_fraction = 0.0, 0, 0.5
        else:
            raise ValueError(
                f"y must hold labels of both classes where there is no prior, got {len(labels)} of one class at most. "
                "Label some of each class, or pass a prior."
            )
        if self.prevalence is not None:
            intercept += logit(self.prevalence) - logit(labeled_fraction)

        self.classes_ = np.unique(pair)
        sign = 1.0 if self.classes_[1] == pair[1] else -1.0
        self.coef_, self.prior_coef_ = sign * coefficients[np.newaxis], sign * prior[np.newaxis]
        self.intercept_ = np.array([sign * intercept])
        self.prior_weights_ = shares
        return self

    def _read_priors(self, classes: tuple[Any, Any]) -> NDArray[np.float64]:
        """Return the priors, scaled, as an array of shape (n_priors, n_features)."""
        n_features = self.n_features_in_
        names = getattr(self, "feature_names_in_", None)
        priors = [read_prior(prior, names, n_features, classes) for prior in split_priors(self.prior)]
        table = np.array(priors).reshape(-1, n_features)
        if self.prior_scale is not None:
            table *= self.prior_scale / np.abs(table).sum(axis=1, keepdims=True)
        return table

    def _two_classes(self, labels: NDArray[Any]) -> tuple[Any, Any]:
        """Return the class that the prior speaks against, and the one it speaks for."""
        if len(labels):
            check_classification_targets(labels)
        found = np.unique(labels)
        if len(found) > 2:
            raise ValueError(
                f"Only binary classification is supported. y must hold two classes, got {found.tolist()!r}. "
                "Merge classes."
            )
        if self.classes is None:
            if len(found) < 2:
                raise ValueError(
                    f"y must hold labels of both classes, got {len(found)} class(es): {found.tolist()!r}. "
                    "Name the two in `classes`, such as classes=(0, 1), to do without labels of one."
                )
            if self.prior is not None and found.dtype.kind == "U":
                raise ValueError(
                    f"classes must say which of {found.tolist()!r} the prior speaks for, got None. "
                    "Pass the other one first, such as classes=('nevus', 'melanoma')."
                )
            return found[0], found[1]
        classes = np.asarray(self.classes)
        if classes.shape != (2,) or classes[0] == classes[1] or not find_labeled(classes).all():
            raise ValueError(f"classes must be two different labels, neither of them -1, got {self.classes!r}.")
        if not np.isin(found, classes).all():
            raise ValueError(
                f"y must hold labels among classes={classes.tolist()!r}, or -1, got {found.tolist()!r}. "
                "Write both alike, or name the labels of y in classes."
            )
        return classes[0], classes[1]

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log-odds of ``classes_[1]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, standardized as those in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the odds.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return rows @ self.coef_[0] + self.intercept_[0]
