"""The example of a model of MLflow."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_melanoma import make_melanoma_pipeline
from sklearn_melanoma.datasets import make_lesions
from sklearn_melanoma.inspection import ContributionDisplay
from sklearn_melanoma.persistence import save_model

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")
SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "serve_mlflow.py"


@pytest.mark.filterwarnings("ignore")  # many of MLflow
@pytest.mark.parametrize("classes", [("nevus", "melanoma"), ("nevus", "melanoma", "basal cell carcinoma")])
def test_mlflow_example_scores_paths(tmp_path, monkeypatch, classes):
    lesions = make_lesions(20, melanoma_fraction=0.5, image_size=(96, 128), random_state=0)
    labels = np.array(classes)[np.arange(20) % len(classes)]
    model = make_melanoma_pipeline().fit(lesions.images, labels)
    save_model(model, tmp_path / "model.skops", threshold=0.4, pos_label="melanoma")
    images = [str(tmp_path / name) for name in ("a.png", "b.png", "skin.png", "text.png")]
    for path, image in zip(images, [*lesions.images[:2], np.full((60, 80, 3), 200, dtype=np.uint8)], strict=False):
        Image.fromarray(image).save(path)
    Path(images[3]).write_text("no image")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path / "model.skops"), str(tmp_path / "mlflow_model")])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert not list((tmp_path / "mlflow_model").rglob("*.pkl"))

    served = mlflow.pyfunc.load_model(str(tmp_path / "mlflow_model"))
    found = served.predict(pd.DataFrame({"image": images}))
    scores = model.predict_proba(images[:2])[:, sorted(classes).index("melanoma")]
    np.testing.assert_allclose(found["score"][:2].astype(float), scores, rtol=1e-9)
    assert found["score"][2:].isna().all()
    assert found["positive"][:2].tolist() == (scores >= 0.4).tolist()
    assert found["positive"][2:].isna().all()
    strongest = ContributionDisplay.from_estimator(model, images[0], pos_label="melanoma").contributions.head(3)
    expected = ", ".join(f"{name.replace(' ', '_')} {value:+.2f}" for name, value in strongest.items())
    assert found["criteria"][0] == expected
    assert found["problem"][:2].tolist() == ["", ""]
    assert found["problem"][2] == "no lesion found"
    assert "text.png" in found["problem"][3]
