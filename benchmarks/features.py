"""Melanoma classification with all labels: families of features, compared with simple features, and their cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from joblib import Parallel, delayed
from numpy.typing import NDArray
from rich.progress import Progress
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from benchmarks._data import describe_sets, load_sets, resize_mask
from benchmarks._draws import weigh_lesions
from benchmarks._network import compute_network_features
from benchmarks._options import DataOption, JobsOption, RepeatsOption, ResultsOption
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
from benchmarks._simple_features import N_SIMPLE, compute_simple_features
from benchmarks._statistics import gain_interval
from benchmarks._tables import FAMILIES, segment_images
from benchmarks._timing import time_methods
from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.features import FisherVectorEncoder, RadiomicsFeatures
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.metrics import mean_interval

SIMPLE = "simple, by scikit-image"
ALL = "all four"
FISHER = "Fisher vectors"
RADIOMICS = "PyRadiomics' features"
NETWORK = "network trained on ImageNet"
WITH_FISHER = f"all four, {FISHER}"
WITH_RADIOMICS = f"all four, {RADIOMICS}"
SETS: dict[str, Sequence[str]] = {
    SIMPLE: [SIMPLE],
    **{name: [name] for name in FAMILIES},
    "morphology, color": ["morphology", "color"],
    "morphology, color, texture": ["morphology", "color", "texture"],
    ALL: list(FAMILIES),
    WITH_FISHER: [*FAMILIES, FISHER],
    RADIOMICS: [RADIOMICS],
    WITH_RADIOMICS: [*FAMILIES, RADIOMICS],
    NETWORK: [NETWORK],
}
C = 0.03  # the same for all rows; scikit-learn's default, 1, hardly restricts so many weights
DEFAULT_C = 1.0
COST_IMAGES, COST_ROUNDS = 40, 5
RADIOMICS_FEATURES = RadiomicsFeatures(channels=("gray", "lightness", "a", "b"), n_bins=32)

INTRO = (
    "Five folds with all labels and no lesion on both sides. The predictions of the five folds are pooled. {repeats} "
    f"draws of the folds, the same for all rows ({{tree_repeats}} for trees). {DRAWS_NOTE} {LESIONS_NOTE} "
    f"*{SIMPLE}*: the features in `_simple_features.py`. Classifier: logistic regression after imputing and ranking, "
    f"with C = {C} for all rows, and with the default C = {DEFAULT_C:g} of scikit-learn. Masks: "
    "`WatershedSegmenter()`. Fisher vectors learn from all images, without labels, and are scaled as a block. "
    f"*{RADIOMICS}*: `RadiomicsFeatures` of gray, L*, a* and b* with 32 gray levels. "
    f"*{NETWORK}*: the 1 280 features of EfficientNet-Lite0, of whole images at 224 × 224 pixels.",
    "*Cost*: one thread, images at the reader's size, masks given, nothing computed before. The rows take turns, each "
    f"with {COST_IMAGES} images. The time of an image is the least of {COST_ROUNDS} rounds. The families reuse some "
    "results of each other, so all four together cost less than their sum. The time of Fisher vectors does not include "
    "learning.",
)

AUC_COLUMNS = {
    "features": text("features"),
    "columns": number("n_columns", "d"),
    "ROC AUC (95 %)": interval("auc"),
    f"minus {SIMPLE} (95 %)": interval("gain", "+.3f"),
    "with C = 1 (95 %)": interval("auc_default"),
    "minus (95 %)": interval("gain_default", "+.3f"),
}
TREE_COLUMNS = {key: AUC_COLUMNS[key] for key in list(AUC_COLUMNS)[:4]}
MASK_COLUMNS = {
    "features": text("features"),
    "automatic masks (95 %)": interval("auc"),
    "experts' masks (95 %)": interval("auc_experts"),
    "experts' minus automatic (95 %)": interval("gain", "+.3f"),
}
COST_COLUMNS = {
    "features": text("features"),
    "columns": number("n_columns", "d"),
    "ms per image, median": number("milliseconds", ".1f"),
    "slowest tenth": number("slow_milliseconds", ".1f"),
}

Rows = dict[str, NDArray[np.float64]]


def make_logistic_regression(strength: float, name: str = ALL) -> BaseEstimator:
    """Return a logistic regression after imputing and scaling as in the pipelines "all" and "learned"."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        make_melanoma_pipeline("learned" if name == WITH_FISHER else "all")["scale"],
        LogisticRegression(C=strength, max_iter=2000),
    ).set_output(transform="pandas")


