"""Pipelines on workers of Dask: two processes and a scheduler, used through joblib."""

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
def lesions():
    return make_lesions(24, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def paths(lesions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for position, image in enumerate(lesions.images):
        Image.fromarray(image).save(folder / f"{position}.png")
    return [str(folder / f"{position}.png") for position in range(len(lesions.images))]


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        client.run(__import__, "sklearn_melanoma.pipeline")
        yield client


@pytest.fixture
def dask(client):
    with joblib.parallel_config("dask"):
        yield client


def make_pipeline(features="survey", **options):
    return make_melanoma_pipeline(features)["features"].set_params(batch_size=BATCH_SIZE, **options)


@pytest.fixture
def sent(monkeypatch):
    """Return a list of the pickled tasks that are sent to the workers."""
    tasks, submit = [], Client.submit

    def listen(self, function, *args, **options):
        tasks.append(dumps((function, args, options)))
        return submit(self, function, *args, **options)

    monkeypatch.setattr(Client, "submit", listen)
    return tasks


@pytest.fixture
def no_reading_here(monkeypatch):
    """Raise an error if an image is opened in this process."""

    def refuse(path, limit):
        raise AssertionError(f"{path} was opened by the main process")

    monkeypatch.setattr(files, "_read_file", refuse)


@pytest.fixture(scope="module", params=["survey", "all"])
def features_and_rows(request, paths):
    return request.param, make_pipeline(request.param).transform(paths)


def test_workers_read_paths_and_return_the_same_rows(features_and_rows, paths, dask, no_reading_here, sent):
    features, rows = features_and_rows
    found = make_pipeline(features).transform(paths)
    np.testing.assert_array_equal(found.to_numpy(), rows.to_numpy())  # bit for bit
    assert found.equals(rows)
    assert len(sent) == len(paths) / BATCH_SIZE
    # Tasks hold paths and steps, but no images: one image takes 30 kB.
    assert max(map(len, sent)) < 10_000 < os.path.getsize(paths[0])


def test_workers_read_urls(paths, dask, no_reading_here):
    rows = make_pipeline().transform([f"file://{path}" for path in paths])
    assert rows.shape == (len(paths), 3)
    assert rows.notna().all(axis=None)


class KillsAWorker(Sequence):
    """Paths. A worker is killed before one of them is returned."""

    def __init__(self, paths, at, pid):
        self.paths, self.at, self.pid = paths, at, pid

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        if index == self.at:
            os.kill(self.pid, signal.SIGKILL)
        return self.paths[index]


@pytest.mark.slow
def test_killed_worker_changes_no_row(paths, dask):
    many = paths * 10
    killed = next(iter(dask.run(os.getpid).values()))
    rows = make_pipeline().transform(KillsAWorker(many, len(many) // 2, killed))
    with joblib.parallel_config("sequential"):
        np.testing.assert_array_equal(rows.to_numpy(), make_pipeline().transform(many).to_numpy())
    dask.wait_for_workers(2, timeout=30)
    after = set(dask.run(os.getpid).values())
    assert len(after) == 2
    assert killed not in after


def test_bad_images_raise_the_same_errors_and_warnings(paths, dask):
    images = [*paths[:6], "gone.png", *paths[6:10], np.full((96, 128, 3), 200, np.uint8)]
    with pytest.raises(FileNotFoundError, match=r"^X\[6\] \('gone\.png'\): could not open 'gone\.png'"):
        make_pipeline().transform(images)
    with (
        pytest.warns(UserWarning, match=r"Skipped 1 of 12 images: X\[6\] \('gone\.png'\)"),
        pytest.warns(UserWarning, match=r"No lesion was found in 1 of 12 images: X\[11\]"),
    ):
        rows = make_pipeline(on_error="skip").transform(images)
    assert np.flatnonzero(rows["area"].isna()).tolist() == [6, 11]


def test_cached_rows_are_not_requested_from_workers(paths, dask, sent, tmp_path):
    first = make_pipeline(memory=tmp_path).transform(paths)
    assert len(sent) == len(paths) / BATCH_SIZE
    assert make_pipeline(memory=tmp_path).transform(paths).equals(first)
    assert len(sent) == len(paths) / BATCH_SIZE


def test_grid_search(lesions, paths, client):
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features__batch_size=BATCH_SIZE)
    search = GridSearchCV(model, {"classify__estimator__C": [0.1, 10]}, cv=2, scoring="roc_auc", error_score="raise")
    search.fit(paths, lesions.target)
    scores, probability = search.cv_results_["mean_test_score"], search.predict_proba(paths)
    with joblib.parallel_config("dask"):
        search.fit(paths, lesions.target)
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], scores)
        np.testing.assert_array_equal(search.predict_proba(paths), probability)
