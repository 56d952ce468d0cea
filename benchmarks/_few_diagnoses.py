"""Seven diagnoses with few labels per diagnosis, and with all labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import Bunch

from benchmarks._draws import describe_missing_draws, draw_few_diagnoses
from benchmarks._few_label_methods import METHODS, MULTICLASS, PIPELINE, fit_pipeline
from benchmarks._parallel import call_in_parallel
from benchmarks._report import Section, interval, number, text
from benchmarks._statistics import gain_interval
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.metrics import mean_interval, score_report

LABELS_PER_CLASS = (0, 3, 5, 10, 25)
PATIENT = "pipeline with age, sex and site"

NOTE = (
    "*ROC AUC*: mean over the diagnoses of the AUC of each against the rest. A diagnosis with fewer labels than asked "
    "for has all that it has. *{patient}*: the same classifier; the columns of the patient are part of the table."
)
ALL_NOTE = (
    "Five folds, no lesion in two of them; brackets: 95 % interval of a bootstrap of the lesions. Without `alpha`: the "
    "default, in which the labels choose it."
)

COLUMNS = {
    "labels per class": number("labels_per_class", "d"),
    "method": text("method"),
    "ROC AUC (95 %)": interval("auc"),
    "pipeline minus this (95 %)": interval("gain", "+.3f"),
    "balanced accuracy (95 %)": interval("balanced_accuracy"),
}
ALL_COLUMNS = {
    "method": text("method"),
    "ROC AUC (95 %)": interval("auc"),
    "balanced accuracy (95 %)": interval("balanced_accuracy"),
}


def add_patient(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with age, sex and site, as `make_melanoma_pipeline(columns=...)` encodes them."""
    known = frame[["sex", "localization"]].replace("unknown", np.nan)
    return pd.concat([table, frame["age"], pd.get_dummies(known, dtype=float)], axis=1)


def score(
    truth: NDArray[Any], probability: NDArray[np.float64], classes: NDArray[Any], weights: NDArray[np.float64]
) -> list[float]:
    """Return the mean AUC of each class against the rest, and the balanced accuracy."""
    aucs = [
        roc_auc_score(truth == name, column, sample_weight=weights)
        for name, column in zip(classes, probability.T, strict=True)
    ]
    predicted = classes[probability.argmax(axis=1)]
    return [float(np.mean(aucs)), balanced_accuracy_score(truth, predicted, sample_weight=weights)]


def score_draw(
    diagnoses: NDArray[Any], groups: NDArray[Any], tables: dict[str, pd.DataFrame], n_per_class: int, seed: int
) -> dict[str, list[float]] | None:
    """Return the scores of every method on one draw; without labels, of the pipeline only."""
    drawn = draw_few_diagnoses(diagnoses, groups, n_per_class, seed)
    if drawn is None:
        return None
    classes = np.unique(diagnoses)
    # Label spreading accepts no strings. Numbers keep the order of the names.
    labels = np.array([-1 if label == -1 else np.searchsorted(classes, label) for label in drawn.labels])

    def run(fit: Callable[..., Any], table: pd.DataFrame) -> list[float]:
        tail = make_melanoma_pipeline()[1:].set_params(classify__classes=dict(enumerate(classes.tolist())))
        model = fit(tail, table.iloc[drawn.rest], labels)
        # Label spreading returns NaN for images that no label reaches.
        probability = np.nan_to_num(model.predict_proba(table.iloc[drawn.held_out]), nan=1 / len(classes))
        return score(diagnoses[drawn.held_out], probability, classes, drawn.weights)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
        warnings.filterwarnings("ignore", "n_quantiles")
        methods = MULTICLASS if n_per_class else (PIPELINE,)
        scores = {method: run(METHODS[method], tables["all"]) for method in methods}
        return scores | ({PATIENT: run(fit_pipeline, tables["patient"])} if "patient" in tables else {})


def run_few(
    name: str, lesions: Bunch, table: pd.DataFrame, *, repeats: int, n_jobs: int, progress: Progress
) -> Section:
    """Return the table of scores with few labels per diagnosis."""
    tables, diagnoses = _make_tables(lesions, table), np.asarray(lesions.diagnosis)
    records: list[dict[str, Any]] = []
    notes = [NOTE.format(patient=PATIENT)]
    for n_per_class in LABELS_PER_CLASS:
        calls = [(diagnoses, np.asarray(lesions.groups), tables, n_per_class, seed) for seed in range(repeats)]
        label = f"{name}: {n_per_class} labels per diagnosis"
        found = call_in_parallel(score_draw, calls, n_jobs=n_jobs, progress=progress, description=label)
        draws = [scores for scores in found if scores is not None]
        notes += describe_missing_draws(n_per_class, len(draws), repeats)
        for method in draws[0] if len(draws) > 1 else ():
            auc, accuracy = np.array([scores[method] for scores in draws]).T
            ours = np.array([scores[PIPELINE][0] for scores in draws])
            records.append(
                {
                    "labels_per_class": n_per_class,
                    "method": method,
                    "auc": mean_interval(auc),
                    "gain": gain_interval(ours, None if method == PIPELINE else auc),
                    "balanced_accuracy": mean_interval(accuracy),
                }
            )
    return Section(f"{name}: {len(np.unique(diagnoses))} diagnoses", COLUMNS, records, notes)


def run_all(name: str, lesions: Bunch, table: pd.DataFrame) -> Section:
    """Return the table of scores with all labels, in five folds of lesions."""
    tables, diagnoses, groups = _make_tables(lesions, table), np.asarray(lesions.diagnosis), np.asarray(lesions.groups)
    folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(table, diagnoses, groups))
    records = []
    for features, title in (("all", PIPELINE), ("patient", PATIENT)):
        for alpha in ("evidence", 1.0) if features in tables else ():
            rows = tables[features]
            probability = np.empty((len(rows), len(np.unique(diagnoses))))
            for train, test in folds:
                tail = make_melanoma_pipeline()[1:].set_params(classify__alpha=alpha)
                probability[test] = tail.fit(rows.iloc[train], diagnoses[train]).predict_proba(rows.iloc[test])
            report = score_report(diagnoses, probability, groups=groups)[["value", "low", "high"]]
            records.append(
                {
                    "method": title if alpha == "evidence" else f"{title}, `alpha={alpha}`",
                    "auc": tuple(report.loc["macro ROC AUC"]),
                    "balanced_accuracy": tuple(report.loc["balanced accuracy"]),
                }
            )
    return Section(f"{name}: all labels of {len(np.unique(diagnoses))} diagnoses", ALL_COLUMNS, records, [ALL_NOTE])


def _make_tables(lesions: Bunch, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    frame = getattr(lesions, "frame", None)
    with_patient = frame is not None and {"age", "sex", "localization"} <= set(frame.columns)
    return {"all": table} | ({"patient": add_patient(table, frame)} if with_patient else {})
