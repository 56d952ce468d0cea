"""Features learned from images without a label beside hand-made ones: patches, and an invariant projection."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._data import describe, load_sets
from benchmarks._lesions import FAMILIES, segment
from benchmarks._options import DataOption, MaxPhotosOption, ResultsOption
from benchmarks._report import RESULTS, Section, interval, number, progress_bar, text, write_report
from sklearn_melanoma import Lesion
from sklearn_melanoma.experimental._augmentation import make_view
from sklearn_melanoma.experimental._invariance import find_projection
from sklearn_melanoma.features import InvariantProjection, PatchEncoder
from sklearn_melanoma.metrics import mean_interval
from sklearn_melanoma.model_selection import hide_labels

LABELS_PER_CLASS = (5, 10, 50)
LEAST_HELD_OUT = 5  # with fewer of a class to score on, the AUC jumps from repeat to repeat
BASELINE = "hand-made"
# The regularization of each: for the patches what half of the groups of 1 000 images of HAM10000 liked best at 5,
# 10 and 25 labels, for the hand-made features that of the benchmark of features.
METHODS = {
    BASELINE: 0.03,
    "patches": 0.01,
    "hand-made + patches": 0.01,
    "projection of hand-made": 0.1,
    "projection of hand-made + patches": 0.1,
}

COLUMNS = {
    "labels per class": number("labels_per_class", "d"),
    "features": text("method"),
    "columns": number("columns", "d"),
    "ROC AUC (95 %)": interval("auc"),
    "minus hand-made (95 %)": interval("gain", "+.3f"),
    "ROC AUC on altered images (95 %)": interval("altered_auc"),
    "minus hand-made (95 %)  ": interval("altered_gain", "+.3f"),
}

Rows = NDArray[np.float64]


def hand_made() -> FeatureUnion:
    """Return the features that need no images to learn from."""
    return FeatureUnion(list(FAMILIES.items()))


def run_set(
    lesions: list[Lesion], target: NDArray[Any], groups: NDArray[Any], *, repeats: int, advance: Callable[[], None]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the records of one data set, and what there is to note.

    Everything that needs no label learns from the images that are not held out. The copies are drawn once for
    all repeats, which is why the projection is put together here from the parts of `InvariantProjection`.
    """
    found = np.array([lesion.area_px > 0 for lesion in lesions])
    kept = [lesion for lesion, is_found in zip(lesions, found, strict=True) if is_found]
    target, groups = target[found], groups[found]
    defaults = InvariantProjection(hand_made()).get_params(deep=False)
    random = np.random.RandomState(0)
    # The last copy of each lesion is not learned from: the altered images to score on.
    views = [[lesion, *(make_view(lesion, random) for _ in range(defaults["n_copies"] + 1))] for lesion in kept]
    measured = np.stack([hand_made().fit_transform(several) for several in views])
    scores: dict[tuple[int, str, str], list[float]] = {}
    columns: dict[str, int] = {}
    for repeat in range(repeats):
        thirds = StratifiedGroupKFold(3, shuffle=True, random_state=repeat)
        train, test = next(thirds.split(kept, target, groups))
        encoder = PatchEncoder(random_state=repeat).fit([kept[i] for i in train])
        patches = np.stack([encoder.transform(several) for several in views])
        both = np.concatenate([measured, patches], axis=2)
        tables = {BASELINE: measured, "patches": patches, "hand-made + patches": both}
        for name in (BASELINE, "hand-made + patches"):
            rows = tables[name]
            project = find_projection(
                rows[train, :-1], min(defaults["n_components"], rows.shape[2]), shrinkage=defaults["shrinkage"]
            )
            projected = project.apply(rows)
            tables[f"projection of {name}"] = projected / np.sqrt(projected[train, 0].var(axis=0).mean())
        columns = {name: rows.shape[2] for name, rows in tables.items()}
        for n_per_class in LABELS_PER_CLASS:
            drawn = draw_labels(target[train], n_per_class, repeat)
            if drawn is None or min(np.bincount(target[test], minlength=2)) < LEAST_HELD_OUT:
                continue
            for name, rows in tables.items():
                model = fit(rows[train, 0], drawn, METHODS[name], scaled=not name.startswith("projection"))
                for kind, view in (("auc", 0), ("altered_auc", -1)):
                    decided = model(rows[test, view])
                    scores.setdefault((n_per_class, name, kind), []).append(roc_auc_score(target[test], decided))
        advance()
    return summarize(scores, columns, repeats), [f"No lesion found, left out: {np.count_nonzero(~found)} images."]


