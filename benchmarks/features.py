"""Melanoma or not, with all labels: what each family of features is worth, beside simple ones, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Annotated, Any

import numpy as np
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

from benchmarks._data import describe, load_sets
from benchmarks._lesions import FAMILIES, segment
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from benchmarks._simple_features import N_SIMPLE, measure_simply
from benchmarks._timing import time_methods
from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma._io.reading import resize_mask
from sklearn_melanoma.features import PatchEncoder
from sklearn_melanoma.images import read_mask
from sklearn_melanoma.metrics import mean_interval

SIMPLE = "simple, by scikit-image"
ALL = "all four"
PATCHES = "all four, patches"
SETS: dict[str, Sequence[str]] = {
    SIMPLE: [SIMPLE],
    **{name: [name] for name in FAMILIES},
    "shape, color": ["shape", "color"],
    "shape, color, texture": ["shape", "color", "texture"],
    ALL: list(FAMILIES),
    PATCHES: [*FAMILIES, "patches"],
}
STRENGTH = 0.03  # one for all rows; scikit-learn's own, 1, hardly holds so many weights
COST_PHOTOS, COST_ROUNDS = 40, 5

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


def logistic_regression(strength: float) -> BaseEstimator:
    """Return a plain logistic regression after imputing and scaling as the default pipeline does."""
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        make_melanoma_pipeline()["scale"],
        LogisticRegression(C=strength, max_iter=2000),
    )


def boosted_trees() -> BaseEstimator:
    """Return small trees, many of them."""
    return HistGradientBoostingClassifier(
        max_iter=250, learning_rate=0.04, max_leaf_nodes=6, l2_regularization=5, class_weight="balanced", random_state=0
    )


def redraw(lesions: Sequence[Lesion], masks: Sequence[Any]) -> list[Lesion]:
    """Return the same images with the experts' masks."""
    shapes = [lesion.image.shape[:2] for lesion in lesions]
    return [
        lesion.with_mask(resize_mask(read_mask(mask), shape))
        for lesion, mask, shape in zip(lesions, masks, shapes, strict=True)
    ]


def measure(lesions: Sequence[Lesion], *, progress: Progress, description: str) -> Rows:
    """Return the rows of every family."""
    rows: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (SIMPLE, *FAMILIES)}
    for lesion in progress.track(lesions, description=description):
        rows[SIMPLE].append(measure_simply(lesion))
        for name, family in FAMILIES.items():
            rows[name].append(family.transform([lesion])[0])
    found = {name: np.array(values) for name, values in rows.items()}
    return found | {"patches": PatchEncoder(random_state=0).fit_transform(lesions)}


def cross_validate(
    rows: Rows, names: Sequence[str], photos: Bunch, model: BaseEstimator, *, repeats: int, n_jobs: int
) -> NDArray[np.float64]:
    """Return the AUC of the pooled predictions of five folds by group, for each draw of the folds."""
    table = np.hstack([rows[name] for name in names])

    def score(seed: int) -> float:
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        probability = cross_val_predict(
            model, table, photos.target, groups=photos.groups, cv=folds, method="predict_proba"
        )
        return float(roc_auc_score(photos.target, probability[:, 1]))

    return np.array(Parallel(n_jobs)(delayed(score)(seed) for seed in range(repeats)))


