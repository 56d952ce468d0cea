"""Melanoma or not, from few labels: the pipelines beside the same features with the labels alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import Bunch

from benchmarks._data import DataOption, MaxPhotosOption, ResultsOption, describe, load_sets
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.model_selection import hide_labels

LABELS_PER_CLASS = (3, 5, 10, 20)
FEATURES = ("survey", "all")
LEAST_HIDDEN = 5  # with fewer of a class to score on, sensitivity and AUC jump from repeat to repeat
CHUNK = 64  # photos between two steps of the progress bar

SCORES: dict[str, Callable[[Any, Any, Any], float]] = {
    "auc": lambda truth, probability, _: roc_auc_score(truth, probability),
    "balanced_accuracy": lambda truth, _, predicted: balanced_accuracy_score(truth, predicted),
    "sensitivity": lambda truth, _, predicted: recall_score(truth, predicted),
    "specificity": lambda truth, _, predicted: recall_score(truth, predicted, pos_label=0),
}

Fit = Callable[[Pipeline, pd.DataFrame, NDArray[Any]], ClassifierMixin]


def fit_pipeline(tail: Pipeline, table: pd.DataFrame, labels: NDArray[Any]) -> ClassifierMixin:
    """Fit the pipeline as it is on all photos, -1 where the label is hidden."""
    return clone(tail).fit(table, labels)


def fit_without_pseudo_labels(tail: Pipeline, table: pd.DataFrame, labels: NDArray[Any]) -> ClassifierMixin:
    """Fit a logistic regression on the labels; all photos serve to impute and scale."""
    supervised = SelfTrainingClassifier(_logistic_regression(), max_iter=0)
    return clone(tail).set_params(classify=supervised).fit(table, labels)


def fit_labels_alone(tail: Pipeline, table: pd.DataFrame, labels: NDArray[Any]) -> ClassifierMixin:
    """Fit a logistic regression on the labelled photos, as if there were no others."""
    labelled = labels != -1
    return clone(tail).set_params(classify=_logistic_regression()).fit(table[labelled], labels[labelled])


def _logistic_regression() -> LogisticRegression:
    return LogisticRegression(class_weight="balanced", max_iter=1000)


BASELINE = "labels alone"
METHODS: dict[str, Fit] = {
    "pipeline": fit_pipeline,
    "without pseudo-labels": fit_without_pseudo_labels,
    BASELINE: fit_labels_alone,
}

COLUMNS = {
    "labels per class": number("labels_per_class", "d"),
    "features": text("features"),
    "method": text("method"),
    "ROC AUC (95 %)": interval("auc"),
    "AUC minus labels alone (95 %)": interval("auc_gain", "+.3f"),
    "balanced accuracy (95 %)": interval("balanced_accuracy"),
    "sensitivity (95 %)": interval("sensitivity"),
    "specificity (95 %)": interval("specificity"),
}


def measure(photos: Bunch, features: str, *, n_jobs: int, progress: Progress, description: str) -> pd.DataFrame:
    """Return the table of features of all photos, computed once."""
    step = make_melanoma_pipeline(features, n_jobs=n_jobs)["features"]
    starts = range(0, len(photos.images), CHUNK)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No lesion was found")  # counted in the report
        parts = [
            step.fit_transform(photos.images[start : start + CHUNK])
            for start in progress.track(starts, description=description)
        ]
    return pd.concat(parts, ignore_index=True)


def draw_labels(photos: Bunch, n_per_class: int, seed: int) -> tuple[NDArray[Any], NDArray[np.bool_]] | None:
    """Draw the labels that stay, and the photos to score on.

    Returns
    -------
    labels : ndarray
        -1 where the label is hidden.
    scored : ndarray of bool
        Photos with a hidden label, but for those of a lesion of which a photo is labelled.
    None instead, if a class has too few of either.
    """
    known = photos.target != -1
    if min(np.count_nonzero(photos.target == label) for label in (0, 1)) < n_per_class:
        return None
    labels = hide_labels(photos.target, n_per_class, random_state=seed)
    labelled = labels != -1
    scored = known & ~labelled & ~np.isin(photos.groups, photos.groups[labelled])
    n_hidden = min(np.count_nonzero(photos.target[scored] == label) for label in (0, 1))
    return None if n_hidden < LEAST_HIDDEN else (labels, scored)


def run_cell(
    photos: Bunch, tables: dict[str, pd.DataFrame], n_per_class: int, *, repeats: int, advance: Callable[[], None]
) -> list[dict[str, Any]]:
    """Fit and score every method on every repeat of one number of labels; no records if a class is too small."""
    draws = [draw_labels(photos, n_per_class, seed) for seed in range(repeats)]
    if any(draw is None for draw in draws):
        return []
    scores = {
        (features, method, score): np.zeros(repeats) for features in tables for method in METHODS for score in SCORES
    }
    for repeat, draw in enumerate(draws):
        assert draw is not None
        labels, scored = draw
        truth = photos.target[scored]
        for features, table in tables.items():
            tail = make_melanoma_pipeline(features)[1:]
            for method, fit in METHODS.items():
                model = fit(tail, table, labels)
                probability, predicted = model.predict_proba(table[scored])[:, 1], model.predict(table[scored])
                for name, score in SCORES.items():
                    scores[features, method, name][repeat] = score(truth, probability, predicted)
        advance()
    return [
        {
            "labels_per_class": n_per_class,
            "features": features,
            "method": method,
            "auc_gain": None
            if method == BASELINE
            else mean_interval(scores[features, method, "auc"] - scores[features, BASELINE, "auc"]),
            **{name: mean_interval(scores[features, method, name]) for name in SCORES},
        }
        for features in tables
        for method in METHODS
    ]


def run_set(name: str, photos: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> Section:
    """Return the table of one data set."""
    tables = {
        features: measure(
            photos, features, n_jobs=n_jobs, progress=progress, description=f"{name}: features {features}"
        )
        for features in FEATURES
    }
    task = progress.add_task(f"{name}: repeats", total=repeats * len(LABELS_PER_CLASS))
    records: list[dict[str, Any]] = []
    left_out = []
    for n_per_class in LABELS_PER_CLASS:
        cell = run_cell(photos, tables, n_per_class, repeats=repeats, advance=partial(progress.advance, task))
        records += cell
        if not cell:
            progress.advance(task, repeats)
            left_out.append(n_per_class)
    n_positive = np.count_nonzero(photos.target == 1)
    lost = ", ".join(f"{int(table.isna().all(axis=1).sum())} ({features})" for features, table in tables.items())
    notes = [f"No lesion found, features imputed: {lost} photos."]
    notes += [
        f"Left out: {n} labels per class, since a class has under {n} photos or under {LEAST_HIDDEN} to score on."
        for n in left_out
    ]
    return Section(f"{name}: {len(photos.images)} photos, {n_positive} melanomas", COLUMNS, records, notes)


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = None,
    repeats: Annotated[int, typer.Option(min=2, help="Number of draws of the labels that stay.")] = 20,
    n_jobs: Annotated[int, typer.Option(help="Number of processes that measure photos.")] = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Score photos whose labels were hidden."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    with progress_bar() as progress:
        sections = [
            run_set(name, photos, repeats=repeats, n_jobs=n_jobs, progress=progress) for name, photos in sets.items()
        ]
    intro = [
        "All but a few labels of each class are hidden; the pipeline is fitted on all photos and scored on the hidden "
        f"ones, but for photos of a lesion of which another photo is labelled. {repeats} draws of the labels, the same "
        "for all rows. Brackets: Student's 95 % interval over the draws, which says how much the draw matters, not how "
        "another data set would score; the differences are paired. Predictions are cut at a probability of 0.5.",
        "*Pipeline*: `make_melanoma_pipeline(features)`. *Without pseudo-labels*: a logistic regression on the "
        "labels, features imputed and scaled on all photos. *Labels alone*: the same, imputed and scaled on the "
        "labelled photos, as if there were no others.",
        *describe(sets),
    ]
    write_report("few_labels", title="Few labels", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
