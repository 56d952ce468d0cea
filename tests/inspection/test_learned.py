"""Displays and reports of a model with features that were learned without labels."""

import json
import re

import numpy as np
import pytest

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import ContributionDisplay, FeatureImportanceDisplay, make_report, quality_flags
from sklearn_melanoma.inspection._contributions import Contributions
from sklearn_melanoma.inspection._families import merge_learned
from sklearn_melanoma.model_selection import hide_labels, label_efficiency, which_to_label
from sklearn_melanoma.pipeline import transfer_pipeline

FISHER = {"n_gaussians": 2, "n_components": 4, "n_patches": 500}
SMALL = {f"features__measure__fisher__{name}": value for name, value in FISHER.items()}
N_COLUMNS = 3 * 2 * 2 * 2 * 4


@pytest.fixture(scope="module")
def data():
    return make_lesions(24, image_size=(96, 128), melanoma_fraction=0.4, random_state=0)


@pytest.fixture(scope="module")
def model(data):
    return make_melanoma_pipeline("learned").set_params(**SMALL).fit(data.images[:16], data.target[:16])


@pytest.fixture(scope="module")
def table(model, data):
    return model[:1].transform(data.images)


@pytest.fixture(scope="module")
def report(model, data):
    blank = np.full((96, 128, 3), 128, dtype=np.uint8)
    return make_report(model, [*data.images[16:], blank], [*data.target[16:], -1])


def read_data(report):
    return json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', report.html, re.S)[1])


def test_report_has_one_criterion_for_learned_features(report, model, data):
    criteria = [name for name in report.table.columns if name.startswith("contribution_")]
    assert "contribution_learned_patterns" in criteria
    assert len(criteria) == 11
    found = report.table[[*criteria, "intercept"]].sum(axis=1).to_numpy()[:-1]
    np.testing.assert_allclose(found, model.decision_function(data.images[16:]), atol=1e-8)
    block = model[:-1].transform(data.images[16:]).filter(like="fisher_")
    expected = block @ model[-1].coef_[0, -N_COLUMNS:]
    np.testing.assert_allclose(report.table["contribution_learned_patterns"][:-1], expected, atol=1e-8)


def test_page_names_no_column_of_a_fisher_vector(report):
    assert "fisher_" not in report.html
    assert "“Learned patterns” holds" in report.html
    page = read_data(report)
    assert len(page["features"]) == 182
    assert page["features"][-1] == "learned patterns"


def test_cards_list_learned_patterns_without_a_value(data):
    loud = make_melanoma_pipeline("learned").set_params(**SMALL).fit(data.images[:16], data.target[:16])
    loud[-1].coef_[0, -N_COLUMNS:] *= 100
    page = read_data(make_report(loud, data.images[16:18]))
    for item in page["items"]:
        number, value, rank, added = item["f"][0]
        assert page["features"][number] == "learned patterns"
        assert value is rank is None
        assert added == pytest.approx(item["c"][page["criteria"].index("learned patterns")], abs=1e-3)


def test_similar_lesions_are_compared_by_all_columns(report):
    assert report._data._scaled.shape == (9, 181 + N_COLUMNS)


def test_contribution_display_has_one_bar_for_learned_features(model, data):
    display = ContributionDisplay.from_estimator(model, data.images[20])
    assert len(display.features) == 182
    assert display.features["criterion"].eq("learned patterns").sum() == 1
    assert "learned patterns" in [label.get_text() for label in display.ax_.get_yticklabels()]
    assert display.decision == pytest.approx(model.decision_function(data.images[20:21])[0])
    assert display.features["percentile"].drop("learned patterns").notna().all()
    assert "nan" not in display.plot(n_features=182).ax_.get_title(loc="left")


def test_quality_flags_are_those_of_the_other_features(model, data):
    default = make_melanoma_pipeline().fit(data.images[:16], data.target[:16])
    found, expected = (quality_flags(data.images[16:20], model=each) for each in (model, default))
    assert expected["beyond_training"].max() > 0
    np.testing.assert_array_equal(found["beyond_training"], expected["beyond_training"])
    np.testing.assert_array_equal(found["far_from_training"], expected["far_from_training"])


def test_importance_permutes_learned_features_together(table, data):
    names = ["area", "a_std", *table.columns[-N_COLUMNS:]]
    small = make_melanoma_pipeline("learned")[1:].fit(table[names], data.target)
    display = FeatureImportanceDisplay.from_estimator(small, table[names], data.target, n_repeats=2, random_state=0)
    assert display.feature_names == ["area", "a_std", "learned patterns"]
    assert display.families == ["morphology", "color", "learned patterns"]
    assert len(display.importances) == 3
    np.testing.assert_array_equal(display.importances[2], display.family_importances["learned patterns"])
    assert display.importances[2].max() > 0


def test_merge_learned_keeps_the_sums():
    random = np.random.default_rng(0)
    of_features, names = random.normal(size=(3, 4)), ["fisher_0", "area", "step__fisher_1", "age"]
    found = Contributions(of_features, names, np.zeros(3), of_features.sum(axis=1), of_features).merge_learned()
    assert found.names == ["area", "age", "learned patterns"]
    np.testing.assert_allclose(found.of_features[:, 2], of_features[:, 0] + of_features[:, 2])
    np.testing.assert_array_equal(found.scaled[:, :2], of_features[:, [1, 3]])
    assert np.isnan(found.scaled[:, 2]).all()
    assert merge_learned(["area", "hue"]) == {"area": [0], "hue": [1]}
    names = ["embedding_0000", "network_regularity", "union__embedding_0001"]
    assert merge_learned(names) == {"network_regularity": [1], "learned patterns": [0, 2]}


def test_queries_and_label_efficiency(model, table, data):
    few = hide_labels(data.target, 4, random_state=0)
    chosen = which_to_label(model, data.images, 3, y=few)
    assert len(set(chosen)) == 3
    assert (few[chosen] == -1).all()
    scores = label_efficiency(model[1:], table, data.target, labels_per_class=(0, 3), n_repeats=2, random_state=0)
    assert scores["score"].between(0, 1).all()


def test_transferred_model_keeps_the_mixtures(model, data):
    new = transfer_pipeline(model, data.images[12:], data.target[12:])
    assert new[-1].blocks == {"fisher_": 1.0}
    np.testing.assert_array_equal(new[:1].transform(data.images[:2]), model[:1].transform(data.images[:2]))
    report = make_report(new, data.images[:3])
    assert "contribution_learned_patterns" in report.table
    assert "fisher_" not in report.html
