"""The command line: ``sklearn-melanoma``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed

from sklearn_melanoma import __version__, make_melanoma_pipeline
from sklearn_melanoma._sklearn_compat import ProgressBar
from sklearn_melanoma.datasets import load_folder, load_ham10000, load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.inspection import BorderDisplay
from sklearn_melanoma.inspection._borders import check_matplotlib
from sklearn_melanoma.metrics import mask_jaccard, mask_scores, mean_interval
from sklearn_melanoma.metrics._classification import bootstrap_interval, roc_auc
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.segmentation import WatershedSegmenter

try:
    import typer
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table
except ImportError as error:
    raise ImportError(
        "The command line needs typer and rich. Install them with: pip install 'sklearn-melanoma[cli]'"
    ) from error

app = typer.Typer(help="Melanoma in dermoscopic images from few labels. Not a medical device.", no_args_is_help=True)
console = Console()


class DatasetName(StrEnum):
    """The data sets whose layouts are known."""

    ph2 = "ph2"
    isic2017 = "isic2017"
    ham10000 = "ham10000"
    folder = "folder"


LOADERS: dict[DatasetName, Callable[[Path], Bunch]] = {
    DatasetName.ph2: load_ph2,
    DatasetName.isic2017: load_isic_2017,
    DatasetName.ham10000: load_ham10000,
    DatasetName.folder: load_folder,
}


def main() -> None:
    """Run the command line; input errors end it with one line instead of a traceback."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        console.print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version and stop.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="Folder of real images; made ones without it.")] = None,
    dataset: Annotated[
        DatasetName | None, typer.Option(help="Layout of that folder; 'folder' is images, labels.csv and masks.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Where the figure is written.")] = Path("melanoma-demo.png"),
    labels: Annotated[int, typer.Option(min=2, help="Known labels per class.")] = 10,
    repeats: Annotated[int, typer.Option(min=2, help="Random choices of the known labels.")] = 20,
    n_jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
) -> None:
    """Segment, measure, hide most labels, learn from the rest, and show how well all that went."""
    if (data is None) != (dataset is None):
        raise typer.BadParameter("--data FOLDER and --dataset NAME go together; leave out both for made images.")
    check_matplotlib("The demo")
    output.parent.mkdir(parents=True, exist_ok=True)
    with _working("Finding images" if data and dataset else "Making images"):
        photos = LOADERS[dataset](data) if data and dataset else make_lesions(240, random_state=0)
    known = np.flatnonzero(photos.target >= 0)
    console.print(f"{len(photos.images)} images, {np.count_nonzero(photos.target == 1)} melanomas.")
    if photos.masks is not None:
        console.print(_segmentation_table(photos, n_jobs))
    scarcest = min(np.bincount(photos.target[known], minlength=2))
    if scarcest < labels + 5:
        console.print(f"Few-label learning left out: it takes {labels + 5} images of each class, got {scarcest}.")
    else:
        tables = _measure(photos, n_jobs)
        console.print(_few_labels_table(tables, photos, known, labels, repeats))
        console.print(_search_table(photos, known, labels, n_jobs))
    with _working("Drawing borders"):
        _save_figure(photos, output)
    console.print(f"Borders over 12 images: {output}", soft_wrap=True)
    console.print("This is a research tool, not a medical device.")


def _segmentation_table(photos: Bunch, n_jobs: int) -> Table:
    """Score the default segmenter, a few images at a time so that no more masks are held."""
    positions = [i for i, mask in enumerate(photos.masks) if mask is not None]
    chunks = [positions[i : i + 16] for i in range(0, len(positions), 16)]
    segmenter = WatershedSegmenter()
    jaccard: list[float] = []
    with _progress_bar() as progress:
        task = progress.add_task("Segmenting", total=len(positions))
        for scores in Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_score_masks)(segmenter, [photos.images[i] for i in chunk], [photos.masks[i] for i in chunk])
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


def _measure(photos: Bunch, n_jobs: int) -> dict[str, Any]:
    """Read each image once for each kind of features."""
    tables = {}
    for kind in ("survey", "all"):
        steps = make_melanoma_pipeline(kind, n_jobs=n_jobs)["features"].set_params(on_error="skip")
        with _progress_bar() as progress, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            tables[kind] = steps.fit_transform(_Tracked(photos.images, progress, f"Measuring: {kind} features"))
        for warning in caught:
            console.print(f"[yellow]Warning:[/] {warning.message}", soft_wrap=True)
    return tables


