"""Melanoma classification with 0 to 25 labels per class: our pipelines, scikit-learn and sslearn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import typer
from rich.progress import Progress
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.utils import Bunch

from benchmarks._data import count_images, describe_sets, load_sets
from benchmarks._draws import describe_missing_draws, draw_few_labels
from benchmarks._fading import TRUTHS, run_fading
from benchmarks._few_diagnoses import run_all, run_few
from benchmarks._few_label_methods import METHODS, PIPELINE, SURVEY, Fit, fit_pipeline
from benchmarks._few_learned import run_learned
from benchmarks._options import DataOption, JobsOption, MaxImagesOption, RepeatsOption, ResultsOption
from benchmarks._parallel import call_in_parallel
from benchmarks._report import (
    DRAWS_NOTE,
    LESIONS_NOTE,
    RESULTS,
    Section,
    fill_in,
    interval,
    number,
    progress_bar,
    text,
    write_report,
)
from benchmarks._statistics import gain_interval
from benchmarks._tables import compute_table
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.metrics import mean_interval

LABELS_PER_CLASS = (0, 3, 5, 10, 25)

INTRO = (
    "A third of the lesions is held out with all their images. A few labels per class of the other images are kept, "
    "and the rest are hidden. Every method learns from these images and is scored on the held-out third. {repeats} "
    f"draws, the same for all rows. {DRAWS_NOTE} {LESIONS_NOTE} All scores but the AUC are at a probability of 0.5.",
    "*Pipeline*: `make_melanoma_pipeline()`. All other rows but the last two have the same features and logistic "
    "regressions with balanced classes. *Labels alone*: fitted on the labeled images alone. *Labels, all images "
    "scale*: the same, but imputed and scaled on all images to learn from, as in the pipeline and in the following "
    "rows. *Self-training*, *label spreading* (15 neighbors): of scikit-learn. *Tri-training*, *co-training* (one view "
    "is morphology and ABCD scores, the other is color and texture): of sslearn. *Pipeline with age*: "
    "`make_melanoma_pipeline(columns=['age'])`. *The survey's pipeline*: `make_melanoma_pipeline('survey')`.",
)
LOST_NOTE = "Images in which no lesion was found, with imputed features: {n_lost}."

AGE = "pipeline with age"
# Contradictory labels need no large data set.
FADING = {"isic2017": TRUTHS, "ham10000": TRUTHS[:1]}
LEAST_IMAGES = 15  # smallest number of images of a diagnosis, so that each fold has some

SCORES: dict[str, Callable[..., float]] = {
    "auc": roc_auc_score,
    "balanced_accuracy": lambda truth, probability, **weights: balanced_accuracy_score(
        truth, probability > 0.5, **weights
    ),
    "sensitivity": lambda truth, probability, **weights: recall_score(truth, probability > 0.5, **weights),
    "specificity": lambda truth, probability, **weights: recall_score(truth, probability > 0.5, pos_label=0, **weights),
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
        pipeline = make_melanoma_pipeline("survey" if features == "survey" else "all")
        model = fit(pipeline[1:], table.iloc[drawn.rest], drawn.labels)
        # Label spreading returns NaN for images that no label reaches.
        probability = np.nan_to_num(model.predict_proba(table.iloc[drawn.held_out])[:, 1], nan=0.5)
        truth = lesions.target[drawn.held_out]
        return [each(truth, probability, sample_weight=drawn.weights) for each in SCORES.values()]

    with warnings.catch_warnings():
        # Label spreading gives the first two warnings, co-training the third, and a fit to six images the last.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)
        for message in ("Poolsize", "n_quantiles"):
            warnings.filterwarnings("ignore", message=message)
        methods = METHODS if n_per_class else {PIPELINE: fit_pipeline}
        scores = {method: score(fit, "all") for method, fit in methods.items()}
        if "age" in tables:
            scores[AGE] = score(fit_pipeline, "age")
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


def run_set(name: str, lesions: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> list[Section]:
    """Return the tables of one data set."""
    tables = {
        features: compute_table(
            lesions.images, features, n_jobs=n_jobs, progress=progress, description=f"{name}: features {features}"
        )
        for features in ("survey", "all")
    }
    ages = find_ages(lesions)
    if ages is not None:
        tables["age"] = tables["all"].assign(age=ages)
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
    sections = [
        Section(f"{name}: {count_images(lesions)}", COLUMNS, records, notes),
        run_learned(name, lesions, tables["all"], LABELS_PER_CLASS, repeats=repeats, n_jobs=n_jobs, progress=progress),
    ]
    if name in FADING:
        sections.append(run_fading(name, lesions, tables["all"], FADING[name], n_jobs=n_jobs, progress=progress))
    if name == "ham10000" and np.unique(lesions.diagnosis, return_counts=True)[1].min() >= LEAST_IMAGES:
        sections.append(run_few(name, lesions, tables["all"], repeats=repeats, n_jobs=n_jobs, progress=progress))
        sections.append(run_all(name, lesions, tables["all"]))
    return sections


def find_ages(lesions: Bunch) -> Any:
    """Return the age of the patient of each image; None if the data set has none."""
    frame = getattr(lesions, "frame", None)
    names = [name for name in ("age", "age_approximate") if frame is not None and name in frame]
    return frame[names[0]].to_numpy(float) if names else None


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
            section
            for name, lesions in sets.items()
            for section in run_set(name, lesions, repeats=repeats, n_jobs=n_jobs, progress=progress)
        ]
    intro = [*fill_in(INTRO, repeats=repeats), *describe_sets(sets)]
    write_report("few_labels", title="Few labels", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
