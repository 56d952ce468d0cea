"""Tables with one column of images and columns of the patient."""

import atexit
import pickle
from datetime import date
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_melanoma import Lesion, make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.features import feature_directions
from sklearn_melanoma.inspection import FeatureImportanceDisplay
from sklearn_melanoma.model_selection import SemiSupervisedSplit, hide_labels, label_efficiency, out_of_fold_scores
from sklearn_melanoma.persistence import load_model, read_model_info, save_model
from sklearn_melanoma.pipeline import ImagePipeline, _image_pipeline, predict_images, transfer_pipeline
from sklearn_melanoma.semi_supervised import PriorLogisticRegression

N = 40
NAMES = ["age", "sex_female", "sex_male"]

# Folder in which pipelines cache the rows of the images across tests.
ROWS = TemporaryDirectory(prefix="rows")
atexit.register(ROWS.cleanup)


@pytest.fixture(scope="module")
def lesions():
    return make_lesions(N, image_size=(72, 96), melanoma_fraction=0.4, hair=0, vignette=0, random_state=0)


@pytest.fixture(scope="module", name="X")
def make_table(lesions):
    random = np.random.default_rng(0)
    patients = {"age": random.integers(20, 90, N).astype(float), "sex": random.choice(["female", "male"], N)}
    return pd.DataFrame({"picture": lesions.images, **patients}, index=[f"lesion {i}" for i in range(N)])


@pytest.fixture(scope="module")
def few(lesions):
    return hide_labels(lesions.target, 8, random_state=0)


def make_survey(columns=("age", "sex"), **options):
    return make_cached("survey", columns=list(columns), **options)


def make_cached(features="all", **options):
    return make_melanoma_pipeline(features, **{"memory": ROWS.name, **options})


def measure(X, columns, *, new=None):
    """Return the encoded columns of the patient in `new`, after a fit to `X`."""
    features = make_survey(columns)["features"].fit(X)
    return features.transform(X if new is None else new).iloc[:, 3:]


# # Output


def test_columns_follow_the_features_of_the_images(X, lesions):
    features = make_melanoma_pipeline(columns=["age", "sex"])["features"]
    table = features.fit_transform(X)
    alone = make_melanoma_pipeline()["features"].fit_transform(lesions.images)
    assert list(table.columns) == [*alone.columns, *NAMES] == list(features.get_feature_names_out())
    assert list(table.index) == list(X.index)
    np.testing.assert_array_equal(table[alone.columns], alone)
    np.testing.assert_array_equal(table["age"], X["age"])
    np.testing.assert_array_equal(table["sex_female"], X["sex"] == "female")
    np.testing.assert_array_equal(table["sex_male"], X["sex"] == "male")
    pd.testing.assert_frame_equal(features.transform(X), table)


def test_without_columns_nothing_changes(X, lesions, few):
    plain, tabular = make_melanoma_pipeline("survey"), make_survey()
    assert type(plain["features"]) is ImagePipeline
    assert set(tabular.get_params()) - set(plain.get_params()) == {"features__columns", "features__image"}
    assert set(plain.get_params()) <= set(tabular.get_params())
    expected = plain.fit(lesions.images, few).predict_proba(lesions.images)
    for options in ({"columns": []}, {"image": "picture"}):
        model = make_melanoma_pipeline("survey", **options).fit(X, few)
        np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_age_is_one_criterion_more_without_labels(X):
    unlabeled = np.full(N, -1)
    model = make_cached(columns=["age", "sex"]).fit(X, unlabeled)
    weights = pd.Series(model["classify"].coef_[0], model["classify"].feature_names_in_)
    assert weights["age"] == pytest.approx(weights["blue_white_veil_fraction"])  # the only feature of its criterion
    assert weights["age"] == pytest.approx(2 / 10)  # prior_scale, divided among ten criteria
    assert weights["sex_female"] == weights["sex_male"] == 0
    old, young = (model.decision_function(X.assign(age=age)) for age in (80.0, 30.0))
    assert (old > young).all()


def test_ages_of_the_isic_archive_have_the_direction_too(X):
    expected = make_cached(columns=["age"]).fit(X, np.full(N, -1)).decision_function(X)
    for name in ("age_approx", "age_approximate"):
        table = X.rename(columns={"age": name})
        model = make_cached(columns=[name]).fit(table, np.full(N, -1))
        np.testing.assert_array_equal(model.decision_function(table), expected)


