"""Parameter search with cached feature rows (``memory=``): time relative to one pass and the classifier's own time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import Progress
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

from benchmarks._data import load_sets, save_images
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, synthetic_note, text, write_report
from benchmarks._timing import find_least_time
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures
from sklearn_melanoma.pipeline._memory import cache as row_cache
from sklearn_melanoma.pipeline._memory.keys import digest_file, digest_steps, identify_image

SETS = ("ph2", "isic2017")
MAX_RATIO = 1.3
FOLDS = 5
ABCD, COLOR = list(AbcdFeatures().get_feature_names_out()), list(ColorFeatures().get_feature_names_out())

INTRO = (
    "`GridSearchCV` over {candidates} values of `C` of a logistic regression and {folds} folds. Its input are paths of "
    "images, its pipeline is `make_melanoma_pipeline(features, classifier, memory=folder)`. For comparison: one pass "
    "over the images without `memory`, and the same search on the table that this pass makes. Processor time in "
    "seconds, one thread; rounds: {rounds}.",
)
SEARCH_NOTES = (
    "Largest ratio to one pass and the classifier's own time: {most:.2f}, {verdict} the limit of {limit}. The images "
    "alone add {fewest_passes:.2f} to {most_passes:.2f} passes.",
    "The time added by images is the time of a search with a classifier that takes no time, minus the time of the same "
    "search on a table. This time and that of one pass are the least of all rounds. The searches were run once.",
    "Without `memory`, the search takes {n_passes} passes. With `memory`, each fit still looks up the rows, and copies "
    "and checks the steps. The larger the data set, the smaller the fraction of this time.",
)
CHANGE_NOTE = "Each is the first call of a process; the rows of the default pipeline are cached."

SEARCH_COLUMNS = {
    "data set": text("set"),
    "images": number("n_images", "d"),
    "features": text("features"),
    "one pass (s)": number("pass", ".2f"),
    "search on a table (s)": number("table", ".2f"),
    "search, empty cache (s)": number("cold", ".2f"),
    "search, full cache (s)": number("warm", ".2f"),
    "added by images (passes)": number("passes", ".2f"),
    "ratio to one pass and table": number("ratio", ".2f"),
}
CHANGE_COLUMNS = {"change": text("change"), "fraction of one pass": number("fraction", ".3f")}
IMAGE_US, IMAGE_MS, CALL_MS = "µs per image", "ms per image", "ms per call"
COST_COLUMNS = {"what": text("what"), "cost": number("cost", ".3g"), "unit": text("unit")}

measure_seconds = partial(find_least_time, clock=process_time)


def forget_rows() -> None:
    """Delete the rows that this process holds, as in a new process."""
    row_cache._HELD.clear()


def make_search(
    features: str, X: Any, target: Any, *, classifier: Any, grid: dict[str, Any], folder: str | None = None
) -> Callable[[], Any]:
    """Return a search over parameters of a classifier, on images or on their table."""
    model = make_melanoma_pipeline(features, clone(classifier), memory=folder)
    if isinstance(classifier, DummyClassifier):
        model.set_params(impute="passthrough", scale="passthrough")
    pipeline = model if isinstance(X, list) else model[1:]
    search = GridSearchCV(pipeline, grid, cv=FOLDS, scoring="roc_auc", error_score="raise")
    return partial(search.fit, X, target)


def time_search(
    name: str, features: str, paths: Sequence[str], target: Any, *, candidates: int, rounds: int
) -> dict[str, Any]:
    """Time a search over parameters of the classifier, with images and with their table.

    The time added by images is measured with a classifier that takes no time. The difference of two searches with a
    real classifier would be lost in the noise of a shared machine.
    """
    image_steps = make_melanoma_pipeline(features)["features"]
    table = image_steps.transform(paths)
    on_images, on_table = (partial(make_search, features, X, target) for X in (list(paths), table))
    real = {
        "classifier": LogisticRegression(max_iter=1000),
        "grid": {"classify__estimator__C": np.geomspace(1e-3, 1e2, candidates)},
    }
    idle = {"classifier": DummyClassifier(), "grid": {"classify__estimator__random_state": range(candidates)}}
    times: dict[str, float] = {}
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            taken = {
                "pass": measure_seconds(lambda: image_steps.transform(paths)),
                "idle": measure_seconds(on_images(**idle, folder=folder)),
                "idle on a table": measure_seconds(on_table(**idle)),
            }
        times = {name: min(time, times.get(name, np.inf)) for name, time in taken.items()}
    with TemporaryDirectory() as folder:
        times["cold"] = measure_seconds(on_images(**real, folder=folder))
        times["warm"] = measure_seconds(on_images(**real, folder=folder))
        times["table"] = measure_seconds(on_table(**real))
    added = times["idle"] - times["idle on a table"]
    return {
        "set": name,
        "n_images": len(paths),
        "features": features,
        **times,
        "passes": added / times["pass"],
        "ratio": (added + times["table"]) / (times["pass"] + times["table"]),
    }


def time_changes(paths: Sequence[str], folder: str) -> list[dict[str, Any]]:
    """Time the features after a change of the pipeline, as a fraction of one pass."""
    plain = make_melanoma_pipeline()["features"]
    one_pass = measure_seconds(lambda: plain.transform(paths), rounds=2)
    cached = clone(plain).set_params(memory=folder)
    cached.transform(paths)
    changes: dict[str, dict[str, Any]] = {
        "nothing": {},
        "number of processes, size of the batches": {"n_jobs": 1, "batch_size": 20},
        "one family of four left out": {"measure__texture": "drop"},
        "one family of four, the ABCD rule: one score less": {"measure__abcd": AbcdFeatures(ABCD[:-1])},
        "one family of four, color: one column less": {"measure__color": ColorFeatures(COLOR[:-1])},
        "a parameter of the segmenter": {"segment__margin": 0.01},
        "the same parameter back at its default": {"segment__margin": 0},
    }
    records = []
    for change, parameters in changes.items():
        pipeline = clone(cached).set_params(**parameters)
        forget_rows()
        seconds = measure_seconds(partial(pipeline.transform, paths))
        records.append({"change": change, "fraction": seconds / one_pass})
    return records


def measure_parts(paths: Sequence[str], folder: str) -> list[dict[str, Any]]:
    """Measure the time and the size of each part of the cache."""
    cached = make_melanoma_pipeline(memory=folder)["features"]
    cached.transform(paths)
    n_images = len(paths)

    def transform_in_new_process() -> None:
        forget_rows()
        cached.transform(paths)

    def digest_files() -> None:
        for path in paths:
            digest_file(path)

    array = np.random.default_rng(0).integers(0, 256, (576, 768, 3), dtype=np.uint8)
    X = np.random.default_rng(0).normal(size=(2000, 20))
    forest = ExtraTreesClassifier(100, random_state=0).fit(X, X[:, 0] > 0)
    size = sum(file.stat().st_size for file in Path(folder).iterdir())
    file_size = np.mean([Path(path).stat().st_size for path in paths]) / 1e6
    n_columns = len(cached.get_feature_names_out())
    calls: list[tuple[str, Callable[[], Any], int, float, str]] = [
        ("table of cached rows, in this process", lambda: cached.transform(paths), 20, n_images / 1e6, IMAGE_US),
        ("the same, first call of a process", transform_in_new_process, 20, n_images / 1e6, IMAGE_US),
        (f"digest of a file of {file_size:.1f} MB, once", digest_files, 3, n_images / 1e3, IMAGE_MS),
        ("digest of an array, 768 × 576, every time", lambda: identify_image(array), 20, 1 / 1e3, IMAGE_MS),
        ("digest of the steps", lambda: digest_steps(cached._active()), 20, 1 / 1e3, CALL_MS),
        ("digest of a forest of 100 trees, 2 000 samples", lambda: digest_steps([forest]), 5, 1 / 1e3, CALL_MS),
    ]
    costs = [
        (what, measure_seconds(function, rounds=rounds) / per, unit) for what, function, rounds, per, unit in calls
    ]
    costs.append((f"file, {n_columns} columns", size / n_images / 1e3, "kB per image"))
    return [dict(zip(COST_COLUMNS, cost, strict=True)) for cost in costs]


def measure_sets(
    sets: dict[str, tuple[list[str], Any]], *, candidates: int, rounds: int, progress: Progress
) -> list[Section]:
    """Time searches on all data sets, and the parts of the cache on the first one."""
    task = progress.add_task("searches", total=2 * len(sets) + 2)
    searches = []
    for name, (paths, target) in sets.items():
        for features in ("all", "survey"):
            searches.append(time_search(name, features, paths, target, candidates=candidates, rounds=rounds))
            progress.advance(task)
    paths, _ = next(iter(sets.values()))
    with TemporaryDirectory() as folder:
        changes = time_changes(paths, folder)
        progress.advance(task)
    with TemporaryDirectory() as folder:
        parts = measure_parts(paths, folder)
        progress.advance(task)
    most, passes = max(record["ratio"] for record in searches), [record["passes"] for record in searches]
    notes = fill_in(
        SEARCH_NOTES,
        most=most,
        verdict="within" if most <= MAX_RATIO else "**above**",
        limit=MAX_RATIO,
        fewest_passes=min(passes),
        most_passes=max(passes),
        n_passes=candidates * FOLDS + 1,
    )
    return [
        Section("Search", SEARCH_COLUMNS, searches, notes),
        Section("After a change", CHANGE_COLUMNS, changes, [CHANGE_NOTE]),
        Section("Cost of the cache", COST_COLUMNS, parts),
    ]


def main(
    data: DataOption = None,
    candidates: Annotated[int, typer.Option(min=1, help="Number of values of the classifier's parameter.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="Number of times that each search is timed.")] = 3,
    results: ResultsOption = RESULTS,
) -> None:
    """Time parameter searches over images whose feature rows are cached."""
    warnings.filterwarnings("ignore", message="No lesion was found")
    with TemporaryDirectory() as folder, threadpool_limits(1), progress_bar() as progress:
        sets = {
            name: (save_images(lesions.images, Path(folder)), lesions.target)
            for name, lesions in load_sets(data, SETS).items()
        }
        sections = measure_sets(sets, candidates=candidates, rounds=rounds, progress=progress)
    intro = [*fill_in(INTRO, candidates=candidates, folds=FOLDS, rounds=rounds), *synthetic_note(sets)]
    write_report("cache", title="Cached rows", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
