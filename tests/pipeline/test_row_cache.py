"""Pipelines with a cache of feature rows."""

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
from sklearn_melanoma.features import AbcdFeatures, ColorFeatures, FisherVectorEncoder, MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.pipeline._memory import cache as row_cache
from sklearn_melanoma.pipeline._memory import store as row_store
from sklearn_melanoma.pipeline._memory.cache import RowCache
from sklearn_melanoma.pipeline._memory.keys import identify_image, stamp_file
from sklearn_melanoma.pipeline._memory.store import RowStore
from sklearn_melanoma.segmentation import SegmenterSelector, WatershedSegmenter

FILE = "rows-3.sqlite"


class CountingReader(ImageReader):
    """Reader that writes a line to a file for each image, in any process."""

    def __init__(self, log, *, max_side=384, mm_per_pixel=None):
        super().__init__(max_side=max_side, mm_per_pixel=mm_per_pixel)
        self.log = log

    def _transform_image(self, image):
        with open(self.log, "a") as file:
            file.write("read\n")
        return ImageReader._transform_image(self, image)  # super() fails after pickling by value


class CountingFeatures(MorphologyFeatures):
    calls = 0

    def transform(self, X):
        type(self).calls += len(X)
        return super().transform(X)


@pytest.fixture(autouse=True)
def empty_process_cache():
    """Start every test without rows in this process."""
    clear_process_cache()


def clear_process_cache():
    row_cache._HELD.clear()


@pytest.fixture
def trust_file_times(monkeypatch):
    """Trust the times of files that were just written."""
    monkeypatch.setattr(row_cache, "_JUST_WRITTEN", 0)


@pytest.fixture(scope="module")
def images(make_image):
    return [make_image(48, 64, center=(0, 0.004 * i), radii=(0.15, 0.15 + 0.004 * i), seed=i) for i in range(12)]


