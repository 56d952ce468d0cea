"""Calls run by backends of joblib that give results one by one, and by those that do not."""

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

BACKENDS = ["sequential", "threading", "loky", "all at the end"]


class AllAtTheEnd(ThreadingBackend):
    """What Ray's and multiprocessing's backends say of themselves."""

    supports_return_generator = False


register_parallel_backend("all at the end", AllAtTheEnd)


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
def test_no_call_is_no_result(backend):
    with parallel_config(backend):
        assert list(run_in_parallel(square, iter(()), 2)) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_come_from_the_call(backend):
    with parallel_config(backend), pytest.raises(ValueError, match="-1 is negative"):
        list(run_in_parallel(square, ((i,) for i in (3, -1)), 2))


def test_where_results_come_all_at_the_end_they_come_in_waves(monkeypatch):
    monkeypatch.setattr(_parallel, "WAVE", 5)
    taken = []

    def calls():
        for number in range(100):
            taken.append(number)
            yield (number,)

    with parallel_config("all at the end"):
        results = run_in_parallel(square, calls(), 2)
        for number, result in enumerate(results):
            assert result == number * number
            assert len(taken) == 10 * (number // 10 + 1)
    assert len(taken) == 100


def test_wrong_number_of_workers_is_an_error():
    with pytest.raises(ValueError, match="n_jobs"):
        list(run_in_parallel(square, [(1,)], 0))


def test_the_same_rows_where_results_come_all_at_the_end():
    images = make_lesions(5, image_size=(60, 80), random_state=0).images
    measure = ImagePipeline([("segment", WatershedSegmenter()), ("measure", MorphologyFeatures())], batch_size=2)
    alone = measure.fit_transform(images)
    with parallel_config("all at the end", n_jobs=2):
        np.testing.assert_array_equal(measure.transform(images), alone)


class Load:
    """Something large that travels with a call."""


def test_what_travels_is_let_go_while_a_slow_call_holds_back_the_results():
    loads, most, done = WeakSet(), [0], Event()

    def arguments(number):
        load = Load()
        loads.add(load)
        most[0] = max(most[0], len(loads))
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


@pytest.mark.parametrize("killers", [(0,), (5,), (0, 5)])
def test_what_a_killed_process_worked_on_is_done_again(killers, tmp_path):
    with parallel_config("loky"), pytest.warns(UserWarning, match="A worker process was lost") as warned:
        results = list(run_in_parallel(kill_once, ((i, killers, tmp_path) for i in range(12)), 2))
    assert results == list(range(12))
    assert len(warned) <= len(killers)  # less, where two die at once


def kill_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_what_kills_every_process_is_an_error():
    results = []
    with (
        parallel_config("loky"),
        pytest.warns(UserWarning, match="A worker process was lost"),
        pytest.raises(BrokenProcessPool),
    ):
        results.extend(run_in_parallel(kill_at_three, ((i,) for i in range(12)), 2))
    assert results == [0, 1, 2][: len(results)]


class Lazy:
    """Images that can be counted and taken by position, and nothing else."""

    __iter__ = None

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, position):
        assert isinstance(position, int)
        return self.images[position]


@pytest.mark.parametrize("backend", ["sequential", "threading", "all at the end"])
@pytest.mark.parametrize("memory", [False, True])
def test_what_can_only_be_taken_by_position_is_never_made_into_a_list(backend, memory, tmp_path):
    images = make_lesions(5, image_size=(60, 80), random_state=0).images
    measure = ImagePipeline([("segment", WatershedSegmenter()), ("measure", MorphologyFeatures())], batch_size=2)
    alone = measure.fit_transform(images)
    measure.set_params(memory=tmp_path if memory else None)
    with parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(measure.fit(Lazy(images)).transform(Lazy(images)), alone)