def test_the_direction_of_age_changes_no_other_column(X, lesions, few):
    weights = feature_directions()["weight"]
    without = PriorLogisticRegression(weights.drop("age"), classes=(0, 1))
    for labels in (few, np.full(N, -1)):
        model = make_cached().fit(lesions.images, labels)
        rows = model[:-1].transform(lesions.images)
        np.testing.assert_array_equal(model["classify"].coef_, clone(without).fit(rows, labels).coef_)
    with_age = PriorLogisticRegression(weights, classes=(0, 1), prior_scale=None).fit(rows.assign(age=0.0), few)
    alone = without.set_params(prior_scale=None).fit(rows, few)
    np.testing.assert_array_equal(with_age.prior_coef_[0], [*alone.prior_coef_[0], 1])


def test_slices_take_images(X, lesions):
    features = make_survey()["features"].fit(X)
    assert type(features[:-1]) is ImagePipeline
    assert [type(lesion) for lesion in features[:-1].transform(X["picture"])] == [Lesion] * N
    assert features["read"] is features[0] is features.named_steps["read"]


def test_containers_of_the_output(X, few):
    model = make_survey().fit(X, few)
    features = model["features"]
    rows = clone(features).set_output(transform="default").fit_transform(X)
    assert type(rows) is np.ndarray
    assert rows.dtype == np.float64
    np.testing.assert_array_equal(features.transform(X), rows)
    table = clone(features).set_output(transform="polars").fit_transform(X)
    assert type(table) is pl.DataFrame
    assert table.columns[3:] == NAMES
    unset = type(features)(**features.get_params(deep=False))
    assert type(unset.fit_transform(X)) is np.ndarray
    with config_context(transform_output="pandas"):
        assert list(unset.transform(X).columns[3:]) == NAMES
    assert type(model.set_output(transform="polars")[:-1].transform(X)) is pl.DataFrame


# # The column of images


def test_any_kind_of_image_is_found(X, lesions, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(N)]
    for path, image in zip(paths, lesions.images, strict=True):
        Image.fromarray(image).save(path)
    expected = make_survey()["features"].fit_transform(X)
    kinds = {
        "paths": list(map(str, paths)),
        "Path": paths,
        "PIL": list(map(Image.fromarray, lesions.images)),
        "Lesion": list(map(Lesion, lesions.images)),
    }
    for kind, images in kinds.items():
        table = X.assign(picture=pd.Series(images, X.index, dtype=object), note="text")
        found = make_survey()["features"].fit(table)
        assert found.image_ == "picture", kind
        np.testing.assert_array_equal(found.transform(table), expected)
    frame = pl.DataFrame({"path": kinds["paths"], "age": X["age"].to_numpy(), "sex": X["sex"].tolist()})
    np.testing.assert_array_equal(make_survey()["features"].fit_transform(frame), expected)


def test_a_missing_image_does_not_hide_the_column(X, lesions, few):
    gap = X.assign(picture=[None, *lesions.images[1:]])
    with pytest.raises(TypeError, match=r"^X\[0\]: an image must be a path, an array"):
        make_survey().fit(gap, few)


def test_images_are_named_if_there_are_two_columns(X, few, lesions):
    two = X.assign(second=lesions.images[::-1])
    with pytest.raises(ValueError, match=r"one column of images, got \['picture', 'second'\]\. Name one .* image"):
        make_survey().fit(two, few)
    named = make_survey(image="second")["features"].fit_transform(two)
    np.testing.assert_array_equal(named.iloc[::-1, :3], make_survey()["features"].fit_transform(X).iloc[:, :3])


# # Values of columns


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA, "unknown", "", " NaN ", pd.NaT])
def test_missing_values(X, missing, few):
    ages, sexes = X["age"].astype(object), X["sex"].astype(object)
    ages.iloc[1], sexes.iloc[2] = missing, missing
    table = measure(X.assign(age=ages, sex=sexes), ["age", "sex"])
    assert list(table.columns) == NAMES
    assert np.isnan(table["age"].iloc[1])
    assert table["age"].isna().sum() == 1
    assert table.iloc[2, 1:].tolist() == [0, 0]
    model = make_survey().fit(X.assign(age=ages, sex=sexes), few)
    medians = X["age"].drop(index="lesion 1").median()
    assert model[:2].transform(X.assign(age=missing))["age"].tolist() == [medians] * N
    assert np.isfinite(model.predict_proba(X.assign(age=missing, sex=missing))).all()


def test_a_new_category_is_none_of_the_known_ones(X, few):
    model = make_survey().fit(X, few)
    new = X.assign(sex="other")
    assert not model["features"].transform(new)[["sex_female", "sex_male"]].to_numpy().any()
    np.testing.assert_array_equal(model.predict_proba(new), model.predict_proba(X.assign(sex=None)))