@pytest.fixture
def paths(images, tmp_path):
    (tmp_path / "images").mkdir()
    paths = [str(tmp_path / "images" / f"{i}.png") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.touch()
    return str(path)


def count_reads(log):
    count = len(Path(log).read_text().splitlines())
    Path(log).write_text("")
    return count


@pytest.fixture
def make_pipeline(log, tmp_path):
    """Return a function that makes a pipeline with a cache, which counts the images that it reads."""

    def pipeline(features=None, **options):
        steps = [
            ("read", CountingReader(log)),
            ("segment", WatershedSegmenter()),
            ("measure", MorphologyFeatures("survey") if features is None else features),
        ]
        return ImagePipeline(steps, **({"memory": tmp_path / "rows", "batch_size": 5} | options))

    return pipeline


def make_union():
    families = [("morphology", MorphologyFeatures()), ("color", ColorFeatures()), ("abcd", AbcdFeatures())]
    return FeatureUnion(families, verbose_feature_names_out=False)


def count_rows(folder):
    with closing(sqlite3.connect(Path(folder, FILE))) as db:
        return db.execute("SELECT count(*) FROM rows").fetchone()[0]


# Rows


@pytest.mark.parametrize("features", [None, make_union, lambda: FeatureUnion([("morphology", MorphologyFeatures())])])
@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_cached_rows_equal_computed_rows(make_pipeline, images, skin, features, container):
    images = [*images, skin]  # NaN too
    features = features and features()
    plain = make_pipeline(features, memory=None).set_output(transform=container)
    with pytest.warns(UserWarning, match="No lesion"):
        expected = plain.fit_transform(images)
    cached = make_pipeline(features).set_output(transform=container)
    for source in ("computed", "process", "file"):
        with pytest.warns(UserWarning, match="No lesion"):
            rows = cached.fit_transform(images)
        assert type(rows) is type(expected)
        if container == "pandas":
            pd.testing.assert_frame_equal(rows, expected)
        elif container == "polars":
            assert rows.equals(expected, null_equal=True)
            assert rows.schema == expected.schema
        else:
            np.testing.assert_array_equal(rows, expected)
            assert rows.dtype == expected.dtype
        if source == "process":
            clear_process_cache()
    assert cached.transform(images[:2]).shape == expected[:2].shape


def test_images_are_read_once(make_pipeline, log, paths):
    pipeline = make_pipeline()
    rows = pipeline.fit_transform(paths)
    assert count_reads(log) == 12
    np.testing.assert_array_equal(pipeline.transform(paths[::-1]), rows[::-1])
    np.testing.assert_array_equal(clone(pipeline).set_output(transform="pandas").transform(paths), rows)
    clear_process_cache()
    np.testing.assert_array_equal(make_pipeline(batch_size=100, n_jobs=1, on_error="skip").transform(paths), rows)
    assert count_reads(log) == 0
    assert pipeline.transform([]).shape == (0, 3)


def test_only_new_images_are_read(make_pipeline, log, paths):
    pipeline = make_pipeline()
    pipeline.transform(paths[3:6])
    assert count_reads(log) == 3
    rows = pipeline.transform(paths)
    assert count_reads(log) == 9
    np.testing.assert_array_equal(rows, make_pipeline(memory=None).transform(paths))


def test_equal_images_are_read_once(make_pipeline, log, paths, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(Path(paths[2]).read_bytes())
    images = [paths[2], paths[0], paths[2], str(copy)]
    rows = make_pipeline().transform(images)
    assert count_reads(log) == 2
    np.testing.assert_array_equal(rows, make_pipeline(memory=None).transform(images))


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_search_reads_each_image_once(make_pipeline, log, paths, n_jobs, monkeypatch):
    monkeypatch.setattr(CountingReader, "__module__", "__main__")  # pickled by value: workers can't import this file
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features=make_pipeline())
    model.set_output(transform="pandas")
    grid = {"classify__estimator__C": [0.01, 100]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=n_jobs, scoring="neg_log_loss", error_score="raise")
    search.fit(paths, [0, 1] * 6)
    assert count_reads(log) == 12
    plain = clone(search).set_params(estimator__features__memory=None, n_jobs=None).fit(paths, [0, 1] * 6)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


def test_search_without_cache_reads_images_for_each_fit(make_pipeline, log, paths):
    model = make_melanoma_pipeline("survey", LogisticRegression()).set_params(features=make_pipeline(memory=None))
    GridSearchCV(model, {"classify__estimator__C": [0.01, 1]}, cv=3).fit(paths, [0, 1] * 6)
    assert count_reads(log) == 2 * 3 * 12 + 12


def test_rows_of_two_segmenter_parameters_are_both_cached(make_pipeline, log, paths):
    pipeline = make_pipeline()
    rows = pipeline.transform(paths)
    wide = clone(pipeline).set_params(segment__margin=0.05)
    assert (wide.transform(paths)[:, 0] > rows[:, 0]).all()
    assert count_reads(log) == 24
    np.testing.assert_array_equal(wide.set_params(segment__margin=0).transform(paths), rows)
    assert count_reads(log) == 0


def test_only_new_members_of_a_union_are_computed(make_pipeline, log, paths):
    morphology, color = ("morphology", CountingFeatures("survey")), ("color", ColorFeatures())
    make_pipeline(FeatureUnion([morphology])).transform(paths)
    CountingFeatures.calls = 0
    both = FeatureUnion([color, morphology])
    rows = make_pipeline(both).transform(paths)
    assert count_reads(log) == 24
    assert CountingFeatures.calls == 0
    np.testing.assert_array_equal(rows, make_pipeline(both, memory=None).transform(paths))
    count_reads(log)
    morphology_alone = make_pipeline(CountingFeatures("survey")).transform(paths)
    np.testing.assert_array_equal(morphology_alone, rows[:, -3:])
    assert count_reads(log) == 0
    make_pipeline(FeatureUnion([morphology, ("gone", "drop")])).transform(paths)
    assert count_reads(log) == 0


def test_images_with_rows_of_different_members(make_pipeline, paths):
    morphology, color = ("morphology", MorphologyFeatures()), ("color", ColorFeatures())
    make_pipeline(FeatureUnion([morphology])).transform(paths[:4])
    make_pipeline(FeatureUnion([color])).transform(paths[2:8])
    both = FeatureUnion([morphology, color])
    rows = make_pipeline(both, batch_size=12).transform(paths)
    np.testing.assert_array_equal(rows, make_pipeline(both, memory=None).transform(paths))


def test_equal_members_of_a_union(make_pipeline, paths):
    twice = FeatureUnion([("one", CountingFeatures("survey")), ("two", CountingFeatures("survey"))])
    expected = make_pipeline(twice, memory=None).transform(paths)
    CountingFeatures.calls = 0
    for _ in range(2):
        np.testing.assert_array_equal(make_pipeline(twice).transform(paths), expected)
    assert CountingFeatures.calls == 12


def test_union_with_weights(make_pipeline, paths):
    weighted = FeatureUnion([("morphology", MorphologyFeatures("survey"))], transformer_weights={"morphology": 2})
    expected = make_pipeline(weighted, memory=None).transform(paths)
    for _ in range(2):
        np.testing.assert_array_equal(make_pipeline(weighted).transform(paths), expected)
    np.testing.assert_array_equal(make_pipeline().transform(paths), expected / 2)


# Types of images


def test_every_type_of_image(make_pipeline, log, images, paths, make_lesion):
    lesion = make_lesion(48, 64)
    kinds = {
        "array": images[0],
        "floats": images[0] / 255,
        "lists": (images[1] / 255).tolist(),
        "gray": images[0][:, :, 0],
        "turned": images[0].transpose(1, 0, 2),
        "path": paths[0],
        "another path": Path(paths[1]),
        "picture": Image.fromarray(images[0]),
        "gray picture": Image.fromarray(images[0]).convert("L"),
        "palette": Image.fromarray(images[0]).convert("P"),
        "lesion": Lesion(images[0]),
        "lesion with a mask": lesion,
        "lesion with a map": lesion.with_mask(lesion.mask, lesion.mask.astype(np.float32)),
        "lesion with a scale": Lesion(images[0], scale=2),
        "lesion in mm": Lesion(images[0], mm_per_pixel=0.1),
    }
    batch = list(kinds.values())
    expected = make_pipeline(memory=None).transform(batch)
    count_reads(log)
    np.testing.assert_array_equal(make_pipeline().transform(batch), expected)
    assert count_reads(log) == len(batch)  # all have different keys
    np.testing.assert_array_equal(make_pipeline().transform(batch), expected)
    assert count_reads(log) == 0


def test_invalid_images_have_no_key(make_pipeline, log):
    with pytest.raises(TypeError, match=r"^X\[0\]: an image must be a path"):
        make_pipeline().transform([object()])
    with pytest.raises(TypeError, match=r"^X\[1\]: an image must be a path"):
        make_pipeline().transform([np.zeros((9, 9, 3)), None])
    assert identify_image(np.array([None])).get_key({}) is None
    assert identify_image("").get_key({}) is None


def test_lazy_images_are_accessed_once_for_the_key_and_once_to_read(make_pipeline, images):
    class GeneratedImages(list):
        asked = 0

        def __getitem__(self, index):
            self.asked += 1
            return super().__getitem__(index).copy()

    generated = GeneratedImages(images)
    make_pipeline().transform(generated)
    assert generated.asked == 24
    make_pipeline().transform(generated)
    assert generated.asked == 36


# Files


def test_touched_file_is_digested_but_not_recomputed(make_pipeline, log, paths, trust_file_times, monkeypatch):
    digested = []
    digest = row_cache.digest_file
    monkeypatch.setattr(row_cache, "digest_file", lambda path: digested.append(path) or digest(path))
    make_pipeline().transform(paths)
    assert len(digested) == 12
    clear_process_cache()
    make_pipeline().transform(paths)
    assert len(digested) == 12
    os.utime(paths[3], (1, 1))
    for _ in range(2):
        make_pipeline().transform(paths)
        assert digested[12:] == [paths[3]]
    assert count_reads(log) == 12


@pytest.mark.parametrize("times", ["new", "as before"])
def test_changed_file_of_the_same_name_and_size_is_recomputed(
    make_pipeline, log, images, tmp_path, trust_file_times, times
):
    path = tmp_path / "image.bmp"  # its size does not depend on its pixels
    Image.fromarray(images[0]).save(path)
    before = path.stat()
    make_pipeline().transform([path])
    Image.fromarray(images[5]).save(path)
    assert path.stat().st_size == before.st_size
    if times == "as before":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    np.testing.assert_array_equal(make_pipeline().transform([path]), make_pipeline(memory=None).transform([images[5]]))
    assert count_reads(log) == 3


def test_times_of_just_written_files_are_not_trusted(make_pipeline, log, images, tmp_path, monkeypatch):
    path = tmp_path / "image.bmp"
    Image.fromarray(images[0]).save(path)
    stamp = stamp_file(path)
    monkeypatch.setattr(row_cache, "stamp_file", lambda path: stamp)  # a clock that stands still
    make_pipeline().transform([path])
    Image.fromarray(images[5]).save(path)
    np.testing.assert_array_equal(make_pipeline().transform([path]), make_pipeline(memory=None).transform([images[5]]))


def test_file_that_changes_during_transform_is_not_cached(make_pipeline, log, images, tmp_path):
    path = tmp_path / "image.bmp"
    Image.fromarray(images[0]).save(path)

    class Changing(ImageReader):
        def _transform_image(self, image):
            lesion = super()._transform_image(image)
            os.utime(path, (5, 5))
            return lesion

    pipeline = make_pipeline()
    pipeline.steps[0] = ("read", Changing())
    rows = pipeline.transform([path])
    np.testing.assert_array_equal(rows, make_pipeline(memory=None).transform([images[0]]))
    assert count_rows(tmp_path / "rows") == 0


def test_irregular_files_raise_the_errors_of_the_reader(make_pipeline, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert stamp_file(tmp_path / "pipe.png") is None
    for path in (tmp_path, tmp_path / "gone.png", "null\0byte.png"):
        assert stamp_file(path) is None
        with pytest.raises((OSError, ValueError), match=r"^X\[0\]"):
            make_pipeline().transform([path])


def test_relative_paths_depend_on_the_working_directory(make_pipeline, log, paths, monkeypatch, trust_file_times):
    monkeypatch.chdir(Path(paths[0]).parent)
    make_pipeline().transform(["0.png", "1.png"])
    monkeypatch.chdir(Path(paths[0]).parents[1])
    with pytest.raises(FileNotFoundError):
        make_pipeline().transform(["0.png"])
    make_pipeline().transform(paths[:2])
    assert count_reads(log) == 3


# Errors and warnings


def test_error_names_the_image_and_holds_cached_rows(make_pipeline, paths):
    make_pipeline().transform(paths[4:7])
    images = [*paths[:9], "gone.png", *paths[9:]]
    with pytest.raises(FileNotFoundError, match=r"^X\[9\] \('gone\.png'\): could not open") as caught:
        make_pipeline(batch_size=4).transform(images)
    assert len(caught.value.computed) == 7  # 4 to 6 were cached, so the second batch is 7, 8, 9 and 10
    np.testing.assert_array_equal(caught.value.computed, make_pipeline(memory=None).transform(paths[:7]))
    assert "first 7 images" in " ".join(caught.value.__notes__)


def test_skipped_images_are_read_again(make_pipeline, log, paths, tmp_path, images):
    later = tmp_path / "later.png"
    later.write_bytes(b"not an image")
    batch = [*paths[:6], str(later), "gone.png"]
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"Skipped 2 of 8 images: X\[6\] \('.*later\.png'\).*X\[7\]"):
            rows = make_pipeline(on_error="skip", batch_size=3).transform(batch)
        assert np.isnan(rows[6:]).all()
        assert np.isfinite(rows[:6]).all()
        with pytest.raises(ValueError, match=r"^X\[6\]"):
            make_pipeline().transform(batch)
    Image.fromarray(images[7]).save(later)
    np.testing.assert_array_equal(
        make_pipeline().transform(batch[:7])[6:], make_pipeline(memory=None).transform([images[7]])
    )


def test_equal_skipped_images_are_all_named(make_pipeline, paths):
    broken = np.zeros((4, 4, 2))
    with pytest.warns(UserWarning, match=r"Skipped 2 of 3 images: X\[0\].*X\[2\]"):
        make_pipeline(on_error="skip").transform([broken, paths[0], broken])


def test_missing_lesions_warn_every_time(make_pipeline, images, skin, tmp_path):
    Image.fromarray(skin).save(tmp_path / "skin.png")
    batch = [images[0], skin, images[1], str(tmp_path / "skin.png"), skin]
    messages = set()
    for source in ("computed", "process", "file"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            make_pipeline(batch_size=2).transform(batch)
        (warning,) = caught
        assert warning.filename == __file__
        messages.add(str(warning.message))
        if source == "process":
            clear_process_cache()
    with pytest.warns(UserWarning, match="No lesion") as caught:
        make_pipeline(memory=None).transform(batch)
    assert messages == {str(caught[0].message)}
    assert "3 of 5 images: X[1], X[3] (" in messages.pop()


# Steps


@pytest.mark.parametrize("package", ["sklearn_melanoma", "sklearn", "skimage", "scipy", "numpy", "PIL"])
def test_rows_of_another_version_are_recomputed(make_pipeline, log, paths, monkeypatch, package):
    make_pipeline().transform(paths[:3])
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[package], "__version__", "99.0")
        make_pipeline().transform(paths[:3])
        assert count_reads(log) == 6
        make_pipeline().transform(paths[:3])
    make_pipeline().transform(paths[:3])  # the cache holds both versions
    assert count_reads(log) == 0
    assert sklearn_melanoma.__version__ != "99.0"


class Locked(ImageReader):
    def __init__(self, lock=None, *, max_side=384, mm_per_pixel=None):
        super().__init__(max_side=max_side, mm_per_pixel=mm_per_pixel)
        self.lock = lock


def test_step_without_a_key_warns(make_pipeline, log, paths):
    pipeline = make_pipeline()
    pipeline.steps.insert(1, ("again", Locked(threading.Lock())))
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"memory=.* could not be used.*key of a step can't be computed.*lock"):
            rows = pipeline.transform(paths)
    assert count_reads(log) == 24
    np.testing.assert_array_equal(rows, make_pipeline(memory=None).transform(paths))


