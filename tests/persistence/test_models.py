"""Saving and loading of models, and rejected files."""

import json
import os
import pickle
import runpy
import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.special
import skops.io
from PIL import Image
from sklearn import calibration, config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.experimental import AugmentedClassifier
from sklearn_melanoma.features import MorphologyFeatures, feature_directions
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.metrics import Threshold, threshold_at_sensitivity
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.persistence import _file, _portable, load_model, read_model_info, save_model
from sklearn_melanoma.persistence._skops import find_untrusted
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import PixelClassifierSegmenter, WatershedSegmenter
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)

DIRECTIONS = feature_directions()["weight"]


class OwnReader(ImageReader):
    """Transformer that is not part of the package."""


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(24, image_size=(72, 96), random_state=0)


@pytest.fixture(scope="module")
def labels(lesions):
    return hide_labels(lesions.target, 4, random_state=0)


@pytest.fixture(scope="module")
def model(lesions, labels):
    return make_melanoma_pipeline().fit(lesions.images, labels)


@pytest.fixture(scope="module")
def table(model, lesions):
    return model[:-1].transform(lesions.images)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skops"


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    """Return the content of a valid file."""
    path = tmp_path_factory.mktemp("models") / "model.skops"
    save_model(model, path)
    return path.read_bytes()


def save_and_load(model, path, **arguments):
    save_model(model, path, **arguments)
    return load_model(path)


def dumps(thing):
    return skops.io.dumps(_portable.make_portable(thing))


def make_file(path, thing, **info):
    """Write a file with a valid digest and any content, as another program could."""
    defaults = {"format": 1, "classes": None, "feature_names": None, "threshold": None, "summary": {}}
    archive = thing if isinstance(thing, bytes) else dumps(thing)
    _file.write_model_file(path, json.dumps({**defaults, "versions": _portable.get_versions(), **info}), archive)


# Round trips


@pytest.mark.parametrize("features", ["all", "survey"])
def test_loaded_pipelines_predict_the_same(features, lesions, labels, path):
    model = make_melanoma_pipeline(features).fit(lesions.images, labels)
    for again in (save_and_load(model, path), pickle.loads(pickle.dumps(model))):
        assert type(again) is type(model)
        np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))
        np.testing.assert_array_equal(again.predict(lesions.images), model.predict(lesions.images))
        assert list(again[:-1].get_feature_names_out()) == list(model[:-1].get_feature_names_out())
        pd.testing.assert_frame_equal(again[:-1].transform(lesions.images), model[:-1].transform(lesions.images))
        assert list(again["classify"].feature_names_in_) == list(model["classify"].feature_names_in_)


@pytest.mark.parametrize(
    "classifier",
    [
        PriorLogisticRegression(DIRECTIONS, classes=(0, 1)),
        PriorLogisticRegression([DIRECTIONS, DIRECTIONS.to_dict()], classes=(0, 1), prevalence=0.1),
        BalancedSelfTrainingClassifier(PriorLogisticRegression(DIRECTIONS)),
        CoTrainingClassifier(PriorLogisticRegression(), {"first": [0, 1, 2], "second": [3, 4, 5]}),
        BalancedSelfTrainingClassifier(DecisionTreeClassifier(random_state=0)),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
def test_loaded_classifiers_predict_the_same(classifier, table, labels, path):
    fitted = clone(classifier).fit(table, labels)
    for again in (save_and_load(fitted, path), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))
        np.testing.assert_array_equal(again.predict(table), fitted.predict(table))
        np.testing.assert_array_equal(clone(again).fit(table, labels).predict_proba(table), fitted.predict_proba(table))
    assert read_model_info(path).feature_names == tuple(table.columns)


BY_CLASS = pd.DataFrame({label: DIRECTIONS * weight for label, weight in ((0, -1), (1, 1), (2, 0.5))})
BY_BOOL = {False: -DIRECTIONS, True: DIRECTIONS, np.int64(2): DIRECTIONS / 2}


@pytest.mark.parametrize(
    "parameters",
    [
        {"prior": BY_CLASS},
        {"prior": [BY_CLASS, BY_CLASS.rename(index={"area": "perimeter", "perimeter": "area"})]},
        {"prior": pl.DataFrame({"1": [1.0, 0.0, 0.0], "2": [0.0, 1.0, 0.0]}), "classes": ["0", "1", "2"]},
        {"prior": BY_CLASS.rename(columns={0: False, 1: True})},
        {"prior": BY_BOOL, "classes": {np.bool_(False): "nevus", np.bool_(True): "melanoma", 2: "bcc"}},
        {"prior": "literature", "classes": {0: "nevus", np.int64(1): "melanoma", np.float64(2): "bcc"}},
        {"prior": "literature", "classes": pd.Series(["nv", "mel", "bcc"])},
        {"prior": "literature", "classes": pd.Categorical(["nv", "mel", "bcc"])},
        {"prior": "literature", "classes": tuple(np.array(["nv", "mel", "bcc"]))},
        {"prior": "literature", "classes": pd.Index(["nv", "mel", "bcc"])},
    ],
)
def test_tables_and_mappings_of_parameters_are_kept(parameters, table, path):
    table = table[["area", "perimeter", "solidity"]]
    fitted = PriorLogisticRegression(**{"classes": [0, 1, 2], **parameters}).fit(table, np.full(len(table), -1))
    again = save_and_load(fitted, path)
    np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))
    refitted = clone(again).fit(table, np.full(len(table), -1))
    np.testing.assert_array_equal(refitted.predict_proba(table), fitted.predict_proba(table))
    assert refitted.classes_.tolist() == fitted.classes_.tolist()