def make_boosted_trees() -> BaseEstimator:
    """Return many small boosted trees."""
    return HistGradientBoostingClassifier(
        max_iter=250, learning_rate=0.04, max_leaf_nodes=6, l2_regularization=5, class_weight="balanced", random_state=0
    )


def replace_masks(segmented: Sequence[Lesion], masks: Sequence[Any]) -> list[Lesion]:
    """Return the same images with the experts' masks."""
    return [
        lesion.with_mask(resize_mask(read_mask(mask), lesion.image.shape[:2]))
        for lesion, mask in zip(segmented, masks, strict=True)
    ]


def compute_rows(segmented: Sequence[Lesion], *, progress: Progress, description: str) -> Rows:
    """Return the rows of every family of features, of simple and learned features, and of PyRadiomics' features."""
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (SIMPLE, *FAMILIES)}
    for lesion in progress.track(segmented, description=description):
        rows[SIMPLE].append(compute_simple_features(lesion))
        for name, family in FAMILIES.items():
            rows[name].append(family.transform([lesion])[0])
    tables = {name: np.array(values) for name, values in rows.items()}
    return tables | {
        RADIOMICS: RADIOMICS_FEATURES.transform(segmented),
        FISHER: FisherVectorEncoder(random_state=0).fit_transform(segmented),
        NETWORK: compute_network_features(segmented, progress=progress, description=f"{description}, network"),
    }


def cross_validate(
    rows: Rows, names: Sequence[str], lesions: Bunch, model: BaseEstimator, *, repeats: int, n_jobs: int
) -> NDArray[np.float64]:
    """Return the AUC of the pooled predictions of five folds by group, for each draw of the folds."""
    parts = {f"{'fisher' if name == FISHER else name}_": pd.DataFrame(rows[name]) for name in names}
    table = pd.concat([part.add_prefix(prefix) for prefix, part in parts.items()], axis=1)
    weights = weigh_lesions(lesions.groups, lesions.target)

    def score(seed: int) -> float:
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        probability = cross_val_predict(
            model, table, lesions.target, groups=lesions.groups, cv=folds, method="predict_proba"
        )
        return float(roc_auc_score(lesions.target, probability[:, 1], sample_weight=weights))

    return np.array(Parallel(n_jobs)(delayed(score)(seed) for seed in range(repeats)))


def make_auc_section(
    title: str, rows: Rows, lesions: Bunch, *, repeats: int, n_jobs: int, progress: Progress
) -> Section:
    """Return the table of logistic regressions on each set of features."""
    records: list[dict[str, Any]] = []
    reference: dict[float, NDArray[np.float64]] = {}
    for name, families in progress.track(SETS.items(), description=title):
        record: dict[str, Any] = {"features": name, "n_columns": count_columns(rows, name)}
        for strength, suffix in ((C, ""), (DEFAULT_C, "_default")):
            model = make_logistic_regression(strength, name)
            aucs = cross_validate(rows, families, lesions, model, repeats=repeats, n_jobs=n_jobs)
            record[f"auc{suffix}"] = mean_interval(aucs)
            record[f"gain{suffix}"] = gain_interval(aucs, reference.get(strength))
            if name == SIMPLE:
                reference[strength] = aucs
        records.append(record)
    return Section(title, AUC_COLUMNS, records)


def make_mask_section(title: str, rows: Rows, experts: Rows, lesions: Bunch, *, repeats: int, n_jobs: int) -> Section:
    """Return the table of AUCs with automatic and with the experts' masks."""
    records = []
    for name in (SIMPLE, "morphology", "color", "texture", ALL):
        automatic, expert = (
            cross_validate(each, SETS[name], lesions, make_logistic_regression(C), repeats=repeats, n_jobs=n_jobs)
            for each in (rows, experts)
        )
        records.append(
            {
                "features": name,
                "auc": mean_interval(automatic),
                "auc_experts": mean_interval(expert),
                "gain": gain_interval(expert, automatic),
            }
        )
    return Section(title, MASK_COLUMNS, records)


def make_tree_section(
    title: str, rows: Rows, lesions: Bunch, *, repeats: int, n_jobs: int, progress: Progress
) -> Section:
    """Return the table of boosted trees."""
    records: list[dict[str, Any]] = []
    for name in progress.track((SIMPLE, "color", ALL), description=title):
        aucs = cross_validate(rows, SETS[name], lesions, make_boosted_trees(), repeats=repeats, n_jobs=n_jobs)
        record = {"features": name, "n_columns": count_columns(rows, name), "auc": mean_interval(aucs)}
        gain = gain_interval(aucs, records[0]["scores"] if records else None)
        records.append(record | {"scores": list(aucs), "gain": gain})
    return Section(title, TREE_COLUMNS, records)