def auc_section(title: str, rows: Rows, photos: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> Section:
    """Return the table of logistic regressions on each set of features."""
    records: list[dict[str, Any]] = []
    scores: dict[tuple[str, float], NDArray[np.float64]] = {}
    for name, families in progress.track(SETS.items(), description=title):
        for strength in (STRENGTH, 1.0):
            model = logistic_regression(strength)
            scores[name, strength] = cross_validate(rows, families, photos, model, repeats=repeats, n_jobs=n_jobs)
        record: dict[str, Any] = {"features": name, "n_columns": sum(rows[family].shape[1] for family in families)}
        for strength, suffix in ((STRENGTH, ""), (1.0, "_default")):
            record[f"auc{suffix}"] = mean_interval(scores[name, strength])
            gain = scores[name, strength] - scores[SIMPLE, strength]
            record[f"gain{suffix}"] = None if name == SIMPLE else mean_interval(gain)
        records.append(record)
    return Section(title, AUC_COLUMNS, records)


def mask_section(title: str, rows: Rows, experts: Rows, photos: Bunch, *, repeats: int, n_jobs: int) -> Section:
    """Return the table of what better masks would give."""
    records = []
    for name in (SIMPLE, "shape", "color", "texture", ALL):
        pair = [
            cross_validate(each, SETS[name], photos, logistic_regression(STRENGTH), repeats=repeats, n_jobs=n_jobs)
            for each in (rows, experts)
        ]
        records.append(
            {
                "features": name,
                "auc": mean_interval(pair[0]),
                "auc_experts": mean_interval(pair[1]),
                "gain": mean_interval(pair[1] - pair[0]),
            }
        )
    return Section(title, MASK_COLUMNS, records)


def tree_section(title: str, rows: Rows, photos: Bunch, *, repeats: int, n_jobs: int, progress: Progress) -> Section:
    """Return the table of boosted trees."""
    records: list[dict[str, Any]] = []
    for name in progress.track((SIMPLE, "color", ALL, PATCHES), description=title):
        auc = cross_validate(rows, SETS[name], photos, boosted_trees(), repeats=repeats, n_jobs=n_jobs)
        n_columns = sum(rows[family].shape[1] for family in SETS[name])
        records.append({"features": name, "n_columns": n_columns, "auc": mean_interval(auc), "scores": list(auc)})
        gain = auc - np.array(records[0]["scores"])
        records[-1]["gain"] = None if name == SIMPLE else mean_interval(gain)
    return Section(title, TREE_COLUMNS, records)


def cost_section(title: str, lesions: Sequence[Lesion], images: Sequence[Any]) -> Section:
    """Return the table of times: each family alone on a lesion that nobody has looked at, and all of them."""

    def transform(families: Sequence[BaseEstimator], lesion: Lesion) -> None:
        fresh = lesion.with_mask(lesion.mask)
        for family in families:
            family.transform([fresh])

    methods: dict[str, Callable[[Lesion], Any]] = {
        SIMPLE: measure_simply,
        **{name: partial(transform, [family]) for name, family in FAMILIES.items()},
        ALL: partial(transform, list(FAMILIES.values())),
    }
    lesions = [lesion for lesion in lesions if lesion.area_px][:COST_PHOTOS]
    with threadpool_limits(1):
        times = time_methods(methods, lesions, rounds=COST_ROUNDS)
    widths = {name: len(family.FEATURES) for name, family in FAMILIES.items()} | {SIMPLE: N_SIMPLE}
    records = [
        {
            "features": name,
            "n_columns": sum(widths[part] for part in SETS[name]),
            "milliseconds": float(np.median(values)),
            "slow_milliseconds": float(np.quantile(values, 0.9)),
        }
        for name, values in times.items()
    ]
    speed = photos_per_second(images)
    notes = [f"From file to all features, two processes: {speed:.0f} images a second."]
    return Section(title, COST_COLUMNS, records, notes)


def photos_per_second(images: Sequence[Any]) -> float:
    """Return the speed from file to all features with two processes, started before."""
    step = make_melanoma_pipeline(n_jobs=2)["features"]
    step.fit_transform(images[:64])  # of one batch alone, no process is started
    start = perf_counter()
    step.fit_transform(images)
    return len(images) / (perf_counter() - start)


def main(
    data: DataOption = None,
    max_photos: Annotated[int, typer.Option(min=50, help="Images of a larger set for the regressions.")] = 1500,
    max_tree_photos: Annotated[int | None, typer.Option(min=50, help="The same for boosted trees.")] = None,
    repeats: Annotated[int, typer.Option(min=2, help="Number of draws of the folds.")] = 10,
    tree_repeats: Annotated[int, typer.Option(min=2, help="The same for boosted trees.")] = 3,
    n_jobs: Annotated[int, typer.Option(help="Number of processes that fit.")] = 2,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare families of features by what a classifier makes of them, and by their cost."""
    sets = load_sets(data, ("ph2", "ham10000"), max_photos=max_photos)
    whole = load_sets(data, ("ham10000",), max_photos=max_tree_photos) if data and (data / "ham10000").is_dir() else {}
    sections = []
    with progress_bar() as progress:
        for name, photos in sets.items():
            lesions = segment(photos.images, progress=progress, description=f"{name}: masks")
            rows = measure(lesions, progress=progress, description=f"{name}: features")
            title = f"{name}: {len(photos.images)} images"
            sections.append(auc_section(title, rows, photos, repeats=repeats, n_jobs=n_jobs, progress=progress))
            if photos.masks is not None:
                drawn = redraw(lesions, photos.masks)
                experts = measure(drawn, progress=progress, description=f"{name}: features in the experts' masks")
                title = f"{name}: whose masks"
                sections.append(mask_section(title, rows, experts, photos, repeats=repeats, n_jobs=n_jobs))
            title = f"{name}: cost of the features, mask given"
            sections.append(cost_section(title, lesions, photos.images[:200]))
        for name, photos in whole.items():
            lesions = segment(photos.images, progress=progress, description=f"{name}: masks")
            rows = measure(lesions, progress=progress, description=f"{name}: features")
            title = f"{name}: {len(photos.images)} images, boosted trees"
            sections.append(tree_section(title, rows, photos, repeats=tree_repeats, n_jobs=n_jobs, progress=progress))
    intro = [
        "Five folds, no lesion on both sides, all labels; the predictions of the five folds are pooled. "
        f"{repeats} draws of the folds, the same for all rows ({tree_repeats} for trees); brackets are Student's 95 % "
        "interval over the draws, which says how much the draw matters, not how another data set would score; "
        f"differences are paired. *{SIMPLE}*: what one writes first, in `_simple_features.py`. Classifier: "
        f"imputed, scaled by ranks, logistic regression with C = {STRENGTH} for all rows alike, and with "
        "scikit-learn's own 1. Masks: `WatershedSegmenter()`. Patches learn from all images, without labels.",
        f"*Cost*: one thread, images at the reader's size, mask given, nothing known of the lesion before; each "
        f"row goes through {COST_PHOTOS} images in turn with the others, an image's time is the least of {COST_ROUNDS} "
        "rounds. What families share is found once, so together they cost less than their sum.",
        *describe(sets),
    ]
    write_report("features", title="Features", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
