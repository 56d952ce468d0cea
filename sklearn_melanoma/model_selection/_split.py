"""Cross-validation with few labeled samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma.model_selection._labels import find_labeled_or_masked

Indices = NDArray[np.intp]


class SemiSupervisedSplit(BaseCrossValidator):
    """Cross-validation that trains on unlabeled samples and never scores them.

    Plain cross-validation treats -1, the missing label, as a class. It spreads this class over the folds and scores it,
    and a search chooses its parameters by these scores. With this splitter,

    - every test fold holds labeled samples only,
    - every training fold holds all unlabeled samples,
    - except samples, labeled or not, whose group is in the test fold.

    Parameters
    ----------
    cv : int, splitter or list of (train, test), default=5
        Split of the labeled samples.

        - An int is a number of folds, stratified by class
          (:class:`~sklearn.model_selection.StratifiedKFold`, with groups
          :class:`~sklearn.model_selection.StratifiedGroupKFold`). Masks have no classes and are split by
          :class:`~sklearn.model_selection.KFold` or :class:`~sklearn.model_selection.GroupKFold`.
        - A splitter gets the labeled samples only: their labels, their groups, and their positions instead of `X`.
        - A list, or :class:`~sklearn.model_selection.PredefinedSplit`, holds positions in the whole `X`. Unlabeled
          samples are moved from its test folds into training.

    Raises
    ------
    ValueError, TypeError
        If `cv` is none of these.

    See Also
    --------
    hide_labels : Hide most labels, to find out how many are enough.
    sklearn.semi_supervised.SelfTrainingClassifier : A classifier that learns from labeled and unlabeled samples.

    Notes
    -----
    :meth:`split` raises its errors when it is called, before the first fold is fitted. It requests ``groups`` from
    scikit-learn's metadata routing by default, so ``search.fit(X, y, groups=groups)`` works with routing on and off.

    Test folds hold labeled samples only, so scikit-learn's scorers need no change. Outside the search, leave out the
    unlabeled samples before scoring.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.model_selection import SemiSupervisedSplit
    >>> y = np.array([0, 1, -1, 0, 1, -1])
    >>> for train, test in SemiSupervisedSplit(2).split(y, y):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 2 5] [3 4]

    The last two samples show the same lesion. The unlabeled one is never in training while the other one is scored:

    >>> for train, test in SemiSupervisedSplit(2).split(y, y, groups=[0, 1, 2, 3, 4, 4]):
    ...     print(train, test)
    [1 2 3] [0 4]
    [0 2 4 5] [1 3]
    """

    # For scikit-learn's metadata routing, which passes groups only to splitters that request them.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(self, cv: Any = 5):
        if isinstance(cv, int | np.integer) and not isinstance(cv, bool):
            if cv < 2:
                raise ValueError(f"cv must be at least 2 folds, got {cv}.")
        elif not (hasattr(cv, "split") or isinstance(cv, list | tuple)) or isinstance(cv, str):
            raise TypeError(
                f"cv must be an int, a splitter or a list of (train, test), got {cv!r}. Put a generator into list(...)."
            )
        self.cv = cv

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : sequence of length n_samples, optional
            Ignored.
        y : sequence of length n_samples, optional
            Labels or masks as in :meth:`split`; only some splitters need them.
        groups : array-like of shape (n_samples,), optional
            Groups of the samples; only some splitters need them.

        Returns
        -------
        int
            Number of splits.
        """
        if isinstance(self.cv, int | np.integer):
            return int(self.cv)
        if isinstance(self.cv, list | tuple):
            return len(self.cv)
        if y is None:
            return self.cv.get_n_splits(X, y, **_pass_groups(self.cv, groups))
        labeled, labels = find_labeled_or_masked(y)
        codes = None if groups is None else encode_groups(groups)[labeled]
        return self.cv.get_n_splits(np.flatnonzero(labeled), labels, **_pass_groups(self.cv, codes))

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[Indices, Indices]]:
        """Return the training and test positions of every split.

        Parameters
        ----------
        X : sequence of length n_samples
            Samples of any type: a table, paths, lesions. Only their number is used.
        y : sequence of length n_samples
            Labels, -1 for unlabeled samples; or masks as arrays or paths, None or NaN for missing ones.
        groups : array-like of shape (n_samples,), optional
            Groups that must not be split, such as the lesion or the patient of each image.

        Returns
        -------
        iterator of (ndarray, ndarray)
            Training positions, in ascending order, and test positions.

        Raises
        ------
        ValueError
            If nothing is labeled. If a class has fewer labels (with groups: is in fewer groups) than there are
            stratified folds. If a group is missing. If a split leaves no labeled sample for training or scoring. The
            error is raised immediately, not at the first split.
        """
        check_consistent_length(X, y, groups)
        labeled, labels = find_labeled_or_masked(y)
        codes = None if groups is None else encode_groups(groups)
        if isinstance(self.cv, list | tuple | PredefinedSplit):
            pairs = _select_labeled(self.cv, labeled)
        else:
            _check_groups_given(self.cv, codes)
            pairs = self._split_labeled(labeled, labels, codes)
        splits = []
        for number, (train, test) in enumerate(pairs):
            trained = ~labeled
            trained[train] = True
            if codes is not None:
                trained &= ~np.isin(codes, codes[test])
            for part, size in (("train on", np.count_nonzero(trained & labeled)), ("score", len(test))):
                if size == 0:
                    raise ValueError(
                        f"cv={self.cv} leaves nothing labeled to {part} in split {number}. "
                        "Use fewer folds, or label more."
                    )
            splits.append((np.flatnonzero(trained), test))
        return iter(splits)

    def _split_labeled(
        self, labeled: NDArray[np.bool_], labels: NDArray[Any] | None, codes: Indices | None
    ) -> Iterator[tuple[Indices, Indices]]:
        """Split the labeled samples; yield their positions among all samples."""
        positions = np.flatnonzero(labeled)
        codes = None if codes is None else codes[positions]
        cv = self.cv
        if isinstance(cv, int | np.integer):
            _check_counts(int(cv), len(positions), labels, codes)
            plain, grouped = (KFold, GroupKFold) if labels is None else (StratifiedKFold, StratifiedGroupKFold)
            cv = plain(int(cv)) if codes is None else grouped(int(cv))
        elif isinstance(cv, StratifiedKFold | StratifiedGroupKFold | RepeatedStratifiedKFold):
            if labels is None:
                raise ValueError(
                    f"cv={cv} needs classes, got masks as y. Use an int, or stratify by diagnosis: "
                    "SemiSupervisedSplit(list(StratifiedKFold(3).split(X, diagnosis)))."
                )
            n_folds = cv.cvargs["n_splits"] if isinstance(cv, RepeatedStratifiedKFold) else cv.n_splits
            _check_counts(n_folds, len(positions), labels, codes)
        for train, test in cv.split(positions, labels, **_pass_groups(cv, codes)):
            yield positions[train], positions[test]


