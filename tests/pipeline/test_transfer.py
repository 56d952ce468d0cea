import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import load_isic_2017, load_ph2, make_lesions
from sklearn_melanoma.experimental import InvariantProjection
from sklearn_melanoma.features import MorphologyFeatures
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels
from sklearn_melanoma.pipeline import ImagePipeline, transfer_pipeline
from sklearn_melanoma.segmentation import WatershedSegmenter
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

KNOWN = {"a": 1.0, "b": 1.0}
TRUE = np.array([2.0, -1.0, 1.0, 0.0])  # KNOWN is right about a and wrong about b


def make_table(n_samples, *, middle=0.0, unit=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 4))
    return pd.DataFrame(middle + unit * X, columns=list("abcd")), (X @ TRUE + rng.logistic(size=n_samples) > 0).astype(
        int
    )


def make_model(classifier=None, *before):
    classifier = PriorLogisticRegression(KNOWN, classes=(0, 1)) if classifier is None else classifier
    return make_pipeline(SimpleImputer(), StandardScaler(), *before, classifier).set_output(transform="pandas")


@pytest.fixture
def model():
    return make_model().fit(*make_table(400))


@pytest.fixture(scope="module")
def new_data():
    return make_table(300, middle=50, unit=10, seed=1)


# Priors, weights and refitted steps


def test_prior_and_learned_weights_count_equally_without_labels(model, new_data):
    last = transfer_pipeline(model, new_data[0])[-1]
    prior, learned = model[-1].prior_coef_, model[-1].coef_
    np.testing.assert_allclose(last.coef_, prior / np.abs(prior).sum() + learned / np.abs(learned).sum())
    np.testing.assert_array_equal(last.prior_weights_, [0.5, 0.5])


def test_scaling_is_fitted_to_the_new_images(model, new_data):
    X, y = new_data
    transferred = transfer_pipeline(model, X)
    np.testing.assert_allclose(transferred[:-1].transform(X).mean(), 0, atol=1e-9)
    np.testing.assert_allclose(transferred[:-1].transform(X).std(ddof=0), 1)
    assert model.predict(X).mean() > 0.99  # a mean of 50 is extreme for the old model
    assert transferred.score(X, y) > 0.7


def test_old_and_new_model_are_independent(model, new_data):
    X, y = new_data
    before = model.decision_function(X)
    transferred = transfer_pipeline(model, X, y)
    np.testing.assert_array_equal(model.decision_function(X), before)
    expected = transferred.decision_function(X)
    model.fit(X, 1 - y)
    np.testing.assert_array_equal(transferred.fit(X, y).decision_function(X), expected)


@pytest.mark.parametrize("right", [True, False])
def test_labels_choose_between_the_priors(model, new_data, right):
    X, y = new_data
    other = transfer_pipeline(model, X, y if right else (X @ [1, 1, 0, 0] > 100).astype(int))
    assert (other[-1].prior_weights_[1] > 0.99) == right
    assert (other[-1].prior_weights_[0] > 0.99) != right


def test_transfer_improves_auc_with_few_labels(model, new_data):
    X, y = new_data
    gains = []
    for seed in range(10):
        few = hide_labels(y, 3, random_state=seed)
        alone = make_model(PriorLogisticRegression()).fit(X, few)
        aucs = [roc_auc_score(y, each.decision_function(X)) for each in (transfer_pipeline(model, X, few), alone)]
        gains.append(aucs[0] - aucs[1])
    assert np.mean(gains) > 0.05


def test_keeps_parameters_of_the_classifier(new_data):
    classifier = PriorLogisticRegression(KNOWN, prior_scale=1.0, alpha=3.0, classes=(0, 1), prevalence=0.2)
    kept = transfer_pipeline(make_model(classifier).fit(*make_table(100)), new_data[0])[-1].get_params()
    assert {key: kept[key] for key in ("prior_scale", "alpha", "classes", "prevalence")} == {
        "prior_scale": 1.0,
        "alpha": 3.0,
        "classes": (0, 1),
        "prevalence": 0.2,
    }


@pytest.mark.parametrize("classifier", [LogisticRegression(), RidgeClassifier(), PriorLogisticRegression()])
def test_uses_only_the_weights_without_a_prior(classifier, new_data):
    last = transfer_pipeline(make_model(classifier).fit(*make_table(400)), new_data[0])[-1]
    weights = classifier.coef_.ravel()
    np.testing.assert_allclose(last.coef_[0], 2 * weights / np.abs(weights).sum())
    assert last.classes == [0, 1]


def test_string_classes_in_any_order(model, new_data):
    X, y = new_data
    names = np.array(["nevus", "melanoma"], dtype=object)
    named = make_model(PriorLogisticRegression(KNOWN, classes=("nevus", "melanoma")))
    named.fit(make_table(400)[0], names[make_table(400)[1]].astype(str))
    few = hide_labels(y, 5, random_state=0)
    strings = np.where(few == -1, few, names[few])
    transferred = transfer_pipeline(named, X, strings)
    np.testing.assert_array_equal(transferred.classes_, ["melanoma", "nevus"])
    expected = transfer_pipeline(model, X, few).predict_proba(X)
    np.testing.assert_allclose(transferred.predict_proba(X)[:, ::-1], expected)


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_steps_without_effect_are_kept(nothing, new_data):
    table = make_table(400)
    steps = make_model().steps
    model = Pipeline([("before", nothing), *steps[:-1], ("after", nothing), steps[-1]]).set_output(transform="pandas")
    transferred = transfer_pipeline(model.fit(*table), new_data[0])
    assert (transferred["before"], transferred["after"]) == (nothing, nothing)
    expected = transfer_pipeline(make_model().fit(*table), new_data[0])
    np.testing.assert_array_equal(transferred[-1].coef_, expected[-1].coef_)


