"""Parallel feature computation with joblib, Dask and Ray: speedup, transferred bytes, and a killed worker."""

from __future__ import annotations

import os
import pickle
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import cloudpickle
import numpy as np
import psutil
import typer
from joblib import parallel_config

from benchmarks._options import DataOption, ResultsOption
from benchmarks._processes import list_paths, repeat_paths
from benchmarks._report import RESULTS, Section, fill_in, number, progress_bar, synthetic_note, text, write_report
from benchmarks._timing import time_call
from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.pipeline._batches import Outcome, run_batch

WORKERS = 2
TARGET_SPEEDUP = 1.8
ALONE = "one process"

INTRO = (
    '`make_melanoma_pipeline("survey")["features"].transform(paths)` on {n_images:,} images of {name}, in batches of '
    "16: the three features of the survey. Each backend has {workers} workers. It takes {rounds} rounds in turn with "
    "one process, while no other backend is running. The load of the machine before the start was {load:.1f} "
    "processes; a high load makes the times unreliable.",
)
SPEED_NOTES = (
    "Speedup with two processes: {speedup:.2f}, {verdict}. Speeds are compared within a round; the table gives the "
    "median, the lowest and the highest of the rounds. The processor time includes the scheduler and the calling "
    "process. It shows the cost of running in parallel and hardly depends on other work on the machine.",
    "Ray starts its workers anew for each call, and its seconds include this. The processor time of its workers cannot "
    "be read after they have ended.",
)
MISSING = "**{name} is not installed** and was left out."
TRANSFER_NOTE = "Sizes of the pickles that joblib makes. The workers read the images."
KILL_NOTE = "SIGKILL after half of the images were handed out."

SPEED_COLUMNS = {
    "backend": text("way"),
    "images/s": number("rate", ".1f"),
    "speedup": number("speedup", ".2f"),
    "lowest": number("least", ".2f"),
    "highest": number("most", ".2f"),
    "processor time per image (ms)": number("processor", ".2f"),
    "same rows": text("same"),
}
TRANSFER_COLUMNS = {
    "features": text("features"),
    "to the workers (bytes per image)": number("sent", ",.0f"),
    "of these, the steps": number("steps", ",.0f"),
    "back": number("back", ",.0f"),
    "size of the image file": number("file", ",.0f"),
}
KILL_COLUMNS = {
    "backend": text("way"),
    "result after a worker is killed": text("outcome"),
    "seconds": number("seconds", ".1f"),
    "seconds undisturbed": number("undisturbed", ".1f"),
}

ListWorkers = Callable[[], list[int]]


@contextmanager
def start_dask() -> Iterator[ListWorkers]:
    """Start a scheduler and workers of Dask on this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield partial(list, client.run(os.getpid).values())


@contextmanager
def start_ray() -> Iterator[ListWorkers]:
    """Start Ray on this machine."""
    import ray
    from ray.util.joblib import register_ray

    # The default is 15: on a busy machine Ray would wait for all other processes.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    register_ray()
    try:
        yield partial(find_children, "PoolActor")
    finally:
        ray.shutdown()


@contextmanager
def start_loky() -> Iterator[ListWorkers]:
    """Do nothing, because joblib starts its processes when it needs them."""
    yield partial(find_children, "Loky")


# Options of joblib for each backend: the number of workers, and the number of times that Ray repeats a lost task.
OPTIONS: dict[str, dict[str, Any]] = {
    "loky": {"n_jobs": WORKERS},
    "ray": {"n_jobs": WORKERS, "ray_remote_args": {"max_restarts": 3, "max_task_retries": 3}},
}
WAYS: dict[str, tuple[str, Callable[[], AbstractContextManager[ListWorkers]]]] = {
    "two processes (loky)": ("loky", start_loky),
    "Dask": ("dask", start_dask),
    "Ray": ("ray", start_ray),
}


def find_children(name: str) -> list[int]:
    """Return the ids of child processes with a name in their command."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if name in " ".join(child.cmdline())]


def read_processor_times() -> dict[int, float]:
    """Return the processor seconds of this process and of each child process."""
    own = psutil.Process()
    return {process.pid: sum(process.cpu_times()[:2]) for process in [own, *own.children(recursive=True)]}


class Run(NamedTuple):
    """Feature rows of some images, the wall time, and the processor time of all processes, in seconds."""

    rows: Any
    seconds: float
    processor: float


def transform_with(backend: str, paths: Sequence[str]) -> Run:
    """Compute the features of images with a backend of joblib and all of its workers."""
    features = make_melanoma_pipeline("survey")["features"]
    with parallel_config(backend, **OPTIONS.get(backend, {})):
        before = read_processor_times()
        rows, seconds, _ = time_call(features.transform, paths)
        processor = sum(after - before.get(pid, 0) for pid, after in read_processor_times().items())
        return Run(rows, seconds, processor)


