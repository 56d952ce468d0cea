"""Learn on one data set, use on another with few labels: what a transferred model is worth beside learning anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
import typer
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress
from scipy.stats import spearmanr
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks._data import describe, load_sets
from benchmarks._lesions import FAMILIES
from benchmarks._options import DataOption, MaxPhotosOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from benchmarks.few_labels import draw, measure
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.pipeline import transfer_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

LABELS_PER_CLASS = (0, 5, 10, 25)
HALVED = "ham10000"  # on the even half of which `transfer_pipeline` was chosen
OLD_WORTH = 20  # labels that all old images together count for, where they are learned from beside the new ones
TELLING = 0.1  # distance of a column's area under the curve from 0.5

Labels = NDArray[np.int_]


@dataclass(frozen=True)
class Old:
    """What was learned from images that all have labels: the classifier's rows, their labels, and the model."""

    rows: pd.DataFrame
    target: Labels
    model: Pipeline

    @classmethod
    def learn(cls, table: pd.DataFrame, target: Labels) -> Self:
        """Fit the default pipeline without its first step."""
        model = make_tail().fit(table, target)
        return cls(model[:-1].transform(table), target, model)


# From the old images, the table of the new ones to learn from and their labels: a fitted model of tables.
Fit = Callable[[Old, pd.DataFrame, Labels], Any]


def make_tail(**options: Any) -> Pipeline:
    """Return the default pipeline without its first step, with parameters of its classifier; half are melanomas."""
    options = {"prior": feature_directions()["weight"], "classes": (0, 1), "prevalence": 0.5} | options
    return make_melanoma_pipeline(classifier=PriorLogisticRegression(**options))[1:]


def fit_old_classifier(old: Old, table: pd.DataFrame, labels: Labels) -> Any:
    """Use the old classifier on columns that are imputed and scaled among the new images."""
    return make_melanoma_pipeline(classifier=FrozenEstimator(old.model[-1]))[1:].fit(table, labels)


def fit_aligned(old: Old, table: pd.DataFrame, labels: Labels) -> Any:
    """Learn from old rows that are correlated as the new ones are, and take the weights as a prior, as they are."""
    rows = make_tail()[:-1].fit_transform(table)
    learned = make_tail()[-1].fit(align(old.rows, rows), old.target)
    return make_tail(prior=FrozenEstimator(learned), prior_scale=None).fit(table, labels)


def fit_both(old: Old, table: pd.DataFrame, labels: Labels) -> Any:
    """Learn from the old rows and the labeled new ones, each scaled among its own."""
    model = make_tail()
    rows = model[:-1].fit_transform(table)
    both = pd.concat([old.rows, rows], ignore_index=True)
    weights = np.append(np.full(len(old.target), OLD_WORTH / len(old.target)), np.ones(len(rows)))
    model[-1].fit(both, np.append(old.target, labels), sample_weight=weights)
    return model


