import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_melanoma.semi_supervised import PriorLogisticRegression
from sklearn_melanoma.semi_supervised import _logistic as logistic
from sklearn_melanoma.semi_supervised._blocks import scale_blocks
from sklearn_melanoma.semi_supervised._logistic import fit_correction, reduce_columns

LABELS = np.array([1, 0, 0, 1, 0, 1] + [-1] * 34)


@pytest.fixture(scope="module")
def table():
    """Return standardized features and a block with its own mean and length."""
    random = np.random.default_rng(0)
    own = random.normal(size=(40, 4))
    own = (own - own.mean(axis=0)) / own.std(axis=0)
    block = 5 + 3 * random.normal(size=(40, 30)) * np.linspace(1, 0.1, 30)
    names = [f"own_{k}" for k in range(4)] + [f"fisher_{k}" for k in range(30)]
    return pd.DataFrame(np.hstack([own, block]), columns=names)


def test_block_has_its_variance_of_the_log_odds(table):
    """With weights from the prior, both parts of the log-odds have the same mean variance over the samples."""
    scaled = scale_blocks({"fisher_": 1.0}, list(table.columns), table.to_numpy()).apply(table.to_numpy())
    np.testing.assert_allclose(scaled[:, :4], table.iloc[:, :4])
    np.testing.assert_allclose(scaled[:, 4:].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose([(part**2).sum(axis=1).mean() for part in (scaled[:, :4], scaled[:, 4:])], 4)


@pytest.mark.parametrize("variance", [0.5, 1, 3])
def test_block_is_ridge_on_the_scaled_table(table, variance):
    model = PriorLogisticRegression(alpha=0.5, blocks={"fisher_": variance}).fit(table, LABELS)
    scaled = table.to_numpy().copy()
    block = scaled[:, 4:] - scaled[:, 4:].mean(axis=0)
    scaled[:, 4:] = block * np.sqrt(variance * 4 / (block**2).sum(axis=1).mean())
    labeled = LABELS != -1
    ridge = LogisticRegression(C=1 / (0.5 * 4), tol=1e-10, max_iter=10000).fit(scaled[labeled], LABELS[labeled])
    np.testing.assert_allclose(model.decision_function(table), ridge.decision_function(scaled), atol=1e-4)


def test_unlabeled_samples_scale_the_block(table):
    few = PriorLogisticRegression(blocks={"fisher_": 1}).fit(table.iloc[:6], LABELS[:6])
    all_samples = PriorLogisticRegression(blocks={"fisher_": 1}).fit(table, LABELS)
    assert np.abs(few.coef_ - all_samples.coef_).max() > 1e-4


def test_without_labels_a_block_changes_nothing(table):
    prior = {"own_0": 1, "own_1": -1}
    model = PriorLogisticRegression(prior, classes=(0, 1), blocks={"fisher_": 1}).fit(table, [-1] * 40)
    expected = PriorLogisticRegression(prior, classes=(0, 1)).fit(table.iloc[:, :4], [-1] * 40)
    np.testing.assert_allclose(model.decision_function(table), expected.decision_function(table.iloc[:, :4]))
    assert not model.coef_[0, 4:].any()


def test_prior_of_a_block_is_for_its_columns_as_they_are(table):
    model = PriorLogisticRegression({"fisher_0": 1}, prior_scale=None, classes=(0, 1), blocks={"fisher_": 1})
    score = model.fit(table, [-1] * 40).decision_function(table)
    np.testing.assert_allclose(score, table["fisher_0"] - table["fisher_0"].mean())


def test_constant_block_has_no_weight(table):
    constant = table.assign(**dict.fromkeys(table.columns[4:], 1.0))
    model = PriorLogisticRegression(blocks={"fisher_": 1}).fit(constant, LABELS)
    assert np.isfinite(model.decision_function(constant)).all()
    assert not model.coef_[0, 4:].any()


@pytest.mark.parametrize("n_samples", [3, 10, 40])
def test_block_of_equal_numbers_has_no_scale(n_samples):
    rows = np.column_stack([np.arange(n_samples), np.full(n_samples, 0.1), np.full(n_samples, 0.7)])
    scaling = scale_blocks({"fisher_": 1}, ["area", "fisher_0", "fisher_1"], rows)
    assert scaling.factor.tolist() == [1, 0, 0]


def test_weights_count_as_repetitions(table):
    weights = np.arange(40) % 4
    weighted = PriorLogisticRegression(blocks={"fisher_": 1}).fit(table, LABELS, sample_weight=weights)
    several = np.repeat(np.arange(40), weights)
    repeated = PriorLogisticRegression(blocks={"fisher_": 1}).fit(table.iloc[several], LABELS[several])
    np.testing.assert_allclose(weighted.coef_, repeated.coef_)


@pytest.mark.parametrize("factor", [0.01, 100])
def test_scale_of_a_prior_does_not_depend_on_the_units_of_a_block(table, factor):
    prior = pd.Series(np.linspace(-1, 1, 34), table.columns)
    block = table.columns[4:]
    options = {"classes": (0, 1), "blocks": {"fisher_": 1}}
    expected = PriorLogisticRegression(prior, **options).fit(table, [-1] * 40).decision_function(table)
    assert 0.5 < expected.std() < 2
    other = prior.copy()
    other[block] /= factor
    rows = table.copy()
    rows[block] *= factor
    found = PriorLogisticRegression(other, **options).fit(rows, [-1] * 40).decision_function(rows)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("variance", [np.float32(2), np.int64(2)])
def test_variance_of_any_number_type(table, variance):
    found, expected = (PriorLogisticRegression(blocks={"fisher_": each}).fit(table, LABELS) for each in (variance, 2))
    np.testing.assert_array_equal(found.coef_, expected.coef_)


def test_several_classes(table):
    labels = np.where(LABELS == 1, np.where(np.arange(40) == 5, 2, 1), LABELS)
    model = PriorLogisticRegression(blocks={"fisher_": 1}).fit(table, labels)
    scaled = scale_blocks({"fisher_": 1.0}, list(table.columns), table.to_numpy()).apply(table.to_numpy())
    labeled = labels != -1
    ridge = LogisticRegression(C=1 / (1.5 * 4), tol=1e-10, max_iter=10000).fit(scaled[labeled], labels[labeled])
    np.testing.assert_allclose(model.predict_proba(table), ridge.predict_proba(scaled), atol=1e-4)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"patch_": 1}, r"block 'patch_', got none"),
        ({"fisher_": 0}, r"variance above 0, got 'fisher_': 0"),
        ({"fisher_": True}, r"variance above 0, got 'fisher_': True"),
        ({"fisher_": "much"}, r"variance above 0, got 'fisher_': 'much'"),
        ({3: 1}, r"beginning of names to a variance"),
        ({"fisher_": 1, "fisher_1": 2}, r"must not overlap, got two for column 'fisher_1'"),
        ({"fisher_": 1, "own_": 2}, r"must leave some columns of X out"),
    ],
)
def test_wrong_blocks(table, blocks, message):
    with pytest.raises(ValueError, match=message):
        PriorLogisticRegression(blocks=blocks).fit(table, LABELS)


