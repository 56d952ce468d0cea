"""Rows that are kept: what they are known by, that they are right, and that nothing else is."""

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from contextlib import closing
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion

import sklearn_melanoma
from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.experimental import AugmentedClassifier
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, MorphologyFeatures, PatchEncoder
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._memory import cache as row_cache
from sklearn_melanoma.pipeline._memory import store as row_store
from sklearn_melanoma.pipeline._memory.cache import RowCache
from sklearn_melanoma.pipeline._memory.keys import name_image, stamp_file
from sklearn_melanoma.pipeline._memory.store import RowStore
from sklearn_melanoma.segmentation import SegmenterSelector, WatershedSegmenter

FILE = "rows-1.sqlite"


class CountingReader(ImageReader):
    """Write a line to a file for each image that is read, whatever the process."""

    def __init__(self, log, *, max_side=384, mm_per_pixel=None):
        super().__init__(max_side=max_side, mm_per_pixel=mm_per_pixel)
        self.log = log

    def _transform_image(self, image):
        with open(self.log, "a") as file:
            file.write("read\n")
        return ImageReader._transform_image(self, image)  # super() would not survive the way to a worker


class CountingMeasure(MorphologyFeatures):
    calls = 0

    def transform(self, X):
        type(self).calls += len(X)
        return super().transform(X)


@pytest.fixture(autouse=True)
def nothing_held():
    """Let every test start like a new process."""
    forget()


def forget():
    row_cache._HELD.clear()


@pytest.fixture
def settled(monkeypatch):
    """Trust the times of files that were written a moment ago."""
    monkeypatch.setattr(row_cache, "_JUST_WRITTEN", 0)


@pytest.fixture(scope="module")
def photos(make_image):
    return [make_image(48, 64, center=(0, 0.004 * i), radii=(0.15, 0.15 + 0.004 * i), seed=i) for i in range(12)]


@pytest.fixture
def paths(photos, tmp_path):
    (tmp_path / "images").mkdir()
    paths = [str(tmp_path / "images" / f"{i}.png") for i in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        Image.fromarray(photo).save(path)
    return paths


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.touch()
    return str(path)


def n_reads(log):
    count = len(Path(log).read_text().splitlines())
    Path(log).write_text("")
    return count


@pytest.fixture
def make(log, tmp_path):
    """Return a function that makes a pipeline which counts what it reads and keeps rows in a folder."""

    def pipeline(measure=None, **options):
        steps = [
            ("read", CountingReader(log)),
            ("segment", WatershedSegmenter()),
            ("measure", MorphologyFeatures("survey") if measure is None else measure),
        ]
        return ImagePipeline(steps, **({"memory": tmp_path / "rows", "batch_size": 5} | options))

    return pipeline


def union():
    families = [("shape", MorphologyFeatures()), ("color", ColorFeatures()), ("abcd", AbcdFeatures())]
    return FeatureUnion(families, verbose_feature_names_out=False)


def n_rows(folder):
    with closing(sqlite3.connect(Path(folder, FILE))) as db:
        return db.execute("SELECT count(*) FROM rows").fetchone()[0]


# Rows are those that would be made


@pytest.mark.parametrize("measure", [None, union, lambda: FeatureUnion([("shape", MorphologyFeatures())])])
@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_rows_are_the_same_in_the_same_container(make, photos, skin, measure, container):
    photos = [*photos, skin]  # NaN too
    measure = measure and measure()
    plain = make(measure, memory=None).set_output(transform=container)
    with pytest.warns(UserWarning, match="No lesion"):
        expected = plain.fit_transform(photos)
    kept = make(measure).set_output(transform=container)
    for _ in ("made", "held", "from the file"):
        with pytest.warns(UserWarning, match="No lesion"):
            rows = kept.fit_transform(photos)
        assert type(rows) is type(expected)
        if container == "pandas":
            pd.testing.assert_frame_equal(rows, expected)
        elif container == "polars":
            assert rows.equals(expected, null_equal=True)
            assert rows.schema == expected.schema
        else:
            np.testing.assert_array_equal(rows, expected)
            assert rows.dtype == expected.dtype
        if _ == "held":
            forget()
    assert kept.transform(photos[:2]).shape == expected[:2].shape


def test_photos_are_read_once(make, log, paths):
    pipeline = make()
    rows = pipeline.fit_transform(paths)
    assert n_reads(log) == 12
    np.testing.assert_array_equal(pipeline.transform(paths[::-1]), rows[::-1])
    np.testing.assert_array_equal(clone(pipeline).set_output(transform="pandas").transform(paths), rows)
    forget()
    np.testing.assert_array_equal(make(batch_size=100, n_jobs=1, on_error="skip").transform(paths), rows)
    assert n_reads(log) == 0
    assert pipeline.transform([]).shape == (0, 3)


def test_only_what_is_new_is_read(make, log, paths):
    pipeline = make()
    pipeline.transform(paths[3:6])
    assert n_reads(log) == 3
    rows = pipeline.transform(paths)
    assert n_reads(log) == 9
    np.testing.assert_array_equal(rows, make(memory=None).transform(paths))


def test_a_photo_that_is_there_twice_is_read_once(make, log, paths, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(paths[2]).read_bytes())
    images = [paths[2], paths[0], paths[2], str(copy)]
    rows = make().transform(images)
    assert n_reads(log) == 2
    np.testing.assert_array_equal(rows, make(memory=None).transform(images))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_reads_every_photo_once(make, log, paths, n_jobs, monkeypatch):
    monkeypatch.setattr(CountingReader, "__module__", "__main__")  # travels to workers, which can't import this file
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features=make())
    model.set_output(transform="pandas")
    grid = {"classify__C": [0.01, 1, 100], "impute__strategy": ["mean", "median"]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=n_jobs, scoring="neg_log_loss", error_score="raise")
    search.fit(paths, [0, 1] * 6)
    assert n_reads(log) == 12
    plain = clone(search).set_params(estimator__features__memory=None, n_jobs=None).fit(paths, [0, 1] * 6)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