def test_mappings_with_bools_as_keys_are_kept(table, path):
    parameters = {"classes": {False: "nevus", True: "melanoma"}, "prevalence": {False: 0.9, True: 0.1}}
    fitted = PriorLogisticRegression("literature", **parameters).fit(table, np.full(len(table), -1))
    again = save_and_load(fitted, path)
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(clone(again).fit(table, [-1] * len(table)).intercept_, fitted.intercept_)


def test_loaded_augmented_classifier_predicts_the_same(lesions, labels, path):
    fitted = AugmentedClassifier(
        make_melanoma_pipeline("survey"), n_augmentations=1, n_test_augmentations=1, random_state=0
    )
    fitted.fit(lesions.images, labels)
    for again in (save_and_load(fitted, path), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(again.predict_proba(lesions.images[:6]), fitted.predict_proba(lesions.images[:6]))
    assert len(read_model_info(path).feature_names) == 3


def test_loaded_pipeline_with_fitted_segmenter_predicts_the_same(lesions, labels, path):
    segmenter = PixelClassifierSegmenter(
        estimator=DecisionTreeClassifier(max_depth=3, random_state=0), n_pixels=50, random_state=0
    )
    segmenter.fit(lesions.images[:6], lesions.masks[:6])
    model = make_melanoma_pipeline("survey").set_params(features__segment=FrozenEstimator(segmenter))
    model.fit(lesions.images, labels)
    again = save_and_load(model, path)
    np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))


def test_loaded_transformer_and_string_labels(lesions, path):
    features = ImagePipeline(
        [("read", ImageReader()), ("find", WatershedSegmenter()), ("measure", MorphologyFeatures())]
    )
    features.fit(lesions.images).set_output(transform="pandas")
    pd.testing.assert_frame_equal(
        save_and_load(features, path).transform(lesions.images), features.transform(lesions.images)
    )
    assert read_model_info(path).classes is None

    unfinished = Pipeline([("features", features), ("classify", "passthrough")]).fit(lesions.images)
    pd.testing.assert_frame_equal(
        save_and_load(unfinished, path).transform(lesions.images), features.transform(lesions.images)
    )

    names = np.where(lesions.target == 1, "melanoma", "nevus")
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, names)
    again = save_and_load(model, path, pos_label="melanoma")
    assert list(again.predict(lesions.images)) == list(model.predict(lesions.images))
    assert read_model_info(path).classes == ("melanoma", "nevus")
    assert read_model_info(path).pos_label == "melanoma"


def test_loaded_search_result_and_calibrated_model(model, lesions, labels, path):
    search = GridSearchCV(
        make_melanoma_pipeline("survey"),
        {"classify__threshold": [0.8, 0.9]},
        cv=SemiSupervisedSplit(2),
        scoring="roc_auc",
        error_score="raise",
    ).fit(lesions.images, labels)
    with pytest.raises(ValueError, match=r"got a GridSearchCV.*Pass its best_estimator_"):
        save_model(search, path)
    labeled = labels >= 0
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), ensemble=False, cv=2)
    calibrated.fit([lesions.images[i] for i in np.flatnonzero(labeled)], labels[labeled])
    for whole in (search.best_estimator_, calibrated):
        again = save_and_load(whole, path)
        np.testing.assert_array_equal(again.predict_proba(lesions.images), whole.predict_proba(lesions.images))