def measure_speed(way: str, paths: list[str], rounds: int) -> dict[str, list[Run]]:
    """Run one process and another backend in turn on the same images, several times."""
    backends = {ALONE: "sequential", way: WAYS[way][0]}
    for backend in backends.values():
        transform_with(backend, paths[:64])  # in this call, the workers import their modules
    runs: dict[str, list[Run]] = {name: [] for name in backends}
    for _ in range(rounds):
        for name, backend in backends.items():
            runs[name].append(transform_with(backend, paths))
    return runs


def describe_speed(way: str, n_images: int, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Return the speed of a backend relative to one process in the same rounds."""
    seconds = [run.seconds for run in runs[way]]
    speedups = np.divide([run.seconds for run in runs[ALONE]], seconds)
    same = all(run.rows.equals(runs[ALONE][0].rows) for run in runs[way])
    return {
        "way": way,
        "rate": n_images / np.median(seconds),
        "speedup": np.median(speedups),
        "least": speedups.min(),
        "most": speedups.max(),
        "processor": None if way == "Ray" else 1e3 * np.median([run.processor for run in runs[way]]) / n_images,
        "same": "yes" if same else "**no**",
        "seconds": seconds,
    }


def measure_transfer(features: str, paths: list[str]) -> dict[str, Any]:
    """Count the bytes that are sent to the workers and back for an image."""
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


class WorkerKiller(Sequence):
    """Paths that kill a worker when the path at position `at` is read for the first time."""

    def __init__(self, paths: Sequence[str], at: int, list_workers: ListWorkers):
        self.paths, self.at, self.list_workers = paths, at, list_workers
        self.killed = False

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> str:
        if index == self.at and not self.killed:
            self.killed = True
            os.kill(self.list_workers()[0], signal.SIGKILL)
        return self.paths[index]


def measure_kill(way: str, paths: list[str], list_workers: ListWorkers, alone: Any) -> dict[str, Any]:
    """Kill a worker after half of the images were handed out."""
    backend, _ = WAYS[way]
    undisturbed = transform_with(backend, paths).seconds

    def find_outcome() -> str:
        try:
            run = transform_with(backend, WorkerKiller(paths, len(paths) // 2, list_workers))
        except Exception as error:
            return type(error).__name__
        # Only the rows of a list have its paths as index.
        same = run.rows.reset_index(drop=True).equals(alone.reset_index(drop=True))
        return "all rows, the same" if same else "**other rows**"

    outcome, seconds, _ = time_call(find_outcome)
    return {"way": way, "outcome": outcome, "seconds": seconds, "undisturbed": undisturbed}


def describe_target(records: list[dict[str, Any]]) -> list[str]:
    """Return notes on the speedup relative to the target."""
    speedup = next(record["speedup"] for record in records if record["way"] != ALONE)
    reached = speedup >= TARGET_SPEEDUP
    verdict = f"at least the target of {TARGET_SPEEDUP}" if reached else f"**below the target of {TARGET_SPEEDUP}**"
    return fill_in(SPEED_NOTES, speedup=speedup, verdict=verdict)


def main(
    data: DataOption = None,
    images: Annotated[int, typer.Option(help="Number of images in each round.", min=100)] = 1500,
    rounds: Annotated[int, typer.Option(help="Number of rounds.", min=1)] = 5,
    results: ResultsOption = RESULTS,
) -> None:
    """Compare one process with two processes, Dask and Ray."""
    warnings.filterwarnings("ignore", message="No lesion was found|A worker process was lost")
    missing = [name for name in ("dask", "ray") if find_spec("distributed" if name == "dask" else name) is None]
    speed: list[dict[str, Any]] = []
    kills = []
    with TemporaryDirectory() as folder, progress_bar() as progress:
        task = progress.add_task("starting", total=None)
        name, files = next(iter(list_paths(None if data is None else os.fspath(data.absolute()), folder).items()))
        paths = repeat_paths(files, images)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        for way, (backend, start) in WAYS.items():
            if backend in missing:
                continue
            progress.update(task, description=way)
            with start() as list_workers:  # even idle workers of another backend would take processor time
                runs = measure_speed(way, paths, rounds)
                if not speed:
                    speed.append(describe_speed(ALONE, images, runs))
                speed.append(describe_speed(way, images, runs))
                kills.append(measure_kill(way, paths, list_workers, runs[ALONE][0].rows))
        progress.update(task, description="transfer")
        transfer = [measure_transfer(features, files[:320]) for features in ("survey", "all")]
    intro = [
        *fill_in(INTRO, n_images=images, name=name, workers=WORKERS, rounds=rounds, load=load),
        *synthetic_note([name]),
        *(MISSING.format(name=absent) for absent in missing),
    ]
    sections = [
        Section("Speed", SPEED_COLUMNS, speed, describe_target(speed)),
        Section("Transfer", TRANSFER_COLUMNS, transfer, [TRANSFER_NOTE]),
        Section("A killed worker", KILL_COLUMNS, kills, [KILL_NOTE]),
    ]
    packages = ["distributed", *(["ray"] if "ray" not in missing else [])]
    write_report("distributed", title="Many workers", intro=intro, sections=sections, folder=results, packages=packages)


if __name__ == "__main__":
    typer.run(main)