def test_without_memory_a_search_reads_again_and_again(make, log, paths):
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features=make(memory=None))
    GridSearchCV(model, {"classify__C": [0.01, 1]}, cv=3).fit(paths, [0, 1] * 6)
    assert n_reads(log) == 2 * 3 * 12 + 12


def test_a_parameter_of_the_segmenter_makes_new_rows_beside_the_old(make, log, paths):
    pipeline = make()
    rows = pipeline.transform(paths)
    wide = clone(pipeline).set_params(segment__margin=0.05)
    assert (wide.transform(paths)[:, 0] > rows[:, 0]).all()
    assert n_reads(log) == 24
    np.testing.assert_array_equal(wide.set_params(segment__margin=0).transform(paths), rows)
    assert n_reads(log) == 0


def test_of_a_union_only_the_members_that_are_new_are_measured(make, log, paths):
    shape, color = ("shape", CountingMeasure("survey")), ("color", ColorFeatures())
    make(FeatureUnion([shape])).transform(paths)
    CountingMeasure.calls = 0
    both = FeatureUnion([color, shape])
    rows = make(both).transform(paths)
    assert n_reads(log) == 24
    assert CountingMeasure.calls == 0
    np.testing.assert_array_equal(rows, make(both, memory=None).transform(paths))
    n_reads(log)
    shape_alone = make(CountingMeasure("survey")).transform(paths)
    np.testing.assert_array_equal(shape_alone, rows[:, -3:])
    assert n_reads(log) == 0
    make(FeatureUnion([shape, ("gone", "drop")])).transform(paths)
    assert n_reads(log) == 0


def test_photos_of_which_different_members_are_known(make, paths):
    shape, color = ("shape", MorphologyFeatures()), ("color", ColorFeatures())
    make(FeatureUnion([shape])).transform(paths[:4])
    make(FeatureUnion([color])).transform(paths[2:8])
    both = FeatureUnion([shape, color])
    rows = make(both, batch_size=12).transform(paths)
    np.testing.assert_array_equal(rows, make(both, memory=None).transform(paths))