# Thresholds


def test_loaded_model_predicts_with_threshold(model, lesions, path):
    scores = model.predict_proba(lesions.images)[:, 1]
    cut = threshold_at_sensitivity(lesions.target, scores, sensitivity=0.8)
    again = save_and_load(model, path, threshold=cut)
    assert 0 < np.count_nonzero(scores >= cut.threshold) < len(scores)
    np.testing.assert_array_equal(again.predict(lesions.images), (scores >= cut.threshold).astype(int))
    np.testing.assert_array_equal(again.predict_proba(lesions.images)[:, 1], scores)
    assert list(again.classes_) == [0, 1]
    assert read_model_info(path).threshold == cut
    assert isinstance(read_model_info(path).threshold, Threshold)
    assert read_model_info(path).feature_names == tuple(model["classify"].feature_names_in_)


@pytest.mark.parametrize("fit", [False, True])
def test_info_has_threshold_of_fixed_threshold_classifier(model, lesions, path, fit):
    whole = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.7)
    if fit:
        whole.fit(lesions.images, lesions.target)
    again = save_and_load(whole, path)
    np.testing.assert_array_equal(again.predict(lesions.images), whole.predict(lesions.images))
    assert read_model_info(path).threshold == 0.7
    with pytest.raises(ValueError, match="threshold must not be given for a FixedThresholdClassifier"):
        save_model(whole, path, threshold=0.5)


WORDS = np.array(["nevus", "melanoma", -1], dtype=object)


@pytest.fixture(scope="module")
def word_model(lesions, labels):
    model = make_melanoma_pipeline().set_params(classify__classes=("nevus", "melanoma"))
    return model.fit(lesions.images, WORDS[labels])


def test_threshold_finds_the_positive_class_among_words(model, word_model, lesions, path):
    scores = word_model.predict_proba(lesions.images)[:, 0]
    np.testing.assert_allclose(scores, model.predict_proba(lesions.images)[:, 1], atol=1e-6)
    cut = threshold_at_sensitivity(WORDS[lesions.target], scores, sensitivity=0.8, pos_label="melanoma")
    again = save_and_load(word_model, path, threshold=cut)
    np.testing.assert_array_equal(again.predict(lesions.images), WORDS[(scores >= cut.threshold).astype(int)])
    assert (again.predict(lesions.images)[lesions.target == 1] == "melanoma").mean() == cut.sensitivity
    info = read_model_info(path)
    assert (info.pos_label, info.classes, again.pos_label) == ("melanoma", ("melanoma", "nevus"), "melanoma")
    other = save_and_load(word_model, path, threshold=0.3, pos_label="nevus")
    np.testing.assert_array_equal(other.predict(lesions.images) == "nevus", 1 - scores >= 0.3)


@pytest.mark.parametrize(
    ("pair", "positive"), [((0, 1), 1), ((False, True), True), ((0.0, 1.0), 1.0), (("a", "b"), None), ((1, 2), None)]
)
def test_positive_class_of_other_labels(table, lesions, path, pair, positive):
    fitted = LabeledOnlyClassifier(LogisticRegression(max_iter=1000))
    fitted.fit(table, [pair[label] for label in lesions.target])
    if positive is None:
        for options in ({}, {"threshold": 0.3}):
            with pytest.raises(ValueError, match=r"pos_label must say which of the labels \["):
                save_model(fitted, path, **options)
        with pytest.raises(ValueError, match=r"pos_label must be one of the labels .* in classes_, got 'c'"):
            save_model(fitted, path, pos_label="c")
        assert not path.exists()
    for label in pair if positive is None else (positive,):
        options = {"pos_label": label} if positive is None else {}
        again = save_and_load(fitted, path, threshold=0.3, **options)
        assert read_model_info(path).pos_label == label
        scores = fitted.predict_proba(table)[:, list(pair).index(label)]
        np.testing.assert_array_equal(again.predict(table) == label, scores >= 0.3)


