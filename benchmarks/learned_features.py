"""Melanoma classification with features learned without labels: Fisher vectors and an invariant projection."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import count_images, describe_sets, load_sets
from benchmarks._draws import draw_labels, weigh_lesions
from benchmarks._options import DataOption, MaxImagesOption, RepeatsOption, ResultsOption
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
from benchmarks._tables import FAMILIES, segment_images
from sklearn_melanoma import Lesion
from sklearn_melanoma.experimental import InvariantProjection
from sklearn_melanoma.experimental._augmentation import augment_lesion
from sklearn_melanoma.experimental._invariance import find_projection
from sklearn_melanoma.features import FisherVectorEncoder
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.pipeline import BlockScaler

LABELS_PER_CLASS = (5, 10, 50)
MIN_HELD_OUT = 5  # smallest number of images per class; with fewer, the AUC varies too much between repeats
BASELINE = "hand-made"
N_HANDMADE = sum(len(family.FEATURES) for family in FAMILIES.values())
FISHER = "Fisher vectors"
BOTH = f"{BASELINE} + {FISHER}"
# The parameter C of the regression for each set of features. For the hand-made features, it is the C of the benchmark
# `features`. The others were not tuned: the Fisher vectors are divided by one number, so that their rows are as long as
# the hand-made ones, and get the same C.
METHODS = {
    BASELINE: 0.03,
    FISHER: 0.03,
    BOTH: 0.03,
    f"projection of {BASELINE}": 0.1,
    f"projection of {BOTH}": 0.1,
}

INTRO = (
    "A third of the groups is held out, {repeats} times. A few of the other images per class keep their label, and all "
    "of them serve to learn Fisher vectors, to find projections, to impute and to scale. A logistic regression is "
    f"fitted on the labeled ones. {DRAWS_NOTE} {LESIONS_NOTE} "
    "If a class has fewer labels than a row needs, the row is left out. The "
    "defaults of the projection and its regularization were chosen on 506 images of HAM10000.",
    "*Hand-made*: the four families morphology, color, texture and ABCD. *Fisher vectors*: `FisherVectorEncoder()`, "
    "scaled as a block. *Projection*: `InvariantProjection`, its columns not scaled. *On augmented images*: the "
    "held-out images are rotated, and get another light and another border, like the copies that the projection learns "
    "from.",
)
LOST_NOTE = "Images in which no lesion was found, left out: {n_lost}."

COLUMNS = {
    "labels per class": number("labels_per_class", "d"),
    "features": text("method"),
    "columns": number("columns", "d"),
    "ROC AUC (95 %)": interval("auc"),
    "minus hand-made (95 %)": interval("gain", "+.3f"),
    "ROC AUC on augmented images (95 %)": interval("altered_auc"),
    "minus hand-made (95 %)  ": interval("altered_gain", "+.3f"),
}

Rows = NDArray[np.float64]


class Copies(NamedTuple):
    """Lesions with their augmented copies and hand-made features; the last copy of each is only for scoring."""

    lesions: list[list[Lesion]]
    rows: Rows


def make_copies(lesions: list[Lesion]) -> Copies:
    """Return each lesion, the copies to learn from and one copy for scoring.

    The copies are drawn once for all repeats. So the benchmark builds the projection from the parts of
    `InvariantProjection`.
    """
    n_copies = InvariantProjection(None).n_augmentations + 1  # the last one is for scoring
    random = np.random.RandomState(0)
    copies = [[lesion, *(augment_lesion(lesion, random) for _ in range(n_copies))] for lesion in lesions]
    rows = np.stack([FeatureUnion(list(FAMILIES.items())).fit_transform(several) for several in copies])
    return Copies(copies, rows)


def compute_tables(copies: Copies, train: NDArray[np.intp], seed: int) -> dict[str, Rows]:
    """Return the rows of each set of features for all copies. Fisher vectors and projections learn from `train`."""
    encoder = FisherVectorEncoder(random_state=seed).fit([copies.lesions[i][0] for i in train])
    fisher = np.stack([encoder.transform(several) for several in copies.lesions])
    tables = {BASELINE: copies.rows, FISHER: fisher, BOTH: np.concatenate([copies.rows, fisher], axis=2)}
    defaults = InvariantProjection(None)
    for name in (BASELINE, BOTH):
        rows = tables[name]
        n_components = min(defaults.n_components, rows.shape[2])
        project = find_projection(rows[train, :-1], n_components, shrinkage=defaults.shrinkage)
        projected = project.apply(rows)
        tables[f"projection of {name}"] = projected / np.sqrt(projected[train, 0].var(axis=0).mean())
    length = np.nansum(np.nanvar(fisher[train, 0], axis=0))
    tables[FISHER] = fisher * np.sqrt(copies.rows.shape[2] / length)
    return tables


def run_set(
    lesions: list[Lesion], target: NDArray[Any], groups: NDArray[Any], *, repeats: int, advance: Callable[[], None]
) -> list[dict[str, Any]]:
    """Return the records of one data set. Everything that needs no label learns from the images not held out."""
    copies = make_copies(lesions)
    scores: dict[tuple[int, str, str], list[float]] = {}
    columns: dict[str, int] = {}
    for repeat in range(repeats):
        thirds = StratifiedGroupKFold(3, shuffle=True, random_state=repeat)
        train, test = next(thirds.split(lesions, target, groups))
        tables = compute_tables(copies, train, repeat)
        columns = {name: rows.shape[2] for name, rows in tables.items()}
        weights = weigh_lesions(groups[test], target[test])
        for n_per_class in LABELS_PER_CLASS:
            drawn = draw_labels(target[train], n_per_class, repeat)
            if drawn is None or min(np.bincount(target[test], minlength=2)) < MIN_HELD_OUT:
                continue
            for name, rows in tables.items():
                score = fit_regression(rows[train, 0], drawn, METHODS[name], make_scaler(name))
                for kind, copy in (("auc", 0), ("altered_auc", -1)):
                    auc = roc_auc_score(target[test], score(rows[test, copy]), sample_weight=weights)
                    scores.setdefault((n_per_class, name, kind), []).append(auc)
        advance()
    return summarize(scores, columns, repeats)


def make_scaler(name: str) -> Any:
    """Return the scaler of a set of features."""
    if name == BASELINE:
        return StandardScaler()
    return BlockScaler(StandardScaler()) if name == BOTH else StandardScaler(with_std=False)


def fit_regression(rows: Rows, labels: NDArray[Any], strength: float, scaler: Any) -> Callable[[Rows], Rows]:
    """Impute and scale on all rows, fit a logistic regression on the labeled ones, and return its decision function."""
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    prepare = make_pipeline(imputer, scaler).set_output(transform="pandas").fit(name_columns(rows))
    labeled = labels != -1
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    model.fit(prepare.transform(name_columns(rows[labeled])), labels[labeled])
    return lambda others: model.decision_function(prepare.transform(name_columns(others)))


def name_columns(rows: Rows) -> pd.DataFrame:
    """Return a table in which the columns after the hand-made ones are named as a block of Fisher vectors."""
    return pd.DataFrame(rows, columns=[f"{'fisher_' if i >= N_HANDMADE else ''}{i}" for i in range(rows.shape[1])])


def summarize(
    scores: dict[tuple[int, str, str], list[float]], columns: dict[str, int], repeats: int
) -> list[dict[str, Any]]:
    """Return one record for each number of labels and set of features, if every repeat had enough labels."""
    records = []
    for n_per_class in LABELS_PER_CLASS:
        if len(scores.get((n_per_class, BASELINE, "auc"), ())) < repeats:
            continue
        for name in METHODS:
            record: dict[str, Any] = {"labels_per_class": n_per_class, "method": name, "columns": columns[name]}
            for kind, gain in (("auc", "gain"), ("altered_auc", "altered_gain")):
                values = scores[n_per_class, name, kind]
                record[kind] = mean_interval(values)
                record[gain] = gain_interval(values, None if name == BASELINE else scores[n_per_class, BASELINE, kind])
            records.append(record)
    return records


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = 1000,
    repeats: RepeatsOption = 10,
    results: ResultsOption = RESULTS,
) -> None:
    """Learn features without labels and a classifier from few labels, and score it on held-out images."""
    sets = load_sets(data, ("ph2", "ham10000"), max_images=max_images)
    sections = []
    with progress_bar() as progress:
        for name, lesions in sets.items():
            segmented = segment_images(lesions.images, progress=progress, description=f"{name}: masks")
            task = progress.add_task(f"{name}: repeats", total=repeats)
            found = np.array([lesion.area_px > 0 for lesion in segmented])
            target, groups = (np.asarray(lesions.target) == 1).astype(int), np.asarray(lesions.groups)
            kept = [segmented[i] for i in np.flatnonzero(found)]
            advance = partial(progress.advance, task)
            records = run_set(kept, target[found], groups[found], repeats=repeats, advance=advance)
            notes = [LOST_NOTE.format(n_lost=np.count_nonzero(~found))]
            sections.append(Section(f"{name}: {count_images(lesions)}", COLUMNS, records, notes))
    intro = [*fill_in(INTRO, repeats=repeats), *describe_sets(sets)]
    write_report("learned_features", title="Learned features", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
