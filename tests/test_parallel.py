"""Tests of parallel calls with backends of joblib that return results one by one or all at the end."""

from __future__ import annotations

import os
import signal
from concurrent.futures.process import BrokenProcessPool
from threading import Event
from weakref import WeakSet

import numpy as np
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib.parallel import ThreadingBackend

from sklearn_melanoma import _parallel
from sklearn_melanoma._parallel import run_in_parallel
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter

BACKENDS = ["sequential", "threading", "loky", "at the end"]


class AtTheEndBackend(ThreadingBackend):
    """Backend that returns results at the end, like the backends of Ray and multiprocessing."""

    supports_return_generator = False


register_parallel_backend("at the end", AtTheEndBackend)


def square(number):
    if number < 0:
        raise ValueError(f"{number} is negative")
    return number * number


@pytest.mark.parametrize("backend", BACKENDS)
def test_results_come_in_order(backend, monkeypatch):
    monkeypatch.setattr(_parallel, "WAVE", 3)
    with parallel_config(backend):
        assert list(run_in_parallel(square, ((i,) for i in range(20)), 2)) == [i * i for i in range(20)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_task_gives_no_result(backend):
    with parallel_config(backend):
        assert list(run_in_parallel(square, iter(()), 2)) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_raises_error_of_call(backend):
    with parallel_config(backend), pytest.raises(ValueError, match="-1 is negative"):
        list(run_in_parallel(square, ((i,) for i in (3, -1)), 2))


class OwnError(Exception):
    """Exception that can't be created again from its message."""

    def __init__(self, code, text):
        super().__init__(f"{text} ({code})")


def fail(number):
    error = OwnError(number, "mine")
    error.add_note("a note")
    raise error


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_raises_error_that_can_not_be_pickled(backend, n_jobs):
    processes = backend == "loky" and n_jobs == 2
    with (
        parallel_config(backend),
        pytest.raises(RuntimeError if processes else OwnError, match=r"mine \(7\)") as caught,
    ):
        list(run_in_parallel(fail, ((7,) for _ in range(3)), n_jobs))
    assert "a note" in caught.value.__notes__
    assert not processes or str(caught.value).startswith("OwnError: ")


def test_results_at_the_end_come_in_waves(monkeypatch):
    monkeypatch.setattr(_parallel, "WAVE", 5)
    taken = []

    def calls():
        for number in range(100):
            taken.append(number)
            yield (number,)

    with parallel_config("at the end"):
        results = run_in_parallel(square, calls(), 2)
        for number, result in enumerate(results):
            assert result == number * number
            assert len(taken) == 10 * (number // 10 + 1)
    assert len(taken) == 100


def test_wrong_number_of_workers_raises():
    with pytest.raises(ValueError, match="n_jobs"):
        list(run_in_parallel(square, [(1,)], 0))


def test_same_rows_if_results_come_at_the_end():
    images = make_lesions(5, image_size=(60, 80), random_state=0).images
    features = ImagePipeline([("segment", WatershedSegmenter()), ("measure", MorphologyFeatures())], batch_size=2)
    alone = features.fit_transform(images)
    with parallel_config("at the end", n_jobs=2):
        np.testing.assert_array_equal(features.transform(images), alone)


class Load:
    """Stand-in for the large arguments of a call."""


def test_drops_arguments_while_slow_call_delays_results():
    alive, most, done = WeakSet(), [0], Event()

    def arguments(number):
        load = Load()
        alive.add(load)
        most[0] = max(most[0], len(alive))
        return number, load

    def work(number, load):
        if number == 0:
            assert done.wait(30)
        elif number == 30:
            done.set()
        return number

    with parallel_config("threading"):
        assert list(run_in_parallel(work, range(40), 2, arguments=arguments)) == list(range(40))
    assert most[0] <= 8


def kill_once(number, killers, flag):
    if number in killers and not (file := flag / str(number)).exists():
        file.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.slow
@pytest.mark.parametrize("killers", [(0,), (5,), (0, 5)])
def test_repeats_tasks_of_killed_process(killers, tmp_path):
    with parallel_config("loky"), pytest.warns(UserWarning, match="A worker process was lost") as warned:
        results = list(run_in_parallel(kill_once, ((i, killers, tmp_path) for i in range(12)), 2))
    assert results == list(range(12))
    assert len(warned) <= len(killers)  # fewer if two processes die at once


def kill_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.slow
def test_task_that_kills_all_processes_raises():
    results = []
    with (
        parallel_config("loky"),
        pytest.warns(UserWarning, match="A worker process was lost"),
        pytest.raises(BrokenProcessPool),
    ):
        results.extend(run_in_parallel(kill_at_three, ((i,) for i in range(12)), 2))
    assert results == [0, 1, 2][: len(results)]


class Lazy:
    """Sequence with a length and elements by position only."""

    __iter__ = None

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, position):
        assert isinstance(position, int)
        return self.images[position]


@pytest.mark.parametrize("backend", ["sequential", "threading", "at the end"])
@pytest.mark.parametrize("memory", [False, True])
def test_does_not_list_lazy_sequence(backend, memory, tmp_path):
    images = make_lesions(5, image_size=(60, 80), random_state=0).images
    features = ImagePipeline([("segment", WatershedSegmenter()), ("measure", MorphologyFeatures())], batch_size=2)
    alone = features.fit_transform(images)
    features.set_params(memory=tmp_path if memory else None)
    with parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(features.fit(Lazy(images)).transform(Lazy(images)), alone)