@pytest.mark.parametrize(
    ("values", "names", "first"),
    [
        ([True, False] * 20, ["site"], [1]),
        ([3, 4] * 20, ["site"], [3]),
        (["3", " 4.5"] * 20, ["site"], [3]),
        (pd.Categorical([2, 1] * 20), ["site_1", "site_2"], [0, 1]),
        (pd.Categorical(["2", None] * 20), ["site_2"], [1]),
        (pd.array([True, None] * 20, dtype="boolean"), ["site"], [1]),
        (["left arm", "Left arm"] * 20, ["site_Left arm", "site_left arm"], [0, 1]),
    ],
)
def test_numbers_and_categories(X, values, names, first):
    table = measure(X.assign(site=values), ["site"])
    assert list(table.columns) == names
    assert table.iloc[0].tolist() == first


def test_whole_numbers_name_one_category_beside_missing_values(X):
    codes = X.assign(site=pd.Categorical([2, 1] * 20))
    table = measure(codes, ["site"], new=codes.assign(site=[2.0, np.nan] * 20))
    assert table.iloc[:2].to_numpy().tolist() == [[0, 1], [0, 0]]


def test_categories_of_polars(X, lesions, tmp_path):
    Image.fromarray(lesions.images[0]).save(tmp_path / "image.png")
    frame = pl.DataFrame({"image": [str(tmp_path / "image.png")] * 2, "site": ["2", "1"]})
    for dtype in (pl.Categorical, pl.Enum(["1", "2"])):
        features = make_survey(["site"])["features"].fit(frame.with_columns(pl.col("site").cast(dtype)))
        assert features.categories_ == {"site": ["1", "2"]}


def test_a_column_without_values_is_ignored(X):
    with pytest.warns(UserWarning, match="column 'site' of X is ignored: all of its 40 values are missing"):
        table = measure(X.assign(site=np.nan), ["site", "age"], new=X.assign(site="back"))
    assert list(table.columns) == ["age"]


# # Functions that take a pipeline


def test_search_and_cross_validation(X, few):
    grid = {"features__segment__margin": [0.0, 0.01], "classify__threshold": [0.75]}
    cv = SemiSupervisedSplit(2)
    search = GridSearchCV(make_survey(n_jobs=1), grid, cv=cv, scoring="roc_auc", error_score="raise").fit(X, few)
    assert search.predict_proba(X).shape == (N, 2)
    assert search.score(X, (X["sex"] == "male").astype(int)) >= 0
    assert cross_val_score(make_survey(), X, few, cv=cv, scoring="roc_auc", error_score="raise").shape == (2,)


def test_model_selection(X, few, lesions):
    scores = out_of_fold_scores(make_survey(), X, few, cv=2)
    np.testing.assert_array_equal(np.isnan(scores), few == -1)
    models = {"age": make_survey(["age"])}
    table = label_efficiency(models, X, lesions.target, labels_per_class=(3,), n_repeats=2, random_state=0)
    assert table["score"].between(0, 1).all()


def test_importance_of_the_columns(X, few):
    model = make_survey().fit(X, few)
    display = FeatureImportanceDisplay.from_estimator(model, X, few, n_repeats=2, random_state=0)
    assert display.feature_names[3:] == NAMES


def test_another_age_reads_no_image(X, few, tmp_path, monkeypatch):
    model = make_survey(memory=tmp_path / "rows").fit(X, few)
    expected = make_survey().fit(X, few)

    def fail(*args):
        raise AssertionError("an image was measured again")

    monkeypatch.setattr(_image_pipeline, "run_batch", fail)
    changed = X.assign(age=30.0, sex="unknown")
    table = model["features"].transform(changed)
    assert set(table["age"]) == {30}
    assert clone(model).fit(X[["age", "picture", "sex"]], few).predict_proba(X).shape == (N, 2)
    monkeypatch.undo()
    np.testing.assert_array_equal(model.predict_proba(changed), expected.predict_proba(changed))