def test_key_includes_fitted_state(make_pipeline, log, images):
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=400, random_state=0)
    one, other = make_pipeline(encoder).fit(images[:6]), make_pipeline(clone(encoder)).fit(images[6:])
    again = make_pipeline(clone(encoder)).fit(images[:6])
    count_reads(log)
    rows = one.transform(images)
    assert not np.array_equal(other.transform(images), rows)
    assert count_reads(log) == 24
    np.testing.assert_array_equal(again.transform(images), rows)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one)).transform(images), rows)
    assert count_reads(log) == 0


def test_key_includes_masks_of_a_fitted_segmenter(make_pipeline, log, images, make_lesion):
    masks = [make_lesion(48, 64, center=(0, 0.004 * i), radii=(0.15, 0.15 + 0.004 * i)).mask for i in range(12)]
    full = [np.ones_like(mask) for mask in masks]
    rows = []
    for truth in (masks, full, masks):
        candidates = [("tight", WatershedSegmenter()), ("wide", WatershedSegmenter(margin=0.1))]
        selector = SegmenterSelector(candidates, n_best=1, random_state=0).fit(images[:6], truth[:6])
        pipeline = make_pipeline()
        pipeline.steps[1] = ("segment", FrozenEstimator(selector))
        rows.append(pipeline.transform(images))
    assert count_reads(log) == 24
    np.testing.assert_array_equal(rows[0], rows[2])


