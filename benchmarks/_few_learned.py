"""The pipeline with learned features beside the default, with few labels and with all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from rich.progress import Progress
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import Bunch

from benchmarks._draws import draw_few_labels
from benchmarks._report import Section, interval, number, text
from benchmarks._statistics import gain_interval
from benchmarks._tables import segment_images
from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.features import FisherVectorEncoder
from sklearn_melanoma.metrics import mean_interval

FOLDS = 5
ALL = "all"

NOTE = (
    "*Learned*: `make_melanoma_pipeline('learned')`. In every draw and fold, its encoder sees the same images as the "
    "classifier, without their labels. All labels: {folds} folds, no lesion in two of them; brackets: 95 % interval "
    "over the folds."
)
COLUMNS = {
    "labels per class": text("labels"),
    "pipeline (95 %)": interval("default"),
    "learned (95 %)": interval("learned"),
    "learned minus pipeline (95 %)": interval("gain", "+.4f"),
    "draws": number("n_draws", "d"),
}


def add_learned(table: pd.DataFrame, segmented: list[Lesion], rest: np.ndarray[Any, Any], n_jobs: int) -> pd.DataFrame:
    """Return the table with Fisher vectors that are learned from some of the images."""
    encoder = FisherVectorEncoder(random_state=0, n_jobs=n_jobs).set_output(transform="pandas")
    learned = encoder.fit([segmented[place] for place in rest]).transform(segmented)
    return pd.concat([table, learned.set_axis(table.index)], axis=1)


def score_both(
    table: pd.DataFrame, learned: pd.DataFrame, rest: Any, held_out: Any, labels: Any, truth: Any
) -> tuple[float, float]:
    """Return the AUC of the default and of the pipeline with learned features on held-out images."""
    scores = []
    for features, rows in (("all", table), ("learned", learned)):
        model = make_melanoma_pipeline(features)[1:].fit(rows.iloc[rest], labels)
        scores.append(float(roc_auc_score(truth, model.decision_function(rows.iloc[held_out]))))
    return scores[0], scores[1]


def run_learned(
    name: str,
    lesions: Bunch,
    table: pd.DataFrame,
    labels_per_class: tuple[int, ...],
    *,
    repeats: int,
    n_jobs: int,
    progress: Progress,
) -> Section:
    """Return the table of one data set."""
    segmented = segment_images(lesions.images, progress=progress, description=f"{name}: masks")
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in progress.track(range(repeats), description=f"{name}: learned features"):
        learned = None
        for n_per_class in labels_per_class:
            drawn = draw_few_labels(lesions, n_per_class, seed)
            if drawn is None:
                continue
            if learned is None:  # all numbers of labels have the same images to learn from
                learned = add_learned(table, segmented, drawn.rest, n_jobs)
            truth = lesions.target[drawn.held_out]
            both = score_both(table, learned, drawn.rest, drawn.held_out, drawn.labels, truth)
            scores.setdefault(str(n_per_class), []).append(both)
    labeled = np.flatnonzero(lesions.target != -1)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    target = lesions.target[labeled]
    for train, test in progress.track(
        list(folds.split(labeled, target, np.asarray(lesions.groups)[labeled])), description=f"{name}: all labels"
    ):
        learned = add_learned(table, segmented, labeled[train], n_jobs)
        both = score_both(table, learned, labeled[train], labeled[test], target[train], target[test])
        scores.setdefault(ALL, []).append(both)
    return Section(f"{name}: learned features", COLUMNS, summarize_pairs(scores), [NOTE.format(folds=FOLDS)])


def summarize_pairs(scores: dict[str, list[tuple[float, float]]]) -> list[dict[str, Any]]:
    """Return one record for each number of labels, with means and intervals over the draws."""
    records = []
    for labels, pairs in scores.items():
        if len(pairs) >= 2:
            default, learned = np.array(pairs).T
            record = {"default": mean_interval(default), "learned": mean_interval(learned)}
            record |= {"labels": labels, "gain": gain_interval(learned, default), "n_draws": len(pairs)}
            records.append(record)
    return records