def test_two_members_of_a_union_that_are_alike(make, paths):
    twice = FeatureUnion([("one", CountingMeasure("survey")), ("two", CountingMeasure("survey"))])
    expected = make(twice, memory=None).transform(paths)
    CountingMeasure.calls = 0
    for _ in range(2):
        np.testing.assert_array_equal(make(twice).transform(paths), expected)
    assert CountingMeasure.calls == 12


def test_weights_of_a_union(make, paths):
    weighted = FeatureUnion([("shape", MorphologyFeatures("survey"))], transformer_weights={"shape": 2})
    expected = make(weighted, memory=None).transform(paths)
    for _ in range(2):
        np.testing.assert_array_equal(make(weighted).transform(paths), expected)
    np.testing.assert_array_equal(make().transform(paths), expected / 2)


# Images of every kind


def test_every_kind_of_photo(make, log, photos, paths, make_lesion):
    lesion = make_lesion(48, 64)
    kinds = {
        "array": photos[0],
        "floats": photos[0] / 255,
        "lists": (photos[1] / 255).tolist(),
        "gray": photos[0][:, :, 0],
        "turned": photos[0].transpose(1, 0, 2),
        "path": paths[0],
        "another path": Path(paths[1]),
        "picture": Image.fromarray(photos[0]),
        "gray picture": Image.fromarray(photos[0]).convert("L"),
        "palette": Image.fromarray(photos[0]).convert("P"),
        "lesion": Lesion(photos[0]),
        "lesion with a mask": lesion,
        "lesion with a map": lesion.with_mask(lesion.mask, lesion.mask.astype(np.float32)),
        "lesion with a scale": Lesion(photos[0], scale=2),
        "lesion in mm": Lesion(photos[0], mm_per_pixel=0.1),
    }
    images = list(kinds.values())
    expected = make(memory=None).transform(images)
    n_reads(log)
    np.testing.assert_array_equal(make().transform(images), expected)
    assert n_reads(log) == len(images)  # no two are taken for one
    np.testing.assert_array_equal(make().transform(images), expected)
    assert n_reads(log) == 0


def test_what_can_not_be_told_apart_is_not_kept(make, log):
    with pytest.raises(TypeError, match=r"^X\[0\]: an image must be a path"):
        make().transform([object()])
    with pytest.raises(TypeError, match=r"^X\[1\]: an image must be a path"):
        make().transform([np.zeros((9, 9, 3)), None])
    assert name_image(np.array([None])).key({}) is None
    assert name_image("").key({}) is None


def test_photos_that_are_drawn_when_asked_for_are_held_one_at_a_time(make, photos):
    class Drawn(list):
        asked = 0

        def __getitem__(self, index):
            self.asked += 1
            return super().__getitem__(index).copy()

    drawn = Drawn(photos)
    make().transform(drawn)
    assert drawn.asked == 24
    make().transform(drawn)
    assert drawn.asked == 36


# Files


def test_a_touched_file_is_looked_into_but_not_measured_again(make, log, paths, settled, monkeypatch):
    looked_into = []
    digest = row_cache.digest_file
    monkeypatch.setattr(row_cache, "digest_file", lambda path: looked_into.append(path) or digest(path))
    make().transform(paths)
    assert len(looked_into) == 12
    forget()
    make().transform(paths)
    assert len(looked_into) == 12
    os.utime(paths[3], (1, 1))
    for _ in range(2):
        make().transform(paths)
        assert looked_into[12:] == [paths[3]]
    assert n_reads(log) == 12


@pytest.mark.parametrize("times", ["new", "as before"])
def test_a_changed_file_of_the_same_name_and_size_is_measured_again(make, log, photos, tmp_path, settled, times):
    path = tmp_path / "photo.bmp"  # of one size whatever it shows
    Image.fromarray(photos[0]).save(path)
    before = path.stat()
    make().transform([path])
    Image.fromarray(photos[5]).save(path)
    assert path.stat().st_size == before.st_size
    if times == "as before":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    np.testing.assert_array_equal(make().transform([path]), make(memory=None).transform([photos[5]]))
    assert n_reads(log) == 3


