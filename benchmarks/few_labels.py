"""Melanoma or not, from few labels: the pipelines beside what scikit-learn and others make of the same features."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.utils import Bunch
from sslearn.wrapper import CoTraining, TriTraining

from benchmarks._data import describe, load_sets
from benchmarks._lesions import FAMILIES
from benchmarks._options import DataOption, MaxPhotosOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.model_selection import hide_labels

LABELS_PER_CLASS = (0, 3, 5, 10, 25)
HELD_OUT = 1 / 3
LEAST_HELD_OUT = 3  # melanomas; a draw with fewer says nothing
CHUNK = 64  # images between two steps of the progress bar

Labels = NDArray[np.int_]
Positions = NDArray[np.intp]
# From the pipeline after its features, the table and the labels of the images to learn from: a fitted classifier.
Fit = Callable[[Pipeline, pd.DataFrame, Labels], Any]


def logistic_regression() -> LogisticRegression:
    """Return the classifier of all baselines."""
    return LogisticRegression(class_weight="balanced", max_iter=1000)


def fit_pipeline(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit the pipeline as it is on all images."""
    return tail.fit(table, labels)


def fit_labels_alone(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit a logistic regression on the labeled images, as if there were no others."""
    labeled = labels != -1
    return tail.set_params(classify=logistic_regression()).fit(table[labeled], labels[labeled])


def instead(classifier: Callable[[], Any]) -> Fit:
    """Return how another classifier is fitted in place of the pipeline's own, on all images."""
    return lambda tail, table, labels: tail.set_params(classify=classifier()).fit(table, labels)


def fit_co_training(tail: Pipeline, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit sslearn's co-training, shape and ABCD scores the one view, color and texture the other."""
    views = [
        [list(table.columns).index(name) for family in pair for name in FAMILIES[family].get_feature_names_out()]
        for pair in (("shape", "ABCD"), ("color", "texture"))
    ]
    trained = CoTraining(logistic_regression(), random_state=0)
    return tail.set_params(classify=trained).fit(table, labels, classify__features=views)


METHODS: dict[str, Fit] = {
    "pipeline": fit_pipeline,
    "labels alone": fit_labels_alone,
    "labels, all images scale": instead(lambda: SelfTrainingClassifier(logistic_regression(), max_iter=0)),
    "self-training": instead(lambda: SelfTrainingClassifier(logistic_regression())),
    "label spreading": instead(lambda: LabelSpreading("knn", n_neighbors=15)),
    "tri-training": instead(lambda: TriTraining(logistic_regression(), random_state=0)),
    "co-training": fit_co_training,
}
SURVEY = "the survey's pipeline"

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


def measure(photos: Bunch, features: str, *, n_jobs: int, progress: Progress, description: str) -> pd.DataFrame:
    """Return the table of features of all images, computed once."""
    step = make_melanoma_pipeline(features, n_jobs=n_jobs)["features"]
    starts = range(0, len(photos.images), CHUNK)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No lesion was found")  # counted in the report
        parts = [
            step.fit_transform(photos.images[start : start + CHUNK])
            for start in progress.track(starts, description=description)
        ]
    return pd.concat(parts, ignore_index=True)


def draw(photos: Bunch, n_per_class: int, seed: int) -> tuple[Positions, Positions, Labels] | None:
    """Hold out a third of the lesions with all their images, and hide all but a few labels of the rest.

    Returns
    -------
    rest : ndarray
        Positions of the images to learn from.
    held_out : ndarray
        Those of the images to score on.
    labels : ndarray
        Labels of the rest, -1 where hidden.
    None instead, if the rest has too few of a class, or the held out.
    """
    lesions = np.unique(photos.groups)
    out = np.random.RandomState(seed).permutation(lesions)[: round(HELD_OUT * len(lesions))]
    is_out = np.isin(photos.groups, out)
    rest, held_out = np.flatnonzero(~is_out), np.flatnonzero(is_out & (photos.target != -1))
    labels = photos.target[rest]
    enough = min(np.count_nonzero(labels == label) for label in (0, 1)) >= n_per_class
    if not enough or np.count_nonzero(photos.target[held_out] == 1) < LEAST_HELD_OUT:
        return None
    hidden = hide_labels(labels, n_per_class, random_state=seed) if n_per_class else np.full(len(labels), -1)
    return rest, held_out, hidden


def run_draw(
    photos: Bunch, tables: dict[str, pd.DataFrame], n_per_class: int, seed: int
) -> dict[str, list[float]] | None:
    """Return the scores of every method on one draw, in the order of `SCORES`; without labels, of the pipeline only."""
    drawn = draw(photos, n_per_class, seed)
    if drawn is None:
        return None
    rest, held_out, labels = drawn

    def score(fit: Fit, features: str) -> list[float]:
        table = tables[features]
        model = fit(make_melanoma_pipeline(features)[1:], table.iloc[rest], labels)
        # Label spreading says nothing of images that no label reaches.
        probability = np.nan_to_num(model.predict_proba(table.iloc[held_out])[:, 1], nan=0.5)
        return [each(photos.target[held_out], probability) for each in SCORES.values()]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of label spreading
        warnings.filterwarnings("ignore", "invalid value", RuntimeWarning)  # of the same
        for message in ("Poolsize", "n_quantiles"):  # of co-training, and where six images are all
            warnings.filterwarnings("ignore", message=message)
        methods = METHODS if n_per_class else {"pipeline": fit_pipeline}
        scores = {method: score(fit, "all") for method, fit in methods.items()}
        return scores | ({SURVEY: score(fit_pipeline, "survey")} if n_per_class else {})


def run_set(name: str, photos: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> Section:
    """Return the table of one data set."""
    tables = {
        features: measure(
            photos, features, n_jobs=n_jobs, progress=progress, description=f"{name}: features {features}"
        )
        for features in ("survey", "all")
    }
    records: list[dict[str, Any]] = []
    notes = [f"No lesion found, features imputed: {int(tables['all'].isna().all(axis=1).sum())} images."]
    for n_per_class in LABELS_PER_CLASS:
        jobs = (delayed(run_draw)(photos, tables, n_per_class, seed) for seed in range(repeats))
        found = progress.track(
            Parallel(n_jobs, return_as="generator")(jobs), repeats, description=f"{name}: {n_per_class} labels"
        )
        draws = [scores for scores in found if scores is not None]
        if len(draws) < 2:
            notes.append(f"Left out: {n_per_class} labels per class, since a class has too few.")
            continue
        if len(draws) < repeats:
            notes.append(f"{n_per_class} labels per class: {len(draws)} draws; in the others a class has too few.")
        ours = np.array([scores["pipeline"][0] for scores in draws])
        for method in draws[0]:
            columns = np.array([scores[method] for scores in draws]).T
            record = {key: mean_interval(column) for key, column in zip(SCORES, columns, strict=True)}
            gain = None if method == "pipeline" else mean_interval(ours - columns[0])
            records.append({"labels_per_class": n_per_class, "method": method, "gain": gain, **record})
    n_positive = np.count_nonzero(photos.target == 1)
    return Section(f"{name}: {len(photos.images)} images, {n_positive} melanomas", COLUMNS, records, notes)


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = None,
    repeats: Annotated[int, typer.Option(min=2, help="Number of draws.")] = 30,
    n_jobs: Annotated[int, typer.Option(help="Number of processes.")] = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Learn from few labels, score on images held out."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    with progress_bar() as progress:
        sections = [
            run_set(name, photos, repeats=repeats, n_jobs=n_jobs, progress=progress) for name, photos in sets.items()
        ]
    intro = [
        "A third of the lesions is held out with all images of them; of the others all but a few labels of each class "
        f"are hidden; every method learns from these and is scored on the third. {repeats} draws, the same for all "
        "rows. Brackets: Student's 95 % interval over the draws, which says how much the draw matters, not how another "
        "data set would score; differences are paired. All but the AUC are at a probability of 0.5.",
        "*Pipeline*: `make_melanoma_pipeline()`. All other rows but the survey's have the same features and logistic "
        "regressions with balanced classes. *Labels alone*: on the labeled images as if there were no others. "
        "*Labels, all images scale*: the same, imputed and scaled as in the pipeline, on all images to learn from; so "
        "are the following. *Self-training*, *label spreading* (15 neighbors): scikit-learn's. *Tri-training*, "
        "*co-training* (shape and ABCD scores the one view, color and texture the other): sslearn's. "
        "*The survey's pipeline*: `make_melanoma_pipeline('survey')`.",
        *describe(sets),
    ]
    write_report("few_labels", title="Few labels", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