def test_each_transfer_adds_a_prior(model, new_data):
    twice = transfer_pipeline(transfer_pipeline(model, *new_data), make_table(50, seed=2)[0])
    np.testing.assert_allclose(twice[-1].prior_weights_, [1 / 3] * 3)


def test_cross_validation(model, new_data):
    X, y = new_data
    few = hide_labels(y, 20, random_state=0)
    scores = cross_val_score(transfer_pipeline(model, X, few), X, few, cv=SemiSupervisedSplit(4), scoring="roc_auc")
    assert scores.mean() > 0.7


def test_feature_selection_keeps_names(new_data):
    chosen = make_model(None, SelectKBest(k=2)).fit(*make_table(400))
    last = transfer_pipeline(chosen, *new_data)[-1]
    assert last.n_features_in_ == 2


# Images


@pytest.fixture(scope="module")
def lesions():
    size = (96, 128)
    return make_lesions(24, image_size=size, random_state=0), make_lesions(
        16, image_size=size, hair=0.8, random_state=1
    )


def test_pipeline_of_images(lesions):
    here, there = lesions
    model = make_melanoma_pipeline().fit(here.images, here.target)
    transferred = transfer_pipeline(model, there.images)
    assert list(transferred.named_steps) == ["features", "impute", "scale", "classify"]
    on_table = transfer_pipeline(model[1:], model[0].transform(there.images))
    np.testing.assert_array_equal(
        transferred.predict_proba(there.images), on_table.predict_proba(model[0].transform(there.images))
    )


def test_learned_features_are_not_refitted(lesions):
    here, there = lesions
    projection = InvariantProjection(MorphologyFeatures("survey"), n_components=2, random_state=0)
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", projection)]
    model = Pipeline(
        [("features", ImagePipeline(steps)), ("scale", StandardScaler()), ("classify", LogisticRegression())]
    )
    model.set_output(transform="pandas").fit(here.images, here.target)
    features = transfer_pipeline(model, there.images)["features"]
    pd.testing.assert_frame_equal(features.transform(there.images), model["features"].transform(there.images))


@pytest.mark.real_data
def test_transfer_from_ph2_to_isic2017(real_data):
    here, there = load_ph2(real_data("ph2")), load_isic_2017(real_data("isic2017"))
    target = there.target[::6]
    model = make_melanoma_pipeline().fit(here.images[::2], here.target[::2])
    table = model["features"].transform(there.images[::6])  # features are computed once
    old, new = (each.predict_proba(table)[:, 1] for each in (model[1:], transfer_pipeline(model[1:], table)))
    assert roc_auc_score(target, new) > 0.7
    assert recall_score(target, new > 0.5) > recall_score(target, old > 0.5) + 0.3


# Errors


def test_model_must_be_a_pipeline():
    with pytest.raises(TypeError, match=r"^model must be a Pipeline, got LogisticRegression\(\)\."):
        transfer_pipeline(LogisticRegression(), [[0.0]])


def test_model_must_be_fitted(new_data):
    with pytest.raises(NotFittedError):
        transfer_pipeline(make_model(), new_data[0])


@pytest.mark.parametrize(
    ("classifier", "n_classes"), [(DecisionTreeClassifier(), 2), (SVC(kernel="linear"), 3), (SVC(kernel="linear"), 4)]
)
def test_model_must_be_linear_in_each_class(classifier, n_classes, new_data):
    X, _ = make_table(100)
    model = make_model(classifier).fit(X, np.arange(100) % n_classes)
    with pytest.raises(ValueError, match="model must end in a linear classifier with weights for each class, got"):
        transfer_pipeline(model, new_data[0])


def test_columns_must_have_names(new_data):
    X, y = make_table(100)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="names of its columns, got LogisticRegression fitted without"):
        transfer_pipeline(model, new_data[0])


def test_columns_must_be_features(new_data):
    model = make_model(None, PCA()).set_params(priorlogisticregression__prior=None).fit(*make_table(100))
    with pytest.raises(ValueError, match="model must have weights of features, got 'pca0'"):
        transfer_pipeline(model, new_data[0])


def test_number_of_labels_must_match_images(model, new_data):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        transfer_pipeline(model, new_data[0], [0, 1])


# More than two classes


@pytest.mark.parametrize("classifier", [PriorLogisticRegression(), LogisticRegression(), None])
def test_transfers_more_than_two_classes(classifier, new_data):
    names = np.array(["bcc", "mel", "nv"])

    def make_diagnoses(X):
        return names[(((X - X.mean()) / X.std()).to_numpy()[:, :3] @ np.diag([1, 2, 3])).argmax(axis=1)]

    old, (new, _) = make_table(400)[0], new_data
    if classifier is None:
        prior = {"mel": {"b": 1.0}, "bcc": {"a": 1.0}}
        classifier = PriorLogisticRegression(prior, classes={"nv": "nevus", "mel": "melanoma", "bcc": "bcc"})
    model = make_model(classifier).fit(old, make_diagnoses(old))
    unlabeled, truth = transfer_pipeline(model, new), make_diagnoses(new)
    assert unlabeled.classes_.tolist() == names.tolist()
    assert unlabeled.score(new, truth) > 0.8
    assert len(unlabeled[-1].prior_weights_) == 1 + (getattr(classifier, "prior", None) is not None)
    few = transfer_pipeline(unlabeled, new, hide_labels(truth, 5, random_state=0))
    assert few.score(new, truth) > 0.8
    assert len(few[-1].prior_weights_) == len(unlabeled[-1].prior_weights_) + 1
