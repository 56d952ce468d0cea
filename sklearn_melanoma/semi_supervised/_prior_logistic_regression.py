"""Logistic regression with a prior."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from sklearn_melanoma._callbacks import one_task
from sklearn_melanoma._sklearn_compat import CallbackSupportMixin, HasMethods, Interval, StrOptions
from sklearn_melanoma._validation.warn import warn_user
from sklearn_melanoma.model_selection._labels import take_labels
from sklearn_melanoma.semi_supervised._blocks import scale_blocks
from sklearn_melanoma.semi_supervised._classes import find_classes, read_prevalence
from sklearn_melanoma.semi_supervised._input import check_weights
from sklearn_melanoma.semi_supervised._labeled import check_samples
from sklearn_melanoma.semi_supervised._literature import (
    LITERATURE,
    find_diagnoses,
    find_melanoma,
    is_literature,
    make_literature_prior,
    warn_of_unknown_words,
)
from sklearn_melanoma.semi_supervised._log_odds import LogOddsMixin
from sklearn_melanoma.semi_supervised._logistic import MAX_STEPS
from sklearn_melanoma.semi_supervised._prior import read_class_priors, read_prior, split_priors
from sklearn_melanoma.semi_supervised._prior_fits import PriorFit, fit_many_classes, fit_two_classes, move_intercept
from sklearn_melanoma.semi_supervised._rows import check_rows

EVIDENCE = "evidence"

# A standardized column has a standard deviation of 1. Columns scaled by other images, or by their median absolute
# deviation, have one of a few units.
_MAX_DEVIATION = 10.0


class PriorLogisticRegression(CallbackSupportMixin, LogOddsMixin, ClassifierMixin, BaseEstimator):
    r"""Logistic regression whose weights shrink to prior weights instead of to zero.

    Without labels, only the prior predicts. Labels correct the prior. With many labels, the classifier is an ordinary
    logistic regression. Columns should be standardized over labeled and unlabeled samples together, as
    :func:`~sklearn_melanoma.pipeline.make_melanoma_pipeline` does. Unlabeled samples (-1 in `y`) are otherwise ignored.

    Parameters
    ----------
    prior : "literature", mapping, Series, DataFrame, array-like, fitted linear model, or list of these, default=None
        Prior weights of the features. With two classes, a positive weight means that larger values suggest the second
        of the `classes`, as in ``feature_directions()["weight"]``.

        - "literature": the weights of :func:`~sklearn_melanoma.features.feature_directions` for the diagnoses in the
          labels. 0 means other, and 1 means melanoma. Strings are read by their words: "nv", "Basal cell carcinoma",
          "other". `classes` names the diagnoses of other labels.
        - A mapping from names to numbers, or a pandas Series. It needs columns with names. At least one name must
          match a column; others are ignored, with a warning if they seem to be misspelled. Columns without a number
          get 0. `area` also matches `area_mm2`.
        - An array of shape (n_features,).
        - A linear model with `coef_`, or a :class:`~sklearn.pipeline.Pipeline` that ends in one. The other steps and
          the intercept are not used, so the columns must be scaled in the same way. Wrap the model in
          :class:`~sklearn.frozen.FrozenEstimator`; otherwise, cross-validation makes it unfitted.
        - For more than two classes: a mapping from class to one of the above, a DataFrame with a column for each class,
          an array of shape (n_classes, n_features), or a model of the same classes. Positive weights mean that larger
          values suggest the class. Classes without weights get 0.
        - A list of priors: their mean, weighted by how well each prior fits the labels.

        None means 0: this is a logistic regression with an L2 penalty.
    prior_scale : float or None, default=2.0
        Confidence of the prior. The weights are multiplied so that their absolute values have this sum. With 2, the
        log-odds of the second class rise by 2 if all features move by one standard deviation in the direction of the
        prior. The score of the prior is this number times a weighted mean of the standardized features, in which
        features with a negative weight are negated. With more than two classes, the weights of each class have half of
        this sum. None does not change the weights, which suits the coefficients of a trusted model. A block of columns
        counts as one column. Its weight is the standard deviation of the part of the score that comes from this block.
    alpha : float or "evidence", default=1.0
        Strength of the prior against the labels, above 0. Before any label, the log-odds of a sample have a standard
        deviation of :math:`1/\sqrt{\text{alpha}}` around the log-odds of the prior, for any number of columns. With
        "evidence", the strength is 1 if the labels agree with the prior. If they contradict it, the strength is
        lowered, down to 1/32, or the prior is dropped, with a warning. See Notes.
    classes : sequence of labels, or mapping from label to diagnosis, default=None
        The classes. With two classes, a high score of the prior suggests the second, as in ``("nevus", "melanoma")``.
        Name the classes if one of them has no label. Name them also for two labels that are strings, if there is a
        prior other than "literature", because the alphabetical order has no meaning.

        - None: the sorted labels. With "literature", melanoma is the second of two, and the classes are 0 and 1 if `y`
          holds no other label.
        - A sequence: the labels in their order.
        - A mapping: the labels, and the diagnosis of each, as in
          ``{0: "nevus", 1: "melanoma", 2: "basal cell carcinoma"}``. With "literature", melanoma is the second of two
          in any order of the mapping.
    prevalence : float or mapping from class to float, default=None
        Fraction of the second of two `classes`, or of each class, among unseen samples, between 0 and 1. The intercept
        is shifted from the fractions among the labels to these. With two classes, the ranking does not change. None
        keeps the fractions among the labels.
    blocks : mapping from str to float, default=None
        Columns whose names start with each prefix form a block, such as ``{"fisher_": 1.0}`` for features that were
        learned without labels. A block is centered and divided by one number for all of its columns. Its part of the
        log-odds then has this prior variance, relative to the variance of all other columns together.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Weights. With two classes, positive weights mean that larger values suggest ``classes_[1]``.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, which are not penalized.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    pos_label_ : label or None
        The label of the positive class: the second of two `classes`, or with "literature" the label of melanoma.
        Without both, 1 or True for the labels 0 and 1, or False and True, and None for other labels.
    diagnoses_ : dict from label to str
        With "literature", the diagnosis of each class, such as "nevus" or "other". Empty without "literature".
    prior_coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        The combined weights of all priors, before the correction by labels. 0 if "evidence" dropped the prior.
    alpha_ : float
        The strength that was used.
    prior_weights_ : ndarray of shape (n_priors,)
        Weight of each prior; their sum is 1.
    n_iter_ : int
        Steps of Newton's method; 0 if only the prior predicts.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if `X` has names.

    See Also
    --------
    sklearn_melanoma.features.feature_directions : Expected directions of the features, from the literature.

    Notes
    -----
    With the prior :math:`\mu`, the weights :math:`w` and the intercept :math:`b` minimize

    .. math:: \sum_{i\ \text{labeled}} s_i \log\left(1 + e^{-t_i (x_i^T w + b)}\right)
              + \frac{\lambda}{2} |w - \mu|^2, \qquad \lambda = \text{alpha} \cdot n_{features}

    where :math:`t_i = \pm 1` is the label and :math:`s_i` the sample weight. The loss is a sum, so the prior has less
    influence with more labels. The minimum is the mode of the posterior under :math:`w \sim N(\mu, I/\lambda)`. This
    prior gives :math:`x^T w` the variance :math:`1/\text{alpha}`, on average over standardized samples. With
    ``prior=None``, the result is that of scikit-learn's ``LogisticRegression(C=1/λ)``.

    With more than two classes, each class has a weight vector :math:`w_k` and a prior :math:`\mu_k`. The weights
    minimize the log-loss of the multinomial model :math:`p_k \propto e^{x^T w_k + b_k}` plus
    :math:`\frac{K}{2 (K - 1)} \lambda \sum_k |w_k - \mu_k|^2`, where :math:`K` is the number of classes that have
    labels. The score of a class minus the mean score of the others then has the prior variance :math:`1/\text{alpha}`
    for any :math:`K`. For two classes, the result is the same as above. Classes without labels keep their prior
    weights.

    Without labels, or with labels of one class only, :math:`w = \mu` is best, with any intercept or an infinite one.
    Then only the prior predicts, with the intercept 0 or the intercept of the `prevalence`. Labels of one class only
    have no effect, so there is a warning.

    With "evidence", the candidates are the prior and no prior, each with alpha 1, 1/2, 1/4 … 1/32. The candidates
    without a prior have the probability 0.05. Alpha has a log-normal probability around 1, with the standard deviation
    0.5 of the logarithm. The candidate with the highest posterior probability is used. The marginal likelihood is
    Laplace's approximation. With more than two classes, the mean curvature of a sample is used for all of its
    directions.

    In a list, the weight of prior :math:`k` is proportional to :math:`e^{-L_k}`, where :math:`L_k` is the log-loss of
    the score of this prior, summed over the labels. The intercept is fitted to the labels. Without labels of two
    classes, all priors have the same weight. If you trust all priors, pass their mean instead: it was better on the
    tested images.

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

    Three diagnoses without any label:

    >>> X = pd.DataFrame({"color_entropy": [2, 0, 0], "blue_gray_fraction": [0, 0, 2], "b_contrast": [0, 1, -1]})
    >>> model = PriorLogisticRegression("literature", classes=("nv", "mel", "bcc")).fit(X, [-1, -1, -1])
    >>> model.predict(X).tolist()
    ['mel', 'nv', 'bcc']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "prior": [None, StrOptions({LITERATURE}), "array-like", HasMethods("fit")],
        "prior_scale": [None, Interval(Real, 0, None, closed="neither")],
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({EVIDENCE})],
        "classes": [None, "array-like", dict],
        "prevalence": [None, Interval(Real, 0, 1, closed="neither"), dict],
        "blocks": [None, dict],
    }

    def __init__(
        self,
        prior: Any = None,
        *,
        prior_scale: float | None = 2.0,
        alpha: float | str = 1.0,
        classes: ArrayLike | Mapping[Any, str] | None = None,
        prevalence: float | Mapping[Any, float] | None = None,
        blocks: Mapping[str, float] | None = None,
    ):
        self.prior = prior
        self.prior_scale = prior_scale
        self.alpha = alpha
        self.classes = classes
        self.prevalence = prevalence
        self.blocks = blocks

    # Metadata routing leaves out the ignored `groups`. So a search can pass groups to its splitter only.
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
            Labels of two classes or more, -1 for unlabeled samples. Among strings, use the integer -1 in an array of
            dtype object.
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
            If there are fewer than two classes, or the labels do not determine them. If the prior does not fit the
            columns or the classes. If labels and prior are both missing. If a parameter or the input is not as
            described.

        Warns
        -----
        UserWarning
            If there are labels of one class only, which have no effect. If "evidence" drops the prior. If "literature"
            reads words as "other" that may be misspelled diagnoses. If names in a prior seem to be misspelled. If a
            prior has weights of columns that are not standardized.
        ConvergenceWarning
            If the minimum was not reached.
        """
        self._validate_params()
        rows, labels, labeled = check_samples(self, X, y)
        weights = check_weights(sample_weight, rows)
        names = getattr(self, "feature_names_in_", None)
        all_weights = weights if weights.any() else None
        scaling = scale_blocks(self.blocks or {}, names, rows, all_weights)
        used = np.flatnonzero(labeled & (weights > 0))
        labels, weights = take_labels(labels, used), weights[used]
        classes, diagnoses = self._find_classes(labels)
        warn_of_unknown_words(classes, self._get_names(), diagnoses)
        prevalence = read_prevalence(self.prevalence, classes)
        priors = self._read_priors(classes, diagnoses)
        if self.prior_scale is not None:
            given = priors * scaling.is_counted.reshape(-1, *[1] * (priors.ndim - 2))
            _warn_of_unscaled_columns(rows if all_weights is None else rows[all_weights > 0], given, names)
            # Two classes have one vector of weights, the difference of two halves.
            lengths = scaling.measure_priors(priors, rows, all_weights) * (2 if len(classes) > 2 else 1)
            priors *= np.divide(self.prior_scale, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        rows, priors = scaling.apply(rows[used]), scaling.scale_priors(priors)
        by_evidence = self.alpha == EVIDENCE
        alpha = 1.0 if by_evidence else float(self.alpha)
        penalty = alpha * scaling.n_counted
        if len(classes) == 2:
            found = fit_two_classes(rows, labels == classes[1], weights, priors, penalty, by_evidence=by_evidence)
        else:
            numbers = np.array([classes.index(label) for label in labels.tolist()], dtype=np.intp)
            found = fit_many_classes(rows, numbers, weights, priors, penalty, by_evidence=by_evidence)
        self._report(found, labels, len(priors))
        self.alpha_ = alpha * found.strength
        found = scaling.undo(found)
        intercept = found.intercept if prevalence is None else move_intercept(found, prevalence)
        self._store(found, intercept, classes)
        self.pos_label_ = self._find_pos_label(classes, diagnoses)
        self.diagnoses_ = dict(zip(classes, diagnoses, strict=False))  # without "literature", there are no diagnoses
        return self

    def _report(self, found: PriorFit, labels: NDArray[Any], n_priors: int) -> None:
        """Warn if the labels have no effect or the minimum was not reached; raise an error without labels and prior."""
        if found.n_iter == MAX_STEPS:
            warn_user(
                f"The minimum was not reached in {MAX_STEPS} steps. Standardize the columns of X.", ConvergenceWarning
            )
        elif not found.n_iter and not n_priors:
            raise ValueError(
                f"y must hold labels of two classes if there is no prior, got {len(labels)} of at most one class. "
                "Label some of each class, or pass a prior."
            )
        elif not found.n_iter and len(labels):
            warn_user(
                f"y holds labels of class {labels[0].item()!r} alone, which change nothing: the prior predicts. "
                "Label some of another class. -1 means unlabeled; a class needs another label, such as 0."
            )
        elif not found.uses_prior:
            warn_user(
                "y contradicts the prior, which is therefore left out. Check what each label means. A number as alpha "
                "keeps the prior."
            )

    def _store(self, found: PriorFit, intercept: Any, classes: list[Any]) -> None:
        """Set the fitted attributes, with the classes sorted."""
        self.classes_ = np.unique(classes)
        self.prior_weights_, self.n_iter_ = found.prior_weights, found.n_iter
        if len(classes) == 2:
            sign = 1.0 if self.classes_[1] == classes[1] else -1.0
            self.coef_, self.prior_coef_ = sign * found.coefficients[np.newaxis], sign * found.prior[np.newaxis]
            self.intercept_ = np.array([sign * intercept])
        else:
            order = [classes.index(label) for label in self.classes_.tolist()]
            self.coef_, self.prior_coef_ = found.coefficients.T[order], found.prior.T[order]
            self.intercept_ = np.asarray(intercept)[order]

    def _read_priors(self, classes: list[Any], diagnoses: list[str]) -> NDArray[np.float64]:
        """Return the priors, of shape (n_priors, n_features) or (n_priors, n_features, n_classes)."""
        n_features, names, many = self.n_features_in_, getattr(self, "feature_names_in_", None), len(classes) > 2
        read = read_class_priors if many else read_prior
        priors = [
            read(
                make_literature_prior(classes, diagnoses) if is_literature(prior) else prior, names, n_features, classes
            )
            for prior in split_priors(self.prior)
        ]
        return np.array(priors, dtype=np.float64).reshape(-1, n_features, *([len(classes)] if many else []))

    def _find_classes(self, labels: NDArray[Any]) -> tuple[list[Any], list[str]]:
        """Return the classes, and their diagnoses if the prior needs them.

        With two classes, a high score of the prior suggests the second.
        """
        classes, priors = find_classes(labels, self.classes), split_priors(self.prior)
        by_name = any(map(is_literature, priors))
        if self.classes is None:
            if by_name and all(label in (0, 1) for label in classes):
                classes = [0, 1]
            if len(classes) < 2:
                raise ValueError(
                    f"y must hold labels of two classes at least, got {len(classes)} class(es): {classes!r}. "
                    "Name all of them in `classes`, such as classes=(0, 1), if some have no labels."
                )
            if len(classes) == 2 and priors and not by_name and isinstance(classes[0], str):
                raise ValueError(
                    f"classes must say which of {classes!r} high scores of the prior suggest, got None. "
                    "Pass the other one first, such as classes=('nevus', 'melanoma')."
                )
        if not by_name:
            return classes, []
        diagnoses = find_diagnoses(classes, self._get_names())
        is_ordered = self.classes is not None and not isinstance(self.classes, Mapping)
        if not is_ordered and len(classes) == 2 and find_melanoma(classes, diagnoses) == classes[0]:
            return classes[::-1], diagnoses[::-1]
        return classes, diagnoses

    def _get_names(self) -> Mapping[Any, str]:
        """Return the diagnoses of labels that `classes` names."""
        return self.classes if isinstance(self.classes, Mapping) else {}

    def _order_classes(self) -> list[Any]:
        """Return the classes that the parameters name, in their order; none without `classes`."""
        return [] if self.classes is None else self._find_classes(np.array([]))[0]

    def _find_pos_label(self, classes: list[Any], diagnoses: list[str]) -> Any:
        """Return the label of the positive class; None if it can't be determined."""
        if len(classes) == 2 and self.classes is not None:
            return classes[1]
        if diagnoses:
            return find_melanoma(classes, diagnoses)
        return 1 if classes == [0, 1] else None

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the log-odds of ``classes_[1]``, or the scores of more than two classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Features, standardized as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Natural logarithm of the odds; for more than two classes, logarithms of the probabilities up to a number
            that is the same for all classes.
        """
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        if len(self.classes_) == 2:
            return rows @ self.coef_[0] + self.intercept_[0]
        return rows @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = not isinstance(self.prevalence, Real)
        return tags


def _warn_of_unscaled_columns(rows: NDArray[np.float64], priors: NDArray[np.float64], names: Any) -> None:
    """Warn if a column with a prior weight varies so much that it decides alone."""
    columns = np.flatnonzero(priors.any(axis=(0, 2)[: priors.ndim - 1]))
    if not len(columns) or not len(rows):
        return
    deviations = rows[:, columns].std(axis=0)
    largest = int(deviations.argmax())
    if deviations[largest] > _MAX_DEVIATION:
        column = int(columns[largest])
        warn_user(
            f"X must hold standardized columns, got a standard deviation of {deviations[largest]:.3g} in column "
            f"{column if names is None else names[column]!r}. Put a StandardScaler before the classifier, and fit "
            "it on labeled and unlabeled samples."
        )
