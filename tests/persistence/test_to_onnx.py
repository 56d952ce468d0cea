"""Export of the table side of fitted models to ONNX."""

import json
import sys

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn import __version__ as sklearn_version
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer, QuantileTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.fixes import parse_version

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.images import ImageReader
from sklearn_melanoma.metrics import Threshold
from sklearn_melanoma.persistence import to_onnx
from sklearn_melanoma.pipeline import BlockScaler
from sklearn_melanoma.semi_supervised import (
    BalancedSelfTrainingClassifier,
    CoTrainingClassifier,
    LabeledOnlyClassifier,
    PriorLogisticRegression,
)

COLUMNS = ["area", "asymmetry", "hue", "constant", "empty", "fisher_0", "fisher_1"]


@pytest.fixture(scope="module")
def table():
    """Rows with missing, repeated and constant numbers, an empty column, and a block of learned features."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 7)) + (np.arange(80) % 3)[:, np.newaxis] / 2
    rows[::7, 0], rows[:, 3], rows[:, 4] = np.nan, 2.0, np.nan
    rows[:, 2] = rows[:, 2].round().clip(-1, 1)  # the lowest and the highest are repeated, too
    return pd.DataFrame(rows, columns=COLUMNS)


def make_labels(n_classes, *, n_unlabeled=0):
    labels = np.arange(80) % 3 % n_classes
    labels[80 - n_unlabeled :] = -1
    return labels


def make_table_model(classifier, **impute):
    """Return the table side of the default pipeline."""
    ranks = make_pipeline(QuantileTransformer(n_quantiles=10, subsample=None), StandardScaler())
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", **{"keep_empty_features": True, **impute})),
            ("select", "passthrough"),
            ("scale", BlockScaler(ranks)),
            ("classify", classifier),
        ]
    ).set_output(transform="pandas")


def run(exported, table):
    """Return labels and scores of an exported model, in onnxruntime."""
    session = onnxruntime.InferenceSession(exported.SerializeToString())
    return session.run(None, {"features": np.asarray(table, dtype=np.float64)})


def read_metadata(exported):
    return {entry.key: json.loads(entry.value) for entry in exported.metadata_props}


def check_same(model, table, **options):
    """Check that an exported model and the model have the same predictions, also beyond the range of the training."""
    rows = pd.concat([table, 3 * table - 2, table / 10], ignore_index=True)
    label, scores = run(to_onnx(model, **options), rows)
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(rows)
    else:
        expected = np.reshape(model.decision_function(rows), (len(rows), -1))
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)
    differs = label != model.predict(rows)
    if scores.shape[1] > 1:  # classes whose probabilities differ only in the last digit
        differs &= np.diff(np.sort(scores)[:, -2:]).ravel() > 1e-9
    assert not differs.any()


OWN = {
    "prior": PriorLogisticRegression(),
    "self-training": BalancedSelfTrainingClassifier(PriorLogisticRegression()),
    "co-training": CoTrainingClassifier(LogisticRegression(), {"a": [0, 1], "b": [2, 5, 6]}),
    "labeled only": LabeledOnlyClassifier(LogisticRegression()),
    "survey": SelfTrainingClassifier(LogisticRegression(class_weight="balanced")),
    "search": LabeledOnlyClassifier(GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2)),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", OWN)
def test_classifiers_that_know_missing_labels(table, name, n_classes):
    check_same(make_table_model(OWN[name]).fit(table, make_labels(n_classes, n_unlabeled=20)), table)


@pytest.mark.filterwarnings("ignore:X has feature names")  # of a member of the StackingClassifier
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "classifier",
    [
        LinearDiscriminantAnalysis(),
        make_pipeline(PCA(3), GaussianNB()),
        RidgeClassifier(),
        SGDClassifier(loss="log_loss", random_state=0),
        StackingClassifier([("prior", PriorLogisticRegression()), ("bayes", GaussianNB())], cv=2),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
def test_classifiers_of_scikit_learn(table, classifier, n_classes):
    check_same(make_table_model(classifier).fit(table, make_labels(n_classes)), table)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_forest_rounds_the_table_as_scikit_learn_does(table, n_classes):
    forest = RandomForestClassifier(20, max_depth=3, random_state=0)
    model = make_table_model(forest).fit(table, make_labels(n_classes))
    check_same(model, table)


METHODS = ["sigmoid", "isotonic", *(["temperature"] if parse_version(sklearn_version) >= parse_version("1.8") else [])]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_calibrated_classifiers(table, method, n_classes):
    labels = make_labels(n_classes)
    fitted = make_table_model(PriorLogisticRegression()).fit(table, labels)
    check_same(CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(table, labels), table)
    if method != "temperature":  # calibration of probabilities, and averaged over folds
        trees = make_table_model(RandomForestClassifier(5, max_depth=3, random_state=0))
        model = CalibratedClassifierCV(trees, method=method, cv=2).fit(table, labels)
        rows = 2 * table
        np.testing.assert_allclose(run(to_onnx(model), rows)[1], model.predict_proba(rows), rtol=0, atol=1e-6)


@pytest.mark.parametrize("pos_label", [0, 1])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_thresholds(table, method, pos_label):
    fitted = make_table_model(PriorLogisticRegression(classes=(1 - pos_label, pos_label)))
    fitted.fit(table, make_labels(2))
    threshold = FixedThresholdClassifier(
        FrozenEstimator(fitted), threshold=0.3, pos_label=pos_label, response_method=method
    )
    check_same(threshold, table)
    assert read_metadata(to_onnx(threshold))["threshold"] == 0.3


def test_threshold_of_a_subclass(table):
    class OwnThreshold(FixedThresholdClassifier):
        pass

    fitted = make_table_model(LogisticRegression()).fit(table, make_labels(2))
    model = OwnThreshold(FrozenEstimator(fitted), threshold=0.2).fit(table, make_labels(2))
    assert (model.predict(table) != fitted.predict(table)).any()
    check_same(model, table)


@pytest.mark.parametrize("scoring", ["balanced_accuracy", make_scorer(f1_score, pos_label=0)], ids=["1", "0"])
def test_tuned_thresholds(table, scoring):
    model = TunedThresholdClassifierCV(make_table_model(LogisticRegression()), cv=2, scoring=scoring, thresholds=9)
    check_same(model.fit(table, make_labels(2)), table)
    # The positive class is 1.
    expected = model.best_threshold_ if scoring == "balanced_accuracy" else None
    assert read_metadata(to_onnx(model))["threshold"] == expected


def test_a_threshold_for_labels(table):
    names = np.array(["nevus", "melanoma"])[make_labels(2)]
    model = make_table_model(LogisticRegression()).fit(table, names)
    exported = to_onnx(model, threshold=Threshold(0.2, 0.9, 0.5, 0.8), pos_label="melanoma")
    label, probabilities = run(exported, table)
    np.testing.assert_array_equal(label, np.where(probabilities[:, 0] >= 0.2, "melanoma", "nevus"))
    assert set(label) == {"melanoma", "nevus"}
    metadata = read_metadata(exported)
    assert metadata.pop("versions")["scikit-learn"] == sklearn_version
    assert metadata == {
        "classes": ["melanoma", "nevus"],
        "feature_names": COLUMNS,
        "pos_label": "melanoma",
        "threshold": 0.2,
    }


def test_of_three_classes_a_threshold_is_information(table):
    model = make_table_model(LogisticRegression()).fit(table, make_labels(3))
    exported = to_onnx(model, threshold=0.1, pos_label=2)
    np.testing.assert_array_equal(run(exported, table)[0], model.predict(table))
    assert read_metadata(exported)["threshold"] == 0.1


@pytest.mark.filterwarnings("ignore:Skipping features")
def test_bools_become_integers_and_columns_need_no_names(table):
    rows = table.to_numpy()
    # The imputer leaves out the empty column.
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows, make_labels(2) == 1)
    exported = to_onnx(model)
    label, probabilities = run(exported, rows)
    np.testing.assert_allclose(probabilities, model.predict_proba(rows), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(label, model.predict(rows))
    assert label.dtype == np.int64
    assert read_metadata(exported)["feature_names"] is None


def test_the_image_steps_stay_in_python(make_image):
    images = [make_image(48, 64, seed=seed) for seed in range(10)]
    model = make_melanoma_pipeline().fit(images, [0, 1] * 5)
    for whole in (model, CalibratedClassifierCV(FrozenEstimator(model)).fit(images, [0, 1] * 5)):
        exported = to_onnx(whole)
        rows = model[:1].transform(images)
        assert read_metadata(exported)["feature_names"] == list(rows.columns)
        np.testing.assert_allclose(run(exported, rows)[1], whole.predict_proba(images), rtol=0, atol=1e-6)


def test_invalid_models(table):
    labels = make_labels(2)
    model = make_table_model(LogisticRegression())
    with pytest.raises(NotFittedError, match="model must be fitted"):
        to_onnx(model)
    with pytest.raises(ValueError, match=r"got a GridSearchCV.*Pass its best_estimator_"):
        to_onnx(GridSearchCV(model, {"classify__C": [1]}, cv=2).fit(table, labels))
    with pytest.raises(TypeError, match=r"model must be a classifier, got LinearRegression"):
        to_onnx(LinearRegression().fit(table[["area"]].fillna(0), labels))
    with pytest.raises(ValueError, match=r"pos_label must say which of the labels \['a', 'b'\]"):
        to_onnx(model.fit(table, np.array(["b", "a"])[labels]))
    images = Pipeline([("read", ImageReader()), ("classify", FrozenEstimator(model))])
    with pytest.raises(ValueError, match=r"must start from a table of features or an ImagePipeline, got ImageReader"):
        to_onnx(images, pos_label="a")


@pytest.mark.parametrize(
    ("classifier", "impute", "message"),
    [
        (make_pipeline(FunctionTransformer(np.square), LogisticRegression()), {}, "can't convert FunctionTransformer"),
        (
            make_pipeline(QuantileTransformer(n_quantiles=5, output_distribution="normal"), GaussianNB()),
            {},
            "'uniform'",
        ),
        (LogisticRegression(), {"missing_values": 0.5}, r"missing_values=np\.nan and add_indicator=False"),
        (
            CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=1), cv=2),
            {},
            "decision function that converts to ONNX, got Gra",
        ),
        (
            HistGradientBoostingClassifier(max_iter=2),
            {},
            r"can't convert HistGradientBoostingClassifier .*Choose another classifier, such as RandomForestClassifier",
        ),
        (AdaBoostClassifier(n_estimators=2), {}, "can't convert AdaBoostClassifier .*Choose another classifier, such"),
        (
            make_pipeline(PowerTransformer(), GaussianNB()),
            {},
            "can't convert PowerTransformer .*Choose another step, or",
        ),
    ],
)
def test_steps_without_a_converter(table, classifier, impute, message):
    model = make_table_model(classifier, **impute).fit(table.fillna(0), make_labels(2))
    with pytest.raises(ValueError, match=message):
        to_onnx(model)


@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_support_vector_machines_of_three_classes_need_probabilities(table, kind):
    model = make_table_model(kind()).fit(table.fillna(0), make_labels(3))
    with pytest.raises(ValueError, match=rf"{kind.__name__} must have two classes .* got 3 classes .* Choose Linear"):
        to_onnx(model)


@pytest.mark.parametrize("learns_from_missing", [False, True])
@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_forests_send_missing_values_to_the_same_branch(kind, learns_from_missing):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 4))
    incomplete = np.where(rng.random(rows.shape) < 0.2, np.nan, rows)
    model = kind(12, max_depth=4, random_state=0).fit(incomplete if learns_from_missing else rows, make_labels(2))
    _, probabilities = run(to_onnx(model), incomplete)
    np.testing.assert_allclose(probabilities, model.predict_proba(incomplete), rtol=0, atol=1e-6)


def test_trees_that_split_missing_values_off():
    labels = make_labels(2)
    rows = np.where(labels == 1, np.nan, np.arange(80.0))[:, np.newaxis]  # the only split is at infinity
    model = BaggingClassifier(DecisionTreeClassifier(), 2, random_state=0).fit(rows, labels)
    with pytest.raises(ValueError, match="must hold trees that learned from tables without missing values"):
        to_onnx(model)


@pytest.mark.parametrize("kernel", ["rbf", "linear", "poly", "sigmoid"])
def test_support_vector_machines(table, kernel):
    model = make_table_model(SVC(kernel=kernel, coef0=0.5)).fit(table, make_labels(2))
    check_same(model, table)


def test_votes_and_columns_by_name(table):
    names = list(table.columns)
    columns = ColumnTransformer([("b", StandardScaler(), [names[1]]), ("a", "passthrough", [names[0]])])
    members = [("none", "drop"), ("svc", CalibratedClassifierCV(SVC(), cv=2)), ("forest", RandomForestClassifier(3))]
    votes = VotingClassifier(members, voting="soft", weights=[1, 2, 3])
    imputer = SimpleImputer(keep_empty_features=True).set_output(transform="pandas")
    check_same(make_pipeline(imputer, columns, votes).fit(table, make_labels(2)), table)


def test_unions_and_steps_without_effect(table):
    ranks = QuantileTransformer(n_quantiles=10, subsample=None)
    union = FeatureUnion([("a", ranks), ("b", "passthrough"), ("c", "drop")], transformer_weights={"a": 3.0})
    imputer = SimpleImputer(keep_empty_features=True)
    nothing = Pipeline([("a", "passthrough"), ("b", Pipeline([("c", None)]))])
    check_same(make_pipeline(nothing, imputer, union, LogisticRegression()).fit(table, make_labels(2)), table)


def test_a_converter_that_computes_something_else_is_rejected(table):
    # skl2onnx computes wrong probabilities of two classes.
    inside = StackingClassifier([("lda", LinearDiscriminantAnalysis()), ("bayes", GaussianNB())], cv=2)
    model = make_table_model(inside).fit(table, make_labels(2))
    with pytest.raises(ValueError, match=r"StackingClassifier as converted by skl2onnx differs by 0\.\d+ on random"):
        to_onnx(model)


def test_without_skl2onnx(table, monkeypatch):
    model = make_table_model(LogisticRegression()).fit(table, make_labels(2))
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"needs skl2onnx\. Install it with: pip install 'sklearn-melanoma\[onnx\]'"):
        to_onnx(model)