def _select_labeled(cv: Any, labeled: NDArray[np.bool_]) -> Iterator[tuple[Indices, Indices]]:
    """Yield the labeled part of splits that are given as positions among all samples."""
    n_samples = len(labeled)
    if isinstance(cv, PredefinedSplit):
        if len(cv.test_fold) != n_samples:
            raise ValueError(
                f"cv must have one test_fold for each of the {n_samples} samples, labeled or not, "
                f"got {len(cv.test_fold)}."
            )
        cv = cv.split()
    everything = np.arange(n_samples)
    for number, (train, test) in enumerate(cv):
        try:
            train, test = everything[train], everything[test]
        except IndexError as error:
            raise ValueError(f"cv[{number}] does not fit the {n_samples} samples in X: {error}.") from error
        yield train[labeled[train]], test[labeled[test]]


def _check_counts(n_folds: int, n_labeled: int, labels: NDArray[Any] | None, codes: Indices | None) -> None:
    """Raise an error if a class has fewer samples, or groups, than there are folds."""
    unit = "samples" if codes is None else "groups"
    codes = np.arange(n_labeled) if codes is None else codes
    if labels is None:
        kinds = [("with a mask", codes)]
    else:
        kinds = [(f"of class {value.item()!r}", codes[labels == value]) for value in np.unique(labels)]
    for kind, of_kind in kinds:
        count = len(np.unique(of_kind))
        if count < n_folds:
            raise ValueError(
                f"{n_folds} folds need at least {n_folds} {unit} {kind}, got {count}. Use fewer folds, or label more."
            )


def _check_groups_given(cv: Any, codes: Indices | None) -> None:
    """Raise an error if a splitter of groups gets none."""
    if codes is not None or isinstance(cv, SemiSupervisedSplit) or not hasattr(cv, "get_metadata_routing"):
        return
    if get_routing_for_object(cv).split.requests.get("groups") is True:
        raise ValueError(
            f"groups must be given, because cv={cv} splits by groups, got None. Pass the lesion or patient of each "
            "sample, as in search.fit(X, y, groups=groups) or cross_validate(…, groups=groups)."
        )


def is_search(estimator: Any) -> bool:
    """Return whether an estimator is a search over parameters, such as `GridSearchCV`."""
    return all(hasattr(estimator, name) for name in ("estimator", "cv", "refit", "error_score"))


def check_search_split(estimator: Any) -> None:
    """Raise an error if a search, or one at the end of a pipeline, treats -1 as a class when it splits samples."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    if is_search(estimator) and not isinstance(estimator.cv, SemiSupervisedSplit):
        folds = estimator.cv if isinstance(estimator.cv, int) else 5
        raise ValueError(
            f"cv of {type(estimator).__name__} must be a SemiSupervisedSplit if labels are missing, got "
            f"{estimator.cv!r}, which treats -1 as a class and scores it. Pass cv=SemiSupervisedSplit({folds})."
        )


def _pass_groups(cv: Any, groups: Any) -> dict[str, Any]:
    """Return `groups` as a keyword argument if the splitter accepts them; scikit-learn's other splitters warn."""
    if groups is None or (
        hasattr(cv, "get_metadata_routing") and "groups" not in get_routing_for_object(cv).split.requests
    ):
        return {}
    return {"groups": groups}
