"""Tests of model cards."""

import dataclasses
import json

import numpy as np
import pytest

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.metrics import Threshold, score_report
from sklearn_melanoma.persistence import ModelInfo, format_model_card, read_model_info, save_model

REPORT = {"ROC AUC": {"value": 0.8125, "low": 0.69, "high": 0.9, "predicted": None, "n": 60}}


@pytest.fixture
def info():
    return ModelInfo(
        classes=(0, 1),
        pos_label=1,
        feature_names=("area", "max_span"),
        threshold=Threshold(0.25, 0.95, 0.6, 0.9),
        summary={"images": 200, "label_mapping": {"mel": 1, "nv": 0, "": -1, "bkl": 0}, "report": REPORT},
        versions={"python": "3.12.1", "numpy": "2.0"},
        digest="abc",
    )


def test_sections(info):
    card = format_model_card(info)
    assert [line for line in card.splitlines() if line.startswith("#")] == [
        "# Model card",
        "## Data",
        "## Labels",
        "## Results in cross-validation",
        "## Threshold",
        "## Limits",
        "## Model",
    ]
    for line in (
        "- images: 200",
        "| 1 (positive class) | mel |",
        "| 0 | nv, bkl |",
        "| -1 (unlabeled) | (empty) |",
        "| ROC AUC | 0.812 | 0.690 to 0.900 | 60 |",
        "- features: 2",
        "- SHA-256: abc",
        "- versions: python 3.12.1, numpy 2.0",
    ):
        assert f"\n{line}\n" in card
    assert "A score of at least 0.25 means the positive class." in card
    assert "On unseen images, a sensitivity of 0.900 is expected." in card
    assert "not a medical device" in card


def test_what_is_unknown_is_left_out(info):
    card = format_model_card(dataclasses.replace(info, threshold=0.5, summary={}, classes=None, feature_names=None))
    assert "A score of at least 0.5 means the positive class." in card
    for title in ("Data", "Labels", "Results"):
        assert f"## {title}" not in card
    assert "## Threshold" not in format_model_card(dataclasses.replace(info, threshold=None))


def test_texts_stay_in_their_cell(info):
    summary = {"source": "a\n## b <script>", "label_mapping": {"x|y": 1, **{f"v{i}": 0 for i in range(60)}}}
    card = format_model_card(dataclasses.replace(info, summary=summary))
    assert "- source: a ## b &lt;script>" in card
    assert "| x\\|y |" in card
    assert "v49 and 10 more |" in card


def test_card_of_a_saved_model(tmp_path):
    lesions = make_lesions(20, image_size=(48, 64), melanoma_fraction=0.5, random_state=0)
    model = make_melanoma_pipeline().fit(lesions.images, lesions.target)
    report = score_report(lesions.target, np.linspace(0, 1, 20))
    summary = {"report": json.loads(report.to_json(orient="index"))}
    save_model(model, tmp_path / "model.skops", threshold=0.3, summary=summary)
    card = format_model_card(read_model_info(tmp_path / "model.skops"))
    row = report.loc["ROC AUC"]
    assert f"| ROC AUC | {row.value:.3f} | {row.low:.3f} to {row.high:.3f} | 20 |" in card
    assert f"- features: {len(model[:-1].get_feature_names_out())}" in card
