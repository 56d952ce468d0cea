"""Melanoma classification with 0 to 25 labels per class: our pipelines beside scikit-learn and sslearn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import typer
from rich.progress import Progress
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.utils import Bunch
from sslearn.wrapper import CoTraining, TriTraining

from benchmarks._data import count_images, describe_sets, load_sets
from benchmarks._draws import Labels, describe_missing_draws, draw_few_labels
from benchmarks._options import DataOption, JobsOption, MaxImagesOption, RepeatsOption, ResultsOption
from benchmarks._parallel import call_in_parallel
from benchmarks._report import DRAWS_NOTE, RESULTS, Section, fill_in, interval, number, progress_bar, text, write_report
from benchmarks._statistics import gain_interval
from benchmarks._tables import FAMILIES, compute_table
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.metrics import mean_interval

LABELS_PER_CLASS = (0, 3, 5, 10, 25)

INTRO = (
    "A third of the lesions is held out with all their images. A few labels per class of the other images are kept, "
    "and the rest are hidden. Every method learns from these images and is scored on the held-out third. {repeats} "
    f"draws, the same for all rows. {DRAWS_NOTE} All scores but the AUC are at a probability of 0.5.",
    "*Pipeline*: `make_melanoma_pipeline()`. All other rows but the last have the same features and logistic "
    "regressions with balanced classes. *Labels alone*: fitted on the labeled images alone. *Labels, all images "
    "scale*: the same, but imputed and scaled on all images to learn from, as in the pipeline and in the following "
    "rows. *Self-training*, *label spreading* (15 neighbors): of scikit-learn. *Tri-training*, *co-training* (one view "
    "is morphology and ABCD scores, the other is color and texture): of sslearn. *The survey's pipeline*: "
    "`make_melanoma_pipeline('survey')`.",
)
LOST_NOTE = "Images in which no lesion was found, with imputed features: {n_lost}."

# Fits the pipeline after its features on the table and the labels of the images to learn from; returns a classifier.
Fit = Callable[[Pipeline, pd.DataFrame, Labels], Any]


def make_logistic_regression() -> LogisticRegression:
    """Return the classifier of all baselines."""
    return LogisticRegression(class_weight="balanced", max_iter=1000)


def fit_pipeline(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit the pipeline unchanged on all images."""
    return tail.fit(table, labels)


