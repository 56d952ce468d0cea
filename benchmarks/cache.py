"""What a search over images costs with ``memory=``, beside one pass over them and the classifier's own time."""

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

from benchmarks._data import DRAWN, DRAWN_NOTE, load_sets, save_photos
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures
from sklearn_melanoma.pipeline._memory import cache as row_cache
from sklearn_melanoma.pipeline._memory.keys import digest_file, digest_steps, name_photo

SETS = ("ph2", "isic2017")
LIMIT = 1.3
FOLDS = 5
ABCD, COLOR = list(AbcdFeatures().get_feature_names_out()), list(ColorFeatures().get_feature_names_out())

SEARCH_COLUMNS = {
    "set": text("set"),
    "images": number("n_photos", "d"),
    "features": text("features"),
    "one pass (s)": number("pass", ".2f"),
    "search on a table (s)": number("table", ".2f"),
    "search, nothing kept (s)": number("cold", ".2f"),
    "all kept (s)": number("warm", ".2f"),
    "what images add (passes)": number("passes", ".2f"),
    "with them, over one pass and table": number("ratio", ".2f"),
}
AGAIN_COLUMNS = {"what is changed": text("change"), "share of one pass": number("share", ".3f")}
PHOTO_US, PHOTO_MS, CALL_MS = "µs per image", "ms per image", "ms per call"
COST_COLUMNS = {"what": text("what"), "cost": number("cost", ".3g"), "unit": text("unit")}


def seconds(function: Callable[[], Any], rounds: int = 1) -> float:
    """Return the processor time of a call, the least of some."""
    times = []
    for _ in range(rounds):
        start = process_time()
        function()
        times.append(process_time() - start)
    return min(times)


def new_process() -> None:
    """Forget what this process holds."""
    row_cache._HELD.clear()


def time_search(
    name: str, features: str, paths: Sequence[str], target: Any, *, candidates: int, rounds: int
) -> dict[str, Any]:
    """Time a search over parameters of the classifier, with images and with the table that they make.

    What images add is timed with a classifier that takes no time: as the difference of two searches with a real one, it
    would drown in the noise of a shared machine.
    """
    image_steps = make_melanoma_pipeline(features)["features"]
    table = image_steps.transform(paths)
    real = LogisticRegression(max_iter=1000), {"classify__C": np.geomspace(1e-3, 1e2, candidates)}
    idle = DummyClassifier(), {"classify__random_state": range(candidates)}

    def search(X: Any, classifier: Any, grid: dict[str, Any], folder: str | None = None) -> Callable[[], Any]:
        model = make_melanoma_pipeline(features, clone(classifier), memory=folder)
        if classifier is idle[0]:
            model.set_params(impute="passthrough", scale="passthrough")
        pipeline = model if X is paths else model[1:]
        whole = GridSearchCV(pipeline, grid, cv=FOLDS, scoring="roc_auc", error_score="raise")
        return partial(whole.fit, X, target)

    times: dict[str, float] = {}
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            taken = {
                "pass": seconds(lambda: image_steps.transform(paths)),
                "idle": seconds(search(paths, *idle, folder)),
                "idle on a table": seconds(search(table, *idle)),
            }
        times = {name: min(time, times.get(name, np.inf)) for name, time in taken.items()}
    with TemporaryDirectory() as folder:
        times["cold"] = seconds(search(paths, *real, folder))
        times["warm"] = seconds(search(paths, *real, folder))
        times["table"] = seconds(search(table, *real))
    photos = times["idle"] - times["idle on a table"]
    return {
        "set": name,
        "n_photos": len(paths),
        "features": features,
        **times,
        "passes": photos / times["pass"],
        "ratio": (photos + times["table"]) / (times["pass"] + times["table"]),
    }


def time_changes(paths: Sequence[str], folder: str) -> list[dict[str, Any]]:
    """Time what is measured again after a change."""
    plain = make_melanoma_pipeline()["features"]
    one_pass = seconds(lambda: plain.transform(paths), 2)
    kept = clone(plain).set_params(memory=folder)
    kept.transform(paths)
    changes: dict[str, dict[str, Any]] = {
        "nothing": {},
        "number of processes, size of the batches": {"n_jobs": 1, "batch_size": 20},
        "one family of four left out": {"measure__texture": "drop"},
        "one family of four, the ABCD rule: one score less": {"measure__abcd": AbcdFeatures(ABCD[:-1])},
        "one family of four, color: one column less": {"measure__color": ColorFeatures(COLOR[:-1])},
        "a parameter of the segmenter": {"segment__margin": 0.01},
        "the same back again": {"segment__margin": 0},
    }
    records = []
    for change, parameters in changes.items():
        pipeline = clone(kept).set_params(**parameters)
        new_process()
        records.append({"change": change, "share": seconds(lambda p=pipeline: p.transform(paths)) / one_pass})
    return records


