"""Transfer to another data set with 0 to 25 labels per class: models of old images, and new models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.progress import Progress
from scipy.stats import spearmanr
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks._data import describe_sets, load_sets
from benchmarks._draws import Labels, describe_missing_draws, draw_few_labels
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
from benchmarks._tables import FAMILIES, compute_table
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.pipeline import transfer_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

LABELS_PER_CLASS = (0, 5, 10, 25)
HALVED = "ham10000"  # `transfer_pipeline` was chosen on its even half
OLD_LABELS = 20  # weight of all old images, as a number of labels, if they are added to the new ones
INFORMATIVE = 0.1  # difference of a column's AUC from 0.5

INTRO = (
    "Old images have all their labels, new images few or none. A third of the new lesions is held out with all their "
    "images and scored. {repeats} draws, the same for all rows. The table gives the ROC AUC by the number of labels "
    f"per class among the new images. {DRAWS_NOTE} {LESIONS_NOTE} "
    "Sensitivity and specificity are at a probability of 0.5, where half "
    "of the images are expected to be melanomas. If HAM10000 is new, half of its lesions are used: `transfer_pipeline` "
    "was chosen on the other half, and on all of PH² and ISIC 2017. No image is in two data sets.",
    "*Labels alone*: ridge logistic regression on the new labels, without the old images. *Directions*: "
    "`make_melanoma_pipeline()` on the new images, also without the old ones. *Old model*: the same pipeline, fitted "
    "to the old images. *Scaled anew*: its columns are imputed and ranked among the new images, as in all following "
    "rows. *CORAL*: fitted to the old rows after their covariances were matched to those of the new ones; these "
    "weights are the prior. *Old weights as prior*: the weights of the old model. *Old images too*: fitted to both, "
    f"where all old images together count as {OLD_LABELS} labels. *`transfer_pipeline`*: directions and old weights as "
    "two priors.",
)
FAMILY_NOTE = (
    "ROC AUC: of a ridge logistic regression on this family of columns of the old images, for all new images. Each "
    "data set is ranked by itself. Rank correlation: between the AUCs of the single columns on the old and on the new "
    f"images. Informative columns: AUC beyond 0.5 ± {INFORMATIVE} on the old images. Reversed: on the other side of "
    "0.5 on the new images."
)


@dataclass(frozen=True)
class OldModel:
    """Model of images that all have labels, with its rows and labels."""

    rows: pd.DataFrame
    target: Labels
    model: Pipeline

    @classmethod
    def fit(cls, table: pd.DataFrame, target: Labels) -> Self:
        """Fit the default pipeline without its first step."""
        model = make_tail().fit(table, target)
        return cls(model[:-1].transform(table), target, model)


# Function that fits a model of tables, from the old model and the table and labels of the new images.
Fit = Callable[[OldModel, pd.DataFrame, Labels], Any]


def make_tail(**options: Any) -> Pipeline:
    """Return the default pipeline without its first step, with options of its classifier and half melanomas."""
    options = {"prior": feature_directions()["weight"], "classes": (0, 1), "prevalence": 0.5} | options
    return make_melanoma_pipeline(classifier=PriorLogisticRegression(**options))[1:]


def fit_old_classifier(old: OldModel, table: pd.DataFrame, labels: Labels) -> Any:
    """Use the old classifier on columns that are imputed and scaled among the new images."""
    return make_melanoma_pipeline(classifier=FrozenEstimator(old.model[-1]))[1:].fit(table, labels)


def fit_aligned(old: OldModel, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit the old rows with the covariances of the new ones, and use the weights as a prior without scaling."""
    rows = make_tail()[:-1].fit_transform(table)
    learned = make_tail()[-1].fit(align_covariances(old.rows, rows), old.target)
    return make_tail(prior=FrozenEstimator(learned), prior_scale=None).fit(table, labels)