def fit_labels_alone(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit a logistic regression on the labeled images alone."""
    labeled = labels != -1
    return tail.set_params(classify=make_logistic_regression()).fit(table[labeled], labels[labeled])


def replace_classifier(classifier: Callable[[], Any]) -> Fit:
    """Return a function that fits another classifier in place of the pipeline's own, on all images."""
    return lambda tail, table, labels: tail.set_params(classify=classifier()).fit(table, labels)


def fit_co_training(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit sslearn's co-training: one view is morphology and ABCD scores, the other is color and texture."""
    views = [
        [list(table.columns).index(name) for family in pair for name in FAMILIES[family].get_feature_names_out()]
        for pair in (("morphology", "ABCD"), ("color", "texture"))
    ]
    trained = CoTraining(make_logistic_regression(), random_state=0)
    return tail.set_params(classify=trained).fit(table, labels, classify__features=views)


PIPELINE = "pipeline"
SURVEY = "the survey's pipeline"
METHODS: dict[str, Fit] = {
    PIPELINE: fit_pipeline,
    "labels alone": fit_labels_alone,
    "labels, all images scale": replace_classifier(
        lambda: SelfTrainingClassifier(make_logistic_regression(), max_iter=0)
    ),
    "self-training": replace_classifier(lambda: SelfTrainingClassifier(make_logistic_regression())),
    "label spreading": replace_classifier(lambda: LabelSpreading("knn", n_neighbors=15)),
    "tri-training": replace_classifier(lambda: TriTraining(make_logistic_regression(), random_state=0)),
    "co-training": fit_co_training,
}

SCORES: dict[str, Callable[[Any, Any], float]] = {
    "auc": roc_auc_score,
    "balanced_accuracy": lambda truth, probability: balanced_accuracy_score(truth, probability > 0.5),
    "sensitivity": lambda truth, probability: recall_score(truth, probability > 0.5),
    "specificity": lambda truth, probability: recall_score(truth, probability > 0.5, pos_label=0),
}
COLUMNS = {
    "labels per class": number("labels_per_class", "d"),
    "method": text("method"),
    "ROC AUC (95 %)": interval("auc"),
    "pipeline minus this (95 %)": interval("gain", "+.3f"),
    "balanced accuracy (95 %)": interval("balanced_accuracy"),
    "sensitivity (95 %)": interval("sensitivity"),
    "specificity (95 %)": interval("specificity"),
}


def score_draw(
    lesions: Bunch, tables: dict[str, pd.DataFrame], n_per_class: int, seed: int
) -> dict[str, list[float]] | None:
    """Return the scores of every method on one draw, in the order of `SCORES`; without labels, of the pipeline only."""
    drawn = draw_few_labels(lesions, n_per_class, seed)
    if drawn is None:
        return None

    def score(fit: Fit, features: str) -> list[float]:
        table = tables[features]
        model = fit(make_melanoma_pipeline(features)[1:], table.iloc[drawn.rest], drawn.labels)
        # Label spreading returns NaN for images that no label reaches.
        probability = np.nan_to_num(model.predict_proba(table.iloc[drawn.held_out])[:, 1], nan=0.5)
        return [each(lesions.target[drawn.held_out], probability) for each in SCORES.values()]

    with warnings.catch_warnings():
        # Label spreading gives the first two, co-training the third, and a fit to six images the last.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
        for message in ("Poolsize", "n_quantiles"):
            warnings.filterwarnings("ignore", message=message)
        methods = METHODS if n_per_class else {PIPELINE: fit_pipeline}
        scores = {method: score(fit, "all") for method, fit in methods.items()}
        return scores | ({SURVEY: score(fit_pipeline, "survey")} if n_per_class else {})


def summarize_draws(n_per_class: int, draws: list[dict[str, list[float]]]) -> list[dict[str, Any]]:
    """Return one record for each method, with means and intervals over the draws."""
    ours = np.array([scores[PIPELINE][0] for scores in draws])
    records = []
    for method in draws[0]:
        columns = np.array([scores[method] for scores in draws]).T
        record = {key: mean_interval(column) for key, column in zip(SCORES, columns, strict=True)}
        gain = gain_interval(ours, None if method == PIPELINE else columns[0])
        records.append({"labels_per_class": n_per_class, "method": method, "gain": gain, **record})
    return records


def run_set(name: str, lesions: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> Section:
    """Return the table of one data set."""
    tables = {
        features: compute_table(
            lesions.images, features, n_jobs=n_jobs, progress=progress, description=f"{name}: features {features}"
        )
        for features in ("survey", "all")
    }
    records: list[dict[str, Any]] = []
    notes = [LOST_NOTE.format(n_lost=int(tables["all"].isna().all(axis=1).sum()))]
    for n_per_class in LABELS_PER_CLASS:
        calls = [(lesions, tables, n_per_class, seed) for seed in range(repeats)]
        label = f"{name}: {n_per_class} labels"
        found = call_in_parallel(score_draw, calls, n_jobs=n_jobs, progress=progress, description=label)
        draws = [scores for scores in found if scores is not None]
        notes += describe_missing_draws(n_per_class, len(draws), repeats)
        if len(draws) >= 2:
            records += summarize_draws(n_per_class, draws)
    return Section(f"{name}: {count_images(lesions)}", COLUMNS, records, notes)


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    repeats: RepeatsOption = 30,
    n_jobs: JobsOption = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Learn from few labels and score on held-out images."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    with progress_bar() as progress:
        sections = [
            run_set(name, lesions, repeats=repeats, n_jobs=n_jobs, progress=progress) for name, lesions in sets.items()
        ]
    intro = [*fill_in(INTRO, repeats=repeats), *describe_sets(sets)]
    write_report("few_labels", title="Few labels", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