def time_parts(paths: Sequence[str], folder: str) -> list[dict[str, Any]]:
    """Time and weigh what keeping rows adds."""
    kept = make_melanoma_pipeline(memory=folder)["features"]
    kept.transform(paths)
    n_photos = len(paths)

    def from_file() -> None:
        new_process()
        kept.transform(paths)

    def read_files() -> None:
        for path in paths:
            digest_file(path)

    array = np.random.default_rng(0).integers(0, 256, (576, 768, 3), dtype=np.uint8)
    X = np.random.default_rng(0).normal(size=(2000, 20))
    forest = ExtraTreesClassifier(100, random_state=0).fit(X, X[:, 0] > 0)
    size = sum(file.stat().st_size for file in Path(folder).iterdir())
    file_size = np.mean([Path(path).stat().st_size for path in paths]) / 1e6
    costs = [
        ("table of kept rows, in this process", seconds(lambda: kept.transform(paths), 20) / n_photos * 1e6, PHOTO_US),
        ("the same, first call of a process", seconds(from_file, 20) / n_photos * 1e6, PHOTO_US),
        (f"content of a file of {file_size:.1f} MB, once", seconds(read_files, 3) / n_photos * 1e3, PHOTO_MS),
        ("content of an array, 768 × 576, every time", seconds(lambda: name_photo(array), 20) * 1e3, PHOTO_MS),
        ("describing the steps", seconds(lambda: digest_steps(kept._active()), 20) * 1e3, CALL_MS),
        ("describing a forest of 100 trees, 2 000 samples", seconds(lambda: digest_steps([forest]), 5) * 1e3, CALL_MS),
        (f"file, {len(kept.get_feature_names_out())} columns", size / n_photos / 1e3, "kB per image"),
    ]
    return [dict(zip(COST_COLUMNS, (what, cost, unit), strict=True)) for what, cost, unit in costs]


def run(sets: dict[str, tuple[list[str], Any]], *, candidates: int, rounds: int, progress: Progress) -> list[Section]:
    """Time searches on all sets, and the parts on the first."""
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
        parts = time_parts(paths, folder)
        progress.advance(task)
    most = max(record["ratio"] for record in searches)
    verdict = (
        f"Most: {most:.2f} of one pass and the classifier's own time, {'within' if most <= LIMIT else '**above**'} the "
        f"limit of {LIMIT}; images alone add {min(record['passes'] for record in searches):.2f} to "
        f"{max(record['passes'] for record in searches):.2f} passes."
    )
    added = (
        "What images add is the cost of the same search with a classifier that takes no time, less that on a table. It "
        "and one pass are the least of all rounds; the seconds of the searches are those of one run each."
    )
    without = (
        f"Without `memory`, the search takes {candidates * FOLDS + 1} passes. With it, what is left beside the one is "
        "to look up rows and to copy and check the steps for each fit: the larger the set, the smaller its share."
    )
    first = "Each as the first call of a process, while the rows of the default pipeline are kept."
    return [
        Section("Search", SEARCH_COLUMNS, searches, [verdict, added, without]),
        Section("After a change", AGAIN_COLUMNS, changes, [first]),
        Section("What keeping rows adds", COST_COLUMNS, parts),
    ]


def main(
    data: DataOption = None,
    candidates: Annotated[int, typer.Option(min=1, help="Number of values of the classifier's parameter.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="How often each search is timed.")] = 3,
    results: ResultsOption = RESULTS,
) -> None:
    """Time searches over images of which the rows are kept."""
    warnings.filterwarnings("ignore", message="No lesion was found")
    with TemporaryDirectory() as folder, threadpool_limits(1), progress_bar() as progress:
        sets = {
            name: (save_photos(photos.images, Path(folder)), photos.target)
            for name, photos in load_sets(data, SETS).items()
        }
        sections = run(sets, candidates=candidates, rounds=rounds, progress=progress)
    intro = [
        f"`GridSearchCV` over {candidates} values of a logistic regression's `C` and {FOLDS} folds, on the paths of "
        "images, by `make_melanoma_pipeline(features, classifier, memory=folder)`. Beside it, one pass over the images "
        "without `memory`, and the same search on the table that this makes. Seconds of the processor, one thread; "
        f"rounds: {rounds}.",
        *([DRAWN_NOTE] if DRAWN in sets else []),
    ]
    write_report("cache", title="Rows that are kept", intro=intro, sections=sections, folder=results)


if __name__ == "__main__":
    typer.run(main)
