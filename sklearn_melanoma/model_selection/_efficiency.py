"""Label efficiency: scores of classifiers by number of labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from sklearn_melanoma._sklearn_compat import safe_indexing
from sklearn_melanoma._typing import PathLike
from sklearn_melanoma._validation.groups import encode_groups
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.metrics._positive import choose_auc, find_pos_label, get_pos_label, recode_positive
from sklearn_melanoma.metrics._weighted import find_weights
from sklearn_melanoma.model_selection._draws import LabelDraw, draw_few_labels
from sklearn_melanoma.model_selection._labels import check_classes_without_unlabeled, read_labels
from sklearn_melanoma.model_selection._scores_file import COLUMNS, append_score, hash_setting, read_scores
from sklearn_melanoma.model_selection._split import check_search_split

if TYPE_CHECKING:
    import pandas as pd


def label_efficiency(
    estimators: Any,
    X: Any,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    labels_per_class: Sequence[int] = (3, 5, 10, 25),
    n_repeats: int = 30,
    test_size: float = 1 / 3,
    scoring: str | Callable[..., float] = "roc_auc",
    pos_label: Any = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    results: PathLike | None = None,
) -> pd.DataFrame:
    """Score classifiers on held-out images, for several numbers of labels.

    Every repeat holds out a fraction of the groups. In the other groups, all labels but a few per class are replaced
    by -1. Every classifier is fitted to these and scored on the held-out groups. All classifiers use the same draws. A
    larger number of labels includes the labels of the smaller numbers. So differences are paired.

    Parameters
    ----------
    estimators : mapping of str to classifier, or classifier
        Classifiers by their names in tables and figures. A single classifier has the name of its class. Each must know
        -1 as a missing label. Wrap others in :class:`~sklearn_melanoma.semi_supervised.LabeledOnlyClassifier`.
    X : sequence of images, DataFrame or ndarray of shape (n_samples, ...)
        Input of the classifiers. Images are read again for each fit. It is faster to compute their features once and
        to pass the table to ``pipeline[1:]``.
    y : array-like of shape (n_samples,)
        Labels, -1 for unlabeled samples.
    groups : array-like of shape (n_samples,), optional
        Lesion or patient of each sample, never in training and test at once. In the scores, each group counts once: the
        weights of its samples have the sum 1. Labels of different groups are drawn first. By default, each sample is a
        group.
    labels_per_class : sequence of int, default=(3, 5, 10, 25)
        Numbers of labels per class. With 0, the score is NaN for a classifier that needs labels.
    n_repeats : int, default=30
        Number of draws.
    test_size : float, default=1/3
        Fraction of the groups that is held out.
    scoring : str or callable, default="roc_auc"
        One of scikit-learn's scorers. For more than two classes, "roc_auc" is the mean AUC of each class against the
        rest ("roc_auc_ovr"), unless `pos_label` chooses one class. If a group has several samples, the scorer must
        accept `sample_weight`.
    pos_label : label, optional
        Label of the positive class, for a `scoring` by name. Defaults to the positive class of the classifiers, else to
        1 or True for the labels 0 and 1, or False and True. It must be given for two other labels. With more than two
        classes, it is scored against the rest.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws. Pass an int to get the same draws each time; `results` needs one.
    n_jobs : int, optional
        Number of processes.
    verbose : int, default=0
        Progress messages of :class:`joblib.Parallel`; 0 shows none.
    results : path, optional
        A CSV file to which each score is appended. Scores in the file are not computed again. So a stopped run can
        continue, and classifiers or repeats can be added.

    Returns
    -------
    DataFrame
        A row for each score, with the columns ``estimator``, ``labels_per_class``, ``repeat`` and ``score``.

    Raises
    ------
    ValueError
        Before any fit, if

        - `y` has too few labels of a class, or holds masks,
        - the positive class can't be determined, or two classifiers contradict each other,
        - a search treats -1 as a class,
        - a parameter is out of range,
        - `scoring` accepts no weights, but groups have several samples,
        - `results` holds scores of the same names for other draws, another table or other parameters of the
          classifiers.

        After a fit, if a classifier treats -1 as a class, or does not know all classes.
    TypeError
        If `estimators` are neither a mapping nor a classifier.

    See Also
    --------
    summarize_efficiency : Means, intervals and differences.
    sklearn_melanoma.inspection.LabelEfficiencyDisplay : The scores as curves.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
    >>> from sklearn_melanoma.model_selection import label_efficiency, summarize_efficiency
    >>> X, y = make_classification(300, random_state=0)
    >>> methods = {"self-training": SelfTrainingClassifier(LogisticRegression()), "spreading": LabelSpreading("knn")}
    >>> scores = label_efficiency(methods, X, y, labels_per_class=(5, 20), n_repeats=5, random_state=0)
    >>> summarize_efficiency(scores)["mean"].round(1).to_dict()
    {('self-training', 5): 0.9, ('self-training', 20): 1.0, ('spreading', 5): 0.9, ('spreading', 20): 0.9}
    """
    import pandas as pd

    estimators = _name_estimators(estimators)
    y, labeled = read_labels(y)
    groups = np.arange(len(y)) if groups is None else encode_groups(groups)
    check_consistent_length(X, y, groups)
    numbers = _check_label_numbers(labels_per_class)
    if not 0 < test_size < 1:
        raise ValueError(f"test_size must lie between 0 and 1, got {test_size!r}. Pass 1/3 for a third of the groups.")
    if n_repeats < 1:
        raise ValueError(f"n_repeats must be at least 1, got {n_repeats!r}.")
    classes = np.unique(y[labeled].tolist()).tolist()
    scoring = choose_auc(scoring, classes, pos_label)
    for estimator in estimators.values():
        find_weights(check_scoring(estimator, scoring=scoring), groups[labeled])
        check_search_split(estimator)
    positive = _find_positive(estimators, classes, pos_label) if isinstance(scoring, str) else None
    if results is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state must be an int where results are kept in a file, got {random_state!r}: "
            "a run that goes on must make the same draws."
        )
    seeds = check_random_state(random_state).randint(2**31, size=n_repeats)
    draws = [draw_few_labels(y, groups, max(numbers), test_size=test_size, random_state=seed) for seed in seeds]
    settings = {
        name: hash_setting(draws, X, estimator, numbers=max(numbers), scoring=scoring, pos_label=pos_label)
        for name, estimator in estimators.items()
    }
    tasks = [(name, number, repeat) for name in estimators for number in numbers for repeat in range(n_repeats)]
    scores = read_scores(results, settings)
    # The tasks are in the order of repeats, so that all classifiers have the same draws if the run is stopped.
    missing = sorted((task for task in tasks if task not in scores), key=lambda task: task[2])
    jobs = (
        delayed(_score_draw)(name, estimators[name], X, y, groups, draws[repeat], number, scoring, positive)
        for name, number, repeat in missing
    )
    found = Parallel(n_jobs, return_as="generator", verbose=verbose)(jobs)
    for task, score in zip(missing, found, strict=True):
        scores[task] = score
        if results is not None:
            append_score(results, task, score, settings[task[0]])
    return pd.DataFrame([[*task, scores[task]] for task in tasks], columns=COLUMNS)


def summarize_efficiency(
    scores: pd.DataFrame, *, baseline: str | None = None, confidence: float = 0.95
) -> pd.DataFrame:
    """Summarize scores by classifier and number of labels: means, intervals and differences to a baseline.

    Parameters
    ----------
    scores : DataFrame
        Output of :func:`label_efficiency`.
    baseline : str, optional
        Name of the classifier with which the others are compared, draw by draw.
    confidence : float, default=0.95
        Confidence level of the intervals, between 0 and 1.

    Returns
    -------
    DataFrame
        A row for each classifier and number of labels. The columns ``mean``, ``low`` and ``high`` hold the mean and
        Student's interval over the draws, and ``n_repeats`` holds the number of draws. With a baseline, ``gain``,
        ``gain_low`` and ``gain_high`` hold the mean and the interval of the paired differences.

    Raises
    ------
    ValueError
        If `baseline` is not one of the classifiers, or lacks a draw that the others have.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_melanoma.model_selection import summarize_efficiency
    >>> scores = pd.DataFrame(
    ...     {
    ...         "estimator": ["plain", "plain", "ours", "ours"],
    ...         "labels_per_class": 5,
    ...         "repeat": [0, 1, 0, 1],
    ...         "score": [0.6, 0.8, 0.7, 0.9],
    ...     }
    ... )
    >>> summarize_efficiency(scores, baseline="plain")[["mean", "gain"]].round(2)
                                mean  gain
    estimator labels_per_class
    plain     5                  0.7   0.0
    ours      5                  0.8   0.1
    """
    import pandas as pd

    wide = scores.set_index(["labels_per_class", "repeat", "estimator"])["score"].unstack()  # noqa: PD010
    names = list(dict.fromkeys(scores["estimator"]))
    if baseline is not None and baseline not in names:
        raise ValueError(f"baseline must be one of {names}, got {baseline!r}.")
    rows = {}
    for name in names:
        for number, block in wide.groupby(level="labels_per_class"):
            values = block[name].dropna()
            if values.empty:
                continue
            row = dict(zip(("mean", "low", "high"), mean_interval(values, confidence=confidence), strict=True))
            if baseline is not None:
                gains = (values - block[baseline]).dropna()
                if 0 < len(gains) < len(values):
                    raise ValueError(
                        f"baseline must be scored on every draw of the others, got {baseline!r} on {len(gains)} of "
                        f"{len(values)} for {number} labels. Score it on all."
                    )
                gain = mean_interval(gains, confidence=confidence) if len(gains) else (np.nan,) * 3
                row |= dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True))
            rows[name, number] = row | {"n_repeats": len(values)}
    index = pd.MultiIndex.from_tuples(rows, names=["estimator", "labels_per_class"])
    return pd.DataFrame(list(rows.values()), index=index)


def _name_estimators(estimators: Any) -> Mapping[str, Any]:
    """Return classifiers by name."""
    if isinstance(estimators, Mapping):
        return estimators
    if not hasattr(estimators, "fit") or isinstance(estimators, type):
        raise TypeError(
            f"estimators must be a mapping from name to classifier, or one classifier, got {estimators!r}. "
            "Pass for example {'prior': classifier}."
        )
    return {type(estimators).__name__: estimators}


def _check_label_numbers(labels_per_class: Sequence[int]) -> list[int]:
    numbers = list(labels_per_class)
    if not numbers or any(isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0 for n in numbers):
        raise ValueError(f"labels_per_class must hold ints of at least 0, got {labels_per_class!r}.")
    return [int(number) for number in numbers]


def _find_positive(estimators: Mapping[str, Any], classes: list[Any], pos_label: Any) -> Any:
    """Return the label of the positive class, the same for all classifiers; None if all classes are scored."""
    if len(classes) > 2:
        return None if pos_label is None else find_pos_label(classes, pos_label)
    said = {name: get_pos_label(clone(estimator)) for name, estimator in estimators.items()}
    said = {name: label for name, label in said.items() if label in classes}
    if pos_label is None and len(set(said.values())) > 1:
        raise ValueError(f"estimators must agree on the positive class, got {said!r}. Pass pos_label.")
    given = pos_label if pos_label is not None else next(iter(said.values()), None)
    return find_pos_label(classes, given)


def _score_draw(
    name: str,
    estimator: Any,
    X: Any,
    y: NDArray[Any],
    groups: NDArray[np.intp],
    draw: LabelDraw,
    number: int,
    scoring: Any,
    positive: Any,
) -> float:
    train, test = safe_indexing(X, draw.train), safe_indexing(X, draw.test)
    try:
        model = clone(estimator).fit(train, draw.select_labels(y, number))
    except ValueError:
        if number == 0:
            return float("nan")
        raise
    check_classes_without_unlabeled(model, name)
    y_true = np.array(y[draw.test].tolist())
    _check_known(model, y_true, name)
    model, y_true = recode_positive(model, y_true, positive)
    scorer = check_scoring(model, scoring=scoring)
    weights = find_weights(scorer, groups[draw.test])
    return float(scorer(model, test, y_true, **({} if weights is None else {"sample_weight": weights})))


def _check_known(model: Any, y_true: NDArray[Any], name: str) -> None:
    """Raise an error if a classifier does not know all classes, which can happen without labels."""
    found = np.unique(y_true).tolist()
    known = np.asarray(getattr(model, "classes_", found)).tolist()
    if not set(found) <= set(known):
        raise ValueError(
            f"estimators must know all classes, also without labels, but {name!r} knows {known!r} of {found!r}. Name "
            f"them, such as PriorLogisticRegression('literature', classes={found!r})."
        )