def test_threshold_for_the_other_class_is_refused(word_model, lesions, path):
    whole = FixedThresholdClassifier(FrozenEstimator(word_model), threshold=0.3)
    message = r"threshold for the positive class 'melanoma', got a FixedThresholdClassifier with one for 'nevus'\. Pass"
    with pytest.raises(ValueError, match=message):
        save_model(whole, path)
    again = save_and_load(whole.set_params(pos_label="melanoma"), path)
    np.testing.assert_array_equal(again.predict(lesions.images), whole.predict(lesions.images))
    assert read_model_info(path).pos_label == "melanoma"
    save_model(whole.set_params(pos_label="nevus"), path)  # the user allows it
    assert read_model_info(path).pos_label == "nevus"


def test_class_of_unlabeled_samples_is_refused(table, labels, path):
    calibrated = CalibratedClassifierCV(PriorLogisticRegression(), cv=2).fit(table, labels)
    with pytest.raises(ValueError, match=r"must know -1 as a missing label, but 'CalibratedClassifierCV' treated it"):
        save_model(calibrated, path)


def test_positive_class_of_several_classes(table, path):
    fitted = LabeledOnlyClassifier(LogisticRegression(max_iter=1000)).fit(table, np.arange(24) % 3)
    save_model(fitted, path)
    assert read_model_info(path).pos_label is None
    save_model(fitted, path, pos_label=2)
    assert read_model_info(path).pos_label == 2
    with pytest.raises(ValueError, match=r"pos_label must be one of the classes of the model, \[0, 1, 2\], got 3"):
        save_model(fitted, path, pos_label=3)


@pytest.mark.parametrize("url", ["s3://bucket/model.skops", "https://example.org/model.skops"])
def test_urls_are_refused(model, url):
    with pytest.raises(ValueError, match=r"could not write .* models are written to a disk"):
        save_model(model, url)
    for read in (load_model, read_model_info):
        with pytest.raises(ValueError, match=r"could not open .* models are read from a disk"):
            read(url)


def test_file_without_positive_class(path, model):
    make_file(path, model, classes=[0, 1])
    assert read_model_info(path).pos_label is None


def test_wrong_thresholds_raise(model, lesions, path):
    for wrong in (np.nan, np.inf, True, "0.5"):
        with pytest.raises(ValueError, match="threshold must be a finite number"):
            save_model(model, path, threshold=wrong)
    for wrong in (50, -1, Threshold(2.5, 1, 0, 1)):
        with pytest.raises(
            ValueError, match=r"threshold must be a probability, in 0\.\.1, because .* has predict_proba"
        ):
            save_model(model, path, threshold=wrong)
    with pytest.raises(ValueError, match="threshold must be left out if there are not two classes, got 0"):
        save_model(model["features"], path, threshold=0.5)
    three = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, np.arange(24) % 3)
    with pytest.raises(ValueError, match=r"pos_label must name one of the classes \[0, 1, 2\] for the threshold"):
        save_model(three, path, threshold=0.5)


def test_threshold_of_one_class_against_the_rest(lesions, path):
    diagnoses = np.array(["bcc", "mel", "nv"], dtype=object)[np.arange(24) % 3]
    diagnoses[:9] = -1
    model = make_melanoma_pipeline().fit(lesions.images, diagnoses)
    save_model(model, path, threshold=0.2)
    info = read_model_info(path)
    assert (info.classes, info.pos_label, info.threshold) == (("bcc", "mel", "nv"), "mel", 0.2)
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded.predict_proba(lesions.images), model.predict_proba(lesions.images))
    np.testing.assert_array_equal(loaded.predict(lesions.images), model.predict(lesions.images))
    save_model(model, path, threshold=0.3, pos_label="bcc")
    assert read_model_info(path).pos_label == "bcc"


# Information about models


def test_model_info(model, path):
    save_model(model, path, summary={"images": np.int64(24), "auc": np.float64(0.5), "by fold": np.array([0.25, 0.75])})
    info = read_model_info(path)
    assert info.classes == (0, 1)
    assert info.feature_names == tuple(model["classify"].feature_names_in_)
    assert info.threshold is None
    assert info.summary == {"images": 24, "auc": 0.5, "by fold": [0.25, 0.75]}
    assert info.versions == _portable.get_versions()
    assert list(info.versions) == [
        "python",
        "sklearn-melanoma",
        "scikit-learn",
        "scikit-image",
        "scipy",
        "numpy",
        "pillow",
    ]
    assert len(info.digest) == 64
    with pytest.raises(TypeError, match=r"summary must hold types of JSON, .*: got a object"):
        save_model(model, path, summary={"what": object()})
    assert read_model_info(path) == info