def test_times_of_files_that_were_just_written_are_not_trusted(make, log, photos, tmp_path, monkeypatch):
    path = tmp_path / "photo.bmp"
    Image.fromarray(photos[0]).save(path)
    stamp = stamp_file(path)
    monkeypatch.setattr(row_cache, "stamp_file", lambda path: stamp)  # a clock that stands still
    make().transform([path])
    Image.fromarray(photos[5]).save(path)
    np.testing.assert_array_equal(make().transform([path]), make(memory=None).transform([photos[5]]))


def test_a_file_that_changes_while_it_is_measured_is_not_kept(make, log, photos, tmp_path):
    path = tmp_path / "photo.bmp"
    Image.fromarray(photos[0]).save(path)

    class Changing(ImageReader):
        def _transform_image(self, image):
            lesion = super()._transform_image(image)
            os.utime(path, (5, 5))
            return lesion

    pipeline = make()
    pipeline.steps[0] = ("read", Changing())
    rows = pipeline.transform([path])
    np.testing.assert_array_equal(rows, make(memory=None).transform([photos[0]]))
    assert n_rows(tmp_path / "rows") == 0


def test_what_is_no_regular_file_is_left_to_the_reader(make, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert stamp_file(tmp_path / "pipe.png") is None
    for path in (tmp_path, tmp_path / "gone.png", "null\0byte.png"):
        assert stamp_file(path) is None
        with pytest.raises((OSError, ValueError), match=r"^X\[0\]"):
            make().transform([path])


def test_paths_are_taken_from_where_the_process_is(make, log, paths, monkeypatch, settled):
    monkeypatch.chdir(Path(paths[0]).parent)
    make().transform(["0.png", "1.png"])
    monkeypatch.chdir(Path(paths[0]).parents[1])
    with pytest.raises(FileNotFoundError):
        make().transform(["0.png"])
    make().transform(paths[:2])
    assert n_reads(log) == 3


# Errors and warnings


def test_errors_name_the_photo_and_bring_along_what_is_known(make, paths):
    make().transform(paths[4:7])
    images = [*paths[:9], "gone.png", *paths[9:]]
    with pytest.raises(FileNotFoundError, match=r"^X\[9\] \('gone\.png'\): could not open") as caught:
        make(batch_size=4).transform(images)
    assert len(caught.value.computed) == 7  # four to six were known, so the second batch is 7, 8, 9 and 10
    np.testing.assert_array_equal(caught.value.computed, make(memory=None).transform(paths[:7]))
    assert "first 7 images" in " ".join(caught.value.__notes__)


def test_photos_that_were_skipped_are_tried_again(make, log, paths, tmp_path, photos):
    later = tmp_path / "later.png"
    later.write_bytes(b"not an image")
    images = [*paths[:6], str(later), "gone.png"]
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"Skipped 2 of 8 images: X\[6\] \('.*later\.png'\).*X\[7\]"):
            rows = make(on_error="skip", batch_size=3).transform(images)
        assert np.isnan(rows[6:]).all()
        assert np.isfinite(rows[:6]).all()
        with pytest.raises(ValueError, match=r"^X\[6\]"):
            make().transform(images)
    Image.fromarray(photos[7]).save(later)
    np.testing.assert_array_equal(make().transform(images[:7])[6:], make(memory=None).transform([photos[7]]))


def test_equal_photos_that_can_not_be_read_are_each_named(make, paths):
    broken = np.zeros((4, 4, 2))
    with pytest.warns(UserWarning, match=r"Skipped 2 of 3 images: X\[0\].*X\[2\]"):
        make(on_error="skip").transform([broken, paths[0], broken])


