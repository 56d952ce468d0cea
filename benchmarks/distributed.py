"""Images measured by one process, by two, by Dask and by Ray: speed, what travels, and a worker that is killed."""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import cloudpickle
import numpy as np
import psutil
import typer
from joblib import parallel_config

from benchmarks._data import DRAWN, DRAWN_NOTE
from benchmarks._options import DataOption, ResultsOption
from benchmarks._report import RESULTS, Section, number, progress_bar, text, write_report
from benchmarks.memory import list_paths, repeat
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.pipeline._batches import Outcome, run_batch

WORKERS = 2
ASKED = 1.8  # times the images per second of one process
ALONE = "one process"

SPEED_COLUMNS = {
    "who works": text("way"),
    "photos/s": number("rate", ".1f"),
    "× one process": number("speedup", ".2f"),
    "least": number("least", ".2f"),
    "most": number("most", ".2f"),
    "ms of all processors an image": number("processor", ".2f"),
    "same rows": text("same"),
}
TRAVEL_COLUMNS = {
    "features": text("features"),
    "to the workers (bytes an image)": number("sent", ",.0f"),
    "of these, the steps": number("steps", ",.0f"),
    "back": number("back", ",.0f"),
    "the file itself": number("file", ",.0f"),
}
KILL_COLUMNS = {
    "workers of": text("way"),
    "one is killed": text("outcome"),
    "seconds": number("seconds", ".1f"),
    "undisturbed": number("undisturbed", ".1f"),
}

Pids = Callable[[], list[int]]


@contextmanager
def start_dask() -> Iterator[Pids]:
    """Start a scheduler and workers of Dask on this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield partial(list, client.run(os.getpid).values())


@contextmanager
def start_ray() -> Iterator[Pids]:
    """Start Ray on this machine."""
    import ray
    from ray.util.joblib import register_ray

    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 without: on a busy machine Ray would wait for all others
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    register_ray()
    try:
        yield partial(children_called, "PoolActor")
    finally:
        ray.shutdown()


@contextmanager
def start_loky() -> Iterator[Pids]:
    """Do nothing: joblib starts its processes when it needs them."""
    yield partial(children_called, "Loky")


# What joblib is told of each: how many workers it may use, and how often Ray tries again what a killed one did.
OPTIONS: dict[str, dict[str, Any]] = {
    "loky": {"n_jobs": WORKERS},
    "ray": {"n_jobs": WORKERS, "ray_remote_args": {"max_restarts": 3, "max_task_retries": 3}},
}
WAYS = {"two processes (loky)": ("loky", start_loky), "Dask": ("dask", start_dask), "Ray": ("ray", start_ray)}


def children_called(name: str) -> list[int]:
    """Return the ids of processes that come from this one and have a name in their command."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if name in " ".join(child.cmdline())]


def processor_seconds() -> dict[int, float]:
    """Return the processor time of this process and of each that comes from it."""
    own = psutil.Process()
    return {process.pid: sum(process.cpu_times()[:2]) for process in [own, *own.children(recursive=True)]}


def choose(backend: str) -> Any:
    """Return a context in which joblib uses a backend and all of its workers."""
    return parallel_config(backend, **OPTIONS.get(backend, {}))


class Run(NamedTuple):
    """What images came to, in how many seconds of the clock and of all processors."""

    rows: Any
    seconds: float
    processor: float


def measure(backend: str, paths: Sequence[str]) -> Run:
    """Measure images by a backend."""
    features = make_melanoma_pipeline("survey")["features"]
    with choose(backend):
        start, before = perf_counter(), processor_seconds()
        rows = features.transform(paths)
        seconds = perf_counter() - start
        return Run(rows, seconds, sum(after - before.get(pid, 0) for pid, after in processor_seconds().items()))


def measure_speed(way: str, paths: list[str], rounds: int) -> dict[str, list[Run]]:
    """Let one process and another way take the same images in turn, several times."""
    backends = {ALONE: "sequential", way: WAYS[way][0]}
    for backend in backends.values():
        measure(backend, paths[:64])  # workers import what they need
    runs: dict[str, list[Run]] = {name: [] for name in backends}
    for _ in range(rounds):
        for name, backend in backends.items():
            runs[name].append(measure(backend, paths))
    return runs