def fit_both(old: OldModel, table: pd.DataFrame, labels: Labels) -> Any:
    """Fit the old rows and the labeled new ones, each scaled within its own data set."""
    model = make_tail()
    rows = model[:-1].fit_transform(table)
    both = pd.concat([old.rows, rows], ignore_index=True)
    weights = np.append(np.full(len(old.target), OLD_LABELS / len(old.target)), np.ones(len(rows)))
    model[-1].fit(both, np.append(old.target, labels), sample_weight=weights)
    return model


def fit_old_weights(old: OldModel, table: pd.DataFrame, labels: Labels) -> Any:
    """Use the weights of the old model as a prior."""
    return make_tail(prior=FrozenEstimator(old.model[-1])).fit(table, labels)


def align_covariances(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the old rows with the means and covariances of the new ones (CORAL), with 1 added to all variances."""
    turned = (old - old.mean()) @ _raise_covariance(old, -0.5) @ _raise_covariance(new, 0.5)
    return turned.set_axis(old.columns, axis=1) + new.mean()


def _raise_covariance(rows: pd.DataFrame, exponent: float) -> NDArray[np.float64]:
    """Return a power of the covariance matrix plus the identity."""
    variances, axes = np.linalg.eigh(np.cov(rows.T) + np.eye(rows.shape[1]))
    return (axes * variances**exponent) @ axes.T


ALONE = "labels alone"
DIRECTIONS = "directions"
METHODS: dict[str, Fit] = {
    ALONE: lambda old, table, labels: make_tail(prior=None).fit(table, labels),
    DIRECTIONS: lambda old, table, labels: make_tail().fit(table, labels),
    "old model": lambda old, table, labels: old.model,
    "old model, scaled anew": fit_old_classifier,
    "CORAL": fit_aligned,
    "old weights as prior": fit_old_weights,
    "old images too": fit_both,
    "`transfer_pipeline`": lambda old, table, labels: transfer_pipeline(old.model, table, labels),
}

COLUMNS = {
    "method": text("method"),
    **{f"{n} labels": interval(f"auc_{n}") for n in LABELS_PER_CLASS},
    **{f"minus labels alone, {n}": interval(f"gain_{n}", "+.3f") for n in LABELS_PER_CLASS[1:]},
    "sensitivity, 0 labels": number("sensitivity", ".2f"),
    "specificity, 0 labels": number("specificity", ".2f"),
}
FAMILY_COLUMNS = {
    "old → new": text("direction"),
    "family": text("family"),
    "ROC AUC": number("auc"),
    "rank correlation of the columns": number("correlation", "+.2f"),
    "informative columns": number("n_telling", "d"),
    "of these reversed": number("n_turned", "d"),
}


def take_half(lesions: Bunch, table: pd.DataFrame, half: int | None) -> tuple[Bunch, pd.DataFrame]:
    """Return the images of every other lesion with their features, or all images if `half` is None."""
    if half is None:
        return lesions, table
    chosen = np.flatnonzero(np.unique(lesions.groups, return_inverse=True)[1] % 2 == half)
    return Bunch(target=lesions.target[chosen], groups=lesions.groups[chosen]), table.iloc[chosen]


def score_draw(old: OldModel, lesions: Bunch, table: pd.DataFrame, seed: int) -> dict[tuple[int, str], list[float]]:
    """Return AUC, sensitivity and specificity of every method, at every number of labels that the draw has."""
    scores = {}
    for n_per_class in LABELS_PER_CLASS:
        drawn = draw_few_labels(lesions, n_per_class, seed)
        if drawn is None:
            continue
        truth = lesions.target[drawn.held_out]
        for method, fit in METHODS.items():
            if n_per_class or method != ALONE:
                model = fit(old, table.iloc[drawn.rest], drawn.labels)
                score = model.decision_function(table.iloc[drawn.held_out])
                recalls = [
                    recall_score(truth, score > 0, pos_label=label, sample_weight=drawn.weights) for label in (1, 0)
                ]
                auc = roc_auc_score(truth, score, sample_weight=drawn.weights)
                scores[n_per_class, method] = [auc, *recalls]
    return scores


def compare_methods(
    title: str, old: OldModel, lesions: Bunch, table: pd.DataFrame, *, repeats: int, n_jobs: int, progress: Progress
) -> Section:
    """Return the table of one direction."""
    calls = [(old, lesions, table, seed) for seed in range(repeats)]
    draws = list(call_in_parallel(score_draw, calls, n_jobs=n_jobs, progress=progress, description=title))
    records: list[dict[str, Any]] = [{"method": method, "sensitivity": None, "specificity": None} for method in METHODS]
    notes = []
    for n_per_class in LABELS_PER_CLASS:
        enough = [scores for scores in draws if (n_per_class, DIRECTIONS) in scores]
        notes += describe_missing_draws(n_per_class, len(enough), repeats)
        for record in records:
            method = record["method"]
            if len(enough) < 2 or (n_per_class, method) not in enough[0]:
                record |= {f"auc_{n_per_class}": None, f"gain_{n_per_class}": None}
                continue
            aucs, *recalls = np.array([scores[n_per_class, method] for scores in enough]).T
            record[f"auc_{n_per_class}"] = mean_interval(aucs)
            if n_per_class:
                alone = None if method == ALONE else [scores[n_per_class, ALONE][0] for scores in enough]
                record[f"gain_{n_per_class}"] = gain_interval(aucs, alone)
            else:
                record["sensitivity"], record["specificity"] = (float(recall.mean()) for recall in recalls)
    return Section(title, COLUMNS, records, notes)


def compare_families(title: str, old: OldModel, new: OldModel) -> list[dict[str, Any]]:
    """Compare each family of features between old and new images: AUC of a model, and AUCs of the columns."""
    aucs = [pd.Series({name: roc_auc_score(each.target, each.rows[name]) for name in each.rows}) for each in (old, new)]
    families = {family: list(step.get_feature_names_out()) for family, step in FAMILIES.items()}
    records = []
    for family, names in {**families, "all": list(old.rows)}.items():
        weights = PriorLogisticRegression().fit(old.rows[names], old.target)
        here, there = (each[names] - 0.5 for each in aucs)
        informative = here.abs() > INFORMATIVE
        records.append(
            {
                "direction": title,
                "family": family,
                "auc": float(roc_auc_score(new.target, weights.decision_function(new.rows[names]))),
                "correlation": float(spearmanr(here, there).statistic),
                "n_telling": int(informative.sum()),
                "n_turned": int((informative & (here * there < 0)).sum()),
            }
        )
    return records


def main(
    data: DataOption = None,
    max_images: MaxImagesOption = None,
    repeats: RepeatsOption = 20,
    n_jobs: JobsOption = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Learn on one data set and score on another."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_images=max_images)
    sections, families = [], []
    with progress_bar() as progress:
        tables = {
            name: compute_table(lesions.images, n_jobs=n_jobs, progress=progress, description=f"{name}: features")
            for name, lesions in sets.items()
        }
        for here, there in product(sets, sets):
            same = here == there
            known, known_table = take_half(sets[here], tables[here], 0 if same else None)
            lesions, table = take_half(sets[there], tables[there], 1 if same or there == HALVED else None)
            title = f"{here}, one half → the other" if same else f"{here} → {there}"
            old = OldModel.fit(known_table, known.target)
            sections.append(
                compare_methods(title, old, lesions, table, repeats=repeats, n_jobs=n_jobs, progress=progress)
            )
            families += compare_families(title, old, OldModel.fit(table, lesions.target))
    sections.append(Section("Stability of the families of features", FAMILY_COLUMNS, families, [FAMILY_NOTE]))
    intro = [*fill_in(INTRO, repeats=repeats), *describe_sets(sets)]
    write_report("transfer", title="Transfer", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