def test_photos_without_a_lesion_are_told_every_time(make, photos, skin, tmp_path):
    Image.fromarray(skin).save(tmp_path / "skin.png")
    images = [photos[0], skin, photos[1], str(tmp_path / "skin.png"), skin]
    told = set()
    for _ in ("made", "held", "from the file"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            make(batch_size=2).transform(images)
        (warning,) = caught
        assert warning.filename == __file__
        told.add(str(warning.message))
        if _ == "held":
            forget()
    with pytest.warns(UserWarning, match="No lesion") as caught:
        make(memory=None).transform(images)
    assert told == {str(caught[0].message)}
    assert "3 of 5 images: X[1], X[3] (" in told.pop()


# Steps


@pytest.mark.parametrize("package", ["sklearn_melanoma", "sklearn", "skimage", "scipy", "numpy", "PIL"])
def test_rows_of_another_version_are_made_anew(make, log, paths, monkeypatch, package):
    make().transform(paths[:3])
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[package], "__version__", "99.0")
        make().transform(paths[:3])
        assert n_reads(log) == 6
        make().transform(paths[:3])
    make().transform(paths[:3])  # both versions side by side
    assert n_reads(log) == 0
    assert sklearn_melanoma.__version__ != "99.0"


class Locked(ImageReader):
    def __init__(self, lock=None, *, max_side=384, mm_per_pixel=None):
        super().__init__(max_side=max_side, mm_per_pixel=mm_per_pixel)
        self.lock = lock


def test_a_step_that_can_not_be_described_is_told(make, log, paths):
    pipeline = make()
    pipeline.steps.insert(1, ("again", Locked(threading.Lock())))
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"memory=.* could not be used.*can't be told from others.*lock"):
            rows = pipeline.transform(paths)
    assert n_reads(log) == 24
    np.testing.assert_array_equal(rows, make(memory=None).transform(paths))


def test_what_a_step_learned_is_part_of_it(make, log, photos):
    encoder = PatchEncoder(n_codes=4, n_patches=400, random_state=0)
    one, other = make(encoder).fit(photos[:6]), make(clone(encoder)).fit(photos[6:])
    again = make(clone(encoder)).fit(photos[:6])
    n_reads(log)
    rows = one.transform(photos)
    assert not np.array_equal(other.transform(photos), rows)
    assert n_reads(log) == 24
    np.testing.assert_array_equal(again.transform(photos), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).transform(photos), rows)
    assert n_reads(log) == 0


def test_masks_that_a_segmenter_learned_from_are_part_of_it(make, log, photos, make_lesion):
    masks = [make_lesion(48, 64, center=(0, 0.004 * i), radii=(0.15, 0.15 + 0.004 * i)).mask for i in range(12)]
    full = [np.ones_like(mask) for mask in masks]
    rows = []
    for truth in (masks, full, masks):
        candidates = [("tight", WatershedSegmenter()), ("wide", WatershedSegmenter(margin=0.1))]
        selector = SegmenterSelector(candidates, n_best=1, random_state=0).fit(photos[:6], truth[:6])
        pipeline = make()
        pipeline.steps[1] = ("segment", FrozenEstimator(selector))
        rows.append(pipeline.transform(photos))
    assert n_reads(log) == 24
    np.testing.assert_array_equal(rows[0], rows[2])


def test_learned_members_of_a_union_leave_the_others_alone(make, photos):
    encoder = PatchEncoder(n_codes=4, n_patches=400, random_state=0)
    both = FeatureUnion([("shape", CountingMeasure("survey")), ("patches", encoder)])
    one, other = make(both).fit(photos[:6]), make(clone(both)).fit(photos[6:])
    rows = one.transform(photos)
    CountingMeasure.calls = 0
    different = other.transform(photos)
    assert CountingMeasure.calls == 0
    np.testing.assert_array_equal(rows[:, :3], different[:, :3])
    assert not np.array_equal(rows, different)


