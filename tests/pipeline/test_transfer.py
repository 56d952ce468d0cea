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
TRUE = np.array([2.0, -1.0, 1.0, 0.0])  # so that KNOWN is right about a, and wrong about b


def draw(n_samples, *, middle=0.0, unit=1.0, seed=0):
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
    return make_model().fit(*draw(400))


@pytest.fixture(scope="module")
def elsewhere():
    return draw(300, middle=50, unit=10, seed=1)


# What is kept, what is learned anew


def test_without_labels_the_prior_and_the_weights_learned_from_it_count_the_same(model, elsewhere):
    last = transfer_pipeline(model, elsewhere[0])[-1]
    prior, learned = model[-1].prior_coef_, model[-1].coef_
    np.testing.assert_allclose(last.coef_, prior / np.abs(prior).sum() + learned / np.abs(learned).sum())
    np.testing.assert_array_equal(last.prior_weights_, [0.5, 0.5])


def test_new_photos_are_scaled_by_themselves(model, elsewhere):
    X, y = elsewhere
    transferred = transfer_pipeline(model, X)
    np.testing.assert_allclose(transferred[:-1].transform(X).mean(), 0, atol=1e-9)
    np.testing.assert_allclose(transferred[:-1].transform(X).std(ddof=0), 1)
    assert model.predict(X).mean() > 0.99  # 50 is far off for the old model
    assert transferred.score(X, y) > 0.7


def test_the_old_model_stays_as_it_is_and_the_new_one_does_not_follow_it(model, elsewhere):
    X, y = elsewhere
    before = model.decision_function(X)
    transferred = transfer_pipeline(model, X, y)
    np.testing.assert_array_equal(model.decision_function(X), before)
    expected = transferred.decision_function(X)
    model.fit(X, 1 - y)
    np.testing.assert_array_equal(transferred.fit(X, y).decision_function(X), expected)


@pytest.mark.parametrize("right", [True, False])
def test_labels_tell_which_prior_holds(model, elsewhere, right):
    X, y = elsewhere
    other = transfer_pipeline(model, X, y if right else (X @ [1, 1, 0, 0] > 100).astype(int))
    assert (other[-1].prior_weights_[1] > 0.99) == right
    assert (other[-1].prior_weights_[0] > 0.99) != right


def test_few_labels_go_further(model, elsewhere):
    X, y = elsewhere
    gains = []
    for seed in range(10):
        few = hide_labels(y, 3, random_state=seed)
        alone = make_model(PriorLogisticRegression()).fit(X, few)
        areas = [roc_auc_score(y, each.decision_function(X)) for each in (transfer_pipeline(model, X, few), alone)]
        gains.append(areas[0] - areas[1])
    assert np.mean(gains) > 0.05


def test_parameters_of_the_classifier_are_kept(elsewhere):
    classifier = PriorLogisticRegression(KNOWN, prior_scale=1.0, alpha=3.0, classes=(0, 1), prevalence=0.2)
    kept = transfer_pipeline(make_model(classifier).fit(*draw(100)), elsewhere[0])[-1].get_params()
    assert {key: kept[key] for key in ("prior_scale", "alpha", "classes", "prevalence")} == {
        "prior_scale": 1.0,
        "alpha": 3.0,
        "classes": (0, 1),
        "prevalence": 0.2,
    }


@pytest.mark.parametrize("classifier", [LogisticRegression(), RidgeClassifier(), PriorLogisticRegression()])
def test_without_a_prior_it_starts_from_the_weights_alone(classifier, elsewhere):
    last = transfer_pipeline(make_model(classifier).fit(*draw(400)), elsewhere[0])[-1]
    weights = classifier.coef_.ravel()
    np.testing.assert_allclose(last.coef_[0], 2 * weights / np.abs(weights).sum())
    assert last.classes == [0, 1]


def test_classes_may_be_strings_in_any_order(model, elsewhere):
    X, y = elsewhere
    names = np.array(["nevus", "melanoma"], dtype=object)
    named = make_model(PriorLogisticRegression(KNOWN, classes=("nevus", "melanoma")))
    named.fit(draw(400)[0], names[draw(400)[1]].astype(str))
    few = hide_labels(y, 5, random_state=0)
    strings = np.where(few == -1, few, names[few])
    transferred = transfer_pipeline(named, X, strings)
    np.testing.assert_array_equal(transferred.classes_, ["melanoma", "nevus"])
    expected = transfer_pipeline(model, X, few).predict_proba(X)
    np.testing.assert_allclose(transferred.predict_proba(X)[:, ::-1], expected)