def test_fitted_member_of_a_union_does_not_change_other_keys(make_pipeline, images):
    encoder = FisherVectorEncoder(n_gaussians=2, n_components=4, n_patches=400, random_state=0)
    both = FeatureUnion([("morphology", CountingFeatures("survey")), ("fisher", encoder)])
    one, other = make_pipeline(both).fit(images[:6]), make_pipeline(clone(both)).fit(images[6:])
    rows = one.transform(images)
    CountingFeatures.calls = 0
    different = other.transform(images)
    assert CountingFeatures.calls == 0
    np.testing.assert_array_equal(rows[:, :3], different[:, :3])
    assert not np.array_equal(rows, different)


def test_augmented_copies_are_cached(tmp_path):
    lesions = make_lesions(12, image_size=(48, 64), melanoma_fraction=0.5, random_state=0)
    scores = []
    for memory in (None, tmp_path, tmp_path):
        model = make_melanoma_pipeline("survey", LogisticRegression(), memory=memory)
        augmented = AugmentedClassifier(model, n_augmentations=2, n_test_augmentations=1, random_state=0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No lesion was found")
            scores.append(augmented.fit(lesions.images, lesions.target).predict_proba(lesions.images))
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    assert count_rows(tmp_path) == 3 * 12  # images, their copies in fit, their copies in predict


# Output that is not cached


def test_lesions_are_not_cached(make_pipeline, log, images, tmp_path):
    first = make_pipeline()[:-1]
    assert first.memory == tmp_path / "rows"
    for _ in range(2):
        lesions = first.transform(images)
    assert all(isinstance(lesion, Lesion) for lesion in lesions)
    assert count_reads(log) == 24
    frozen = ImagePipeline([("segment", FrozenEstimator(WatershedSegmenter()))], memory=tmp_path / "rows")
    assert isinstance(frozen.transform(images)[0], Lesion)
    assert ImagePipeline([("a", "passthrough")], memory=tmp_path / "rows").transform([1, 2]) == [1, 2]
    assert count_rows(tmp_path / "rows") == 0


class CustomRows(TransformerMixin, BaseEstimator):
    """Transformer that returns rows of any type."""

    def __init__(self, make_rows):
        self.make_rows = make_rows

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return self.make_rows([[lesion.area_px, 1] for lesion in X])

    def get_feature_names_out(self, input_features=None):
        return np.array(["area", "one"], dtype=object)


def make_mixed_rows(rows):
    return pd.DataFrame(rows, columns=["area", "one"]).astype({"area": float})


@pytest.mark.parametrize(
    ("make_rows", "cached"),
    [
        (np.array, True),
        (partial(np.array, dtype=np.float32), True),
        (partial(np.array, dtype=bool), True),
        (partial(np.array, dtype=object), False),
        (partial(np.array, dtype=complex), False),
        (list, False),
        (make_mixed_rows, False),
        (partial(pd.DataFrame, columns=["area", "one"]), False),
        (lambda rows: np.array(rows)[:, 0], False),
    ],
)
def test_rows_of_other_types(make_pipeline, images, tmp_path, make_rows, cached):
    features = CustomRows(make_rows)
    expected = make_pipeline(features, memory=None).transform(images)
    for _ in range(2):
        rows = make_pipeline(features).transform(images)
        assert type(rows) is type(expected)
        np.testing.assert_array_equal(rows, expected)
        assert getattr(rows, "dtype", None) == getattr(expected, "dtype", None)
    assert (count_rows(tmp_path / "rows") > 0) == cached


def test_union_of_different_dtypes(make_pipeline, images):
    members = [("floats", MorphologyFeatures("survey")), ("integers", CustomRows(np.array))]
    for container in ("pandas", "default"):
        features = FeatureUnion(members)
        expected = make_pipeline(features, memory=None).set_output(transform=container).transform(images)
        for _ in range(2):
            rows = make_pipeline(features).set_output(transform=container).transform(images)
            assert type(rows) is type(expected)
            pd.testing.assert_frame_equal(pd.DataFrame(rows), pd.DataFrame(expected))


# The parameter memory


@pytest.mark.parametrize("wrong", [5, object(), b"folder"])
def test_wrong_memory(make_pipeline, images, wrong):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match="'memory' parameter of ImagePipeline must be"):
            getattr(make_pipeline(memory=wrong), method)(images)
    with pytest.raises(ValueError, match="memory must name a folder, got ''"):
        make_pipeline(memory="").transform(images)