def count_columns(rows: Rows, name: str) -> int:
    """Return the number of columns of a set of features."""
    return sum(rows[family].shape[1] for family in SETS[name])


def make_cost_section(title: str, segmented: Sequence[Lesion]) -> Section:
    """Return the table of times: each family on a lesion without earlier results, and all families together."""

    def transform(families: Sequence[BaseEstimator], lesion: Lesion) -> None:
        fresh = lesion.with_mask(lesion.mask)
        for family in families:
            family.transform([fresh])

    timed = [lesion for lesion in segmented if lesion.area_px][:COST_IMAGES]
    encoder = FisherVectorEncoder(random_state=0).fit(timed)
    methods: dict[str, Callable[[Lesion], Any]] = {
        SIMPLE: compute_simple_features,
        **{name: partial(transform, [family]) for name, family in FAMILIES.items()},
        ALL: partial(transform, list(FAMILIES.values())),
        FISHER: partial(transform, [encoder]),
        RADIOMICS: partial(transform, [RADIOMICS_FEATURES]),
    }
    with threadpool_limits(1):
        times = time_methods(methods, timed, rounds=COST_ROUNDS)
    widths = {name: len(family.FEATURES) for name, family in FAMILIES.items()} | {SIMPLE: N_SIMPLE}
    widths |= {
        name: len(features.get_feature_names_out())
        for name, features in {FISHER: encoder, RADIOMICS: RADIOMICS_FEATURES}.items()
    }
    records = [
        {
            "features": name,
            "n_columns": sum(widths[part] for part in SETS.get(name, [name])),
            "milliseconds": float(np.median(values)),
            "slow_milliseconds": float(np.quantile(values, 0.9)),
        }
        for name, values in times.items()
    ]
    return Section(title, COST_COLUMNS, records)


def run_set(name: str, lesions: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> list[Section]:
    """Return the tables of one data set."""
    segmented = segment_images(lesions.images, progress=progress, description=f"{name}: masks")
    rows = compute_rows(segmented, progress=progress, description=f"{name}: features")
    title = f"{name}: {len(lesions.images)} images"
    sections = [make_auc_section(title, rows, lesions, repeats=repeats, n_jobs=n_jobs, progress=progress)]
    if lesions.masks is not None:
        label = f"{name}: features in the experts' masks"
        experts = compute_rows(replace_masks(segmented, lesions.masks), progress=progress, description=label)
        title = f"{name}: automatic and experts' masks"
        sections.append(make_mask_section(title, rows, experts, lesions, repeats=repeats, n_jobs=n_jobs))
    title = f"{name}: cost of the features, masks given"
    return [*sections, make_cost_section(title, segmented)]


def run_trees(name: str, lesions: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> Section:
    """Return the table of boosted trees on one data set."""
    segmented = segment_images(lesions.images, progress=progress, description=f"{name}: masks")
    rows = compute_rows(segmented, progress=progress, description=f"{name}: features")
    title = f"{name}: {len(lesions.images)} images, boosted trees"
    return make_tree_section(title, rows, lesions, repeats=repeats, n_jobs=n_jobs, progress=progress)


def main(
    data: DataOption = None,
    max_images: Annotated[int, typer.Option(min=50, help="Images of a larger data set for the regressions.")] = 1500,
    max_tree_images: Annotated[int | None, typer.Option(min=50, help="The same for boosted trees.")] = None,
    repeats: RepeatsOption = 10,
    tree_repeats: Annotated[int, typer.Option(min=2, help="Number of random draws for boosted trees.")] = 3,
    n_jobs: JobsOption = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare families of features by the AUC of a classifier and by their cost."""
    sets = load_sets(data, ("ph2", "ham10000"), max_images=max_images)
    whole = load_sets(data, ("ham10000",), max_images=max_tree_images) if data and (data / "ham10000").is_dir() else {}
    sections: list[Section] = []
    with progress_bar() as progress:
        for name, lesions in sets.items():
            sections += run_set(name, lesions, repeats=repeats, n_jobs=n_jobs, progress=progress)
        for name, lesions in whole.items():
            sections.append(run_trees(name, lesions, repeats=tree_repeats, n_jobs=n_jobs, progress=progress))
    intro = [*fill_in(INTRO, repeats=repeats, tree_repeats=tree_repeats), *describe_sets(sets)]
    write_report("features", title="Features", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