def test_each_place_adds_a_prior(model, elsewhere):
    twice = transfer_pipeline(transfer_pipeline(model, *elsewhere), draw(50, seed=2)[0])
    np.testing.assert_allclose(twice[-1].prior_weights_, [1 / 3] * 3)


def test_it_can_be_cross_validated(model, elsewhere):
    X, y = elsewhere
    few = hide_labels(y, 20, random_state=0)
    scores = cross_val_score(transfer_pipeline(model, X, few), X, few, cv=SemiSupervisedSplit(4), scoring="roc_auc")
    assert scores.mean() > 0.7


def test_columns_that_are_chosen_keep_their_names(elsewhere):
    chosen = make_model(None, SelectKBest(k=2)).fit(*draw(400))
    last = transfer_pipeline(chosen, *elsewhere)[-1]
    assert last.n_features_in_ == 2


# Images


@pytest.fixture(scope="module")
def photos():
    return make_lesions(24, random_state=0), make_lesions(16, hair=0.8, random_state=1)


def test_photos(photos):
    here, there = photos
    model = make_melanoma_pipeline().fit(here.images, here.target)
    transferred = transfer_pipeline(model, there.images)
    assert list(transferred.named_steps) == ["features", "impute", "scale", "classify"]
    on_table = transfer_pipeline(model[1:], model[0].transform(there.images))
    np.testing.assert_array_equal(
        transferred.predict_proba(there.images), on_table.predict_proba(model[0].transform(there.images))
    )


def test_features_that_were_learned_are_not_learned_again(photos):
    here, there = photos
    measure = InvariantProjection(MorphologyFeatures("survey"), n_components=2, random_state=0)
    steps = [("read", ImageReader()), ("segment", WatershedSegmenter()), ("measure", measure)]
    model = Pipeline(
        [("features", ImagePipeline(steps)), ("scale", StandardScaler()), ("classify", LogisticRegression())]
    )
    model.set_output(transform="pandas").fit(here.images, here.target)
    features = transfer_pipeline(model, there.images)["features"]
    pd.testing.assert_frame_equal(features.transform(there.images), model["features"].transform(there.images))


@pytest.mark.real_data
def test_weights_of_another_clinic(real_data):
    here, there = load_ph2(real_data("ph2")), load_isic_2017(real_data("isic2017"))
    target = there.target[::6]
    model = make_melanoma_pipeline().fit(here.images[::2], here.target[::2])
    table = model["features"].transform(there.images[::6])  # measured once
    old, new = (each.predict_proba(table)[:, 1] for each in (model[1:], transfer_pipeline(model[1:], table)))
    assert roc_auc_score(target, new) > 0.7
    assert recall_score(target, new > 0.5) > recall_score(target, old > 0.5) + 0.3


# What it refuses


def test_it_takes_pipelines():
    with pytest.raises(TypeError, match=r"^model must be a Pipeline, got LogisticRegression\(\)\."):
        transfer_pipeline(LogisticRegression(), [[0.0]])


def test_the_model_must_be_fitted(elsewhere):
    with pytest.raises(NotFittedError):
        transfer_pipeline(make_model(), elsewhere[0])


@pytest.mark.parametrize(
    ("classifier", "n_classes"), [(DecisionTreeClassifier(), 2), (LogisticRegression(), 3), (LogisticRegression(), 4)]
)
def test_the_model_must_be_linear_and_of_two_classes(classifier, n_classes, elsewhere):
    X, _ = draw(100)
    model = make_model(classifier).fit(X, np.arange(100) % n_classes)
    with pytest.raises(ValueError, match="model must end in a linear classifier of two classes, got"):
        transfer_pipeline(model, elsewhere[0])


def test_columns_must_have_names(elsewhere):
    X, y = draw(100)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="names of its columns, got LogisticRegression fitted without"):
        transfer_pipeline(model, elsewhere[0])


def test_columns_must_be_measured(elsewhere):
    model = make_model(None, PCA()).set_params(priorlogisticregression__prior=None).fit(*draw(100))
    with pytest.raises(ValueError, match="model must weigh measured columns, got 'pca0'"):
        transfer_pipeline(model, elsewhere[0])


def test_labels_are_as_many_as_photos(model, elsewhere):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        transfer_pipeline(model, elsewhere[0], [0, 1])