def test_augmented_copies_are_kept_too(tmp_path):
    photos = make_lesions(12, image_size=(48, 64), melanoma_fraction=0.5, random_state=0)
    scores = []
    for memory in (None, tmp_path, tmp_path):
        model = make_melanoma_pipeline("survey", LogisticRegression(), memory=memory)
        augmented = AugmentedClassifier(model, n_augmentations=2, n_test_augmentations=1, random_state=0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No lesion was found")
            scores.append(augmented.fit(photos.images, photos.target).predict_proba(photos.images))
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    assert n_rows(tmp_path) == 3 * 12  # images, their copies to learn from, their copies to predict from


# What makes no rows of numbers is not kept


def test_lesions_are_not_kept(make, log, photos, tmp_path):
    first = make()[:-1]
    assert first.memory == tmp_path / "rows"
    for _ in range(2):
        lesions = first.transform(photos)
    assert all(isinstance(lesion, Lesion) for lesion in lesions)
    assert n_reads(log) == 24
    frozen = ImagePipeline([("segment", FrozenEstimator(WatershedSegmenter()))], memory=tmp_path / "rows")
    assert isinstance(frozen.transform(photos)[0], Lesion)
    assert ImagePipeline([("a", "passthrough")], memory=tmp_path / "rows").transform([1, 2]) == [1, 2]
    assert n_rows(tmp_path / "rows") == 0


class Measure(TransformerMixin, BaseEstimator):
    """Return rows of whatever a function makes of them."""

    def __init__(self, make_rows):
        self.make_rows = make_rows

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.make_rows([[lesion.area_px, 1] for lesion in X])

    def get_feature_names_out(self, input_features=None):
        return np.array(["area", "one"], dtype=object)


def mixed(rows):
    return pd.DataFrame(rows, columns=["area", "one"]).astype({"area": float})


@pytest.mark.parametrize(
    ("make_rows", "kept"),
    [
        (np.array, True),
        (partial(np.array, dtype=np.float32), True),
        (partial(np.array, dtype=bool), True),
        (partial(np.array, dtype=object), False),
        (partial(np.array, dtype=complex), False),
        (list, False),
        (mixed, False),
        (partial(pd.DataFrame, columns=["area", "one"]), False),
        (lambda rows: np.array(rows)[:, 0], False),
    ],
)
def test_rows_of_other_kinds(make, photos, tmp_path, make_rows, kept):
    measure = Measure(make_rows)
    expected = make(measure, memory=None).transform(photos)
    for _ in range(2):
        rows = make(measure).transform(photos)
        assert type(rows) is type(expected)
        np.testing.assert_array_equal(rows, expected)
        assert getattr(rows, "dtype", None) == getattr(expected, "dtype", None)
    assert (n_rows(tmp_path / "rows") > 0) == kept


def test_a_union_of_other_kinds(make, photos):
    members = [("floats", MorphologyFeatures("survey")), ("integers", Measure(np.array))]
    for container in ("pandas", "default"):
        measure = FeatureUnion(members)
        expected = make(measure, memory=None).set_output(transform=container).transform(photos)
        for _ in range(2):
            rows = make(measure).set_output(transform=container).transform(photos)
            assert type(rows) is type(expected)
            pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(expected))


# The argument


@pytest.mark.parametrize("wrong", [5, object(), b"folder"])
def test_wrong_memory(make, photos, wrong):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match="'memory' parameter of ImagePipeline must be"):
            getattr(make(memory=wrong), method)(photos)
    with pytest.raises(ValueError, match="memory must name a folder, got ''"):
        make(memory="").transform(photos)


def test_memory_of_joblib(make, log, photos, tmp_path):
    make(memory=joblib.Memory(tmp_path / "rows", verbose=0)).transform(photos)
    make(memory=str(tmp_path / "rows")).transform(photos)
    assert n_reads(log) == 12
    make(memory=joblib.Memory(None)).transform(photos)
    assert n_reads(log) == 12


def test_memory_is_a_name_that_travels(make, photos, tmp_path):
    pipeline = make()
    pipeline.transform(photos)
    assert vars(pipeline).keys() == pipeline.get_params(deep=False).keys()
    assert pickle.loads(pickle.dumps(pipeline)).memory == tmp_path / "rows"
    assert clone(pipeline).memory == tmp_path / "rows"
    model = make_melanoma_pipeline("survey", memory="rows")
    assert model["features"].memory == "rows"
    assert model.memory is None