def test_skops_loads_the_file(model, lesions, path):
    save_model(model, path)
    types = skops.io.get_untrusted_types(file=path)
    assert all(name.startswith(("sklearn_melanoma.", "numpy.")) for name in types)
    again = skops.io.load(path, trusted=types)
    np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))


def test_save_drops_memory_and_does_not_change_the_model(lesions, labels, path, tmp_path):
    model = make_melanoma_pipeline().set_params(features__memory=str(tmp_path / "cache"), memory=str(tmp_path / "fits"))
    model.fit(lesions.images, labels)
    before = model.get_params()
    scores = model.predict_proba(lesions.images)
    again = save_and_load(model, path)
    assert again.memory is None
    assert again["features"].memory is None
    after = model.get_params()
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)
    np.testing.assert_array_equal(again.predict_proba(lesions.images), scores)
    with ZipFile(path) as archive:
        assert not any(str(tmp_path).encode() in archive.read(name) for name in archive.namelist())


@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")
def test_save_drops_callbacks(lesions, labels, path):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 or newer")
    model = make_melanoma_pipeline("survey").set_callbacks(callback.ProgressBar()).fit(lesions.images, labels)
    again = save_and_load(model, path)
    assert not hasattr(again, "_skl_callbacks")
    assert len(model._skl_callbacks) == 1
    np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))


# Models that can't be saved


def test_invalid_models_raise_and_write_no_file(model, lesions, path):
    with pytest.raises(NotFittedError, match=r"model must be fitted, got a MelanomaPipeline that is not. Call its fit"):
        save_model(make_melanoma_pipeline(), path)
    with pytest.raises(NotFittedError, match="got a FixedThresholdClassifier that is not"):
        save_model(FixedThresholdClassifier(make_melanoma_pipeline(), threshold=0.5), path)
    with pytest.raises(TypeError, match="model must be a fitted estimator, got <class"):
        save_model(PriorLogisticRegression, path)
    with pytest.raises(TypeError, match=r"model must be a fitted estimator, got \{\}"):
        save_model({}, path)
    with pytest.raises(ValueError, match="must hold an estimator of this package, got LogisticRegression without"):
        save_model(LogisticRegression().fit([[0], [1]], [0, 1]), path)
    with pytest.raises(TypeError, match="model must hold only what skops can save"):
        save_model(make_pipeline(FunctionTransformer(lambda X: X), model).fit(lesions.images, lesions.target), path)
    assert list(path.parent.iterdir()) == []


def test_failed_save_keeps_the_old_file(model, saved, path, monkeypatch):
    path.write_bytes(saved)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space left"):
            save_model(model, path)
    assert path.read_bytes() == saved
    save_model(model, path, summary={"second": True})
    assert read_model_info(path).summary == {"second": True}
    assert [file.name for file in path.parent.iterdir()] == ["model.skops"]
    with pytest.raises(FileNotFoundError, match="no such folder"):
        save_model(model, path.parent / "no such folder" / "model.skops")


# Rejected files


@pytest.mark.parametrize(
    "content",
    [b"", b"image", b"PK\x03\x04", pickle.dumps(PriorLogisticRegression())],
    ids=["empty", "text", "zip's start", "pickle"],
)
def test_other_files_are_rejected(content, path):
    path.write_bytes(content)
    for read in (load_model, read_model_info):
        with pytest.raises(ValueError, match=r"model\.skops' is not a model of this package: "):
            read(path)


def test_other_archives_are_rejected(path, model):
    with ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "a")
    with pytest.raises(ValueError, match="is not a model of this package: save_model did not write it"):
        load_model(path)
    for other in (LogisticRegression().fit([[0], [1]], [0, 1]), model["features"]):
        path.write_bytes(dumps(other))
        with pytest.raises(ValueError, match="is not a model of this package: save_model did not write it"):
            load_model(path)


