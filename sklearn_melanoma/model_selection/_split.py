"""Cross-validation where most samples have no label."""

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
from sklearn.utils import check_consistent_length
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_melanoma._validation import is_missing
from sklearn_melanoma.model_selection._labels import labeled_samples

Indices = NDArray[np.intp]


class SemiSupervisedSplit(BaseCrossValidator):
    """Split so that unlabeled samples are trained on and never scored.

    Plain cross-validation takes -1, the missing label, for a class of its own: it is
    spread over the folds and scored, and a search picks its parameters by that. Here

    - every test fold holds labeled samples only,
    - every training fold holds all the unlabeled samples,
    - but for those, labeled or not, whose group is in the test fold.

    Parameters
    ----------
    cv : int, splitter or list of (train, test), default=5
        How the labeled samples are split.

        - An int is a number of folds, stratified by class
          (:class:`~sklearn.model_selection.StratifiedKFold`, with groups
          :class:`~sklearn.model_selection.StratifiedGroupKFold`); of masks, which have no
          classes, :class:`~sklearn.model_selection.KFold` or
          :class:`~sklearn.model_selection.GroupKFold`.
        - A splitter is given the labeled samples alone: their labels, their groups, and
          their positions in place of `X`.
        - A list, or :class:`~sklearn.model_selection.PredefinedSplit`, speaks of positions in
          the whole `X`; unlabeled samples move from its test folds into training.

    Raises
    ------
    ValueError, TypeError
        If `cv` is none of these.

    See Also
    --------
    hide_labels : Hide most labels, to try out how few are enough.
    sklearn.semi_supervised.SelfTrainingClassifier : A classifier that learns from both kinds.

    Notes
    -----
    Errors come when :meth:`split` is called, before the first fold is fitted. ``groups``
    are requested from scikit-learn's metadata routing by default, so ``search.fit(X, y,
    groups=groups)`` works with routing on and off.

    Test folds hold labeled samples only, so scikit-learn's own scorers need no change. What
    is scored outside the search has to leave the unlabeled samples out itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_melanoma.model_selection import SemiSupervisedSplit
    >>> y = np.array([0, 1, -1, 0, 1, -1])
    >>> for train, test in SemiSupervisedSplit(2).split(y, y):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 2 5] [3 4]

    The last two samples show the same lesion, so the unlabeled one is never trained on
    while the other is scored:

    >>> for train, test in SemiSupervisedSplit(2).split(y, y, groups=[0, 1, 2, 3, 4, 4]):
    ...     print(train, test)
    [1 2 3] [0 4]
    [0 2 4 5] [1 3]
    """

    # Read by scikit-learn's metadata routing: splitters get no groups unless they say that they take them.
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
            Labels or masks as in :meth:`split`; some splitters count by them, most do not.
        groups : array-like of shape (n_samples,), optional
            Groups of the samples; some splitters count by them.

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
            return self.cv.get_n_splits(X, y, **_accepted_groups(self.cv, groups))
        labeled, labels = labeled_samples(y)
        codes = None if groups is None else _group_codes(groups)[labeled]
        return self.cv.get_n_splits(np.flatnonzero(labeled), labels, **_accepted_groups(self.cv, codes))

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[Indices, Indices]]:
        """Return the training and test positions of every split.

        Parameters
        ----------
        X : sequence of length n_samples
            The samples, of any kind: a table, paths, lesions. Only their number is used.
        y : sequence of length n_samples
            Labels, -1 where there is none; or masks as arrays or paths, None or NaN where
            there is none.
        groups : array-like of shape (n_samples,), optional
            What must not be torn apart, such as the lesion or the patient of each image.

        Returns
        -------
        iterator of (ndarray, ndarray)
            Positions to train on, in ascending order, and positions to score.

        Raises
        ------
        ValueError
            At once, not when the first split is taken: if nothing is labeled, a class has
            fewer labels (with groups: is in fewer groups) than there are stratified folds, a
            group is missing, or a split would leave nothing labeled to train on or to score.
        """
        check_consistent_length(X, y, groups)
        labeled, labels = labeled_samples(y)
        codes = None if groups is None else _group_codes(groups)
        if isinstance(self.cv, list | tuple | PredefinedSplit):
            pairs = _given_pairs(self.cv, labeled)
        else:
            pairs = self._labeled_pairs(labeled, labels, codes)
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

    def _labeled_pairs(
        self, labeled: NDArray[np.bool_], labels: NDArray[Any] | None, codes: Indices | None
    ) -> Iterator[tuple[Indices, Indices]]:
        """Split the labeled samples; yield their positions in the whole."""
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
        for train, test in cv.split(positions, labels, **_accepted_groups(cv, codes)):
            yield positions[train], positions[test]


def _given_pairs(cv: Any, labeled: NDArray[np.bool_]) -> Iterator[tuple[Indices, Indices]]:
    """Yield the labeled part of splits that were given as positions in the whole."""
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
    """Refuse fewer samples, or groups, of a class than there are folds."""
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


def _group_codes(groups: ArrayLike) -> Indices:
    """Return the number of each sample's group; refuse a missing one."""
    values = list(groups)  # type: ignore[arg-type]
    for position, value in enumerate(values):
        if is_missing(value):
            raise ValueError(
                f"groups[{position}] is missing, got {value!r}. Give a sample of unknown group a group of its own."
            )
    return np.unique(np.array(values), return_inverse=True)[1]


def _accepted_groups(cv: Any, groups: Any) -> dict[str, Any]:
    """Return `groups` as keyword only if the splitter takes them: scikit-learn's others warn."""
    if groups is None or (
        hasattr(cv, "get_metadata_routing") and "groups" not in get_routing_for_object(cv).split.requests
    ):
        return {}
    return {"groups": groups}
