"""A classifier whose score is smoothed over labelled and unlabelled samples."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_melanoma._base import HasMethods, Integral, Interval, Real, safe_indexing
from sklearn_melanoma._callbacks import CallbackSupportMixin, one_task
from sklearn_melanoma.semi_supervised._binary import BinaryScoreMixin
from sklearn_melanoma.semi_supervised._graph import Array, link_neighbors, smooth_scores
from sklearn_melanoma.semi_supervised._labels import find_labelled
from sklearn_melanoma.semi_supervised._wrapped import as_named, log_odds

# Standard deviations from the mean score at which a label stands: about where the surest samples are.
LABEL_SCORE = 2.0
# Distances are those of the first principal components: of 181 measures, sixteen choose neighbors as good, three times
# as fast.
N_COMPONENTS = 16


def _has_probability(classifier: GraphSmoothedClassifier) -> bool:
    return hasattr(getattr(classifier, "estimator_", classifier.estimator), "predict_proba")


class GraphSmoothedClassifier(
    CallbackSupportMixin, BinaryScoreMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Smooth the score of a classifier over the nearest neighbors of each sample, labelled or not.

    Lesions that look alike are likely the same. The classifier is fitted on the labels; then
    its score is averaged along a graph that links each sample to those most like it. Half of the final score is
    the classifier's own, half is that of the neighborhood.

    Parameters
    ----------
    estimator : classifier
        Binary, with `predict_proba` or `decision_function`. A copy of it is fitted on the labelled
        samples; on all, each with -1, where there is no label at all.
    n_neighbors : int, default=15
        Number of neighbors of each sample, less than the number of samples.
    alpha : float, default=0.7
        Weight of the neighbors against the own score, in smoothing: from 0 to 0.99.

    Attributes
    ----------
    estimator_ : classifier
        The fitted copy.
    classes_ : ndarray of shape (2,)
        The classes, as `estimator_` has them.
    transduction_ : ndarray of shape (n_samples,)
        A label for every sample seen in `fit`: the given one, or the predicted one.
    smoothed_scores_ : ndarray of shape (n_samples,)
        The smoothed score of each of them, in standard deviations of the classifier's own.
    projection_ : PCA
        The principal components, 16 at most, in which neighbors are sought.
    neighbors_ : NearestNeighbors
        Finds the neighbors of projected samples.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where `X` has names that are strings.

    See Also
    --------
    sklearn.semi_supervised.LabelSpreading : Spreads the labels alone, without a classifier.

    Notes
    -----
    The score :math:`s` is :math:`\log((p + \epsilon) / (1 - p + \epsilon))` with :math:`\epsilon = 1 / 2n` for
    :math:`n` samples, so that a tree's 0 and 1 stay finite; the `decision_function` where there are no probabilities
    :math:`p`. Standardized on the samples of `fit`, it is :math:`z`. With :math:`Y = z`, but -2 and 2 at
    the labels, :math:`F` solves :math:`F = \alpha S F + (1 - \alpha) Y` on the graph of
    neighbors (heat kernel, normalized Laplacian). A sample's new score is :math:`z` plus the mean of :math:`F` over its
    neighbors, brought back to the mean and the standard deviation that :math:`s` has over the samples of `fit`. So the
    probabilities, :math:`1 / (1 + e^{-\text{score}})`, are as sure as the classifier's own, no surer, and the share of
    each class that it expects, from labels or from a prior alone, stays about as it was. Where the classifier's
    are poorly calibrated, so are these.

    Distances are Euclidean, in the first 16 principal components: bring the features to one scale first, on all
    samples. Samples of another kind than those to be predicted mislead.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_melanoma.model_selection import hide_labels
    >>> X, y = make_moons(400, noise=0.1, random_state=0)
    >>> few = hide_labels(y, 5, random_state=0)
    >>> kept = few != -1
    >>> alone = LogisticRegression().fit(X[kept], y[kept])
    >>> smoothed = GraphSmoothedClassifier(LogisticRegression()).fit(X, few)
    >>> round(alone.score(X, y), 2), round(smoothed.score(X, y), 2)
    (0.88, 0.9)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        # Steps grow as 1 / (1 - alpha); beyond, neighbors of neighbors of neighbors say the same everywhere.
        "alpha": [Interval(Real, 0, 0.99, closed="both")],
    }

    def __init__(self, estimator: Any, *, n_neighbors: int = 15, alpha: float = 0.7):
        self.estimator = estimator
        self.n_neighbors = n_neighbors
        self.alpha = alpha

    @one_task
    def fit(self, X: Any, y: ArrayLike, **params: Any) -> Self:
        """Fit the classifier, build the graph and smooth the scores.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Labelled and unlabelled samples, without NaN.
        y : array-like of shape (n_samples,)
            Labels of two classes, with the integer -1 for a missing one; among strings, that takes an
            array of dtype object.
        **params : dict
            What scikit-learn's metadata routing hands to `estimator`, such as `sample_weight`, one value for
            each sample.

        Returns
        -------
        self
            The fitted classifier.

        Raises
        ------
        ValueError
            If there are not more samples than `n_neighbors`, not two classes, a label that the
            classifier does not know, a missing one that is the string "-1", or a parameter has a value
            out of its range.
        """
        self._validate_params()
        if params and not get_config()["enable_metadata_routing"]:
            raise ValueError(
                f"fit takes {', '.join(params)} by metadata routing only, which is off. "
                "Call sklearn.set_config(enable_metadata_routing=True)."
            )
        routed = process_routing(self, "fit", **params)["estimator"]["fit"]
        rows, labels = validate_data(self, X, y, dtype=np.float64, ensure_min_samples=2)
        labelled = find_labelled(labels)
        if len(rows) <= self.n_neighbors:
            raise ValueError(
                f"n_neighbors must be less than the number of samples, got {self.n_neighbors} for {len(rows)}. "
                "Lower it, or add unlabelled samples."
            )
        estimator = clone(self.estimator)
        if labelled.any():
            known = np.array(labels[labelled].tolist())  # of the labels' own dtype
            check_classification_targets(known)
            routed = {name: safe_indexing(value, labelled) for name, value in routed.items()}
            estimator.fit(safe_indexing(as_named(X, rows), labelled), known, **routed)
        else:
            known = labels[:0]
            estimator.fit(as_named(X, rows), labels, **routed)
        classes = estimator.classes_
        if len(classes) != 2:
            raise ValueError(
                "Only binary classification is supported. y must hold labels of 2 classes, "
                f"got {len(classes)} class(es): {classes.tolist()}. Label some of each, or join classes."
            )
        if not np.isin(known, classes).all():
            raise ValueError(
                f"y must hold labels that the classifier knows, {classes.tolist()}, got {np.unique(known).tolist()}. "
                "Write both alike."
            )
        self.estimator_, self.classes_ = estimator, classes
        self._smooth(as_named(X, rows), rows, labels, labelled)
        return self

    def _smooth(self, X: Any, rows: Array, labels: NDArray[Any], labelled: NDArray[np.bool_]) -> None:
        self.projection_ = PCA(min(N_COMPONENTS, *rows.shape), random_state=0)
        self.neighbors_ = NearestNeighbors(n_neighbors=self.n_neighbors).fit(self.projection_.fit_transform(rows))
        distances, neighbors = self.neighbors_.kneighbors()
        self._floor = 0.5 / len(rows)
        scores = self._own_scores(X)
        self._mean, self._scale = float(scores.mean()), float(scores.std())
        standard = self._standardize(scores)
        targets = standard.copy()
        targets[labelled] = np.where(labels[labelled] == self.classes_[1], LABEL_SCORE, -LABEL_SCORE)
        self.smoothed_scores_ = smooth_scores(link_neighbors(distances, neighbors), targets, self.alpha)
        # As for new samples, from the neighbors alone: their sums have the same spread.
        sums = standard + self.smoothed_scores_[neighbors].mean(axis=1)
        self._sum_mean, self._sum_scale = float(sums.mean()), float(sums.std()) or 1.0
        self.transduction_ = np.where(labelled, labels, self._decide(self._back(sums)))

    def _own_scores(self, X: Any) -> Array:
        if not _has_probability(self):
            return np.asarray(self.estimator_.decision_function(X), dtype=np.float64)
        return log_odds(self.estimator_, X, self._floor)

    def _standardize(self, scores: Array) -> Array:
        return (scores - self._mean) / (self._scale or 1.0)

    def _back(self, sums: Array) -> Array:
        return self._mean + self._scale * (sums - self._sum_mean) / self._sum_scale

    def decision_function(self, X: Any) -> Array:
        """Return the smoothed score, in the classifier's unit.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Any samples. Those of `fit` count among their own neighbors.

        Returns
        -------
        ndarray of shape (n_samples,)
            Above 0 for the second class; log-odds where the classifier has probabilities.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        neighbors = self.neighbors_.kneighbors(self.projection_.transform(rows), return_distance=False)
        around = self.smoothed_scores_[neighbors].mean(axis=1)
        return self._back(self._standardize(self._own_scores(as_named(X, rows))) + around)

    predict_proba = available_if(_has_probability)(BinaryScoreMixin.predict_proba)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what `fit` hands on to `estimator`.

        Returns
        -------
        MetadataRouter
            For scikit-learn's metadata routing.
        """
        return MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )
