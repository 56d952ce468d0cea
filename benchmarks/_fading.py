"""Influence of a prior with few to many labels: the default, a prior of fixed strength, and labels only."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import Progress
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from sklearn.utils import Bunch

from benchmarks._draws import draw_few_labels
from benchmarks._few_label_methods import fit_labels_alone
from benchmarks._parallel import call_in_parallel
from benchmarks._report import Section, interval, number, text
from benchmarks._statistics import gain_interval
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.metrics import mean_interval

LABELS_PER_CLASS = (1, 3, 5, 10, 25, 50, 100, 200, 500)
#: Source of the labels: the images, random weights that are independent of the prior, or the opposite of the prior.
TRUTHS = ("images", "random weights", "reversed prior")
DRAWS = 10  # with up to 500 labels, draws differ less than with few labels

NOTE = (
    "*Fixed*: `alpha=1`. *Random weights*, *reversed prior*: the features of the images with labels drawn from a "
    "logistic model, whose weights are random, or the negative prior. *Minus best*: the default minus the better one "
    "of the other two means. The first 10 draws."
)
COLUMNS = {
    "labels from": text("truth"),
    "labels per class": number("labels_per_class", "d"),
    "default (95 %)": interval("default"),
    "fixed": interval("fixed"),
    "labels alone": interval("alone"),
    "minus best (95 %)": interval("gain", "+.4f"),
    "draws": number("n_draws", "d"),
}


def make_truth(table: pd.DataFrame, target: NDArray[Any], truth: str) -> NDArray[Any]:
    """Return the labels of the images, or labels by other weights."""
    if truth == "images":
        return target
    random = np.random.default_rng(0)
    prior = make_melanoma_pipeline()[1:].fit(table, np.full(len(table), -1))
    rows = np.asarray(prior[:-1].transform(table))
    weights = random.normal(size=rows.shape[1]) / np.sqrt(rows.shape[1])
    score = 1.5 * rows @ weights if truth == "random weights" else -2 * rows @ prior[-1].coef_[0]
    return (random.uniform(size=len(rows)) < expit(score - score.mean() - 1)).astype(int)


def score_draw(lesions: Bunch, table: pd.DataFrame, n_per_class: int, seed: int) -> list[float] | None:
    """Return the AUC of the default, of the fixed prior and of labels only."""
    drawn = draw_few_labels(lesions, n_per_class, seed)
    if drawn is None:
        return None
    scores = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few images for the scaling, labels that contradict the prior
        for method in ("evidence", 1.0, None):
            tail, rest = make_melanoma_pipeline()[1:], table.iloc[drawn.rest]
            if method is None:
                model = fit_labels_alone(tail, rest, drawn.labels)
            else:
                model = tail.set_params(classify__alpha=method).fit(rest, drawn.labels)
            held_out = model.decision_function(table.iloc[drawn.held_out])
            scores.append(float(roc_auc_score(lesions.target[drawn.held_out], held_out, sample_weight=drawn.weights)))
    return scores


def run_fading(
    name: str, lesions: Bunch, table: pd.DataFrame, truths: tuple[str, ...], *, n_jobs: int, progress: Progress
) -> Section:
    """Return the table of one data set."""
    records = []
    for truth in truths:
        known = Bunch(groups=np.asarray(lesions.groups), target=make_truth(table, lesions.target, truth))
        for n_per_class in LABELS_PER_CLASS:
            calls = [(known, table, n_per_class, seed) for seed in range(DRAWS)]
            label = f"{name}: {truth}, {n_per_class} labels"
            found = call_in_parallel(score_draw, calls, n_jobs=n_jobs, progress=progress, description=label)
            scores = np.array([draw for draw in found if draw is not None])
            if len(scores) < 2:
                break
            default, fixed, alone = scores.T
            record = {"default": mean_interval(default), "fixed": mean_interval(fixed), "alone": mean_interval(alone)}
            record["gain"] = gain_interval(default, fixed if fixed.mean() > alone.mean() else alone)
            records.append({"truth": truth, "labels_per_class": n_per_class, "n_draws": len(scores), **record})
    return Section(f"{name}: a prior that yields", COLUMNS, records, [NOTE])
