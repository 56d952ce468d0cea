from __future__ import annotations

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import estimator_checks, get_tags

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import load_ph2, make_lesions
from sklearn_melanoma.experimental import AugmentedClassifier
from sklearn_melanoma.experimental._augmented_features import AugmentedFeatures
from sklearn_melanoma.features import ColorFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import ImagePipeline
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

N_LABELED = 8  # four of each class


@pytest.fixture(scope="module")
def photos():
    return make_lesions(16, image_size=(48, 64), melanoma_fraction=0.5, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(photos):
    return hide_labels(photos.target, N_LABELED // 2, random_state=0)


def small_pipeline(classifier=None, **options):
    images = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", ColorFeatures())]
    return Pipeline(
        [
            ("features", ImagePipeline(images, **options)),
            ("impute", SimpleImputer()),
            ("scale", StandardScaler()),
            ("classify", PriorLogisticRegression() if classifier is None else classifier),
        ]
    )


class Recorder(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what its `fit` was given."""

    def fit(self, X, y, sample_weight=None, groups=None):
        self.classes_ = np.unique(y[y != -1])
        self.given_ = {"X": X, "y": y, "sample_weight": sample_weight, "groups": groups}
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class Unweighted(Recorder):
    def fit(self, X, y):
        return super().fit(X, y)


def given_to(classifier, photos, y, **options):
    model = AugmentedClassifier(small_pipeline(classifier), n_augmentations=2, random_state=0)
    return model.fit(photos.images, y, **options).pipeline_[-1].given_


# What is learned from


def augmented_rows(lesions, n_augmentations, seed):
    """Return the features of the first copies of all lesions, those of the second, and so on."""
    rows = AugmentedFeatures(ColorFeatures(), n_augmentations, seed).transform(lesions)
    return rows.reshape(len(lesions), n_augmentations, -1).swapaxes(0, 1)


def test_copies_are_augmented_labeled_images(photos, few):
    given = given_to(Recorder(), photos, few)
    plain = small_pipeline().fit(photos.images, few)
    labeled = np.flatnonzero(few != -1)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    copies = augmented_rows(plain["features"][:-1].transform([photos.images[i] for i in labeled]), 2, seed)
    np.testing.assert_array_equal(given["X"][:16], plain[:-1].transform(photos.images))
    np.testing.assert_array_equal(given["X"][16:], plain[1:-1].transform(np.concatenate(copies)))
    np.testing.assert_array_equal(given["y"], [*few, *few[labeled], *few[labeled]])
    assert len(np.unique(given["X"], axis=0)) == 16 + 2 * len(labeled)


def test_each_labeled_photo_counts_as_one(photos, few):
    given = given_to(Recorder(), photos, few)
    np.testing.assert_allclose(given["sample_weight"][:16], np.where(few == -1, 1, 1 / 3))
    np.testing.assert_allclose(given["sample_weight"][16:], 1 / 3)
    assert given["sample_weight"][given["y"] != -1].sum() == pytest.approx(N_LABELED)


def test_without_weights_each_copy_counts_as_a_photo(photos, few):
    given = given_to(Unweighted(), photos, few)
    assert given["sample_weight"] is None
    assert len(given["y"]) == 16 + 2 * N_LABELED


def test_steps_before_the_classifier_know_the_photos_alone(photos, few):
    plain = small_pipeline().fit(photos.images, few)
    model = AugmentedClassifier(small_pipeline(), random_state=0).fit(photos.images, few)
    np.testing.assert_array_equal(model.pipeline_["scale"].mean_, plain["scale"].mean_)
    assert (model.pipeline_["classify"].coef_ != plain["classify"].coef_).any()


@pytest.mark.parametrize("options", [{"n_augmentations": 0}, {"n_augmentations": 3}])
def test_no_copies_no_change(photos, few, options):
    classifier = PriorLogisticRegression(np.ones(len(ColorFeatures.FEATURES)), classes=(0, 1))
    labels = few if options["n_augmentations"] == 0 else np.full(16, -1)  # nothing to copy
    plain = small_pipeline(classifier).fit(photos.images, labels)
    model = AugmentedClassifier(small_pipeline(classifier), **options).fit(photos.images, labels)
    np.testing.assert_array_equal(model.predict_proba(photos.images), plain.predict_proba(photos.images))
    np.testing.assert_array_equal(model.predict(photos.images), plain.predict(photos.images))


def test_the_pipeline_stays_as_it_is(photos, few):
    pipeline = make_melanoma_pipeline("survey")
    model = AugmentedClassifier(pipeline, n_augmentations=1).fit(photos.images, few)
    assert not hasattr(pipeline["impute"], "statistics_")
    for each in (pipeline, model.pipeline_):
        assert list(each.named_steps) == ["features", "impute", "scale", "classify"]
        assert list(each["features"].named_steps) == ["read", "clean", "segment", "measure"]
    np.testing.assert_array_equal(
        model.predict_proba(photos.images), model.pipeline_.predict_proba(photos.images), strict=True
    )


def test_views_of_one_step_and_after_a_last_one_that_is_off(photos, few):
    lesions = small_pipeline()["features"][:-1].transform(photos.images)
    expected = AugmentedClassifier(small_pipeline(), n_augmentations=1, random_state=0).fit(photos.images, few)
    for steps in (
        [("measure", ColorFeatures())],
        [("view", "passthrough"), ("measure", ColorFeatures()), ("after", None)],
    ):
        pipeline = small_pipeline().set_params(features__steps=steps)
        model = AugmentedClassifier(pipeline, n_augmentations=1, random_state=0).fit(lesions, few)
        np.testing.assert_array_equal(model.pipeline_[-1].coef_, expected.pipeline_[-1].coef_)


def test_the_seed_decides(photos, few):
    first, again, other = (
        AugmentedClassifier(small_pipeline(), random_state=seed).fit(photos.images, few).pipeline_[-1].coef_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_only_images_of_the_training_fold_are_augmented(photos, few, monkeypatch):
    augmented = []
    augment = AugmentedFeatures._augment

    def spy(self, lesion):
        augmented.append(lesion.image.tobytes())
        return augment(self, lesion)

    monkeypatch.setattr(AugmentedFeatures, "_augment", spy)
    for train, test in SemiSupervisedSplit(2).split(photos.images, few):
        augmented.clear()
        model = AugmentedClassifier(small_pipeline())
        search = GridSearchCV(model, {"n_augmentations": [1]}, cv=[(train, test)], refit=False)
        search.fit(photos.images, few)
        assert sorted(augmented) == sorted(photos.images[i].tobytes() for i in train if few[i] != -1)


# Metadata


def test_groups_and_weights_are_routed(photos, few):
    weights, groups = np.arange(1.0, 17), np.arange(16) // 2
    labeled = np.tile(np.flatnonzero(few != -1), 2)
    with config_context(enable_metadata_routing=True):
        classifier = Recorder().set_fit_request(groups=True, sample_weight=True)
        given = given_to(classifier, photos, few, groups=groups, sample_weight=pd.Series(weights))
        alone = given_to(classifier, photos, few)
    np.testing.assert_array_equal(given["groups"], [*groups, *groups[labeled]])
    np.testing.assert_allclose(given["sample_weight"][:16], weights / np.where(few == -1, 1, 3))
    np.testing.assert_allclose(given["sample_weight"][16:], weights[labeled] / 3)
    np.testing.assert_array_equal(alone["groups"], [*range(16), *labeled])
    with pytest.raises(ValueError, match="fit takes groups by metadata routing only, which is off"):
        given_to(Recorder(), photos, few, groups=groups)


def test_weights_reach_a_classifier_in_another(photos):
    plain = PriorLogisticRegression()
    fitted = AugmentedClassifier(small_pipeline(plain), random_state=0).fit(photos.images, photos.target)
    with config_context(enable_metadata_routing=True):
        inside = FixedThresholdClassifier(clone(plain).set_fit_request(sample_weight=True))
        model = AugmentedClassifier(small_pipeline(inside), random_state=0).fit(photos.images, photos.target)
    np.testing.assert_allclose(model.pipeline_[-1].estimator_.coef_, fitted.pipeline_[-1].coef_)
    unweighted = FixedThresholdClassifier(plain)
    model = AugmentedClassifier(small_pipeline(unweighted), random_state=0).fit(photos.images, photos.target)
    assert abs(model.pipeline_[-1].estimator_.coef_ - fitted.pipeline_[-1].coef_).max() > 0.01


def test_a_search_inside_keeps_copies_together(photos):
    seen = []

    class Spy(GroupKFold):
        def split(self, X, y=None, groups=None):
            seen.append(groups)
            return super().split(X, y, groups)

    with config_context(enable_metadata_routing=True):
        split = Spy(2).set_split_request(groups=True)
        inner = GridSearchCV(PriorLogisticRegression(), {"alpha": [0.1, 1]}, cv=split)
        AugmentedClassifier(small_pipeline(inner), n_augmentations=1, random_state=0).fit(photos.images, photos.target)
    np.testing.assert_array_equal(seen[0], [*range(16), *range(16)])


def test_in_a_search_with_groups(photos, few):
    groups = np.arange(16)
    search = GridSearchCV(
        AugmentedClassifier(small_pipeline(), random_state=0),
        [
            {"n_augmentations": [0]},
            {"n_augmentations": [1], "n_test_augmentations": [1], "pipeline__classify__alpha": [0.1]},
        ],
        cv=SemiSupervisedSplit(2),
        scoring="roc_auc",
        error_score="raise",
    ).fit(photos.images, few, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with config_context(enable_metadata_routing=True):
        routed = clone(search).fit(photos.images, few, groups=groups)
    np.testing.assert_array_equal(routed.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


# Predictions


@pytest.mark.parametrize(
    ("classifier", "method"), [(PriorLogisticRegression(), "predict_proba"), (LinearSVC(), "decision_function")]
)
def test_predictions_are_averaged_over_photo_and_copies(photos, classifier, method):
    model = AugmentedClassifier(small_pipeline(classifier), n_augmentations=1, random_state=0)
    model.fit(photos.images, photos.target).set_params(n_test_augmentations=2)
    lesions = model.pipeline_["features"][:-1].transform(photos.images)
    rows = [ColorFeatures().transform(lesions), *augmented_rows(lesions, 2, seed=0)]
    expected = np.mean([getattr(model.pipeline_[1:], method)(each) for each in rows], axis=0)
    np.testing.assert_allclose(getattr(model, method)(photos.images), expected)
    second = expected[:, 1] > 0.5 if expected.ndim == 2 else expected > 0
    np.testing.assert_array_equal(model.predict(photos.images), second.astype(int))
    assert hasattr(model, "predict_proba") == (method == "predict_proba")


def test_three_classes(photos):
    y = np.arange(16) % 3
    model = AugmentedClassifier(small_pipeline(LogisticRegression()), n_augmentations=1, n_test_augmentations=1).fit(
        photos.images, y
    )
    probability = model.predict_proba(photos.images)
    assert probability.shape == model.decision_function(photos.images).shape == (16, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(photos.images), probability.argmax(axis=1))


def test_a_prediction_is_the_same_each_time_and_in_any_batch(photos, few):
    model = AugmentedClassifier(small_pipeline(), n_test_augmentations=2).fit(photos.images, few)
    expected = model.predict_proba(photos.images)
    np.testing.assert_array_equal(model.predict_proba(photos.images), expected)
    np.testing.assert_allclose(model.predict_proba(photos.images[5:7]), expected[5:7])


# Input


def test_every_kind_of_photos_and_processes_give_the_same(photos, few, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(16)]
    for path, image in zip(paths, photos.images, strict=True):
        Image.fromarray(image).save(path)
    lesions = ImageReader().transform(photos.images)
    expected = None
    for X in (photos.images, paths, pd.Series(paths), np.stack(photos.images), lesions):
        for n_jobs in (None, 2) if X is paths else (None,):
            pipeline = small_pipeline(batch_size=5, n_jobs=n_jobs)
            model = AugmentedClassifier(pipeline, n_augmentations=2, n_test_augmentations=1, random_state=0).fit(X, few)
            found = model.predict_proba(X)
            expected = found if expected is None else expected
            np.testing.assert_allclose(found, expected)


def test_strings(photos, few):
    names = np.array(["nevus", "melanoma"], dtype=object)
    words = np.where(few == -1, -1, names[few])
    classifier = PriorLogisticRegression()
    model = AugmentedClassifier(small_pipeline(classifier), random_state=0, n_test_augmentations=1).fit(
        photos.images, words
    )
    numbers = AugmentedClassifier(small_pipeline(classifier), random_state=0, n_test_augmentations=1).fit(
        photos.images, few
    )
    assert list(model.classes_) == ["melanoma", "nevus"]
    np.testing.assert_array_equal(model.predict(photos.images), names[numbers.predict(photos.images)])
    with pytest.raises(ValueError, match="a missing label must be the integer -1, got '-1'"):
        model.fit(photos.images, words.astype(str))


def test_a_table_with_names(photos, few):
    pipeline = make_melanoma_pipeline()
    for container in ("pandas", "polars"):
        model = AugmentedClassifier(pipeline.set_output(transform=container), n_augmentations=1, n_test_augmentations=1)
        model.fit(photos.images, few)
        assert "asymmetry_major" in model.pipeline_["classify"].feature_names_in_
        assert model.predict_proba(photos.images).shape == (16, 2)


def test_a_photo_without_a_lesion(photos, few):
    images = list(photos.images)
    lost = int(np.flatnonzero(few != -1)[0])
    images[lost] = np.full((48, 64, 3), 200, np.uint8)
    model = AugmentedClassifier(small_pipeline(Recorder()), n_augmentations=2, n_test_augmentations=2)
    said = re.escape(f"No lesion was found in 1 of 16 images: X[{lost}]. ")
    with pytest.warns(UserWarning, match=said) as fitted:
        model.fit(images, few)
    given = model.pipeline_[-1].given_["X"]
    np.testing.assert_array_equal(given[[16, 16 + N_LABELED]], given[[lost, lost]])
    with pytest.warns(UserWarning, match=said) as predicted:
        model.predict_proba(images)
    assert len(fitted) == len(predicted) == 1


def test_photos_that_can_not_be_read(photos, few, tmp_path):
    path = str(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes(b"no image")
    position = int(np.flatnonzero(few != -1)[0])
    images = list(photos.images)
    images[position] = path
    with pytest.raises(ValueError, match=re.escape(f"X[{position}] ({path!r}): could not read")):
        AugmentedClassifier(small_pipeline()).fit(images, few)
    with pytest.warns(UserWarning, match="Skipped 1 of 16 images") as warned:
        AugmentedClassifier(small_pipeline(on_error="skip")).fit(images, few)
    assert len(warned) == 1


def test_what_is_refused(photos, few):
    flat = make_pipeline(ImageReader(), WatershedSegmenter(), ColorFeatures(), SimpleImputer(), LogisticRegression())
    for pipeline in (LogisticRegression(), flat):
        with pytest.raises(TypeError, match="pipeline must be a Pipeline whose first step is an ImagePipeline, got "):
            AugmentedClassifier(pipeline).fit(photos.images, few)
    for name in ("pipeline", "n_augmentations", "n_test_augmentations", "random_state"):
        with pytest.raises(ValueError, match=f"'{name}' parameter of AugmentedClassifier must"):
            AugmentedClassifier(small_pipeline()).set_params(**{name: -1.5}).fit(photos.images, few)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        AugmentedClassifier(small_pipeline()).fit(photos.images, few[:5])
    with pytest.raises(TypeError, match="X must be a sequence of images, got the single path"):
        AugmentedClassifier(small_pipeline()).fit("photo.jpg", few)


# An estimator like others


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable",
        "check_estimator_tags_renamed",
        "check_valid_tag_types",
        "check_estimator_repr",
        "check_no_attributes_set_in_init",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_mixin_order",
        "check_get_params_invariance",
        "check_set_params",
        "check_param_validation",
    ],
)
def test_scikit_learns_own_checks(check):
    """Run those of scikit-learn's checks that ask nothing of the input: its suite skips them all."""
    getattr(estimator_checks, check)("AugmentedClassifier", AugmentedClassifier(small_pipeline()))


def test_tags():
    model = AugmentedClassifier(small_pipeline())
    tags = get_tags(model)
    assert is_classifier(model)
    assert not tags.classifier_tags.multi_class
    assert get_tags(AugmentedClassifier(small_pipeline(LogisticRegression()))).classifier_tags.multi_class
    assert tags.target_tags.required
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array


def test_a_copy_and_a_pickle_say_the_same(photos, few, tmp_path):
    pipeline = small_pipeline().set_params(memory=str(tmp_path))
    steps = [*pipeline.steps[:-1], ("select", SelectKBest(k=5)), pipeline.steps[-1]]
    model = AugmentedClassifier(pipeline.set_params(steps=steps), n_test_augmentations=1, random_state=0)
    expected = model.fit(photos.images, few).predict_proba(photos.images)
    assert model.pipeline_["classify"].coef_.shape == (1, 5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(photos.images), expected)
    np.testing.assert_array_equal(clone(model).fit(photos.images, few).predict_proba(photos.images), expected)


@pytest.mark.real_data
def test_real_photos(real_data):
    photos = load_ph2(real_data("ph2"))
    few = hide_labels(photos.target, 5, random_state=0)
    pipeline = small_pipeline(n_jobs=2)
    model = AugmentedClassifier(pipeline, n_augmentations=2, random_state=0).fit(photos.images, few)
    hidden = few == -1
    score = model.decision_function([photos.images[i] for i in np.flatnonzero(hidden)])
    assert roc_auc_score(photos.target[hidden], score) > 0.85