def test_no_thread_and_no_connection_is_left(make, photos):
    before = threading.active_count()
    make().transform(photos)
    assert threading.active_count() == before


# Clearing


def test_clearing(make, log, paths, tmp_path):
    pipeline = make()
    pipeline.transform(paths)
    assert pipeline.clear_memory() is pipeline
    assert n_rows(tmp_path / "rows") == 0
    assert n_reads(log) == 12
    pipeline.transform(paths)
    assert n_reads(log) == 12
    make(memory=None).clear_memory()
    make(memory=tmp_path / "gone").clear_memory()
    assert not (tmp_path / "gone").exists()


def test_clearing_what_is_damaged_says_what_to_do(make, tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match=r"memory '.*rows' could not be cleared: .* Delete the folder while no process"):
        make().clear_memory()


# Trouble


def check_it_goes_on(make, log, paths, reason):
    """Run twice: rows are right, one warning says why they are not kept, and this process still holds them."""
    expected = make(memory=None).transform(paths)
    n_reads(log)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            np.testing.assert_array_equal(make().transform(paths), expected)
    (warning,) = caught
    assert issubclass(warning.category, UserWarning)
    assert "could not be used, rows are made as without it" in str(warning.message)
    assert reason in str(warning.message)
    assert warning.filename == __file__
    assert n_reads(log) == 12


def test_a_file_that_is_no_database(make, log, paths, tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / FILE).write_bytes(b"no database" * 1000)
    check_it_goes_on(make, log, paths, "file is not a database")


def test_a_damaged_database(make, log, paths, tmp_path):
    make(union()).transform(paths)
    file = tmp_path / "rows" / FILE
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    forget()
    check_it_goes_on(make, log, paths, "")


def test_a_damaged_row_is_made_anew(make, log, paths, tmp_path):
    rows = make().transform(paths)
    n_reads(log)
    with closing(sqlite3.connect(tmp_path / "rows" / FILE)) as db, db:
        (numbers, photo) = db.execute("SELECT numbers, image FROM rows LIMIT 1").fetchone()
        db.execute("UPDATE rows SET numbers = ? WHERE image = ?", (bytes([numbers[0] ^ 1]) + numbers[1:], photo))
    for _ in range(2):
        forget()
        np.testing.assert_array_equal(make().transform(paths), rows)
    assert n_reads(log) == 1


def test_a_folder_that_is_a_file(make, log, paths, tmp_path):
    (tmp_path / "rows").touch()
    check_it_goes_on(make, log, paths, "File exists")


class Failing(sqlite3.Connection):
    def execute(self, sql, *args):
        if self.reason and sql.startswith("BEGIN"):
            raise sqlite3.OperationalError(self.reason)
        return super().execute(sql, *args)


@pytest.mark.parametrize(
    "reason",
    ["database or disk is full", "database is locked", "attempt to write a readonly database", "disk I/O error"],
)
def test_a_database_that_can_not_be_written(make, log, paths, monkeypatch, reason):
    monkeypatch.setattr(Failing, "reason", reason, raising=False)
    monkeypatch.setattr(row_store.sqlite3, "connect", partial(sqlite3.connect, factory=Failing))
    check_it_goes_on(make, log, paths, reason)


def test_a_file_that_failed_is_tried_again_later(make, log, paths, tmp_path, monkeypatch):
    (tmp_path / "rows").touch()
    with pytest.warns(UserWarning, match="File exists"):
        make().transform(paths)
    (tmp_path / "rows").unlink()
    monkeypatch.setattr(row_cache._HELD[str(tmp_path / "rows")], "off_until", 0)
    make(MorphologyFeatures(["area"])).transform(paths)
    assert n_rows(tmp_path / "rows") == 12