def test_saved_models(X, few, tmp_path):
    model = make_melanoma_pipeline(columns=["age", "sex"]).fit(X, few)
    save_model(model, tmp_path / "model.skops", threshold=0.4)
    loaded = load_model(tmp_path / "model.skops")
    for again in (loaded, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert read_model_info(tmp_path / "model.skops").feature_names[-3:] == tuple(NAMES)
    new = X.iloc[:1].assign(sex="other", age="unknown")
    np.testing.assert_array_equal(loaded.predict_proba(new), model.predict_proba(new))


def test_predicted_images(X, few):
    model = make_survey().fit(X, few)
    skin = np.full((72, 96, 3), 200, np.uint8)
    table = predict_images(model, X.assign(picture=[skin, *X["picture"][1:]]))
    np.testing.assert_array_equal(table["score"][1:].astype(float), model.predict_proba(X)[1:, 1])
    assert table["problem"].tolist() == ["no lesion found"] + [""] * (N - 1)


def test_transfer(X, few):
    model = make_cached(columns=["age", "sex"]).fit(X, few)
    there = X.iloc[:20].assign(sex="female")
    transferred = transfer_pipeline(model, there, few[:20])
    assert list(transferred["classify"].feature_names_in_[-3:]) == NAMES
    assert transferred.predict_proba(there).shape == (20, 2)


def test_a_clone_is_not_fitted(X):
    features = make_survey()["features"].fit(X)
    for method in ("transform", "get_feature_names_out"):
        with pytest.raises(NotFittedError):
            getattr(clone(features), method)(*([X] if method == "transform" else []))
    assert clone(features).fit(X).categories_ == features.categories_ == {"age": None, "sex": ["female", "male"]}


# Errors


class Unread:
    """An image that must not be read."""

    ndim = 3


@pytest.mark.parametrize(
    ("change", "columns", "error", "message"),
    [
        ({}, ["age", "weight"], ValueError, r"columns must name one column of X, got 'weight', the name of 0 among"),
        ({"picture": 1.0}, ["age"], ValueError, r"a column of images beside the columns \['age'\].* model\[1:\]"),
        ({}, ["age", "picture"], ValueError, r"columns must not hold the column of images, got 'picture'"),
        ({"age": ["60"] * 39 + ["sixty"]}, ["age"], ValueError, r"got both in 'age', '60' and 'sixty'.*astype"),
        ({"age": np.inf}, ["age"], ValueError, r"must hold finite numbers, got inf in row 0 of 'age'"),
        ({"age": [date(1970, 1, 1)] * 40}, ["age"], TypeError, r"numbers or texts, got datetime\.date\(1970, 1, 1\)"),
        ({"age": [[60]] * 40}, ["age"], TypeError, r"numbers or texts, got \[60\] in 'age'"),
        ({}, "age", ValueError, r"'columns' parameter of MetadataPipeline must be an array-like\. Got 'age'"),
    ],
)
def test_bad_columns_raise_before_images_are_read(X, few, change, columns, error, message):
    unread = X.assign(picture=[Unread() for _ in range(N)]).assign(**change)
    with pytest.raises(error, match=message):
        make_melanoma_pipeline("survey", columns=columns).fit(unread, few)


def test_bad_names_raise(X, few):
    with pytest.raises(ValueError, match=r"^image must name one column of X, got 'path', the name of 0 among"):
        make_survey(image="path").fit(X, few)
    twice = pd.concat([X, X[["age"]]], axis=1)
    with pytest.raises(ValueError, match=r"^columns must name one column of X, got 'age', the name of 2 among"):
        make_survey().fit(twice, few)
    with pytest.raises(ValueError, match=r"^image must name one column of X, got 'picture', the name of 2 among"):
        make_survey().fit(pd.concat([X, X[["picture"]]], axis=1), few)
    with pytest.raises(ValueError, match=r"^columns must differ from the names of features, got \['area'\]"):
        make_survey(["area"]).fit(X.rename(columns={"age": "area"}), few)


def test_other_tables_in_predict_raise(X, few, lesions):
    model = make_survey().fit(X, few)
    with pytest.raises(TypeError, match=r"^X must be a DataFrame with a column of images .*, got list"):
        model.predict(lesions.images)
    with pytest.raises(ValueError, match=r"^columns must name one column of X, got 'sex'"):
        model.predict(X.drop(columns="sex"))
    with pytest.raises(ValueError, match=r"^image must name one column of X, got 'picture'"):
        model.predict(X.rename(columns={"picture": "image"}))
    with pytest.raises(ValueError, match=r"finite numbers, got 'old' in row 0 of 'age'"):
        model.predict(X.assign(age="old"))


def test_tables_need_columns(X, few):
    with pytest.raises(
        TypeError, match=r"such as table\['path'\]\. If .* make_melanoma_pipeline\(columns=\['age', 'sex'\]"
    ):
        make_melanoma_pipeline().fit(X, few)
    with pytest.raises(TypeError, match=r"Pass a table of features to the steps after the image steps"):
        make_melanoma_pipeline().fit(X[["age"]], few)