def test_joblib_memory(make_pipeline, log, images, tmp_path):
    make_pipeline(memory=joblib.Memory(tmp_path / "rows", verbose=0)).transform(images)
    make_pipeline(memory=str(tmp_path / "rows")).transform(images)
    assert count_reads(log) == 12
    make_pipeline(memory=joblib.Memory(None)).transform(images)
    assert count_reads(log) == 12


def test_memory_is_kept_by_clone_and_pickle(make_pipeline, images, tmp_path):
    pipeline = make_pipeline()
    pipeline.transform(images)
    assert vars(pipeline).keys() == pipeline.get_params(deep=False).keys()
    assert pickle.loads(pickle.dumps(pipeline)).memory == tmp_path / "rows"
    assert clone(pipeline).memory == tmp_path / "rows"
    model = make_melanoma_pipeline("survey", memory="rows")
    assert model["features"].memory == "rows"
    assert model.memory is None


def test_no_thread_is_left(make_pipeline, images):
    before = threading.active_count()
    make_pipeline().transform(images)
    assert threading.active_count() == before


# Clearing


def test_clear_memory(make_pipeline, log, paths, tmp_path):
    pipeline = make_pipeline()
    pipeline.transform(paths)
    assert pipeline.clear_memory() is pipeline
    assert count_rows(tmp_path / "rows") == 0
    assert count_reads(log) == 12
    pipeline.transform(paths)
    assert count_reads(log) == 12
    make_pipeline(memory=None).clear_memory()
    make_pipeline(memory=tmp_path / "gone").clear_memory()
    assert not (tmp_path / "gone").exists()


