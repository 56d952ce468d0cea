"""The same rows from workers of Dask: two processes and a scheduler, reached through joblib."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from distributed.protocol.pickle import dumps
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma._io import files
from sklearn_melanoma.datasets import make_lesions

BATCH_SIZE = 4


@pytest.fixture(scope="module")
def made():
    return make_lesions(24, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def paths(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for position, image in enumerate(made.images):
        Image.fromarray(image).save(folder / f"{position}.png")
    return [str(folder / f"{position}.png") for position in range(len(made.images))]


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(__import__, "sklearn_melanoma.pipeline")
        yield client


@pytest.fixture
def dask(client):
    with joblib.parallel_config("dask"):
        yield client


def measure(features="survey", **options):
    return make_melanoma_pipeline(features)["features"].set_params(batch_size=BATCH_SIZE, **options)


@pytest.fixture
def sent(monkeypatch):
    """Return a list that takes what is sent to the workers, pickled as Dask does, task by task."""
    tasks, submit = [], Client.submit

    def listen(self, function, *args, **options):
        tasks.append(dumps((function, args, options)))
        return submit(self, function, *args, **options)

    monkeypatch.setattr(Client, "submit", listen)
    return tasks


@pytest.fixture
def blind(monkeypatch):
    """Make it an error to open an image in this process."""

    def refuse(path, limit):
        raise AssertionError(f"{path} was opened by the process that asked for it")

    monkeypatch.setattr(files, "_read_file", refuse)


@pytest.fixture(scope="module", params=["survey", "all"])
def features_and_rows(request, paths):
    return request.param, measure(request.param).transform(paths)


def test_the_same_rows_from_workers_that_read_the_paths(features_and_rows, paths, dask, blind, sent):
    features, rows = features_and_rows
    found = measure(features).transform(paths)
    np.testing.assert_array_equal(found.to_numpy(), rows.to_numpy())  # bit for bit
    assert found.equals(rows)
    assert len(sent) == len(paths) / BATCH_SIZE
    # Paths and steps, no image: of these, one alone has 30 kB.
    assert max(map(len, sent)) < 10_000 < os.path.getsize(paths[0])


def test_rows_of_urls(paths, dask, blind):
    rows = measure().transform([f"file://{path}" for path in paths])
    assert rows.shape == (len(paths), 3)
    assert rows.notna().all(axis=None)


class KillsAWorker(Sequence):
    """Paths, of which one is not given before a worker is killed."""

    def __init__(self, paths, at, pid):
        self.paths, self.at, self.pid = paths, at, pid

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        if index == self.at:
            os.kill(self.pid, signal.SIGKILL)
        return self.paths[index]


def test_a_worker_killed_in_mid_run_changes_no_row(paths, dask):
    many = paths * 10
    killed = next(iter(dask.run(os.getpid).values()))
    rows = measure().transform(KillsAWorker(many, len(many) // 2, killed))
    with joblib.parallel_config("sequential"):
        assert rows.equals(measure().transform(many))
    dask.wait_for_workers(2, timeout=30)
    after = set(dask.run(os.getpid).values())
    assert len(after) == 2
    assert killed not in after


def test_bad_photos_are_told_as_at_home(paths, dask):
    photos = [*paths[:6], "gone.png", *paths[6:10], np.full((96, 128, 3), 200, np.uint8)]
    with pytest.raises(FileNotFoundError, match=r"^X\[6\] \('gone\.png'\): could not open 'gone\.png'"):
        measure().transform(photos)
    with (
        pytest.warns(UserWarning, match=r"Skipped 1 of 12 images: X\[6\] \('gone\.png'\)"),
        pytest.warns(UserWarning, match=r"No lesion was found in 1 of 12 images: X\[11\]"),
    ):
        rows = measure(on_error="skip").transform(photos)
    assert np.flatnonzero(rows["area"].isna()).tolist() == [6, 11]


def test_rows_that_are_kept_are_not_sent_for(paths, dask, sent, tmp_path):
    first = measure(memory=tmp_path).transform(paths)
    assert len(sent) == len(paths) / BATCH_SIZE
    assert measure(memory=tmp_path).transform(paths).equals(first)
    assert len(sent) == len(paths) / BATCH_SIZE


def test_a_whole_search(made, paths, client):
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features__batch_size=BATCH_SIZE)
    search = GridSearchCV(model, {"classify__C": [0.1, 10]}, cv=2, scoring="roc_auc", error_score="raise")
    search.fit(paths, made.target)
    scores, probability = search.cv_results_["mean_test_score"], search.predict_proba(paths)
    with joblib.parallel_config("dask"):
        search.fit(paths, made.target)
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], scores)
        np.testing.assert_array_equal(search.predict_proba(paths), probability)