def test_missing_files_and_folders_raise(tmp_path):
    for read in (load_model, read_model_info):
        with pytest.raises(FileNotFoundError, match="gone"):
            read(tmp_path / "gone.skops")
        with pytest.raises(OSError, match=tmp_path.name):
            read(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read every file")
def test_unreadable_file_raises(saved, path):
    path.write_bytes(saved)
    path.chmod(0)
    with pytest.raises(PermissionError, match="model"):
        load_model(path)


def test_damage_is_detected_at_any_position(saved, path):
    draws = np.random.default_rng(0)
    for position in [0, 1, 40, len(saved) - 1, len(saved) - 70, *draws.integers(len(saved), size=200).tolist()]:
        changed = bytearray(saved)
        changed[position] ^= 1 << int(draws.integers(8))
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"model\.skops' is damaged: its content \(\d+ bytes\) does not agree"):
            load_model(path)
    for size in (100, len(saved) // 2, len(saved) - 64, len(saved) - 1):
        path.write_bytes(saved[:size])
        with pytest.raises(ValueError, match="is damaged"):
            read_model_info(path)
    path.write_bytes(saved + b"\n")
    with pytest.raises(ValueError, match="is damaged"):
        load_model(path)


@pytest.mark.parametrize("info", [{"versions": None}, {"threshold": [1]}, {"summary": 1}, {"format": "x"}])
def test_invalid_info_is_rejected(info, model, path):
    make_file(path, model["features"], **info)
    with pytest.raises(ValueError, match="is not a model of this package: "):
        load_model(path)


def test_other_content_is_rejected(path):
    make_file(path, {"a": 1})
    with pytest.raises(ValueError, match="is not a model of this package: it holds a dict"):
        load_model(path)
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        archive.writestr("notes.txt", "a")
    make_file(path, buffer.getvalue())
    with pytest.raises(ValueError, match="is not a model of this package: skops can't read it"):
        load_model(path)


def test_later_format_is_rejected(model, path):
    make_file(path, model["features"], format=2)
    with pytest.raises(ValueError, match=r"has format 2, and this version .* up to 1. Install a later version"):
        load_model(path)


# Trusted types


def with_node(node):
    """Return an archive of skops with any node as a parameter of a step."""
    source = BytesIO(skops.io.dumps(FunctionTransformer(np.abs)))
    target = BytesIO()
    with ZipFile(source) as before, ZipFile(target, "w") as after:
        schema = json.loads(before.read("schema.json"))
        schema["content"]["content"]["func"] = node
        after.writestr("schema.json", json.dumps(schema))
    return target.getvalue()


def text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(value)}


def listing(kind, *items):
    return {"__class__": kind, "__module__": "builtins", "__loader__": f"{kind.capitalize()}Node", "content": items}


def call(module, name, *arguments):
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": "ConstructorFromReduceNode",
        "content": listing("tuple", *map(text, arguments)),
    }


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("sklearn_melanoma.cli", "main"),
        ("sklearn_melanoma._validation", "os.system"),
        ("sklearn_melanoma.persistence", "save_model"),
        ("sklearn_melanoma.pipeline", "make_melanoma_pipeline"),
        ("sklearn_melanoma.persistence._file", "Path"),
        ("sklearn_melanoma.no_such_module", "thing"),
        ("sklearn.__main__", "main"),
        ("sklearn.datasets", "fetch_openml"),
        ("numpy", "load"),
        ("numpy.f2py.__main__", "main"),
        ("scipy.io", "loadmat"),
        ("pandas", "read_pickle"),
    ],
)
def test_untrusted_types_are_rejected_before_anything_runs(module, name, path, tmp_path):
    mark = tmp_path / "mark"
    for node in (
        call(module, name, f"touch {mark}"),
        {"__class__": name, "__module__": module, "__loader__": "FunctionNode"},
        {"__class__": name, "__module__": module, "__loader__": "TypeNode"},
    ):
        make_file(path, with_node(node))
        with pytest.raises(ValueError, match=f"types that are not trusted: {module}.{name}. If you know who made"):
            load_model(path)
    assert not mark.exists()


def test_loads_a_trusted_function(path):
    make_file(path, with_node({"__class__": "exp", "__module__": "numpy", "__loader__": "FunctionNode"}))
    assert load_model(path, trusted=("numpy.exp",)).func is np.exp  # skops 0.15 does not trust it