def test_what_a_process_holds_is_bounded(make, log, photos, monkeypatch):
    monkeypatch.setattr(row_cache, "MAX_HELD", 2000)
    pipeline = make(batch_size=2)
    rows = pipeline.transform(photos)
    np.testing.assert_array_equal(pipeline.transform(photos), rows)
    assert n_reads(log) == 12
    (held,) = row_cache._HELD.values()
    assert sum(map(len, held.rows.values())) <= 7


# Processes

RUN = """
import sys, time
from pathlib import Path
import numpy as np
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.pipeline._memory import store as row_store

row_store.LEASE = 2.0  # so that what a killed process had claimed is soon free

class Reader(ImageReader):
    def _transform_image(self, image):
        with open(log, "a") as file:
            file.write("read\\n")
        time.sleep(pause)
        return super()._transform_image(image)

folder, memory, log, pause, out = sys.argv[1:3] + [sys.argv[3], float(sys.argv[4]), sys.argv[5]]
steps = [("read", Reader()), ("segment", WatershedSegmenter()), ("measure", MorphologyFeatures("survey"))]
paths = sorted(map(str, Path(folder).glob("*.png")))
np.save(out, ImagePipeline(steps, batch_size=2, memory=memory).transform(paths))
"""


def start(paths, tmp_path, log, pause, out):
    arguments = [Path(paths[0]).parent, tmp_path / "rows", log, str(pause), tmp_path / out]
    return subprocess.Popen([sys.executable, "-c", RUN, *map(str, arguments)])


def test_processes_fraction_the_work(make, log, paths, tmp_path):
    runs = [start(paths, tmp_path, log, 0.05, f"{i}.npy") for i in range(3)]
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert n_reads(log) == 12
    expected = make(memory=None).transform(sorted(paths))
    for i in range(3):
        np.testing.assert_array_equal(np.load(tmp_path / f"{i}.npy"), expected)


def test_a_killed_process_leaves_what_it_finished(make, log, paths, tmp_path):
    run = start(paths, tmp_path, log, 0.1, "killed.npy")
    deadline = time.monotonic() + 60
    while len(Path(log).read_text().splitlines()) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    finished = n_rows(tmp_path / "rows")
    assert 4 <= finished <= 8
    n_reads(log)
    assert start(paths, tmp_path, log, 0, "next.npy").wait() == 0
    assert n_reads(log) == 12 - finished
    np.testing.assert_array_equal(np.load(tmp_path / "next.npy"), make(memory=None).transform(sorted(paths)))


def test_threads_fraction_the_work(make, log, paths):
    rows = joblib.Parallel(4, backend="threading")(
        joblib.delayed(make(batch_size=1).transform)(paths) for _ in range(4)
    )
    assert n_reads(log) == 12
    expected = make(memory=None).transform(paths)
    for some in rows:
        np.testing.assert_array_equal(some, expected)


def test_batches_in_processes(make, log, paths):
    pipeline = ImagePipeline(make().steps[1:], memory=make().memory, batch_size=2, n_jobs=2)
    rows = pipeline.transform(paths)
    np.testing.assert_array_equal(pipeline.transform(paths), rows)
    np.testing.assert_array_equal(clone(pipeline).set_params(memory=None).transform(paths), rows)


def test_nothing_is_claimed_once_all_is_over(tmp_path):
    cache = RowCache(tmp_path)
    assert cache.claim(b"w", [b"k"], [b"a"])[1] == {b"a"}
    cache.close()
    cache.claim(b"w", [b"k"], [b"b"])
    assert cache.problem is None
    with closing(RowStore(str(tmp_path))) as store:
        assert store.claim(b"w", [b"k"], [b"a", b"b"])[1] == {b"a", b"b"}


def test_an_error_gives_back_what_was_claimed(make, log, paths, tmp_path):
    with pytest.raises(FileNotFoundError):
        make().transform([paths[0], "gone.png"])
    with closing(sqlite3.connect(tmp_path / "rows" / FILE)) as db:
        assert db.execute("SELECT count(*) FROM claims").fetchone() == (0,)


def test_nothing_needs_sqlite_until_rows_are_kept():
    code = "import sys, sklearn_melanoma.pipeline as p; print('sqlite3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
