"""Out-of-fold scores of labeled samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_consistent_length
from sklearn.utils.parallel import Parallel, delayed

from sklearn_melanoma._sklearn_compat import safe_indexing
from sklearn_melanoma.metrics._positive import find_pos_label, get_positive_scores
from sklearn_melanoma.model_selection._labels import check_classes_without_unlabeled, read_labels
from sklearn_melanoma.model_selection._split import SemiSupervisedSplit, check_search_split


def out_of_fold_scores(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    pos_label: Any = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Score each labeled sample with a copy of a classifier that learned neither from this sample nor from its group.

    This is similar to :func:`~sklearn.model_selection.cross_val_predict`, which can't handle missing labels.

    Parameters
    ----------
    estimator : classifier
        A classifier with `predict_proba` or `decision_function`. If labels are missing, it must know -1 as a missing
        label. Wrap others in :class:`~sklearn_melanoma.semi_supervised.LabeledOnlyClassifier`. Copies of it are fitted.
    X : sequence of images, DataFrame or ndarray of shape (n_samples, ...)
        Input of the classifier.
    y : array-like of shape (n_samples,)
        Labels, -1 for unlabeled samples. Unlabeled samples are used for training and get no score.
    cv : int, splitter or list of (train, test), default=5
        Split of the labeled samples, as in :class:`SemiSupervisedSplit`.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample, never in training and test at once.
    pos_label : label, optional
        Label of the positive class, such as ``"melanoma"``. Defaults to the positive class of the classifier, if it
        defines one, like :class:`~sklearn_melanoma.semi_supervised.PriorLogisticRegression` with `classes`. Else it
        defaults to 1 or True for the labels 0 and 1, or False and True. It must be given for two other labels. With
        more than two classes, it chooses the scores of one class against the rest.
    n_jobs : int, optional
        Number of processes.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_classes)
        Probability of the positive class, or the decision function, higher for the positive class; NaN for unlabeled
        samples. For more than two classes without `pos_label`, there is a column for each class, in the order of the
        sorted labels. If several splits score a sample, its scores are averaged.

    Raises
    ------
    ValueError
        Before any fit, if

        - a class has fewer labels than there are folds, or a missing label is not -1,
        - the positive one of two classes can't be determined,
        - `cv` splits by groups, but there are none,
        - `estimator` is a search whose `cv` treats -1 as a class.

        After a fit, if the classifier treats -1 as a class.
    TypeError
        If `estimator` has neither `predict_proba` nor `decision_function`.

    See Also
    --------
    sklearn_melanoma.metrics.threshold_at_sensitivity : Choose a decision threshold for the scores.
    sklearn_melanoma.metrics.score_report : Results with intervals.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.model_selection import out_of_fold_scores
    >>> from sklearn_melanoma.semi_supervised import PriorLogisticRegression
    >>> X = np.array([[-2.0], [-1.0], [0.0], [1.0], [2.0]])
    >>> out_of_fold_scores(PriorLogisticRegression(), X, [0, 0, -1, 1, 1], cv=2).round(2)
    array([0.14, 0.41,  nan, 0.59, 0.86])
    """
    if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        raise TypeError(
            f"estimator must be a classifier with predict_proba or decision_function, got {estimator!r}. End a "
            "pipeline in one."
        )
    y, labeled = read_labels(y)
    check_consistent_length(X, y)
    classes = np.unique(y[labeled].tolist()).tolist()
    if len(classes) <= 2 or pos_label is not None:
        find_pos_label(classes, pos_label, estimator=clone(estimator))  # raises an error before any fit
    splits = list(SemiSupervisedSplit(cv).split(X, y, groups))
    if not labeled.all():
        check_search_split(estimator)
    found = Parallel(n_jobs)(delayed(_score_fold)(estimator, X, y, train, test, pos_label) for train, test in splits)
    sums, counts = np.zeros((len(y), *found[0].shape[1:])), np.zeros(len(y))
    for (_, test), scores in zip(splits, found, strict=True):
        sums[test] += scores
        counts[test] += 1
    sums[counts == 0] = np.nan
    return sums / np.maximum(counts, 1).reshape(-1, *[1] * (sums.ndim - 1))


def _score_fold(
    estimator: Any, X: Any, y: NDArray[Any], train: NDArray[np.intp], test: NDArray[np.intp], pos_label: Any
) -> NDArray[np.float64]:
    model = clone(estimator).fit(safe_indexing(X, train), y[train])
    check_classes_without_unlabeled(model)
    classes, tested = np.asarray(model.classes_).tolist(), safe_indexing(X, test)
    if len(classes) < 2:
        raise ValueError(f"y must hold labels of two classes, got {len(classes)} class(es): {classes}. Label both.")
    if len(classes) == 2 or pos_label is not None:
        return get_positive_scores(model, tested, find_pos_label(classes, pos_label, estimator=model))
    method = model.predict_proba if hasattr(model, "predict_proba") else model.decision_function
    return np.asarray(method(tested), dtype=np.float64)