def _few_labels_table(
    tables: dict[str, Any], photos: Bunch, known: NDArray[np.intp], n_labels: int, repeats: int
) -> Table:
    """Learn from a few labels, over random choices of them, and score on the images whose labels were hidden."""
    table = Table(title=f"{n_labels} labels per class, scored on the hidden ones (± 95 % over {repeats} choices)")
    for column in ("pipeline", "ROC AUC", "balanced accuracy", "sensitivity", "specificity"):
        table.add_column(column, justify="right" if column != "pipeline" else "left", no_wrap=column == "pipeline")
    rows = {kind: (kind, make_melanoma_pipeline(kind)[1:]) for kind in tables}
    # With no round of self-training it learns from the labeled images only: the baseline.
    labels_only = SelfTrainingClassifier(LogisticRegression(class_weight="balanced", max_iter=1000), max_iter=0)
    rows |= {f"{kind}, labels only": (kind, make_melanoma_pipeline(kind, labels_only)[1:]) for kind in tables}
    scores: dict[str, list[list[float]]] = {name: [] for name in rows}
    with _progress_bar() as progress:
        for repeat in progress.track(range(repeats), description="Learning from few labels"):
            labels = np.full(len(photos.target), -1)
            labels[known] = hide_labels(photos.target[known], n_labels, random_state=repeat)
            hidden = _hidden(photos, labels)
            for name, (kind, model) in rows.items():
                scores[name].append(_score(clone(model).fit(tables[kind], labels), tables[kind], photos.target, hidden))
    for name in sorted(scores):
        intervals = [mean_interval(column) for column in zip(*scores[name], strict=True)]
        table.add_row(name, *(f"{mean:.2f} ± {mean - low:.2f}" for mean, low, _ in intervals))
    return table


def _hidden(photos: Bunch, labels: NDArray[np.int_]) -> NDArray[np.intp]:
    """Return the images to score: their label was hidden, and no other image of the lesion is labeled."""
    seen = np.isin(photos.groups, np.asarray(photos.groups)[labels >= 0])
    return np.flatnonzero((photos.target >= 0) & ~seen)


def _score(model: Pipeline, table: Any, target: NDArray[np.int_], rows: NDArray[np.intp]) -> list[float]:
    truth, chances = target[rows], model.predict_proba(table.iloc[rows])[:, 1]
    found = chances >= 0.5
    return [
        roc_auc_score(truth, chances),
        balanced_accuracy_score(truth, found),
        recall_score(truth, found),
        recall_score(truth, found, pos_label=0),
    ]


def _search_table(photos: Bunch, known: NDArray[np.intp], n_labels: int, n_jobs: int) -> Table:
    """Tune the whole path, from image to score, on two thirds of at most 180 images; score it on the others."""
    chosen = np.random.default_rng(0).permutation(known)[:180]
    groups = np.asarray(photos.groups)[chosen]
    train, test = next(
        (chosen[a], chosen[b])
        for a, b in GroupShuffleSplit(50, test_size=1 / 3, random_state=0).split(chosen, groups=groups)
        if min(np.bincount(photos.target[chosen[a]], minlength=2)) >= n_labels
        and len(set(photos.target[chosen[b]])) == 2
    )
    labels = hide_labels(photos.target[train], n_labels, random_state=0)
    search = GridSearchCV(
        make_melanoma_pipeline("survey"),
        {"features__segment__margin": [0.0, 0.01], "classify__threshold": [0.6, 0.75, 0.9]},
        cv=SemiSupervisedSplit(3),
        scoring="roc_auc",
        n_jobs=n_jobs,
        error_score="raise",
    )
    with _search_progress(search), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No lesion was found")
        search.fit([photos.images[i] for i in train], labels, groups=np.asarray(photos.groups)[train])
        chances = search.predict_proba([photos.images[i] for i in test])[:, 1]
    auc, low, high = bootstrap_interval(roc_auc, photos.target[test] == 1, chances)
    best = ", ".join(f"{name.rsplit('__', 1)[1]} {value}" for name, value in search.best_params_.items())
    table = Table(title=f"The survey's whole path tuned by GridSearchCV on {n_labels} labels per class")
    for column in ("best parameters", "AUC in cross-validation", "AUC on other images"):
        table.add_column(column)
    table.add_row(best, f"{search.best_score_:.3f}", f"{auc:.3f} ({low:.3f} to {high:.3f})")
    return table


def _save_figure(photos: Bunch, output: Path) -> None:
    shown = np.random.default_rng(0).permutation(len(photos.images))[:12]
    masks = None if photos.masks is None else [photos.masks[i] for i in shown]
    display = BorderDisplay.from_estimator(WatershedSegmenter(), [photos.images[i] for i in shown], masks)
    display.figure_.savefig(output, dpi=120)


class _Tracked(Sequence[Any]):
    """A list that moves a progress bar on as its elements are taken."""

    def __init__(self, items: Sequence[Any], progress: Progress, description: str):
        self._items = items
        self._progress = progress
        self._task = progress.add_task(description, total=len(items))

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        self._progress.update(self._task, completed=index + 1)
        return self._items[index]


def _progress_bar(*, transient: bool = False) -> Progress:
    """Return a bar on standard error, which shows nothing where that is no terminal; a transient one goes when done."""
    silent = not sys.stderr.isatty()
    # Before version 15 of rich, a bar that is not shown still ends its line.
    return Progress(console=Console(stderr=True, quiet=silent), transient=transient, disable=silent)


@contextmanager
def _working(description: str) -> Iterator[None]:
    """Show that there is work whose end is not in sight."""
    with _progress_bar(transient=True) as progress:
        progress.add_task(description, total=None)
        yield


@contextmanager
def _search_progress(search: GridSearchCV) -> Iterator[None]:
    """Show the progress of a search: by scikit-learn's own bar where it has one, which writes to standard output."""
    if ProgressBar is None or not (sys.stdout.isatty() and sys.stderr.isatty()):
        with _working("Tuning the whole path"):
            yield
    else:
        search.set_callbacks(ProgressBar(max_propagation_depth=0))
        yield
