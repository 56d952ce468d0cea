"""The example of an HTTP server."""

import json
import runpy
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi import HTTPException, UploadFile
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.persistence import save_model


def test_http_example_answers_uploads(tmp_path, monkeypatch):
    lesions = make_lesions(20, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)
    model = make_melanoma_pipeline().fit(lesions.images, np.where(lesions.target == 1, "melanoma", "nevus"))
    save_model(model, tmp_path / "model.skops", threshold=0.3)
    image, skin = tmp_path / "first.png", tmp_path / "skin.png"
    Image.fromarray(lesions.images[0]).save(image)
    Image.fromarray(np.full((60, 80, 3), 200, dtype=np.uint8)).save(skin)
    monkeypatch.setenv("MODEL", str(tmp_path / "model.skops"))
    script = Path(__file__).parents[2] / "docs" / "examples" / "serve_http.py"
    predict = runpy.run_path(str(script))["predict"]

    found = predict(UploadFile(BytesIO(image.read_bytes()), filename="lesion.png"))
    score = model.predict_proba([image])[0, 0]
    assert found["score"] == pytest.approx(score, abs=1e-9)
    assert (found["positive"], found["threshold"]) == (bool(score >= 0.3), 0.3)
    assert found["positive class"] == "melanoma"
    assert "asymmetry" in found["contributions to the log-odds"]
    json.dumps(found, allow_nan=False)
    for content, message in ((b"no image", "lesion.png"), (skin.read_bytes(), "no lesion")):
        with pytest.raises(HTTPException, match=message) as raised:
            predict(UploadFile(BytesIO(content), filename="lesion.png"))
        assert raised.value.status_code == 422
        assert "/tmp" not in raised.value.detail