def describe_speed(way: str, n_photos: int, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Return what some runs of a way come to, beside those of one process in the same rounds."""
    seconds = [run.seconds for run in runs[way]]
    speedups = np.divide([run.seconds for run in runs[ALONE]], seconds)
    same = all(run.rows.equals(runs[ALONE][0].rows) for run in runs[way])
    return {
        "way": way,
        "rate": n_photos / np.median(seconds),
        "speedup": np.median(speedups),
        "least": speedups.min(),
        "most": speedups.max(),
        "processor": None if way == "Ray" else 1e3 * np.median([run.processor for run in runs[way]]) / n_photos,
        "same": "yes" if same else "**no**",
        "seconds": seconds,
    }


def measure_travel(features: str, paths: list[str]) -> dict[str, Any]:
    """Count the bytes of what is sent for an image, and of what comes back."""
    pipeline = make_melanoma_pipeline(features)["features"]
    outcome = Outcome(pipeline._active(), paths)
    sent, back = [], []
    for batches in outcome.rounds(pipeline.batch_size):
        for batch in batches:
            call = (run_batch, batch, [paths[position] for position in batch.positions], "raise")
            sent.append(len(cloudpickle.dumps(call)))
            back.append(len(pickle.dumps(run_batch(*call[1:]), protocol=5)))
    return {
        "features": features,
        "sent": sum(sent) / len(paths),
        "steps": len(cloudpickle.dumps(outcome.steps)) / pipeline.batch_size,
        "back": sum(back) / len(paths),
        "file": np.mean([os.path.getsize(path) for path in paths]),
    }


class KillsAWorker(Sequence):
    """Paths; before one of them is given for the first time, a worker is killed."""

    def __init__(self, paths: Sequence[str], at: int, pids: Pids):
        self.paths, self.at, self.pids = paths, at, pids
        self.killed = False

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> str:
        if index == self.at and not self.killed:
            self.killed = True
            os.kill(self.pids()[0], signal.SIGKILL)
        return self.paths[index]


def measure_kill(way: str, paths: list[str], pids: Pids, alone: Any) -> dict[str, Any]:
    """Kill a worker when half of the images are given out."""
    backend, _ = WAYS[way]
    undisturbed = measure(backend, paths).seconds
    start = perf_counter()
    try:
        run = measure(backend, KillsAWorker(paths, len(paths) // 2, pids))
        outcome = "all rows, the same" if run.rows.equals(alone) else "**other rows**"
    except Exception as error:
        outcome = f"{type(error).__name__}"
    return {"way": way, "outcome": outcome, "seconds": perf_counter() - start, "undisturbed": undisturbed}


def judge(records: list[dict[str, Any]]) -> list[str]:
    """Say whether two are as much faster as is asked."""
    two = next(record for record in records if record["way"] != ALONE)
    verdict = "as asked" if two["speedup"] >= ASKED else f"**less than the {ASKED} asked for**"
    return [
        f"Two processes: {two['speedup']:.2f} × one, {verdict}. Speeds are compared within a round; median, least and "
        "most of the rounds are given. The time of all processors, that of scheduler and asking process included, "
        "says what going parallel costs, whoever else works on the machine.",
        "Ray starts its workers anew for each call, which counts in its seconds. When they end, their processor time "
        "can no longer be read.",
    ]


def main(
    data: DataOption = None,
    photos: Annotated[int, typer.Option(help="Images in each round.", min=100)] = 1500,
    rounds: Annotated[int, typer.Option(help="Times that each takes them.", min=1)] = 5,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare one process with two, with Dask and with Ray."""
    warnings.filterwarnings("ignore", message="No lesion was found|A worker process was lost")
    missing = [name for name in ("dask", "ray") if find_spec("distributed" if name == "dask" else name) is None]
    speed: list[dict[str, Any]] = []
    kills = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        task = progress.add_task("starting", total=None)
        sets = list_paths(None if data is None else os.fspath(data.absolute()), folder)
        name, files = next(iter(sets.items()))
        paths = repeat(files, photos)
        chosen = {way: start for way, (backend, start) in WAYS.items() if backend not in missing}
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        for way, start in chosen.items():
            progress.update(task, description=way)
            with start() as pids:  # while others run, even idle ones, they take their share of the processors
                runs = measure_speed(way, paths, rounds)
                if not speed:
                    speed.append(describe_speed(ALONE, photos, runs))
                speed.append(describe_speed(way, photos, runs))
                kills.append(measure_kill(way, paths, pids, runs[ALONE][0].rows))
        progress.update(task, description="what travels")
        travel = [measure_travel(features, files[:320]) for features in ("survey", "all")]
    intro = [
        f'`make_melanoma_pipeline("survey")["features"].transform(paths)` on {photos:,} images of {name}, in batches '
        f"of 16: the three features of the survey. {WORKERS} workers each, {rounds} rounds in turn with one process, "
        f"nothing of the other ways running. Before it began, {load:.1f} processes wanted to run on this machine (its "
        "load); times are worth what that leaves of them.",
        *([DRAWN_NOTE] if DRAWN in sets else []),
        *(f"**{name} is not installed**, so it is left out." for name in missing),
    ]
    sections = [
        Section("Speed", SPEED_COLUMNS, speed, judge(speed)),
        Section(
            "What travels", TRAVEL_COLUMNS, travel, ["Pickled as joblib does. Images are read where they are used."]
        ),
        Section(
            "A worker is killed",
            KILL_COLUMNS,
            kills,
            ["SIGKILL when half of the images were given out."],
        ),
    ]
    packages = ["distributed", *(["ray"] if "ray" not in missing else [])]
    write_report("distributed", title="Many workers", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