def test_user_types_are_trusted_by_name(lesions, path):
    name = f"{OwnReader.__module__}.OwnReader"
    sys.modules.setdefault(OwnReader.__module__, sys.modules[__name__])
    model = make_melanoma_pipeline("survey").set_params(features__read=OwnReader(), classify=LogisticRegression())
    model.fit(lesions.images, lesions.target)
    save_model(model, path)
    with pytest.raises(ValueError, match=f"types that are not trusted: {name}. .*trusted=\\('{name}',\\)"):
        load_model(path)
    for trusted in (name, (name,)):
        again = load_model(path, trusted=trusted)
        np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))


def test_find_untrusted():
    trusted = [
        "numpy.dtype",
        "sklearn.tree._tree.Tree",
        "sklearn_melanoma.pipeline._image_pipeline.ImagePipeline",
        "sklearn_melanoma.features._fisher.Mixture",
    ]
    assert find_untrusted(trusted) == []
    others = [
        "builtins.exec",
        "numpy.memmap",
        "sklearn.utils.Bunch",
        "sklearn_melanoma.features._fisher.np",
        "sklearn_melanoma.pipeline._melanoma_pipeline.SimpleImputer",
        "thing",
        "",
    ]
    assert find_untrusted(others) == others
    assert find_untrusted(others, others[:2]) == others[2:]


@pytest.mark.parametrize(
    "value",
    [
        1,
        int,
        np.float64(1),
        np.float64,
        scipy.special.expit,
        LogisticRegression(),
        np.random.default_rng(0),
        {"a": {1}},
    ],
    ids=str,
)
def test_skops_trusts_numbers_functions_and_estimators(value, path):
    make_file(path, FunctionTransformer(kw_args={"value": value}))
    assert type(load_model(path).kw_args["value"]) is type(value)


@pytest.mark.parametrize(
    "method",
    [
        "sigmoid",
        "isotonic",
        pytest.param(
            "temperature",
            marks=pytest.mark.skipif(
                not hasattr(calibration, "_TemperatureScaling"), reason="scikit-learn 1.8 or newer"
            ),
        ),
    ],
)
def test_calibrated_classifiers_are_trusted(method, table, labels, path):
    labeled = labels >= 0
    base = BalancedSelfTrainingClassifier(LogisticRegression())
    fitted = CalibratedClassifierCV(base, method=method, cv=2).fit(table[labeled], labels[labeled])
    again = save_and_load(fitted, path)
    np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))


def test_imputers_are_trusted(path):
    X = np.where(np.eye(12, 4) == 1, np.nan, np.random.default_rng(0).normal(size=(12, 4)))
    for imputer in (SimpleImputer(), IterativeImputer(random_state=0, tol=10)):
        make_file(path, imputer.fit(X))
        np.testing.assert_array_equal(load_model(path).transform(X), imputer.transform(X))


@pytest.mark.filterwarnings("ignore:Label .* is present in all training examples")
def test_one_vs_rest_classifier_with_a_constant_label_is_trusted(path):
    X = np.random.default_rng(0).normal(size=(12, 4))
    classifier = OneVsRestClassifier(LogisticRegression()).fit(X, [[1, i % 2] for i in range(12)])
    make_file(path, classifier)
    np.testing.assert_array_equal(load_model(path).predict(X), classifier.predict(X))


# Versions


def test_other_versions_warn_once(model, lesions, path):
    there = _portable.get_versions() | {"scikit-learn": "0.9.3", "numpy": "1.0"}
    make_file(path, model, versions=there)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again = load_model(path)
    (warning,) = caught
    assert warning.filename == __file__
    assert "was saved with scikit-learn 0.9.3 (here " in str(warning.message)
    assert ", numpy 1.0 (here " in str(warning.message)
    assert "install the versions it was saved with, or fit it anew, and compare" in str(warning.message)
    np.testing.assert_array_equal(again.predict_proba(lesions.images), model.predict_proba(lesions.images))


def test_other_patch_versions_do_not_warn(model, path):
    here = _portable.get_versions()
    there = {package: ".".join([*version.split(".")[:2], "99"]) for package, version in here.items()}
    make_file(path, model, versions=there)
    load_model(path)  # warnings are errors


