"""Logistic regression with a prior."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, HasMethods, Interval
from sklearn_melanoma._validation.labels import find_labeled
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.metrics._positive import make_class_count_error
from sklearn_melanoma.model_selection._labels import take_labels
from sklearn_melanoma.semi_supervised._binary import BinaryScoreMixin
from sklearn_melanoma.semi_supervised._input import check_weights
from sklearn_melanoma.semi_supervised._labeled import check_samples
from sklearn_melanoma.semi_supervised._logistic import MAX_STEPS, fit_correction, weigh_scores
from sklearn_melanoma.semi_supervised._prior import read_prior, split_priors
from sklearn_melanoma.semi_supervised._rows import check_rows


class PriorLogisticRegression(CallbackSupportMixin, BinaryScoreMixin, ClassifierMixin, BaseEstimator):
    r"""Logistic regression whose weights shrink to prior weights instead of to zero.

    Without labels it predicts by the prior alone. Labels correct the prior, and with many labels it is an ordinary
    logistic regression. Columns should be standardized over labeled and unlabeled samples together, as
    :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline` does. Unlabeled samples, -1 in `y`, are otherwise
    ignored.

    Parameters
    ----------
    prior : mapping, Series, array-like, fitted linear model, or list of these, default=None
        Prior weights of the features. A positive weight means that a larger value speaks for the second of the
        `classes`, as in ``feature_directions()["weight"]``.

        - A mapping from names to numbers, or a pandas Series. It needs columns with names. At least one name must
          match a column; others are ignored, and columns without a number get 0. `area` also matches `area_mm2`.
        - An array of shape (n_features,).
        - A linear model with `coef_`, or a :class:`~sklearn.pipeline.Pipeline` that ends in one. The other steps are
          not used: the coefficients hold for columns that are scaled in the same way. The intercept is not used
          either. Wrap the model in :class:`~sklearn.frozen.FrozenEstimator`, or cross-validation unfits it.
        - A list of them: their mean, weighted by how well each alone fits the labels.

        None means 0, which makes this a ridge-penalized logistic regression.
    prior_scale : float or None, default=2.0
        Confidence of the prior: its weights are multiplied so that their absolute values have this sum. The prior's
        score is then this number times a weighted mean of the standardized features, those with a negative weight
        negated. With 2, the log-odds rise by 2 if all features are worse by one standard deviation. None uses the
        numbers as they are, such as the coefficients of a trusted model.
    alpha : float, default=1.0
        Strength of the prior against the labels, above 0. Before any label, the log-odds of a sample have a standard
        deviation of :math:`1/\sqrt{\text{alpha}}` around those of the prior, for any number of columns.
    classes : sequence of two labels, default=None
        The class that the prior speaks against, then the class that it speaks for, such as ``("nevus", "melanoma")``.
        Defaults to the smaller and the larger label. It is needed if labels of a class are missing. It is also needed
        for a prior with string labels, because their alphabetical order says nothing.
    prevalence : float, default=None
        Fraction of the second of the `classes` among unseen samples, between 0 and 1. The intercept is moved from the
        fraction among the labels to this one; the ranking stays the same. None keeps the fraction among the labels.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Weights; positive weights speak for ``classes_[1]``.
    intercept_ : ndarray of shape (1,)
        Intercept, which is not penalized.
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    pos_label_ : label or None
        The label of the positive class: the second of `classes`. Without `classes`, 1 or True for the labels 0 and 1,
        or False and True, and None for others.
    prior_coef_ : ndarray of shape (1, n_features)
        The prior weights that labels correct, of all priors together.
    prior_weights_ : ndarray of shape (n_priors,)
        Weight of each prior; their sum is 1.
    n_iter_ : int
        Steps of Newton's method, 0 if the prior alone predicts.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names.

    See Also
    --------
    sklearn_melanoma.features.feature_directions : Expected directions of the features, from the literature.

    Notes
    -----
    With the prior :math:`\mu`, weights :math:`w` and intercept :math:`b` minimize

    .. math:: \sum_{i\ \text{labeled}} s_i \log\left(1 + e^{-t_i (x_i^T w + b)}\right)
              + \frac{\lambda}{2} |w - \mu|^2, \qquad \lambda = \text{alpha} \cdot n_{features}

    where :math:`t_i = \pm 1` is the label and :math:`s_i` the sample weight. The loss is a sum, so the prior matters
    less with more labels. The minimum is the mode of the posterior under :math:`w \sim N(\mu, I/\lambda)`. This prior
    gives :math:`x^T w` the variance :math:`1/\text{alpha}`, on average over standardized samples. With ``prior=None``
    it is scikit-learn's ``LogisticRegression(C=1/λ)``.

    Without labels, or with labels of one class only, :math:`w = \mu` is best, with any intercept or an infinite one.
    The prior alone then predicts, with the intercept 0, or that of the `prevalence`. Labels of one class only, which
    change nothing, give a warning.

    In a list, the weight of prior :math:`k` is proportional to :math:`e^{-L_k}`, with :math:`L_k` the summed log-loss
    of its score at the best intercept. Without labels of both classes, all priors have the same weight. If all priors
    are trusted, pass their mean instead: it was better on the images at hand.

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

    # Metadata routing leaves out the ignored `groups`. A search can so pass groups to its splitter alone.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"groups": UNUSED}

    @one_task
    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Correct the prior by the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Standardized features, without NaN.
        y : array-like of shape (n_samples,)
            Labels of two classes, -1 for unlabeled samples. Among strings, use the integer -1 in an array of dtype
            object.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, not negative. Samples of weight 0 are ignored.
        groups : ignored
            For the same signature as the other classifiers of this module.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError, TypeError
            If there are not two classes, or the labels do not determine them; the prior does not fit the columns;
            labels and prior are both missing; or a parameter or the input is not as described.

        Warns
        -----
        UserWarning
            If there are labels of one class only, which change nothing.
        ConvergenceWarning
            If the minimum was not reached.
        """
        self._validate_params()
        rows, labels, labeled = check_samples(self, X, y)
        weights = check_weights(sample_weight, rows)
        used = np.flatnonzero(labeled & (weights > 0))
        rows, labels, weights = rows[used], take_labels(labels, used), weights[used]
        pair = self._find_classes(labels)
        positive = labels == pair[1]
        priors = self._read_priors(pair)
        prior_weights = np.full(len(priors), 1 / max(len(priors), 1))
        if 0 < positive.sum() < len(labels):
            if len(priors) > 1:
                prior_weights = weigh_scores(rows @ priors.T, positive, weights)
            prior = prior_weights @ priors
            found = fit_correction(rows, rows @ prior, positive, weights, self.alpha * self.n_features_in_)
            coefficients, intercept, self.n_iter_ = prior + found.shift, found.intercept, found.n_iter
            if found.n_iter == MAX_STEPS:
                warn_user(
                    f"The minimum was not reached in {MAX_STEPS} steps. Standardize the columns of X.",
                    ConvergenceWarning,
                )
            labeled_fraction = weights[positive].sum() / weights.sum()
        elif len(priors):
            if len(labels):
                warn_user(
                    f"y holds labels of class {labels[0].item()!r} alone, which change nothing: the prior predicts. "
                    "Label some of the other class. -1 means unlabeled; a class needs another label, such as 0."
                )
            prior = coefficients = prior_weights @ priors
            intercept, self.n_iter_, labeled_fraction = 0.0, 0, 0.5
        else:
            raise ValueError(
                f"y must hold labels of both classes where there is no prior, got {len(labels)} of one class at most. "
                "Label some of each class, or pass a prior."
            )
        if self.prevalence is not None:
            intercept += logit(self.prevalence) - logit(labeled_fraction)

        self.classes_ = np.unique(pair)
        self.pos_label_ = self._find_pos_label(pair)
        sign = 1.0 if self.classes_[1] == pair[1] else -1.0
        self.coef_, self.prior_coef_ = sign * coefficients[np.newaxis], sign * prior[np.newaxis]
        self.intercept_ = np.array([sign * intercept])
        self.prior_weights_ = prior_weights
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

    def _find_classes(self, labels: NDArray[Any]) -> tuple[Any, Any]:
        """Return the class that the prior speaks against, then the class that it speaks for."""
        if len(labels):
            check_classification_targets(labels)
        found = np.unique(labels)
        if len(found) > 2:
            raise make_class_count_error(found)
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
        classes = np.asarray(self.classes).tolist()
        if (
            np.shape(self.classes) != (2,)
            or classes[0] == classes[1]
            or not find_labeled(classes, name="classes").all()
        ):
            raise ValueError(f"classes must be two different labels, neither of them -1, got {self.classes!r}.")
        if any(label not in classes for label in found.tolist()):  # numpy's isin takes "1" for 1
            raise ValueError(
                f"y must hold labels among classes={classes!r}, or -1, got {found.tolist()!r}. "
                "Write both alike, or name the labels of y in classes."
            )
        return classes[0], classes[1]

    def _find_pos_label(self, classes: tuple[Any, Any]) -> Any:
        """Return the label of the positive class; None if nothing says which it is."""
        if self.classes is not None:
            return classes[1]
        return 1 if list(classes) == [0, 1] else None

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log-odds of ``classes_[1]``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, standardized as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the odds.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        return rows @ self.coef_[0] + self.intercept_[0]