def draw_labels(target: NDArray[Any], n_per_class: int, seed: int) -> NDArray[Any] | None:
    """Hide all but some labels of each class; None if a class has fewer."""
    if min(np.bincount(target, minlength=2)) < n_per_class:
        return None
    return hide_labels(target, n_per_class, random_state=seed)


def fit(rows: Rows, labels: NDArray[Any], strength: float, *, scaled: bool) -> Callable[[Rows], Rows]:
    """Impute and scale on all rows, fit a logistic regression on the labeled ones; return what scores others."""
    steps = [SimpleImputer(strategy="median", keep_empty_features=True), *([StandardScaler()] if scaled else [])]
    prepare = make_pipeline(*steps).fit(rows)
    labeled = labels != -1
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    model.fit(prepare.transform(rows[labeled]), labels[labeled])
    return lambda others: model.decision_function(prepare.transform(others))


def summarize(
    scores: dict[tuple[int, str, str], list[float]], columns: dict[str, int], repeats: int
) -> list[dict[str, Any]]:
    """Return one record for each number of labels and kind of features; no records where a repeat had too few."""
    records = []
    for n_per_class in LABELS_PER_CLASS:
        if len(scores.get((n_per_class, BASELINE, "auc"), ())) < repeats:
            continue
        for name in METHODS:
            record: dict[str, Any] = {"labels_per_class": n_per_class, "method": name, "columns": columns[name]}
            for kind, gain in (("auc", "gain"), ("altered_auc", "altered_gain")):
                values = np.array(scores[n_per_class, name, kind])
                record[kind] = mean_interval(values)
                difference = values - scores[n_per_class, BASELINE, kind]
                record[gain] = None if name == BASELINE else mean_interval(difference)
            records.append(record)
    return records


def main(
    data: DataOption = None,
    max_photos: MaxPhotosOption = 1000,
    repeats: Annotated[int, typer.Option(min=2, help="Number of splits and draws of the labels.")] = 10,
    results: ResultsOption = RESULTS,
) -> None:
    """Score images of which only a few of the others have a label."""
    sets = load_sets(data, ("ph2", "ham10000"), max_photos=max_photos)
    sections = []
    with progress_bar() as progress:
        for name, photos in sets.items():
            lesions = segment(photos.images, progress=progress, description=f"{name}: masks")
            task = progress.add_task(f"{name}: repeats", total=repeats)
            target = (np.asarray(photos.target) == 1).astype(int)
            records, notes = run_set(
                lesions, target, np.asarray(photos.groups), repeats=repeats, advance=partial(progress.advance, task)
            )
            title = f"{name}: {len(lesions)} images, {np.count_nonzero(target)} melanomas"
            sections.append(Section(title, COLUMNS, records, notes))
    intro = [
        f"A third of the groups is held out, {repeats} times; of the other images a few of each class keep their "
        "label, and all serve to learn patches, to find projections, to impute and to scale. A logistic regression is "
        "fitted on the labeled ones. Brackets: Student's 95 % interval over the repeats, which says how much the draw "
        "matters, not how another data set would score; the differences are paired. Numbers of labels that a class "
        "does not have are left out. The defaults and the regularization were chosen on 506 images of HAM10000.",
        "*Hand-made*: the four families of shape, color, texture and ABCD. *Patches*: `PatchEncoder()`. *Projection*: "
        "`InvariantProjection`, its columns not scaled. *On altered images*: the held-out images are turned, put under "
        "another light and given another border, like the copies that the projection learns from.",
        *describe(sets),
    ]
    write_report("patches", title="Learned features", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
