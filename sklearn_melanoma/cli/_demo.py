"""Command ``demo``: all stages, from synthetic or real images to results."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.table import Table
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._sklearn_compat import ProgressBar
from sklearn_melanoma.cli._app import app, console
from sklearn_melanoma.cli._options import Processes
from sklearn_melanoma.cli._outputs import check_figure_path, prepare_output
from sklearn_melanoma.cli._progress import Tracked, make_progress_bar, show_spinner
from sklearn_melanoma.datasets import load_folder, make_lesions
from sklearn_melanoma.datasets._fetch import LOADERS
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.metrics import mask_jaccard, mask_scores, mean_interval
from sklearn_melanoma.metrics._intervals import bootstrap_interval, roc_auc
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.segmentation import WatershedSegmenter

# With fewer repeats, Student's interval is useless: it has 12.7 standard errors with two repeats.
_MIN_REPEATS = 5


#: Loaders of the layouts of image folders.
LAYOUTS: dict[str, Callable[[Path], Bunch]] = {**LOADERS, "folder": load_folder}
DatasetName = StrEnum("DatasetName", [(name, name) for name in LAYOUTS])  # type: ignore[misc]


@app.command(epilog="Example: sklearn-melanoma demo --data ph2/ --dataset ph2")
def demo(
    data: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of real images. Default: synthetic images."),
    ] = None,
    dataset: Annotated[
        DatasetName | None, typer.Option(help="Layout of that folder; 'folder' is images, labels.csv and masks.")
    ] = None,
    output: Annotated[Path, typer.Option(help="File of the figure.")] = Path("melanoma-demo.png"),
    labels: Annotated[int, typer.Option(min=2, help="Labels per class.")] = 10,
    repeats: Annotated[int, typer.Option(min=2, help="Random choices of the labeled images.")] = 20,
    n_jobs: Processes = 2,
) -> None:
    """Segment images, compute features, learn from few labels, and show the results."""
    if (data is None) != (dataset is None):
        raise typer.BadParameter("--data FOLDER and --dataset NAME go together; leave out both for synthetic images.")
    check_matplotlib("The demo")
    check_figure_path(output, "--output")
    prepare_output(output, force=True)
    with show_spinner("Finding images" if data and dataset else "Making synthetic images"):
        lesions = LAYOUTS[dataset](data) if data and dataset else make_lesions(240, random_state=0)
    labeled = np.flatnonzero(lesions.target >= 0)
    console().print(f"{len(lesions.images)} images, {np.count_nonzero(lesions.target == 1)} melanomas.")
    if lesions.masks is not None:
        console().print(_make_segmentation_table(lesions, n_jobs))
    scarcest = min(np.bincount(lesions.target[labeled], minlength=2))
    if scarcest < labels + 5:
        console().print(f"Few-label learning left out: it takes {labels + 5} images per class, got {scarcest}.")
    else:
        tables = _compute_features(lesions, n_jobs)
        console().print(_make_few_labels_table(tables, lesions, labeled, labels, repeats))
        console().print(_make_search_table(lesions, labeled, labels, n_jobs))
    with show_spinner("Drawing borders"):
        _save_figure(lesions, output)
    console().print(f"Borders over 12 images: {output}", soft_wrap=True)
    console().print("This is a research tool, not a medical device.")


def _make_segmentation_table(lesions: Bunch, n_jobs: int) -> Table:
    """Score the default segmenter in batches of 16 images, so that few masks are in memory."""
    positions = [i for i, mask in enumerate(lesions.masks) if mask is not None]
    chunks = [positions[i : i + 16] for i in range(0, len(positions), 16)]
    segmenter = WatershedSegmenter()
    jaccard: list[float] = []
    with make_progress_bar() as progress:
        task = progress.add_task("Segmenting", total=len(positions))
        for scores in Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_score_masks)(segmenter, [lesions.images[i] for i in chunk], [lesions.masks[i] for i in chunk])
            for chunk in chunks
        ):
            jaccard += list(scores)
            progress.advance(task, len(scores))
    mean, low, high = mean_interval(jaccard)
    values = np.asarray(jaccard)
    table = Table(title="Segmentation without any label (95 % interval over images)")
    for column in ("images", "mean Jaccard", "median", "threshold Jaccard", "below 0.65"):
        table.add_column(column, justify="right")
    table.add_row(
        str(len(values)),
        f"{mean:.3f} ({low:.3f} to {high:.3f})",
        f"{np.median(values):.3f}",
        f"{np.where(values < 0.65, 0, values).mean():.3f}",
        f"{np.mean(values < 0.65):.1%}",
    )
    return table


def _score_masks(segmenter: WatershedSegmenter, images: list[Any], masks: list[Any]) -> NDArray[np.float64]:
    return mask_scores(masks, segmenter.predict(images), mask_jaccard)


def _compute_features(lesions: Bunch, n_jobs: int) -> dict[str, Any]:
    """Return the feature tables of the pipelines "survey" and "all"; each reads every image once."""
    tables = {}
    for kind in ("survey", "all"):
        steps = make_melanoma_pipeline(kind, n_jobs=n_jobs)["features"].set_params(on_error="skip")
        with make_progress_bar() as progress, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            task = progress.add_task(f"Measuring: {kind} features", total=len(lesions.images))
            tables[kind] = steps.fit_transform(Tracked(lesions.images, progress, task))
        for warning in caught:
            console().print(f"[yellow]Warning:[/] {warning.message}", soft_wrap=True)
    return tables


def _make_few_labels_table(
    tables: dict[str, Any], lesions: Bunch, labeled: NDArray[np.intp], n_labels: int, repeats: int
) -> Table:
    """Learn from few labels, for several random choices of them, and score the unlabeled images."""
    interval = f"± 95 % over {repeats} choices" if repeats >= _MIN_REPEATS else f"mean of {repeats} choices"
    table = Table(title=f"{n_labels} labels per class, scored on the unlabeled images ({interval})")
    for column in ("pipeline", "ROC AUC", "balanced accuracy", "sensitivity", "specificity"):
        table.add_column(column, justify="right" if column != "pipeline" else "left", no_wrap=column == "pipeline")
    models = {kind: (kind, make_melanoma_pipeline(kind)[1:]) for kind in tables}
    # This baseline learns from the labeled images only, because it has no round of self-training.
    labels_only = SelfTrainingClassifier(LogisticRegression(class_weight="balanced", max_iter=1000), max_iter=0)
    models |= {f"{kind}, labels only": (kind, make_melanoma_pipeline(kind, labels_only)[1:]) for kind in tables}
    scores: dict[str, list[list[float]]] = {name: [] for name in models}
    with make_progress_bar() as progress:
        for repeat in progress.track(range(repeats), description="Learning from few labels"):
            labels = np.full(len(lesions.target), -1)
            labels[labeled] = hide_labels(lesions.target[labeled], n_labels, random_state=repeat)
            rows_to_score = _find_unseen_lesions(lesions, labels)
            for name, (kind, model) in models.items():
                fitted = clone(model).fit(tables[kind], labels)
                scores[name].append(_score_model(fitted, tables[kind], lesions.target, rows_to_score))
    for name in sorted(scores):
        intervals = [mean_interval(column) for column in zip(*scores[name], strict=True)]
        halves = [f" ± {mean - low:.2f}" if repeats >= _MIN_REPEATS else "" for mean, low, _ in intervals]
        table.add_row(name, *(f"{mean:.2f}{half}" for (mean, _, _), half in zip(intervals, halves, strict=True)))
    return table


def _find_unseen_lesions(lesions: Bunch, labels: NDArray[np.int_]) -> NDArray[np.intp]:
    """Return the positions of the images to score; no image of their lesion keeps its label."""
    seen = np.isin(lesions.groups, np.asarray(lesions.groups)[labels >= 0])
    return np.flatnonzero((lesions.target >= 0) & ~seen)


def _score_model(model: Pipeline, table: Any, target: NDArray[np.int_], rows: NDArray[np.intp]) -> list[float]:
    truth, probabilities = target[rows], model.predict_proba(table.iloc[rows])[:, 1]
    predicted = probabilities >= 0.5
    return [
        roc_auc_score(truth, probabilities),
        balanced_accuracy_score(truth, predicted),
        recall_score(truth, predicted),
        recall_score(truth, predicted, pos_label=0),
    ]


def _make_search_table(lesions: Bunch, labeled: NDArray[np.intp], n_labels: int, n_jobs: int) -> Table:
    """Tune the whole pipeline on two thirds of at most 180 images, and score it on the other third."""
    chosen = np.random.default_rng(0).permutation(labeled)[:180]
    groups = np.asarray(lesions.groups)[chosen]
    train, test = next(
        (chosen[a], chosen[b])
        for a, b in GroupShuffleSplit(50, test_size=1 / 3, random_state=0).split(chosen, groups=groups)
        if min(np.bincount(lesions.target[chosen[a]], minlength=2)) >= n_labels
        and len(set(lesions.target[chosen[b]])) == 2
    )
    labels = hide_labels(lesions.target[train], n_labels, random_state=0)
    search = GridSearchCV(
        make_melanoma_pipeline("survey"),
        {"features__segment__margin": [0.0, 0.01], "classify__threshold": [0.6, 0.75, 0.9]},
        cv=SemiSupervisedSplit(3),
        scoring="roc_auc",
        n_jobs=n_jobs,
        error_score="raise",
    )
    with _show_search_progress(search), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        search.fit([lesions.images[i] for i in train], labels, groups=np.asarray(lesions.groups)[train])
        probabilities = search.predict_proba([lesions.images[i] for i in test])[:, 1]
    auc, low, high = bootstrap_interval(roc_auc, lesions.target[test] == 1, probabilities)
    best = ", ".join(f"{name.rsplit('__', 1)[1]} {value}" for name, value in search.best_params_.items())
    table = Table(title=f"The survey's whole pipeline tuned by GridSearchCV on {n_labels} labels per class")
    for column in ("best parameters", "AUC in cross-validation", "AUC on unseen images"):
        table.add_column(column)
    table.add_row(best, f"{search.best_score_:.3f}", f"{auc:.3f} ({low:.3f} to {high:.3f})")
    return table


def _save_figure(lesions: Bunch, output: Path) -> None:
    shown = np.random.default_rng(0).permutation(len(lesions.images))[:12]
    masks = None if lesions.masks is None else [lesions.masks[i] for i in shown]
    display = BorderDisplay.from_estimator(WatershedSegmenter(), [lesions.images[i] for i in shown], masks)
    display.figure_.savefig(output, dpi=120)


@contextmanager
def _show_search_progress(search: GridSearchCV) -> Iterator[None]:
    """Show the progress of a search, with scikit-learn's own bar on standard output if it has one."""
    if ProgressBar is None or not (sys.stdout.isatty() and sys.stderr.isatty()):
        with show_spinner("Tuning the whole pipeline"):
            yield
    else:
        search.set_callbacks(ProgressBar(max_propagation_depth=0))
        yield
