"""Summary of a report: counts, results with intervals, curves, and results by groups of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.metrics import roc_curve

from sklearn_melanoma._typing import Array
from sklearn_melanoma.inspection._report_data import ReportData
from sklearn_melanoma.metrics import score_report
from sklearn_melanoma.metrics._intervals import weigh_samples

if TYPE_CHECKING:
    import pandas as pd

# Columns of metadata with more values are not groups.
MAX_GROUPS = 12
_BY_ROWS = ("ROC AUC", "sensitivity", "specificity", "prevalence")
_AT_THRESHOLD = ("balanced accuracy", "sensitivity", "specificity")
_N_BINS = 20  # bins of the histogram of scores
_MAX_POINTS = 200  # of the ROC curve

# Lower limits of the individual typology angle, in degrees, and the names of the skin tones.
# S. Del Bino, F. Bernerd, "Variations in skin colour and the biological consequences of ultraviolet radiation
# exposure", Br. J. Dermatol. 169 (Suppl. 3), 33-40, 2013.
SKIN_TONES = {
    "very light": 55.0,
    "light": 41.0,
    "intermediate": 28.0,
    "tan": 10.0,
    "brown": -30.0,
    "dark": -180.0,
}


class Summary(NamedTuple):
    """Summary of a report.

    Parameters
    ----------
    results : DataFrame or None
        Output of `score_report`; None without labels of two classes.
    by_group : dict of str to DataFrame
        Rows of `score_report` for each value of a column of metadata, and for each skin tone.
    histogram : tuple of ndarray
        Edges of the bins of the score, and counts of positive, other and unlabeled images, of shape (3, n_bins).
    roc : ndarray of shape (n_points, 2) or None
        False and true positive rates.
    """

    results: pd.DataFrame | None
    by_group: dict[str, pd.DataFrame]
    histogram: tuple[Array, NDArray[np.intp]]
    roc: Array | None


def name_skin_tones(ita: Array) -> Any:
    """Return the skin tone of each individual typology angle in degrees, as a Categorical; missing for NaN."""
    import pandas as pd

    names, limits = list(SKIN_TONES), np.array(list(SKIN_TONES.values()))
    codes = (ita[:, np.newaxis] <= limits).sum(axis=1)
    codes[np.isnan(ita)] = -1
    return pd.Categorical.from_codes(codes, pd.Index(names), ordered=True)


def summarize(data: ReportData, metadata: pd.DataFrame | None = None) -> Summary:
    """Summarize the scores of a report.

    Parameters
    ----------
    data : ReportData
        The numbers of the images.
    metadata : DataFrame, optional
        One row for each image that could be read. Its columns with 2 to 12 different values make groups.

    Returns
    -------
    Summary
        The summary. Results need labels of two classes.
    """
    by: dict[str, Any] = {"skin tone": name_skin_tones(data.skin_ita)}
    if metadata is not None:
        by = {str(name): metadata[name] for name in metadata if _makes_groups(metadata[name])} | by
    truth = data.truth
    known = np.isin([0, 1], truth).all()
    roc = None
    if known:
        labeled = truth >= 0
        weights = None if data.groups is None else weigh_samples(data.groups[labeled], truth[labeled])
        fpr, tpr, _ = roc_curve(truth[labeled], data.score[labeled], sample_weight=weights)
        points = np.unique(np.linspace(0, len(fpr) - 1, _MAX_POINTS).astype(int))
        roc = np.column_stack([fpr, tpr])[points]
    return Summary(_report(data), {} if not known else _report_by(data, by), _count_scores(data), roc)


def _makes_groups(column: Any) -> bool:
    try:
        return 2 <= column.nunique() <= MAX_GROUPS
    except TypeError:  # values such as lists
        return False


def _report(data: ReportData, by: Any = None) -> pd.DataFrame | None:
    """Return the output of `score_report`; None without labels of two classes."""
    import pandas as pd

    if data.positive is None:
        labels = np.array([*data.decision.classes, -1], dtype=object)[data.labels]
        if data.decision.method != "predict_proba" or len(np.unique(data.labels[data.labels >= 0])) < 2:
            return None
        table = pd.DataFrame(data.scores, columns=data.decision.classes)
        return score_report(labels, table, groups=data.groups)
    if not np.isin([0, 1], data.truth).all():
        return None
    is_probability = data.decision.method == "predict_proba"
    score, cut = (value if is_probability else expit(value) for value in (data.score, data.decision.threshold or 0.0))
    report = score_report(data.truth, score, threshold=float(cut), groups=data.groups, by=by)
    unknown: tuple[str, ...] = ()
    if data.decision.threshold is None:  # with many classes, a class is predicted if it is the most probable
        unknown += _AT_THRESHOLD
    if not is_probability:  # only the order of the scores counts
        report, unknown = report.assign(predicted=np.nan), (*unknown, "Brier", "positive at")
    return report[~report.index.get_level_values(-1).str.startswith(unknown)] if unknown else report


def _report_by(data: ReportData, by: dict[str, Any]) -> dict[str, pd.DataFrame]:
    tables = {}
    for name, column in by.items():
        values = column if not hasattr(column, "iloc") else column.reset_index(drop=True)
        report = _report(data, values)
        if report is not None and len(report.index.unique(0)) > 1:
            tables[name] = report[report.index.get_level_values(1).isin(_BY_ROWS)]
    return tables


def _count_scores(data: ReportData) -> tuple[Array, NDArray[np.intp]]:
    low, high = 0.0, 1.0
    if data.decision.method != "predict_proba" and len(data.score):
        low, high = float(data.score.min()), float(data.score.max())
    edges = np.linspace(low, high if high > low else low + 1, _N_BINS + 1)
    counts = [np.histogram(data.score[data.truth == kind], edges)[0] for kind in (1, 0, -1)]
    return edges, np.array(counts)
