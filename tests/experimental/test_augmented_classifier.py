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
def data():
    return make_lesions(16, image_size=(48, 64), melanoma_fraction=0.5, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module")
def few(data):
    return hide_labels(data.target, N_LABELED // 2, random_state=0)


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
    """Classifier that records the arguments of `fit`."""

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


def given_to(classifier, data, y, **options):
    model = AugmentedClassifier(small_pipeline(classifier), n_augmentations=2, random_state=0)
    return model.fit(data.images, y, **options).estimator_[-1].given_


# Training data


def augmented_rows(lesions, n_augmentations, seed):
    """Return the features of the first copies of all lesions, then of the second copies, and so on."""
    rows = AugmentedFeatures(ColorFeatures(), n_augmentations, seed).transform(lesions)
    return rows.reshape(len(lesions), n_augmentations, -1).swapaxes(0, 1)


def test_copies_are_augmented_labeled_images(data, few):
    given = given_to(Recorder(), data, few)
    plain = small_pipeline().fit(data.images, few)
    labeled = np.flatnonzero(few != -1)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    copies = augmented_rows(plain["features"][:-1].transform([data.images[i] for i in labeled]), 2, seed)
    np.testing.assert_array_equal(given["X"][:16], plain[:-1].transform(data.images))
    np.testing.assert_array_equal(given["X"][16:], plain[1:-1].transform(np.concatenate(copies)))
    np.testing.assert_array_equal(given["y"], [*few, *few[labeled], *few[labeled]])
    assert len(np.unique(given["X"], axis=0)) == 16 + 2 * len(labeled)


def test_labeled_image_and_copies_weigh_one(data, few):
    given = given_to(Recorder(), data, few)
    np.testing.assert_allclose(given["sample_weight"][:16], np.where(few == -1, 1, 1 / 3))
    np.testing.assert_allclose(given["sample_weight"][16:], 1 / 3)
    assert given["sample_weight"][given["y"] != -1].sum() == pytest.approx(N_LABELED)


def test_without_weights_each_copy_counts_as_an_image(data, few):
    given = given_to(Unweighted(), data, few)
    assert given["sample_weight"] is None
    assert len(given["y"]) == 16 + 2 * N_LABELED


def test_steps_before_the_classifier_ignore_the_copies(data, few):
    plain = small_pipeline().fit(data.images, few)
    model = AugmentedClassifier(small_pipeline(), random_state=0).fit(data.images, few)
    np.testing.assert_array_equal(model.estimator_["scale"].mean_, plain["scale"].mean_)
    assert (model.estimator_["classify"].coef_ != plain["classify"].coef_).any()


@pytest.mark.parametrize("options", [{"n_augmentations": 0}, {"n_augmentations": 3}])
def test_without_copies_equals_the_pipeline(data, few, options):
    classifier = PriorLogisticRegression(np.ones(len(ColorFeatures.FEATURES)), classes=(0, 1))
    labels = few if options["n_augmentations"] == 0 else np.full(16, -1)  # no labeled image
    plain = small_pipeline(classifier).fit(data.images, labels)
    model = AugmentedClassifier(small_pipeline(classifier), **options).fit(data.images, labels)
    np.testing.assert_array_equal(model.predict_proba(data.images), plain.predict_proba(data.images))
    np.testing.assert_array_equal(model.predict(data.images), plain.predict(data.images))


def test_estimator_is_cloned(data, few):
    pipeline = make_melanoma_pipeline("survey")
    model = AugmentedClassifier(pipeline, n_augmentations=1).fit(data.images, few)
    assert not hasattr(pipeline["impute"], "statistics_")
    for each in (pipeline, model.estimator_):
        assert list(each.named_steps) == ["features", "impute", "scale", "classify"]
        assert list(each["features"].named_steps) == ["read", "clean", "segment", "measure"]
    np.testing.assert_array_equal(
        model.predict_proba(data.images), model.estimator_.predict_proba(data.images), strict=True
    )


def test_single_step_and_disabled_steps(data, few):
    lesions = small_pipeline()["features"][:-1].transform(data.images)
    expected = AugmentedClassifier(small_pipeline(), n_augmentations=1, random_state=0).fit(data.images, few)
    for steps in (
        [("measure", ColorFeatures())],
        [("before", "passthrough"), ("measure", ColorFeatures()), ("after", None)],
    ):
        pipeline = small_pipeline().set_params(features__steps=steps)
        model = AugmentedClassifier(pipeline, n_augmentations=1, random_state=0).fit(lesions, few)
        np.testing.assert_array_equal(model.estimator_[-1].coef_, expected.estimator_[-1].coef_)
    whole = Pipeline([("nothing", "passthrough"), *small_pipeline().steps])
    model = AugmentedClassifier(whole, n_augmentations=1, random_state=0).fit(data.images, few)
    np.testing.assert_array_equal(model.estimator_[-1].coef_, expected.estimator_[-1].coef_)
    with pytest.raises(TypeError, match="first step is an ImagePipeline"):
        AugmentedClassifier(small_pipeline().set_params(features__steps=[("a", "passthrough")])).fit(data.images, few)


def test_random_state(data, few):
    first, again, other = (
        AugmentedClassifier(small_pipeline(), random_state=seed).fit(data.images, few).estimator_[-1].coef_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_only_images_of_the_training_fold_are_augmented(data, few, monkeypatch):
    augmented = []
    augment = AugmentedFeatures._augment

    def spy(self, lesion):
        augmented.append(lesion.image.tobytes())
        return augment(self, lesion)

    monkeypatch.setattr(AugmentedFeatures, "_augment", spy)
    for train, test in SemiSupervisedSplit(2).split(data.images, few):
        augmented.clear()
        model = AugmentedClassifier(small_pipeline())
        search = GridSearchCV(model, {"n_augmentations": [1]}, cv=[(train, test)], refit=False)
        search.fit(data.images, few)
        assert sorted(augmented) == sorted(data.images[i].tobytes() for i in train if few[i] != -1)


# Metadata


def test_groups_and_weights_are_routed(data, few):
    weights, groups = np.arange(1.0, 17), np.arange(16) // 2
    labeled = np.tile(np.flatnonzero(few != -1), 2)
    with config_context(enable_metadata_routing=True):
        classifier = Recorder().set_fit_request(groups=True, sample_weight=True)
        given = given_to(classifier, data, few, groups=groups, sample_weight=pd.Series(weights))
        alone = given_to(classifier, data, few)
    np.testing.assert_array_equal(given["groups"], [*groups, *groups[labeled]])
    np.testing.assert_allclose(given["sample_weight"][:16], weights / np.where(few == -1, 1, 3))
    np.testing.assert_allclose(given["sample_weight"][16:], weights[labeled] / 3)
    np.testing.assert_array_equal(alone["groups"], [*range(16), *labeled])
    with pytest.raises(ValueError, match="fit takes groups by metadata routing only, which is off"):
        given_to(Recorder(), data, few, groups=groups)


def test_weights_reach_a_nested_classifier(data):
    plain = PriorLogisticRegression()
    fitted = AugmentedClassifier(small_pipeline(plain), random_state=0).fit(data.images, data.target)
    with config_context(enable_metadata_routing=True):
        inside = FixedThresholdClassifier(clone(plain).set_fit_request(sample_weight=True))
        model = AugmentedClassifier(small_pipeline(inside), random_state=0).fit(data.images, data.target)
    np.testing.assert_allclose(model.estimator_[-1].estimator_.coef_, fitted.estimator_[-1].coef_)
    unweighted = FixedThresholdClassifier(plain)
    model = AugmentedClassifier(small_pipeline(unweighted), random_state=0).fit(data.images, data.target)
    assert abs(model.estimator_[-1].estimator_.coef_ - fitted.estimator_[-1].coef_).max() > 0.01


def test_inner_search_keeps_copies_together(data):
    received = []

    class Spy(GroupKFold):
        def split(self, X, y=None, groups=None):
            received.append(groups)
            return super().split(X, y, groups)

    with config_context(enable_metadata_routing=True):
        split = Spy(2).set_split_request(groups=True)
        inner = GridSearchCV(PriorLogisticRegression(), {"alpha": [0.1, 1]}, cv=split)
        AugmentedClassifier(small_pipeline(inner), n_augmentations=1, random_state=0).fit(data.images, data.target)
    np.testing.assert_array_equal(received[0], [*range(16), *range(16)])


def test_outer_search_with_groups(data, few):
    groups = np.arange(16)
    search = GridSearchCV(
        AugmentedClassifier(small_pipeline(), random_state=0),
        [
            {"n_augmentations": [0]},
            {"n_augmentations": [1], "n_test_augmentations": [1], "estimator__classify__alpha": [0.1]},
        ],
        cv=SemiSupervisedSplit(2),
        scoring="roc_auc",
        error_score="raise",
    ).fit(data.images, few, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with config_context(enable_metadata_routing=True):
        routed = clone(search).fit(data.images, few, groups=groups)
    np.testing.assert_array_equal(routed.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])


# Predictions


@pytest.mark.parametrize(
    ("classifier", "method"), [(PriorLogisticRegression(), "predict_proba"), (LinearSVC(), "decision_function")]
)
def test_predictions_are_averaged_over_image_and_copies(data, classifier, method):
    model = AugmentedClassifier(small_pipeline(classifier), n_augmentations=1, random_state=0)
    model.fit(data.images, data.target).set_params(n_test_augmentations=2)
    lesions = model.estimator_["features"][:-1].transform(data.images)
    rows = [ColorFeatures().transform(lesions), *augmented_rows(lesions, 2, seed=0)]
    expected = np.mean([getattr(model.estimator_[1:], method)(each) for each in rows], axis=0)
    np.testing.assert_allclose(getattr(model, method)(data.images), expected)
    second = expected[:, 1] > 0.5 if expected.ndim == 2 else expected > 0
    np.testing.assert_array_equal(model.predict(data.images), second.astype(int))
    assert hasattr(model, "predict_proba") == (method == "predict_proba")


def test_three_classes(data):
    y = np.arange(16) % 3
    model = AugmentedClassifier(small_pipeline(LogisticRegression()), n_augmentations=1, n_test_augmentations=1).fit(
        data.images, y
    )
    probability = model.predict_proba(data.images)
    assert probability.shape == model.decision_function(data.images).shape == (16, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(data.images), probability.argmax(axis=1))


def test_predictions_are_reproducible_in_any_batch(data, few):
    model = AugmentedClassifier(small_pipeline(), n_test_augmentations=2).fit(data.images, few)
    expected = model.predict_proba(data.images)
    np.testing.assert_array_equal(model.predict_proba(data.images), expected)
    np.testing.assert_allclose(model.predict_proba(data.images[5:7]), expected[5:7])


# Input


def test_kinds_of_images_and_processes_do_not_matter(data, few, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(16)]
    for path, image in zip(paths, data.images, strict=True):
        Image.fromarray(image).save(path)
    lesions = ImageReader().transform(data.images)
    expected = None
    for X in (data.images, paths, pd.Series(paths), np.stack(data.images), lesions):
        for n_jobs in (None, 2) if X is paths else (None,):
            pipeline = small_pipeline(batch_size=5, n_jobs=n_jobs)
            model = AugmentedClassifier(pipeline, n_augmentations=2, n_test_augmentations=1, random_state=0).fit(X, few)
            found = model.predict_proba(X)
            expected = found if expected is None else expected
            np.testing.assert_allclose(found, expected)


def test_string_labels(data, few):
    names = np.array(["nevus", "melanoma"], dtype=object)
    words = np.where(few == -1, -1, names[few])
    classifier = PriorLogisticRegression()
    model = AugmentedClassifier(small_pipeline(classifier), random_state=0, n_test_augmentations=1).fit(
        data.images, words
    )
    numbers = AugmentedClassifier(small_pipeline(classifier), random_state=0, n_test_augmentations=1).fit(
        data.images, few
    )
    assert list(model.classes_) == ["melanoma", "nevus"]
    np.testing.assert_array_equal(model.predict(data.images), names[numbers.predict(data.images)])
    with pytest.raises(ValueError, match="a missing label must be the integer -1, got '-1'"):
        model.fit(data.images, words.astype(str))


def test_tables_with_names(data, few):
    pipeline = make_melanoma_pipeline()
    for container in ("pandas", "polars"):
        model = AugmentedClassifier(pipeline.set_output(transform=container), n_augmentations=1, n_test_augmentations=1)
        model.fit(data.images, few)
        assert "asymmetry_major" in model.estimator_["classify"].feature_names_in_
        assert model.predict_proba(data.images).shape == (16, 2)


def test_image_without_a_lesion(data, few):
    images = list(data.images)
    lost = int(np.flatnonzero(few != -1)[0])
    images[lost] = np.full((48, 64, 3), 200, np.uint8)
    model = AugmentedClassifier(small_pipeline(Recorder()), n_augmentations=2, n_test_augmentations=2)
    message = re.escape(f"No lesion was found in 1 of 16 images: X[{lost}]. ")
    with pytest.warns(UserWarning, match=message) as fitted:
        model.fit(images, few)
    given = model.estimator_[-1].given_["X"]
    np.testing.assert_array_equal(given[[16, 16 + N_LABELED]], given[[lost, lost]])
    with pytest.warns(UserWarning, match=message) as predicted:
        model.predict_proba(images)
    assert len(fitted) == len(predicted) == 1


def test_unreadable_images(data, few, tmp_path):
    path = str(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes(b"no image")
    position = int(np.flatnonzero(few != -1)[0])
    images = list(data.images)
    images[position] = path
    with pytest.raises(ValueError, match=re.escape(f"X[{position}] ({path!r}): could not read")):
        AugmentedClassifier(small_pipeline()).fit(images, few)
    with pytest.warns(UserWarning, match="Skipped 1 of 16 images") as warned:
        AugmentedClassifier(small_pipeline(on_error="skip")).fit(images, few)
    assert len(warned) == 1


def test_invalid_input_raises(data, few):
    flat = make_pipeline(ImageReader(), WatershedSegmenter(), ColorFeatures(), SimpleImputer(), LogisticRegression())
    for pipeline in (LogisticRegression(), flat):
        with pytest.raises(TypeError, match="estimator must be a Pipeline whose first step is an ImagePipeline, got "):
            AugmentedClassifier(pipeline).fit(data.images, few)
    for name in ("estimator", "n_augmentations", "n_test_augmentations", "random_state"):
        with pytest.raises(ValueError, match=f"'{name}' parameter of AugmentedClassifier must"):
            AugmentedClassifier(small_pipeline()).set_params(**{name: -1.5}).fit(data.images, few)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        AugmentedClassifier(small_pipeline()).fit(data.images, few[:5])
    with pytest.raises(TypeError, match="X must be a sequence of images, got the single path"):
        AugmentedClassifier(small_pipeline()).fit("image.jpg", few)


# Estimator interface


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
def test_scikit_learn_checks(check):
    """Run the checks of scikit-learn that need no input; its own suite skips them for image estimators."""
    getattr(estimator_checks, check)("AugmentedClassifier", AugmentedClassifier(small_pipeline()))


def test_tags():
    model = AugmentedClassifier(small_pipeline())
    tags = get_tags(model)
    assert is_classifier(model)
    assert tags.classifier_tags.multi_class
    binary = PriorLogisticRegression(prevalence=0.1)
    assert not get_tags(AugmentedClassifier(small_pipeline(binary))).classifier_tags.multi_class
    assert tags.target_tags.required
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array


def test_clone_and_pickle_predict_the_same(data, few, tmp_path):
    pipeline = small_pipeline().set_params(memory=str(tmp_path))
    steps = [*pipeline.steps[:-1], ("select", SelectKBest(k=5)), pipeline.steps[-1]]
    model = AugmentedClassifier(pipeline.set_params(steps=steps), n_test_augmentations=1, random_state=0)
    expected = model.fit(data.images, few).predict_proba(data.images)
    assert model.estimator_["classify"].coef_.shape == (1, 5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(data.images), expected)
    np.testing.assert_array_equal(clone(model).fit(data.images, few).predict_proba(data.images), expected)


@pytest.mark.real_data
def test_real_images(real_data):
    data = load_ph2(real_data("ph2"))
    few = hide_labels(data.target, 5, random_state=0)
    pipeline = small_pipeline(n_jobs=2)
    model = AugmentedClassifier(pipeline, n_augmentations=2, random_state=0).fit(data.images, few)
    unlabeled = few == -1
    score = model.decision_function([data.images[i] for i in np.flatnonzero(unlabeled)])
    assert roc_auc_score(data.target[unlabeled], score) > 0.85