def test_version_warnings_of_estimators_are_ignored(model, path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("sklearn.base.__version__", "1.0.0")
        archive = dumps(model)
    with pytest.warns(InconsistentVersionWarning):
        skops.io.loads(archive, trusted=skops.io.get_untrusted_types(data=archive))
    make_file(path, archive)
    load_model(path)  # warnings are errors


def test_model_that_can_not_be_rebuilt_names_saved_versions(path):
    gone = {"__class__": "exp", "__module__": "gone", "__loader__": "FunctionNode"}
    make_file(path, with_node(gone))
    with pytest.raises(ValueError, match=r"can't be rebuilt here \(ModuleNotFoundError: .*It was saved with python 3"):
        load_model(path, trusted=["gone.exp"])


# skops


def in_new_process(code, *arguments):
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_new_process_predicts_the_same(saved, model, lesions, path, tmp_path):
    path.write_bytes(saved)
    np.save(tmp_path / "image.npy", lesions.images[0])
    code = (
        "import sys, numpy; from sklearn_melanoma.persistence import load_model; "
        "print(load_model(sys.argv[1]).predict_proba([numpy.load(sys.argv[2])])[0, 1].hex())"
    )
    assert in_new_process(code, path, tmp_path / "image.npy") == [model.predict_proba(lesions.images[:1])[0, 1].hex()]


def test_serve_example_answers_each_image(saved, model, lesions, path, tmp_path):
    path.write_bytes(saved)
    Image.fromarray(lesions.images[0]).save(tmp_path / "first.png")
    Image.new("RGB", (96, 64), (200, 150, 130)).save(tmp_path / "skin.png")
    paths = [str(tmp_path / name) for name in ("first.png", "gone.png", "first.png", "skin.png")]
    script = Path(__file__).parents[2] / "docs" / "examples" / "serve.py"
    run = subprocess.run(
        [sys.executable, script, path], input="\n".join(paths), capture_output=True, text=True, check=True
    )
    ready, *answers = run.stdout.splitlines()
    assert ready == "ready"
    found = f"{paths[0]}\t{model.predict_proba(paths[:1])[0, 1]:.6f}"
    assert answers[0] == answers[2] == found
    assert answers[1].startswith(f"{paths[1]}\tX[0] ('{paths[1]}'): could not open")
    assert answers[3].startswith(f"{paths[3]}\tNo lesion was found in 1 of 1 images")


def test_serve_example_answers_no_score_for_a_skipped_image(model, lesions, labels, path, monkeypatch, capsys):
    save_model(clone(model).set_params(features__on_error="skip").fit(lesions.images, labels), path)
    script = Path(__file__).parents[2] / "docs" / "examples" / "serve.py"
    monkeypatch.setattr(sys, "argv", ["serve.py", str(path)])
    monkeypatch.setattr(sys, "stdin", ["gone.png"])
    with config_context(), warnings.catch_warnings():  # the script changes both
        runpy.run_path(str(script))
    assert capsys.readouterr().out.splitlines()[1].startswith("gone.png\tSkipped 1 of 1 images")


def test_serve_example_answers_the_positive_class(word_model, lesions, path, tmp_path, monkeypatch, capsys):
    save_model(word_model, path, threshold=0.3)
    Image.fromarray(lesions.images[0]).save(tmp_path / "first.png")
    script = Path(__file__).parents[2] / "docs" / "examples" / "serve.py"
    image = str(tmp_path / "first.png")
    monkeypatch.setattr(sys, "argv", ["serve.py", str(path)])
    monkeypatch.setattr(sys, "stdin", [image])
    with config_context():  # the script changes the configuration
        runpy.run_path(str(script))
    assert capsys.readouterr().out.splitlines()[1] == f"{image}\t{word_model.predict_proba([image])[0, 0]:.6f}"


def test_missing_skops_names_what_to_install(saved, path, monkeypatch):
    path.write_bytes(saved)
    for name in [name for name in sys.modules if name.split(".")[0] == "skops"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "skops", None)
    with pytest.raises(ImportError, match=r"needs skops.*pip install 'sklearn-melanoma\[deploy\]'"):
        load_model(path)
    assert read_model_info(path).classes == (0, 1)


def test_functions_are_trusted_by_name(table, labels, path):
    table = table.iloc[:, :20]
    model = make_pipeline(StandardScaler(), SelectKBest(k=5), PriorLogisticRegression())
    labeled = labels >= 0
    model.set_output(transform="pandas").fit(table[labeled], labels[labeled])
    save_model(model, path)
    score = "sklearn.feature_selection._univariate_selection.f_classif"
    with pytest.raises(ValueError, match=f"types that are not trusted: {score}"):
        load_model(path)
    again = load_model(path, trusted=(score,))
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
    assert read_model_info(path).feature_names == tuple(table.columns)
