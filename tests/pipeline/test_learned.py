import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.model_selection import hide_labels
from sklearn_melanoma.persistence import load_model, save_model
from sklearn_melanoma.pipeline import BlockScaler

SMALL = {"features__measure__fisher__n_gaussians": 3, "features__measure__fisher__n_patches": 2000}


@pytest.fixture(scope="module")
def data():
    return make_lesions(24, image_size=(96, 128), random_state=0)


@pytest.fixture(scope="module")
def model(data):
    labels = hide_labels(data.target, 4, random_state=0)
    return make_melanoma_pipeline("learned").set_params(**SMALL).fit(data.images, labels)


def test_learned_features_stand_beside_all_others(model):
    names = model[-1].feature_names_in_
    assert len(names) == 181 + 3 * 2 * 2 * 3 * 24
    assert sum(name.startswith("fisher_") for name in names) == len(names) - 181
    assert np.abs(model[-1].coef_[0, 181:]).max() > 0


def test_without_labels_it_is_the_default(data):
    unlabeled = np.full(24, -1)
    learned = make_melanoma_pipeline("learned").set_params(**SMALL).fit(data.images, unlabeled)
    default = make_melanoma_pipeline().fit(data.images, unlabeled)
    np.testing.assert_allclose(learned.predict_proba(data.images), default.predict_proba(data.images), atol=1e-12)


def test_same_images_give_the_same_model(data, model):
    labels = hide_labels(data.target, 4, random_state=0)
    again = clone(model).fit(data.images, labels)
    np.testing.assert_array_equal(again.predict_proba(data.images), model.predict_proba(data.images))


def test_saved_model_predicts_the_same(data, model, tmp_path):
    save_model(model, tmp_path / "model.skops", threshold=0.5)
    assert (tmp_path / "model.skops").stat().st_size < 1_000_000
    loaded = load_model(tmp_path / "model.skops")
    np.testing.assert_array_equal(loaded.predict_proba(data.images[:3]), model.predict_proba(data.images[:3]))


def test_other_classifiers_see_both_blocks_alike(data):
    labels = hide_labels(data.target, 4, random_state=0)
    model = make_melanoma_pipeline("learned", SVC()).set_params(**SMALL).fit(data.images, labels)
    table = model[:-1].transform(data.images)
    is_block = table.columns.str.startswith("fisher_")
    lengths = [(table.loc[:, part] ** 2).sum(axis=1).mean() for part in (is_block, ~is_block)]
    assert lengths[0] == pytest.approx(181)
    assert lengths[1] == pytest.approx(181, rel=0.1)  # some features are the same for all images


def test_columns_of_the_patient_are_no_part_of_the_block(data):
    table = pd.DataFrame({"image": list(data.images), "age": np.linspace(20, 80, 24)})
    labels = hide_labels(data.target, 4, random_state=0)
    model = make_melanoma_pipeline("learned", columns=["age"]).set_params(**SMALL).fit(table, labels)
    scale = model.named_steps["scale"]
    assert scale.factor_[list(scale.feature_names_in_).index("age")] == 1
    assert np.isfinite(model.predict_proba(table)).all()


@pytest.fixture
def table():
    random = np.random.default_rng(0)
    names = ["area", "fisher_0", "hue", "fisher_1"]
    return pd.DataFrame(random.normal(size=(30, 4)) * [5, 0.1, 2, 0.01] + 3, columns=names)


def test_block_scaler(table):
    scaled = BlockScaler(StandardScaler()).set_output(transform="pandas").fit_transform(table)
    assert list(scaled.columns) == list(table.columns)
    np.testing.assert_allclose(scaled[["area", "hue"]], StandardScaler().fit_transform(table[["area", "hue"]]))
    block = scaled[["fisher_0", "fisher_1"]]
    np.testing.assert_allclose(block.mean(), 0, atol=1e-12)
    assert (block**2).sum(axis=1).mean() == pytest.approx(2)
    ratio = (table["fisher_1"].std() / table["fisher_0"].std()) / (block["fisher_1"].std() / block["fisher_0"].std())
    assert ratio == pytest.approx(1)


@pytest.mark.parametrize("scaler", ["passthrough", None])
def test_block_scaler_leaves_other_columns(table, scaler):
    scaled = BlockScaler(scaler).set_output(transform="pandas").fit_transform(table)
    pd.testing.assert_frame_equal(scaled[["area", "hue"]], table[["area", "hue"]])
    assert (scaled[["fisher_0", "fisher_1"]] ** 2).sum(axis=1).mean() == pytest.approx(2)


def test_block_scaler_takes_arrays_after_fit(table):
    scaler = BlockScaler(StandardScaler()).fit(table)
    with pytest.warns(UserWarning, match="valid feature names"):
        rows = scaler.transform(table.to_numpy())
    np.testing.assert_array_equal(rows, scaler.transform(table))


def test_block_scaler_without_a_block(table):
    with pytest.raises(ValueError, match="block 'fisher_', got none"):
        BlockScaler(StandardScaler()).fit(table[["area", "hue"]])


def test_scaler_must_keep_the_columns(table):
    with pytest.raises(ValueError, match=r"scaler must keep the number of columns, got shape \(.*, 1\) for .* by PCA"):
        BlockScaler(PCA(1)).fit_transform(table)


def test_block_of_all_columns(table):
    with pytest.raises(ValueError, match="prefix must leave some columns of X out, but all start with ''"):
        BlockScaler(StandardScaler(), prefix="").fit(table)