def align(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the old rows with means and covariances of the new ones: CORAL, with 1 added to all variances."""
    turned = (old - old.mean()) @ _power_of_covariance(old, -0.5) @ _power_of_covariance(new, 0.5)
    return turned.set_axis(old.columns, axis=1) + new.mean()


def _power_of_covariance(rows: pd.DataFrame, exponent: float) -> NDArray[np.float64]:
    variances, axes = np.linalg.eigh(np.cov(rows.T) + np.eye(rows.shape[1]))
    return (axes * variances**exponent) @ axes.T


SCRATCH = "labels alone"
METHODS: dict[str, Fit] = {
    SCRATCH: lambda old, table, labels: make_tail(prior=None).fit(table, labels),
    "directions": lambda old, table, labels: make_tail().fit(table, labels),
    "old model": lambda old, table, labels: old.model,
    "old model, scaled anew": fit_old_classifier,
    "CORAL": fit_aligned,
    "old weights as prior": lambda old, table, labels: make_tail(prior=FrozenEstimator(old.model[-1])).fit(
        table, labels
    ),
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
    "columns that tell": number("n_telling", "d"),
    "of these turned round": number("n_turned", "d"),
}


def take(photos: Bunch, table: pd.DataFrame, half: int | None) -> tuple[Bunch, pd.DataFrame]:
    """Return the images of every other lesion with their features, or all."""
    if half is None:
        return photos, table
    chosen = np.flatnonzero(np.unique(photos.groups, return_inverse=True)[1] % 2 == half)
    return Bunch(target=photos.target[chosen], groups=photos.groups[chosen]), table.iloc[chosen]


def run_draw(old: Old, photos: Bunch, table: pd.DataFrame, seed: int) -> dict[tuple[int, str], list[float]]:
    """Return area, sensitivity and specificity of every method at every number of labels that there are enough of."""
    scores = {}
    for n_per_class in LABELS_PER_CLASS:
        drawn = draw(photos, n_per_class, seed)
        if drawn is None:
            continue
        rest, held_out, labels = drawn
        truth = photos.target[held_out]
        for method, fit in METHODS.items():
            if n_per_class or method != SCRATCH:
                score = fit(old, table.iloc[rest], labels).decision_function(table.iloc[held_out])
                recalls = [recall_score(truth, score > 0, pos_label=label) for label in (1, 0)]
                scores[n_per_class, method] = [roc_auc_score(truth, score), *recalls]
    return scores


def compare(
    title: str, old: Old, photos: Bunch, table: pd.DataFrame, *, repeats: int, n_jobs: int, progress: Progress
) -> Section:
    """Return the table of one direction."""
    jobs = (delayed(run_draw)(old, photos, table, seed) for seed in range(repeats))
    draws = list(progress.track(Parallel(n_jobs, return_as="generator")(jobs), repeats, description=title))
    records = [{"method": method, "sensitivity": None, "specificity": None} for method in METHODS]
    notes = []
    for n_per_class in LABELS_PER_CLASS:
        enough = [scores for scores in draws if (n_per_class, "directions") in scores]
        if len(enough) < repeats:
            notes.append(f"{n_per_class} labels of each class: {len(enough)} draws; in the others a class has too few.")
        for record in records:
            method = record["method"]
            if len(enough) < 2 or (n_per_class, method) not in enough[0]:
                record |= {f"auc_{n_per_class}": None, f"gain_{n_per_class}": None}
                continue
            areas, *recalls = np.array([scores[n_per_class, method] for scores in enough]).T
            record[f"auc_{n_per_class}"] = mean_interval(areas)
            if n_per_class:
                alone = [scores[n_per_class, SCRATCH][0] for scores in enough]
                record[f"gain_{n_per_class}"] = None if method == SCRATCH else mean_interval(areas - alone)
            else:
                record["sensitivity"], record["specificity"] = (float(recall.mean()) for recall in recalls)
    return Section(title, COLUMNS, records, notes)


def compare_families(title: str, old: Old, new: Old) -> list[dict[str, Any]]:
    """Return, by family of features, how a model of the old images ranks the new ones, and how alike columns tell."""
    areas = [
        pd.Series({name: roc_auc_score(each.target, each.rows[name]) for name in each.rows}) for each in (old, new)
    ]
    records = []
    for family, names in {
        **{family: list(step.get_feature_names_out()) for family, step in FAMILIES.items()},
        "all": list(old.rows),
    }.items():
        weights = PriorLogisticRegression().fit(old.rows[names], old.target)
        here, there = (each[names] - 0.5 for each in areas)
        telling = here.abs() > TELLING
        records.append(
            {
                "direction": title,
                "family": family,
                "auc": float(roc_auc_score(new.target, weights.decision_function(new.rows[names]))),
                "correlation": float(spearmanr(here, there).statistic),
                "n_telling": int(telling.sum()),
                "n_turned": int((telling & (here * there < 0)).sum()),
            }
        )
    return records


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = None,
    repeats: Annotated[int, typer.Option(min=2, help="Number of draws.")] = 20,
    n_jobs: Annotated[int, typer.Option(help="Number of processes.")] = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Learn on one data set, use on another."""
    sets = load_sets(data, ("ph2", "isic2017", "ham10000"), max_photos=max_photos)
    sections, families = [], []
    with progress_bar() as progress:
        tables = {
            name: measure(photos, "all", n_jobs=n_jobs, progress=progress, description=f"{name}: features")
            for name, photos in sets.items()
        }
        for here, there in product(sets, sets):
            same = here == there
            known, known_table = take(sets[here], tables[here], 0 if same else None)
            photos, table = take(sets[there], tables[there], 1 if same or there == HALVED else None)
            title = f"{here}, one half → the other" if same else f"{here} → {there}"
            old = Old.learn(known_table, known.target)
            sections.append(compare(title, old, photos, table, repeats=repeats, n_jobs=n_jobs, progress=progress))
            families += compare_families(title, old, Old.learn(table, photos.target))
    intro = [
        "Old images have all their labels, new images few or none. A third of the new lesions is held out with all "
        f"images of them and scored. {repeats} draws, the same for all rows. ROC AUC by the number of labels of each "
        "class among the new images; brackets: Student's 95 % interval over the draws, which says how much the draw "
        "matters, not how another data set would score; differences are paired. Sensitivity and specificity are at "
        "a probability of 0.5, where half of the images are expected to be melanomas. Of HAM10000 the new images "
        "are one half of the lesions, since `transfer_pipeline` was chosen on the other, and on all of PH² and ISIC 2017. No "
        "image is in two of the sets.",
        "*Labels alone*: ridge logistic regression on the new labels, as if there were no old images. *Directions*: "
        "`make_melanoma_pipeline()` on the new images, which does not know the old ones either. *Old model*: the "
        "same, fitted to the old images; *scaled anew*: its columns imputed and ranked among the new images, as in "
        "all other rows. *CORAL*: learned from the old rows after their covariances were made those of the new "
        "ones; these weights are the prior. *Old weights as prior*: those of the old model. *Old images too*: "
        f"learned from both, all old images together counting for {OLD_WORTH} labels. *`transfer_pipeline`*: directions and "
        "old weights as two priors.",
        *describe(sets),
    ]
    notes = [
        "ROC AUC: of a ridge logistic regression on this family of the old images' columns, for all new images, "
        "each set ranked by itself. Rank correlation: between the areas under the curve that the columns, one by "
        f"one, have on the old and on the new images. Columns that tell: area beyond 0.5 ± {TELLING} on the old "
        "images; turned round: on the other side of 0.5 on the new ones.",
    ]
    sections.append(Section("What keeps its meaning", FAMILY_COLUMNS, families, notes))
    write_report("transfer", title="Transfer", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