def test_blocks_need_names(table):
    with pytest.raises(ValueError, match=r"blocks needs named columns .* have no names"):
        PriorLogisticRegression(blocks={"fisher_": 1}).fit(table.to_numpy(), LABELS)


@pytest.mark.parametrize("n_samples", [3, 20, 60])
def test_more_columns_than_samples_give_the_same_minimum(monkeypatch, n_samples):
    random = np.random.default_rng(0)
    X, score = 3 * random.normal(size=(n_samples, 550)) + 1, 2 * random.normal(size=n_samples)
    positive, weights = np.arange(n_samples) % 3 == 0, random.uniform(0.5, 2, n_samples)
    found = fit_correction(X, score, positive, weights, 30.0)
    monkeypatch.setattr(logistic, "_MOST_DIRECT", 1000)
    expected = fit_correction(X, score, positive, weights, 30.0)
    np.testing.assert_allclose(found.shift, expected.shift, atol=1e-10)
    assert found.intercept == pytest.approx(expected.intercept, abs=1e-9)
    assert found.loss == pytest.approx(expected.loss, abs=1e-9)


def test_reduced_columns_span_the_samples():
    X = np.random.default_rng(0).normal(size=(5, 40))
    X[4] = X[0] + X[1]
    coordinates, basis = reduce_columns(X)
    assert basis.shape == (40, 4)
    np.testing.assert_allclose(coordinates @ basis.T, X, atol=1e-10)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-10)
