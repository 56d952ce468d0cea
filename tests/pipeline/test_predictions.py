"""Tests of tables of predictions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.persistence import load_model, save_model
from sklearn_melanoma.pipeline import NoLesionWarning, get_image_pipeline, predict_images


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(24, image_size=(48, 64), melanoma_fraction=0.5, random_state=0)


@pytest.fixture(scope="module")
def model(lesions):
    return make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, lesions.target)


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_scores_labels_and_threshold_are_the_model_s(lesions, model, tmp_path, threshold):
    save_model(model, tmp_path / "model.skops", threshold=threshold)
    loaded = load_model(tmp_path / "model.skops")
    table = predict_images(loaded, lesions.images)
    np.testing.assert_array_equal(table["score"], model.predict_proba(lesions.images)[:, 1])
    np.testing.assert_array_equal(table["label"].astype(int), loaded.predict(lesions.images))
    np.testing.assert_array_equal(table["positive"].astype(bool), table["score"] >= (threshold or 0.5))
    assert table["problem"].eq("").all()
    assert list(table.index) == list(range(24))


def test_labels_of_words_in_any_order(lesions, model):
    words = np.where(lesions.target == 1, "melanoma", "nevus")  # the positive class is the first one
    worded = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, words)
    fixed = FixedThresholdClassifier(FrozenEstimator(worded), threshold=0.3, pos_label="melanoma")
    table = predict_images(fixed.fit(lesions.images, words), lesions.images)
    np.testing.assert_array_equal(table["score"], worded.predict_proba(lesions.images)[:, 0])
    np.testing.assert_array_equal(table["label"], fixed.predict(lesions.images))
    assert table["label"][table["positive"].astype(bool)].eq("melanoma").all()


def test_positive_class_of_words_must_be_known(lesions):
    words = np.where(lesions.target == 1, "melanoma", "nevus")
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, words)
    with pytest.raises(ValueError, match=r"pos_label must say which of the labels \['melanoma', 'nevus'\] in classes_"):
        predict_images(model, lesions.images)
    table = predict_images(model, lesions.images, pos_label="melanoma")
    np.testing.assert_array_equal(table["score"], model.predict_proba(lesions.images)[:, 0])


THRESHOLDS = {
    "fixed": lambda model: FixedThresholdClassifier(model, threshold=0.3, pos_label="melanoma"),
    "on the decision function": lambda model: FixedThresholdClassifier(
        model, threshold=-0.5, pos_label="melanoma", response_method="decision_function"
    ),
    "tuned": lambda model: TunedThresholdClassifierCV(
        model, scoring=make_scorer(fbeta_score, beta=3, pos_label="melanoma"), cv="prefit", refit=False
    ),
}


def fit_frozen_twice(model, X, y):
    fixed = FixedThresholdClassifier(FrozenEstimator(model.fit(X, y)), threshold=0.9).fit(X, y)
    return FixedThresholdClassifier(FrozenEstimator(fixed)).fit(X, y)


class OwnThreshold(FixedThresholdClassifier):
    """A subclass."""


# Thresholds inside and outside of a pipeline, and classifiers whose scores are often at the threshold.
DECIDERS = {
    "inside": (FixedThresholdClassifier(LogisticRegression(), threshold=0.2), None),
    "subclass inside": (OwnThreshold(LogisticRegression(), threshold=0.2), None),
    "tuned inside": (TunedThresholdClassifierCV(LogisticRegression(), scoring="recall", cv=3), None),
    "search": (FixedThresholdClassifier(LogisticRegression(), threshold=0.2), lambda m, X, y: search(m).fit(X, y)),
    "outer default": (LogisticRegression(), fit_frozen_twice),
    "ties": (KNeighborsClassifier(4), None),
    "ties at a threshold": (FixedThresholdClassifier(KNeighborsClassifier(4), threshold=0.25), None),
    "no probabilities": (RidgeClassifier(), None),
}


def search(model):
    return GridSearchCV(model, {"classify__estimator__threshold": [0.2]}, cv=2)


@pytest.mark.parametrize("pos_label", [None, 0])
@pytest.mark.parametrize(("classifier", "fit"), DECIDERS.values(), ids=DECIDERS.keys())
def test_labels_are_the_model_s(lesions, classifier, fit, pos_label):
    y = np.where(np.arange(24) % 4 == 0, 1 - lesions.target, lesions.target)
    model = make_melanoma_pipeline("survey", classifier)
    fitted = model.fit(lesions.images, y) if fit is None else fit(model, lesions.images, y)
    table = predict_images(fitted, lesions.images, pos_label=pos_label)
    np.testing.assert_array_equal(table["label"].astype(int), fitted.predict(lesions.images))
    np.testing.assert_array_equal(table["positive"].astype(bool), table["label"] == (1 if pos_label is None else 0))


@pytest.mark.parametrize("pos_label", ["melanoma", "nevus"])
@pytest.mark.parametrize("make", THRESHOLDS.values(), ids=THRESHOLDS.keys())
def test_labels_are_the_model_s_for_both_classes(lesions, make, pos_label):
    words = np.where(lesions.target == 1, "melanoma", "nevus")
    plain = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, words)
    changed = make(FrozenEstimator(plain)).fit(lesions.images, words)
    table = predict_images(changed, lesions.images, pos_label=pos_label)
    np.testing.assert_array_equal(table["label"], changed.predict(lesions.images))
    np.testing.assert_array_equal(table["label"] == pos_label, table["positive"].astype(bool))
    assert (table["label"] != plain.predict(lesions.images)).any()  # the threshold has an effect
    pd.testing.assert_frame_equal(predict_images(FrozenEstimator(changed), lesions.images, pos_label=pos_label), table)


def test_images_without_lesion_or_unreadable_get_no_score(lesions, model, skin, tmp_path):
    for number, image in enumerate([lesions.images[0], skin]):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / name) for name in ("0.png", "1.png", "gone.png")]
    with pytest.raises(FileNotFoundError, match=r"X\[2\] \('.*gone.png'\)"):
        predict_images(model, paths)
    table = predict_images(model, paths, on_error="skip")  # warnings would be errors
    assert list(table.index) == paths
    assert table["score"].isna().tolist() == [False, True, True]
    assert table["label"].isna().tolist() == [False, True, True]
    assert table["positive"].isna().tolist() == [False, True, True]
    assert table["problem"].iloc[1] == "no lesion found"
    assert table["problem"].iloc[2] == f"could not open '{paths[2]}': No such file or directory"


def test_unreadable_images_of_models_in_folds(lesions, skin):
    calibrated = CalibratedClassifierCV(make_melanoma_pipeline("survey", LogisticRegression()), cv=2, ensemble=True)
    calibrated.fit(lesions.images, lesions.target)
    table = predict_images(calibrated, [lesions.images[0], "gone.png", skin], on_error="skip")
    assert table["score"].isna().tolist() == [False, True, True]
    with pytest.raises(FileNotFoundError, match=r"X\[1\] \('gone.png'\)"):
        predict_images(calibrated, [lesions.images[0], "gone.png"])


def test_setting_of_the_model_can_be_replaced(lesions, model):
    skips = FrozenEstimator(clone(model).set_params(features__on_error="skip").fit(lesions.images, lesions.target))
    assert predict_images(skips, ["gone.png"])["problem"].str.startswith("could not open").all()
    with pytest.raises(FileNotFoundError):
        predict_images(skips, ["gone.png"], on_error="raise")
    with pytest.raises(ValueError, match="on_error must be 'raise', 'skip' or None, got 'ignore'"):
        predict_images(model, lesions.images[:1], on_error="ignore")


def test_threads_do_not_mix_up_their_images(lesions, model, skin):
    def finds_problem(image):
        return bool(predict_images(model, [image])["problem"].item())

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(finds_problem, [skin, lesions.images[0]] * 40))
    assert found == [True, False] * 40


def test_other_warnings_come_through(model, lesions):
    almost_black = (lesions.images[0] > 150).astype(np.uint8)
    with pytest.warns(UserWarning, match="almost black"):
        predict_images(model, [almost_black])


def test_more_than_two_classes(lesions):
    classes = np.arange(24) % 3
    model = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, classes)
    table = predict_images(model, lesions.images)
    assert list(table.columns) == ["score 0", "score 1", "score 2", "label", "problem"]
    np.testing.assert_array_equal(table.iloc[:, :3], model.predict_proba(lesions.images))
    np.testing.assert_array_equal(table["label"].astype(int), model.predict(lesions.images))


def test_warning_lists_images_without_lesion(model, lesions, skin):
    with pytest.warns(NoLesionWarning, match="No lesion was found in 2 of 3 images") as caught:
        model.predict([skin, lesions.images[0], skin])
    assert caught[0].message.positions == [0, 2]


def test_unfitted_model_raises(lesions):
    with pytest.raises(NotFittedError, match="model must be a fitted classifier, got MelanomaPipeline"):
        predict_images(make_melanoma_pipeline(), lesions.images)


def test_image_pipeline_of_a_model(model, tmp_path):
    assert get_image_pipeline(model) is model["features"]
    frozen = FixedThresholdClassifier(FrozenEstimator(model), threshold=0.3)
    assert get_image_pipeline(frozen) is model["features"]
    assert get_image_pipeline(model["features"]) is model["features"]
    with pytest.raises(ValueError, match="model must begin with an ImagePipeline, got Pipeline without one"):
        get_image_pipeline(make_pipeline(LogisticRegression()))


def test_threshold_of_one_class(lesions, model):
    classes = np.array(["bcc", "mel", "nv"])[np.arange(24) % 3]
    several = make_melanoma_pipeline("survey", LogisticRegression()).fit(lesions.images, classes)
    table = predict_images(several, lesions.images, threshold=0.35, pos_label="mel")
    assert list(table.columns) == ["score bcc", "score mel", "score nv", "label", "positive", "problem"]
    np.testing.assert_array_equal(table["positive"].astype(bool), table["score mel"] >= 0.35)
    np.testing.assert_array_equal(table["label"], several.predict(lesions.images))
    with pytest.raises(ValueError, match="pos_label must say which of the labels"):
        predict_images(several, lesions.images, threshold=0.35)
    table = predict_images(model, lesions.images, threshold=Threshold(0.6, 0.9, 0.9, 0.9), pos_label=0)
    np.testing.assert_array_equal(table["score"], model.predict_proba(lesions.images)[:, 0])
    np.testing.assert_array_equal(table["positive"].astype(bool), table["score"] >= 0.6)
    np.testing.assert_array_equal(table["label"].astype(int), table["score"] < 0.6)
