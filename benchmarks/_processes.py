"""Measurements in a separate Python process. This module imports nothing large.

A new process starts with the peak memory of its parent, so the parent must stay small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks._timing import measure_peak_memory, time_call

SET = "ham10000"  # holds 3 000 images
OTHER_SETS = ("ph2", "isic2017")  # smaller; their images are repeated


def list_paths(data: str | None, folder: str) -> dict[str, list[str]]:
    """Return the paths of the images of each data set. Without data, synthetic images are saved in `folder`."""
    from benchmarks._data import load_sets, save_images

    sets = load_sets(None if data is None else Path(data), (SET, *OTHER_SETS))
    return {name: save_images(lesions.images, Path(folder)) for name, lesions in sets.items()}


def measure_images(features: str, paths: list[str], count: int) -> dict[str, float]:
    """Compute the features of `count` images, and return the peak memory of this process in MB and the times."""
    import warnings

    from sklearn_melanoma import make_melanoma_pipeline

    def transform() -> Any:
        return make_melanoma_pipeline(features)["features"].transform(repeat_paths(paths, count))

    warnings.filterwarnings("ignore", message="No lesion was found")
    table, seconds, processor = time_call(transform)
    assert len(table) == count
    return {
        "peak_mb": measure_peak_memory(),
        "seconds": seconds,
        "ms_per_image": 1e3 * processor / max(count, 1),
        "rows_mb": table.memory_usage().sum() / 1e6,
    }


def call_in_new_process(function: str, *arguments: Any) -> Any:
    """Call a function of this module in a new Python process. Arguments and result are sent as JSON."""
    code = (
        "import json, sys; from benchmarks import _processes; "
        "result, sys.stdout = sys.stdout, sys.stderr; "  # standard error shows messages to the user
        f"json.dump(_processes.{function}(*json.load(sys.stdin)), result)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(arguments),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    return json.loads(run.stdout)


def list_paths_in_new_process(data: Path | None, folder: str) -> dict[str, list[str]]:
    """Return the result of `list_paths`. The data sets are loaded in another process."""
    return call_in_new_process("list_paths", None if data is None else os.fspath(data.absolute()), folder)


def repeat_paths(paths: list[str], size: int) -> list[str]:
    """Return `size` paths. If there are fewer, they are repeated from the first."""
    return (paths * -(-size // len(paths)))[:size]