def test_clear_memory_of_a_damaged_file_raises(make_pipeline, tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match=r"memory '.*rows' could not be cleared: .* Delete the folder while no process"):
        make_pipeline().clear_memory()


# Failures of the cache


def check_rows_are_recomputed(make_pipeline, log, paths, reason):
    """Transform twice: rows are correct, one warning gives the reason, and this process holds the rows."""
    expected = make_pipeline(memory=None).transform(paths)
    count_reads(log)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            np.testing.assert_array_equal(make_pipeline().transform(paths), expected)
    (warning,) = caught
    assert issubclass(warning.category, UserWarning)
    assert "could not be used, rows are computed without it" in str(warning.message)
    assert reason in str(warning.message)
    assert warning.filename == __file__
    assert count_reads(log) == 12


def test_file_is_not_a_database(make_pipeline, log, paths, tmp_path):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / FILE).write_bytes(b"no database" * 1000)
    check_rows_are_recomputed(make_pipeline, log, paths, "file is not a database")


def test_damaged_database(make_pipeline, log, paths, tmp_path):
    make_pipeline(make_union()).transform(paths)
    file = tmp_path / "rows" / FILE
    content = bytearray(file.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    file.write_bytes(content)
    clear_process_cache()
    check_rows_are_recomputed(make_pipeline, log, paths, "")


def test_damaged_row_is_recomputed(make_pipeline, log, paths, tmp_path):
    rows = make_pipeline().transform(paths)
    count_reads(log)
    with closing(sqlite3.connect(tmp_path / "rows" / FILE)) as db, db:
        (numbers, image_key) = db.execute("SELECT numbers, image_key FROM rows LIMIT 1").fetchone()
        db.execute(
            "UPDATE rows SET numbers = ? WHERE image_key = ?", (bytes([numbers[0] ^ 1]) + numbers[1:], image_key)
        )
    for _ in range(2):
        clear_process_cache()
        np.testing.assert_array_equal(make_pipeline().transform(paths), rows)
    assert count_reads(log) == 1


def test_folder_is_a_file(make_pipeline, log, paths, tmp_path):
    (tmp_path / "rows").touch()
    check_rows_are_recomputed(make_pipeline, log, paths, "File exists")


class Failing(sqlite3.Connection):
    def execute(self, sql, *args):
        if self.reason and sql.startswith("BEGIN"):
            raise sqlite3.OperationalError(self.reason)
        return super().execute(sql, *args)


@pytest.mark.parametrize(
    "reason",
    ["database or disk is full", "database is locked", "attempt to write a readonly database", "disk I/O error"],
)
def test_database_can_not_be_written(make_pipeline, log, paths, monkeypatch, reason):
    monkeypatch.setattr(Failing, "reason", reason, raising=False)
    monkeypatch.setattr(row_store.sqlite3, "connect", partial(sqlite3.connect, factory=Failing))
    check_rows_are_recomputed(make_pipeline, log, paths, reason)


def test_store_is_used_again_after_a_failure(make_pipeline, log, paths, tmp_path, monkeypatch):
    (tmp_path / "rows").touch()
    with pytest.warns(UserWarning, match="File exists"):
        make_pipeline().transform(paths)
    (tmp_path / "rows").unlink()
    monkeypatch.setattr(row_cache._HELD[str(tmp_path / "rows")], "off_until", 0)
    make_pipeline(MorphologyFeatures(["area"])).transform(paths)
    assert count_rows(tmp_path / "rows") == 12


def test_rows_held_in_process_are_bounded(make_pipeline, log, images, monkeypatch):
    monkeypatch.setattr(row_cache, "MAX_HELD", 2000)
    pipeline = make_pipeline(batch_size=2)
    rows = pipeline.transform(images)
    np.testing.assert_array_equal(pipeline.transform(images), rows)
    assert count_reads(log) == 12
    (held,) = row_cache._HELD.values()
    assert sum(map(len, held.rows.values())) <= 7
    row_cache._HELD.clear()  # as in another process, which reads all rows at once
    np.testing.assert_array_equal(pipeline.transform(images), rows)
    (held,) = row_cache._HELD.values()
    assert not any(held.rows.values())
    assert count_reads(log) == 0


# Processes

RUN = """
import sys, time
from pathlib import Path
import numpy as np
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter

assert "sqlite3" not in sys.modules  # it is imported only with a cache

from sklearn_melanoma.pipeline._memory import store as row_store

row_store.LEASE = 2.0  # claims of a killed process expire soon

class Reader(ImageReader):
    def _transform_image(self, image):
        with open(log, "a") as file:
            file.write("read\\n")
        time.sleep(float(sys.argv[4]))  # a global variable would be part of the key
        return super()._transform_image(image)

folder, memory, log, _, out = sys.argv[1:]
steps = [("read", Reader()), ("segment", WatershedSegmenter()), ("measure", MorphologyFeatures("survey"))]
paths = sorted(map(str, Path(folder).glob("*.png")))
np.save(out, ImagePipeline(steps, batch_size=2, memory=memory).transform(paths))
"""


def start_process(paths, tmp_path, log, pause, out):
    arguments = [Path(paths[0]).parent, tmp_path / "rows", log, str(pause), tmp_path / out]
    return subprocess.Popen([sys.executable, "-c", RUN, *map(str, arguments)])


def test_processes_share_the_work(make_pipeline, log, paths, tmp_path):
    runs = [start_process(paths, tmp_path, log, 0.05, f"{i}.npy") for i in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert count_reads(log) == 12
    expected = make_pipeline(memory=None).transform(sorted(paths))
    for i in range(2):
        np.testing.assert_array_equal(np.load(tmp_path / f"{i}.npy"), expected)


@pytest.mark.slow
def test_rows_of_a_killed_process_stay(make_pipeline, log, paths, tmp_path):
    run = start_process(paths, tmp_path, log, 0.1, "killed.npy")
    deadline = time.monotonic() + 60
    while len(Path(log).read_text().splitlines()) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    finished = count_rows(tmp_path / "rows")
    assert 4 <= finished <= 8
    count_reads(log)
    assert start_process(paths, tmp_path, log, 0, "next.npy").wait() == 0
    assert count_reads(log) == 12 - finished
    np.testing.assert_array_equal(np.load(tmp_path / "next.npy"), make_pipeline(memory=None).transform(sorted(paths)))


def test_threads_share_the_work(make_pipeline, log, paths):
    rows = joblib.Parallel(4, backend="threading")(
        joblib.delayed(make_pipeline(batch_size=1).transform)(paths) for _ in range(4)
    )
    assert count_reads(log) == 12
    expected = make_pipeline(memory=None).transform(paths)
    for some in rows:
        np.testing.assert_array_equal(some, expected)


def test_cache_with_workers(make_pipeline, log, paths):
    pipeline = ImagePipeline(make_pipeline().steps[1:], memory=make_pipeline().memory, batch_size=2, n_jobs=2)
    rows = pipeline.transform(paths)
    np.testing.assert_array_equal(pipeline.transform(paths), rows)
    np.testing.assert_array_equal(clone(pipeline).set_params(memory=None).transform(paths), rows)


def test_closed_cache_claims_nothing(tmp_path):
    cache = RowCache(tmp_path)
    assert cache.claim_images(b"w", [b"k"], [b"a"])[1] == {b"a"}
    cache.close()
    cache.claim_images(b"w", [b"k"], [b"b"])
    assert cache.problem is None
    with closing(RowStore(str(tmp_path))) as store:
        assert store.claim_images(b"w", [b"k"], [b"a", b"b"])[1] == {b"a", b"b"}


def test_error_releases_claims(make_pipeline, log, paths, tmp_path):
    with pytest.raises(FileNotFoundError):
        make_pipeline().transform([paths[0], "gone.png"])
    with closing(sqlite3.connect(tmp_path / "rows" / FILE)) as db:
        assert db.execute("SELECT count(*) FROM claims").fetchone() == (0,)
